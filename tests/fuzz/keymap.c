/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keymap files, and then everything that is asked of a keymap. */
#include <string.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "tests/fuzz/fuzz.h"
#include "tui/actions.h"

static bool begin(struct corpus *c)
{
	static const char *const files[] = {"default", "vi", "less", "crash"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO_FREE char *path = xasprintf("keymaps/%s.keys", files[i]);
		size_t n;
		uint8_t *p = read_file(path, 1u << 20, &n);
		if (p)
			corpus_add(c, p, n);
		free(p);
	}
	return c->n;
}

static void one(const uint8_t *p, size_t n)
{
	static const char *const scopes[] = {"tasks", "ps", "list", "global", NULL};
	struct keymap *m = keymap_create(&action_names);
	AUTO_BUF struct buf errors = {0}, out = {0};
	const struct binding *b;
	char path[FUZZ_PATH];
	int fd = memory_file(p, n, path);

	keymap_load(m, path, &errors);
	close(fd);
	for (size_t i = 0; i < 300 && (b = keymap_at(m, i)); i++) {
		binding_keys(b, &out);
		keymap_find(m, scopes, b->keys, b->nkeys);
		keymap_in_force(m, scopes, b);
		if (b->command)
			keymap_keys_for(m, scopes, b->command, &out);
	}
	keymap_timeout_ms(m);
	keymap_destroy(m);
}

const struct fuzz_target fuzz_keymap = {
	.name = "keymap",
	.what = "keymap files",
	.inputs = 800,
	.begin = begin,
	.one = one,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys and keymap files. Every file in keymaps/ must load without a complaint, bind no command that
 * doesn't exist, and leave hjkl as movement in every pane. A line that can't be understood is
 * refused with a reason that helps, and costs nothing but itself. Narrow scopes win over wide ones.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "engine/base/alloc.h"
#include "tui/actions.h"
#include "tui/prompt.h"

static bool take(struct keymap *m, const char *line, struct buf *error)
{
	buf_clear(error);
	return keymap_line(m, line, "test", 1, error);
}

static void names_of_keys(void **state)
{
	static const char *const same[] = {"a",	      "ö",	  "gg",	   "<C-d>",
					   "<S-Tab>", "<F5>",	  "<M-x>", "<lt>x",
					   "<C-w>j",  "<M-Left>", "<Esc>", "日"};
	keysym k[KEYMAP_MAX_KEYS];

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		AUTO_BUF struct buf out = {0};
		size_t n = keysym_parse_all(same[i], k, KEYMAP_MAX_KEYS, NULL);
		assert_true(n > 0);
		for (size_t j = 0; j < n; j++)
			keysym_print(k[j], &out);
		assert_string_equal(buf_str(&out), same[i]);
	}
	assert_int_equal(keysym_parse_all("<Nosuch>", k, KEYMAP_MAX_KEYS, NULL), 0);
	assert_int_equal(keysym_parse_all("\001", k, KEYMAP_MAX_KEYS, NULL), 0);
	assert_int_equal(keysym_parse_all("abcdefghi", k, KEYMAP_MAX_KEYS, NULL), 0);
}

static void keys_that_terminals_confuse(void **state)
{
	struct keymap *m = keymap_create(&action_names);
	AUTO_BUF struct buf error = {0};
	const char *p = "<C-i>";
	bool same = false;
	keysym k;

	(void)state;
	assert_true(keysym_parse(&p, &k, &same));
	assert_int_equal(k, KEYSYM_TAB);
	assert_true(same);
	assert_false(take(m, "bind list <C-m> follow", &error));
	assert_non_null(strstr(buf_str(&error), "<Enter>"));
	keymap_destroy(m);
}

static void bad_lines(void **state)
{
	static const struct {
		const char *line, *says;
	} bad[] = {
		{"bind", "scope"},
		{"bind list", "key"},
		{"bind list x", "command"},
		{"bind list x folow", "nearest: follow"},
		{"bind list <Foo> follow", "no key"},
		{"unbind list x follow", "no key"},
		{"bnd list x follow", "bind"},
		{"set timeoutlen x", "timeoutlen"},
		{"set nothing 1", "nothing"},
		{"include /no/such/file", "/no/such/file"},
		{"bind list abcdefghij follow", "no key"},
	};
	struct keymap *m = keymap_create(&action_names);
	AUTO_BUF struct buf error = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_false(take(m, bad[i].line, &error));
		assert_non_null(strstr(buf_str(&error), bad[i].says));
	}
	assert_null(keymap_at(m, 0));
	assert_true(take(m, "  # a comment", &error));
	assert_true(take(m, "", &error));
	keymap_destroy(m);
}

static const char *found(const struct keymap *m, const char *const *scopes, const char *keys,
			 bool *more)
{
	keysym k[KEYMAP_MAX_KEYS];
	size_t n = keysym_parse_all(keys, k, KEYMAP_MAX_KEYS, NULL);
	struct keymap_found f = keymap_find(m, scopes, k, n);

	if (more)
		*more = f.more;
	return f.binding ? f.binding->command : NULL;
}

static void scopes_and_sequences(void **state)
{
	static const char *const tasks[] = {"ps", "tasks", "list", "global", NULL};
	static const char *const log[] = {"log", "list", "global", NULL};
	struct keymap *m = keymap_create(&action_names);
	AUTO_BUF struct buf error = {0};
	bool more;

	(void)state;
	assert_true(take(m, "bind global x close \"a note\"", &error));
	assert_true(take(m, "bind list x <F2> <C-x> hex", &error));
	assert_true(take(m, "bind ps x :p %addr",
			 &error)); /* a colon: p is a command here, not a key */
	assert_true(take(m, "bind list gg cursor first", &error));
	assert_string_equal(found(m, tasks, "x", NULL), "p %addr");
	assert_string_equal(found(m, log, "x", NULL), "hex");
	assert_string_equal(found(m, log, "<C-x>", NULL), "hex");
	assert_null(found(m, log, "g", &more));
	assert_true(more);
	assert_string_equal(found(m, log, "gg", &more), "cursor first");
	assert_false(more);
	assert_true(take(m, "unbind ps x", &error)); /* hides the wider ones too */
	assert_null(found(m, tasks, "x", NULL));
	assert_string_equal(found(m, log, "x", NULL), "hex");
	assert_string_equal(keymap_at(m, 0)->note, "a note");
	keymap_destroy(m);
}

static void check_moves(const struct keymap *m)
{
	static const char *const scopes[] = {"list", "global", NULL};

	assert_string_equal(found(m, scopes, "j", NULL), "cursor down");
	assert_string_equal(found(m, scopes, "k", NULL), "cursor up");
	assert_string_equal(found(m, scopes, "h", NULL), "fold close");
	assert_string_equal(found(m, scopes, "l", NULL), "fold open");
	assert_string_equal(found(m, scopes, "<Down>", NULL), "cursor down");
	assert_non_null(found(m, scopes, "<C-c>", NULL));
	assert_non_null(found(m, scopes, "q", NULL));
	assert_non_null(found(m, scopes, "<F1>", NULL));
}

/* The words after an action must be ones that it knows. */
static void check_arguments(const struct keymap *m, const char *file)
{
	const struct binding *b;

	for (size_t i = 0; (b = keymap_at(m, i)); i++) {
		if (!b->command)
			continue;
		AUTO_FREE char *word = xstrndup(b->command, strcspn(b->command, " "));
		const char *arg = b->command + strlen(word);
		const struct action *x = action_find(word);
		if (!x || !x->args || *x->args < 'a' || !*arg)
			continue;
		AUTO_FREE char *all = xasprintf("|%s|", x->args), *one = xasprintf("|%s|", arg + 1);
		if (!strstr(all, one))
			fail_msg("%s:%u: '%s' doesn't know '%s'", file, b->line, word, arg + 1);
	}
}

static void every_file_loads(void **state)
{
	DIR *d = opendir("keymaps");
	struct dirent *e;
	int files = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d))) {
		size_t n = strlen(e->d_name);
		if (n < 6 || strcmp(e->d_name + n - 5, ".keys"))
			continue;
		AUTO_FREE char *path = xasprintf("keymaps/%s", e->d_name);
		AUTO_BUF struct buf errors = {0};
		struct keymap *m = keymap_create(&action_names);
		assert_true(keymap_load(m, path, &errors));
		assert_string_equal(buf_str(&errors), "");
		check_moves(m);
		check_arguments(m, path);
		keymap_destroy(m);
		files++;
	}
	closedir(d);
	assert_true(files >= 2);
}

static void a_file_with_errors_still_gives_the_rest(void **state)
{
	static const char *const global[] = {"global", NULL};
	char path[] = "/tmp/vmbrowse-keys-XXXXXX";
	int fd = mkstemp(path);
	AUTO_BUF struct buf errors = {0};
	struct keymap *m = keymap_create(&action_names);

	(void)state;
	dprintf(fd, "bind global a nosuchthing\nbind global b quit\n\377\376 \033[31m\nbind global "
		    "c close");
	close(fd);
	assert_true(keymap_load(m, path, &errors));
	unlink(path);
	assert_non_null(strstr(buf_str(&errors), ":1: no command 'nosuchthing'"));
	assert_non_null(strstr(buf_str(&errors), ":3: "));
	assert_null(found(m, global, "a", NULL));
	assert_string_equal(found(m, global, "b", NULL), "quit");
	assert_string_equal(found(m, global, "c", NULL), "close");
	assert_false(keymap_load(m, "/no/such/file", &errors));
	assert_false(keymap_load(m, "/tmp", &errors));
	keymap_destroy(m);
}

static void emergency_keys(void **state)
{
	static const char *const scopes[] = {"list", "global", NULL};
	struct keymap *m = keymap_create(&action_names);

	(void)state;
	keymap_emergency(m);
	check_moves(m);
	assert_string_equal(found(m, scopes, ":", NULL), "prompt");
	check_arguments(m, "built in");
	keymap_destroy(m);
}

static void every_edit_has_a_name_that_works(void **state)
{
	struct prompt p;
	const char *name;

	(void)state;
	prompt_init(&p, ':', "some text", NULL);
	for (size_t i = 0; (name = prompt_edit_name(i)); i++) {
		bool callers = !strcmp(name, "accept") || !strcmp(name, "abort") ||
			       !strncmp(name, "complete", 8) || !strcmp(name, "paste");
		assert_int_equal(prompt_edit(&p, name), !callers);
		AUTO_FREE char *one = xasprintf("|%s|", name);
		AUTO_FREE char *all = xasprintf("|%s|", action_find("edit")->args);
		assert_non_null(strstr(all, one));
	}
	prompt_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_keys),
		cmocka_unit_test(keys_that_terminals_confuse),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(scopes_and_sequences),
		cmocka_unit_test(every_file_loads),
		cmocka_unit_test(a_file_with_errors_still_gives_the_rest),
		cmocka_unit_test(emergency_keys),
		cmocka_unit_test(every_edit_has_a_name_that_works),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

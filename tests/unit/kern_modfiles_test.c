/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves which files are tried for a module, and in which order: by build-id before names, .ko.debug
 * before .ko, the folder of the dump's release where there is one, names in either spelling; that a
 * file that is refused leads on to the next; and that links in circles end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"
#include "engine/kern/module/modfiles.h"

static char dir[] = "/tmp/vmbrowse-modfiles-XXXXXX";

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	AUTO_FREE char *command = xasprintf(
		"cd %s && mkdir -p tree/lib/modules/9.9/kernel/fs tree/lib/modules/8.8 "
		"flat/.build-id/ab && cd tree/lib/modules && "
		"touch 9.9/kernel/fs/my-mod.ko.xz 9.9/kernel/fs/my_mod.ko.debug 8.8/my_mod.ko "
		"9.9/my_mod_too.ko 9.9/my_mod.kon && ln -s .. 9.9/kernel/up && ln -s / 9.9/build && "
		"touch ../../../flat/other.ko ../../../flat/.build-id/ab/cd.debug", dir);
	return system(command);
}

static int teardown(void **state)
{
	AUTO_FREE char *command = xasprintf("rm -rf %s", dir);

	(void)state;
	return system(command);
}

struct tried {
	struct buf text;
	size_t n, accept; /* the number of the file that is accepted */
};

static bool take(void *ctx, const char *path)
{
	struct tried *t = ctx;
	const char *last = strrchr(path, '/');

	buf_printf(&t->text, "%s%s", t->n ? " " : "", last + 1);
	return ++t->n == t->accept;
}

/* The names of the files that were tried. */
static void expect(const char *sub, const char *release, const char *module, size_t accept,
		   const char *names)
{
	static const uint8_t id[] = {0xab, 0xcd};
	AUTO_FREE char *path = xasprintf("%s/%s", dir, sub);
	const char *dirs[] = {path, NULL};
	struct mod_files *f = mod_files_create(dirs, release);
	struct tried t = {.accept = accept};

	mod_files_try(f, module, id, sizeof(id), take, &t);
	assert_string_equal(buf_str(&t.text), names);
	buf_free(&t.text);
	mod_files_destroy(f);
}

static void by_release(void **state)
{
	(void)state;
	expect("tree", "9.9", "my_mod_too", 1, "my_mod_too.ko");
	expect("tree", "8.8", "my_mod", 1, "my_mod.ko");
	expect("tree", "9.9", "my_mo", 1, "");
}

static void debug_files_first(void **state)
{
	(void)state;
	expect("tree", "9.9", "my_mod", 1, "my_mod.ko.debug");
	expect("tree/lib/modules/8.8", "7.7", "my_mod", 1, "my_mod.ko");
}

static void build_ids_before_names(void **state)
{
	(void)state;
	expect("flat", "9.9", "other", 1, "cd.debug");
	expect("flat", "9.9", "other", 2, "cd.debug other.ko");
	expect("flat", "../../etc", "other", 2, "cd.debug other.ko");
}

/* `up` leads from kernel/ to 9.9 again and again: the same files come some times, not for ever. */
static void circles_end(void **state)
{
	AUTO_FREE char *path = xasprintf("%s/tree", dir);
	const char *dirs[] = {path, NULL};
	struct mod_files *f = mod_files_create(dirs, "9.9");
	struct tried t = {.accept = 0};

	(void)state;
	mod_files_try(f, "my_mod", NULL, 0, take, &t);
	assert_in_range(t.n, 2, 64);
	assert_true(!strncmp(buf_str(&t.text), "my_mod.ko.debug", 15));
	assert_non_null(strstr(buf_str(&t.text), "my-mod.ko.xz"));
	buf_free(&t.text);
	mod_files_destroy(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_release),
		cmocka_unit_test(debug_files_first),
		cmocka_unit_test(build_ids_before_names),
		cmocka_unit_test(circles_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

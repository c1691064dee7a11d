/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A small "kernel" for tests of objects, symbols and lines: compiled at run time, linked like a
 * vmlinux (static, no libc), with a linux_banner, nested inlined calls, a cold part, a
 * stripped-down set of types. Everything lives in a temporary folder, the cache folder too.
 */
#ifndef TESTS_OBJECT_FIX_H
#define TESTS_OBJECT_FIX_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "engine/object/object.h"

static char fix_dir[] = "/tmp/vmbrowse-test-XXXXXX";

/* Line numbers matter below: see line_inline_test.c. */
static const char fix_source[] =
	"const char linux_banner[] = \"Linux version 6.1.0-fix (me@here) #1\\n\";\n"
	"struct pair { int left; long right; };\n"
	"union both { int i; struct pair p; };\n"
	"enum color { RED, GREEN = 7 };\n"
	"enum { ANONYMOUS_CONSTANT = 42 };\n"
	"typedef struct pair pair_t;\n"
	"struct only_declared;\n"
	"extern struct only_declared *elsewhere;\n"
	"struct pair table[4] = {{1, 2}};\n"
	"static volatile int counter;\n"
	"union both both; enum color color; pair_t typed;\n"
	"void far_away(int); __attribute__((cold, noinline)) void far_away(int n) { counter -= n; }\n"
	"static inline __attribute__((always_inline)) int innermost(int a)\n"
	"{\n"
	"	counter += a;\n"
	"	return a + (int)table[a & 3].right;\n"
	"}\n"
	"static inline __attribute__((always_inline)) int middle(int a)\n"
	"{\n"
	"	for (int i = 0; i < counter; i++)\n"
	"		a += innermost(a + i);\n"
	"	return a + GREEN + ANONYMOUS_CONSTANT;\n"
	"}\n"
	"__attribute__((noinline)) static int helper(int a) { counter ^= a; return a * 3; }\n"
	"int outer(int a); int outer(int a)\n"
	"{\n"
	"	int n = middle(a);\n"
	"	if (n == 77) {\n"
	"		far_away(n);\n"
	"		far_away(middle(n + 1));\n"
	"	}\n"
	"	return helper(n) + middle(n);\n"
	"}\n"
	"void _start(void); void _start(void) { counter = outer(1) + (elsewhere != 0); for (;;) ; }\n";

static const char fix_second[] =
	"struct pair { int left; long right; };\n"
	"struct only_declared { char c[24]; };\n"
	"struct only_declared *elsewhere;\n"
	"static int counter = 3;\n"
	"struct differs { int a; };\n"
	"extern struct pair table[4];\n"
	"int second(void); int second(void) { struct differs d = {counter++}; return d.a + table[1].left; }\n";

__attribute__((format(printf, 1, 2), unused)) static bool run(const char *fmt, ...)
{
	char cmd[8192], inner[7000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(inner, sizeof(inner), fmt, ap);
	va_end(ap);
	snprintf(cmd, sizeof(cmd), "cd %s && { %s; } >log 2>&1", fix_dir, inner);
	return system(cmd) == 0;
}

__attribute__((unused)) static void write_text(const char *name, const char *text)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", fix_dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* The path of a file in the folder; four buffers take turns. */
__attribute__((unused)) static const char *in_dir(const char *name)
{
	static char paths[4][512];
	static unsigned turn;
	char *p = paths[turn++ & 3];

	snprintf(p, sizeof(paths[0]), "%s/%s", fix_dir, name);
	return p;
}

/* fix_dir/<name> out of the two sources in fs/, with these flags. */
__attribute__((unused)) static bool build(const char *name, const char *flags)
{
	return run("mkdir -p fs build && cd build && gcc -O2 -ffreestanding -fno-pie -no-pie -static "
		   "-nostdlib -fno-asynchronous-unwind-tables -fno-stack-protector %s "
		   "../fs/fix.c ../fs/second.c -Wl,--build-id=sha1 -o ../%s",
		   flags, name);
}

__attribute__((unused)) static int fix_setup(void **state)
{
	(void)state;
	if (!mkdtemp(fix_dir))
		return -1;
	setenv("XDG_CACHE_HOME", in_dir("cache"), 1);
	if (!run("mkdir fs"))
		return -1;
	write_text("fs/fix.c", fix_source);
	write_text("fs/second.c", fix_second);
	return build("vmlinux", "-gdwarf-5") ? 0 : -1;
}

static int fix_teardown(void **state)
{
	char cmd[512];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", fix_dir);
	return system(cmd);
}

/* A file's bytes; free() them. */
__attribute__((unused)) static unsigned char *read_bytes(const char *name, size_t *n)
{
	FILE *f = fopen(in_dir(name), "r");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	*n = (size_t)ftell(f);
	rewind(f);
	unsigned char *p = malloc(*n + 1);
	assert_int_equal(fread(p, 1, *n, f), *n);
	fclose(f);
	return p;
}

__attribute__((unused)) static void write_bytes(const char *name, const void *p, size_t n)
{
	FILE *f = fopen(in_dir(name), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	fclose(f);
}

__attribute__((unused)) static struct object *must_open(const char *name)
{
	struct object *o = NULL;
	struct err *e = object_open(in_dir(name), NULL, NULL, &o);

	if (e)
		fail_msg("%s", err_text(e));
	return o;
}

#endif

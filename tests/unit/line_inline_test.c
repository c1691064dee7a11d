/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that the scopes of every address of a small kernel's code, innermost inlined call to
 * function, are what `addr2line -i -f` says: DWARF 3 to 5, 64-bit DWARF, with and without
 * .debug_aranges, cold parts split off; that paths come out relative to the tree's top however it
 * was built; and that answers stay valid and equal for several threads at once.
 */
#include "tests/unit/object_fix.h"
#include <pthread.h>
#include "engine/sym/line.h"
#include "engine/sym/srcpath.h"
#include "engine/sym/sym.h"

struct range {
	uint64_t start, end;
};

static struct range text_of(struct object *o)
{
	struct object_section s;

	assert_true(object_section(o, ".text", &s));
	return (struct range){s.addr, s.addr + s.size};
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* One "function\nfile:line\n" of addr2line against a scope. */
static void assert_level(FILE *f, uint64_t pc, const struct line_scope *s)
{
	char function[256], place[512];

	assert_non_null(fgets(function, sizeof(function), f));
	assert_non_null(fgets(place, sizeof(place), f));
	function[strcspn(function, "\n")] = '\0';
	char *colon = strrchr(place, ':');
	assert_non_null(colon);
	*colon = '\0';
	unsigned line = (unsigned)strtoul(colon + 1, NULL, 10);
	if (strcmp(function, s->function) || line != s->line ||
	    strcmp(base_name(place), base_name(s->file)))
		fail_msg("0x%llx: %s %s:%u, addr2line: %s %s:%u", (unsigned long long)pc, s->function,
			 s->file, s->line, function, place, line);
}

/* Compares all addresses of the text; returns the deepest nesting seen. */
static size_t compare_all(const char *name, uint64_t bias)
{
	struct object *o = must_open(name);
	struct lines *l = lines_create();
	struct range r = text_of(o);
	const struct line_scope *s;
	size_t n, deepest = 0, compared = 0;

	object_set_bias(o, bias);
	for (uint64_t pc = r.start; pc < r.end; pc++) {
		char address[64];
		if (!err_ok(lines_at(l, o, pc + bias, &s, &n))) {
			/* between functions: no unit covers the padding */
			continue;
		}
		deepest = n > deepest ? n : deepest;
		/* Padding is the unit's, but no function's (addr2line names the one before); and a
		 * third of the addresses is enough for the slow tool. */
		if (!s[0].function[0] || pc % 3)
			continue;
		compared++;
		snprintf(address, sizeof(address), "%s.expect", name);
		assert_true(run("addr2line -i -f -e %s 0x%llx > %s", name, (unsigned long long)pc,
				address));
		FILE *f = fopen(in_dir(address), "r");
		for (size_t i = 0; i < n; i++) {
			assert_level(f, pc, &s[i]);
			assert_string_equal(s[i].file, "fs/fix.c");
			assert_int_equal(s[i].is_inline, i + 1 < n);
		}
		assert_int_equal(fgetc(f), EOF);
		fclose(f);
	}
	assert_true(compared > (r.end - r.start) / 6);
	lines_destroy(l);
	object_close(o);
	return deepest;
}

static void build_lines(const char *name, const char *flags)
{
	assert_true(run("mkdir -p build && cd build && gcc -O2 -ffreestanding -fno-pie -no-pie -static "
			"-nostdlib %s ../fs/fix.c -Wl,--defsym=elsewhere=0 -o ../%s",
			flags, name));
}

static void test_versions(void **state)
{
	static const char *const flags[] = {"-gdwarf-5", "-gdwarf-4", "-gdwarf-4 -gdwarf64",
					    "-gdwarf-3 -gstrict-dwarf"};

	(void)state;
	if (!run("addr2line --version"))
		skip();
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		build_lines("lines", flags[i]);
		assert_int_equal(compare_all("lines", i ? 0 : 0x1000000), 3);
	}
	assert_true(run("objcopy --remove-section .debug_aranges lines plain"));
	assert_int_equal(compare_all("plain", 0), 3);
}

/* addr2line 2.40 can't read 64-bit DWARF 5: the same code's 32-bit one is the judge. */
static void test_dwarf64(void **state)
{
	build_lines("narrow", "-gdwarf-5");
	build_lines("wide", "-gdwarf-5 -gdwarf64");
	struct object *o[2] = {must_open("narrow"), must_open("wide")};
	struct lines *l = lines_create();
	struct range r = text_of(o[0]);
	size_t equal = 0;

	(void)state;
	for (uint64_t pc = r.start; pc < r.end; pc++) {
		const struct line_scope *s[2];
		size_t n[2];
		bool ok[2];
		for (size_t i = 0; i < 2; i++)
			ok[i] = err_ok(lines_at(l, o[i], pc, &s[i], &n[i]));
		assert_int_equal(ok[0], ok[1]);
		if (!ok[0])
			continue;
		assert_int_equal(n[0], n[1]);
		for (size_t k = 0; k < n[0]; k++, equal++) {
			assert_string_equal(s[0][k].function, s[1][k].function);
			assert_string_equal(s[0][k].file, s[1][k].file);
			assert_int_equal(s[0][k].line, s[1][k].line);
			assert_int_equal(s[0][k].column, s[1][k].column);
		}
	}
	assert_true(equal > 300);
	lines_destroy(l);
	object_close(o[0]);
	object_close(o[1]);
}

/* What is known by hand of the source in object_fix.h. */
static void test_by_hand(void **state)
{
	struct object *o = must_open("vmlinux");
	struct lines *l = lines_create();
	struct range r = text_of(o);
	const struct line_scope *s;
	bool cold = false, nested = false;
	size_t n;

	(void)state;
	for (uint64_t pc = r.start; pc < r.end; pc++) {
		if (!err_ok(lines_at(l, o, pc, &s, &n)))
			continue;
		if (n == 3 && !strcmp(s[0].function, "innermost") && s[2].line == 27) {
			nested = true;
			assert_in_range(s[0].line, 13, 17);
			assert_string_equal(s[1].function, "middle");
			assert_int_equal(s[1].line, 21); /* where innermost() is called */
			assert_string_equal(s[2].function, "outer");
			assert_true(s[0].is_inline && s[1].is_inline && !s[2].is_inline);
			assert_true(s[0].die && s[0].die != s[1].die && s[1].die != s[2].die);
			assert_true(s[1].column && s[2].column);
		}
		cold |= !strcmp(s[n - 1].function, "outer") && s[n - 1].line == 29;
	}
	assert_true(nested);
	assert_true(cold);
	struct err *e = lines_at(l, o, 0x10, &s, &n);
	assert_int_equal(err_code(e), ERR_NODEBUG);
	err_free(e);
	lines_destroy(l);
	object_close(o);
}

/* The cache is keyed by the object's generation: another bias gives other answers, and old ones
 * stay. */
static void test_generation(void **state)
{
	struct object *o = must_open("vmlinux");
	struct lines *l = lines_create();
	struct range r = text_of(o);
	const struct line_scope *a, *b;
	size_t n;
	uint64_t pc = r.start;

	(void)state;
	while (!err_ok(lines_at(l, o, pc, &a, &n)))
		assert_true(++pc < r.end);
	object_set_bias(o, 0x100000);
	assert_false(err_ok(lines_at(l, o, pc, &b, &n)));
	assert_true(err_ok(lines_at(l, o, pc + 0x100000, &b, &n)));
	assert_ptr_not_equal(a, b);
	assert_string_equal(a->file, b->file);
	assert_int_equal(a->line, b->line);
	lines_destroy(l);
	object_close(o);
}

struct shared {
	struct lines *l;
	struct object *o;
	struct range r;
	size_t sum;
};

static void *ask_all(void *arg)
{
	struct shared *sh = arg;
	const struct line_scope *s;
	size_t n, sum = 0;

	for (uint64_t pc = sh->r.start; pc < sh->r.end; pc++)
		if (err_ok(lines_at(sh->l, sh->o, pc, &s, &n)))
			sum += n * s->line + strlen(s->function);
	return (void *)(uintptr_t)sum;
}

static void test_threads(void **state)
{
	struct shared sh = {.l = lines_create(), .o = must_open("vmlinux")};
	pthread_t t[4];
	void *sum[4];

	(void)state;
	sh.r = text_of(sh.o);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, ask_all, &sh), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(t[i], &sum[i]);
	for (size_t i = 1; i < 4; i++)
		assert_ptr_equal(sum[0], sum[i]);
	assert_non_null(sum[0]);
	lines_destroy(sh.l);
	object_close(sh.o);
}

static void test_paths(void **state)
{
	static const struct {
		const char *path, *comp_dir, *want;
	} v[] = {
		/* in the tree */
		{"./fs/namespace.c", "/home/me/linux", "fs/namespace.c"},
		{"/home/me/linux/fs/namespace.c", "/home/me/linux", "fs/namespace.c"},
		{"/home/me/linux/./include//linux/list.h", "/home/me/linux/", "include/linux/list.h"},
		{"arch/x86/kernel/../include/asm/trace/./x.h", "/l", "arch/x86/include/asm/trace/x.h"},
		/* out of tree: the build folder below or beside it */
		{"/build/linux-6.1.1/fs/namei.c", "/build/linux-6.1.1/debian/build/amd64", "fs/namei.c"},
		{"../../../fs/namei.c", "/build/linux-6.1.1/debian/build/amd64", "fs/namei.c"},
		{"/home/me/kernel/linux/fs/x.c", "/home/me/kernel/linux", "fs/x.c"},
		{"/home/me/linux/fs/namei.c", "/home/me/out", "fs/namei.c"},
		{"../linux/fs/namei.c", "/home/me/out", "fs/namei.c"},
		/* mapped away: relative to nothing that exists */
		{"fs/namei.c", "debian/build/build_amd64_none_cloud-amd64", "fs/namei.c"},
		{"debian/build/b/include/generated/asm-offsets.h", "debian/build/b",
		 "include/generated/asm-offsets.h"},
		{"/build/path/linux-7.2/rust/kernel/str.rs", "debian/build/b", "rust/kernel/str.rs"},
		/* of no tree */
		{"/usr/lib/gcc/x86_64/12/include/stdarg.h", "", "/usr/lib/gcc/x86_64/12/include/stdarg.h"},
		{"/rustc/abc/library/core/src/mod.rs", "", "/rustc/abc/library/core/src/mod.rs"},
		{"../../x.c", "", "../../x.c"},
		/* a module's own folder */
		{"labbug.c", "/lab", "/lab/labbug.c"},
		{"/lab/labbug.c", "/lab", "/lab/labbug.c"},
		{"<artificial>", "/home/me/linux", "<artificial>"},
		{"", "/lab", ""},
		{"", "", ""},
		{"/", "/", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct buf b = {0};
		source_path(v[i].path, v[i].comp_dir, &b);
		assert_string_equal(buf_str(&b), v[i].want);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions), cmocka_unit_test(test_dwarf64),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_generation), cmocka_unit_test(test_threads),
		cmocka_unit_test(test_paths),
	};
	return cmocka_run_group_tests(tests, fix_setup, fix_teardown);
}

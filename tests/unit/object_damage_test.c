/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that damaged files can't crash, hang or leak: hundreds of copies of a small kernel
 * (plain, with compressed sections, and compressed as a whole) with flipped bytes, overwritten
 * words or cut ends are opened and asked for everything: sections, symbols, lines of many
 * addresses, the name index. Each is answered or gets an error. The mutations are pseudo-random
 * but always the same ones.
 */
#include "tests/unit/object_fix.h"
#include "engine/sym/dwarfindex.h"
#include "engine/sym/line.h"
#include "engine/sym/sym.h"

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void ask_symbols(struct object *o)
{
	struct symtab *st = symtab_create();
	const char *names[4];
	struct sym s;
	uint64_t off;

	if (err_ok(symtab_add_object(st, o))) {
		size_t i = 0, n = 0;
		while (sym_next(st, &i, &s)) {
			n += strlen(s.name);
			sym_at(st, s.addr + 1, &s, &off);
		}
		assert_true(n < SIZE_MAX && i == symtab_count(st));
		sym_find(st, "outer", &s);
		sym_find_nth(st, "counter", 1, &s);
		sym_func_at(st, 0x401010, &s, &off);
		sym_complete(st, "o", names, 4);
	}
	symtab_destroy(st);
}

static void ask_lines(struct object *o)
{
	struct lines *l = lines_create();
	const struct line_scope *s;
	size_t n, sum = 0;

	for (uint64_t pc = 0x401000; pc < 0x401200; pc += 7) {
		if (!err_ok(lines_at(l, o, pc, &s, &n)))
			continue;
		assert_true(n >= 1 && n <= 128);
		for (size_t i = 0; i < n; i++)
			sum += strlen(s[i].function) + strlen(s[i].file);
	}
	assert_true(sum < 10000000);
	lines_destroy(l);
}

static void ask_index(struct object *o)
{
	struct dwarfindex *x = dwarfindex_create(o, true);
	uint64_t offsets[4];
	size_t n;

	err_ok(dwarfindex_find(x, NAME_STRUCT, "pair", NULL, offsets, 4, &n));
	err_ok(dwarfindex_find(x, NAME_ENUMERATOR, "GREEN", NULL, offsets, 4, &n));
	dwarfindex_destroy(x);
}

/* 1 when it opened. */
static int ask_all(const char *name)
{
	static const char *const sections[] = {".debug_info", ".debug_frame", ".rodata", ".BTF",
					       ".debug_str"};
	struct object_options opt = {.no_cache = true};
	struct object_section s;
	struct object *o;

	if (!err_ok(object_open(in_dir(name), &opt, NULL, &o)))
		return 0;
	object_release(o);
	object_missing(o);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		unsigned sum = 0;
		if (object_section(o, sections[i], &s))
			for (size_t k = 0; k < s.size; k++)
				sum += ((const unsigned char *)s.data)[k];
		assert_true(sum < UINT32_MAX);
	}
	ask_symbols(o);
	ask_lines(o);
	ask_index(o);
	object_close(o);
	return 1;
}

/* One damaged copy. The places that steer most are preferred: both ends, and around `hot`. */
static void mutate(unsigned char *p, size_t n, size_t *len)
{
	unsigned kind = next_random() % 8, changes = 1 + next_random() % 6;

	*len = n;
	if (kind == 0) {
		*len = next_random() % n;
		return;
	}
	for (unsigned i = 0; i < changes; i++) {
		size_t at = next_random() % n;
		if (kind == 1)
			at = next_random() % 64; /* the ELF header */
		else if (kind == 2)
			at = n - 1 - next_random() % (n < 3000 ? n : 3000); /* section headers */
		if (kind == 3)
			p[at] = 0xff;
		else if (kind == 4)
			p[at] = 0;
		else
			p[at] ^= 1u << next_random() % 8;
	}
}

static void damage(const char *name, unsigned rounds, unsigned at_least)
{
	size_t n, len;
	unsigned char *p = read_bytes(name, &n), *copy = malloc(n);
	unsigned opened = 0;

	assert_int_equal(ask_all(name), 1);
	for (unsigned i = 0; i < rounds; i++) {
		memcpy(copy, p, n);
		mutate(copy, n, &len);
		write_bytes("damaged", copy, len);
		opened += (unsigned)ask_all("damaged");
	}
	/* one bad byte somewhere is no reason to refuse a file */
	assert_in_range(opened, at_least, rounds);
	free(copy);
	free(p);
}

static void test_plain(void **state)
{
	(void)state;
	damage("vmlinux", 400, 200);
}

static void test_dwarf4(void **state)
{
	(void)state;
	assert_true(build("four", "-gdwarf-4"));
	damage("four", 200, 100);
}

static void test_packed_sections(void **state)
{
	(void)state;
	assert_true(run("objcopy --compress-debug-sections=zlib vmlinux packed"));
	damage("packed", 200, 100);
	if (run("objcopy --compress-debug-sections=zstd vmlinux packed"))
		damage("packed", 200, 100);
}

static void test_packed_file(void **state)
{
	(void)state;
	assert_true(run("gzip -c vmlinux > v.gz"));
	damage("v.gz", 100, 0);
	if (run("xz -c vmlinux > v.xz"))
		damage("v.xz", 100, 0);
	if (run("zstd -c vmlinux > v.zst"))
		damage("v.zst", 100, 0);
}

/* Every length of a file's beginning, in steps. */
static void test_cut(void **state)
{
	size_t n;
	unsigned char *p = read_bytes("vmlinux", &n);

	(void)state;
	for (size_t len = 1; len < n; len += 1 + len / 8) {
		write_bytes("damaged", p, len);
		assert_int_equal(ask_all("damaged"), 0);
	}
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),	       cmocka_unit_test(test_dwarf4),
		cmocka_unit_test(test_packed_sections), cmocka_unit_test(test_packed_file),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, fix_setup, fix_teardown);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that a module's relocatable file, attached to a module known from the dump and placed
 * where the dump has its sections, gives lines, names and variables' addresses of the running
 * module; that its unrelocated bytes are never given; and that damaged module files can't crash
 * the relocation.
 */
#include "tests/unit/object_fix.h"
#include <dwarf.h>
#include "engine/base/alloc.h"
#include "engine/job/job.h"
#include "engine/sym/dwarfindex.h"
#include "engine/sym/line.h"
#include "engine/sym/sym.h"

#define TEXT UINT64_C(0xffffffffc0100000)
#define BSS UINT64_C(0xffffffffc0208000)

static int setup(void **state)
{
	if (fix_setup(state))
		return -1;
	return run("gcc -O2 -g -ffreestanding -fno-pie -mcmodel=kernel -c fs/fix.c -o my-module.ko") ?
		       0 :
		       -1;
}

static struct object *attached(const char *name)
{
	struct object_options opt = {.no_cache = true};
	struct object *o = object_create_module("my_module");

	if (!err_ok(object_attach(o, in_dir(name), &opt, NULL))) {
		object_close(o);
		return NULL;
	}
	object_place_section(o, ".text", TEXT);
	object_place_section(o, ".bss", BSS);
	return o;
}

static void check_lines(struct object *o)
{
	struct lines *l = lines_create();
	char function[256], place[512];
	size_t compared = 0;

	for (unsigned at = 0; at < 0x100; at++) {
		const struct line_scope *s;
		size_t n;
		if (!err_ok(lines_at(l, o, TEXT + at, &s, &n)) || !s[n - 1].function[0])
			continue;
		assert_true(run("addr2line -i -f -e my-module.ko -j .text 0x%x > expect", at));
		FILE *f = fopen(in_dir("expect"), "r");
		for (size_t i = 0; i < n; i++) {
			assert_non_null(fgets(function, sizeof(function), f));
			assert_non_null(fgets(place, sizeof(place), f));
			function[strcspn(function, "\n")] = '\0';
			assert_string_equal(s[i].function, function);
			assert_int_equal(s[i].line, strtoul(strrchr(place, ':') + 1, NULL, 10));
		}
		fclose(f);
		compared++;
	}
	assert_true(compared > 50);
	lines_destroy(l);
}

/* The address of static variable `counter`, which is in .bss. */
static uint64_t counter_address(struct object *o)
{
	struct dwarfindex *x = dwarfindex_create(o, true);
	Dwarf_Attribute attr;
	uint64_t offset, addr = 0;
	Dwarf_Op *op;
	Dwarf_Die die;
	size_t n;

	assert_null(dwarfindex_find(x, NAME_VARIABLE, "counter", NULL, &offset, 1, &n));
	assert_int_equal(n, 1);
	object_lock(o);
	assert_non_null(dwarf_offdie(object_dwarf(o), offset, &die));
	assert_non_null(dwarf_attr(&die, DW_AT_location, &attr));
	if (!dwarf_getlocation(&attr, &op, &n) && n == 1)
		addr = op->number;
	object_unlock(o);
	dwarfindex_destroy(x);
	return addr;
}

static void test_placed(void **state)
{
	struct object *o = attached("my-module.ko");
	struct object_section s;

	(void)state;
	assert_non_null(o);
	assert_string_equal(object_name(o), "my_module");
	assert_true(object_has_dwarf(o));
	if (run("addr2line --version"))
		check_lines(o);
	assert_in_range(counter_address(o), BSS, BSS + 0x1000);
	assert_false(object_section(o, ".text", &s)); /* has relocations: the dump's is the right one */
	assert_true(object_section(o, ".comment", &s));
	assert_true(object_section(o, ".debug_aranges", &s));
	assert_non_null(memmem(s.data, s.size, &(uint64_t){TEXT}, 8));
	assert_null(object_dwarf_private(o));
	object_close(o);
}

/* With compressed sections, through the plain copy. */
static void test_packed(void **state)
{
	(void)state;
	assert_true(run("objcopy --compress-debug-sections=zlib my-module.ko packed.ko"));
	struct object *o = attached("packed.ko");
	assert_non_null(o);
	assert_in_range(counter_address(o), BSS, BSS + 0x1000);
	object_close(o);
}

static void test_refused(void **state)
{
	struct object *o = object_create_module("my_module");
	struct symtab *st = symtab_create();

	(void)state;
	struct err *e = object_attach(o, in_dir("vmlinux"), NULL, NULL);
	assert_int_equal(err_code(e), ERR_MISMATCH);
	err_free(e);
	object_close(o);
	o = must_open("my-module.ko"); /* opened by itself it has names, but no addresses */
	assert_string_equal(object_name(o), "my_module");
	e = symtab_add_object(st, o);
	assert_int_equal(err_code(e), ERR_NODEBUG);
	err_free(e);
	symtab_destroy(st);
	object_close(o);
}

struct needy {
	struct object *o;
	struct lines *l;
	unsigned looked; /* only the finder changes it, which runs once */
};

static void find(struct object *o, void *ctx)
{
	struct needy *n = ctx;
	struct object_options opt = {.no_cache = true};

	n->looked++;
	assert_false(object_has_dwarf(o)); /* asking meanwhile doesn't begin it again */
	assert_null(object_attach(o, in_dir("my-module.ko"), &opt, NULL));
	object_place_section(o, ".text", TEXT);
}

static struct err *need(void *ctx, size_t i)
{
	struct needy *n = ctx;
	const struct line_scope *s;
	struct object_section sec;
	size_t count;

	if (i % 3 == 0)
		return object_section(n->o, ".debug_info", &sec) ? NULL :
								   err_new(ERR_NOTFOUND, "section");
	if (i % 3 == 1)
		return object_path(n->o) ? NULL : err_new(ERR_NOTFOUND, "path");
	return lines_at(n->l, n->o, TEXT + 0x10, &s, &count);
}

static void test_looked_for_once(void **state)
{
	struct needy n = {.o = object_create_module("my_module"), .l = lines_create()};
	struct object_section s;

	(void)state;
	object_set_section(n.o, ".orc_unwind", xcalloc(1, 6), 6, 0);
	object_set_finder(n.o, find, &n);
	assert_true(object_section(n.o, ".orc_unwind", &s));
	assert_string_equal(object_path(n.o), "");
	assert_int_equal(n.looked, 0); /* what the dump has needs no file */
	assert_null(job_parallel(NULL, 4, 240, need, &n));
	assert_int_equal(n.looked, 1);
	assert_true(object_has_dwarf(n.o));
	lines_destroy(n.l);
	object_close(n.o);
}

static void test_damaged(void **state)
{
	size_t n;
	unsigned char *p = read_bytes("my-module.ko", &n);
	uint64_t seed = 4711;

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		unsigned char saved[4];
		size_t at[4];
		for (size_t k = 0; k < 4; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			at[k] = (seed >> 20) % n;
			saved[k] = p[at[k]];
			p[at[k]] = (unsigned char)(seed >> 56);
		}
		write_bytes("bad.ko", p, n);
		struct object *o = attached("bad.ko");
		struct lines *l = lines_create();
		const struct line_scope *s;
		size_t count;
		for (uint64_t pc = TEXT; o && pc < TEXT + 0x100; pc += 9)
			err_ok(lines_at(l, o, pc, &s, &count));
		lines_destroy(l);
		object_close(o);
		for (size_t k = 4; k--;)
			p[at[k]] = saved[k];
	}
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_placed),
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_looked_for_once),
		cmocka_unit_test(test_damaged),
	};
	return cmocka_run_group_tests(tests, setup, fix_teardown);
}

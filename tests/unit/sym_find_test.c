/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves the rules of symbol look-up on a hand-made symbol table, where each rule has its case:
 * aliases, sized functions and bare labels, ends of functions and sections, nested symbols,
 * per-CPU symbols linked at 0 and at an ordinary address, names that occur several times, lists of
 * modules beside the kernel. The table is written by `as`, so that the ELF is a real one.
 */
#include "tests/unit/object_fix.h"
#include <pthread.h>
#include "engine/sym/sym.h"

/* .text at 0x1000000: see the addresses at the right. */
static const char assembly[] =
	".text\n"
	".globl _stext\n_stext:\n"
	".globl first\n.type first,@function\nfirst: .skip 0x20\n.size first,.-first\n" /* 00-20 */
	".skip 0x10\n"								 /* 20-30 nothing */
	".type local_name,@function\nlocal_name:\n"
	".globl global_name_longer\n.type global_name_longer,@function\nglobal_name_longer:\n"
	".globl global_name\n.type global_name,@function\nglobal_name: .skip 0x20\n" /* 30-50 */
	".size local_name,0x20\n.size global_name,0x20\n.size global_name_longer,0x20\n"
	".globl __pfx_x\n.type __pfx_x,@function\n__pfx_x:\n"
	".globl longer_than_pfx\n.type longer_than_pfx,@function\nlonger_than_pfx: .skip 0x10\n"
	".size __pfx_x,0x10\n.size longer_than_pfx,0x10\n"			    /* 50-60 */
	".type big,@function\n.globl big\nbig: .skip 0x10\n"			    /* 60-a0 */
	".type inner,@function\ninner: .skip 8\n.size inner,8\n"			    /* 70-78 */
	".skip 0x28\n.size big,.-big\n"
	".globl label\nlabel: .skip 0x10\nlabel2: .skip 0x10\n"			    /* a0-b0-c0 */
	".globl _etext\n_etext:\n"
	".data\n.globl marker\nmarker:\n.globl object\n.type object,@object\nobject: .skip 0x40\n"
	".size object,0x40\n"
	"twice: .skip 8\n.size twice,8\n.type twice,@object\n"
	".Lgone: .skip 8\n"
	".globl absolute\nabsolute = 0x1234\n"
	".section .data..percpu,\"aw\"\n.globl __per_cpu_start\n__per_cpu_start:\n.skip 0x100\n"
	".globl pcpu_hot\n.type pcpu_hot,@object\npcpu_hot: .skip 8\n.size pcpu_hot,8\n"
	".globl __per_cpu_end\n__per_cpu_end:\n"
	".section .rodata,\"a\"\nconstant: .skip 16\n.size constant,16\n.type constant,@object\n"
	".bss\n.globl zeroes\nzeroes: .skip 16\n"
	".weak weak_func\n.text\n.type weak_func,@function\nweak_func: .skip 4\n"   /* c0-c4 */
	".size weak_func,4\n";
static const char second_file[] = ".data\ntwice: .skip 8\n.size twice,8\n.type twice,@object\n";

static bool link_with(const char *name, const char *percpu)
{
	char script[512];

	snprintf(script, sizeof(script),
		 "SECTIONS { .data..percpu %s : { *(.data..percpu) } .text 0x1000000 : { *(.text) }"
		 " .data 0x2000000 : { *(.data) } .rodata 0x2800000 : { *(.rodata) }"
		 " .bss 0x3000000 : { *(.bss) } }\n",
		 percpu);
	write_text("script", script);
	return run("as -o a.o a.s && as -o b.o b.s && ld -e 0 -T script -o %s a.o b.o", name);
}

static int setup(void **state)
{
	if (fix_setup(state))
		return -1;
	write_text("a.s", assembly);
	write_text("b.s", second_file);
	return link_with("zero", "0") && link_with("placed", "0x4000000") ? 0 : -1;
}

enum { BIAS = 0x70000000 };

struct loaded {
	struct object *o;
	struct symtab *st;
};

static struct loaded load(const char *name)
{
	struct loaded l = {must_open(name), symtab_create()};

	object_set_bias(l.o, BIAS);
	struct err *e = symtab_add_object(l.st, l.o);
	assert_null(e);
	return l;
}

static void unload(struct loaded *l)
{
	symtab_destroy(l->st);
	object_close(l->o);
}

/* want NULL: nothing there. */
static void assert_at(struct symtab *st, uint64_t addr, const char *want, uint64_t offset, bool func)
{
	struct sym s;
	uint64_t off = 0;
	bool found = func ? sym_func_at(st, addr, &s, &off) : sym_at(st, addr, &s, &off);

	if (found != (want != NULL) || (want && (strcmp(s.name, want) || off != offset)))
		fail_msg("0x%llx: %s+0x%llx, not %s+0x%llx", (unsigned long long)addr,
			 found ? s.name : "nothing", (unsigned long long)off, want ? want : "nothing",
			 (unsigned long long)offset);
}

static void test_address(void **state)
{
	struct loaded l = load("zero");
	uint64_t t = 0x1000000 + BIAS, d = 0x2000000 + BIAS;
	static const struct {
		unsigned at;
		const char *want;
		unsigned offset;
	} v[] = {
		{0x00, "first", 0}, /* not the marker _stext */
		{0x1f, "first", 0x1f},
		{0x20, NULL, 0}, /* the padding is nobody's */
		{0x2f, NULL, 0},
		{0x30, "global_name", 0}, /* not the local one, not the longer one */
		{0x4f, "global_name", 0x1f},
		{0x50, "longer_than_pfx", 0},
		{0x60, "big", 0},
		{0x70, "inner", 0},
		{0x77, "inner", 7},
		{0x78, "big", 0x18}, /* behind the inner one */
		{0x9f, "big", 0x3f},
		{0xa0, "label", 0}, /* labels reach to the next one */
		{0xaf, "label", 0xf},
		{0xbf, "label2", 0xf},
		{0xc0, "weak_func", 0},
		{0xc4, NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_at(l.st, t + v[i].at, v[i].want, v[i].offset, true);
		assert_at(l.st, t + v[i].at, v[i].want, v[i].offset, false);
	}
	assert_at(l.st, t - 1, NULL, 0, true);
	assert_at(l.st, d, "object", 0, false);
	assert_at(l.st, d + 0x3f, "object", 0x3f, false);
	assert_at(l.st, d, NULL, 0, true); /* data is no function */
	assert_at(l.st, 0x3000000 + BIAS + 15, "zeroes", 15, false);
	assert_at(l.st, 0x3000000 + BIAS + 16, NULL, 0, false); /* the section's end */
	assert_at(l.st, 0, NULL, 0, false);
	assert_at(l.st, UINT64_MAX, NULL, 0, false);
	unload(&l);
}

static void test_percpu(void **state)
{
	struct loaded l = load("zero");
	struct sym s;

	(void)state;
	assert_true(sym_find(l.st, "pcpu_hot", &s));
	assert_int_equal(s.addr, 0x100); /* an offset: no bias */
	assert_true(s.percpu);
	assert_true(sym_find(l.st, "__per_cpu_end", &s));
	assert_int_equal(s.addr, 0x108);
	assert_at(l.st, 0x100, NULL, 0, false);
	assert_at(l.st, 0x100 + BIAS, NULL, 0, false);
	assert_true(sym_find(l.st, "object", &s));
	assert_false(s.percpu);
	unload(&l);
	l = load("placed");
	assert_true(sym_find(l.st, "pcpu_hot", &s));
	assert_int_equal(s.addr, 0x4000100 + BIAS);
	assert_true(s.percpu);
	assert_at(l.st, 0x4000104 + BIAS, "pcpu_hot", 4, false);
	unload(&l);
}

static void test_names(void **state)
{
	struct loaded l = load("zero");
	struct sym s, first, second;
	const char *names[8];

	(void)state;
	assert_true(sym_find(l.st, "absolute", &s));
	assert_int_equal(s.addr, 0x1234);
	assert_int_equal(s.type, 'A');
	assert_false(sym_find(l.st, ".Lgone", &s));
	assert_false(sym_find(l.st, "", &s));
	assert_false(sym_find(l.st, "nothing", &s));
	assert_true(sym_find_nth(l.st, "twice", 0, &first));
	assert_true(sym_find_nth(l.st, "twice", 1, &second));
	assert_false(sym_find_nth(l.st, "twice", 2, &s));
	assert_true(first.addr < second.addr);
	assert_true(sym_find(l.st, "twice", &s));
	assert_int_equal(s.type, 'd');
	assert_ptr_equal(s.object, l.o);
	assert_int_equal(sym_complete(l.st, "global", names, 8), 2);
	assert_string_equal(names[0], "global_name");
	assert_string_equal(names[1], "global_name_longer");
	assert_int_equal(sym_complete(l.st, "global", names, 1), 1);
	assert_int_equal(sym_complete(l.st, "twice", names, 8), 1); /* each name once */
	assert_int_equal(sym_complete(l.st, "nothing", names, 8), 0);
	unload(&l);
}

static void test_letters(void **state)
{
	static const struct {
		const char *name;
		char type;
	} v[] = {{"first", 'T'}, {"local_name", 't'}, {"object", 'D'}, {"twice", 'd'},
		 {"constant", 'r'}, {"zeroes", 'B'}, {"weak_func", 'W'}, {"label2", 't'}};
	struct loaded l = load("zero");
	struct sym s;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_true(sym_find(l.st, v[i].name, &s));
		assert_int_equal(s.type, v[i].type);
	}
	unload(&l);
}

/* A module known from memory beside the kernel: text and data apart, names copied. */
static void test_list(void **state)
{
	struct loaded l = load("zero");
	struct object *m = object_create_module("ext4");
	uint64_t base = UINT64_C(0xffffffffc0000000), data = UINT64_C(0xffffffffd0000000);
	char name[] = "ext4_get_inode", dup[] = "first";
	struct sym list[] = {
		{.name = "unsized", .addr = base + 0x200, .type = 't'},
		{.name = name, .addr = base + 0x100, .size = 0x80, .type = 't'},
		{.name = dup, .addr = base, .size = 0x10, .type = 'T'},
		{.name = "ext4_data", .addr = data, .size = 8, .type = 'd'},
	}, s;
	size_t before = symtab_count(l.st), i = 0, n = 0;
	uint64_t last = 0;

	(void)state;
	object_add_range(m, (struct object_range){base, base + 0x1000, true});
	object_add_range(m, (struct object_range){data, data + 0x1000, false});
	symtab_add_list(l.st, m, list, 4);
	memset(name, 'x', 4);
	assert_int_equal(symtab_count(l.st), before + 4);
	assert_at(l.st, base + 0x17f, "ext4_get_inode", 0x7f, true);
	assert_at(l.st, base + 0x180, NULL, 0, true);
	assert_at(l.st, base + 0xfff, "unsized", 0xdff, true);
	assert_at(l.st, base + 0x1000, NULL, 0, true);
	assert_at(l.st, data + 7, "ext4_data", 7, false);
	assert_true(sym_find(l.st, "first", &s)); /* the kernel's comes first */
	assert_ptr_equal(s.object, l.o);
	assert_true(sym_find_nth(l.st, "first", 1, &s));
	assert_ptr_equal(s.object, m);
	while (sym_next(l.st, &i, &s)) {
		assert_true(s.addr >= last);
		last = s.addr;
		n++;
	}
	assert_int_equal(n, before + 4);
	unload(&l);
	object_close(m);
}

static void test_none(void **state)
{
	struct symtab *st = symtab_create();
	struct object *m = object_create_module("bare");
	struct sym s;
	size_t i = 0;

	(void)state;
	struct err *e = symtab_add_object(st, m);
	assert_int_equal(err_code(e), ERR_NODEBUG);
	err_free(e);
	symtab_add_list(st, m, NULL, 0);
	assert_false(sym_find(st, "x", &s));
	assert_false(sym_next(st, &i, &s));
	assert_int_equal(symtab_count(st), 0);
	assert_at(st, 0x1000, NULL, 0, false);
	symtab_destroy(st);
	object_close(m);
}

/* Both indices are made by whoever comes first, whatever the others do. */
static void *ask(void *arg)
{
	struct symtab *st = arg;
	struct sym s;
	uint64_t off, ok = 0;

	for (unsigned i = 0; i < 200; i++) {
		ok += sym_find(st, "big", &s);
		ok += sym_func_at(st, s.addr + i % 16, &s, &off);
		ok += sym_find_nth(st, "twice", i % 2, &s);
	}
	return (void *)(uintptr_t)ok;
}

static void test_threads(void **state)
{
	struct loaded l = load("zero");
	pthread_t t[4];
	void *ok;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, ask, l.st), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(t[i], &ok);
		assert_int_equal((uintptr_t)ok, 600);
	}
	unload(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address), cmocka_unit_test(test_percpu),
		cmocka_unit_test(test_names),	cmocka_unit_test(test_letters),
		cmocka_unit_test(test_list),	cmocka_unit_test(test_none),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, setup, fix_teardown);
}

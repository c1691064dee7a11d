/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves, on page tables made by hand, that x86-64's registers are taken from the right bytes; that
 * 4- and 5-level tables with all page sizes, the SME bit and PROT_NONE entries translate; that a
 * mapping that isn't there is told apart from a table that can't be read; and that garbage tables
 * and short notes give errors.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "tests/unit/arch_fake.h"

#define ARCH (&arch_x86_64)
#define PGD_PA UINT64_C(0x5000)
#define VA UINT64_C(0xffffc90000123678)

static const struct arch_reg *reg(const char *name)
{
	for (size_t i = 0; i < ARCH->nregs; i++)
		if (strcmp(ARCH->regs[i].name, name) == 0)
			return &ARCH->regs[i];
	fail_msg("no register %s", name);
	return NULL;
}

static void test_find(void **state)
{
	(void)state;
	assert_ptr_equal(arch_find(62, ""), ARCH);
	assert_ptr_equal(arch_find(62, NULL), ARCH);
	assert_ptr_equal(arch_find(0, "x86_64"), ARCH);
	assert_null(arch_find(0, "aarch64"));
	assert_null(arch_find(0, NULL));
	assert_null(arch_find(183, "x86_64"));
	assert_string_equal(arch_reg_name(ARCH, 5), "rdi");
	assert_string_equal(arch_reg_name(ARCH, ARCH->reg_pc), "rip");
	assert_string_equal(arch_reg_name(ARCH, ARCH->arg_regs[3]), "rcx");
	assert_null(arch_reg_name(ARCH, 17));
	assert_null(arch_reg_name(ARCH, 100));
}

/* Byte offsets from the ABI's structs, not from our table. */
static void test_prstatus(void **state)
{
	static const struct {
		const char *name;
		size_t at;
	} facts[] = {
		{"r15", 112},	  {"rbp", 144},	     {"rbx", 152}, {"rax", 192},
		{"rdi", 224},	  {"orig_rax", 232}, {"rip", 240}, {"cs", 248},
		{"rflags", 256},  {"rsp", 264},	     {"ss", 272},  {"fs_base", 280},
		{"gs_base", 288},
	};
	unsigned char desc[336] = {0};
	struct regs r;

	(void)state;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		desc[facts[i].at] = (unsigned char)(i + 1);
	assert_null(ARCH->regs_from_prstatus(desc, sizeof(desc), &r));
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		assert_true(regs_has(&r, (unsigned)reg(facts[i].name)->dwarf));
		assert_int_equal(r.v[reg(facts[i].name)->dwarf], i + 1);
	}
	for (size_t n = 0; n < sizeof(desc); n++) {
		unsigned char *cut = xmalloc(n + 1); /* so that ASan sees a read too far */
		memcpy(cut, desc, n);
		cut = xrealloc(cut, n ? n : 1, 1);
		struct err *e = ARCH->regs_from_prstatus(cut, n, &r);
		assert_int_equal(e == NULL, n >= 280);
		err_free(e);
		free(cut);
	}
}

static void test_pt_regs(void **state)
{
	uint64_t image[21];
	struct regs r;

	(void)state;
	for (size_t i = 0; i < 21; i++)
		image[i] = 0x100 + i;
	image[17] = UINT64_C(0xabcd000000000033); /* cs, with FRED's bits above */
	assert_int_equal(ARCH->pt_regs_size, sizeof(image));
	assert_null(ARCH->regs_from_pt_regs(image, sizeof(image), &r));
	assert_int_equal(r.v[reg("r15")->dwarf], 0x100);
	assert_int_equal(r.v[reg("rdi")->dwarf], 0x100 + 14);
	assert_int_equal(r.v[ARCH->reg_pc], 0x100 + 16);
	assert_int_equal(r.v[ARCH->reg_sp], 0x100 + 19);
	assert_int_equal(r.v[reg("cs")->dwarf], 0x33);
	assert_false(regs_has(&r, (unsigned)reg("gs_base")->dwarf));
	assert_true(ARCH->regs_user(&r));
	image[17] = 0x10;
	assert_null(ARCH->regs_from_pt_regs(image, sizeof(image), &r));
	assert_false(ARCH->regs_user(&r));
	assert_false(err_ok(ARCH->regs_from_pt_regs(image, sizeof(image) - 1, &r)));
	assert_false(ARCH->regs_user(&r));
}

static struct arch_env env_of(struct fake *f)
{
	return (struct arch_env){.ctx = f, .read_phys = fake_read};
}

static void check_page(unsigned levels, uint64_t page_size, uint64_t c_bit)
{
	struct fake f = {.next_table = 0x100000, .levels = levels, .c_bit = c_bit};
	struct arch_env env = env_of(&f);
	struct arch_layout l = {.levels = levels, .pte_mask_off = c_bit};
	uint64_t pa = UINT64_C(7) << 30;
	struct arch_xlat x;

	fake_page(&f, PGD_PA);
	fake_map(&f, PGD_PA, VA & ~(page_size - 1), pa, page_size);
	assert_null(ARCH->walk(&env, &l, PGD_PA | c_bit, VA, &x));
	assert_int_equal(x.pa, pa + (VA & (page_size - 1)));
	assert_int_equal(x.page_size, page_size);
	assert_int_equal(x.nlevels, levels - (fake_shift(page_size) - 12) / 9);
	assert_string_equal(x.level[0].name, "PGD");
	assert_string_equal(x.level[1].name, levels == 5 ? "P4D" : "PUD");
	assert_int_equal(x.level[x.nlevels - 1].entry & PTE_NX, PTE_NX);
	/* The neighbours aren't mapped, and that is no fault of a table. */
	struct err *e = ARCH->walk(&env, &l, PGD_PA, (VA & ~(page_size - 1)) - 1, &x);
	assert_int_equal(err_state(e), MEM_UNMAPPED);
	assert_true(x.nlevels > 0);
	fake_free(&f);
}

/* Words that a search takes for registers: only what the processor and this kernel save. */
static void test_plausible(void **state)
{
	static const struct {
		uint64_t cs, ss, flags;
		bool plausible;
	} v[] = {
		{0x33, 0x2b, 0x202, true},	{0x23, 0x2b, 0x10246, true},
		{0x10, 0x18, 0x46, true},	{0x10, 0, 0x10082, true},
		{0xe030, 0xe02b, 0x202, true},	{0x33, 0x18, 0x202, false},
		{0x10, 0x2b, 0x202, false},	{0x11, 0x18, 0x202, false},
		{0xe033, 0xe02b, 0x202, true},	{0xe033, 0x2b, 0x202, false},
		{0xf, 0x17, 0x202, true},	{0xf, 0x17, 0x2, false}, /* own segments: wine */
		{0xffff, 0x33, 0x3d, false},	{0xf, 0x18, 0x202, false},
		{0x33, 0x2b, 0x200, true},	{0x10, 0x18, 0x200, false}, /* just after execve() */
		{0x33, 0x2b, 0x600, false},	{0x33, 0x2b, 0x8202, false},
		{0x33, 0x2b, 0x400202, false},	{0, 0, 0, false},
		{0x33, 0x2b, 0xffffffff81000002, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct regs r = {0};
		regs_set(&r, 51, v[i].cs);
		regs_set(&r, 52, v[i].ss);
		assert_false(ARCH->regs_plausible(&r)); /* flags aren't known */
		regs_set(&r, 49, v[i].flags);
		assert_int_equal(ARCH->regs_plausible(&r), v[i].plausible);
	}
}

static void test_walk(void **state)
{
	static const uint64_t sizes[] = {FAKE_PAGE, FAKE_2M, FAKE_1G};

	(void)state;
	for (unsigned levels = 4; levels <= 5; levels++)
		for (size_t i = 0; i < 3; i++) {
			check_page(levels, sizes[i], 0);
			check_page(levels, sizes[i], UINT64_C(1) << 47);
			check_page(levels, sizes[i], UINT64_C(1) << 51);
		}
}

/* Entries that the processor ignores but Linux means: their frame is stored inverted. */
static void test_walk_not_present(void **state)
{
	struct fake f = {.next_table = 0x100000, .levels = 4};
	struct arch_env env = env_of(&f);
	struct arch_layout l = {.levels = 4};
	uint64_t at, pa = 0x7654000, frame = UINT64_C(0x000ffffffffff000);
	struct arch_xlat x;

	(void)state;
	fake_page(&f, PGD_PA);
	at = fake_entry(&f, PGD_PA, VA, 12);
	fake_put_u64(&f, at, (~pa & frame) | 0x100); /* PROT_NONE */
	assert_null(ARCH->walk(&env, &l, PGD_PA, VA, &x));
	assert_int_equal(x.pa, pa + (VA & 0xfff));
	fake_put_u64(&f, at, (~pa & frame) | 0x40); /* a swap entry: no such page */
	assert_int_equal(err_state(ARCH->walk(&env, &l, PGD_PA, VA, &x)), MEM_UNMAPPED);
	assert_int_equal(x.nlevels, 4);

	at = fake_entry(&f, PGD_PA, VA, 21);
	fake_put_u64(&f, at, (~FAKE_2M & frame) | PTE_PSE); /* a huge page being split */
	assert_null(ARCH->walk(&env, &l, PGD_PA, VA, &x));
	assert_int_equal(x.pa, FAKE_2M + (VA & (FAKE_2M - 1)));
	fake_put_u64(&f, at, 0x200000); /* a table that isn't present is no table */
	assert_int_equal(err_state(ARCH->walk(&env, &l, PGD_PA, VA, &x)), MEM_UNMAPPED);
	fake_free(&f);
}

static void test_walk_missing_table(void **state)
{
	struct fake f = {.next_table = 0x100000, .levels = 4};
	struct arch_env env = env_of(&f);
	struct arch_layout l = {.levels = 4};
	struct arch_xlat x;

	(void)state;
	fake_page(&f, PGD_PA);
	fake_map(&f, PGD_PA, VA & ~UINT64_C(0xfff), 0x7000, FAKE_PAGE);
	fake_find(&f, fake_entry(&f, PGD_PA, VA, 21))->state = MEM_EXCLUDED;
	struct err *e = ARCH->walk(&env, &l, PGD_PA, VA, &x);
	assert_int_equal(err_state(e), MEM_EXCLUDED);
	assert_int_equal(err_addr(e), VA);
	assert_int_equal(x.nlevels, 2);
	e = ARCH->walk(&env, &l, 0x123456000, VA, &x);
	assert_int_equal(err_state(e), MEM_NOT_RAM);
	assert_int_equal(x.nlevels, 0);
	e = ARCH->walk(&env, &l, PGD_PA, UINT64_C(0x00008000deadbeef), &x);
	assert_int_equal(err_state(e), MEM_UNMAPPED);
	fake_free(&f);
}

/* Tables of noise, which mostly point at each other: always an answer, never an address above 52
 * bits. */
static void test_walk_garbage(void **state)
{
	struct fake f = {.levels = 5};
	struct arch_env env = env_of(&f);
	uint64_t noise = 88172645463325252U;
	struct arch_xlat x;

	(void)state;
	for (uint64_t pa = 0; pa < 8 * FAKE_PAGE; pa += 8) {
		noise ^= noise << 13;
		noise ^= noise >> 7;
		noise ^= noise << 17;
		fake_put_u64(&f, pa, pa % 24 ? (noise & ~UINT64_C(0xffffffff8000)) : noise);
	}
	for (int i = 0; i < 20000; i++) {
		struct arch_layout l = {.levels = i % 2 ? 4 : 5};
		noise = noise * 6364136223846793005U + 1442695040888963407U;
		uint64_t va = (noise >> 8) | (i % 3 ? UINT64_C(0xff00000000000000) : 0);
		if (err_ok(ARCH->walk(&env, &l, noise & 0x7000, va, &x)))
			assert_true(x.pa < UINT64_C(1) << 52);
		assert_true(x.nlevels <= l.levels);
	}
	fake_free(&f);
}

static void test_linear(void **state)
{
	struct arch_layout l = {
		.levels = 4,
		.phys_base = 0x1400000,
		.image_va = LINK_TEXT,
		.image_size = 0x600000,
		.direct_va = UINT64_C(0xffff8e9980000000),
		.direct_size = 0x20000000,
	};
	uint64_t pa;

	(void)state;
	assert_true(ARCH->linear(&l, LINK_TEXT, &pa));
	assert_int_equal(pa, 0x2400000);
	assert_false(ARCH->linear(&l, LINK_TEXT + l.image_size, &pa));
	assert_true(ARCH->linear(&l, l.direct_va + 0x1234, &pa));
	assert_int_equal(pa, 0x1234);
	assert_false(ARCH->linear(&l, l.direct_va - 1, &pa));
	assert_false(ARCH->linear(&l, l.direct_va + l.direct_size, &pa));
	assert_true(ARCH->is_kernel(&l, UINT64_MAX));
	assert_true(ARCH->is_kernel(&l, UINT64_C(0xffff800000000000)));
	assert_false(ARCH->is_kernel(&l, UINT64_C(0xff11000000000000)));
	assert_false(ARCH->is_kernel(&l, 0x7fff12345678));
	assert_true(ARCH->may_be_code(LINK_TEXT));
	assert_true(ARCH->may_be_code(UINT64_C(0xffffffffc0000000))); /* modules, BPF */
	assert_false(ARCH->may_be_code(l.direct_va + 0x1234));
	l.levels = 5;
	assert_true(ARCH->is_kernel(&l, UINT64_C(0xff11000000000000)));
}

static void test_pte_flags(void **state)
{
	char buf[64];

	(void)state;
	ARCH->pte_flags(UINT64_C(0x80000000012340e3), buf, sizeof(buf));
	assert_string_equal(buf, "P RW A D PSE NX");
	ARCH->pte_flags(0x102, buf, sizeof(buf));
	assert_string_equal(buf, "RW PROTNONE");
	ARCH->pte_flags(0, buf, sizeof(buf));
	assert_string_equal(buf, "");
	for (size_t n = 0; n < sizeof(buf); n++) {
		memset(buf, 'x', sizeof(buf));
		ARCH->pte_flags(UINT64_MAX, buf, n);
		assert_true(!n || strlen(buf) < n);
		assert_int_equal(buf[n], 'x');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_prstatus),
		cmocka_unit_test(test_pt_regs),
		cmocka_unit_test(test_plausible),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_walk_not_present),
		cmocka_unit_test(test_walk_missing_table),
		cmocka_unit_test(test_walk_garbage),
		cmocka_unit_test(test_linear),
		cmocka_unit_test(test_pte_flags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

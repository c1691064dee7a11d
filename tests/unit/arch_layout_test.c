/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that the place of a KASLR kernel is found from each kind of evidence alone: vmcoreinfo,
 * CR3 in QEMU's notes (of a CPU in the kernel, in user space under PTI, and without PTI), the
 * segments of a /proc/vmcore, the kdump header, a scan for the banner; with 4 and 5 levels, with
 * SME, with and without symbols. And that evidence which lies (a stale vmcoreinfo, the wrong
 * vmlinux, CR3s of firmware) or is lost (the top page table, the direct map's) doesn't win.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "tests/unit/arch_fake.h"

#define MAX_CPUS 3
#define QEMU_NOTE 440

/* What the dump under test tells. */
struct dump_facts {
	struct fake mem;
	struct fake_kernel k;
	bool symbols, wrong_vmlinux, info, segments, header;
	uint64_t lie, offset_lie; /* added to vmcoreinfo's phys_base and KERNELOFFSET */
	size_t ncpus;
	unsigned char note[MAX_CPUS][QEMU_NOTE];
	char text[64];
};

static struct err *read_phys(void *ctx, uint64_t pa, void *buf, size_t n)
{
	return fake_read(&((struct dump_facts *)ctx)->mem, pa, buf, n);
}

static bool symbol(void *ctx, const char *name, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t addr;
	} symbols[] = {
		{"_text", LINK_TEXT},
		{"_stext", LINK_TEXT},
		{"linux_banner", LINK_BANNER},
		{"swapper_pg_dir", LINK_PGD},
		{"page_offset_base", LINK_PAGE_OFFSET},
		{"_end", LINK_END},
	};
	const struct dump_facts *d = ctx;

	for (size_t i = 0; d->symbols && i < sizeof(symbols) / sizeof(symbols[0]); i++)
		if (strcmp(symbols[i].name, name) == 0) {
			/* Another build has nearly everything elsewhere. */
			*ret = symbols[i].addr + (d->wrong_vmlinux && i > 1 ? 0x11000 : 0);
			return true;
		}
	return false;
}

static bool vmcoreinfo(void *ctx, const char *key, const char **ret)
{
	struct dump_facts *d = ctx;
	const struct fake_kernel *k = &d->k;

	if (!d->info)
		return false;
	*ret = d->text;
	if (strcmp(key, "KERNELOFFSET") == 0)
		snprintf(d->text, sizeof(d->text), "%llx",
			 (unsigned long long)(k->offset + d->offset_lie));
	else if (strcmp(key, "NUMBER(phys_base)") == 0)
		snprintf(d->text, sizeof(d->text), "%lld", (long long)(k->phys_base + d->lie));
	else if (strcmp(key, "SYMBOL(swapper_pg_dir)") == 0)
		snprintf(d->text, sizeof(d->text), "%llx",
			 (unsigned long long)(LINK_PGD + k->offset));
	else if (strcmp(key, "SYMBOL(_stext)") == 0)
		snprintf(d->text, sizeof(d->text), "%llx",
			 (unsigned long long)(LINK_TEXT + k->offset));
	else if (strcmp(key, "NUMBER(pgtable_l5_enabled)") == 0)
		snprintf(d->text, sizeof(d->text), "%d", k->levels == 5);
	else if (strcmp(key, "NUMBER(sme_mask)") == 0)
		snprintf(d->text, sizeof(d->text), "%llu", (unsigned long long)k->c_bit);
	else
		return false;
	return true;
}

static bool note(void *ctx, size_t i, const char **name, uint32_t *type, const void **desc,
		 size_t *size)
{
	struct dump_facts *d = ctx;

	if (i >= d->ncpus)
		return false;
	*name = "QEMU";
	*type = 0;
	*desc = d->note[i];
	*size = QEMU_NOTE;
	return true;
}

static bool segment(void *ctx, size_t i, uint64_t *pa, uint64_t *va, uint64_t *size)
{
	struct dump_facts *d = ctx;

	if (!d->segments || i > 2)
		return false;
	*pa = i == 0 ? 0x1000 : i == 1 ? fake_image_pa(&d->k, LINK_TEXT) : 0x100000;
	*va = i == 0 ? 0 : i == 1 ? LINK_TEXT + d->k.offset : d->k.direct + 0x100000;
	*size = LINK_END - LINK_TEXT;
	return true;
}

static bool header_phys_base(void *ctx, uint64_t *ret)
{
	struct dump_facts *d = ctx;

	*ret = d->k.phys_base;
	return d->header;
}

static void add_cpu(struct dump_facts *d, uint64_t cr3)
{
	unsigned char *n = d->note[d->ncpus++];
	uint32_t head[2] = {1, QEMU_NOTE};
	uint64_t cr0 = UINT64_C(0x80050033), cr4 = d->k.levels == 5 ? 0x1020 : 0x20;

	memset(n, 0, QEMU_NOTE);
	memcpy(n, head, sizeof(head));
	memcpy(n + 392, &cr0, 8);
	memcpy(n + 416, &cr3, 8);
	memcpy(n + 424, &cr4, 8);
}

/* A process' top table that shares the kernel's half. */
static uint64_t add_process(struct dump_facts *d, uint64_t pgd)
{
	fake_page(&d->mem, pgd);
	for (uint64_t i = 256; i < 512; i++)
		fake_put_u64(&d->mem, pgd + i * 8,
			     fake_u64(&d->mem, fake_image_pa(&d->k, LINK_PGD) + i * 8));
	return pgd;
}

/* What user space sees of the kernel under PTI: a part of its text, no more. */
static uint64_t add_pti_user(struct dump_facts *d, uint64_t pgd)
{
	uint64_t at = LINK_TEXT + FAKE_2M;

	fake_page(&d->mem, pgd);
	fake_map(&d->mem, pgd, at + d->k.offset, fake_image_pa(&d->k, at), FAKE_2M);
	return pgd;
}

static struct arch_layout find(struct dump_facts *d)
{
	struct arch_env env = {
		.ctx = d,
		.read_phys = read_phys,
		.symbol = symbol,
		.vmcoreinfo = vmcoreinfo,
		.note = note,
		.segment = segment,
		.phys_base = header_phys_base,
		.max_pa = FAKE_1G / 2,
	};
	struct arch_layout l;

	arch_x86_64.layout(&env, &l);
	return l;
}

static struct dump_facts boot(struct fake_kernel k)
{
	struct dump_facts d = {.k = k, .symbols = true};

	fake_boot(&d.mem, &k);
	return d;
}

/* The layout is the kernel's, by that evidence; frees the dump. */
static void expect(struct dump_facts *d, const char *evidence)
{
	struct arch_layout l = find(d);

	assert_string_equal(l.evidence, evidence);
	assert_true(l.exact);
	assert_int_equal(l.kernel_offset, d->k.offset);
	assert_int_equal(l.phys_base, d->k.phys_base);
	assert_int_equal(l.levels, d->k.levels);
	assert_int_equal(l.pte_mask_off, d->k.c_bit);
	assert_int_equal(l.image_va, LINK_TEXT + d->k.offset);
	if (!d->wrong_vmlinux)
		assert_int_equal(l.image_size, LINK_END - LINK_TEXT);
	assert_int_equal(l.direct_va, d->k.direct);
	assert_int_equal(l.direct_size, FAKE_1G / 2);
	fake_free(&d->mem);
}

static const struct fake_kernel kernels[] = {
	{4, 0x7600000, 0x1400000, UINT64_C(0xffff8e9980000000), 0},
	{4, 0x7600000, (uint64_t)-0x7600000, UINT64_C(0xffff888000000000),
	 0},					    /* phys_base below 0 */
	{4, 0, 0, UINT64_C(0xffff880000000000), 0}, /* nokaslr, before 4.20 */
	{5, 0x2000000, 0x600000, UINT64_C(0xff11000000000000), 0},
	{5, 0x1e000000, (uint64_t)-0x1d000000, UINT64_C(0xff2a3c4780000000), 0},
};
#define EACH_KERNEL(d)                                                                             \
	for (size_t i_ = 0; i_ < sizeof(kernels) / sizeof(kernels[0]); i_++)                       \
		for (int sym_ = 0; sym_ < 2; sym_++)                                               \
			for (struct dump_facts d = boot(kernels[i_]), *once_ = &d; once_;          \
			     once_ = NULL)

static void test_vmcoreinfo(void **state)
{
	(void)state;
	EACH_KERNEL(d)
	{
		d.info = true;
		d.symbols = sym_;
		expect(&d, "vmcoreinfo");
	}
}

static void test_sme(void **state)
{
	struct dump_facts d = boot((struct fake_kernel){
		4, 0x200000, 0, UINT64_C(0xffff8e9980000000), UINT64_C(1) << 47});

	(void)state;
	d.info = true;
	expect(&d, "vmcoreinfo");
}

static void test_cr3(void **state)
{
	(void)state;
	EACH_KERNEL(d)
	{
		d.symbols = sym_;
		add_cpu(&d, 0);					 /* still in the firmware */
		add_cpu(&d, add_process(&d, 0x8002000) | 0x7ff); /* a PCID below */
		expect(&d, "cr3");
	}
}

static void test_cr3_in_user_space(void **state)
{
	(void)state;
	EACH_KERNEL(d)
	{
		d.symbols = sym_;
		add_process(&d, 0x8002000);
		add_cpu(&d, add_pti_user(&d, 0x8003000) | UINT64_C(1) << 63);
		expect(&d, "cr3");
	}
}

/* Without PTI a top table may lie on an odd page, and the page before it can be anything. */
static void test_cr3_odd_page(void **state)
{
	(void)state;
	EACH_KERNEL(d)
	{
		d.symbols = sym_;
		memset(fake_page(&d.mem, 0x8002000)->bytes, 0x5a, FAKE_PAGE);
		add_cpu(&d, add_process(&d, 0x8003000));
		expect(&d, "cr3");
	}
}

static void test_segments(void **state)
{
	(void)state;
	EACH_KERNEL(d)
	{
		d.segments = true;
		expect(&d, "segments");
	}
}

static void test_header(void **state)
{
	struct dump_facts d =
		boot((struct fake_kernel){4, 0, 0x1000000, UINT64_C(0xffff888000000000), 0});

	(void)state;
	d.header = true;
	expect(&d, "header");
}

static void test_scan(void **state)
{
	(void)state;
	EACH_KERNEL(d)
	expect(&d, "scan");
}

static void test_nothing(void **state)
{
	struct dump_facts d = {.symbols = true};
	struct arch_layout l = find(&d);

	(void)state;
	assert_string_equal(l.evidence, "default");
	assert_false(l.exact);
	assert_int_equal(l.kernel_offset, 0);
	assert_true(l.levels == 4 || l.levels == 5);
	assert_int_equal(l.direct_size, 0);
}

static void test_lies(void **state)
{
	(void)state;
	EACH_KERNEL(d)
	{
		/* vmcoreinfo of the kernel before a kexec: CR3 knows better. */
		d.symbols = sym_;
		d.info = true;
		d.lie = FAKE_2M;
		add_cpu(&d, add_process(&d, 0x8002000));
		expect(&d, "cr3");
	}
	EACH_KERNEL(o)
	{
		/* Within the image the page tables can't tell, but the banner isn't there. */
		o.info = true;
		o.offset_lie = FAKE_2M;
		add_cpu(&o, add_process(&o, 0x8002000));
		expect(&o, "cr3");
	}
	EACH_KERNEL(w)
	{
		w.info = true;
		w.wrong_vmlinux = true;
		expect(&w, "vmcoreinfo");
	}
}

/* A process' LDT lies before the direct map, where the kernel's own tables have nothing. */
static void test_ldt(void **state)
{
	struct dump_facts d = boot(kernels[0]);
	uint64_t pgd = add_process(&d, 0x8002000);

	(void)state;
	d.symbols = false;
	fake_map(&d.mem, pgd, UINT64_C(0xffff880000005000), 0x5000, FAKE_PAGE);
	fake_map(&d.mem, pgd, UINT64_C(0xffff880040006000), 0x123000, FAKE_PAGE);
	add_cpu(&d, pgd);
	expect(&d, "cr3");
}

/* The top table is lost: the image is still where vmcoreinfo says, the direct map where the
 * variable in the image says, or the segments. */
static void test_lost_tables(void **state)
{
	(void)state;
	EACH_KERNEL(d)
	{
		d.info = true;
		fake_find(&d.mem, fake_image_pa(&d.k, LINK_PGD))->state = MEM_LOST;
		if (sym_)
			d.segments = true;
		if (sym_)
			fake_find(&d.mem, fake_image_pa(&d.k, LINK_PAGE_OFFSET))->state = MEM_LOST;
		expect(&d, "vmcoreinfo");
	}
}

/* Nothing is left of the image and the tables but some pages of data: empty lists lie in them. */
static void test_lists(void **state)
{
	(void)state;
	EACH_KERNEL(d)
	{
		d.info = true;
		fake_find(&d.mem, fake_image_pa(&d.k, LINK_PGD))->state = MEM_LOST;
		fake_find(&d.mem, fake_image_pa(&d.k, LINK_PAGE_OFFSET))->state = MEM_LOST;
		for (uint64_t i = 0; i < 20; i++) {
			uint64_t pa = 0x100008 + i * 0x678;
			/* Lists that aren't empty, of another part of memory, point elsewhere. */
			uint64_t to = d.k.direct + pa + (i % 2 ? 0x8000 : 0);
			fake_put_u64(&d.mem, pa, to);
			fake_put_u64(&d.mem, pa + 8, to);
		}
		expect(&d, "vmcoreinfo");
	}
}

/* The top table is there, but every entry of it leads back to it. */
static void test_cyclic_tables(void **state)
{
	(void)state;
	EACH_KERNEL(d)
	{
		uint64_t pgd = fake_image_pa(&d.k, LINK_PGD);

		d.info = true;
		for (unsigned i = 0; i < 512; i++)
			fake_put_u64(&d.mem, pgd + 8 * i, pgd | PTE_P | PTE_RW);
		for (uint64_t pa = 0x100008; pa < 0x100008 + 20 * 16; pa += 16) {
			fake_put_u64(&d.mem, pa, d.k.direct + pa);
			fake_put_u64(&d.mem, pa + 8, d.k.direct + pa);
		}
		expect(&d, "vmcoreinfo");
	}
}

/* Notes of any content and length. */
static void test_bad_notes(void **state)
{
	struct dump_facts d = boot(kernels[0]);

	(void)state;
	d.symbols = false;
	for (unsigned i = 0; i < 500; i++) {
		d.ncpus = 0;
		add_cpu(&d, UINT64_C(0x9e3779b97f4a7c15) * i);
		d.note[0][i % QEMU_NOTE] ^= (unsigned char)i;
		struct arch_layout l = find(&d);
		assert_true(l.image_size <= FAKE_1G);
	}
	fake_free(&d.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vmcoreinfo),   cmocka_unit_test(test_sme),
		cmocka_unit_test(test_cr3),	     cmocka_unit_test(test_cr3_in_user_space),
		cmocka_unit_test(test_cr3_odd_page), cmocka_unit_test(test_segments),
		cmocka_unit_test(test_header),	     cmocka_unit_test(test_scan),
		cmocka_unit_test(test_nothing),	     cmocka_unit_test(test_ldt),
		cmocka_unit_test(test_lists),	     cmocka_unit_test(test_lies),
		cmocka_unit_test(test_cyclic_tables),
		cmocka_unit_test(test_lost_tables),  cmocka_unit_test(test_bad_notes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

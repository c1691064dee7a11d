/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves, on a made kernel written out as an ELF dump, that reads cross pages that lie apart, stop
 * exactly where bytes are missing and say why; that the linear maps answer when page tables are
 * missing or damaged, but don't bring back what the kernel freed; that user space and the kernel's
 * are kept apart; that threads share one mem; and that damaged and cut copies of the dump never do
 * worse than an error.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>
#include "engine/mem/mem.h"
#include "engine/mem/tlb.h"
#include "tests/unit/arch_fake.h"
#include "tests/unit/elf_fake.h"

/* Virtual pages and the physical ones behind them. */
#define VMALLOC UINT64_C(0xffffc90000000000)
#define PAGES 8
#define EXCLUDED_PAGE 3 /* in the tables, filtered out of the dump */
#define UNMAPPED_PAGE 5 /* not in the tables */
#define LINK_INIT UINT64_C(0xffffffff81500000) /* in the same 2 MiB page as LINK_PGD */
#define USER_VA UINT64_C(0x7fff0000e000)
#define USER_PGD UINT64_C(0x8002000)
#define USER_PA UINT64_C(0x9000000)

static const struct fake_kernel kernel = {4, 0x7600000, 0x1400000, UINT64_C(0xffff8e9980000000), 0};

/* Neighbours in virtual memory are apart in physical memory, in falling order. */
static uint64_t page_pa(unsigned i)
{
	return 0x9800000 - i * 0x3000;
}

/* Every word of a page tells which word of which page it is. */
static void fill(struct fake *f, uint64_t pa)
{
	for (uint64_t at = pa; at < pa + FAKE_PAGE; at += 8)
		fake_put_u64(f, at, at ^ UINT64_C(0xa5a5000000000000));
}

static uint64_t word_at(uint64_t pa)
{
	return pa ^ UINT64_C(0xa5a5000000000000);
}

static void make_kernel(struct fake *f)
{
	uint64_t pgd = fake_image_pa(&kernel, LINK_PGD);

	fake_boot(f, &kernel);
	for (unsigned i = 0; i < PAGES; i++) {
		fill(f, page_pa(i));
		if (i != UNMAPPED_PAGE)
			fake_map(f, pgd, VMALLOC + i * FAKE_PAGE, page_pa(i), FAKE_PAGE);
	}
	fake_find(f, page_pa(EXCLUDED_PAGE))->state = MEM_EXCLUDED;
	fake_page(f, USER_PGD);
	fake_map(f, USER_PGD, USER_VA, USER_PA, FAKE_PAGE);
	fake_put(f, USER_PA, "a user's words", 15);
}

static int by_pa(const void *a, const void *b)
{
	uint64_t x = (*(struct fake_page *const *)a)->pa, y = (*(struct fake_page *const *)b)->pa;

	return x < y ? -1 : x > y;
}

/* The dump: one segment a page; an excluded page has no bytes in the file. The caller frees. */
static unsigned char *make_dump(struct fake *f, size_t *size)
{
	struct elf_segment *v = xcalloc(f->n, sizeof(*v));
	char info[512];

	snprintf(info, sizeof(info),
		 "OSRELEASE=9.9.9\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=%llx\nNUMBER(phys_base)=%llu\n"
		 "NUMBER(pgtable_l5_enabled)=0\nKERNELOFFSET=%llx\n",
		 (unsigned long long)(LINK_PGD + kernel.offset),
		 (unsigned long long)kernel.phys_base, (unsigned long long)kernel.offset);
	qsort(f->pages, f->n, sizeof(f->pages[0]), by_pa);
	for (size_t i = 0; i < f->n; i++) {
		const struct fake_page *p = f->pages[i];
		v[i] = (struct elf_segment){0, p->pa, mem_readable(p->state) ? p->bytes : NULL, FAKE_PAGE};
	}
	unsigned char *file = elf_fake(info, v, f->n, size);
	free(v);
	return file;
}

static bool symbol(void *ctx, const char *name, uint64_t *ret)
{
	(void)ctx;
	*ret = strcmp(name, "_text") == 0	       ? LINK_TEXT
	       : strcmp(name, "linux_banner") == 0     ? LINK_BANNER
	       : strcmp(name, "page_offset_base") == 0 ? LINK_PAGE_OFFSET
	       : strcmp(name, "_end") == 0	       ? LINK_END
	       : strcmp(name, "__init_begin") == 0     ? LINK_INIT
	       : strcmp(name, "__init_end") == 0       ? LINK_INIT + FAKE_PAGE
						       : 0;
	return *ret;
}

/* Opens the bytes as a dump; NULL if the reader refuses them. */
static struct mem *open_bytes(const unsigned char *bytes, size_t size)
{
	char path[] = "/tmp/vmbrowse-mem-XXXXXX";
	const char *name = path;
	int fd = mkstemp(path);
	struct dump *d;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	close(fd);
	struct err *e = dump_open(&name, 1, NULL, &d);
	unlink(path);
	return err_ok(e) ? mem_create(d, &arch_x86_64, symbol, NULL) : NULL;
}

static void close_mem(struct mem *m)
{
	struct dump *d = m ? mem_dump(m) : NULL;

	mem_destroy(m);
	if (d)
		dump_close(d);
}

static struct mem *open_fake(struct fake *f)
{
	size_t size;
	AUTO_FREE unsigned char *file = make_dump(f, &size);
	struct mem *m = open_bytes(file, size);

	assert_non_null(m);
	fake_free(f);
	return m;
}

static struct mem *open_kernel(void)
{
	struct fake f;

	make_kernel(&f);
	return open_fake(&f);
}

static void test_layout(void **state)
{
	struct mem *m = open_kernel();
	uint64_t va;

	(void)state;
	assert_string_equal(mem_layout(m)->evidence, "vmcoreinfo");
	assert_int_equal(mem_layout(m)->kernel_offset, kernel.offset);
	assert_int_equal(mem_layout(m)->direct_va, kernel.direct);
	assert_true(mem_phys_to_direct(m, 0x1234, &va));
	assert_int_equal(va, kernel.direct + 0x1234);
	assert_false(mem_phys_to_direct(m, mem_layout(m)->direct_size, &va));
	close_mem(m);
}

static void test_across_pages(void **state)
{
	struct mem *m = open_kernel();
	uint64_t v[4], x;
	unsigned char raw[8];
	uint32_t w;
	uint8_t b;

	(void)state;
	for (int again = 0; again < 2; again++) { /* the second time from the cache */
		assert_null(mem_read(m, KERNEL, VMALLOC + 2 * FAKE_PAGE - 16, v, sizeof(v)));
		assert_int_equal(v[0], word_at(page_pa(1) + FAKE_PAGE - 16));
		assert_int_equal(v[1], word_at(page_pa(1) + FAKE_PAGE - 8));
		assert_int_equal(v[2], word_at(page_pa(2)));
		assert_int_equal(v[3], word_at(page_pa(2) + 8));
		assert_null(mem_u64(m, KERNEL, VMALLOC + FAKE_PAGE - 3, &x));
		assert_null(mem_read(m, KERNEL, VMALLOC + FAKE_PAGE - 3, raw, sizeof(raw)));
		assert_memory_equal(raw, &x, sizeof(x));
	}
	assert_null(mem_u32(m, KERNEL, VMALLOC + 8, &w));
	assert_null(mem_u8(m, KERNEL, VMALLOC + 8, &b));
	assert_int_equal(w, (uint32_t)word_at(page_pa(0) + 8));
	assert_int_equal(b, (uint8_t)w);
	/* The same bytes by their physical address and by the direct map (2 MiB pages). */
	assert_null(mem_u64(m, PHYS, page_pa(4) + 24, &x));
	assert_int_equal(x, word_at(page_pa(4) + 24));
	assert_null(mem_u64(m, KERNEL, kernel.direct + page_pa(4) + 24, &x));
	assert_int_equal(x, word_at(page_pa(4) + 24));
	close_mem(m);
}

static void test_missing(void **state)
{
	struct mem *m = open_kernel();
	uint64_t hole = VMALLOC + EXCLUDED_PAGE * FAKE_PAGE,
		 none = VMALLOC + UNMAPPED_PAGE * FAKE_PAGE, pa;
	unsigned char buf[64];
	enum mem_state why;

	(void)state;
	struct err *e = mem_read(m, KERNEL, hole - 24, buf, sizeof(buf));
	assert_int_equal(err_code(e), ERR_FAULT);
	assert_int_equal(err_state(e), MEM_EXCLUDED);
	assert_int_equal(err_addr(e), hole);
	assert_int_equal(mem_read_some(m, KERNEL, hole - 24, buf, sizeof(buf), &why), 24);
	assert_int_equal(why, MEM_EXCLUDED);
	assert_int_equal(mem_read_some(m, KERNEL, none - 7, buf, sizeof(buf), &why), 7);
	assert_int_equal(why, MEM_UNMAPPED);
	assert_int_equal(mem_read_some(m, KERNEL, hole - 64, buf, sizeof(buf), NULL), 64);
	assert_int_equal(mem_state_at(m, KERNEL, hole + 9, &pa), MEM_EXCLUDED);
	assert_int_equal(pa, page_pa(EXCLUDED_PAGE) + 9);
	assert_int_equal(mem_state_at(m, KERNEL, none, NULL), MEM_UNMAPPED);
	assert_true(mem_readable(mem_state_at(m, KERNEL, VMALLOC, NULL)));
	assert_int_equal(mem_read_some(m, PHYS, UINT64_C(1) << 51, buf, 1, &why), 0);
	assert_int_equal(why, MEM_NOT_RAM);
	assert_int_equal(mem_read_some(m, PHYS, UINT64_MAX, buf, 8, &why), 0);
	assert_int_equal(mem_read_some(m, KERNEL, UINT64_MAX - 3, buf, 8, &why), 0);
	/* A pointer with a wrong upper bit, when the right one was just read. */
	assert_true(mem_readable(mem_state_at(m, KERNEL, VMALLOC, NULL)));
	for (unsigned bit = 47; bit < 64; bit++)
		assert_int_equal(mem_state_at(m, KERNEL, VMALLOC ^ UINT64_C(1) << bit, NULL),
				 MEM_UNMAPPED);
	close_mem(m);
}

static void test_holes(void **state)
{
	struct mem *m = open_kernel();
	uint64_t va = VMALLOC + (EXCLUDED_PAGE - 1) * FAKE_PAGE +
		      4; /* words lie across the page's edge */
	enum { N = 3 * 4096 + 5, WORDS = N / 8 + 1 };
	unsigned char *buf = xmalloc(N);
	uint8_t states[WORDS];

	(void)state;
	memset(buf, 0xee, N);
	size_t good = mem_read_holes(m, KERNEL, va, buf, N, states);
	assert_int_equal(states[0], MEM_PRESENT);
	assert_int_equal(states[510], MEM_PRESENT);
	assert_int_equal(states[511], MEM_EXCLUDED); /* 4 bytes here, 4 in the hole */
	assert_int_equal(states[512], MEM_EXCLUDED);
	assert_int_equal(states[1023], MEM_EXCLUDED);
	assert_int_equal(states[1024], MEM_PRESENT);
	assert_int_equal(states[1535], MEM_UNMAPPED);
	assert_int_equal(states[WORDS - 1], MEM_UNMAPPED);
	assert_int_equal(good, WORDS - 513 - (WORDS - 1535));
	for (size_t i = 4092; i < 4092 + 4096; i++)
		assert_int_equal(buf[i], 0);
	assert_int_equal(buf[4091], word_at(page_pa(EXCLUDED_PAGE - 1) + 4088) >> 56);
	assert_int_equal(mem_read_holes(m, KERNEL, va, buf, 0, states), 0);
	free(buf);
	close_mem(m);
}

static void test_strings(void **state)
{
	struct fake f;
	uint64_t end = VMALLOC + EXCLUDED_PAGE * FAKE_PAGE;
	char buf[64];

	(void)state;
	make_kernel(&f);
	fake_put(&f, page_pa(0) + FAKE_PAGE - 4, "abcd", 4);
	fake_put(&f, page_pa(1), "efg", 4);
	fake_put(&f, page_pa(EXCLUDED_PAGE - 1) + FAKE_PAGE - 3, "cut", 3);
	struct mem *m = open_fake(&f);
	assert_null(mem_str(m, KERNEL, VMALLOC + FAKE_PAGE - 4, buf, sizeof(buf)));
	assert_string_equal(buf, "abcdefg");
	assert_null(mem_str(m, KERNEL, VMALLOC + FAKE_PAGE - 4, buf, 6));
	assert_string_equal(buf, "abcde");
	assert_null(mem_str(m, KERNEL, VMALLOC + FAKE_PAGE - 4, buf, 1));
	assert_string_equal(buf, "");
	assert_null(mem_str(m, KERNEL, end - 3, buf, sizeof(buf)));
	assert_string_equal(buf, "cut");
	struct err *e = mem_str(m, KERNEL, end, buf, sizeof(buf));
	assert_int_equal(err_state(e), MEM_EXCLUDED);
	assert_string_equal(buf, "");
	close_mem(m);
}

static void test_user(void **state)
{
	struct mem *m = open_kernel();
	struct space user = {SPACE_USER, USER_PGD};
	char buf[32];

	(void)state;
	assert_null(mem_str(m, user, USER_VA, buf, sizeof(buf)));
	assert_string_equal(buf, "a user's words");
	assert_int_equal(mem_state_at(m, user, USER_VA + FAKE_PAGE, NULL), MEM_UNMAPPED);
	assert_int_equal(mem_state_at(m, user, VMALLOC, NULL), MEM_UNMAPPED);
	assert_int_equal(mem_state_at(m, KERNEL, USER_VA, NULL), MEM_UNMAPPED);
	assert_int_equal(mem_state_at(m, (struct space){SPACE_USER, UINT64_MAX}, USER_VA, NULL),
			 MEM_NOT_RAM);
	close_mem(m);
}

/* Whether the linear maps stand in depends on why there's no translation. */
static void test_linear_fallback(void **state)
{
	struct fake f;
	struct arch_xlat x;
	char text[64];
	uint64_t v, banner = LINK_BANNER + kernel.offset;

	(void)state;
	make_kernel(&f);
	fake_find(&f, fake_image_pa(&kernel, LINK_PGD))->state = MEM_EXCLUDED;
	struct mem *m = open_fake(&f);
	assert_null(mem_str(m, KERNEL, banner, text, sizeof(text)));
	assert_string_equal(text, FAKE_BANNER);
	assert_null(mem_u64(m, KERNEL, kernel.direct + page_pa(0), &v));
	assert_int_equal(v, word_at(page_pa(0)));
	assert_null(mem_vtop(m, KERNEL, banner, &x));
	assert_int_equal(x.nlevels, 0);
	assert_int_equal(x.pa, fake_image_pa(&kernel, LINK_BANNER));
	struct err *e = mem_u64(m, KERNEL, VMALLOC, &v);
	assert_int_equal(err_state(e), MEM_EXCLUDED);
	close_mem(m);

}

/* A damaged entry hides nothing whose place is known without it. */
static void test_damaged_tables(void **state)
{
	static const uint64_t entries[] = {0, PTE_P, 0xdead000000000100, UINT64_MAX};
	uint64_t v, banner = LINK_BANNER + kernel.offset;
	struct fake f;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		make_kernel(&f);
		uint64_t pgd = fake_image_pa(&kernel, LINK_PGD);
		fake_put_u64(&f, fake_entry(&f, pgd, kernel.direct + page_pa(0), 21), entries[i]);
		fake_put_u64(&f, fake_entry(&f, pgd, banner, 21), entries[i]);
		struct mem *m = open_fake(&f);
		assert_int_equal(mem_layout(m)->direct_va, kernel.direct);
		assert_null(mem_u64(m, KERNEL, kernel.direct + page_pa(0), &v));
		assert_int_equal(v, word_at(page_pa(0)));
		assert_null(mem_str(m, KERNEL, banner, text, sizeof(text)));
		assert_string_equal(text, FAKE_BANNER);
		close_mem(m);
	}
}

/* What the kernel frees of its image after boot is unmapped, not damaged. */
static void test_freed_image(void **state)
{
	struct fake f;
	uint64_t v;

	(void)state;
	make_kernel(&f);
	fake_put_u64(&f, fake_image_pa(&kernel, LINK_INIT), 1);
	uint64_t pgd = fake_image_pa(&kernel, LINK_PGD);
	fake_put_u64(&f, fake_entry(&f, pgd, LINK_INIT + kernel.offset, 21), 0);
	struct mem *m = open_fake(&f);
	struct err *e = mem_u64(m, KERNEL, LINK_INIT + kernel.offset, &v);
	assert_int_equal(err_state(e), MEM_UNMAPPED);
	assert_null(mem_u64(m, KERNEL, LINK_PGD + kernel.offset, &v));
	close_mem(m);
}

struct reader {
	struct mem *m;
	unsigned seed, wrong;
};

static void *read_much(void *arg)
{
	struct reader *r = arg;

	for (unsigned i = 0; i < 5000; i++) {
		r->seed = r->seed * 1664525 + 1013904223;
		unsigned page = r->seed >> 16 & (PAGES - 1);
		uint64_t off = (r->seed >> 4 & 511) * 8, v = 0;
		uint64_t va =
			r->seed & 1 ? VMALLOC + page * FAKE_PAGE : kernel.direct + page_pa(page);
		bool there = page != EXCLUDED_PAGE && (page != UNMAPPED_PAGE || !(r->seed & 1));
		if (err_ok(mem_u64(r->m, KERNEL, va + off, &v)) != there ||
		    (there && v != word_at(page_pa(page) + off)))
			r->wrong++;
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct reader r[4];
	pthread_t id[4];
	struct mem *m = open_kernel();

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		r[i] = (struct reader){m, i * 77777, 0};
		assert_int_equal(pthread_create(&id[i], NULL, read_much, &r[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(id[i], NULL);
		assert_int_equal(r[i].wrong, 0);
	}
	close_mem(m);
}

/* Whatever was put before, the cache answers rightly or not at all. */
static void test_tlb(void **state)
{
	static const uint64_t sizes[] = {FAKE_PAGE, FAKE_2M, FAKE_1G};
	enum { N = 20000 };
	struct tlb *t = xcalloc(1, sizeof(*t));
	struct {
		uint64_t va, pa;
	} *put = xcalloc(N, sizeof(*put));
	uint64_t noise = 1, pa, left, hits = 0;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		uint64_t size = sizes[i % 3];
		noise = noise * 6364136223846793005U + 1442695040888963407U;
		/* Unique pages: the number is part of the address; the kinds don't overlap. */
		put[i].va = UINT64_C(0xff00000000000000) | (i % 3) << 52 | (uint64_t)i << 31 |
			    (noise >> 34 & ~(size - 1));
		put[i].pa = noise & UINT64_C(0x000ffffffffff000) & ~(size - 1);
		tlb_put(t, put[i].va, put[i].pa, size);
		assert_true(put[i].pa >> 44 || tlb_get(t, put[i].va + 5, &pa, &left));
	}
	for (size_t i = 0; i < N; i++)
		if (tlb_get(t, put[i].va + 0x123, &pa, &left)) {
			assert_int_equal(pa, put[i].pa + 0x123);
			assert_int_equal(left, (i % 3 ? FAKE_2M : FAKE_PAGE) - 0x123);
			hits++;
		}
	assert_true(hits > 500);
	free(put);
	free(t);
}

static void use(struct mem *m)
{
	unsigned char buf[PAGES * 4096];
	uint8_t states[sizeof(buf) / 8];
	char text[64];

	mem_read_holes(m, KERNEL, VMALLOC, buf, sizeof(buf), states);
	mem_read_some(m, (struct space){SPACE_USER, USER_PGD}, USER_VA, buf, 4096, NULL);
	err_free(
		mem_str(m, KERNEL, LINK_BANNER + mem_layout(m)->kernel_offset, text, sizeof(text)));
	err_free(mem_read(m, KERNEL, mem_layout(m)->direct_va, buf, sizeof(buf)));
}

/* Bytes changed at many places, and the file cut at many lengths. */
static void test_damage(void **state)
{
	struct fake f;
	size_t size;

	(void)state;
	make_kernel(&f);
	unsigned char *file = make_dump(&f, &size);
	for (size_t i = 0; i < 400; i++) {
		/* Most of it in the headers, the notes and the tables. */
		size_t at = i < 300 ? i * 37 % 8192 : i * 7919 % size;
		unsigned char old = file[at];
		file[at] ^= (unsigned char)(1 + i % 255);
		struct mem *m = open_bytes(file, i % 5 ? size : size * (i + 1) / 401);
		file[at] = old;
		if (m)
			use(m);
		close_mem(m);
	}
	free(file);
	fake_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_across_pages),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_linear_fallback),
		cmocka_unit_test(test_damaged_tables),
		cmocka_unit_test(test_freed_image),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_tlb),
		cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

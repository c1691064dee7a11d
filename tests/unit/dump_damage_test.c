/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that damaged dumps do no harm. Cut at hundreds of lengths, in every format: what can
 * still be read is right, and the rest is lost or the dump is refused: never a wrong byte, never a
 * silent zero. With thousands of bytes changed, most of them in headers, descriptors and indexes:
 * no crash, no endless loop, no huge allocation (the sanitizers and the test's own memory limit
 * watch). The choices come from a generator with a fixed seed, so a failure comes again.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <malloc.h>
#include "tests/unit/dump_fake.h"

/* All formats in which the imaginary memory is written. */
#define FORMATS 7
static void make(unsigned format, struct buf *b)
{
	static const uint32_t flags[] = {0x1, 0x2, 0x4, 0x20};
	struct buf plain = {0};

	switch (format) {
	case 4:
		fake_elf(b, &(struct fake_elf){0});
		return;
	case 5:
		fake_kdump(&plain, &(struct fake_kdump){.flags = 0x20, .version = 6});
		fake_flatten(b, &plain, true);
		break;
	case 6:
		fake_elf(&plain, &(struct fake_elf){.xnum = true});
		fake_flatten(b, &plain, true);
		break;
	default:
		fake_kdump(b, &(struct fake_kdump){.flags = flags[format], .version = 6});
	}
	buf_free(&plain);
}

static struct dump *try_open(const struct buf *b)
{
	const char *path = fake_file("vmcore", b->p, b->len);
	struct dump *d = NULL;
	struct err *e = dump_open(&path, 1, NULL, &d);

	if (e) {
		assert_null(strchr(err_text(e), '\n'));
		assert_non_null(strstr(err_text(e), path));
	}
	err_free(e);
	return d;
}

/* Asks for everything there is. */
static void use(struct dump *d)
{
	unsigned char *page = xmalloc(1 << 18);
	struct dump_segment s;
	struct dump_note n;
	uint64_t sum = 0, pfn = 0;

	for (uint64_t i = 0; i < FAKE_PFNS + 40; i++) {
		enum mem_state why = MEM_STATES, state = dump_page_state(d, i);
		size_t got = dump_read(d, i * PAGE, page, PAGE, &why);
		assert_true(state < MEM_STATES && (got == PAGE || why < MEM_STATES));
	}
	for (size_t i = 0; dump_note(d, i, &n); i++)
		for (size_t k = 0; k < n.desc_size; k++)
			sum += ((const unsigned char *)n.desc)[k] + strlen(n.name);
	for (size_t i = 0; dump_segment(d, i, &s); i++)
		sum += s.size;
	for (size_t i = 0; dump_warning(d, i); i++)
		assert_null(strchr(dump_warning(d, i), '\n'));
	for (unsigned i = 0; i < 1000 && (pfn = dump_next_page(d, pfn)) != UINT64_MAX; i++, pfn++)
		sum += dump_page_state(d, pfn);
	for (unsigned shift = 13; shift < 64; shift++)
		sum += dump_read(d, (UINT64_C(1) << shift) - 8, page, 16, NULL);
	sum += dump_read(d, UINT64_MAX - 7, page, 16, NULL);
	assert_true(sum != UINT64_MAX);
	free(page);
}

static void check_cut(struct dump *d, size_t len, size_t whole)
{
	unsigned char page[PAGE], good[PAGE];

	for (uint64_t pfn = 0; pfn < FAKE_PFNS; pfn++) {
		enum mem_state why = MEM_STATES, real = fake_state(pfn);
		size_t n = dump_read(d, pfn * PAGE, page, PAGE, &why);
		fake_page(pfn, good);
		if (n && memcmp(page, good, n))
			fail_msg("cut to %zu of %zu: page %u is wrong", len, whole, (unsigned)pfn);
		if (n < PAGE && why != MEM_LOST && why != real)
			fail_msg("cut to %zu of %zu: page %u is %s", len, whole, (unsigned)pfn,
				 mem_state_name(why));
	}
	if (len < whole - PAGE)
		assert_non_null(dump_warning(d, 0)); /* it says that something is missing */
}

/* Headers of an ELF dump that is cut within them leave pages of which nothing is known at all. */
static size_t least(unsigned format)
{
	return format == 4 ? 128 + 6 * sizeof(Elf64_Phdr) : format == 6 ? SIZE_MAX : 0;
}

static void test_cut(void **state)
{
	uint64_t seed = 4711;

	(void)state;
	for (unsigned format = 0; format < FORMATS; format++) {
		struct buf b = {0};
		make(format, &b);
		size_t whole = b.len;
		for (int i = 0; i < 60; i++) {
			size_t len = i < 30 ? fake_rand(&seed) % whole : fake_rand(&seed) % 24000;
			b.len = len;
			struct dump *d = try_open(&b);
			if (!d)
				continue;
			if (len >= least(format))
				check_cut(d, len, whole);
			use(d);
			dump_close(d);
		}
		buf_free(&b);
	}
}

/* Numbers that break arithmetic. */
static uint64_t nasty(uint64_t *seed)
{
	static const uint64_t v[] = {0,
				     1,
				     2,
				     7,
				     8,
				     0x7f,
				     0xff,
				     0x1000,
				     0xffff,
				     0x10000,
				     0x7fffffff,
				     0x80000000,
				     0xffffffff,
				     0x100000000,
				     INT64_MAX,
				     UINT64_MAX,
				     UINT64_MAX - 4095,
				     0x1000000000000};
	uint64_t r = fake_rand(seed);
	return r % 3 ? v[r % (sizeof(v) / sizeof(v[0]))] : r;
}

static void mutate(struct buf *b, uint64_t *seed)
{
	for (uint64_t n = fake_rand(seed) % 4 + 1; n; n--) {
		/* mostly where structure is: headers, notes, bitmaps, descriptors */
		size_t zone = fake_rand(seed) % 4 ? 480 : fake_rand(seed) % 2 ? 24000 : b->len;
		size_t base = fake_rand(seed) % 3 ? 0 : 4096;
		size_t at = base + fake_rand(seed) % zone, size = (size_t)1 << fake_rand(seed) % 4;
		uint64_t v = nasty(seed);
		if (fake_rand(seed) % 2)
			at &= ~(size - 1);
		if (at + size <= b->len)
			memcpy(b->p + at, &v, size);
	}
}

static void test_mutations(void **state)
{
	uint64_t seed = 20261121;

	(void)state;
	for (unsigned format = 0; format < FORMATS; format++) {
		struct buf good = {0}, b = {0};
		make(format, &good);
		for (int i = 0; i < 300; i++) {
			buf_clear(&b);
			buf_put(&b, good.p, good.len);
			mutate(&b, &seed);
			struct dump *d = try_open(&b);
			assert_true(mallinfo2().uordblks < (size_t)64 << 20);
			if (d)
				use(d);
			dump_close(d);
		}
		buf_free(&good);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_mutations),
	};
	return cmocka_run_group_tests(tests, fake_setup, fake_teardown);
}

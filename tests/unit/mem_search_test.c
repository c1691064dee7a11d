/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that a search of dumps in every format, by several threads, finds exactly what comparing every byte of the
 * same pages one after the other finds: numbers of all widths, masked, ranges, strings and patterns, within pages
 * and across them, in whole dumps and in parts of them; that hits come in the order of their addresses; that what is
 * missing is counted; that it ends when told; and that damaged pages cost themselves only.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "engine/kern/memory/search.h"
#include "tests/unit/dump_fake.h"

#define MEMORY (FAKE_PFNS * PAGE)

static unsigned char *memory; /* of the made dump */
static bool *there;	      /* a byte each */

static void make_reference(void)
{
	memory = xcalloc(1, MEMORY);
	there = xcalloc(1, MEMORY);
	for (uint64_t pfn = 0; pfn < FAKE_PFNS; pfn++) {
		fake_page(pfn, memory + pfn * PAGE);
		memset(there + pfn * PAGE, fake_in_dump(pfn), PAGE);
	}
}

struct found {
	uint64_t *v;
	size_t n, cap;
	size_t stop; /* ends after so many; 0: never */
};

static struct err *on_hit(void *ctx, const struct search_hit *h)
{
	struct found *f = ctx;

	GROW(f->v, f->n, f->cap);
	f->v[f->n++] = h->addr;
	return f->n == f->stop ? err_new(ERR_NOTFOUND, "enough") : NULL;
}

static bool whole(uint64_t at, size_t n, uint64_t last)
{
	for (size_t i = 0; i < n; i++)
		if (at + i > last || at + i >= MEMORY || !there[at + i])
			return false;
	return true;
}

static void find_number(struct found *f, unsigned width, uint64_t ignore, uint64_t lo, uint64_t hi, uint64_t start,
			uint64_t last)
{
	for (uint64_t at = 0; at < MEMORY; at += width) {
		uint64_t v = 0;
		memcpy(&v, memory + at, width);
		v &= ~ignore;
		if (v >= (lo & ~ignore) && v <= (hi & ~ignore) && at >= start && whole(at, width, last))
			on_hit(f, &(struct search_hit){.addr = at});
	}
}

static void find_string(struct found *f, const void *bytes, size_t n, uint64_t start, uint64_t last)
{
	for (uint64_t at = start; at + n <= MEMORY && at <= last; at++)
		if (memory[at] == *(const unsigned char *)bytes && !memcmp(memory + at, bytes, n) && whole(at, n, last))
			on_hit(f, &(struct search_hit){.addr = at});
}

static void same(const struct found *a, const struct found *b)
{
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->n ? a->v : (uint64_t *)"", b->n ? b->v : (uint64_t *)"", a->n * sizeof(*a->v));
}

/* Runs and frees the query; the reference's result is freed, too. */
static void check(struct mem *m, struct search_query *q, uint64_t start, uint64_t last, struct found *want)
{
	struct search_range r = {PHYS, start, last};
	struct search_counts counts;
	struct found got = {0};

	assert_null(search_run(m, &(struct search_order){q, &r, 1, on_hit, &got, NULL}, &counts));
	same(&got, want);
	search_query_free(q);
	free(got.v);
	free(want->v);
	*want = (struct found){0};
}

static void check_number(struct mem *m, unsigned width, uint64_t ignore, uint64_t lo, uint64_t hi, uint64_t start,
			 uint64_t last)
{
	struct search_query *q;
	struct found want = {0};

	assert_null(search_numbers(width, ignore, &q));
	assert_null(search_add_number(q, lo, hi));
	find_number(&want, width, ignore, lo, hi, start, last);
	check(m, q, start, last, &want);
}

static void check_string(struct mem *m, const void *text, size_t n, uint64_t start, uint64_t last)
{
	struct search_query *q = search_strings();
	struct found want = {0};

	assert_null(search_add_string(q, text, n));
	find_string(&want, text, n, start, last);
	check(m, q, start, last, &want);
}

static void check_strings(struct mem *m)
{
	const unsigned char *text = memory + 0x234; /* random bytes */
	size_t across = 0;

	for (uint64_t pfn = 63; pfn + 1 < FAKE_PFNS; pfn += pfn % 64 == 63 ? 8 : 7) {
		uint64_t at = (pfn + 1) * PAGE - 1 - pfn % 6;
		if (whole(at, 7, MEMORY))
			across++, check_string(m, memory + at, 7, 0, MEMORY - 1);
	}
	assert_true(across > 10);
	check_string(m, text, 20, 0, MEMORY - 1);
	check_string(m, text, 20, 0x235, MEMORY - 1); /* begins before the range */
	check_string(m, text, 20, 0, 0x234 + 18);     /* ends behind it */
	check_string(m, "no such text", 12, 0, MEMORY - 1);
	check_string(m, text, 1, 0, 30 * PAGE);
	check_string(m, memory + 62 * PAGE + 100, PAGE, 0, MEMORY - 1);
}

static void check_all(struct mem *m)
{
	uint64_t v;

	memcpy(&v, memory + 64 * 0x777, 8);
	check_number(m, 8, 0, v, v, 0, MEMORY - 1);
	check_number(m, 8, 0, 0, 0, 0, MEMORY - 1);
	check_number(m, 8, 0, UINT64_C(5) << 32, UINT64_C(9) << 32, 0, MEMORY - 1);
	check_number(m, 8, 0xffff, UINT64_C(17) << 32, UINT64_C(17) << 32, 0, MEMORY - 1);
	check_number(m, 8, 0, 1, INT64_MAX, 0, 70 * PAGE);
	check_number(m, 4, 0, 61, 61, 0x123, MEMORY - 0x321);
	check_number(m, 4, 0xff00ff00, 0x12003400, 0x12003400, 0, MEMORY - 1);
	check_number(m, 4, 0, 0x80000000, 0xfffffff0, 0, 20 * PAGE);
	check_number(m, 2, 0, 0x1234, 0x1300, 0, MEMORY - 1);
	check_number(m, 2, 0xf, 0, 0, 70 * PAGE - 3, 90 * PAGE + 5);
	check_strings(m);
}

static struct mem *open_as(const char *name, const struct buf *b)
{
	const char *path = fake_file(name, b->p, b->len);
	struct dump *d;

	assert_null(dump_open(&path, 1, NULL, &d));
	return mem_create(d, &arch_x86_64, NULL, NULL);
}

static void close_mem(struct mem *m)
{
	struct dump *d = mem_dump(m);

	mem_destroy(m);
	dump_close(d);
}

static void test_formats(void **state)
{
	static const uint32_t codecs[] = {0, 0x1, 0x2, 0x4, 0x20};
	struct buf b = {0}, flat = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		buf_clear(&b);
		fake_kdump(&b, &(struct fake_kdump){.version = 6, .flags = codecs[i]});
		struct mem *m = open_as("kdump", &b);
		check_all(m);
		close_mem(m);
	}
	fake_flatten(&flat, &b, true);
	struct mem *m = open_as("flat", &flat);
	check_all(m);
	close_mem(m);
	buf_clear(&b);
	fake_elf(&b, &(struct fake_elf){0});
	m = open_as("elf", &b);
	check_all(m);
	close_mem(m);
	buf_free(&b);
	buf_free(&flat);
}

/* Several values at once, and what is told of pages. */
static void test_counts(void **state)
{
	struct buf b = {0};
	struct search_range r[2] = {{PHYS, 0, MEMORY / 2 - 1}, {PHYS, MEMORY / 2, MEMORY - 1}};
	struct search_query *q;
	struct search_counts counts;
	struct found got = {0}, want = {0};
	uint64_t searched = 0, excluded = 0;

	(void)state;
	fake_kdump(&b, &(struct fake_kdump){.version = 6, .flags = 0x20});
	struct mem *m = open_as("kdump", &b);
	assert_null(search_numbers(8, 0, &q));
	assert_null(search_add_number(q, UINT64_C(7) << 32, UINT64_C(7) << 32));
	assert_null(search_add_number(q, UINT64_C(8) << 32 | 3, UINT64_C(8) << 32 | 4));
	find_number(&want, 8, 0, UINT64_C(7) << 32, UINT64_C(7) << 32, 0, MEMORY - 1);
	find_number(&want, 8, 0, UINT64_C(8) << 32 | 3, UINT64_C(8) << 32 | 4, 0, MEMORY - 1);
	assert_null(search_run(m, &(struct search_order){q, r, 2, on_hit, &got, NULL}, &counts));
	same(&got, &want);
	for (uint64_t pfn = 0; pfn < FAKE_PFNS; pfn++) {
		searched += fake_in_dump(pfn);
		excluded += fake_state(pfn) == MEM_EXCLUDED;
	}
	assert_int_equal(counts.searched, searched);
	assert_int_equal(counts.absent[MEM_EXCLUDED], excluded);
	assert_int_equal(counts.absent[MEM_LOST], 0);
	search_query_free(q);
	free(got.v);
	free(want.v);
	buf_free(&b);
	close_mem(m);
}

/* A pattern that can begin only where a page does, and goes on in the next one. */
static void test_pattern(void **state)
{
	struct buf b = {0};
	struct search_range r = {PHYS, 0, MEMORY - 1};
	struct search_query *q;
	struct search_counts counts;
	struct found got = {0}, want = {0};
	char text[16], regex[64] = "";

	(void)state;
	fake_kdump(&b, &(struct fake_kdump){.version = 6, .flags = 0x20});
	struct mem *m = open_as("kdump", &b);
	/* 64 pages are read at a time: this one crosses from one such piece to the next */
	memcpy(text, memory + 64 * PAGE - 3, 8);
	for (int i = 0; i < 8; i++)
		snprintf(regex + 4 * i, sizeof(regex) - 4 * (size_t)i, "\\x%02x", (unsigned char)text[i]);
	assert_null(search_pattern(regex, &q));
	find_string(&want, text, 8, 0, MEMORY - 1);
	assert_true(want.n >= 1);
	assert_null(search_run(m, &(struct search_order){q, &r, 1, on_hit, &got, NULL}, &counts));
	same(&got, &want);
	search_query_free(q);
	struct err *e = search_pattern("a(", &q);
	assert_int_equal(err_code(e), ERR_USAGE);
	err_free(e);
	free(got.v);
	free(want.v);
	/* a hostile one ends */
	got = (struct found){0};
	assert_null(search_pattern("(\\x00*)*(\\x00+)+[^\\x00]\\x01{200}$", &q));
	r.last = 8 * PAGE;
	assert_null(search_run(m, &(struct search_order){q, &r, 1, on_hit, &got, NULL}, &counts));
	assert_true(counts.costly > 0);
	search_query_free(q);
	free(got.v);
	buf_free(&b);
	close_mem(m);
}

static struct err *cancel_it(void *ctx, const struct search_hit *h)
{
	(void)h;
	job_cancel(ctx);
	return NULL;
}

static void test_ends(void **state)
{
	struct buf b = {0};
	struct search_range r = {PHYS, 0, MEMORY - 1};
	struct search_query *q;
	struct search_counts counts;
	struct found got = {.stop = 5};
	struct job *job = job_create("search");

	(void)state;
	fake_kdump(&b, &(struct fake_kdump){.version = 6, .flags = 0x1});
	struct mem *m = open_as("kdump", &b);
	assert_null(search_numbers(8, 0, &q));
	assert_null(search_add_number(q, 0, 0));
	struct err *e = search_run(m, &(struct search_order){q, &r, 1, on_hit, &got, NULL}, &counts);
	assert_int_equal(err_code(e), ERR_NOTFOUND); /* the caller's own error, once */
	assert_int_equal(got.n, 5);
	err_free(e);
	e = search_run(m, &(struct search_order){q, &r, 1, cancel_it, job, job}, &counts);
	assert_int_equal(err_code(e), ERR_CANCELLED);
	err_free(e);
	e = search_run(m, &(struct search_order){q, &r, 1, on_hit, &got, job}, &counts); /* before it began */
	assert_int_equal(err_code(e), ERR_CANCELLED);
	err_free(e);
	search_query_free(q);
	free(got.v);
	job_unref(job);
	buf_free(&b);
	close_mem(m);
}

/* Bytes of the file are changed: no crash, nothing found twice, and what is found is in its order. */
static void test_damage(void **state)
{
	struct buf b = {0};
	uint64_t seed = 42;

	(void)state;
	fake_kdump(&b, &(struct fake_kdump){.version = 6, .flags = 0x20});
	for (int round = 0; round < 60; round++) {
		struct buf bad = {0};
		struct search_range r = {PHYS, 0, MEMORY - 1};
		struct search_query *q;
		struct search_counts counts = {0};
		struct found got = {0};
		struct dump *d;

		buf_put(&bad, b.p, b.len);
		for (int i = 0; i < 40; i++)
			bad.p[4096 + fake_rand(&seed) % (bad.len - 4096)] = (char)fake_rand(&seed);
		const char *path = fake_file("bad", bad.p, bad.len);
		if (err_ok(dump_open(&path, 1, NULL, &d))) {
			struct mem *m = mem_create(d, &arch_x86_64, NULL, NULL);
			assert_null(search_numbers(8, 0, &q));
			assert_null(search_add_number(q, 0, UINT64_C(300) << 32));
			assert_null(search_run(m, &(struct search_order){q, &r, 1, on_hit, &got, NULL}, &counts));
			for (size_t i = 1; i < got.n; i++)
				assert_true(got.v[i - 1] < got.v[i]);
			search_query_free(q);
			close_mem(m);
		}
		free(got.v);
		buf_free(&bad);
	}
	buf_free(&b);
}

static int setup(void **state)
{
	make_reference();
	return fake_setup(state);
}

static int teardown(void **state)
{
	free(memory);
	free(there);
	return fake_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats), cmocka_unit_test(test_counts), cmocka_unit_test(test_pattern),
		cmocka_unit_test(test_ends),	cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own symbols out of memory, from tables made by hand as scripts/kallsyms.c lays them
 * out: every encoding of addresses, both encodings of lengths, the orders before and since 6.4. Each
 * name and address must come back, whether the tables' places are told or have to be found. Then
 * damage: every table lost page by page (what is left must be right, and nothing else given), and
 * bytes changed all over (an error or symbols, but never a read out of bounds or an endless loop).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/sym/kallsyms.h"

#define BASE UINT64_C(0xffffffff81000000)
#define SIZE (1u << 20)
#define PAGE 4096u
#define SYMS 12000u
#define PERCPU 40u /* of them lie in the per-CPU section */
#define TABLES_AT 0x20000u

enum encoding { ABSOLUTE, RELATIVE, PERCPU_ABSOLUTE, PLACE };

struct kind {
	enum encoding encoding;
	bool two_bytes; /* lengths of 128 and more are there, and written in two bytes */
	bool late;	/* addresses behind the tokens, as since 6.4 */
	const char *name;
};

static const struct kind kinds[] = {
	{ABSOLUTE, false, false, "absolute"},
	{RELATIVE, false, false, "base-relative"},
	{PERCPU_ABSOLUTE, false, false, "absolute per-CPU"},
	{PERCPU_ABSOLUTE, true, false, "absolute per-CPU"},
	{PERCPU_ABSOLUTE, true, true, "absolute per-CPU"},
	{RELATIVE, true, true, "base-relative"},
	{PLACE, true, true, "place-relative"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct image {
	uint8_t *p; /* SIZE bytes at BASE, alone, so that ASan sees what reads beyond */
	size_t at;
	bool lost[SIZE / PAGE];
	struct kallsyms_tables t;
	uint64_t addr[SYMS];
	char *name[SYMS];
	char letter[SYMS];
	size_t names_end, table_end;
};

static void put(struct image *m, const void *p, size_t n)
{
	assert_true(m->at + n <= SIZE);
	memcpy(m->p + m->at, p, n);
	m->at += n;
}

static void put_int(struct image *m, uint64_t v, size_t n)
{
	put(m, &v, n);
}

static uint64_t here(struct image *m, size_t align)
{
	m->at = (m->at + align - 1) / align * align;
	return BASE + m->at;
}

/* Tokens 1 to 31 are pieces of names, all others their own character; ':' is none. */
static const char *const pieces[] = {"",      "Tdo_",  "tkernel_", "sys_", "_init",  "Dper_", "lock",
				     "read_", "write", "page",	   "_cpu", "struct", "queue", "net"};

static const char *token(unsigned i, char *one)
{
	if (i > 0 && i < sizeof(pieces) / sizeof(pieces[0]))
		return pieces[i];
	one[0] = (char)(i == ':' ? 'x' : i);
	one[1] = 0;
	if (i == ':')
		return "xyzzy";
	return i > ' ' && i < 0x7f ? one : "";
}

/* The shortest way is not the point: pieces where they fit at the start, characters else. */
static size_t compress(const char *text, uint8_t *out)
{
	size_t n = 0;

	while (*text) {
		unsigned best = (uint8_t)*text;
		size_t len = 1;
		for (unsigned i = 1; i < sizeof(pieces) / sizeof(pieces[0]); i++)
			if (!strncmp(text, pieces[i], strlen(pieces[i]))) {
				best = i;
				len = strlen(pieces[i]);
			}
		out[n++] = (uint8_t)best;
		text += len;
	}
	return n;
}

static void name_symbols(struct image *m, const struct kind *k)
{
	for (unsigned i = 0; i < SYMS; i++) {
		bool percpu = i < PERCPU;
		bool zero = k->encoding == PERCPU_ABSOLUTE || k->encoding == ABSOLUTE;
		m->letter[i] = percpu ? (zero ? 'A' : 'd') : "TtDbrW"[i % 6];
		m->name[i] = xasprintf("%s%u%s", i % 3 ? "do_sys_" : "kernel_read_page_lock", i,
				       i % 7 ? "" : "_init");
		m->addr[i] = BASE + 0x40 * (uint64_t)i;
		if (percpu && zero)
			m->addr[i] = 0x40 * (uint64_t)i;
	}
	m->letter[PERCPU] = 'T'; /* the anchors' */
	free(m->name[PERCPU]);
	m->name[PERCPU] = xstrdup("_stext");
	free(m->name[0]);
	m->name[0] = xstrdup("__per_cpu_start");
	free(m->name[PERCPU - 1]);
	m->name[PERCPU - 1] = xstrdup("__per_cpu_end");
	if (k->two_bytes) { /* mangled Rust names are that long, and don't compress */
		free(m->name[700]);
		m->name[700] = xmalloc(301);
		memset(m->name[700], 'Z', 300);
		m->name[700][300] = 0;
	}
	/* aliases, and a border where a function begins */
	m->addr[101] = m->addr[100];
	free(m->name[101]);
	m->name[101] = xstrdup("__sched_text_start");
}

static void put_addresses(struct image *m, const struct kind *k)
{
	uint64_t base = BASE + 0x40 * PERCPU;

	if (k->encoding == RELATIVE)
		base = BASE;
	if (k->encoding == ABSOLUTE) {
		m->t.addresses = here(m, 8);
		for (unsigned i = 0; i < SYMS; i++)
			put_int(m, m->addr[i], 8);
		return;
	}
	m->t.offsets = here(m, k->late ? 4 : 8);
	for (unsigned i = 0; i < SYMS; i++) {
		uint64_t v = m->addr[i] - base;
		if (k->encoding == PERCPU_ABSOLUTE)
			v = i < PERCPU ? m->addr[i] : base - 1 - m->addr[i];
		else if (k->encoding == PLACE)
			v = m->addr[i] - (BASE + m->at);
		put_int(m, v, 4);
	}
	if (k->encoding == PLACE)
		return;
	m->t.relative_base = here(m, 8);
	put_int(m, base, 8);
}

static void put_names(struct image *m, const struct kind *k)
{
	uint32_t marker[SYMS / 256 + 1];
	uint8_t out[512];

	m->t.num_syms = here(m, 8);
	put_int(m, SYMS, k->late ? 4 : 8);
	m->t.names = here(m, 4);
	for (unsigned i = 0; i < SYMS; i++) {
		AUTO_FREE char *text = xasprintf("%c%s", m->letter[i], m->name[i]);
		size_t n = compress(text, out);
		if (i % 256 == 0)
			marker[i / 256] = (uint32_t)(BASE + m->at - m->t.names);
		if (n > 127)
			put_int(m, (n & 0x7f) | 0x80, 1);
		put_int(m, n > 127 ? n >> 7 : n, 1);
		put(m, out, n);
	}
	m->names_end = m->at;
	here(m, 4);
	put(m, marker, sizeof(marker));
}

static void put_tokens(struct image *m)
{
	uint16_t index[256];
	char one[2];

	m->t.token_table = here(m, 8);
	for (unsigned i = 0; i < 256; i++) {
		const char *s = token(i, one);
		index[i] = (uint16_t)(BASE + m->at - m->t.token_table);
		put(m, s, strlen(s) + 1);
	}
	m->t.token_index = here(m, 4);
	put(m, index, sizeof(index));
}

/* The tables, of the symbols as they are named. */
static void remake_image(struct image *m, const struct kind *k)
{
	m->at = TABLES_AT;
	if (!k->late)
		put_addresses(m, k);
	put_names(m, k);
	put_tokens(m);
	if (k->late)
		put_addresses(m, k);
	m->table_end = m->at;
}

static void make_image(struct image *m, const struct kind *k)
{
	memset(m, 0, sizeof(*m));
	m->p = xcalloc(1, SIZE);
	for (size_t i = 0; i < TABLES_AT; i++) /* code before */
		m->p[i] = (uint8_t)(i * 131 + (i >> 7));
	name_symbols(m, k);
	remake_image(m, k);
}

static void free_image(struct image *m)
{
	for (unsigned i = 0; i < SYMS; i++)
		free(m->name[i]);
	free(m->p);
}

static size_t read_image(void *ctx, uint64_t addr, void *buf, size_t n)
{
	const struct image *m = ctx;
	size_t got = 0;

	while (got < n && addr + got >= BASE && addr + got < BASE + SIZE) {
		size_t off = (size_t)(addr + got - BASE), part = PAGE - off % PAGE;
		if (m->lost[off / PAGE])
			break;
		part = part < n - got ? part : n - got;
		memcpy((char *)buf + got, m->p + off, part);
		got += part;
	}
	return got;
}

/* The same a bit at a time, as if it came in behind. */
struct piece {
	struct image *m;
	uint64_t addr;
	uint8_t *buf;
	size_t n, got;
};

static void *begin_piece(void *ctx, uint64_t addr, void *buf, size_t n)
{
	struct piece *p = xcalloc(1, sizeof(*p));

	*p = (struct piece){ctx, addr, buf, n, 0};
	memset(buf, 0xa5, n);
	return p;
}

static size_t wait_piece(void *piece, size_t want)
{
	struct piece *p = piece;

	while (p->got < want && p->got < p->n) {
		size_t step = p->n - p->got < 1000 ? p->n - p->got : 1000;
		size_t got = read_image(p->m, p->addr + p->got, p->buf + p->got, step);
		p->got += got;
		if (got < step)
			break;
	}
	return p->got;
}

static void end_piece(void *piece)
{
	wait_piece(piece, SIZE_MAX);
	free(piece);
}

static const struct kallsyms_anchor anchor = {"_stext", BASE + 0x40 * PERCPU};

static struct kallsyms_source source(struct image *m, bool anchored)
{
	return (struct kallsyms_source){
		.read = read_image,
		.ctx = m,
		.image = BASE,
		.image_end = BASE + SIZE,
		.anchors = &anchor,
		.nanchors = anchored,
	};
}

static struct kallsyms_source slow_source(struct image *m)
{
	struct kallsyms_source src = source(m, true);

	src.begin = begin_piece;
	src.wait = wait_piece;
	src.end = end_piece;
	return src;
}

static void expect_symbol(const struct image *m, const struct sym *s, uint32_t i)
{
	assert_string_equal(s->name, m->name[i]);
	assert_int_equal(s->addr, m->addr[i]);
	assert_int_equal(s->type, m->letter[i] == 'A' ? 'D' : m->letter[i]);
	assert_int_equal(s->percpu, i < PERCPU);
}

static void expect_all(const struct image *m, struct kallsyms *k)
{
	struct sym s;

	assert_int_equal(kallsyms_count(k), SYMS);
	assert_int_equal(kallsyms_lost(k), 0);
	for (uint32_t i = 0; i < SYMS; i++) {
		assert_true(kallsyms_get(k, i, &s));
		expect_symbol(m, &s, i);
	}
	assert_false(kallsyms_get(k, SYMS, &s));
	assert_true(kallsyms_get(k, 200, &s));
	assert_int_equal(s.size, 0x40);
	/* of a border and a function in one place only the function has a size */
	assert_true(kallsyms_get(k, 101, &s));
	assert_int_equal(s.size, 0);
	assert_true(kallsyms_get(k, 100, &s));
	assert_int_equal(s.size, m->addr[102] - m->addr[100]);
}

static void every_encoding(void **state)
{
	struct kallsyms *k;
	struct image m;

	(void)state;
	for (size_t i = 0; i < 2 * KINDS; i++) {
		make_image(&m, &kinds[i / 2]);
		struct kallsyms_source src = i % 2 ? slow_source(&m) : source(&m, true);
		assert_null(kallsyms_open(&src, &m.t, &k));
		assert_string_equal(kallsyms_encoding(k), kinds[i / 2].name);
		expect_all(&m, k);
		kallsyms_close(k);
		free_image(&m);
	}
}

static void found_by_searching(void **state)
{
	struct kallsyms_tables t;
	struct kallsyms *k;
	struct image m;

	(void)state;
	for (size_t i = 0; i < KINDS; i++)
		for (int anchored = 0; anchored < 2; anchored++) {
			make_image(&m, &kinds[i]);
			struct kallsyms_source src = source(&m, anchored);
			assert_null(kallsyms_find(&src, NULL, &t));
			assert_memory_equal(&t, &m.t, sizeof(t));
			assert_null(kallsyms_open(&src, &t, &k));
			expect_all(&m, k);
			kallsyms_close(k);
			free_image(&m);
		}
}

static void not_there(void **state)
{
	struct kallsyms_tables t, none = {0};
	struct kallsyms *k;
	struct image m;

	(void)state;
	make_image(&m, &kinds[2]);
	struct kallsyms_source src = source(&m, true);
	struct err *e = kallsyms_open(&src, &none, &k);
	assert_non_null(e);
	assert_int_equal(err_code(e), ERR_NOTFOUND);
	err_free(e);
	memset(m.p + TABLES_AT, 0, SIZE - TABLES_AT);
	e = kallsyms_find(&src, NULL, &t);
	assert_non_null(e);
	assert_int_equal(err_code(e), ERR_NOTFOUND);
	err_free(e);
	free_image(&m);
}

/* An anchor that doesn't fit: the tables are of another kernel, or misunderstood. */
static void contradicted(void **state)
{
	static const struct kallsyms_anchor wrong = {"_stext", BASE + 0x1234};
	struct kallsyms *k;
	struct image m;

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		make_image(&m, &kinds[i]);
		struct kallsyms_source src = source(&m, true);
		src.anchors = &wrong;
		struct err *e = kallsyms_open(&src, &m.t, &k);
		assert_non_null(e);
		assert_int_equal(err_code(e), ERR_CORRUPT);
		err_free(e);
		free_image(&m);
	}
}

static uint32_t right_ones(const struct image *m, struct kallsyms *k)
{
	uint32_t right = 0;
	struct sym s;

	for (uint32_t i = 0; i < SYMS; i++) {
		if (!kallsyms_get(k, i, &s))
			continue;
		assert_string_equal(s.name, m->name[i]);
		assert_int_equal(s.addr, m->addr[i]);
		right++;
	}
	assert_int_equal(right + kallsyms_lost(k), SYMS);
	return right;
}

static void lost_pages(void **state)
{
	struct kallsyms *k;
	struct image m;

	(void)state;
	for (size_t i = 0; i < 2 * KINDS; i++) {
		make_image(&m, &kinds[i / 2]);
		struct kallsyms_source src = i % 2 ? slow_source(&m) : source(&m, true);
		size_t first = (size_t)(m.t.names - BASE) / PAGE + 1, last = m.names_end / PAGE - 1;
		for (size_t page = TABLES_AT / PAGE; page <= m.table_end / PAGE; page++) {
			m.lost[page] = true;
			struct err *e = kallsyms_open(&src, &m.t, &k);
			/* a page of nothing but names costs the names on it, and at most one block */
			if (page >= first && page <= last)
				assert_null(e);
			if (!e) {
				assert_true(right_ones(&m, k) > SYMS / 2);
				assert_true(page < first || page > last || kallsyms_lost(k));
				kallsyms_close(k);
			}
			err_free(e);
			m.lost[page] = false;
		}
		free_image(&m);
	}
}

static unsigned told_lost;

static void lost(void *ctx, uint32_t n, uint32_t all)
{
	(void)ctx;
	assert_true(n && n < all);
	told_lost++;
}

/* Names are read as far as somebody looks; what is lost there is told then. */
static void damage_found_late(void **state)
{
	struct kallsyms *k;
	struct image m;
	struct sym s;

	(void)state;
	make_image(&m, &kinds[0]);
	for (int slow = 0; slow < 2; slow++) {
		struct kallsyms_source src = slow ? slow_source(&m) : source(&m, true);
		size_t page = ((size_t)(m.t.names - BASE) * 2 + m.names_end) / 3 / PAGE;
		src.lost = lost;
		told_lost = 0;
		assert_null(kallsyms_open(&src, &m.t, &k));
		m.lost[page] = true;
		assert_true(kallsyms_last_named(k, m.name[SYMS - 1], false, &s));
		expect_symbol(&m, &s, SYMS - 1);
		assert_int_equal(told_lost, 0);
		assert_true(right_ones(&m, k) > SYMS / 2);
		assert_int_equal(told_lost, 1);
		m.lost[page] = false;
		kallsyms_close(k);
	}
	free_image(&m);
}

/* The last of a name, wherever it is, however much has been read. */
static void last_of_a_name(void **state)
{
	static const uint32_t places[] = {PERCPU + 3, 2500, 3000, SYMS / 2, SYMS - 400, SYMS - 5};
	enum { N = sizeof(places) / sizeof(places[0]) };
	struct kallsyms *k;
	struct image m;
	struct sym s;

	(void)state;
	for (unsigned a = 0; a < N; a++)
		for (unsigned b = a; b < N; b++) {
			make_image(&m, &kinds[0]);
			for (unsigned i = a; i <= b; i += b > a ? b - a : 1) {
				free(m.name[places[i]]);
				m.name[places[i]] = xstrdup("twice_there");
				m.letter[places[i]] = 'd';
			}
			/* as it was made, but with these names */
			remake_image(&m, &kinds[0]);
			struct kallsyms_source src = slow_source(&m);
			assert_null(kallsyms_open(&src, &m.t, &k));
			assert_true(kallsyms_last_named(k, "twice_there", false, &s));
			expect_symbol(&m, &s, places[b]);
			assert_false(kallsyms_last_named(k, "thrice_there", false, &s));
			assert_true(kallsyms_last_named(k, "twice_there", false, &s));
			expect_symbol(&m, &s, places[b]);
			kallsyms_close(k);
			free_image(&m);
		}
}

/* All that can be asked of whatever came out. */
static void use(const struct kallsyms_source *src, const struct kallsyms_tables *t)
{
	uint64_t low, high;
	volatile uint64_t sum = 0;
	struct kallsyms *k;
	struct sym s;

	if (!err_ok(kallsyms_open(src, t, &k)))
		return;
	kallsyms_bounds(k, &low, &high);
	for (uint32_t i = 0; i < kallsyms_count(k); i++)
		if (kallsyms_get(k, i, &s))
			sum += strlen(s.name) + s.size;
	kallsyms_close(k);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void changed_bytes(void **state)
{
	struct kallsyms_tables t;
	uint32_t seed = 1;
	struct image m;

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		make_image(&m, &kinds[i]);
		struct kallsyms_source src = source(&m, true);
		size_t n = m.table_end - TABLES_AT;
		for (unsigned round = 0; round < 150; round++) {
			size_t at[8];
			uint8_t was[8];
			for (unsigned j = 0; j < 8; j++) {
				at[j] = TABLES_AT + next_random(&seed) % n;
				was[j] = m.p[at[j]];
				m.p[at[j]] = (uint8_t)next_random(&seed);
			}
			use(&src, &m.t);
			if (round % 10 == 0 && err_ok(kallsyms_find(&src, NULL, &t)))
				use(&src, &t);
			for (unsigned j = 8; j-- > 0;)
				m.p[at[j]] = was[j];
		}
		free_image(&m);
	}
}

static void counts_and_places(void **state)
{
	static const uint32_t counts[] = {0, 1, 255, 256, 257, SYMS - 1, SYMS + 1, SYMS * 2,
					  1u << 22, 1u << 30, UINT32_MAX};
	struct image m;

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		make_image(&m, &kinds[i]);
		struct kallsyms_source src = source(&m, true);
		for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
			memcpy(m.p + (m.t.num_syms - BASE), &counts[c], 4);
			use(&src, &m.t);
		}
		uint32_t n = SYMS;
		memcpy(m.p + (m.t.num_syms - BASE), &n, 4);
		for (size_t w = 0; w < sizeof(m.t) / sizeof(uint64_t); w++) {
			static const uint64_t places[] = {1, BASE, BASE + SIZE - 3, BASE + 0x1000,
							  UINT64_MAX, UINT64_MAX - 4096};
			for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
				struct kallsyms_tables t = m.t;
				memcpy((char *)&t + w * 8, &places[p], 8);
				use(&src, &t);
			}
		}
		free_image(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_encoding),    cmocka_unit_test(found_by_searching),
		cmocka_unit_test(not_there),	     cmocka_unit_test(contradicted),
		cmocka_unit_test(lost_pages),	     cmocka_unit_test(changed_bytes),
		cmocka_unit_test(counts_and_places),
		cmocka_unit_test(damage_found_late), cmocka_unit_test(last_of_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

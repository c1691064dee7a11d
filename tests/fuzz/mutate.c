/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes that find what parsers get wrong: numbers at the edges of their ranges, numbers a little off,
 * words from elsewhere in the same input (pointers that make circles), pieces cut out, doubled, moved
 * and taken from other seeds. Half of all inputs have one or two changes only, so that they get far.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "tests/fuzz/fuzz.h"

struct edit {
	uint8_t *p;
	size_t n, cap;
	uint64_t state;
	bool fixed;
};

static uint64_t next(uint64_t *s)
{
	uint64_t z = *s += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t below(struct edit *e, size_t n)
{
	return n ? (size_t)(next(&e->state) % n) : 0;
}

/* Headers come first, so every third change is near the start; numbers are mostly aligned. */
static size_t somewhere(struct edit *e, size_t size)
{
	size_t n = e->n < size ? 0 : e->n - size + 1;
	size_t at = below(e, below(e, 3) || n < 512 ? n : 512);

	return below(e, 2) ? at & ~(size - 1) : at;
}

static void put_number(struct edit *e)
{
	static const uint64_t edges[] = {0, 1, 2, 3, 4, 7, 8, 15, 16, 0x7f, 0x80, 0xff, 0x100, 0xfff, 0x1000,
					 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0,
					 0xffffffff, UINT64_C(0x100000000), INT64_MAX, UINT64_C(1) << 63,
					 UINT64_MAX - 7, UINT64_MAX};
	size_t size = (size_t)1 << below(e, 4), at = somewhere(e, size);
	uint64_t v = 0;

	if (e->n < size)
		return;
	memcpy(&v, e->p + at, size);
	switch (below(e, 4)) {
	case 0: v += next(&e->state) % 33 - 16; break;
	case 1: v = next(&e->state); break;
	default: v = edges[below(e, sizeof(edges) / sizeof(edges[0]))]; break;
	}
	memcpy(e->p + at, &v, size);
}

static void put_word_from_elsewhere(struct edit *e)
{
	size_t size = below(e, 2) ? 8 : 4, to = somewhere(e, size), from = somewhere(e, size);

	if (e->n >= size)
		memmove(e->p + to, e->p + from, size);
}

static void flip_bit(struct edit *e)
{
	if (e->n)
		e->p[somewhere(e, 1)] ^= (uint8_t)(1u << below(e, 8));
}

static size_t some_length(struct edit *e, size_t from)
{
	size_t most = e->n - from;

	return 1 + below(e, below(e, 4) ? (most < 64 ? most : 64) : most);
}

static void fill(struct edit *e)
{
	static const uint8_t with[] = {0, 0xff, 0x80, 0x41};
	size_t at = somewhere(e, 1);

	if (e->n)
		memset(e->p + at, with[below(e, 4)], some_length(e, at));
}

static void copy_within(struct edit *e)
{
	size_t from = somewhere(e, 1), to = somewhere(e, 1);

	if (!e->n)
		return;
	size_t n = some_length(e, from > to ? from : to);
	memmove(e->p + to, e->p + from, n <= e->n - (from > to ? from : to) ? n : 0);
}

static void insert(struct edit *e, const uint8_t *p, size_t n)
{
	size_t at = somewhere(e, 1);

	n = n < e->cap - e->n ? n : e->cap - e->n;
	memmove(e->p + at + n, e->p + at, e->n - at);
	memcpy(e->p + at, p, n);
	e->n += n;
}

static void cut_out(struct edit *e)
{
	size_t at = somewhere(e, 1);

	if (!e->n)
		return;
	size_t n = some_length(e, at);
	memmove(e->p + at, e->p + at + n, e->n - at - n);
	e->n -= n;
}

static void cut_off(struct edit *e)
{
	if (e->n)
		e->n = below(e, e->n);
}

static void splice(struct edit *e, const struct corpus *c)
{
	const struct fuzz_input *o = &c->v[below(e, c->n)];
	size_t from = below(e, o->n), n = below(e, o->n - from < 256 ? o->n - from : 256);

	if (e->fixed && e->n >= n)
		memcpy(e->p + below(e, e->n - n + 1), o->p + from, n);
	else if (!e->fixed)
		insert(e, o->p + from, n);
}

static void change(struct edit *e, const struct corpus *c)
{
	switch (below(e, e->fixed ? 10 : 13)) {
	case 0: case 1: case 2: put_number(e); break;
	case 3: case 4: case 5: put_word_from_elsewhere(e); break;
	case 6: flip_bit(e); break;
	case 7: fill(e); break;
	case 8: copy_within(e); break;
	case 9: splice(e, c); break;
	case 10: cut_out(e); break;
	case 11: cut_off(e); break;
	default: flip_bit(e); put_number(e); break;
	}
}

uint8_t *mutate(const struct corpus *c, const struct fuzz_target *t, uint64_t seed, uint64_t i, size_t *n)
{
	struct edit e = {.state = seed * UINT64_C(0x2545f4914f6cdd1d) + i, .fixed = t->fixed};

	for (const char *s = t->name; *s; s++)
		e.state = e.state * 131 + (uint8_t)*s;
	next(&e.state);
	const struct fuzz_input *in = &c->v[i < c->n ? i : below(&e, c->n)];
	e.cap = in->n + 4096;
	e.p = xmalloc(e.cap);
	memcpy(e.p, in->p, in->n);
	e.n = in->n;
	size_t changes = below(&e, 2) ? 1 + below(&e, 2) : 1 + below(&e, 40);
	for (size_t k = 0; k < changes && (t->alone || i >= c->n); k++) /* seeds go first, unchanged */
		change(&e, c);
	uint8_t *p = exact_copy((struct bytes){e.p, e.n});
	free(e.p);
	*n = e.n;
	return p;
}

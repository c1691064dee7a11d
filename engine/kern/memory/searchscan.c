/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers and strings in bytes. Nearly all memory is not what is searched, so blocks of a fixed size are asked
 * first whether anything is in them, in loops without branches that the compiler turns into vector instructions;
 * only a block that says yes is looked at closely.
 *
 * One subtraction tells whether a number is in a range: with x = number - lo, x < size exactly when the top bit
 * of (x - size) & ~x is set, for sizes up to half of all numbers.
 */
#include "engine/kern/memory/searchimpl.h"
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include <string.h>

#define BLOCK 64u /* numbers, or places of a string */

void hits_add(struct hits *h, uint64_t addr, uint64_t value, size_t length, size_t which)
{
	GROW(h->v, h->n, h->cap);
	h->v[h->n++] = (struct search_hit){
		.addr = addr, .value = value, .length = (uint32_t)length, .which = (uint32_t)which};
}

#define ANY(bits)                                                                                                  \
	static bool any_##bits(const unsigned char *p, uint##bits##_t keep, uint##bits##_t lo, uint##bits##_t size) \
	{                                                                                                          \
		uint##bits##_t w[BLOCK], acc = 0;                                                                  \
		memcpy(w, p, sizeof(w));                                                                           \
		for (unsigned i = 0; i < BLOCK; i++) {                                                             \
			uint##bits##_t x = (uint##bits##_t)((w[i] & keep) - lo);                                   \
			acc |= (uint##bits##_t)((uint##bits##_t)(x - size) & (uint##bits##_t)~x);                  \
		}                                                                                                  \
		return acc >> (bits - 1);                                                                          \
	}
ANY(64)
ANY(32)
ANY(16)

static uint64_t load(const unsigned char *p, unsigned width)
{
	return width == 8 ? load_u64(p) : width == 4 ? load_u32(p) : load_u16(p);
}

static bool any(const struct search_query *q, size_t which, const unsigned char *p)
{
	uint64_t lo = q->numbers[which].lo, size = q->numbers[which].size;

	if (q->width == 8)
		return any_64(p, q->keep, lo, size);
	if (size >> (q->width * 8 - 1))
		return true; /* more than half of all: look closely */
	if (q->width == 4)
		return any_32(p, (uint32_t)q->keep, (uint32_t)lo, (uint32_t)size);
	return any_16(p, (uint16_t)q->keep, (uint16_t)lo, (uint16_t)size);
}

/* The numbers in [at, end), by address. */
static void look(const struct search_query *q, const struct segment *s, size_t at, size_t end, struct hits *h)
{
	for (; at < end; at += q->width) {
		uint64_t v = load(s->p + at, q->width);
		for (size_t i = 0; i < q->n; i++) {
			if ((v & q->keep) - q->numbers[i].lo < q->numbers[i].size) {
				hits_add(h, s->va + at, v, q->width, i);
				break;
			}
		}
	}
}

void scan_numbers(const struct search_query *q, const struct segment *s, struct hits *h)
{
	size_t at = (size_t)(-s->va & (q->width - 1)), step = BLOCK * q->width;

	for (; at <= s->n && s->n - at >= step; at += step) {
		bool found = false;
		for (size_t i = 0; i < q->n && !found; i++)
			found = any(q, i, s->p + at);
		if (found)
			look(q, s, at, at + step, h);
	}
	if (at < s->n)
		look(q, s, at, at + (s->n - at) / q->width * q->width, h);
}

/* Is there a place among the BLOCK ones from p on with byte a, and byte b behind it by `gap`? */
static bool any_pair(const unsigned char *p, size_t gap, unsigned char a, unsigned char b)
{
	const unsigned char *behind = p + gap;
	unsigned char acc = 0;

	for (unsigned i = 0; i < BLOCK; i++)
		acc |= (unsigned char)((p[i] == a) & (behind[i] == b));
	return acc;
}

/* All places of one string that lie wholly in n bytes. */
static void look_string(const struct search_string *x, size_t which, const unsigned char *p, size_t n, uint64_t va,
			struct hits *h)
{
	unsigned char a = x->bytes[0], b = x->bytes[x->n - 1];

	for (size_t at = 0; n >= x->n && at <= n - x->n;) {
		size_t places = n - x->n + 1 - at, end = at + (places < BLOCK ? places : BLOCK);
		if (places >= BLOCK && !any_pair(p + at, x->n - 1, a, b)) {
			at = end;
			continue;
		}
		for (; at < end; at++)
			if (p[at] == a && !memcmp(p + at, x->bytes, x->n))
				hits_add(h, va + at, 0, x->n, which);
	}
}

/* Could a string begin within the last bytes of the segment and go on behind it? */
static bool begins(const struct search_query *q, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < q->n; i++)
		for (size_t k = 1; k < q->strings[i].n && k <= n; k++)
			if (!memcmp(p + n - k, q->strings[i].bytes, k))
				return true;
	return false;
}

/* What begins in the segment's last bytes and ends behind it. */
static void over_the_end(const struct search_query *q, const struct segment *s, struct hits *h)
{
	size_t tail = q->longest - 1 < s->n ? q->longest - 1 : s->n;

	if (!s->more || !tail || !begins(q, s->p + s->n - tail, tail))
		return;
	AUTO_FREE unsigned char *bytes = xmalloc(tail + q->longest);
	memcpy(bytes, s->p + s->n - tail, tail);
	size_t have = s->more(s->ctx, bytes + tail, q->longest - 1);
	for (size_t i = 0; i < q->n; i++) {
		const struct search_string *x = &q->strings[i];
		/* only places from which it reaches over the end */
		size_t skip = tail > x->n - 1 ? tail - (x->n - 1) : 0;
		size_t n = tail - skip + (have < x->n - 1 ? have : x->n - 1);
		look_string(x, i, bytes + skip, n, s->va + s->n - tail + skip, h);
	}
}

static int by_addr(const void *pa, const void *pb)
{
	const struct search_hit *a = pa, *b = pb;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return a->which < b->which ? -1 : a->which > b->which;
}

void scan_strings(const struct search_query *q, const struct segment *s, struct hits *h)
{
	size_t first = h->n;

	for (size_t i = 0; i < q->n; i++)
		look_string(&q->strings[i], i, s->p, s->n, s->va, h);
	over_the_end(q, s, h);
	if (q->n > 1 && h->n > first)
		qsort(h->v + first, h->n - first, sizeof(*h->v), by_addr);
}

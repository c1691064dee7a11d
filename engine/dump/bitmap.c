/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bitmaps of a kdump file, which for 16 TiB of memory are 512 MiB each: blocks of 4 KiB (128
 * MiB of memory) are read on demand into a small direct-mapped cache with a lock a slot, each with
 * counts of its bits in steps of 64 bytes. A table of 8 bytes a block gives a block's first rank;
 * it is built from the front as far as somebody asks. So a rank costs a few popcounts, and opening
 * costs nothing.
 *
 * Bits that the file doesn't have count as 0.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/dump/kdump.h"

#define SLOTS 32u
#define STEP 64u /* bytes between counts within a block */
#define STEPS (BITMAP_BLOCK / STEP)
#define BASE_LIMIT (32u << 20)

struct bitmap_slot {
	pthread_mutex_t lock;
	uint64_t key; /* block + 1 */
	uint32_t got; /* bytes that the file had */
	uint16_t rank[STEPS];
	uint64_t *words;
};

static unsigned popcount(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555u;
	x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned)(x * 0x0101010101010101u >> 56);
}

static unsigned popcount_words(const uint64_t *w, size_t n)
{
	unsigned sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += popcount(w[i]);
	return sum;
}

struct err *bitmap_init(struct bitmap *b, const struct dfile *f, uint64_t off, uint64_t size,
			uint64_t first, bool ranks)
{
	*b = (struct bitmap){.f = f, .off = off, .first = first};
	if (off < f->size)
		b->size = size < f->size - off ? size : f->size - off;
	pthread_mutex_init(&b->lock, NULL);
	b->slots = xcalloc(SLOTS, sizeof(*b->slots));
	for (unsigned i = 0; i < SLOTS; i++)
		pthread_mutex_init(&b->slots[i].lock, NULL);
	uint64_t most = DUMP_PFN_MAX / 8 < b->size ? DUMP_PFN_MAX / 8 : b->size;
	b->max_base = most / BITMAP_BLOCK + 1;
	return ranks ? try_alloc(b->max_base, sizeof(*b->base), BASE_LIMIT, &b->base) : NULL;
}

void bitmap_destroy(struct bitmap *b)
{
	if (!b->slots)
		return;
	for (unsigned i = 0; i < SLOTS; i++) {
		pthread_mutex_destroy(&b->slots[i].lock);
		free(b->slots[i].words);
	}
	pthread_mutex_destroy(&b->lock);
	free(b->slots);
	free(b->base);
}

static uint32_t read_block(const struct bitmap *b, uint64_t block, void *buf)
{
	uint64_t at = block * BITMAP_BLOCK;
	uint64_t left = at < b->size ? b->size - at : 0;
	size_t want = left < BITMAP_BLOCK ? (size_t)left : BITMAP_BLOCK;
	size_t got = want ? dfile_read(b->f, b->off + at, buf, want) : 0;

	memset((char *)buf + got, 0, BITMAP_BLOCK - got);
	return (uint32_t)got;
}

/* The slot of a block, locked and filled. */
static struct bitmap_slot *slot_get(struct bitmap *b, uint64_t block)
{
	struct bitmap_slot *s = &b->slots[block % SLOTS];

	pthread_mutex_lock(&s->lock);
	if (s->key == block + 1)
		return s;
	if (!s->words)
		s->words = xmalloc(BITMAP_BLOCK);
	s->got = read_block(b, block, s->words);
	unsigned sum = 0;
	for (size_t i = 0; i < STEPS; i++) {
		s->rank[i] = (uint16_t)sum;
		sum += popcount_words(s->words + i * STEP / 8, STEP / 8);
	}
	s->key = block + 1;
	return s;
}

static void slot_put(struct bitmap_slot *s)
{
	pthread_mutex_unlock(&s->lock);
}

/* Set bits of a slot before bit `bit`, which may be one past the end. */
static unsigned slot_rank(const struct bitmap_slot *s, unsigned bit)
{
	unsigned step = bit / (STEP * 8), word = bit / 64;
	if (step == STEPS)
		return s->rank[STEPS - 1] +
		       popcount_words(s->words + (STEPS - 1) * STEP / 8, STEP / 8);
	unsigned n =
		s->rank[step] + popcount_words(s->words + step * STEP / 8, word - step * STEP / 8);
	uint64_t mask = (UINT64_C(1) << bit % 64) - 1;
	return n + popcount(s->words[word] & mask);
}

/* Extends the table of ranks up to entry k. Under b->lock. */
static void base_extend(struct bitmap *b, uint64_t k)
{
	uint64_t words[BITMAP_BLOCK / 8], k0 = b->first / BITMAP_PFNS, n = b->nbase;

	if (!n) {
		struct bitmap_slot *s = slot_get(b, k0);
		b->base[0] = 0 - (uint64_t)slot_rank(s, (unsigned)(b->first % BITMAP_PFNS));
		slot_put(s);
		n = 1;
	}
	for (; n <= k; n++) {
		read_block(b, k0 + n - 1, words);
		b->base[n] = b->base[n - 1] + popcount_words(words, BITMAP_BLOCK / 8);
	}
	__atomic_store_n(&b->nbase, n, __ATOMIC_RELEASE);
}

/* Entry k of the table of ranks. */
static uint64_t base_get(struct bitmap *b, uint64_t k)
{
	if (k >= __atomic_load_n(&b->nbase, __ATOMIC_ACQUIRE)) {
		pthread_mutex_lock(&b->lock);
		if (k >= b->nbase)
			base_extend(b, k);
		pthread_mutex_unlock(&b->lock);
	}
	return b->base[k];
}

int bitmap_test(struct bitmap *b, uint64_t pfn, uint64_t *rank)
{
	uint64_t block = pfn / BITMAP_PFNS, k = block - b->first / BITMAP_PFNS;
	unsigned bit = (unsigned)(pfn % BITMAP_PFNS), below = 0;

	if (pfn / 8 >= b->size)
		return -1;
	struct bitmap_slot *s = slot_get(b, block);
	int r = bit / 8 < s->got ? (int)(s->words[bit / 64] >> bit % 64 & 1) : -1;
	if (r > 0 && rank)
		below = slot_rank(s, bit);
	slot_put(s);
	if (r > 0 && rank)
		*rank = k < b->max_base ? base_get(b, k) + below : UINT64_MAX;
	return r;
}

uint64_t bitmap_bits(struct bitmap *b, uint64_t pfn, unsigned n, unsigned *have, uint64_t *rank)
{
	uint64_t block = pfn / BITMAP_PFNS, k = block - b->first / BITMAP_PFNS, bits;
	unsigned bit = (unsigned)(pfn % BITMAP_PFNS), word = bit / 64, shift = bit % 64, below;

	struct bitmap_slot *s = slot_get(b, block);
	bits = s->words[word] >> shift;
	if (shift && word + 1 < BITMAP_BLOCK / 8)
		bits |= s->words[word + 1] << (64 - shift);
	*have = s->got * 8 <= bit ? 0 : s->got * 8 - bit < n ? s->got * 8 - bit : n;
	below = slot_rank(s, bit);
	slot_put(s);
	if (rank)
		*rank = k < b->max_base ? base_get(b, k) + below : UINT64_MAX;
	return n < 64 ? bits & ((UINT64_C(1) << n) - 1) : bits;
}

/* The first set bit of a slot at or after `bit`; BITMAP_PFNS if there is none. */
static unsigned slot_next(const struct bitmap_slot *s, unsigned bit)
{
	uint64_t x = s->words[bit / 64] >> bit % 64;

	if (x)
		return bit + (unsigned)__builtin_ctzll(x);
	for (unsigned w = bit / 64 + 1; w < BITMAP_BLOCK / 8; w++)
		if (s->words[w])
			return w * 64 + (unsigned)__builtin_ctzll(s->words[w]);
	return BITMAP_PFNS;
}

uint64_t bitmap_next(struct bitmap *b, uint64_t pfn, uint64_t end)
{
	while (pfn < end && pfn / 8 < b->size) {
		uint64_t block = pfn / BITMAP_PFNS;
		struct bitmap_slot *s = slot_get(b, block);
		unsigned bit = slot_next(s, (unsigned)(pfn % BITMAP_PFNS));
		slot_put(s);
		pfn = block * BITMAP_PFNS + bit;
		if (bit < BITMAP_PFNS)
			return pfn < end ? pfn : UINT64_MAX;
	}
	return UINT64_MAX;
}

uint64_t bitmap_count(struct bitmap *b, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;

	for (uint64_t pfn = from; pfn < to && pfn / 8 < b->size;) {
		uint64_t block = pfn / BITMAP_PFNS, end = (block + 1) * BITMAP_PFNS;
		unsigned lo = (unsigned)(pfn % BITMAP_PFNS);
		unsigned hi = to < end ? (unsigned)(to % BITMAP_PFNS) : BITMAP_PFNS;
		struct bitmap_slot *s = slot_get(b, block);
		sum += slot_rank(s, hi) - slot_rank(s, lo);
		slot_put(s);
		pfn = end;
	}
	return sum;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/type/btfstrings.h"
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"

#define LONGEST 1025u /* no name is that long */

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

/* Length, within most bytes, and hash of a string, eight bytes at a time: this runs over a megabyte before the first
 * screen. The last word has zeroes behind the end, so the length needn't be known before. */
static size_t measure(const char *s, size_t most, uint32_t *ret)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t h = 0, word = 0;
	size_t n = 0;

	for (; most - n >= 8; n += 8) {
		word = load_u64(s + n);
		uint64_t ends = (word - ones) & ~word & ones << 7;
		if (ends) {
			unsigned left = (unsigned)__builtin_ctzll(ends) / 8;
			*ret = (uint32_t)(mix(h, left ? word & UINT64_MAX >> (64 - 8 * left) : 0) >> 32);
			return n + left;
		}
		h = mix(h, word);
	}
	word = 0;
	for (unsigned i = 0; n < most && s[n]; i += 8)
		word |= (uint64_t)(uint8_t)s[n++] << i;
	*ret = (uint32_t)(mix(h, word) >> 32);
	return n;
}

struct err *btf_strings_init(struct btf_strings *t, const char *text, uint32_t len)
{
	uint32_t cap = 64;

	while (cap < len / 64)
		cap *= 2;
	*t = (struct btf_strings){.text = text, .len = len, .mask = cap - 1, .room = len / 16 + 16};
	TRY(try_alloc(t->room, sizeof(*t->entry), (size_t)1 << 30, &t->entry)); /* mostly enough */
	TRY(try_alloc(cap, sizeof(*t->head), (size_t)1 << 30, &t->head));
	alloc_touch(t->head, cap * sizeof(*t->head));
	return NULL;
}

void btf_strings_done(struct btf_strings *t)
{
	free(t->head);
	free(t->entry);
	free(t->sealed);
	*t = (struct btf_strings){0};
}

static void add(struct btf_strings *t, uint32_t offset, uint32_t hash)
{
	uint32_t *head = &t->head[hash & t->mask];

	GROW(t->entry, t->n, t->room);
	t->entry[t->n] = (struct btf_string){offset, *head};
	*head = ++t->n;
}

void btf_strings_add(struct btf_strings *t, uint32_t offset)
{
	uint32_t hash, most = t->len - offset;

	if (measure(t->text + offset, most < LONGEST ? most : LONGEST, &hash) < LONGEST)
		add(t, offset, hash);
}

void btf_strings_index(struct btf_strings *t, uint32_t have)
{
	while (t->at < have) {
		uint32_t from = t->at + t->seen, hash;
		size_t n = t->seen < LONGEST ? measure(t->text + t->at, have - t->at, &hash)
					     : t->seen + strnlen(t->text + from, have - from);
		if (t->at + n == have && have < t->len) {
			t->seen = (uint32_t)n; /* it goes on in what isn't there yet */
			break;
		}
		if (n && n < LONGEST)
			add(t, t->at, hash);
		t->at += (uint32_t)n + 1;
		t->seen = 0;
	}
}

void btf_strings_seal(struct btf_strings *t)
{
	uint32_t *sealed = xmalloc((t->n + 1) * sizeof(*sealed)), n = 0;
	uint32_t *begin = xmalloc(((size_t)t->mask + 2) * sizeof(*begin));

	for (uint32_t h = 0; h <= t->mask; h++) {
		begin[h] = n;
		for (uint32_t i = t->head[h]; i; i = t->entry[i - 1].next)
			sealed[n++] = t->entry[i - 1].offset;
	}
	begin[t->mask + 1] = n;
	free(t->head);
	free(t->entry);
	t->head = begin;
	t->entry = NULL;
	t->sealed = sealed;
}

/* Steps from *e to the next of the chain; 0: it has ended. */
static uint32_t step(const struct btf_strings *t, uint32_t hash, uint32_t e, uint32_t *offset)
{
	uint32_t h = hash & t->mask;

	if (!t->sealed) {
		e = e ? t->entry[e - 1].next : t->head[h];
		*offset = e ? t->entry[e - 1].offset : 0;
		return e;
	}
	e = e ? e : t->head[h];
	if (e >= t->head[h + 1])
		return 0;
	*offset = t->sealed[e];
	return e + 1;
}

bool btf_strings_next(const struct btf_strings *t, const char *s, uint32_t *e, uint32_t *offset)
{
	uint32_t hash, at;

	measure(s, strlen(s), &hash);
	for (uint32_t i = *e; (i = step(t, hash, i, &at));) {
		if (strcmp(t->text + at, s))
			continue;
		*e = i;
		*offset = at;
		return true;
	}
	return false;
}

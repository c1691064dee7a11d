/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * States: copying, comparing, and meeting. Where paths meet, a place keeps its value if all paths
 * give it the same one; places that differ, but among each other agree on every path, get one new
 * symbol: they still hold the same number, whatever it is.
 */
#include "engine/dis/state.h"
#include <string.h>
#include "engine/base/alloc.h"

bool val_same(struct val a, struct val b)
{
	return a.sym != SYM_UNKNOWN && a.sym == b.sym && a.ext == b.ext && a.add == b.add;
}

unsigned val_bits(struct val v)
{
	static const uint8_t bits[] = {64, 32, 32, 16, 16, 8, 8};

	return bits[v.ext];
}

uint64_t val_extend(struct val v, uint64_t base)
{
	switch ((enum ext)v.ext) {
	case EXT_NONE:
		return base;
	case EXT_Z32:
		return (uint32_t)base;
	case EXT_S32:
		return (uint64_t)(int64_t)(int32_t)base;
	case EXT_Z16:
		return (uint16_t)base;
	case EXT_S16:
		return (uint64_t)(int64_t)(int16_t)base;
	case EXT_Z8:
		return (uint8_t)base;
	case EXT_S8:
		return (uint64_t)(int64_t)(int8_t)base;
	}
	return base;
}

void state_free(struct state *s)
{
	free(s->slot);
	*s = (struct state){0};
}

void state_copy(struct state *to, const struct state *from)
{
	struct slot *v = to->slot;
	size_t cap = to->cap;

	if (cap < from->n) {
		cap = from->n + 8;
		v = xrealloc(v, cap, sizeof(*v));
	}
	*to = *from;
	to->slot = v;
	to->cap = cap;
	if (from->n)
		memcpy(v, from->slot, from->n * sizeof(*v));
}

/* Unknown places are equal here: they are as they were. */
static bool same_or_unknown(struct val a, struct val b)
{
	return a.sym == b.sym && a.ext == b.ext && a.add == b.add;
}

bool state_equal(const struct state *a, const struct state *b)
{
	if (a->visited != b->visited || a->escaped != b->escaped || a->n != b->n)
		return false;
	for (unsigned r = 0; r < NREGS; r++)
		if (!same_or_unknown(a->reg[r].v, b->reg[r].v))
			return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->slot[i].off != b->slot[i].off || a->slot[i].size != b->slot[i].size ||
		    !same_or_unknown(a->slot[i].at.v, b->slot[i].at.v))
			return false;
	return true;
}

void state_entry(struct state *s)
{
	s->visited = true;
	s->escaped = false;
	s->n = 0;
	for (unsigned r = 0; r < NREGS; r++)
		s->reg[r] = (struct place){.v = {.sym = SYM_ENTRY + r}};
}

void state_unknown(struct state *s)
{
	s->visited = true;
	s->escaped = true; /* who knows */
	s->n = 0;
	memset(s->reg, 0, sizeof(s->reg));
}

bool state_height(const struct state *s, int64_t *ret)
{
	const struct val *sp = &s->reg[REG_RSP].v;

	*ret = sp->add;
	return sp->sym == SYM_ENTRY + REG_RSP && !sp->ext;
}

static const struct slot *find_slot(const struct state *s, int32_t off, uint32_t size)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->slot[i].off == off && s->slot[i].size == size)
			return &s->slot[i];
	return NULL;
}

/* One place, as each of the paths has it. */
struct meeting {
	const struct state *const *v;
	size_t n;
	uint32_t block;
};

static const struct place *place_in(const struct state *s, const struct state *as, size_t i)
{
	if (i < NREGS)
		return &s->reg[i];
	const struct slot *k = find_slot(s, as->slot[i - NREGS].off, as->slot[i - NREGS].size);
	return k ? &k->at : NULL;
}

static bool is_stale(struct val v, uint32_t block)
{
	return v.sym >= SYM_MEET && (v.sym & (SYM_MEET - 1)) >> 10 == block;
}

static bool on_stack(struct val v)
{
	return v.sym == SYM_ENTRY + REG_RSP;
}

/* Do places a and b agree with each other on every path? */
static bool always_equal(const struct meeting *m, const struct state *as, size_t a, size_t b)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct place *x = place_in(m->v[i], as, a), *y = place_in(m->v[i], as, b);
		if (!x || !y || !val_same(x->v, y->v))
			return false;
	}
	return true;
}

static struct place meet_place(const struct meeting *m, struct state *as, size_t i)
{
	const struct place *first = place_in(m->v[0], as, i);
	struct place ret = *first;
	bool same = !is_stale(first->v, m->block), known = first->v.sym != SYM_UNKNOWN,
	     stack = false;

	for (size_t k = 0; k < m->n; k++) {
		const struct place *p = place_in(m->v[k], as, i);
		same = same && val_same(first->v, p->v);
		known = known && p->v.sym != SYM_UNKNOWN;
		stack = stack || on_stack(p->v);
		if (p->by != ret.by && p->by && ret.by)
			ret.by = ret.by < p->by ? ret.by : p->by;
	}
	if (same)
		return ret;
	if (stack)
		as->escaped = true;
	if (stack && i == REG_RSP)
		as->n = 0;
	if (!known)
		return (struct place){.v = {.sym = SYM_UNKNOWN}};
	for (size_t k = 0; k < i; k++)
		if (is_stale(k < NREGS ? as->reg[k].v : as->slot[k - NREGS].at.v, m->block) &&
		    always_equal(m, as, i, k))
			return k < NREGS ? as->reg[k] : as->slot[k - NREGS].at;
	return (struct place){.v = {.sym = SYM_MEET | m->block << 10 | (uint32_t)i}};
}

static void keep_common_slots(struct state *ret, const struct meeting *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < ret->n; i++) {
		bool all = true;
		for (size_t k = 1; k < m->n && all; k++)
			all = find_slot(m->v[k], ret->slot[i].off, ret->slot[i].size);
		if (all)
			ret->slot[kept++] = ret->slot[i];
	}
	ret->n = kept;
}

void state_meet(struct state *ret, const struct state *const *v, size_t n, uint32_t block)
{
	struct meeting m = {v, n, block & 0xfffff};

	state_copy(ret, v[0]);
	for (size_t k = 1; k < n; k++)
		ret->escaped |= v[k]->escaped;
	if (n == 1)
		return;
	keep_common_slots(ret, &m);
	for (size_t i = 0; i < NREGS + ret->n; i++) {
		struct place p = meet_place(&m, ret, i);
		if (i < NREGS)
			ret->reg[i] = p;
		else if (i - NREGS < ret->n)
			ret->slot[i - NREGS].at = p;
	}
}

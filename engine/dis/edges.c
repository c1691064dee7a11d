/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Edges of control flow that the instructions don't show, from vmlinux' tables:
 *
 * - __ex_table: an instruction that may fault, and where the handler goes on. Entries are place-
 *   relative: { s32 insn, s32 fixup, s32 data }; before 4.6 without the third.
 * - __jump_table: a no-op or jump that is patched at run time, and the other way it may go:
 *   { s32 code, s32 target, s64 key }; before 4.19 three absolute 64-bit addresses.
 *
 * What a text of now jumps over may have been run a while ago, so both ways of a label count.
 *
 * Sources: Linux' arch/x86/include/asm/extable.h, extable_fixup_types.h, include/linux/jump_label.h.
 */
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/dis/impl.h"

#define MAX_EDGES 1000000
#define NO_REG 0xff

/* x86's numbers of the general registers as DWARF's. */
static const uint8_t dwarf_of[16] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

static int by_from(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static void sort(struct edges *e)
{
	if (e->n)
		qsort(e->v, e->n, sizeof(*e->v), by_from);
}

static uint64_t relative(const struct object_section *s, size_t at, uint64_t bias)
{
	uint32_t v = load_u32((const uint8_t *)s->data + at);

	return bias + s->addr + at + (uint64_t)(int64_t)(int32_t)v;
}

/* Does the table, read with this size of an entry, lead from text to text all along? */
static bool fits(const struct object_section *s, size_t entry, uint64_t bias, struct object *o)
{
	if (!s->size || s->size % entry)
		return false;
	for (size_t at = 0; at < s->size; at += entry)
		if (!object_contains(o, relative(s, at, bias)) ||
		    !object_contains(o, relative(s, at + 4, bias)))
			return false;
	return true;
}

static void put(struct edges *e, uint64_t from, uint64_t to, uint8_t reg)
{
	if (e->n == MAX_EDGES)
		return;
	GROW(e->v, e->n, e->cap);
	e->v[e->n++] = (struct edge){from, to, reg};
}

static void read_faults(struct dis *d, struct object *o)
{
	uint64_t bias = object_bias(o);
	struct object_section s;

	if (!object_section(o, "__ex_table", &s))
		return;
	size_t entry = fits(&s, 12, bias, o) ? 12 : fits(&s, 8, bias, o) ? 8 : 0;
	for (size_t at = 0; entry && at < s.size; at += entry) {
		uint8_t reg = NO_REG;
		/* older kernels have a handler's address there: then one register too many is
		 * given up */
		if (entry == 12)
			reg = dwarf_of[load_u32((const uint8_t *)s.data + at + 8) >> 8 & 15];
		put(&d->faults, relative(&s, at, bias), relative(&s, at + 4, bias), reg);
	}
}

static void read_labels(struct dis *d, struct object *o)
{
	uint64_t bias = object_bias(o);
	struct object_section s;

	if (!object_section(o, "__jump_table", &s))
		return;
	if (fits(&s, 16, bias, o)) {
		for (size_t at = 0; at < s.size; at += 16)
			put(&d->labels, relative(&s, at, bias), relative(&s, at + 4, bias), NO_REG);
		return;
	}
	for (size_t at = 0; s.size % 24 == 0 && at < s.size; at += 24) {
		const uint8_t *p = (const uint8_t *)s.data + at;
		put(&d->labels, load_u64(p) + bias, load_u64(p + 8) + bias, NO_REG);
	}
}

static void range_of(const struct edges *e, uint64_t start, uint64_t end, const struct edge **v,
		     size_t *n)
{
	size_t lo = 0, hi = e->n;

	*n = 0;
	if (!e->n)
		return;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (e->v[mid].from < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	*v = e->v + lo;
	for (; lo + *n < e->n && e->v[lo + *n].from < end; ++*n)
		;
}

bool hidden_edges(struct dis *d, struct object *o, uint64_t start, uint64_t end,
		  const struct edge **faults, size_t *nfaults, const struct edge **labels,
		  size_t *nlabels)
{
	*nfaults = *nlabels = 0;
	*faults = *labels = NULL;
	if (!o)
		return false;
	pthread_mutex_lock(&d->lock);
	if (!d->tables_of && !strcmp(object_name(o), "vmlinux")) {
		d->tables_of = o;
		read_faults(d, o);
		read_labels(d, o);
		sort(&d->faults);
		sort(&d->labels);
	}
	pthread_mutex_unlock(&d->lock);
	if (d->tables_of != o)
		return false;
	range_of(&d->faults, start, end, faults, nfaults);
	range_of(&d->labels, start, end, labels, nlabels);
	return d->faults.n != 0;
}

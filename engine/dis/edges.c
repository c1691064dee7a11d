/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Edges of control flow that the instructions don't show, from the kernel's own tables:
 *
 * - __ex_table: an instruction that may fault, and where the handler goes on. Entries are place-
 *   relative: { s32 insn, s32 fixup, s32 data }; before 4.6 without the third.
 * - __jump_table: a no-op or jump that is patched at run time, and the other way it may go:
 *   { s32 code, s32 target, s64 key }; before 4.19 three absolute 64-bit addresses.
 *
 * What a text of now jumps over may have been run a while ago, so both ways of a label count.
 *
 * Sources: Linux' arch/x86/include/asm/extable.h, extable_fixup_types.h,
 * include/linux/jump_label.h.
 */
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/dis/impl.h"

#define MAX_EDGES 1000000
#define MAX_TABLE (16 << 20) /* bytes */
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

/* A table's bytes, and the run-time address of the first. */
struct bytes {
	uint8_t *p;
	size_t n;
	uint64_t addr;
	uint64_t bias; /* to add to whole addresses in it */
};

/* From the dump's memory, between two symbols; where that is lost, from the file. */
static bool read_table(struct dis *d, struct object *o, const char *start, const char *stop,
		       const char *section, struct bytes *ret)
{
	struct object_section file;
	struct sym lo, hi;

	*ret = (struct bytes){0};
	if (sym_find(d->symtab, start, &lo) && sym_find(d->symtab, stop, &hi) && lo.object == o &&
	    hi.addr > lo.addr && err_ok(try_alloc(hi.addr - lo.addr, 1, MAX_TABLE, &ret->p))) {
		ret->n = (size_t)(hi.addr - lo.addr);
		ret->addr = lo.addr;
		if (err_ok(mem_read(d->mem, KERNEL, ret->addr, ret->p, ret->n)))
			return true;
		free(ret->p);
		*ret = (struct bytes){0};
	}
	if (!object_section(o, section, &file) || !file.size ||
	    !err_ok(try_alloc(file.size, 1, MAX_TABLE, &ret->p)))
		return false;
	memcpy(ret->p, file.data, file.size);
	ret->n = file.size;
	ret->bias = object_bias(o);
	ret->addr = file.addr + ret->bias;
	return true;
}

static uint64_t relative(const struct bytes *t, size_t at)
{
	return t->addr + at + (uint64_t)(int64_t)(int32_t)load_u32(t->p + at);
}

/* Does the table, read with this size of an entry, lead from code to code all along? */
static bool fits(struct dis *d, const struct bytes *t, size_t entry)
{
	struct sym s;
	uint64_t off;

	if (!t->n || t->n % entry)
		return false;
	for (size_t at = 0; at < t->n; at += entry)
		if (!sym_func_at(d->symtab, relative(t, at), &s, &off) ||
		    !sym_func_at(d->symtab, relative(t, at + 4), &s, &off))
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

static void read_faults(struct dis *d, struct object *o, struct edges *ret)
{
	struct bytes t;

	if (!read_table(d, o, "__start___ex_table", "__stop___ex_table", "__ex_table", &t))
		return;
	size_t entry = fits(d, &t, 12) ? 12 : fits(d, &t, 8) ? 8 : 0;
	for (size_t at = 0; entry && at < t.n; at += entry) {
		uint8_t reg = NO_REG;
		/* older kernels have a handler's address there: then one register too many is
		 * given up */
		if (entry == 12)
			reg = dwarf_of[load_u32(t.p + at + 8) >> 8 & 15];
		put(ret, relative(&t, at), relative(&t, at + 4), reg);
	}
	free(t.p);
}

static void read_labels(struct dis *d, struct object *o, struct edges *ret)
{
	struct bytes t;

	if (!read_table(d, o, "__start___jump_table", "__stop___jump_table", "__jump_table", &t))
		return;
	bool whole = fits(d, &t, 16);
	for (size_t at = 0; whole && at < t.n; at += 16)
		put(ret, relative(&t, at), relative(&t, at + 4), NO_REG);
	for (size_t at = 0; !whole && t.n % 24 == 0 && at < t.n; at += 24)
		put(ret, load_u64(t.p + at) + t.bias, load_u64(t.p + at + 8) + t.bias, NO_REG);
	free(t.p);
}

static struct edge_range range_of(const struct edges *e, uint64_t start, uint64_t end)
{
	size_t lo = 0, hi = e->n, n = 0;

	if (!e->n)
		return (struct edge_range){0};
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (e->v[mid].from < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo + n < e->n && e->v[lo + n].from < end)
		n++;
	return (struct edge_range){e->v + lo, n};
}

static bool is_kernel_itself(struct dis *d, const struct object *o)
{
	struct sym s;

	return sym_find(d->symtab, "_stext", &s) && s.object == o;
}

/* Under d->lock; NULL: it isn't the kernel itself. */
static const struct tables *tables_of(struct dis *d, struct object *o)
{
	struct tables *t = d->tables;

	while (t && t->of != o)
		t = t->next;
	if (t || !is_kernel_itself(d, o))
		return t;
	t = xcalloc(1, sizeof(*t));
	t->of = o;
	t->next = d->tables;
	d->tables = t;
	read_faults(d, o, &t->faults);
	read_labels(d, o, &t->labels);
	sort(&t->faults);
	sort(&t->labels);
	return t;
}

void tables_free(struct dis *d)
{
	for (struct tables *t = d->tables, *next; t; t = next) {
		next = t->next;
		free(t->faults.v);
		free(t->labels.v);
		free(t);
	}
}

bool hidden_edges(struct dis *d, struct object *o, uint64_t start, uint64_t end, struct hidden *ret)
{
	*ret = (struct hidden){0};
	if (!o || !d->symtab)
		return false;
	pthread_mutex_lock(&d->lock);
	const struct tables *t = tables_of(d, o);
	pthread_mutex_unlock(&d->lock);
	if (!t)
		return false;
	ret->faults = range_of(&t->faults, start, end);
	ret->labels = range_of(&t->labels, start, end);
	return t->faults.n != 0;
}

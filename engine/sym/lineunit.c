/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libdw's own way to a pc's function walks every DIE of the unit for every pc. Here a unit is
 * walked once (top level only, and namespaces, which Rust units use) and leaves 24 bytes a
 * function.
 */
#include <dwarf.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/sym/lineunit.h"

enum { MAX_NESTING = 32 };

void units_free(struct units *u)
{
	uint64_t key, value;

	for (size_t i = 0; hmap_next(&u->funcs, &i, &key, &value);) {
		struct unit_funcs *f = (struct unit_funcs *)(uintptr_t)value;
		free(f->v);
		free(f);
	}
	hmap_free(&u->funcs);
	free(u->ranges.v);
	*u = (struct units){0};
}

static void add_ranges(struct unit_funcs *t, Dwarf_Die *die)
{
	uint64_t offset = dwarf_dieoffset(die);
	Dwarf_Addr base, low, high;

	for (ptrdiff_t i = 0; (i = dwarf_ranges(die, i, &base, &low, &high)) > 0;) {
		if (low >= high)
			continue;
		GROW(t->v, t->n, t->cap);
		t->v[t->n++] = (struct pc_range){low, high, offset};
	}
}

static int by_low(const void *va, const void *vb)
{
	const struct pc_range *a = va, *b = vb;

	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	/* the smaller one last: a look-up goes backwards and meets it first */
	return (a->high < b->high) - (a->high > b->high);
}

static void sort_ranges(struct unit_funcs *t)
{
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_low);
}

static bool find_range(const struct unit_funcs *t, uint64_t pc, uint64_t *die)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (t->v[mid].low <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* ranges that overlap are rare (discarded sections at address 0): look a little further
	 * back */
	for (unsigned back = 0; lo && back < 64; back++)
		if (pc < t->v[--lo].high) {
			*die = t->v[lo].die;
			return true;
		}
	return false;
}

/* All units' ranges, less than a millisecond a thousand units; only when .debug_aranges fails
 * us. */
static void read_unit_ranges(struct units *u)
{
	Dwarf_Off off = 0, next;
	size_t header;

	u->ranges_ready = true;
	while (!dwarf_nextcu(u->dwarf, off, &next, &header, NULL, NULL, NULL)) {
		Dwarf_Die unit;
		if (dwarf_offdie(u->dwarf, off + header, &unit))
			add_ranges(&u->ranges, &unit);
		if (next <= off)
			break;
		off = next;
	}
	sort_ranges(&u->ranges);
}

bool unit_at(struct units *u, uint64_t pc, Dwarf_Die *ret)
{
	uint64_t die;

	if (dwarf_addrdie(u->dwarf, pc, ret))
		return true;
	if (!u->ranges_ready)
		read_unit_ranges(u);
	return find_range(&u->ranges, pc, &die) && dwarf_offdie(u->dwarf, die, ret);
}

static void collect_functions(struct unit_funcs *t, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die die;
	Dwarf_Off before = dwarf_dieoffset(parent);
	int more = depth < MAX_NESTING ? dwarf_child(parent, &die) : 1;

	/* a damaged sibling reference must not lead in circles */
	for (; more == 0 && dwarf_dieoffset(&die) > before; more = dwarf_siblingof(&die, &die)) {
		before = dwarf_dieoffset(&die);
		int tag = dwarf_tag(&die);
		if (tag == DW_TAG_subprogram)
			add_ranges(t, &die);
		else if (tag == DW_TAG_namespace)
			collect_functions(t, &die, depth + 1);
	}
}

bool unit_function_at(struct units *u, Dwarf_Die *unit, uint64_t pc, Dwarf_Die *ret)
{
	bool added;
	uint64_t die, *slot = hmap_put(&u->funcs, dwarf_dieoffset(unit), &added);

	if (added) {
		struct unit_funcs *t = xcalloc(1, sizeof(*t));
		*slot = (uintptr_t)t;
		collect_functions(t, unit, 0);
		sort_ranges(t);
		t->v = xrealloc(t->v, t->n + 1, sizeof(*t->v));
		t->cap = t->n + 1;
	}
	return find_range((struct unit_funcs *)(uintptr_t)*slot, pc, &die) &&
	       dwarf_offdie(u->dwarf, die, ret);
}

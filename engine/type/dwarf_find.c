/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The provider of DWARF's types: a name is looked up in the index, which may still have to be built, and the DIE
 * that it names becomes a type (dwarf_types.c).
 */
#include "engine/type/dwarfimpl.h"
#include "engine/base/alloc.h"
#include <dwarf.h>

#define CANDIDATES 16

struct dwarf_provider {
	struct provider p;
	struct dwarfindex *index;
};

static bool has_btf(const struct types *ts)
{
	const struct provider *p = provider_after(ts, NULL, NULL);
	return p && p->is_btf;
}

bool dwarf_provider_ready(const struct provider *p)
{
	const struct dwarf_provider *dp = (const struct dwarf_provider *)p;

	return dp->index && dwarfindex_ready(dp->index);
}

struct err *dwarf_provider_prepare(struct provider *p, struct job *job)
{
	struct dwarf_provider *dp = (struct dwarf_provider *)p;

	return dp->index ? dwarfindex_build(dp->index, job) : NULL;
}

/* BTF answers for types, so only symbols are worth waiting for the index then. */
static bool may_ask(const struct dwarf_provider *dp, enum find_kind kind)
{
	if (dwarf_provider_ready(&dp->p))
		return true;
	return dp->index &&
	       (kind == FIND_VARIABLE || kind == FIND_FUNCTION || !has_btf(dp->p.ts));
}

/* The enum that an enumerator belongs to; 0: it can't be told. */
static uint64_t parent_of(const struct provider *p, uint64_t offset)
{
	Dwarf_Die die, *scopes = NULL;
	uint64_t parent = 0;

	object_lock(p->object);
	Dwarf *d = object_dwarf(p->object);
	if (d && dwarf_offdie(d, offset, &die) && dwarf_getscopes_die(&die, &scopes) > 1)
		parent = dwarf_dieoffset(&scopes[1]);
	free(scopes);
	object_unlock(p->object);
	return parent;
}

static struct err *find(struct provider *p, enum find_kind kind, const char *name, struct job *job,
			const struct type **ret)
{
	static const enum dwarf_name_kind kinds[] = {
		[FIND_STRUCT] = NAME_STRUCT,	 [FIND_UNION] = NAME_UNION,
		[FIND_ENUM] = NAME_ENUM,	 [FIND_TYPEDEF] = NAME_TYPEDEF,
		[FIND_BASE] = NAME_BASE,	 [FIND_VARIABLE] = NAME_VARIABLE,
		[FIND_FUNCTION] = NAME_FUNCTION, [FIND_ENUMERATOR] = NAME_ENUMERATOR,
	};
	struct dwarf_provider *dp = (struct dwarf_provider *)p;
	uint64_t dies[CANDIDATES];
	size_t n;

	*ret = NULL;
	if (!may_ask(dp, kind))
		return NULL;
	TRY(dwarfindex_find(dp->index, kinds[kind], name, job, dies, CANDIDATES, &n));
	for (size_t i = 0; i < n && i < CANDIDATES && !*ret; i++) {
		uint64_t die = kind == FIND_ENUMERATOR ? parent_of(p, dies[i]) : dies[i];
		const struct type *t = die ? dwarf_provider_die(p, die) : NULL;
		if (t && !t->is_declaration)
			*ret = t;
	}
	return NULL;
}

/* The first DIE below the unit at offset `unit` or a later one; 0: there is none. */
static Dwarf_Off first_in_units(Dwarf *d, Dwarf_Off unit)
{
	Dwarf_Off next;
	size_t header;
	Dwarf_Die die, child;

	for (; !dwarf_nextcu(d, unit, &next, &header, NULL, NULL, NULL) && next > unit; unit = next)
		if (dwarf_offdie(d, unit + header, &die) && !dwarf_child(&die, &child))
			return dwarf_dieoffset(&child);
	return 0;
}

/* The top-level DIE behind this one, maybe in a later unit; 0: there is none. */
static Dwarf_Off next_top_level(Dwarf *d, Dwarf_Die *die)
{
	Dwarf_Off at = dwarf_dieoffset(die), unit = at - dwarf_cuoffset(die), next;
	Dwarf_Die sibling;
	size_t header;

	if (!dwarf_siblingof(die, &sibling))
		next = dwarf_dieoffset(&sibling);
	else if (!dwarf_nextcu(d, unit, &next, &header, NULL, NULL, NULL))
		next = first_in_units(d, next);
	else
		next = 0;
	return next > at ? next : 0;
}

struct top_level {
	uint64_t offset;
	enum dwarf_name_kind kind;
	const char *name; /* "": not a named definition of a struct or union */
};

/* The top-level DIE at *at (0: the very first), and *at moves on, to SIZE_MAX at the end. */
static bool read_top_level(struct provider *p, size_t *at, struct top_level *ret)
{
	Dwarf *d = object_dwarf(p->object);
	Dwarf_Die die;

	ret->offset = d && !*at ? first_in_units(d, 0) : *at;
	*at = SIZE_MAX;
	if (!d || !ret->offset || !dwarf_offdie(d, ret->offset, &die))
		return false;
	int tag = dwarf_tag(&die);
	bool fits = tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
	ret->kind = tag == DW_TAG_union_type ? NAME_UNION : NAME_STRUCT;
	ret->name = fits && !dwarf_die_flag(&die, DW_AT_declaration) ? dwarf_die_name(p->ts, &die) : "";
	Dwarf_Off next = next_top_level(d, &die);
	if (next)
		*at = next;
	return true;
}

/* Every unit repeats its headers' structs: only the one that its name means counts. */
static bool is_the_one(struct dwarf_provider *dp, const struct top_level *top)
{
	uint64_t first;
	size_t n;

	if (!dp->index)
		return true;
	return err_ok(dwarfindex_find(dp->index, top->kind, top->name, NULL, &first, 1, &n)) && n &&
	       first == top->offset;
}

bool dwarf_provider_next_struct(struct provider *p, size_t *at, const struct type **ret)
{
	struct top_level top;
	bool more = true;

	while (more && *at != SIZE_MAX) {
		object_lock(p->object);
		more = read_top_level(p, at, &top);
		object_unlock(p->object);
		if (!more || !*top.name || !is_the_one((struct dwarf_provider *)p, &top))
			continue;
		*ret = dwarf_provider_die(p, top.offset);
		if (*ret)
			return true;
	}
	return false;
}

static void destroy(struct provider *p)
{
	hmap_free(&p->made);
	free(p);
}

static const struct provider_ops dwarf_ops = {
	.target = dwarf_target, .body = dwarf_body, .find = find, .destroy = destroy};

struct provider *dwarf_provider_create(struct types *ts, struct object *o, struct dwarfindex *x)
{
	struct dwarf_provider *dp = xcalloc(1, sizeof(*dp));

	dp->p = (struct provider){.ops = &dwarf_ops, .ts = ts, .object = o};
	dp->index = x;
	return &dp->p;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First the variables' DIEs of a scope are gathered, then each is located in the frame, both under
 * the object's lock; types are looked up last, without it (the type provider takes it itself).
 *
 * An inlined call's DIE has only those parameters that have a place somewhere; the others are taken
 * from the abstract function, so that a signature is always whole and says what was optimized out.
 */
#include "engine/unwind/vars.h"

#include <dwarf.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/unwind/internal.h"
#include "engine/unwind/scope.h"

#define MAX_VARS 1024  /* of one scope */
#define MAX_BLOCKS 64  /* nested */
#define MAX_DIES 65536 /* looked at for one scope */
#define MAX_SITES 4096 /* call sites looked for, for one scope */

struct gather {
	Dwarf_Die *v;
	size_t n, cap;
	uint64_t pc;
	unsigned seen;
};

static void put(struct gather *g, const Dwarf_Die *die)
{
	if (g->n == MAX_VARS)
		return;
	GROW(g->v, g->n, g->cap);
	g->v[g->n++] = *die;
}

/* Variables of a scope and of the blocks in it that hold pc, outermost first. */
static void gather_locals(struct gather *g, Dwarf_Die *scope, unsigned nesting)
{
	Dwarf_Attribute a;
	Dwarf_Die die;

	if (nesting > MAX_BLOCKS || dwarf_child(scope, &die))
		return;
	do {
		int tag = dwarf_tag(&die);

		if (++g->seen > MAX_DIES)
			return;
		if (tag == DW_TAG_variable && !dwarf_attr(&die, DW_AT_declaration, &a))
			put(g, &die);
		else if (tag == DW_TAG_lexical_block && dwarf_haspc(&die, g->pc) == 1)
			gather_locals(g, &die, nesting + 1);
	} while (!dwarf_siblingof(&die, &die));
}

static bool origin_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute a;

	return dwarf_attr(die, DW_AT_abstract_origin, &a) && dwarf_formref_die(&a, ret);
}

static void gather_concrete(struct gather *g, Dwarf_Die *scope)
{
	Dwarf_Die die;

	for (int x = dwarf_child(scope, &die); !x; x = dwarf_siblingof(&die, &die)) {
		if (++g->seen > MAX_DIES)
			return;
		if (dwarf_tag(&die) == DW_TAG_formal_parameter)
			put(g, &die);
	}
}

/* The concrete parameter made from an abstract one; NULL: there is none. */
static const Dwarf_Die *concrete_of(const struct gather *g, const Dwarf_Die *abstract)
{
	for (size_t i = 0; i < g->n; i++) {
		Dwarf_Die origin;

		if (origin_of(&g->v[i], &origin) && origin.addr == abstract->addr)
			return &g->v[i];
	}
	return NULL;
}

static void gather_params(struct gather *g, Dwarf_Die *scope)
{
	struct gather concrete = {0};
	Dwarf_Die abstract, die;

	gather_concrete(&concrete, scope);
	if (origin_of(scope, &abstract)) {
		for (int x = dwarf_child(&abstract, &die); !x; x = dwarf_siblingof(&die, &die)) {
			const Dwarf_Die *c;

			if (++g->seen > MAX_DIES)
				break;
			if (dwarf_tag(&die) != DW_TAG_formal_parameter)
				continue;
			c = concrete_of(&concrete, &die);
			put(g, c ? c : &die);
		}
	} else {
		for (size_t i = 0; i < concrete.n; i++)
			put(g, &concrete.v[i]);
	}
	free(concrete.v);
}

static void value_from_bytes(struct var *v, const void *p, size_t n)
{
	v->state = VAR_VALUE;
	v->size = n < sizeof(v->bytes) ? n : sizeof(v->bytes);
	memcpy(v->bytes, p, v->size);
}

static bool constant(struct var *v, Dwarf_Die *die)
{
	Dwarf_Attribute a;
	Dwarf_Block b;
	Dwarf_Sword s;
	Dwarf_Word u;

	if (!dwarf_attr_integrate(die, DW_AT_const_value, &a))
		return false;
	snprintf(v->location, sizeof(v->location), "const");
	if (!dwarf_formblock(&a, &b)) {
		value_from_bytes(v, b.data, b.length);
	} else if (!dwarf_formsdata(&a, &s)) {
		value_from_bytes(v, &s, sizeof(s));
	} else if (!dwarf_formudata(&a, &u)) {
		value_from_bytes(v, &u, sizeof(u));
	} else if (dwarf_formstring(&a)) {
		value_from_bytes(v, dwarf_formstring(&a), strlen(dwarf_formstring(&a)) + 1);
	} else {
		v->state = VAR_UNKNOWN;
		snprintf(v->why, sizeof(v->why), "a constant of a form that can't be read");
	}
	return true;
}

static void from_place(struct var *v, const struct place *p)
{
	switch (p->kind) {
	case PLACE_MEMORY:
		v->state = VAR_MEMORY;
		v->addr = p->v;
		break;
	case PLACE_REGISTER:
		value_from_bytes(v, &p->v, 8);
		break;
	case PLACE_VALUE:
		if (p->size)
			value_from_bytes(v, p->bytes, p->size);
		else
			value_from_bytes(v, &p->v, 8);
		break;
	case PLACE_EMPTY:
		v->state = VAR_OPTIMIZED_OUT;
		break;
	case PLACE_UNKNOWN:
		v->state = VAR_UNKNOWN;
		memcpy(v->why, p->why, sizeof(v->why));
		break;
	}
}

/* A static variable in the per-CPU section has one place a CPU, and none by itself. */
static void check_percpu(const struct unwinder *u, struct var *v, const Dwarf_Op *ops, size_t n)
{
	struct sym s;
	uint64_t off;

	if (n != 1 || ops[0].atom != DW_OP_addr || v->state != VAR_MEMORY)
		return;
	if (u->arch->is_kernel(mem_layout(u->mem), ops[0].number) &&
	    !(u->symbols && sym_at(u->symbols, v->addr, &s, &off) && s.percpu))
		return;
	v->state = VAR_UNKNOWN;
	snprintf(v->why, sizeof(v->why), "per-CPU variable: every CPU has its own");
}

static void locate(struct scope *s, struct var *v, Dwarf_Die *die)
{
	struct eval e = scope_env(s);
	Dwarf_Attribute a;
	Dwarf_Op *ops;
	struct place p;
	size_t n;
	int found;

	v->state = VAR_OPTIMIZED_OUT;
	snprintf(v->location, sizeof(v->location), "none");
	if (!dwarf_attr_integrate(die, DW_AT_location, &a)) {
		constant(v, die);
		return;
	}
	found = dwarf_getlocation_addr(&a, e.pc, &ops, &n, 1);
	if (found < 0) {
		v->state = VAR_UNKNOWN;
		snprintf(v->why, sizeof(v->why), "its location can't be read (%s)",
			 dwarf_errmsg(-1) ? dwarf_errmsg(-1) : "damaged DWARF");
	}
	if (found < 1)
		return;
	e.attr = &a;
	eval_describe(&e, ops, n, v->location, sizeof(v->location));
	eval_place(&e, ops, n, &p);
	from_place(v, &p);
	check_percpu(s->q->u, v, ops, n);
}

/* Everything but the type; *type: the DIE offset of it, 0: void or none. */
static void describe(struct scope *s, Dwarf_Die *die, struct var *v, uint64_t *type)
{
	Dwarf_Attribute a;
	Dwarf_Die t;
	const char *name = dwarf_diename(die);

	*v = (struct var){.name = name ? name : "",
			  .is_param = dwarf_tag(die) == DW_TAG_formal_parameter};
	*type = 0;
	if (dwarf_attr_integrate(die, DW_AT_type, &a) && dwarf_formref_die(&a, &t))
		*type = dwarf_dieoffset(&t);
	locate(s, v, die);
}

static struct err *collect(struct scope *s, size_t level, bool locals, struct var **ret,
			   uint64_t **types, size_t *n)
{
	struct gather g = {.pc = scope_env(s).pc};
	Dwarf *dw = object_dwarf(s->object);
	Dwarf_Die scope;

	if (!dw || !dwarf_offdie(dw, s->scopes[level].die, &scope))
		return err_new(ERR_NODEBUG, "%s: no DWARF for this frame's scope",
			       object_name(s->object));
	gather_params(&g, &scope);
	if (locals)
		gather_locals(&g, &scope, 0);
	*ret = xcalloc(g.n ? g.n : 1, sizeof(**ret));
	*types = xcalloc(g.n ? g.n : 1, sizeof(**types));
	*n = g.n;
	for (size_t i = 0; i < g.n; i++)
		describe(s, &g.v[i], &(*ret)[i], &(*types)[i]);
	free(g.v);
	return NULL;
}

static void set_type(struct types *ts, struct object *o, uint64_t die, struct var *v)
{
	uint64_t size;

	if (!die || !ts || !err_ok(type_from_die(ts, o, die, &v->type)))
		v->type = NULL;
	size = v->type ? type_size(v->type) : 0;
	if (size && v->size > size)
		v->size = (size_t)size;
}

struct err *frame_vars(const struct frame_scope *at, bool locals, struct var **ret, size_t *n)
{
	struct query q = {.u = at->unwinder, .lines = at->lines, .stack = at->stack, .sites = MAX_SITES};
	AUTO_FREE uint64_t *types = NULL;
	struct scope s;
	struct err *e;

	*ret = NULL;
	*n = 0;
	if (at->frame >= at->stack->n)
		return err_new(ERR_NOTFOUND, "no frame %zu: the stack has %zu", at->frame, at->stack->n);
	if (!scope_open(&s, &q, at->frame))
		return err_new(ERR_NODEBUG, "no debug info for the code at 0x%llx",
			       (unsigned long long)at->stack->frames[at->frame].pc);
	if (at->level >= s.nscopes)
		return err_new(ERR_NOTFOUND, "frame %zu has no level %zu", at->frame, at->level);
	object_lock(s.object);
	e = collect(&s, at->level, locals, ret, &types, n);
	object_unlock(s.object);
	for (size_t i = 0; !e && i < *n; i++)
		set_type(at->types, s.object, types[i], &(*ret)[i]);
	return e;
}

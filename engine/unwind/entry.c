/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The value that a register had on entry to a function: what the caller put there. The compiler
 * notes at each call how the argument can be told after the call (from callee-saved registers, the
 * stack, a constant, or the caller's own value on entry), as parameters of the call site.
 *
 * A tail call hides the true caller: then the call site that is found called somebody else, who
 * jumped here. So a call site counts only when it is proved to call this very function.
 */
#include <dwarf.h>
#include <string.h>
#include "engine/unwind/internal.h"
#include "engine/unwind/scope.h"

#define MAX_DEPTH 8	/* callers of callers */
#define MAX_NESTING 64	/* of DIEs */
#define MAX_DIES 200000 /* looked at for one call site */

bool scope_open(struct scope *s, struct query *q, size_t index)
{
	const struct frame *f = &q->stack->frames[index];

	*s = (struct scope){.q = q, .index = index, .frame = f, .object = f->object};
	if (!f->object || f->user || !object_has_dwarf(f->object))
		return false;
	if (!err_ok(lines_at(q->lines, f->object, f->exact ? f->pc : f->pc - 1, &s->scopes,
			     &s->nscopes)) ||
	    !s->nscopes)
		return false;
	s->function = s->scopes[s->nscopes - 1].die;
	return true;
}

struct eval scope_env(struct scope *s)
{
	const struct frame *f = s->frame;
	uint64_t bias = object_bias(s->object);
	struct eval e = {
		.mem = s->q->u->mem,
		.arch = s->q->u->arch,
		.regs = &f->regs,
		.cfa = f->cfa,
		.bias = bias,
		.pc = (f->exact ? f->pc : f->pc - 1) - bias,
		.entry_value = scope_entry_value,
		.ctx = s,
	};
	Dwarf *dw = object_dwarf(s->object);
	Dwarf_Die die;

	if (dw && dwarf_offdie(dw, s->function, &die) &&
	    dwarf_attr_integrate(&die, DW_AT_frame_base, &s->frame_base))
		e.frame_base = &s->frame_base;
	return e;
}

struct search {
	uint64_t return_pc;
	unsigned seen;
	Dwarf_Die *ret;
};

static bool is_site_of(Dwarf_Die *die, uint64_t return_pc)
{
	int tag = dwarf_tag(die);
	Dwarf_Attribute a;
	Dwarf_Addr pc;

	if (tag == DW_TAG_call_site)
		return !dwarf_formaddr(dwarf_attr(die, DW_AT_call_return_pc, &a), &pc) &&
		       pc == return_pc;
	if (tag == DW_TAG_GNU_call_site)
		return !dwarf_formaddr(dwarf_attr(die, DW_AT_low_pc, &a), &pc) && pc == return_pc;
	return false;
}

static bool find_site(struct search *s, Dwarf_Die *parent, unsigned nesting)
{
	Dwarf_Die die;

	if (nesting > MAX_NESTING || dwarf_child(parent, &die))
		return false;
	do {
		int tag = dwarf_tag(&die);

		if (++s->seen > MAX_DIES)
			return false;
		if (is_site_of(&die, s->return_pc)) {
			*s->ret = die;
			return true;
		}
		if ((tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine) &&
		    find_site(s, &die, nesting + 1))
			return true;
	} while (!dwarf_siblingof(&die, &die));
	return false;
}

/* What the call site has to call. */
struct callee {
	const char *name; /* borrowed from DWARF */
	uint64_t entry;	  /* run-time address; 0: not known */
};

static bool calls(struct scope *caller, Dwarf_Die *site, const struct callee *callee,
		  struct eval *why)
{
	bool gnu = dwarf_tag(site) == DW_TAG_GNU_call_site;
	struct eval e = scope_env(caller);
	Dwarf_Attribute a, target;
	Dwarf_Die origin;
	Dwarf_Op *ops;
	const char *name;
	size_t n;
	uint64_t v;

	if (dwarf_attr(site, gnu ? (unsigned)DW_AT_abstract_origin : DW_AT_call_origin, &a) &&
	    dwarf_formref_die(&a, &origin)) {
		name = dwarf_diename(&origin);
		if (name && callee->name && !strcmp(name, callee->name))
			return true;
		return eval_fail(why, "called by a jump from %s", name ? name : "elsewhere");
	}
	if (!dwarf_attr(site, gnu ? (unsigned)DW_AT_GNU_call_site_target : DW_AT_call_target,
			&target) ||
	    dwarf_getlocation(&target, &ops, &n))
		return eval_fail(why,
				 "an indirect call: whether it came straight here can't be told");
	e.attr = &target;
	e.depth = caller->depth + 1;
	if (!eval_value(&e, ops, n, NULL, &v))
		return eval_fail(why,
				 "an indirect call: whether it came straight here can't be told");
	if (v != callee->entry)
		return eval_fail(why, "called by a jump from 0x%llx", (unsigned long long)v);
	return true;
}

static bool is_reg(const Dwarf_Op *ops, size_t n, uint64_t *reg)
{
	if (n != 1)
		return false;
	*reg = ops[0].atom == DW_OP_regx ? ops[0].number : (uint64_t)ops[0].atom - DW_OP_reg0;
	return ops[0].atom == DW_OP_regx ||
	       (ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31);
}

/* The value of one call-site parameter that was passed in register reg. */
static bool parameter(struct scope *caller, Dwarf_Die *site, uint64_t reg, uint64_t *ret,
		      struct eval *why)
{
	bool gnu = dwarf_tag(site) == DW_TAG_GNU_call_site;
	struct eval e = scope_env(caller);
	Dwarf_Attribute a;
	Dwarf_Die die;
	Dwarf_Op *ops;
	uint64_t r;
	size_t n;

	for (int x = dwarf_child(site, &die); !x; x = dwarf_siblingof(&die, &die)) {
		int tag = dwarf_tag(&die);

		if ((tag != DW_TAG_call_site_parameter && tag != DW_TAG_GNU_call_site_parameter) ||
		    !dwarf_attr(&die, DW_AT_location, &a) || dwarf_getlocation(&a, &ops, &n) ||
		    !is_reg(ops, n, &r) || r != reg)
			continue;
		if (!dwarf_attr(&die, gnu ? (unsigned)DW_AT_GNU_call_site_value : DW_AT_call_value,
				&a) ||
		    dwarf_getlocation(&a, &ops, &n))
			break;
		e.attr = &a;
		e.depth = 0;
		if (eval_value(&e, ops, n, NULL, ret))
			return true;
		return eval_fail(why, "%.70s", e.why);
	}
	return eval_fail(why, "the caller doesn't tell what it passed in %s",
			 arch_reg_name(e.arch, (unsigned)reg) ? arch_reg_name(e.arch, (unsigned)reg)
							      : "it");
}

/* Under object_lock(caller->object). */
static bool from_call_site(struct scope *caller, const struct callee *callee, uint64_t reg,
			   uint64_t *ret, struct eval *why)
{
	Dwarf *dw = object_dwarf(caller->object);
	struct search s = {.return_pc = caller->frame->pc - object_bias(caller->object)};
	Dwarf_Die function, site;

	s.ret = &site;
	if (!dw || !dwarf_offdie(dw, caller->function, &function))
		return eval_fail(why, "the caller has no debug info");
	if (!find_site(&s, &function, 0))
		return eval_fail(why, "the call isn't described in the caller");
	return calls(caller, &site, callee, why) && parameter(caller, &site, reg, ret, why);
}

static struct callee describe_callee(const struct scope *s)
{
	struct callee c = {0};
	Dwarf *dw = object_dwarf(s->object);
	Dwarf_Addr entry;
	Dwarf_Die die;

	if (!dw || !dwarf_offdie(dw, s->function, &die))
		return c;
	c.name = dwarf_diename(&die);
	if (!dwarf_entrypc(&die, &entry))
		c.entry = entry + object_bias(s->object);
	return c;
}

bool scope_entry_value(struct eval *e, const Dwarf_Op *ops, size_t n, uint64_t *ret)
{
	struct scope *s = e->ctx, caller;
	const struct stack *st = s->q->stack;
	const struct frame *next = s->index + 1 < st->n ? &st->frames[s->index + 1] : NULL;
	struct callee callee = describe_callee(s);
	uint64_t reg;
	bool ok = false;

	if (!is_reg(ops, n, &reg))
		return eval_fail(e, "the value on entry of something in memory");
	if (s->depth >= MAX_DEPTH || !s->q->sites)
		return eval_fail(e, "too many callers deep");
	s->q->sites--;
	if (!next || next->user || next->exact)
		return eval_fail(e, "no caller to ask what it passed");
	if (next->source == FRAME_SCAN || next->source == FRAME_FP)
		return eval_fail(e, "the caller was only guessed");
	object_unlock(s->object);
	if (!scope_open(&caller, s->q, s->index + 1)) {
		eval_fail(e, "the caller has no debug info");
		object_lock(s->object);
		return false;
	}
	caller.depth = s->depth + 1;
	object_lock(caller.object);
	ok = from_call_site(&caller, &callee, reg, ret, e);
	object_unlock(caller.object);
	object_lock(s->object);
	return ok;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Elements of the stack carry a size and a sign, so that typed operations (DW_OP_convert and its
 * kin, which gcc uses for 32-bit arithmetic) come out right; the generic type is 8 bytes, unsigned
 * but for the operations that DWARF defines as signed. Floating-point base types are refused with a
 * reason.
 */
#include "engine/unwind/eval.h"

#include <dwarf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/checked.h"

#define MAX_OPS 4096 /* executed, loops included */

struct cell {
	uint64_t v;
	uint8_t size;
	bool is_signed;
};

struct machine {
	struct eval *e;
	const Dwarf_Op *ops;
	size_t n, i;
	struct cell stack[EVAL_STACK];
	unsigned depth;
	bool failed;
	struct place
		*place; /* a location that isn't an address: set by register and value operations */
};

bool eval_fail(struct eval *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->why, sizeof(e->why), fmt, ap);
	va_end(ap);
	return false;
}

#define FAIL(m, ...)                                                                               \
	do {                                                                                       \
		eval_fail((m)->e, __VA_ARGS__);                                                    \
		(m)->failed = true;                                                                \
	} while (0)

uint64_t eval_fit(uint64_t v, unsigned size, bool is_signed)
{
	unsigned bits = size * 8;

	if (!bits || bits >= 64)
		return v;
	v &= (UINT64_C(1) << bits) - 1;
	if (is_signed && v >> (bits - 1))
		v |= UINT64_MAX << bits;
	return v;
}

static void push_typed(struct machine *m, uint64_t v, unsigned size, bool is_signed)
{
	if (m->depth == EVAL_STACK)
		FAIL(m, "expression needs too deep a stack");
	else
		m->stack[m->depth++] =
			(struct cell){eval_fit(v, size, is_signed), (uint8_t)size, is_signed};
}

static void push(struct machine *m, uint64_t v)
{
	push_typed(m, v, 8, false);
}

static struct cell pop(struct machine *m)
{
	if (m->depth)
		return m->stack[--m->depth];
	FAIL(m, "damaged expression: its stack runs empty");
	return (struct cell){0, 8, false};
}

static bool reg_value(struct eval *e, uint64_t reg, uint64_t *ret)
{
	const char *name = reg < ARCH_MAX_REGS ? arch_reg_name(e->arch, (unsigned)reg) : NULL;

	if (reg < ARCH_MAX_REGS && regs_has(e->regs, (unsigned)reg)) {
		*ret = e->regs->v[reg];
		return true;
	}
	if (name)
		return eval_fail(e, "register %s isn't known in this frame", name);
	return eval_fail(e, "register %llu isn't known in this frame", (unsigned long long)reg);
}

static bool memory(struct eval *e, uint64_t addr, unsigned size, uint64_t *ret)
{
	struct err *err;
	enum mem_state state;

	*ret = 0;
	if (!e->mem || !size || size > 8)
		return eval_fail(e, "read of %u bytes", size);
	err = mem_read(e->mem, KERNEL, addr, ret, size);
	if (!err)
		return true;
	state = err_state(err);
	err_free(err);
	return eval_fail(e, "memory at 0x%llx: %s", (unsigned long long)addr,
			 mem_state_name(state));
}

/* A base type that an operation names. false: it can't be computed with. */
static bool base_type(struct eval *e, const Dwarf_Op *op, unsigned *size, bool *is_signed)
{
	Dwarf_Attribute a;
	Dwarf_Die die;
	Dwarf_Word bytes, enc;

	if (!e->attr || dwarf_getlocation_die(e->attr, op, &die) ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_byte_size, &a), &bytes) ||
	    dwarf_formudata(dwarf_attr(&die, DW_AT_encoding, &a), &enc))
		return eval_fail(e, "typed operation without a base type");
	if (!bytes || bytes > 8 || enc == DW_ATE_float || enc == DW_ATE_complex_float)
		return eval_fail(e, "a floating-point or too large value");
	*size = (unsigned)bytes;
	*is_signed = enc == DW_ATE_signed || enc == DW_ATE_signed_char;
	return true;
}

static void typed_op(struct machine *m, const Dwarf_Op *op)
{
	bool has_type = op->atom != DW_OP_convert && op->atom != DW_OP_reinterpret &&
			op->atom != DW_OP_GNU_convert && op->atom != DW_OP_GNU_reinterpret;
	unsigned size = 8;
	bool is_signed = false;
	uint64_t v = 0;
	Dwarf_Attribute a;
	Dwarf_Block b;

	if ((has_type || op->number) && !base_type(m->e, op, &size, &is_signed)) {
		m->failed = true;
		return;
	}
	switch (op->atom) {
	case DW_OP_regval_type:
	case DW_OP_GNU_regval_type:
		m->failed |= !reg_value(m->e, op->number, &v);
		break;
	case DW_OP_deref_type:
	case DW_OP_GNU_deref_type:
		m->failed |=
			!memory(m->e, pop(m).v, op->number <= 8 ? (unsigned)op->number : 0, &v);
		break;
	case DW_OP_const_type:
	case DW_OP_GNU_const_type:
		if (dwarf_getlocation_attr(m->e->attr, op, &a) || dwarf_formblock(&a, &b) ||
		    b.length > 8)
			FAIL(m, "typed constant that can't be read");
		else
			memcpy(&v, b.data, b.length);
		break;
	default:
		v = pop(m).v;
		break;
	}
	push_typed(m, v, size, is_signed);
}

static void divide(struct machine *m, uint8_t atom, struct cell a, struct cell b)
{
	bool is_signed = atom == DW_OP_div || a.is_signed;

	if (!b.v) {
		FAIL(m, "expression divides by zero");
		return;
	}
	if (is_signed && b.v == UINT64_MAX) /* INT64_MIN / -1 traps */
		push_typed(m, atom == DW_OP_div ? -a.v : 0, a.size, a.is_signed);
	else if (atom == DW_OP_div && is_signed && (a.is_signed || a.size == 8))
		push_typed(m, (uint64_t)((int64_t)a.v / (int64_t)b.v), a.size, a.is_signed);
	else if (atom == DW_OP_div)
		push_typed(m, a.v / b.v, a.size, a.is_signed);
	else if (is_signed)
		push_typed(m, (uint64_t)((int64_t)a.v % (int64_t)b.v), a.size, a.is_signed);
	else
		push_typed(m, a.v % b.v, a.size, a.is_signed);
}

static uint64_t shift(uint8_t atom, struct cell a, uint64_t by)
{
	unsigned bits = a.size * 8u;

	if (atom == DW_OP_shra) {
		int64_t v = (int64_t)eval_fit(a.v, a.size, true);

		return (uint64_t)(v >> (by >= 63 ? 63 : by));
	}
	if (by >= bits)
		return 0;
	if (atom == DW_OP_shl)
		return a.v << by;
	return eval_fit(a.v, a.size, false) >> by;
}

/* Comparisons of the generic type are signed. */
static bool compare(uint8_t atom, struct cell a, struct cell b)
{
	bool is_unsigned = a.size < 8 && !a.is_signed;
	int64_t x = (int64_t)a.v, y = (int64_t)b.v;
	int c = is_unsigned ? (a.v > b.v) - (a.v < b.v) : (x > y) - (x < y);

	switch (atom) {
	case DW_OP_eq:
		return c == 0;
	case DW_OP_ne:
		return c != 0;
	case DW_OP_lt:
		return c < 0;
	case DW_OP_le:
		return c <= 0;
	case DW_OP_gt:
		return c > 0;
	default:
		return c >= 0;
	}
}

static void binary_op(struct machine *m, uint8_t atom)
{
	struct cell b = pop(m), a = pop(m);
	uint64_t v;

	switch (atom) {
	case DW_OP_and:
		v = a.v & b.v;
		break;
	case DW_OP_or:
		v = a.v | b.v;
		break;
	case DW_OP_xor:
		v = a.v ^ b.v;
		break;
	case DW_OP_plus:
		v = a.v + b.v;
		break;
	case DW_OP_minus:
		v = a.v - b.v;
		break;
	case DW_OP_mul:
		v = a.v * b.v;
		break;
	case DW_OP_div:
	case DW_OP_mod:
		divide(m, atom, a, b);
		return;
	case DW_OP_shl:
	case DW_OP_shr:
	case DW_OP_shra:
		v = shift(atom, a, b.v);
		break;
	default:
		push(m, compare(atom, a, b));
		return;
	}
	push_typed(m, v, a.size, a.is_signed);
}

static void unary_op(struct machine *m, const Dwarf_Op *op)
{
	struct cell a = pop(m);

	switch (op->atom) {
	case DW_OP_abs:
		a.v = (int64_t)a.v < 0 ? -a.v : a.v;
		break;
	case DW_OP_neg:
		a.v = -a.v;
		break;
	case DW_OP_not:
		a.v = ~a.v;
		break;
	default: /* DW_OP_plus_uconst */
		a.v += op->number;
		break;
	}
	push_typed(m, a.v, a.size, a.is_signed);
}

static void stack_op(struct machine *m, const Dwarf_Op *op)
{
	uint64_t k = op->atom == DW_OP_dup ? 0 : op->atom == DW_OP_over ? 1 : op->number;
	struct cell a, b, c;

	switch (op->atom) {
	case DW_OP_drop:
		pop(m);
		return;
	case DW_OP_swap:
	case DW_OP_rot:
		a = pop(m);
		b = pop(m);
		c = op->atom == DW_OP_rot ? pop(m) : (struct cell){0};
		push_typed(m, a.v, a.size, a.is_signed);
		if (op->atom == DW_OP_rot)
			push_typed(m, c.v, c.size, c.is_signed);
		push_typed(m, b.v, b.size, b.is_signed);
		return;
	default: /* dup, over, pick */
		if (k >= m->depth) {
			FAIL(m, "damaged expression: its stack runs empty");
			return;
		}
		a = m->stack[m->depth - 1 - k];
		push_typed(m, a.v, a.size, a.is_signed);
		return;
	}
}

static void branch(struct machine *m, const Dwarf_Op *op)
{
	uint64_t to = op->offset + 3 + (uint64_t)(int64_t)(int16_t)op->number;

	if (op->atom == DW_OP_bra && !pop(m).v)
		return;
	for (size_t i = 0; i < m->n; i++) {
		if (m->ops[i].offset != to)
			continue;
		m->i = i; /* the loop doesn't step after a taken branch: see execute() */
		return;
	}
	if (m->n && to > m->ops[m->n - 1].offset)
		m->i = m->n; /* to the end */
	else
		FAIL(m, "damaged expression: branches to nowhere");
}

static void frame_base(struct machine *m, int64_t offset)
{
	struct eval sub = *m->e;
	Dwarf_Op *ops;
	size_t n;
	struct place p;

	if (!m->e->frame_base || m->e->depth >= EVAL_DEPTH) {
		FAIL(m, "the function has no frame base");
		return;
	}
	if (dwarf_getlocation_addr(m->e->frame_base, m->e->pc, &ops, &n, 1) != 1) {
		FAIL(m, "the frame base has no place here");
		return;
	}
	sub.attr = m->e->frame_base;
	sub.frame_base = NULL;
	sub.depth++;
	eval_place(&sub, ops, n, &p);
	if (p.kind != PLACE_MEMORY && p.kind != PLACE_REGISTER && p.kind != PLACE_VALUE)
		FAIL(m, "%s", p.why);
	else
		push(m, p.v + (uint64_t)offset);
}

static void entry_value(struct machine *m, const Dwarf_Op *op)
{
	struct eval *e = m->e;
	Dwarf_Attribute a;
	Dwarf_Op *ops;
	size_t n;
	uint64_t v;

	if (!e->entry_value || !e->attr || e->depth >= EVAL_DEPTH)
		FAIL(m, "the value on entry can't be told");
	else if (dwarf_getlocation_attr(e->attr, op, &a) || dwarf_getlocation(&a, &ops, &n))
		FAIL(m, "damaged entry-value expression");
	else if (!e->entry_value(e, ops, n, &v))
		m->failed = true;
	else
		push(m, v);
}

/* Operations that aren't plain arithmetic. false: unknown. */
static bool context_op(struct machine *m, const Dwarf_Op *op)
{
	struct eval *e = m->e;
	uint64_t v = 0;

	switch (op->atom) {
	case DW_OP_addr:
		push(m, op->number + e->bias);
		return true;
	case DW_OP_fbreg:
		frame_base(m, (int64_t)op->number);
		return true;
	case DW_OP_bregx:
		m->failed |= !reg_value(e, op->number, &v);
		push(m, v + op->number2);
		return true;
	case DW_OP_call_frame_cfa:
		if (!e->cfa)
			FAIL(m, "the frame's CFA isn't known");
		push(m, e->cfa);
		return true;
	case DW_OP_deref:
	case DW_OP_deref_size:
		m->failed |= !memory(e, pop(m).v,
				     op->atom == DW_OP_deref ? 8
				     : op->number <= 8	     ? (unsigned)op->number
							     : 0,
				     &v);
		push(m, v);
		return true;
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value:
		entry_value(m, op);
		return true;
	case DW_OP_convert:
	case DW_OP_reinterpret:
	case DW_OP_const_type:
	case DW_OP_regval_type:
	case DW_OP_deref_type:
	case DW_OP_GNU_convert:
	case DW_OP_GNU_reinterpret:
	case DW_OP_GNU_const_type:
	case DW_OP_GNU_regval_type:
	case DW_OP_GNU_deref_type:
		typed_op(m, op);
		return true;
	case DW_OP_nop:
	case DW_OP_GNU_uninit:
		return true;
	default:
		return false;
	}
}

static void arithmetic_op(struct machine *m, const Dwarf_Op *op)
{
	uint8_t atom = op->atom;
	uint64_t v = 0;

	if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) {
		push(m, atom - DW_OP_lit0);
	} else if (atom >= DW_OP_const1u && atom <= DW_OP_consts) {
		push(m, op->number);
	} else if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
		m->failed |= !reg_value(m->e, atom - DW_OP_breg0, &v);
		push(m, v + op->number);
	} else if ((atom >= DW_OP_dup && atom <= DW_OP_pick) || atom == DW_OP_swap ||
		   atom == DW_OP_rot) {
		stack_op(m, op);
	} else if (atom == DW_OP_abs || atom == DW_OP_neg || atom == DW_OP_not ||
		   atom == DW_OP_plus_uconst) {
		unary_op(m, op);
	} else if ((atom >= DW_OP_and && atom <= DW_OP_xor) ||
		   (atom >= DW_OP_eq && atom <= DW_OP_ne)) {
		binary_op(m, atom);
	} else {
		FAIL(m, "DWARF operation 0x%x isn't supported", atom);
	}
}

/* Operations that give a location rather than an address. false: not one of them. */
static bool location_op(struct machine *m, const Dwarf_Op *op)
{
	struct place *p = m->place;
	Dwarf_Block b;

	if (!p)
		return false;
	if ((op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31) || op->atom == DW_OP_regx) {
		p->kind = PLACE_REGISTER;
		if (op->atom != DW_OP_regx)
			p->reg = (unsigned)op->atom - DW_OP_reg0;
		else
			p->reg = op->number < ARCH_MAX_REGS ? (unsigned)op->number : ARCH_MAX_REGS;
		m->failed |= !reg_value(m->e, p->reg, &p->v);
		return true;
	}
	switch (op->atom) {
	case DW_OP_stack_value:
		p->kind = PLACE_VALUE;
		p->v = pop(m).v;
		return true;
	case DW_OP_implicit_value:
		p->kind = PLACE_VALUE;
		if (!m->e->attr || dwarf_getlocation_implicit_value(m->e->attr, op, &b)) {
			FAIL(m, "a constant that can't be read");
			return true;
		}
		p->size = b.length < sizeof(p->bytes) ? b.length : sizeof(p->bytes);
		memcpy(p->bytes, b.data, p->size);
		p->v = 0;
		memcpy(&p->v, p->bytes, p->size < 8 ? p->size : 8);
		return true;
	case DW_OP_implicit_pointer:
	case DW_OP_GNU_implicit_pointer:
		FAIL(m, "points to something that the compiler keeps in no memory");
		return true;
	default:
		return false;
	}
}

/* Runs ops[0..n). With a place: what isn't an address goes there, kind MEMORY means the stack's
 * top. */
static bool execute(struct machine *m)
{
	unsigned steps = 0;

	while (m->i < m->n && !m->failed) {
		const Dwarf_Op *op = &m->ops[m->i++];

		if (++steps > MAX_OPS)
			FAIL(m, "expression runs too long");
		else if (op->atom == DW_OP_skip || op->atom == DW_OP_bra)
			branch(m, op);
		else if (!location_op(m, op) && !context_op(m, op))
			arithmetic_op(m, op);
	}
	return !m->failed;
}

void eval_unknown(const struct eval *e, struct place *ret)
{
	*ret = (struct place){.kind = PLACE_UNKNOWN};
	memcpy(ret->why, e->why, sizeof(ret->why));
}

void eval_simple(struct eval *e, const Dwarf_Op *ops, size_t n, struct place *ret)
{
	struct machine m = {.e = e, .ops = ops, .n = n, .place = ret};

	*ret = (struct place){.kind = n ? PLACE_MEMORY : PLACE_EMPTY};
	if (!n)
		return;
	if (!execute(&m)) {
		eval_unknown(e, ret);
	} else if (ret->kind == PLACE_MEMORY) {
		ret->v = pop(&m).v;
		if (m.failed)
			eval_unknown(e, ret);
	}
}

bool eval_value(struct eval *e, const Dwarf_Op *ops, size_t n, const uint64_t *init, uint64_t *ret)
{
	struct place p = {.kind = PLACE_MEMORY};
	struct machine m = {.e = e, .ops = ops, .n = n, .place = &p};

	if (init)
		push(&m, *init);
	if (!execute(&m))
		return false;
	*ret = p.kind == PLACE_MEMORY ? pop(&m).v : p.v;
	return !m.failed;
}

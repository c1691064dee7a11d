/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a location description says, in the few characters that fit beside a variable.
 */
#include <dwarf.h>
#include <stdio.h>
#include "engine/unwind/eval.h"

static void describe_offset(const char *base, uint64_t offset, char *buf, size_t cap)
{
	int64_t v = (int64_t)offset;

	if (!v)
		snprintf(buf, cap, "%s", base);
	else
		snprintf(buf, cap, "%s%c0x%llx", base, v < 0 ? '-' : '+',
			 (unsigned long long)(v < 0 ? -offset : offset));
}

static void describe_entry(const struct eval *e, const Dwarf_Op *op, char *buf, size_t cap)
{
	Dwarf_Attribute a;
	Dwarf_Op *ops;
	size_t n;
	char inner[32] = "?";

	if (e->attr && e->depth < EVAL_DEPTH && !dwarf_getlocation_attr(e->attr, op, &a) &&
	    !dwarf_getlocation(&a, &ops, &n)) {
		struct eval sub = *e;

		sub.attr = &a;
		sub.depth++;
		eval_describe(&sub, ops, n, inner, sizeof(inner));
	}
	snprintf(buf, cap, "entry(%s)", inner);
}

static const char *reg_text(const struct eval *e, uint64_t reg)
{
	const char *s = reg < ARCH_MAX_REGS ? arch_reg_name(e->arch, (unsigned)reg) : NULL;

	return s ? s : "register?";
}

static bool is_frame_cfa(const struct eval *e)
{
	Dwarf_Op *ops;
	size_t n;

	return e->frame_base && dwarf_getlocation_addr(e->frame_base, e->pc, &ops, &n, 1) == 1 &&
	       n == 1 && ops[0].atom == DW_OP_call_frame_cfa;
}

static void describe_op(const struct eval *e, const Dwarf_Op *op, char *buf, size_t cap)
{
	uint8_t a = op->atom;

	if (a >= DW_OP_reg0 && a <= DW_OP_reg31)
		snprintf(buf, cap, "%s", reg_text(e, a - DW_OP_reg0));
	else if (a == DW_OP_regx)
		snprintf(buf, cap, "%s", reg_text(e, op->number));
	else if (a >= DW_OP_breg0 && a <= DW_OP_breg31)
		describe_offset(reg_text(e, a - DW_OP_breg0), op->number, buf, cap);
	else if (a == DW_OP_bregx)
		describe_offset(reg_text(e, op->number), op->number2, buf, cap);
	else if (a == DW_OP_fbreg)
		describe_offset(is_frame_cfa(e) ? "cfa" : "frame", op->number, buf, cap);
	else if (a == DW_OP_call_frame_cfa)
		snprintf(buf, cap, "cfa");
	else if (a == DW_OP_entry_value || a == DW_OP_GNU_entry_value)
		describe_entry(e, op, buf, cap);
	else if (a == DW_OP_addr)
		snprintf(buf, cap, "static");
	else if (a == DW_OP_implicit_pointer || a == DW_OP_GNU_implicit_pointer)
		snprintf(buf, cap, "implicit pointer");
	else if ((a >= DW_OP_lit0 && a <= DW_OP_lit31) || a == DW_OP_implicit_value ||
		 (a >= DW_OP_const1u && a <= DW_OP_consts))
		snprintf(buf, cap, "const");
	else
		snprintf(buf, cap, "expression");
}

void eval_describe(const struct eval *e, const Dwarf_Op *ops, size_t n, char *buf, size_t cap)
{
	if (!n) {
		snprintf(buf, cap, "none");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (eval_is_piece(&ops[i])) {
			snprintf(buf, cap, "pieces");
			return;
		}
	}
	if (n == 1 || (n == 2 && ops[1].atom == DW_OP_stack_value)) {
		describe_op(e, &ops[0], buf, cap);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (ops[i].atom != DW_OP_entry_value && ops[i].atom != DW_OP_GNU_entry_value)
			continue;
		char inner[40];

		describe_entry(e, &ops[i], inner, sizeof(inner));
		snprintf(buf, cap, "from %s", inner);
		return;
	}
	snprintf(buf, cap, "expression");
}

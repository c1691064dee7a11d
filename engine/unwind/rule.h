/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What holds at one pc: how to get from a frame to its caller. Made from ORC and CFI once a pc,
 * then cached: a plain value without owned memory. Only of use inside engine/unwind.
 *
 * Thread: any.
 */
#ifndef UNWIND_RULE_H
#define UNWIND_RULE_H

#include "engine/unwind/unwind.h"

#define RULE_MAX_REGS 18

enum rule_flow {
	FLOW_UNKNOWN,	   /* nothing is known of this pc */
	FLOW_CALL,	   /* the return address is below the CFA */
	FLOW_REGS,	   /* a whole pt_regs lies at the CFA */
	FLOW_REGS_PARTIAL, /* only the part that the processor pushes: pc, cs, flags, sp, ss */
	FLOW_END,	   /* nobody called this */
};

enum cfa_how {
	CFA_REG,       /* reg + offset */
	CFA_REG_DEREF, /* [reg + offset] */
	CFA_DEREF_REG, /* [reg] + offset */
	CFA_EXPR,      /* a DWARF expression */
};

enum reg_how {
	REG_SAME,	/* as in this frame */
	REG_OFFSET,	/* saved at CFA + offset */
	REG_VAL_OFFSET, /* is CFA + offset */
	REG_REGISTER,	/* is in register `offset` of this frame */
	REG_AT_BASE,	/* saved at (this frame's value of the same register) + offset */
	REG_EXPR,	/* saved at the address that the expression gives */
	REG_VAL_EXPR,	/* is what the expression gives */
};

/* Registers without a rule are unknown in the caller. */
struct reg_rule {
	uint8_t reg;
	uint8_t how; /* enum reg_how */
	uint16_t expr_len;
	int32_t offset; /* *_EXPR: offset of the expression in `exprs` */
};

struct rule {
	struct object *object; /* whose code; NULL: nobody's */
	uint8_t flow;	       /* enum rule_flow */
	uint8_t source;	       /* enum frame_source: what gave the CFA */
	unsigned generation;   /* of the object when the rule was made */
	bool next_exact;       /* the next pc is the interrupted instruction */
	uint8_t cfa_how;       /* enum cfa_how */
	uint8_t cfa_reg;
	uint8_t nregs;
	uint16_t cfa_expr_len;
	int32_t cfa_offset;   /* CFA_EXPR: offset of the expression in `exprs` */
	const uint8_t *exprs; /* the section that expressions lie in; borrowed from the object */
	struct reg_rule regs[RULE_MAX_REGS];
};

#endif

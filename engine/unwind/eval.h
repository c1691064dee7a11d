/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A stack machine for DWARF expressions, in the registers and memory of one frame. Only of use
 * inside engine/unwind.
 *
 * Whatever it needs and can't have (a register, memory, an operation) ends in PLACE_UNKNOWN with
 * the reason for a person. Loops, depth and sizes are bounded.
 *
 * Thread: the caller holds object_lock() when `attr` is set; else any.
 *
 * Source: DWARF 5 sections 2.5 and 2.6.
 */
#ifndef UNWIND_EVAL_H
#define UNWIND_EVAL_H

#include "engine/unwind/unwind.h"

#define EVAL_STACK 64
#define EVAL_DEPTH 4

enum place_kind {
	PLACE_MEMORY,	/* at address v */
	PLACE_REGISTER, /* in register `reg`, which holds v */
	PLACE_VALUE,	/* is the value v, or bytes[0..size) when size isn't 0 */
	PLACE_EMPTY,	/* has no place: optimized out */
	PLACE_UNKNOWN,	/* see why */
};

struct place {
	enum place_kind kind;
	unsigned reg;
	uint64_t v;
	size_t size;
	uint8_t bytes[16];
	char why[80];
};

/* What expressions are evaluated in. Zeroed but for what is known. */
struct eval {
	struct mem *mem;
	const struct arch *arch;
	const struct regs *regs;
	uint64_t cfa;		     /* 0: not known */
	uint64_t bias;		     /* to add to DW_OP_addr */
	uint64_t pc;		     /* in DWARF's addresses, for location lists */
	Dwarf_Attribute *attr;	     /* where the operations are from; NULL: from CFI */
	Dwarf_Attribute *frame_base; /* of the function; NULL: none */
	/* The value that an expression had on entry to the function; false: why is set. NULL: can't
	 * tell. */
	bool (*entry_value)(struct eval *e, const Dwarf_Op *ops, size_t n, uint64_t *ret);
	void *ctx; /* for entry_value */
	unsigned depth;
	char why[80]; /* the reason of the last failure */
};

/* Evaluates a location description: ops of an exprloc or of one location-list entry. */
void eval_place(struct eval *e, const Dwarf_Op *ops, size_t n, struct place *ret);
/* Evaluates an expression whose result is a value (CFA, call-site value); init (may be NULL) is
 * pushed first. false: e->why. */
bool eval_value(struct eval *e, const Dwarf_Op *ops, size_t n, const uint64_t *init, uint64_t *ret);
/* The same for raw bytes out of CFI, where only operations without references into .debug_info
 * occur. */
bool eval_raw(struct eval *e, const uint8_t *p, size_t n, const uint64_t *init, uint64_t *ret);
/* Where something lives, in a few characters: "rbx", "rsp+0x18", "cfa-0x40", "entry(rdi)", "const".
 */
void eval_describe(const struct eval *e, const Dwarf_Op *ops, size_t n, char *buf, size_t cap);

/* Shared by the files of the machine: a location without pieces; a place with e's reason why it isn't known; the
 * reason of a failure (returns false); v cut or extended to a typed size; does a composite's piece end here? */
void eval_simple(struct eval *e, const Dwarf_Op *ops, size_t n, struct place *ret);
void eval_unknown(const struct eval *e, struct place *ret);
bool eval_fail(struct eval *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint64_t eval_fit(uint64_t v, unsigned size, bool is_signed);
bool eval_is_piece(const Dwarf_Op *op);

#endif

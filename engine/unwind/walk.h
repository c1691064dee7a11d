/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the files of the unwinder share: rules by pc, and one walk over one stack. Only of use
 * inside engine/unwind.
 */
#ifndef UNWIND_WALK_H
#define UNWIND_WALK_H

#include "engine/unwind/rule.h"
#include "engine/unwind/unwind.h"

#define STACK_MAX 16384 /* bytes of stack that a guess looks over: x86-64's THREAD_SIZE */
#define WALK_PAGE 4096

/* One walk. Keeps the two stack pages that it read last, so that a frame costs no look-up in the
 * dump. */
struct walk {
	struct unwinder *u;
	struct mem *mem;
	const struct arch *arch;
	struct {
		uint64_t addr; /* of the page; 1: none */
		uint8_t data[WALK_PAGE];
	} page[2];
	unsigned last; /* which of them was used last */
	char why[160]; /* why the walk can't go on */
};

/* The rules at a run-time address (already the call's, not the return address). ret->object may be
 * set with flow UNKNOWN. */
void rule_at(struct unwinder *u, uint64_t pc, struct rule *ret);
/* The object whose text holds pc; NULL: nobody's. */
struct object *text_owner(struct unwinder *u, uint64_t pc);

/* 8 bytes of stack; false: w->why says which and why not. */
bool walk_read(struct walk *w, uint64_t addr, uint64_t *ret);
/* A pt_regs on the stack as registers; false: w->why. */
bool walk_pt_regs(struct walk *w, uint64_t addr, struct regs *ret);

/* The caller of f by a rule; also sets f->cfa. false: w->why. */
bool step_by_rule(struct walk *w, struct frame *f, const struct rule *r, struct frame *next);
/* The caller of f by its function's own instructions. false: they don't tell. */
bool step_by_code(struct walk *w, struct frame *f, struct frame *next);
/* The caller of f without one: frame pointer, a call through a bad pointer, a scan. false: none
 * found. */
bool step_by_guess(struct walk *w, struct frame *f, struct frame *next);
/* User registers at addr as the caller of f, at the very top of a stack, where the entry code leaves
 * them; false: there are none. */
bool user_regs_at(struct walk *w, struct frame *f, uint64_t addr, struct frame *next);
/* Is this frame's caller, as found, one that can be? Sets its object. switches: of stacks, so far.
 * false: w->why. */
bool walk_goes_on(struct walk *w, const struct frame *f, struct frame *next, unsigned *switches);
/* The caller of f as the return address of a call straight to f's function, from where unwinding goes
 * on. For code without any rule. */
bool step_by_call(struct walk *w, struct frame *f, struct frame *next);
/* Could v be a return address: kernel text with a call instruction before it? */
bool plausible_return(struct walk *w, uint64_t v);

#endif

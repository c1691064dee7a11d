/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Walks stacks. For each frame the best source there is, recorded in the frame: ORC (the CFA wherever
 * it has an entry), CFI (.debug_frame: callee-saved registers on that CFA), data flow through the
 * function's instructions, frame pointer, a pt_regs found on the stack, a guarded scan. A register that nothing tells is unknown; never the callee's
 * value by silence. Loops and bad frames end the stack with a reason.
 *
 * Unwind rules are cached by pc: ten thousand sleeping tasks share a few dozen frames.
 *
 * Thread: any (internally locked).
 *
 * Sources: Linux' arch/x86/include/asm/orc_types.h, arch/x86/kernel/unwind_orc.c,
 * Documentation/arch/x86/orc-unwinder.rst; DWARF 5 section 6.4.
 */
#ifndef UNWIND_UNWIND_H
#define UNWIND_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "arch/arch.h"
#include "engine/base/err.h"
#include "engine/job/job.h"
#include "engine/mem/mem.h"
#include "engine/object/object.h"
#include "engine/sym/line.h"
#include "engine/sym/sym.h"
#include "engine/type/type.h"

struct unwinder;

enum frame_source { FRAME_ORC, FRAME_CFI, FRAME_FP, FRAME_REGS, FRAME_SCAN, FRAME_CODE };

/* One physical frame (inlined calls are scopes of it, see lines_at). */
struct frame {
	struct regs regs;     /* as they were in this function at pc */
	uint64_t pc;	      /* return address, or exact if `exact` */
	uint64_t sp, cfa;     /* cfa 0: not known */
	bool exact;	      /* pc is the current instruction (top frame, interrupted): don't subtract 1 */
	bool user;	      /* the user-space registers at the boundary: pc is a user address */
	uint64_t pt_regs;     /* address of the pt_regs that this frame's registers came from; 0: none */
	enum frame_source source; /* how this frame was found */
	struct object *object;	/* whose code; NULL: nobody's */
};

struct stack {
	struct frame *frames;
	size_t n;
	size_t above; /* how many of them were found above the registers that the walk began with */
	char *ended; /* why the walk stopped before the top, for a person; NULL: reached the end rightly */
	bool searched; /* where it begins was found by searching the stack's words: all frames are FRAME_SCAN */
};

struct unwinder *unwinder_create(struct mem *m, struct symtab *st);
void unwinder_destroy(struct unwinder *u);
/* Objects with text, ORC and CFI (borrowed). */
void unwinder_add_object(struct unwinder *u, struct object *o);
/* The size of a pt_regs and where members lie may differ: types give the truth. May be NULL. */
void unwinder_set_types(struct unwinder *u, struct types *ts);

#define CODE_REGS 16
/* What a function's own instructions say about its caller, at one of them. */
struct code_step {
	uint64_t height;     /* the return address lies at the stack pointer + height */
	uint16_t same;	     /* bit r: register r (DWARF) holds what the caller had in it */
	uint16_t saved;	     /* bit r: that is kept in memory, at[r] bytes from the return address */
	int32_t at[CODE_REGS];
};
/* pc: of an instruction, or where the call before it returns to. false: not known. Thread: any. */
typedef bool code_step_fn(void *ctx, uint64_t pc, bool is_return, struct code_step *ret);
/* Before the first walk. */
void unwinder_set_code(struct unwinder *u, code_step_fn *fn, void *ctx);

/* Walks from the given registers (pc and sp must be known) until user space, the stack's end or a
 * bad frame. max: frames at most. Never an error: what was found is returned, with the reason. */
void unwind(struct unwinder *u, const struct regs *start, bool exact, size_t max,
	    struct stack *ret);
void stack_free(struct stack *s);

/* Addresses from start up to end, not included. */
struct unwind_range {
	uint64_t start, end;
};
/* What ran above registers that a handler saved: looks through the words of `stack` for a return
 * address in function `last` from which the rules lead to a pt_regs with these registers, or to the
 * call that saved its own. The frames up to there, innermost first, are all marked as FRAME_SCAN;
 * *regs: where the pt_regs lies, 0 if there is none. false: there are no such frames. Free with stack_free(). */
bool unwind_above(struct unwinder *u, const struct regs *below, const struct unwind_range *stack,
		  const struct unwind_range *last, struct stack *ret, uint64_t *regs);
const char *frame_source_name(enum frame_source s); /* "orc", "cfi", "fp", "regs", "scan", "code" */

#endif

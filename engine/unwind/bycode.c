/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The caller by the function's own instructions, where neither ORC nor CFI knows the pc. objtool leaves
 * functions out that the kernel marks as STACK_FRAME_NON_STANDARD: __crash_kexec() is one, so without a
 * vmlinux every panic's stack would go through a guess. The data flow is not ours (engine/dis): the session
 * hands it in.
 *
 * Entry code is left alone: nobody called it, its stack begins with what the processor pushed.
 */
#include "engine/unwind/internal.h"

void unwinder_set_code(struct unwinder *u, code_step_fn *fn, void *ctx)
{
	u->code = fn;
	u->code_ctx = ctx;
}

static bool is_entry_code(struct unwinder *u, uint64_t pc)
{
	struct sym lo, hi;

	return u->symbols && sym_find(u->symbols, "__entry_text_start", &lo) &&
	       sym_find(u->symbols, "__entry_text_end", &hi) && pc >= lo.addr && pc < hi.addr;
}

static void caller_registers(struct walk *w, const struct frame *f, const struct code_step *c, uint64_t top,
			     struct regs *ret)
{
	uint64_t v;

	for (unsigned r = 0; r < CODE_REGS; r++) {
		if (r == w->arch->reg_sp || !(w->arch->callee_saved >> r & 1))
			continue;
		if (c->same >> r & 1 && regs_has(&f->regs, r))
			regs_set(ret, r, f->regs.v[r]);
		else if (c->saved >> r & 1 && walk_read(w, top + (uint64_t)(int64_t)c->at[r], &v))
			regs_set(ret, r, v);
	}
}

bool step_by_code(struct walk *w, struct frame *f, struct frame *next)
{
	const struct arch *a = w->arch;
	struct code_step c;
	uint64_t top, ret;

	if (!w->u->code || !f->object || f->user || is_entry_code(w->u, f->exact ? f->pc : f->pc - 1) ||
	    !w->u->code(w->u->code_ctx, f->pc, !f->exact, &c))
		return false;
	top = f->sp + c.height;
	if (c.height > STACK_MAX || !walk_read(w, top, &ret) || !plausible_return(w, ret))
		return false;
	*next = (struct frame){.pc = ret, .sp = top + a->ptr_size, .source = FRAME_CODE};
	regs_set(&next->regs, a->reg_pc, ret);
	regs_set(&next->regs, a->reg_sp, next->sp);
	caller_registers(w, f, &c, top, &next->regs);
	f->cfa = next->sp;
	return true;
}

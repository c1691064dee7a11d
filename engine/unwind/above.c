/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ran above saved registers. A CPU that crashes, or is stopped by the one that does, saves the
 * registers of what was interrupted; the handlers that saved them went on, and nothing says where
 * they were. But their return addresses are on the stack: a word that lies in a function that is
 * known to be the last to run, and from which the unwind rules lead, call by call, to a pt_regs that
 * holds just those registers, is such a frame. Left-overs of calls that have returned don't lead
 * there, or don't begin in that function.
 *
 * Where nothing came in (panic()), a function saved its own registers and then made the last call:
 * there the rules lead back to that function, with the stack pointer that it had.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/unwind/internal.h"

#define MAX_ABOVE 64 /* frames */

static bool same_place(const struct walk *w, const struct regs *a, const struct regs *b)
{
	unsigned pc = w->arch->reg_pc, sp = w->arch->reg_sp;

	return regs_has(a, pc) && regs_has(a, sp) && a->v[pc] == b->v[pc] && a->v[sp] == b->v[sp];
}

/* Has the walk come to the very call that saved the registers, a little later in its function? */
static bool same_call(struct walk *w, const struct frame *f, const struct regs *below)
{
	uint64_t pc = below->v[w->arch->reg_pc], at, from;
	struct sym a, b;

	return !f->exact && f->sp == below->v[w->arch->reg_sp] && w->u->symbols &&
	       sym_func_at(w->u->symbols, f->pc - 1, &a, &at) &&
	       sym_func_at(w->u->symbols, pc, &b, &from) && a.addr == b.addr;
}

/* The frames from return address pc, found at stack address at, up to the pt_regs of `below` or to
 * the call that saved them; how many, 0: it doesn't lead there. *regs: where the pt_regs lies, or 0. */
static size_t chain(struct walk *w, uint64_t pc, uint64_t at, const struct regs *below,
		    struct frame *v, uint64_t *regs)
{
	unsigned switches = 0;
	struct frame next;
	struct rule r;

	v[0] = (struct frame){.pc = pc, .sp = at + 8, .source = FRAME_SCAN};
	v[0].object = text_owner(w->u, pc - 1);
	regs_set(&v[0].regs, w->arch->reg_pc, pc);
	regs_set(&v[0].regs, w->arch->reg_sp, at + 8);
	for (size_t n = 1; n <= MAX_ABOVE; n++) {
		struct frame *f = &v[n - 1];
		rule_at(w->u, f->exact ? f->pc : f->pc - 1, &r);
		if (r.flow == FLOW_END)
			return 0;
		/* __crash_kexec has no ORC: without CFI its caller is the one that calls it */
		bool ok = r.flow == FLOW_UNKNOWN ? step_by_call(w, f, &next)
						 : step_by_rule(w, f, &r, &next);
		if (!ok || !walk_goes_on(w, f, &next, &switches))
			return 0;
		*regs = next.pt_regs;
		if (next.pt_regs)
			return same_place(w, &next.regs, below) ? n : 0;
		if (same_call(w, &next, below))
			return n;
		if (n == MAX_ABOVE)
			return 0;
		next.source = FRAME_SCAN; /* it is no surer than the first */
		v[n] = next;
	}
	return 0;
}

bool unwind_above(struct unwinder *u, const struct regs *below, const struct unwind_range *stack,
		  const struct unwind_range *last, struct stack *ret, uint64_t *regs)
{
	struct walk w = {
		.u = u, .mem = u->mem, .arch = u->arch, .page = {{.addr = 1}, {.addr = 1}}};
	uint64_t at = (stack->start + 7) & ~UINT64_C(7), pc;

	if (!w.arch || !regs_has(below, w.arch->reg_pc) || !regs_has(below, w.arch->reg_sp))
		return false;
	struct frame *v = xcalloc(MAX_ABOVE + 1, sizeof(*v));
	while (at < stack->end && stack->end - at >= 8) {
		if (!walk_read(&w, at, &pc)) {
			at = (at | (WALK_PAGE - 1)) + 1; /* a guard page */
			continue;
		}
		size_t n = pc > last->start && pc <= last->end && plausible_return(&w, pc) ?
				   chain(&w, pc, at, below, v, regs) :
				   0;
		if (n) {
			*ret = (struct stack){.frames = v, .n = n};
			return true;
		}
		at += 8;
	}
	free(v);
	return false;
}

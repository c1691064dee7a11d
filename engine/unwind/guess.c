/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to do where no rule leads on: BPF programs and trampolines made at run time, a call through
 * a bad pointer, a module without ORC, a damaged stack, a kernel built with frame pointers.
 *
 * Each guess must hold up: a return address lies in known text, right behind a call instruction,
 * and what is guessed by scanning must itself lead on to such an address (or to the end). Guessed
 * frames are marked, and only registers that the guess gives are known in them.
 */
#include <string.h>
#include "engine/unwind/internal.h"

#define CALL_MAX 7 /* bytes of the longest call instruction that we look for */
#define JUMP_MAX 6 /* bytes of the longest jump */
#define TAIL_MAX 65536 /* bytes of a function that is looked through for jumps */
#define TAIL_CHUNK 1024

/* The length of an `ff /2` call with this ModRM byte (and SIB), without prefixes; 0: not a call. */
static unsigned indirect_call_length(const uint8_t *p)
{
	unsigned mod = p[1] >> 6, rm = p[1] & 7, n = 2;

	if (p[0] != 0xff || (p[1] >> 3 & 7) != 2)
		return 0;
	if (mod == 3)
		return n;
	if (rm == 4) {
		n++;
		if (mod == 0 && (p[2] & 7) == 5)
			return n + 4;
	}
	if (mod == 1)
		return n + 1;
	if (mod == 2 || (mod == 0 && rm == 5))
		return n + 4;
	return n;
}

/* What kind of call stands right before v, and where a direct one goes. */
enum call { CALL_NONE, CALL_DIRECT, CALL_INDIRECT };

static enum call call_before(struct walk *w, uint64_t v, uint64_t *target)
{
	uint8_t b[CALL_MAX + 2] = {0};
	int32_t rel;

	if (v < 4096 || !text_owner(w->u, v - 1) ||
	    !err_ok(mem_read(w->mem, KERNEL, v - CALL_MAX, b, CALL_MAX)))
		return CALL_NONE;
	memcpy(&rel, b + CALL_MAX - 4, 4);
	*target = v + (uint64_t)(int64_t)rel;
	if (b[CALL_MAX - 5] == 0xe8 && w->arch->is_kernel(mem_layout(w->mem), *target))
		return CALL_DIRECT;
	for (unsigned n = 2; n <= CALL_MAX; n++)
		if (indirect_call_length(b + CALL_MAX - n) == n)
			return CALL_INDIRECT;
	return CALL_NONE;
}

bool plausible_return(struct walk *w, uint64_t v)
{
	uint64_t target;

	return call_before(w, v, &target) != CALL_NONE;
}

static void set_frame(struct walk *w, struct frame *next, uint64_t pc, uint64_t sp,
		      enum frame_source source)
{
	*next = (struct frame){.pc = pc, .sp = sp, .source = source};
	regs_set(&next->regs, w->arch->reg_pc, pc);
	regs_set(&next->regs, w->arch->reg_sp, sp);
}

static bool from_pt_regs(struct walk *w, struct frame *f, uint64_t addr, struct frame *next)
{
	const struct arch *a = w->arch;

	*next = (struct frame){.source = FRAME_REGS, .exact = true, .pt_regs = addr};
	if (!walk_pt_regs(w, addr, &next->regs) || !regs_has(&next->regs, a->reg_pc) ||
	    !regs_has(&next->regs, a->reg_sp) || !a->regs_plausible(&next->regs))
		return false;
	next->pc = next->regs.v[a->reg_pc];
	next->sp = next->regs.v[a->reg_sp];
	next->user = a->regs_user(&next->regs);
	if (next->user == a->is_kernel(mem_layout(w->mem), next->pc) ||
	    next->user == a->is_kernel(mem_layout(w->mem), next->sp))
		return false;
	if (!next->user && !text_owner(w->u, next->pc))
		return false;
	f->cfa = addr;
	return true;
}

bool user_regs_at(struct walk *w, struct frame *f, uint64_t addr, struct frame *next)
{
	uint64_t end = addr + w->arch->pt_regs_size;

	/* Newer kernels keep up to 64 bytes free above them. */
	if ((end + 63) / WALK_PAGE == (end - 1) / WALK_PAGE)
		return false;
	return from_pt_regs(w, f, addr, next) && next->user;
}

/* Does the function at `from` have a jump straight to `to`? x64_sys_call() leaves to all system calls
 * so. Its bytes are looked at, not decoded: a chance match is one in four billion. */
static bool jumps_to(struct walk *w, uint64_t from, uint64_t to)
{
	uint8_t b[TAIL_CHUNK + JUMP_MAX];
	struct sym s;
	uint64_t off;
	int32_t rel;

	if (!w->u->symbols || !sym_func_at(w->u->symbols, from, &s, &off) || off || s.size > TAIL_MAX)
		return false;
	for (uint64_t at = 0; at < s.size; at += TAIL_CHUNK) {
		size_t n = mem_read_some(w->mem, KERNEL, from + at, b, sizeof(b), NULL);
		for (size_t i = 0; i + JUMP_MAX <= n; i++) {
			size_t op = b[i] == 0xe9 ? 1 : b[i] == 0x0f && b[i + 1] >> 4 == 8 ? 2 : 0;
			memcpy(&rel, b + i + op, 4);
			if (op && from + at + i + op + 4 + (uint64_t)(int64_t)rel == to)
				return true;
		}
	}
	return false;
}

/* Where nothing at all is known of the code (no ORC, no CFI), a call counts that goes to the very
 * function whose caller is looked for, or to one that jumps there, or through a pointer: then nobody
 * can say that it doesn't.
 */
static bool may_call_function_of(struct walk *w, uint64_t ret, const struct frame *f)
{
	static const char thunk[] = "__x86_indirect_";
	struct sym s;
	uint64_t off, target;
	enum call call = call_before(w, ret, &target);

	if (call != CALL_DIRECT || !w->u->symbols)
		return call == CALL_INDIRECT;
	if (sym_func_at(w->u->symbols, f->exact ? f->pc : f->pc - 1, &s, &off) &&
	    (s.addr == target || jumps_to(w, target, s.addr)))
		return true;
	return sym_at(w->u->symbols, target, &s, &off) &&
	       !strncmp(s.name, thunk, sizeof(thunk) - 1);
}

/* Does unwinding go on from a guessed caller of `callee`? */
static bool leads_on(struct walk *w, const struct frame *guess, const struct frame *callee)
{
	struct frame f = *guess, next;
	struct rule r;

	rule_at(w->u, f.pc - 1, &r);
	if (r.flow == FLOW_END)
		return true;
	if (r.flow == FLOW_UNKNOWN)
		return may_call_function_of(w, f.pc, callee);
	if (!step_by_rule(w, &f, &r, &next))
		return false;
	if (r.flow != FLOW_CALL)
		return next.user ? !w->arch->is_kernel(mem_layout(w->mem), next.pc)
				 : text_owner(w->u, next.pc) != NULL;
	return next.sp > f.sp && next.sp - f.sp <= STACK_MAX && plausible_return(w, next.pc);
}

/* A candidate whose caller is found by rbp: most often its callee has pushed rbp right below. */
static bool leads_on_by_fp(struct walk *w, struct frame *guess, const struct frame *callee)
{
	uint64_t fp;

	if (!walk_read(w, guess->sp - 16, &fp) || fp < guess->sp || fp - guess->sp > STACK_MAX)
		return false;
	regs_set(&guess->regs, w->arch->reg_fp, fp);
	if (leads_on(w, guess, callee))
		return true;
	regs_forget(&guess->regs, w->arch->reg_fp);
	return false;
}

/* A candidate below `limit` that is behind a call of the very function whose caller is looked for. Its
 * caller may need rbp: the function has left it alone, or pushed it. */
static bool by_direct_call(struct walk *w, struct frame *f, uint64_t limit, struct frame *next)
{
	unsigned fp = w->arch->reg_fp;
	uint64_t v, target, off;
	struct sym s;

	if (!w->u->symbols ||
	    !sym_func_at(w->u->symbols, f->exact ? f->pc : f->pc - 1, &s, &off))
		return false;
	for (uint64_t at = (f->sp + 7) & ~UINT64_C(7); at < limit && walk_read(w, at, &v); at += 8) {
		if (call_before(w, v, &target) != CALL_DIRECT || target != s.addr)
			continue;
		set_frame(w, next, v, at + 8, FRAME_SCAN);
		f->cfa = at + 8;
		if (leads_on(w, next, f))
			return true;
		if (regs_has(&f->regs, fp))
			regs_set(&next->regs, fp, f->regs.v[fp]);
		if (leads_on(w, next, f) || leads_on_by_fp(w, next, f))
			return true;
	}
	return false;
}

/* Frame pointers: [rbp] is the caller's, the return address above it. Kernels with frame pointers
 * put the address of a pt_regs there, with bit 0 set. */
static bool by_frame_pointer(struct walk *w, struct frame *f, struct frame *next)
{
	const struct arch *a = w->arch;
	uint64_t fp = f->regs.v[a->reg_fp], ret, saved;

	if (!regs_has(&f->regs, a->reg_fp) || fp < f->sp || fp - f->sp > STACK_MAX)
		return false;
	if (fp & 1)
		return from_pt_regs(w, f, fp & ~UINT64_C(1), next);
	if (!walk_read(w, fp, &saved) || !walk_read(w, fp + 8, &ret) || !plausible_return(w, ret))
		return false;
	/* a frame without a frame pointer lies in between: rbp is its caller's */
	if (!may_call_function_of(w, ret, f) && by_direct_call(w, f, fp, next))
		return true;
	f->cfa = fp + 16;
	set_frame(w, next, ret, f->cfa, FRAME_FP);
	regs_set(&next->regs, a->reg_fp, saved);
	return true;
}

/* A call to a place that holds no code: nothing was run there, the return address is on top. */
static bool by_bad_call(struct walk *w, struct frame *f, struct frame *next)
{
	const struct arch *a = w->arch;
	uint64_t ret;

	if (!f->exact || f->object || !walk_read(w, f->sp, &ret) || !plausible_return(w, ret))
		return false;
	f->cfa = f->sp + a->ptr_size;
	set_frame(w, next, ret, f->cfa, FRAME_SCAN);
	for (unsigned i = 0; i < ARCH_MAX_REGS; i++)
		if (a->callee_saved >> i & 1 && i != a->reg_sp && regs_has(&f->regs, i))
			regs_set(&next->regs, i, f->regs.v[i]);
	return true;
}

static bool by_scan(struct walk *w, struct frame *f, struct frame *next)
{
	uint64_t from = (f->sp + 7) & ~UINT64_C(7), v;

	for (uint64_t at = from; at - from < STACK_MAX; at += 8) {
		if (!walk_read(w, at, &v))
			return false;
		if (user_regs_at(w, f, at, next)) {
			next->source = FRAME_SCAN;
			return true;
		}
		if (!plausible_return(w, v))
			continue;
		set_frame(w, next, v, at + 8, FRAME_SCAN);
		if (!leads_on(w, next, f) && !leads_on_by_fp(w, next, f))
			continue;
		f->cfa = at + 8;
		return true;
	}
	return false;
}

bool step_by_guess(struct walk *w, struct frame *f, struct frame *next)
{
	return by_bad_call(w, f, next) || by_frame_pointer(w, f, next) || step_by_call(w, f, next) ||
	       by_scan(w, f, next);
}

bool step_by_call(struct walk *w, struct frame *f, struct frame *next)
{
	return by_direct_call(w, f, f->sp + STACK_MAX, next);
}

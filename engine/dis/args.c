/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two questions, each in terms of the other:
 *
 * - What did register R hold when frame I was entered? Either a place in the frame's own state has
 * the symbol "R on entry", and can be read; or the caller's state at the call tells what R was.
 * - What is the number of a value in the state of frame I? It is a constant; or a place with the
 * same symbol can be read; or its symbol is a register on entry: the first question again, and for
 *   registers that calls preserve, what the unwinder found in the caller.
 *
 * What can be read of a frame: the registers that survive a call (all of them, where the frame was
 * interrupted), and the slots of its own stack frame that its state vouches for.
 *
 * Wherever both ways give an answer they must agree; else there is none.
 */
#include "engine/dis/args.h"
#include "engine/dis/impl.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"

#define MAX_STEPS 24
#define CALLEE_SAVED 0xf048u /* rbx rbp r12-r15 */

enum memo_state { MEMO_NONE, MEMO_BUSY, MEMO_DONE };

/* What is known of one frame. */
struct frame_flow {
	bool tried, usable;
	const struct snapshot *at; /* before its instruction (the call, or the interrupted one) */
	bool has_base;
	uint64_t base; /* its stack pointer on entry */
	struct {
		uint8_t state; /* enum memo_state */
		uint8_t bits;
		bool conflict;
		uint64_t value;
	} entry[NREGS];
	struct {
		uint8_t state;
		bool known;
		uint64_t value;
	} saved[NREGS]; /* registers that calls preserve, where the unwinder hasn't got them */
};

struct args {
	struct flow *flow;
	struct dis *dis;
	const struct stack *st;
	struct frame_flow *frames;
	struct arg_value *out; /* where steps and reasons go; NULL: nowhere */
	bool steps;
};

struct args *args_create(struct flow *f, const struct stack *st)
{
	struct args *a = xcalloc(1, sizeof(*a));

	a->flow = f;
	a->dis = flow_dis(f);
	a->st = st;
	a->frames = xcalloc(st->n ? st->n : 1, sizeof(*a->frames));
	return a;
}

void args_destroy(struct args *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->st->n; i++)
		flow_put(a->flow, a->frames[i].at);
	free(a->frames);
	free(a);
}

void arg_value_free(struct arg_value *v)
{
	free(v->steps);
	v->steps = NULL;
	v->nsteps = 0;
}

/* ---- the proof ---- */

static void __attribute__((format(printf, 2, 3))) because(struct args *a, const char *fmt, ...)
{
	va_list ap;

	if (!a->out || a->out->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(a->out->why, sizeof(a->out->why), fmt, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 3, 4)))
step(struct args *a, uint64_t pc, const char *fmt, ...)
{
	struct arg_value *v = a->out;
	va_list ap;

	if (!v || !a->steps || v->nsteps == MAX_STEPS)
		return;
	for (size_t i = 0; pc && i < v->nsteps; i++)
		if (v->steps[i].pc == pc)
			return;
	v->steps = xrealloc(v->steps, v->nsteps + 1, sizeof(*v->steps));
	struct arg_step *s = &v->steps[v->nsteps++];
	*s = (struct arg_step){.pc = pc};
	va_start(ap, fmt);
	vsnprintf(s->what, sizeof(s->what), fmt, ap);
	va_end(ap);
	if (pc) {
		AUTO_BUF struct buf text = {0};
		dis_text_at(a->dis, pc, &text);
		snprintf(s->text, sizeof(s->text), "%s", buf_str(&text));
	}
}

/* The moves that brought a value where it is, oldest first; what: said of the last one. */
static void trail_steps(struct args *a, const struct snapshot *s, uint32_t by, const char *what)
{
	const struct trail *chain[8];
	size_t n = 0;

	for (; by && n < 8; by = chain[n - 1]->from) {
		chain[n] = trail_find(s, by);
		if (!chain[n])
			break;
		n++;
	}
	while (n--)
		step(a, chain[n]->pc, "%s", n ? "moved on" : what);
}

static const char *name_of(const struct args *a, unsigned reg)
{
	const char *s = arch_reg_name(a->dis->arch, reg);

	return s ? s : "?";
}

/* ---- one frame ---- */

static bool is_guess(const struct frame *f)
{
	return f->source == FRAME_SCAN || f->source == FRAME_FP;
}

/* The stack pointer on entry: from the state's own height, else from the unwinder's CFA. Where both
 * are known they have to agree; but the CFA of an entry point is that of what it interrupted.
 * false: they don't. */
static bool find_base(const struct args *a, size_t i, struct frame_flow *w)
{
	const struct frame *f = &a->st->frames[i];
	const struct frame *c = i + 1 < a->st->n ? &a->st->frames[i + 1] : NULL;
	struct val sp = w->at->state.reg[REG_RSP].v;
	bool by_cfa = f->cfa && c && !c->user && !c->pt_regs && !is_guess(c);

	if (sp.sym == SYM_ENTRY + REG_RSP && !sp.ext && f->sp) {
		w->base = f->sp - (uint64_t)sp.add;
		w->has_base = true;
		return !by_cfa || w->base == f->cfa - 8;
	}
	w->base = f->cfa - 8;
	w->has_base = by_cfa;
	return true;
}

static const struct frame_flow *frame_flow(struct args *a, size_t i)
{
	struct frame_flow *w = &a->frames[i];
	const struct frame *f = &a->st->frames[i];

	if (!w->tried && !f->user && f->pc) {
		w->at = flow_at(a->flow, f->pc, !f->exact);
		w->usable = w->at->usable && find_base(a, i, w);
	}
	w->tried = true;
	return w;
}

static unsigned read_symbol(struct args *a, size_t i, uint32_t sym, uint64_t *ret);

/* A register that calls preserve, from what the function that was called has done with it. */
static bool preserved_below(struct args *a, size_t i, unsigned r, uint64_t *ret)
{
	struct frame_flow *w = &a->frames[i];

	if (w->saved[r].state == MEMO_NONE) {
		w->saved[r].state = MEMO_DONE;
		struct arg_value *out = a->out;
		a->out = NULL;
		if (i && !is_guess(&a->st->frames[i]) && frame_flow(a, i - 1)->usable)
			w->saved[r].known =
				read_symbol(a, i - 1, SYM_ENTRY + r, &w->saved[r].value) == 64;
		a->out = out;
	}
	*ret = w->saved[r].value;
	return w->saved[r].known;
}

/* Can register r of frame i be read as it was at its instruction? */
static bool read_reg(struct args *a, size_t i, unsigned r, uint64_t *ret)
{
	const struct frame *f = &a->st->frames[i];

	if (r == REG_RSP) {
		*ret = f->sp;
		return f->sp != 0;
	}
	*ret = f->regs.v[r];
	if (f->exact) /* a string instruction may have been stopped half-way */
		return regs_has(&f->regs, r) && !(a->frames[i].at && a->frames[i].at->insn.string &&
						  (r == REG_RCX || r == REG_RSI || r == REG_RDI));
	if (!(CALLEE_SAVED >> r & 1))
		return false;
	return regs_has(&f->regs, r) || preserved_below(a, i, r, ret);
}

static bool read_slot(const struct args *a, size_t i, const struct slot *k, uint64_t *ret)
{
	const struct frame_flow *w = &a->frames[i];

	*ret = 0;
	return w->has_base && k->size <= 8 &&
	       err_ok(mem_read(a->dis->mem, KERNEL, w->base + (uint64_t)(int64_t)k->off, ret,
			       k->size));
}

/* Below the frames of a call its registers were saved by some function that it led to: says by
 * which, and where. */
static void saved_steps(struct args *a, size_t i, unsigned r)
{
	while (i-- > 0) {
		const struct frame_flow *w = frame_flow(a, i);
		const struct frame *f = &a->st->frames[i];
		AUTO_BUF struct buf name = {0};
		if (!w->usable || f->exact)
			return;
		dis_symbol(a->dis, w->at->func, &name);
		for (size_t k = 0; k < w->at->state.n; k++) {
			const struct slot *s = &w->at->state.slot[k];
			if (s->at.v.sym != SYM_ENTRY + r || s->at.v.add || s->at.v.ext ||
			    s->size != 8)
				continue;
			const struct trail *t = trail_find(w->at, s->at.by);
			step(a, t ? t->pc : 0, "%s saved by %.32s at [0x%llx]", name_of(a, r),
			     buf_str(&name),
			     (unsigned long long)(w->base + (uint64_t)(int64_t)s->off));
			return;
		}
	}
	step(a, 0, "%s not touched since", name_of(a, r));
}

/* ---- numbers ---- */

struct number {
	uint64_t v;
	unsigned bits;
};

static uint64_t low(uint64_t v, unsigned bits)
{
	return bits >= 64 ? v : v & ((UINT64_C(1) << bits) - 1);
}

/* v, of which so many bits of symbol + constant are known, where the symbol's low bits are `sym`.
 */
static struct number apply(struct val v, uint64_t sym, unsigned bits)
{
	uint64_t sum = sym + (uint64_t)v.add;

	if (bits >= val_bits(v))
		return (struct number){val_extend(v, sum), 64};
	return (struct number){low(sum, bits), bits};
}

/* The symbol's number as the place with value p holds it, read as x. */
static uint64_t symbol_of(struct val p, uint64_t x)
{
	return low(x - (uint64_t)p.add, val_bits(p));
}

/* Looks for a place of frame i that has symbol `sym` and can be read: the one with the most bits.
 * Gives the symbol's number. */
static unsigned read_symbol(struct args *a, size_t i, uint32_t sym, uint64_t *ret)
{
	const struct frame_flow *w = frame_flow(a, i);
	const struct snapshot *s = w->at;
	unsigned bits = 0, best = 0;
	uint64_t x;

	if (sym == SYM_ENTRY + REG_RSP) {
		*ret = w->base;
		return w->has_base ? 64 : 0;
	}
	for (size_t k = 0; k < NREGS + s->state.n; k++) {
		const struct place *p = k < NREGS ? &s->state.reg[k] : &s->state.slot[k - NREGS].at;
		if (p->v.sym != sym || val_bits(p->v) <= bits)
			continue;
		if (k < NREGS ? !read_reg(a, i, (unsigned)k, &x)
			      : !read_slot(a, i, &s->state.slot[k - NREGS], &x))
			continue;
		unsigned size = k < NREGS ? 64 : s->state.slot[k - NREGS].size * 8;
		*ret = symbol_of(p->v, x);
		bits = size < val_bits(p->v) ? size : val_bits(p->v);
		best = (unsigned)k;
	}
	if (!bits)
		return 0;
	const struct place *p =
		best < NREGS ? &s->state.reg[best] : &s->state.slot[best - NREGS].at;
	char kept[32];
	snprintf(kept, sizeof(kept), "kept in %s", best < NREGS ? name_of(a, best) : "its frame");
	trail_steps(a, s, p->by, kept);
	if (best >= NREGS)
		step(a, 0, "still in its slot [0x%llx]",
		     (unsigned long long)(w->base +
					  (uint64_t)(int64_t)s->state.slot[best - NREGS].off));
	else if (a->st->frames[i].exact)
		step(a, 0, "%s at the interrupted instruction", name_of(a, best));
	else
		saved_steps(a, i, best);
	return bits;
}

static unsigned entry_value(struct args *a, size_t i, unsigned reg, uint64_t *ret);

/* The number of a value in frame i's state. */
static struct number resolve(struct args *a, size_t i, struct val v)
{
	const struct number none = {0, 0};
	uint64_t x;
	unsigned bits;

	if (v.sym == SYM_UNKNOWN)
		return none;
	if (v.sym == SYM_CONST)
		return (struct number){val_extend(v, (uint64_t)v.add), 64};
	bits = read_symbol(a, i, v.sym, &x);
	if (!bits && v.sym >= SYM_ENTRY && v.sym < SYM_ENTRY + NREGS)
		bits = entry_value(a, i, v.sym - SYM_ENTRY, &x);
	return bits ? apply(v, x, bits) : none;
}

/* ---- calls ---- */

/* The number of the register that an indirect call goes by. */
static bool call_register(struct args *a, const struct insn *in, unsigned *ret)
{
	static const char thunk[] = "__x86_indirect_", *p;
	struct sym s;
	uint64_t off;

	if (in->flow == DIS_CALL_INDIRECT) {
		*ret = in->a.reg;
		return in->a.kind == OPND_REG && in->a.size == 8;
	}
	if (!a->dis->symtab || !sym_func_at(a->dis->symtab, in->target, &s, &off) ||
	    strncmp(s.name, thunk, strlen(thunk)))
		return false;
	p = strrchr(s.name, '_') + 1;
	for (unsigned r = 0; r < NREGS; r++)
		if (!strcmp(p, name_of(a, r))) {
			*ret = r;
			return true;
		}
	return false;
}

/* The function that the call of frame i went to; 0: not known. */
static uint64_t call_target(struct args *a, size_t i)
{
	const struct snapshot *s = frame_flow(a, i)->at;
	struct arg_value *out = a->out;
	struct number n;
	unsigned r;

	if (call_register(a, &s->insn, &r)) {
		a->out = NULL;
		n = resolve(a, i, s->state.reg[r].v);
		a->out = out;
		return n.bits == 64 ? n.v : 0;
	}
	return s->insn.flow == DIS_CALL ? s->insn.target : 0;
}

/* A function's start, or the instruction after its endbr64: direct calls may skip it. The kernel
 * replaces those that it doesn't need by a no-op of the same length. */
static bool is_entry(struct args *a, uint64_t target, uint64_t func)
{
	static const uint8_t pads[][4] = {
		{0xf3, 0x0f, 0x1e, 0xfa}, {0x66, 0x0f, 0x1f, 0x00}, {0x0f, 0x1f, 0x40, 0xd6}};
	uint8_t b[4];

	if (target == func)
		return true;
	if (target != func + 4 || !err_ok(mem_read(a->dis->mem, KERNEL, func, b, 4)))
		return false;
	for (size_t i = 0; i < sizeof(pads) / sizeof(pads[0]); i++)
		if (!memcmp(b, pads[i], 4))
			return true;
	return false;
}

static const char *why_not(const struct snapshot *s)
{
	if (!s)
		return "there is no code";
	return s->usable ? "its stack isn't where the unwinder has it" : s->why;
}

/* What the caller of frame i put into the register. */
static unsigned from_caller(struct args *a, size_t i, unsigned reg, uint64_t *ret)
{
	const struct frame *c = i + 1 < a->st->n ? &a->st->frames[i + 1] : NULL;
	const struct snapshot *me = frame_flow(a, i)->at, *s;
	struct number n;

	if (!c || c->user || c->exact || is_guess(c))
		return because(a, "no caller to ask"), 0;
	s = frame_flow(a, i + 1)->at;
	if (!frame_flow(a, i + 1)->usable)
		return because(a, "the caller can't be followed: %.60s", why_not(s)), 0;
	uint64_t target = call_target(a, i + 1);
	if (!target)
		return because(a, "an indirect call: whether it came straight here isn't known"), 0;
	struct val v = s->state.reg[reg].v;
	if (!is_entry(a, target, me->func)) {
		/* it went to another function, which jumped on to this one */
		const struct snapshot *tail = flow_tail(a->flow, target, me->func);
		struct val passed = tail->state.reg[reg].v;
		if (!tail->usable)
			because(a, "%.90s", tail->why);
		else if (passed.sym == SYM_CONST)
			v = passed;
		else if (passed.sym >= SYM_ENTRY && passed.sym < SYM_ENTRY + NREGS && !passed.add &&
			 !passed.ext)
			v = s->state.reg[passed.sym - SYM_ENTRY].v;
		else
			v = (struct val){0};
		bool ok = tail->usable;
		if (ok)
			step(a, tail->insn.pc, "passed on by a jump");
		flow_put(a->flow, tail);
		if (!ok)
			return 0;
	}
	const struct trail *t = trail_find(s, s->state.reg[reg].by);
	if (t && a->out && !a->out->set_at)
		a->out->set_at = t->pc;
	char passed_in[48];
	snprintf(passed_in, sizeof(passed_in), "passed in %s by the caller", name_of(a, reg));
	trail_steps(a, s, s->state.reg[reg].by, passed_in);
	n = resolve(a, i + 1, v);
	*ret = n.v;
	if (!n.bits)
		because(a, "what the caller passed isn't kept anywhere");
	return n.bits;
}

/* A register that calls preserve is the caller's own. */
static unsigned preserved(struct args *a, size_t i, unsigned reg, uint64_t *ret)
{
	const struct frame *c = i + 1 < a->st->n ? &a->st->frames[i + 1] : NULL;

	if (!(CALLEE_SAVED >> reg & 1) || !c || c->user || c->exact)
		return 0;
	if (!read_reg(a, i + 1, reg, ret))
		return 0;
	saved_steps(a, i + 1, reg);
	return 64;
}

/* Asks both ways, with the proof of the first that answers. */
static void ask(struct args *a, size_t i, unsigned reg)
{
	uint64_t mine = 0, theirs = 0;
	unsigned bits = 0, more = 0;

	if (CALLEE_SAVED >> reg & 1)
		bits = preserved(a, i, reg, &mine);
	if (!bits)
		bits = read_symbol(a, i, SYM_ENTRY + reg, &mine);
	struct arg_value *out = a->out;
	bool wanted = a->steps;
	a->steps = wanted && !bits;
	if (!(CALLEE_SAVED >> reg & 1))
		more = from_caller(a, i, reg, &theirs);
	a->out = out;
	a->steps = wanted;
	struct frame_flow *m = &a->frames[i];
	unsigned common = bits < more ? bits : more;
	m->entry[reg].conflict = low(mine, common) != low(theirs, common);
	m->entry[reg].bits = (uint8_t)(bits >= more ? bits : more);
	m->entry[reg].value = bits >= more ? mine : theirs;
	if (m->entry[reg].conflict)
		m->entry[reg].bits = 0;
}

static unsigned entry_value(struct args *a, size_t i, unsigned reg, uint64_t *ret)
{
	const struct frame_flow *w = frame_flow(a, i);
	struct frame_flow *m = &a->frames[i];

	if (!w->usable || is_guess(&a->st->frames[i]))
		return 0;
	if (m->entry[reg].state == MEMO_BUSY)
		return 0;
	/* the proof has to be made anew, the value hasn't */
	if (m->entry[reg].state == MEMO_NONE || (a->out && a->steps)) {
		m->entry[reg].state = MEMO_BUSY;
		ask(a, i, reg);
		m->entry[reg].state = MEMO_DONE;
	}
	*ret = m->entry[reg].value;
	return m->entry[reg].bits;
}

void args_entry(struct args *a, size_t i, unsigned reg, bool steps, struct arg_value *ret)
{
	*ret = (struct arg_value){0};
	if (i >= a->st->n || reg >= NREGS || a->st->frames[i].user)
		return;
	const struct frame_flow *w = frame_flow(a, i);
	a->out = ret;
	a->steps = steps;
	if (!w->usable)
		because(a, "%.90s", why_not(w->at));
	else if (is_guess(&a->st->frames[i]))
		because(a, "the frame is only guessed");
	if (a->frames[i].entry[reg].state == MEMO_DONE) /* its reasons weren't kept */
		a->frames[i].entry[reg].state = MEMO_NONE;
	ret->bits = entry_value(a, i, reg, &ret->value);
	a->out = NULL;
	ret->value = low(ret->value, ret->bits);
	ret->conflict = a->frames[i].entry[reg].conflict;
	if (ret->conflict)
		snprintf(ret->why, sizeof(ret->why), "the function and its caller disagree");
	else if (!ret->bits && !ret->why[0])
		snprintf(ret->why, sizeof(ret->why), "not kept anywhere");
	if (ret->bits)
		ret->why[0] = '\0';
}

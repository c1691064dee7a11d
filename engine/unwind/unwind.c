/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A walk takes, frame by frame, the rule of the pc (rules.c), else what the function's instructions say
 * (bycode.c), or a guess (guess.c). It ends at user space, at a pc that nobody calls (ORC's "end",
 * CFI's undefined return address), or with a reason.
 *
 * Guards: a frame's stack pointer is above its callee's, unless it is on another stack; stacks are
 * switched a bounded number of times, so that no made-up data keeps a walk going; frames are
 * bounded.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/unwind/eval.h"
#include "engine/unwind/internal.h"

#define MAX_SWITCHES 16	 /* of stacks in one walk: task, softirq, irq, and the IST stacks */
#define MAX_FRAMES 4096	 /* whatever the caller asks for */
#define MAX_PT_REGS 1024 /* bytes */

struct unwinder *unwinder_create(struct mem *m, struct symtab *st)
{
	struct unwinder *u = xcalloc(1, sizeof(*u));

	u->mem = m;
	u->arch = m ? mem_arch(m) : NULL;
	u->symbols = st;
	pthread_rwlock_init(&u->lock, NULL);
	pthread_mutex_init(&u->types_lock, NULL);
	for (unsigned i = 0; i < RULE_SHARDS; i++)
		pthread_mutex_init(&u->shards[i].lock, NULL);
	return u;
}

void unwinder_destroy(struct unwinder *u)
{
	if (!u)
		return;
	objects_free(u);
	for (unsigned i = 0; i < RULE_SHARDS; i++) {
		hmap_free(&u->shards[i].map);
		free(u->shards[i].rules);
		pthread_mutex_destroy(&u->shards[i].lock);
	}
	pthread_rwlock_destroy(&u->lock);
	pthread_mutex_destroy(&u->types_lock);
	free(u);
}

void unwinder_add_object(struct unwinder *u, struct object *o)
{
	objects_add(u, o);
}

void unwinder_set_types(struct unwinder *u, struct types *ts)
{
	pthread_mutex_lock(&u->types_lock);
	u->types = ts;
	u->regs_known = false;
	pthread_mutex_unlock(&u->types_lock);
}

static bool __attribute__((format(printf, 2, 3))) stop(struct walk *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->why, sizeof(w->why), fmt, ap);
	va_end(ap);
	return false;
}

bool walk_read(struct walk *w, uint64_t addr, uint64_t *ret)
{
	uint64_t page = addr & ~(uint64_t)(WALK_PAGE - 1);
	unsigned i = w->last;
	struct err *e;

	if (addr % 8)
		return stop(w, "stack address 0x%llx isn't aligned", (unsigned long long)addr);
	if (w->page[i].addr != page)
		i ^= 1;
	if (w->page[i].addr != page) {
		e = mem_read(w->mem, KERNEL, page, w->page[i].data, WALK_PAGE);
		w->page[i].addr = e ? 1 : page;
		if (e) {
			stop(w, "stack at 0x%llx can't be read: %s", (unsigned long long)addr,
			     mem_state_name(err_state(e)));
			err_free(e);
			return false;
		}
	}
	w->last = i;
	memcpy(ret, w->page[i].data + (addr - page), 8);
	return true;
}

/* The architecture's own layout, corrected by the kernel's type where BTF gives it for nothing. */
static void learn_pt_regs(struct unwinder *u)
{
	const struct arch *a = u->arch;
	const struct type *t = NULL;
	struct type_place p;

	u->regs_size = a->pt_regs_size;
	if (u->types && strstr(types_source(u->types), "BTF") &&
	    !err_ok(type_find(u->types, "struct pt_regs", NULL, &t)))
		t = NULL;
	if (t && type_size(t) >= 8 && type_size(t) <= MAX_PT_REGS)
		u->regs_size = type_size(t);
	else
		t = NULL;
	for (size_t i = 0; i < a->nregs && i < ARCH_MAX_REGS; i++) {
		u->regs_at[i] = a->regs[i].pt_regs;
		if (t && a->regs[i].member && err_ok(type_member(t, a->regs[i].member, &p)) &&
		    p.offset <= u->regs_size - 8)
			u->regs_at[i] = (int32_t)p.offset;
	}
	u->regs_known = true;
}

bool walk_pt_regs(struct walk *w, uint64_t addr, struct regs *ret)
{
	const struct arch *a = w->arch;
	uint8_t image[MAX_PT_REGS] = {0};
	uint64_t v;

	pthread_mutex_lock(&w->u->types_lock);
	if (!w->u->regs_known)
		learn_pt_regs(w->u);
	pthread_mutex_unlock(&w->u->types_lock);
	if (a->pt_regs_size > sizeof(image))
		return stop(w, "pt_regs of %zu bytes", a->pt_regs_size);
	for (size_t i = 0; i < a->nregs && i < ARCH_MAX_REGS; i++) {
		int16_t to = a->regs[i].pt_regs;

		if (to < 0 || w->u->regs_at[i] < 0 || (size_t)to > sizeof(image) - 8)
			continue;
		if (!walk_read(w, addr + (uint64_t)w->u->regs_at[i], &v))
			return false;
		memcpy(image + to, &v, 8);
	}
	if (!err_ok(a->regs_from_pt_regs(image, a->pt_regs_size, ret)))
		return stop(w, "registers at 0x%llx can't be decoded", (unsigned long long)addr);
	return a->regs_plausible(ret) ||
	       stop(w, "at 0x%llx there are no saved registers: no processor runs with such",
		    (unsigned long long)addr);
}

static struct eval frame_env(struct walk *w, const struct frame *f)
{
	return (struct eval){.mem = w->mem, .arch = w->arch, .regs = &f->regs, .cfa = f->cfa};
}

static bool find_cfa(struct walk *w, const struct frame *f, const struct rule *r, uint64_t *ret)
{
	struct eval e = frame_env(w, f);
	const char *name = arch_reg_name(w->arch, r->cfa_reg);
	uint64_t off = (uint64_t)(int64_t)r->cfa_offset, base;

	if (r->cfa_how == CFA_EXPR)
		return eval_raw(&e, r->exprs + r->cfa_offset, r->cfa_expr_len, NULL, ret) ||
		       stop(w, "%s", e.why);
	if (!regs_has(&f->regs, r->cfa_reg))
		return stop(w, "the caller is found by register %s, which isn't known here",
			    name ? name : "?");
	base = f->regs.v[r->cfa_reg];
	switch (r->cfa_how) {
	case CFA_REG:
		*ret = base + off;
		return true;
	case CFA_REG_DEREF:
		return walk_read(w, base + off, ret);
	default: /* CFA_DEREF_REG */
		if (!walk_read(w, base, ret))
			return false;
		*ret += off;
		return true;
	}
}

/* The value of one register in the caller; false: not known. */
static bool caller_register(struct walk *w, const struct frame *f, const struct rule *r,
			    const struct reg_rule *rr, uint64_t *ret)
{
	struct eval e = frame_env(w, f);
	uint64_t off = (uint64_t)(int64_t)rr->offset, at;

	switch ((enum reg_how)rr->how) {
	case REG_SAME:
		*ret = f->regs.v[rr->reg];
		return regs_has(&f->regs, rr->reg);
	case REG_OFFSET:
		return walk_read(w, f->cfa + off, ret);
	case REG_VAL_OFFSET:
		*ret = f->cfa + off;
		return true;
	case REG_REGISTER:
		*ret = f->regs.v[rr->offset % ARCH_MAX_REGS];
		return regs_has(&f->regs, (unsigned)rr->offset);
	case REG_AT_BASE:
		return regs_has(&f->regs, rr->reg) && walk_read(w, f->regs.v[rr->reg] + off, ret);
	case REG_EXPR:
		return eval_raw(&e, r->exprs + rr->offset, rr->expr_len, &f->cfa, &at) &&
		       walk_read(w, at, ret);
	case REG_VAL_EXPR:
		return eval_raw(&e, r->exprs + rr->offset, rr->expr_len, &f->cfa, ret);
	}
	return false;
}

static void caller_registers(struct walk *w, const struct frame *f, const struct rule *r,
			     struct regs *ret)
{
	uint64_t v;

	for (size_t i = 0; i < r->nregs; i++)
		if (caller_register(w, f, r, &r->regs[i], &v))
			regs_set(ret, r->regs[i].reg, v);
}

static bool step_call(struct walk *w, const struct frame *f, const struct rule *r,
		      struct frame *next)
{
	const struct arch *a = w->arch;

	caller_registers(w, f, r, &next->regs);
	if (!regs_has(&next->regs, a->reg_pc))
		return stop(w, "the return address at 0x%llx can't be read",
			    (unsigned long long)(f->cfa - a->ptr_size));
	if (!regs_has(&next->regs, a->reg_sp))
		regs_set(&next->regs, a->reg_sp, f->cfa);
	next->source = (enum frame_source)r->source;
	next->exact = r->next_exact;
	return true;
}

/* The part of pt_regs that the processor pushes lies at the CFA: the rest of the structure would be
 * below. Callee-saved registers still hold the interrupted code's values if we have this frame's
 * own. */
static bool step_partial(struct walk *w, const struct frame *f, const struct rule *r,
			 struct frame *next)
{
	const struct arch *a = w->arch;
	struct regs whole;
	int32_t pc_at = 0;
	uint64_t start;

	for (size_t i = 0; i < a->nregs; i++)
		if ((unsigned)a->regs[i].dwarf == a->reg_pc)
			pc_at = a->regs[i].pt_regs;
	start = f->cfa - (uint64_t)(int64_t)pc_at;
	if (!walk_pt_regs(w, start, &whole))
		return false;
	for (size_t i = 0; i < a->nregs; i++)
		if (a->regs[i].pt_regs >= pc_at && regs_has(&whole, (unsigned)a->regs[i].dwarf))
			regs_set(&next->regs, (unsigned)a->regs[i].dwarf,
				 whole.v[a->regs[i].dwarf]);
	for (unsigned i = 0; f->exact && i < ARCH_MAX_REGS; i++)
		if (a->callee_saved >> i & 1 && i != a->reg_sp && regs_has(&f->regs, i))
			regs_set(&next->regs, i, f->regs.v[i]);
	caller_registers(w, f, r, &next->regs);
	next->pt_regs = start;
	return true;
}

static bool step_regs(struct walk *w, const struct frame *f, const struct rule *r,
		      struct frame *next)
{
	if (r->flow == FLOW_REGS_PARTIAL) {
		if (!step_partial(w, f, r, next))
			return false;
	} else {
		if (!walk_pt_regs(w, f->cfa, &next->regs))
			return false;
		caller_registers(w, f, r, &next->regs);
		next->pt_regs = f->cfa;
	}
	next->source = FRAME_REGS;
	next->exact = r->next_exact;
	if (w->arch->regs_user(&next->regs))
		next->user = next->exact = true;
	return true;
}

bool step_by_rule(struct walk *w, struct frame *f, const struct rule *r, struct frame *next)
{
	*next = (struct frame){0};
	if (!find_cfa(w, f, r, &f->cfa)) {
		f->cfa = 0;
		return false;
	}
	if (r->flow == FLOW_CALL ? !step_call(w, f, r, next) : !step_regs(w, f, r, next))
		return false;
	next->pc = next->regs.v[w->arch->reg_pc];
	next->sp = next->regs.v[w->arch->reg_sp];
	return true;
}

bool walk_goes_on(struct walk *w, const struct frame *f, struct frame *next, unsigned *switches)
{
	if (next->user)
		return true;
	next->object = text_owner(w->u, next->exact ? next->pc : next->pc - 1);
	if (!next->object && !w->arch->may_be_code(next->pc) && !(next->exact && next->pt_regs))
		return stop(w, "the return address 0x%llx isn't kernel code",
			    (unsigned long long)next->pc);
	if (next->sp > f->sp && next->sp - f->sp <= STACK_MAX)
		return true;
	if (f->sp >= next->sp && f->sp - next->sp < WALK_PAGE)
		return stop(w, "the stack doesn't go on: 0x%llx after 0x%llx",
			    (unsigned long long)next->sp, (unsigned long long)f->sp);
	if (++*switches > MAX_SWITCHES)
		return stop(w, "the stack was switched %d times, which can't be", MAX_SWITCHES);
	return true;
}

/* Code that no one called: ORC ends ret_from_fork_asm of a new process there, too, which is about to
 * leave for user space with the registers that its stack begins with. A kernel thread has none. */
static bool end_of_stack(struct walk *w, struct frame *f, struct frame *next)
{
	bool user = user_regs_at(w, f, f->sp, next);

	w->why[0] = '\0'; /* their absence is no fault */
	return user;
}

/* Without unwind information, the code that every kernel stack begins with is known by its name. */
static bool begins_stack(struct walk *w, const struct frame *f)
{
	static const char *const names[] = {"ret_from_fork", "secondary_startup_64"};
	struct sym s;
	uint64_t off;

	if (!w->u->symbols || !sym_func_at(w->u->symbols, f->exact ? f->pc : f->pc - 1, &s, &off))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(s.name, names[i], strlen(names[i])))
			return true;
	return false;
}

/* A caller by rule, else by guess. false: the walk ends; w->why is empty when it ended rightly. */
static bool step(struct walk *w, struct frame *f, struct frame *next, unsigned *switches)
{
	struct rule r;
	char why[sizeof(w->why)];

	w->why[0] = '\0';
	rule_at(w->u, f->exact ? f->pc : f->pc - 1, &r);
	if (r.flow == FLOW_END)
		return end_of_stack(w, f, next);
	if (r.flow != FLOW_UNKNOWN && step_by_rule(w, f, &r, next) &&
	    walk_goes_on(w, f, next, switches))
		return true;
	if (r.flow == FLOW_UNKNOWN)
		stop(w, "there is no unwind information for 0x%llx", (unsigned long long)f->pc);
	memcpy(why, w->why, sizeof(why));
	if ((step_by_code(w, f, next) || step_by_guess(w, f, next)) && walk_goes_on(w, f, next, switches)) {
		w->why[0] = '\0';
		return true;
	}
	memcpy(w->why, why, sizeof(why));
	if (r.flow == FLOW_UNKNOWN && begins_stack(w, f))
		w->why[0] = '\0';
	return false;
}

/* A task that was never run returns to the very start of ret_from_fork. */
static bool at_function_start(struct unwinder *u, uint64_t pc)
{
	struct sym s;
	uint64_t off;

	return u->symbols && sym_func_at(u->symbols, pc, &s, &off) && off == 0;
}

static bool first_frame(struct walk *w, const struct regs *start, bool exact, struct frame *f)
{
	const struct arch *a = w->arch;

	*f = (struct frame){.regs = *start, .exact = exact, .source = FRAME_REGS};
	if (!a || !regs_has(start, a->reg_pc) || !regs_has(start, a->reg_sp))
		return stop(w, "pc and stack pointer aren't known");
	f->pc = start->v[a->reg_pc];
	f->sp = start->v[a->reg_sp];
	f->user = exact && a->regs_user(start);
	if (!exact)
		f->exact = at_function_start(w->u, f->pc);
	if (!f->user)
		f->object = text_owner(w->u, f->exact ? f->pc : f->pc - 1);
	return true;
}

/* A sleeper's saved return address is always in known code. Else the task was running, and what its
 * stack pointer last led to is gone: a scan would only show left-overs. */
static bool stale_start(struct walk *w, const struct frame *f)
{
	if (f->exact || f->user || f->object)
		return false;
	stop(w,
	     "the saved return address 0x%llx isn't kernel code: the task was running, or "
	     "its stack is gone",
	     (unsigned long long)f->pc);
	return true;
}

void unwind(struct unwinder *u, const struct regs *start, bool exact, size_t max, struct stack *ret)
{
	struct walk w = {
		.u = u, .mem = u->mem, .arch = u->arch, .page = {{.addr = 1}, {.addr = 1}}};
	struct frame *v = NULL;
	size_t n = 0, cap = 0;
	unsigned switches = 0;

	max = max > MAX_FRAMES ? MAX_FRAMES : max;
	if (max) {
		GROW(v, n, cap);
		if (first_frame(&w, start, exact, &v[0]))
			n = 1;
	}
	bool stale = n && stale_start(&w, &v[0]);
	while (n && n < max && !v[n - 1].user && !stale) {
		GROW(v, n, cap);
		if (!step(&w, &v[n - 1], &v[n], &switches))
			break;
		n++;
	}
	if (n == max && n && !v[n - 1].user)
		stop(&w, "cut at %zu frames", n);
	*ret = (struct stack){.frames = v, .n = n, .ended = w.why[0] ? xstrdup(w.why) : NULL};
}

void stack_free(struct stack *s)
{
	free(s->frames);
	free(s->ended);
	*s = (struct stack){0};
}

const char *frame_source_name(enum frame_source s)
{
	static const char *const names[] = {
		[FRAME_ORC] = "orc",   [FRAME_CFI] = "cfi",   [FRAME_FP] = "fp",
		[FRAME_REGS] = "regs", [FRAME_SCAN] = "scan", [FRAME_CODE] = "code",
	};

	return (unsigned)s < sizeof(names) / sizeof(names[0]) ? names[s] : "?";
}

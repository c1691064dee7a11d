/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known before an instruction of a function, or at a call that ends in a jump, and the cache of that: a
 * few functions stand in all stacks.
 */
#include "engine/dis/flow.h"
#include "engine/dis/impl.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/dis/graph.h"

#define MAX_CACHED 4096
#define MAX_TRAIL 4096
#define MAX_EXITS 2048 /* other functions that a function jumps to */

struct flow {
	struct dis *dis;
	pthread_mutex_t lock; /* around the cache */
	struct hmap map;
	struct snapshot **v;
	size_t n, cap;
	struct effects fx;     /* but for `from` */
	uint64_t ro_lo, ro_hi; /* the kernel's read-only data */
};

struct dis *flow_dis(struct flow *f)
{
	return f->dis;
}

/* ---- what instructions see of the world ---- */

static bool read_constant(void *ctx, uint64_t addr, void *buf, size_t n)
{
	struct flow *f = ctx;

	return addr >= f->ro_lo && addr < f->ro_hi && n <= f->ro_hi - addr &&
	       err_ok(mem_read(f->dis->mem, KERNEL, addr, buf, n));
}

/* A traced function begins with a call that saves all registers. */
static bool is_tracer(void *ctx, const struct insn *in)
{
	static const char *const names[] = {"__fentry__", "ftrace_caller", "ftrace_regs_caller",
					    "ftrace_trampoline"};
	struct flow *f = ctx;
	struct sym s;
	uint64_t off;

	if (!in->has_target || in->flow != DIS_CALL || !f->dis->symtab ||
	    !sym_func_at(f->dis->symtab, in->target, &s, &off))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(s.name, names[i]))
			return true;
	return false;
}

/* Not before it is needed: looking up names makes the table of names. Symbols may also come later.
 */
static void learn_world(struct flow *f)
{
	struct sym lo, hi;
	struct symtab *st = f->dis->symtab;

	if (f->ro_hi || !st)
		return;
	if (sym_find(st, "_text", &lo) && sym_find(st, "_end", &hi)) {
		uint64_t bias = lo.object ? object_bias(lo.object) : 0;
		f->fx.image_lo = lo.addr - bias;
		f->fx.image_hi = hi.addr - bias;
	}
	if (sym_find(st, "__start_rodata", &lo) && sym_find(st, "__end_rodata", &hi)) {
		f->ro_lo = lo.addr;
		f->ro_hi = hi.addr;
	}
}

struct flow *flow_create(struct dis *d)
{
	struct flow *f = xcalloc(1, sizeof(*f));

	f->dis = d;
	f->fx = (struct effects){.constant = read_constant, .harmless = is_tracer, .ctx = f};
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

/* ---- snapshots ---- */

static void __attribute__((format(printf, 2, 3))) unusable(struct snapshot *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
}

/* Keeps the moves that led to what the state holds. */
static void keep_trail(struct snapshot *s, const struct graph *g)
{
	bool *seen = xcalloc(g->n + 1, sizeof(*seen));
	size_t cap = 0;

	for (size_t i = 0; i < NREGS + s->state.n; i++) {
		uint32_t by = i < NREGS ? s->state.reg[i].by : s->state.slot[i - NREGS].at.by;
		for (; by && by <= g->n && !seen[by] && s->ntrail < MAX_TRAIL;
		     by = g->from[by - 1]) {
			seen[by] = true;
			GROW(s->trail, s->ntrail, cap);
			s->trail[s->ntrail++] =
				(struct trail){by, g->from[by - 1], g->insn[by - 1].pc};
		}
	}
	free(seen);
}

const struct trail *trail_find(const struct snapshot *s, uint32_t by)
{
	for (size_t i = 0; i < s->ntrail; i++)
		if (s->trail[i].by == by)
			return &s->trail[i];
	return NULL;
}

/* The state before instruction i; false: nothing leads there. */
static bool state_before(struct graph *g, uint32_t i, struct state *ret, const struct effects *fx)
{
	for (uint32_t b = 0; b < g->nblocks; b++) {
		if (i < g->block[b].first || i >= g->block[b].end)
			continue;
		if (!g->block[b].in.visited)
			return false;
		state_copy(ret, &g->block[b].in);
		for (uint32_t k = g->block[b].first; k < i; k++)
			state_step(ret, &g->insn[k], k, fx);
		return true;
	}
	return false;
}

static struct effects world(struct flow *f, struct graph *g)
{
	struct effects fx = f->fx;

	fx.from = g->from;
	return fx;
}

/* A jump by a table of addresses may go to any block, so nothing holds in such a function. (One
 * that leaves the function has taken its frame down before.) */
static bool has_jump_table(struct graph *g, const struct effects *fx)
{
	bool found = false;

	for (uint32_t i = 0; g->indirect && i < g->n && !found; i++) {
		struct state s = {0};
		int64_t height;
		if (g->insn[i].flow != DIS_JUMP_INDIRECT)
			continue;
		found = g->insn[i].a.kind == OPND_MEM && g->insn[i].a.index != NO_REG;
		if (!found && state_before(g, i, &s, fx))
			found = !state_height(&s, &height) || height;
		state_free(&s);
	}
	return found;
}

/* Builds and solves the graph of a function. */
static struct err *analyse(struct flow *f, const struct dis_func *func, struct graph *g)
{
	TRY(graph_build(f->dis, func, g));
	pthread_mutex_lock(&f->lock);
	learn_world(f);
	pthread_mutex_unlock(&f->lock);
	struct effects fx = world(f, g);
	struct err *e = graph_solve(g, &fx);
	if (!e && has_jump_table(g, &fx))
		e = err_new(ERR_UNSUPPORTED, "it has a jump by a table");
	if (e)
		graph_free(g);
	return e;
}

/* The instruction that is asked for: at pc, or the call before it. */
static bool find_insn(const struct graph *g, uint64_t pc, bool is_return, uint32_t *ret)
{
	for (uint32_t i = 0; i < g->n; i++) {
		const struct insn *in = &g->insn[i];
		if (!is_return && in->pc == pc)
			*ret = i;
		else if (is_return && in->pc + in->size == pc &&
			 (in->flow == DIS_CALL || in->flow == DIS_CALL_INDIRECT))
			*ret = i;
		else
			continue;
		return true;
	}
	return false;
}

/* Fills the snapshot from function func; false: func hasn't that instruction at all. */
static bool take(struct flow *f, const struct dis_func *func, uint64_t pc, bool is_return,
		 struct snapshot *s)
{
	struct graph g;
	uint32_t i;
	struct err *e = analyse(f, func, &g);

	if (e) {
		unusable(s, "%.80s", err_text(e));
		err_free(e);
		return false;
	}
	bool found = find_insn(&g, pc, is_return, &i);
	if (!found) {
		unusable(s, is_return ? "there is no call before this address"
				      : "no instruction begins there");
	} else {
		struct effects fx = world(f, &g);
		s->func = func->start;
		s->insn = g.insn[i];
		s->usable = state_before(&g, i, &s->state, &fx);
		if (!s->usable)
			unusable(s, "no path leads there");
		if (s->usable && is_return)
			state_called(&s->state);
		keep_trail(s, &g);
	}
	graph_free(&g);
	return found;
}

/* "name.cold" belongs to a function "name": one that jumps into it. */
static void take_cold(struct flow *f, const struct dis_func *cold, uint64_t pc, bool is_return,
		      struct snapshot *s)
{
	const char *end = strstr(cold->sym.name, ".cold");
	AUTO_FREE char *name = xstrndup(cold->sym.name, (size_t)(end - cold->sym.name));
	struct dis_func func;
	struct sym sym;

	for (size_t i = 0; sym_find_nth(f->dis->symtab, name, i, &sym); i++)
		if (err_ok(dis_func_at(f->dis, sym.addr, &func)) &&
		    take(f, &func, pc, is_return, s))
			return;
	unusable(s, "the function that this is a part of isn't found");
}

static struct snapshot *make(struct flow *f, uint64_t pc, bool is_return)
{
	struct snapshot *s = xcalloc(1, sizeof(*s));
	struct dis_func func;
	struct err *e = dis_func_at(f->dis, is_return ? pc - 1 : pc, &func);

	if (e) {
		unusable(s, "%.80s", err_text(e));
		err_free(e);
	} else if (s->func = func.start, strstr(func.sym.name, ".cold")) {
		take_cold(f, &func, pc, is_return, s);
	} else {
		take(f, &func, pc, is_return, s);
	}
	return s;
}

/* ---- tail calls ---- */

/* Has the function a jump straight to that address? */
static bool jumps_to(struct flow *f, uint64_t func, uint64_t to)
{
	struct dis_func x;
	struct code c;
	bool found = false;

	if (!err_ok(dis_func_at(f->dis, func, &x)) ||
	    !err_ok(code_read(f->dis, x.start, x.end, &c)))
		return false;
	for (size_t i = 0; i + 5 <= c.n && !found; i++) {
		bool near = c.bytes[i] == 0xe9 ||
			    (i && c.bytes[i - 1] == 0x0f && (c.bytes[i] & 0xf0) == 0x80);
		int32_t rel;
		memcpy(&rel, c.bytes + i + 1, 4);
		found = near && c.start + i + 5 + (uint64_t)(int64_t)rel == to;
	}
	code_free(&c);
	return found;
}

/* Could the function get to `to` in another way than by its own jumps? */
static bool other_ways(struct flow *f, const struct graph *g, uint64_t to, struct snapshot *s)
{
	struct hmap seen = {0};
	bool bad = false;

	for (uint32_t i = 0; i < g->n && !bad; i++) {
		const struct insn *in = &g->insn[i];
		uint32_t at;
		bool added;
		if (graph_indirect_jump(f->dis, in)) {
			unusable(s, "called by a jump that may also come from elsewhere");
			bad = true;
		}
		if (bad || !in->has_target || in->flow == DIS_CALL || in->target == to ||
		    graph_find(g, in->target, &at))
			continue;
		hmap_put(&seen, in->target, &added);
		bad = added && (seen.n > MAX_EXITS || jumps_to(f, in->target, to));
		if (bad)
			unusable(s, "called by a jump that may come by two ways");
	}
	hmap_free(&seen);
	return bad;
}

static void meet_tails(struct graph *g, uint64_t to, const struct effects *fx, struct snapshot *s)
{
	struct state *v = NULL;
	const struct state **p;
	size_t n = 0, cap = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		const struct insn *in = &g->insn[i];
		int64_t height;
		struct state st = {0};
		if (!in->has_target || in->flow == DIS_CALL || in->target != to ||
		    !state_before(g, i, &st, fx))
			continue;
		if (!state_height(&st, &height) || height) {
			unusable(s, "called by a jump with the stack in disorder");
			state_free(&st);
			goto out;
		}
		GROW(v, n, cap);
		v[n++] = st;
		s->insn = *in;
	}
	if (!n) {
		unusable(s, "the call went to another function");
		goto out;
	}
	p = xcalloc(n, sizeof(const struct state *));
	for (size_t i = 0; i < n; i++)
		p[i] = &v[i];
	state_meet(&s->state, p, n, 0xfffff);
	free(p);
	s->usable = true;
out:
	for (size_t i = 0; i < n; i++)
		state_free(&v[i]);
	free(v);
}

static struct snapshot *make_tail(struct flow *f, uint64_t from, uint64_t to)
{
	struct snapshot *s = xcalloc(1, sizeof(*s));
	struct dis_func func;
	struct graph g;
	struct err *e = dis_func_at(f->dis, from, &func);

	if (!e && func.start != from)
		e = err_new(ERR_NOTFOUND, "the call goes into the middle of a function");
	if (!e)
		e = analyse(f, &func, &g);
	if (e) {
		unusable(s, "%.80s", err_text(e));
		err_free(e);
		return s;
	}
	s->func = func.start;
	struct effects fx = world(f, &g);
	if (!other_ways(f, &g, to, s))
		meet_tails(&g, to, &fx, s);
	if (s->usable)
		keep_trail(s, &g);
	graph_free(&g);
	return s;
}

/* ---- the cache ---- */

static void unref(struct snapshot *s)
{
	if (--s->refs)
		return;
	state_free(&s->state);
	free(s->trail);
	free(s);
}

static void forget_all(struct flow *f)
{
	for (size_t i = 0; i < f->n; i++)
		unref(f->v[i]);
	f->n = 0;
	hmap_free(&f->map);
}

void flow_destroy(struct flow *f)
{
	if (!f)
		return;
	forget_all(f);
	free(f->v);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void flow_put(struct flow *f, const struct snapshot *s)
{
	union {
		const struct snapshot *in;
		struct snapshot *out;
	} u = {s}; /* counted under the lock; the rest stays const */

	if (!s)
		return;
	pthread_mutex_lock(&f->lock);
	unref(u.out);
	pthread_mutex_unlock(&f->lock);
}

static const struct snapshot *cached(struct flow *f, uint64_t key)
{
	struct snapshot *s = NULL;

	pthread_mutex_lock(&f->lock);
	uint64_t *i = hmap_get(&f->map, key);
	if (i) {
		s = f->v[*i];
		s->refs++;
	}
	pthread_mutex_unlock(&f->lock);
	return s;
}

static const struct snapshot *keep(struct flow *f, uint64_t key, struct snapshot *s)
{
	bool added;

	s->refs = 1;
	if (!s->func) /* no symbol yet: a module's may come later */
		return s;
	pthread_mutex_lock(&f->lock);
	if (f->n == MAX_CACHED)
		forget_all(f);
	uint64_t *i = hmap_put(&f->map, key, &added);
	if (added) {
		GROW(f->v, f->n, f->cap);
		*i = f->n;
		f->v[f->n++] = s;
		s->refs++;
	}
	pthread_mutex_unlock(&f->lock);
	return s;
}

const struct snapshot *flow_at(struct flow *f, uint64_t pc, bool is_return)
{
	uint64_t key = hash_u64(pc * 2 + is_return);
	const struct snapshot *s = cached(f, key);

	return s ? s : keep(f, key, make(f, pc, is_return));
}

const struct snapshot *flow_tail(struct flow *f, uint64_t from, uint64_t to)
{
	uint64_t key = hash_u64(from) ^ hash_u64(~to);
	const struct snapshot *s = cached(f, key);

	return s ? s : keep(f, key, make_tail(f, from, to));
}

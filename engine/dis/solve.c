/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fixpoint: blocks are worked on until nothing changes. Where ways in may be hidden (a module's tables aren't
 * read; a probe jumps away and comes back), a block that nothing seen leads to is then taken as
 * entered with nothing known, and the work goes on; else it is dead (an alternative that isn't this
 * machine's). What falls through after a call or a trap may never have come back from it: where
 * such a way in has the stack at another height than the others, it isn't one, as the kernel's own
 * build (objtool) proves that real ways agree there.
 */
#include "engine/base/alloc.h"
#include "engine/dis/graph.h"

#define MAX_WORK 20000000 /* places looked at for one function: a second, at worst */
#define MAX_PREDS 1024

/* The states that come into a block. The one after a fault is made here, in *fault. */
struct incoming {
	const struct state *v[MAX_PREDS];
	uint8_t kind[MAX_PREDS];
	size_t n;
	struct state fault[8];
	size_t nfaults;
	bool too_many;
};

static void come_in(struct incoming *c, const struct state *s, enum edge_kind kind)
{
	if (c->n == MAX_PREDS) {
		c->too_many = true;
		return;
	}
	c->kind[c->n] = (uint8_t)kind;
	c->v[c->n++] = s;
}

static void come_by_fault(struct incoming *c, const struct graph *g, const struct pred *p)
{
	const struct block *from = &g->block[p->block];

	if (c->nfaults == sizeof(c->fault) / sizeof(c->fault[0])) {
		c->too_many = true;
		return;
	}
	struct state *s = &c->fault[c->nfaults++];
	state_copy(s, &from->in);
	state_fault(s, &g->insn[from->first], p->reg);
	come_in(c, s, EDGE_FAULT);
}

/* Drops ways in that only a call or a trap that never comes back would make. */
static void drop_impossible(struct incoming *c)
{
	int64_t height = 0, h;
	bool found = false;
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->kind[i] != EDGE_AFTER && state_height(c->v[i], &h)) {
			if (found && h != height)
				return;
			found = true;
			height = h;
		}
	for (size_t i = 0; found && i < c->n; i++) {
		bool differs = !state_height(c->v[i], &h) || h != height;
		if (c->kind[i] == EDGE_AFTER && differs)
			continue;
		c->v[kept++] = c->v[i];
	}
	c->n = found ? kept : c->n;
}

static void gather(struct graph *g, uint32_t n, struct incoming *c, const struct state *entry)
{
	struct block *b = &g->block[n];

	if (n == 0)
		come_in(c, entry, EDGE_JUMP);
	for (size_t i = 0; i < b->npred; i++) {
		const struct block *from = &g->block[b->pred[i].block];
		if (b->pred[i].kind == EDGE_FAULT) {
			if (from->in.visited)
				come_by_fault(c, g, &b->pred[i]);
		} else if (from->out.visited) {
			come_in(c, &from->out, b->pred[i].kind);
		}
	}
	drop_impossible(c);
}

static void run_block(struct graph *g, struct block *b, struct state *s, const struct effects *fx)
{
	for (uint32_t i = b->first; i < b->end; i++)
		state_step(s, &g->insn[i], i, fx);
}

/* Works on one block; true: what it gives to others has changed. */
static bool visit(struct graph *g, uint32_t n, const struct state *entry, struct incoming *c,
		  const struct effects *fx)
{
	struct block *b = &g->block[n];
	struct state in = {0}, out = {0};
	bool changed;

	c->n = c->nfaults = 0;
	gather(g, n, c, entry);
	if (b->orphan || c->too_many)
		state_unknown(&in);
	else if (c->n)
		state_meet(&in, c->v, c->n, n);
	for (size_t i = 0; i < c->nfaults; i++)
		state_free(&c->fault[i]);
	if (!in.visited) {
		state_free(&in);
		return false;
	}
	state_copy(&out, &in);
	run_block(g, b, &out, fx);
	changed = !state_equal(&b->in, &in) || !state_equal(&b->out, &out);
	state_free(&b->in);
	state_free(&b->out);
	b->in = in;
	b->out = out;
	return changed;
}

/* Until nothing changes; false: it doesn't settle. */
static bool settle(struct graph *g, const struct effects *fx, struct incoming *c, uint64_t *budget)
{
	struct state entry = {0};
	bool again = true;

	state_entry(&entry);
	while (again) {
		again = false;
		for (uint32_t i = 0; i < g->nblocks; i++) {
			struct block *b = &g->block[i];
			if (!b->dirty)
				continue;
			b->dirty = false;
			uint64_t work = (uint64_t)(b->end - b->first) * 16 + 64 +
					b->npred * (NREGS + b->in.n) * 4;
			if (*budget < work)
				return false;
			*budget -= work;
			if (!visit(g, i, &entry, c, fx))
				continue;
			again = true;
			for (size_t k = 0; k < b->nsucc; k++)
				g->block[b->succ[k]].dirty = true;
		}
	}
	return true;
}

static bool find_orphan(struct graph *g)
{
	for (uint32_t i = 0; i < g->nblocks; i++) {
		struct block *b = &g->block[i];
		if (b->in.visited || b->padding)
			continue;
		b->orphan = b->dirty = true;
		return true;
	}
	return false;
}

struct err *graph_solve(struct graph *g, const struct effects *fx)
{
	struct incoming *c = xcalloc(1, sizeof(*c));
	uint64_t budget = MAX_WORK;
	bool ok = true;

	g->block[0].dirty = true;
	do {
		c->too_many = false;
		ok = settle(g, fx, c, &budget);
	} while (ok && g->hidden && find_orphan(g));
	free(c);
	return ok ? NULL : err_new(ERR_UNSUPPORTED, "its data flow is too tangled");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding goes straight through a function: kernels have no data among their code. Compilers split
 * functions: what is unlikely goes to "name.cold" elsewhere, which jumps back; both are one graph.
 */
#include "engine/dis/graph.h"
#include "engine/dis/impl.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"

#define MAX_INSNS 100000
#define MAX_BLOCKS 20000

static struct err *add_piece(struct graph *g, struct decoder *x, uint64_t start, uint64_t end)
{
	struct piece *p = &g->piece[g->npieces];
	struct code c;
	struct insn in;

	TRY(code_read(g->dis, start, end, &c));
	*p = (struct piece){start, end, g->n, g->n};
	for (uint64_t pc = start; pc < end && g->n < MAX_INSNS; pc += in.size) {
		if (!insn_read(x, &c, pc, &in))
			break;
		GROW(g->insn, g->n, g->cap);
		g->insn[g->n++] = in;
	}
	p->last = g->n;
	g->npieces++;
	bool whole = c.n == end - start;
	code_free(&c);
	if (!whole)
		return err_new(ERR_NOTFOUND, "not all of the function's code is in the dump");
	return NULL;
}

static bool inside(const struct graph *g, uint64_t pc)
{
	for (unsigned i = 0; i < g->npieces; i++)
		if (pc >= g->piece[i].start && pc < g->piece[i].end)
			return true;
	return false;
}

/* Is `name` the out-of-line part of the function? */
static bool is_cold_of(const char *name, const char *function)
{
	size_t n = strlen(function);

	return !strncmp(name, function, n) && !strncmp(name + n, ".cold", 5);
}

static void add_cold(struct graph *g, struct decoder *x, uint64_t target)
{
	struct dis_func f;

	if (g->npieces == GRAPH_PIECES || inside(g, target) || !err_ok(dis_func_at(g->dis, target, &f)) ||
	    !is_cold_of(f.sym.name, g->func.sym.name))
		return;
	err_free(add_piece(g, x, f.start, f.end));
}

static struct err *read_pieces(struct graph *g, struct decoder *x)
{
	struct hidden ways;

	TRY(add_piece(g, x, g->func.start, g->func.end));
	for (uint32_t i = 0; i < g->n; i++)
		if (g->insn[i].has_target && g->insn[i].flow != DIS_CALL)
			add_cold(g, x, g->insn[i].target);
	g->hidden = !hidden_edges(g->dis, g->func.sym.object, g->func.start, g->func.end, &ways);
	for (size_t i = 0; i < ways.faults.n; i++)
		add_cold(g, x, ways.faults.v[i].to);
	for (size_t i = 0; i < ways.labels.n; i++)
		add_cold(g, x, ways.labels.v[i].to);
	return g->n ? NULL : err_new(ERR_NOTFOUND, "the function's code isn't in the dump");
}

bool graph_find(const struct graph *g, uint64_t pc, uint32_t *ret)
{
	for (unsigned i = 0; i < g->npieces; i++) {
		const struct piece *p = &g->piece[i];
		uint32_t lo = p->first, hi = p->last;
		if (pc < p->start || pc >= p->end)
			continue;
		while (lo < hi) {
			uint32_t mid = (lo + hi) / 2;
			if (g->insn[mid].pc < pc)
				lo = mid + 1;
			else
				hi = mid;
		}
		*ret = lo;
		return lo < p->last && g->insn[lo].pc == pc;
	}
	return false;
}

bool graph_indirect_jump(struct dis *d, const struct insn *in)
{
	struct sym s;
	uint64_t off;

	if (in->flow == DIS_JUMP_INDIRECT)
		return true;
	return in->flow == DIS_JUMP && d->symtab && sym_func_at(d->symtab, in->target, &s, &off) &&
	       !strncmp(s.name, "__x86_indirect_", 15);
}

static bool goes_on(const struct insn *in)
{
	return in->flow != DIS_JUMP && in->flow != DIS_JUMP_INDIRECT && in->flow != DIS_RETURN;
}

/* ---- blocks ---- */

struct builder {
	struct graph *g;
	bool *leader;
	uint32_t *block_of; /* by instruction: its block, once made */
	struct hidden hidden[GRAPH_PIECES]; /* of each piece */
};

static void lead(struct builder *b, uint64_t pc)
{
	uint32_t i;

	if (graph_find(b->g, pc, &i))
		b->leader[i] = true;
}

static void find_leaders(struct builder *b)
{
	struct graph *g = b->g;

	for (unsigned i = 0; i < g->npieces; i++) {
		if (g->piece[i].first < g->n)
			b->leader[g->piece[i].first] = true;
		struct hidden *h = &b->hidden[i];
		hidden_edges(g->dis, g->func.sym.object, g->piece[i].start, g->piece[i].end, h);
		for (size_t k = 0; k < h->faults.n; k++) {
			lead(b, h->faults.v[k].from);
			lead(b, h->faults.v[k].to);
		}
		for (size_t k = 0; k < h->labels.n; k++) {
			uint32_t at;
			lead(b, h->labels.v[k].to);
			if (graph_find(g, h->labels.v[k].from, &at) && at + 1 < g->n)
				b->leader[at + 1] = true;
		}
	}
	for (uint32_t i = 0; i < g->n; i++) {
		const struct insn *in = &g->insn[i];
		if (in->has_target && in->flow != DIS_CALL)
			lead(b, in->target);
		if (i + 1 < g->n &&
		    (in->flow == DIS_BRANCH || in->flow == DIS_TRAP || !goes_on(in)))
			b->leader[i + 1] = true;
	}
}

static void connect(struct graph *g, uint32_t from, uint32_t to, enum edge_kind kind, uint8_t reg)
{
	struct block *f = &g->block[from], *t = &g->block[to];

	GROW(t->pred, t->npred, t->cap);
	t->pred[t->npred++] = (struct pred){from, (uint8_t)kind, reg};
	GROW(f->succ, f->nsucc, f->scap);
	f->succ[f->nsucc++] = to;
}

static bool same_piece(const struct graph *g, uint32_t a, uint32_t b)
{
	for (unsigned i = 0; i < g->npieces; i++)
		if (a >= g->piece[i].first && a < g->piece[i].last)
			return b >= g->piece[i].first && b < g->piece[i].last;
	return false;
}

static void jump_to(struct builder *b, uint32_t from, uint64_t target)
{
	uint32_t i;

	if (graph_find(b->g, target, &i))
		connect(b->g, from, b->block_of[i], EDGE_JUMP, NO_REG);
}

/* A jump to code that no symbol covers: a probe's copy of the instructions here, which comes back.
 */
static bool leaves_for_probe(const struct graph *g, const struct insn *in)
{
	struct sym s;
	uint64_t off;

	return in->flow == DIS_JUMP &&
	       (!sym_func_at(g->dis->symtab, in->target, &s, &off) || strstr(s.name, "optinsn"));
}

/* The edges that a block's last instruction makes. */
static void connect_block(struct builder *b, uint32_t n)
{
	struct graph *g = b->g;
	uint32_t last = g->block[n].end - 1;
	const struct insn *in = &g->insn[last];

	if (goes_on(in) && last + 1 < g->n && same_piece(g, last, last + 1)) {
		bool doubtful = in->flow == DIS_CALL || in->flow == DIS_CALL_INDIRECT ||
				in->flow == DIS_TRAP;
		connect(g, n, b->block_of[last + 1], doubtful ? EDGE_AFTER : EDGE_NEXT, NO_REG);
	}
	if (in->has_target && in->flow != DIS_CALL)
		jump_to(b, n, in->target);
	g->indirect |= in->flow == DIS_JUMP_INDIRECT;
	g->hidden |= leaves_for_probe(g, in);
}

static void connect_hidden(struct builder *b, unsigned piece)
{
	struct graph *g = b->g;
	uint32_t from, to;

	const struct hidden *h = &b->hidden[piece];
	for (size_t i = 0; i < h->faults.n; i++) {
		const struct edge *e = &h->faults.v[i];
		if (graph_find(g, e->from, &from) && graph_find(g, e->to, &to))
			connect(g, b->block_of[from], b->block_of[to], EDGE_FAULT, e->reg);
	}
	for (size_t i = 0; i < h->labels.n; i++) {
		const struct edge *e = &h->labels.v[i];
		if (!graph_find(g, e->from, &from))
			continue;
		jump_to(b, b->block_of[from], e->to);
		if (!goes_on(&g->insn[from]) && from + 1 < g->n)
			connect(g, b->block_of[from], b->block_of[from + 1], EDGE_NEXT, NO_REG);
	}
}

static bool is_padding(const struct graph *g, const struct block *b)
{
	for (uint32_t i = b->first; i < b->end; i++)
		if (g->insn[i].action != ACT_NONE || g->insn[i].flow != DIS_NEXT)
			return false;
	return true;
}

static void make_blocks(struct builder *b)
{
	struct graph *g = b->g;
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n; i++)
		n += b->leader[i];
	g->block = xcalloc(n ? n : 1, sizeof(*g->block));
	for (uint32_t i = 0; i < g->n; i++) {
		if (b->leader[i])
			g->block[g->nblocks++].first = i;
		b->block_of[i] = g->nblocks - 1;
		g->block[g->nblocks - 1].end = i + 1;
	}
	for (uint32_t i = 0; i < g->nblocks; i++) {
		g->block[i].padding = is_padding(g, &g->block[i]);
		connect_block(b, i);
	}
	for (unsigned i = 0; i < g->npieces; i++)
		connect_hidden(b, i);
}

struct err *graph_build(struct dis *d, const struct dis_func *f, struct graph *g)
{
	struct decoder *x;

	*g = (struct graph){.dis = d, .func = *f};
	TRY(decoder_create(d, &x));
	struct err *e = read_pieces(g, x);
	decoder_destroy(x);
	if (e) {
		graph_free(g);
		return e;
	}
	struct builder b = {.g = g,
			    .leader = xcalloc(g->n, sizeof(bool)),
			    .block_of = xcalloc(g->n, sizeof(uint32_t))};
	find_leaders(&b);
	make_blocks(&b);
	free(b.leader);
	free(b.block_of);
	g->from = xcalloc(g->n, sizeof(*g->from));
	if (g->n < MAX_INSNS && g->nblocks < MAX_BLOCKS)
		return NULL;
	graph_free(g);
	return err_new(ERR_UNSUPPORTED, "the function is too long");
}

void graph_free(struct graph *g)
{
	for (uint32_t i = 0; i < g->nblocks; i++) {
		free(g->block[i].pred);
		free(g->block[i].succ);
		state_free(&g->block[i].in);
		state_free(&g->block[i].out);
	}
	free(g->block);
	free(g->insn);
	free(g->from);
	*g = (struct graph){0};
}

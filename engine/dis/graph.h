/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A function's instructions and basic blocks. Only of use inside engine/dis.
 *
 * Thread: one at a time.
 */
#ifndef DIS_GRAPH_H
#define DIS_GRAPH_H

#include "engine/dis/state.h"

enum edge_kind {
	EDGE_JUMP,
	EDGE_NEXT,  /* falls through */
	EDGE_AFTER, /* falls through after a call or a trap, which may not come back */
	EDGE_FAULT, /* from before the first instruction of the block, whose access faulted */
};

#define GRAPH_PIECES 4 /* a function and what the compiler put elsewhere of it */

struct pred {
	uint32_t block; /* where it comes from */
	uint8_t kind;	/* enum edge_kind */
	uint8_t reg;	/* EDGE_FAULT: register that the handler writes; 0xff: none */
};

struct block {
	uint32_t first, end; /* instructions */
	struct pred *pred;
	size_t npred, cap;
	uint32_t *succ;
	size_t nsucc, scap;
	bool padding; /* no-ops and breakpoints only */
	bool dirty, orphan;
	struct state in, out;
};

struct graph {
	struct dis *dis;
	struct dis_func func; /* without its out-of-line parts */
	struct insn *insn;    /* by pc within each part; the function itself first */
	uint32_t n, cap;
	struct piece {
		uint64_t start, end;
		uint32_t first, last;
	} piece[GRAPH_PIECES];
	unsigned npieces;
	struct block *block;
	uint32_t nblocks;
	uint32_t *from; /* struct effects.from */
	bool indirect;	/* it has a jump whose targets aren't known */
	bool hidden; /* there may be ways in that we don't see: code that nothing leads to counts */
};

/* Decodes the function and makes its blocks. On an error, g needs no graph_free(). */
struct err *graph_build(struct dis *d, const struct dis_func *f, struct graph *g);
void graph_free(struct graph *g);
/* solve.c: fills in what is known before and after each block. ERR_UNSUPPORTED: it doesn't settle. */
struct err *graph_solve(struct graph *g, const struct effects *fx);
/* The instruction at pc; false: none begins there. */
bool graph_find(const struct graph *g, uint64_t pc, uint32_t *ret);
/* Is it a jump that leaves by a register, directly or through one of the kernel's thunks? */
bool graph_indirect_jump(struct dis *d, const struct insn *in);

#endif

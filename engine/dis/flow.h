/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Data flow over a function's control-flow graph: the state (state.h) at one of its instructions,
 * true for every path that leads there, loops included. The function's out-of-line part
 * ("name.cold") and the edges that only vmlinux' tables show (faults, jump labels) belong to the
 * graph. Where those tables aren't known, code that nothing seen leads to is taken as entered with
 * nothing known.
 *
 * Results are cached by pc: ten thousand sleeping tasks share a few dozen.
 *
 * Thread: any (internally locked).
 */
#ifndef DIS_FLOW_H
#define DIS_FLOW_H

#include "engine/dis/state.h"

struct flow;

/* Where a value came from, one move further back. */
struct trail {
	uint32_t by;   /* as in struct place */
	uint32_t from; /* `by` of what it moved; 0: nothing earlier */
	uint64_t pc;
};

/* What is known before one instruction; of slots, if that is a call, what still holds while it
 * runs. Borrowed from the cache until flow_put(). */
struct snapshot {
	unsigned refs;
	bool usable;
	char why[96];  /* !usable: the reason */
	uint64_t func; /* start of the function that the instruction belongs to */
	struct insn insn;
	struct state state;
	struct trail *trail; /* by `by` */
	size_t ntrail;
};

/* d: borrowed. */
struct flow *flow_create(struct dis *d);
void flow_destroy(struct flow *f);
/* Before the instruction at pc; is_return: before the call that returns to pc. Never NULL. */
const struct snapshot *flow_at(struct flow *f, uint64_t pc, bool is_return);
/* Before any of the jumps by which the function at `from` gives way to the one at `to` (a tail
 * call). Not usable when there is none, or another way there can't be excluded. */
const struct snapshot *flow_tail(struct flow *f, uint64_t from, uint64_t to);
void flow_put(struct flow *f, const struct snapshot *s);
/* The entry of a `by`; NULL: none. */
const struct trail *trail_find(const struct snapshot *s, uint32_t by);
struct dis *flow_dis(struct flow *f);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A frame's physical function as DWARF sees it, ready for evaluating expressions in it. Only of use
 * inside engine/unwind.
 *
 * Thread: one at a time for each query.
 */
#ifndef UNWIND_SCOPE_H
#define UNWIND_SCOPE_H

#include "engine/unwind/eval.h"
#include "engine/unwind/vars.h"

/* What a question about variables is about. */
struct query {
	struct unwinder *u;
	struct lines *lines;
	const struct stack *stack;
	unsigned sites; /* call sites that may still be looked for: nested ones could multiply */
};

struct scope {
	struct query *q;
	size_t index; /* of the frame in the stack */
	const struct frame *frame;
	struct object *object;
	uint64_t function;		 /* DIE offset of the physical function */
	const struct line_scope *scopes; /* innermost first; borrowed */
	size_t nscopes;
	Dwarf_Attribute frame_base; /* filled by scope_env */
	unsigned depth;
};

/* Finds the function of a frame. Not under object_lock(). false: no DWARF there. */
bool scope_open(struct scope *s, struct query *q, size_t index);
/* The environment of that frame. Under object_lock(s->object); lives as long as s. */
struct eval scope_env(struct scope *s);
/* eval.entry_value: through the caller's call site. Under object_lock(), which it gives up
 * meanwhile. */
bool scope_entry_value(struct eval *e, const Dwarf_Op *ops, size_t n, uint64_t *ret);

#endif

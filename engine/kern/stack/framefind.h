/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * One call of a stack, as people name it.
 *
 * Thread: any.
 */
#ifndef KERN_FRAMEFIND_H
#define KERN_FRAMEFIND_H

#include "engine/kern/stack/codeplace.h"

/* The call: an inlined one is `level` calls inside of physical frame `frame`. */
struct stack_call {
	size_t frame, level, number; /* number: as bt counts them */
	struct code_call call;
};

/* text: a number as bt counts ("8", "#8": inlined calls count), or a function's name, then the innermost
 * call of it. The registers of user space count, and are no function. false: the stack has none. */
bool stack_find_call(struct session *s, const struct stack *st, const char *text,
		     struct stack_call *ret);
/* Physical frame `frame`, inlined level `level`. */
bool stack_call_at(struct session *s, const struct stack *st, size_t frame, size_t level,
		   struct stack_call *ret);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the words of kernel stacks tell without a walk: text addresses, and registers that an exception
 * or a system call has left. Much of it can be left over from calls that have returned.
 *
 * Thread: any.
 */
#ifndef KERN_STACKSCAN_H
#define KERN_STACKSCAN_H

#include "engine/kern/task/tasks.h"

/* THREAD_SIZE: by the kernel's own union thread_union, else what the architecture's kernels have. */
uint64_t task_stack_size(struct session *s);

/* A run of stack words in memory. */
struct stack_part {
	uint64_t start, end; /* end is one past; both multiples of 8 */
	bool of_task;	     /* the task's own stack; else one that the walk crossed (IRQ, exception ...) */
};
#define STACK_PARTS 8

/* The stacks that a walk over t's stack (may be empty) went over, in its order, each from the lowest
 * stack pointer that was seen in it (whole: of the task's own stack, from its base) to its end.
 * Returns how many. The end of a stack that isn't the task's own is where memory ends. */
size_t stack_parts(struct session *s, const struct task *t, const struct stack *walk, bool whole,
		   struct stack_part parts[STACK_PARTS]);

/* The words of a part. value is meaningless where state isn't readable. */
struct stack_word {
	uint64_t addr, value;
	enum mem_state state;
};
struct err *stack_words(struct session *s, struct job *job, uint64_t start, uint64_t end,
			struct err *(*fn)(void *ctx, const struct stack_word *w), void *ctx);

/* A pt_regs at addr: could an exception, an interrupt or a system call have left these registers? */
bool stack_regs_at(struct session *s, uint64_t addr, struct regs *ret);

#endif

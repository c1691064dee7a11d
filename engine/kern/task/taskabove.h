/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The handlers that ran above an active task's saved registers. Thread: any.
 */
#ifndef KERN_TASKABOVE_H
#define KERN_TASKABOVE_H

#include "engine/kern/task/tasks.h"

/* The frames above the registers that the task's CPU saved, and where their pt_regs lies; false:
 * nothing on the CPU's stacks shows any. Free with stack_free(). */
bool task_above(struct session *s, const struct task *t, const struct regs *regs,
		struct stack *ret, uint64_t *pt_regs);
/* Puts copies of these frames before those of st, whose first frame is what was interrupted. */
void stack_put_above(struct stack *st, const struct stack *above, uint64_t pt_regs);

#endif

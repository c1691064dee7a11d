/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The stacks of many tasks, in order, walked by other cores ahead of the one that shows them. Only so many
 * are kept that a slow reader costs no memory.
 *
 * Thread: one, the reader.
 */
#ifndef KERN_STACKAHEAD_H
#define KERN_STACKAHEAD_H

#include "engine/kern/task/tasks.h"

struct stack_ahead;

/* tasks is borrowed. max: frames of a stack. */
struct stack_ahead *stack_ahead_start(struct session *s, const struct task *const *tasks, size_t n, size_t max);
/* The next stack to be taken is that of task i, and i never goes down. */
void stack_ahead_go(struct stack_ahead *a, size_t i);
/* Its stack, as task_stack() has it; waits for it. false: t isn't that task, or a is NULL. */
bool stack_ahead_take(struct stack_ahead *a, const struct task *t, struct stack *ret);
/* NULL is fine. */
void stack_ahead_stop(struct stack_ahead *a);

#endif

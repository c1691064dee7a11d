/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Where a task sleeps whose saved stack pointer is lost.
 *
 * Thread: any.
 */
#ifndef KERN_TASKSEARCH_H
#define KERN_TASKSEARCH_H

#include "engine/kern/task/tasks.h"

/* taskregs.c: the registers in the struct inactive_task_frame at sp. */
struct err *task_frame_regs(struct session *s, uint64_t sp, struct regs *ret);
/* The sp at which a task that isn't on a CPU sleeps, by the words of its stack; false: not found. */
bool task_search_sp(struct session *s, const struct task *t, uint64_t *sp);
/* Its stack from there, as task_stack(), every frame a FRAME_SCAN. */
bool task_search_stack(struct session *s, const struct task *t, size_t max, struct stack *ret);

#endif

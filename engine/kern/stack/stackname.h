/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Which stack a stack pointer is on: the task's own, or one that its CPU has for interrupts and
 * exceptions.
 *
 * Thread: any.
 */
#ifndef KERN_STACKNAME_H
#define KERN_STACKNAME_H

#include "engine/kern/memory/percpu.h"
#include "engine/kern/task/tasks.h"

#define STACK_NAME_TASK "task"
#define STACK_NAME_OVERRUN "overrun task" /* below the task's own, where its guard page is */

/* Its name: one of these, or cpu_stack_at()'s; "" when it is not known. */
struct stack_name {
	char text[sizeof(((struct cpu_stack_place *)0)->name)];
};
struct stack_name stack_name_at(struct session *s, const struct task *t, uint64_t sp);

#endif

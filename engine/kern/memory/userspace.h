/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A task's user space: its page tables. What is mapped in it: vmas.h.
 *
 * Thread: any.
 */
#ifndef KERN_USERSPACE_H
#define KERN_USERSPACE_H

#include "engine/kern/task/tasks.h"

/* The address space of a task, for mem_read() and mem_vtop(). ERR_NOTFOUND: a kernel thread has none. */
struct err *user_space_of(struct session *s, const struct task *t, struct space *ret);

#endif

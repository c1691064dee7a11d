/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A task's user space: its page tables, and what is mapped at an address.
 *
 * Thread: any.
 * Sources: Linux' include/linux/mm_types.h (mm_struct, vm_area_struct), lib/maple_tree.c.
 */
#ifndef KERN_USERSPACE_H
#define KERN_USERSPACE_H

#include "engine/kern/task/tasks.h"

/* The address space of a task, for mem_read() and mem_vtop(). ERR_NOTFOUND: a kernel thread has none. */
struct err *user_space_of(struct session *s, const struct task *t, struct space *ret);

struct vma_place {
	uint64_t vma; /* vm_area_struct */
	uint64_t start, end; /* end is one past */
	uint64_t flags;	     /* VM_ */
	uint64_t file;	     /* 0: anonymous */
	uint64_t offset;     /* of start in the file, bytes */
	char *path;	     /* of the file; NULL: none, or it can't be read; free() it */
};
/* What is mapped at va. false: nothing, or this can't be told. */
bool vma_at(struct session *s, const struct task *t, uint64_t va, struct vma_place *ret);

#endif

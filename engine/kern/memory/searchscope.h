/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Where to search: ranges of addresses for the parts of memory that people name.
 *
 * Thread: any; the ranges belong to one.
 */
#ifndef KERN_SEARCHSCOPE_H
#define KERN_SEARCHSCOPE_H

#include "engine/kern/memory/search.h"
#include "engine/kern/task/tasks.h"

struct search_scope {
	struct search_range *v;
	const struct task **tasks; /* of each range, of stacks and user memory; else NULL in it */
	size_t n, cap;
	uint64_t start, last; /* what ranges are cut to; set these before the first is added */
};

enum kernel_part {
	KERNEL_ALL,
	KERNEL_LINEAR, /* the direct map and the image */
	KERNEL_MAPPED, /* the others: vmalloc, modules, the memory map ... */
};
void scope_kernel(struct session *s, enum kernel_part part, struct search_scope *ret);
void scope_physical(struct session *s, struct search_scope *ret);
/* A task's user memory; ERR_NOTFOUND: it has none. */
struct err *scope_user(struct session *s, const struct task *t, struct search_scope *ret);
/* The kernel stacks of all tasks, of those that were on a CPU, or of one (only isn't NULL). */
void scope_stacks(struct session *s, const struct tasks *ts, bool active, const struct task *only,
		  struct search_scope *ret);
/* All slabs of a cache by its name. ERR_NOTFOUND: there is none of that name, or its slabs can't be told. */
struct err *scope_slabs(struct session *s, const char *cache, struct job *job, struct search_scope *ret);
void scope_free(struct search_scope *s);

#endif

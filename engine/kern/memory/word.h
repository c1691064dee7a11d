/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What a 64-bit word of memory may be, taken as an address, in a few words: a symbol, a task, a place on a
 * stack, a slab object, a struct page, per-CPU memory. All that is known of an address: identify.h.
 *
 * Thread: any.
 */
#ifndef KERN_WORD_H
#define KERN_WORD_H

#include "engine/kern/task/tasks.h"
#include "engine/model/ref.h"

struct word_info {
	/* "symbol", "task", "stack", "slab", "page", "per-cpu", "cpu-stack", "vmalloc"; NULL: nothing known */
	const char *kind;
	struct buf text;     /* "schedule+0x5e", "[dentry+0x40]" ... made safe for a terminal */
	struct ref ref;	     /* where it leads */
};

/* symbols_only: nothing but symbols is looked for. ts may be NULL: then tasks and stacks aren't known.
 * Free with word_info_free. */
void word_info_at(struct session *s, const struct tasks *ts, uint64_t word, bool symbols_only,
		  struct word_info *ret);
void word_info_free(struct word_info *w);

#endif

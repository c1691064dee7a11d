/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * How much each slab cache holds, as the kernel's own counters and free lists say.
 *
 * Thread: any.
 * Sources: Linux' mm/slub.c (get_slabinfo, count_partial), mm/slab.h.
 */
#ifndef KERN_SLABSTAT_H
#define KERN_SLABSTAT_H

#include "engine/kern/session.h"

struct slab_stat {
	const char *name; /* lives as long as the session */
	uint64_t kmem_cache, object_size, size;
	uint64_t per_slab, slab_bytes; /* objects of a full-sized slab, and its memory; 0: not known */
	bool counted;		       /* the following are known */
	uint64_t slabs, total;
	uint64_t active;    /* /proc/slabinfo's: what CPUs keep back as free counts as in use */
	uint64_t allocated; /* really in use */
	const char *problem; /* what stood in the way of exact numbers; NULL: nothing. Borrowed for the call */
};

/* The caches in the kernel's own order, newest first. *problem: why some may be missing; NULL: none is.
 * It lives as long as the session. */
struct err *slabstat_each(struct session *s, struct job *job, const char **problem,
			  struct err *(*fn)(void *ctx, const struct slab_stat *st), void *ctx);

#endif

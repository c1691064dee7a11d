/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Which slab object an address lies in: its cache, where the object begins, and whether it is in use. The
 * caches are those of the kernel's own list; a page belongs to one when its struct page (or struct slab)
 * says so.
 *
 * Thread: any; the list of caches is loaded once, a cache's per-CPU lists when first asked for.
 * Sources: Linux' mm/slab.h (struct slab), mm/slub.c and include/linux/slub_def.h (free lists, their
 * hardening, sheaves and barns from 6.18 on), mm/slab.c (up to 6.7), mm/kfence/core.c.
 */
#ifndef KERN_SLAB_H
#define KERN_SLAB_H

#include "engine/kern/session.h"

struct slab_place {
	const char *cache;    /* "dentry"; lives as long as the session */
	uint64_t kmem_cache;
	uint64_t object;      /* where the object begins; 0: not known */
	uint64_t object_size; /* what its user has of it; 0: not known */
	uint64_t size;	      /* from one object to the next, with red zones and tracking; 0: not known */
	uint64_t page;	      /* struct page of the slab's first page */
	uint64_t start;	      /* where the slab's memory begins */
	uint32_t index, objects; /* which of how many objects of the slab; objects 0: not known */
	bool outside;	      /* va is in the object's red zone, padding or tracking, or behind the last object */
	uint64_t kfence;      /* the kfence_metadata of this sampled object; 0: an ordinary one */
};

/* false: va is not in the direct map, its page isn't a slab's, or this can't be told. */
bool slab_at(struct session *s, uint64_t va, struct slab_place *ret);

/* The type of the cache's objects, by its name and size; its C name goes to name. NULL: not known. */
const struct type *slab_type(struct session *s, const struct slab_place *p, struct job *job, char name[80]);

enum slab_use { SLAB_UNKNOWN, SLAB_ALLOCATED, SLAB_FREE };
struct slab_state {
	enum slab_use use;
	char where[48]; /* of a free one: "slab's free list", "free list of CPU 1"; else "" */
	char why[96];	/* SLAB_UNKNOWN: what stood in the way; else "" */
};
/* Is the object in use? Looks at the free lists of its slab, CPUs and nodes: bounded by their own sizes. */
void slab_state_of(struct session *s, const struct slab_place *p, struct slab_state *ret);

/* The name of the i-th cache of the kernel's list; NULL: there are no more. */
const char *slab_cache_name(struct session *s, size_t i);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Which slab object, or which page's struct page, an address lies in: its cache, and where the object begins. The caches are those of
 * the kernel's own list; a page belongs to one when its struct page (or struct slab) says so.
 *
 * Thread: any; the list of caches is loaded once.
 * Sources: Linux' mm/slab.h (struct slab), include/linux/slub_def.h, include/linux/page-flags.h
 * (compound_head), Documentation/arch/x86/x86_64/mm.rst (the virtual memory map).
 */
#ifndef KERN_SLAB_H
#define KERN_SLAB_H

#include "engine/kern/session.h"

struct slab_place {
	const char *cache;    /* "dentry"; lives as long as the session */
	uint64_t object;      /* where the object begins; 0: not known */
	uint64_t object_size; /* what its user has of it; 0: not known */
	uint64_t page;	      /* struct page of the slab's first page */
};

/* false: va is not in the direct map, its page isn't a slab's, or this can't be told. */
bool slab_at(struct session *s, uint64_t va, struct slab_place *ret);
/* Is va a struct page of the memory map? Gives the physical address of its page. */
bool page_at(struct session *s, uint64_t va, uint64_t *pa);

#endif

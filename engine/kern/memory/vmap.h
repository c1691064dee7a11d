/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What vmalloc, ioremap and their kin have mapped: areas of the kernel's vmalloc space.
 *
 * Thread: any; loaded once.
 * Sources: Linux' include/linux/vmalloc.h, mm/vmalloc.c (one list up to 6.8, a list a node from 6.9 on).
 */
#ifndef KERN_VMAP_H
#define KERN_VMAP_H

#include "engine/kern/session.h"

struct vmap_place {
	uint64_t start, end; /* with its guard page; end is one past */
	uint64_t vm;	     /* vm_struct; 0: none (vm_map_ram) */
	uint64_t size;	     /* as asked for, in whole pages; 0: not known */
	uint64_t flags;	     /* VM_ of vmalloc.h */
	uint64_t caller;     /* a return address; 0: not known */
	uint64_t pages;	     /* nr_pages */
	uint64_t phys;	     /* of ioremap */
};

/* false: va is in no area, or the areas can't be read. */
bool vmap_at(struct session *s, uint64_t va, struct vmap_place *ret);

#endif

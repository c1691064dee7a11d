/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the objects of kmalloc's caches are, which have the name of no type: those that can be reached from the
 * kernel's known lists and from its tasks over pointers whose type says it.
 *
 * Thread: any; loaded once, by the first one that asks for it to be.
 */
#ifndef KERN_REACHED_H
#define KERN_REACHED_H

#include "engine/kern/session.h"

struct reached_object {
	const struct type *type; /* a struct */
	const char *by;		 /* "super_blocks", "super_block.s_bdi": what led there. Interned */
};

/* The object that begins at addr; false: nothing that is known leads there. load unset: only if the table was read
 * before; job may be NULL. Cancelled: false. */
bool reached_at(struct session *s, uint64_t addr, bool load, struct job *job, struct reached_object *ret);

struct reached;
void reached_destroy(struct reached *x);

#endif

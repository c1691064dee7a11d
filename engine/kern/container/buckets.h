/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Hash tables: heads of lists side by side, alone or each in a struct of its own with a lock.
 * Thread: any.
 * Sources: Linux' include/linux/hashtable.h, fs/dcache.c, fs/inode.c, include/net/inet_hashtables.h,
 * include/net/udp.h.
 */
#ifndef KERN_BUCKETS_H
#define KERN_BUCKETS_H

#include "engine/kern/container/container.h"

/* Is t an array of heads, or (pointer) a pointer to the first of them? Then c's kind, stride, and, of an array,
 * buckets; c->root becomes the place of the first head's bytes in its bucket. */
bool buckets_of_type(struct session *s, const struct type *t, bool pointer, struct container *c);
/* How many there are, as the table has it: "256", "i_hash_mask+1", "1<<bits", "1<<32-d_hash_shift". Names are members
 * of owner at its address, or, if owner is NULL, variables. */
struct err *buckets_count(struct session *s, const char *text, const struct type *owner, uint64_t addr, uint64_t *ret);

#endif

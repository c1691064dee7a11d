/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Large pieces of the kernel's memory (its symbol names, its BTF), unpacked by all cores right to where they are
 * wanted, in ascending order, so that whoever reads it from the start can do so while the rest is on its way.
 *
 * Thread: any; bulk_end() and bulk_destroy() when nobody waits. Threads of its own help.
 */
#ifndef KERN_OPEN_BULK_H
#define KERN_OPEN_BULK_H

#include "engine/kern/session.h"

struct bulk;
struct bulk_lane;

struct bulk *bulk_create(struct session *s);
/* Ends all lanes. Before the dump is closed; b may be NULL. */
void bulk_destroy(struct bulk *b);

/* The threads end with the last lane from now on, instead of waiting for the next one. b may be NULL. */
void bulk_settle(struct bulk *b);

/* Begins to read n bytes at addr (virtual) into buf, which must stay until the lane's end. ahead: bytes from the
 * start that are worth reading before somebody wants them. fill: lost pages become zeroes; else nothing behind the first is read.
 * Lanes are read side by side. */
struct bulk_lane *bulk_begin(struct bulk *b, uint64_t addr, void *buf, size_t n, size_t ahead, bool fill);
/* Waits, and helps, until at least `want` bytes from the start are there or never will be; how many are. */
size_t bulk_wait(struct bulk_lane *l, size_t want);
/* The same for the bytes [from, to) of a lane with fill. */
void bulk_need(struct bulk_lane *l, size_t from, size_t to);
/* Is all there? *lost: bytes that became zeroes so far. */
bool bulk_done(struct bulk_lane *l, uint64_t *lost);
/* Leaves unread what isn't there yet, and frees l. */
void bulk_end(struct bulk_lane *l);
/* One range at once; how many bytes from the start could be read. */
size_t bulk_read(struct bulk *b, uint64_t addr, void *buf, size_t n);

#endif

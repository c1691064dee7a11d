/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Large pieces of the kernel's memory (its symbol names, its BTF), unpacked by all cores right to where they are
 * wanted, in ascending order, so that whoever reads it from the start can do so while the rest is on its way.
 *
 * Thread: one at a time.
 */
#ifndef KERN_OPEN_BULK_H
#define KERN_OPEN_BULK_H

#include "engine/kern/session.h"

struct bulk;

/* n bytes at addr (virtual) into buf, which must stay until the end. */
struct bulk_range {
	uint64_t addr;
	void *buf;
	size_t n;
};
#define BULK_RANGES 2u

/* Begins to read up to BULK_RANGES ranges, side by side. */
struct bulk *bulk_begin(struct session *s, const struct bulk_range *ranges, unsigned n);
/* Waits, and helps, until at least `want` bytes from the range's start are there or never will be; how many are. */
size_t bulk_wait(struct bulk *b, unsigned range, size_t want);
/* Waits for all of it, and frees b. */
void bulk_end(struct bulk *b);
/* One range at once; how many bytes from the start could be read. */
size_t bulk_read(struct session *s, uint64_t addr, void *buf, size_t n);

#endif

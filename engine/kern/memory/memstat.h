/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What memory is used for, by the kernel's own counters.
 *
 * Thread: any.
 * Sources: Linux' fs/proc/meminfo.c, mm/vmstat.c, include/linux/mmzone.h (enum zone_stat_item,
 * node_stat_item), mm/util.c (vm_commit_limit), include/linux/percpu_counter.h.
 */
#ifndef KERN_MEMSTAT_H
#define KERN_MEMSTAT_H

#include "engine/kern/session.h"

struct memstat {
	const char *name; /* "total", "free" ...: JSON's */
	const char *label; /* for people */
	bool known;
	uint64_t bytes;
	const char *of; /* the name of what it is a share of, told before; NULL: of nothing */
	const char *why; /* !known. Borrowed for the call */
};

/* Calls fn for each figure, in the order of crash's `kmem -i` and then /proc/meminfo's. */
struct err *memstat_each(struct session *s, struct err *(*fn)(void *ctx, const struct memstat *m), void *ctx);

#endif

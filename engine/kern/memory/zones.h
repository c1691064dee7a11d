/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Nodes and zones of memory, and the kernel's counters of what happens in them.
 *
 * Thread: any.
 * Sources: Linux' include/linux/mmzone.h (struct zone, enum zone_stat_item, node_stat_item), mm/vmstat.c,
 * include/linux/vm_event_item.h.
 */
#ifndef KERN_ZONES_H
#define KERN_ZONES_H

#include "engine/kern/session.h"

#define NODES_MAX 1024

/* The pglist_data of each node, up to max of them; how many. */
size_t zones_nodes(struct session *s, uint64_t *ret, size_t max);

/* What a zone says of itself, in pages but for START_PFN. */
enum zone_figure { ZF_START_PFN, ZF_SPANNED, ZF_PRESENT, ZF_MANAGED, ZF_FREE, ZF_MIN, ZF_LOW, ZF_HIGH, ZF_COUNT };

struct zone_info {
	uint64_t addr; /* of its struct zone */
	uint32_t node;
	char name[16];
	uint64_t v[ZF_COUNT];
	uint32_t known; /* bit f: v[f] was read */
};
/* Calls fn with each zone of each node, also with empty ones. ERR_NOTFOUND: no node is found. */
struct err *zones_each(struct session *s, struct err *(*fn)(void *ctx, const struct zone_info *z), void *ctx);

struct vm_counter {
	const char *group; /* "zone", "node", "numa", "event" */
	const char *name;  /* the enumerator: "NR_FREE_PAGES". Borrowed */
	int64_t value;	   /* events: of all CPUs */
};
/* Calls fn with each counter. What one group lacks is told in *problem (malloc'ed; NULL: nothing). */
struct err *vm_counters_each(struct session *s, struct err *(*fn)(void *ctx, const struct vm_counter *c), void *ctx,
			     char **problem);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Inside of the DWARF name index: the arrays, who fills them, who keeps them.
 *
 * Thread: one fills them; any reads what is filled.
 */
#ifndef SYM_INDEXIMPL_H
#define SYM_INDEXIMPL_H

#include "engine/sym/dwarfindex.h"

/* One name of one DIE. Sorted by hash, kind, definitions first, offset. */
struct index_entry {
	uint32_t hash; /* name_hash() */
	uint32_t offset_low;
	uint16_t offset_high;
	uint8_t kind; /* enum dwarf_name_kind */
	uint8_t is_declaration;
};

/* The index itself: heap, or a mapped cache file. */
struct index_data {
	const struct index_entry *v;
	size_t n;
	struct index_entry *heap; /* v, when it is ours */
	void *map;
	size_t map_size;
};

static inline uint64_t index_offset(const struct index_entry *e)
{
	return (uint64_t)e->offset_high << 32 | e->offset_low;
}

/* indexscan.c: reads all units, on all cores. */
struct err *index_scan(struct object *o, struct job *job, struct index_data *ret);

/* indexfile.c: key says of what file the index is. false: not in the cache, or damaged. */
uint64_t index_key(struct object *o);
bool index_load(uint64_t key, struct index_data *ret);
/* Keeps it, and goes on with the mapped file in place of the heap. Failure leaves it as it is. */
void index_save(uint64_t key, struct index_data *d);
void index_free(struct index_data *d);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The whole-file index of top-level DWARF names: variables, types and functions, name to DIE
 * offset. Built by all cores (one Dwarf handle a worker), behind the first screen, and kept in the
 * user's cache folder by build-id and section size. Compact: hash and offset, no strings.
 *
 * Thread: any, once built. dwarfindex_get() builds on first use; callers that mustn't wait ask
 * dwarfindex_ready() first.
 */
#ifndef SYM_DWARFINDEX_H
#define SYM_DWARFINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/err.h"
#include "engine/job/job.h"
#include "engine/object/object.h"

struct dwarfindex;

enum dwarf_name_kind {
	NAME_VARIABLE,
	NAME_STRUCT,
	NAME_UNION,
	NAME_ENUM,
	NAME_TYPEDEF,
	NAME_BASE,
	NAME_FUNCTION,
	NAME_ENUMERATOR,
	NAME_KINDS
};

struct dwarfindex *dwarfindex_create(struct object *o, bool no_cache);
void dwarfindex_destroy(struct dwarfindex *x);
bool dwarfindex_ready(const struct dwarfindex *x);
/* Builds (or loads from the cache) now; other callers wait for the same build. */
struct err *dwarfindex_build(struct dwarfindex *x, struct job *job);
/* DIE offsets of a name, definitions before declarations; returns how many there are in all (ret
 * gets up to max). Builds first when it must. Hash collisions are resolved: what is returned has
 * the name. */
struct err *dwarfindex_find(struct dwarfindex *x, enum dwarf_name_kind kind, const char *name,
			    struct job *job, uint64_t *ret, size_t max, size_t *count);
/* Memory in bytes, for the figures. */
size_t dwarfindex_memory(const struct dwarfindex *x);

#endif

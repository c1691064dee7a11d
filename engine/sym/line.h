/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Source lines and inlined calls of a pc, from DWARF through libdw. Found unit by unit, on demand:
 * nothing here waits for the whole-file name index. Results are cached by pc.
 *
 * Thread: any (takes object_lock).
 * Source: DWARF 5, sections 3.3.8 (inlined subroutines), 6.2 (line table).
 */
#ifndef SYM_LINE_H
#define SYM_LINE_H

#include <stddef.h>
#include <stdint.h>
#include "engine/base/err.h"
#include "engine/object/object.h"

struct lines;

/* One logical frame at a pc. Level 0 is the innermost inlined call; the last one is the function
 * that the code belongs to. */
struct line_scope {
	const char *function; /* source name; "" when DWARF doesn't know */
	const char *file;     /* relative to the tree's top ("fs/namespace.c"); "" when not known, or no line is */
	/* where this level stands: for level > 0 the call site; 0: not known */
	unsigned line, column;
	bool is_inline;	      /* inlined into the next level */
	uint64_t die;	      /* dwarf_dieoffset of the (concrete) scope DIE: for variables */
};

struct lines *lines_create(void);
void lines_destroy(struct lines *l);

/* The scopes of run-time address pc in object o (pc is looked up as given: the caller subtracts 1
 * for return addresses). *ret is borrowed from the cache, *n >= 1 on success. ERR_NODEBUG: no
 * DWARF there. */
struct err *lines_at(struct lines *l, struct object *o, uint64_t pc,
		     const struct line_scope **ret, size_t *n);

#endif

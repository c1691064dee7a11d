/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What stands at an address of kernel code, as people count calls: the inlined calls there, innermost
 * first, and then the function that the code belongs to. Symbols name the function even without DWARF;
 * lines and inlined calls come from DWARF.
 *
 * Thread: any.
 */
#ifndef KERN_CODEPLACE_H
#define KERN_CODEPLACE_H

#include "engine/kern/session.h"

/* A place in the code. Borrows from the session's caches. */
struct code_place {
	uint64_t pc; /* as the frame has it */
	struct sym sym;
	bool known; /* sym is the function's */
	const struct line_scope *scopes;
	size_t nscopes; /* 0: no lines */
};

/* One call at it. */
struct code_call {
	const char *function; /* NULL: not known */
	bool has_offset;      /* of pc from the function's start; not for inlined calls */
	uint64_t offset;
	const char *file; /* NULL: not known, and then line and column mean nothing */
	unsigned line, column;
	bool is_inline;
};

/* exact: pc is the instruction itself; else a return address, which may lie behind the function's end. o:
 * whose code it is; NULL: nobody's. Returns how many calls there are, at least 1. */
size_t code_place_at(struct session *s, struct object *o, uint64_t pc, bool exact,
		     struct code_place *ret);
/* Call number `level`, 0 the innermost. */
struct code_call code_place_call(const struct code_place *p, size_t level);
/* The object whose text holds the address; NULL: nobody's. */
struct object *code_owner(struct session *s, uint64_t pc);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Parameters and variables of a frame's scope, located by DWARF: registers, stack slots, constants,
 * implicit pointers, entry values through the caller's call-site parameters.
 *
 * Thread: any (takes object_lock).
 * Source: DWARF 5, sections 2.5, 2.6, 3.3, 3.4.
 */
#ifndef UNWIND_VARS_H
#define UNWIND_VARS_H

#include "engine/unwind/unwind.h"

enum var_state {
	VAR_MEMORY,	  /* lives at addr */
	VAR_VALUE,	  /* value bytes are in `bytes` (a register, a constant, put together of pieces) */
	VAR_OPTIMIZED_OUT, /* DWARF says that it has no place here */
	VAR_UNKNOWN,	  /* it has a place, but a register or memory it needs isn't known: see why */
};

struct var {
	const char *name;	 /* interned or borrowed from DWARF: lives as long as the object */
	const struct type *type; /* NULL when it can't be read */
	bool is_param;
	bool on_entry; /* it is what the call was given: the function may have changed it since */
	enum var_state state;
	uint64_t addr;		 /* VAR_MEMORY */
	uint8_t bytes[16];	 /* VAR_VALUE, little endian; larger values have state VAR_MEMORY or are cut */
	size_t size;		 /* bytes that are valid in `bytes` */
	char location[48];	 /* "rbx", "rsp+0x18", "entry(rdi)", "const" ... */
	char why[80];		 /* VAR_UNKNOWN: the reason */
};

/* A scope of a frame, and what is needed to read it. */
struct frame_scope {
	struct unwinder *unwinder;
	struct lines *lines;
	struct types *types; /* NULL: variables get no types */
	const struct stack *stack;
	size_t frame; /* in the stack */
	size_t level; /* 0: the innermost of the calls that are inlined there; the last: the function itself */
};

/* The scope's parameters, and, if locals, the variables of the enclosing blocks that hold pc. *ret (malloc'ed
 * array) is the caller's. ERR_NODEBUG when there is no DWARF, ERR_NOTFOUND: no such frame or level. */
struct err *frame_vars(const struct frame_scope *at, bool locals, struct var **ret, size_t *n);

#endif

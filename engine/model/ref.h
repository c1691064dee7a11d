/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A ref names one thing of a dump: the one small value that history, marks, yank, command arguments,
 * JSON and every link in every pane use. It has a text form that parses back to the same ref:
 *
 *   task:0xffff8881003c8000         a task_struct
 *   frame:0xffff8881003c8000:4.1    frame 4 of a task's stack, inlined level 1
 *   struct super_block@0xffff...    an object of a type (any C type name; a member path may be in the type's place)
 *   mem:0xffff8881003c8000          kernel memory of no known type
 *   phys:0x1000                     physical memory
 *   user:0xffff8881003c8000:0x7f00  user memory of a task
 *   sym:init_task                   a symbol
 *   log:123                         a record of the kernel log, by sequence number
 *   cpu:1                           a CPU
 *   src:fs/namespace.c:402          a line of source
 *   waiters:struct inode:0xffff...  the tasks that wait for an object
 *
 * Thread: any; a value. `name` is interned by whoever made the ref and lives as long as the session.
 */
#ifndef MODEL_REF_H
#define MODEL_REF_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/base/intern.h"

enum ref_kind {
	REF_NONE,
	REF_TASK,
	REF_FRAME,
	REF_OBJECT,
	REF_MEM,
	REF_PHYS,
	REF_USER,
	REF_SYM,
	REF_LOG,
	REF_CPU,
	REF_SRC,
	REF_WAITERS,
};

struct ref {
	enum ref_kind kind;
	uint64_t addr;	  /* address; LOG: sequence number; CPU: number; TASK, FRAME, USER: of the task_struct */
	uint64_t aux;	  /* FRAME: index << 16 | level; USER: the address; SRC: line; OBJECT: 1: a list's head, not a link */
	const char *name; /* OBJECT, WAITERS: type name; SYM: symbol; SRC: file; NULL for others */
};

static inline struct ref ref_addr(enum ref_kind kind, uint64_t addr)
{
	return (struct ref){.kind = kind, .addr = addr};
}

static inline struct ref ref_frame(uint64_t task, unsigned index, unsigned level)
{
	return (struct ref){REF_FRAME, task, (uint64_t)index << 16 | (level & 0xffff), NULL};
}

static inline struct ref ref_object(const char *interned_type, uint64_t addr)
{
	return (struct ref){REF_OBJECT, addr, 0, interned_type};
}

bool ref_equal(const struct ref *a, const struct ref *b);
/* The text form; nothing for REF_NONE. */
void ref_print(const struct ref *r, struct buf *out);
/* Parses the text form; names are interned in `in`. ERR_USAGE with what was expected. */
struct err *ref_parse(const char *text, struct intern *in, struct ref *ret);

#endif

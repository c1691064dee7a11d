/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What names mean in an expression over this dump: symbols of the kernel and its modules, per-CPU
 * variables, and the variables and registers of a frame of a task's stack. The stack is walked when
 * a name is first looked for.
 *
 * `current` is the task, as its code would call it. A parameter that DWARF has lost has the value that
 * data flow proves (engine/dis/args.h).
 *
 * Thread: one at a time.
 */
#ifndef KERN_EXPRSCOPE_H
#define KERN_EXPRSCOPE_H

#include "engine/expr/expr.h"
#include "engine/kern/session.h"

struct expr_scope;

/* task: address of its task_struct, 0: no frame, only symbols; frame, level: physical frame and inlined
 * call in it, as in struct ref. Always succeeds: what there isn't is told when it is asked for. */
struct expr_scope *expr_scope_create(struct session *s, uint64_t task, unsigned frame, unsigned level,
				     struct job *job);
void expr_scope_destroy(struct expr_scope *x);
/* Borrowed; its `address` is the caller's to set. */
struct expr_env *expr_scope_env(struct expr_scope *x);

/* The i-th variable of the frame, for completion; NULL at the end. */
const char *expr_scope_variable(struct expr_scope *x, size_t i);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The commands, one const row each, in the file of the same name (cmd_ps in ps.c ...), and what they
 * share: reading arguments. Listed in registry.c.
 *
 * Thread: any.
 */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include "engine/cmd/cmd.h"
#include "engine/kern/session.h"
#include "engine/kern/task/tasks.h"

extern const struct cmd cmd_bt,
	cmd_container,
	cmd_diff,
	cmd_dis,
	cmd_eval,
	cmd_files,
	cmd_foreach,
	cmd_frame,
	cmd_fuser,
	cmd_help,
	cmd_kmem,
	cmd_list,
	cmd_log,
	cmd_marks,
	cmd_mod,
	cmd_mount,
	cmd_p,
	cmd_pd,
	cmd_ps,
	cmd_ptov,
	cmd_px,
	cmd_rd,
	cmd_refs,
	cmd_search,
	cmd_set,
	cmd_src,
	cmd_stacks,
	cmd_struct,
	cmd_sym,
	cmd_sys,
	cmd_timer,
	cmd_tree,
	cmd_union,
	cmd_vm,
	cmd_vmlinux,
	cmd_vtop,
	cmd_waiters,
	cmd_what,
	cmd_whatis;

struct expr_scope; /* engine/kern/stack/exprscope.h */

struct session *shell_session(struct shell *sh);
struct marks *shell_marks(struct shell *sh); /* marksfile.h */
/* A copy of a table whose columns were put together while the program runs; it lives as long as sh, as
 * rows need it. Its strings must be interned or literals. Equal ones are kept once. */
const struct table *shell_table(struct shell *sh, const struct table *t);

/* kmemzones.c: `kmem -z`, `kmem -V` */
struct err *kmem_zones(const struct cmd_call *c);
struct err *kmem_counters(const struct cmd_call *c);

/* An address as people write it: 0x..., bare hexadecimal, a symbol, a ref, or any C expression
 * (engine/expr/expr.h) over the dump. ERR_USAGE/ERR_NOTFOUND says what was tried, or what is wrong where. */
struct err *arg_place(const struct cmd_call *c, const char *text, uint64_t *ret);
/* The same, with every address of an expression of several CPUs ("runqueues:a"): name is then the one's
 * ("runqueues:1"), else NULL. */
typedef struct err *arg_place_fn(void *ctx, const char *name, uint64_t addr);
struct err *arg_places(const struct cmd_call *c, const char *text, arg_place_fn *fn, void *ctx);
/* What names in expressions mean where the user stands; expr_scope_destroy() it. */
struct expr_scope *arg_scope(const struct cmd_call *c);
/* A task: pid, address of its task_struct, or a ref (frame: sets *frame, *level if not NULL). NULL or
 * "" means the context's task. */
struct err *arg_task(const struct cmd_call *c, const char *text, const struct task **ret);
/* How many, maybe negative, never 0. */
struct err *arg_count(const char *text, int64_t *ret);
/* A number, decimal or 0x. */
struct err *arg_number(const char *text, uint64_t *ret);

#endif

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

extern const struct cmd cmd_bt, cmd_dis, cmd_foreach, cmd_help, cmd_log, cmd_mod, cmd_mount, cmd_p, cmd_ps,
	cmd_rd, cmd_set, cmd_src, cmd_stacks, cmd_struct, cmd_sym, cmd_sys, cmd_union, cmd_vmlinux,
	cmd_whatis;

struct session *shell_session(struct shell *sh);

/* An address as people write it: 0x..., bare hexadecimal, SYMBOL, SYMBOL+OFFSET, per-CPU SYMBOL:CPU, a
 * ref, or "-" for nothing. ERR_USAGE/ERR_NOTFOUND says what was tried. */
struct err *arg_address(struct session *s, const char *text, uint64_t *ret);
/* A task: pid, address of its task_struct, or a ref (frame: sets *frame, *level if not NULL). NULL or
 * "" means the context's task. */
struct err *arg_task(const struct cmd_call *c, const char *text, const struct task **ret);
/* A number, decimal or 0x. */
struct err *arg_number(const char *text, uint64_t *ret);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the parts of `bt` share: the walk over one stack, and the rows under a frame, which are of one
 * child table whatever they show (variables, registers, words).
 *
 * Thread: any; a struct bt belongs to one call.
 */
#ifndef CMD_BT_H
#define CMD_BT_H

#include "engine/cmd/commands.h"
#include "engine/unwind/vars.h"

struct bt {
	const struct cmd_call *c;
	struct session *s;
	const struct task *t;
	struct stack stack;
	unsigned index; /* of the next row */
};

/* The rows under a frame. */
enum { V_LINE, V_NAME, V_TYPE, V_VALUE, V_MEANING, V_LOCATION, V_COLS };
extern const struct table bt_var_table;

/* btvars.c: the variables of scope `level` of physical frame `index`, as -V and -P ask for. */
struct err *bt_scope_vars(struct bt *b, size_t index, size_t level);
/* The registers that user space had when it came in. */
struct err *bt_user_regs(struct bt *b, const struct frame *f);

#endif

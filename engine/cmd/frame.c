/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The chosen frame: which call of the chosen task's stack `src`, `dis` and the names in expressions mean.
 */
#include "engine/cmd/bt.h"
#include "engine/cmd/parse.h"
#include "engine/kern/stack/framefind.h"
#include <stdio.h>
#include <string.h>

/* "up" and "down" are as gdb has them: up leads to the caller. */
static bool find(struct bt *b, const char *text, const struct context *ctx, struct stack_call *ret)
{
	bool known = stack_call_at(b->s, &b->stack, ctx->frame, ctx->level, ret);
	size_t now = known ? ret->number : 0;
	char number[24];

	if (!text)
		return known;
	if (strcmp(text, "up") && strcmp(text, "down"))
		return stack_find_call(b->s, &b->stack, text, ret);
	if (text[0] == 'd' && !now)
		return false;
	snprintf(number, sizeof(number), "%zu", text[0] == 'u' ? now + 1 : now - 1);
	return stack_find_call(b->s, &b->stack, number, ret);
}

static struct err *no_frame(const struct bt *b, const char *text)
{
	if (!b->stack.n)
		return err_new(ERR_NOTFOUND, "task %d has no stack: %s", b->t->pid,
			       b->stack.ended ? b->stack.ended : "it isn't known");
	if (text && !strcmp(text, "up"))
		return err_new(ERR_NOTFOUND, "this is the outermost frame of task %d", b->t->pid);
	if (text && !strcmp(text, "down"))
		return err_new(ERR_NOTFOUND, "this is the innermost frame of task %d", b->t->pid);
	return err_new(ERR_NOTFOUND, "the stack of task %d has no frame '%s' (`bt` lists them)", b->t->pid,
		       text ? text : "0");
}

static struct err *show(struct bt *b, const char *text)
{
	struct context *ctx = b->c->ctx;
	struct ref ref = ref_addr(REF_TASK, b->t->addr);
	AUTO_BUF struct buf comm = {0};
	struct stack_call call;
	char crash[40];

	if (!find(b, text, ctx, &call))
		return no_frame(b, text);
	ctx->frame = (unsigned)call.frame;
	ctx->level = (unsigned)call.level;
	snprintf(crash, sizeof(crash), "frame %zu", call.number);
	buf_put_safe(&comm, b->t->comm, strlen(b->t->comm));
	TRY(sink_begin(b->c->out, &bt_vars_table, &ref, crash, "Frame #%zu of PID %d  %s", call.number,
		       b->t->pid, buf_str(&comm)));
	return bt_call(b, call.frame, call.level, (unsigned)call.number);
}

static struct err *run(const struct cmd_call *c)
{
	struct cmd_args args = *c->args;
	struct cmd_call all = *c;
	struct bt b = {.c = &all, .s = c->session};

	args.has['V'] = true; /* the rows are bt's, with all variables */
	all.args = &args;
	TRY(arg_task(c, NULL, &b.t));
	task_stack(c->session, b.t, BT_MAX_FRAMES, &b.stack);
	struct err *e = show(&b, c->args->n ? c->args->v[0] : NULL);
	bt_args_done(&b);
	stack_free(&b.stack);
	return e;
}

const struct cmd cmd_frame = {
	.name = "frame",
	.group = "tasks",
	.summary = "choose a frame of the chosen task, and see its variables",
	.details =
		"`src`, `dis`, variables' names and registers ($rdi) in expressions mean the chosen frame. Frames are "
		"numbered as `bt` does, inlined calls count; a function's name means the innermost call of it. "
		"Without an argument: shows which frame that is.",
	.args = (const struct cmd_arg[]){
		{"WHICH", ARG_FRAME, true, false, "number, function, `up` (to the caller) or `down`"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"frame 8", "frame #8 from now on"},
		{"frame mnt_want_write", "where the task is in this function"},
		{"frame up", "its caller"},
		{0}},
	.table = &bt_vars_table,
	.acts = true,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chooses the frame whose variables and registers expressions mean. Frames are counted as `bt` counts them:
 * inlined calls are frames of their own; the context keeps the physical frame and the level in it.
 */
#include "engine/cmd/bt.h"
#include "engine/cmd/parse.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { INDEX, FUNCTION, FILE_, LINE, PC, COLS };
static const struct col cols[COLS] = {
	[INDEX] = {"index", "#", "its number in bt", COL_RIGHT, 4, 0},
	[FUNCTION] = {"function", "FUNCTION", "the function", COL_GROW, 24, 0},
	[FILE_] = {"file", "FILE", "source file", 0, 24, 2},
	[LINE] = {"line", "LINE", "line in it", COL_RIGHT, 5, 2},
	[PC] = {"pc", "PC", "where it stands in the code", 0, 18, 3},
};
static const struct table frame_table = {.name = "frame", .cols = cols, .ncols = COLS};

/* One call of the stack. */
struct found {
	struct code_call call;
	uint64_t pc;
	unsigned index, frame, level;
};

/* What the user names: a number, a function, or what the context has. */
struct choice {
	const char *function; /* NULL: none */
	bool by_number, by_context;
	uint64_t number;
	const struct context *ctx;
};

static bool is_chosen(const struct choice *w, const struct found *f)
{
	if (w->by_number)
		return f->index == w->number;
	if (w->by_context)
		return f->frame == w->ctx->frame && f->level == w->ctx->level;
	return f->call.function && !strcmp(f->call.function, w->function);
}

/* The first call that is meant; false: the stack has none. */
static bool find(struct session *s, const struct stack *st, const struct choice *w, struct found *ret)
{
	unsigned index = 0;

	for (size_t i = 0; i < st->n && !st->frames[i].user; i++) {
		const struct frame *f = &st->frames[i];
		struct code_place place;
		size_t n = code_place_at(s, f->object, f->pc, f->exact, &place);
		for (size_t level = 0; level < n; level++) {
			*ret = (struct found){code_place_call(&place, level), f->pc, index++, (unsigned)i,
					      (unsigned)level};
			if (is_chosen(w, ret))
				return true;
		}
	}
	return false;
}

static struct err *show(const struct cmd_call *c, const struct found *f)
{
	struct ref ref = ref_frame(c->ctx->task.addr, f->frame, f->level);
	char key[16];
	struct cell v[COLS] = {
		[INDEX] = cell_uint(f->index),
		[FUNCTION] = f->call.function ? cell_role(cell_text(f->call.function), ROLE_NAME) : cell_absent(),
		[FILE_] = f->call.file ? cell_text(f->call.file) : cell_absent(),
		[LINE] = f->call.file ? cell_uint(f->call.line) : cell_absent(),
		[PC] = cell_addr(f->pc),
	};

	snprintf(key, sizeof(key), "%u", f->index);
	TRY(sink_begin(c->out, &frame_table, &ref, "", "Frame %u", f->index));
	return sink_row(c->out, &(struct row){.cells = v, .key = key, .ref = ref});
}

static struct err *run(const struct cmd_call *c)
{
	const char *what = c->args->n ? c->args->v[0] : NULL;
	struct choice w = {.function = what, .by_context = !what, .ctx = c->ctx};
	const struct task *t;
	struct stack st = {0};
	struct found f;

	w.by_number = what && err_ok(arg_number(what[0] == '#' ? what + 1 : what, &w.number));
	TRY(arg_task(c, NULL, &t));
	task_stack(c->session, t, BT_MAX_FRAMES, &st);
	bool found = find(c->session, &st, &w, &f);
	stack_free(&st);
	if (!found)
		return err_new(ERR_NOTFOUND, "the stack of task %d has no such frame: %s (`bt` shows it)", t->pid,
			       what ? what : "its first is unknown");
	c->ctx->frame = f.frame;
	c->ctx->level = f.level;
	return show(c, &f);
}

const struct cmd cmd_frame = {
	.name = "frame",
	.group = "tasks",
	.summary = "choose the frame whose variables and registers expressions mean",
	.details = "By its number in `bt` of the chosen task, or by the function's name (the innermost call of it). "
		   "Without an argument: shows which frame that is. `p` and all that takes an address then know its "
		   "variables by name and its registers ($rdi).",
	.args = (const struct cmd_arg[]){
		{"FRAME", ARG_WORD, true, false, "number or function"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"frame 4", "frame #4 of bt"},
		{"frame mnt_want_write", "the call of a function"},
		{0}},
	.table = &frame_table,
	.acts = true,
	.run = run,
};

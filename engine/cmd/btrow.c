/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A row of a stack: a call, what came in there, or user space. Whatever walks or searches a stack puts its
 * rows out here.
 */
#include "engine/cmd/bt.h"
#include <stdio.h>
#include <string.h>

enum { PID, TASK, INDEX, NUM, SHOWN, FUNCTION, OFFSET, WHERE, NOTE, PC, SP, FILE_, LINE_, COLUMN,
       INLINE, SOURCE, ENTRY, STACK, GUESS, COLS };
static const struct col cols[COLS] = {
	[PID] = {"pid", "PID", "the task's pid", COL_DATA, 0, 0},
	[TASK] = {"task", "TASK", "the task's task_struct", COL_DATA, 0, 0},
	[INDEX] = {"index", "#", "number of the frame, 0 is the innermost; inlined calls count", COL_DATA, 0, 0},
	[NUM] = {"num", "", "number of the frame", COL_SCREEN, 3, 1},
	[SHOWN] = {"frame", "", "function", COL_SCREEN | COL_GROW, 34, 0},
	[FUNCTION] = {"function", "FUNCTION", "function", COL_DATA, 0, 0},
	[OFFSET] = {"offset", "OFFSET", "of the pc from the function's start; not for inlined calls", COL_DATA, 0, 0},
	[WHERE] = {"where", "", "file, line and column", COL_SCREEN, 20, 2},
	[NOTE] = {"note", "", "inlined; how the frame was found, if not by ORC; where the stack changes, which one it is", COL_SCREEN, 0, 3},
	[PC] = {"pc", "", "program counter: a return address but for the innermost frame", 0, 18, 5},
	[SP] = {"sp", "", "stack pointer in the frame", COL_DATA, 18, 6},
	[FILE_] = {"file", "FILE", "source file", COL_DATA, 0, 0},
	[LINE_] = {"line", "LINE", "source line", COL_DATA, 0, 0},
	[COLUMN] = {"column", "COLUMN", "column in that line", COL_DATA, 0, 0},
	[INLINE] = {"inline", "INLINE", "inlined into the next frame", COL_DATA, 0, 0},
	[SOURCE] = {"source", "SOURCE", "orc, cfi, code, fp, regs or scan", COL_DATA, 0, 0},
	[ENTRY] = {"entry", "ENTRY", "exception, interrupt or nmi: came in here; the row is no call", COL_DATA, 0, 0},
	[STACK] = {"stack", "STACK", "task, or one of the CPU's: IRQ, NMI, DF, DB, MCE, VC, entry", COL_DATA, 0, 0},
	[GUESS] = {"guess", "GUESS", "found by a guess (fp, scan), or from a frame that was", COL_DATA, 0, 0},
};
const struct table bt_table = {.name = "bt", .cols = cols, .ncols = COLS, .titled = true,
			       .child = &bt_var_table, .child_key = "vars"};
const struct table bt_vars_table = {.name = "bt", .cols = cols, .ncols = COLS, .titled = true,
				    .child = &bt_var_table, .child_key = "vars",
				    .child_always = true};
const struct table bt_args_table = {.name = "bt", .cols = cols, .ncols = COLS, .titled = true,
				    .child = &bt_arg_table, .child_key = "vars",
				    .child_always = true};
const struct table bt_words_table = {.name = "bt", .cols = cols, .ncols = COLS, .titled = true,
				     .child = &bt_word_table, .child_key = "words",
				     .child_always = true};

/* The row's own note, and where the stack is another than the last row's (the task's, to begin with), which it is. */
static void put_note(struct bt *b, const struct bt_row *r, const struct stack_name *on, struct buf *out)
{
	const char *last = b->on.text[0] ? b->on.text : STACK_NAME_TASK;
	bool moved = on->text[0] && strcmp(on->text, last) != 0;

	buf_puts(out, r->note);
	if (moved)
		buf_printf(out, "%s%s stack", r->note[0] ? ", " : "", on->text);
	if (on->text[0])
		b->on = *on;
}

struct err *bt_row(struct bt *b, const struct bt_row *r)
{
	const struct code_call *call = &r->call;
	struct stack_name on = r->user ? (struct stack_name){""} : stack_name_at(b->s, b->t, r->sp);
	AUTO_BUF struct buf shown = {0}, where = {0}, note = {0};
	struct ref src = {0};
	char num[16];

	if (r->entry)
		buf_printf(&shown, "(%s)", r->entry);
	else
		buf_puts(&shown, r->user ? "(user space)" : call->function ? call->function : "?");
	if (call->file) {
		buf_printf(&where, "%s:%u", call->file, call->line);
		if (call->column)
			buf_printf(&where, ":%u", call->column);
		src = (struct ref){REF_SRC, 0, call->line, intern_str(b->s->intern, call->file)};
	} else if (r->where) {
		buf_puts(&where, r->where);
	}
	put_note(b, r, &on, &note);
	snprintf(num, sizeof(num), "#%u", b->index);
	enum role role = r->guess || r->user || r->entry ? ROLE_DIM : ROLE_NORMAL;
	struct cell v[COLS] = {
		[PID] = cell_int(b->t->pid),
		[TASK] = cell_addr(b->t->addr),
		[INDEX] = r->entry ? cell_absent() : cell_uint(b->index),
		[NUM] = cell_role(cell_text(r->entry ? "" : num), ROLE_DIM),
		[SHOWN] = cell_role(cell_text(buf_str(&shown)), r->guess ? ROLE_DIM : ROLE_NAME),
		[FUNCTION] = call->function && !r->user ? cell_text(call->function) : cell_absent(),
		[OFFSET] = call->has_offset ? cell_uint(call->offset) : cell_absent(),
		[WHERE] = cell_link(cell_text(buf_str(&where)), src),
		[NOTE] = cell_role(cell_text(buf_str(&note)), ROLE_DIM),
		[PC] = cell_role(cell_addr(r->pc), ROLE_DIM),
		[SP] = cell_addr(r->sp),
		[FILE_] = call->file ? cell_text(call->file) : cell_absent(),
		[LINE_] = call->file ? cell_uint(call->line) : cell_absent(),
		[COLUMN] = call->file && call->column ? cell_uint(call->column) : cell_absent(),
		[INLINE] = cell_bool(call->is_inline),
		[SOURCE] = cell_text(frame_source_name(r->source)),
		[ENTRY] = r->entry ? cell_text(r->entry) : cell_absent(),
		[GUESS] = cell_bool(r->guess),
		[STACK] = on.text[0] ? cell_text(on.text) : cell_absent(),
	};
	b->index += !r->entry;
	return sink_row(b->c->out, &(struct row){.cells = v, .key = r->key, .ref = r->ref, .folded = r->folded,
						  .role = role});
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A row for every logical frame: the inlined calls of a physical frame come first, innermost at the
 * top, then the function that the code belongs to. What belongs to a frame are its child rows: the parts
 * that make them have files of their own (btvars.c).
 */
#include "engine/cmd/bt.h"
#include "engine/cmd/parse.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_FRAMES 256

enum { PID, TASK, INDEX, NUM, SHOWN, FUNCTION, OFFSET, WHERE, NOTE, PC, SP, FILE_, LINE_, INLINE, SOURCE, COLS };
static const struct col cols[COLS] = {
	[PID] = {"pid", "PID", "the task's pid", COL_DATA, 0, 0},
	[TASK] = {"task", "TASK", "the task's task_struct", COL_DATA, 0, 0},
	[INDEX] = {"index", "#", "number of the frame, 0 is the innermost; inlined calls count", COL_DATA, 0, 0},
	[NUM] = {"num", "", "number of the frame", COL_SCREEN, 3, 1},
	[SHOWN] = {"frame", "", "function", COL_SCREEN | COL_GROW, 34, 0},
	[FUNCTION] = {"function", "FUNCTION", "function", COL_DATA, 0, 0},
	[OFFSET] = {"offset", "OFFSET", "of the pc from the function's start; not for inlined calls", COL_DATA, 0, 0},
	[WHERE] = {"where", "", "file and line", COL_SCREEN, 20, 2},
	[NOTE] = {"note", "", "inlined; or how the frame was found, where it is not by ORC", COL_SCREEN, 0, 3},
	[PC] = {"pc", "", "program counter: a return address but for the innermost frame", 0, 18, 5},
	[SP] = {"sp", "", "stack pointer in the frame", COL_DATA, 18, 6},
	[FILE_] = {"file", "FILE", "source file", COL_DATA, 0, 0},
	[LINE_] = {"line", "LINE", "source line", COL_DATA, 0, 0},
	[INLINE] = {"inline", "INLINE", "inlined into the next frame", COL_DATA, 0, 0},
	[SOURCE] = {"source", "SOURCE", "orc, cfi, fp, regs or scan", COL_DATA, 0, 0},
};
static const struct table bt_table = {.name = "bt", .cols = cols, .ncols = COLS, .titled = true,
				      .child = &bt_var_table, .child_key = "vars"};
static const struct table bt_vars_table = {.name = "bt", .cols = cols, .ncols = COLS, .titled = true,
					   .child = &bt_var_table, .child_key = "vars",
					   .child_always = true};

/* What is known of one logical frame. */
struct logical {
	const struct frame *f;
	size_t frame, level;
	const char *function; /* NULL: not known */
	bool has_offset;
	uint64_t offset;
	const struct line_scope *scope; /* NULL: no lines */
};

/* The innermost frame's registers are given, not found; ORC is the rule: only the rest is worth a word. */
static const char *note_of(const struct frame *f, bool is_inline)
{
	if (is_inline)
		return "inlined";
	if (f->user || f->source == FRAME_ORC || (f->source == FRAME_REGS && !f->pt_regs))
		return "";
	return frame_source_name(f->source);
}

static struct err *frame_row(struct bt *b, const struct logical *l)
{
	const struct frame *f = l->f;
	bool is_inline = l->scope && l->scope->is_inline;
	bool guess = f->source == FRAME_SCAN || f->source == FRAME_FP;
	const char *file = l->scope && l->scope->file[0] ? l->scope->file : NULL;
	AUTO_BUF struct buf shown = {0}, where = {0};
	char num[16], key[24];

	if (f->user)
		buf_puts(&shown, "(user space)");
	else
		buf_puts(&shown, l->function ? l->function : "?");
	if (file)
		buf_printf(&where, "%s:%u", file, l->scope->line);
	snprintf(num, sizeof(num), "#%u", b->index);
	snprintf(key, sizeof(key), "%zu.%zu", l->frame, l->level);
	struct ref ref = ref_frame(b->t->addr, (unsigned)l->frame, (unsigned)l->level);
	enum role role = guess || f->user ? ROLE_DIM : ROLE_NORMAL;
	struct cell v[COLS] = {
		[PID] = cell_int(b->t->pid),
		[TASK] = cell_addr(b->t->addr),
		[INDEX] = cell_uint(b->index),
		[NUM] = cell_role(cell_text(num), ROLE_DIM),
		[SHOWN] = cell_role(cell_text(buf_str(&shown)), guess ? ROLE_DIM : ROLE_NAME),
		[FUNCTION] = l->function && !f->user ? cell_text(l->function) : cell_absent(),
		[OFFSET] = l->has_offset ? cell_uint(l->offset) : cell_absent(),
		[WHERE] = cell_text(buf_str(&where)),
		[NOTE] = cell_role(cell_text(note_of(f, is_inline)), ROLE_DIM),
		[PC] = cell_role(cell_addr(f->pc), ROLE_DIM),
		[SP] = cell_addr(f->sp),
		[FILE_] = file ? cell_text(file) : cell_absent(),
		[LINE_] = file ? cell_uint(l->scope->line) : cell_absent(),
		[INLINE] = cell_bool(is_inline),
		[SOURCE] = cell_text(frame_source_name(f->source)),
	};
	b->index++;
	return sink_row(b->c->out, &(struct row){.cells = v, .key = key, .ref = ref, .role = role});
}

static struct err *physical_frame(struct bt *b, size_t i)
{
	const struct frame *f = &b->stack.frames[i];
	const struct line_scope *scopes = NULL;
	uint64_t pc = f->exact || !f->pc ? f->pc : f->pc - 1, off;
	struct sym sym;
	size_t n = 0;

	if (f->user) {
		TRY(frame_row(b, &(struct logical){.f = f, .frame = i}));
		return bt_user_regs(b, f);
	}
	if (f->object && !err_ok(lines_at(b->s->lines, f->object, pc, &scopes, &n)))
		n = 0;
	bool known = sym_func_at(b->s->symtab, pc, &sym, &off);
	for (size_t level = 0; level < (n ? n : 1); level++) {
		const struct line_scope *s = n ? &scopes[level] : NULL;
		bool inlined = s && s->is_inline;
		struct logical l = {.f = f, .frame = i, .level = level, .scope = s};
		if (inlined) {
			l.function = s->function;
		} else {
			l.function = known ? sym.name : s && s->function[0] ? s->function : NULL;
			l.has_offset = known;
			l.offset = known ? f->pc - sym.addr : 0;
		}
		TRY(frame_row(b, &l));
		if (n)
			TRY(bt_scope_vars(b, i, level));
	}
	return NULL;
}

static struct err *task_bt(const struct cmd_call *c, const struct task *t)
{
	struct bt b = {.c = c, .s = c->session, .t = t};
	AUTO_BUF struct buf comm = {0};
	struct ref ref = ref_addr(REF_TASK, t->addr);
	char crash[32];

	snprintf(crash, sizeof(crash), "bt -l %d", t->pid);
	buf_put_safe(&comm, t->comm, strlen(t->comm));
	TRY(sink_begin(c->out, c->args->has['V'] ? &bt_vars_table : &bt_table, &ref, crash,
		       "PID %d  %s  CPU %u  %.2s  TASK 0x%" PRIx64, t->pid, buf_str(&comm), t->cpu,
		       t->letters, t->addr));
	task_stack(c->session, t, MAX_FRAMES, &b.stack);
	struct err *e = NULL;
	for (size_t i = 0; i < b.stack.n && !e; i++) {
		e = job_tick(c->job, 1);
		if (!e)
			e = physical_frame(&b, i);
	}
	if (!e && b.stack.ended)
		sink_note(c->out, ROLE_WARN, "task %d: the stack ends early: %s", t->pid, b.stack.ended);
	stack_free(&b.stack);
	return e;
}

static struct err *active_tasks(const struct cmd_call *c)
{
	const struct tasks *ts;
	size_t shown = 0;

	TRY(tasks_load(c->session, c->job, &ts));
	for (unsigned cpu = 0; cpu < c->session->ncpus; cpu++) {
		const struct task *t = task_active(ts, cpu);
		if (!t)
			continue;
		shown++;
		TRY(task_bt(c, t));
	}
	return shown ? NULL : err_new(ERR_NOTFOUND, "which tasks were on CPUs is not known");
}

static struct err *run(const struct cmd_call *c)
{
	const struct task *t;

	if (c->args->has['a'])
		return active_tasks(c);
	for (size_t i = 0; i < (c->args->n ? c->args->n : 1); i++) {
		TRY(arg_task(c, c->args->n ? c->args->v[i] : NULL, &t));
		TRY(task_bt(c, t));
	}
	return NULL;
}

const struct cmd cmd_bt = {
	.name = "bt",
	.group = "tasks",
	.summary = "the stack of a task: functions, source lines, inlined calls, arguments",
	.details =
		"Innermost call first. Inlined calls are frames of their own. NOTE tells how a frame was found "
		"where it is not by ORC; what rests on a guess (fp, scan) is dim. The last frame of a task that "
		"came from user space shows the registers that it came with.",
	.options = (const struct cmd_option[]){
		{'V', ARG_NONE, NULL, "arguments and variables of every frame, with their values"},
		{'P', ARG_NONE, NULL, "only the arguments that have a value"},
		{'a', ARG_NONE, NULL, "the active task of every CPU"},
		{'l', ARG_NONE, NULL, "file and line (always on; kept for fingers)"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"TASK", ARG_TASK, true, true, "pid or address of a task_struct; without it the chosen task"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"bt 123", "the stack of task 123"},
		{"bt -V 123", "with arguments and variables"},
		{"foreach UN bt", "the stacks of all that are stuck"},
		{0}},
	.table = &bt_table,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A row for every logical frame: the inlined calls of a physical frame come first, innermost at the
 * top, then the function that the code belongs to. The variables of a frame are its child rows, and so
 * are the registers of the user-space boundary.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/cmd/show.h"
#include "engine/unwind/vars.h"
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

enum { V_LINE, V_NAME, V_TYPE, V_VALUE, V_MEANING, V_LOCATION, V_COLS };
static const struct col var_cols[V_COLS] = {
	[V_LINE] = {"line", "", "name = value", COL_SCREEN | COL_GROW, 0, 0},
	[V_NAME] = {"name", "NAME", "parameter, variable or register", COL_DATA, 0, 0},
	[V_TYPE] = {"type", "", "its C type", 0, 0, 2},
	[V_VALUE] = {"value", "VALUE", "its value", COL_DATA, 0, 0},
	[V_MEANING] = {"meaning", "MEANING", "enum name, symbol, string pointed to", COL_DATA, 0, 0},
	[V_LOCATION] = {"location", "", "where it is kept, or why it has no value", COL_DATA, 0, 3},
};
static const struct table var_table = {.name = "vars", .cols = var_cols, .ncols = V_COLS};
static const struct table bt_table = {.name = "bt", .cols = cols, .ncols = COLS, .titled = true,
				      .child = &var_table, .child_key = "vars"};
static const struct table bt_vars_table = {.name = "bt", .cols = cols, .ncols = COLS, .titled = true,
					   .child = &var_table, .child_key = "vars",
					   .child_always = true};

struct bt {
	const struct cmd_call *c;
	struct session *s;
	const struct task *t;
	struct stack stack;
	unsigned index; /* of the next row */
};

/* ---- variables ---- */

static struct err *var_row(struct bt *b, const struct var *v, struct shown *shown, struct ref ref)
{
	AUTO_BUF struct buf line = {0}, type = {0};

	if (!shown->text.len)
		cell_print(&shown->value, &shown->text);
	buf_printf(&line, "%s = %s", v->name, buf_str(&shown->text));
	if (shown->meaning.len)
		buf_printf(&line, "  %s", buf_str(&shown->meaning));
	if (v->type)
		type_print_name(v->type, &type);
	enum role role = ref.kind ? ROLE_LINK : shown->value.kind == CELL_ABSENT ? ROLE_DIM
		       : shown->value.kind == CELL_FAULT ? ROLE_FAULT : ROLE_NORMAL;
	struct cell cells[V_COLS] = {
		[V_LINE] = cell_link(cell_role(cell_text(buf_str(&line)), role), ref),
		[V_NAME] = cell_text(v->name),
		[V_TYPE] = v->type ? cell_role(cell_text(buf_str(&type)), ROLE_TYPE)
				   : cell_shown(cell_absent(), ""),
		[V_VALUE] = shown->value,
		[V_MEANING] = shown->meaning.len ? cell_text(buf_str(&shown->meaning)) : cell_absent(),
		[V_LOCATION] = cell_text(v->location),
	};
	struct row r = {.cells = cells, .key = v->name, .ref = ref, .child = true, .depth = 0, .role = role};
	return sink_row(b->c->out, &r);
}

static struct err *memory_var(struct bt *b, const struct var *v)
{
	const struct type *plain = type_strip(v->type);
	enum type_kind k = type_kind(plain);
	size_t n = type_size(plain);
	AUTO_BUF struct buf name = {0};
	uint8_t bytes[16];
	enum mem_state why = MEM_UNMAPPED;
	struct shown shown = {.value = cell_absent()};
	struct ref ref;

	type_print_name(v->type, &name);
	ref = ref_object(intern_str(b->s->intern, buf_str(&name)), v->addr);
	if (k == TYPE_STRUCT || k == TYPE_UNION || k == TYPE_ARRAY || n > sizeof(bytes)) {
		buf_puts(&shown.text, "{...}");
	} else {
		bool got = mem_read_some(b->s->mem, KERNEL, v->addr, bytes, n, &why) == n;
		show_scalar(b->s, &(struct type_place){.type = plain}, got ? bytes : NULL, n, why, false,
			    &shown);
		if (shown.value.ref.kind)
			ref = shown.value.ref;
	}
	struct err *e = var_row(b, v, &shown, ref);
	shown_free(&shown);
	return e;
}

static struct err *one_var(struct bt *b, const struct var *v)
{
	struct shown shown = {.value = cell_absent()};
	struct var told = *v;

	if (v->state == VAR_MEMORY && v->type)
		return memory_var(b, v);
	if (v->state == VAR_VALUE && v->type) {
		show_scalar(b->s, &(struct type_place){.type = type_strip(v->type)}, v->bytes, v->size,
			    MEM_LOST, false, &shown);
	} else if (v->state == VAR_OPTIMIZED_OUT) {
		buf_puts(&shown.text, "<optimized out>");
		snprintf(told.location, sizeof(told.location), "optimized out");
	} else {
		buf_printf(&shown.text, "<%s>", v->why[0] ? v->why : "unknown");
		snprintf(told.location, sizeof(told.location), "%.47s", v->why[0] ? v->why : "unknown");
	}
	struct err *e = var_row(b, &told, &shown, shown.value.ref);
	shown_free(&shown);
	return e;
}

static struct err *scope_vars(struct bt *b, size_t index, size_t level)
{
	struct var *v = NULL;
	size_t n = 0;
	struct err *e = NULL;

	bool all = b->c->args->has['V'];

	if (!all && !b->c->args->has['P'])
		return NULL;
	if (!err_ok(frame_vars(b->s->unwinder, b->s->lines, b->s->types, &b->stack, index, level, all,
			       &v, &n)))
		return NULL;
	for (size_t i = 0; i < n && !e; i++)
		if (all || v[i].state == VAR_MEMORY || v[i].state == VAR_VALUE)
			e = one_var(b, &v[i]);
	free(v);
	return e;
}

/* The registers that user space had when it came in. */
static struct err *user_regs(struct bt *b, const struct frame *f)
{
	const struct arch *a = b->s->arch;

	for (size_t i = 0; i < a->nregs; i++) {
		unsigned n = (unsigned)a->regs[i].dwarf;
		struct shown shown;
		struct var v = {.name = a->regs[i].name};
		if (!regs_has(&f->regs, n))
			continue;
		snprintf(v.location, sizeof(v.location), "pt_regs");
		shown = (struct shown){.value = cell_addr(f->regs.v[n])};
		struct err *e = var_row(b, &v, &shown, (struct ref){0});
		shown_free(&shown);
		TRY(e);
	}
	return NULL;
}

/* ---- frames ---- */

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
		return user_regs(b, f);
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
			TRY(scope_vars(b, i, level));
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A row for every logical frame: the inlined calls of a physical frame come first, innermost at the
 * top, then the function that the code belongs to. What belongs to a frame are its child rows: the parts
 * that make them have files of their own (btvars.c).
 */
#include "engine/cmd/bt.h"
#include "engine/cmd/parse.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/stack/stackahead.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_guess(const struct frame *f)
{
	return f->source == FRAME_SCAN || f->source == FRAME_FP;
}

bool bt_rests_on_guess(const struct bt *b, size_t frame)
{
	const struct stack *st = &b->stack;

	/* those above the registers of a crash were found from these, not the other way round */
	for (size_t i = frame < st->above ? frame : st->above; i <= frame; i++)
		if (is_guess(&st->frames[i]))
			return true;
	return false;
}

/* The innermost frame's registers are given, not found; ORC is the rule: only the rest is worth a word. */
const char *bt_note(const struct bt *b, size_t i, bool is_inline)
{
	const struct frame *f = &b->stack.frames[i];
	bool given = f->source == FRAME_REGS && (f->user || (!i && !f->pt_regs));

	if (is_inline)
		return "inlined";
	if (!is_guess(f) && bt_rests_on_guess(b, i))
		return "after a guess";
	return given || f->source == FRAME_ORC ? "" : frame_source_name(f->source);
}

/* level counts from the innermost of n inlined calls. The row's key counts from the outermost, so that a function
 * keeps its name when debug info comes and inlined calls appear above it. */
static struct err *frame_row(struct bt *b, size_t i, size_t level, size_t n, const struct code_call *call)
{
	const struct frame *f = &b->stack.frames[i];
	char key[48];

	snprintf(key, sizeof(key), "%zu.%zu", i, n - 1 - level);
	struct bt_row r = {
		.call = *call,
		.pc = f->pc,
		.sp = f->sp,
		.user = f->user,
		.guess = bt_rests_on_guess(b, i),
		.source = f->source,
		.note = bt_note(b, i, call->is_inline),
		.key = key,
		.ref = ref_frame(b->t->addr, (unsigned)i, (unsigned)level),
	};
	return bt_row(b, &r);
}

static struct err *physical_frame(struct bt *b, size_t i)
{
	const struct cmd_args *a = b->c->args;
	const struct frame *f = &b->stack.frames[i];
	struct code_place place;

	if (f->user)
		return bt_user(b, i);
	size_t n = code_place_at(b->s, f->object, f->pc, f->exact, &place);
	for (size_t level = a->has['I'] ? n - 1 : 0; level < n; level++) {
		struct code_call call = code_place_call(&place, level);
		TRY(frame_row(b, i, level, n, &call));
		if (place.nscopes && !b->words)
			TRY(bt_scope_vars(b, i, level));
	}
	if (!place.nscopes && !b->words)
		TRY(bt_prototype_vars(b, i));
	if (a->has['R'])
		TRY(bt_recovered(b, i));
	return b->words ? bt_frame_words(b, i) : NULL;
}

struct err *bt_call(struct bt *b, size_t frame, size_t level, unsigned number)
{
	const struct frame *f = &b->stack.frames[frame];
	struct code_place place;

	b->index = number;
	if (f->user)
		return physical_frame(b, frame);
	size_t n = code_place_at(b->s, f->object, f->pc, f->exact, &place);
	struct code_call call = code_place_call(&place, level);
	TRY(frame_row(b, frame, level, n, &call));
	return place.nscopes ? bt_scope_vars(b, frame, level) : bt_prototype_vars(b, frame);
}

/* What is missing for frames in modules; once a module. With no debug info at all, that has been told. */
static void missing_debug(struct bt *b)
{
	const struct frame *f = b->stack.frames;

	for (size_t i = 0; i < b->stack.n; i++) {
		AUTO_BUF struct buf why = {0};
		/* almost all frames are the kernel's own */
		if (f[i].object == b->s->vmlinux || !object_has_dwarf(b->s->vmlinux))
			continue;
		size_t first = 0;
		while (first < i && f[first].object != f[i].object)
			first++;
		if (first == i && module_debug_missing(b->s, f[i].object, &why))
			sink_note(b->c->out, ROLE_DIM, "%s", buf_str(&why));
	}
}

static struct err *frames(struct bt *b)
{
	for (size_t i = 0; i < b->stack.n; i++) {
		TRY(job_tick(b->c->job, 1));
		TRY(bt_entry(b, i));
		TRY(physical_frame(b, i));
	}
	if (b->stack.searched)
		sink_note(b->c->out, ROLE_WARN,
			  "task %d: its saved stack pointer is lost; where it sleeps was found by searching "
			  "the words of its stack", b->t->pid);
	if (b->stack.ended)
		sink_note(b->c->out, ROLE_WARN, "task %d: the stack ends early: %s", b->t->pid,
			  b->stack.ended);
	missing_debug(b);
	return NULL;
}

static const struct table *table_of(const struct bt *b)
{
	const bool *has = b->c->args->has;

	if (has['t'] || has['T'])
		return &bt_text_table;
	if (b->words)
		return &bt_words_table;
	if (has['R'])
		return &bt_args_table;
	return has['V'] ? &bt_vars_table : &bt_table;
}

/* What crash is to be told for the same: its bt has -l, -t, -T, -e, -f and -F too. */
static void crash_command(const struct cmd_args *a, const struct task *t, struct buf *out)
{
	buf_puts(out, "bt -");
	for (const char *o = "tTefF"; *o; o++)
		if (a->has[(unsigned char)*o])
			buf_putc(out, *o);
	buf_printf(out, "l %d", t->pid);
}

static struct err *task_bt(const struct cmd_call *c, const struct task *t)
{
	const struct cmd_args *a = c->args;
	bool words = a->has['f'] || a->has['F'];
	struct bt b = {.c = c, .s = c->session, .t = t, .words = words};
	AUTO_BUF struct buf comm = {0}, crash = {0};
	struct ref ref = ref_addr(REF_TASK, t->addr);

	crash_command(a, t, &crash);
	buf_put_safe(&comm, t->comm, strlen(t->comm));
	TRY(sink_begin(c->out, table_of(&b), &ref, buf_str(&crash),
		       "PID %d  %s  CPU %u  %.2s  TASK 0x%" PRIx64, t->pid, buf_str(&comm), t->cpu,
		       t->letters, t->addr));
	if (!stack_ahead_take(c->ahead, t, &b.stack))
		task_stack(c->session, t, BT_MAX_FRAMES, &b.stack);
	struct err *e = a->has['t'] || a->has['T'] ? bt_text(&b) : a->has['e'] ? bt_exceptions(&b) : frames(&b);
	bt_args_done(&b);
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
	const struct cmd_args *a = c->args;
	const struct task *t;

	if (a->has['a'] && a->n)
		return usage_error(a->cmd, "-a chooses the tasks, so there can be no '%s'", a->v[0]);
	if (a->has['a'])
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
		"where it is not by ORC (code: by what its callee's instructions do to the stack); a guess (fp, scan) is "
		"dim, and so is what was found from it. The last frame of a task that "
		"came from user space shows the system call and the registers that it came with.\n"
		"-V shows what a variable is where the frame stands, by the debug info; -R what an argument was when the "
		"function was called, by the code alone: they differ where it was assigned since, and one may know what "
		"the other doesn't.\n"
		"What -t, -T and -e show was found by searching the words of the stack (source: scan): much of "
		"it can be left over from earlier calls. A row that is also part of the walk says which frame "
		"it is.",
	.options = (const struct cmd_option[]){
		{'V', ARG_NONE, NULL, "arguments and variables of every frame, with their values"},
		{'P', ARG_NONE, NULL, "only the arguments that have a value"},
		{'R', ARG_NONE, NULL, "arguments recovered from the code, with the evidence for each"},
		{'a', ARG_NONE, NULL, "the active task of every CPU"},
		{'I', ARG_NONE, NULL, "no inlined calls: one frame for each return address"},
		{'f', ARG_NONE, NULL, "the words of every frame, with the symbols that they point to"},
		{'F', ARG_NONE, NULL, "the same, also as tasks, stacks, slab objects and pages"},
		{'t', ARG_NONE, NULL, "every text address on the stack, from the stack pointer up"},
		{'T', ARG_NONE, NULL, "every text address on the whole stack, left-overs too"},
		{'e', ARG_NONE, NULL, "exception frames (struct pt_regs) found by searching the stack"},
		{'l', ARG_NONE, NULL, "file, line and column (always on; kept for fingers)"},
		{0}},
	.views = "VR PR fF tT e",
	.absent = (const struct cmd_option[]){
		{'c', ARG_NONE, NULL, "`bt -a` has the task of every CPU, `ps -A` lists them"},
		{'p', ARG_NONE, NULL, "`bt` alone shows the task that panicked"},
		{'v', ARG_NONE, NULL, "a stack that overran says so in `bt`"},
		{'g', ARG_NONE, NULL, "`ps tgid:PID` lists a process' threads; `foreach tgid:PID bt`"},
		{'s', ARG_NONE, NULL, "symbol offsets are told by `bt -f` and -t"},
		{'x', ARG_NONE, NULL, "numbers of -f are hexadecimal"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"TASK", ARG_TASK, true, true, "pid or address of a task_struct; without it the chosen task"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"bt 123", "the stack of task 123"},
		{"bt -V 123", "with arguments and variables"},
		{"bt -R 123", "what each call was given, and how that is known"},
		{"bt -I 123", "without inlined calls, as crash shows it"},
		{"bt -F 123", "what every word of the stack is"},
		{"foreach UN bt", "the stacks of all that are stuck"},
		{0}},
	.table = &bt_table,
	.run = run,
};

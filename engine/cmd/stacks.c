/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A row for every different stack; under it the stack itself, then its tasks. For people the frames are
 * rows with file and line, and of many tasks only the first few are; machines get the stack as one text and
 * all tasks.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/kern/stack/codeplace.h"
#include "engine/kern/stack/stackgroups.h"
#include "engine/kern/task/taskfilter.h"
#include "engine/model/match.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FEW_TASKS 5
#define KINDS 16 /* of states in a group */

enum { COUNT, SINCE, STATES, FUNCTION, WHERE, STACK, COLS };
static const struct col cols[COLS] = {
	[COUNT] = {"count", "COUNT", "how many tasks have this stack", COL_RIGHT, 6, 0},
	[SINCE] = {"since_ns", "LONGEST", "the longest time that one of them has been off its CPU", COL_RIGHT, 10, 1},
	[STATES] = {"states", "ST", "their states; with counts where they differ", 0, 2, 0},
	[FUNCTION] = {"function", "FUNCTION", "the innermost function that is neither the scheduler's nor a lock's", COL_GROW, 24, 0},
	[WHERE] = {"where", "", "its file and line", COL_SCREEN, 20, 2},
	[STACK] = {"stack", "", "function+offset of every return address, innermost first, a line each", COL_DATA, 0, 0},
};
enum { T_LINE, T_WHERE, T_PID, T_TASK, T_COMM, T_STATE, T_SINCE, T_COLS };
static const struct col task_cols[T_COLS] = {
	[T_LINE] = {"line", "", "a frame, or a task", COL_SCREEN | COL_GROW, 0, 0},
	[T_WHERE] = {"where", "", "file and line", COL_SCREEN, 0, 1},
	[T_PID] = {"pid", "PID", "thread id", COL_DATA, 0, 0},
	[T_TASK] = {"task", "TASK", "address of its task_struct", COL_DATA, 0, 0},
	[T_COMM] = {"comm", "COMM", "name", COL_DATA, 0, 0},
	[T_STATE] = {"state", "ST", "state", COL_DATA, 0, 0},
	[T_SINCE] = {"since_ns", "SINCE", "time since it was last on its CPU", COL_DATA, 0, 0},
};
static const struct table task_table = {.name = "stacks-tasks", .cols = task_cols, .ncols = T_COLS};
static const struct table stacks_table = {.name = "stacks", .cols = cols, .ncols = COLS,
					  .child = &task_table, .child_key = "tasks",
					  .child_always = true};

struct stacks {
	const struct cmd_call *c;
	struct session *s;
	struct pattern *function, *file; /* NULL: any */
	const char *module;
	struct sched_text sched;
	struct stack_groups groups;
};

/* ---- which ---- */

static bool found(const struct pattern *p, const char *text)
{
	return text && pattern_find(p, text, strlen(text), 0, NULL, NULL);
}

/* Module names: the kernel writes '_' where people write '-'. */
static bool same_module(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
			return false;
	return *a == *b;
}

/* Each option must hold for some frame, inlined ones too, not all for the same one. */
static bool wanted(const struct stacks *x, const struct stack_group *g)
{
	bool function = !x->function, file = !x->file, module = !x->module;
	struct code_place place;

	for (size_t i = 0; i < g->nframes && !(function && file && module); i++) {
		const struct group_frame *f = &g->frames[i];
		if (f->object && !module)
			module = same_module(object_name(f->object), x->module);
		if (function && file)
			continue;
		size_t n = code_place_at(x->s, f->object, f->pc, f->exact, &place);
		for (size_t level = 0; level < n; level++) {
			struct code_call call = code_place_call(&place, level);
			function = function || found(x->function, call.function);
			file = file || found(x->file, call.file);
		}
	}
	return function && file && module;
}

static struct err *filtered(const struct cmd_call *c, const struct task ***ret, size_t *n)
{
	const struct tasks *ts;
	struct taskfilter *f;

	TRY(tasks_load(c->session, c->job, &ts));
	TRY(taskfilter_create(c->args->rest, &f));
	const struct task **v = xcalloc(tasks_count(ts) ? tasks_count(ts) : 1, sizeof(*v));
	*n = 0;
	for (size_t i = 0; i < tasks_count(ts); i++)
		if (taskfilter_match(f, tasks_at(ts, i)))
			v[(*n)++] = tasks_at(ts, i);
	taskfilter_destroy(f);
	*ret = v;
	return NULL;
}

/* ---- rows ---- */

static void put_states(const struct stack_group *g, struct buf *out)
{
	char name[KINDS][4];
	size_t count[KINDS] = {0}, kinds = 0;

	for (size_t i = 0; i < g->ntasks; i++) {
		size_t k = 0;
		while (k < kinds && strcmp(name[k], g->tasks[i]->letters))
			k++;
		if (k == KINDS)
			continue;
		if (k == kinds)
			memcpy(name[kinds++], g->tasks[i]->letters, sizeof(name[0]));
		count[k]++;
	}
	for (size_t k = 0; k < kinds; k++) {
		buf_printf(out, "%s%s", k ? " " : "", name[k]);
		if (kinds > 1)
			buf_printf(out, " %zu", count[k]);
	}
}

/* "schedule+0x5e", and the module where it isn't the kernel itself. */
static void put_frame(const struct stacks *x, const struct group_frame *f, const struct code_call *call,
		      struct buf *out)
{
	buf_puts(out, call->function ? call->function : "?");
	if (call->has_offset)
		buf_printf(out, "+0x%" PRIx64, call->offset);
	else
		buf_printf(out, " 0x%" PRIx64, f->pc);
	if (f->object && f->object != x->s->vmlinux)
		buf_printf(out, " [%s]", object_name(f->object));
}

static void put_stack(const struct stacks *x, const struct stack_group *g, struct buf *out)
{
	struct code_place place;

	for (size_t i = 0; i < g->nframes; i++) {
		size_t n = code_place_at(x->s, g->frames[i].object, g->frames[i].pc, g->frames[i].exact, &place);
		struct code_call call = code_place_call(&place, n - 1);
		buf_puts(out, i ? "\n" : "");
		put_frame(x, &g->frames[i], &call, out);
	}
}

static void put_where(const struct code_call *call, struct buf *out)
{
	if (call->file)
		buf_printf(out, "%s:%u", call->file, call->line);
}

static enum role group_role(const struct stack_group *g)
{
	for (size_t i = 0; i < g->ntasks; i++)
		if (g->tasks[i]->panicking)
			return ROLE_BAD;
	for (size_t i = 0; i < g->ntasks; i++)
		if (!strncmp(g->tasks[i]->letters, "UN", 2))
			return ROLE_WARN;
	return ROLE_NORMAL;
}

static struct err *group_row(const struct stacks *x, const struct stack_group *g)
{
	AUTO_BUF struct buf states = {0}, where = {0}, stack = {0};
	struct code_call call = {0};
	struct code_place place;
	char key[32];

	if (g->nframes) {
		const struct group_frame *f = &g->frames[stack_group_top(g, &x->sched)];
		size_t n = code_place_at(x->s, f->object, f->pc, f->exact, &place);
		call = code_place_call(&place, n - 1);
		put_where(&call, &where);
	}
	put_states(g, &states);
	put_stack(x, g, &stack);
	snprintf(key, sizeof(key), "%" PRIx64, g->tasks[0]->addr);
	enum role role = group_role(g);
	const char *none = g->nframes ? "?" : "(no stack)";
	struct cell v[COLS] = {
		[COUNT] = cell_uint(g->ntasks),
		[SINCE] = cell_ns(g->tasks[0]->since_ns),
		[STATES] = cell_role(cell_text(buf_str(&states)), role),
		[FUNCTION] = call.function ? cell_role(cell_text(call.function), ROLE_NAME)
					   : cell_shown(cell_absent(), none),
		[WHERE] = cell_text(buf_str(&where)),
		[STACK] = cell_text(buf_str(&stack)),
	};
	return sink_row(x->c->out, &(struct row){.cells = v, .key = key, .folded = true, .role = role});
}

static struct err *child_row(const struct stacks *x, struct cell cells[T_COLS], const char *key,
			     struct ref ref, enum role role, enum row_for only)
{
	return sink_row(x->c->out, &(struct row){.cells = cells, .key = key, .ref = ref, .child = true,
						 .role = role, .only = only});
}

/* The frames lead to those of the task that has waited longest. */
static struct err *frame_rows(const struct stacks *x, const struct stack_group *g)
{
	struct code_place place;

	for (size_t i = 0; i < g->nframes; i++) {
		const struct group_frame *f = &g->frames[i];
		AUTO_BUF struct buf line = {0}, where = {0};
		size_t n = code_place_at(x->s, f->object, f->pc, f->exact, &place);
		struct code_call call = code_place_call(&place, n - 1);
		char key[24];
		buf_printf(&line, "#%-2zu ", i);
		put_frame(x, f, &call, &line);
		buf_pad(&line, 0, 40);
		put_where(&call, &where);
		snprintf(key, sizeof(key), "#%zu", i);
		enum role role = sched_text_has(&x->sched, f->pc) ? ROLE_DIM : ROLE_NORMAL;
		struct cell v[T_COLS] = {[T_LINE] = cell_role(cell_text(buf_str(&line)), role),
					 [T_WHERE] = cell_text(buf_str(&where))};
		struct ref ref = ref_frame(g->tasks[0]->addr, (unsigned)i, (unsigned)(n - 1));
		TRY(child_row(x, v, key, ref, role, ROW_FOR_PEOPLE));
	}
	return NULL;
}

static struct err *task_row(const struct stacks *x, const struct task *t, enum row_for only)
{
	AUTO_BUF struct buf line = {0};
	char key[24], state[8];

	buf_printf(&line, "%6d  %.2s  ", t->pid, t->letters);
	buf_put_safe(&line, t->comm, strlen(t->comm));
	buf_pad(&line, 0, 30);
	print_ns(t->since_ns, &line);
	snprintf(key, sizeof(key), "%d", t->pid);
	snprintf(state, sizeof(state), "%s", t->letters);
	struct cell v[T_COLS] = {
		[T_LINE] = cell_role(cell_text(buf_str(&line)), ROLE_LINK),
		[T_WHERE] = cell_shown(cell_absent(), ""),
		[T_PID] = cell_int(t->pid),
		[T_TASK] = cell_addr(t->addr),
		[T_COMM] = cell_text(t->comm),
		[T_STATE] = cell_text(state),
		[T_SINCE] = cell_ns(t->since_ns),
	};
	return child_row(x, v, key, ref_addr(REF_TASK, t->addr), ROLE_LINK, only);
}

static struct err *task_rows(const struct stacks *x, const struct stack_group *g)
{
	const bool *has = x->c->args->has;
	size_t few = g->ntasks;

	if (!has['t'])
		few = has['q'] ? 0 : few <= FEW_TASKS + 1 ? few : FEW_TASKS;
	for (size_t i = 0; i < g->ntasks; i++) {
		TRY(job_tick(x->c->job, 0));
		TRY(task_row(x, g->tasks[i], i < few ? ROW_FOR_ALL : ROW_FOR_MACHINES));
	}
	if (few == g->ntasks || has['q'])
		return NULL;
	AUTO_FREE char *more = xasprintf("   ... and %zu more (stacks -t lists all)", g->ntasks - few);
	struct cell v[T_COLS] = {[T_LINE] = cell_role(cell_text(more), ROLE_DIM),
				 [T_WHERE] = cell_text("")};
	return child_row(x, v, "more", (struct ref){0}, ROLE_DIM, ROW_FOR_PEOPLE);
}

static struct err *show(struct stacks *x)
{
	size_t groups = 0, tasks = 0, ended = 0;
	bool *want = xcalloc(x->groups.n ? x->groups.n : 1, sizeof(*want));
	struct err *e;

	for (size_t i = 0; i < x->groups.n; i++) {
		want[i] = wanted(x, &x->groups.v[i]);
		groups += want[i];
		tasks += want[i] ? x->groups.v[i].ntasks : 0;
		ended += want[i] && x->groups.v[i].ended ? x->groups.v[i].ntasks : 0;
	}
	e = sink_begin(x->c->out, &stacks_table, NULL, "foreach bt", "Stacks %zu  tasks %zu%s%s", groups,
		       tasks, x->c->args->rest[0] ? "  & " : "", x->c->args->rest);
	for (size_t i = 0; i < x->groups.n && !e; i++) {
		const struct stack_group *g = &x->groups.v[i];
		if (!want[i])
			continue;
		e = group_row(x, g);
		if (!e && !x->c->args->has['q'])
			e = frame_rows(x, g);
		if (!e)
			e = task_rows(x, g);
	}
	if (!e && ended)
		sink_note(x->c->out, ROLE_WARN, "%zu stack%s early (`bt` of such a task says why)", ended,
			  ended == 1 ? " ends" : "s end");
	free(want);
	return e;
}

static struct err *group(struct stacks *x)
{
	const struct cmd_args *a = x->c->args;
	const struct task **v;
	size_t n;

	if (a->has['f'])
		TRY(pattern_create(a->value['f'], &x->function));
	if (a->has['s'])
		TRY(pattern_create(a->value['s'], &x->file));
	x->module = a->has['m'] ? a->value['m'] : NULL;
	sched_text_init(&x->sched, x->s);
	TRY(filtered(x->c, &v, &n));
	struct err *e = stack_groups_make(x->s, x->c->job, v, n, &x->groups);
	free(v);
	return e ? e : show(x);
}

static struct err *run(const struct cmd_call *c)
{
	struct stacks x = {.c = c, .s = c->session};
	struct err *e = group(&x);

	stack_groups_free(&x.groups);
	pattern_destroy(x.function);
	pattern_destroy(x.file);
	return e;
}

const struct cmd cmd_stacks = {
	.name = "stacks",
	.group = "tasks",
	.summary = "identical stacks as one row: how many tasks, the longest wait",
	.details =
		"Stacks are the same when all their return addresses are. FUNCTION is the innermost one that is "
		"neither the scheduler's nor a lock's, as /proc/PID/wchan has it; the scheduler's frames are "
		"dim. Frames lead to the task that has waited longest.\n"
		"FILTER chooses tasks, as for `ps`. -f, -m and -s choose stacks with such a frame anywhere in "
		"them, inlined calls too.",
	.options = (const struct cmd_option[]){
		{'f', ARG_PATTERN, "FUNCTION", "only stacks with a function that matches"},
		{'m', ARG_MODULE, "MODULE", "only stacks that go through this module"},
		{'s', ARG_PATTERN, "FILE", "only stacks with a source file that matches"},
		{'q', ARG_NONE, NULL, "one row a group: no frames and no tasks under it"},
		{'t', ARG_NONE, NULL, "list all tasks of each group"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"FILTER", ARG_FILTER, true, true, "words of the task filter language"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"stacks", "all tasks, by where they are"},
		{"stacks UN", "what the stuck ones wait for"},
		{"stacks -q -f mnt_want_write", "who is on the way to write to a filesystem"},
		{"stacks -s fs/ext4/ UN >10s", "long waits somewhere in ext4"},
		{0}},
	.table = &stacks_table,
	.run = run,
};

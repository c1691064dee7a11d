/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include <stdio.h>
#include <string.h>

enum { PID, TASK, CPU, STATE, COMM, COLS };
static const struct col cols[COLS] = {
	[PID] = {"pid", "PID", "thread id", COL_RIGHT, 6, 0},
	[TASK] = {"task", "TASK", "address of its task_struct", 0, 18, 2},
	[CPU] = {"cpu", "CPU", "its CPU", COL_RIGHT, 3, 1},
	[STATE] = {"state", "ST", "its state", 0, 2, 0},
	[COMM] = {"comm", "COMM", "its name", COL_GROW, 16, 0},
};
static const struct table set_table = {.name = "set", .cols = cols, .ncols = COLS};

static struct err *choose(const struct cmd_call *c, const struct task **t)
{
	const struct tasks *ts;
	uint64_t cpu;

	if (!c->args->has['c'] && !c->args->has['p'])
		return arg_task(c, c->args->n ? c->args->v[0] : NULL, t);
	TRY(tasks_load(c->session, c->job, &ts));
	if (c->args->has['p']) {
		*t = task_panicking(ts);
		return *t ? NULL : err_new(ERR_NOTFOUND, "which task panicked is not known");
	}
	TRY(arg_number(c->args->value['c'], &cpu));
	*t = cpu < c->session->ncpus ? task_active(ts, (unsigned)cpu) : NULL;
	return *t ? NULL : err_new(ERR_NOTFOUND, "no active task is known for CPU %s",
				   c->args->value['c']);
}

static struct err *run(const struct cmd_call *c)
{
	const struct task *t;

	TRY(choose(c, &t));
	if (c->ctx->task.addr != t->addr || c->args->n)
		*c->ctx = (struct context){.task = ref_addr(REF_TASK, t->addr)};
	char key[16], crash[32], state[8];
	snprintf(key, sizeof(key), "%d", t->pid);
	snprintf(crash, sizeof(crash), "set %d", t->pid);
	snprintf(state, sizeof(state), "%s", t->letters);
	struct ref ref = ref_addr(REF_TASK, t->addr);
	struct cell v[COLS] = {cell_int(t->pid), cell_addr(t->addr), cell_uint(t->cpu),
			       cell_text(state), cell_text(t->comm)};

	TRY(sink_begin(c->out, &set_table, &ref, crash, "Context"));
	return sink_row(c->out, &(struct row){.cells = v, .key = key, .ref = ref});
}

const struct cmd cmd_set = {
	.name = "set",
	.group = "tasks",
	.summary = "choose the task that commands mean when they aren't told",
	.details = "Without an argument: shows which task that is. At the start it is the one that panicked.",
	.options = (const struct cmd_option[]){
		{'c', ARG_NUMBER, "CPU", "the active task of this CPU"},
		{'p', ARG_NONE, NULL, "the task that panicked"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"TASK", ARG_TASK, true, false, "pid, or address of a task_struct"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"set 123", "task 123 from now on"},
		{"set -c 1", "what ran on CPU 1"},
		{0}},
	.table = &set_table,
	.acts = true,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows come out of the table of tasks, by pid or in the orders that no column has: -B, who is stuck, longest first;
 * -m, who was on a CPU last.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/kern/task/taskfilter.h"
#include <stdio.h>
#include <string.h>

enum { PID, TGID, PPID, CPU, TASK, ST, SINCE, COMM, ACTIVE, FLAGS, COLS };

static const struct col cols[COLS] = {
	[PID] = {"pid", "PID", "thread id", COL_RIGHT, 6, 0},
	[TGID] = {"tgid", "TGID", "process id", COL_RIGHT, 6, 5},
	[PPID] = {"ppid", "PPID", "parent's process id", COL_RIGHT, 6, 4},
	[CPU] = {"cpu", "CPU", "CPU that it runs or last ran on", COL_RIGHT, 3, 3},
	[TASK] = {"task", "TASK", "address of its task_struct", 0, 18, 6},
	[ST] = {"state", "ST", "state: RU runs, IN sleeps, UN sleeps uninterruptibly, ID idle, ST stopped, TR traced, ZO zombie, PA parked, DE dead", 0, 2, 0},
	[SINCE] = {"since_ns", "SINCE", "time since it was last put on its CPU (rq.clock - sched_info.last_arrival), as crash's ps -m", COL_RIGHT, 10, 1},
	[COMM] = {"comm", "COMM", "name", COL_GROW, 16, 0},
	[ACTIVE] = {"active", "", "on a CPU when the dump was made", COL_DATA, 0, 0},
	[FLAGS] = {"flags", "FLAGS", "PF_ flags of the task_struct", COL_DATA, 0, 0},
};

static const struct table ps_table = {.name = "ps", .cols = cols, .ncols = COLS};

/* The field's cell, unless the task's struct said that it can't be had. */
static struct cell field(const struct task *t, enum task_field f, struct cell c)
{
	if (t->faults >> f & 1)
		return cell_fault(t->why);
	return t->absent >> f & 1 ? cell_absent() : c;
}

static enum role state_role(const struct task *t)
{
	if (t->panicking)
		return ROLE_BAD;
	if (!strncmp(t->letters, "UN", 2))
		return ROLE_WARN;
	if (t->active)
		return ROLE_GOOD;
	return t->kthread ? ROLE_DIM : ROLE_NORMAL;
}

static struct err *ps_row(struct sink *out, const struct task *t)
{
	struct ref ref = ref_addr(REF_TASK, t->addr);
	char key[24], state[8];
	enum role role = state_role(t);

	snprintf(key, sizeof(key), "%d", t->pid);
	if (!t->pid)
		snprintf(key, sizeof(key), "0/%u", t->cpu);
	snprintf(state, sizeof(state), "%s", t->letters);
	struct cell v[COLS] = {
		[PID] = field(t, TF_PID, cell_int(t->pid)),
		[TGID] = field(t, TF_TGID, cell_int(t->tgid)),
		[PPID] = field(t, TF_PPID, cell_int(t->ppid)),
		[CPU] = cell_link(field(t, TF_CPU, cell_uint(t->cpu)), ref_addr(REF_CPU, t->cpu)),
		[TASK] = cell_addr(t->addr),
		[ST] = field(t, TF_STATE, cell_role(cell_text(state), role)),
		[SINCE] = field(t, TF_SINCE, cell_ns(t->since_ns)),
		[COMM] = field(t, TF_COMM, cell_role(cell_text(t->comm), role)),
		[ACTIVE] = cell_bool(t->active),
		[FLAGS] = field(t, TF_FLAGS, cell_addr(t->flags)),
	};
	struct row r = {.cells = v, .key = key, .ref = ref, .role = role};
	return sink_row(out, &r);
}

/* What a person wants to see first: who is stuck, longest first; who runs; then the rest by pid. */
static int urgency(const struct task *t)
{
	if (!strncmp(t->letters, "UN", 2))
		return 0;
	if (t->panicking)
		return 1;
	if (t->active && t->pid)
		return 2;
	if (!strncmp(t->letters, "RU", 2) && t->pid)
		return 3;
	return t->pid ? 4 : 5;
}

static int by_urgency(const void *pa, const void *pb)
{
	const struct task *a = *(const struct task *const *)pa, *b = *(const struct task *const *)pb;
	int ua = urgency(a), ub = urgency(b);

	if (ua != ub)
		return ua - ub;
	if (!ua && a->since_ns != b->since_ns)
		return a->since_ns < b->since_ns ? 1 : -1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return a->cpu < b->cpu ? -1 : a->cpu > b->cpu;
}

static int by_since(const void *pa, const void *pb)
{
	const struct task *a = *(const struct task *const *)pa, *b = *(const struct task *const *)pb;

	if (a->since_ns != b->since_ns)
		return a->since_ns < b->since_ns ? -1 : 1;
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

/* The tasks that the options and the filter let through, in the order asked for. */
static struct err *choose(const struct cmd_call *c, const struct task ***ret, size_t *n)
{
	const struct cmd_args *a = c->args;
	const struct tasks *ts;
	struct taskfilter *f;
	AUTO_BUF struct buf words = {0};

	buf_puts(&words, a->has['k'] ? "kernel " : a->has['u'] ? "user " : "");
	buf_puts(&words, a->has['G'] ? "group " : "");
	buf_puts(&words, a->has['A'] ? "active " : "");
	buf_puts(&words, a->rest);
	TRY(taskfilter_create(buf_str(&words), &f));
	struct err *e = tasks_load(c->session, c->job, &ts);
	if (e) {
		taskfilter_destroy(f);
		return e;
	}
	const struct task **v = xcalloc(tasks_count(ts), sizeof(const struct task *));
	*n = 0;
	for (size_t i = 0; i < tasks_count(ts); i++)
		if (taskfilter_match(f, tasks_at(ts, i)))
			v[(*n)++] = tasks_at(ts, i);
	taskfilter_destroy(f);
	if (a->has['m'])
		qsort(v, *n, sizeof(*v), by_since);
	else if (a->has['B'])
		qsort(v, *n, sizeof(*v), by_urgency);
	for (size_t i = 0; tasks_problem(ts, i); i++)
		sink_note(c->out, ROLE_WARN, "%s", tasks_problem(ts, i));
	*ret = v;
	return NULL;
}

enum { S_STATE, S_COUNT, S_COLS };
static const struct col count_cols[S_COLS] = {
	[S_STATE] = {"state", "ST", "state", 0, 4, 0},
	[S_COUNT] = {"count", "TASKS", "how many tasks are in it", COL_RIGHT, 6, 0},
};
static const struct table count_table = {.name = "ps-counts", .cols = count_cols, .ncols = S_COLS};

static struct err *count_states(const struct cmd_call *c, const struct task *const *v, size_t n)
{
	char seen[32][4];
	uint64_t count[32] = {0};
	size_t kinds = 0;

	TRY(sink_begin(c->out, &count_table, NULL, "ps -S", "Tasks by state"));
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;
		while (k < kinds && strcmp(seen[k], v[i]->letters))
			k++;
		if (k == 32)
			continue;
		if (k == kinds)
			memcpy(seen[kinds++], v[i]->letters, sizeof(seen[0]));
		count[k]++;
	}
	for (size_t k = 0; k < kinds; k++) {
		struct cell cells[S_COLS] = {cell_text(seen[k]), cell_uint(count[k])};
		TRY(sink_row(c->out, &(struct row){.cells = cells, .key = seen[k]}));
	}
	return NULL;
}

static struct err *list(const struct cmd_call *c, const struct task *const *v, size_t n)
{
	size_t blocked = 0;

	for (size_t i = 0; i < n; i++)
		blocked += !strncmp(v[i]->letters, "UN", 2);
	TRY(sink_begin(c->out, &ps_table, NULL, c->args->has['m'] ? "ps -m" : "ps",
		       "Tasks %zu  UN %zu%s%s", n, blocked, c->args->rest[0] ? "  & " : "",
		       c->args->rest));
	for (size_t i = 0; i < n; i++) {
		TRY(job_tick(c->job, 1));
		TRY(ps_row(c->out, v[i]));
	}
	if (!n)
		sink_note(c->out, ROLE_WARN, "no task matches '%s' (a pid, a name, a state such as UN; `help ps` has "
			  "all words)", c->args->rest);
	return NULL;
}

static struct err *run(const struct cmd_call *c)
{
	const struct task **v;
	size_t n;

	TRY(choose(c, &v, &n));
	struct err *e = c->args->has['S'] ? count_states(c, v, n) : list(c, v, n);
	free(v);
	return e;
}

const struct cmd cmd_ps = {
	.name = "ps",
	.group = "tasks",
	.summary = "tasks: state, time in it, CPU, name",
	.details =
		"Every thread of the dump, from the PID tree, the task list and the run queues; what doesn't "
		"agree is noted. SINCE is the time since the task was last put on a CPU, as crash's `ps -m` "
		"has it; on an idle CPU it can be too short, because that CPU's clock stood still.\n"
		"FILTER is words that must all hold: states (UN RU IN ID ...; several states: any of them), "
		">10s <5m for the time in the state, comm:NAME, comm:/REGEX/, pid:N, pid:100-200, tgid:N, "
		"ppid:N, cpu:N, kernel, user, active, group, a plain word for the name; ! before a word "
		"turns it round.",
	.options = (const struct cmd_option[]){
		{'m', ARG_NONE, NULL, "sort by time since last on a CPU, shortest first"},
		{'B', ARG_NONE, NULL, "blocked tasks first, longest first; then running; then by pid"},
		{'k', ARG_NONE, NULL, "kernel threads only"},
		{'u', ARG_NONE, NULL, "user tasks only"},
		{'G', ARG_NONE, NULL, "thread group leaders only"},
		{'A', ARG_NONE, NULL, "only tasks that were on a CPU"},
		{'S', ARG_NONE, NULL, "count the tasks of each state instead"},
		{0}},
	.absent = (const struct cmd_option[]){
		{'a', ARG_NONE, NULL, "the command line lies in user space: `set PID`, then `rd -u -a` at its mm->arg_start"},
		{'l', ARG_NONE, NULL, "sort by SINCE: `ps -m`"},
		{'t', ARG_NONE, NULL, "`task_struct.utime,stime,start_time TASK`"},
		{'p', ARG_NONE, NULL, "PPID is a column; `ps pid:N` for each parent"},
		{'c', ARG_NONE, NULL, "`ps ppid:N` lists the children of N"},
		{'g', ARG_NONE, NULL, "`ps tgid:N` lists the threads of N"},
		{'r', ARG_NONE, NULL, "`p ((struct task_struct *)TASK)->signal->rlim`"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"FILTER", ARG_FILTER, true, true, "words of the task filter language"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"ps UN", "who is stuck"},
		{"ps -m UN >10s !kernel", "user tasks stuck for more than ten seconds"},
		{"ps comm:kworker cpu:0", "the workers of CPU 0"},
		{"ps -S", "how many tasks are in each state"},
		{0}},
	.table = &ps_table,
	.run = run,
};

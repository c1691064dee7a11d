/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tasks that a filter lets through, and for each of them another command, whose rows go on into
 * the one sink that `foreach` was given: so its answer can be looked at while it comes, as any
 * other.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/bt.h"
#include "engine/cmd/parse.h"
#include "engine/kern/fs/mounts.h"
#include "engine/kern/stack/stackahead.h"
#include "engine/kern/task/taskfilter.h"
#include <string.h>

#define MAX_NOTES 10

/* Passes everything on but notes that were passed on already, and those beyond the first few: thousands
 * of tasks can have the same thing to say. */
struct quiet {
	struct sink sink; /* first: the sink is the quiet one */
	struct sink *out;
	size_t notes;
	char *told[MAX_NOTES];
};

static struct err *pass_begin(struct sink *s, const struct heading *h)
{
	struct sink *out = ((struct quiet *)s)->out;
	return out->begin(out, h);
}

static struct err *pass_row(struct sink *s, const struct row *r)
{
	struct sink *out = ((struct quiet *)s)->out;
	return sink_row(out, r);
}

static void pass_note(struct sink *s, enum role role, const char *text)
{
	struct quiet *q = (struct quiet *)s;

	for (size_t i = 0; i < MAX_NOTES && q->told[i]; i++)
		if (!strcmp(q->told[i], text))
			return;
	if (q->notes < MAX_NOTES) {
		q->told[q->notes] = xstrdup(text);
		q->out->note(q->out, role, text);
	}
	q->notes++;
}

/* Commands that answer for the task of the context. */
static bool for_tasks(const struct cmd *c)
{
	return c == &cmd_bt || c == &cmd_files || c == &cmd_ps || c == &cmd_set || c == &cmd_mount ||
	       c == &cmd_vm;
}

/* Where the command begins in the words: the first that names one of those, exactly. */
static const struct cmd *find_command(const struct words *w, size_t *at)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct cmd *c = cmd_find(w->v[i].text);
		if (c && for_tasks(c) && !strcmp(c->name, w->v[i].text)) {
			*at = i;
			return c;
		}
	}
	return NULL;
}

/* What is done for every task. */
struct each {
	const struct cmd *cmd;
	const char *line; /* the command's */
	struct cmd_call call;
	const struct task **tasks;
	size_t n, cap;
	uint64_t *spaces; /* cmd_mount: mount namespaces that were shown */
	size_t nspaces, spaces_cap, sharing;
};

/* Thousands of tasks share a mount namespace of thousands of mounts: each is shown once. */
static bool shown_before(struct each *x, const struct task *t)
{
	uint64_t ns;

	if (!err_ok(mounts_namespace(x->call.session, t->addr, &ns)))
		return !t->mm; /* it has exited: it has none; else `mount` will say why */
	for (size_t i = 0; i < x->nspaces; i++)
		if (x->spaces[i] == ns)
			return ++x->sharing;
	GROW(x->spaces, x->nspaces, x->spaces_cap);
	x->spaces[x->nspaces++] = ns;
	return false;
}

static struct err *run_one(struct each *x, const struct task *t)
{
	struct context ctx = {.task = ref_addr(REF_TASK, t->addr)};

	x->call.ctx = &ctx;
	if (x->cmd != &cmd_ps && x->cmd != &cmd_mount)
		return x->cmd->run(&x->call);
	if (x->cmd == &cmd_mount && shown_before(x, t))
		return NULL;
	AUTO_FREE char *line = xasprintf(x->cmd == &cmd_ps ? "%s pid:%d" : "%s -n %d", x->line, t->pid);
	return shell_run(x->call.shell, line, &ctx, x->call.job, x->call.out);
}

static struct err *run_tasks(struct each *x, struct quiet *quiet)
{
	size_t failed = 0;

	job_set_total(x->call.job, x->n);
	for (size_t i = 0; i < x->n; i++) {
		TRY(job_tick(x->call.job, 1));
		if (x->call.ahead)
			stack_ahead_go(x->call.ahead, i);
		struct err *e = run_one(x, x->tasks[i]);
		if (e && (err_code(e) == ERR_CANCELLED || err_code(e) == ERR_USAGE))
			return e;
		if (e && ++failed)
			sink_note(&quiet->sink, ROLE_WARN, "task %d: %s", x->tasks[i]->pid, err_text(e));
		err_free(e);
	}
	if (quiet->notes > MAX_NOTES)
		sink_note(quiet->out, ROLE_WARN, "... and %zu more such notes", quiet->notes - MAX_NOTES);
	if (!x->n)
		sink_note(quiet->out, ROLE_WARN, "no task matches");
	if (x->sharing)
		sink_note(quiet->out, ROLE_NORMAL, "%zu more task%s the %zu mount namespace%s above", x->sharing,
			  x->sharing == 1 ? " shares" : "s share", x->nspaces, x->nspaces == 1 ? "" : "s");
	return failed ? err_new(ERR_NOTFOUND, "%s failed for %zu tasks", x->cmd->name, failed) : NULL;
}

static struct err *choose(const struct cmd_call *c, const struct taskfilter *f, struct each *x)
{
	const struct tasks *ts;

	TRY(tasks_load(c->session, c->job, &ts));
	for (size_t i = 0; i < tasks_count(ts); i++) {
		TRY(job_tick(c->job, 0));
		if (!taskfilter_match(f, tasks_at(ts, i)))
			continue;
		GROW(x->tasks, x->n, x->cap);
		x->tasks[x->n++] = tasks_at(ts, i);
	}
	return NULL;
}

/* The command is run for each task: it has no say in which. */
static struct err *no_other_tasks(const struct cmd *cmd, const struct cmd_args *args)
{
	if (cmd == &cmd_bt && args->has['a'])
		return usage_error(cmd, "foreach chooses the tasks, so there can be no -a");
	if (cmd == &cmd_mount && args->has['n'])
		return usage_error(cmd, "foreach chooses the tasks, so there can be no -n");
	if (args->n && cmd->args[0].kind == ARG_TASK)
		return usage_error(cmd, "foreach chooses the tasks, so there can be no '%s'", args->v[0]);
	return NULL;
}

static struct err *run_all(const struct cmd_call *c, const struct taskfilter *f, const char *line,
			   const struct cmd *cmd)
{
	struct quiet quiet = {.sink = {pass_begin, pass_row, pass_note, c->out->audience}, .out = c->out};
	struct each x = {.cmd = cmd, .line = line, .call = *c};
	struct cmd_args *args = xcalloc(1, sizeof(*args));
	struct words w;

	words_split(line, &w);
	struct err *e = args_parse(cmd, line, &w, args);
	if (!e)
		e = no_other_tasks(cmd, args);
	if (!e)
		e = choose(c, f, &x);
	x.call.args = args;
	x.call.out = &quiet.sink;
	if (!e && cmd == &cmd_bt && x.n > 1)
		x.call.ahead = stack_ahead_start(c->session, x.tasks, x.n, BT_MAX_FRAMES);
	if (!e)
		e = run_tasks(&x, &quiet);
	stack_ahead_stop(x.call.ahead);
	for (size_t i = 0; i < MAX_NOTES; i++)
		free(quiet.told[i]);
	words_free(&w);
	free(x.tasks);
	free(x.spaces);
	free(args);
	return e;
}

static struct err *run_words(const struct cmd_call *c, const struct words *w)
{
	size_t at = 0;
	const struct cmd *cmd = find_command(w, &at);
	struct taskfilter *f;

	if (!cmd)
		return usage_error(c->args->cmd, "a command must follow: bt, files, ps, set, mount or vm");
	AUTO_FREE char *filter = xstrndup(c->args->rest, w->v[at].start);
	TRY(taskfilter_create(filter, &f));
	struct err *e = run_all(c, f, c->args->rest + w->v[at].start, cmd);
	taskfilter_destroy(f);
	return e;
}

static struct err *run(const struct cmd_call *c)
{
	struct words w;

	words_split(c->args->rest, &w);
	struct err *e = run_words(c, &w);
	words_free(&w);
	return e;
}

const struct cmd cmd_foreach = {
	.name = "foreach",
	.group = "tasks",
	.summary = "a command for every task that a filter lets through",
	.details = "The filter is that of `ps`; the command is bt, files, ps, set, mount or vm, with its options. "
		   "`foreach mount` shows each mount namespace once.",
	.args = (const struct cmd_arg[]){
		{"[FILTER] COMMAND", ARG_COMMAND, false, true, "words of the filter, then the command"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"foreach UN bt", "the stacks of all that are stuck"},
		{"foreach mount", "the mounts of each container"},
		{"foreach bt -V", "every stack, with arguments and variables"},
		{0}},
	.run = run,
};

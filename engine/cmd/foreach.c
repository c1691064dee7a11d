/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/kern/taskfilter.h"
#include <string.h>

#define MAX_NOTES 10

/* Passes everything on but the notes beyond the first few: thousands of tasks can have the same thing
 * to say. */
struct quiet {
	struct sink sink; /* first: the sink is the quiet one */
	struct sink *out;
	size_t notes;
};

static struct err *pass_begin(struct sink *s, const struct heading *h)
{
	struct sink *out = ((struct quiet *)s)->out;
	return out->begin(out, h);
}

static struct err *pass_row(struct sink *s, const struct row *r)
{
	struct sink *out = ((struct quiet *)s)->out;
	return out->row(out, r);
}

static void pass_note(struct sink *s, enum role role, const char *text)
{
	struct quiet *q = (struct quiet *)s;
	if (q->notes++ < MAX_NOTES)
		q->out->note(q->out, role, text);
}

/* Commands that answer for the task of the context. */
static bool for_tasks(const struct cmd *c)
{
	return c == &cmd_bt || c == &cmd_ps || c == &cmd_set || c == &cmd_mount;
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

static struct err *run_one(const struct cmd_call *c, const char *command, const struct cmd *cmd,
			   const struct task *t, struct sink *out)
{
	struct context ctx = {.task = ref_addr(REF_TASK, t->addr)};

	if (cmd != &cmd_ps)
		return shell_run(c->shell, command, &ctx, c->job, out);
	AUTO_FREE char *line = xasprintf("%s pid:%d", command, t->pid);
	return shell_run(c->shell, line, &ctx, c->job, out);
}

static struct err *run_all(const struct cmd_call *c, const struct taskfilter *f, const char *command,
			   const struct cmd *cmd)
{
	const struct tasks *ts;
	struct quiet quiet = {{pass_begin, pass_row, pass_note}, c->out, 0};
	size_t failed = 0, matched = 0;

	TRY(tasks_load(c->session, c->job, &ts));
	job_set_total(c->job, tasks_count(ts));
	for (size_t i = 0; i < tasks_count(ts); i++) {
		const struct task *t = tasks_at(ts, i);
		TRY(job_tick(c->job, 1));
		if (!taskfilter_match(f, t))
			continue;
		matched++;
		struct err *e = run_one(c, command, cmd, t, &quiet.sink);
		if (e && (err_code(e) == ERR_CANCELLED || err_code(e) == ERR_USAGE))
			return e;
		if (e && ++failed)
			sink_note(&quiet.sink, ROLE_WARN, "task %d: %s", t->pid, err_text(e));
		err_free(e);
	}
	if (quiet.notes > MAX_NOTES)
		sink_note(c->out, ROLE_WARN, "... and %zu more such notes", quiet.notes - MAX_NOTES);
	if (!matched)
		sink_note(c->out, ROLE_WARN, "no task matches");
	return failed ? err_new(ERR_NOTFOUND, "%s failed for %zu tasks", cmd->name, failed) : NULL;
}

static struct err *run_words(const struct cmd_call *c, const struct words *w)
{
	size_t at = 0;
	const struct cmd *cmd = find_command(w, &at);
	struct taskfilter *f;

	if (!cmd)
		return usage_error(c->args->cmd, "a command must follow: bt, ps, set or mount");
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
	.details = "The filter is that of `ps`; the command is bt, ps, set or mount, with its options.",
	.args = (const struct cmd_arg[]){
		{"[FILTER] COMMAND", ARG_COMMAND, false, true, "words of the filter, then the command"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"foreach UN bt", "the stacks of all that are stuck"},
		{"foreach bt -V", "every stack, with arguments and variables"},
		{0}},
	.run = run,
};

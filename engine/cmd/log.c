/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/kern/log/log.h"
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/model/match.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SEQ, TIME, STAMP, LEVEL, CALLER, TEXT, COLS };

#define COLUMNS(level_and_caller)                                                                  \
	{                                                                                          \
		[SEQ] = {"seq", "SEQ", "sequence number of the record", COL_DATA, 0, 0},          \
		[TIME] = {"time_ns", "TIME", "time since boot", COL_DATA, 0, 0},                  \
		[STAMP] = {"stamp", "", "seconds since boot", COL_SCREEN, 14, 2},                 \
		[LEVEL] = {"level", "", "emerg, alert, crit, err, warn, notice, info or debug",   \
			   level_and_caller, 6, 4},                                                \
		[CALLER] = {"caller", "", "T and the thread's pid, or C and the CPU",             \
			    level_and_caller, 0, 5},                                               \
		[TEXT] = {"text", "", "the message", COL_GROW, 0, 0},                             \
	}

static const struct col cols[COLS] = COLUMNS(COL_DATA), full_cols[COLS] = COLUMNS(0);
static const struct table log_table = {.name = "log", .cols = cols, .ncols = COLS};
static const struct table full_table = {.name = "log", .cols = full_cols, .ncols = COLS};

struct log_call {
	const struct cmd_call *c;
	const struct tasks *tasks; /* for links; NULL when there are none */
	struct pattern *filter, *task_words;
	unsigned max_level;
};

static enum role level_role(uint8_t level)
{
	return level <= 3 ? ROLE_BAD : level == 4 ? ROLE_WARN : level == 7 ? ROLE_DIM : ROLE_NORMAL;
}

/* "task dd:123 blocked", "PID: 123", "pid 123": the task that a line speaks of. */
static struct ref line_link(const struct log_call *l, const char *s, size_t n)
{
	size_t start, end;
	const struct task *t;

	if (!l->tasks || !pattern_find(l->task_words, s, n, 0, &start, &end))
		return (struct ref){0};
	size_t digits = end;
	while (digits > start && s[digits - 1] >= '0' && s[digits - 1] <= '9')
		digits--;
	t = task_by_pid(l->tasks, (int32_t)strtol(s + digits, NULL, 10));
	return t && t->pid ? ref_addr(REF_TASK, t->addr) : (struct ref){0};
}

static struct err *emit(struct log_call *l, const struct log_record *r, const char *text, size_t n,
			size_t part, enum row_for only)
{
	char stamp[32], key[32];
	AUTO_FREE char *copy = xstrndup(text, n);

	snprintf(stamp, sizeof(stamp), "[%5" PRIu64 ".%06" PRIu64 "]", r->time_ns / 1000000000u,
		 r->time_ns / 1000u % 1000000u);
	snprintf(key, sizeof(key), "%" PRIu64 ".%zu", r->seq, part);
	struct cell v[COLS] = {
		[SEQ] = cell_uint(r->seq),
		[TIME] = cell_ns(r->time_ns),
		[STAMP] = cell_role(cell_text(stamp), ROLE_DIM),
		[LEVEL] = cell_role(cell_text(log_level_name(r->level)), ROLE_DIM),
		[CALLER] = r->caller[0] ? cell_text(r->caller) : cell_absent(),
		[TEXT] = cell_link(cell_role(cell_text(copy), level_role(r->level)),
				   line_link(l, text, n)),
	};
	struct row row = {.cells = v, .key = key, .ref = v[TEXT].ref, .role = level_role(r->level),
			  .only = only};
	return sink_row(l->c->out, &row);
}

/* A record of several lines is one row for machines, and a row a line for people. */
static struct err *on_record(void *ctx, const struct log_record *r)
{
	struct log_call *l = ctx;
	bool lines = memchr(r->text, '\n', r->n);
	size_t part = 0;

	TRY(job_tick(l->c->job, 1));
	if (r->level > l->max_level)
		return NULL;
	if (l->filter && !pattern_find(l->filter, r->text, r->n, 0, NULL, NULL))
		return NULL;
	if (!lines)
		return emit(l, r, r->text, r->n, 0, ROW_FOR_ALL);
	TRY(emit(l, r, r->text, r->n, 0, ROW_FOR_MACHINES));
	for (size_t at = 0; at <= r->n; part++) {
		const char *nl = memchr(r->text + at, '\n', r->n - at);
		size_t end = nl ? (size_t)(nl - r->text) : r->n;
		TRY(emit(l, r, r->text + at, end - at, part, ROW_FOR_PEOPLE));
		at = end + 1;
	}
	return NULL;
}

static struct err *parse_level(const struct cmd_call *c, unsigned *ret)
{
	const char *s = c->args->value['l'];

	*ret = 7;
	if (!s)
		return NULL;
	for (unsigned i = 0; i < 8; i++)
		if (!strcmp(s, log_level_name((uint8_t)i)) || (s[0] == (char)('0' + i) && !s[1])) {
			*ret = i;
			return NULL;
		}
	return usage_error(c->args->cmd, "'%s' is no level: emerg alert crit err warn notice info "
					 "debug, or 0 to 7", s);
}

static struct err *run_with(struct log_call *l)
{
	uint64_t lost = 0;

	TRY(parse_level(l->c, &l->max_level));
	if (l->c->args->rest[0])
		TRY(pattern_create(l->c->args->rest, &l->filter));
	TRY(pattern_create("(?:task \\S{1,15}:|pid[:= ] ?)[0-9]+", &l->task_words));
	if (!err_ok(tasks_load(l->c->session, l->c->job, &l->tasks)))
		l->tasks = NULL; /* the log needs nothing but the log */
	bool full = l->c->args->has['m'];
	TRY(sink_begin(l->c->out, full ? &full_table : &log_table, NULL, full ? "log -m" : "log", "Log%s%s",
		       l->c->args->rest[0] ? "  & " : "", l->c->args->rest));
	TRY(log_each(l->c->session, l->c->job, on_record, l, &lost));
	if (lost)
		sink_note(l->c->out, ROLE_WARN, "%" PRIu64 " damaged records of the log are left out",
			  lost);
	if (pattern_trouble(l->filter))
		sink_note(l->c->out, ROLE_WARN, "%s", pattern_trouble(l->filter));
	return NULL;
}

static struct err *run(const struct cmd_call *c)
{
	struct log_call l = {.c = c};
	struct err *e = run_with(&l);

	pattern_destroy(l.filter);
	pattern_destroy(l.task_words);
	return e;
}

const struct cmd cmd_log = {
	.name = "log",
	.aliases = "dmesg",
	.group = "kernel",
	.summary = "the kernel log",
	.details = "The printk ring buffer, oldest record first. Lines that speak of a task "
		   "(`task dd:123`, `PID: 123`) are links to it. Needs no vmlinux.",
	.choices = "emerg alert crit err warn notice info debug",
	.options = (const struct cmd_option[]){
		{'m', ARG_NONE, NULL, "show level and caller too"},
		{'l', ARG_CHOICE, "LEVEL", "only records of this level or worse (emerg ... debug, 0 ... 7)"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"PATTERN", ARG_PATTERN, true, true, "only records that match this PCRE2 pattern"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"log", "all of it"},
		{"log -l warn", "warnings and worse"},
		{"log blocked for more than", "what the hung task detector said"},
		{0}},
	.table = &log_table,
	.run = run,
};

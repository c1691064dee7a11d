/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/pipe.h"
#include <stdarg.h>
#include <string.h>

enum { NAME, TEXT, COLS };
static const struct col cols[COLS] = {
	[NAME] = {"name", "", "command, option or example", 0, 0, 0},
	[TEXT] = {"text", "", "what it does", COL_GROW, 0, 0},
};
static const struct table help_table = {.name = "help", .cols = cols, .ncols = COLS};

static struct err *line(const struct cmd_call *c, enum role role, const char *name, const char *text)
{
	struct cell v[COLS] = {cell_role(cell_text(name), role), cell_text(text)};
	return sink_row(c->out, &(struct row){.cells = v, .key = name, .role = role});
}

static struct err *list(const struct cmd_call *c)
{
	size_t n;
	const struct cmd *const *v = cmd_all(&n);

	TRY(sink_begin(c->out, &help_table, NULL, "?", "Commands"));
	for (size_t i = 0; i < n; i++)
		TRY(line(c, ROLE_NAME, v[i]->name, v[i]->summary));
	TRY(line(c, ROLE_DIM, "help CMD", "synopsis, options and examples of a command"));
	return line(c, ROLE_DIM, "CMD | grep PATTERN", "only the lines that match; also head, tail, wc -l (`help grep`)");
}

static const struct cmd_example pipes[] = {
	{"ps -m | grep UN", "the lines that match"},
	{"struct task_struct ADDR | grep pi_", "with what they lie under"},
	{"bt -f | grep -A15 schedule", "and the 15 lines after each"},
	{"ps | grep -v kworker | wc -l", "how many don't"},
	{"log | tail -20", "the last lines; head: the first"},
	{0}};

/* It is no command, but people ask for it. */
static struct err *pipe_help(const struct cmd_call *c)
{
	TRY(sink_begin(c->out, &help_table, NULL, "", "help grep"));
	TRY(line(c, ROLE_TITLE, "NAME", "grep, head, tail, wc: lines of what a command answers"));
	TRY(line(c, ROLE_TITLE, "SYNOPSIS", "COMMAND | grep [-i] [-v] [-w] [-c] [-E] [-F] [-P] [-A LINES] PATTERN"));
	TRY(line(c, ROLE_TITLE, "", "COMMAND | head [-n LINES]"));
	TRY(line(c, ROLE_TITLE, "", "COMMAND | tail [-n LINES]"));
	TRY(line(c, ROLE_TITLE, "", "COMMAND | wc -l"));
	TRY(line(c, ROLE_TITLE, "DESCRIPTION", "They are built in, and work on rows: links stay links, and JSON stays JSON. A row "
		 "that matches brings along those that it lies under (its frame, its struct). PATTERN is a basic regular "
		 "expression, \\| is `or`; -E or egrep: an extended one."));
	TRY(line(c, ROLE_TITLE, "EXAMPLES", ""));
	for (const struct cmd_example *x = pipes; x->line; x++)
		TRY(line(c, ROLE_NAME, x->line, x->what));
	return NULL;
}

static struct err *options(const struct cmd_call *c, const struct cmd *k)
{
	for (const struct cmd_option *o = k->options; o && o->letter; o++) {
		AUTO_BUF struct buf name = {0};
		cmd_option_name(o, &name);
		TRY(line(c, ROLE_NAME, buf_str(&name), o->help));
	}
	for (const struct cmd_arg *a = k->args; a && a->name; a++) {
		AUTO_FREE char *more = a->kind == ARG_ADDRESS
			? xasprintf("%s (a number without 0x is hexadecimal)", a->help) : NULL;
		TRY(line(c, ROLE_NAME, a->name, more ? more : a->help));
	}
	for (const struct cmd_option *o = k->absent; o && o->letter; o++) {
		char name[] = {'-', o->letter, 0};
		AUTO_FREE char *text = xasprintf("not here: %s", o->help);
		TRY(line(c, ROLE_DIM, name, text));
	}
	return NULL;
}

static struct err *one(const struct cmd_call *c, const struct cmd *k)
{
	AUTO_BUF struct buf usage = {0};

	cmd_usage(k, &usage);
	TRY(sink_begin(c->out, &help_table, NULL, "", "help %s", k->name));
	TRY(line(c, ROLE_TITLE, "NAME", k->summary));
	TRY(line(c, ROLE_TITLE, "SYNOPSIS", buf_str(&usage)));
	if (k->aliases)
		TRY(line(c, ROLE_TITLE, "ALSO", k->aliases));
	for (const char *p = k->details; p && *p;) { /* a row a paragraph */
		size_t n = strcspn(p, "\n");
		AUTO_FREE char *text = xstrndup(p, n);
		TRY(line(c, ROLE_TITLE, p == k->details ? "DESCRIPTION" : "", text));
		p += n + (p[n] == '\n');
	}
	if (k->options || k->args)
		TRY(line(c, ROLE_TITLE, "OPTIONS", ""));
	TRY(options(c, k));
	TRY(line(c, ROLE_TITLE, "EXAMPLES", ""));
	for (const struct cmd_example *x = k->examples; x && x->line; x++)
		TRY(line(c, ROLE_NAME, x->line, x->what));
	for (size_t i = 0; k->table && i < k->table->ncols; i++) {
		if (i == 0)
			TRY(line(c, ROLE_TITLE, "COLUMNS", ""));
		TRY(line(c, ROLE_NAME, k->table->cols[i].key, k->table->cols[i].help));
	}
	return NULL;
}

static struct err *run(const struct cmd_call *c)
{
	if (!c->args->n)
		return list(c);
	const struct cmd *k = cmd_find(c->args->v[0]);
	if (k)
		return one(c, k);
	if (pipe_program(c->args->v[0]))
		return pipe_help(c);
	return cmd_unknown(c->args->v[0]);
}

const struct cmd cmd_help = {
	.name = "help",
	.aliases = "man",
	.group = "session",
	.summary = "what the commands do",
	.args = (const struct cmd_arg[]){
		{"CMD", ARG_WORD, true, false, "a command's name; without it: all of them"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"help", "the commands"},
		{"help ps", "one of them, with options and examples"},
		{0}},
	.table = &help_table,
	.bare = true,
	.run = run,
};

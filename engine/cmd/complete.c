/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the word at the cursor can be is read off the same tables that parsing goes by: a command,
 * an option, or an argument of a kind; each kind has its source of candidates.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/completeexpr.h"
#include "engine/cmd/completename.h"
#include "engine/cmd/parse.h"
#include "engine/cmd/pipe.h"
#include "engine/kern/task/taskfilter.h"
#include <string.h>

#define MAX_CANDIDATES 200

void complete_add(struct completions *c, const char *word)
{
	if (c->n == MAX_CANDIDATES) {
		c->more = true;
		return;
	}
	c->v = xrealloc(c->v, c->n + 1, sizeof(*c->v));
	c->v[c->n++] = xstrdup(word);
}

static void complete_command(const char *prefix, struct completions *ret)
{
	size_t n;
	const struct cmd *const *v = cmd_all(&n);

	for (size_t i = 0; i < n; i++)
		if (!strncmp(v[i]->name, prefix, strlen(prefix)))
			complete_add(ret, v[i]->name);
}

/* After a pipe. */
static void complete_program(const char *prefix, struct completions *ret)
{
	const char *name;

	for (size_t i = 0; (name = pipe_program_name(i)); i++)
		if (!strncmp(name, prefix, strlen(prefix)))
			complete_add(ret, name);
}

static void complete_option(const struct cmd *k, const char *prefix, struct completions *ret)
{
	for (const struct cmd_option *o = k->options; o && o->letter; o++) {
		char word[3] = {'-', o->letter, 0};
		if (!prefix[1] || prefix[1] == o->letter)
			complete_add(ret, word);
	}
}

static void add_all(struct completions *ret, const char *const *v, size_t n, size_t max)
{
	for (size_t i = 0; i < n && i < max; i++)
		complete_add(ret, v[i]);
	ret->more |= n > max;
}

/* Members of "super_block.s_wr": the path up to the last dot stays. */
static void complete_member(struct session *s, const char *keyword, const char *prefix,
			    struct completions *ret)
{
	const char *dot = strchr(prefix, '.'), *last = strrchr(prefix, '.');
	AUTO_FREE char *name = xasprintf("%s %.*s", keyword, (int)(dot - prefix), prefix);
	AUTO_FREE char *path = last > dot ? xstrndup(dot + 1, (size_t)(last - dot - 1)) : xstrdup("");
	const struct type *t;
	struct type_place place;
	size_t n;

	if (!err_ok(type_find(s->types, name, NULL, &t)))
		return;
	if (path[0] && (!err_ok(type_member(t, path, &place)) || !(t = place.type)))
		return;
	const struct member *m = type_members(type_strip(t), &n);
	for (size_t i = 0; i < n; i++) {
		if (!m[i].name[0] || strncmp(m[i].name, last + 1, strlen(last + 1)))
			continue;
		AUTO_FREE char *word = xasprintf("%.*s%s", (int)(last + 1 - prefix), prefix, m[i].name);
		complete_add(ret, word);
	}
}

static void complete_type(struct session *s, const char *keyword, const char *prefix,
			  struct completions *ret)
{
	const char *v[MAX_CANDIDATES];

	if (strchr(prefix, '.'))
		complete_member(s, keyword, prefix, ret);
	else
		add_all(ret, v, type_complete(s->types, prefix, v, MAX_CANDIDATES), MAX_CANDIDATES);
}

/* Members, types or names where an expression ends; `from` is where it begins in the line. */
static void complete_expr(struct session *s, const struct context *ctx, const char *text, size_t from,
			  struct completions *ret)
{
	const char *v[MAX_CANDIDATES];
	size_t start, n = expr_complete(s, ctx, text, v, MAX_CANDIDATES, &start);

	ret->start = from + start;
	add_all(ret, v, n, MAX_CANDIDATES);
}

static void complete_filter(const char *text, struct completions *ret)
{
	const char *v[MAX_CANDIDATES];

	add_all(ret, v, taskfilter_complete(text, v, MAX_CANDIDATES), MAX_CANDIDATES);
}

static void complete_task(struct session *s, const char *prefix, struct completions *ret)
{
	const struct tasks *ts;

	if (!err_ok(tasks_load(s, NULL, &ts)))
		return;
	for (size_t i = 0; i < tasks_count(ts); i++) {
		AUTO_FREE char *pid = xasprintf("%d", tasks_at(ts, i)->pid);
		if (!strncmp(pid, prefix, strlen(prefix)) && tasks_at(ts, i)->pid)
			complete_add(ret, pid);
	}
}

/* The kind of the argument that word i (1 is the first behind the command) would be. */
static enum arg_kind kind_at(const struct cmd *k, const struct words *w, size_t i)
{
	size_t arg = 0;

	for (size_t j = 1; j < i && j < w->n; j++) {
		const char *s = w->v[j].text;
		const struct cmd_option *o = s[0] == '-' && s[1] ? cmd_option(k, s[strlen(s) - 1]) : NULL;
		if (s[0] != '-')
			arg++;
		else if (o && o->arg != ARG_NONE) {
			if (j + 1 == i)
				return o->arg;
			j++;
		}
	}
	for (const struct cmd_arg *a = k->args; a && a->name; a++, arg--)
		if (arg == 0 || a->repeated)
			return a->kind;
	return ARG_NONE;
}

static void complete_arg(struct session *s, const struct context *ctx, const struct cmd *k, enum arg_kind kind,
			 const char *prefix, struct completions *ret)
{
	const char *v[MAX_CANDIDATES];

	switch (kind) {
	case ARG_TYPE:
		complete_type(s, k->name, prefix, ret);
		break;
	case ARG_SYMBOL:
		add_all(ret, v, sym_complete(s->symtab, prefix, v, MAX_CANDIDATES), MAX_CANDIDATES);
		break;
	case ARG_TASK:
		complete_task(s, prefix, ret);
		break;
	case ARG_FILTER:
		complete_filter(prefix, ret);
		break;
	case ARG_COMMAND:
		complete_filter(prefix, ret);
		complete_command(prefix, ret);
		break;
	case ARG_WORD:
		if (k == &cmd_help)
			complete_command(prefix, ret);
		break;
	case ARG_MODULE:
		complete_module(s, prefix, ret);
		break;
	case ARG_CACHE:
		complete_cache(s, prefix, ret);
		break;
	case ARG_FRAME:
		complete_frame(s, ctx, prefix, ret);
		break;
	case ARG_FILE:
		complete_file(prefix, ret);
		break;
	case ARG_CHOICE:
		complete_choice(k->choices, prefix, ret);
		break;
	case ARG_ADDRESS:
	case ARG_EXPR: /* the word may be a part of what is typed: shell_complete() */
	case ARG_PATTERN:
	case ARG_NONE:
	case ARG_NUMBER:
	case ARG_FORMAT:
		break;
	}
}

/* The word `at` of text, which may be a part of an expression. */
static void complete_at(struct session *s, const struct context *ctx, const struct cmd *k, const struct words *w, size_t at,
			const char *text, struct completions *ret)
{
	enum arg_kind kind = kind_at(k, w, at);
	size_t from = at;

	if (k == &cmd_kmem && at > 1 && !strcmp(w->v[1].text, "-s"))
		kind = ARG_CACHE;
	while (kind == ARG_EXPR && from > 1 && w->v[from - 1].text[0] != '-')
		from--;
	if (kind == ARG_EXPR || kind == ARG_ADDRESS)
		complete_expr(s, ctx, from < w->n ? text + w->v[from].start : "", from < w->n ? w->v[from].start :
			      strlen(text), ret);
	else
		complete_arg(s, ctx, k, kind, at < w->n ? w->v[at].text : "", ret);
}

void shell_complete(struct shell *sh, const struct context *ctx, const char *line, size_t cursor,
		    struct completions *ret)
{
	struct session *s = shell_session(sh);
	AUTO_FREE char *text = xstrndup(line, cursor);
	struct words w;

	*ret = (struct completions){0};
	words_split(text, &w);
	size_t at = w.n && w.v[w.n - 1].end == strlen(text) ? w.n - 1 : w.n;
	const char *prefix = at < w.n ? w.v[at].text : "";
	const struct cmd *k = w.n ? cmd_find(w.v[0].text) : NULL;

	ret->start = at < w.n ? w.v[at].start : strlen(text);
	if (at == 0)
		complete_command(prefix, ret);
	else if (!strcmp(w.v[at - 1].text, "|"))
		complete_program(prefix, ret);
	else if (k && prefix[0] == '-')
		complete_option(k, prefix, ret);
	else if (k)
		complete_at(s, ctx, k, &w, at, text, ret);
	words_free(&w);
}

void completions_free(struct completions *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->v[i]);
	free(c->v);
	*c = (struct completions){0};
}

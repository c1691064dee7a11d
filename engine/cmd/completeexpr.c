/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text ends somewhere in an expression, mostly where it can't be parsed yet. So the part that the last
 * `.` or `->` belongs to is cut out backwards, along names and brackets, and only its type is asked for.
 */
#include "engine/cmd/completeexpr.h"
#include "engine/base/alloc.h"
#include "engine/kern/stack/exprscope.h"
#include <ctype.h>
#include <string.h>

#define MAX_DEPTH 16 /* of anonymous structs in each other */
#define MAX_STEPS 100000 /* members looked at: a damaged file may have a struct in itself */

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || c == ':';
}

static size_t word_start(const char *text, size_t end)
{
	while (end && word_char(text[end - 1]) && text[end - 1] != ':')
		end--;
	return end;
}

/* The opening bracket of the one before `end`; 0 if there is none. */
static size_t open_bracket(const char *text, size_t end)
{
	int open = 0;

	while (end--) {
		open += (text[end] == ')' || text[end] == ']') - (text[end] == '(' || text[end] == '[');
		if (!open)
			return end;
	}
	return 0;
}

/* Where the postfix expression that ends at `end` begins. */
static size_t operand_start(const char *text, size_t end)
{
	while (end) {
		char c = text[end - 1];
		if (word_char(c) || c == '.' || (c == '>' && end > 1 && text[end - 2] == '-'))
			end -= c == '>' ? 2 : 1;
		else if (c == ')' || c == ']')
			end = open_bracket(text, end);
		else
			break;
	}
	return end;
}

struct members {
	const char *prefix;
	const char **ret;
	size_t n, max, steps;
};

static void add_members(struct members *ms, const struct type *t, int depth)
{
	size_t n;
	const struct member *m = type_members(type_strip(t), &n);

	for (size_t i = 0; i < n && ms->n < ms->max && depth < MAX_DEPTH && ms->steps++ < MAX_STEPS; i++)
		if (!m[i].name[0])
			add_members(ms, m[i].type, depth + 1);
		else if (!strncmp(m[i].name, ms->prefix, strlen(ms->prefix)))
			ms->ret[ms->n++] = m[i].name;
}

static const struct type *type_of(struct expr_scope *x, const char *text)
{
	const struct type *t = NULL;
	struct expr *e;

	if (err_ok(expr_parse(expr_scope_env(x), text, &e))) {
		if (!err_ok(expr_type(e, &t)))
			t = NULL;
		expr_free(e);
	}
	return t;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t complete_members(struct expr_scope *x, const char *text, size_t end, const char *prefix,
			       const char **ret, size_t max)
{
	while (end && text[end - 1] == ' ')
		end--;
	size_t from = operand_start(text, end);
	AUTO_FREE char *base = xstrndup(text + from, end - from);
	const struct type *t = type_of(x, base);
	struct members ms = {prefix, ret, 0, max, 0};

	if (!t)
		return 0;
	t = type_strip(t);
	if (type_kind(t) == TYPE_POINTER || type_kind(t) == TYPE_ARRAY)
		t = type_target(t);
	add_members(&ms, t, 0);
	qsort(ret, ms.n, sizeof(*ret), by_name);
	return ms.n;
}

/* "struct " in front of the word: types of that kind, without the keyword. */
static size_t complete_tags(struct session *s, const char *keyword, const char *prefix, const char **ret,
			    size_t max)
{
	AUTO_FREE char *tagged = xasprintf("%s %s", keyword, prefix);
	size_t n = type_complete(s->types, tagged, ret, max);

	for (size_t i = 0; i < n; i++)
		ret[i] += strlen(keyword) + 1;
	return n;
}

/* Variables of the frame first, then symbols. */
static size_t complete_names(struct session *s, struct expr_scope *x, const char *prefix, const char **ret,
			     size_t max)
{
	const char *name;
	size_t n = 0;

	for (size_t i = 0; n < max && (name = expr_scope_variable(x, i)); i++)
		if (!strncmp(name, prefix, strlen(prefix)))
			ret[n++] = name;
	return n + sym_complete(s->symtab, prefix, ret + n, max - n);
}

static size_t complete_in(struct session *s, struct expr_scope *x, const char *text, size_t end,
			  const char **ret, size_t max)
{
	static const char *const keywords[] = {"struct", "union", "enum"};
	const char *prefix = text + end;
	size_t before = end;

	if (end && text[end - 1] == '.')
		return complete_members(x, text, end - 1, prefix, ret, max);
	if (end > 1 && text[end - 1] == '>' && text[end - 2] == '-')
		return complete_members(x, text, end - 2, prefix, ret, max);
	while (before && text[before - 1] == ' ')
		before--;
	size_t word = word_start(text, before);
	for (size_t i = 0; i < 3 && before < end; i++)
		if (before - word == strlen(keywords[i]) && !strncmp(text + word, keywords[i], before - word))
			return complete_tags(s, keywords[i], prefix, ret, max);
	return complete_names(s, x, prefix, ret, max);
}

size_t expr_complete(struct session *s, const struct context *ctx, const char *text, const char **ret,
		     size_t max, size_t *start)
{
	bool task = ctx && ctx->task.kind == REF_TASK;
	struct expr_scope *x = expr_scope_create(s, task ? ctx->task.addr : 0, task ? ctx->frame : 0,
						 task ? ctx->level : 0, NULL);

	*start = word_start(text, strlen(text));
	size_t n = complete_in(s, x, text, *start, ret, max);
	expr_scope_destroy(x);
	return n;
}

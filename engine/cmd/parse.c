/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a line to a command's options and arguments, by the tables that the command declares: words
 * as a shell has them, but for parentheses, and for commands whose last argument is an expression,
 * which takes the rest of the line as it was typed.
 */
#include "engine/cmd/parse.h"
#include "engine/base/alloc.h"
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#define MAX_PARENS 4096 /* bytes of what parentheses keep together */

/* Is the parenthesis that s begins with closed again? */
static bool is_closed(const char *s)
{
	int open = 0;

	for (const char *from = s; *s && s - from < MAX_PARENS; s++) {
		open += (*s == '(') - (*s == ')');
		if (!open)
			return true;
	}
	return false;
}

/* Reads one word at *p; quotes may begin anywhere in it. Parentheses keep what is in them together, as
 * expressions have them: (struct foo *)x is one word. */
static char *read_word(const char **p, bool *open_quote)
{
	struct buf b = {0};
	char quote = 0;
	unsigned open = 0;

	for (; **p && (quote || open || !isspace((unsigned char)**p)); ++*p) {
		if (!quote && **p == '(' && (open || is_closed(*p)))
			open++;
		else if (!quote && **p == ')' && open)
			open--;
		if (quote && **p == quote)
			quote = 0;
		else if (!quote && (**p == '"' || **p == '\''))
			quote = **p;
		else
			buf_putc(&b, **p);
	}
	*open_quote = quote != 0;
	return buf_steal(&b);
}

void words_split(const char *line, struct words *ret)
{
	size_t cap = 0;

	*ret = (struct words){0};
	for (const char *p = line;;) {
		while (isspace((unsigned char)*p))
			p++;
		if (!*p)
			return;
		GROW(ret->v, ret->n, cap);
		struct word *w = &ret->v[ret->n++];
		w->start = (size_t)(p - line);
		w->text = read_word(&p, &ret->open_quote);
		w->end = (size_t)(p - line);
	}
}

void words_free(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i].text);
	free(w->v);
	*w = (struct words){0};
}

struct err *usage_error(const struct cmd *c, const char *fmt, ...)
{
	AUTO_BUF struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	buf_puts(&text, "; usage: ");
	cmd_usage(c, &text);
	return err_new(ERR_USAGE, "%s", buf_str(&text)); /* whoever shows it says which command it was */
}

const struct cmd_option *cmd_option(const struct cmd *c, char letter)
{
	for (const struct cmd_option *o = c->options; o && o->letter; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static struct err *no_option(const struct cmd *c, char letter)
{
	for (const struct cmd_option *o = c->absent; o && o->letter; o++)
		if (o->letter == letter)
			return err_new(ERR_USAGE, "no option -%c here: %s", letter, o->help);
	return usage_error(c, "no option -%c", letter);
}

/* The letters of w[*i], whose argument may be the rest of the word or the next word. */
static struct err *parse_option(const struct cmd *c, const struct words *w, size_t *i,
				struct cmd_args *a)
{
	for (const char *p = w->v[*i].text + 1; *p; p++) {
		const struct cmd_option *o = cmd_option(c, *p);
		if (!o)
			return no_option(c, *p);
		a->has[(unsigned char)*p] = true;
		if (o->arg == ARG_NONE)
			continue;
		if (!p[1] && *i + 1 >= w->n)
			return usage_error(c, "-%c needs %s", *p, o->arg_name);
		a->value[(unsigned char)*p] = p[1] ? p + 1 : w->v[++*i].text;
		return NULL;
	}
	return NULL;
}

static bool takes_rest(enum arg_kind k)
{
	return k == ARG_FILTER || k == ARG_COMMAND || k == ARG_PATTERN || k == ARG_EXPR;
}

/* Does the argument that would come next take the rest of the line as it stands? */
static bool rest_begins(const struct cmd *c, size_t n)
{
	for (const struct cmd_arg *a = c->args; a && a->name; a++, n--)
		if (n == 0 || a->repeated)
			return takes_rest(a->kind);
	return false;
}

/* A number below zero is none, but where the command has such an option (`rd -16`). */
static bool is_option(const struct cmd *c, const char *s)
{
	return s[0] == '-' &&
	       (isalpha((unsigned char)s[1]) || (isdigit((unsigned char)s[1]) && cmd_option(c, s[1])));
}

/* Expressions have quotes and signs of their own: '\'' and -jiffies. */
static bool takes_expression(const struct cmd *c)
{
	return c->args && c->args->name && c->args->kind == ARG_EXPR;
}

static bool only_options(const struct cmd *c, const char *s)
{
	while (*++s)
		if (!cmd_option(c, *s))
			return false;
	return true;
}

static size_t most_args(const struct cmd *c, size_t *least)
{
	size_t most = 0;

	*least = 0;
	for (const struct cmd_arg *a = c->args; a && a->name; a++) {
		*least += !a->optional;
		most = a->repeated ? CMD_MAX_ARGS : most + 1;
	}
	return most;
}

/* Is there a word of `views` with both letters? */
static bool one_view(const char *views, char a, char b)
{
	for (const char *p = views; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");
		if (memchr(p, a, n) && memchr(p, b, n))
			return true;
		p += n;
	}
	return false;
}

static struct err *check_views(const struct cmd *c, const struct cmd_args *args)
{
	for (const char *a = c->views; a && *a; a++)
		for (const char *b = a + 1; *b && args->has[(unsigned char)*a]; b++)
			if (args->has[(unsigned char)*b] && !one_view(c->views, *a, *b))
				return usage_error(c, "-%c and -%c don't go together: they show different things",
						   *a, *b);
	return NULL;
}

/* "init_task + 8": three words, where one was meant. */
static bool lone_operator(const struct words *w, size_t i)
{
	static const char *const ops[] = {"+", "-", "*", "<<", ">>"};

	for (size_t k = 0; k < sizeof(ops) / sizeof(*ops) && i > 1 && i + 1 < w->n; k++)
		if (!strcmp(w->v[i].text, ops[k]))
			return true;
	return false;
}

struct err *args_parse(const struct cmd *c, const char *line, const struct words *w,
		       struct cmd_args *ret)
{
	size_t least, most = most_args(c, &least);
	bool options = true;

	*ret = (struct cmd_args){.cmd = c, .rest = ""};
	if (w->open_quote && !takes_expression(c))
		return usage_error(c, "a quote is not closed");
	for (size_t i = 1; i < w->n; i++) {
		const char *s = w->v[i].text;
		bool rest = rest_begins(c, ret->n);
		if (options && !strcmp(s, "--")) {
			options = false;
			continue;
		}
		/* what follows a whole-line argument's first word belongs to it, options too */
		bool option = is_option(c, s) && (!takes_expression(c) || only_options(c, s));
		if (options && option && (!rest || !ret->n)) {
			TRY(parse_option(c, w, &i, ret));
			continue;
		}
		if (!ret->rest[0])
			ret->rest = line + w->v[i].start;
		if (!rest && !takes_expression(c) && ret->n && lone_operator(w, i))
			return usage_error(c, "'%s %s %s' is one argument only in quotes, or without blanks",
					   w->v[i - 1].text, s, w->v[i + 1].text);
		if (ret->n >= most || ret->n >= CMD_MAX_ARGS)
			return usage_error(c, "too many arguments at '%s'", s);
		ret->v[ret->n++] = s;
	}
	if (ret->n < least)
		return usage_error(c, "%s is missing", c->args[ret->n].name);
	return check_views(c, ret);
}

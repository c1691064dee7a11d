/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grep over rows: a row is looked at as the line that people see. The rows that it lies under are held
 * until it is known whether one of theirs passes; titles between rows (`foreach bt`) likewise.
 */
#include "engine/cmd/pipe.h"
#include "engine/base/alloc.h"
#include "engine/cmd/parse.h"
#include "engine/model/match.h"
#include <string.h>

#define MAX_LEVELS 64

struct grep {
	struct stage stage; /* first */
	struct pattern *pattern;
	char *shown; /* the pattern as it was typed */
	bool invert, extended, fixed, ignore_case, words, count;
	size_t after, left; /* -A: rows that pass after a match, and how many still do */
	struct held_heading heading;
	const struct table *table;
	struct held_row path[MAX_LEVELS]; /* the rows above the present one that haven't passed */
	unsigned base;			  /* level of the last row that is no child */
	unsigned out_below;		  /* -v: everything deeper than this is out; MAX_LEVELS: nothing is */
	size_t passed;
};

static struct err *tell_heading(struct grep *g)
{
	if (!g->heading.waits || g->count)
		return NULL;
	g->heading.waits = false;
	return g->stage.out->begin(g->stage.out, &g->heading.heading);
}

static struct err *grep_begin(struct sink *s, const struct heading *h)
{
	struct grep *g = (struct grep *)s;

	held_heading_set(&g->heading, h, g->stage.text);
	g->table = h->table;
	for (size_t i = 0; i < MAX_LEVELS; i++)
		g->path[i].filled = false;
	g->base = 0;
	g->out_below = MAX_LEVELS;
	bool hit = h->table->titled && pattern_find(g->pattern, h->title, strlen(h->title), 0, NULL, NULL);
	if (!hit || g->invert)
		return NULL;
	g->passed++;
	g->left = g->after;
	return tell_heading(g);
}

static bool matches(const struct grep *g, const struct table *t, const struct row *r)
{
	AUTO_BUF struct buf line = {0};

	for (size_t i = 0; i < t->ncols; i++) {
		if (t->cols[i].flags & COL_DATA)
			continue;
		if (line.len)
			buf_puts(&line, "  ");
		cell_print(&r->cells[i], &line);
	}
	return pattern_find(g->pattern, buf_str(&line), line.len, 0, NULL, NULL);
}

/* Does it go out? Rows for machines alone don't count as lines. */
static bool passes(struct grep *g, const struct table *t, const struct row *r, unsigned level)
{
	bool line = r->only != ROW_FOR_MACHINES, hit = matches(g, t, r);

	if (level <= g->out_below)
		g->out_below = MAX_LEVELS;
	if (g->invert && hit && g->out_below == MAX_LEVELS)
		g->out_below = level;
	if (g->invert)
		return g->out_below == MAX_LEVELS;
	if (hit) {
		g->left = line ? g->after : g->left;
		return true;
	}
	if (!g->left)
		return false;
	g->left -= line;
	return true;
}

static struct err *let_out(struct grep *g, const struct row *r, unsigned level)
{
	if (g->count) {
		g->passed += r->only != ROW_FOR_MACHINES;
		return NULL;
	}
	TRY(tell_heading(g));
	for (unsigned i = 0; i < level; i++) {
		if (!g->path[i].filled)
			continue;
		g->path[i].filled = false;
		TRY(sink_row(g->stage.out, &g->path[i].row));
	}
	g->passed += r->only != ROW_FOR_MACHINES;
	return sink_row(g->stage.out, r);
}

static struct err *grep_row(struct sink *s, const struct row *r)
{
	struct grep *g = (struct grep *)s;
	const struct table *t = g->table && r->child ? g->table->child : g->table;
	unsigned level = r->child ? g->base + 1 + r->depth : r->depth;

	if (!t)
		return NULL;
	if (level >= MAX_LEVELS)
		level = MAX_LEVELS - 1;
	if (!r->child)
		g->base = level;
	for (size_t i = level; i < MAX_LEVELS && g->path[i].filled; i++)
		g->path[i].filled = false;
	if (passes(g, t, r, level))
		return let_out(g, r, level);
	if (!g->invert)
		held_row_set(&g->path[level], t, r);
	return NULL;
}

static struct err *grep_finish(struct stage *s)
{
	struct grep *g = (struct grep *)s;

	if (pattern_trouble(g->pattern))
		sink_note(s->out, ROLE_WARN, "%s", pattern_trouble(g->pattern));
	if (g->count)
		return pipe_count(s->out, g->passed);
	if (g->passed)
		return NULL;
	if (g->table && !g->table->titled)
		TRY(tell_heading(g)); /* an empty table */
	sink_note(s->out, ROLE_DIM, "no line of it matches '%s'", g->shown);
	return NULL;
}

static void grep_destroy(struct stage *s)
{
	struct grep *g = (struct grep *)s;

	pattern_destroy(g->pattern);
	held_heading_free(&g->heading);
	for (size_t i = 0; i < MAX_LEVELS; i++)
		held_row_free(&g->path[i]);
	free(g->shown);
	free(g);
}

/* A basic regular expression as a perl one: ( ) { } | + ? mean themselves unless a backslash is before them. */
static void put_basic(const char *s, struct buf *out)
{
	bool in_set = false;

	for (; *s; s++) {
		in_set = in_set ? *s != ']' : *s == '[';
		bool special = !in_set && strchr("(){}|+?", *s);
		if (special)
			buf_putc(out, '\\');
		else if (*s == '\\' && s[1] && strchr("(){}|+?", s[1]))
			s++;
		else if (*s == '\\' && s[1])
			buf_putc(out, *s++);
		buf_putc(out, *s);
	}
}

static void put_fixed(const char *s, struct buf *out)
{
	for (; *s; s++)
		buf_printf(out, strchr("\\^$.[]|()?*+{}", *s) ? "\\%c" : "%c", *s);
}

static struct err *compile(struct grep *g, const char *text)
{
	AUTO_BUF struct buf regex = {0};

	buf_puts(&regex, g->ignore_case ? "(?i)" : "(?-i)");
	buf_puts(&regex, g->words ? "\\b(?:" : "");
	if (g->fixed)
		put_fixed(text, &regex);
	else if (g->extended)
		buf_puts(&regex, text);
	else
		put_basic(text, &regex);
	buf_puts(&regex, g->words ? ")\\b" : "");
	g->shown = xstrdup(text);
	return err_wrap(pattern_create(buf_str(&regex), &g->pattern), "grep");
}

/* -A 5, -A5. */
static struct err *take_count(const struct words *w, size_t *i, const char *rest, size_t *ret)
{
	const char *text = *rest ? rest : *i + 1 < w->n ? w->v[++*i].text : "";
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!*text || *end || *text == '-')
		return err_new(ERR_USAGE, "grep: -A needs a number of lines, not '%s'", text);
	*ret = n;
	return NULL;
}

static struct err *take_options(struct grep *g, const struct words *w, size_t *i)
{
	for (const char *p = w->v[*i].text + 1; *p; p++) {
		if (*p == 'A')
			return take_count(w, i, p + 1, &g->after);
		bool *known = *p == 'v' ? &g->invert : *p == 'i' ? &g->ignore_case : *p == 'w' ? &g->words
			    : *p == 'c' ? &g->count : *p == 'E' || *p == 'P' ? &g->extended : *p == 'F' ? &g->fixed : NULL;
		if (!known)
			return err_new(ERR_USAGE, "grep: no option -%c here; there are -i -v -w -c -E -F -P -A LINES", *p);
		*known = true;
	}
	return NULL;
}

static struct err *take_words(struct grep *g, const struct words *w)
{
	const char *pattern = NULL;

	g->extended = !strcmp(w->v[0].text, "egrep");
	g->fixed = !strcmp(w->v[0].text, "fgrep");
	for (size_t i = 1; i < w->n; i++) {
		const char *s = w->v[i].text;
		if (!strcmp(s, "-e") && !pattern && i + 1 < w->n)
			pattern = w->v[++i].text;
		else if (s[0] == '-' && s[1] && !pattern)
			TRY(take_options(g, w, &i));
		else if (pattern)
			return err_new(ERR_USAGE, "grep takes one pattern, and '%s' is another: quotes keep words together", s);
		else
			pattern = s;
	}
	if (!pattern)
		return err_new(ERR_USAGE, "grep needs a pattern");
	return compile(g, pattern);
}

struct err *stage_grep(const struct words *w, struct stage **ret)
{
	struct grep *g = xcalloc(1, sizeof(*g));
	struct err *e = take_words(g, w);

	g->out_below = MAX_LEVELS;
	g->stage = (struct stage){.sink = {grep_begin, grep_row, stage_note}, .finish = grep_finish, .destroy = grep_destroy};
	if (e) {
		grep_destroy(&g->stage);
		return e;
	}
	*ret = &g->stage;
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A chain of sinks: the last program's writes into the command's own sink, each before it into the next one.
 */
#include "engine/cmd/pipe.h"
#include "engine/base/alloc.h"
#include "engine/cmd/parse.h"
#include <string.h>

#define MAX_STAGES 8

struct pipe {
	struct stage *v[MAX_STAGES]; /* in the order in which rows pass */
	size_t n;
	struct sink *out;
	char *text;
};

void stage_note(struct sink *s, enum role role, const char *text)
{
	struct stage *g = (struct stage *)s;

	g->out->note(g->out, role, text);
}

static struct err *stage_nothing(const struct words *w, struct stage **ret)
{
	(void)w;
	*ret = NULL; /* the screen pages by itself */
	return NULL;
}

static const struct program {
	const char *name;
	struct err *(*create)(const struct words *w, struct stage **ret); /* NULL: can't be had */
} programs[] = {
	{"grep", stage_grep},	 {"egrep", stage_grep},	  {"fgrep", stage_grep},   {"head", stage_head},
	{"tail", stage_tail},	 {"wc", stage_count},	  {"less", stage_nothing}, {"more", stage_nothing},
	{"awk", NULL},		 {"sed", NULL},		  {"sort", NULL},	   {"uniq", NULL},
	{"cut", NULL},		 {"tr", NULL},		  {"tee", NULL},	   {"xargs", NULL},
	{"sh", NULL},		 {"bash", NULL},	  {"cat", NULL},	   {"perl", NULL},
	{"python3", NULL},	 {"vi", NULL},		  {"vim", NULL},	   {"column", NULL},
};

static const struct program *program_at(const char *s)
{
	s += strspn(s, " \t");
	size_t n = strcspn(s, " \t|");

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (strlen(programs[i].name) == n && !strncmp(programs[i].name, s, n))
			return &programs[i];
	return NULL;
}

bool pipe_program(const char *name)
{
	const struct program *p = program_at(name);

	return p && p->create;
}

const char *pipe_program_name(size_t i)
{
	return i < sizeof(programs) / sizeof(*programs) && programs[i].create ? programs[i].name : NULL;
}

const char *pipe_find(const char *line)
{
	for (const char *p = line; *p; p++) {
		const char *end = *p == '"' || *p == '\'' ? strchr(p + 1, *p) : NULL;
		if (end)
			p = end;
		else if (*p == '\\' && p[1])
			p++;
		else if (*p == '|' && p > line && program_at(p + 1))
			return p;
	}
	return NULL;
}

static struct err *add_stage(struct pipe *p, const char *text)
{
	const struct program *program = program_at(text);
	struct words w;
	struct err *e = NULL;

	if (!program)
		return err_new(ERR_USAGE, "after '|': grep, head, tail or wc -l is expected, not '%s'", text);
	if (!program->create)
		return err_new(ERR_USAGE, "'| %s' can't be had here: what passes are rows with links, no text; grep, head, "
			       "tail and wc -l can. In a shell: vmbrowse -x 'COMMAND' ... | %s",
			       program->name, program->name);
	if (p->n == MAX_STAGES)
		return err_new(ERR_USAGE, "more than %d programs in a row", MAX_STAGES);
	words_split(text, &w);
	if (w.open_quote)
		e = err_new(ERR_USAGE, "%s: a quote is not closed", program->name);
	else
		e = program->create(&w, &p->v[p->n]);
	words_free(&w);
	if (!e && p->v[p->n])
		p->n++;
	return e;
}

static struct err *add_stages(struct pipe *p, const char *text)
{
	while (text) {
		const char *next = pipe_find(text + 1);
		AUTO_FREE char *one = xstrndup(text + 1, next ? (size_t)(next - text - 1) : strlen(text + 1));
		TRY(add_stage(p, one));
		text = next;
	}
	return NULL;
}

struct err *pipe_create(const char *text, struct sink *out, struct pipe **ret)
{
	struct pipe *p = xcalloc(1, sizeof(*p));
	struct err *e = add_stages(p, text);

	p->out = out;
	p->text = xstrdup(text);
	for (size_t i = 0; i < p->n; i++) {
		p->v[i]->out = i + 1 < p->n ? &p->v[i + 1]->sink : out;
		p->v[i]->text = i ? "" : p->text; /* one of them tells it */
	}
	if (e) {
		pipe_destroy(p);
		return e;
	}
	*ret = p;
	return NULL;
}

struct sink *pipe_sink(struct pipe *p)
{
	return p->n ? &p->v[0]->sink : p->out;
}

bool pipe_is_full(const struct pipe *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i]->full)
			return true;
	return false;
}

struct err *pipe_finish(struct pipe *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct err *e = p->v[i]->finish(p->v[i]);
		if (e && !pipe_is_full(p))
			return e;
		err_free(e);
	}
	return NULL;
}

void pipe_destroy(struct pipe *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		p->v[i]->destroy(p->v[i]);
	free(p->text);
	free(p);
}

/* ---- what is held back ---- */

void held_row_set(struct held_row *h, const struct table *t, const struct row *r)
{
	size_t n = t->ncols;
	if (n > h->cap)
		h->cells = xrealloc(h->cells, h->cap = n, sizeof(*h->cells));
	buf_clear(&h->texts);
	for (size_t i = 0; i < n; i++) {
		h->cells[i] = r->cells[i];
		if (r->cells[i].text)
			buf_put(&h->texts, r->cells[i].text, strlen(r->cells[i].text) + 1);
	}
	if (r->key)
		buf_put(&h->texts, r->key, strlen(r->key) + 1);
	const char *text = h->texts.p;
	for (size_t i = 0; i < n; i++) {
		if (!h->cells[i].text)
			continue;
		h->cells[i].text = text;
		text += strlen(text) + 1;
	}
	h->row = *r;
	h->row.cells = h->cells;
	h->row.key = r->key ? text : NULL;
	h->filled = true;
}

void held_row_free(struct held_row *h)
{
	free(h->cells);
	buf_free(&h->texts);
	*h = (struct held_row){0};
}

void held_heading_set(struct held_heading *h, const struct heading *from, const char *tail)
{
	char *title = xstrdup(from->title), *crash;

	crash = from->crash[0] && tail[0] ? xasprintf("%s %s", from->crash, tail) : xstrdup(from->crash);
	held_heading_free(h);
	h->heading = *from;
	h->heading.title = h->title = title;
	h->heading.crash = h->crash = crash;
	h->waits = true;
}

void held_heading_free(struct held_heading *h)
{
	free(h->title);
	free(h->crash);
	*h = (struct held_heading){0};
}

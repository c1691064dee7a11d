/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * head, tail and wc -l over rows. head closes the pipe: the command ends as if it had been cancelled.
 */
#include "engine/cmd/pipe.h"
#include "engine/base/alloc.h"
#include "engine/cmd/parse.h"
#include <string.h>

#define DEFAULT_LINES 10
#define MAX_TAIL 100000 /* rows that are held */

struct cut {
	struct stage stage; /* first */
	size_t want, seen;
	struct held_heading heading;
	const struct table *table;
	struct held_row *ring; /* tail: the last `want` rows, row i in slot i % want */
	struct held_row base;  /* tail: the row that the first of them lies under, where that has gone */
};

static void cut_destroy(struct stage *s)
{
	struct cut *c = (struct cut *)s;

	for (size_t i = 0; c->ring && i < c->want; i++)
		held_row_free(&c->ring[i]);
	free(c->ring);
	held_row_free(&c->base);
	held_heading_free(&c->heading);
	free(c);
}

static struct err *finish_nothing(struct stage *s)
{
	(void)s;
	return NULL;
}

/* ---- head ---- */

static struct err *head_begin(struct sink *s, const struct heading *h)
{
	struct cut *c = (struct cut *)s;

	held_heading_set(&c->heading, h, c->stage.text);
	return c->stage.out->begin(c->stage.out, &c->heading.heading);
}

static struct err *head_row(struct sink *s, const struct row *r)
{
	struct cut *c = (struct cut *)s;

	if (c->seen >= c->want) {
		c->stage.full = true;
		return err_cancelled();
	}
	c->seen += r->only != ROW_FOR_MACHINES;
	return sink_row(c->stage.out, r);
}

/* ---- tail ---- */

static struct err *tail_begin(struct sink *s, const struct heading *h)
{
	struct cut *c = (struct cut *)s;

	if (h->table != c->table)
		c->seen = 0;
	c->table = h->table;
	held_heading_set(&c->heading, h, c->stage.text);
	return NULL;
}

static struct err *tail_row(struct sink *s, const struct row *r)
{
	struct cut *c = (struct cut *)s;
	const struct table *t = c->table && r->child ? c->table->child : c->table;
	struct held_row *slot = &c->ring[c->seen % c->want];

	if (!t)
		return NULL;
	if (c->seen >= c->want && !slot->row.child)
		held_row_set(&c->base, c->table, &slot->row);
	held_row_set(slot, t, r);
	c->seen++;
	return NULL;
}

static struct err *tail_finish(struct stage *s)
{
	struct cut *c = (struct cut *)s;
	size_t n = c->seen < c->want ? c->seen : c->want;

	if (!c->table)
		return NULL;
	TRY(s->out->begin(s->out, &c->heading.heading));
	if (n && c->ring[(c->seen - n) % c->want].row.child && c->base.filled)
		TRY(sink_row(s->out, &c->base.row));
	for (size_t i = c->seen - n; i < c->seen; i++)
		TRY(sink_row(s->out, &c->ring[i % c->want].row));
	return NULL;
}

/* ---- wc -l ---- */

static const struct col count_cols[] = {{"lines", "LINES", "how many rows there were", COL_RIGHT, 8, 0}};
static const struct table count_table = {.name = "wc", .cols = count_cols, .ncols = 1};

static struct err *count_begin(struct sink *s, const struct heading *h)
{
	(void)s, (void)h;
	return NULL;
}

static struct err *count_row(struct sink *s, const struct row *r)
{
	struct cut *c = (struct cut *)s;

	c->seen += r->only != ROW_FOR_MACHINES;
	return NULL;
}

struct err *pipe_count(struct sink *out, uint64_t n)
{
	struct cell v[] = {cell_uint(n)};

	TRY(sink_begin(out, &count_table, NULL, "", "Lines"));
	return sink_row(out, &(struct row){.cells = v});
}

static struct err *count_finish(struct stage *s)
{
	return pipe_count(s->out, ((struct cut *)s)->seen);
}

/* ---- words ---- */

/* "-n 5", "-n5", "-5"; *ret stays where there is none. */
static struct err *line_count(const struct words *w, size_t *ret)
{
	for (size_t i = 1; i < w->n; i++) {
		const char *s = w->v[i].text, *number = s + 1;
		char *end;
		if (s[0] == '-' && s[1] == 'n')
			number = s[2] ? s + 2 : i + 1 < w->n ? w->v[++i].text : "";
		unsigned long n = strtoul(number, &end, 10);
		if (s[0] != '-' || *number < '0' || *number > '9' || *end || !n)
			return err_new(ERR_USAGE, "%s: '%s' is no number of lines (-n 20)", w->v[0].text, s);
		*ret = n;
	}
	return NULL;
}

static struct err *create(const struct words *w, struct stage stage, struct cut **ret)
{
	struct cut *c = xcalloc(1, sizeof(*c));

	c->stage = stage;
	c->stage.destroy = cut_destroy;
	c->want = DEFAULT_LINES;
	struct err *e = line_count(w, &c->want);
	if (e) {
		free(c);
		return e;
	}
	*ret = c;
	return NULL;
}

struct err *stage_head(const struct words *w, struct stage **ret)
{
	struct cut *c;

	TRY(create(w, (struct stage){.sink = {head_begin, head_row, stage_note}, .finish = finish_nothing}, &c));
	*ret = &c->stage;
	return NULL;
}

struct err *stage_tail(const struct words *w, struct stage **ret)
{
	struct cut *c;

	TRY(create(w, (struct stage){.sink = {tail_begin, tail_row, stage_note}, .finish = tail_finish}, &c));
	c->want = c->want > MAX_TAIL ? MAX_TAIL : c->want;
	c->ring = xcalloc(c->want, sizeof(*c->ring));
	*ret = &c->stage;
	return NULL;
}

struct err *stage_count(const struct words *w, struct stage **ret)
{
	struct cut *c = xcalloc(1, sizeof(*c));

	c->stage = (struct stage){.sink = {count_begin, count_row, stage_note}, .finish = count_finish,
				  .destroy = cut_destroy};
	*ret = &c->stage;
	if (w->n == 2 && !strcmp(w->v[1].text, "-l"))
		return NULL;
	cut_destroy(&c->stage);
	*ret = NULL;
	return err_new(ERR_USAGE, "wc counts lines here: wc -l");
}

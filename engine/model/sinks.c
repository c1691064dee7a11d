/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Three ways to write the same rows. The text table holds back its first rows (LOOK of them) to choose
 * column widths, then streams; a later, wider cell simply pushes the rest of its line to the right.
 */
#include "engine/model/sinks.h"
#include "engine/base/alloc.h"
#include "engine/base/utf8.h"
#include <errno.h>
#include <string.h>

#define LOOK 200

struct writer {
	struct sink sink; /* first: the sink is the writer */
	FILE *out;
	enum out_format format;
	int width;
	const struct table *table;
	struct buf line;

	/* text */
	char **held; /* rendered cells of the rows held back: ncols strings a row */
	struct row *held_rows;
	size_t nheld;
	int *widths;
	bool streaming;

	/* json */
	bool any_row, row_open, in_children;
	struct buf errors;
};

static struct err *flush_line(struct writer *w)
{
	if (w->line.len && fwrite(w->line.p, 1, w->line.len, w->out) != w->line.len)
		return err_os(errno, "can't write the output");
	buf_clear(&w->line);
	return NULL;
}

/* ---- JSON ---- */

static void json_members(struct writer *w, const struct table *t, const struct row *r)
{
	bool first = true;

	for (size_t i = 0; i < t->ncols; i++) {
		if (t->cols[i].flags & COL_SCREEN)
			continue;
		buf_puts(&w->line, first ? "" : ", ");
		buf_put_json(&w->line, t->cols[i].key, strlen(t->cols[i].key));
		buf_puts(&w->line, ": ");
		cell_json(&r->cells[i], &w->line);
		first = false;
	}
}

/* The children of the row before are an array in it, which ends with the next row that is none. */
static void json_close_row(struct writer *w)
{
	if (!w->row_open)
		return;
	if (w->in_children)
		buf_puts(&w->line, "]");
	else if (w->table->child && w->table->child_always)
		buf_printf(&w->line, ", \"%s\": []", w->table->child_key);
	buf_puts(&w->line, "}");
	w->in_children = w->row_open = false;
}

static struct err *json_row(struct writer *w, const struct row *r)
{
	if (r->child) {
		if (w->in_children)
			buf_puts(&w->line, ", {");
		else
			buf_printf(&w->line, ", \"%s\": [{", w->table->child_key);
		w->in_children = true;
		json_members(w, w->table->child, r);
		buf_puts(&w->line, "}");
		return flush_line(w);
	}
	json_close_row(w);
	buf_puts(&w->line, w->any_row ? ", {" : "{");
	w->any_row = w->row_open = true;
	json_members(w, w->table, r);
	return flush_line(w);
}

/* ---- TSV ---- */

static void tsv_field(struct buf *out, const char *s)
{
	for (; *s; s++)
		buf_putc(out, *s == '\t' || *s == '\n' ? ' ' : *s);
}

static void tsv_cells(struct writer *w, const struct table *t, const struct row *r, bool first)
{
	AUTO_BUF struct buf text = {0};

	for (size_t i = 0; i < t->ncols; i++) {
		if (t->cols[i].flags & COL_SCREEN)
			continue;
		if (!first)
			buf_putc(&w->line, '\t');
		first = false;
		buf_clear(&text);
		struct cell c = r->cells[i];
		if (c.kind != CELL_TEXT)
			c.text = NULL; /* the number, not what people are shown */
		if (c.kind == CELL_NS)
			c.kind = CELL_UINT;
		cell_print(&c, &text);
		tsv_field(&w->line, buf_str(&text));
	}
}

static struct err *tsv_row(struct writer *w, const struct row *r)
{
	if (r->child) /* marked by an empty first field */
		buf_putc(&w->line, '\t');
	tsv_cells(w, r->child ? w->table->child : w->table, r, true);
	buf_putc(&w->line, '\n');
	return flush_line(w);
}

static struct err *tsv_heading(struct writer *w)
{
	bool first = true;

	for (size_t i = 0; i < w->table->ncols; i++) {
		if (w->table->cols[i].flags & COL_SCREEN)
			continue;
		buf_printf(&w->line, "%s%s", first ? "" : "\t", w->table->cols[i].key);
		first = false;
	}
	buf_putc(&w->line, '\n');
	return flush_line(w);
}

/* ---- text ---- */

static void text_cut(struct writer *w)
{
	if (w->width > 0)
		w->line.len = utf8_fit(w->line.p, w->line.len, w->width);
	while (w->line.len && w->line.p[w->line.len - 1] == ' ')
		w->line.len--;
	buf_putc(&w->line, '\n');
}

/* Writes one row from its rendered cells. */
static struct err *text_line(struct writer *w, const struct table *t, const struct row *r,
			     char *const *cells)
{
	if (r)
		for (unsigned i = 0; i < r->depth * 2 + (r->child ? 6 : 0); i++)
			buf_putc(&w->line, ' ');
	for (size_t i = 0; i < t->ncols; i++) {
		size_t from = w->line.len;
		int have = utf8_width(cells[i], strlen(cells[i]));
		int want = r && r->child ? 0 : w->widths[i];
		if (t->cols[i].flags & COL_DATA)
			continue;
		if (i == 0 && r)
			want -= (int)r->depth * 2;
		if (t->cols[i].flags & COL_RIGHT)
			for (int pad = want - have; pad > 0; pad--)
				buf_putc(&w->line, ' ');
		buf_puts(&w->line, cells[i]);
		buf_pad(&w->line, from, want);
		if (want || have)
			buf_puts(&w->line, "  ");
	}
	text_cut(w);
	return flush_line(w);
}

static char **text_render(const struct table *t, const struct row *r)
{
	char **v = xcalloc(t->ncols, sizeof(*v));

	for (size_t i = 0; i < t->ncols; i++) {
		struct buf b = {0};
		if (!(t->cols[i].flags & COL_DATA))
			cell_print(&r->cells[i], &b);
		v[i] = buf_steal(&b);
	}
	return v;
}

static void text_free_cells(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

static bool has_titles(const struct table *t)
{
	for (size_t i = 0; i < t->ncols; i++)
		if (!(t->cols[i].flags & COL_DATA) && t->cols[i].title[0])
			return true;
	return false;
}

static void text_measure(struct writer *w)
{
	const struct table *t = w->table;

	w->widths = xcalloc(t->ncols, sizeof(*w->widths));
	for (size_t i = 0; i < t->ncols; i++) {
		if (t->cols[i].flags & COL_DATA)
			continue;
		w->widths[i] = (int)strlen(t->cols[i].title);
		for (size_t r = 0; r < w->nheld; r++) {
			const char *s = w->held[r * t->ncols + i];
			int n = s ? utf8_width(s, strlen(s)) : 0;
			n += i == 0 ? (int)w->held_rows[r].depth * 2 : 0;
			if (!w->held_rows[r].child && n > w->widths[i])
				w->widths[i] = n;
		}
	}
}

/* Writes the heading and the rows held back; what comes after streams. */
static struct err *text_release(struct writer *w)
{
	const struct table *t = w->table;
	struct err *e = NULL;

	if (w->streaming || !t)
		return NULL;
	w->streaming = true;
	text_measure(w);
	if (has_titles(t) && w->nheld) {
		char **v = xcalloc(t->ncols, sizeof(*v));
		for (size_t i = 0; i < t->ncols; i++)
			v[i] = (char *)(uintptr_t)t->cols[i].title;
		e = text_line(w, t, NULL, v);
		free(v);
	}
	for (size_t r = 0; r < w->nheld && !e; r++) {
		const struct row *row = &w->held_rows[r];
		e = text_line(w, row->child ? t->child : t, row, &w->held[r * t->ncols]);
	}
	return e;
}

static void text_drop_held(struct writer *w)
{
	for (size_t i = 0; w->table && i < w->nheld * w->table->ncols; i++)
		free(w->held[i]);
	free(w->held);
	free(w->held_rows);
	free(w->widths);
	w->held = NULL;
	w->held_rows = NULL;
	w->widths = NULL;
	w->nheld = 0;
	w->streaming = false;
}

static struct err *text_row(struct writer *w, const struct row *r)
{
	const struct table *t = r->child ? w->table->child : w->table;
	bool fits = t->ncols <= w->table->ncols; /* else its cells can't be held beside the others */
	char **v = text_render(t, r);
	struct err *e = NULL;

	if (!w->streaming && w->nheld < LOOK && fits) {
		if (!w->held) {
			w->held = xcalloc(LOOK * w->table->ncols, sizeof(*w->held));
			w->held_rows = xcalloc(LOOK, sizeof(*w->held_rows));
		}
		memcpy(&w->held[w->nheld * w->table->ncols], v, t->ncols * sizeof(*v));
		w->held_rows[w->nheld++] = *r;
		free(v);
		return NULL;
	}
	e = text_release(w);
	if (!e)
		e = text_line(w, t, r, v);
	text_free_cells(v, t->ncols);
	return e;
}

/* ---- the sink ---- */

static struct err *writer_table(struct sink *s, const struct heading *h)
{
	struct writer *w = (struct writer *)s;

	if (w->format == OUT_JSON) {
		json_close_row(w); /* a second table's rows follow in the same array */
		w->table = h->table;
		return flush_line(w);
	}
	if (w->format == OUT_TEXT) {
		TRY(text_release(w));
		text_drop_held(w);
		if (w->table)
			buf_putc(&w->line, '\n');
		if (h->table->titled) {
			buf_put_safe(&w->line, h->title, strlen(h->title));
			text_cut(w);
		}
	}
	bool again = w->table == h->table;
	w->table = h->table;
	return w->format == OUT_TSV && !again ? tsv_heading(w) : flush_line(w);
}

static struct err *writer_row(struct sink *s, const struct row *r)
{
	struct writer *w = (struct writer *)s;

	if (r->only == (w->format == OUT_TEXT ? ROW_FOR_MACHINES : ROW_FOR_PEOPLE))
		return NULL;
	switch (w->format) {
	case OUT_JSON:
		return json_row(w, r);
	case OUT_TSV:
		return tsv_row(w, r);
	default:
		return text_row(w, r);
	}
}

static void json_error(struct writer *w, const char *text)
{
	buf_puts(&w->errors, w->errors.len ? ", " : "");
	buf_put_json(&w->errors, text, strlen(text));
}

static void writer_note(struct sink *s, enum role role, const char *text)
{
	struct writer *w = (struct writer *)s;
	AUTO_BUF struct buf safe = {0};

	(void)role;
	if (w->format == OUT_JSON) {
		json_error(w, text);
		return;
	}
	buf_put_safe(&safe, text, strlen(text));
	fprintf(stderr, "vmbrowse: %s\n", buf_str(&safe));
}

struct writer *writer_create(FILE *out, enum out_format f, int width)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	w->sink = (struct sink){writer_table, writer_row, writer_note};
	w->out = out;
	w->format = f;
	w->width = width;
	return w;
}

void writer_destroy(struct writer *w)
{
	if (!w)
		return;
	text_drop_held(w);
	buf_free(&w->line);
	buf_free(&w->errors);
	free(w);
}

struct sink *writer_sink(struct writer *w)
{
	return &w->sink;
}

void writer_begin(struct writer *w, const char *command)
{
	text_drop_held(w);
	w->table = NULL;
	w->any_row = w->row_open = w->in_children = false;
	buf_clear(&w->errors);
	buf_clear(&w->line);
	if (w->format != OUT_JSON)
		return;
	buf_puts(&w->line, "{\"command\": ");
	buf_put_json(&w->line, command, strlen(command));
	buf_puts(&w->line, ", \"rows\": [");
}

struct err *writer_end(struct writer *w, const struct err *error)
{
	if (w->format == OUT_TEXT)
		TRY(text_release(w));
	if (w->format == OUT_JSON) {
		json_close_row(w);
		if (error)
			json_error(w, err_text(error));
		buf_printf(&w->line, "], \"errors\": [%s]}\n", buf_str(&w->errors));
		TRY(flush_line(w));
	}
	return fflush(w->out) ? err_os(errno, "can't write the output") : NULL;
}

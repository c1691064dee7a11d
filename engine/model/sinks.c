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

/* A rendered cell. */
struct piece {
	size_t at, len;
	int width; /* columns */
};

struct writer {
	struct sink sink; /* first: the sink is the writer */
	FILE *out;
	enum out_format format;
	int width;
	const struct table *table;
	struct buf line;

	/* text */
	struct buf texts;    /* rendered cells of the rows held back, and of the one being written */
	struct piece *held;  /* where in texts: `across` pieces a row; the last row is the one being written */
	struct row *held_rows;
	size_t nheld, across;
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
			     const struct piece *v)
{
	if (r)
		for (unsigned i = 0; i < r->depth * 2 + (r->child ? 6 : 0); i++)
			buf_putc(&w->line, ' ');
	for (size_t i = 0; i < t->ncols; i++) {
		if (t->cols[i].flags & COL_DATA)
			continue;
		int want = r && r->child ? 0 : w->widths[i];
		if (i == 0 && r)
			want -= (int)r->depth * 2;
		bool right = t->cols[i].flags & COL_RIGHT;
		buf_pad(&w->line, w->line.len, right ? want - v[i].width : 0);
		buf_put(&w->line, buf_str(&w->texts) + v[i].at, v[i].len);
		buf_pad(&w->line, w->line.len, right ? 0 : want - v[i].width);
		if (want || v[i].width)
			buf_puts(&w->line, "  ");
	}
	text_cut(w);
	return flush_line(w);
}

/* Room for the pieces of held rows, and one more, of the table and its child table. */
static void text_room(struct writer *w)
{
	const struct table *t = w->table;
	size_t n = t->child && t->child->ncols > t->ncols ? t->child->ncols : t->ncols;

	if (n > w->across) {
		free(w->held);
		free(w->widths);
		w->across = n;
		w->held = xcalloc((LOOK + 1) * n, sizeof(*w->held));
		w->widths = xcalloc(n, sizeof(*w->widths));
	}
	if (!w->held_rows)
		w->held_rows = xcalloc(LOOK, sizeof(*w->held_rows));
}

static struct piece *text_render(struct writer *w, const struct table *t, const struct row *r)
{
	struct piece *v = &w->held[w->nheld * w->across];

	for (size_t i = 0; i < t->ncols; i++) {
		v[i] = (struct piece){.at = w->texts.len};
		if (t->cols[i].flags & COL_DATA)
			continue;
		if (r)
			cell_print(&r->cells[i], &w->texts);
		else
			buf_puts(&w->texts, t->cols[i].title);
		v[i].len = w->texts.len - v[i].at;
		v[i].width = utf8_width(buf_str(&w->texts) + v[i].at, v[i].len);
	}
	return v;
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

	for (size_t i = 0; i < t->ncols; i++) {
		w->widths[i] = 0;
		if (t->cols[i].flags & COL_DATA)
			continue;
		w->widths[i] = (int)strlen(t->cols[i].title);
		for (size_t r = 0; r < w->nheld; r++) {
			int n = w->held[r * w->across + i].width;
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
	if (has_titles(t) && w->nheld)
		e = text_line(w, t, NULL, text_render(w, t, NULL));
	for (size_t r = 0; r < w->nheld && !e; r++) {
		const struct row *row = &w->held_rows[r];
		e = text_line(w, row->child ? t->child : t, row, &w->held[r * w->across]);
	}
	w->nheld = 0;
	buf_clear(&w->texts);
	return e;
}

static void text_drop_held(struct writer *w)
{
	w->nheld = 0;
	w->streaming = false;
	buf_clear(&w->texts);
}

static struct err *text_row(struct writer *w, const struct row *r)
{
	const struct table *t = r->child ? w->table->child : w->table;

	if (!w->streaming && w->nheld == LOOK)
		TRY(text_release(w));
	const struct piece *v = text_render(w, t, r);
	if (!w->streaming) {
		w->held_rows[w->nheld++] = *r;
		return NULL;
	}
	struct err *e = text_line(w, t, r, v);
	buf_clear(&w->texts);
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
	text_room(w);
	return w->format == OUT_TSV && !again ? tsv_heading(w) : flush_line(w);
}

static struct err *writer_row(struct sink *s, const struct row *r)
{
	struct writer *w = (struct writer *)s;

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

	if (w->format == OUT_JSON) {
		if (role != ROLE_DIM) /* a detail is no error */
			json_error(w, text);
		return;
	}
	buf_put_safe(&safe, text, strlen(text));
	fprintf(stderr, "vmbrowse: %s\n", buf_str(&safe));
}

struct writer *writer_create(FILE *out, enum out_format f, int width)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	w->sink = (struct sink){writer_table, writer_row, writer_note,
				f == OUT_TEXT ? ROW_FOR_PEOPLE : ROW_FOR_MACHINES};
	w->out = out;
	w->format = f;
	w->width = width;
	return w;
}

void writer_destroy(struct writer *w)
{
	if (!w)
		return;
	free(w->held);
	free(w->held_rows);
	free(w->widths);
	buf_free(&w->texts);
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

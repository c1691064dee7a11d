/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Columns are as wide as they like to be, or as the widest cell seen so far; widths only ever grow,
 * so that nothing jumps while scrolling. When space is short the columns of the largest prio go
 * first; the growing column takes what is left. Rows of the child table have no columns of their
 * own: their cells follow one another.
 */
#include "tui/view_list.h"
#include "engine/base/alloc.h"
#include "engine/base/utf8.h"
#include "tui/wrap.h"
#include <string.h>

#define LOOK_AT 200 /* rows measured before the first is drawn */
#define INDENT 2
#define GROW_WANTS 34	   /* "name = 0xffff888000000000" with a name that says something */
#define TEXT_WANTS 64	   /* a growing column at the end of the line: text that is read */
#define ROOM_FOR_FAULTS 48 /* columns; in a narrower list "<excluded>" is cut */
#define MATTERS_LESS 3	   /* prio of columns that make room for the growing one */
#define LEAST_FLEXIBLE                                                                             \
	15 /* text is narrowed to this before its column is dropped; numbers are never cut */

static const struct table *table_of(const struct view *v, const struct row *r)
{
	return rows_table(v->run->rows, r);
}

static bool seen(const struct table *t, size_t col)
{
	return !(t->cols[col].flags & COL_DATA);
}

static size_t first_seen(const struct table *t)
{
	size_t i = 0;

	while (i + 1 < t->ncols && !seen(t, i))
		i++;
	return i;
}

static int indent_of(const struct view *v, size_t row)
{
	return v->tree ? v->rows[row].depth * INDENT + 2 : 0;
}

/* A title among the rows: nothing but text in the first column, which has the whole line. */
static bool spans(const struct row *r, const struct table *t)
{
	if (r->role != ROLE_TITLE || r->child)
		return false;
	for (size_t i = first_seen(t) + 1; i < t->ncols; i++)
		if (seen(t, i) &&
		    (r->cells[i].kind != CELL_TEXT || (r->cells[i].text && *r->cells[i].text)))
			return false;
	return true;
}

/* ---- widths ---- */

static void measure_row(struct view *v, size_t row)
{
	const struct row *r = view_row(v, row);
	const struct table *t = table_of(v, r);
	AUTO_BUF struct buf text = {0};

	if (r->child || spans(r, t))
		return;
	for (size_t i = 0; i < t->ncols && i < VIEW_MAX_COLS; i++) {
		if (!seen(t, i) || (r->cells[i].kind == CELL_ABSENT && !t->cols[i].title[0]))
			continue;
		buf_clear(&text);
		cell_print(&r->cells[i], &text);
		int w = utf8_width(buf_str(&text), text.len);
		if (r->cells[i].kind == CELL_FAULT && t->cols[i].width && w > t->cols[i].width) {
			v->fault_widths[i] = w; /* asks for room only where there is some */
			w = t->cols[i].width;
		}
		if (w && i == first_seen(t))
			w += indent_of(v, row);
		if (w > v->widths[i])
			v->widths[i] = w;
		if (r->cells[i].kind == CELL_ADDR)
			v->rigid |= 1u << i;
	}
}

static void measure(struct view *v)
{
	size_t end = v->nrows < LOOK_AT ? v->nrows : LOOK_AT;

	for (; v->measured < end; v->measured++)
		measure_row(v, v->measured);
	for (size_t i = v->top; i < v->nlines && i < v->top + (size_t)v->height; i++)
		if (v->lines[i] >= v->measured)
			measure_row(v, v->lines[i]);
}

/* ---- columns ---- */

/* What the growing column should have; squeezed: what it makes do with. */
static int grow_least(const struct view *v, const struct table *t, size_t i, int width,
		      bool squeezed)
{
	const struct col *c = &t->cols[i];
	int natural = v->widths[i], least = i + 1 < t->ncols || v->wrap ? GROW_WANTS : TEXT_WANTS;

	if (c->width)
		least = squeezed ? c->width / 2 : c->width;
	else if (squeezed)
		least = width * 3 / 5;
	return natural < least ? natural : least;
}

static int wanted(const struct view *v, const struct table *t, size_t i, int width)
{
	const struct col *c = &t->cols[i];
	int w = v->widths[i], title = utf8_width(c->title, strlen(c->title));

	if (c->flags & COL_GROW)
		w = grow_least(v, t, i, width, false);
	else if (width >= ROOM_FOR_FAULTS && v->fault_widths[i] > w)
		w = v->fault_widths[i];
	else if (w > width / 2 && !(c->flags & COL_WHOLE))
		w = width / 2;
	if (w < c->width && !(c->flags & COL_GROW))
		w = c->width;
	return w > title ? w : title;
}

static int total(const struct list_cols *c)
{
	int sum = 0;

	for (int i = 0; i < c->n; i++)
		sum += c->v[i].w + (i ? c->gap : 0);
	return sum;
}

/* May cells of this column be cut? */
static bool flexible(const struct view *v, const struct table *t, size_t i)
{
	return !(t->cols[i].flags & (COL_GROW | COL_RIGHT | COL_WHOLE)) && !(v->rigid >> i & 1);
}

/* Narrows text columns, until all fits or they are as narrow as is sensible: as they like to be, or
 * less in a tight place. */
static void narrow(const struct view *v, const struct table *t, int width, struct list_cols *c,
		   bool tight)
{
	for (int i = c->n - 1; i >= 0; i--) {
		int likes = tight ? 0 : t->cols[c->v[i].col].width;
		int give = c->v[i].w - (likes > LEAST_FLEXIBLE ? likes : LEAST_FLEXIBLE);
		int excess = total(c) - width;
		if (excess <= 0)
			return;
		if (flexible(v, t, c->v[i].col) && give > 0)
			c->v[i].w -= give < excess ? give : excess;
	}
}

/* Takes away the column with the largest prio, if that is at least `least`. */
static bool drop_one(const struct table *t, struct list_cols *c, int least)
{
	int worst = -1, prio = least - 1;

	for (int i = 0; i < c->n; i++)
		if (t->cols[c->v[i].col].prio > prio) {
			prio = t->cols[c->v[i].col].prio;
			worst = i;
		}
	if (worst < 0)
		return false;
	memmove(&c->v[worst], &c->v[worst + 1], sizeof(c->v[0]) * (size_t)(c->n - worst - 1));
	c->n--;
	return true;
}

static int *grow_width(const struct table *t, struct list_cols *c, int *at)
{
	for (*at = 0; *at < c->n; ++*at)
		if (t->cols[c->v[*at].col].flags & COL_GROW)
			return &c->v[*at].w;
	return NULL;
}

/* The growing column takes what its cells need of the spare, then narrowed ones get theirs back; at
 * the end of the line it takes all that is left. */
static void grow(const struct view *v, const struct table *t, int width, struct list_cols *c)
{
	int at, spare = width - total(c);
	int *w = grow_width(t, c, &at);

	if (w && spare > 0) {
		int need = v->widths[c->v[at].col] - *w;
		*w += need < 0 ? 0 : need < spare ? need : spare;
	}
	for (int i = 0; i < c->n; i++) {
		int natural = v->widths[c->v[i].col], fault = v->fault_widths[c->v[i].col];
		int need = (natural > fault ? natural : fault) - c->v[i].w;
		spare = width - total(c);
		if (spare > 0 && need > 0 && i != at)
			c->v[i].w += need < spare ? need : spare;
	}
	if (w && at + 1 == c->n && width > total(c))
		*w += width - total(c);
	if (w && v->left && v->widths[c->v[at].col] > *w)
		*w = v->widths[c->v[at].col];
}

/* Narrows and drops until it fits, or only columns are left whose prio is below `least`. */
static void squeeze(const struct view *v, const struct table *t, int width, struct list_cols *c,
		    int least)
{
	struct list_cols all = *c;

	narrow(v, t, width, c, least == 1);
	while (c->n > 1 && total(c) > width && drop_one(t, &all, least)) {
		*c = all; /* with one column less the others need be less narrow */
		narrow(v, t, width, c, least == 1);
	}
}

/* Columns that matter less go before the growing one gets less than it wants; those that matter
 * more go when it has given in too. */
static void fit(const struct view *v, const struct table *t, int width, struct list_cols *c)
{
	squeeze(v, t, width, c, MATTERS_LESS);
	if (total(c) > width) {
		for (int i = 0; i < c->n; i++)
			if (t->cols[c->v[i].col].flags & COL_GROW)
				c->v[i].w = grow_least(v, t, c->v[i].col, width, true);
		squeeze(v, t, width, c, 1);
	}
	for (int i = c->n - 1; i >= 0 && total(c) > width; i--) /* nothing else is left to give */
		if (t->cols[c->v[i].col].flags & COL_WHOLE) {
			int excess = total(c) - width, give = c->v[i].w - LEAST_FLEXIBLE;
			c->v[i].w -= give < excess ? (give > 0 ? give : 0) : excess;
		}
	grow(v, t, width, c);
}

/* For a list `width` columns wide (without the cursor's mark). */
static void list_columns(const struct view *v, int width, struct list_cols *ret)
{
	const struct heading *h = view_heading(v);
	const struct table *t = h ? h->table : NULL;
	int x = 0;

	*ret = (struct list_cols){.gap = width < 60 ? 1 : 2};
	for (size_t i = 0; t && i < t->ncols && i < VIEW_MAX_COLS; i++) {
		int w = seen(t, i) ? wanted(v, t, i, width) : 0;
		if (!seen(t, i) || (!w && !(t->cols[i].flags & COL_GROW)))
			continue;
		ret->v[ret->n].col = i;
		ret->v[ret->n].right = t->cols[i].flags & COL_RIGHT;
		ret->v[ret->n++].w = w;
		ret->heading |= t->cols[i].title[0] != '\0';
	}
	if (t)
		fit(v, t, width, ret);
	for (int i = 0; i < ret->n; i++) {
		ret->v[i].x = x;
		x += ret->v[i].w + ret->gap;
	}
	ret->total = total(ret);
}

/* Searching looks at what can be seen: when other columns are shown, it begins anew. */
static void note_shown(struct view *v, const struct list_cols *c)
{
	uint32_t shown = 0;

	for (int i = 0; i < c->n; i++)
		shown |= 1u << c->v[i].col;
	if (v->measured)
		view_set_shown(v, shown);
}

/* The last column is the one that can go on in the next line, where no tree stands before it. */
static void note_wrap(struct view *v, const struct list_cols *c)
{
	if (c->n && !(v->tree && c->n == 1))
		view_set_wrap(v, c->v[c->n - 1].col, c->v[c->n - 1].w);
}

/* ---- drawing ---- */

struct drawing {
	struct surface *s;
	struct view *v;
	struct rect r; /* of the rows, without the cursor's mark */
	struct list_cols cols;
	bool at_cursor; /* the row under it is being drawn */
};

static void mark_matches(const struct drawing *d, int y, int x, int max, const char *text, size_t n)
{
	size_t from = 0, start, end;

	while (d->v->search && from <= n &&
	       pattern_find(d->v->search, text, n, from, &start, &end)) {
		int a = utf8_width(text, start), b = utf8_width(text, end);
		if (a < max)
			surface_over(d->s, y, x + a, (b < max ? b : max) - a, OVER_MATCH);
		from = end > start ? end : end + 1;
	}
}

static enum style style_of(const struct row *r, const struct cell *c)
{
	return (enum style)(c->role != ROLE_NORMAL ? c->role : r->role);
}

/* Of "((struct vfsmount *)0x...)->mnt_sb->s_flags = 1" that is too long the value is worth most: steps at the
 * start of the path are left out. */
static size_t expression_skip(const char *text, size_t n, int max)
{
	const char *is = strstr(text, " = "), *best = text;

	for (const char *p = text; is && p < is; p++) {
		if (*p != '.' && (*p != '>' || p == text || p[-1] != '-'))
			continue;
		best = p + 1;
		if (utf8_width(best, n - (size_t)(best - text)) <= max)
			break;
	}
	return (size_t)(best - text);
}

static int draw_cell(const struct drawing *d, int y, int x, int max, const struct row *r,
		     const struct cell *c, bool right)
{
	AUTO_BUF struct buf text = {0};
	int w;

	cell_print(c, &text);
	w = utf8_width(buf_str(&text), text.len);
	if (w > max && d->at_cursor)
		d->v->cut = true;
	if (right && w < max)
		x += max - w;
	size_t skip = w > max ? surface_path_skip(buf_str(&text), text.len, max) : 0;
	if (skip && buf_str(&text)[skip - 1] != '/') /* not even the name has room */
		skip = surface_path_skip(buf_str(&text), text.len, max - 1);
	if (w > max && !skip)
		skip = expression_skip(buf_str(&text), text.len, max);
	int lead = skip && !strchr("/.>", buf_str(&text)[skip - 1]) ? surface_more(d->s, y, x, style_of(r, c)) : 0;
	x += lead;
	max -= lead;
	w = lead + surface_cut(d->s, y, x, max, style_of(r, c), buf_str(&text) + skip, text.len - skip);
	mark_matches(d, y, x, max, buf_str(&text) + skip, text.len - skip);
	return w;
}

static const char *fold_mark(const struct drawing *d, size_t row)
{
	if (!view_has_deeper(d->v, row))
		return "  ";
	if (view_folded(d->v, row))
		return d->s->ascii ? "+ " : "\u25b8 ";
	return d->s->ascii ? "- " : "\u25be ";
}

/* One line of a text that takes several. */
static void draw_part(const struct drawing *d, int y, int x, int w, const struct row *r,
		      const struct cell *c, size_t part)
{
	AUTO_BUF struct buf text = {0};
	const char *p;
	size_t n, next = 0, take;

	cell_print(c, &text);
	p = buf_str(&text);
	n = text.len;
	take = wrap_line(p, n, w, &next);
	for (; part && n; part--) {
		p += next;
		n -= next;
		take = wrap_line(p, n, w, &next);
	}
	surface_text(d->s, y, x, w, style_of(r, c), p, take);
	mark_matches(d, y, x, w, p, take);
}

static void draw_columns(const struct drawing *d, int y, size_t row, size_t part)
{
	const struct row *r = view_row(d->v, row);
	const struct table *t = table_of(d->v, r);

	if (spans(r, t)) {
		draw_cell(d, y, d->r.x, d->r.w, r, &r->cells[first_seen(t)], false);
		return;
	}
	for (int i = 0; i < d->cols.n; i++) {
		int x = d->r.x + d->cols.v[i].x - d->v->left, w = d->cols.v[i].w;
		size_t col = d->cols.v[i].col;
		bool wrapped = d->v->wrap && col == d->v->wrap_col && d->v->wrap_cols >= 8;
		if (col >= t->ncols || (part && !wrapped))
			continue;
		if (i == 0 && d->v->tree && !part) {
			int in = indent_of(d->v, row);
			surface_str(d->s, y, x + in - 2, 2, STYLE_BORDER, fold_mark(d, row));
			x += in;
			w -= in;
		}
		if (wrapped)
			draw_part(d, y, x, d->v->wrap_cols, r, &r->cells[col], part);
		else if (w > 0)
			draw_cell(d, y, x, w, r, &r->cells[col], d->cols.v[i].right);
	}
}

static void draw_child(const struct drawing *d, int y, size_t row)
{
	const struct row *r = view_row(d->v, row);
	const struct table *t = table_of(d->v, r);
	int in = indent_of(d->v, row), x = d->r.x + in - d->v->left;
	int end = d->r.x + d->r.w;

	surface_str(d->s, y, x - 2, 2, STYLE_BORDER, fold_mark(d, row));
	for (size_t i = 0; i < t->ncols && x < end; i++) {
		if (!seen(t, i) || r->cells[i].kind == CELL_ABSENT)
			continue;
		int w = draw_cell(d, y, x, d->v->left ? 1000 : end - x, r, &r->cells[i], false);
		x += w ? w + 2 : 0;
	}
}

static void draw_heading(const struct drawing *d, int y)
{
	const struct table *t = view_heading(d->v)->table;
	struct rect line = {y, d->r.x, 1, d->r.w};

	surface_fill(d->s, &line, STYLE_HEADING, ' ');
	for (int i = 0; i < d->cols.n; i++) {
		size_t col = d->cols.v[i].col;
		const char *title = t->cols[col].title;
		int w = d->cols.v[i].w, x = d->r.x + d->cols.v[i].x - d->v->left;
		int n = utf8_width(title, strlen(title));
		if (d->cols.v[i].right && n < w)
			x += w - n;
		surface_str(d->s, y, x, w, STYLE_HEADING, title);
		if (d->v->sort_col != col)
			continue;
		const char *arrow = d->v->sort_descending ? (d->s->ascii ? "v" : "\u25bc")
							  : (d->s->ascii ? "^" : "\u25b2");
		surface_str(d->s, y, x + n < d->r.x + d->r.w ? x + n : x + n - 1, 1, STYLE_KEY,
			    arrow);
	}
}

/* What the command wants to be known, in the free lines under the rows. */
static void draw_notes(const struct drawing *d, int y, int end)
{
	enum role role;
	const char *text;

	for (size_t i = 0; y < end && (text = rows_note(d->v->run->rows, i, &role)); i++, y++) {
		AUTO_BUF struct buf safe = {0};
		buf_puts(&safe, "note: ");
		buf_put_safe(&safe, text, strlen(text));
		surface_cut(d->s, y, d->r.x, d->r.w, (enum style)role, buf_str(&safe), safe.len);
	}
}

static void draw_line(struct drawing *d, int y, size_t line, bool focus)
{
	size_t row = d->v->lines[line];

	d->at_cursor = row == d->v->cursor_row;

	surface_clip(d->s, &d->r);
	if (view_row(d->v, row)->child)
		draw_child(d, y, row);
	else
		draw_columns(d, y, row, d->v->parts[line]);
	surface_clip(d->s, NULL);
	if (row != d->v->cursor_row)
		return;
	if (line == d->v->cursor)
		surface_str(d->s, y, d->r.x - 1, 1, STYLE_KEY, ">");
	surface_over(d->s, y, d->r.x, d->r.w, focus ? OVER_CURSOR : OVER_SELECTED);
}

void list_draw(struct surface *s, const struct rect *r, struct view *v, bool focus)
{
	struct drawing d = {.s = s, .v = v, .r = {r->y, r->x + 1, r->h, r->w - 1}};
	int y = r->y;

	if (r->h < 1 || r->w < 2 || !view_heading(v))
		return;
	view_make_lines(v);
	measure(v);
	list_columns(v, d.r.w, &d.cols);
	note_shown(v, &d.cols);
	note_wrap(v, &d.cols);
	view_make_lines(v);
	if (d.cols.heading && r->h > 2) {
		surface_clip(s, &d.r);
		draw_heading(&d, y++);
		surface_clip(s, NULL);
	}
	view_scroll(v, r->y + r->h - y);
	v->cut = false;
	v->max_left = d.cols.total > d.r.w ? (size_t)(d.cols.total - d.r.w) : 0;
	for (size_t i = v->top; i < v->nlines && y < r->y + r->h; i++, y++)
		draw_line(&d, y, i, focus);
	if (v->nlines)
		draw_notes(&d, y + 1, r->y + r->h);
}

size_t list_line_at(const struct view *v, const struct rect *r, int y)
{
	int first = r->y + r->h - v->height;
	size_t line = v->top + (size_t)(y - first);

	return y >= first && y < r->y + r->h && line < v->nlines ? line : NO_ROW;
}

void list_row_text(const struct view *v, size_t row, struct buf *out)
{
	const struct row *r = view_row(v, row);
	const struct table *t = r ? table_of(v, r) : NULL;

	for (size_t i = 0; t && i < t->ncols; i++) {
		AUTO_BUF struct buf text = {0};
		if (!seen(t, i) || r->cells[i].kind == CELL_ABSENT)
			continue;
		cell_print(&r->cells[i], &text);
		if (text.len)
			buf_printf(out, "%s%s", out->len ? "  " : "", buf_str(&text));
	}
}

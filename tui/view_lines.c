/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From rows to the lines that are seen: what a fold hides and a filter leaves out has none, a row whose text goes on
 * in the next line has several. Rows that come only add to the lines, unless they are ordered or chosen: then, as after
 * a change of folds, all lines are made again.
 */
#include "tui/view.h"
#include "engine/base/alloc.h"
#include "tui/wrap.h"

size_t view_row_at(const struct view *v, size_t position)
{
	return v->order && position < v->norder ? v->order[position] : position;
}

static void add_line(struct view *v, size_t row, size_t part)
{
	if (v->nlines == v->lines_cap) {
		v->lines_cap = v->lines_cap ? v->lines_cap * 2 : 64;
		v->lines = xrealloc(v->lines, v->lines_cap, sizeof(*v->lines));
		v->parts = xrealloc(v->parts, v->lines_cap, sizeof(*v->parts));
	}
	v->parts[v->nlines] = (uint16_t)part;
	v->lines[v->nlines++] = (uint32_t)row;
}

/* How many lines the row takes. */
static size_t parts_of(const struct view *v, size_t row)
{
	const struct row *r = view_row(v, row);
	AUTO_BUF struct buf text = {0};

	if (!v->wrap || v->wrap_cols < 8 || v->nrows > VIEW_WRAP_MOST || r->child)
		return 1;
	cell_print(&r->cells[v->wrap_col], &text);
	size_t n = wrap_count(buf_str(&text), text.len, v->wrap_cols);
	return n > UINT16_MAX ? UINT16_MAX : n;
}

static void add_row(struct view *v, size_t row)
{
	size_t n = parts_of(v, row);

	for (size_t i = 0; i < n; i++)
		add_line(v, row, i);
}

void view_set_wrap(struct view *v, size_t col, int cols)
{
	if (!v->wrap || (v->wrap_col == col && v->wrap_cols == cols))
		return;
	v->wrap_col = col;
	v->wrap_cols = cols;
	v->stale = true;
}

/* With a filter, what lies above a match is shown too, and what lies below a match may be. */
static bool filtered_out(const struct view *v, size_t row, unsigned *under)
{
	unsigned depth = v->rows[row].depth;

	if (!v->filter)
		return false;
	if (depth <= *under)
		*under = 256; /* has left what lies under the last match */
	if (v->rows[row].bits & ROW_PASS) {
		if (*under > depth)
			*under = depth;
		return false;
	}
	return *under == 256 && !(v->rows[row].bits & ROW_HAS_PASS);
}

/* From where the lines end; from the start if that is position 0. */
static void fill_lines(struct view *v)
{
	unsigned under = 256;

	if (!v->nfilled) {
		v->nlines = 0;
		v->folded_at = 256;
	}
	for (; v->nfilled < v->nrows; v->nfilled++) {
		size_t row = view_row_at(v, v->nfilled);
		unsigned depth = v->rows[row].depth;
		if (depth <= v->folded_at)
			v->folded_at = 256;
		bool out = filtered_out(v, row, &under);
		if (out || depth > v->folded_at)
			continue;
		add_row(v, row);
		bool open = v->filter && v->rows[row].bits & ROW_HAS_PASS;
		if (v->rows[row].bits & ROW_FOLDED && !open)
			v->folded_at = depth;
	}
}

/* The line of the row, else of the last visible one before it. */
static size_t line_of(const struct view *v, size_t row)
{
	size_t best = 0, best_row = NO_ROW;

	for (size_t i = 0; i < v->nlines; i++) {
		if (v->lines[i] == row)
			return i;
		if (v->lines[i] < row && (best_row == NO_ROW || v->lines[i] > best_row)) {
			best = i;
			best_row = v->lines[i];
		}
	}
	return best;
}

void view_make_lines(struct view *v)
{
	size_t was = v->cursor, height = v->cursor - (v->top < v->cursor ? v->top : v->cursor);

	bool all = v->stale;

	if (!all && v->nfilled == v->nrows)
		return;
	v->stale = false;
	v->nfilled = all ? 0 : v->nfilled;
	fill_lines(v);
	if (!v->nlines) {
		v->cursor = v->top = 0;
		v->cursor_row = NO_ROW;
		return;
	}
	if (!all && v->cursor_row != NO_ROW)
		return; /* the lines so far are where they were */
	v->cursor = v->cursor_row == NO_ROW ? 0 : line_of(v, v->cursor_row);
	v->cursor_row = v->lines[v->cursor];
	if (v->cursor != was) /* the row stays where it was on the screen */
		v->top = v->cursor > height ? v->cursor - height : 0;
}

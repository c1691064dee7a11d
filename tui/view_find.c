/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Searching and filtering go over all rows, also over those that a fold hides. They remember how
 * far they have got, so that they can stop after a few milliseconds, let keys through and go on;
 * and so that rows which come later are looked at too.
 */
#include "tui/view.h"
#include "engine/base/alloc.h"
#include <string.h>

#define SLICE 16 /* rows between looks at the clock: a bad pattern takes a millisecond for one */

static bool row_matches(const struct view *v, const struct pattern *p, size_t row, uint32_t shown)
{
	const struct row *r = view_row(v, row);

	return pattern_row(p, rows_table(v->run->rows, r), r, r->child ? 0 : shown);
}

/* The rows above a match have a match under them. */
static void mark_above(struct view *v, size_t row)
{
	size_t parent = row;

	while ((parent = view_parent(v, parent)) != NO_ROW &&
	       !(v->rows[parent].bits & ROW_HAS_PASS))
		v->rows[parent].bits |= ROW_HAS_PASS;
}

static bool filter_some(struct view *v, uint64_t deadline)
{
	size_t from = v->filtered;

	while (v->filter && v->filtered < v->nrows) {
		size_t i = v->filtered++;
		if (row_matches(v, v->filter, i, 0)) {
			v->rows[i].bits |= ROW_PASS;
			mark_above(v, i);
		}
		if (v->filtered % SLICE == 0 && clock_ns() > deadline)
			break;
	}
	v->stale |= from != v->filtered;
	return from != v->filtered;
}

static bool search_some(struct view *v, uint64_t deadline)
{
	size_t from = v->searched;

	while (v->search && v->searched < v->nrows) {
		size_t i = v->searched++;
		/* only what is on the screen: a match in a column that isn't there would puzzle */
		if (row_matches(v, v->search, i, v->shown)) {
			v->rows[i].bits |= ROW_HIT;
			v->hits++;
		}
		if (v->searched % SLICE == 0 && clock_ns() > deadline)
			break;
	}
	return from != v->searched;
}

/* A match that the filter lets through: itself, or something above or below it passes. */
static bool is_hit(const struct view *v, size_t row)
{
	if (!(v->rows[row].bits & ROW_HIT))
		return false;
	if (!v->filter || v->rows[row].bits & ROW_HAS_PASS)
		return true;
	for (; row != NO_ROW; row = view_parent(v, row))
		if (v->rows[row].bits & ROW_PASS)
			return true;
	return false;
}

static size_t position_of(const struct view *v, size_t row)
{
	for (size_t p = 0; v->order && p < v->norder; p++)
		if (v->order[p] == row)
			return p;
	return row;
}

static size_t next_hit(const struct view *v, size_t from, bool backward, bool here, bool *wrapped)
{
	size_t n = v->nrows, start = from == NO_ROW ? 0 : position_of(v, from);

	*wrapped = false;
	for (size_t k = here ? 0 : 1; k <= n; k++) {
		size_t p = backward ? (start + n - k % n) % n : (start + k) % n;
		size_t row = view_row_at(v, p);
		if (!is_hit(v, row))
			continue;
		*wrapped = backward ? p > start : p < start;
		return row;
	}
	return NO_ROW;
}

static bool do_jump(struct view *v)
{
	size_t row;

	if (!v->jump || v->searched < v->nrows || !v->nrows)
		return false;
	row = next_hit(v, v->jump_from, v->jump_backward, v->jump_here, &v->wrapped);
	if (row == NO_ROW && view_loading(v))
		return false;
	v->jump = false;
	if (row == NO_ROW)
		return true;
	view_to_row(v, row);
	return true;
}

bool view_find_work(struct view *v, uint64_t deadline, bool *more)
{
	bool changed = filter_some(v, deadline) | search_some(v, deadline);

	view_make_lines(v);
	changed |= do_jump(v);
	*more |= (v->filter && v->filtered < v->nrows) || (v->search && v->searched < v->nrows);
	return changed;
}

static void clear_bits(struct view *v, unsigned bits)
{
	for (size_t i = 0; i < v->nrows; i++)
		v->rows[i].bits &= (uint8_t)~bits;
}

struct err *view_set_filter(struct view *v, const char *text)
{
	struct pattern *p = NULL;

	if (text && *text)
		TRY(pattern_create_typed(text, &p));
	pattern_destroy(v->filter);
	free(v->filter_text);
	v->filter = p;
	v->filter_text = p ? xstrdup(text) : NULL;
	v->filtered = 0;
	v->stale = true;
	clear_bits(v, ROW_PASS | ROW_HAS_PASS);
	return NULL;
}

struct err *view_set_search(struct view *v, const char *text, bool backward)
{
	struct pattern *p = NULL;

	if (text && *text)
		TRY(pattern_create_typed(text, &p));
	v->search_backward = backward;
	if (p && v->search_text && !strcmp(text, v->search_text)) {
		pattern_destroy(p);
		return NULL;
	}
	pattern_destroy(v->search);
	free(v->search_text);
	v->search = p;
	v->search_text = p ? xstrdup(text) : NULL;
	v->searched = v->hits = 0;
	v->jump = v->wrapped = false;
	clear_bits(v, ROW_HIT);
	return NULL;
}

void view_set_shown(struct view *v, uint32_t columns)
{
	if (v->shown == columns)
		return;
	v->shown = columns;
	if (!v->search)
		return;
	v->searched = v->hits = 0;
	clear_bits(v, ROW_HIT);
}

void view_jump(struct view *v, bool backward, bool here)
{
	v->jump = true;
	v->jump_from = v->cursor_row;
	v->jump_here = here;
	v->jump_backward = backward;
}

size_t view_match_number(const struct view *v, size_t *total)
{
	size_t number = 0, n = 0;

	for (size_t p = 0; v->search && p < v->nrows; p++) {
		size_t row = view_row_at(v, p);
		if (!is_hit(v, row))
			continue;
		n++;
		if (row == v->cursor_row)
			number = n;
	}
	*total = n;
	return number;
}

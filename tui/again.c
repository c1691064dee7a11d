/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command that is run again on the same dump gives the same rows, so their numbers say where everything
 * was. With a vmlinux that has turned up meanwhile there may be more of them: then the row under the
 * cursor is found by its key, its link or its address, and folds are as the command likes them.
 */
#include "tui/again.h"
#include "engine/base/alloc.h"
#include <string.h>

struct past {
	char *line, *crumbs, *path;
	struct context ctx;
	size_t sort_col;
	bool sort_descending;
	char *filter, *search;
	bool search_backward, wrap;
	int left;
	uint8_t *folds;
	size_t nrows, row, top, height; /* height: of the cursor above the top */
	char *key, *parent_key; /* a variable's name is in many frames: parent_key is its frame's */
	struct ref ref;
	bool has_address;
	uint64_t address;
};

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static const char *parent_key(const struct view *v, size_t row)
{
	size_t parent = view_parent(v, row);

	return parent == NO_ROW ? NULL : view_row(v, parent)->key;
}

static void keep_place(struct past *p, const struct view *v)
{
	const struct row *r = view_current(v);

	p->folds = view_save_folds(v);
	p->nrows = v->nrows;
	p->row = v->cursor_row;
	p->top = v->top;
	p->height = v->cursor > v->top ? v->cursor - v->top : 0;
	p->left = v->left;
	if (!r)
		return;
	p->key = copy(r->key);
	p->parent_key = copy(parent_key(v, v->cursor_row));
	p->ref = r->ref;
	p->has_address = view_row_address(v, v->cursor_row, &p->address);
}

/* Left before it was as it was: then it is still to become that. */
static void keep_older_place(struct past *p, const struct past *older)
{
	p->folds = xcalloc(older->nrows + 1, 1);
	memcpy(p->folds, older->folds, older->nrows);
	p->nrows = older->nrows;
	p->row = older->row;
	p->top = older->top;
	p->height = older->height;
	p->left = older->left;
	p->key = copy(older->key);
	p->parent_key = copy(older->parent_key);
	p->ref = older->ref;
	p->has_address = older->has_address;
	p->address = older->address;
}

struct past *past_of(const struct view *v)
{
	struct past *p = xcalloc(1, sizeof(*p));

	p->line = xstrdup(v->run->line);
	p->crumbs = xstrdup(v->crumbs);
	p->path = copy(v->path);
	p->ctx = v->ctx;
	p->sort_col = v->sort_col;
	p->sort_descending = v->sort_descending;
	p->filter = copy(v->filter_text);
	p->search = copy(v->search_text);
	p->search_backward = v->search_backward;
	p->wrap = v->wrap;
	if (v->past && !v->moved)
		keep_older_place(p, v->past);
	else
		keep_place(p, v);
	return p;
}

void past_free(struct past *p)
{
	if (!p)
		return;
	free(p->line);
	free(p->crumbs);
	free(p->path);
	free(p->filter);
	free(p->search);
	free(p->folds);
	free(p->key);
	free(p->parent_key);
	free(p);
}

struct view *past_run(struct past *p, struct pool *pool, struct shell *sh)
{
	struct view *v = view_create(run_start(pool, sh, p->line, &p->ctx), p->crumbs);

	v->path = copy(p->path);
	v->sort_col = p->sort_col;
	v->sort_descending = p->sort_descending;
	v->wrap = p->wrap;
	err_free(view_set_filter(v, p->filter)); /* they were good patterns before */
	err_free(view_set_search(v, p->search, p->search_backward));
	v->past = p;
	return v;
}

static bool by_key(const struct view *v, const struct past *p, size_t row)
{
	const char *key = view_row(v, row)->key, *parent = parent_key(v, row);

	return p->key && p->key[0] && key && !strcmp(key, p->key) &&
	       (!p->parent_key || (parent && !strcmp(parent, p->parent_key)));
}

static bool by_ref(const struct view *v, const struct past *p, size_t row)
{
	return p->ref.kind && ref_equal(&view_row(v, row)->ref, &p->ref);
}

static bool by_address(const struct view *v, const struct past *p, size_t row)
{
	uint64_t addr;
	return p->has_address && view_row_address(v, row, &addr) && addr == p->address;
}

/* The row where the cursor was; NO_ROW: it isn't there any more. */
static size_t find_row(const struct view *v, const struct past *p)
{
	bool (*const ways[])(const struct view *, const struct past *, size_t) = {by_key, by_ref,
										  by_address};

	if (p->row == NO_ROW)
		return NO_ROW;
	bool keyed = p->key && p->key[0], named = keyed || p->ref.kind;
	bool same = p->row < v->nrows &&
		    (!named || (keyed ? by_key(v, p, p->row) : by_ref(v, p, p->row)));
	if (same && (named || v->nrows == p->nrows))
		return p->row;
	for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++)
		for (size_t i = 0; i < v->nrows; i++)
			if (ways[w](v, p, i))
				return i;
	return p->row < v->nrows ? p->row : v->nrows - 1;
}

static void apply(struct view *v, const struct past *p)
{
	bool same = v->nrows == p->nrows;
	size_t row;

	if (same)
		view_restore_folds(v, p->folds, p->nrows);
	v->stale = true;
	view_make_lines(v);
	if (v->moved || !v->nrows || (row = find_row(v, p)) == NO_ROW)
		return;
	view_to_row(v, row);
	v->top = same ? p->top : v->cursor > p->height ? v->cursor - p->height : 0;
	v->left = p->left;
}

bool past_apply(struct view *v)
{
	struct past *p = v->past;

	if (!p || view_loading(v) || v->sorting || (v->filter && v->filtered < v->nrows))
		return false;
	v->past = NULL;
	apply(v, p);
	past_free(p);
	return true;
}

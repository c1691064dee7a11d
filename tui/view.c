/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows come from a worker while people look at them. view_sync() takes up what is new: it notes how
 * deep each row lies, and has the list of visible lines brought up to date (view_lines.c). All
 * of that is linear in the rows and cheap; what isn't (matching text, sorting many rows) is cut
 * into slices or done by a worker, so that no key ever waits.
 */
#include "tui/view.h"
#include "engine/base/alloc.h"
#include "tui/again.h"
#include <string.h>
#include <time.h>

#define SORT_ON_WORKER 20000 /* rows */

uint64_t clock_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- sorting, by a worker where it takes long ---- */

struct sorting {
	struct work work; /* first */
	struct run *run;
	size_t col, n;
	bool descending;
	uint32_t *order;
};

static void sorting_destroy(struct work *w)
{
	struct sorting *s = (struct sorting *)w;

	work_unref(&s->run->work);
	free(s->order);
	free(s);
}

static void sorting_run(struct work *w)
{
	struct sorting *s = (struct sorting *)w;
	size_t *order = xcalloc(s->n, sizeof(*order));

	rows_sort(s->run->rows, s->col, s->descending, order, s->n);
	s->order = xcalloc(s->n, sizeof(*s->order));
	for (size_t i = 0; i < s->n; i++)
		s->order[i] = (uint32_t)order[i];
	free(order);
}

static void start_sorting(struct view *v, struct pool *pool)
{
	struct sorting *s;

	if (v->sorting)
		work_drop(&v->sorting->work);
	v->sorting = NULL;
	if (v->sort_col == SIZE_MAX || !v->nrows)
		return;
	s = xcalloc(1, sizeof(*s));
	s->run = (struct run *)work_ref(&v->run->work);
	s->col = v->sort_col;
	s->n = v->nrows;
	s->descending = v->sort_descending;
	v->sorting = s;
	if (s->n >= SORT_ON_WORKER && pool) {
		work_start(pool, &s->work, "sort", sorting_run, sorting_destroy);
	} else {
		work_ready(&s->work, sorting_destroy);
		sorting_run(&s->work);
	}
}

static bool take_sorting(struct view *v)
{
	if (!v->sorting || !work_done(&v->sorting->work))
		return false;
	free(v->order);
	v->order = v->sorting->order;
	v->norder = v->sorting->n;
	v->sorting->order = NULL;
	work_unref(&v->sorting->work);
	v->sorting = NULL;
	v->stale = true;
	return true;
}

void view_sort(struct view *v, struct pool *pool, size_t col, bool descending)
{
	v->sort_col = col;
	v->sort_descending = descending;
	if (col == SIZE_MAX) {
		free(v->order);
		v->order = NULL;
		v->norder = 0;
		v->stale = true;
	}
	start_sorting(v, pool);
	take_sorting(v);
}

/* ---- life ---- */

struct view *view_create(struct run *run, const char *crumbs)
{
	struct view *v = xcalloc(1, sizeof(*v));

	v->run = run;
	v->ctx = run->given;
	v->crumbs = xstrdup(crumbs ? crumbs : "");
	v->sort_col = SIZE_MAX;
	v->cursor_row = NO_ROW;
	v->height = 1;
	return v;
}

void view_destroy(struct view *v)
{
	if (!v)
		return;
	if (v->twin) {
		v->twin->twin = NULL;
		view_destroy(v->twin);
	}
	if (v->sorting)
		work_drop(&v->sorting->work);
	work_drop(&v->run->work);
	pattern_destroy(v->filter);
	pattern_destroy(v->search);
	free(v->filter_text);
	free(v->search_text);
	past_free(v->past);
	free(v->crumbs);
	free(v->path);
	free(v->rows);
	free(v->order);
	free(v->lines);
	free(v->parts);
	free(v->wish_key);
	free(v);
}

void view_hand_twin(struct view *from, struct view *to)
{
	to->twin = from->twin;
	if (to->twin)
		to->twin->twin = to;
	from->twin = NULL;
}

/* ---- rows ---- */

const struct heading *view_heading(const struct view *v)
{
	return rows_heading(v->run->rows);
}

const struct row *view_row(const struct view *v, size_t row)
{
	return row < v->nrows ? rows_at(v->run->rows, row) : NULL;
}

const struct row *view_current(const struct view *v)
{
	return v->cursor_row == NO_ROW ? NULL : view_row(v, v->cursor_row);
}

bool view_loading(const struct view *v)
{
	return !rows_finished(v->run->rows);
}

bool view_can_run_again(const struct view *v)
{
	AUTO_FREE char *word = xstrndup(v->run->line, strcspn(v->run->line, " "));
	const struct cmd *c = cmd_find(word);

	return v->run->shell && !(c && c->acts);
}

bool view_has_deeper(const struct view *v, size_t row)
{
	return row + 1 < v->nrows && v->rows[row + 1].depth > v->rows[row].depth;
}

size_t table_column(const struct table *t, const char *key)
{
	for (size_t i = 0; i < t->ncols; i++)
		if (!strcmp(t->cols[i].key, key))
			return i;
	return SIZE_MAX;
}

static bool number_cell(const struct view *v, size_t row, const char *key, uint64_t *ret)
{
	const struct row *r = view_row(v, row);
	size_t col;

	if (!r)
		return false;
	col = table_column(rows_table(v->run->rows, r), key);
	if (col == SIZE_MAX || (r->cells[col].kind != CELL_UINT && r->cells[col].kind != CELL_ADDR))
		return false;
	*ret = r->cells[col].u;
	return true;
}

bool view_row_address(const struct view *v, size_t row, uint64_t *ret)
{
	const struct heading *h = view_heading(v);
	const struct row *r = view_row(v, row);
	uint64_t offset;

	if (!h || !r)
		return false;
	if (h->ref.kind == REF_OBJECT && number_cell(v, row, "offset", &offset)) {
		*ret = h->ref.addr + offset;
		return true;
	}
	if (number_cell(v, row, "address", ret))
		return true;
	if (r->ref.kind == REF_USER) {
		*ret = r->ref.aux;
		return true;
	}
	*ret = r->ref.addr;
	return r->ref.kind == REF_TASK || r->ref.kind == REF_OBJECT || r->ref.kind == REF_MEM ||
	       r->ref.kind == REF_PHYS || (r->ref.kind == REF_SYM && r->ref.addr);
}

static bool take_rows(struct view *v)
{
	size_t n = rows_count(v->run->rows), from = v->nrows;

	if (n > UINT32_MAX)
		n = UINT32_MAX;
	for (size_t i = from; i < n; i++) {
		const struct row *r = rows_at(v->run->rows, i);
		unsigned depth = r->depth;
		GROW(v->rows, v->nrows, v->rows_cap);
		if (r->child)
			depth += v->base_depth + 1;
		else
			v->base_depth = depth;
		v->rows[i] = (struct view_line){depth > 255 ? 255 : (uint8_t)depth,
						r->folded ? ROW_FOLDED : 0};
		v->nrows = i + 1;
		if (i && v->rows[i].depth > v->rows[i - 1].depth)
			v->tree = true;
	}
	/* rows at the end leave the lines of the others as they are, unless something orders or chooses them */
	bool wrap_ends = v->wrap && from <= VIEW_WRAP_MOST && n > VIEW_WRAP_MOST;
	v->stale |= n != from && (v->order || v->filter || wrap_ends);
	return n != from;
}

/* ---- cursor ---- */

void view_to_line(struct view *v, size_t line)
{
	view_make_lines(v);
	if (!v->nlines)
		return;
	v->cursor = line < v->nlines ? line : v->nlines - 1;
	v->cursor_row = v->lines[v->cursor];
	v->moved = true;
	v->centre = false;
	v->wish = WISH_NONE;
	v->jump = false;
}

void view_move(struct view *v, long by)
{
	long to = (long)v->cursor + by;
	view_to_line(v, to < 0 ? 0 : (size_t)to);
}

void view_to_row(struct view *v, size_t row)
{
	size_t parent = row, top = v->top;

	if (row >= v->nrows)
		return;
	while ((parent = view_parent(v, parent)) != NO_ROW)
		view_fold(v, parent, false);
	v->stale = true;
	v->cursor_row = row;
	view_make_lines(v);
	v->top = top;
	if (v->cursor < v->top || v->cursor >= v->top + (size_t)v->height)
		v->top = v->cursor > (size_t)v->height / 3 ? v->cursor - (size_t)v->height / 3 : 0;
}

void view_scroll(struct view *v, int height)
{
	size_t h = height < 1 ? 1 : (size_t)height;

	v->height = (int)h;
	if (v->centre && v->wish == WISH_NONE) {
		v->top = v->cursor > h / 2 ? v->cursor - h / 2 : 0;
		v->centre = view_loading(v); /* rows that come may make room for it */
	}
	if (v->cursor < v->top)
		v->top = v->cursor;
	if (v->cursor >= v->top + h)
		v->top = v->cursor - h + 1;
	if (v->nlines <= h)
		v->top = 0;
	else if (v->top + h > v->nlines)
		v->top = v->nlines - h;
}

/* ---- wishes ---- */

void view_wish(struct view *v, enum wish_kind kind, const char *key, uint64_t number,
	       const struct ref *ref)
{
	free(v->wish_key);
	v->wish_key = key ? xstrdup(key) : NULL;
	v->wish = kind;
	v->wish_number = number;
	v->centre = false;
	if (ref)
		v->wish_ref = *ref;
}

static bool wish_fits(const struct view *v, size_t row)
{
	const struct row *r = view_row(v, row);
	uint64_t n;

	switch (v->wish) {
	case WISH_KEY:
		return r->key && v->wish_key && !strcmp(r->key, v->wish_key);
	case WISH_REF:
		return ref_equal(&r->ref, &v->wish_ref);
	case WISH_LOG:
		return number_cell(v, row, "seq", &n) && n == v->wish_number;
	case WISH_MARKED:
		return r->role == ROLE_TITLE;
	default:
		return false;
	}
}

/* The last row whose address isn't behind the one wished for. */
static size_t nearest_address(const struct view *v)
{
	size_t best = NO_ROW;
	uint64_t addr, least = UINT64_MAX;

	for (size_t i = 0; i < v->nrows; i++)
		if (view_row_address(v, i, &addr) && addr <= v->wish_number &&
		    v->wish_number - addr < least) {
			least = v->wish_number - addr;
			best = i;
		}
	return best;
}

static void grant_wish(struct view *v)
{
	size_t row = NO_ROW;

	if (v->wish == WISH_NONE)
		return;
	for (size_t i = 0;
	     i < v->nrows && row == NO_ROW && v->wish != WISH_ADDRESS && v->wish != WISH_END; i++)
		if (wish_fits(v, i))
			row = i;
	if (v->wish == WISH_ADDRESS && !view_loading(v))
		row = nearest_address(v);
	if (v->wish == WISH_END && !view_loading(v) && v->nrows)
		row = v->nrows - 1;
	if (row != NO_ROW)
		view_to_row(v, row);
	if (row != NO_ROW || !view_loading(v))
		v->wish = WISH_NONE;
}

/* What is about one of its rows, a line of source, where a frame stands in its code, or the chosen frame of
 * a stack, begins there. */
static void wish_for_subject(struct view *v)
{
	const struct heading *h = view_heading(v);

	if (v->begun || !h)
		return;
	v->begun = true;
	if (v->wish != WISH_NONE || v->past)
		return;
	struct ref frame = ref_frame(v->ctx.task.addr, v->ctx.frame, v->ctx.level);
	if (h->ref.kind == REF_SRC)
		view_wish(v, WISH_REF, NULL, 0, &h->ref);
	else if (h->ref.kind == REF_SYM)
		view_wish(v, WISH_MARKED, NULL, 0, NULL);
	else if (ref_equal(&h->ref, &v->ctx.task) && (v->ctx.frame || v->ctx.level))
		view_wish(v, WISH_REF, NULL, 0, &frame);
	v->centre = v->wish != WISH_NONE;
}

/* ---- folds ---- */

bool view_folded(const struct view *v, size_t row)
{
	bool open = v->filter && v->rows[row].bits & ROW_HAS_PASS;
	return v->rows[row].bits & ROW_FOLDED && !open;
}

void view_fold(struct view *v, size_t row, bool folded)
{
	if (row >= v->nrows)
		return;
	if (folded)
		v->rows[row].bits |= ROW_FOLDED;
	else
		v->rows[row].bits &= (uint8_t)~ROW_FOLDED;
	v->stale = true;
}

/* What comes into view below the cursor's row is what somebody wanted to see: it is brought onto the screen, as far as
 * the row itself stays there. */
void view_unfold(struct view *v, size_t row)
{
	size_t h = v->height < 1 ? 1 : (size_t)v->height, last;

	view_fold(v, row, false);
	view_make_lines(v);
	if (row != v->cursor_row)
		return;
	last = v->cursor;
	while (last + 1 < v->nlines && last < v->cursor + h * 2 / 3 &&
	       (v->lines[last + 1] == row || v->rows[v->lines[last + 1]].depth > v->rows[row].depth))
		last++;
	if (last >= v->top + h)
		v->top = last - h + 1;
}

void view_toggle(struct view *v, size_t row)
{
	if (view_folded(v, row)) {
		view_unfold(v, row);
		return;
	}
	view_fold(v, row, true);
	view_make_lines(v);
}

void view_fold_all(struct view *v, bool folded)
{
	for (size_t i = 0; i < v->nrows; i++)
		if (view_has_deeper(v, i))
			view_fold(v, i, folded);
	view_make_lines(v);
}

uint8_t *view_save_folds(const struct view *v)
{
	uint8_t *saved = xcalloc(v->nrows + 1, 1);

	for (size_t i = 0; i < v->nrows; i++)
		saved[i] = v->rows[i].bits & ROW_FOLDED;
	return saved;
}

void view_restore_folds(struct view *v, const uint8_t *saved, size_t n)
{
	for (size_t i = 0; i < n && i < v->nrows; i++)
		view_fold(v, i, saved[i]);
}

size_t view_parent(const struct view *v, size_t row)
{
	if (row >= v->nrows || !v->rows[row].depth)
		return NO_ROW;
	for (size_t i = row; i-- > 0;)
		if (v->rows[i].depth < v->rows[row].depth)
			return i;
	return NO_ROW;
}

/* ---- sync ---- */

bool view_sync(struct view *v, struct pool *pool, uint64_t budget_ns, bool *more)
{
	bool finished = rows_finished(v->run->rows); /* before the count: no row comes after it */
	bool changed = take_rows(v);

	*more = false;
	changed |= finished && !v->finished;
	v->finished = finished;
	if (finished && v->sort_col != SIZE_MAX && !v->sorting && v->norder != v->nrows)
		start_sorting(v, pool);
	changed |= take_sorting(v);
	changed |= view_find_work(v, clock_ns() + budget_ns, more);
	view_make_lines(v);
	wish_for_subject(v);
	changed |= past_apply(v);
	if (changed || !view_loading(v))
		grant_wish(v);
	*more |= v->sorting && work_done(&v->sorting->work);
	return changed;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows live in chunks that never move; the worker fills a chunk and then publishes the new count with
 * a release store, so the screen's thread reads rows below that count without a lock. The table of
 * chunks is of fixed size with chunks that double, which bounds it at 32 entries.
 */
#include "engine/model/rows.h"
#include "engine/base/alloc.h"
#include "engine/base/arena.h"
#include <stdatomic.h>
#include <string.h>

#define FIRST_CHUNK 64
#define CHUNKS 32

struct note {
	enum role role;
	const char *text;
};

struct rows {
	struct sink sink; /* first: the sink is the rows */
	struct arena arena;
	struct heading heading;
	atomic_bool have_heading, finished;
	struct row *chunk[CHUNKS];
	atomic_size_t count;
	size_t told;	 /* rows that the screen was told about */
	bool second_table;
	struct note notes[64];
	atomic_size_t nnotes;
	struct err *err;
	void (*news)(void *ctx);
	void *ctx;
};

static void tell(struct rows *r)
{
	r->told = atomic_load_explicit(&r->count, memory_order_relaxed);
	if (r->news)
		r->news(r->ctx);
}

static const char *keep(struct rows *r, const char *s)
{
	return s ? arena_strdup(&r->arena, s) : NULL;
}

/* Chunk c holds FIRST_CHUNK << c rows. */
static struct row *slot(const struct rows *r, size_t i, size_t *chunk)
{
	size_t c = 0, first = 0;

	while (i - first >= (size_t)FIRST_CHUNK << c)
		first += (size_t)FIRST_CHUNK << c++;
	*chunk = c;
	return r->chunk[c] ? &r->chunk[c][i - first] : NULL;
}

static struct err *rows_row(struct sink *s, const struct row *row)
{
	struct rows *r = (struct rows *)s;
	size_t n = atomic_load_explicit(&r->count, memory_order_relaxed), c;
	const struct table *t = rows_table(r, row);
	struct row *to = slot(r, n, &c);

	if (r->second_table || !t)
		return NULL;
	if (!to) {
		if (c >= CHUNKS - 1)
			return err_new(ERR_UNSUPPORTED, "too many rows for one pane");
		r->chunk[c] = xcalloc((size_t)FIRST_CHUNK << c, sizeof(struct row));
		to = slot(r, n, &c);
	}
	struct cell *cells = arena_alloc(&r->arena, t->ncols * sizeof(*cells));
	for (size_t i = 0; i < t->ncols; i++) {
		cells[i] = row->cells[i];
		cells[i].text = keep(r, cells[i].text);
	}
	*to = *row;
	to->cells = cells;
	to->key = keep(r, row->key);
	atomic_store_explicit(&r->count, n + 1, memory_order_release);
	if (n + 1 == 32 || n + 1 >= r->told * 2)
		tell(r);
	return NULL;
}

/* The same table goes on under a new title: the title becomes a row, in the first column people see. */
static struct err *add_title(struct rows *r, const struct heading *h)
{
	const struct table *t = h->table;
	struct cell *cells = xcalloc(t->ncols, sizeof(*cells));
	bool placed = false;

	for (size_t i = 0; i < t->ncols; i++) {
		cells[i] = cell_role(cell_text(""), ROLE_TITLE);
		if (placed || (t->cols[i].flags & COL_DATA))
			continue;
		cells[i].text = h->title;
		placed = true;
	}
	struct row row = {.cells = cells, .ref = h->ref, .role = ROLE_TITLE};
	struct err *e = rows_row(&r->sink, &row);
	free(cells);
	return e;
}

static struct err *rows_begin(struct sink *s, const struct heading *h)
{
	struct rows *r = (struct rows *)s;

	if (atomic_load_explicit(&r->have_heading, memory_order_relaxed)) {
		r->second_table = h->table != r->heading.table;
		return r->second_table ? NULL : add_title(r, h);
	}
	r->heading = *h;
	r->heading.title = keep(r, h->title);
	r->heading.crash = keep(r, h->crash);
	atomic_store_explicit(&r->have_heading, true, memory_order_release);
	tell(r);
	return NULL;
}

static void rows_add_note(struct sink *s, enum role role, const char *text)
{
	struct rows *r = (struct rows *)s;
	size_t n = atomic_load_explicit(&r->nnotes, memory_order_relaxed);

	if (n == sizeof(r->notes) / sizeof(*r->notes))
		return;
	r->notes[n] = (struct note){role, keep(r, text)};
	atomic_store_explicit(&r->nnotes, n + 1, memory_order_release);
}

struct rows *rows_create(void (*news)(void *ctx), void *ctx)
{
	struct rows *r = xcalloc(1, sizeof(*r));
	r->sink = (struct sink){rows_begin, rows_row, rows_add_note, ROW_FOR_PEOPLE};
	r->news = news;
	r->ctx = ctx;
	return r;
}

void rows_destroy(struct rows *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < CHUNKS; i++)
		free(r->chunk[i]);
	arena_free(&r->arena);
	err_free(r->err);
	free(r);
}

struct sink *rows_sink(struct rows *r)
{
	return &r->sink;
}

void rows_finish(struct rows *r, struct err *e)
{
	r->err = err_keep(e);
	atomic_store_explicit(&r->finished, true, memory_order_release);
	tell(r);
}

const struct heading *rows_heading(const struct rows *r)
{
	return atomic_load_explicit(&r->have_heading, memory_order_acquire) ? &r->heading : NULL;
}

size_t rows_count(const struct rows *r)
{
	return atomic_load_explicit(&r->count, memory_order_acquire);
}

const struct row *rows_at(const struct rows *r, size_t i)
{
	size_t c;
	return slot(r, i, &c);
}

bool rows_finished(const struct rows *r)
{
	return atomic_load_explicit(&r->finished, memory_order_acquire);
}

const struct err *rows_error(const struct rows *r)
{
	return rows_finished(r) ? r->err : NULL;
}

const char *rows_note(const struct rows *r, size_t i, enum role *role)
{
	if (i >= atomic_load_explicit(&r->nnotes, memory_order_acquire))
		return NULL;
	if (role)
		*role = r->notes[i].role;
	return r->notes[i].text;
}

const struct table *rows_table(const struct rows *r, const struct row *row)
{
	return row->child ? r->heading.table->child : r->heading.table;
}

size_t rows_memory(const struct rows *r)
{
	size_t n = sizeof(*r) + r->arena.used;
	for (size_t c = 0; c < CHUNKS && r->chunk[c]; c++)
		n += ((size_t)FIRST_CHUNK << c) * sizeof(struct row);
	return n;
}

struct sorting {
	const struct rows *rows;
	size_t col;
	bool descending;
};

static int compare_heads(const void *pa, const void *pb, void *arg)
{
	const struct sorting *s = arg;
	size_t a = *(const size_t *)pa, b = *(const size_t *)pb;
	const struct cell *ca = &rows_at(s->rows, a)->cells[s->col];
	const struct cell *cb = &rows_at(s->rows, b)->cells[s->col];
	bool na = ca->kind == CELL_ABSENT || ca->kind == CELL_FAULT;
	bool nb = cb->kind == CELL_ABSENT || cb->kind == CELL_FAULT;
	int c = cell_compare(ca, cb);

	if (na != nb) /* what can't be compared stays at the end in both directions */
		return na ? 1 : -1;
	if (!c)
		return a < b ? -1 : a > b;
	return s->descending ? -c : c;
}

void rows_sort(const struct rows *r, size_t col, bool descending, size_t *order, size_t n)
{
	struct sorting s = {r, col, descending};
	size_t nheads = 0, out = 0;

	if (col == SIZE_MAX || !n) {
		for (size_t i = 0; i < n; i++)
			order[i] = i;
		return;
	}
	size_t *heads = xcalloc(n, sizeof(*heads));
	for (size_t i = 0; i < n; i++) {
		const struct row *row = rows_at(r, i);
		if (!i || (!row->depth && !row->child))
			heads[nheads++] = i;
	}
	qsort_r(heads, nheads, sizeof(*heads), compare_heads, &s);
	for (size_t h = 0; h < nheads; h++) {
		size_t i = heads[h];
		do {
			order[out++] = i++;
		} while (i < n && (rows_at(r, i)->depth || rows_at(r, i)->child));
	}
	free(heads);
}

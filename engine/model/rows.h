/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A sink that keeps its rows: what a pane shows. Rows are append-only: the command's thread adds and
 * publishes, the screen's thread reads all that has been published, without a lock.
 *
 * Thread: the sink side: one worker. The reading side: any, for indexes below rows_count().
 */
#ifndef MODEL_ROWS_H
#define MODEL_ROWS_H

#include "engine/model/model.h"

struct rows;

/* news (may be NULL) is called from the worker when there is something new to show: after the heading, the first
 * rows, then in growing batches, and by rows_finish. */
struct rows *rows_create(void (*news)(void *ctx), void *ctx);
void rows_destroy(struct rows *r);
/* The sink to run a command into. */
struct sink *rows_sink(struct rows *r);
/* The command has returned with e (NULL: all well), which is taken over. */
void rows_finish(struct rows *r, struct err *e);

/* NULL until begin was called. Lives as long as r. Only the first table of a command is kept. */
const struct heading *rows_heading(const struct rows *r);
size_t rows_count(const struct rows *r);
const struct row *rows_at(const struct rows *r, size_t i); /* with its cells; i < rows_count() */
bool rows_finished(const struct rows *r);
/* Once finished: why the command failed; NULL: it didn't. Borrowed. */
const struct err *rows_error(const struct rows *r);
/* Notes so far; NULL past the end. Borrowed. */
const char *rows_note(const struct rows *r, size_t i, enum role *role);
/* The table that row belongs to: the heading's, or its child table. */
const struct table *rows_table(const struct rows *r, const struct row *row);
size_t rows_memory(const struct rows *r);

/* Sorts the top-level rows by a column, their deeper rows and children staying with them: fills
 * order[0..n-1] with row indexes, n = rows_count(). Stable. col SIZE_MAX: as they came. */
void rows_sort(const struct rows *r, size_t col, bool descending, size_t *order, size_t n);

#endif

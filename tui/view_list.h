/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Draws a view's rows as a list or tree: chooses columns and widths, marks folds, cursor and
 * matches.
 *
 * Thread: ui.
 */
#ifndef TUI_VIEW_LIST_H
#define TUI_VIEW_LIST_H

#include "tui/surface.h"
#include "tui/view.h"

/* Which columns are on the screen. */
struct list_cols {
	int n;
	int gap;
	bool heading; /* some have a title */
	struct {
		size_t col; /* of the table */
		int x, w;   /* x counts from the left of the list */
		bool right;
	} v[VIEW_MAX_COLS];
	int total; /* width of it all */
};

/* Draws into r and notes in the view how many lines fit. */
void list_draw(struct surface *s, const struct rect *r, struct view *v, bool focus);
/* The line that is drawn at screen row y of r; NO_ROW: none. */
size_t list_line_at(const struct view *v, const struct rect *r, int y);
/* The row as text, all columns that people see, for yanking and messages. */
void list_row_text(const struct view *v, size_t row, struct buf *out);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * One command's rows as somebody looks at them: cursor, top, folds, order, filter, search. History
 * keeps views, so going back finds everything as it was left.
 *
 * Three numberings: a *row* is the index in struct rows; a *position* is its place after sorting,
 * with hidden rows too; a *line* is its place among the visible ones.
 *
 * Thread: ui.
 */
#ifndef TUI_VIEW_H
#define TUI_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/model/match.h"
#include "tui/run.h"

#define NO_ROW ((size_t)-1)
#define VIEW_MAX_COLS 32
#define VIEW_WRAP_MOST 20000 /* rows; breaking the text of more would take too long */

/* Where the cursor is to go once the row is there. */
enum wish_kind { WISH_NONE, WISH_KEY, WISH_ADDRESS, WISH_REF, WISH_LOG, WISH_END, WISH_MARKED };

struct sorting;
struct past;

struct view {
	struct run *run;
	struct context ctx; /* that the command was given */
	char *crumbs;	    /* "m > mnt_sb"; "" for what was opened by its name */
	char *path;	    /* C expression of a pointer to what is shown, as links led to it; NULL: none */
	struct past *past;  /* how it is to be once the rows are there; NULL: as it comes */
	bool moved;	    /* somebody has moved the cursor */

	struct view_line {
		uint8_t depth; /* children of a frame lie one deeper than it */
		uint8_t bits;  /* enum view_bits */
	} * rows;	       /* for each row seen so far */
	size_t nrows, rows_cap;
	unsigned base_depth; /* of the last row that is no child */
	bool tree;	     /* some row has deeper ones under it */
	bool finished;	     /* the command has ended, and that was noticed */

	size_t sort_col; /* SIZE_MAX: as they came */
	bool sort_descending;
	uint32_t *order; /* row of each position; NULL: the same */
	size_t norder;
	struct sorting *sorting; /* under way */

	char *filter_text; /* NULL: none */
	struct pattern *filter;
	size_t filtered; /* rows looked at so far */

	char *search_text; /* NULL: none */
	struct pattern *search;
	bool search_backward;
	size_t searched, hits;
	bool jump;	  /* the cursor is to go to a match once one is known */
	size_t jump_from; /* row; NO_ROW: from the top */
	bool jump_here;	  /* a match at jump_from itself will do */
	bool jump_backward;
	bool wrapped;  /* the last jump went past the end */
	bool announce; /* somebody wants to be told how the jump went */

	uint32_t *lines; /* row of each line */
	size_t nlines, lines_cap;
	uint16_t *parts;   /* of each line: which part of a row that takes several lines */
	bool wrap;	   /* long text goes on in the next line */
	int wrap_cols;	   /* its width on the screen; 0: not known yet */
	size_t wrap_col;   /* that column */
	bool stale;	   /* lines must be made again */
	size_t nfilled;	   /* positions that have their lines */
	unsigned folded_at; /* depth of the fold that the last of them lies in; 256: none */
	size_t cursor;	   /* a line */
	size_t cursor_row; /* its row; NO_ROW while there is none */
	size_t top;	   /* first line shown */
	int left;	   /* columns scrolled to the right */
	int height;	   /* lines that the pane showed last */
	bool cut;	   /* the row under the cursor didn't fit in when it was drawn */
	size_t max_left;   /* how far scrolling right makes sense */

	enum wish_kind wish;
	char *wish_key;
	uint64_t wish_number;
	struct ref wish_ref;
	bool begun; /* its heading has been looked at */
	bool centre;	/* the row wished for belongs into the middle */

	uint32_t rigid;			 /* columns with addresses, bits: never cut */
	uint32_t shown;			 /* columns on the screen, bits; 0: not drawn yet */
	int widths[VIEW_MAX_COLS];	 /* widest cell seen, by column */
	int fault_widths[VIEW_MAX_COLS]; /* of what can't be read, where it is wider than the column
					  */
	size_t measured;		 /* rows that widths knows */

	struct view
		*twin; /* hex view of a struct view, and back; owned by the view that is in use */
};

enum view_bits { ROW_FOLDED = 1, ROW_HIT = 2, ROW_PASS = 4, ROW_HAS_PASS = 8 };

/* Takes the caller's reference on run. */
struct view *view_create(struct run *run, const char *crumbs);
void view_destroy(struct view *v);
/* `to` takes the place of `from`: the other one of its pair is to's now. */
void view_hand_twin(struct view *from, struct view *to);

/* ---- rows ---- */
/* Takes up rows that have come, goes on with filtering and searching for at most `budget_ns`. True
 * if something changed that a person can see. *more: there is work left. */
bool view_sync(struct view *v, struct pool *pool, uint64_t budget_ns, bool *more);
const struct heading *view_heading(const struct view *v);
const struct row *view_row(const struct view *v, size_t row);
/* The row under the cursor; NULL: there is none. */
const struct row *view_current(const struct view *v);
bool view_loading(const struct view *v);
/* May its command be run once more without being asked for? Not if it acts, or is none of the engine's. */
bool view_can_run_again(const struct view *v);
/* Has the row deeper rows under it? */
bool view_has_deeper(const struct view *v, size_t row);
/* Index of a visible or data column by key; SIZE_MAX. */
size_t table_column(const struct table *t, const char *key);
/* The address that a row stands for (an object's member, a word of memory, a task ...). */
bool view_row_address(const struct view *v, size_t row, uint64_t *ret);

/* ---- cursor ---- */
void view_move(struct view *v, long by);
void view_to_line(struct view *v, size_t line);
/* Makes a row visible (unfolding what hides it) and goes there. */
void view_to_row(struct view *v, size_t row);
/* Keeps the cursor on the screen of `height` lines. */
void view_scroll(struct view *v, int height);
void view_wish(struct view *v, enum wish_kind kind, const char *key, uint64_t number,
	       const struct ref *ref);

/* ---- folds ---- */
bool view_folded(const struct view *v, size_t row);
void view_fold(struct view *v, size_t row, bool folded);
/* Unfolds; under the cursor: with what comes up in sight. The lines are made anew. */
void view_unfold(struct view *v, size_t row);
void view_toggle(struct view *v, size_t row);
void view_fold_all(struct view *v, bool folded);
/* Which rows are folded, to come back to it: a byte a row, the caller's. */
uint8_t *view_save_folds(const struct view *v);
void view_restore_folds(struct view *v, const uint8_t *saved, size_t n);
/* The row that this one lies under; NO_ROW. */
size_t view_parent(const struct view *v, size_t row);

/* ---- order ---- */
void view_sort(struct view *v, struct pool *pool, size_t col, bool descending);

/* ---- filter and search (view_find.c) ---- */
/* text NULL or "": none. ERR_USAGE: the pattern. */
struct err *view_set_filter(struct view *v, const char *text);
struct err *view_set_search(struct view *v, const char *text, bool backward);
/* Which columns are on the screen (bits): only those are searched. */
void view_set_shown(struct view *v, uint32_t columns);
/* To the next match from the cursor; here: one under the cursor will do. */
void view_jump(struct view *v, bool backward, bool here);
/* Which match the cursor is on (1..), or 0; and how many there are. */
size_t view_match_number(const struct view *v, size_t *total);
/* For view.c: filters and searches; true if visible things changed. */
bool view_find_work(struct view *v, uint64_t deadline_ns, bool *more);

/* ---- lines (view_lines.c) ---- */
/* Brings the list of visible lines up to date; the cursor stays on its row. */
void view_make_lines(struct view *v);
/* The row at a position of the order. */
size_t view_row_at(const struct view *v, size_t position);
/* The growing column and the width it has on the screen, for wrapping. */
void view_set_wrap(struct view *v, size_t col, int cols);

uint64_t clock_ns(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A rectangle of character cells that everything is drawn into; a backend (term.h) brings it onto a
 * terminal, a test reads it. Drawing outside of the surface or of its clip is fine and does
 * nothing.
 *
 * Thread: ui.
 */
#ifndef TUI_SURFACE_H
#define TUI_SURFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "tui/style.h"

struct rect {
	int y, x, h, w;
};

struct surface_cell {
	uint32_t cp;   /* code point; 0: the right half of a wide character */
	uint32_t mark; /* one combining mark on it; 0: none */
	uint8_t style;
	uint8_t over;
};

struct surface {
	int h, w;
	struct surface_cell *cells; /* row by row */
	struct rect clip;
	bool ascii; /* draws nothing but ASCII: what else there is becomes '?' */
};

struct surface *surface_create(int h, int w);
void surface_destroy(struct surface *s);
/* Also clears. */
void surface_resize(struct surface *s, int h, int w);
void surface_clear(struct surface *s);
/* Limits drawing to r until the next call; NULL: no limit. */
void surface_clip(struct surface *s, const struct rect *r);

/* Draws n bytes of UTF-8 in at most `max` columns; x may lie left of the clip. Returns the columns
 * that it took (also of what the clip cut off). Control characters are drawn as '?': nothing here
 * steers a terminal. */
int surface_text(struct surface *s, int y, int x, int max, enum style style, const char *text,
		 size_t n);
int surface_str(struct surface *s, int y, int x, int max, enum style style, const char *text);
/* The same, but what doesn't fit ends in an ellipsis. */
int surface_cut(struct surface *s, int y, int x, int max, enum style style, const char *text,
		size_t n);
/* The ellipsis itself; returns the column that it took. */
int surface_more(struct surface *s, int y, int x, enum style style);
/* Of a path that is too long the end is worth more, a line's number most: how many bytes of its start to leave
 * out so that it takes `max` columns, whole folders first; 0: it fits, or is no path. */
size_t surface_path_skip(const char *text, size_t n, int max);
void surface_fill(struct surface *s, const struct rect *r, enum style style, uint32_t cp);
void surface_over(struct surface *s, int y, int x, int w, enum over bits);
/* Lines between panes: each gives its ASCII form on an ASCII surface. */
void surface_hline(struct surface *s, int y, int x, int w, enum style style);
void surface_vline(struct surface *s, int y, int x, int h, enum style style);
/* Where a vertical line begins under a horizontal one; above: it comes from above too. */
void surface_joint(struct surface *s, int y, int x, bool above, enum style style);

const struct surface_cell *surface_at(const struct surface *s, int y, int x);
/* The text of a row without trailing blanks, for tests and yanking. */
void surface_row(const struct surface *s, int y, struct buf *out);

#endif

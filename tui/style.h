/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What things on the screen mean, for their looks. The roles of the models come first, the screen's
 * own follow. A style never carries a meaning alone: there is always a word, a letter or a mark
 * beside it.
 *
 * Thread: ui.
 */
#ifndef TUI_STYLE_H
#define TUI_STYLE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/model/model.h"

enum style {
	STYLE_NORMAL = ROLE_NORMAL, /* styles below ROLES are the models' roles */
	STYLE_BORDER = ROLES,
	STYLE_BORDER_FOCUS,
	STYLE_TITLE,
	STYLE_TITLE_FOCUS,
	STYLE_HEADING, /* column headings */
	STYLE_HEADER,  /* first line of the screen */
	STYLE_STATUS,  /* last line */
	STYLE_KEY,     /* a key's name in a hint */
	STYLE_MESSAGE,
	STYLE_ERROR,
	STYLE_PROMPT,
	STYLE_POPUP,
	STYLE_POPUP_SELECTED,
	STYLES
};

/* Laid over a cell's style; bits. */
enum over {
	OVER_CURSOR = 1,   /* the row under the cursor of the pane that has the keyboard */
	OVER_SELECTED = 2, /* the row under the cursor of another pane */
	OVER_MATCH = 4,	   /* text that the search found */
};

enum style_attr { SA_BOLD = 1, SA_UNDERLINE = 2, SA_REVERSE = 4, SA_DIM = 8 };

struct style_def {
	int16_t fg, bg; /* colour of 16; -1: the terminal's own */
	int16_t fg256;	/* colour of 256; -1: as fg */
	uint8_t attr;	/* with colours */
	uint8_t mono;	/* without */
};

const struct style_def *style_def(enum style s);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One table says how everything looks. The background is always the terminal's own (but for found
 * text), and colours are those that can be read on light and on dark ones.
 */
#include "tui/style.h"

enum { DEFAULT = -1, RED = 1, GREEN = 2, YELLOW = 3, BLUE = 4, MAGENTA = 5, CYAN = 6 };

static const struct style_def defs[STYLES] = {
	[ROLE_NORMAL] = {DEFAULT, DEFAULT, -1, 0, 0},
	[ROLE_DIM] = {DEFAULT, DEFAULT, 245, SA_DIM, SA_DIM},
	[ROLE_TITLE] = {DEFAULT, DEFAULT, -1, SA_BOLD, SA_BOLD},
	[ROLE_LINK] = {BLUE, DEFAULT, 33, 0, SA_UNDERLINE},
	[ROLE_GOOD] = {GREEN, DEFAULT, 34, 0, 0},
	[ROLE_WARN] = {MAGENTA, DEFAULT, 169, 0, SA_BOLD},
	[ROLE_BAD] = {RED, DEFAULT, 160, SA_BOLD, SA_BOLD},
	[ROLE_FAULT] = {RED, DEFAULT, 160, 0, SA_DIM},
	[ROLE_NAME] = {CYAN, DEFAULT, 31, 0, SA_BOLD},
	[ROLE_TYPE] = {DEFAULT, DEFAULT, 245, SA_DIM, SA_DIM},
	[ROLE_NUMBER] = {DEFAULT, DEFAULT, -1, 0, 0},
	[ROLE_STRING] = {GREEN, DEFAULT, 34, 0, 0},
	[STYLE_BORDER] = {DEFAULT, DEFAULT, 245, SA_DIM, SA_DIM},
	[STYLE_BORDER_FOCUS] = {CYAN, DEFAULT, 31, SA_BOLD, SA_BOLD},
	[STYLE_TITLE] = {DEFAULT, DEFAULT, -1, 0, 0},
	[STYLE_TITLE_FOCUS] = {CYAN, DEFAULT, 31, SA_BOLD, SA_BOLD | SA_REVERSE},
	[STYLE_HEADING] = {DEFAULT, DEFAULT, 245, SA_UNDERLINE, SA_UNDERLINE},
	[STYLE_HEADER] = {DEFAULT, DEFAULT, -1, SA_BOLD, SA_BOLD},
	[STYLE_STATUS] = {DEFAULT, DEFAULT, -1, 0, 0},
	[STYLE_KEY] = {CYAN, DEFAULT, 31, SA_BOLD, SA_BOLD},
	[STYLE_MESSAGE] = {DEFAULT, DEFAULT, -1, SA_BOLD, SA_BOLD},
	[STYLE_ERROR] = {RED, DEFAULT, 160, SA_BOLD, SA_BOLD},
	[STYLE_PROMPT] = {CYAN, DEFAULT, 31, SA_BOLD, SA_BOLD},
	[STYLE_POPUP] = {DEFAULT, DEFAULT, -1, SA_REVERSE, SA_REVERSE},
	[STYLE_POPUP_SELECTED] = {DEFAULT, DEFAULT, -1, SA_BOLD, SA_BOLD},
};

const struct style_def *style_def(enum style s)
{
	return &defs[(unsigned)s < STYLES ? s : STYLE_NORMAL];
}

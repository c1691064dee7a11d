/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Keys and their names: "a", "ö", "<C-d>", "<S-Tab>", "<F5>", "<M-x>", "<lt>". A key is a number, a
 * code point or one of the named keys, with modifier bits.
 *
 * Keys that terminals can't tell apart are one key here: <C-i> is <Tab>, <C-m> is <Enter>, <C-[> is
 * <Esc>, <C-h> is <BS>.
 *
 * Thread: any.
 */
#ifndef TUI_KEYSYM_H
#define TUI_KEYSYM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"

typedef uint32_t keysym;

enum {
	KEYSYM_FIRST = 0x110000, /* behind the code points */
	KEYSYM_UP = KEYSYM_FIRST,
	KEYSYM_DOWN,
	KEYSYM_LEFT,
	KEYSYM_RIGHT,
	KEYSYM_HOME,
	KEYSYM_END,
	KEYSYM_PGUP,
	KEYSYM_PGDN,
	KEYSYM_INS,
	KEYSYM_DEL,
	KEYSYM_BS,
	KEYSYM_TAB,
	KEYSYM_ENTER,
	KEYSYM_ESC,
	KEYSYM_F1, /* F1 to F24 follow one another */
	KEYSYM_F24 = KEYSYM_F1 + 23,
	KEYSYM_CTRL = 1 << 24,
	KEYSYM_META = 1 << 25,
	KEYSYM_SHIFT = 1 << 26,
	KEYSYM_MODS = KEYSYM_CTRL | KEYSYM_META | KEYSYM_SHIFT,
};

/* The first key of text; advances *text. False: no key's name is there. *same (may be NULL) is set
 * when the key was written in a way that terminals can't tell from another one ("<C-i>"). */
bool keysym_parse(const char **text, keysym *ret, bool *same);
/* All keys of text ("gg", "<C-w>j"); the count, or 0 if it isn't keys or more than max. */
size_t keysym_parse_all(const char *text, keysym *keys, size_t max, bool *same);
void keysym_print(keysym k, struct buf *out);

#endif

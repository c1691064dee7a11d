/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The terminal: brings a surface onto it, gives the keys. The only place that knows curses.
 *
 * Thread: ui; one terminal a process. term_restore_now() may be called from a signal handler.
 */
#ifndef TUI_TERM_H
#define TUI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/err.h"
#include "tui/keysym.h"
#include "tui/surface.h"

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct terminal;

enum input_kind { INPUT_NONE, INPUT_KEY, INPUT_MOUSE };
enum mouse_what { MOUSE_PRESS, MOUSE_WHEEL_UP, MOUSE_WHEEL_DOWN };

struct input {
	enum input_kind kind;
	keysym key;
	enum mouse_what what;
	int y, x;
};

/* Takes the terminal over. Errors: not a terminal, one that can't position its cursor (TERM=dumb),
 * or one that curses doesn't know. */
struct err *term_open(enum color_when colors, struct terminal **ret);
/* Gives it back as it was. NULL is fine. */
void term_close(struct terminal *t);
void term_size(const struct terminal *t, int *h, int *w);
/* The terminal has another size now: asks it. */
void term_resized(struct terminal *t);
/* Shows the surface, with the cursor at y, x; y < 0: hidden. */
void term_show(struct terminal *t, const struct surface *s, int y, int x);
/* Next time everything is sent, whatever is thought to be there. */
void term_redraw(struct terminal *t);
/* The next input that is there already; INPUT_NONE when there is none. Never waits longer than it
 * takes to tell Esc from the beginning of a key's sequence (25 ms). */
struct input term_read(struct terminal *t);
void term_mouse(struct terminal *t, bool on);
/* Bytes past curses (a clipboard sequence). */
void term_send(struct terminal *t, const char *p, size_t n);
/* ^Z: gives the terminal back, stops the process, takes it again. */
void term_suspend(struct terminal *t);
/* Makes the terminal usable again with nothing but async-signal-safe calls. Does nothing when it
 * isn't taken. */
void term_restore_now(void);

#endif

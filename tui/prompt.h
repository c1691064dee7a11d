/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A line that is being typed: the editing keys that fingers know from readline, and history. Knows
 * nothing of the screen.
 *
 * Thread: ui.
 */
#ifndef TUI_PROMPT_H
#define TUI_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"

/* Lines typed before, oldest first; each begins with the character of its prompt (':', '/', '&').
 * Kept in $XDG_STATE_HOME/vmbrowse/history. */
struct history {
	char **v;
	size_t n, cap;
	char *path; /* NULL: nothing is kept */
};

void history_load(struct history *h, const char *path);
void history_add(struct history *h, char kind, const char *line);
void history_free(struct history *h);

struct prompt {
	struct buf text;
	size_t cursor; /* byte */
	char kind;
	char *killed; /* what ^W, ^U, ^K took last: ^Y puts it back */
	struct history *history;
	size_t at;	   /* in the history; history->n: the line being typed */
	char *draft;	   /* that line, while an older one is shown */
	bool searching;	   /* ^R */
	struct buf wanted; /* what ^R looks for */
};

void prompt_init(struct prompt *p, char kind, const char *text, struct history *h);
void prompt_free(struct prompt *p);
const char *prompt_text(const struct prompt *p);
void prompt_set(struct prompt *p, const char *text);
/* Types one character. */
void prompt_insert(struct prompt *p, uint32_t cp);
void prompt_insert_text(struct prompt *p, const char *text);
/* Puts `text` in the place of the bytes from `start` to the cursor. */
void prompt_replace(struct prompt *p, size_t start, const char *text);
/* "left", "word-left", "kill-line", "history-prev" ...: the names that keymaps bind. False: no such
 * thing here (accept, abort and complete are the caller's). */
bool prompt_edit(struct prompt *p, const char *what);
/* i-th name of what prompt_edit and its callers can do; NULL at the end. */
const char *prompt_edit_name(size_t i);

#endif

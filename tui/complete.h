/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Completion of a prompt: a worker asks the engine, the newest question wins; then Tab goes through
 * the answers.
 *
 * Thread: ui.
 */
#ifndef TUI_COMPLETE_H
#define TUI_COMPLETE_H

#include "engine/cmd/cmd.h"
#include "tui/work.h"

struct completing;

struct completer {
	struct completing *asked; /* NULL: nothing is awaited */
	char **v;
	size_t n;
	size_t start; /* where the word begins in the prompt's text */
	long chosen;  /* -1: none yet */
	bool more;    /* there were more than fit */
	bool insert;  /* Tab asked: what is common is to be put in */
};

/* Asks about `line` at byte `cursor`; `skip` bytes of it aren't in the prompt. */
void completer_ask(struct completer *c, struct pool *pool, struct shell *sh, const struct context *ctx,
		   const char *line, size_t cursor, size_t skip, bool insert);
/* Takes an answer. True: there is a new one. */
bool completer_take(struct completer *c);
/* Adds an answer of the screen's own. */
void completer_add(struct completer *c, const char *word);
/* Bytes that all answers begin with. */
size_t completer_common(const struct completer *c);
void completer_clear(struct completer *c);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the link under the cursor is, in a few words for the last line. A worker asks the engine, so the
 * cursor never waits; the newest question wins.
 *
 * Thread: ui.
 */
#ifndef TUI_DESCRIBE_H
#define TUI_DESCRIBE_H

#include "tui/work.h"
#include "engine/cmd/cmd.h"

struct asking;

struct describer {
	struct asking *asked; /* NULL: nothing is awaited */
	struct ref about;     /* what `text` or the question is about */
	unsigned generation;  /* of the shell when that was asked */
	char *text;	      /* NULL: not known yet, or nothing to say */
};

/* r REF_NONE: nothing is under the cursor. True if the text has changed. */
bool describer_settle(struct describer *d, struct pool *pool, struct shell *sh, const struct ref *r);
void describer_free(struct describer *d);

#endif

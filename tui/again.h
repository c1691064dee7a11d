/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * How a view was left, without its rows: enough to run its command again and have everything where it
 * was: cursor, top, folds, order, filter, search. For views whose rows took too much memory, for
 * `reload`, and for when a vmlinux has turned up.
 *
 * Thread: ui.
 */
#ifndef TUI_AGAIN_H
#define TUI_AGAIN_H

#include "tui/view.h"

struct past;

struct past *past_of(const struct view *v);
void past_free(struct past *p);
/* Runs the command; the view takes p over and is as it was left once its rows are there. */
struct view *past_run(struct past *p, struct pool *pool, struct shell *sh);
/* For view_sync(): does what can be done so far. True if something changed. */
bool past_apply(struct view *v);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A command line that a worker runs into rows. Rows can be looked at while they come.
 *
 * Thread: ui.
 */
#ifndef TUI_RUN_H
#define TUI_RUN_H

#include "engine/cmd/cmd.h"
#include "engine/model/rows.h"
#include "tui/work.h"

struct run {
	struct work work; /* first */
	struct shell *shell;
	char *line;
	struct context given; /* where the command was told to be */
	struct context ctx; /* the command's own copy; read it when the work is done */
	struct rows *rows;
};

struct run *run_start(struct pool *pool, struct shell *sh, const char *line,
		      const struct context *ctx);
/* One whose rows the caller fills (rows_sink) and finishes (rows_finish): views that the screen
 * makes itself. */
struct run *run_local(const char *line);

#endif

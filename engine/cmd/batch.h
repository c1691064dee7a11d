/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Batch mode: runs command lines without a terminal.
 *
 * Exit status: 0 all commands answered; 1 some command failed; 2 usage; 3 the dump can't be opened.
 * Reasons go to stderr. Thread: the process's main one.
 */
#ifndef CMD_BATCH_H
#define CMD_BATCH_H

#include "engine/cmd/cmd.h"
#include "engine/model/sinks.h"

enum { EXIT_ANSWERED = 0, EXIT_SOME_FAILED = 1, EXIT_USAGE = 2, EXIT_NO_DUMP = 3 };

/* sh: NULL when no line needs a dump. lines: one a -x, in order; "-" reads commands from standard input, one a line ('#' begins a comment). */
int batch_run(struct shell *sh, const char *const *lines, size_t n, enum out_format f);

/* Documentation made from the registry: "man", "bash", "zsh", "fish", "readme", and "options", the
 * program's own. ERR_USAGE for others. */
struct err *docs_print(const char *kind, FILE *out);

#endif

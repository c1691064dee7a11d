/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Sinks that write: a text table, tab-separated values, JSON. They write as rows come, and hold at
 * most a screenful (the text table looks at its first rows to choose widths).
 *
 * JSON: one object a line for each command, {"command": "...", "rows": [{...}], "errors": ["..."]},
 * written as its rows come. Addresses are strings "0x...", absent cells null, faults
 * {"fault": "excluded"}.
 *
 * Thread: one at a time.
 */
#ifndef MODEL_SINKS_H
#define MODEL_SINKS_H

#include <stdio.h>
#include "engine/model/model.h"

enum out_format { OUT_TEXT, OUT_TSV, OUT_JSON };

struct writer;

/* out is borrowed. width: columns of the terminal for OUT_TEXT, 0: no limit. */
struct writer *writer_create(FILE *out, enum out_format f, int width);
void writer_destroy(struct writer *w);
struct sink *writer_sink(struct writer *w);
/* Around each command: its line, and the error that it ended with (NULL: none; borrowed). Notes and
 * errors go to `errors` in JSON; in the other formats the caller prints the error, and notes go to stderr. */
void writer_begin(struct writer *w, const char *command);
struct err *writer_end(struct writer *w, const struct err *error);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * `ps -m | grep UN`: what a command answers goes through grep, head, tail or wc, as fingers are used to from crash.
 * They work on rows, not on text: links, JSON and trees stay what they are. A row that passes brings along those that
 * it lies under.
 *
 * Thread: any; a pipe belongs to one call.
 * Sources: POSIX' grep, head, tail, wc; basic regular expressions as GNU grep has them.
 */
#ifndef CMD_PIPE_H
#define CMD_PIPE_H

#include "engine/model/model.h"

/* Where the line's first pipe begins ('|'), past quotes; NULL: there is none. "a|b" of a pattern and `p a | b` are none:
 * the name of a program must follow. */
const char *pipe_find(const char *line);

/* Is there such a program for pipes? */
bool pipe_program(const char *name);
/* The i-th one's name; NULL at the end. */
const char *pipe_program_name(size_t i);

struct pipe;
/* text: from the first '|' on. ERR_USAGE: a program that isn't known here, or one used wrongly. */
struct err *pipe_create(const char *text, struct sink *out, struct pipe **ret);
/* Where the command's rows go. */
struct sink *pipe_sink(struct pipe *p);
/* Has the pipe closed itself, because it has all that it wants? Then the command ended with ERR_CANCELLED for it. */
bool pipe_is_full(const struct pipe *p);
/* The command has ended: what was held back goes out. */
struct err *pipe_finish(struct pipe *p);
void pipe_destroy(struct pipe *p);

/* ---- between the parts ---- */

/* A row that outlives its call. Zeroed: empty. */
struct held_row {
	struct row row;
	struct cell *cells;
	size_t cap;
	struct buf texts;
	bool filled;
};
void held_row_set(struct held_row *h, const struct table *t, const struct row *r);
void held_row_free(struct held_row *h);

/* A heading that waits until a row comes. */
struct held_heading {
	struct heading heading;
	char *title, *crash;
	bool waits;
};
/* crash: what crash is to be told: the heading's own, and `tail` after it. */
void held_heading_set(struct held_heading *h, const struct heading *from, const char *tail);
void held_heading_free(struct held_heading *h);

/* What `wc -l` and `grep -c` answer with. */
struct err *pipe_count(struct sink *out, uint64_t n); /* pipecut.c */

/* One program of the pipe. */
struct stage {
	struct sink sink; /* first */
	struct sink *out;
	const char *text; /* of the pipe, for headings; borrowed */
	struct err *(*finish)(struct stage *s);
	void (*destroy)(struct stage *s); /* frees s too */
	bool full;
};
/* A sink's note() that hands it on. */
void stage_note(struct sink *s, enum role role, const char *text); /* pipe.c */
struct words;
/* w[0] is the program's name. */
struct err *stage_grep(const struct words *w, struct stage **ret);	/* pipegrep.c */
struct err *stage_head(const struct words *w, struct stage **ret);	/* pipecut.c */
struct err *stage_tail(const struct words *w, struct stage **ret);
struct err *stage_count(const struct words *w, struct stage **ret);

#endif

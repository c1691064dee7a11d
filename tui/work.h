/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Something done on a worker for the screen, embedded as the first member of what holds its
 * arguments and results. It has two owners, the screen and the worker; the last one to let go frees
 * it. So the screen can drop what it no longer wants at once, and never waits for a job to notice.
 *
 * Thread: ui, but for the run function.
 */
#ifndef TUI_WORK_H
#define TUI_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include "engine/job/job.h"

struct work {
	atomic_uint refs;
	atomic_bool done;
	struct job *job;
	struct pool *pool;
	void (*run)(struct work *w);	 /* on a worker */
	void (*destroy)(struct work *w); /* by the last owner, on any thread */
};

/* Starts it; the caller keeps one reference. label: for people. */
void work_start(struct pool *pool, struct work *w, const char *label, void (*run)(struct work *w),
		void (*destroy)(struct work *w));
/* Something that needs no worker: one reference, done. */
void work_ready(struct work *w, void (*destroy)(struct work *w));
/* Has it ended? What it has written may be read then. */
bool work_done(const struct work *w);
struct work *work_ref(struct work *w);
void work_unref(struct work *w);
/* Cancels it and lets go. NULL is fine. */
void work_drop(struct work *w);

#endif

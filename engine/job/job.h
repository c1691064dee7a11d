/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Work that can be watched and stopped. A job is handed down through every function that may take
 * long; those functions call job_tick() at least every 1,024 elements or 64 pages, and pass on the
 * ERR_CANCELLED that it returns. A NULL job is fine everywhere: no progress, no cancel.
 *
 * A pool runs jobs on worker threads. When one ends, or has news, the pool calls its notify function
 * (from the worker's thread), so that a poll loop can be woken.
 *
 * Thread: any, unless said otherwise.
 */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/err.h"

struct job;
struct pool;

/* A job with one reference, the caller's. label: what the user reads ("stacks of all tasks"). */
struct job *job_create(const char *label);
void job_unref(struct job *j);

void job_cancel(struct job *j);
bool job_cancelled(const struct job *j);

/* n more units done. ERR_CANCELLED once somebody asked for it. */
struct err *job_tick(struct job *j, uint64_t n);
/* How many units there are; 0: not known. */
void job_set_total(struct job *j, uint64_t total);
/* What it is doing now; must be a string literal. */
void job_set_phase(struct job *j, const char *literal);

struct job_progress {
	const char *label, *phase; /* phase may be NULL */
	uint64_t done, total;
	bool finished;
	uint64_t running_ns; /* since it began */
};
void job_progress(const struct job *j, struct job_progress *ret);

/* Runs fn(ctx, i) for i in 0..n-1 on up to `threads` threads (0: all cores), the caller's included;
 * returns the first error, after all have stopped. fn must be safe to run in parallel. */
struct err *job_parallel(struct job *j, unsigned threads, size_t n,
			 struct err *(*fn)(void *ctx, size_t i), void *ctx);
unsigned job_cores(void);
/* The calling thread gives way to those that answer keys, for as long as it lives, if somebody watches the job
 * (it isn't NULL): for threads that keep a core busy for long. */
void job_give_way(const struct job *j);

typedef void job_fn(struct job *j, void *arg);

/* notify may be NULL. */
struct pool *pool_create(unsigned threads, void (*notify)(void *ctx), void *ctx);
/* Queues fn(j, arg). The pool holds a reference until fn has returned. */
void pool_submit(struct pool *p, struct job *j, job_fn *fn, void *arg);
/* Jobs queued or running. Zero together with an empty event queue is what tests call idle. */
unsigned pool_busy(const struct pool *p);
/* Wakes the notify function: called by a job that has new rows to show. */
void pool_news(struct pool *p);
/* Cancels what is queued and running, waits for it, frees. */
void pool_destroy(struct pool *p);

#endif

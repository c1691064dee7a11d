/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/work.h"
#include <stddef.h>

static void on_worker(struct job *job, void *arg)
{
	struct work *w = arg;
	struct pool *pool = w->pool;

	(void)job;
	w->run(w);
	atomic_store_explicit(&w->done, true, memory_order_release);
	work_unref(w);
	pool_news(pool); /* before the pool counts one less: see tell_idle() */
}

void work_start(struct pool *pool, struct work *w, const char *label, void (*run)(struct work *w),
		void (*destroy)(struct work *w))
{
	atomic_init(&w->refs, 2);
	atomic_init(&w->done, false);
	w->job = job_create(label);
	w->run = run;
	w->destroy = destroy;
	w->pool = pool;
	pool_submit(pool, w->job, on_worker, w);
}

void work_ready(struct work *w, void (*destroy)(struct work *w))
{
	atomic_init(&w->refs, 1);
	atomic_init(&w->done, true);
	w->destroy = destroy;
}

bool work_done(const struct work *w)
{
	return atomic_load_explicit(&w->done, memory_order_acquire);
}

struct work *work_ref(struct work *w)
{
	atomic_fetch_add(&w->refs, 1);
	return w;
}

void work_unref(struct work *w)
{
	if (atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	job_unref(w->job);
	w->destroy(w);
}

void work_drop(struct work *w)
{
	if (!w)
		return;
	job_cancel(w->job);
	work_unref(w);
}

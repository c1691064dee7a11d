/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pool is a queue and its threads, nothing more: whoever submits keeps what the job works on
 * alive. Cancelling sets a flag that the work itself looks at (job_tick); nothing is ever killed,
 * so locks and memory stay whole.
 */
#include "engine/job/job.h"
#include "engine/base/alloc.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define GIVE_WAY_NICE 10

struct job {
	atomic_uint refs;
	atomic_bool cancelled, finished;
	_Atomic uint64_t done, total;
	_Atomic(const char *) phase;
	char *label;
	uint64_t born_ns;
};

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct job *job_create(const char *label)
{
	struct job *j = xcalloc(1, sizeof(*j));
	atomic_init(&j->refs, 1);
	j->label = xstrdup(label);
	j->born_ns = now_ns();
	return j;
}

static struct job *job_ref(struct job *j)
{
	if (j)
		atomic_fetch_add(&j->refs, 1);
	return j;
}

void job_unref(struct job *j)
{
	if (!j || atomic_fetch_sub(&j->refs, 1) != 1)
		return;
	free(j->label);
	free(j);
}

void job_cancel(struct job *j)
{
	if (j)
		atomic_store(&j->cancelled, true);
}

bool job_cancelled(const struct job *j)
{
	return j && atomic_load(&j->cancelled);
}

struct err *job_tick(struct job *j, uint64_t n)
{
	if (!j)
		return NULL;
	atomic_fetch_add_explicit(&j->done, n, memory_order_relaxed);
	return atomic_load_explicit(&j->cancelled, memory_order_relaxed) ? err_cancelled() : NULL;
}

void job_set_total(struct job *j, uint64_t total)
{
	if (j)
		atomic_store(&j->total, total);
}

void job_set_phase(struct job *j, const char *literal)
{
	if (j)
		atomic_store(&j->phase, literal);
}

void job_progress(const struct job *j, struct job_progress *ret)
{
	*ret = (struct job_progress){
		.label = j->label,
		.phase = atomic_load(&j->phase),
		.done = atomic_load(&j->done),
		.total = atomic_load(&j->total),
		.finished = atomic_load(&j->finished),
		.running_ns = now_ns() - j->born_ns,
	};
}

unsigned job_cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n < 1 ? 1 : (unsigned)n;
}

void job_give_way(const struct job *j)
{
	if (j)
		setpriority(PRIO_PROCESS, (id_t)gettid(), GIVE_WAY_NICE);
}

struct parallel {
	struct job *job;
	struct err *(*fn)(void *ctx, size_t i);
	void *ctx;
	size_t n;
	atomic_size_t next;
	pthread_mutex_t lock;
	struct err *err; /* the first one; under lock */
};

static void *parallel_worker(void *arg)
{
	struct parallel *p = arg;
	size_t i;

	while ((i = atomic_fetch_add(&p->next, 1)) < p->n) {
		struct err *e = job_cancelled(p->job) ? err_cancelled() : p->fn(p->ctx, i);
		if (!e)
			continue;
		atomic_store(&p->next, p->n);
		e = err_keep(e);
		pthread_mutex_lock(&p->lock);
		if (!p->err)
			p->err = e;
		else
			err_free(e);
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

struct err *job_parallel(struct job *j, unsigned threads, size_t n,
			 struct err *(*fn)(void *ctx, size_t i), void *ctx)
{
	struct parallel p = {.job = j, .fn = fn, .ctx = ctx, .n = n};
	pthread_t tids[64];
	unsigned started = 0;

	if (!threads)
		threads = job_cores();
	if (threads > n)
		threads = (unsigned)n;
	pthread_mutex_init(&p.lock, NULL);
	while (started + 1 < threads && started < 64 &&
	       !pthread_create(&tids[started], NULL, parallel_worker, &p))
		started++;
	parallel_worker(&p);
	for (unsigned i = 0; i < started; i++)
		pthread_join(tids[i], NULL);
	pthread_mutex_destroy(&p.lock);
	return p.err;
}

struct task {
	struct task *next;
	struct job *job;
	job_fn *fn;
	void *arg;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct task *first, **last;
	struct job **running; /* one slot a thread */
	pthread_t *threads;
	unsigned nthreads, started;
	bool stop;
	atomic_uint busy;
	void (*notify)(void *ctx);
	void *ctx;
};

static struct task *pool_take(struct pool *p, unsigned slot)
{
	pthread_mutex_lock(&p->lock);
	while (!p->first && !p->stop)
		pthread_cond_wait(&p->wake, &p->lock);
	struct task *t = p->first;
	if (t) {
		p->first = t->next;
		if (!p->first)
			p->last = &p->first;
		p->running[slot] = t->job;
	}
	pthread_mutex_unlock(&p->lock);
	return t;
}

static void pool_done(struct pool *p, unsigned slot, struct task *t)
{
	if (t->job)
		atomic_store(&t->job->finished, true);
	pthread_mutex_lock(&p->lock);
	p->running[slot] = NULL;
	pthread_mutex_unlock(&p->lock);
	job_unref(t->job);
	free(t);
	atomic_fetch_sub(&p->busy, 1);
	pool_news(p);
}

static void *pool_worker(void *arg)
{
	struct pool *p = arg;
	pthread_mutex_lock(&p->lock);
	unsigned slot = p->started++;
	pthread_mutex_unlock(&p->lock);
	for (struct task *t; (t = pool_take(p, slot)); pool_done(p, slot, t))
		t->fn(t->job, t->arg);
	return NULL;
}

struct pool *pool_create(unsigned threads, void (*notify)(void *ctx), void *ctx)
{
	struct pool *p = xcalloc(1, sizeof(*p));
	unsigned want = threads ? threads : job_cores();

	p->last = &p->first;
	p->notify = notify;
	p->ctx = ctx;
	p->threads = xcalloc(want, sizeof(*p->threads));
	p->running = xcalloc(want, sizeof(*p->running));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	while (p->nthreads < want &&
	       !pthread_create(&p->threads[p->nthreads], NULL, pool_worker, p))
		p->nthreads++;
	return p;
}

void pool_submit(struct pool *p, struct job *j, job_fn *fn, void *arg)
{
	if (!p->nthreads) { /* the system gave none: slow is better than never */
		fn(j, arg);
		if (j)
			atomic_store(&j->finished, true);
		pool_news(p);
		return;
	}
	struct task *t = xcalloc(1, sizeof(*t));
	*t = (struct task){.job = job_ref(j), .fn = fn, .arg = arg};
	atomic_fetch_add(&p->busy, 1);
	pthread_mutex_lock(&p->lock);
	*p->last = t;
	p->last = &t->next;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

unsigned pool_busy(const struct pool *p)
{
	return atomic_load(&p->busy);
}

void pool_news(struct pool *p)
{
	if (p->notify)
		p->notify(p->ctx);
}

void pool_destroy(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	for (struct task *t = p->first; t; t = t->next)
		job_cancel(t->job);
	for (unsigned i = 0; i < p->nthreads; i++)
		job_cancel(p->running[i]);
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->nthreads; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p->running);
	free(p);
}

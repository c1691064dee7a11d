/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ring of stacks: workers take the next task while there is room, the reader takes stacks out in order. A
 * stack that nobody has begun yet the reader walks itself, so that it never waits without need, and on one
 * core there are no workers at all.
 */
#include "engine/kern/stack/stackahead.h"
#include <pthread.h>
#include "engine/base/alloc.h"

#define AHEAD 128
#define AT_ONCE 8 /* tasks that a worker takes: waking somebody costs as much as walking a stack */
#define MAX_WORKERS 16

struct stack_ahead {
	struct session *s;
	const struct task *const *tasks;
	size_t n, max;
	pthread_t workers[MAX_WORKERS];
	unsigned nworkers;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t room, ready;
	size_t begun; /* tasks before this one are somebody's */
	size_t at;    /* the reader's */
	bool stop;
	struct {
		struct stack stack;
		bool there;
	} ring[AHEAD];
};

/* The next tasks to be walked, how many; 0: it is over. */
static size_t begin(struct stack_ahead *a, size_t *first)
{
	pthread_mutex_lock(&a->lock);
	while (!a->stop && a->begun < a->n && a->begun + AT_ONCE > a->at + AHEAD)
		pthread_cond_wait(&a->room, &a->lock);
	size_t left = a->stop ? 0 : a->n - a->begun, n = left < AT_ONCE ? left : AT_ONCE;
	*first = a->begun;
	a->begun += n;
	pthread_mutex_unlock(&a->lock);
	return n;
}

static void *work(void *arg)
{
	struct stack_ahead *a = arg;
	struct stack st[AT_ONCE];

	for (size_t first, n; (n = begin(a, &first));) {
		for (size_t i = 0; i < n; i++)
			task_stack(a->s, a->tasks[first + i], a->max, &st[i]);
		pthread_mutex_lock(&a->lock);
		for (size_t i = 0; i < n; i++) {
			a->ring[(first + i) % AHEAD].stack = st[i];
			a->ring[(first + i) % AHEAD].there = true;
		}
		pthread_cond_signal(&a->ready);
		pthread_mutex_unlock(&a->lock);
	}
	return NULL;
}

struct stack_ahead *stack_ahead_start(struct session *s, const struct task *const *tasks, size_t n, size_t max)
{
	struct stack_ahead *a = xcalloc(1, sizeof(*a));
	unsigned want = job_cores() - 1;

	a->s = s;
	a->tasks = tasks;
	a->n = n;
	a->max = max;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->room, NULL);
	pthread_cond_init(&a->ready, NULL);
	want = want > MAX_WORKERS ? MAX_WORKERS : want;
	want = want > n / 2 ? (unsigned)(n / 2) : want;
	while (a->nworkers < want && !pthread_create(&a->workers[a->nworkers], NULL, work, a))
		a->nworkers++;
	return a;
}

/* Task a->at's stack out of the ring; false: nobody has begun it, and now it is the caller's. With the lock. */
static bool take(struct stack_ahead *a, struct stack *ret)
{
	size_t slot = a->at % AHEAD;
	bool theirs = a->at < a->begun;

	while (theirs && !a->ring[slot].there)
		pthread_cond_wait(&a->ready, &a->lock);
	if (theirs)
		*ret = a->ring[slot].stack;
	a->ring[slot].there = false;
	a->at++;
	a->begun = a->begun < a->at ? a->at : a->begun;
	if (a->at % AT_ONCE == 0)
		pthread_cond_signal(&a->room);
	return theirs;
}

void stack_ahead_go(struct stack_ahead *a, size_t i)
{
	struct stack st;

	pthread_mutex_lock(&a->lock);
	while (a->at < i)
		if (take(a, &st))
			stack_free(&st);
	pthread_mutex_unlock(&a->lock);
}

bool stack_ahead_take(struct stack_ahead *a, const struct task *t, struct stack *ret)
{
	if (!a)
		return false;
	pthread_mutex_lock(&a->lock);
	bool ours = a->at < a->n && a->tasks[a->at] == t;
	bool there = ours && take(a, ret);
	pthread_mutex_unlock(&a->lock);
	if (ours && !there)
		task_stack(a->s, t, a->max, ret);
	return ours;
}

void stack_ahead_stop(struct stack_ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_broadcast(&a->room);
	pthread_mutex_unlock(&a->lock);
	for (unsigned i = 0; i < a->nworkers; i++)
		pthread_join(a->workers[i], NULL);
	for (size_t i = 0; i < AHEAD; i++)
		if (a->ring[i].there)
			stack_free(&a->ring[i].stack);
	pthread_cond_destroy(&a->room);
	pthread_cond_destroy(&a->ready);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

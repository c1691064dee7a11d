/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each worker walks the stacks of a few tasks at a time and keeps of each only its return addresses. A
 * group is found by the hash of those and proved by comparing them, so ten thousand stacks cost the
 * memory of a few dozen.
 *
 * Source: Linux' kernel/sched/core.c (in_sched_functions).
 */
#include "engine/kern/stack/stackgroups.h"
#include <pthread.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/kern/module/modules.h"

#define MAX_FRAMES 256
#define AT_ONCE 32 /* tasks */

struct building {
	struct stack_group g;
	uint64_t hash;
	size_t next; /* 1 + index of another group with this hash; 0: none */
	size_t cap;  /* of g.tasks */
};

struct grouping {
	struct session *s;
	struct job *job;
	const struct task *const *tasks;
	size_t ntasks;
	pthread_mutex_t lock; /* around what follows */
	struct building *v;
	size_t n, cap;
	struct hmap index; /* hash -> 1 + index in v */
};

static bool same(const struct stack_group *g, const struct group_frame *f, size_t n, bool ended)
{
	if (g->nframes != n || g->ended != ended)
		return false;
	for (size_t i = 0; i < n; i++)
		if (g->frames[i].pc != f[i].pc)
			return false;
	return true;
}

/* Under the lock. */
static struct building *group_of(struct grouping *x, const struct group_frame *f, size_t n, bool ended,
				 uint64_t hash)
{
	uint64_t *first = hmap_put(&x->index, hash, NULL);

	for (size_t i = *first; i; i = x->v[i - 1].next)
		if (same(&x->v[i - 1].g, f, n, ended))
			return &x->v[i - 1];
	GROW(x->v, x->n, x->cap);
	struct building *b = &x->v[x->n];
	*b = (struct building){.hash = hash, .next = *first};
	b->g.frames = xcalloc(n ? n : 1, sizeof(*f));
	memcpy(b->g.frames, f, n * sizeof(*f));
	b->g.nframes = n;
	b->g.ended = ended;
	*first = ++x->n;
	return b;
}

static void add_task(struct grouping *x, const struct task *t)
{
	struct group_frame f[MAX_FRAMES];
	uint64_t pcs[MAX_FRAMES];
	struct stack st;
	size_t n = 0;

	task_stack(x->s, t, MAX_FRAMES, &st);
	for (size_t i = 0; i < st.n && !st.frames[i].user; i++) {
		const struct frame *from = &st.frames[i];
		pcs[n] = from->pc;
		f[n++] = (struct group_frame){from->pc, from->exact, from->object};
	}
	bool ended = st.ended != NULL;
	if (ended && n == 1 && !f[0].object) /* a zombie's stack is gone: what lies there is no frame */
		n = 0;
	stack_free(&st);
	uint64_t hash = hash_bytes(pcs, n * sizeof(*pcs));
	pthread_mutex_lock(&x->lock);
	struct building *b = group_of(x, f, n, ended, hash);
	GROW(b->g.tasks, b->g.ntasks, b->cap);
	b->g.tasks[b->g.ntasks++] = t;
	pthread_mutex_unlock(&x->lock);
}

static struct err *add_some(void *ctx, size_t chunk)
{
	struct grouping *x = ctx;
	size_t end = (chunk + 1) * AT_ONCE < x->ntasks ? (chunk + 1) * AT_ONCE : x->ntasks;

	for (size_t i = chunk * AT_ONCE; i < end; i++) {
		TRY(job_tick(x->job, 1));
		add_task(x, x->tasks[i]);
	}
	return NULL;
}

static int by_wait(const void *pa, const void *pb)
{
	const struct task *a = *(const struct task *const *)pa, *b = *(const struct task *const *)pb;

	if (a->since_ns != b->since_ns)
		return a->since_ns < b->since_ns ? 1 : -1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return a->cpu < b->cpu ? -1 : a->cpu > b->cpu; /* idle tasks */
}

static int by_size(const void *pa, const void *pb)
{
	const struct stack_group *a = pa, *b = pb;

	if (a->ntasks != b->ntasks)
		return a->ntasks < b->ntasks ? 1 : -1;
	return by_wait(&a->tasks[0], &b->tasks[0]);
}

static void finish(struct grouping *x, struct stack_groups *ret)
{
	*ret = (struct stack_groups){.n = x->n};
	ret->v = xcalloc(x->n ? x->n : 1, sizeof(*ret->v));
	for (size_t i = 0; i < x->n; i++) {
		ret->v[i] = x->v[i].g;
		qsort(ret->v[i].tasks, ret->v[i].ntasks, sizeof(*ret->v[i].tasks), by_wait);
	}
	qsort(ret->v, ret->n, sizeof(*ret->v), by_size);
}

struct err *stack_groups_make(struct session *s, struct job *job, const struct task *const *tasks,
			      size_t n, struct stack_groups *ret)
{
	struct grouping x = {.s = s, .job = job, .tasks = tasks, .ntasks = n};
	const struct modules *modules;

	err_free(modules_load(s, job, &modules)); /* once, before many ask for it */
	pthread_mutex_init(&x.lock, NULL);
	job_set_phase(job, "walking stacks");
	job_set_total(job, n);
	struct err *e = job_parallel(job, 0, (n + AT_ONCE - 1) / AT_ONCE, add_some, &x);
	finish(&x, ret);
	if (e)
		stack_groups_free(ret);
	pthread_mutex_destroy(&x.lock);
	hmap_free(&x.index);
	free(x.v);
	return e;
}

void stack_groups_free(struct stack_groups *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->v[i].frames);
		free(g->v[i].tasks);
	}
	free(g->v);
	*g = (struct stack_groups){0};
}

void sched_text_init(struct sched_text *t, struct session *s)
{
	static const char *const names[2][2] = {{"__sched_text_start", "__sched_text_end"},
						{"__lock_text_start", "__lock_text_end"}};

	*t = (struct sched_text){0};
	for (size_t i = 0; i < 2; i++)
		if (!err_ok(kern_symbol(s, names[i][0], &t->range[i].start)) ||
		    !err_ok(kern_symbol(s, names[i][1], &t->range[i].end)))
			t->range[i].end = 0;
}

bool sched_text_has(const struct sched_text *t, uint64_t pc)
{
	for (size_t i = 0; i < 2; i++)
		if (pc >= t->range[i].start && pc < t->range[i].end)
			return true;
	return false;
}

size_t stack_group_top(const struct stack_group *g, const struct sched_text *t)
{
	for (size_t i = 0; i < g->nframes; i++)
		if (!sched_text_has(t, g->frames[i].pc))
			return i;
	return 0;
}

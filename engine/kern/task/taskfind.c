/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding every task. Instead of one walk that ends at the first lost page, each task that can be
 * read leads on to those it is linked with: its neighbours in the task list and in its thread
 * group, its parent, children and siblings, its group leader. So a task is found as long as one
 * pointer to it has survived. The PID tree and the run queues are further beginnings.
 *
 * Pointers out of a dump may lead anywhere. What they lead to is taken for a task when its readable
 * members say so (a pid in range, a stack on a page's border, a terminated name ...); when nothing
 * at all can be read, only if a page of RAM is missing there, as opposed to there being no RAM.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/task/taskimpl.h"

#define PID_LIMIT 4194304 /* PID_MAX_LIMIT, include/linux/threads.h */
#define PF_KTHREAD 0x00200000u
#define TASKS_MAX (8u << 20)
#define PROBLEMS_MAX 64

void finder_problem(struct task_finder *f, const char *fmt, ...)
{
	va_list ap;

	if (f->nproblems >= PROBLEMS_MAX)
		return;
	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	GROW(f->problems, f->nproblems, f->problems_cap);
	f->problems[f->nproblems++] = text;
}

void finder_tell_rejected(struct task_finder *f)
{
	uint32_t found = f->rejected.found;

	if (f->nrejected)
		finder_problem(f,
			       "%zu pointers to tasks lead to none and are left out (the "
			       "first: 0x%" PRIx64 ", from %s)",
			       f->nrejected, f->rejected.addr,
			       found & FOUND_PID_TREE	 ? "the PID tree"
			       : found & FOUND_TASK_LIST ? "the task list"
			       : found & FOUND_RUN_QUEUE ? "a run queue"
							 : "a task's family");
}

struct found_task *finder_at(struct task_finder *f, uint64_t addr)
{
	uint64_t *i = hmap_get(&f->index, addr);

	return i && *i ? &f->v[*i - 1] : NULL;
}

void finder_add(struct task_finder *f, const struct candidate *c)
{
	struct found_task *known = finder_at(f, c->addr);

	if (known) {
		known->t.found |= c->found;
		if (c->cpu >= 0 && known->t.faults >> TF_CPU & 1) {
			known->t.cpu = (uint32_t)c->cpu;
			known->t.faults &= ~(1u << TF_CPU);
		}
		return;
	}
	if (!kern_pointer(f->s, c->addr) || c->addr % 8 || f->n >= TASKS_MAX)
		return;
	GROW(f->queue, f->nqueue, f->queue_cap);
	f->queue[f->nqueue++] = *c;
}

/* What speaks for and against there being a task. */
struct evidence {
	int good, bad;
	bool any_readable;
	enum mem_state why; /* of the last that couldn't be read */
};

static void judge(struct evidence *e, enum got g, bool fits)
{
	if (g != GOT)
		return;
	e->any_readable = true;
	e->good += fits;
	e->bad += !fits;
}

static struct evidence judge_task(struct task_finder *f, const struct candidate *c)
{
	struct task_reader *r = &f->reader;
	struct evidence e = {.why = MEM_PRESENT};
	uint64_t v;
	char comm[16];
	enum got g;
	bool may_be_0 = c->cpu >= 0 || c->addr == f->init_task;

	g = task_get(r, TM_PID, &v, &e.why);
	judge(&e, g, (may_be_0 || v > 0) && v <= PID_LIMIT);
	if (c->pid > 0)
		judge(&e, g, v == (uint64_t)c->pid);
	g = task_get(r, TM_TGID, &v, &e.why);
	judge(&e, g, (may_be_0 || v > 0) && v <= PID_LIMIT);
	g = task_get(r, TM_STACK, &v, &e.why);
	judge(&e, g, !v || (kern_pointer(f->s, v) && v % 4096 == 0));
	g = task_get(r, TM_PARENT, &v, &e.why);
	judge(&e, g, kern_pointer(f->s, v) && v % 8 == 0);
	g = task_get(r, TM_LEADER, &v, &e.why);
	judge(&e, g, kern_pointer(f->s, v) && v % 8 == 0);
	g = task_get(r, TM_TASKS_NEXT, &v, &e.why);
	judge(&e, g, kern_pointer(f->s, v) && v % 8 == 0);
	g = task_get(r, TM_MM, &v, &e.why);
	judge(&e, g, !v || kern_pointer(f->s, v));
	g = task_get_comm(r, comm, &e.why);
	judge(&e, g, memchr(r->image + r->m[TM_COMM].place.offset, 0, 16) != NULL);
	return e;
}

/* A task_struct in free memory keeps its last words: that it was dead. */
static bool is_alive(struct task_finder *f)
{
	uint64_t state, exit;
	char letters[4];

	if (task_get(&f->reader, TM_STATE, &state, NULL) != GOT ||
	    task_get(&f->reader, TM_EXIT, &exit, NULL) != GOT)
		return false;
	state_letters(&f->bits, (state & UINT32_MAX) | exit << 32, letters);
	return memcmp(letters, "DE", 2) && memcmp(letters, "??", 2);
}

static bool is_task(struct task_finder *f, const struct candidate *c)
{
	struct evidence e = judge_task(f, c);

	if (c->found == FOUND_SCAN)
		return !e.bad && e.good >= 6 && is_alive(f);
	if (!e.any_readable)
		return e.why == MEM_EXCLUDED || e.why == MEM_LOST;
	return !e.bad || (e.good >= 4 && e.bad == 1);
}

static void take(const struct task_finder *f, struct task *t, enum task_member m,
		 enum task_field field, uint64_t *ret)
{
	enum mem_state why;
	enum got g = task_get(&f->reader, m, ret, &why);

	if (g == GOT_ABSENT)
		t->absent |= 1u << field;
	if (g != GOT_FAULT)
		return;
	if (!t->faults)
		t->why = why;
	t->faults |= 1u << field;
}

static void take_comm(const struct task_finder *f, struct task *t)
{
	enum mem_state why;
	enum got g = task_get_comm(&f->reader, t->comm, &why);

	if (g == GOT_FAULT && !t->faults)
		t->why = why;
	t->faults |= (g == GOT_FAULT) << TF_COMM;
	t->absent |= (g == GOT_ABSENT) << TF_COMM;
	t->comm[sizeof(t->comm) - 1] = 0;
}

/* What the source knew stands in for what the struct lost. */
static void take_hints(struct task *t, const struct candidate *c)
{
	if (c->pid >= 0 && t->faults >> TF_PID & 1) {
		t->pid = c->pid;
		t->faults &= ~(1u << TF_PID);
	}
	if (c->cpu >= 0 && t->faults >> TF_CPU & 1) {
		t->cpu = (uint32_t)c->cpu;
		t->faults &= ~(1u << TF_CPU);
	}
}

static void fill(struct task_finder *f, struct found_task *ft, const struct candidate *c)
{
	struct task *t = &ft->t;
	uint64_t pid, tgid, state, exit, cpu, flags;

	t->addr = c->addr;
	t->found = c->found;
	take(f, t, TM_PID, TF_PID, &pid);
	take(f, t, TM_TGID, TF_TGID, &tgid);
	take(f, t, TM_STATE, TF_STATE, &state);
	take(f, t, TM_EXIT, TF_STATE, &exit);
	take(f, t, TM_CPU, TF_CPU, &cpu);
	if (f->s->ncpus == 1) /* without CONFIG_SMP there is no such member */
		t->absent &= ~(1u << TF_CPU);
	take(f, t, TM_FLAGS, TF_FLAGS, &flags);
	take(f, t, TM_STACK, TF_STACK, &t->stack);
	take(f, t, TM_SP, TF_SP, &t->sp);
	take(f, t, TM_MM, TF_MM, &t->mm);
	take(f, t, TM_ARRIVAL, TF_SINCE, &ft->arrival);
	take(f, t, TM_PARENT, TF_PPID, &ft->parent);
	take_comm(f, t);
	t->pid = t->faults >> TF_PID & 1 ? -1 : (int32_t)pid;
	t->tgid = t->faults >> TF_TGID & 1 ? -1 : (int32_t)tgid;
	t->ppid = -1;
	t->cpu = (uint32_t)cpu;
	t->flags = (uint32_t)flags;
	t->state = (state & UINT32_MAX) | exit << 32;
	t->kthread = t->faults >> TF_FLAGS & 1 ? !(t->faults >> TF_MM & 1) && !t->mm
					       : (flags & PF_KTHREAD) != 0;
	take_hints(t, c);
	if (t->faults >> TF_STATE & 1 || t->absent >> TF_STATE & 1)
		memcpy(t->letters, "??", 3);
	else
		state_letters(&f->bits, t->state, t->letters);
}

/* A neighbour in a list whose nodes are members of tasks; head: the one node that isn't. */
static uint64_t neighbour(struct task_finder *f, enum task_member at, enum task_member base,
			  uint64_t head)
{
	uint64_t node, offset;

	if (!task_node(&f->reader, base, &offset) || task_get(&f->reader, at, &node, NULL) != GOT ||
	    !kern_pointer(f->s, node) || node == head)
		return 0;
	return node - offset;
}

static void follow(struct task_finder *f, uint64_t addr, uint32_t found)
{
	if (addr)
		finder_add(f, &(struct candidate){addr, found, -1, -1});
}

/* Only leaders are in the task list: a thread's `tasks` is a left-over of the one that made it. */
static bool in_task_list(struct task_finder *f, const struct found_task *ft, uint32_t found)
{
	uint64_t leader;

	if (ft->t.addr == f->init_task)
		return true;
	if (found & FOUND_IDLE)
		return false;
	if (ft->t.pid >= 0 && ft->t.tgid >= 0)
		return ft->t.pid && ft->t.pid == ft->t.tgid;
	if (task_get(&f->reader, TM_LEADER, &leader, NULL) == GOT)
		return leader == ft->t.addr;
	return false;
}

static void follow_links(struct task_finder *f, struct found_task *ft)
{
	struct task_reader *r = &f->reader;
	uint64_t addr = ft->t.addr, head = 0, v, sibling = 0;
	uint32_t found = ft->t.found;

	if (!memcmp(ft->t.letters, "DE", 2))
		return; /* unlinked: its pointers may be stale */
	if (in_task_list(f, ft, found)) {
		ft->next = neighbour(f, TM_TASKS_NEXT, TM_TASKS_NEXT, 0);
		ft->prev = neighbour(f, TM_TASKS_PREV, TM_TASKS_NEXT, 0);
		ft->stray = !ft->next && task_get(r, TM_TASKS_NEXT, &v, NULL) == GOT;
	}
	if (task_get(r, TM_SIGNAL, &v, NULL) == GOT && v)
		head = kern_at(v, &r->thread_head);
	uint64_t next = ft->next, prev = ft->prev;
	uint64_t threads[] = {neighbour(f, TM_THREAD_NEXT, TM_THREAD_NEXT, head),
			      neighbour(f, TM_THREAD_PREV, TM_THREAD_NEXT, head)};
	/* A sibling's list runs through its parent's `children`, a parent's through siblings. */
	if (task_get(r, TM_PARENT, &v, NULL) == GOT && r->m[TM_CHILDREN_NEXT].found)
		sibling = v + r->m[TM_CHILDREN_NEXT].place.offset;
	uint64_t own = kern_at(addr, &r->m[TM_CHILDREN_NEXT]);
	uint64_t family[] = {v,
			     neighbour(f, TM_SIBLING_NEXT, TM_SIBLING_NEXT, sibling),
			     neighbour(f, TM_SIBLING_PREV, TM_SIBLING_NEXT, sibling),
			     neighbour(f, TM_CHILDREN_NEXT, TM_SIBLING_NEXT, own),
			     neighbour(f, TM_CHILDREN_PREV, TM_SIBLING_NEXT, own),
			     0};
	if (task_get(r, TM_LEADER, &v, NULL) == GOT)
		family[5] = v;
	/* ft may move from here on */
	follow(f, next, FOUND_TASK_LIST);
	follow(f, prev, FOUND_TASK_LIST);
	for (size_t i = 0; head && i < 2; i++)
		follow(f, threads[i], FOUND_TASK_LIST);
	for (size_t i = 0; i < sizeof(family) / sizeof(family[0]); i++)
		follow(f, family[i], FOUND_FAMILY);
}

static void look_at(struct task_finder *f, const struct candidate *c)
{
	bool added;
	uint64_t *slot = hmap_put(&f->index, c->addr, &added);

	if (!added && *slot) {
		finder_add(f, c); /* queued twice */
		return;
	}
	/* Rejected before; but what a stray link made nobody look twice at can be an idle task. */
	if (!added && c->cpu < 0)
		return;
	task_read(&f->reader, c->addr);
	if (!is_task(f, c)) {
		if (c->found == FOUND_SCAN)
			return; /* what merely looked like one */
		if (added && !f->nrejected++)
			f->rejected = *c;
		return;
	}
	if (!added && f->nrejected)
		f->nrejected--;
	GROW(f->v, f->n, f->cap);
	memset(&f->v[f->n], 0, sizeof(f->v[0]));
	*slot = ++f->n;
	fill(f, &f->v[f->n - 1], c);
	f->lost |= f->v[f->n - 1].t.faults && f->v[f->n - 1].t.why == MEM_LOST;
	follow_links(f, &f->v[f->n - 1]);
}

struct err *finder_drain(struct task_finder *f)
{
	while (f->nqueue) {
		struct candidate c = f->queue[--f->nqueue];
		look_at(f, &c);
		TRY(job_tick(f->job, 1));
	}
	return NULL;
}

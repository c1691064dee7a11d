/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run queues: what each CPU runs, its idle task, what waits for it (fair and real-time), and
 * its clock, from which the time in a state is counted.
 *
 * Source: Linux' kernel/sched/sched.h (struct rq).
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/task/taskimpl.h"

#define QUEUE_MAX (1u << 20)
#define RT_QUEUES 100 /* MAX_RT_PRIO */

enum { RQ_CURR, RQ_IDLE, RQ_CLOCK, RQ_CFS, RQ_RT, RQ_MEMBERS };

static const char *const names[RQ_MEMBERS] = {
	[RQ_CURR] = "curr",	[RQ_IDLE] = "idle",	     [RQ_CLOCK] = "clock",
	[RQ_CFS] = "cfs_tasks", [RQ_RT] = "rt.active.queue",
};

struct queue_walk {
	struct task_finder *f;
	uint64_t offset; /* of the list node in task_struct */
};

static struct err *on_node(void *ctx, uint64_t node)
{
	struct queue_walk *w = ctx;

	finder_add(w->f, &(struct candidate){node - w->offset, FOUND_RUN_QUEUE, -1, -1});
	return NULL;
}

static struct err *walk_queue(struct task_finder *f, unsigned cpu, uint64_t head,
			      enum task_member node)
{
	struct queue_walk w = {.f = f};
	char *problem;

	if (!task_node(&f->reader, node, &w.offset))
		return NULL;
	TRY(walk_list(f->s, head, QUEUE_MAX, f->job, on_node, &w, &problem));
	if (problem)
		finder_problem(f, "run queue of CPU %u: %s", cpu, problem);
	free(problem);
	return NULL;
}

/* One list a priority; most are empty, which one read tells. */
static struct err *walk_rt(struct task_finder *f, unsigned cpu, uint64_t queues)
{
	uint64_t heads[RT_QUEUES][2];

	if (!err_ok(mem_read(f->s->mem, KERNEL, queues, heads, sizeof(heads))))
		return NULL;
	for (unsigned i = 0; i < RT_QUEUES; i++) {
		uint64_t at = queues + i * sizeof(heads[0]);
		if (heads[i][0] != at && kern_pointer(f->s, heads[i][0]))
			TRY(walk_queue(f, cpu, at, TM_RUN_RT));
	}
	return NULL;
}

static struct err *read_queue(struct task_finder *f, unsigned cpu, const struct kern_member *m)
{
	struct cpu_queue *q = &f->cpu[cpu];
	uint64_t rq, count;

	struct err *e = kern_percpu(f->s, "runqueues", cpu, &rq);
	if (!e)
		e = kern_read(f->s, rq, &m[RQ_CURR], &q->curr);
	if (e) {
		if (kern_cpu_online(f->s, cpu))
			finder_problem(f, "run queue of CPU %u: %s", cpu, err_text(e));
		err_free(e);
		return NULL;
	}
	q->known = true;
	if (!err_ok(kern_read(f->s, rq, &m[RQ_CLOCK], &q->clock)))
		q->clock = 0;
	if (err_ok(kern_read(f->s, rq, &m[RQ_IDLE], &q->idle)))
		finder_add(f, &(struct candidate){q->idle, FOUND_IDLE | FOUND_RUN_QUEUE, 0,
						  (int32_t)cpu});
	if (q->curr != q->idle)
		finder_add(f, &(struct candidate){q->curr, FOUND_RUN_QUEUE, -1, -1});
	if (m[RQ_CFS].found)
		TRY(walk_queue(f, cpu, kern_at(rq, &m[RQ_CFS]), TM_RUN_CFS));
	if (m[RQ_RT].found && type_array_count(type_strip(m[RQ_RT].place.type), &count) &&
	    count == RT_QUEUES)
		TRY(walk_rt(f, cpu, kern_at(rq, &m[RQ_RT])));
	return NULL;
}

struct err *find_by_run_queues(struct task_finder *f)
{
	struct kern_member m[RQ_MEMBERS];

	for (size_t i = 0; i < RQ_MEMBERS; i++)
		m[i] = (struct kern_member){.names = names[i]};
	if (!kern_members(f->s, "struct rq", m, RQ_MEMBERS) || !m[RQ_CURR].found) {
		finder_problem(f, "run queues: this kernel's types have none that is known: which "
				  "tasks were running can't be told");
		return NULL;
	}
	for (unsigned cpu = 0; cpu < f->s->ncpus; cpu++)
		TRY(read_queue(f, cpu, m));
	return NULL;
}

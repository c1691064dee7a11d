/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The task table: what the sources found (taskfind.c), put in order and checked. Members are
 * decoded in taskread.c and taskstate.c.
 *
 * "Since" is rq.clock of the task's CPU minus sched_info.last_arrival, as crash's `ps -m` has it.
 * On an idle CPU the clock stands still, so the time can be too short there; never too long.
 */
#include "engine/kern/task/tasks.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/task/taskimpl.h"

struct tasks {
	struct task *v;
	size_t n;
	struct hmap by_addr, by_pid; /* to 1 + index */
	pthread_mutex_t lock;	     /* of the next: made when first asked for */
	const struct task **by_stack; /* those that have one, sorted; NULL */
	size_t nstacks;
	uint64_t *current;	     /* of each CPU: address; 0: not known */
	unsigned ncpus;
	uint64_t panicking;
	char **problems;
	size_t nproblems;
};

void tasks_destroy(struct tasks *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->nproblems; i++)
		free(t->problems[i]);
	free(t->problems);
	hmap_free(&t->by_addr);
	hmap_free(&t->by_pid);
	pthread_mutex_destroy(&t->lock);
	free(t->by_stack);
	free(t->current);
	free(t->v);
	free(t);
}

/* ---- what needs all tasks ---- */

/* getppid's answer: real_parent's thread group. A parent that was not found is asked itself. */
static void set_ppid(struct task_finder *f, struct found_task *ft)
{
	struct task *t = &ft->t;
	struct kern_member *tgid = &f->reader.m[TM_TGID];
	uint64_t v;

	if ((t->faults | t->absent) >> TF_PPID & 1)
		return;
	if (!t->pid) {
		t->ppid = 0; /* an idle task's real_parent is whoever brought up the CPU */
		return;
	}
	struct found_task *parent = finder_at(f, ft->parent);
	if (parent && parent->t.tgid >= 0) {
		t->ppid = parent->t.tgid;
		return;
	}
	struct err *e = kern_read(f->s, ft->parent, tgid, &v);
	if (!e && v <= INT32_MAX) {
		t->ppid = (int32_t)v;
		return;
	}
	if (!t->faults)
		t->why = e && err_code(e) == ERR_FAULT ? err_state(e) : MEM_LOST;
	t->faults |= 1u << TF_PPID;
	err_free(e);
}

static void set_since(struct task_finder *f, struct found_task *ft)
{
	struct task *t = &ft->t;
	uint32_t bit = 1u << TF_SINCE;

	if ((t->faults | t->absent) & bit)
		return;
	if ((t->faults | t->absent) >> TF_CPU & 1 || t->cpu >= f->s->ncpus ||
	    !f->cpu[t->cpu].known || !f->cpu[t->cpu].clock) {
		t->absent |= bit; /* no clock to count from */
		return;
	}
	uint64_t now = f->cpu[t->cpu].clock;
	t->since_ns = now > ft->arrival ? now - ft->arrival : 0;
}

/* An offline CPU's `curr` is the idle task that was the last to run there. */
static void set_active(struct task_finder *f, uint64_t *current)
{
	for (unsigned cpu = 0; cpu < f->s->ncpus; cpu++) {
		const struct cpu_queue *q = &f->cpu[cpu];
		struct found_task *ft = q->known ? finder_at(f, q->curr) : NULL;
		if (!ft || (q->curr == q->idle && !kern_cpu_online(f->s, cpu)))
			continue;
		ft->t.active = true;
		ft->t.cpu = cpu;
		ft->t.faults &= ~(1u << TF_CPU);
		current[cpu] = q->curr;
	}
}

/* The CPU that ran the panic: panic_cpu, else x86's crashing_cpu; -1 in both: there was none. */
static void set_panicking(struct task_finder *f, struct tasks *t)
{
	static const char *const names[] = {"panic_cpu", "crashing_cpu"};
	uint64_t addr;
	uint32_t cpu;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!err_ok(kern_symbol(f->s, names[i], &addr)) ||
		    !err_ok(mem_u32(f->s->mem, KERNEL, addr, &cpu)) || cpu >= t->ncpus ||
		    !t->current[cpu])
			continue;
		t->panicking = t->current[cpu];
		finder_at(f, t->panicking)->t.panicking = true;
		return;
	}
}

/* ---- do the sources agree? ---- */

static bool link_broken(struct task_finder *f, const struct found_task *ft)
{
	const struct found_task *next = finder_at(f, ft->next);

	if (ft->t.found & FOUND_IDLE && ft->t.addr != f->init_task)
		return false; /* it is in no list, and may have been looked at before that was known */
	if (!ft->next)
		return ft->stray;
	if (next == ft)
		return f->n > 1 + f->s->ncpus; /* alone but for idle tasks, which are in no list */
	if (next && next->t.found & FOUND_IDLE && next->t.addr != f->init_task)
		return true;
	return !next || (next->prev && next->prev != ft->t.addr);
}

static void check_links(struct task_finder *f)
{
	size_t wrong = 0;
	const struct found_task *first = NULL;

	for (size_t i = 0; i < f->n; i++) {
		if (!link_broken(f, &f->v[i]))
			continue;
		wrong++;
		first = first ? first : &f->v[i];
	}
	if (wrong)
		finder_problem(f,
			       "task list: broken in %zu place%s, the first after pid %d (0x%" PRIx64 ")",
			       wrong, wrong == 1 ? "" : "s", first->t.pid, first->t.addr);
}

static void check_source(struct task_finder *f, uint32_t bit, const char *what)
{
	size_t missing = 0;
	const struct task *first = NULL;

	for (size_t i = 0; i < f->n; i++) {
		const struct task *t = &f->v[i].t;
		if (t->found & bit || !t->pid || !memcmp(t->letters, "DE", 2))
			continue;
		missing++;
		first = first ? first : t;
	}
	if (missing)
		finder_problem(f, "%zu task%s not in the %s (the first: pid %d, 0x%" PRIx64 ")",
			       missing, missing == 1 ? " is" : "s are", what, first->pid,
			       first->addr);
}

static void check_faults(struct task_finder *f)
{
	size_t n = 0;
	enum mem_state why = MEM_PRESENT;

	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].t.faults && !n++)
			why = f->v[i].t.why;
	if (n)
		finder_problem(f, "%zu of %zu task_structs can only partly be read: %s%s", n, f->n,
			       mem_state_help(why),
			       why == MEM_EXCLUDED
				       ? "; it never should leave these out: it was older "
					 "than this kernel (use the newest)"
				       : "");
}

/* ---- putting together ---- */

static int by_pid(const void *pa, const void *pb)
{
	const struct task *a = pa, *b = pb;
	uint32_t x = (uint32_t)a->pid, y = (uint32_t)b->pid; /* -1, not known, comes last */

	if (x != y)
		return x < y ? -1 : 1;
	if (!x && a->cpu != b->cpu)
		return a->cpu < b->cpu ? -1 : 1;
	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

static void index_tasks(struct tasks *t)
{
	bool added;

	for (size_t i = 0; i < t->n; i++) {
		*hmap_put(&t->by_addr, t->v[i].addr, NULL) = i + 1;
		if (t->v[i].pid < 0)
			continue;
		uint64_t *slot = hmap_put(&t->by_pid, (uint64_t)t->v[i].pid, &added);
		/* A pid can be there twice when the older one is dead. */
		if (added || !memcmp(t->v[*slot - 1].letters, "DE", 2))
			*slot = i + 1;
	}
}

static struct tasks *put_together(struct task_finder *f)
{
	struct tasks *t = xcalloc(1, sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	t->ncpus = f->s->ncpus;
	t->current = xcalloc(t->ncpus, sizeof(*t->current));
	set_active(f, t->current);
	set_panicking(f, t);
	for (size_t i = 0; i < f->n; i++) {
		set_ppid(f, &f->v[i]);
		set_since(f, &f->v[i]);
	}
	finder_tell_rejected(f);
	check_links(f);
	if (f->have_tree)
		check_source(f, FOUND_PID_TREE, "PID tree");
	if (f->have_list)
		check_source(f, FOUND_TASK_LIST, "task list");
	check_faults(f);
	t->v = xcalloc(f->n, sizeof(*t->v));
	for (t->n = 0; t->n < f->n; t->n++)
		t->v[t->n] = f->v[t->n].t;
	qsort(t->v, t->n, sizeof(*t->v), by_pid);
	index_tasks(t);
	t->problems = f->problems;
	t->nproblems = f->nproblems;
	f->problems = NULL;
	f->nproblems = 0;
	return t;
}

/* The run queues come last, although they alone know which tasks with pid 0 are idle tasks: struct rq is far from the
 * first of the types, and out of the dump's memory these come in while the tasks are read. */
static struct err *find_all(struct task_finder *f)
{
	job_set_phase(f->job, "PID tree");
	TRY(find_by_pid_tree(f));
	TRY(finder_drain(f));
	job_set_phase(f->job, "task list");
	struct err *e = kern_symbol(f->s, "init_task", &f->init_task);
	if (e)
		finder_problem(f, "task list: %s", err_text(e));
	f->have_list = !e;
	err_free(e);
	if (f->init_task)
		finder_add(f, &(struct candidate){f->init_task, FOUND_TASK_LIST, 0, -1});
	TRY(finder_drain(f));
	job_set_phase(f->job, "run queues");
	TRY(find_by_run_queues(f));
	TRY(finder_drain(f));
	if (!f->lost && f->n)
		return NULL;
	job_set_phase(f->job, "searching memory for tasks");
	return find_by_scan(f);
}

/* The kernel's part of the address space is in every process' tables, too. */
static void find_tables(struct session *s, const struct tasks *t)
{
	struct kern_member m = {.names = "pgd"};
	struct arch_xlat x;
	uint64_t pgd;

	if (!mem_layout(s->mem)->tables_bad || !kern_members(s, "struct mm_struct", &m, 1))
		return;
	for (size_t i = 0; i < t->n; i++)
		if (kern_pointer(s, t->v[i].mm) && err_ok(kern_read(s, t->v[i].mm, &m, &pgd)) &&
		    err_ok(mem_vtop(s->mem, KERNEL, pgd, &x)) && mem_other_tables(s->mem, x.pa))
			return;
}

static struct err *nothing_found(struct task_finder *f)
{
	return err_new(ERR_CORRUPT,
		       "no task can be found, neither by the run queues, nor by the PID "
		       "tree, nor from init_task on, nor in memory: %s",
		       f->nproblems ? f->problems[0] : "all of them are empty");
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	struct task_finder f = {.s = s, .job = job};
	struct err *e;

	if (!task_reader_init(&f.reader, s)) {
		task_reader_done(&f.reader);
		return err_new(ERR_NODEBUG, "tasks can't be read without struct task_struct: %s",
			       kern_why_no_types(s));
	}
	state_bits_init(&f.bits, s);
	f.cpu = xcalloc(s->ncpus, sizeof(*f.cpu));
	/* Known beforehand, so that it is recognised wherever a link leads to it. */
	if (!err_ok(kern_symbol(s, "init_task", &f.init_task)))
		f.init_task = 0;
	e = find_all(&f);
	if (!e && !f.n)
		e = nothing_found(&f);
	if (!e)
		*ret = put_together(&f);
	if (!e)
		find_tables(s, *ret);
	task_reader_done(&f.reader);
	hmap_free(&f.index);
	free(f.v);
	free(f.queue);
	free(f.cpu);
	for (size_t i = 0; i < f.nproblems; i++)
		free(f.problems[i]);
	free(f.problems);
	return e;
}

struct err *tasks_load(struct session *s, struct job *job, const struct tasks **ret)
{
	void *v;

	TRY(loader_get(&s->priv->tasks, s, job, load, &v));
	*ret = v;
	return NULL;
}

/* ---- look-ups ---- */

size_t tasks_count(const struct tasks *t)
{
	return t->n;
}

const struct task *tasks_at(const struct tasks *t, size_t i)
{
	return i < t->n ? &t->v[i] : NULL;
}

const char *tasks_problem(const struct tasks *t, size_t i)
{
	return i < t->nproblems ? t->problems[i] : NULL;
}

const struct task *task_by_pid(const struct tasks *t, int32_t pid)
{
	uint64_t *i = pid < 0 ? NULL : hmap_get(&t->by_pid, (uint64_t)pid);

	return i ? &t->v[*i - 1] : NULL;
}

const struct task *task_by_addr(const struct tasks *t, uint64_t addr)
{
	uint64_t *i = hmap_get(&t->by_addr, addr);

	return i ? &t->v[*i - 1] : NULL;
}

static int compare_stacks(const void *pa, const void *pb)
{
	const struct task *a = *(const struct task *const *)pa, *b = *(const struct task *const *)pb;

	if (a->stack != b->stack)
		return a->stack < b->stack ? -1 : 1;
	return a < b ? -1 : a > b;
}

static void index_stacks(struct tasks *t)
{
	t->by_stack = xcalloc(t->n + 1, sizeof(*t->by_stack));
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].stack)
			t->by_stack[t->nstacks++] = &t->v[i];
	qsort(t->by_stack, t->nstacks, sizeof(*t->by_stack), compare_stacks);
}

const struct task *task_by_stack(const struct tasks *const_t, uint64_t va, uint64_t size)
{
	struct tasks *t = (struct tasks *)const_t;
	size_t lo = 0, hi;

	pthread_mutex_lock(&t->lock);
	if (!t->by_stack)
		index_stacks(t);
	pthread_mutex_unlock(&t->lock);
	for (hi = t->nstacks; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;
		if (t->by_stack[mid]->stack <= va)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || va - t->by_stack[lo - 1]->stack >= size)
		return NULL;
	while (lo > 1 && t->by_stack[lo - 2]->stack == t->by_stack[lo - 1]->stack)
		lo--; /* of damaged ones that claim the same, the first of all */
	return t->by_stack[lo - 1];
}

const struct task *task_active(const struct tasks *t, unsigned cpu)
{
	return cpu < t->ncpus && t->current[cpu] ? task_by_addr(t, t->current[cpu]) : NULL;
}

const struct task *task_panicking(const struct tasks *t)
{
	return t->panicking ? task_by_addr(t, t->panicking) : NULL;
}

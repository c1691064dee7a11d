/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which members can be waited for is known by their types' names; an object is searched through its
 * nested structs and arrays, so that a new struct needs nothing here.
 */
#include "engine/kern/wait/waiters.h"
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/kern/impl.h"

#define DEPTH_MAX 8
#define MEMBERS_MAX 20000
#define ELEMENTS_MAX 64
#define QUEUE_MAX 100000

struct search {
	struct session *s;
	struct job *job;
	const struct tasks *tasks;
	waiter_fn fn;
	void *ctx;
	size_t members;
	const char *path; /* of the lock at hand */
	uint64_t lock;
};

static struct err *give(struct search *x, enum waiter_kind kind, uint64_t task)
{
	const struct task *t = task ? task_by_addr(x->tasks, task) : NULL;
	struct waiter w = {.kind = kind, .task = t, .path = x->path, .addr = x->lock};

	return t ? x->fn(x->ctx, &w) : NULL;
}

/* A scalar member of the struct at addr by its names; 0 when it isn't there. */
static uint64_t get(struct search *x, const char *type, uint64_t addr, const char *names)
{
	struct kern_member m = {.names = names};
	uint64_t v;

	return kern_pointer(x->s, addr) && kern_members(x->s, type, &m, 1) &&
	       err_ok(kern_read(x->s, addr, &m, &v)) ? v : 0;
}

/* ---- lists of waiters ---- */

struct queue {
	struct search *x;
	const char *type; /* of a waiter */
	uint64_t list;	  /* where its list_head is */
};

static struct err *on_waiter(void *ctx, uint64_t node)
{
	struct queue *q = ctx;

	return give(q->x, WAITER_QUEUED, get(q->x, q->type, node - q->list, "task"));
}

/* What waits in poll() and select() is not the entry's own business, but its poll_wqueues'. */
static uint64_t wait_entry_task(struct search *x, uint64_t entry)
{
	uint64_t task = get(x, "struct wait_queue_entry", entry, "private");

	if (!task || task_by_addr(x->tasks, task))
		return task;
	return get(x, "struct poll_wqueues", task, "polling_task");
}

static struct err *on_entry(void *ctx, uint64_t node)
{
	struct queue *q = ctx;

	return give(q->x, WAITER_QUEUED, wait_entry_task(q->x, node - q->list));
}

static struct err *walk(struct search *x, uint64_t head, const char *type, const char *list,
			struct err *(*fn)(void *ctx, uint64_t node))
{
	struct kern_member m = {.names = list};
	struct queue q = {x, type, 0};
	char *problem = NULL;

	if (!kern_members(x->s, type, &m, 1))
		return NULL;
	q.list = m.place.offset;
	struct err *e = walk_list(x->s, head, QUEUE_MAX, x->job, fn, &q, &problem);
	free(problem); /* the good part has been given */
	return e;
}

/* A list_head of waiters, or a pointer to the first one of a ring of them. */
static struct err *walk_waiters(struct search *x, const char *lock, uint64_t addr, const char *waiter)
{
	struct kern_member head = {.names = "wait_list"}, list = {.names = "list"};
	const struct type *t;

	if (!err_ok(type_find(x->s->types, lock, NULL, &t)))
		return NULL;
	if (err_ok(type_member(t, "wait_list", &head.place)))
		return walk(x, addr + head.place.offset, waiter, "list", on_waiter);
	uint64_t first = get(x, lock, addr, "first_waiter");
	if (!first || !kern_members(x->s, waiter, &list, 1))
		return NULL;
	TRY(give(x, WAITER_QUEUED, get(x, waiter, first, "task")));
	return walk(x, first + list.place.offset, waiter, "list", on_waiter);
}

/* ---- what can be waited for ---- */

static struct err *on_mutex(struct search *x, uint64_t addr)
{
	TRY(give(x, WAITER_HOLDS, get(x, "struct mutex", addr, "owner.counter") & ~UINT64_C(7)));
	return walk_waiters(x, "struct mutex", addr, "struct mutex_waiter");
}

static struct err *on_rwsem(struct search *x, uint64_t addr)
{
	uint64_t owner = get(x, "struct rw_semaphore", addr, "owner.counter");

	if (!(owner & 1) && get(x, "struct rw_semaphore", addr, "count.counter") & 1)
		TRY(give(x, WAITER_HOLDS, owner & ~UINT64_C(7)));
	return walk_waiters(x, "struct rw_semaphore", addr, "struct rwsem_waiter");
}

static struct err *on_semaphore(struct search *x, uint64_t addr)
{
	return walk_waiters(x, "struct semaphore", addr, "struct semaphore_waiter");
}

static struct err *on_wait_queue(struct search *x, uint64_t addr)
{
	struct kern_member head = {.names = "head"};
	const struct type *t;

	if (!err_ok(type_find(x->s->types, "struct wait_queue_head", NULL, &t)) ||
	    !err_ok(type_member(t, "head", &head.place)))
		return NULL;
	return walk(x, addr + head.place.offset, "struct wait_queue_entry", "entry", on_entry);
}

static struct err *on_swait_queue(struct search *x, uint64_t addr)
{
	const struct type *t;
	struct type_place p;

	if (!err_ok(type_find(x->s->types, "struct swait_queue_head", NULL, &t)) ||
	    !err_ok(type_member(t, "task_list", &p)))
		return NULL;
	return walk(x, addr + p.offset, "struct swait_queue", "task_list", on_waiter);
}

static struct err *on_rcuwait(struct search *x, uint64_t addr)
{
	return give(x, WAITER_QUEUED, get(x, "struct rcuwait", addr, "task"));
}

static const struct {
	const char *type;
	struct err *(*fn)(struct search *x, uint64_t addr);
} waitables[] = {
	{"mutex", on_mutex},	 {"rw_semaphore", on_rwsem},	     {"semaphore", on_semaphore},
	{"rcuwait", on_rcuwait}, {"wait_queue_head", on_wait_queue}, {"swait_queue_head", on_swait_queue},
};
#define NWAITABLES (sizeof(waitables) / sizeof(*waitables))

static int waitable(const struct type *t)
{
	const char *name = type_name(t);

	for (size_t i = 0; i < NWAITABLES; i++)
		if (!strcmp(name, waitables[i].type))
			return (int)i;
	return -1;
}

static bool any_waitable(const struct type *t, int depth)
{
	size_t n;
	const struct type *plain = type_strip(t);
	enum type_kind k = type_kind(plain);

	if (k == TYPE_ARRAY)
		return any_waitable(type_target(plain), depth);
	if ((k != TYPE_STRUCT && k != TYPE_UNION) || depth < 0)
		return false;
	if (waitable(plain) >= 0)
		return true;
	const struct member *m = type_members(plain, &n);
	for (size_t i = 0; i < n; i++)
		if (any_waitable(m[i].type, depth - !!m[i].name[0]))
			return true;
	return false;
}

bool waiters_possible(const struct type *t)
{
	return any_waitable(t, 2);
}

/* ---- through the object ---- */

static struct err *search_type(struct search *x, const struct type *t, uint64_t addr, const char *path,
			       int depth);

static struct err *search_elements(struct search *x, const struct type *t, uint64_t addr, const char *path,
				   int depth)
{
	const struct type *of = type_target(t);
	uint64_t n, size = type_size(of);

	if (!type_array_count(t, &n))
		return NULL;
	for (uint64_t i = 0; i < n && i < ELEMENTS_MAX; i++) {
		AUTO_FREE char *p = xasprintf("%s[%" PRIu64 "]", path, i);
		TRY(search_type(x, of, addr + i * size, p, depth + 1));
	}
	return NULL;
}

static struct err *search_members(struct search *x, const struct type *t, uint64_t addr,
				  const char *path, int depth)
{
	size_t n;
	const struct member *m = type_members(t, &n);

	for (size_t i = 0; i < n && x->members++ < MEMBERS_MAX; i++) {
		enum type_kind k = type_kind(type_strip(m[i].type));
		if (m[i].bit_size || (k != TYPE_STRUCT && k != TYPE_UNION && k != TYPE_ARRAY))
			continue;
		AUTO_FREE char *p = xasprintf("%s%s%s", path, path[0] && m[i].name[0] ? "." : "", m[i].name);
		TRY(search_type(x, m[i].type, addr + m[i].bit_offset / 8, p, depth + 1));
	}
	return NULL;
}

static struct err *search_type(struct search *x, const struct type *t, uint64_t addr, const char *path,
			       int depth)
{
	const struct type *plain = type_strip(t);
	enum type_kind k = type_kind(plain);
	int w = waitable(plain);

	if (depth > DEPTH_MAX)
		return NULL;
	TRY(job_tick(x->job, 0));
	if (w >= 0) {
		x->path = path;
		x->lock = addr;
		return waitables[w].fn(x, addr);
	}
	if (k == TYPE_ARRAY)
		return search_elements(x, plain, addr, path, depth);
	return k == TYPE_STRUCT || k == TYPE_UNION ? search_members(x, plain, addr, path, depth) : NULL;
}

struct err *waiters_queued(struct session *s, const struct type *t, uint64_t addr, struct job *job,
			   waiter_fn fn, void *ctx)
{
	struct search x = {.s = s, .job = job, .fn = fn, .ctx = ctx};

	TRY(tasks_load(s, job, &x.tasks));
	return search_type(&x, t, addr, "", 0);
}

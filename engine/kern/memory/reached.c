/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A walk in breadth over typed memory, so that what is nearest to a known list speaks first. It starts at the
 * elements of the lists that are global variables, and at the tasks; from each object it goes on over the pointers
 * that its type has, and into its known lists. Whatever it meets with a cache of its own name is only passed
 * through; an object of a cache without one is remembered with the type that led to it, if the sizes agree.
 *
 * A pointer may lead to a part of something larger. What begins elsewhere than its slab object is skipped, and a
 * type that would fit into the next smaller cache isn't believed (of a list's elements more: drivers like to have
 * data of their own behind them). Where a kobject led to something and a kset does, too, the larger one is it. Members of unions are never followed: which one
 * counts isn't known. Everything is bounded: a damaged dump costs time once, and nothing that it says is certain
 * but for list elements.
 */
#include "engine/kern/memory/reached.h"
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/kern/container/known.h"
#include "engine/kern/impl.h"
#include "engine/kern/memory/slab.h"
#include "engine/kern/task/tasks.h"

#define NODES_MAX 40000	  /* objects that are looked at */
#define DEPTH_MAX 4	  /* pointers followed from a list or task */
#define TASKS_MAX 2000
#define ELEMENTS_MAX 1000 /* of one list */
#define NAMED_MAX 32	  /* of one list, where they have a cache of their own or are in none */
#define BUCKETS_MAX 4096  /* of a hash table: what the large ones hold has caches of its own */
#define OBJECT_MAX 65536
#define NESTED_MAX 4	  /* structs in structs */
#define ARMS_MAX 512	  /* of one type */
#define POINTERS_MAX 16	  /* of an array of them */

/* A way on from an object: a pointer in it, or a list. */
struct arm {
	uint64_t offset;
	const struct type *type; /* that it leads to; NULL: a list */
	char *path;		 /* in the type */
};

struct shape {
	const struct type *type;
	struct arm *v;
	size_t n, cap;
};

struct node {
	uint64_t addr;
	const struct type *type;
	unsigned depth;
};

struct reached {
	struct hmap index; /* address -> its place in v, counted from 1 */
	struct found {
		uint64_t addr;
		struct reached_object o;
	} *v;
	size_t n, cap;
};

struct walk {
	struct session *s;
	struct job *job;
	struct reached *x;
	struct hmap seen, shapes; /* address -> size of the type that it was met as; type -> struct shape * */
	struct node *queue;
	size_t n, cap;
	unsigned depth;	/* of what is being added, and what led there: a variable, or a member of a type */
	const char *by, *of_type;
	bool element;	/* it is one of a list: its type is certain */
	const struct type *of; /* the list's elements */
	size_t named;	/* of them, those that need nobody to say what they are */
};

void reached_destroy(struct reached *x)
{
	if (!x)
		return;
	hmap_free(&x->index);
	free(x->v);
	free(x);
}

/* ---- objects ---- */

static bool is_struct(const struct type *t)
{
	return type_kind(t) == TYPE_STRUCT && !type_is_incomplete(t) && type_name(t)[0] && type_size(t);
}

static bool is_open_ended(const struct type *t)
{
	size_t n;
	uint64_t count;
	const struct member *m = type_members(t, &n);
	const struct type *last = n ? type_strip(m[n - 1].type) : NULL;

	return last && type_kind(last) == TYPE_ARRAY && (!type_array_count(last, &count) || !count);
}

static bool fits(const struct walk *w, const struct type *t, const struct slab_place *p)
{
	uint64_t size = type_size(t);

	if (size > p->object_size)
		return false;
	return size > p->object_size / (w->element ? 4 : 2) || is_open_ended(t);
}

static void remember(struct walk *w, uint64_t addr, const struct type *t)
{
	uint64_t *slot = hmap_put(&w->x->index, addr, NULL);
	AUTO_FREE char *by = xasprintf("%s%s%s", w->of_type, w->of_type[0] ? "." : "", w->by);
	struct reached_object o = {t, intern_str(w->s->intern, by)};

	if (*slot) {
		w->x->v[*slot - 1].o = o;
		return;
	}
	GROW(w->x->v, w->x->n, w->x->cap);
	w->x->v[w->x->n++] = (struct found){addr, o};
	*slot = w->x->n;
}

/* Something leads to addr, as a t. Is it an object of an unnamed cache? */
static bool meet(struct walk *w, uint64_t addr, const struct type *t)
{
	struct slab_place p;
	char name[80];
	bool unnamed = false;

	t = type_strip(t);
	if (w->n >= NODES_MAX || w->depth > DEPTH_MAX || !kern_pointer(w->s, addr) || !is_struct(t))
		return false;
	uint64_t *largest = hmap_put(&w->seen, addr, NULL);
	if (*largest >= type_size(t))
		return false;
	*largest = type_size(t);
	if (slab_at(w->s, addr, &p) && p.object) {
		const struct type *own = slab_type(w->s, &p, w->job, name);
		if (p.outside || p.object != addr || (!own && !fits(w, t, &p)))
			return false;
		unnamed = !own;
		if (unnamed)
			remember(w, addr, t);
		else
			*largest = UINT64_MAX; /* it is what it is */
		t = own ? own : t;
	}
	GROW(w->queue, w->n, w->cap);
	w->queue[w->n++] = (struct node){addr, t, w->depth};
	return unnamed;
}

/* ---- the ways on from a type ---- */

static void add_arm(struct shape *sh, uint64_t offset, const struct type *to, const char *path)
{
	if (sh->n >= ARMS_MAX)
		return;
	GROW(sh->v, sh->n, sh->cap);
	sh->v[sh->n++] = (struct arm){offset, to, xstrdup(path)};
}

static const struct type *pointed_to(const struct type *t)
{
	const struct type *to = type_kind(t) == TYPE_POINTER ? type_strip(type_target(t)) : NULL;

	return to && is_struct(to) ? to : NULL;
}

static void add_pointers(struct shape *sh, const struct type *array, uint64_t at, const char *path)
{
	const struct type *to = pointed_to(type_strip(type_target(array)));
	uint64_t count;

	if (!to || !type_array_count(array, &count))
		return;
	for (uint64_t i = 0; i < count && i < POINTERS_MAX; i++)
		add_arm(sh, at + i * 8, to, path);
}

static bool is_known_list(struct walk *w, const struct type *t, const char *path)
{
	struct holding h;

	return err_ok(holding_of_member(w->s, t, path, 0, &h)) && h.element && !h.c.at_node &&
	       h.c.kind != CONTAINER_ARRAY && h.c.kind != CONTAINER_PERCPU;
}

static void add_members(struct walk *w, struct shape *sh, const struct type *t, uint64_t at, const char *before,
			int depth)
{
	size_t n;
	const struct member *m = type_members(t, &n);

	for (size_t i = 0; i < n && sh->n < ARMS_MAX; i++) {
		const struct type *of = type_strip(m[i].type);
		uint64_t offset = at + m[i].bit_offset / 8;
		AUTO_FREE char *path = xasprintf("%s%s%s", before, before[0] && m[i].name[0] ? "." : "", m[i].name);
		enum type_kind k = type_kind(of);
		if (m[i].bit_size)
			continue;
		if (pointed_to(of))
			add_arm(sh, offset, pointed_to(of), path);
		else if (k == TYPE_ARRAY)
			add_pointers(sh, of, offset, path);
		else if (k == TYPE_STRUCT && m[i].name[0] && is_known_list(w, sh->type, path))
			add_arm(sh, offset, NULL, path);
		else if (k == TYPE_STRUCT && depth < NESTED_MAX)
			add_members(w, sh, of, offset, path, depth + 1);
	}
}

static const struct shape *shape_of(struct walk *w, const struct type *t)
{
	bool added;
	uint64_t *slot = hmap_put(&w->shapes, (uintptr_t)t, &added);

	if (added) {
		struct shape *sh = xcalloc(1, sizeof(*sh));
		sh->type = t;
		*slot = (uintptr_t)sh;
		add_members(w, sh, t, 0, "", 0);
		return sh;
	}
	return (const struct shape *)(uintptr_t)*slot;
}

/* ---- walking ---- */

static struct err *on_element(void *ctx, const struct element *e)
{
	struct walk *w = ctx;

	if (e->kind == ELEMENT && e->addr && !meet(w, e->addr, w->of) && ++w->named > NAMED_MAX)
		return err_cancelled();
	return job_tick(w->job, 1);
}

static struct err *meet_elements(struct walk *w, struct holding *h)
{
	w->of = h->element;
	w->named = 0;
	w->element = true;
	h->c.limit = ELEMENTS_MAX;
	struct err *e = container_walk(w->s, &h->c, w->job, on_element, w, NULL);
	w->element = false;
	if (e && err_code(e) == ERR_CANCELLED && w->named <= NAMED_MAX)
		return e;
	err_free(e); /* it can't be walked, or has told enough: there are others */
	return NULL;
}

static struct err *on_variable(void *ctx, const struct holding *h)
{
	struct holding own = *h;

	if (own.c.buckets > BUCKETS_MAX)
		return NULL;
	struct walk *w = ctx;
	w->of_type = "";
	w->by = h->head;
	return meet_elements(w, &own);
}

static struct err *begin(struct walk *w)
{
	const struct type *t;
	const struct tasks *ts;

	TRY(holdings_each_variable(w->s, on_variable, w));
	if (!err_ok(type_find(w->s->types, "struct task_struct", w->job, &t)))
		return NULL;
	struct err *e = tasks_load(w->s, w->job, &ts);
	if (e && err_code(e) == ERR_CANCELLED)
		return e;
	w->of_type = "";
	w->by = "task_struct";
	for (size_t i = 0; !e && i < tasks_count(ts) && i < TASKS_MAX; i++)
		meet(w, tasks_at(ts, i)->addr, t);
	err_free(e);
	return NULL;
}

static struct err *follow(struct walk *w, const struct node *n, const struct arm *a, const uint8_t *bytes)
{
	uint64_t v;
	struct holding h;

	w->of_type = type_name(n->type);
	w->by = a->path;
	if (!a->type)
		return err_ok(holding_of_member(w->s, n->type, a->path, n->addr, &h)) ? meet_elements(w, &h) : NULL;
	memcpy(&v, bytes + a->offset, sizeof(v));
	meet(w, v, a->type);
	return NULL;
}

static struct err *go_on(struct walk *w, const struct node *n, uint8_t *bytes)
{
	uint64_t size = type_size(n->type);

	if (n->depth >= DEPTH_MAX || size > OBJECT_MAX || !err_ok(mem_read(w->s->mem, KERNEL, n->addr, bytes, size)))
		return NULL;
	const struct shape *sh = shape_of(w, n->type);
	w->depth = n->depth + 1;
	for (size_t i = 0; i < sh->n; i++)
		if (sh->v[i].offset + 8 <= size)
			TRY(follow(w, n, &sh->v[i], bytes));
	return job_tick(w->job, 1);
}

static void walk_done(struct walk *w)
{
	uint64_t key, v;

	for (size_t i = 0; hmap_next(&w->shapes, &i, &key, &v);) {
		struct shape *sh = (struct shape *)(uintptr_t)v;
		for (size_t k = 0; k < sh->n; k++)
			free(sh->v[k].path);
		free(sh->v);
		free(sh);
	}
	hmap_free(&w->shapes);
	hmap_free(&w->seen);
	free(w->queue);
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	struct reached *x = xcalloc(1, sizeof(*x));
	struct walk w = {.s = s, .job = job, .x = x};
	AUTO_FREE uint8_t *bytes = xmalloc(OBJECT_MAX);

	job_set_phase(job, "what objects are");
	struct err *e = begin(&w);
	for (size_t i = 0; !e && i < w.n; i++) {
		struct node n = w.queue[i]; /* the queue moves */
		e = go_on(&w, &n, bytes);
	}
	walk_done(&w);
	if (e) {
		reached_destroy(x);
		return e;
	}
	*ret = x;
	return NULL;
}

bool reached_at(struct session *s, uint64_t addr, bool load_it, struct job *job, struct reached_object *ret)
{
	void *loaded = NULL;

	if (!load_it)
		loaded = loader_peek(&s->priv->reached);
	else if (!err_ok(loader_get(&s->priv->reached, s, job, load, &loaded)))
		return false;
	const struct reached *x = loaded;
	const uint64_t *i = x ? hmap_get(&x->index, addr) : NULL;
	if (i)
		*ret = x->v[*i - 1].o;
	return i != NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all walks have in common. Damage is not an error: it is told to the caller as an element, in
 * the place where it is, and the walker decides how to go on. Only the caller's own errors and a
 * cancel end a walk early.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/container/impl.h"

static const struct {
	const char *type;
	enum container_kind kind;
	const char *name;
	const char *member; /* that the root is */
} kinds[] = {
	{"list_head", CONTAINER_LIST, "list", NULL},
	{"hlist_head", CONTAINER_HLIST, "hlist", NULL},
	{"hlist_nulls_head", CONTAINER_NULLS, "hlist with nulls", NULL},
	{"hlist_bl_head", CONTAINER_BL, "hlist with a lock bit", NULL},
	{"llist_head", CONTAINER_LLIST, "lock-less list", NULL},
	{"rb_root", CONTAINER_RBTREE, "rbtree", NULL},
	{"rb_root_cached", CONTAINER_RBTREE, "rbtree", "rb_root"},
	{"rb_root_linked", CONTAINER_RBTREE, "rbtree", "rb_root"},
	{"timerqueue_head", CONTAINER_RBTREE, "rbtree", "rb_root.rb_root|head"},
	{"timerqueue_linked_head", CONTAINER_RBTREE, "rbtree", "rb_root.rb_root"},
	{"xarray", CONTAINER_XARRAY, "xarray", NULL},
	{"radix_tree_root", CONTAINER_XARRAY, "radix tree", NULL},
	{"idr", CONTAINER_XARRAY, "idr", "idr_rt|top"},
	{"maple_tree", CONTAINER_MAPLE, "maple tree", NULL},
	{"cpumask", CONTAINER_BITMAP, "bitmap", "bits"},
	{"nodemask_t", CONTAINER_BITMAP, "bitmap", "bits"},
	{"", CONTAINER_CHAIN, "chain of pointers", NULL},
	{"", CONTAINER_ARRAY, "array", NULL},
	{"", CONTAINER_PERCPU, "per-CPU", NULL},
};

enum container_kind container_of_type(struct session *s, const struct type *t, uint64_t *at)
{
	const char *name = t ? type_name(type_strip(t)) : "";
	struct kern_member root = {0};

	*at = 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && name[0]; i++) {
		if (strcmp(kinds[i].type, name))
			continue;
		if (!kinds[i].member)
			return kinds[i].kind;
		root.names = kinds[i].member;
		AUTO_FREE char *whole = xasprintf("struct %s", name);
		if (!kern_members(s, whole, &root, 1))
			return CONTAINER_NONE;
		*at = root.place.offset;
		return kinds[i].kind;
	}
	return CONTAINER_NONE;
}

const char *container_kind_name(enum container_kind k)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].kind == k)
			return kinds[i].name;
	return "container";
}

bool container_is_empty(struct session *s, const struct container *c)
{
	struct kern_member head = {.names = "xa_head|rnode|ma_root"};
	static const char *const roots[] = {"struct xarray", "struct radix_tree_root", "struct maple_tree"};
	bool tree = c->kind == CONTAINER_XARRAY || c->kind == CONTAINER_MAPLE;
	uint64_t v, at = 0;

	if (tree) {
		for (size_t i = c->kind == CONTAINER_MAPLE ? 2 : 0; i < 3 && !head.found; i++)
			kern_members(s, roots[i], &head, 1);
		at = head.place.offset;
	}
	if (c->buckets || (tree && !head.found) || c->kind >= CONTAINER_ARRAY || c->kind == CONTAINER_NONE ||
	    !err_ok(mem_u64(s->mem, KERNEL, c->root + at, &v)))
		return false;
	return c->kind == CONTAINER_LIST    ? v == c->root
	       : c->kind == CONTAINER_NULLS ? v & 1
	       : c->kind == CONTAINER_BL    ? v < 2
					    : !v;
}

/* ---- pointers that are none ---- */

const char *poison_name(uint64_t v)
{
	/* With CONFIG_ILLEGAL_POINTER_VALUE as every 64-bit distribution has it, and without. */
	static const uint64_t deltas[] = {UINT64_C(0xdead000000000000), 0,
					  UINT64_C(0xdead4ead00000000), UINT64_C(0x5deadbeef0000000)};
	static const struct {
		uint64_t v;
		const char *name;
	} fills[] = {
		{UINT64_C(0x6b6b6b6b6b6b6b6b), "POISON_FREE: the object was freed"},
		{UINT64_C(0xa56b6b6b6b6b6b6b), "POISON_FREE: the object was freed"},
		{UINT64_C(0x6b6b6b6b6b6b6ba5), "POISON_FREE: the object was freed"},
		{UINT64_C(0x5a5a5a5a5a5a5a5a), "POISON_INUSE: never initialized"},
		{UINT64_C(0xcccccccccccccccc), "POISON_FREE_INITMEM: memory of __init"},
		{UINT64_C(0xaaaaaaaaaaaaaaaa), "PAGE_POISON: the page was freed"},
	};

	for (size_t i = 0; i < sizeof(deltas) / sizeof(*deltas); i++) {
		if (v == deltas[i] + 0x100)
			return "LIST_POISON1: the element was deleted from its list";
		if (v == deltas[i] + 0x122 || (i != 1 && v == deltas[i] + 0x200))
			return "LIST_POISON2: the element was deleted from its list";
		if (v == deltas[i] + 0x300 && i != 1)
			return "TIMER_ENTRY_STATIC";
	}
	for (size_t i = 0; i < sizeof(fills) / sizeof(*fills); i++)
		if (v == fills[i].v)
			return fills[i].name;
	return NULL;
}

struct err *walk_pointer(struct walk *w, uint64_t p, unsigned align, const char *what, bool *ok)
{
	struct element e = {.node = p};
	const char *poison = poison_name(p);

	*ok = false;
	if (!p)
		return walk_damage(w, &e, WHY_NULL, "%s is NULL", what);
	if (poison)
		return walk_damage(w, &e, WHY_POISON, "%s is 0x%" PRIx64 ", %s", what, p, poison);
	if (!kern_pointer(w->s, p))
		return walk_damage(w, &e, WHY_BAD, "%s is 0x%" PRIx64 ", which is no kernel address",
				   what, p);
	if (p % align)
		return walk_damage(w, &e, WHY_BAD,
				   "%s is 0x%" PRIx64 ", which is not aligned to %u bytes", what, p,
				   align);
	*ok = true;
	return NULL;
}

struct err *walk_bytes(struct walk *w, uint64_t p, void *buf, size_t n, const char *what, bool *ok)
{
	struct err *e = mem_read(w->s->mem, KERNEL, p, buf, n);
	struct element where = {.node = p, .addr = p - w->c->link};

	*ok = !e;
	if (!e)
		return NULL;
	if (err_code(e) != ERR_FAULT)
		return e;
	where.state = err_state(e);
	err_free(e);
	if (!strcmp(what, "the head") || !strcmp(what, "the root")) /* told by its address, not led to */
		return walk_damage(w, &where, WHY_UNREADABLE, "%s at 0x%" PRIx64 " is %s", what, p,
				   mem_state_name(where.state));
	return walk_damage(w, &where, WHY_UNREADABLE, "%s leads to 0x%" PRIx64 ", which is %s", what,
			   p, mem_state_name(where.state));
}

bool walk_quick(struct walk *w, uint64_t p, unsigned align, void *buf, size_t n)
{
	/* poison is never a kernel address */
	return p && !(p % align) && kern_pointer(w->s, p) && err_ok(mem_read(w->s->mem, KERNEL, p, buf, n));
}

/* ---- nodes that were there before ---- */

/* Brent: the tortoise waits where the hare was at the last power of two. */
static bool brent_meets(struct walk *w, uint64_t node)
{
	if (node == w->tortoise)
		return true;
	if (++w->steps > w->power) {
		w->tortoise = node;
		w->power = w->power ? w->power * 2 : 1;
		w->steps = 0;
	}
	return false;
}

bool walk_seen(struct walk *w, uint64_t node, uint64_t *back)
{
	bool added = false;
	uint64_t *v = hmap_get(&w->seen, node);

	*back = UINT64_MAX;
	if (v) {
		*back = *v - 1;
		return true;
	}
	if (!w->c->brent && w->seen.n < CONTAINER_SEEN) {
		*hmap_put(&w->seen, node, &added) = w->n + 1;
		return false;
	}
	return brent_meets(w, node);
}

bool walk_mark(struct walk *w, uint64_t node)
{
	bool added = false;

	if (w->seen.n >= CONTAINER_SEEN * 4)
		return false;
	*hmap_put(&w->seen, node, &added) = w->n + 1;
	return added;
}

/* ---- telling ---- */

static void tell_bucket(const struct walk *w, struct element *e)
{
	if (!w->c->buckets)
		return;
	e->indexed = true;
	e->first = e->last = w->bucket;
}

struct err *walk_give(struct walk *w, struct element *e)
{
	tell_bucket(w, e);
	if (w->full)
		return NULL;
	if (w->n >= w->limit) {
		w->full = true;
		return walk_damage(w, &(struct element){.node = e->node, .addr = e->addr}, WHY_LIMIT,
				   "there are more than %" PRIu64 " elements", w->limit);
	}
	e->n = w->n;
	if (!e->addr && e->kind == ELEMENT)
		e->addr = e->node - w->c->link;
	if (w->position.len)
		e->position = buf_str(&w->position);
	TRY(job_tick(w->job, 1));
	if (e->kind != ELEMENT_NODE)
		w->n++;
	return w->fn(w->ctx, e);
}

struct err *walk_damage(struct walk *w, struct element *e, enum container_why why, const char *fmt,
			...)
{
	va_list ap;
	char text[sizeof(w->end.text)];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!w->end.damages++) {
		memcpy(w->end.text, text, sizeof(text));
		w->end.why = why;
		w->end.state = e->state;
	}
	tell_bucket(w, e);
	e->kind = ELEMENT_DAMAGE;
	e->n = w->n;
	e->why = why;
	e->damage = text;
	if (w->position.len)
		e->position = buf_str(&w->position);
	TRY(job_tick(w->job, 1));
	return w->fn(w->ctx, e);
}

struct err *walk_bad(struct walk *w, struct element at, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return walk_damage(w, &at, WHY_CORRUPT, "the node 0x%" PRIx64 "%s", at.node, text);
}

struct err *walk_enter(struct walk *w, struct element at, uint64_t parent, unsigned slot,
		       uint64_t offset, void *buf, size_t n, bool *ok)
{
	char what[80];

	if (parent)
		snprintf(what, sizeof(what), "slot %u of the node 0x%" PRIx64, slot, parent);
	else
		snprintf(what, sizeof(what), "the root's pointer");
	TRY(walk_pointer(w, at.node, 8, what, ok));
	if (!*ok)
		return NULL;
	*ok = walk_mark(w, at.node);
	if (!*ok)
		return walk_damage(w, &at, WHY_CYCLE, "cycle: %s leads to the node 0x%" PRIx64
				   ", which is in the tree already", what, at.node);
	return walk_bytes(w, at.node + offset, buf, n, what, ok);
}

size_t position_push(struct walk *w, const char *fmt, ...)
{
	size_t before = w->position.len;
	va_list ap;
	char step[64];

	va_start(ap, fmt);
	vsnprintf(step, sizeof(step), fmt, ap);
	va_end(ap);
	buf_puts(&w->position, step);
	return before;
}

void position_pop(struct walk *w, size_t len)
{
	w->position.len = len;
	if (w->position.p)
		w->position.p[len] = '\0';
}

/* Head by head. Damage of one costs no other. */
static struct err *walk_buckets(struct walk *w, struct err *(*walker)(struct walk *))
{
	const struct container *c = w->c;
	struct err *e = NULL;

	for (; !e && w->bucket < c->buckets && !w->full; w->bucket++) {
		struct container one = *c;
		one.root = c->root + w->bucket * c->stride;
		w->c = &one;
		w->before = w->n;
		w->tortoise = w->power = w->steps = 0;
		e = walker(w);
		w->c = c;
		if (!e)
			e = job_tick(w->job, 1);
	}
	return e;
}

struct err *container_walk(struct session *s, const struct container *c, struct job *job,
			   element_fn *fn, void *ctx, struct container_end *end)
{
	static struct err *(*const walkers[])(struct walk *) = {
		[CONTAINER_LIST] = walk_lists,	  [CONTAINER_HLIST] = walk_hlists,
		[CONTAINER_NULLS] = walk_hlists,  [CONTAINER_BL] = walk_hlists,
		[CONTAINER_LLIST] = walk_hlists,  [CONTAINER_CHAIN] = walk_hlists,
		[CONTAINER_RBTREE] = walk_rbtree, [CONTAINER_XARRAY] = walk_xarray,
		[CONTAINER_MAPLE] = walk_maple,	  [CONTAINER_ARRAY] = walk_array,
		[CONTAINER_PERCPU] = walk_percpu, [CONTAINER_BITMAP] = walk_bitmap,
	};
	struct walk w = {.s = s, .c = c, .job = job, .fn = fn, .ctx = ctx,
			 .limit = c->limit ? c->limit : CONTAINER_LIMIT};
	struct err *e = !walkers[c->kind] ? NULL : c->buckets ? walk_buckets(&w, walkers[c->kind]) : walkers[c->kind](&w);

	w.end.elements = w.n;
	if (end)
		*end = w.end;
	hmap_free(&w.seen);
	buf_free(&w.position);
	buf_free(&w.text);
	return e;
}

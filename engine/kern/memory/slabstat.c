/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The totals are counters of each node. What is free must be put together: the free objects of slabs on
 * the nodes' partial lists, which is all that /proc/slabinfo knows, and those that CPUs keep back: their
 * own slab's two free lists, their partial slabs, their sheaves, and the nodes' full sheaves.
 * SLAB (up to 6.7) counts a node's free objects itself, less those in array caches (slabarrays.c).
 */
#include "engine/kern/memory/slabstat.h"
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/memory/slabimpl.h"

#define PARTIAL_MAX (1u << 22) /* slabs of a node's or CPU's list */
#define OO_SHIFT 16

enum { SN_SLABS, SN_TOTAL, SN_PARTIAL, SN_SLAB_SLABS, SN_SLAB_FREE, SN_MEMBERS };

struct counting {
	struct session *s;
	struct slabs *x;
	struct job *job;
	struct kern_member node[SN_MEMBERS];
	/* of the cache at hand */
	uint64_t free;
	char problem[96];
};

static void resolve(struct counting *k)
{
	k->node[SN_SLABS].names = "nr_slabs.counter"; /* both with CONFIG_SLUB_DEBUG only */
	k->node[SN_TOTAL].names = "total_objects.counter";
	k->node[SN_PARTIAL].names = "partial.next";
	k->node[SN_SLAB_SLABS].names = "total_slabs"; /* SLAB's two */
	k->node[SN_SLAB_FREE].names = "free_objects";
	kern_members(k->s, "struct kmem_cache_node", k->node, SN_MEMBERS);
}

static void trouble(struct counting *k, const char *what)
{
	if (!k->problem[0])
		snprintf(k->problem, sizeof(k->problem), "%s", what);
}

static void add_free(struct counting *k, uint64_t slab)
{
	uint64_t inuse, objects;

	if (!err_ok(kern_read(k->s, slab, &k->x->slab[KS_INUSE], &inuse)) ||
	    !err_ok(kern_read(k->s, slab, &k->x->slab[KS_OBJECTS], &objects)) || inuse > objects)
		trouble(k, "a slab's counters can't be read");
	else
		k->free += objects - inuse;
}

static struct err *on_partial(void *ctx, uint64_t node)
{
	struct counting *k = ctx;

	add_free(k, node - k->x->slab[KS_LIST].place.offset);
	return NULL;
}

static struct err *count_slab_node(struct counting *k, uint64_t node, struct slab_stat *st)
{
	uint64_t slabs, idle;

	if (!err_ok(kern_read(k->s, node, &k->node[SN_SLAB_SLABS], &slabs)) ||
	    !err_ok(kern_read(k->s, node, &k->node[SN_SLAB_FREE], &idle))) {
		trouble(k, "a node's counters can't be read");
		return NULL;
	}
	st->counted = true;
	st->slabs += slabs;
	st->total += slabs * st->per_slab;
	k->free += idle;
	return NULL;
}

static struct err *count_node(struct counting *k, uint64_t node, struct slab_stat *st)
{
	uint64_t slabs, total;
	char *damage = NULL;

	if (k->x->cm[KC_SLAB_CPU].found)
		return count_slab_node(k, node, st);
	if (!err_ok(kern_read(k->s, node, &k->node[SN_SLABS], &slabs)) ||
	    !err_ok(kern_read(k->s, node, &k->node[SN_TOTAL], &total))) {
		trouble(k, "a node's counters can't be read");
		return NULL;
	}
	st->counted = true;
	st->slabs += slabs;
	st->total += total;
	if (!k->node[SN_PARTIAL].found || !k->x->slab[KS_LIST].found)
		return NULL;
	TRY(walk_list(k->s, kern_at(node, &k->node[SN_PARTIAL]), PARTIAL_MAX, k->job, on_partial, k, &damage));
	if (damage)
		trouble(k, "a node's partial list is damaged");
	free(damage);
	return NULL;
}

/* A CPU's own slab and the partial ones that it keeps, which are chained by `next`. */
static struct err *count_cpu(struct counting *k, uint64_t at)
{
	uint64_t slab, max = PARTIAL_MAX, mark = 0, next_mark = 1; /* Brent: a cycle meets the mark */

	if (!err_ok(kern_read(k->s, at, &k->x->cpu[KCPU_SLAB], &slab)))
		trouble(k, "a CPU's slabs can't be read");
	else if (slab)
		add_free(k, slab);
	if (!k->x->cpu[KCPU_PARTIAL].found || !k->x->slab[KS_NEXT].found ||
	    !err_ok(kern_read(k->s, at, &k->x->cpu[KCPU_PARTIAL], &slab)))
		return NULL;
	for (; slab; max--) {
		TRY(job_tick(k->job, 0));
		if (!max || !kern_pointer(k->s, slab) || slab == mark) {
			trouble(k, "a CPU's list of partial slabs is damaged");
			return NULL;
		}
		if (PARTIAL_MAX - max == next_mark) {
			mark = slab;
			next_mark *= 2;
		}
		add_free(k, slab);
		if (!err_ok(kern_read(k->s, slab, &k->x->slab[KS_NEXT], &slab)))
			return NULL;
	}
	return NULL;
}

static struct err *count_cpus(struct counting *k, uint64_t cache)
{
	uint64_t cpu_slab, base;

	if (!k->x->cm[KC_CPU_SLAB].found || !err_ok(kern_read(k->s, cache, &k->x->cm[KC_CPU_SLAB], &cpu_slab)))
		return NULL;
	for (unsigned cpu = 0; cpu < k->s->ncpus; cpu++)
		if (err_ok(kern_percpu_offset(k->s, cpu, &base)))
			TRY(count_cpu(k, cpu_slab + base));
	return NULL;
}

/* How many objects a slab of this cache has, and how many bytes. */
static void slab_shape(struct counting *k, const struct cache *c, struct slab_stat *st)
{
	const struct kern_member *m = k->x->cm;
	uint64_t n, order;

	if (err_ok(kern_read(k->s, c->addr, &m[KC_OO], &n))) {
		order = n >> OO_SHIFT;
		n &= (1u << OO_SHIFT) - 1;
	} else if (!err_ok(kern_read(k->s, c->addr, &m[KC_SLAB_NUM], &n)) ||
		   !err_ok(kern_read(k->s, c->addr, &m[KC_SLAB_ORDER], &order))) {
		return;
	}
	if (n > UINT16_MAX || order >= 20)
		return;
	st->per_slab = (unsigned)n;
	st->slab_bytes = (uint64_t)k->s->arch->page_size << order;
}

static struct err *count(struct counting *k, struct cache *c, struct slab_stat *st)
{
	struct slabs *x = k->x;
	uint64_t node;
	const char *problem;

	k->free = 0;
	k->problem[0] = '\0';
	*st = (struct slab_stat){.name = c->name, .kmem_cache = c->addr, .object_size = c->object_size,
				 .size = c->size};
	slab_shape(k, c, st);
	for (uint64_t i = 0; i < x->nodes; i++) {
		uint64_t at = slabs_node(x, c, i) + (x->ptrs_node.found ? x->ptrs_node.place.offset : 0);
		if (!err_ok(mem_u64(k->s->mem, KERNEL, at, &node)))
			trouble(k, "its nodes can't be read");
		else if (node)
			TRY(count_node(k, node, st));
	}
	st->active = st->total > k->free ? st->total - k->free : 0;
	TRY(count_cpus(k, c->addr));
	k->free += slabs_kept(x, c, &problem);
	if (problem)
		trouble(k, problem);
	st->allocated = st->total > k->free ? st->total - k->free : 0;
	st->problem = k->problem[0] ? k->problem : NULL;
	return NULL;
}

struct err *slabstat_each(struct session *s, struct job *job, const char **problem,
			  struct err *(*fn)(void *ctx, const struct slab_stat *st), void *ctx)
{
	struct counting k = {.s = s, .job = job};
	struct slab_stat st;

	TRY(slabs_get(s, &k.x));
	resolve(&k);
	*problem = k.x->problem;
	for (size_t i = 0; i < k.x->n; i++) {
		TRY(job_tick(job, 1));
		TRY(count(&k, &k.x->v[i], &st));
		TRY(fn(ctx, &st));
	}
	return NULL;
}

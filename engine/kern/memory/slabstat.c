/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The totals are counters of each node. What is free must be put together: the free objects of slabs on
 * the nodes' partial lists, which is all that /proc/slabinfo knows, and those that CPUs keep back: their
 * own slab's two free lists, their partial slabs, their sheaves, and the nodes' full sheaves.
 */
#include "engine/kern/memory/slabstat.h"
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/memory/slabimpl.h"

#define PARTIAL_MAX (1u << 22) /* slabs of a node's or CPU's list */
#define OO_SHIFT 16

enum { SN_SLABS, SN_TOTAL, SN_PARTIAL, SN_MEMBERS };
enum { SS_INUSE, SS_OBJECTS, SS_LIST, SS_NEXT, SS_MEMBERS };
enum { SC_OO, SC_NODES, SC_CPU, SC_MEMBERS };
enum { SP_SLAB, SP_PARTIAL, SP_MEMBERS };

struct counting {
	struct session *s;
	struct job *job;
	struct kern_member node[SN_MEMBERS], slab[SS_MEMBERS], cache[SC_MEMBERS], cpu[SP_MEMBERS];
	struct kern_member ptr; /* kmem_cache_per_node_ptrs.node */
	uint64_t nodes, stride; /* pointers to nodes, and how far they are apart */
	/* of the cache at hand */
	uint64_t free;
	char problem[96];
};

static void resolve(struct counting *k)
{
	struct session *s = k->s;
	uint64_t count = 0, at;
	uint32_t n = 1;

	k->node[SN_SLABS].names = "nr_slabs.counter"; /* both with CONFIG_SLUB_DEBUG only */
	k->node[SN_TOTAL].names = "total_objects.counter";
	k->node[SN_PARTIAL].names = "partial.next";
	kern_members(s, "struct kmem_cache_node", k->node, SN_MEMBERS);
	k->slab[SS_INUSE].names = "inuse";
	k->slab[SS_OBJECTS].names = "objects";
	k->slab[SS_LIST].names = "slab_list.next";
	k->slab[SS_NEXT].names = "next";
	if (!kern_members(s, "struct slab", k->slab, SS_MEMBERS)) /* since 5.17 */
		kern_members(s, "struct page", k->slab, SS_MEMBERS);
	k->cache[SC_OO].names = "oo.x";
	k->cache[SC_NODES].names = "per_node|node";
	k->cache[SC_CPU].names = "cpu_slab";
	kern_members(s, "struct kmem_cache", k->cache, SC_MEMBERS);
	k->cpu[SP_SLAB].names = "slab|page";
	k->cpu[SP_PARTIAL].names = "partial"; /* CONFIG_SLUB_CPU_PARTIAL */
	kern_members(s, "struct kmem_cache_cpu", k->cpu, SP_MEMBERS);
	k->ptr.names = "node";
	kern_members(s, "struct kmem_cache_per_node_ptrs", &k->ptr, 1);
	if (!k->cache[SC_NODES].found ||
	    !type_array_count(type_strip(k->cache[SC_NODES].place.type), &count) || !count)
		return;
	k->stride = type_size(k->cache[SC_NODES].place.type) / count;
	if (err_ok(kern_symbol(s, "nr_node_ids", &at)) && !err_ok(mem_u32(s->mem, KERNEL, at, &n)))
		n = 1;
	k->nodes = n < count ? n : count;
}

static void trouble(struct counting *k, const char *what)
{
	if (!k->problem[0])
		snprintf(k->problem, sizeof(k->problem), "%s", what);
}

static void add_free(struct counting *k, uint64_t slab)
{
	uint64_t inuse, objects;

	if (!err_ok(kern_read(k->s, slab, &k->slab[SS_INUSE], &inuse)) ||
	    !err_ok(kern_read(k->s, slab, &k->slab[SS_OBJECTS], &objects)) || inuse > objects)
		trouble(k, "a slab's counters can't be read");
	else
		k->free += objects - inuse;
}

static struct err *on_partial(void *ctx, uint64_t node)
{
	struct counting *k = ctx;

	add_free(k, node - k->slab[SS_LIST].place.offset);
	return NULL;
}

static struct err *count_node(struct counting *k, uint64_t node, struct slab_stat *st)
{
	uint64_t slabs, total;
	char *damage = NULL;

	if (!err_ok(kern_read(k->s, node, &k->node[SN_SLABS], &slabs)) ||
	    !err_ok(kern_read(k->s, node, &k->node[SN_TOTAL], &total))) {
		trouble(k, "a node's counters can't be read");
		return NULL;
	}
	st->counted = true;
	st->slabs += slabs;
	st->total += total;
	if (!k->node[SN_PARTIAL].found || !k->slab[SS_LIST].found)
		return NULL;
	TRY(walk_list(k->s, kern_at(node, &k->node[SN_PARTIAL]), PARTIAL_MAX, k->job, on_partial, k, &damage));
	if (damage)
		trouble(k, "a node's partial list is damaged");
	free(damage);
	return NULL;
}

/* A CPU's own slab and the partial ones that it keeps, which are chained by `next`. */
static void count_cpu(struct counting *k, uint64_t at)
{
	uint64_t slab, max = PARTIAL_MAX;

	if (!err_ok(kern_read(k->s, at, &k->cpu[SP_SLAB], &slab)))
		trouble(k, "a CPU's slabs can't be read");
	else if (slab)
		add_free(k, slab);
	if (!k->cpu[SP_PARTIAL].found || !k->slab[SS_NEXT].found ||
	    !err_ok(kern_read(k->s, at, &k->cpu[SP_PARTIAL], &slab)))
		return;
	for (; slab; max--) {
		if (!max || !kern_pointer(k->s, slab)) {
			trouble(k, "a CPU's list of partial slabs is damaged");
			return;
		}
		add_free(k, slab);
		if (!err_ok(kern_read(k->s, slab, &k->slab[SS_NEXT], &slab)))
			return;
	}
}

static void count_cpus(struct counting *k, uint64_t cache)
{
	uint64_t cpu_slab, base;

	if (!k->cache[SC_CPU].found || !err_ok(kern_read(k->s, cache, &k->cache[SC_CPU], &cpu_slab)))
		return;
	for (unsigned cpu = 0; cpu < k->s->ncpus; cpu++)
		if (err_ok(kern_percpu_offset(k->s, cpu, &base)))
			count_cpu(k, cpu_slab + base);
}

static struct err *count(struct counting *k, struct slabs *x, struct cache *c, struct slab_stat *st)
{
	uint64_t oo, node;
	const char *problem;

	k->free = 0;
	k->problem[0] = '\0';
	*st = (struct slab_stat){.name = c->name, .kmem_cache = c->addr, .object_size = c->object_size,
				 .size = c->size};
	if (err_ok(kern_read(k->s, c->addr, &k->cache[SC_OO], &oo)) && oo >> OO_SHIFT < 20) {
		st->per_slab = oo & ((1u << OO_SHIFT) - 1);
		st->slab_bytes = k->s->arch->page_size << (oo >> OO_SHIFT);
	}
	for (uint64_t i = 0; i < k->nodes; i++) {
		uint64_t at = kern_at(c->addr, &k->cache[SC_NODES]) + i * k->stride +
			      (k->ptr.found ? k->ptr.place.offset : 0);
		if (!err_ok(mem_u64(k->s->mem, KERNEL, at, &node)))
			trouble(k, "its nodes can't be read");
		else if (node)
			TRY(count_node(k, node, st));
	}
	st->active = st->total > k->free ? st->total - k->free : 0;
	count_cpus(k, c->addr);
	k->free += slabs_kept(x, c, &problem);
	if (problem)
		trouble(k, problem);
	st->allocated = st->total > k->free ? st->total - k->free : 0;
	st->problem = k->problem[0] ? k->problem : NULL;
	return NULL;
}

struct err *slabstat_each(struct session *s, struct job *job,
			  struct err *(*fn)(void *ctx, const struct slab_stat *st), void *ctx)
{
	struct counting k = {.s = s, .job = job};
	struct slab_stat st;
	struct slabs *x;

	TRY(slabs_get(s, &x));
	resolve(&k);
	for (size_t i = 0; i < x->n; i++) {
		TRY(job_tick(job, 1));
		TRY(count(&k, x, &x->v[i], &st));
		TRY(fn(ctx, &st));
	}
	return NULL;
}

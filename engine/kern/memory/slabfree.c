/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a slab object in use? (Of SLAB, slabarrays.c tells.) SLUB keeps no bit for it: an object is free when it is on a list of free ones.
 * These are the slab's own (slab.freelist), that of the CPU which allocates from the slab
 * (kmem_cache_cpu.freelist, up to 6.19), and, from 6.18 on, arrays of objects: the sheaves of each CPU and
 * the full ones of each node's barn. Slabs on partial lists need no look of their own: their free objects
 * are on their own lists.
 *
 * A list leads through the objects themselves, so a stray write breaks it. Each link must be an object of
 * the very slab, and there can be no more links than objects: a walk that breaks these rules ends, and then
 * "in use" is no longer proven for those that it didn't meet.
 *
 * With CONFIG_SLAB_FREELIST_HARDENED a link is stored as link ^ random ^ swab(address of the link); before
 * 5.7 without the swab. Which one shows by the first link: the wrong one leads nowhere.
 */
#include <byteswap.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/memory/page.h"
#include "engine/kern/memory/slabimpl.h"

#define MAX_SHEAVES 65536

void slabs_find_free_members(struct slabs *x)
{
	struct session *s = x->s;

	x->cpu[KCPU_FREELIST].names = "freelist";
	x->cpu[KCPU_SLAB].names = "slab|page";
	x->cpu[KCPU_PARTIAL].names = "partial"; /* CONFIG_SLUB_CPU_PARTIAL */
	kern_members(s, "struct kmem_cache_cpu", x->cpu, KCPU_MEMBERS);
	x->sheaves[KSH_MAIN].names = "main";
	x->sheaves[KSH_SPARE].names = "spare";
	x->sheaves[KSH_RCU].names = "rcu_free";
	kern_members(s, "struct slub_percpu_sheaves", x->sheaves, KSH_MEMBERS);
	x->sheaf[SHEAF_SIZE].names = "size";
	x->sheaf[SHEAF_OBJECTS].names = "objects";
	x->sheaf[SHEAF_LIST].names = "barn_list";
	kern_members(s, "struct slab_sheaf", x->sheaf, SHEAF_MEMBERS);
	x->node_barn.names = "barn"; /* 6.18 to 7.0 */
	kern_members(s, "struct kmem_cache_node", &x->node_barn, 1);
	x->ptrs_barn.names = "barn";
	kern_members(s, "struct kmem_cache_per_node_ptrs", &x->ptrs_barn, 1);
	x->ptrs_node.names = "node";
	kern_members(s, "struct kmem_cache_per_node_ptrs", &x->ptrs_node, 1);
	x->barn_full.names = "sheaves_full";
	kern_members(s, "struct node_barn", &x->barn_full, 1);
}

/* ---- a list through the objects of one slab ---- */

struct objects {
	struct slabs *x;
	const struct cache *c;
	uint64_t start; /* of the first object, behind its red zone */
	uint64_t n;
};

static bool is_object(const struct objects *o, uint64_t p)
{
	return o->c->size && p >= o->start && (p - o->start) % o->c->size == 0 && (p - o->start) / o->c->size < o->n;
}

/* The link behind a free object: 0 at the end. false: it leads nowhere, or can't be read. */
static bool next_free(const struct objects *o, uint64_t object, uint64_t *ret)
{
	uint64_t at = object + o->c->offset, v;

	if (!err_ok(mem_u64(o->x->s->mem, KERNEL, at, &v)))
		return false;
	if (!o->x->cm[KC_RANDOM].found) {
		*ret = v;
		return !v || is_object(o, v);
	}
	*ret = v ^ o->c->random ^ bswap_64(at);
	if (!*ret || is_object(o, *ret))
		return true;
	*ret = v ^ o->c->random ^ at;
	return !*ret || is_object(o, *ret);
}

/* Calls fn for each free object from first on; fn says whether to go on. false: the list is damaged. */
static bool walk_free(const struct objects *o, uint64_t first, bool (*fn)(void *ctx, uint64_t object),
		      void *ctx)
{
	uint64_t p = first;

	for (uint64_t i = 0; p; i++) {
		if (i >= o->n || !is_object(o, p))
			return false; /* a cycle is as long as it likes */
		if (!fn(ctx, p))
			return true;
		if (!next_free(o, p, &p))
			return false;
	}
	return true;
}

/* ---- what CPUs and nodes keep of a cache ---- */

void slabs_trouble(struct cache *c, const char *what, uint64_t at)
{
	if (!c->kept_problem[0])
		snprintf(c->kept_problem, sizeof(c->kept_problem), "%s at 0x%" PRIx64, what, at);
}

struct keep {
	struct cache *c;
	uint64_t by;
};

static void keep_one(struct cache *c, uint64_t object, uint64_t by)
{
	*hmap_put(&c->kept, object, NULL) = by;
}

static bool keep(void *ctx, uint64_t object)
{
	struct keep *k = ctx;

	keep_one(k->c, object, k->by);
	return true;
}

static void keep_cpu_slab(struct slabs *x, struct cache *c, uint64_t at, unsigned cpu)
{
	struct session *s = x->s;
	uint64_t first, slab, pa, n;
	struct keep k = {c, KEPT(KEPT_CPU, cpu)};

	if (!err_ok(kern_read(s, at, &x->cpu[KCPU_FREELIST], &first)) ||
	    !err_ok(kern_read(s, at, &x->cpu[KCPU_SLAB], &slab))) {
		slabs_trouble(c, "kmem_cache_cpu can't be read", at);
		return;
	}
	if (!first)
		return;
	if (!page_at(s, slab, &pa) || !err_ok(kern_read(s, slab, &x->slab[KS_OBJECTS], &n))) {
		slabs_trouble(c, "a CPU's slab can't be read", slab);
		return;
	}
	struct objects o = {x, c, mem_layout(s->mem)->direct_va + pa + c->left, n};
	if (!walk_free(&o, first, keep, &k))
		slabs_trouble(c, "damaged free list of a CPU", at);
}

void slabs_keep_array(struct slabs *x, struct cache *c, uint64_t at, const struct slabs_array *a, uint64_t by)
{
	uint64_t n, objects[MAX_ARRAY];

	if (!at)
		return;
	if (!kern_pointer(x->s, at) || !err_ok(kern_read(x->s, at, a->count, &n)) || n > MAX_ARRAY ||
	    !err_ok(mem_read(x->s->mem, KERNEL, kern_at(at, a->objects), objects, n * 8))) {
		slabs_trouble(c, a->trouble, at);
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		keep_one(c, objects[i], by);
}

static void keep_sheaf(struct slabs *x, struct cache *c, uint64_t sheaf, uint64_t by)
{
	slabs_keep_array(x, c, sheaf,
			 &(struct slabs_array){&x->sheaf[SHEAF_SIZE], &x->sheaf[SHEAF_OBJECTS], "a sheaf can't be read"},
			 by);
}

static void keep_sheaves(struct slabs *x, struct cache *c, uint64_t at, unsigned cpu)
{
	uint64_t sheaf;

	for (int i = 0; i < KSH_MEMBERS; i++) {
		if (!x->sheaves[i].found)
			continue;
		if (err_ok(kern_read(x->s, at, &x->sheaves[i], &sheaf)))
			keep_sheaf(x, c, sheaf, KEPT(i == KSH_RCU ? KEPT_RCU : KEPT_SHEAF, cpu));
		else
			slabs_trouble(c, "a CPU's sheaves can't be read", at);
	}
}

static void keep_cpus(struct slabs *x, struct cache *c)
{
	struct session *s = x->s;
	uint64_t slab = 0, sheaves = 0, base;

	if (x->cm[KC_CPU_SLAB].found && !err_ok(kern_read(s, c->addr, &x->cm[KC_CPU_SLAB], &slab)))
		slabs_trouble(c, "kmem_cache can't be read", c->addr);
	if (x->cm[KC_SHEAVES].found && !err_ok(kern_read(s, c->addr, &x->cm[KC_SHEAVES], &sheaves)))
		slabs_trouble(c, "kmem_cache can't be read", c->addr);
	for (unsigned cpu = 0; cpu < s->ncpus && (slab || sheaves); cpu++) {
		if (!err_ok(kern_percpu_offset(s, cpu, &base))) {
			slabs_trouble(c, "a CPU's area isn't known: CPU", cpu);
			continue;
		}
		if (slab)
			keep_cpu_slab(x, c, slab + base, cpu);
		if (sheaves)
			keep_sheaves(x, c, sheaves + base, cpu);
	}
}

struct barn {
	struct slabs *x;
	struct cache *c;
	unsigned node;
};

static struct err *keep_full(void *ctx, uint64_t list)
{
	struct barn *b = ctx;

	keep_sheaf(b->x, b->c, list - b->x->sheaf[SHEAF_LIST].place.offset, KEPT(KEPT_BARN, b->node));
	return NULL;
}

static void keep_barn(struct slabs *x, struct cache *c, uint64_t barn, unsigned node)
{
	struct barn b = {x, c, node};
	AUTO_FREE char *damage = NULL;

	if (!barn)
		return;
	err_free(walk_list(x->s, kern_at(barn, &x->barn_full), MAX_SHEAVES, NULL, keep_full, &b, &damage));
	if (damage)
		slabs_trouble(c, "damaged list of full sheaves", barn);
}

/* Barns hang on kmem_cache.per_node[], before 7.1 on the kmem_cache_node of kmem_cache.node[]. */
static void keep_barns(struct slabs *x, struct cache *c)
{
	bool by_ptrs = x->ptrs_barn.found;
	uint64_t barn;

	if (!x->barn_full.found || (!by_ptrs && !x->node_barn.found))
		return;
	for (uint64_t i = 0; i < x->nodes; i++) {
		uint64_t at = slabs_node(x, c, i);
		if (!by_ptrs && (!err_ok(mem_u64(x->s->mem, KERNEL, at, &at)) || !at))
			continue;
		if (err_ok(kern_read(x->s, at, by_ptrs ? &x->ptrs_barn : &x->node_barn, &barn)))
			keep_barn(x, c, barn, (unsigned)i);
		else
			slabs_trouble(c, "a node's barn can't be read", at);
	}
}

/* Under the lock. */
static void read_kept(struct slabs *x, struct cache *c)
{
	if (c->cpus_read)
		return;
	if (x->cm[KC_SLAB_CPU].found) {
		slabs_keep_arrays(x, c);
	} else {
		keep_cpus(x, c);
		keep_barns(x, c);
	}
	c->cpus_read = true;
}

size_t slabs_kept(struct slabs *x, struct cache *c, const char **why)
{
	pthread_mutex_lock(&x->lock);
	read_kept(x, c);
	size_t n = c->kept.n;
	pthread_mutex_unlock(&x->lock);
	*why = c->kept_problem[0] ? c->kept_problem : NULL;
	return n;
}

/* 0: not among them. */
static uint64_t kept_by(struct slabs *x, struct cache *c, uint64_t object)
{
	pthread_mutex_lock(&x->lock);
	read_kept(x, c);
	uint64_t *by = hmap_get(&c->kept, object);
	uint64_t ret = by ? *by : 0;
	pthread_mutex_unlock(&x->lock);
	return ret;
}

/* ---- the answer ---- */

static void is_free(struct slab_state *ret, const char *fmt, unsigned number)
{
	ret->use = SLAB_FREE;
	snprintf(ret->where, sizeof(ret->where), fmt, number);
}

/* A sampled object's own record says it; the states are an enum of the kernel's. */
static void kfence_state(struct slabs *x, const struct slab_place *p, struct slab_state *ret)
{
	uint64_t v;
	const char *name = NULL;

	if (err_ok(kern_read(x->s, p->kfence, &x->kf[KF_STATE], &v)))
		name = type_enum_name(type_strip(x->kf[KF_STATE].place.type), (int64_t)v);
	if (name && strstr(name, "ALLOCATED"))
		ret->use = SLAB_ALLOCATED;
	else if (name && (strstr(name, "FREE") || strstr(name, "UNUSED")))
		is_free(ret, "kfence", 0);
	else
		snprintf(ret->why, sizeof(ret->why), "the state of this kfence object isn't known");
}

struct look {
	uint64_t object;
	bool found;
};

static bool look(void *ctx, uint64_t object)
{
	struct look *l = ctx;

	l->found |= object == l->object;
	return !l->found;
}

static void look_in_slab(struct slabs *x, struct cache *c, const struct slab_place *p,
			 struct slab_state *ret)
{
	struct objects o = {x, c, p->start + c->left, p->objects};
	struct look l = {p->object, false};
	uint64_t first;
	bool read = err_ok(kern_read(x->s, p->page, &x->slab[KS_FREELIST], &first));
	bool whole = read && walk_free(&o, first, look, &l);

	if (l.found)
		is_free(ret, "the slab's free list", 0);
	else if (!whole)
		snprintf(ret->why, sizeof(ret->why), "the slab's free list %s",
			 read ? "is damaged" : "can't be read");
	else if (c->kept_problem[0])
		snprintf(ret->why, sizeof(ret->why), "%s", c->kept_problem);
	else
		ret->use = SLAB_ALLOCATED;
}

static void look_in_index(struct slabs *x, struct cache *c, const struct slab_place *p, struct slab_state *ret)
{
	bool there;

	if (!slabs_index_has(x, c, p, &there))
		snprintf(ret->why, sizeof(ret->why), "the slab's index of free objects can't be read or is damaged");
	else if (there)
		is_free(ret, "the slab's free list", 0);
	else if (c->kept_problem[0])
		snprintf(ret->why, sizeof(ret->why), "%s", c->kept_problem);
	else
		ret->use = SLAB_ALLOCATED;
}

void slab_state_of(struct session *s, const struct slab_place *p, struct slab_state *ret)
{
	static const char *const fmt[] = {
		[KEPT_CPU] = "free list of CPU %u",
		[KEPT_SHEAF] = "sheaf of CPU %u",
		[KEPT_RCU] = "waits for RCU, sheaf of CPU %u",
		[KEPT_BARN] = "full sheaf of node %u",
		[KEPT_ARRAY] = "array cache of CPU %u",
		[KEPT_SHARED] = "shared array of node %u",
		[KEPT_ALIEN] = "alien array of node %u",
	};
	struct slabs *x;

	*ret = (struct slab_state){0};
	struct cache *c = err_ok(slabs_get(s, &x)) ? slabs_cache(x, p->kmem_cache) : NULL;
	if (p->kfence && c) {
		kfence_state(x, p, ret);
		return;
	}
	if (!c || !p->objects || !p->object || !p->size || !x->slab[KS_FREELIST].found) {
		snprintf(ret->why, sizeof(ret->why), "%s",
			 c && p->objects ? "where its object begins isn't known"
					 : "neither SLUB nor SLAB have such an object");
		return;
	}
	uint64_t by = kept_by(x, c, p->object);
	if (by)
		is_free(ret, fmt[by >> 32], (unsigned)by);
	else if (x->cm[KC_SLAB_CPU].found)
		look_in_index(x, c, p, ret);
	else
		look_in_slab(x, c, p, ret);
}

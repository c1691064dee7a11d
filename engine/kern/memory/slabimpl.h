/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What slab.c, slabfree.c and slabstat.c share, and the list of caches for their neighbours. Thread: as each member says.
 */
#ifndef KERN_SLABIMPL_H
#define KERN_SLABIMPL_H

#include <pthread.h>
#include "engine/base/hmap.h"
#include "engine/kern/impl.h"
#include "engine/kern/memory/slab.h"

enum {
	KC_LIST,
	KC_NAME,
	KC_SIZE,
	KC_OBJECT_SIZE,
	KC_LEFT,
	KC_OFFSET,
	KC_RANDOM,
	KC_CPU_SLAB,
	KC_SHEAVES,
	KC_NODES,
	KC_OO,
	KC_SLAB_CPU, /* only SLAB has it: the three below are SLAB's, too */
	KC_SLAB_NUM,
	KC_SLAB_ORDER,
	KC_MEMBERS
};
enum { KS_FREELIST, KS_INUSE, KS_OBJECTS, KS_LIST, KS_NEXT, KS_S_MEM, KSLAB_MEMBERS };
enum { KCPU_FREELIST, KCPU_SLAB, KCPU_PARTIAL, KCPU_MEMBERS };
enum { KSH_MAIN, KSH_SPARE, KSH_RCU, KSH_MEMBERS };
enum { SHEAF_SIZE, SHEAF_OBJECTS, SHEAF_LIST, SHEAF_MEMBERS };
enum { AC_AVAIL, AC_ENTRY, AC_MEMBERS };	 /* SLAB's array_cache */
enum { NA_SHARED, NA_ALIEN, NA_MEMBERS }; /* and what a node has of them */
enum { KF_ADDR, KF_SIZE, KF_STATE, KF_CACHE, KF_MEMBERS };

struct cache {
	const char *name; /* interned */
	uint64_t addr, size, object_size, left, offset, random;
	/* under slabs.lock, once cpus_read: objects that CPUs and nodes keep back as free -> where */
	bool cpus_read;
	struct hmap kept;
	char kept_problem[96];
};

struct slabs {
	struct session *s;
	struct hmap index; /* kmem_cache -> index in v */
	struct cache *v;
	size_t n, cap;
	struct kern_member cm[KC_MEMBERS];
	struct kern_member slab[KSLAB_MEMBERS], cpu[KCPU_MEMBERS], sheaves[KSH_MEMBERS];
	struct kern_member sheaf[SHEAF_MEMBERS], kf[KF_MEMBERS];
	struct kern_member array[AC_MEMBERS], arrays[NA_MEMBERS], alien, index_bytes, active; /* SLAB's */
	struct kern_member node_barn, ptrs_barn, ptrs_node, barn_full;
	uint64_t nodes, node_stride; /* elements of kmem_cache's array of nodes that count; bytes of one */
	uint64_t kfence_pool, kfence_meta, kfence_stride; /* pool 0: none */
	char *problem; /* what stood in the way of reading all caches; NULL: nothing */
	pthread_mutex_t lock;
};

struct err *slabs_get(struct session *s, struct slabs **ret);
/* The cache at this address; NULL: none of the kernel's list. */
struct cache *slabs_cache(struct slabs *x, uint64_t kmem_cache);

/* Where the cache keeps what belongs to node i: a kmem_cache_per_node_ptrs, before 7.1 a pointer to the
 * kmem_cache_node. i < slabs.nodes. */
static inline uint64_t slabs_node(const struct slabs *x, const struct cache *c, uint64_t i)
{
	return kern_at(c->addr, &x->cm[KC_NODES]) + i * x->node_stride;
}

/* Who keeps a free object back, and the number of the CPU or node. */
enum kept_by { KEPT_CPU = 1, KEPT_SHEAF, KEPT_RCU, KEPT_BARN, KEPT_ARRAY, KEPT_SHARED, KEPT_ALIEN };
#define KEPT(by, number) ((uint64_t)(by) << 32 | (number))

#define MAX_ARRAY 4096
/* A struct that has free objects: how many, and where they begin; what is told when it can't be read. */
struct slabs_array {
	const struct kern_member *count, *objects;
	const char *trouble;
};

/* slabfree.c: notes the free objects that the struct at `at` has (0: there is none), and what stood in the way of
 * finding them. Under the lock. */
void slabs_keep_array(struct slabs *x, struct cache *c, uint64_t at, const struct slabs_array *a, uint64_t by);
void slabs_trouble(struct cache *c, const char *what, uint64_t at);
/* slabarrays.c, for SLAB: what only it reads; all that CPUs and nodes keep of a cache. */
void slabs_find_array_members(struct slabs *x);
void slabs_keep_arrays(struct slabs *x, struct cache *c);
/* Is the object among the free ones of its slab? false: its slab's index can't be read or is damaged. */
bool slabs_index_has(struct slabs *x, const struct cache *c, const struct slab_place *p, bool *ret);
/* slabfree.c: what only it reads. */
void slabs_find_free_members(struct slabs *x);
/* How many objects CPUs and nodes keep back as free; *why: what of them can't be known, NULL: nothing. */
size_t slabs_kept(struct slabs *x, struct cache *c, const char **why);

#endif

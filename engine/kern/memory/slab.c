/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an address to its slab object. A struct page whose slab_cache is one of the caches on the kernel's
 * list is a slab's, if its type or flag says so too. From the cache's stride follows the object.
 *
 * A sampled object (kfence) is alone in a page of a pool and lies anywhere in it: what the pool's metadata
 * says counts there, and its pages carry no objects in a row.
 */
#include "engine/kern/memory/slab.h"
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/kern/memory/page.h"
#include "engine/kern/memory/slabimpl.h"

#define MAX_CACHES 65536
#define NAME_LEN 64
#define MAX_NODES 1024
#define MAX_KFENCE (1u << 17) /* objects of the pool */

static const struct kern_member cache_members[KC_MEMBERS] = {
	[KC_LIST] = {.names = "list"},
	[KC_NAME] = {.names = "name"},
	[KC_SIZE] = {.names = "size"},
	[KC_OBJECT_SIZE] = {.names = "object_size"},
	[KC_LEFT] = {.names = "red_left_pad"}, /* without CONFIG_SLUB_DEBUG there is no red zone */
	[KC_OFFSET] = {.names = "offset"},
	[KC_RANDOM] = {.names = "random"}, /* with CONFIG_SLAB_FREELIST_HARDENED */
	[KC_CPU_SLAB] = {.names = "cpu_slab"}, /* up to 6.19 */
	[KC_SHEAVES] = {.names = "cpu_sheaves"}, /* from 6.18 on */
	[KC_NODES] = {.names = "per_node|node"},
	[KC_OO] = {.names = "oo.x"},
	[KC_SLAB_CPU] = {.names = "cpu_cache"}, /* SLAB, up to 6.7 */
	[KC_SLAB_NUM] = {.names = "num"},
	[KC_SLAB_ORDER] = {.names = "gfporder"},
};

static const struct kern_member slab_members[KSLAB_MEMBERS] = {
	[KS_FREELIST] = {.names = "freelist"},
	[KS_INUSE] = {.names = "inuse"},
	[KS_OBJECTS] = {.names = "objects"},
	[KS_LIST] = {.names = "slab_list.next"},
	[KS_NEXT] = {.names = "next"},
	[KS_S_MEM] = {.names = "s_mem"}, /* SLAB's, and SLUB's struct page shared it */
};

static const struct kern_member kfence_members[KF_MEMBERS] = {
	[KF_ADDR] = {.names = "addr"},
	[KF_SIZE] = {.names = "size"},
	[KF_STATE] = {.names = "state"},
	[KF_CACHE] = {.names = "cache"},
};

static uint64_t member_or_0(struct session *s, uint64_t at, const struct kern_member *m)
{
	uint64_t v;

	return err_ok(kern_read(s, at, m, &v)) ? v : 0;
}

static struct err *add_cache(void *ctx, uint64_t node)
{
	struct slabs *x = ctx;
	struct session *s = x->s;
	uint64_t at = node - x->cm[KC_LIST].place.offset, name;
	struct cache c = {.addr = at};
	char text[NAME_LEN];

	if (!err_ok(kern_read(s, at, &x->cm[KC_NAME], &name)) ||
	    !err_ok(mem_str(s->mem, KERNEL, name, text, sizeof(text))))
		strcpy(text, "?");
	c.name = intern_str(s->intern, text);
	c.size = member_or_0(s, at, &x->cm[KC_SIZE]);
	c.object_size = member_or_0(s, at, &x->cm[KC_OBJECT_SIZE]);
	c.left = member_or_0(s, at, &x->cm[KC_LEFT]);
	c.offset = member_or_0(s, at, &x->cm[KC_OFFSET]);
	c.random = member_or_0(s, at, &x->cm[KC_RANDOM]);
	GROW(x->v, x->n, x->cap);
	*hmap_put(&x->index, at, NULL) = x->n;
	x->v[x->n++] = c;
	return NULL;
}

/* CONFIG_KFENCE: the pool is only there when sampling was ever switched on. */
static void find_kfence(struct slabs *x)
{
	struct session *s = x->s;
	const struct type *t, *of;
	uint64_t pool, meta;

	memcpy(x->kf, kfence_members, sizeof(x->kf));
	if (kern_members(s, "struct kfence_metadata", x->kf, KF_MEMBERS) < KF_MEMBERS ||
	    !err_ok(type_find(s->types, "struct kfence_metadata", NULL, &t)) ||
	    !err_ok(kern_symbol(s, "__kfence_pool", &pool)) || !err_ok(mem_u64(s->mem, KERNEL, pool, &pool)) ||
	    !err_ok(kern_symbol(s, "kfence_metadata", &meta)))
		return;
	/* an array at first, then a pointer to one */
	bool array = err_ok(type_of_symbol(s->types, s->vmlinux, "kfence_metadata", NULL, &of)) &&
		     type_kind(type_strip(of)) == TYPE_ARRAY;
	if (!array && !err_ok(mem_u64(s->mem, KERNEL, meta, &meta)))
		return;
	if (kern_pointer(s, pool) && kern_pointer(s, meta)) {
		x->kfence_pool = pool;
		x->kfence_meta = meta;
		x->kfence_stride = type_size(t);
	}
}

/* Without CONFIG_NUMA there is one node and no nr_node_ids. */
static void find_nodes(struct slabs *x)
{
	struct session *s = x->s;
	const struct kern_member *array = &x->cm[KC_NODES];
	uint64_t at, count = 0;
	uint32_t n = 1;

	if (!array->found || !type_array_count(type_strip(array->place.type), &count) || !count)
		return;
	if (err_ok(kern_symbol(s, "nr_node_ids", &at)) && !err_ok(mem_u32(s->mem, KERNEL, at, &n)))
		n = 1;
	x->nodes = n < count ? n : count;
	if (x->nodes > MAX_NODES)
		x->nodes = MAX_NODES;
	x->node_stride = type_size(array->place.type) / count;
}

static struct err *fill(struct slabs *x, struct session *s, struct job *job)
{
	uint64_t list;

	memcpy(x->cm, cache_members, sizeof(x->cm));
	memcpy(x->slab, slab_members, sizeof(x->slab));
	kern_members(s, "struct kmem_cache", x->cm, KC_MEMBERS);
	if (!x->cm[KC_LIST].found || !x->cm[KC_NAME].found)
		return err_new(ERR_NOTFOUND, "slab objects can't be told: no struct kmem_cache.list");
	if (!kern_members(s, "struct slab", x->slab, KSLAB_MEMBERS))
		kern_members(s, "struct page", x->slab, KSLAB_MEMBERS);
	slabs_find_free_members(x);
	slabs_find_array_members(x);
	find_nodes(x);
	find_kfence(x);
	TRY(kern_symbol(s, "slab_caches", &list));
	return walk_list(s, list, MAX_CACHES, job, add_cache, x, &x->problem);
}

void slabs_destroy(struct slabs *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->n; i++)
		hmap_free(&x->v[i].kept);
	hmap_free(&x->index);
	pthread_mutex_destroy(&x->lock);
	free(x->problem);
	free(x->v);
	free(x);
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	struct slabs *x = xcalloc(1, sizeof(*x));

	x->s = s;
	pthread_mutex_init(&x->lock, NULL);
	struct err *e = fill(x, s, job);
	if (e) {
		slabs_destroy(x);
		return e;
	}
	*ret = x;
	return NULL;
}

struct err *slabs_get(struct session *s, struct slabs **ret)
{
	void *loaded;

	TRY(loader_get(&s->priv->slabs, s, NULL, load, &loaded));
	*ret = loaded;
	return NULL;
}

struct cache *slabs_cache(struct slabs *x, uint64_t kmem_cache)
{
	uint64_t *i = hmap_get(&x->index, kmem_cache);

	return i ? &x->v[*i] : NULL;
}

/* Objects lie in every second page of the pool, between guards; the first two pages are unused. */
static bool kfence_at(struct slabs *x, uint64_t va, struct slab_place *ret)
{
	uint64_t page = x->s->arch->page_size, addr, size, cache;

	if (!x->kfence_pool || va < x->kfence_pool + 2 * page)
		return false;
	uint64_t i = (va - x->kfence_pool) / (2 * page) - 1;
	uint64_t meta = x->kfence_meta + i * x->kfence_stride;
	if (i >= MAX_KFENCE || !err_ok(kern_read(x->s, meta, &x->kf[KF_ADDR], &addr)) ||
	    (addr ^ va) / page || !err_ok(kern_read(x->s, meta, &x->kf[KF_SIZE], &size)) ||
	    !err_ok(kern_read(x->s, meta, &x->kf[KF_CACHE], &cache)))
		return false;
	const struct cache *c = slabs_cache(x, cache);
	*ret = (struct slab_place){.cache = c ? c->name : "?", .kmem_cache = cache, .object = addr,
				   .object_size = size, .size = page, .objects = 1, .kfence = meta,
				   .start = va & ~(page - 1), .outside = va < addr || va - addr >= size};
	return true;
}

/* SLAB's row begins behind the slab's colour and its list of free ones; struct slab tells where, and
 * the cache how many there are. */
static bool slab_of_slab(struct slabs *x, const struct cache *c, struct slab_place *p)
{
	uint64_t start, n, bytes = x->s->arch->page_size;

	if (!err_ok(kern_read(x->s, p->page, &x->slab[KS_S_MEM], &start)) || start < p->start ||
	    start - p->start > bytes << 10 || !err_ok(kern_read(x->s, c->addr, &x->cm[KC_SLAB_NUM], &n)) ||
	    !n || n > UINT32_MAX)
		return false;
	p->start = start;
	p->objects = (uint32_t)n;
	return true;
}

/* Where in the row of objects va is. Before an object lies the left red zone, which is the object's too. */
static void find_object(struct slabs *x, const struct cache *c, uint64_t va, struct slab_place *p)
{
	uint64_t objects;

	if (!c->size || va < p->start || (x->cm[KC_SLAB_CPU].found && !slab_of_slab(x, c, p)))
		return;
	if (va < p->start) {
		p->outside = true;
		return;
	}
	if (!x->cm[KC_SLAB_CPU].found && err_ok(kern_read(x->s, p->page, &x->slab[KS_OBJECTS], &objects)))
		p->objects = (uint32_t)objects;
	uint64_t i = (va - p->start) / c->size;
	if (p->objects && i >= p->objects) { /* the slab's rest, too small for an object */
		p->outside = true;
		return;
	}
	p->index = (uint32_t)i;
	p->object = p->start + i * c->size + c->left;
	p->outside = va < p->object || (c->object_size && va - p->object >= c->object_size);
}

bool slab_at(struct session *s, uint64_t va, struct slab_place *ret)
{
	const struct arch_layout *l = mem_layout(s->mem);
	uint64_t cache, page, pa;
	struct slabs *x;

	if (va < l->direct_va || va - l->direct_va >= l->direct_size || !err_ok(slabs_get(s, &x)))
		return false;
	if (kfence_at(x, va, ret))
		return true;
	if (!page_of_phys(s, va - l->direct_va, &page))
		return false;
	page = page_head(s, page);
	const struct cache *c;
	if (!page_is_slab(s, page, &cache) || !(c = slabs_cache(x, cache)) || !page_at(s, page, &pa))
		return false;
	*ret = (struct slab_place){.cache = c->name, .kmem_cache = cache, .page = page,
				   .object_size = c->object_size, .size = c->size,
				   .start = l->direct_va + pa};
	find_object(x, c, va, ret);
	return true;
}

const char *slab_cache_name(struct session *s, size_t i)
{
	struct slabs *x;

	return err_ok(slabs_get(s, &x)) && i < x->n ? x->v[i].name : NULL;
}

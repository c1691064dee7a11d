/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free objects of the SLAB allocator (up to 6.7). A slab has an array of its objects' numbers: from its
 * count of active ones on they are free. Of the active ones some lie in array caches, ready to be handed
 * out again: each CPU's, and each node's shared and "alien" ones (freed there, but another node's).
 *
 * A slab whose array lies in one of its own free objects (OBJFREELIST_SLAB) has none when it is full.
 */
#include "engine/kern/memory/slabimpl.h"

void slabs_find_array_members(struct slabs *x)
{
	struct session *s = x->s;

	x->array[AC_AVAIL].names = "avail";
	x->array[AC_ENTRY].names = "entry";
	kern_members(s, "struct array_cache", x->array, AC_MEMBERS);
	x->arrays[NA_SHARED].names = "shared";
	x->arrays[NA_ALIEN].names = "alien";
	kern_members(s, "struct kmem_cache_node", x->arrays, NA_MEMBERS);
	x->alien.names = "ac";
	kern_members(s, "struct alien_cache", &x->alien, 1);
	x->index_bytes.names = "freelist_size";
	kern_members(s, "struct kmem_cache", &x->index_bytes, 1);
	x->active.names = "active";
	if (!kern_members(s, "struct slab", &x->active, 1))
		kern_members(s, "struct page", &x->active, 1);
}

static void keep_array(struct slabs *x, struct cache *c, uint64_t at, uint64_t by)
{
	slabs_keep_array(x, c, at,
			 &(struct slabs_array){&x->array[AC_AVAIL], &x->array[AC_ENTRY],
					       "an array of free objects can't be read"},
			 by);
}

/* Objects of other nodes that were freed on this one: an array cache for each of them. */
static void keep_aliens(struct slabs *x, struct cache *c, uint64_t table, unsigned node)
{
	uint64_t alien;

	for (uint64_t i = 0; table && i < x->nodes; i++) {
		if (!err_ok(mem_u64(x->s->mem, KERNEL, table + i * 8, &alien)))
			slabs_trouble(c, "a node's alien arrays can't be read", table);
		else if (alien)
			keep_array(x, c, kern_at(alien, &x->alien), KEPT(KEPT_ALIEN, node));
	}
}

static void keep_node(struct slabs *x, struct cache *c, unsigned i)
{
	uint64_t node, shared = 0, aliens = 0;

	if (!err_ok(mem_u64(x->s->mem, KERNEL, slabs_node(x, c, i), &node))) {
		slabs_trouble(c, "its nodes can't be read", c->addr);
		return;
	}
	if (!node)
		return;
	if (!err_ok(kern_read(x->s, node, &x->arrays[NA_SHARED], &shared)) ||
	    (x->arrays[NA_ALIEN].found && x->alien.found &&
	     !err_ok(kern_read(x->s, node, &x->arrays[NA_ALIEN], &aliens))))
		slabs_trouble(c, "a node's arrays can't be read", node);
	keep_array(x, c, shared, KEPT(KEPT_SHARED, i));
	keep_aliens(x, c, aliens, i);
}

void slabs_keep_arrays(struct slabs *x, struct cache *c)
{
	uint64_t arrays, base;

	if (!err_ok(kern_read(x->s, c->addr, &x->cm[KC_SLAB_CPU], &arrays))) {
		slabs_trouble(c, "kmem_cache can't be read", c->addr);
		return;
	}
	for (unsigned cpu = 0; cpu < x->s->ncpus && arrays; cpu++) {
		if (err_ok(kern_percpu_offset(x->s, cpu, &base)))
			keep_array(x, c, arrays + base, KEPT(KEPT_ARRAY, cpu));
		else
			slabs_trouble(c, "a CPU's area isn't known: CPU", cpu);
	}
	for (unsigned i = 0; i < x->nodes; i++)
		keep_node(x, c, i);
}

bool slabs_index_has(struct slabs *x, const struct cache *c, const struct slab_place *p, bool *ret)
{
	uint64_t bytes, active, table;
	uint32_t n = p->objects;
	uint8_t number[2];

	*ret = false;
	if (!err_ok(kern_read(x->s, p->page, &x->active, &active)) || active > n)
		return false;
	if (active == n)
		return true;
	if (!err_ok(kern_read(x->s, c->addr, &x->index_bytes, &bytes)) || !n || bytes % n || bytes / n < 1 ||
	    bytes / n > 2 || !err_ok(kern_read(x->s, p->page, &x->slab[KS_FREELIST], &table)))
		return false;
	unsigned width = (unsigned)(bytes / n);
	for (uint64_t i = active; i < n && !*ret; i++) {
		if (!err_ok(mem_read(x->s->mem, KERNEL, table + i * width, number, width)))
			return false;
		uint32_t v = width == 1 ? number[0] : number[0] | (uint32_t)number[1] << 8;
		if (v >= n)
			return false;
		*ret = v == p->index;
	}
	return true;
}

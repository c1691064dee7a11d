/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No page flag is asked: they moved from bits to page types, and again. A struct page whose slab_cache is
 * one of the caches on the kernel's list is a slab's, and nothing else has such a pointer there.
 */
#include "engine/kern/memory/slab.h"
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/kern/impl.h"
#include <string.h>

#define MAX_CACHES 65536
#define NAME_LEN 64

enum { KC_LIST, KC_NAME, KC_SIZE, KC_OBJECT_SIZE, KC_LEFT, KC_MEMBERS };
static const struct kern_member cache_members[KC_MEMBERS] = {
	[KC_LIST] = {.names = "list"},
	[KC_NAME] = {.names = "name"},
	[KC_SIZE] = {.names = "size"},
	[KC_OBJECT_SIZE] = {.names = "object_size"},
	[KC_LEFT] = {.names = "red_left_pad"},
};

struct cache {
	const char *name; /* interned */
	uint64_t size, object_size, left;
};

struct slabs {
	struct hmap index; /* kmem_cache -> index in v */
	struct cache *v;
	size_t n, cap;
	struct kern_member cm[KC_MEMBERS];
	struct kern_member cache, head; /* slab_cache; struct page's link from a tail page to its head */
	uint64_t vmemmap, page_size;	/* of struct page */
	struct session *s;
};

static struct err *add_cache(void *ctx, uint64_t node)
{
	struct slabs *x = ctx;
	struct session *s = x->s;
	uint64_t at = node - x->cm[KC_LIST].place.offset, name;
	struct cache c = {0};
	char text[NAME_LEN];

	if (!err_ok(kern_read(s, at, &x->cm[KC_NAME], &name)) ||
	    !err_ok(mem_str(s->mem, KERNEL, name, text, sizeof(text))))
		strcpy(text, "?");
	c.name = intern_str(s->intern, text);
	if (!err_ok(kern_read(s, at, &x->cm[KC_SIZE], &c.size)) ||
	    !err_ok(kern_read(s, at, &x->cm[KC_OBJECT_SIZE], &c.object_size)) ||
	    !err_ok(kern_read(s, at, &x->cm[KC_LEFT], &c.left)))
		c.left = 0; /* without CONFIG_SLUB_DEBUG there is no red zone */
	GROW(x->v, x->n, x->cap);
	*hmap_put(&x->index, at, NULL) = x->n;
	x->v[x->n++] = c;
	return NULL;
}

static struct err *need(bool have, const char *what)
{
	return have ? NULL : err_new(ERR_NOTFOUND, "slab objects can't be told: no %s", what);
}

static struct err *fill(struct slabs *x, struct session *s, struct job *job)
{
	const struct type *page;
	uint64_t list, base;
	AUTO_FREE char *problem = NULL;

	memcpy(x->cm, cache_members, sizeof(cache_members));
	kern_members(s, "struct kmem_cache", x->cm, KC_MEMBERS);
	TRY(need(x->cm[KC_LIST].found && x->cm[KC_NAME].found, "struct kmem_cache.list"));
	x->cache = (struct kern_member){.names = "slab_cache"};
	if (!kern_members(s, "struct slab", &x->cache, 1)) /* since 5.17 */
		kern_members(s, "struct page", &x->cache, 1);
	x->head = (struct kern_member){.names = "compound_head|compound_info"};
	kern_members(s, "struct page", &x->head, 1);
	TRY(need(x->cache.found && x->head.found, "struct page.compound_head"));
	TRY(type_find(s->types, "struct page", job, &page));
	x->page_size = type_size(page);
	TRY(kern_symbol(s, "vmemmap_base", &base));
	TRY(mem_u64(s->mem, KERNEL, base, &x->vmemmap));
	TRY(need(x->page_size && kern_pointer(s, x->vmemmap), "vmemmap_base"));
	TRY(kern_symbol(s, "slab_caches", &list));
	return walk_list(s, list, MAX_CACHES, job, add_cache, x, &problem);
}

void slabs_destroy(struct slabs *x)
{
	if (!x)
		return;
	hmap_free(&x->index);
	free(x->v);
	free(x);
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	struct slabs *x = xcalloc(1, sizeof(*x));

	x->s = s;
	struct err *e = fill(x, s, job);
	if (e) {
		slabs_destroy(x);
		return e;
	}
	*ret = x;
	return NULL;
}

/* The first page of the compound page. A tail page holds its head's address with bit 0 set; newer kernels
 * (compound_info) may hold a mask instead that makes the head's address of the tail's. */
static uint64_t head_of(const struct slabs *x, uint64_t page)
{
	uint64_t v;

	if (!err_ok(kern_read(x->s, page, &x->head, &v)) || !(v & 1))
		return page;
	uint64_t head = v - 1 >= x->vmemmap && v - 1 <= page ? v - 1 : page & v & ~UINT64_C(1);
	return head >= x->vmemmap && (head - x->vmemmap) % x->page_size == 0 ? head : page;
}

bool slab_at(struct session *s, uint64_t va, struct slab_place *ret)
{
	const struct arch_layout *l = mem_layout(s->mem);
	uint64_t cache, *index;
	void *loaded;

	if (va < l->direct_va || va - l->direct_va >= l->direct_size ||
	    !err_ok(loader_get(&s->priv->slabs, s, NULL, load, &loaded)))
		return false;
	const struct slabs *x = loaded;
	uint64_t pfn = (va - l->direct_va) / s->arch->page_size;
	uint64_t page = head_of(x, x->vmemmap + pfn * x->page_size);
	if (!err_ok(kern_read(s, page, &x->cache, &cache)) || !(index = hmap_get(&x->index, cache)))
		return false;
	const struct cache *c = &x->v[*index];
	uint64_t start = l->direct_va + (page - x->vmemmap) / x->page_size * s->arch->page_size;
	*ret = (struct slab_place){.cache = c->name, .page = page, .object_size = c->object_size};
	if (c->size && va >= start) {
		ret->object = start + (va - start) / c->size * c->size + c->left;
		if (ret->object > va) /* in the red zone before it */
			ret->object = 0;
	}
	return true;
}

bool page_at(struct session *s, uint64_t va, uint64_t *pa)
{
	void *loaded;

	if (!err_ok(loader_get(&s->priv->slabs, s, NULL, load, &loaded)))
		return false;
	const struct slabs *x = loaded;
	uint64_t pfn = (va - x->vmemmap) / x->page_size;
	*pa = pfn * s->arch->page_size;
	return va >= x->vmemmap && *pa < mem_layout(s->mem)->direct_size;
}

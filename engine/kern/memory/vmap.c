/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The areas are read once, in the order of the kernel's own lists, and kept sorted: three numbers each. A
 * vm_struct is read when its area is asked for.
 */
#include "engine/kern/memory/vmap.h"
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"
#include <string.h>

#define MAX_AREAS (1u << 22)
#define MAX_NODES 1024

enum { VA_START, VA_END, VA_LIST, VA_VM, VA_MEMBERS };
static const struct kern_member area_members[VA_MEMBERS] = {
	[VA_START] = {.names = "va_start"},
	[VA_END] = {.names = "va_end"},
	[VA_LIST] = {.names = "list"},
	[VA_VM] = {.names = "vm"},
};

enum { VM_SIZE, VM_FLAGS, VM_CALLER, VM_PAGES, VM_PHYS, VM_MEMBERS };
static const struct kern_member vm_members[VM_MEMBERS] = {
	[VM_SIZE] = {.names = "size"},
	[VM_FLAGS] = {.names = "flags"},
	[VM_CALLER] = {.names = "caller"},
	[VM_PAGES] = {.names = "nr_pages"},
	[VM_PHYS] = {.names = "phys_addr"},
};

struct area {
	uint64_t start, end, vm;
};

struct vmap {
	struct session *s;
	struct area *v;
	size_t n, cap;
	struct kern_member m[VA_MEMBERS], vm[VM_MEMBERS];
};

static struct err *add_area(void *ctx, uint64_t node)
{
	struct vmap *x = ctx;
	uint64_t at = node - x->m[VA_LIST].place.offset;
	struct area a = {0};

	if (!err_ok(kern_read(x->s, at, &x->m[VA_START], &a.start)) ||
	    !err_ok(kern_read(x->s, at, &x->m[VA_END], &a.end)) || a.start >= a.end)
		return NULL; /* one that can't be read, or is damaged, hides no other */
	if (!err_ok(kern_read(x->s, at, &x->m[VA_VM], &a.vm)) || !kern_pointer(x->s, a.vm))
		a.vm = 0;
	GROW(x->v, x->n, x->cap);
	x->v[x->n++] = a;
	return NULL;
}

static struct err *add_list(struct vmap *x, uint64_t head, struct job *job)
{
	AUTO_FREE char *problem = NULL;

	return walk_list(x->s, head, MAX_AREAS, job, add_area, x, &problem);
}

/* From 6.9 on each of vmap_nodes[nr_vmap_nodes] has a tree and a list of the areas in use. */
static struct err *add_nodes(struct vmap *x, struct job *job)
{
	struct kern_member head = {.names = "busy.head"};
	const struct type *t;
	uint64_t at, nodes, count_at;
	uint32_t n = 1;

	TRY(kern_symbol(x->s, "vmap_nodes", &at));
	TRY(mem_u64(x->s->mem, KERNEL, at, &nodes));
	TRY(type_find(x->s->types, "struct vmap_node", job, &t));
	if (!kern_members(x->s, "struct vmap_node", &head, 1) || !kern_pointer(x->s, nodes))
		return err_new(ERR_NOTFOUND, "vmalloc's areas can't be found: no vmap_nodes");
	if (err_ok(kern_symbol(x->s, "nr_vmap_nodes", &count_at)))
		TRY(mem_u32(x->s->mem, KERNEL, count_at, &n));
	for (uint32_t i = 0; i < n && i < MAX_NODES; i++)
		TRY(add_list(x, nodes + i * type_size(t) + head.place.offset, job));
	return NULL;
}

static int by_start(const void *a, const void *b)
{
	uint64_t x = ((const struct area *)a)->start, y = ((const struct area *)b)->start;

	return x < y ? -1 : x > y;
}

void vmap_destroy(struct vmap *x)
{
	if (!x)
		return;
	free(x->v);
	free(x);
}

static struct err *fill(struct vmap *x, struct job *job)
{
	uint64_t head;

	memcpy(x->m, area_members, sizeof(x->m));
	memcpy(x->vm, vm_members, sizeof(x->vm));
	kern_members(x->s, "struct vm_struct", x->vm, VM_MEMBERS);
	if (!kern_members(x->s, "struct vmap_area", x->m, VA_MEMBERS) || !x->m[VA_LIST].found)
		return err_new(ERR_NOTFOUND, "vmalloc's areas can't be found: no struct vmap_area");
	if (err_ok(kern_symbol(x->s, "vmap_area_list", &head)))
		return add_list(x, head, job);
	return add_nodes(x, job);
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	struct vmap *x = xcalloc(1, sizeof(*x));

	x->s = s;
	struct err *e = fill(x, job);
	if (e) {
		vmap_destroy(x);
		return e;
	}
	if (x->n)
		qsort(x->v, x->n, sizeof(*x->v), by_start);
	*ret = x;
	return NULL;
}

static const struct vmap *areas(struct session *s)
{
	void *x;

	return err_ok(loader_get(&s->priv->vmap, s, NULL, load, &x)) ? x : NULL;
}

static void read_vm(const struct vmap *x, struct vmap_place *p)
{
	uint64_t *const to[VM_MEMBERS] = {
		[VM_SIZE] = &p->size, [VM_FLAGS] = &p->flags, [VM_CALLER] = &p->caller,
		[VM_PAGES] = &p->pages, [VM_PHYS] = &p->phys,
	};

	for (int i = 0; p->vm && i < VM_MEMBERS; i++)
		if (!err_ok(kern_read(x->s, p->vm, &x->vm[i], to[i])))
			*to[i] = 0;
}

bool vmap_at(struct session *s, uint64_t va, struct vmap_place *ret)
{
	const struct vmap *x = areas(s);
	size_t low = 0, high = x ? x->n : 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (x->v[mid].start <= va)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || va >= x->v[low - 1].end)
		return false;
	const struct area *a = &x->v[low - 1];
	*ret = (struct vmap_place){.start = a->start, .end = a->end, .vm = a->vm};
	read_vm(x, ret);
	return true;
}

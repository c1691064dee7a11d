/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/kern/memory/searchscope.h"
#include "engine/base/alloc.h"
#include "engine/kern/memory/page.h"
#include "engine/kern/memory/slabimpl.h"
#include "engine/kern/stack/stackscan.h"
#include <string.h>

static void add(struct search_scope *x, struct space space, uint64_t start, uint64_t last, const struct task *t)
{
	start = start > x->start ? start : x->start;
	last = last < x->last ? last : x->last;
	if (start > last)
		return;
	if (x->n == x->cap) {
		x->cap = x->cap ? x->cap * 2 : 16;
		x->v = xrealloc(x->v, x->cap, sizeof(*x->v));
		x->tasks = xrealloc(x->tasks, x->cap, sizeof(*x->tasks));
	}
	x->v[x->n] = (struct search_range){space, start, last};
	x->tasks[x->n++] = t;
}

void scope_kernel(struct session *s, enum kernel_part part, struct search_scope *ret)
{
	const struct arch_layout *l = mem_layout(s->mem);
	const struct {
		uint64_t start, size;
	} linear[] = {{l->direct_va, l->direct_size}, {l->image_va, l->image_size}};
	uint64_t at = mem_kernel_start(s->mem);

	if (part == KERNEL_ALL)
		add(ret, KERNEL, at, UINT64_MAX, NULL);
	for (unsigned i = 0; part != KERNEL_ALL && i < 2; i++) {
		if (!linear[i].size || linear[i].start < at)
			continue;
		if (part == KERNEL_LINEAR)
			add(ret, KERNEL, linear[i].start, linear[i].start + (linear[i].size - 1), NULL);
		else if (linear[i].start > at)
			add(ret, KERNEL, at, linear[i].start - 1, NULL);
		at = linear[i].start + linear[i].size;
	}
	if (part == KERNEL_MAPPED && at)
		add(ret, KERNEL, at, UINT64_MAX, NULL);
}

void scope_physical(struct session *s, struct search_scope *ret)
{
	const struct dump_info *info = dump_info(s->dump);

	if (info->max_pfn)
		add(ret, PHYS, 0, info->max_pfn * info->page_size - 1, NULL);
}

struct err *scope_user(struct session *s, const struct task *t, struct search_scope *ret)
{
	struct kern_member pgd = {.names = "pgd"};
	struct arch_xlat x;
	uint64_t va;

	if (!t->mm)
		return err_new(ERR_NOTFOUND, "task %d (%s) is a kernel thread: it has no user memory", t->pid, t->comm);
	kern_members(s, "struct mm_struct", &pgd, 1);
	TRY(err_wrap(kern_read(s, t->mm, &pgd, &va), "the page tables of task %d", t->pid));
	TRY(err_wrap(mem_vtop(s->mem, KERNEL, va, &x), "the page tables of task %d", t->pid));
	add(ret, (struct space){SPACE_USER, x.pa}, 0, -mem_kernel_start(s->mem) - 1, t);
	return NULL;
}

void scope_stacks(struct session *s, const struct tasks *ts, bool active, const struct task *only,
		  struct search_scope *ret)
{
	uint64_t size = task_stack_size(s);

	for (size_t i = 0; i < tasks_count(ts); i++) {
		const struct task *t = tasks_at(ts, i);
		if (t->stack && (!active || t->active) && (!only || t == only))
			add(ret, KERNEL, t->stack, t->stack + (size - 1), t);
	}
}

struct slab_search {
	struct session *s;
	struct search_query *q;
	struct search_scope *ret;
};

/* All caches of that name: a name isn't one cache's alone. */
static struct err *add_caches(struct slab_search *x, const char *name)
{
	struct slabs *all;
	bool found = false;

	TRY(slabs_get(x->s, &all));
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->v[i].name, name))
			continue;
		found = true;
		TRY(search_add_number(x->q, all->v[i].addr, all->v[i].addr));
	}
	return found ? NULL : err_new(ERR_NOTFOUND, "no slab cache '%s' (`kmem -s` lists them)", name);
}

/* A word of the memory map that points to the cache: of a slab's first page? */
static struct err *take_slab(void *ctx, const struct search_hit *h)
{
	struct slab_search *x = ctx;
	struct page_info info;
	uint64_t pa, page, cache, va;

	if (!page_at(x->s, h->addr, &pa) || !page_of_phys(x->s, pa, &page) || page_head(x->s, page) != page ||
	    !page_is_slab(x->s, page, &cache) || cache != h->value || !err_ok(page_read(x->s, page, &info)) ||
	    !mem_phys_to_direct(x->s->mem, pa, &va))
		return NULL;
	add(x->ret, KERNEL, va, va + ((uint64_t)x->s->arch->page_size << info.order) - 1, NULL);
	return NULL;
}

struct err *scope_slabs(struct session *s, const char *cache, struct job *job, struct search_scope *ret)
{
	struct slab_search x = {.s = s, .ret = ret};
	const struct dump_info *info = dump_info(s->dump);
	struct search_range map = {.space = KERNEL};
	struct search_counts counts;

	if (!page_of_phys(s, 0, &map.start) || !page_of_phys(s, info->max_pfn * info->page_size, &map.last))
		return err_new(ERR_NOTFOUND, "where the kernel's memory map is isn't known: slabs can't be told");
	TRY(search_numbers(8, 0, &x.q));
	struct err *e = add_caches(&x, cache);
	if (!e)
		e = search_run(s->mem, &(struct search_order){x.q, &map, 1, take_slab, &x, job}, &counts);
	if (!e && !ret->n)
		e = err_new(ERR_NOTFOUND, "slab cache %s has no slab, or none that the dump has", cache);
	search_query_free(x.q);
	return e;
}

void scope_free(struct search_scope *s)
{
	free(s->v);
	free(s->tasks);
}

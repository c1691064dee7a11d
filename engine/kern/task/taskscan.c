/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last resort: searching memory itself for task_structs, when a dump was cut short or damaged
 * and the lists begin in what is lost. A thread group's leader is its own group_leader, and most
 * threads have an empty list of children, so at a known offset both hold their own address. That is
 * cheap to look for and rare; what looks so is then judged like any task, but more strictly, and
 * dead ones, which linger in free memory, are left out.
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/kern/task/taskimpl.h"

#define PAGE 4096u
#define TASK_ALIGN 64	 /* of the slab cache */
#define SCAN_MAX 131072u /* pages: half a gigabyte takes about a second */

struct scan {
	struct task_finder *f;
	uint64_t leader, children;	 /* offsets; 0: this kernel has no such member */
	uint64_t image_start, image_end; /* physical: init_task lies there, under another address */
};

/* Scalars that a member holds its own task's (or its own) address in. */
static void look_at_page(struct scan *s, uint64_t va, const uint8_t *page)
{
	for (unsigned at = 0; at < PAGE; at += 8) {
		uint64_t v = load_u64(page + at), task = 0;
		if (s->leader && v == va + at - s->leader)
			task = v;
		else if (s->children && v == va + at)
			task = v - s->children;
		if (task && task % TASK_ALIGN == 0)
			finder_add(s->f, &(struct candidate){task, FOUND_SCAN, -1, -1});
	}
}

static void setup(struct scan *s)
{
	const struct arch_layout *l = mem_layout(s->f->s->mem);
	uint64_t pa;

	if (!task_node(&s->f->reader, TM_LEADER, &s->leader))
		s->leader = 0;
	if (!task_node(&s->f->reader, TM_CHILDREN_NEXT, &s->children))
		s->children = 0;
	if (s->f->s->arch->linear(l, l->image_va, &pa)) {
		s->image_start = pa;
		s->image_end = pa + l->image_size;
	}
}

struct err *find_by_scan(struct task_finder *f)
{
	struct scan s = {.f = f};
	struct dump *d = f->s->dump;
	uint8_t page[PAGE];
	uint64_t va, pages = 0;
	size_t before = f->n;

	setup(&s);
	for (uint64_t pfn = dump_next_page(d, 0); pfn != UINT64_MAX && pages < SCAN_MAX;
	     pfn = dump_next_page(d, pfn + 1), pages++) {
		uint64_t pa = pfn * PAGE;
		TRY(job_tick(f->job, 1));
		if ((pa >= s.image_start && pa < s.image_end) ||
		    !mem_phys_to_direct(f->s->mem, pa, &va) ||
		    dump_read(d, pa, page, sizeof(page), NULL) != sizeof(page))
			continue;
		look_at_page(&s, va, page);
		TRY(finder_drain(f));
	}
	if (f->n > before)
		finder_problem(f, "%zu tasks could only be found by searching memory%s",
			       f->n - before, pages < SCAN_MAX ? "" : " (its first half gigabyte)");
	return NULL;
}

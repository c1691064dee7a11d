/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From ranges of addresses to pages. Physical memory and the direct map go by arithmetic, and what the file
 * doesn't have is jumped over; the kernel image goes page by page, as reading it does (mem.c: its tables may be
 * wrong, its place isn't); everything else is what the page tables map.
 */
#include "engine/kern/memory/searchimpl.h"
#include "engine/base/alloc.h"

struct page_source {
	struct mem *m;
	struct dump *dump;
	const struct arch_layout *l;
	const struct search_range *ranges;
	size_t n, range;
	struct job *job;
	uint64_t at;	    /* the last address of the range that was dealt with, once begun */
	bool begun;
	uint64_t total, ram, taken; /* pages: to be done, of linear ranges; that are RAM; that were given out of them */
	struct run left;    /* of a mapping that didn't fit into the last piece; pages 0: none */
};

/* Where linear memory begins and ends in the range's space; false: at is not in such a part, and *last is where the
 * next one could begin, less one. */
static bool linear_part(const struct page_source *p, const struct search_range *r, uint64_t at, uint64_t *last, uint64_t *pa)
{
	const struct arch_layout *l = p->l;

	*last = r->last;
	if (r->space.kind == SPACE_PHYS) {
		*pa = at;
		return true;
	}
	if (r->space.kind != SPACE_KERNEL || !l->direct_size)
		return false;
	uint64_t direct_last = l->direct_va + (l->direct_size - 1);
	if (at >= l->direct_va && at <= direct_last) {
		*pa = at - l->direct_va;
		*last = r->last < direct_last ? r->last : direct_last;
		return true;
	}
	if (at < l->direct_va && l->direct_va <= r->last)
		*last = l->direct_va - 1;
	return false;
}

static bool in_image(const struct page_source *p, const struct search_range *r, uint64_t at, uint64_t *last)
{
	const struct arch_layout *l = p->l;

	if (r->space.kind != SPACE_KERNEL || !l->image_size)
		return false;
	uint64_t image_last = l->image_va + (l->image_size - 1);
	if (at >= l->image_va && at <= image_last) {
		*last = *last < image_last ? *last : image_last;
		return true;
	}
	if (at < l->image_va && l->image_va <= *last)
		*last = l->image_va - 1;
	return false;
}

/* Pages of linear ranges, known from the start; those of other mappings are added as they turn up. */
static void count_total(struct page_source *p)
{
	const struct dump_info *info = dump_info(p->dump);
	uint64_t all = 0, last, pa;

	for (size_t i = 0; i < p->n; i++) {
		const struct search_range *r = &p->ranges[i];
		uint64_t start = r->start;
		if (r->space.kind == SPACE_KERNEL && p->l->direct_size && start < p->l->direct_va)
			start = p->l->direct_va;
		if (start > r->last || !linear_part(p, r, start, &last, &pa))
			continue;
		uint64_t end = pa + (last - start);
		if (end < pa)
			end = UINT64_MAX;
		uint64_t ram = dump_count_ram(p->dump, pa / info->page_size, end / info->page_size + 1);
		p->ram += ram;
		all += ram;
	}
	/* excluded pages aren't work: the file's pages are the most that there is to do */
	p->total = all < info->pages || !info->pages ? all : info->pages;
	job_set_total(p->job, p->total);
}

struct page_source *page_source_create(struct mem *m, const struct search_range *ranges, size_t n, struct job *job)
{
	struct page_source *p = xcalloc(1, sizeof(*p));

	p->m = m;
	p->dump = mem_dump(m);
	p->l = mem_layout(m);
	p->ranges = ranges;
	p->n = n;
	p->job = job;
	count_total(p);
	return p;
}

void page_source_destroy(struct page_source *p)
{
	free(p);
}

uint64_t page_source_excluded(const struct page_source *p)
{
	return p->ram > p->taken ? p->ram - p->taken : 0;
}

static void piece_add(struct piece *ret, uint64_t va, uint64_t pa, uint32_t pages)
{
	struct run *last = ret->n ? &ret->runs[ret->n - 1] : NULL;

	ret->pages += pages;
	if (last && last->va + (uint64_t)last->pages * SEARCH_PAGE == va &&
	    last->pa + (uint64_t)last->pages * SEARCH_PAGE == pa)
		last->pages += pages;
	else
		ret->runs[ret->n++] = (struct run){va, pa, pages};
}

/* Up to 64 page frames, of which the first is in the file. false: none is left before `last`. */
static bool take_linear(struct page_source *p, uint64_t last, uint64_t pa, struct piece *ret)
{
	uint64_t page = dump_info(p->dump)->page_size, pfn = dump_next_page(p->dump, pa / page), to;

	to = pfn > UINT64_MAX / page ? UINT64_MAX : pfn * page;
	if (to > pa && to - pa > last - p->at)
		return false;
	if (to > pa) {
		p->at += to - pa;
		pa = to;
	}
	uint64_t va = p->at & ~(uint64_t)(SEARCH_PAGE - 1), left = (last - va) / SEARCH_PAGE + 1;
	uint64_t n = PIECE_PAGES - pa / SEARCH_PAGE % PIECE_PAGES; /* pieces begin at multiples */
	n = n < left ? n : left;
	piece_add(ret, va, pa & ~(uint64_t)(SEARCH_PAGE - 1), (uint32_t)n);
	p->taken += dump_count_ram(p->dump, pa / page, (pa + n * SEARCH_PAGE - 1) / page + 1);
	p->at = va + (n * SEARCH_PAGE - 1);
	return true;
}

/* One page of the image, whatever its state. */
static bool take_image(struct page_source *p, const struct search_range *r, uint64_t last, struct run *ret)
{
	uint64_t va = p->at & ~(uint64_t)(SEARCH_PAGE - 1), pa;

	for (; va <= last; va += SEARCH_PAGE) {
		enum mem_state state = mem_state_at(p->m, r->space, va, &pa);
		p->at = va;
		if (state != MEM_UNMAPPED && state != MEM_NOT_RAM) {
			*ret = (struct run){va, pa & ~(uint64_t)(SEARCH_PAGE - 1), 1};
			return true;
		}
		if (va > UINT64_MAX - SEARCH_PAGE)
			break;
	}
	return false;
}

static bool take_mapped(struct page_source *p, const struct search_range *r, uint64_t last, struct run *ret)
{
	uint64_t va = p->at & ~(uint64_t)(SEARCH_PAGE - 1), pa, left;

	if (!mem_next_mapping(p->m, r->space, &va, last, p->job, &pa, &left))
		return false;
	uint64_t pages = left / SEARCH_PAGE, most = (last - va) / SEARCH_PAGE + 1;
	pages = pages < most ? pages : most;
	*ret = (struct run){va, pa, (uint32_t)(pages < UINT32_MAX ? pages : UINT32_MAX)};
	return true;
}

/* Moves what fits of p->left into the piece; false: it is full. */
static bool put_left(struct page_source *p, struct piece *ret)
{
	uint32_t room = PIECE_PAGES - ret->pages, n = p->left.pages < room ? p->left.pages : room;

	if (n) {
		piece_add(ret, p->left.va, p->left.pa, n);
		p->at = p->left.va + ((uint64_t)n * SEARCH_PAGE - 1);
		p->total += n;
		p->left.va += (uint64_t)n * SEARCH_PAGE;
		p->left.pa += (uint64_t)n * SEARCH_PAGE;
		p->left.pages -= n;
	}
	return ret->pages < PIECE_PAGES;
}

/* p->at is the last address that was dealt with; true: there is one behind it in the range. */
static bool step(struct page_source *p, const struct search_range *r)
{
	if (!p->begun) {
		p->begun = true;
		p->at = r->start;
		return r->start <= r->last;
	}
	if (p->at >= r->last)
		return false;
	p->at++;
	return true;
}

/* Fills the piece from the range; false: the range is at its end. */
static bool fill(struct page_source *p, const struct search_range *r, struct piece *ret)
{
	uint64_t last, pa;

	while (put_left(p, ret)) {
		if (job_cancelled(p->job) || !step(p, r))
			return false;
		if (linear_part(p, r, p->at, &last, &pa)) {
			if (ret->pages) { /* linear pieces are whole ones */
				p->at--;
				return true;
			}
			if (take_linear(p, last, pa, ret))
				return true;
			p->at = last;
			continue;
		}
		bool image = in_image(p, r, p->at, &last);
		if (!(image ? take_image(p, r, last, &p->left) : take_mapped(p, r, last, &p->left)))
			p->at = last;
	}
	return true;
}

bool page_source_next(struct page_source *p, struct piece *ret)
{
	ret->n = ret->pages = 0;
	for (; p->range < p->n; p->range++) {
		ret->range = p->range;
		bool more = fill(p, &p->ranges[p->range], ret);
		if (ret->pages) {
			job_set_total(p->job, p->total);
			return true;
		}
		if (!more)
			p->begun = false;
	}
	return false;
}

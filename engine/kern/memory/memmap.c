/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel with KASLR has the place of its struct pages in vmemmap_base. One without has them at a
 * constant, or (CONFIG_SPARSEMEM_VMEMMAP=n) in as many arrays as there are sections of memory. For
 * both, mem_section tells: a root a page of sections, and a section's section_mem_map is where struct
 * page 0 would be if the section's array went on down to it, with flags in its low bits. Equal values:
 * it is one array. vmcoreinfo has all its numbers, for makedumpfile's sake.
 */
#include "engine/kern/memory/memmap.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"

#define HAS_MEM_MAP 2u		  /* in section_mem_map */
#define SECTIONS_MAX (1u << 20)	  /* 2^52 bytes have 2^25, but who has that much has vmemmap_base */
#define ROOTS_MAX (UINT64_C(1) << 18)

/* How sections are kept. */
struct roots {
	uint64_t va, n;		     /* the array of pointers to pages of sections */
	uint64_t size, map, per_root; /* of a mem_section; of section_mem_map in it; sections in a page */
	uint64_t section_pages;
};

static bool find_roots(struct session *s, struct roots *r)
{
	const struct vmcoreinfo *v = s->vmcoreinfo;
	uint64_t page = s->arch->page_size;
	int64_t bits;

	if (!vmcoreinfo_symbol(v, "mem_section", &r->va) || !vmcoreinfo_length(v, "mem_section", &r->n) ||
	    !vmcoreinfo_size(v, "mem_section", &r->size) ||
	    !vmcoreinfo_offset(v, "mem_section.section_mem_map", &r->map) ||
	    !vmcoreinfo_number(v, "SECTION_SIZE_BITS", &bits))
		return false;
	if (!kern_pointer(s, r->va) || !r->n || r->n > ROOTS_MAX || r->size < 8 || r->size > page ||
	    r->map > r->size - 8 || bits < 16 || bits > 40)
		return false;
	r->per_root = page / r->size;
	r->section_pages = (UINT64_C(1) << bits) / page;
	return r->section_pages != 0;
}

/* A section's array; false: it has none. Arrays begin at pages: what is lower are flags. */
static bool section_at(struct session *s, const struct memmap *m, uint64_t va, uint64_t nr,
		       struct memmap_section *ret)
{
	uint64_t map;

	if (!err_ok(mem_u64(s->mem, KERNEL, va, &map)) || !(map & HAS_MEM_MAP))
		return false;
	ret->first = nr * m->section_pages;
	ret->va = (map & ~(uint64_t)(s->arch->page_size - 1)) + ret->first * m->size;
	ret->end = ret->va + m->section_pages * m->size;
	return kern_pointer(s, ret->va) && ret->end > ret->va;
}

static void add_root(struct session *s, struct memmap *m, size_t *cap, const struct roots *r, uint64_t i)
{
	uint64_t root;

	if (!err_ok(mem_u64(s->mem, KERNEL, r->va + i * 8, &root)) || !kern_pointer(s, root))
		return;
	for (uint64_t j = 0; j < r->per_root && m->n < SECTIONS_MAX; j++) {
		GROW(m->v, m->n, *cap);
		m->n += section_at(s, m, root + j * r->size + r->map, i * r->per_root + j, &m->v[m->n]);
	}
}

static bool is_one_array(const struct memmap *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].va - m->v[i].first * m->size != m->base)
			return false;
	return true;
}

static int by_va(const void *pa, const void *pb)
{
	const struct memmap_section *a = pa, *b = pb;

	return a->va < b->va ? -1 : a->va > b->va;
}

void memmap_index(struct memmap *m)
{
	m->by_va = xcalloc(m->n, sizeof(*m->by_va));
	memcpy(m->by_va, m->v, m->n * sizeof(*m->v));
	qsort(m->by_va, m->n, sizeof(*m->by_va), by_va);
}

static struct err *read_sections(struct session *s, struct memmap *m)
{
	struct roots r;
	size_t cap = 0;

	if (!find_roots(s, &r))
		return err_new(ERR_NOTFOUND, "pages' descriptors can't be found: there is no vmemmap_base, and "
					     "vmcoreinfo doesn't tell of mem_section");
	m->section_pages = r.section_pages;
	for (uint64_t i = 0; i < r.n; i++)
		add_root(s, m, &cap, &r, i);
	if (!m->n)
		return err_new(ERR_NOTFOUND, "pages' descriptors can't be found: no section of memory that "
					     "mem_section leads to has any, or it can't be read");
	m->base = m->v[0].va - m->v[0].first * m->size;
	if (is_one_array(m)) {
		free(m->v);
		m->v = NULL;
		return NULL;
	}
	memmap_index(m);
	return NULL;
}

struct err *memmap_load_sections(struct session *s, uint64_t size, struct memmap *ret)
{
	*ret = (struct memmap){.size = size};
	struct err *e = size ? read_sections(s, ret)
			     : err_new(ERR_NOTFOUND,
				       "pages' descriptors can't be found: struct page isn't known");
	if (e)
		memmap_free(ret);
	return e;
}

struct err *memmap_load(struct session *s, uint64_t size, struct memmap *ret)
{
	uint64_t at;

	*ret = (struct memmap){.size = size};
	if (size && err_ok(kern_symbol(s, "vmemmap_base", &at)) && err_ok(mem_u64(s->mem, KERNEL, at, &ret->base)) &&
	    kern_pointer(s, ret->base))
		return NULL;
	return memmap_load_sections(s, size, ret);
}

void memmap_free(struct memmap *m)
{
	free(m->v);
	free(m->by_va);
	*m = (struct memmap){0};
}

bool memmap_page(const struct memmap *m, uint64_t pfn, uint64_t *page)
{
	size_t lo = 0, hi = m->n;

	if (!m->v) {
		*page = m->base + pfn * m->size;
		return pfn <= (UINT64_MAX - m->base) / m->size;
	}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (m->v[mid].first + m->section_pages <= pfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == m->n || pfn < m->v[lo].first)
		return false;
	*page = m->v[lo].va + (pfn - m->v[lo].first) * m->size;
	return true;
}

bool memmap_pfn(const struct memmap *m, uint64_t va, uint64_t *pfn)
{
	size_t lo = 0, hi = m->n;

	if (!m->v) {
		*pfn = (va - m->base) / m->size;
		return va >= m->base;
	}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (m->by_va[mid].end <= va)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == m->n || va < m->by_va[lo].va)
		return false;
	*pfn = m->by_va[lo].first + (va - m->by_va[lo].va) / m->size;
	return true;
}

bool memmap_is_page(const struct memmap *m, uint64_t va)
{
	uint64_t pfn, page;

	return memmap_pfn(m, va, &pfn) && memmap_page(m, pfn, &page) && page == va;
}

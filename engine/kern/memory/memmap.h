/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Where the kernel's struct pages lie: one array at a place of its own (vmemmap), or an array for each
 * section of memory that there is.
 *
 * Thread: any, once loaded.
 * Sources: Linux' include/linux/mmzone.h (struct mem_section), mm/sparse.c (sparse_encode_mem_map),
 * kernel/vmcore_info.c (what vmcoreinfo says of them).
 */
#ifndef KERN_MEMMAP_H
#define KERN_MEMMAP_H

#include "engine/kern/session.h"

struct memmap_section {
	uint64_t first;	 /* number of its first page */
	uint64_t va, end; /* its struct pages */
};

struct memmap {
	uint64_t base, size;  /* of struct page 0, as if all were one array; of a struct page */
	uint64_t section_pages;
	struct memmap_section *v; /* by first; NULL: it is one array */
	struct memmap_section *by_va;
	size_t n;
};

/* size: of struct page. ERR_NOTFOUND or ERR_FAULT: where they lie can't be told. */
struct err *memmap_load(struct session *s, uint64_t size, struct memmap *ret);
/* The same by mem_section alone, as where there is no vmemmap_base. *ret as memmap_load leaves it. */
struct err *memmap_load_sections(struct session *s, uint64_t size, struct memmap *ret);
/* Sorts m->v, all of section_pages and size, into by_va. */
void memmap_index(struct memmap *m);
void memmap_free(struct memmap *m);
/* The struct page of page frame pfn; false: it has none. */
bool memmap_page(const struct memmap *m, uint64_t pfn, uint64_t *page);
/* The page frame whose struct page va lies in; false: it is in none. */
bool memmap_pfn(const struct memmap *m, uint64_t va, uint64_t *pfn);
/* Is va the begin of a struct page? */
bool memmap_is_page(const struct memmap *m, uint64_t va);

#endif

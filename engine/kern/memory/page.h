/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The kernel's descriptors of pages (struct page): from a physical address to its descriptor and back,
 * what the descriptor says its page is used for, its flags by the kernel's own names.
 *
 * Thread: any; what is looked up in the types is looked up once.
 * Sources: Linux' include/linux/page-flags.h (compound_head, page types), include/linux/mm_types.h (struct
 * page, struct folio), kernel/vmcore_info.c (PAGE_*_MAPCOUNT_VALUE), Documentation/arch/x86/x86_64/mm.rst
 * (the virtual memory map).
 */
#ifndef KERN_PAGE_H
#define KERN_PAGE_H

#include "engine/kern/session.h"

/* What a descriptor says. */
struct page_info {
	uint64_t page;		/* the struct page asked for */
	uint64_t pa;		/* physical address of its page */
	uint64_t head;		/* struct page of the first page of its compound page; itself if it is none */
	unsigned order;		/* the compound, or the free block, has 1 << order pages */
	uint64_t flags;		/* the head's */
	const char *type;	/* "slab", "buddy", "table" ..., of the head; NULL: no typed page */
	bool counted;		/* refs and maps are known */
	int64_t refs, maps;	/* users of the (first) page; how many page-table entries map it */
	uint64_t mapping;	/* address_space or anon_vma without its low bits; 0: none */
	bool anon;		/* mapping is an anon_vma */
	uint64_t index;		/* in the mapping, in pages */
	uint64_t slab_cache;	/* of a slab's: its kmem_cache */
};

/* The descriptor of the page at pa; false: where they lie isn't known. It need not be readable. */
bool page_of_phys(struct session *s, uint64_t pa, uint64_t *page);
/* Is va in a struct page of the memory map? Gives the physical address of its page. */
bool page_at(struct session *s, uint64_t va, uint64_t *pa);
uint64_t page_struct_size(struct session *s); /* 0: not known */
/* The head of the compound page that a descriptor is of; itself if it is none. */
uint64_t page_head(struct session *s, uint64_t page);
/* Is the page that this head describes a slab's? Tells the cache as it stands there, which may be any number. */
bool page_is_slab(struct session *s, uint64_t head, uint64_t *cache);
/* Reads what a descriptor says. ERR_FAULT, or ERR_NOTFOUND when struct page isn't known. */
struct err *page_read(struct session *s, uint64_t page, struct page_info *ret);
/* "locked uptodate lru"; nothing when the kernel's types don't name them. */
void page_flags_print(struct session *s, uint64_t flags, struct buf *out);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The kdump-compressed format, as head.c, bitmap.c, kdumpinfo.c, kdumpmany.c and kdump.c share it.
 * Source: makedumpfile's IMPLEMENTATION and diskdump_mod.h.
 */
#ifndef DUMP_KDUMP_H
#define DUMP_KDUMP_H

#include "engine/dump/impl.h"

/* What the main header and the sub-header say, checked against the file. */
struct kdump_head {
	bool kdump; /* else diskdump, which has no sub-header that we know */
	uint32_t version, status, block_size;
	uint64_t max_pfn; /* as far as the bitmaps go */
	uint64_t phys_base;
	int dump_level;
	bool split;
	uint64_t start, end; /* page frames of this part; 0, max_pfn when not split */
	uint64_t vmcoreinfo, vmcoreinfo_size, notes, notes_size; /* in the file */
	uint64_t erased, erased_size; /* the list of what was erased, in the file; 0: nothing */
	uint64_t bitmap1;	       /* offsets in the file; 0: there is only one */
	uint64_t bitmap2, bitmap_size; /* bytes of each */
	uint64_t descs;		       /* offset of the page descriptors */
	char uts[5][65];	       /* sysname, nodename, release, version, machine */
	uint64_t time_sec, time_usec;
};
#define KDUMP_INCOMPLETE 0x8u

bool kdump_probe(const unsigned char *head, size_t n);
struct err *kdump_head_read(struct dump *d, const struct dfile *f, struct kdump_head *ret);

/* --- erased.c --- */

/* Warns by the list at off of the file, if there is one. */
void kdump_warn_erased(struct dump *d, const struct dfile *f, uint64_t off, uint64_t size);

/* --- bitmap.c: thread: any --- */

/* A bitmap is read in blocks of so many bytes; the rank table has an entry a block. */
#define BITMAP_BLOCK 4096u
#define BITMAP_PFNS (BITMAP_BLOCK * 8u)

struct bitmap {
	const struct dfile *f;
	uint64_t off, size; /* in the file, as far as the file has it */
	uint64_t first;	    /* rank 0 is at this page frame */
	uint64_t *base;	    /* rank of a block's first bit, from the block of `first` on */
	uint64_t nbase;	    /* how many are known; atomic */
	uint64_t max_base;
	pthread_mutex_t lock; /* to extend base */
	struct bitmap_slot *slots;
};
struct err *bitmap_init(struct bitmap *b, const struct dfile *f, uint64_t off, uint64_t size,
			uint64_t first, bool ranks);
void bitmap_destroy(struct bitmap *b);
/* Is the bit set? -1: the file doesn't have that part of the bitmap. If it is, *rank (NULL for a
 * bitmap without ranks) is the number of set bits in [first, pfn). */
int bitmap_test(struct bitmap *b, uint64_t pfn, uint64_t *rank);
/* The next set bit in [pfn, end); UINT64_MAX if there is none. */
uint64_t bitmap_next(struct bitmap *b, uint64_t pfn, uint64_t end);
/* The bits of n <= 64 page frames that lie in one block of the bitmap (the lowest is pfn's), and of which it has
 * how many; *rank as above, of pfn's bit whether it is set or not. */
uint64_t bitmap_bits(struct bitmap *b, uint64_t pfn, unsigned n, unsigned *have, uint64_t *rank);
/* All set bits in [from, to). Reads it through: for small bitmaps. */
uint64_t bitmap_count(struct bitmap *b, uint64_t from, uint64_t to);

/* --- kdump.c --- */

struct page_desc {
	uint64_t offset;
	uint32_t size, flags;
};
#define PAGE_DESC_SIZE 24u

struct desc_slot;
struct part {
	const struct dfile *f;
	uint64_t start, end; /* page frames */
	uint64_t descs;
	uint64_t zero;		   /* offset of the page that all zero pages share; 0: none */
	uint64_t data;		   /* offset of the first page's data; 0: not known */
	uint64_t pages;		   /* descriptors */
	struct bitmap ram, dumped; /* ram.size 0: there is only one bitmap */
	struct desc_slot *slots;
};

struct kdump {
	struct part *parts; /* by start */
	size_t n;
	uint64_t max_pfn;
	bool split;
};
/* The descriptor in the file's bytes. */
struct page_desc page_desc_at(const unsigned char *p);
/* What a page is by its descriptor. */
enum mem_state page_desc_state(const struct dump *d, const struct part *p, const struct page_desc *pd);
/* The first part that ends after pfn, or NULL. */
struct part *part_after(const struct kdump *k, uint64_t pfn);
/* Descriptor i; false when the file doesn't have it. */
bool part_desc(struct part *p, uint64_t i, struct page_desc *ret);

/* --- kdumpmany.c --- */

void kdump_read_many(struct dump *d, struct codec *c, void *window, uint64_t pfn, size_t n, void *buf,
		     struct span *spans);
uint64_t kdump_count_ram(struct dump *d, uint64_t from, uint64_t to);

/* --- kdumpinfo.c --- */

/* Finds the part's zero page and counts its pages. */
void part_measure(struct part *p, unsigned page_size);
/* Warns of what is missing, names the codecs, counts RAM. */
void kdump_inspect(struct dump *d);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Search of memory for numbers, strings and patterns, by all cores, past the page cache.
 *
 * What is found is what a byte-by-byte comparison of the readable bytes finds: numbers at multiples of their
 * width; strings and patterns anywhere, also across pages that are neighbours by their addresses only. Pages
 * that the dump doesn't have are stepped over and counted.
 *
 * Thread: any. Results come to the caller's thread, in the order of the ranges and addresses, while the search
 * goes on.
 */
#ifndef KERN_SEARCH_H
#define KERN_SEARCH_H

#include "engine/mem/mem.h"

struct search_query;

/* Numbers of `width` bytes (8, 4 or 2), low-endian, at multiples of it. Bits set in `ignore` don't count. */
struct err *search_numbers(unsigned width, uint64_t ignore, struct search_query **ret);
/* One more: every number from lo to hi (hi - lo < 2^63). A range and ignored bits exclude each other. */
struct err *search_add_number(struct search_query *q, uint64_t lo, uint64_t hi);
/* Strings of bytes. */
struct search_query *search_strings(void);
struct err *search_add_string(struct search_query *q, const void *bytes, size_t n);
/* A pcre2 pattern over bytes: . is any byte, ^ and $ also match at newlines. A match reaches at most
 * SEARCH_PATTERN_MAX bytes over the end of the 64 pages that it begins in. ERR_USAGE: what is wrong with it. */
#define SEARCH_PATTERN_MAX 4096
struct err *search_pattern(const char *regex, struct search_query **ret);
void search_query_free(struct search_query *q);

/* Addresses from start up to and with last. In kernel space only what is mapped counts, of the direct map what is
 * RAM; in user space what the page tables map. */
struct search_range {
	struct space space;
	uint64_t start, last;
};

struct search_hit {
	uint64_t addr;
	uint64_t value;	 /* of a number */
	uint32_t length; /* bytes that matched */
	uint32_t which;	 /* index of the number or string in the query */
	size_t range;	 /* index */
};

/* Pages that were searched, and of the others how many there were for each reason; of what isn't RAM
 * nothing is told. */
struct search_counts {
	uint64_t searched, absent[MEM_STATES];
	uint64_t costly; /* pieces of memory of which the rest was left out: the pattern would take too long */
};

/* What for, where, and who gets what is found. All borrowed. */
struct search_order {
	const struct search_query *query;
	const struct search_range *ranges;
	size_t nranges;
	struct err *(*on_hit)(void *ctx, const struct search_hit *hit); /* its error ends the search */
	void *ctx;
	struct job *job; /* done and total are pages; NULL: none */
};

/* counts are set also when the search ends early. */
struct err *search_run(struct mem *m, const struct search_order *o, struct search_counts *counts);

#endif

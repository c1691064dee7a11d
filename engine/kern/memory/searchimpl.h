/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the files of the search share. Nobody else includes it.
 *
 *	search.c         threads, and hits in their order
 *	searchpages.c    from ranges of addresses to pieces of at most 64 pages
 *	searchpiece.c    one piece: reads its pages, joins what are neighbours
 *	searchscan.c     numbers and strings in bytes
 *	searchpattern.c  patterns in bytes
 */
#ifndef KERN_SEARCHIMPL_H
#define KERN_SEARCHIMPL_H

#include "engine/kern/memory/search.h"

#define SEARCH_PAGE 4096u
#define PIECE_PAGES 64u

enum search_kind { SEARCH_NUMBERS, SEARCH_STRINGS, SEARCH_PATTERN };

struct search_string {
	unsigned char *bytes;
	size_t n;
};

struct search_query {
	enum search_kind kind;
	unsigned width; /* of numbers */
	uint64_t keep;	/* bits of them that count */
	struct {
		uint64_t lo, size;
	} *numbers;
	struct search_string *strings;
	size_t n;
	size_t longest;	   /* string */
	bool zero_matters; /* something in a page of zeroes could match */
	struct search_pattern *pattern;
};

struct hits {
	struct search_hit *v;
	size_t n, cap;
};
void hits_add(struct hits *h, uint64_t addr, uint64_t value, size_t length, size_t which);

/* Bytes that are neighbours by their addresses. more: up to as many bytes of what follows, when somebody needs
 * them because a match may reach over the end; returns how many there are. */
struct segment {
	const unsigned char *p;
	size_t n;
	uint64_t va;
	size_t (*more)(void *ctx, void *buf, size_t n);
	void *ctx;
};

/* searchscan.c: all that begins in the segment. */
void scan_numbers(const struct search_query *q, const struct segment *s, struct hits *h);
void scan_strings(const struct search_query *q, const struct segment *s, struct hits *h);

/* searchpattern.c: with a state that each thread has for itself. */
struct search_match;
struct search_match *search_match_create(const struct search_query *q);
void search_match_destroy(struct search_match *m);
/* false: it would take too long, the segment's rest is left out. */
bool scan_pattern(struct search_match *m, const struct segment *s, struct hits *h);
void search_pattern_free(struct search_pattern *p);

/* searchpages.c */

/* Pages that lie behind each other, by their addresses and in physical memory. */
struct run {
	uint64_t va, pa;
	uint32_t pages;
};
struct piece {
	struct run runs[PIECE_PAGES];
	unsigned n, pages;
	size_t range;
};

struct page_source;
struct page_source *page_source_create(struct mem *m, const struct search_range *ranges, size_t n, struct job *job);
void page_source_destroy(struct page_source *p);
/* The next piece, all of one range; false at the end. Thread: one at a time. */
bool page_source_next(struct page_source *p, struct piece *ret);
/* Pages of RAM that were stepped over because they aren't in the dump; once page_source_next() is at the end. */
uint64_t page_source_excluded(const struct page_source *p);

/* searchpiece.c: what a thread needs. */
struct piece_reader;
struct piece_reader *piece_reader_create(struct mem *m, const struct search_query *q,
					 const struct search_range *ranges);
void piece_reader_destroy(struct piece_reader *r);
/* Adds to hits and counts. */
void piece_search(struct piece_reader *r, const struct piece *p, struct hits *h, struct search_counts *counts);

#endif

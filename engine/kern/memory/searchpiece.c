/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One piece: its pages are read side by side into one buffer, and what are neighbours there and by their
 * addresses is searched as one segment. So nothing is copied to find what lies across two pages.
 */
#include "engine/kern/memory/searchimpl.h"
#include "engine/base/alloc.h"
#include <string.h>

struct piece_reader {
	struct mem *m;
	const struct search_query *q;
	const struct search_range *ranges, *range; /* range: of the piece at hand */
	struct dump_reader *reader;		   /* NULL: the dump's pages have another size than ours */
	struct search_match *match;
	struct span spans[PIECE_PAGES];
	uint64_t end; /* of the segment at hand */
	unsigned char buf[PIECE_PAGES * SEARCH_PAGE];
};

struct piece_reader *piece_reader_create(struct mem *m, const struct search_query *q,
					 const struct search_range *ranges)
{
	struct piece_reader *r = xmalloc(sizeof(*r));
	struct dump *d = mem_dump(m);

	r->m = m;
	r->q = q;
	r->ranges = ranges;
	r->reader = dump_info(d)->page_size == SEARCH_PAGE ? dump_reader_create(d) : NULL;
	r->match = search_match_create(q);
	return r;
}

void piece_reader_destroy(struct piece_reader *r)
{
	dump_reader_destroy(r->reader);
	search_match_destroy(r->match);
	free(r);
}

static void read_run(struct piece_reader *r, const struct run *run, unsigned at)
{
	if (r->reader) {
		dump_reader_pages(r->reader, run->pa / SEARCH_PAGE, run->pages, r->buf + (size_t)at * SEARCH_PAGE,
				  r->spans + at);
		return;
	}
	for (unsigned i = 0; i < run->pages; i++, at++) {
		enum mem_state why = MEM_LOST;
		size_t got = dump_read_once(mem_dump(r->m), run->pa + (uint64_t)i * SEARCH_PAGE,
					    r->buf + (size_t)at * SEARCH_PAGE, SEARCH_PAGE, &why);
		r->spans[at] = (struct span){0, (uint32_t)got, why};
	}
}

/* What page `at` has: counted, and zeroes written out where they matter. */
static void take_page(struct piece_reader *r, unsigned at, struct search_counts *counts)
{
	struct span *s = &r->spans[at];
	bool zero = s->to <= s->from && s->rest == MEM_ZERO;

	if (s->to <= s->from && !zero) {
		counts->absent[s->rest]++;
		return;
	}
	counts->searched++;
	if (zero && r->q->zero_matters) {
		memset(r->buf + (size_t)at * SEARCH_PAGE, 0, SEARCH_PAGE);
		*s = (struct span){0, SEARCH_PAGE, MEM_ZERO};
	}
}

static size_t read_more(void *ctx, void *buf, size_t n)
{
	struct piece_reader *r = ctx;
	uint64_t left = r->range->last - r->end; /* the byte at end is one more */

	n = left < n - 1 ? (size_t)left + 1 : n;
	return mem_read_some(r->m, r->range->space, r->end, buf, n, NULL);
}

/* Searches [from, to) of the buffer, which lies at va. end: it could go on in the next piece. */
static void search_segment(struct piece_reader *r, size_t from, size_t to, uint64_t va, bool end, struct hits *h,
			   struct search_counts *counts)
{
	uint64_t last = va + (to - from - 1);

	if (last < r->range->start || va > r->range->last)
		return;
	if (last > r->range->last) {
		to -= (size_t)(last - r->range->last);
		last = r->range->last;
	}
	if (va < r->range->start) {
		from += (size_t)(r->range->start - va);
		va = r->range->start;
	}
	r->end = last + 1;
	end = end && last < r->range->last;
	struct segment s = {r->buf + from, to - from, va, end ? read_more : NULL, r};
	if (r->q->kind == SEARCH_NUMBERS)
		scan_numbers(r->q, &s, h);
	else if (r->q->kind == SEARCH_STRINGS)
		scan_strings(r->q, &s, h);
	else
		counts->costly += !scan_pattern(r->match, &s, h);
}

void piece_search(struct piece_reader *r, const struct piece *p, struct hits *h, struct search_counts *counts)
{
	size_t from = 0, to = 0; /* the segment at hand, in the buffer */
	uint64_t seg_va = 0;
	unsigned at = 0;

	r->range = &r->ranges[p->range];
	for (unsigned i = 0; i < p->n; i++) {
		read_run(r, &p->runs[i], at);
		for (unsigned k = 0; k < p->runs[i].pages; k++, at++) {
			take_page(r, at, counts);
			const struct span *s = &r->spans[at];
			uint64_t va = p->runs[i].va + (uint64_t)k * SEARCH_PAGE + s->from;
			size_t pos = (size_t)at * SEARCH_PAGE + s->from;
			if (s->to <= s->from)
				continue;
			if (to > from && (pos != to || va != seg_va + (to - from))) {
				search_segment(r, from, to, seg_va, false, h, counts);
				from = to;
			}
			if (to == from) {
				from = pos;
				seg_va = va;
			}
			to = pos + (s->to - s->from);
		}
	}
	if (to > from)
		search_segment(r, from, to, seg_va, to == (size_t)at * SEARCH_PAGE, h, counts);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A look over a kdump file at open, by a handful of descriptors: which codecs, where the zero page
 * is, how many pages, and whether the end of the file is there.
 *
 * Page data begins right behind the descriptors, so the first offset tells how many descriptors
 * there are without counting a bitmap that may have hundreds of megabytes. Small ones are counted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/dump/kdump.h"

#define COUNT_LIMIT (UINT64_C(4) << 20) /* bytes of bitmap that are counted at open: 2 ms */
#define SAMPLES 32u

/* Is the page at off there, raw, and all zero? */
static bool zero_at(const struct part *p, uint64_t off, unsigned page_size)
{
	AUTO_FREE char *page = xmalloc(page_size);

	if (!off || dfile_read(p->f, off, page, page_size) < page_size)
		return false;
	return !page[0] && !memcmp(page, page + 1, page_size - 1);
}

/* How many descriptors there are, by where the data begins; 0 if that isn't known. */
static uint64_t count_descs(const struct part *p)
{
	return p->data > p->descs ? (p->data - p->descs) / PAGE_DESC_SIZE : 0;
}

static bool part_is_big(const struct part *p)
{
	return (p->end - p->start) / 8 > COUNT_LIMIT;
}

static uint64_t count_pages(struct part *p)
{
	if (!part_is_big(p))
		return bitmap_count(&p->dumped, p->start, p->end);
	uint64_t n = count_descs(p);
	return n < p->end - p->start ? n : p->end - p->start;
}

void part_measure(struct part *p, unsigned page_size)
{
	struct page_desc pd = {0};

	if (part_desc(p, 0, &pd) && pd.offset) {
		bool raw = !(pd.flags & PD_CODECS) && pd.size == page_size;
		p->data = pd.offset;
		if (raw && zero_at(p, pd.offset, page_size))
			p->zero = pd.offset;
		else if (pd.offset > page_size && zero_at(p, pd.offset - page_size, page_size))
			p->data = p->zero = pd.offset - page_size;
	}
	p->pages = count_pages(p);
}

static void name_codecs(struct dump *d)
{
	struct kdump *k = d->priv;
	struct dump_info *n = &d->info;
	struct page_desc pd;
	bool raw = false;

	for (size_t i = 0; i < k->n; i++) {
		struct part *p = &k->parts[i];
		for (unsigned j = 0; j < SAMPLES; j++) {
			const char *name;
			if (!part_desc(p, p->pages / SAMPLES * j, &pd) || !pd.offset ||
			    (pd.offset == p->zero && !(pd.flags & PD_CODECS)))
				continue;
			name = codec_name(pd.flags);
			raw |= !(pd.flags & PD_CODECS);
			if (!name || !(pd.flags & PD_CODECS) || strstr(n->codecs, name))
				continue;
			size_t len = strlen(n->codecs);
			snprintf(n->codecs + len, sizeof(n->codecs) - len, "%s%s", len ? "+" : "",
				 name);
		}
	}
	size_t len = strlen(n->codecs);
	if (raw)
		snprintf(n->codecs + len, sizeof(n->codecs) - len, "%sraw", len ? "+" : "");
}

/* The end of the data, by the last descriptors that aren't of zero pages; 0 if not known. */
static uint64_t data_end(struct part *p, unsigned page_size)
{
	struct page_desc pd;
	uint64_t end = 0;

	for (uint64_t i = p->pages, n = 0; i && n < 1024 && !end; n++)
		if (part_desc(p, --i, &pd) && pd.offset && pd.offset != p->zero &&
		    pd.size <= 2 * page_size)
			end = pd.offset + pd.size;
	return end;
}

static void warn_cut(struct dump *d, struct part *p)
{
	char have[32];
	uint64_t descs_end = p->descs + p->pages * PAGE_DESC_SIZE, end;

	if (descs_end > p->f->size) {
		uint64_t n = p->f->size > p->descs ? (p->f->size - p->descs) / PAGE_DESC_SIZE : 0;
		dump_warn(d,
			  "%s: truncated: the file ends at %s, within the descriptors: %" PRIu64
			  " of %" PRIu64 " pages are known; the others are lost",
			  p->f->path, dump_size_text(p->f->size, have), n, p->pages);
		return;
	}
	end = data_end(p, d->info.page_size);
	if (end > p->f->size)
		dump_warn_cut(d, p->f->path, p->f->size, end);
}

/*
 * A damaged bit in the bitmap shifts all pages behind it, and nothing in the format tells which.
 * Each part of a split dump has room for the descriptors of all parts' pages.
 */
static void warn_bitmap(struct dump *d, const struct part *p, uint64_t all)
{
	uint64_t n = count_descs(p);
	bool fits = n == p->pages || n == all;

	if (d->info.parts_have < d->info.parts)
		fits = n >= p->pages;
	if (n && !fits && p->data <= p->f->size && (p->data - p->descs) % PAGE_DESC_SIZE == 0)
		dump_warn(d,
			  "%s: the bitmap names %" PRIu64 " pages, but %" PRIu64
			  " are described: one of both is damaged, and pages may be mistaken for "
			  "others",
			  p->f->path, p->pages, n);
}

void kdump_inspect(struct dump *d)
{
	struct kdump *k = d->priv;

	for (size_t i = 0; i < k->n; i++)
		d->info.pages += k->parts[i].pages;
	if (k->split && part_is_big(&k->parts[0])) /* counted by descriptors: those of all parts */
		d->info.pages = k->parts[0].pages;
	for (size_t i = 0; i < k->n; i++) {
		warn_cut(d, &k->parts[i]);
		warn_bitmap(d, &k->parts[i], d->info.pages);
	}
	if (k->parts[0].ram.size && k->max_pfn / 8 <= COUNT_LIMIT)
		d->info.ram_pages = bitmap_count(&k->parts[0].ram, 0, k->max_pfn);
	name_codecs(d);
	if (d->info.incomplete)
		dump_warn(d, "incomplete dump: the disk was full while it was written; the missing "
			     "pages are lost");
}

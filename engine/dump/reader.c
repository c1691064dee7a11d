/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Readers of many pages: what a scan of all memory needs. The format says how; here are the thread's own
 * codec and the room for pieces of the file, so that nothing is borrowed from page to page.
 */
#include "engine/base/alloc.h"
#include "engine/dump/impl.h"

struct dump_reader {
	struct dump *d;
	struct codec *codec;
	void *window;
};

struct dump_reader *dump_reader_create(struct dump *d)
{
	struct dump_reader *r = xcalloc(1, sizeof(*r));

	r->d = d;
	r->codec = codec_take(&d->codecs);
	r->window = xmalloc(WINDOW);
	return r;
}

void dump_reader_destroy(struct dump_reader *r)
{
	if (!r)
		return;
	codec_give(&r->d->codecs, r->codec);
	free(r->window);
	free(r);
}

void dump_reader_pages(struct dump_reader *r, uint64_t pfn, size_t n, void *buf, struct span *spans)
{
	uint64_t top = UINT64_MAX >> r->d->page_shift;

	for (size_t i = pfn > top ? 0 : top - pfn < n ? (size_t)(top - pfn) + 1 : n; i < n; i++)
		spans[i] = (struct span){0, 0, MEM_NOT_RAM};
	if (pfn <= top)
		r->d->ops->read_many(r->d, r->codec, r->window, pfn, top - pfn < n ? (size_t)(top - pfn) + 1 : n,
				     buf, spans);
}

uint64_t dump_count_ram(struct dump *d, uint64_t from, uint64_t to)
{
	uint64_t top = d->info.max_pfn;

	to = to < top ? to : top;
	return from < to ? d->ops->count_ram(d, from, to) : 0;
}

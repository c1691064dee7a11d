/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many pages of a kdump file at a time. Pages that follow each other in memory have descriptors that follow
 * each other, and data that mostly do: so up to 64 pages cost one look into the bitmap, one read for their
 * descriptors and one for their data. While they are decoded the kernel is told to fetch what comes next.
 */
#include <fcntl.h>
#include <string.h>
#include "engine/base/checked.h"
#include "engine/dump/kdump.h"

#define MANY 64u
#define AHEAD (2u << 20)

/* One run of pages on their way. */
struct many {
	struct dump *d;
	struct part *p;
	struct codec *codec;
	unsigned char *window;
	char *buf;
	struct span *spans;
	struct page_desc pd[MANY];
	uint8_t page[MANY]; /* which page pd[i] is of */
	unsigned n;	    /* pages that have data */
};

/* States of what isn't in the file. */
static void set_absent(struct part *p, uint64_t pfn, unsigned n, uint64_t dumped, unsigned have,
		       struct span *spans)
{
	unsigned have_ram = 0;
	uint64_t ram = p->ram.size && pfn / 8 < p->ram.size ? bitmap_bits(&p->ram, pfn, n, &have_ram, NULL) : 0;

	if (!p->ram.size)
		have_ram = n; /* no bit is set: no RAM */
	for (unsigned i = 0; i < n; i++) {
		if (dumped >> i & 1)
			continue;
		bool lost = i >= have || i >= have_ram;
		spans[i].rest = lost ? MEM_LOST : ram >> i & 1 ? MEM_EXCLUDED : MEM_NOT_RAM;
	}
}

/* Reads the descriptors of the pages whose bits are set; pages with data go into m. */
static void read_descs(struct many *m, uint64_t rank, uint64_t dumped)
{
	unsigned char raw[MANY * PAGE_DESC_SIZE];
	size_t want = 0, got = 0;
	uint64_t at;

	for (uint64_t x = dumped; x; x &= x - 1)
		want++;
	if (mul_u64(rank, PAGE_DESC_SIZE, &at) && add_u64(at, m->p->descs, &at))
		got = dfile_read(m->p->f, at, raw, want * PAGE_DESC_SIZE) / PAGE_DESC_SIZE;
	m->n = 0;
	for (size_t k = 0; dumped; dumped &= dumped - 1, k++) {
		unsigned i = (unsigned)__builtin_ctzll(dumped);
		struct page_desc pd = k < got ? page_desc_at(raw + k * PAGE_DESC_SIZE) : (struct page_desc){0};
		m->spans[i].rest = page_desc_state(m->d, m->p, &pd);
		if (m->spans[i].rest != MEM_PRESENT)
			continue;
		m->pd[m->n] = pd;
		m->page[m->n++] = (uint8_t)i;
	}
}

/* How many of the pages from k on lie close enough behind each other in the file, and where they end. */
static unsigned close_ones(const struct many *m, unsigned k, uint64_t *end)
{
	uint64_t from = m->pd[k].offset;
	unsigned n = 1;

	*end = from + m->pd[k].size;
	for (; k + n < m->n; n++) {
		const struct page_desc *pd = &m->pd[k + n];
		if (pd->offset < *end || pd->offset + pd->size - from > WINDOW)
			break;
		*end = pd->offset + pd->size;
	}
	return n;
}

static void decode(struct many *m, unsigned k, const unsigned char *in, size_t have)
{
	uint32_t page = m->d->info.page_size;
	unsigned i = m->page[k];
	const struct page_desc *pd = &m->pd[k];

	bool ok = have >= pd->size &&
		  codec_decode(m->codec, pd->flags, in, pd->size, m->buf + (size_t)i * page, page);
	m->spans[i] = ok ? (struct span){0, page, MEM_PRESENT} : (struct span){0, 0, MEM_LOST};
}

/* Flattened files lie elsewhere: their pieces are found by the kernel's own read-ahead. */
static void fetch_ahead(const struct dfile *f, uint64_t from, uint64_t end)
{
	if (!f->flattened && from / AHEAD != end / AHEAD)
		posix_fadvise(f->fd, (off_t)end, AHEAD, POSIX_FADV_WILLNEED);
}

static void read_data(struct many *m)
{
	uint64_t end;

	for (unsigned k = 0, n; k < m->n; k += n) {
		uint64_t from = m->pd[k].offset;
		n = close_ones(m, k, &end);
		fetch_ahead(m->p->f, from, end);
		size_t got = dfile_read(m->p->f, from, m->window, (size_t)(end - from));
		for (unsigned i = k; i < k + n; i++) {
			uint64_t at = m->pd[i].offset - from;
			decode(m, i, m->window + at, at < got ? got - (size_t)at : 0);
		}
	}
}

/* Pages of one part and one block of its bitmap, at most MANY. */
static void read_run(struct many *m, uint64_t pfn, unsigned n)
{
	unsigned have = 0;
	uint64_t rank = 0, dumped = 0;

	if (pfn / 8 < m->p->dumped.size)
		dumped = bitmap_bits(&m->p->dumped, pfn, n, &have, &rank);
	set_absent(m->p, pfn, n, dumped, have, m->spans);
	if (!dumped)
		return;
	read_descs(m, rank, dumped);
	read_data(m);
}

void kdump_read_many(struct dump *d, struct codec *c, void *window, uint64_t pfn, size_t n, void *buf,
		     struct span *spans)
{
	struct kdump *k = d->priv;
	struct many m = {.d = d, .codec = c, .window = window};

	memset(spans, 0, n * sizeof(*spans));
	for (size_t i = 0, run; i < n; i += run) {
		uint64_t at = pfn + i, left = BITMAP_PFNS - at % BITMAP_PFNS;
		m.p = part_after(k, at);
		run = n - i < MANY ? n - i : MANY;
		run = run < left ? run : (size_t)left;
		m.buf = (char *)buf + i * d->info.page_size;
		m.spans = spans + i;
		if (at < k->max_pfn && m.p && at >= m.p->start) {
			left = (m.p->end < k->max_pfn ? m.p->end : k->max_pfn) - at;
			run = run < left ? run : (size_t)left;
			read_run(&m, at, (unsigned)run);
			continue;
		}
		run = 1; /* beyond all parts, or in one that wasn't given */
		spans[i].rest = d->ops->state(d, at);
	}
}

uint64_t kdump_count_ram(struct dump *d, uint64_t from, uint64_t to)
{
	struct kdump *k = d->priv;

	/* every part has the whole bitmap; without one only what is in the file is known to be RAM */
	if (k->parts[0].ram.size)
		return bitmap_count(&k->parts[0].ram, from, to);
	uint64_t n = 0;
	for (size_t i = 0; i < k->n; i++) {
		const struct part *p = &k->parts[i];
		n += bitmap_count(&k->parts[i].dumped, p->start > from ? p->start : from,
				  p->end < to ? p->end : to);
	}
	return n;
}

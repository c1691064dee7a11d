/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kdump-compressed dumps: one file, or the parts of a split one. Every part has whole bitmaps, but
 * descriptors for its own page frames only: the descriptor of a page is the number of set bits
 * in the second bitmap between the part's first page frame and it. No table is made of them.
 *
 * All zero pages share one descriptor's data; it is found once, at open, by looking at its bytes,
 * and its pages are never read again.
 *
 * What a page's descriptor says of its codec decides, not the header: makedumpfile stores a page
 * raw when compression doesn't shrink it.
 */
#include <elf.h>
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/dump/kdump.h"

/* struct elf_prstatus of x86-64; of the little-endian machines no other has this size */
#define X86_64_PRSTATUS 336u
#define DESC_SLOTS 32u
#define DESC_BLOCK 170u /* descriptors: 4,080 bytes */

struct desc_slot {
	pthread_mutex_t lock;
	uint64_t key; /* block + 1 */
	uint32_t got; /* descriptors */
	unsigned char *bytes;
};

struct page_desc page_desc_at(const unsigned char *p)
{
	return (struct page_desc){load_u64(p), load_u32(p + 8), load_u32(p + 12)};
}

enum mem_state page_desc_state(const struct dump *d, const struct part *p, const struct page_desc *pd)
{
	if (!pd->offset)
		return MEM_LOST;
	if (pd->offset == p->zero && !(pd->flags & PD_CODECS))
		return MEM_ZERO;
	if (pd->size > 2 * d->info.page_size || !range_ok(pd->offset, pd->size, p->f->size))
		return MEM_LOST;
	return MEM_PRESENT;
}

bool part_desc(struct part *p, uint64_t i, struct page_desc *ret)
{
	uint64_t block = i / DESC_BLOCK, at;
	unsigned k = (unsigned)(i % DESC_BLOCK);
	struct desc_slot *s = &p->slots[block % DESC_SLOTS];

	if (!mul_u64(block, DESC_BLOCK * PAGE_DESC_SIZE, &at) || !add_u64(at, p->descs, &at) ||
	    at >= p->f->size)
		return false;
	pthread_mutex_lock(&s->lock);
	if (s->key != block + 1) {
		if (!s->bytes)
			s->bytes = xmalloc(DESC_BLOCK * PAGE_DESC_SIZE);
		s->got = (uint32_t)(dfile_read(p->f, at, s->bytes, DESC_BLOCK * PAGE_DESC_SIZE) /
				    PAGE_DESC_SIZE);
		s->key = block + 1;
	}
	bool ok = k < s->got;
	if (ok) {
		const unsigned char *d = s->bytes + (size_t)k * PAGE_DESC_SIZE;
		*ret = page_desc_at(d);
	}
	pthread_mutex_unlock(&s->lock);
	return ok;
}

struct part *part_after(const struct kdump *k, uint64_t pfn)
{
	size_t lo = 0, hi = k->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (k->parts[mid].end <= pfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < k->n ? &k->parts[lo] : NULL;
}

/* A page that isn't in the file: why? */
static enum mem_state absent(struct part *p, uint64_t pfn)
{
	if (!p->ram.size)
		return MEM_NOT_RAM;
	int r = bitmap_test(&p->ram, pfn, NULL);
	return r < 0 ? MEM_LOST : r ? MEM_EXCLUDED : MEM_NOT_RAM;
}

static enum mem_state desc_of(struct dump *d, uint64_t pfn, struct part **part,
			      struct page_desc *pd)
{
	struct kdump *k = d->priv;

	if (pfn >= k->max_pfn)
		return MEM_NOT_RAM;
	struct part *p = part_after(k, pfn);
	bool ours = p && pfn >= p->start;
	if (!p)
		p = &k->parts[k->n - 1];
	uint64_t rank;
	int dumped = bitmap_test(&p->dumped, pfn, ours ? &rank : NULL);
	if (dumped < 0)
		return MEM_LOST;
	if (!dumped)
		return absent(p, pfn);
	if (!ours || !part_desc(p, rank, pd))
		return MEM_LOST;
	*part = p;
	return page_desc_state(d, p, pd);
}

static enum mem_state kdump_state(struct dump *d, uint64_t pfn)
{
	struct page_desc pd;
	struct part *p;
	return desc_of(d, pfn, &p, &pd);
}

static enum mem_state kdump_read(struct dump *d, struct codec *c, uint64_t pfn, void *page,
				 struct span *span)
{
	struct page_desc pd;
	struct part *p;
	enum mem_state state = desc_of(d, pfn, &p, &pd);

	*span = (struct span){0, 0, state};
	if (state == MEM_ZERO) {
		memset(page, 0, d->info.page_size);
		span->to = d->info.page_size;
	}
	if (state != MEM_PRESENT)
		return state;
	if (dfile_read(p->f, pd.offset, c->in, pd.size) < pd.size ||
	    !codec_decode(c, pd.flags, c->in, pd.size, page, d->info.page_size)) {
		span->rest = MEM_LOST;
		return MEM_LOST;
	}
	span->to = d->info.page_size;
	return MEM_PRESENT;
}

static bool kdump_peek(struct dump *d, struct codec *c, uint64_t pfn, void *buf, size_t n)
{
	struct page_desc pd;
	struct part *p;

	if (desc_of(d, pfn, &p, &pd) != MEM_PRESENT)
		return false; /* zero pages too: whoever peeks looks for something */
	if (dfile_read(p->f, pd.offset, c->in, pd.size) < pd.size)
		return false;
	if (codec_peek(c, pd.flags, pd.size, buf, n))
		return true;
	if (!codec_decode(c, pd.flags, c->in, pd.size, c->page, d->info.page_size))
		return false;
	memcpy(buf, c->page, n);
	return true;
}

static uint64_t kdump_next(struct dump *d, uint64_t pfn)
{
	struct kdump *k = d->priv;

	for (;;) {
		struct part *p = part_after(k, pfn);
		if (!p)
			return UINT64_MAX;
		if (pfn < p->start)
			pfn = p->start;
		uint64_t r = bitmap_next(&p->dumped, pfn, p->end);
		if (r != UINT64_MAX)
			return r;
		pfn = p->end;
	}
}

static struct err *part_init(struct part *p, const struct dfile *f, const struct kdump_head *h)
{
	p->f = f;
	p->start = h->start;
	p->end = h->end;
	p->descs = h->descs;
	p->slots = xcalloc(DESC_SLOTS, sizeof(*p->slots));
	for (unsigned i = 0; i < DESC_SLOTS; i++)
		pthread_mutex_init(&p->slots[i].lock, NULL);
	if (h->bitmap1)
		TRY(bitmap_init(&p->ram, f, h->bitmap1, h->bitmap_size, 0, false));
	return bitmap_init(&p->dumped, f, h->bitmap2, h->bitmap_size, h->start, true);
}

static void kdump_close(struct dump *d)
{
	struct kdump *k = d->priv;

	for (size_t i = 0; k && i < k->n; i++) {
		struct part *p = &k->parts[i];
		bitmap_destroy(&p->ram);
		bitmap_destroy(&p->dumped);
		for (unsigned j = 0; p->slots && j < DESC_SLOTS; j++) {
			pthread_mutex_destroy(&p->slots[j].lock);
			free(p->slots[j].bytes);
		}
		free(p->slots);
	}
	if (k)
		free(k->parts);
	free(k);
}

static void take_info(struct dump *d, const struct dfile *f, const struct kdump_head *h)
{
	struct dump_info *n = &d->info;

	n->page_size = h->block_size;
	n->max_pfn = h->max_pfn;
	n->dump_level = h->dump_level;
	/* QEMU writes a garbled one or 0, and no release */
	n->has_phys_base = h->kdump && h->uts[2][0] && h->phys_base % DUMP_PAGE_MIN == 0;
	n->phys_base = h->phys_base;
	memcpy(n->sysname, h->uts[0], sizeof(n->sysname));
	memcpy(n->nodename, h->uts[1], sizeof(n->nodename));
	memcpy(n->release, h->uts[2], sizeof(n->release));
	memcpy(n->version, h->uts[3], sizeof(n->version));
	memcpy(n->uts_machine, h->uts[4], sizeof(n->uts_machine));
	n->machine = machine_of_uts(n->uts_machine);
	uint64_t lost = notes_read(&d->notes, f, h->notes, h->notes_size);
	if (lost)
		dump_warn(d, "%s: %" PRIu64 " of %" PRIu64 " bytes of notes are missing", f->path,
			  lost, h->notes_size);
	kdump_warn_erased(d, f, h->erased, h->erased_size);
	const struct dump_note *regs = notes_find(&d->notes, "CORE");
	if (n->machine == EM_NONE && regs && regs->desc_size == X86_64_PRSTATUS) {
		n->machine = EM_X86_64;
		strcpy(n->uts_machine, "x86_64");
	}
	if (!notes_find(&d->notes, "VMCOREINFO") && h->vmcoreinfo_size) {
		char text[16384];
		uint64_t want =
			h->vmcoreinfo_size < sizeof(text) ? h->vmcoreinfo_size : sizeof(text);
		size_t got = dfile_read(f, h->vmcoreinfo, text, (size_t)want);
		d->vmcoreinfo = vmcoreinfo_create(text, got);
	}
}

/* In how many of SAME_FACTS do two files say the same? All: they are of one dump. Most: one of the
 * headers is damaged. */
enum { SAME_FACTS = 5, SAME_MOST = 3 };
static int same_dump(const struct kdump_head *a, const struct kdump_head *b)
{
	return (a->max_pfn == b->max_pfn) + (a->block_size == b->block_size) +
	       (a->time_sec == b->time_sec && a->time_usec == b->time_usec) +
	       (a->bitmap1 == b->bitmap1 && a->bitmap2 == b->bitmap2) +
	       !memcmp(a->uts, b->uts, sizeof(a->uts));
}

static struct err *add_part(struct dump *d, const struct dfile *f, struct kdump_head *first)
{
	struct kdump *k = d->priv;
	struct kdump_head h;

	TRY(kdump_head_read(d, f, &h));
	if (d->nfiles > 1 && !h.split)
		return err_new(ERR_USAGE,
			       "%s: not a part of a split dump, but %zu dump files are given: name "
			       "one dump, or all parts of one",
			       f->path, d->nfiles);
	if (!k->n)
		*first = h;
	else if (same_dump(first, &h) < SAME_MOST)
		return err_new(ERR_USAGE, "%s and %s are parts of different dumps",
			       k->parts[0].f->path, f->path);
	else if (same_dump(first, &h) < SAME_FACTS)
		dump_warn(d, "the headers of %s and %s differ: one of them is damaged",
			  k->parts[0].f->path, f->path);
	k->split |= h.split;
	d->info.incomplete |= (h.status & KDUMP_INCOMPLETE) != 0;
	struct part *p = &k->parts[k->n++];
	TRY(part_init(p, f, &h));
	part_measure(p, h.block_size);
	return NULL;
}

static int by_start(const void *pa, const void *pb)
{
	const struct part *a = pa, *b = pb;
	return a->start < b->start ? -1 : a->start > b->start;
}

static void warn_gap(struct dump *d, uint64_t from, uint64_t to, unsigned *parts)
{
	if (from >= to)
		return;
	++*parts;
	dump_warn(d,
		  "split dump: the part with page frames %" PRIx64 " to %" PRIx64
		  " is missing: its pages are lost; name that file too",
		  from, to);
}

/* Sorts the parts, cuts overlaps off, warns of gaps. */
static void check_parts(struct dump *d)
{
	struct kdump *k = d->priv;
	uint64_t at = 0;

	d->info.parts_have = (unsigned)k->n;
	if (!k->split)
		return;
	qsort(k->parts, k->n, sizeof(*k->parts), by_start);
	d->info.parts = d->info.parts_have;
	for (size_t i = 0; i < k->n; i++) {
		warn_gap(d, at, k->parts[i].start, &d->info.parts);
		if (i + 1 < k->n && k->parts[i].end > k->parts[i + 1].start) {
			dump_warn(d, "%s and %s both have page frames %" PRIx64 " to %" PRIx64,
				  k->parts[i].f->path, k->parts[i + 1].f->path,
				  k->parts[i + 1].start, k->parts[i].end);
			k->parts[i].end = k->parts[i + 1].start;
		}
		at = k->parts[i].end;
	}
	warn_gap(d, at, k->max_pfn, &d->info.parts);
}

static struct err *kdump_open(struct dump *d)
{
	struct kdump *k = xcalloc(1, sizeof(*k));
	struct kdump_head first;

	d->priv = k;
	k->parts = xcalloc(d->nfiles, sizeof(*k->parts));
	for (size_t i = 0; i < d->nfiles; i++)
		TRY(add_part(d, d->files[i], &first));
	k->max_pfn = first.max_pfn;
	take_info(d, d->files[0], &first);
	check_parts(d);
	kdump_inspect(d);
	return NULL;
}

const struct dump_ops kdump_ops = {
	.name = "kdump-compressed",
	.probe = kdump_probe,
	.open = kdump_open,
	.close = kdump_close,
	.state = kdump_state,
	.read = kdump_read,
	.peek = kdump_peek,
	.next = kdump_next,
	.read_many = kdump_read_many,
	.count_ram = kdump_count_ram,
};

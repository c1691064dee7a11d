/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF cores: /proc/vmcore as it is, makedumpfile -E, QEMU's dump-guest-memory. Segments may overlap
 * in physical memory (the kernel's text is also part of the direct map; QEMU's paging=on gives one
 * segment a mapping), so at open they become three sorted lists of disjoint ranges of physical
 * addresses: with data in the file, with data that should be in the file but is cut off, and RAM.
 *
 * A segment whose p_memsz is larger than its p_filesz comes from makedumpfile: it leaves out runs
 * of 256 and more pages that its filter excludes and begins a new segment behind them. The rest of
 * p_memsz is therefore MEM_EXCLUDED, and not zero as the gABI has it for programs.
 *
 * In an incomplete file (e_flags bit 0) the headers of unwritten segments are all zero, so nothing
 * tells RAM from holes: what no segment covers is MEM_LOST.
 *
 * e_ehsize isn't looked at: QEMU 7.2 writes 8 there.
 */
#include <elf.h>
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/dump/impl.h"

#define EF_INCOMPLETE 1u
#define SEGMENTS_MAX 65536u /* as many are kept for dump_segment() */
#define RANGES_MAX (4u << 20)
#define PA_MAX (UINT64_C(1) << 52) /* no x86-64, arm64 or riscv64 machine has larger addresses */
#define CHUNK 64u

struct range {
	uint64_t pa, end;
	uint64_t at; /* in the file; for data */
};

struct ranges {
	struct range *v;
	size_t n, cap;
};

struct elf {
	struct ranges data, lost, ram;
	bool incomplete;
	uint64_t phnum, cut_phdrs,
		missing; /* headers in the file, beyond it; bytes of data beyond it */
};

static bool elf_probe(const unsigned char *h, size_t n)
{
	return n >= sizeof(Elf64_Ehdr) && !memcmp(h, ELFMAG, SELFMAG) &&
	       h[EI_CLASS] == ELFCLASS64 && h[EI_DATA] != ELFDATA2MSB &&
	       load_u16(h + offsetof(Elf64_Ehdr, e_type)) == ET_CORE;
}

static void range_add(struct ranges *r, uint64_t pa, uint64_t end, uint64_t at)
{
	if (pa >= end || r->n >= RANGES_MAX)
		return;
	GROW(r->v, r->n, r->cap);
	r->v[r->n++] = (struct range){pa, end, at};
}

static int by_pa(const void *pa, const void *pb)
{
	const struct range *a = pa, *b = pb;
	if (a->pa != b->pa)
		return a->pa < b->pa ? -1 : 1;
	return a->end > b->end ? -1 : a->end < b->end;
}

/* Sorts, cuts overlaps off (the earlier start wins), joins neighbours. */
static void ranges_finish(struct ranges *r, bool has_data)
{
	size_t n = 0;

	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), by_pa);
	for (size_t i = 0; i < r->n; i++) {
		struct range x = r->v[i], *last = n ? &r->v[n - 1] : NULL;
		if (last && x.pa < last->end) {
			if (x.end <= last->end)
				continue;
			x.at += last->end - x.pa;
			x.pa = last->end;
		}
		if (last && x.pa == last->end &&
		    (!has_data || x.at == last->at + (last->end - last->pa)))
			last->end = x.end;
		else
			r->v[n++] = x;
	}
	r->n = n;
	if (n) {
		r->v = xrealloc(r->v, n, sizeof(*r->v));
		r->cap = n;
	}
}

/* The first range that ends after pa, or NULL. */
static const struct range *range_after(const struct ranges *r, uint64_t pa)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (r->v[mid].end <= pa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->n ? &r->v[lo] : NULL;
}

static bool overlaps(const struct ranges *r, uint64_t pa, uint64_t end)
{
	const struct range *x = range_after(r, pa);
	return x && x->pa < end;
}

static enum mem_state range_state(const struct elf *e, uint64_t pa, uint64_t end)
{
	if (overlaps(&e->data, pa, end))
		return MEM_PRESENT;
	if (overlaps(&e->lost, pa, end))
		return MEM_LOST;
	if (overlaps(&e->ram, pa, end))
		return MEM_EXCLUDED;
	return e->incomplete && pa < PA_MAX ? MEM_LOST : MEM_NOT_RAM;
}

static enum mem_state elf_state(struct dump *d, uint64_t pfn)
{
	uint64_t pa = pfn * d->info.page_size;
	return range_state(d->priv, pa, pa + d->info.page_size);
}

/* The bytes that the file has of [pa, end), from the first one on without a gap, into page. */
static void read_range(const struct dump *d, uint64_t pa, uint64_t end, char *page,
		       struct span *span)
{
	const struct elf *e = d->priv;
	const struct range *r = range_after(&e->data, pa), *stop = e->data.v + e->data.n;
	uint64_t at = r && r->pa > pa ? r->pa : pa;

	span->from = span->to = 0;
	if (!r || at >= end)
		return;
	span->from = (uint32_t)(at - pa);
	for (; r < stop && r->pa <= at && at < end; r++) {
		size_t want = (size_t)((r->end < end ? r->end : end) - at);
		size_t got = dfile_read(d->files[0], r->at + (at - r->pa), page + (at - pa), want);
		at += got;
		if (got < want)
			break;
	}
	span->to = (uint32_t)(at - pa);
}

static enum mem_state elf_read(struct dump *d, struct codec *c, uint64_t pfn, void *page,
			       struct span *span)
{
	uint64_t pa = pfn * d->info.page_size, end = pa + d->info.page_size;

	(void)c;
	read_range(d, pa, end, page, span);
	if (span->from < span->to) {
		/* of a page that is partly there, the rest has a state of its own */
		enum mem_state rest = range_state(d->priv, span->from ? pa : pa + span->to,
						  span->from ? pa + span->from : end);
		span->rest = rest == MEM_PRESENT ? MEM_LOST : rest;
		return MEM_PRESENT;
	}
	span->rest = range_state(d->priv, pa, end);
	if (span->rest == MEM_PRESENT)
		span->rest = MEM_LOST; /* an unreadable sector */
	return span->rest;
}

/* Pages that lie in the file as they lie in memory are read at once. */
static void elf_read_many(struct dump *d, struct codec *c, void *window, uint64_t pfn, size_t n, void *buf,
			  struct span *spans)
{
	const struct elf *e = d->priv;
	uint32_t page = d->info.page_size;

	(void)window;
	for (size_t i = 0, whole; i < n; i += whole) {
		uint64_t pa = (pfn + i) * page;
		const struct range *r = range_after(&e->data, pa);
		uint64_t there = r && r->pa <= pa ? (r->end - pa) / page : 0;
		char *to = (char *)buf + i * page;
		whole = there < n - i ? (size_t)there : n - i;
		size_t got = whole ? dfile_read(d->files[0], r->at + (pa - r->pa), to, whole * page) / page : 0;
		for (size_t k = 0; k < got; k++)
			spans[i + k] = (struct span){0, page, MEM_PRESENT};
		whole = got;
		if (got)
			continue;
		if (elf_read(d, c, pfn + i, to, &spans[i]) != MEM_PRESENT)
			spans[i].from = spans[i].to = 0;
		whole = 1;
	}
}

static uint64_t elf_count_ram(struct dump *d, uint64_t from, uint64_t to)
{
	const struct elf *e = d->priv;
	uint64_t page = d->info.page_size, n = 0, next = from;
	const struct range *r = range_after(&e->ram, from * page), *stop = e->ram.v + e->ram.n;

	for (; r && r < stop && r->pa / page < to; r++) {
		uint64_t first = r->pa / page, end = (r->end - 1) / page + 1;
		first = first < next ? next : first;
		end = end < to ? end : to;
		if (first >= end)
			continue;
		n += end - first;
		next = end;
	}
	return n;
}

static bool elf_peek(struct dump *d, struct codec *c, uint64_t pfn, void *buf, size_t n)
{
	uint64_t pa = pfn * d->info.page_size;
	struct span span;

	(void)c;
	read_range(d, pa, pa + n, buf, &span);
	return span.from == 0 && span.to == n;
}

static uint64_t elf_next(struct dump *d, uint64_t pfn)
{
	const struct elf *e = d->priv;

	if (pfn > UINT64_MAX / d->info.page_size)
		return UINT64_MAX;
	const struct range *r = range_after(&e->data, pfn * d->info.page_size);
	if (!r)
		return UINT64_MAX;
	uint64_t first = r->pa / d->info.page_size;
	return first > pfn ? first : pfn;
}

static void add_load(struct dump *d, const Elf64_Phdr *p)
{
	const struct dfile *f = d->files[0];
	struct elf *e = d->priv;
	uint64_t end, have, size = p->p_memsz > p->p_filesz ? p->p_memsz : p->p_filesz;

	if (p->p_paddr == UINT64_MAX || !add_u64(p->p_paddr, size, &end) || end > PA_MAX)
		return;
	if (d->nsegments < SEGMENTS_MAX) {
		GROW(d->segments, d->nsegments, d->cap_segments);
		d->segments[d->nsegments++] = (struct dump_segment){p->p_paddr, p->p_vaddr, size};
	}
	have = p->p_offset < f->size ? f->size - p->p_offset : 0;
	if (have > p->p_filesz)
		have = p->p_filesz;
	range_add(&e->data, p->p_paddr, p->p_paddr + have, p->p_offset);
	range_add(&e->lost, p->p_paddr + have, p->p_paddr + p->p_filesz, 0);
	range_add(&e->ram, p->p_paddr, end, 0);
	if (!e->incomplete)
		e->missing += p->p_filesz - have;
}

static void add_phdr(struct dump *d, const Elf64_Phdr *p)
{
	if (p->p_type == PT_LOAD) {
		add_load(d, p);
	} else if (p->p_type == PT_NOTE) {
		uint64_t lost = notes_read(&d->notes, d->files[0], p->p_offset, p->p_filesz);
		if (lost)
			dump_warn(d, "%s: %" PRIu64 " of %" PRIu64 " bytes of notes are missing",
				  d->files[0]->path, lost, (uint64_t)p->p_filesz);
	}
}

/* With PN_XNUM or more headers their number is in the first section header. */
static uint64_t count_phdrs(const struct dfile *f, const Elf64_Ehdr *h)
{
	Elf64_Shdr s;

	if (h->e_phnum == PN_XNUM && h->e_shoff && h->e_shentsize >= sizeof(s) &&
	    dfile_read(f, h->e_shoff, &s, sizeof(s)) == sizeof(s) && s.sh_info)
		return s.sh_info;
	return h->e_phnum;
}

static struct err *read_phdrs(struct dump *d, const Elf64_Ehdr *h)
{
	const struct dfile *f = d->files[0];
	struct elf *e = d->priv;
	Elf64_Phdr p[CHUNK];
	uint64_t phnum = count_phdrs(f, h);

	if (h->e_phentsize != sizeof(p[0]))
		dump_warn(d, "%s: the program headers claim a size of %u bytes: read as %zu",
			  f->path, h->e_phentsize, sizeof(p[0]));
	while (e->phnum < phnum) {
		size_t want = phnum - e->phnum < CHUNK ? (size_t)(phnum - e->phnum) : CHUNK, got;
		uint64_t off;
		if (!add_u64(h->e_phoff, e->phnum * sizeof(p[0]), &off))
			break;
		got = dfile_read(f, off, p, want * sizeof(p[0])) / sizeof(p[0]);
		for (size_t i = 0; i < got; i++)
			add_phdr(d, &p[i]);
		e->phnum += got;
		if (got < want)
			break;
	}
	e->cut_phdrs = phnum - e->phnum;
	return NULL;
}

/* A core of a program has the auxiliary vector among its notes (type NT_AUXV); a kernel's never
 * has. */
static struct err *check_is_kernel(const struct dump *d)
{
	const struct elf *e = d->priv;
	const char *path = d->files[0]->path;

	for (size_t i = 0; i < d->notes.n; i++)
		if (d->notes.v[i].type == NT_AUXV && !strcmp(d->notes.v[i].name, "CORE"))
			return err_new(
				ERR_UNSUPPORTED,
				"%s: the core of a user-space program, not of a kernel: use a "
				"debugger such as gdb",
				path);
	if (!e->ram.n)
		return err_new(ERR_CORRUPT,
			       "%s: an ELF core without any memory (%" PRIu64
			       " program headers, no usable PT_LOAD): the dump was cut or never "
			       "finished: copy it again",
			       path, e->phnum);
	return NULL;
}

static uint64_t count_pages(const struct ranges *r, unsigned page_size)
{
	uint64_t n = 0, last = UINT64_MAX;

	for (size_t i = 0; i < r->n; i++) {
		uint64_t from = r->v[i].pa / page_size, to = (r->v[i].end - 1) / page_size;
		n += to - from + (from != last);
		last = to;
	}
	return n;
}

static void warn_missing(struct dump *d)
{
	const struct elf *e = d->priv;
	const struct dfile *f = d->files[0];

	if (e->incomplete)
		dump_warn(d, "incomplete dump: the disk was full while it was written; the missing "
			     "pages are lost");
	if (e->cut_phdrs)
		dump_warn(d,
			  "%s: truncated: the file ends within its program headers (%" PRIu64
			  " of %" PRIu64 " are there)",
			  f->path, e->phnum, e->phnum + e->cut_phdrs);
	else if (e->missing)
		dump_warn_cut(d, f->path, f->size, f->size + e->missing);
	const struct dump_note *erased = notes_find(&d->notes, "ERASEINFO");
	if (erased)
		dump_warn_erased(d, erased->desc, erased->desc_size);
	if (e->ram.n >= RANGES_MAX)
		dump_warn(d, "%s: more than %u segments: the others are left out", f->path,
			  RANGES_MAX);
}

/* The kernel's own word on its page size; ELF has none. */
static unsigned find_page_size(const struct dump *d)
{
	const struct dump_note *n = notes_find(&d->notes, "VMCOREINFO");
	unsigned size = DUMP_PAGE_MIN;

	if (!n || !n->desc_size)
		return size;
	struct vmcoreinfo *v = vmcoreinfo_create(n->desc, n->desc_size);
	const char *s = vmcoreinfo_str(v, "PAGESIZE");
	unsigned long x = s ? strtoul(s, NULL, 10) : 0;
	if (page_size_ok(x))
		size = (unsigned)x;
	vmcoreinfo_destroy(v);
	return size;
}

static struct err *elf_open(struct dump *d)
{
	struct elf *e = xcalloc(1, sizeof(*e));
	const struct dfile *f = d->files[0];
	Elf64_Ehdr h;

	d->priv = e;
	if (d->nfiles > 1)
		return err_new(ERR_USAGE, "%s and %s are both ELF cores: name one dump",
			       d->files[0]->path, d->files[1]->path);
	if (dfile_read(f, 0, &h, sizeof(h)) < sizeof(h))
		return err_new(ERR_CORRUPT, "%s: ends within the ELF header: copy it again",
			       f->path);
	e->incomplete = d->info.incomplete = h.e_flags & EF_INCOMPLETE;
	d->info.machine = h.e_machine;
	TRY(read_phdrs(d, &h));
	TRY(check_is_kernel(d));
	ranges_finish(&e->data, true);
	ranges_finish(&e->lost, false);
	ranges_finish(&e->ram, false);
	d->info.page_size = find_page_size(d);
	d->info.pages = count_pages(&e->data, d->info.page_size);
	d->info.ram_pages = count_pages(&e->ram, d->info.page_size);
	d->info.max_pfn = (e->ram.v[e->ram.n - 1].end - 1) / d->info.page_size + 1;
	warn_missing(d);
	return NULL;
}

static void elf_close(struct dump *d)
{
	struct elf *e = d->priv;

	if (!e)
		return;
	free(e->data.v);
	free(e->lost.v);
	free(e->ram.v);
	free(e);
}

const struct dump_ops elf_ops = {
	.name = "ELF",
	.probe = elf_probe,
	.open = elf_open,
	.close = elf_close,
	.state = elf_state,
	.read = elf_read,
	.peek = elf_peek,
	.next = elf_next,
	.read_many = elf_read_many,
	.count_ram = elf_count_ram,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening and reading. A format is recognised by the first bytes of its (unflattened) file and
 * tells pages and their states; all else is the same for all: notes, vmcoreinfo, the cache,
 * warnings.
 */
#include <elf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <lzo/lzo1x.h>
#include "engine/base/alloc.h"
#include "engine/dump/impl.h"

#define CACHE_BYTES (8u << 20) /* what walking lists and stacks comes back to; scans need none */

static const struct dump_ops *const formats[] = {&kdump_ops, &elf_ops};

void dump_warn(struct dump *d, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	GROW(d->warnings, d->nwarnings, d->cap_warnings);
	d->warnings[d->nwarnings++] = xstrdup(text);
}

const char *dump_size_text(uint64_t bytes, char buf[32])
{
	static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
	double v = (double)bytes;
	unsigned u = 0;

	for (; v >= 1000 && u < 4; u++)
		v /= 1000;
	snprintf(buf, 32, u ? "%.1f %s" : "%.0f %s", v, units[u]);
	return buf;
}

static struct err *open_files(struct dump *d, const char *const *paths, size_t n, struct job *job)
{
	d->files = xcalloc(n, sizeof(*d->files));
	for (; d->nfiles < n; d->nfiles++) {
		TRY(dfile_open(paths[d->nfiles], true, job, &d->files[d->nfiles]));
		const struct dfile *f = d->files[d->nfiles];
		d->info.file_size += f->disk_size;
		d->info.flattened |= f->flattened;
		if (f->flat.cut)
			dump_warn(d,
				  "%s: truncated: the flattened dump has no end mark: what is "
				  "missing "
				  "is lost",
				  f->path);
	}
	return NULL;
}

static struct err *find_format(struct dump *d)
{
	for (size_t i = 0; i < d->nfiles; i++) {
		unsigned char head[HEAD_SIZE];
		size_t n = dfile_read(d->files[i], 0, head, sizeof(head));
		const struct dump_ops *ops = NULL;
		for (size_t k = 0; !ops && k < sizeof(formats) / sizeof(formats[0]); k++)
			if (formats[k]->probe(head, n))
				ops = formats[k];
		if (!ops)
			return head_refuse(d->files[i]->path, head, n);
		if (d->ops && d->ops != ops)
			return err_new(ERR_USAGE,
				       "%s and %s are dumps of different formats: name one dump",
				       d->files[0]->path, d->files[i]->path);
		d->ops = ops;
	}
	return NULL;
}

/* vmcoreinfo from the note; the page size that it states is the kernel's own word. */
static void take_vmcoreinfo(struct dump *d)
{
	const struct dump_note *note = notes_find(&d->notes, "VMCOREINFO");

	if (note && note->desc_size && !d->vmcoreinfo)
		d->vmcoreinfo = vmcoreinfo_create(note->desc, note->desc_size);
	if (d->vmcoreinfo && vmcoreinfo_empty(d->vmcoreinfo)) {
		vmcoreinfo_destroy(d->vmcoreinfo);
		d->vmcoreinfo = NULL;
	}
}

static struct err *open_all(struct dump *d, const char *const *paths, size_t n, struct job *job)
{
	d->info.dump_level = -1;
	d->info.machine = EM_NONE;
	d->info.parts = d->info.parts_have = 1;
	if (!n)
		return err_new(ERR_USAGE, "no dump file given: name the vmcore");
	if (lzo_init() != LZO_E_OK)
		return err_new(ERR_UNSUPPORTED, "the LZO library doesn't work on this machine");
	TRY(open_files(d, paths, n, job));
	TRY(find_format(d));
	d->info.format = d->ops->name;
	TRY(d->ops->open(d));
	d->page_shift = (unsigned)__builtin_ctz(d->info.page_size);
	codecs_init(&d->codecs, d->info.page_size);
	d->cache = cache_create(d->info.page_size, CACHE_BYTES);
	take_vmcoreinfo(d);
	if (!d->vmcoreinfo)
		TRY(scan_vmcoreinfo(d, job));
	if (!d->vmcoreinfo)
		d->vmcoreinfo = vmcoreinfo_create("", 0);
	return NULL;
}

struct err *dump_open(const char *const *paths, size_t n, struct job *job, struct dump **ret)
{
	struct dump *d = xcalloc(1, sizeof(*d));
	struct err *e = open_all(d, paths, n, job);

	if (e)
		dump_close(d);
	else
		*ret = d;
	return e;
}

void dump_close(struct dump *d)
{
	if (!d)
		return;
	if (d->ops)
		d->ops->close(d);
	cache_destroy(d->cache);
	codecs_free(&d->codecs);
	notes_free(&d->notes);
	vmcoreinfo_destroy(d->vmcoreinfo);
	for (size_t i = 0; i < d->nwarnings; i++)
		free(d->warnings[i]);
	free(d->warnings);
	free(d->segments);
	for (size_t i = 0; i < d->nfiles; i++)
		dfile_close(d->files[i]);
	free(d->files);
	free(d);
}

/* A page that isn't in the cache. What can be cached, and only that, is put there if asked for. */
static uint32_t read_page(struct dump *d, uint64_t pfn, uint32_t off, void *buf, uint32_t len,
			  bool keep, enum mem_state *rest)
{
	struct codec *c = codec_take(&d->codecs);
	bool whole = len == d->info.page_size;
	void *page = whole ? buf : c->page;
	uint32_t got = 0;
	struct span span;

	enum mem_state state = d->ops->read(d, c, pfn, page, &span);
	if (state == MEM_PRESENT && keep)
		cache_put(d->cache, pfn, page, &span);
	*rest = span.rest;
	if (off >= span.from && off < span.to)
		got = len < span.to - off ? len : span.to - off;
	if (!whole)
		memcpy(buf, (char *)page + off, got);
	codec_give(&d->codecs, c);
	return got;
}

static size_t read_pages(struct dump *d, uint64_t pa, void *buf, size_t n, bool keep,
			 enum mem_state *why)
{
	size_t done = 0;

	while (done < n) {
		uint64_t at = pa + done, pfn = at >> d->page_shift;
		uint32_t off = (uint32_t)(at & (d->info.page_size - 1)), got = 0;
		uint32_t len = d->info.page_size - off;
		enum mem_state rest = MEM_NOT_RAM;

		if (len > n - done)
			len = (uint32_t)(n - done);
		if (at >= pa &&
		    !cache_get(d->cache, pfn, off, (char *)buf + done, len, &got, &rest))
			got = read_page(d, pfn, off, (char *)buf + done, len, keep, &rest);
		done += got;
		if (got < len) {
			if (why)
				*why = rest;
			break;
		}
	}
	return done;
}

size_t dump_read(struct dump *d, uint64_t pa, void *buf, size_t n, enum mem_state *why)
{
	return read_pages(d, pa, buf, n, true, why);
}

size_t dump_read_once(struct dump *d, uint64_t pa, void *buf, size_t n, enum mem_state *why)
{
	return read_pages(d, pa, buf, n, false, why);
}

enum mem_state dump_page_state(struct dump *d, uint64_t pfn)
{
	return pfn <= UINT64_MAX >> d->page_shift ? d->ops->state(d, pfn) : MEM_NOT_RAM;
}

uint64_t dump_next_page(struct dump *d, uint64_t pfn)
{
	return d->ops->next(d, pfn);
}

const struct dump_info *dump_info(const struct dump *d)
{
	return &d->info;
}

const char *dump_warning(const struct dump *d, size_t i)
{
	return i < d->nwarnings ? d->warnings[i] : NULL;
}

bool dump_note(const struct dump *d, size_t i, struct dump_note *ret)
{
	if (i >= d->notes.n)
		return false;
	*ret = d->notes.v[i];
	return true;
}

bool dump_segment(const struct dump *d, size_t i, struct dump_segment *ret)
{
	if (i >= d->nsegments)
		return false;
	*ret = d->segments[i];
	return true;
}

const struct vmcoreinfo *dump_vmcoreinfo(const struct dump *d)
{
	return d->vmcoreinfo;
}

void dump_set_cache(struct dump *d, size_t bytes)
{
	cache_resize(d->cache, bytes);
}

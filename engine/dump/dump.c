/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading an open dump: the format tells pages and their states; the cache, and what is left of a page that
 * is only there in part, are the same for all.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/dump/impl.h"

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

void dump_warn_cut(struct dump *d, const char *path, uint64_t have, uint64_t want)
{
	char gone[32], whole[32];

	dump_warn(d, "%s: truncated: the last %s of %s are missing: the pages there are lost", path,
		  dump_size_text(want - have, gone), dump_size_text(want, whole));
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

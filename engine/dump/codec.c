/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page codecs. Contexts are expensive to make (zstd's is 150 KB) and not to be shared while in use,
 * so threads borrow one from a list that grows to as many as ever read at the same time.
 */
#include <string.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>
#include "engine/base/alloc.h"
#include "engine/dump/impl.h"

void codecs_init(struct codecs *c, unsigned page_size)
{
	pthread_mutex_init(&c->lock, NULL);
	c->page_size = page_size;
}

void codecs_free(struct codecs *c)
{
	if (!c->page_size)
		return;
	for (struct codec *k = c->free, *next; k; k = next) {
		next = k->next;
		ZSTD_freeDCtx(k->zstd);
		if (k->zlib)
			inflateEnd(k->zlib);
		free(k->zlib);
		free(k->page);
		free(k);
	}
	pthread_mutex_destroy(&c->lock);
}

struct codec *codec_take(struct codecs *c)
{
	pthread_mutex_lock(&c->lock);
	struct codec *k = c->free;
	if (k)
		c->free = k->next;
	pthread_mutex_unlock(&c->lock);
	if (k)
		return k;
	k = xcalloc(1, sizeof(*k));
	k->page = xmalloc(3 * (size_t)c->page_size);
	k->in = k->page + c->page_size;
	return k;
}

void codec_give(struct codecs *c, struct codec *k)
{
	pthread_mutex_lock(&c->lock);
	k->next = c->free;
	c->free = k;
	pthread_mutex_unlock(&c->lock);
}

/* A zlib stream over n bytes of in, ready to inflate; NULL when there is no memory. */
static z_stream *zlib_start(struct codec *k, const void *in, size_t n)
{
	z_stream *z = k->zlib;

	if (!z) {
		z = xcalloc(1, sizeof(*z));
		if (inflateInit(z) != Z_OK) {
			free(z);
			return NULL;
		}
		k->zlib = z;
	}
	inflateReset(z);
	z->next_in = (Bytef *)(uintptr_t)in; /* it only reads there */
	z->avail_in = (uInt)n;
	return z;
}

static bool zlib_decode(struct codec *k, const void *in, size_t n, void *out, size_t size)
{
	z_stream *z = zlib_start(k, in, n);

	if (!z)
		return false;
	z->next_out = out;
	z->avail_out = (uInt)size;
	return inflate(z, Z_FINISH) == Z_STREAM_END && z->avail_out == 0;
}

static bool zstd_decode(struct codec *k, const void *in, size_t n, void *out, size_t size)
{
	if (!k->zstd)
		k->zstd = ZSTD_createDCtx();
	return k->zstd && ZSTD_decompressDCtx(k->zstd, out, size, in, n) == size;
}

static bool lzo_decode(const void *in, size_t n, void *out, size_t size)
{
	lzo_uint len = size;
	return lzo1x_decompress_safe(in, n, out, &len, NULL) == LZO_E_OK && len == size;
}

static bool snappy_decode(const void *in, size_t n, void *out, size_t size)
{
	size_t len = size;
	return snappy_uncompress(in, n, out, &len) == SNAPPY_OK && len == size;
}

bool codec_decode(struct codec *k, uint32_t flags, const void *in, size_t n, void *out, size_t page_size)
{
	switch (flags & PD_CODECS) {
	case 0:
		if (n != page_size)
			return false;
		memcpy(out, in, n);
		return true;
	case PD_ZLIB:
		return zlib_decode(k, in, n, out, page_size);
	case PD_LZO:
		return lzo_decode(in, n, out, page_size);
	case PD_SNAPPY:
		return snappy_decode(in, n, out, page_size);
	case PD_ZSTD:
		return zstd_decode(k, in, n, out, page_size);
	}
	return false;
}

bool codec_peek(struct codec *k, uint32_t flags, size_t n, void *out, size_t want)
{
	if ((flags & PD_CODECS) != PD_ZLIB)
		return false;
	z_stream *z = zlib_start(k, k->in, n);
	if (!z)
		return false;
	z->next_out = out;
	z->avail_out = (uInt)want;
	int r = inflate(z, Z_SYNC_FLUSH);
	return (r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR) && z->avail_out == 0;
}

const char *codec_name(uint32_t flags)
{
	switch (flags & PD_CODECS) {
	case 0:
		return "raw";
	case PD_ZLIB:
		return "zlib";
	case PD_LZO:
		return "lzo";
	case PD_SNAPPY:
		return "snappy";
	case PD_ZSTD:
		return "zstd";
	}
	return NULL;
}

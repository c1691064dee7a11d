/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zlib, liblzma and libzstd behind one loop. Several streams one after the other (`cat a.gz b.gz`,
 * pigz, pzstd) are one content, as the tools have it; what follows the last stream is ignored.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/object/codec.h"

enum {
	XZ_MEMORY = 512 << 20, /* `xz -9` needs 65 MiB */
	ZSTD_WINDOW_LOG = 28,  /* `zstd --ultra -22` uses 27 */
};

enum stream stream_kind(const unsigned char *head, size_t n)
{
	if (n >= 3 && !memcmp(head, "\x1f\x8b\x08", 3))
		return STREAM_GZIP;
	if (n >= 6 && !memcmp(head, "\xfd"
				    "7zXZ\0",
			      6))
		return STREAM_XZ;
	if (n >= 4 && !memcmp(head, "\x28\xb5\x2f\xfd", 4))
		return STREAM_ZSTD;
	return STREAM_NONE;
}

struct err *codec_begin(struct codec *c, enum stream kind)
{
	bool ok = false;

	*c = (struct codec){.kind = kind, .x = LZMA_STREAM_INIT};
	if (kind == STREAM_GZIP)
		ok = inflateInit2(&c->z, 15 + 32) == Z_OK; /* 32: gzip's header or zlib's */
	else if (kind == STREAM_XZ)
		ok = lzma_stream_decoder(&c->x, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK;
	else if (kind == STREAM_ZSTD) {
		c->d = ZSTD_createDStream();
		ok = c->d && !ZSTD_isError(ZSTD_DCtx_setParameter(c->d, ZSTD_d_windowLogMax,
								   ZSTD_WINDOW_LOG));
	}
	return ok ? NULL : err_nomem();
}

void codec_end(struct codec *c)
{
	if (c->kind == STREAM_GZIP)
		inflateEnd(&c->z);
	else if (c->kind == STREAM_XZ)
		lzma_end(&c->x);
	ZSTD_freeDStream(c->d);
}

static struct err *damaged(const char *what, const char *why)
{
	return err_new(ERR_CORRUPT, "damaged %s data: %s", what, why ? why : "unknown reason");
}

static struct err *run_zlib(struct codec *c, struct span *s)
{
	uInt in = s->in_left > UINT32_MAX ? UINT32_MAX : (uInt)s->in_left;
	uInt out = s->out_left > UINT32_MAX ? UINT32_MAX : (uInt)s->out_left;

	if (!c->open && s->in[0] != 0x1f && c->z.total_out) {
		c->done = true; /* padding after the last member */
		return NULL;
	}
	c->z.next_in = (Bytef *)(uintptr_t)s->in;
	c->z.avail_in = in;
	c->z.next_out = s->out;
	c->z.avail_out = out;
	c->open = true;
	int r = inflate(&c->z, Z_NO_FLUSH);
	s->in += in - c->z.avail_in;
	s->in_left -= in - c->z.avail_in;
	s->out += out - c->z.avail_out;
	s->out_left -= out - c->z.avail_out;
	if (r == Z_STREAM_END) {
		uLong total = c->z.total_out;
		c->open = false;
		if (inflateReset(&c->z) != Z_OK)
			return err_nomem();
		c->z.total_out = total ? total : 1; /* "there was one before" */
		return NULL;
	}
	if (r == Z_OK || r == Z_BUF_ERROR)
		return NULL;
	return r == Z_MEM_ERROR ? err_nomem() : damaged("zlib", c->z.msg);
}

static const char *lzma_text(lzma_ret r)
{
	switch (r) {
	case LZMA_FORMAT_ERROR: return "not an xz stream";
	case LZMA_OPTIONS_ERROR: return "unknown options";
	case LZMA_MEMLIMIT_ERROR: return "it needs more than 512 MiB of memory";
	case LZMA_BUF_ERROR: return "cut off";
	default: return "a check failed";
	}
}

static struct err *run_lzma(struct codec *c, struct span *s, bool last)
{
	c->x.next_in = s->in;
	c->x.avail_in = s->in_left;
	c->x.next_out = s->out;
	c->x.avail_out = s->out_left;
	c->open = true;
	lzma_ret r = lzma_code(&c->x, last ? LZMA_FINISH : LZMA_RUN);
	s->in = c->x.next_in;
	s->in_left = c->x.avail_in;
	s->out = c->x.next_out;
	s->out_left = c->x.avail_out;
	if (r == LZMA_STREAM_END) {
		c->open = false;
		c->done = true;
		return NULL;
	}
	if (r == LZMA_OK || (r == LZMA_BUF_ERROR && (!s->out_left || !last)))
		return NULL;
	return r == LZMA_MEM_ERROR ? err_nomem() : damaged("xz", lzma_text(r));
}

static struct err *run_zstd(struct codec *c, struct span *s)
{
	ZSTD_inBuffer in = {s->in, s->in_left, 0};
	ZSTD_outBuffer out = {s->out, s->out_left, 0};
	size_t r = ZSTD_decompressStream(c->d, &out, &in);

	s->in += in.pos;
	s->in_left -= in.pos;
	s->out += out.pos;
	s->out_left -= out.pos;
	if (ZSTD_isError(r))
		return damaged("zstd", ZSTD_getErrorName(r));
	c->open = r != 0;
	return NULL;
}

struct err *codec_run(struct codec *c, struct span *s, bool last)
{
	while (!c->done && s->out_left) {
		struct span before = *s;
		/* a full output earlier may have left decoded bytes inside: ask once without
		 * input */
		if (!s->in_left && !c->open)
			break;
		if (c->kind == STREAM_GZIP)
			TRY(s->in_left || c->open ? run_zlib(c, s) : NULL);
		else if (c->kind == STREAM_XZ)
			TRY(run_lzma(c, s, last));
		else
			TRY(run_zstd(c, s));
		if (s->in_left == before.in_left && s->out_left == before.out_left)
			break;
	}
	if (last && !s->in_left && s->out_left && c->open)
		return err_new(ERR_CORRUPT, "the compressed data is cut off");
	return NULL;
}

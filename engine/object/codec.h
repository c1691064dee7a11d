/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Streaming decompression of gzip/zlib, xz and zstd, one interface for files and for sections.
 * Thread: one at a time per codec.
 */
#ifndef OBJECT_CODEC_H
#define OBJECT_CODEC_H

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <stdbool.h>
#include "engine/base/err.h"
#include "engine/object/impl.h"

struct codec {
	enum stream kind;
	z_stream z;
	lzma_stream x;
	ZSTD_DStream *d;
	bool open;	/* in the middle of a stream */
	bool done;	/* the last stream ended, and what follows is none */
};

struct span {
	const unsigned char *in;
	size_t in_left;
	unsigned char *out;
	size_t out_left;
};

struct err *codec_begin(struct codec *c, enum stream kind);
/* Decodes as much as fits, moving the span on. last: no input comes after this. Errors: damaged
 * data (text without the file's name). */
struct err *codec_run(struct codec *c, struct span *s, bool last);
void codec_end(struct codec *c);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compressed pages, of each codec: a byte that chooses it, then the page as it lies in the file. */
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include "engine/base/alloc.h"
#include "engine/dump/impl.h"
#include "tests/fuzz/fuzz.h"

#define PAGE 4096u

static const uint32_t flags[] = {PD_ZLIB, PD_LZO, PD_SNAPPY, PD_ZSTD};

static size_t pack(uint32_t flag, const uint8_t *page, uint8_t *out, size_t cap)
{
	static uint8_t work[LZO1X_1_MEM_COMPRESS];
	uLongf zn = cap;
	lzo_uint ln = cap;
	size_t n = cap;

	switch (flag) {
	case PD_ZLIB: return compress(out, &zn, page, PAGE) == Z_OK ? zn : 0;
	case PD_LZO: return lzo1x_1_compress(page, PAGE, out, &ln, work) == LZO_E_OK ? ln : 0;
	case PD_SNAPPY: return snappy_compress((const char *)page, PAGE, (char *)out, &n) ? 0 : n;
	default: return ZSTD_compress(out, cap, page, PAGE, 1);
	}
}

static bool begin(struct corpus *c)
{
	AUTO_FREE char *path = lab_vmlinux("6.1");
	uint8_t out[3 * PAGE];
	size_t n;
	AUTO_FREE uint8_t *p = read_file(path, 64 * PAGE, &n);

	if (!p || lzo_init() != LZO_E_OK)
		return false;
	for (size_t at = 0; at + PAGE <= n; at += 16 * PAGE)
		for (uint8_t i = 0; i < 4; i++) {
			out[0] = i;
			size_t len = pack(flags[i], p + at, out + 1, sizeof(out) - 1);
			corpus_add(c, out, len + 1);
		}
	return true;
}

static void one(const uint8_t *p, size_t n)
{
	struct bytes b = {p, n};
	uint8_t which = (uint8_t)take_number(&b, 1);
	uint8_t *out = xmalloc(PAGE);
	struct codecs codecs = {0};

	codecs_init(&codecs, PAGE);
	struct codec *k = codec_take(&codecs);
	b = take_bytes(&b, (size_t)2 * PAGE);
	memcpy(k->in, b.p, b.n);
	codec_decode(k, flags[which % 4], k->in, b.n, out, PAGE);
	codec_peek(k, flags[which % 4], b.n, out, which);
	codec_decode(k, which, k->in, b.n, out, PAGE);
	codec_give(&codecs, k);
	codecs_free(&codecs);
	free(out);
}

const struct fuzz_target fuzz_pages = {
	.name = "pages",
	.what = "compressed pages",
	.inputs = 6000,
	.begin = begin,
	.one = one,
};

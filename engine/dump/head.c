/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The headers of kdump-compressed files. The layouts of 32-bit and big-endian writers differ only
 * in where the block size is found, and that is how they are recognised.
 *
 * A few numbers place everything else, and a wrong one would make nonsense of a whole dump, so they
 * are checked against each other: the sub-header (of version 6) says where its own notes are, which
 * gives the block size and its own length away; the number of page frames gives the size of the
 * bitmaps; and the first page descriptor points right behind the last one. When the header
 * disagrees with that, what the others say is taken, with a warning; even when the first block is
 * lost altogether.
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/checked.h"
#include "engine/dump/kdump.h"

enum { /* offsets in disk_dump_header of a 64-bit writer */
	H_VERSION = 8,
	H_UTS = 12,
	H_TIME = 408,
	H_STATUS = 424,
	H_BLOCK_SIZE = 428,
	H_BLOCK_SIZE_32 = 416, /* of a 32-bit writer */
	H_SUB_BLOCKS = 432,
	H_BITMAP_BLOCKS = 436,
	H_MAX_MAPNR = 440,
	H_SIZE = 464,
};
enum { /* offsets in kdump_sub_header */
	S_PHYS_BASE = 0,
	S_DUMP_LEVEL = 8,
	S_SPLIT = 12,
	S_START = 16,
	S_END = 24,
	S_VMCOREINFO = 32,
	S_VMCOREINFO_SIZE = 40,
	S_NOTES = 48,
	S_NOTES_SIZE = 56,
	S_ERASED = 64,
	S_ERASED_SIZE = 72,
	S_START_64 = 80,
	S_END_64 = 88,
	S_MAX_MAPNR_64 = 96,
	S_SIZE = 104,
};

static bool has_signature(const unsigned char *h)
{
	return !memcmp(h, "KDUMP   ", 8) || !memcmp(h, "DISKDUMP", 8);
}

/* Is this the sub-header of version 6 of a file with blocks of bs bytes? n bytes are there. */
static bool sub_header_at(const unsigned char *s, size_t n, uint32_t bs)
{
	if (n < S_SIZE + 20)
		return false;
	uint64_t notes = load_u64(s + S_NOTES), mapnr = load_u64(s + S_MAX_MAPNR_64);
	return notes == bs + (uint64_t)S_SIZE && load_u64(s + S_NOTES_SIZE) >= 20 &&
	       load_u64(s + S_NOTES_SIZE) < UINT32_MAX && mapnr && mapnr < DUMP_PFN_MAX &&
	       load_u32(s + S_SIZE) == 5 && !memcmp(s + S_SIZE + 12, "CORE", 5);
}

bool kdump_probe(const unsigned char *head, size_t n)
{
	if (n >= H_SIZE && has_signature(head))
		return true;
	/* the first block may be lost; other formats have their own mark there */
	return n > DUMP_PAGE_MIN && head_kind(head, n) == FILE_UNKNOWN &&
	       sub_header_at(head + DUMP_PAGE_MIN, n - DUMP_PAGE_MIN, DUMP_PAGE_MIN);
}

static struct err *check_layout(const struct dfile *f, const unsigned char *h)
{
	uint32_t bs = load_u32(h + H_BLOCK_SIZE), bs32 = load_u32(h + H_BLOCK_SIZE_32);
	char uts[65] = {0};

	if (page_size_ok(bs))
		return NULL;
	for (size_t i = 0; i < 64; i++) {
		unsigned char c = h[H_UTS + (size_t)4 * 65 + i];
		if (c < 0x20 || c > 0x7e)
			break;
		uts[i] = (char)c;
	}
	if (page_size_ok(__builtin_bswap32(bs)) || page_size_ok(__builtin_bswap32(bs32)))
		return err_new(
			ERR_UNSUPPORTED,
			"%s: a kdump-compressed dump of a big-endian machine (%s): only 64-bit "
			"little-endian dumps are supported",
			f->path, uts[0] ? uts : "unknown");
	if (page_size_ok(bs32))
		return err_new(ERR_UNSUPPORTED,
			       "%s: a kdump-compressed dump of a 32-bit machine (%s): only 64-bit "
			       "little-endian dumps are supported",
			       f->path, uts[0] ? uts : "unknown");
	return err_new(ERR_CORRUPT,
		       "%s: the kdump header is damaged (block size %" PRIu32
		       "; expected 4096 or another power of two): copy the dump again",
		       f->path, bs);
}

/* The block size by the sub-header; 0 if there is none that looks like one. */
static uint32_t find_block_size(const struct dfile *f, uint32_t claimed)
{
	static const uint32_t sizes[] = {4096, 8192, 16384, 65536};
	unsigned char s[S_SIZE + 20];

	if (page_size_ok(claimed) &&
	    sub_header_at(s, dfile_read(f, claimed, s, sizeof(s)), claimed))
		return claimed;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sub_header_at(s, dfile_read(f, sizes[i], s, sizeof(s)), sizes[i]))
			return sizes[i];
	return 0;
}

static void read_main(const unsigned char *h, struct kdump_head *r)
{
	r->kdump = memcmp(h, "DISKDUMP", 8) != 0;
	r->version = load_u32(h + H_VERSION);
	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < 64; k++)
			r->uts[i][k] = (char)h[H_UTS + i * 65 + k];
	r->time_sec = load_u64(h + H_TIME);
	r->time_usec = load_u64(h + H_TIME + 8);
	r->status = load_u32(h + H_STATUS);
	r->block_size = load_u32(h + H_BLOCK_SIZE);
	r->dump_level = -1;
}

/* Members came in with header versions; what a version doesn't have reads as 0. */
static void read_sub(const unsigned char *s, struct kdump_head *r, uint64_t *max_mapnr_64)
{
	r->phys_base = load_u64(s + S_PHYS_BASE);
	if (r->version >= 1)
		r->dump_level = (int)load_u32(s + S_DUMP_LEVEL);
	if (r->version >= 2) {
		r->split = load_u32(s + S_SPLIT) != 0;
		r->start = load_u64(s + S_START);
		r->end = load_u64(s + S_END);
	}
	if (r->version >= 3) {
		r->vmcoreinfo = load_u64(s + S_VMCOREINFO);
		r->vmcoreinfo_size = load_u64(s + S_VMCOREINFO_SIZE);
	}
	if (r->version >= 4) {
		r->notes = load_u64(s + S_NOTES);
		r->notes_size = load_u64(s + S_NOTES_SIZE);
	}
	if (r->version >= 5) {
		r->erased = load_u64(s + S_ERASED);
		r->erased_size = load_u64(s + S_ERASED_SIZE);
	}
	if (r->version >= 6) {
		r->start = load_u64(s + S_START_64);
		r->end = load_u64(s + S_END_64);
		*max_mapnr_64 = load_u64(s + S_MAX_MAPNR_64);
	}
}

/* Blocks of one bitmap for so many page frames. */
static uint64_t bitmap_blocks(uint64_t pfns, uint32_t block_size)
{
	uint64_t bytes = pfns / 8 + (pfns % 8 != 0);
	return bytes / block_size + (bytes % block_size != 0);
}

/* Does a first page descriptor lie there? Page data begins right behind the last one. */
static bool desc_at(const struct dfile *f, uint64_t at, uint32_t bs)
{
	unsigned char d[PAGE_DESC_SIZE];

	if (dfile_read(f, at, d, sizeof(d)) < sizeof(d))
		return false;
	uint64_t data = load_u64(d);
	uint32_t size = load_u32(d + 8), flags = load_u32(d + 12);
	return data > at && size && size <= bs && !(flags & ~(uint32_t)PD_CODECS) &&
	       ((data - at) % PAGE_DESC_SIZE == 0 || (data - bs - at) % PAGE_DESC_SIZE == 0);
}

/* How many blocks the sub-header and the bitmaps have: as the header says, or as they must. */
static void find_layout(struct dump *d, const struct dfile *f, const struct kdump_head *r,
			uint64_t *sub, uint64_t *bitmaps)
{
	uint64_t subs[2] = {*sub, (S_SIZE + r->notes_size - 1) / r->block_size + 1};
	uint64_t maps[2] = {*bitmaps, 2 * bitmap_blocks(r->max_pfn, r->block_size)};

	for (unsigned i = 0; i < 4; i++) {
		uint64_t descs = (1 + subs[i & 1] + maps[i >> 1]) * r->block_size;
		if (!subs[i & 1] || !maps[i >> 1] || !desc_at(f, descs, r->block_size))
			continue;
		if (i)
			dump_warn(d,
				  "%s: the header is damaged; the sizes of its parts are taken "
				  "from what follows it",
				  f->path);
		*sub = subs[i & 1];
		*bitmaps = maps[i >> 1];
		return;
	}
}

/* Two places state the number of page frames: the one that fits the bitmaps; of two the larger. */
static uint64_t find_max_pfn(const struct kdump_head *r, uint64_t mapnr_64, uint64_t mapnr_32,
			     uint64_t bitmaps)
{
	bool fit_64 = mapnr_64 && 2 * bitmap_blocks(mapnr_64, r->block_size) == bitmaps;
	bool fit_32 = mapnr_32 && 2 * bitmap_blocks(mapnr_32, r->block_size) == bitmaps;

	if (fit_32 && (!fit_64 || mapnr_32 > mapnr_64))
		return mapnr_32;
	return mapnr_64 ? mapnr_64 : mapnr_32;
}

static void place_bitmaps(struct dump *d, const struct dfile *f, struct kdump_head *r,
			  uint64_t start, uint64_t blocks)
{
	uint64_t bytes = blocks * r->block_size;
	bool two = blocks >= 2 * bitmap_blocks(r->max_pfn, r->block_size);

	r->bitmap1 = two ? start : 0;
	r->bitmap2 = two ? start + bytes / 2 : start;
	r->bitmap_size = two ? bytes / 2 : bytes;
	r->descs = start + bytes;
	uint64_t most = r->bitmap_size * 8 < DUMP_PFN_MAX ? r->bitmap_size * 8 : DUMP_PFN_MAX;
	if (r->max_pfn > most) {
		dump_warn(d,
			  "%s: the header claims %" PRIu64
			  " page frames, the bitmaps have %" PRIu64,
			  f->path, r->max_pfn, most);
		r->max_pfn = most;
	}
}

/* The part's page frames, when they make sense. */
static void place_part(struct dump *d, const struct dfile *f, struct kdump_head *r)
{
	if (r->split && r->start < r->end && r->start < r->max_pfn) {
		r->end = r->end < r->max_pfn ? r->end : r->max_pfn;
		return;
	}
	if (r->split)
		dump_warn(d,
			  "%s: the header claims a part from page frame %" PRIx64 " to %" PRIx64
			  ": read as a whole dump",
			  f->path, r->start, r->end);
	r->split = false;
	r->start = 0;
	r->end = r->max_pfn;
}

/* The main header and the sub-header, with the block size that fits. */
static struct err *read_heads(struct dump *d, const struct dfile *f, unsigned char *h,
			      struct kdump_head *r, uint64_t *mapnr_64)
{
	unsigned char s[S_SIZE];

	if (dfile_read(f, 0, h, H_SIZE) < H_SIZE)
		return err_new(ERR_CORRUPT, "%s: ends within its header: copy it again", f->path);
	read_main(h, r);
	uint32_t bs = r->kdump ? find_block_size(f, r->block_size) : 0;
	if (!bs)
		TRY(check_layout(f, h));
	if (bs && (bs != r->block_size || r->version < 6 || !has_signature(h))) {
		dump_warn(d, "%s: the first block is damaged: read by what follows it", f->path);
		r->block_size = bs;
		r->version = 6; /* the sub-header proves it */
	}
	if (dfile_read(f, r->block_size, s, sizeof(s)) < sizeof(s))
		return err_new(ERR_CORRUPT, "%s: ends within its sub-header: copy it again",
			       f->path);
	if (r->kdump)
		read_sub(s, r, mapnr_64);
	return NULL;
}

struct err *kdump_head_read(struct dump *d, const struct dfile *f, struct kdump_head *ret)
{
	unsigned char h[H_SIZE];
	uint64_t mapnr_64 = 0;

	*ret = (struct kdump_head){0};
	TRY(read_heads(d, f, h, ret, &mapnr_64));
	uint64_t sub = load_u32(h + H_SUB_BLOCKS), blocks = load_u32(h + H_BITMAP_BLOCKS);
	ret->max_pfn = find_max_pfn(ret, mapnr_64, load_u32(h + H_MAX_MAPNR), blocks);
	if (ret->version >= 6 && ret->max_pfn < DUMP_PFN_MAX && ret->notes_size < UINT32_MAX)
		find_layout(d, f, ret, &sub, &blocks);
	uint64_t bitmaps = (1 + sub) * ret->block_size;
	if (bitmaps >= f->size || !blocks)
		return err_new(ERR_CORRUPT,
			       "%s: the bitmap of pages should be at byte %" PRIu64
			       ", but the file ends at %" PRIu64
			       ": the header is damaged or the file is cut: copy it again",
			       f->path, bitmaps, f->size);
	place_bitmaps(d, f, ret, bitmaps, blocks);
	place_part(d, f, ret);
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the files of this folder share. Nobody else includes it.
 *
 *	dump.c       the probe table, opening, reading through the page cache
 *	identify.c   what a file is by its first bytes; refusals of what we can't read
 *	file.c       bytes of one file: plain, or by the index of a flattened one: flat.c
 *	kdump.c      the kdump-compressed format: states and bytes of its pages
 *	head.c       its headers; bitmap.c: its ranks; kdumpinfo.c: a look over it at open
 *	elf.c        ELF cores
 *	notes.c      ELF notes, of both formats
 *	codec.c      decompression, with contexts that threads borrow
 *	cache.c      decompressed pages
 *	reader.c     many pages at a time, past the cache
 *	scan.c       vmcoreinfo, searched in memory
 *	vmcoreinfo.c its text
 */
#ifndef DUMP_IMPL_H
#define DUMP_IMPL_H

#include <pthread.h>
#include "engine/dump/dump.h"
#include "engine/dump/vmcoreinfo.h"

#define DUMP_PAGE_MIN 4096u
#define DUMP_PAGE_MAX (1u << 18) /* less than 4 KiB read with the wrong byte order */
/* No machine has more: 256 TiB of 4 KiB pages. What a damaged header claims beyond is cut off. */
#define DUMP_PFN_MAX (UINT64_C(1) << 36)

/* --- file.c, flat.c: thread: any, once open --- */

/* A piece of the original file (off, len) and where it lies in the flattened one (at). */
struct flat_extent {
	uint64_t off, len, at;
};

struct flat {
	struct flat_extent *ext; /* sorted by off, disjoint */
	size_t n;
	uint64_t size; /* of the original file */
	bool cut;      /* the end mark is missing: what no record covers is lost, else it is zero */
};

struct dfile {
	char *path;
	int fd;
	uint64_t disk_size; /* bytes on the disk */
	uint64_t size;	    /* bytes that dfile_read() can see */
	bool flattened;
	struct flat flat;
};

/* Opens a file. flat: follows a flattened one's records. Errors name the path. */
struct err *dfile_open(const char *path, bool flat, struct job *job, struct dfile **ret);
void dfile_close(struct dfile *f);
/* Reads at most n bytes; returns how many there are from the start (the end of the file, a gap of a
 * cut flattened file, or an unreadable sector may come first). */
size_t dfile_read(const struct dfile *f, uint64_t off, void *buf, size_t n);
/* The same for the file as it is on the disk. */
size_t dfile_read_disk(const struct dfile *f, uint64_t off, void *buf, size_t n);

bool flat_probe(const unsigned char *head, size_t n);
struct err *flat_index(const struct dfile *f, struct job *job, struct flat *ret);

/* --- identify.c --- */

#define HEAD_SIZE 8192
enum file_kind head_kind(const unsigned char *head, size_t n);
/* Why a file with this head can't be opened as a dump: names what it is. Never NULL. */
struct err *head_refuse(const char *path, const unsigned char *head, size_t n);
/* From utsname's machine; EM_NONE when not known. */
uint16_t machine_of_uts(const char *uts);

/* --- notes.c --- */

struct notes {
	unsigned char **blobs; /* what the notes point into */
	size_t nblobs;
	struct dump_note *v;
	size_t n, cap;
};
/* Reads and parses size bytes of notes at off of f; a malformed or cut tail is left out.
 * Returns how many bytes were missing. */
uint64_t notes_read(struct notes *n, const struct dfile *f, uint64_t off, uint64_t size);
void notes_free(struct notes *n);
const struct dump_note *notes_find(const struct notes *n, const char *name);

/* --- codec.c --- */

/* What one thread needs to decode a page; borrowed from the dump. */
struct codec {
	struct codec *next;
	void *zstd, *zlib;   /* made when first needed */
	unsigned char *page; /* page_size bytes */
	unsigned char *in;   /* 2 * page_size bytes */
};
struct codecs {
	pthread_mutex_t lock;
	struct codec *free;
	unsigned page_size;
};
void codecs_init(struct codecs *c, unsigned page_size);
void codecs_free(struct codecs *c);
struct codec *codec_take(struct codecs *c);
void codec_give(struct codecs *c, struct codec *k);

/* Flags of a page descriptor. */
enum {
	PD_ZLIB = 0x1,
	PD_LZO = 0x2,
	PD_SNAPPY = 0x4,
	PD_ZSTD = 0x20,
	PD_CODECS = PD_ZLIB | PD_LZO | PD_SNAPPY | PD_ZSTD,
};
/* Decodes n bytes of in into page_size bytes at out; false when they aren't just that. */
bool codec_decode(struct codec *k, uint32_t flags, const void *in, size_t n, void *out, size_t page_size);
/* Only the first `want` bytes, if this codec can stop early; false: use codec_decode. */
bool codec_peek(struct codec *k, uint32_t flags, size_t n, void *out, size_t want);
const char *codec_name(uint32_t flags);

/* --- cache.c: thread: any --- */

struct page_cache;
struct page_cache *cache_create(unsigned page_size, size_t bytes);
void cache_destroy(struct page_cache *c);
void cache_resize(struct page_cache *c, size_t bytes);
/* Copies len bytes from byte off of the page as far as there are; false when it isn't cached. */
bool cache_get(struct page_cache *c, uint64_t pfn, uint32_t off, void *buf, uint32_t len,
	       uint32_t *got, enum mem_state *rest);
void cache_put(struct page_cache *c, uint64_t pfn, const void *page, const struct span *span);

/* --- dump.c --- */

struct dump_ops {
	const char *name;
	bool (*probe)(const unsigned char *head, size_t n);
	/* Fills d->info, notes, segments, priv. d->page_size is set by it. */
	struct err *(*open)(struct dump *d);
	void (*close)(struct dump *d);
	enum mem_state (*state)(struct dump *d, uint64_t pfn);
	/* Reads a page; *span is set to the bytes that were there. */
	enum mem_state (*read)(struct dump *d, struct codec *k, uint64_t pfn, void *page,
			       struct span *span);
	/* The first n bytes of a page, as cheaply as can be; false when they can't be had. */
	bool (*peek)(struct dump *d, struct codec *k, uint64_t pfn, void *buf, size_t n);
	uint64_t (*next)(struct dump *d, uint64_t pfn);
	/* What dump_reader_pages() does; window: WINDOW bytes for pieces of the file. */
	void (*read_many)(struct dump *d, struct codec *k, void *window, uint64_t pfn, size_t n, void *buf,
			  struct span *spans);
	uint64_t (*count_ram)(struct dump *d, uint64_t from, uint64_t to);
};
#define WINDOW (2 * DUMP_PAGE_MAX)
extern const struct dump_ops kdump_ops, elf_ops;

struct dump {
	const struct dump_ops *ops;
	void *priv;
	struct dfile **files;
	size_t nfiles;
	struct dump_info info;
	struct notes notes;
	struct dump_segment *segments;
	size_t nsegments, cap_segments;
	struct vmcoreinfo *vmcoreinfo;
	char **warnings;
	size_t nwarnings, cap_warnings;
	struct page_cache *cache;
	struct codecs codecs;
	unsigned page_shift;
};
/* While opening only. */
void dump_warn(struct dump *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Warns of what makedumpfile erased on request, by its list in n bytes of text: erased.c. */
void dump_warn_erased(struct dump *d, const char *text, size_t n);
/* Warns that the file has only `have` bytes of `want`, which is more. */
void dump_warn_cut(struct dump *d, const char *path, uint64_t have, uint64_t want);
/* "12.3 MB" into buf, for messages. */
const char *dump_size_text(uint64_t bytes, char buf[32]);

/* --- scan.c --- */

/* Searches memory; sets d->vmcoreinfo if found. Fails only if cancelled. */
struct err *scan_vmcoreinfo(struct dump *d, struct job *job);

static inline bool page_size_ok(uint64_t n)
{
	return n >= DUMP_PAGE_MIN && n <= DUMP_PAGE_MAX && (n & (n - 1)) == 0;
}

#endif

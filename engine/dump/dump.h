/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A crash dump file, whatever its format: physical pages, notes, vmcoreinfo.
 *
 * Formats are told apart by content (a probe table in dump.c, one file and one const ops struct a
 * format). Everything in the file is untrusted. The file is read with pread, never mapped, so that
 * a cut or stalled file is an error and not a signal. Decompressed pages live in one cache shared
 * by all threads.
 *
 * Thread: any, after dump_open() has returned. The struct is immutable after that, but for the
 * cache, which is internally locked.
 *
 * Sources: makedumpfile's IMPLEMENTATION and diskdump_mod.h (kdump-compressed, flattened, split,
 * incomplete), the ELF gABI (PT_LOAD, PT_NOTE), QEMU's dump/dump.c, Linux' kernel/vmcore_info.c.
 */
#ifndef DUMP_DUMP_H
#define DUMP_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/err.h"
#include "engine/base/memstate.h"
#include "engine/job/job.h"

struct dump;
struct vmcoreinfo;

/* What a file is, judged by its first bytes. */
enum file_kind {
	FILE_UNKNOWN, /* nothing that we know */
	FILE_DUMP,    /* a format of dump_open() */
	FILE_OBJECT,  /* an ELF executable, shared or relocatable file: vmlinux, maybe compressed */
};
/* Fails only if the file can't be opened or read, is a directory, or is empty. */
struct err *file_identify(const char *path, enum file_kind *ret);
/* For a file that isn't FILE_DUMP: what it is instead, and what to do. Never NULL. */
struct err *file_refuse(const char *path);

/* Opens one dump: one file, or all (or some) parts of a split one, in any order. On failure the
 * error says what was found and what was expected. job: progress of a flattened file's index or of
 * the vmcoreinfo scan. Close with dump_close. */
struct err *dump_open(const char *const *paths, size_t n, struct job *job, struct dump **ret);
void dump_close(struct dump *d);

/* Facts from the file's headers. Strings are "" when the format doesn't tell. */
struct dump_info {
	const char *format; /* "kdump-compressed", "ELF" */
	char codecs[48]; /* "lzo", "zstd+raw" ...: what the descriptors' sample shows; may be "" */
	bool flattened;	 /* makedumpfile -F, QEMU's kdump formats */
	unsigned parts;	 /* of a split dump; else 1 */
	unsigned parts_have; /* how many of them were given */
	bool incomplete;     /* the writer ran out of space: missing pages are MEM_LOST */
	int dump_level;	     /* makedumpfile -d; -1: not told */
	uint16_t machine;    /* ELF e_machine (EM_X86_64 ...); EM_NONE: not told */
	unsigned page_size;  /* bytes; a power of two */
	uint64_t max_pfn;    /* one past the last page frame */
	uint64_t ram_pages;  /* pages of RAM, 0: not told */
	uint64_t pages;	     /* pages that the file holds */
	uint64_t file_size;  /* bytes, all parts */
	char sysname[65], nodename[65], release[65], version[65], uts_machine[65];
	bool has_phys_base; /* from the kdump sub-header */
	uint64_t phys_base;
};
const struct dump_info *dump_info(const struct dump *d);

/* Things that a person should know about this file ("truncated: 12 of 40 MB", "part 2 of 2
 * missing"). i counts from 0; NULL at the end. Borrowed. */
const char *dump_warning(const struct dump *d, size_t i);

/* The state of a page without decompressing it (a page that then can't be decoded reads as
 * MEM_LOST). */
enum mem_state dump_page_state(struct dump *d, uint64_t pfn);

/* Reads n bytes at physical address pa, across pages. Returns how many bytes were readable from the
 * start; if that is less than n, *why (may be NULL) is the state of the first page that wasn't. */
size_t dump_read(struct dump *d, uint64_t pa, void *buf, size_t n, enum mem_state *why);
/* The same for what won't be asked for again: leaves the cache to others. */
size_t dump_read_once(struct dump *d, uint64_t pa, void *buf, size_t n, enum mem_state *why);

/* The next page frame at or after pfn whose page is in the file; UINT64_MAX at the end. */
uint64_t dump_next_page(struct dump *d, uint64_t pfn);
/* How many page frames in [from, to) are RAM, whether the file has their pages or not. Takes as long as reading
 * that part of a bitmap. */
uint64_t dump_count_ram(struct dump *d, uint64_t from, uint64_t to);

/* Which bytes of a page there are, and what the others are. */
struct span {
	uint32_t from, to;
	enum mem_state rest;
};
/* Reads many pages, for scans: in large pieces of the file, without locks that others need, and past the
 * cache. A thread has its own. */
struct dump_reader;
struct dump_reader *dump_reader_create(struct dump *d);
void dump_reader_destroy(struct dump_reader *r);
/* The n page frames from pfn on into buf, which has room for n pages; spans[i] tells of page i what is there.
 * A page that the dump says is all zero has no bytes and MEM_ZERO: its room in buf is left as it was. */
void dump_reader_pages(struct dump_reader *r, uint64_t pfn, size_t n, void *buf, struct span *spans);

/* ELF notes, as found (vmcore's PT_NOTE, the kdump sub-header's notes). name is NUL-terminated,
 * desc is desc_size bytes; both borrowed. */
struct dump_note {
	const char *name;
	uint32_t type;
	const void *desc;
	size_t desc_size;
};
/* The i-th note; false at the end. NT_PRSTATUS ("CORE", type 1) comes one a CPU, in the order of
 * the CPUs that saved their registers; QEMU adds "QEMU" notes with control registers. */
bool dump_note(const struct dump *d, size_t i, struct dump_note *ret);

/* PT_LOAD segments of an ELF dump, or none. */
struct dump_segment {
	uint64_t pa, va, size; /* va: as the file claims, 0 if it doesn't */
};
bool dump_segment(const struct dump *d, size_t i, struct dump_segment *ret);

/* vmcoreinfo, from the note, else found by scanning memory; never NULL, but maybe empty. */
const struct vmcoreinfo *dump_vmcoreinfo(const struct dump *d);

/* Memory that the cache may use, in bytes (default 16 MiB). */
void dump_set_cache(struct dump *d, size_t bytes);

#endif

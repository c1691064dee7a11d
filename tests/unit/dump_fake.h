/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes small crash dumps in every format out of one imaginary memory, in which what a page holds,
 * and why another is missing, follows from its number. So a test can say what each byte of a dump
 * must be.
 */
#ifndef TESTS_DUMP_FAKE_H
#define TESTS_DUMP_FAKE_H

#include <endian.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"
#include "engine/dump/dump.h"
#include "engine/dump/vmcoreinfo.h"

#define PAGE 4096u
#define FAKE_PFNS 300u

static const char fake_info[] =
	"OSRELEASE=6.1.0-fake\nPAGESIZE=4096\nSYMBOL(_stext)=ffffffff81000000\n"
	"OFFSET(list_head.next)=0\nNUMBER(phys_base)=-4096\nCRASHTIME=1700000000\n";

static inline uint64_t fake_rand(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* What the dump must say of a page. */
static inline enum mem_state fake_state(uint64_t pfn)
{
	if (pfn >= FAKE_PFNS || (pfn >= 40 && pfn < 60))
		return MEM_NOT_RAM;
	if (pfn >= 100 && pfn < 140)
		return MEM_EXCLUDED;
	return pfn % 7 == 3 ? MEM_ZERO : MEM_PRESENT;
}

/* Every third page can't be compressed. */
static inline void fake_page(uint64_t pfn, unsigned char *p)
{
	uint64_t s = pfn * UINT64_C(0x9e3779b97f4a7c15) + 1;

	memset(p, 0, PAGE);
	if (fake_state(pfn) != MEM_PRESENT)
		return;
	for (unsigned i = 0; i < PAGE; i += 8) {
		uint64_t x = pfn % 3 ? pfn << 32 | (i / 64) : fake_rand(&s);
		memcpy(p + i, &x, 8);
	}
}

static inline bool fake_in_dump(uint64_t pfn)
{
	return mem_readable(fake_state(pfn));
}

static inline void put_at(struct buf *b, size_t off, const void *p, size_t n)
{
	if (off + n > b->len) {
		size_t more = off + n - b->len;
		memset(buf_reserve(b, more), 0, more);
		b->len += more;
	}
	memcpy(b->p + off, p, n);
}

static inline void put32(struct buf *b, size_t off, uint32_t v)
{
	put_at(b, off, &v, sizeof(v));
}

static inline void put64(struct buf *b, size_t off, uint64_t v)
{
	put_at(b, off, &v, sizeof(v));
}

static inline void put_note(struct buf *b, const char *name, uint32_t type, const void *desc,
			    size_t n)
{
	uint32_t h[3] = {(uint32_t)strlen(name) + 1, (uint32_t)n, type};

	buf_put(b, h, sizeof(h));
	buf_put(b, name, h[0]);
	buf_put(b, "\0\0\0", -h[0] & 3);
	buf_put(b, desc, n);
	buf_put(b, "\0\0\0", -(uint32_t)n & 3);
}

/* Two CPUs' notes and vmcoreinfo. */
static inline void put_notes(struct buf *b, bool info)
{
	unsigned char regs[336];

	for (unsigned cpu = 0; cpu < 2; cpu++) {
		memset(regs, (int)cpu + 1, sizeof(regs));
		put_note(b, "CORE", NT_PRSTATUS, regs, sizeof(regs));
	}
	if (info)
		put_note(b, "VMCOREINFO", 0, fake_info, sizeof(fake_info) - 1);
}

/* --- kdump-compressed --- */

struct fake_kdump {
	uint32_t flags; /* of pages that shrink: 0x1 zlib, 0x2 lzo, 0x4 snappy, 0x20 zstd, 0 raw */
	uint32_t version; /* of the header */
	bool one_bitmap;
	bool no_info;
	bool split;
	uint64_t start, end; /* if split */
	uint64_t lost_from; /* incomplete: descriptors from this page frame on are zero; 0: complete
			     */
};

static inline size_t fake_compress(uint32_t flags, const unsigned char *page, unsigned char *out)
{
	static unsigned char lzo_work[LZO1X_1_MEM_COMPRESS];
	size_t n = 0;
	uLongf zn = 2 * PAGE;
	lzo_uint ln = 2 * PAGE;

	if (flags == 0x1 && compress(out, &zn, page, PAGE) == Z_OK)
		n = zn;
	if (flags == 0x2 && lzo1x_1_compress(page, PAGE, out, &ln, lzo_work) == LZO_E_OK)
		n = ln;
	if (flags == 0x4) {
		n = 2 * PAGE;
		snappy_compress((const char *)page, PAGE, (char *)out, &n);
	}
	if (flags == 0x20)
		n = ZSTD_compress(out, 2 * PAGE, page, PAGE, 1);
	return n && n < PAGE ? n : 0;
}

static inline void fake_kdump_head(struct buf *b, const struct fake_kdump *k, uint64_t blocks)
{
	struct buf notes = {0};
	size_t s = PAGE;

	put_notes(&notes, !k->no_info);
	put_at(b, 0, "KDUMP   ", 8);
	put32(b, 8, k->version);
	put_at(b, 12, "Linux", 5);
	put_at(b, 12 + 65, "fakehost", 8);
	put_at(b, 12 + 130, "6.1.0-fake", 10);
	put_at(b, 12 + 260, "x86_64", 6);
	put64(b, 408, 1700000000);
	put32(b, 424, k->flags | (k->lost_from ? 8 : 0));
	put32(b, 428, PAGE);
	put32(b, 432, 1);
	put32(b, 436, (uint32_t)blocks);
	put32(b, 440, FAKE_PFNS);
	put64(b, s, 0x1000000);
	put32(b, s + 8, 31);
	put32(b, s + 12, k->split);
	put64(b, s + 16, k->start);
	put64(b, s + 24, k->end);
	size_t info = notes.len - (sizeof(fake_info) - 1 + 3) / 4 * 4;
	put64(b, s + 32, k->no_info ? 0 : s + 104 + info);
	put64(b, s + 40, k->no_info ? 0 : sizeof(fake_info) - 1);
	put64(b, s + 48, k->version >= 4 ? s + 104 : 0);
	put64(b, s + 56, k->version >= 4 ? notes.len : 0);
	put64(b, s + 80, k->version >= 6 ? k->start : 0);
	put64(b, s + 88, k->version >= 6 ? k->end : 0);
	put64(b, s + 96, k->version >= 6 ? FAKE_PFNS : 0);
	put_at(b, s + 104, notes.p, notes.len);
	buf_free(&notes);
}

static inline void fake_kdump(struct buf *b, const struct fake_kdump *k)
{
	unsigned char bits[2][PAGE] = {{0}}, page[PAGE], out[2 * PAGE];
	uint64_t blocks = k->one_bitmap ? 1 : 2, end = k->split ? k->end : FAKE_PFNS, n = 0;

	fake_kdump_head(b, k, blocks);
	for (uint64_t pfn = 0; pfn < FAKE_PFNS; pfn++) {
		bits[0][pfn / 8] |= (unsigned char)((fake_state(pfn) != MEM_NOT_RAM) << pfn % 8);
		bits[1][pfn / 8] |= (unsigned char)(fake_in_dump(pfn) << pfn % 8);
		n += fake_in_dump(pfn); /* parts too have room for all */
	}
	put_at(b, (size_t)2 * PAGE, bits[k->one_bitmap], PAGE);
	if (!k->one_bitmap)
		put_at(b, (size_t)3 * PAGE, bits[1], PAGE);
	size_t desc = (2 + blocks) * PAGE, zero = desc + n * 24, data = zero + PAGE;
	memset(page, 0, sizeof(page));
	put_at(b, zero, page, PAGE);
	for (uint64_t pfn = k->start; pfn < end; pfn++) {
		bool lost = k->lost_from && pfn >= k->lost_from, z = fake_state(pfn) == MEM_ZERO;
		if (!fake_in_dump(pfn))
			continue;
		fake_page(pfn, page);
		size_t len = z ? 0 : fake_compress(k->flags, page, out);
		put64(b, desc, lost ? 0 : z ? zero : data);
		put32(b, desc + 8, lost ? 0 : len ? (uint32_t)len : PAGE);
		put32(b, desc + 12, lost ? 0 : len ? k->flags : 0);
		put64(b, desc + 16, 0);
		desc += 24;
		if (z || lost)
			continue;
		put_at(b, data, len ? out : page, len ? len : PAGE);
		data += len ? len : PAGE;
	}
}

/* --- flattened --- */

static inline void put_record(struct buf *b, uint64_t off, const void *p, uint64_t n)
{
	uint64_t h[2] = {htobe64(off), htobe64(n)};
	buf_put(b, h, sizeof(h));
	buf_put(b, p, n);
}

/* In pieces, out of order, the first ones with rubbish that later ones overwrite. */
static inline void fake_flatten(struct buf *out, const struct buf *in, bool end)
{
	static const char head[4096] = "makedumpfile\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1";
	char junk[6000];
	size_t step = 5000;

	memset(junk, 0xee, sizeof(junk));
	buf_put(out, head, sizeof(head));
	put_record(out, 0, junk, sizeof(junk));
	put_record(out, 9000, junk, sizeof(junk));
	put_record(out, 100, "", 0);
	for (size_t half = 0; half < 2; half++)
		for (size_t at = half * step; at < in->len; at += 2 * step)
			put_record(out, at, in->p + at, in->len - at < step ? in->len - at : step);
	if (end)
		put_record(out, UINT64_MAX, "", 0), memset(out->p + out->len - 8, 0xff, 8);
}

/* --- ELF --- */

struct fake_elf {
	bool no_info, xnum, incomplete;
	uint16_t ehsize;
};

static inline void put_phdr(struct buf *b, size_t i, Elf64_Phdr p)
{
	put_at(b, 64 + 64 + i * sizeof(p), &p, sizeof(p));
}

/* As makedumpfile -E does it: a segment's excluded tail has p_memsz only. The kernel's text has a
 * segment of its own besides, and one segment has no physical address. Zero pages are plain data
 * here. */
static inline void fake_elf(struct buf *b, const struct fake_elf *e)
{
	static const struct {
		uint64_t pa, file, mem, va;
	} segs[] = {
		{10, 5, 5, 0xffffffff81000000},
		{0, 40, 40, 0xffff888000000000},
		{60, 40, 80, 0xffff88800003c000},
		{140, 160, 160, 0xffff88800008c000},
	};
	Elf64_Ehdr h = {.e_type = ET_CORE,
			.e_machine = EM_X86_64,
			.e_version = 1,
			.e_phoff = 128,
			.e_shoff = 64,
			.e_flags = e->incomplete,
			.e_ehsize = e->ehsize ? e->ehsize : 64,
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = e->xnum ? PN_XNUM : 6,
			.e_shentsize = 64,
			.e_shnum = 1};
	Elf64_Shdr s = {.sh_info = 6};
	struct buf notes = {0};
	unsigned char page[PAGE];
	size_t at = 64 + 64 + 6 * sizeof(Elf64_Phdr);

	memcpy(h.e_ident, ELFMAG "\2\1\1", 7);
	put_at(b, 0, &h, sizeof(h));
	put_at(b, 64, &s, sizeof(s));
	put_notes(&notes, !e->no_info);
	put_phdr(b, 0, (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = at, .p_filesz = notes.len});
	put_phdr(b, 1,
		 (Elf64_Phdr){.p_type = PT_LOAD,
			      .p_offset = at,
			      .p_paddr = UINT64_MAX,
			      .p_filesz = 64,
			      .p_memsz = 64,
			      .p_vaddr = 0xffffc90000000000});
	put_at(b, at, notes.p, notes.len);
	at += notes.len;
	buf_free(&notes);
	for (size_t i = 0; i < 4; i++) {
		put_phdr(b, 2 + i,
			 (Elf64_Phdr){.p_type = PT_LOAD,
				      .p_offset = at,
				      .p_vaddr = segs[i].va,
				      .p_paddr = segs[i].pa * PAGE,
				      .p_filesz = segs[i].file * PAGE,
				      .p_memsz = segs[i].mem * PAGE});
		for (uint64_t k = 0; k < segs[i].file; k++, at += PAGE) {
			fake_page(segs[i].pa + k, page);
			put_at(b, at, page, PAGE);
		}
	}
}

/* --- files --- */

static char fake_dir[64] = "/tmp/vmbrowse-dump-test-XXXXXX";

static inline int fake_setup(void **state)
{
	(void)state;
	return lzo_init() != LZO_E_OK || !mkdtemp(fake_dir);
}

static inline int fake_teardown(void **state)
{
	(void)state;
	char *cmd = xasprintf("rm -rf '%s'", fake_dir);
	int r = system(cmd);
	free(cmd);
	return r;
}

/* The path is one of a few static ones: use it before the fourth next call. */
static inline const char *fake_file(const char *name, const void *p, size_t n)
{
	static char path[4][160];
	static unsigned k;
	char *s = path[k++ % 4];

	snprintf(s, sizeof(path[0]), "%s/%s", fake_dir, name);
	int fd = open(s, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	if (fd < 0 || write(fd, p, n) != (ssize_t)n || close(fd))
		abort();
	return s;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A whole dump of 512 KiB, made by hand: an ELF file with vmcoreinfo, page tables for one 2 MiB
 * page at the kernel's usual place, and room for a test's own structures. Bytes can be changed in
 * the file between two openings.
 */
#ifndef TESTS_KERN_FAKE_H
#define TESTS_KERN_FAKE_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "engine/kern/session.h"
#include "tests/unit/elf_fake.h"

#define FAKE_PA UINT64_C(0x1000000)
#define FAKE_VA UINT64_C(0xffffffff81000000)
#define FAKE_SIZE 0x80000u
#define FAKE_FREE 0x4000u /* offset of the memory that the tests use */

struct fake {
	uint8_t mem[FAKE_SIZE];
	char info[16384]; /* vmcoreinfo */
	char path[64];
	int fd;
	size_t mem_at; /* where mem begins in the file */
};

static inline void fake_put(struct fake *f, size_t at, uint64_t v, size_t n)
{
	memcpy(f->mem + at, &v, n);
}

static inline void fake_info(struct fake *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static inline void fake_info(struct fake *f, const char *fmt, ...)
{
	size_t n = strlen(f->info);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->info + n, sizeof(f->info) - n, fmt, ap);
	va_end(ap);
}

static inline void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "/tmp/vmbrowse-kern-XXXXXX");
	f->fd = mkstemp(f->path);
	/* PGD at 0x1000, PUD at 0x2000, PMD at 0x3000: one large page. */
	fake_put(f, 0x1000 + 511 * 8, (FAKE_PA + 0x2000) | 0x67, 8);
	fake_put(f, 0x2000 + 510 * 8, (FAKE_PA + 0x3000) | 0x67, 8);
	fake_put(f, 0x3000 + 8 * 8, FAKE_PA | 0xe3, 8);
	fake_info(f,
		  "OSRELEASE=0.0.0-fake\nPAGESIZE=4096\nSYMBOL(_stext)=%llx\n"
		  "SYMBOL(swapper_pg_dir)=%llx\nSYMBOL(init_top_pgt)=%llx\n"
		  "NUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=0\nKERNELOFFSET=0\n",
		  (unsigned long long)FAKE_VA, (unsigned long long)FAKE_VA + 0x1000,
		  (unsigned long long)FAKE_VA + 0x1000);
}

static inline void fake_done(struct fake *f)
{
	close(f->fd);
	unlink(f->path);
}

/* Writes the file anew. */
static inline void fake_write(struct fake *f)
{
	const struct elf_segment all = {FAKE_VA, FAKE_PA, f->mem, FAKE_SIZE};
	size_t size;
	uint8_t *file = elf_fake(f->info, &all, 1, &size);

	f->mem_at = size - FAKE_SIZE;
	if (pwrite(f->fd, file, size, 0) != (ssize_t)size)
		abort();
	free(file);
}

/* One byte of memory, in the file only. */
static inline void fake_poke(struct fake *f, size_t at, uint8_t v)
{
	if (pwrite(f->fd, &v, 1, (off_t)(f->mem_at + at)) != 1)
		abort();
}

static inline struct err *fake_open(const struct fake *f, struct session **ret)
{
	const char *const files[] = {f->path};
	const struct session_options o = {.no_cache = true};

	return session_open(&o, files, 1, NULL, ret);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Physical memory made of single pages, and a small kernel in it: page tables of either depth, an
 * image with a banner, a direct map. For tests of arch/ (through an arch_env) and of engine/mem
 * (written out as a dump). A page that was never made is no RAM.
 */
#ifndef TESTS_ARCH_FAKE_H
#define TESTS_ARCH_FAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arch/arch.h"
#include "engine/base/alloc.h"

#define FAKE_PAGE UINT64_C(4096)
#define FAKE_2M (UINT64_C(2) << 20)
#define FAKE_1G (UINT64_C(1) << 30)
#define PTE_P UINT64_C(1)
#define PTE_RW UINT64_C(2)
#define PTE_PSE UINT64_C(0x80)
#define PTE_NX (UINT64_C(1) << 63)

struct fake_page {
	uint64_t pa;
	enum mem_state state;
	unsigned char bytes[4096];
};

struct fake {
	struct fake_page **pages;
	size_t n, cap;
	uint64_t next_table, c_bit;
	unsigned levels;
};

static inline struct fake_page *fake_find(const struct fake *f, uint64_t pa)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->pages[i]->pa == (pa & ~(FAKE_PAGE - 1)))
			return f->pages[i];
	return NULL;
}

static inline struct fake_page *fake_page(struct fake *f, uint64_t pa)
{
	struct fake_page *p = fake_find(f, pa);

	if (p)
		return p;
	GROW(f->pages, f->n, f->cap);
	p = xcalloc(1, sizeof(*p));
	p->pa = pa & ~(FAKE_PAGE - 1);
	f->pages[f->n++] = p;
	return p;
}

static inline void fake_put(struct fake *f, uint64_t pa, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fake_page(f, pa + i)->bytes[(pa + i) % FAKE_PAGE] =
			((const unsigned char *)bytes)[i];
}

static inline void fake_put_u64(struct fake *f, uint64_t pa, uint64_t v)
{
	fake_put(f, pa, &v, sizeof(v));
}

static inline uint64_t fake_u64(struct fake *f, uint64_t pa)
{
	uint64_t v;

	memcpy(&v, fake_page(f, pa)->bytes + pa % FAKE_PAGE, sizeof(v));
	return v;
}

static inline void fake_free(struct fake *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->pages[i]);
	free(f->pages);
}

/* The physical address of the entry for va at the level whose entries cover 1 << shift bytes;
 * tables on the way are made. */
static inline uint64_t fake_entry(struct fake *f, uint64_t pgd_pa, uint64_t va, unsigned shift)
{
	uint64_t table = pgd_pa;

	for (unsigned s = f->levels == 5 ? 48 : 39;; s -= 9) {
		uint64_t at = table + (va >> s & 511) * 8;
		if (s == shift)
			return at;
		if (!(fake_u64(f, at) & PTE_P)) {
			fake_page(f, f->next_table);
			fake_put_u64(f, at, f->next_table | f->c_bit | PTE_P | PTE_RW);
			f->next_table += FAKE_PAGE;
		}
		table = fake_u64(f, at) & UINT64_C(0x000ffffffffff000) & ~f->c_bit;
	}
}

static inline unsigned fake_shift(uint64_t page_size)
{
	return page_size == FAKE_1G ? 30 : page_size == FAKE_2M ? 21 : 12;
}

static inline void fake_map(struct fake *f, uint64_t pgd_pa, uint64_t va, uint64_t pa,
			    uint64_t page_size)
{
	uint64_t pse = page_size == FAKE_PAGE ? 0 : PTE_PSE;

	fake_put_u64(f, fake_entry(f, pgd_pa, va, fake_shift(page_size)),
		     pa | f->c_bit | pse | PTE_P | PTE_RW | PTE_NX);
}

static inline struct err *fake_read(void *ctx, uint64_t pa, void *buf, size_t n)
{
	struct fake *f = ctx;

	for (size_t i = 0; i < n; i++) {
		struct fake_page *p = fake_find(f, pa + i);
		if (!p || !mem_readable(p->state))
			return err_fault(p ? p->state : MEM_NOT_RAM, pa + i);
		((unsigned char *)buf)[i] = p->bytes[(pa + i) % FAKE_PAGE];
	}
	return NULL;
}

/* The kernel: link-time addresses of its symbols. */
#define LINK_TEXT UINT64_C(0xffffffff81000000)
#define LINK_BANNER UINT64_C(0xffffffff81200040)
#define LINK_PGD UINT64_C(0xffffffff81400000)
#define LINK_PAGE_OFFSET UINT64_C(0xffffffff81403010)
#define LINK_END UINT64_C(0xffffffff81600000)
#define LINK_MAP UINT64_C(0xffffffff80000000)
#define FAKE_BANNER "Linux version 9.9.9 (a made one)"

struct fake_kernel {
	unsigned levels;
	uint64_t offset, phys_base, direct, c_bit;
};

static inline uint64_t fake_image_pa(const struct fake_kernel *k, uint64_t link)
{
	return link + k->offset - LINK_MAP + k->phys_base;
}

static inline void fake_boot(struct fake *f, const struct fake_kernel *k)
{
	uint64_t pgd = fake_image_pa(k, LINK_PGD);

	*f = (struct fake){.next_table = 0x10000, .levels = k->levels, .c_bit = k->c_bit};
	fake_page(f, pgd);
	for (uint64_t at = LINK_TEXT; at < LINK_END; at += FAKE_2M)
		fake_map(f, pgd, at + k->offset, fake_image_pa(k, at), FAKE_2M);
	/* The first MiB in small pages, as kernels do, then large ones up to 512 MiB. */
	for (uint64_t pa = 0; pa < 0x10000; pa += FAKE_PAGE)
		fake_map(f, pgd, k->direct + pa, pa, FAKE_PAGE);
	for (uint64_t pa = FAKE_2M; pa < FAKE_1G / 2; pa += FAKE_2M)
		fake_map(f, pgd, k->direct + pa, pa, FAKE_2M);
	fake_put(f, fake_image_pa(k, LINK_BANNER), FAKE_BANNER, sizeof(FAKE_BANNER));
	fake_put_u64(f, fake_image_pa(k, LINK_PAGE_OFFSET), k->direct);
	fake_page(f, fake_image_pa(k, LINK_TEXT));
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Translations of kernel addresses that were already found. What is remembered never changes (a
 * dump stands still), so there is nothing to flush and a lost entry only costs another page walk.
 *
 * Thread: any, without locks: an entry is one 64-bit word and so is read and written whole.
 */
#ifndef MEM_TLB_H
#define MEM_TLB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLB_SMALL 4096 /* entries for 4 KiB pages: 16 MiB of vmalloc space */
#define TLB_LARGE 2048 /* entries for 2 MiB pages: 4 GiB of direct map */

struct tlb {
	_Atomic uint64_t small[TLB_SMALL], large[TLB_LARGE];
};

/* false: not remembered, or no kernel address. true: *pa is its physical address, and *left bytes
 * from there on lie in the same page. */
bool tlb_get(struct tlb *t, uint64_t va, uint64_t *pa, uint64_t *left);
/* Remembers that the page of page_size bytes around va is mapped to the one around pa. */
void tlb_put(struct tlb *t, uint64_t va, uint64_t pa, uint64_t page_size);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two direct-mapped arrays, one for 4 KiB pages and one for 2 MiB pages (1 GiB pages go in there in
 * pieces). An entry has to fit one word: the page number's low bits choose the entry, so only the
 * rest, its tag, is stored, beside the frame number + 1 (0: empty). All addresses are in the upper
 * half, so the sign bits need no room either. A frame number that doesn't fit, above 16 TiB, isn't
 * remembered.
 */
#include "engine/mem/tlb.h"

#define SMALL_SHIFT 12
#define LARGE_SHIFT 21
#define TAG_SHIFT 32
#define VA_BITS UINT64_C(0x00ffffffffffffff) /* less the sign, in either number of levels */
#define SIGN UINT64_C(0xff)

_Static_assert((VA_BITS >> SMALL_SHIFT) / TLB_SMALL <= UINT32_MAX,
	       "a tag takes more than its room");

/* Neighbours and addresses at equal strides (stacks) are to fall on different entries. The rest of
 * the number is the tag, which gives back the mixed-in bits: no two pages have both in common. */
static uint64_t split(uint64_t va, unsigned shift, uint64_t size, uint64_t *tag)
{
	uint64_t page = (va & VA_BITS) >> shift;

	*tag = page / size;
	return (page ^ *tag) % size;
}

static bool lookup(_Atomic uint64_t *entries, uint64_t size, unsigned shift, uint64_t va,
		   uint64_t *pa, uint64_t *left)
{
	uint64_t tag, i = split(va, shift, size, &tag);
	uint64_t entry = atomic_load_explicit(&entries[i], memory_order_relaxed);
	uint64_t frame = entry & UINT32_MAX, in_page = va & ((UINT64_C(1) << shift) - 1);

	if (!frame || entry >> TAG_SHIFT != tag)
		return false;
	*pa = ((frame - 1) << shift) + in_page;
	*left = (UINT64_C(1) << shift) - in_page;
	return true;
}

bool tlb_get(struct tlb *t, uint64_t va, uint64_t *pa, uint64_t *left)
{
	/* A damaged pointer must not pass for the one that it was: its upper bits aren't in the
	 * tag. */
	if (va >> 56 != SIGN)
		return false;
	return lookup(t->large, TLB_LARGE, LARGE_SHIFT, va, pa, left) ||
	       lookup(t->small, TLB_SMALL, SMALL_SHIFT, va, pa, left);
}

static void store(_Atomic uint64_t *entries, uint64_t size, unsigned shift, uint64_t va,
		  uint64_t pa)
{
	uint64_t tag, i = split(va, shift, size, &tag), frame = (pa >> shift) + 1;

	if (frame <= UINT32_MAX)
		atomic_store_explicit(&entries[i], tag << TAG_SHIFT | frame, memory_order_relaxed);
}

void tlb_put(struct tlb *t, uint64_t va, uint64_t pa, uint64_t page_size)
{
	if (page_size >= UINT64_C(1) << LARGE_SHIFT)
		store(t->large, TLB_LARGE, LARGE_SHIFT, va, pa);
	else
		store(t->small, TLB_SMALL, SMALL_SHIFT, va, pa);
}

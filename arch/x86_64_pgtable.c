/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-64 page tables: 4 or 5 levels of 512 entries, with pages of 4 KiB, 2 MiB or 1 GiB.
 *
 * Linux also has mappings that the processor doesn't see: PROT_NONE pages (P clear, bit 8 set) and
 * huge pages that are being split (P clear, PSE set). Their bytes are there and so they translate;
 * since the L1TF fixes such an entry holds the page frame inverted (asm/pgtable-invert.h).
 *
 * Every entry is taken from a dump that may be damaged: an entry names at most a 52-bit address,
 * and reading at that address says whether there is memory.
 */
#include "arch/x86_64.h"
#include <stdio.h>
#include "engine/base/checked.h"

enum { PGD, P4D, PUD, PMD, PTE };

static const struct {
	const char *name;
	unsigned shift;
} table_levels[] = {
	[PGD] = {"PGD", 48}, [P4D] = {"P4D", 39}, [PUD] = {"PUD", 30},
	[PMD] = {"PMD", 21}, [PTE] = {"PTE", 12},
};

/* With 4 levels the table that is walked first is called PGD and indexed as a P4D. */
static unsigned top_level(const struct arch_layout *l)
{
	return l->levels == 5 ? PGD : P4D;
}

static unsigned va_bits(const struct arch_layout *l)
{
	return l->levels == 5 ? 57 : 48;
}

static bool canonical(const struct arch_layout *l, uint64_t va)
{
	uint64_t upper = va >> (va_bits(l) - 1);

	return upper == 0 || upper == UINT64_MAX >> (va_bits(l) - 1);
}

bool x86_64_is_kernel(const struct arch_layout *l, uint64_t va)
{
	return va >> 63 && canonical(l, va);
}

/* Relative calls reach 2 GB: all that the kernel runs lies in its last 2 GB, but for the firmware's. */
bool x86_64_may_be_code(uint64_t va)
{
	return va >= X86_EFI_START;
}

static bool is_leaf(unsigned level, uint64_t entry)
{
	return level == PTE || ((level == PMD || level == PUD) && (entry & X86_PTE_PSE));
}

static bool is_mapped(unsigned level, uint64_t entry)
{
	if (entry & X86_PTE_P)
		return true;
	if (level == PTE)
		return entry & X86_PTE_PROTNONE;
	return is_leaf(level, entry);
}

/* The physical address that an entry names: of the next table, or of a page of 1 << shift bytes. */
static uint64_t entry_pa(const struct arch_layout *l, uint64_t entry, unsigned shift)
{
	if (!(entry & X86_PTE_P))
		entry = ~entry;
	return entry & X86_PTE_PA & ~l->pte_mask_off & ~((UINT64_C(1) << shift) - 1);
}

struct err *x86_64_walk(const struct arch_env *env, const struct arch_layout *l, uint64_t pgd_pa,
			uint64_t va, struct arch_xlat *ret)
{
	uint64_t table = pgd_pa & X86_PTE_PA & ~l->pte_mask_off;

	*ret = (struct arch_xlat){0};
	if (!canonical(l, va))
		return err_fault(MEM_UNMAPPED, va);
	for (unsigned level = top_level(l); level <= PTE; level++) {
		unsigned shift = table_levels[level].shift;
		uint64_t at = table + (va >> shift & 511) * 8, entry;
		unsigned char raw[8];

		ret->page_size = UINT64_C(1) << shift;
		struct err *e = env->read_phys(env->ctx, at, raw, sizeof(raw));
		if (e) {
			enum mem_state why = err_code(e) == ERR_FAULT ? err_state(e) : MEM_LOST;
			err_free(e);
			return err_fault(why, va);
		}
		entry = load_u64(raw);
		ret->level[ret->nlevels].name = ret->nlevels ? table_levels[level].name : "PGD";
		ret->level[ret->nlevels].entry_pa = at;
		ret->level[ret->nlevels++].entry = entry;
		if (!is_mapped(level, entry))
			break;
		if (is_leaf(level, entry)) {
			ret->pa = entry_pa(l, entry, shift) + (va & (ret->page_size - 1));
			return NULL;
		}
		table = entry_pa(l, entry, 12);
	}
	return err_fault(MEM_UNMAPPED, va);
}

bool x86_64_next_mapping(const struct arch_env *env, const struct arch_layout *l, uint64_t pgd_pa,
			 uint64_t *va, uint64_t end, struct arch_xlat *ret)
{
	/* Every level has at most 512 holes to step over before the way leads down. */
	for (int steps = 5 * 512; *va < end && steps > 0; steps--) {
		struct err *e = x86_64_walk(env, l, pgd_pa, *va, ret);
		if (!e)
			return true;
		err_free(e);
		if (!ret->page_size || !add_u64(*va & ~(ret->page_size - 1), ret->page_size, va))
			return false;
	}
	return false;
}

enum x86_64_verdict x86_64_check_map(const struct arch_env *env, const struct arch_layout *l,
				     uint64_t va, uint64_t pa)
{
	struct arch_xlat x;
	struct err *e = x86_64_walk(env, l, l->pgd_pa, va, &x);

	if (!e)
		return x.pa == pa ? X86_CONFIRMED : X86_DENIED;
	bool denied = err_state(e) == MEM_UNMAPPED;
	err_free(e);
	return denied ? X86_DENIED : X86_UNKNOWN;
}

/* An offset into a linear range that was found; sizes may reach the very end of the address space.
 */
static bool in_range(uint64_t va, uint64_t start, uint64_t size)
{
	return va >= start && va - start < size;
}

bool x86_64_linear(const struct arch_layout *l, uint64_t va, uint64_t *pa)
{
	if (in_range(va, l->image_va, l->image_size))
		*pa = x86_64_image_to_phys(l, va);
	else if (in_range(va, l->direct_va, l->direct_size))
		*pa = va - l->direct_va;
	else
		return false;
	return true;
}

void x86_64_pte_flags(uint64_t entry, char *buf, size_t n)
{
	static const struct {
		unsigned bit;
		const char *name;
	} flags[] = {
		{0, "P"}, {1, "RW"}, {2, "US"},	 {3, "PWT"}, {4, "PCD"},
		{5, "A"}, {6, "D"},  {7, "PSE"}, {8, "G"},   {63, "NX"},
	};
	size_t len = 0;

	if (n)
		buf[0] = '\0';
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && len < n; i++) {
		const char *name = flags[i].name;
		if (!(entry >> flags[i].bit & 1))
			continue;
		if (flags[i].bit == 8 && !(entry & X86_PTE_P))
			name = "PROTNONE";
		len += (size_t)snprintf(buf + len, n - len, "%s%s", len ? " " : "", name);
	}
}

/* The offset is kept inverted, as it reaches into the bits of a page frame (L1TF); bit 8 would be PROT_NONE. */
bool x86_64_swap_entry(uint64_t entry, unsigned *type, uint64_t *offset)
{
	if (!entry || (entry & (X86_PTE_P | X86_PTE_PROTNONE)))
		return false;
	*type = (unsigned)(entry >> 59);
	*offset = ~entry << 5 >> 14;
	return true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The direct map: all physical memory, mapped in order from page_offset_base on. KASLR moves that
 * in steps of 1 GiB. Three witnesses: the page tables (it is the first thing mapped in the kernel's
 * half, but for a process' LDT), the variable page_offset_base, the segments of a /proc/vmcore.
 * Each is asked whether the page tables map the kernel image's own pages there, which are never
 * missing.
 *
 * When all that is lost, or the tables are damaged and deny everything, memory itself tells: an
 * empty list's head points to itself twice, so at physical address P it holds base + P.
 *
 * Sources: arch/x86/mm/kaslr.c, Documentation/arch/x86/x86_64/mm.rst, include/linux/list.h.
 */
#include "arch/x86_64.h"
#include "engine/base/checked.h"

#define BASE_ALIGN (UINT64_C(1) << 30)
#define MAX_TRIES 8
#define MAX_SEGMENTS 1024
#define SCAN_PAGES 8192	      /* read at most so many pages for empty lists ... */
#define SCAN_TRIES (1u << 20) /* ... of so many page frames */
#define SCAN_CANDIDATES 4
#define SCAN_VOTES 8 /* lists that must agree */

/* From where the direct map can begin, its place without KASLR, and the most that it can map. */
static const struct place {
	uint64_t first, fixed, last, max_size;
} place4 = {UINT64_C(0xffff880000000000), UINT64_C(0xffff888000000000),
	    UINT64_C(0xfffffe0000000000), UINT64_C(64) << 40},
  place5 = {UINT64_C(0xff10000000000000), UINT64_C(0xff11000000000000),
	    UINT64_C(0xfffffe0000000000), UINT64_C(32) << 50};

struct direct {
	const struct arch_env *env;
	struct arch_layout *l;
	const struct place *place;
	uint64_t image_pa;
	enum x86_64_verdict verdict;
	uint64_t base;
};

static bool claim(struct direct *d, uint64_t base)
{
	uint64_t probe;

	if (base % BASE_ALIGN || base < d->place->first || base >= d->place->last ||
	    !add_u64(base, d->image_pa, &probe))
		return false;
	enum x86_64_verdict v = x86_64_check_map(d->env, d->l, probe, d->image_pa);
	if (v > d->verdict) {
		d->verdict = v;
		d->base = base;
	}
	return v == X86_CONFIRMED;
}

static bool claim_tables(struct direct *d)
{
	uint64_t va = d->place->first;
	struct arch_xlat x;

	for (int i = 0; i < MAX_TRIES; i++) {
		if (!x86_64_next_mapping(d->env, d->l, d->l->pgd_pa, &va, d->place->last, &x))
			return false;
		if (claim(d, va - x.pa))
			return true;
		va = (va & ~(BASE_ALIGN - 1)) + BASE_ALIGN;
	}
	return false;
}

/* *has: the kernel has the variable, so the base isn't a constant. */
static bool claim_variable(struct direct *d, bool *has)
{
	uint64_t at;
	unsigned char raw[8];

	*has = x86_64_symbol(d->env, "page_offset_base", &at);
	if (!*has || !d->l->exact)
		return false;
	at = x86_64_image_to_phys(d->l, at + d->l->kernel_offset);
	return err_ok(d->env->read_phys(d->env->ctx, at, raw, sizeof(raw))) &&
	       claim(d, load_u64(raw));
}

static bool claim_segments(struct direct *d)
{
	uint64_t pa, va, size;

	for (size_t i = 0; d->env->segment && i < MAX_SEGMENTS; i++) {
		if (!d->env->segment(d->env->ctx, i, &pa, &va, &size))
			break;
		if (va >= d->place->first && va < d->place->last && claim(d, va - pa))
			return true;
	}
	return false;
}

struct votes {
	struct {
		uint64_t base;
		unsigned n;
	} of[SCAN_CANDIDATES];
};

/* true: this base has enough votes now. */
static bool vote(struct votes *v, uint64_t base)
{
	for (size_t i = 0; i < SCAN_CANDIDATES; i++) {
		if (v->of[i].n && v->of[i].base != base)
			continue;
		v->of[i].base = base;
		return ++v->of[i].n >= SCAN_VOTES;
	}
	return false;
}

/* The bases that the empty lists in one page tell; true: *base is decided. */
static bool vote_page(const struct place *place, struct votes *v, uint64_t pa,
		      const unsigned char *page, uint64_t *base)
{
	for (size_t i = 0; i + 16 <= 4096; i += 8) {
		uint64_t next = load_u64(page + i);
		*base = next - (pa + i);
		if (next >= place->first && next < place->last && *base % BASE_ALIGN == 0 &&
		    load_u64(page + i + 8) == next && vote(v, *base))
			return true;
	}
	return false;
}

/* Lists that agree outweigh tables that don't: no damage makes eight of them. */
static bool claim_lists(struct direct *d)
{
	struct votes v = {0};
	unsigned char page[4096];
	uint64_t base;
	unsigned pages = 0;

	for (uint64_t n = 0; n < SCAN_TRIES && pages < SCAN_PAGES; n++) {
		uint64_t pa = n * sizeof(page);
		if (pa >= d->env->max_pa)
			return false;
		if (!err_ok(d->env->read_phys(d->env->ctx, pa, page, sizeof(page))))
			continue;
		pages++;
		if (!vote_page(d->place, &v, pa, page, &base))
			continue;
		d->base = base;
		d->verdict = X86_UNKNOWN; /* whatever the tables say */
		return true;
	}
	return false;
}

void x86_64_find_direct(const struct arch_env *env, struct arch_layout *l)
{
	struct direct d = {
		.env = env,
		.l = l,
		.place = l->levels == 5 ? &place5 : &place4,
		.image_pa = x86_64_image_to_phys(l, l->image_va),
		.verdict = X86_DENIED,
	};
	uint64_t text;
	bool variable = true;

	if (!claim_tables(&d) && !claim_variable(&d, &variable) && !claim_segments(&d) &&
	    !variable && x86_64_symbol(env, "_text", &text))
		claim(&d, d.place->fixed);
	if (d.verdict == X86_DENIED)
		claim_lists(&d);
	if (d.verdict == X86_DENIED)
		return;
	l->tables_bad |= d.verdict != X86_CONFIRMED;
	l->direct_va = d.base;
	l->direct_size =
		env->max_pa && env->max_pa < d.place->max_size ? env->max_pa : d.place->max_size;
}

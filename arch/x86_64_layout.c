/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an x86-64 kernel lives. KASLR moves its image twice: in physical memory (phys_base) and in
 * virtual memory (kernel_offset, steps of 2 MiB). Evidence, best first:
 *
 *   vmcoreinfo  the kernel's own word
 *   cr3         the control registers in QEMU's notes: the image is the first thing mapped from
 *               __START_KERNEL_map on, since the kernel clears everything below _text
 *   segments    the image's PT_LOAD of a /proc/vmcore
 *   header      phys_base of the kdump sub-header
 *   scan        linux_banner searched for at every place where an image can begin
 *   default     the link-time addresses
 *
 * Any of them can be wrong (a vmcoreinfo of another kernel, a CR3 of user space, a bad note), and
 * so can the vmlinux that symbols come from. So each candidate is held against two things it didn't
 * come from: linux_banner must be where the candidate says, and the candidate's page tables must
 * map the image where the candidate says. The candidate with the best score is taken; the earlier
 * one of equals.
 *
 * Sources: arch/x86/kernel/{vmcore_info_64,head64}.c, arch/x86/mm/init_64.c (cleanup_highmap),
 * QEMU's target/i386/arch_dump.c (struct QEMUCPUState), Intel SDM vol. 3 (CR3, CR4).
 */
#include "arch/x86_64.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/checked.h"

/* Both checks passed: nothing better can come. */
#define SCORE_SURE 2
#define MAX_NOTES 16384
#define MAX_SEGMENTS 65536
#define SCAN_LIMIT (UINT64_C(64) << 30)

static const char banner[] = "Linux version ";

/* What the sources say that hold for every candidate. */
struct facts {
	bool has_text, has_end, has_banner, has_pgd;
	uint64_t text, end, linux_banner, pgd; /* link-time addresses */
	uint64_t init, init_size;
	bool has_stext_rt, has_pgd_rt;
	uint64_t stext_rt, pgd_rt; /* run-time addresses, from vmcoreinfo */
	bool has_info_offset, has_info_phys, has_levels;
	uint64_t info_offset, info_phys, image_max, sme_mask;
	unsigned levels;
};

/* One candidate. pgd_pa 0: not told; levels 0: not told. */
struct guess {
	uint64_t offset, phys_base, pgd_pa;
	unsigned levels;
	const char *evidence;
};

struct search {
	const struct arch_env *env;
	struct facts f;
	struct arch_layout best;
	int score;
	bool any;
};

static bool info(const struct arch_env *env, const char *key, int base, uint64_t *ret)
{
	const char *s;
	char *end;

	if (!env->vmcoreinfo || !env->vmcoreinfo(env->ctx, key, &s))
		return false;
	/* Numbers are printed signed: phys_base may be below zero. */
	*ret = *s == '-' ? (uint64_t)strtoll(s, &end, base) : strtoull(s, &end, base);
	return end != s && (*end == '\0' || *end == '\n');
}

static void collect(const struct arch_env *env, struct facts *f)
{
	uint64_t v;

	f->has_text = x86_64_symbol(env, "_text", &f->text) ||
		      x86_64_symbol(env, "_stext", &f->text) ||
		      x86_64_symbol(env, "startup_64", &f->text);
	f->has_end = x86_64_symbol(env, "_end", &f->end);
	f->has_banner = x86_64_symbol(env, "linux_banner", &f->linux_banner);
	f->has_pgd = x86_64_symbol(env, "swapper_pg_dir", &f->pgd) ||
		     x86_64_symbol(env, "init_top_pgt", &f->pgd) ||
		     x86_64_symbol(env, "init_level4_pgt", &f->pgd);

	if (x86_64_symbol(env, "__init_begin", &f->init) &&
	    x86_64_symbol(env, "__init_end", &v) && v > f->init)
		f->init_size = v - f->init;

	f->has_info_offset = info(env, "KERNELOFFSET", 16, &f->info_offset);
	f->has_info_phys = info(env, "NUMBER(phys_base)", 10, &f->info_phys);
	f->has_stext_rt = info(env, "SYMBOL(_stext)", 16, &f->stext_rt);
	f->has_pgd_rt = info(env, "SYMBOL(swapper_pg_dir)", 16, &f->pgd_rt) ||
			info(env, "SYMBOL(init_top_pgt)", 16, &f->pgd_rt);
	f->has_levels = info(env, "NUMBER(pgtable_l5_enabled)", 10, &v);
	f->levels = f->has_levels && v ? 5 : 4;
	if (!info(env, "NUMBER(sme_mask)", 10, &f->sme_mask))
		f->sme_mask = 0;
	if (!info(env, "NUMBER(KERNEL_IMAGE_SIZE)", 10, &f->image_max) ||
	    f->image_max > X86_IMAGE_MAX)
		f->image_max = X86_IMAGE_MAX;
	if (!f->has_info_offset && f->has_stext_rt && f->has_text) {
		f->info_offset = (f->stext_rt - f->text) & ~(X86_IMAGE_ALIGN - 1);
		f->has_info_offset = true;
	}
}

static bool is_banner_at(const struct arch_env *env, uint64_t pa, enum x86_64_verdict *ret)
{
	char buf[sizeof(banner) - 1];

	*ret = X86_UNKNOWN;
	if (err_ok(env->read_phys(env->ctx, pa, buf, sizeof(buf))))
		*ret = memcmp(buf, banner, sizeof(buf)) == 0 ? X86_CONFIRMED : X86_DENIED;
	return *ret == X86_CONFIRMED;
}

static enum x86_64_verdict check_banner(const struct search *s, const struct arch_layout *l)
{
	enum x86_64_verdict v;

	if (!s->f.has_banner)
		return X86_UNKNOWN;
	is_banner_at(s->env, x86_64_image_to_phys(l, s->f.linux_banner + l->kernel_offset), &v);
	return v;
}

/* The image's range of addresses; the end comes later if the symbols don't tell it. */
static void set_image(const struct facts *f, struct arch_layout *l)
{
	uint64_t limit = X86_KERNEL_MAP + f->image_max;

	if (f->has_text)
		l->image_va = f->text + l->kernel_offset;
	else if (f->has_stext_rt)
		l->image_va = f->stext_rt;
	else
		l->image_va = X86_DEFAULT_TEXT + l->kernel_offset;
	if (l->image_va < X86_KERNEL_MAP || l->image_va >= limit)
		l->image_va = X86_KERNEL_MAP; /* nonsense, but never an endless image */
	l->image_size = limit - l->image_va;
	if (f->has_end && f->end + l->kernel_offset > l->image_va &&
	    f->end + l->kernel_offset - l->image_va < l->image_size)
		l->image_size = f->end + l->kernel_offset - l->image_va;
}

static void consider_pgd(struct search *s, struct arch_layout *l, uint64_t pgd_pa)
{
	l->pgd_pa = pgd_pa;
	int score = x86_64_check_map(s->env, l, l->image_va, x86_64_image_to_phys(l, l->image_va));
	enum x86_64_verdict at_banner = l->exact ? check_banner(s, l) : X86_UNKNOWN;
	score += at_banner;
	l->image_sure = at_banner == X86_CONFIRMED;
	if (!s->any || score > s->score) {
		s->best = *l;
		s->score = score;
		s->any = true;
	}
}

/* The kernel's own top table is better than a process' one, but a wrong vmlinux misplaces it: try
 * all. */
static void consider_levels(struct search *s, const struct guess *g, unsigned levels)
{
	struct arch_layout l = {
		.kernel_offset = g->offset,
		.phys_base = g->phys_base,
		.levels = levels,
		.pte_mask_off = s->f.sme_mask,
		.exact = strcmp(g->evidence, "default") != 0,
		.evidence = g->evidence,
	};

	set_image(&s->f, &l);
	l.init_va = s->f.init + g->offset;
	l.init_size = s->f.init_size;
	if (s->f.has_pgd_rt)
		consider_pgd(s, &l, x86_64_image_to_phys(&l, s->f.pgd_rt));
	if (s->f.has_pgd)
		consider_pgd(s, &l, x86_64_image_to_phys(&l, s->f.pgd + l.kernel_offset));
	if (g->pgd_pa || (!s->f.has_pgd_rt && !s->f.has_pgd))
		consider_pgd(s, &l, g->pgd_pa);
}

static bool sure(const struct search *s)
{
	return s->any && s->score >= SCORE_SURE;
}

static void consider(struct search *s, const struct guess *g)
{
	if (g->levels || s->f.has_levels) {
		consider_levels(s, g, g->levels ? g->levels : s->f.levels);
		return;
	}
	consider_levels(s, g, 4);
	if (!sure(s))
		consider_levels(s, g, 5);
}

static bool header_phys_base(const struct arch_env *env, uint64_t *ret)
{
	return env->phys_base && env->phys_base(env->ctx, ret);
}

static bool valid_offset(uint64_t offset)
{
	return offset < X86_IMAGE_MAX && offset % X86_IMAGE_ALIGN == 0;
}

/* The KASLR offset when the image begins on the page at va. */
static bool offset_of_image(const struct facts *f, uint64_t va, uint64_t *ret)
{
	uint64_t text = f->has_text ? f->text : X86_DEFAULT_TEXT;

	*ret = va - (text & ~(X86_IMAGE_ALIGN - 1));
	return valid_offset(*ret);
}

static void try_vmcoreinfo(struct search *s)
{
	struct guess g = {
		.offset = s->f.info_offset, .phys_base = s->f.info_phys, .evidence = "vmcoreinfo"};

	if (s->f.has_info_phys)
		consider(s, &g);
	/* Kernels before 4.10 leave phys_base to the dump's writer. */
	else if (s->f.has_info_offset && header_phys_base(s->env, &g.phys_base))
		consider(s, &g);
}

/* The first mapping of the image by the tables at pgd_pa tells where it is in both address spaces.
 */
static void try_pgd(struct search *s, uint64_t pgd_pa, unsigned levels, const char *evidence)
{
	struct arch_layout l = {.levels = levels, .pte_mask_off = s->f.sme_mask};
	struct guess g = {.pgd_pa = pgd_pa, .levels = levels, .evidence = evidence};
	uint64_t va = X86_KERNEL_MAP;
	struct arch_xlat x;

	if (!x86_64_next_mapping(s->env, &l, pgd_pa, &va, X86_KERNEL_MAP + X86_IMAGE_MAX, &x) ||
	    !offset_of_image(&s->f, va, &g.offset))
		return;
	g.phys_base = x.pa - (va - X86_KERNEL_MAP);
	consider(s, &g);
}

/* struct QEMUCPUState: where the control registers are, and what must be set in long mode. */
enum { QEMU_SIZE = 4, QEMU_CR0 = 392, QEMU_CR3 = 416, QEMU_CR4 = 424, QEMU_END = 432 };
#define CR0_PG (UINT64_C(1) << 31)
#define CR4_PAE (UINT64_C(1) << 5)
#define CR4_LA57 (UINT64_C(1) << 12)

static void try_cpu(struct search *s, const unsigned char *cpu)
{
	uint64_t cr3 = load_u64(cpu + QEMU_CR3) & X86_PTE_PA & ~s->f.sme_mask; /* less the PCID */
	uint64_t cr4 = load_u64(cpu + QEMU_CR4);
	unsigned levels = cr4 & CR4_LA57 ? 5 : 4;

	if (!(load_u64(cpu + QEMU_CR0) & CR0_PG) || !(cr4 & CR4_PAE))
		return;
	/* In user space under PTI CR3 names the second of two pages; without PTI any page will do.
	 */
	try_pgd(s, cr3 & ~X86_PTI_USER, levels, "cr3");
	if (!sure(s) && (cr3 & X86_PTI_USER))
		try_pgd(s, cr3, levels, "cr3");
}

static void try_cr3(struct search *s)
{
	const char *name;
	uint32_t type;
	const void *desc;
	size_t size;

	for (size_t i = 0; s->env->note && i < MAX_NOTES && !sure(s); i++) {
		if (!s->env->note(s->env->ctx, i, &name, &type, &desc, &size))
			return;
		if (strcmp(name, "QEMU") == 0 && size >= QEMU_END &&
		    load_u32((const char *)desc + QEMU_SIZE) >= QEMU_END)
			try_cpu(s, desc);
	}
}

static void try_segments(struct search *s)
{
	struct guess g = {.evidence = "segments"};
	uint64_t pa, va, size, image_pa = 0, image_va = UINT64_MAX;

	for (size_t i = 0; s->env->segment && i < MAX_SEGMENTS; i++) {
		if (!s->env->segment(s->env->ctx, i, &pa, &va, &size))
			break;
		if (va >= X86_KERNEL_MAP && va < X86_KERNEL_MAP + X86_IMAGE_MAX && va < image_va) {
			image_va = va;
			image_pa = pa;
		}
	}
	if (image_va == UINT64_MAX)
		return;
	g.phys_base = image_pa - (image_va - X86_KERNEL_MAP);
	if (offset_of_image(&s->f, image_va & ~(X86_IMAGE_ALIGN - 1), &g.offset))
		consider(s, &g);
}

static void try_header(struct search *s)
{
	struct guess g = {.evidence = "header"};

	if (header_phys_base(s->env, &g.phys_base))
		consider(s, &g);
}

/* An image that begins at physical address pa: its own page table says where it is mapped. */
static void try_image_at(struct search *s, uint64_t pa)
{
	enum x86_64_verdict v;

	if (!is_banner_at(s->env, pa + (s->f.linux_banner - s->f.text), &v))
		return;
	for (unsigned levels = 4; levels <= 5 && !sure(s); levels++)
		try_pgd(s, pa + (s->f.pgd - s->f.text), levels, "scan");
}

static void try_scan(struct search *s)
{
	uint64_t end = s->env->max_pa < SCAN_LIMIT ? s->env->max_pa : SCAN_LIMIT;

	/* With a vmcoreinfo, it's rather the vmlinux that is wrong. */
	if (!s->f.has_text || !s->f.has_banner || !s->f.has_pgd || s->f.has_info_phys)
		return;
	for (uint64_t pa = s->f.text % X86_IMAGE_ALIGN; pa < end && !sure(s); pa += X86_IMAGE_ALIGN)
		try_image_at(s, pa);
}

static void try_default(struct search *s)
{
	struct guess g = {.evidence = "default"};

	consider(s, &g);
}

/* Without symbols the image ends where its page tables have the first hole of 2 MiB. A table that
 * can't be read is no hole. */
static void find_image_end(struct search *s)
{
	struct arch_layout *l = &s->best;
	uint64_t limit = l->image_va + l->image_size, va = l->image_va;

	if (s->f.has_end)
		return;
	while (va < limit) {
		struct arch_xlat x;
		struct err *e = x86_64_walk(s->env, l, l->pgd_pa, va, &x);
		bool hole = e && err_state(e) == MEM_UNMAPPED && x.nlevels < l->levels;
		err_free(e);
		if (hole)
			break;
		va = (va & ~(X86_IMAGE_ALIGN - 1)) + X86_IMAGE_ALIGN;
	}
	if (va > l->image_va)
		l->image_size = (va < limit ? va : limit) - l->image_va;
}

void x86_64_layout(const struct arch_env *env, struct arch_layout *ret)
{
	static void (*const sources[])(struct search *) = {
		try_vmcoreinfo, try_cr3, try_segments, try_header, try_scan, try_default,
	};
	struct search s = {.env = env};

	collect(env, &s.f);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]) && !sure(&s); i++)
		sources[i](&s);
	find_image_end(&s);
	s.best.tables_bad = s.best.image_sure &&
			    x86_64_check_map(env, &s.best, s.best.image_va,
					     x86_64_image_to_phys(&s.best, s.best.image_va)) != X86_CONFIRMED;
	x86_64_find_direct(env, &s.best);
	*ret = s.best;
}

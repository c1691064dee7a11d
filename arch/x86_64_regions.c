/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The map of the address space (Linux' Documentation/arch/x86/x86_64/mm.rst). Three parts move with KASLR:
 * the direct map, vmalloc space and the map of struct pages; for these the kernel's own variables count,
 * else the places that they have without it. A part ends where the next begins, or earlier.
 */
#include "arch/x86_64.h"

#define TB (UINT64_C(1) << 40)
#define PAGE_2M (UINT64_C(2) << 20)

enum { DIRECT, VMALLOC, VMEMMAP, KASAN, MOVING }; /* what may move, in table[] */

struct part {
	const char *name;
	uint64_t start, size; /* size 0: up to the next */
};

static const struct part parts4[] = {
	{"guard hole of the hypervisor", UINT64_C(0xffff800000000000), 0},
	{"LDT remap (page-table isolation)", UINT64_C(0xffff880000000000), TB / 2},
};
static const struct part moving4[MOVING] = {
	[DIRECT] = {"direct map of physical memory", UINT64_C(0xffff888000000000), 64 * TB},
	[VMALLOC] = {"vmalloc space", UINT64_C(0xffffc90000000000), 32 * TB},
	[VMEMMAP] = {"memory map (struct pages)", UINT64_C(0xffffea0000000000), TB},
	[KASAN] = {"KASAN shadow", UINT64_C(0xffffec0000000000), 16 * TB},
};
static const struct part parts5[] = {
	{"guard hole of the hypervisor", UINT64_C(0xff00000000000000), 0},
	{"LDT remap (page-table isolation)", UINT64_C(0xff10000000000000), 256 * TB},
};
static const struct part moving5[MOVING] = {
	[DIRECT] = {"direct map of physical memory", UINT64_C(0xff11000000000000), 32768 * TB},
	[VMALLOC] = {"vmalloc space", UINT64_C(0xffa0000000000000), 12800 * TB},
	[VMEMMAP] = {"memory map (struct pages)", UINT64_C(0xffd4000000000000), 512 * TB},
	[KASAN] = {"KASAN shadow", UINT64_C(0xffdf000000000000), 8192 * TB},
};
static const struct part common[] = {
	{"CPU entry areas", UINT64_C(0xfffffe0000000000), TB / 2},
	{"ESPFIX stacks", UINT64_C(0xffffff0000000000), TB / 2},
	{"EFI runtime services", X86_EFI_START, UINT64_C(64) << 30},
	{"kernel image", X86_KERNEL_MAP, X86_IMAGE_MAX},
	{"module space", X86_KERNEL_MAP + X86_IMAGE_MAX, UINT64_C(0x3f000000)},
	{"fixmap", UINT64_C(0xffffffffff000000), UINT64_C(0x600000)},
	{"vsyscall page", UINT64_C(0xffffffffff600000), 4096},
	{"fixmap", UINT64_C(0xffffffffff601000), UINT64_C(0x1ff000)},
	{"error pointers", UINT64_C(0xfffffffffffff000), 4096},
};

struct finding {
	uint64_t va;
	struct arch_region *ret;
};

static void within(struct finding *f, const struct part *p)
{
	uint64_t last = p->size ? p->start + p->size - 1 : p->start;

	if (f->va >= p->start && (!p->size || f->va <= last)) {
		*f->ret = (struct arch_region){p->name, p->start, p->size ? last : f->ret->last};
	} else if (p->start > f->va && p->start - 1 < f->ret->last) {
		f->ret->last = p->start - 1;
	} else if (p->size && f->va > last && last >= f->ret->start) {
		f->ret->start = last + 1;
	}
}

static void moving(struct finding *f, const struct arch_layout *l, const struct arch_bases *b)
{
	const struct part *table = l->levels == 5 ? moving5 : moving4;
	const uint64_t at[MOVING] = {l->direct_size ? l->direct_va : 0, b->vmalloc, b->vmemmap, 0};

	/* from the highest down, so that none reaches into the one behind it */
	for (int i = MOVING - 1; i >= 0; i--) {
		struct part p = table[i];
		if (i == KASAN && b->vmemmap)
			continue; /* its place with KASLR isn't told, and few kernels have it */
		if (at[i])
			p.start = at[i];
		if (i == DIRECT && l->direct_size)
			p.size = (l->direct_size + PAGE_2M - 1) & ~(PAGE_2M - 1);
		within(f, &p);
	}
}

void x86_64_region(const struct arch_layout *l, const struct arch_bases *b, uint64_t va,
		   struct arch_region *ret)
{
	const struct part *parts = l->levels == 5 ? parts5 : parts4;
	uint64_t half = UINT64_C(1) << (l->levels == 5 ? 56 : 47);
	struct finding f = {va, ret};

	if (va < half) {
		*ret = (struct arch_region){va < 65536 ? "lowest 64 KiB, which nothing maps" : "user space",
					    va < 65536 ? 0 : 65536, va < 65536 ? 65535 : half - 1};
		return;
	}
	if (va < -half) {
		*ret = (struct arch_region){"non-canonical address", half, -half - 1};
		return;
	}
	*ret = (struct arch_region){"hole between the kernel's regions", -half, UINT64_MAX};
	for (unsigned i = 0; i < 2; i++)
		within(&f, &parts[i]);
	moving(&f, l, b);
	for (unsigned i = 0; i < sizeof(common) / sizeof(*common); i++)
		within(&f, &common[i]);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Facts of x86-64 that its files share; nobody else includes this.
 *
 * Thread: any; everything here is immutable or the caller's.
 * Sources: the psABI (DWARF register numbers), Intel SDM vol. 3 ch. 4 (paging), Linux'
 * Documentation/arch/x86/x86_64/mm.rst, arch/x86/include/asm/{pgtable_64_types,pgtable-invert}.h.
 */
#ifndef ARCH_X86_64_H
#define ARCH_X86_64_H

#include "arch/arch.h"

/* DWARF numbers. orig_rax has none of its own: it gets one that the psABI leaves reserved. */
enum x86_64_reg {
	X86_RAX,
	X86_RDX,
	X86_RCX,
	X86_RBX,
	X86_RSI,
	X86_RDI,
	X86_RBP,
	X86_RSP,
	X86_R8,
	X86_R9,
	X86_R10,
	X86_R11,
	X86_R12,
	X86_R13,
	X86_R14,
	X86_R15,
	X86_RIP,
	X86_RFLAGS = 49,
	X86_CS = 51,
	X86_SS = 52,
	X86_FS_BASE = 58,
	X86_GS_BASE = 59,
	X86_ORIG_RAX = 60,
};

#define X86_KERNEL_MAP UINT64_C(0xffffffff80000000) /* __START_KERNEL_map */
#define X86_EFI_START UINT64_C(0xffffffef00000000) /* EFI_VA_END: runtime services, below the image */
#define X86_IMAGE_MAX (UINT64_C(1) << 30)	    /* KERNEL_IMAGE_SIZE with KASLR, its largest */
#define X86_IMAGE_ALIGN (UINT64_C(2) << 20)	    /* the image starts on a 2 MiB page */
#define X86_DEFAULT_TEXT UINT64_C(0xffffffff81000000) /* _text with the usual PHYSICAL_START */

#define X86_PTE_P (UINT64_C(1) << 0)
#define X86_PTE_PSE (UINT64_C(1) << 7)
#define X86_PTE_PROTNONE (UINT64_C(1) << 8) /* software's meaning, while P is clear */
#define X86_PTE_PA UINT64_C(0x000ffffffffff000)
#define X86_PTI_USER (UINT64_C(1) << 12) /* CR3: the user half of a page-table pair */

#define X86_64_NREGS 23
extern const struct arch_reg x86_64_regs[X86_64_NREGS];
#define X86_PRSTATUS_PID 32
#define X86_PT_REGS_SIZE 168

struct err *x86_64_regs_from_prstatus(const void *desc, size_t n, struct regs *ret);
struct err *x86_64_regs_from_pt_regs(const void *image, size_t n, struct regs *ret);
bool x86_64_may_be_code(uint64_t va);
bool x86_64_regs_user(const struct regs *r);
bool x86_64_regs_plausible(const struct regs *r);

struct err *x86_64_walk(const struct arch_env *env, const struct arch_layout *l, uint64_t pgd_pa,
			uint64_t va, struct arch_xlat *ret);
bool x86_64_linear(const struct arch_layout *l, uint64_t va, uint64_t *pa);
bool x86_64_is_kernel(const struct arch_layout *l, uint64_t va);
void x86_64_region(const struct arch_layout *l, const struct arch_bases *b, uint64_t va,
		   struct arch_region *ret);
void x86_64_pte_flags(uint64_t entry, char *buf, size_t n);
bool x86_64_swap_entry(uint64_t entry, unsigned *type, uint64_t *offset);
/* The first mapping at or after va and before end, by the tables at pgd_pa; *va moves to it. Tables
 * that can't be read are stepped over. false: none, or more holes than a sane kernel has. */
bool x86_64_next_mapping(const struct arch_env *env, const struct arch_layout *l, uint64_t pgd_pa,
			 uint64_t *va, uint64_t end, struct arch_xlat *ret);

void x86_64_layout(const struct arch_env *env, struct arch_layout *ret);
/* Fills in direct_va and direct_size of a layout whose other members are known. */
void x86_64_find_direct(const struct arch_env *env, struct arch_layout *l);

/* What the evidence says about a claim. Sums of these rank the candidates for a layout. */
enum x86_64_verdict { X86_DENIED = -1, X86_UNKNOWN = 0, X86_CONFIRMED = 1 };
/* Do the page tables of l map va to pa? */
enum x86_64_verdict x86_64_check_map(const struct arch_env *env, const struct arch_layout *l,
				     uint64_t va, uint64_t pa);
/* arch_env's symbol(), which may be NULL. */
static inline bool x86_64_symbol(const struct arch_env *env, const char *name, uint64_t *ret)
{
	return env->symbol && env->symbol(env->ctx, name, ret);
}
/* Where an address of the image lies. */
static inline uint64_t x86_64_image_to_phys(const struct arch_layout *l, uint64_t va)
{
	return va - X86_KERNEL_MAP + l->phys_base;
}

#endif

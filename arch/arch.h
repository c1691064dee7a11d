/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What differs between machines, as one const table a machine, chosen at run time from the dump.
 *
 * To add one: (1) its register table and prstatus layout, (2) layout(): where the kernel lives,
 * (3) walk(): its page tables, (4) the unwinding facts; then list it in arch.c and build a lab
 * dump. A NULL function means that the machine doesn't have the thing, and the program says so.
 *
 * arch/ knows nothing of the engine above base: what it must ask comes through struct arch_env.
 * Thread: any; everything here is immutable or the caller's.
 */
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/err.h"

#define ARCH_MAX_REGS 64

/* Registers of one frame or CPU, by DWARF register number; `pc` has a number too (arch->reg_pc). */
struct regs {
	uint64_t v[ARCH_MAX_REGS];
	uint64_t known; /* bit n: v[n] is known */
};

static inline bool regs_has(const struct regs *r, unsigned n)
{
	return n < ARCH_MAX_REGS && (r->known >> n & 1);
}

static inline void regs_set(struct regs *r, unsigned n, uint64_t v)
{
	r->v[n] = v;
	r->known |= UINT64_C(1) << n;
}

static inline void regs_forget(struct regs *r, unsigned n)
{
	r->known &= ~(UINT64_C(1) << n);
}

struct arch_reg {
	const char *name;   /* "rdi" */
	const char *member; /* its member in struct pt_regs ("di"); NULL: not saved there */
	int16_t dwarf;	    /* DWARF number: the index in struct regs */
	int16_t prstatus;   /* byte offset in NT_PRSTATUS' descriptor; -1: not there */
	int16_t pt_regs;    /* byte offset in the kernel's struct pt_regs; -1: not there */
};

/* How one virtual address was translated: all levels that were looked at, for vtop. */
struct arch_xlat {
	uint64_t pa;	    /* physical address of the byte */
	uint64_t page_size; /* of the mapping: 4096, 2 MiB, 1 GiB. Where nothing is mapped: what the entry covers at
			     * which the walk ended; 0: there was none */
	bool linear; /* pa is not what the tables say: they can't be read, or contradict what is known */
	unsigned nlevels;
	struct {
		const char *name; /* "PGD", "P4D", "PUD", "PMD", "PTE" */
		uint64_t entry_pa, entry;
	} level[5];
};

/* What an architecture asks of the engine. Each returns false/an error when it doesn't know. */
struct arch_env {
	void *ctx;
	struct err *(*read_phys)(void *ctx, uint64_t pa, void *buf, size_t n);
	/* A vmlinux symbol's link-time address (no KASLR offset applied). */
	bool (*symbol)(void *ctx, const char *name, uint64_t *ret);
	bool (*vmcoreinfo)(void *ctx, const char *key, const char **ret);
	/* The i-th note of the dump. */
	bool (*note)(void *ctx, size_t i, const char **name, uint32_t *type, const void **desc,
		     size_t *size);
	/* PT_LOAD segments with virtual addresses; false at the end. */
	bool (*segment)(void *ctx, size_t i, uint64_t *pa, uint64_t *va, uint64_t *size);
	/* phys_base of the dump's own header; false: not told. */
	bool (*phys_base)(void *ctx, uint64_t *ret);
	/* One past the highest physical address; 0: not known. All callbacks but read_phys may be
	 * NULL. */
	uint64_t max_pa;
};

/* Where this kernel lives. Made once by layout(). */
struct arch_layout {
	uint64_t kernel_offset;	       /* KASLR: run-time minus link-time address of the image */
	uint64_t phys_base;	       /* physical minus (image virtual - __START_KERNEL_map) */
	uint64_t pgd_pa;	       /* the kernel's top page table, physical */
	unsigned levels;	       /* of page tables: 4 or 5 */
	uint64_t pte_mask_off;	       /* bits to clear in table entries: SME/SEV C-bit, 0: none */
	uint64_t image_va, image_size; /* the kernel image, at run time */
	uint64_t init_va, init_size;   /* the part of the image that is freed after boot; size 0:
					* not known */
	uint64_t direct_va, direct_size; /* the direct map; size 0: not known */
	bool exact;			 /* false: no evidence was found, these are the defaults */
	bool image_sure; /* linux_banner is where phys_base says */
	bool tables_bad; /* the page tables don't map the image or the direct map where they are */
	/* Where it is from: "vmcoreinfo", "cr3", "segments", "header", "scan", "default". */
	const char *evidence;
};

/* A part of the address space that the kernel keeps for one use. */
struct arch_region {
	const char *name; /* "vmalloc space" */
	uint64_t start, last; /* both included */
};

/* Where such parts begin on this boot, as the kernel's variables say; 0: not known. */
struct arch_bases {
	uint64_t vmalloc, vmemmap;
};

struct arch {
	const char *name; /* "x86-64" */
	uint16_t e_machine;
	unsigned ptr_size;
	unsigned page_size;
	const struct arch_reg *regs;
	size_t nregs;
	unsigned reg_pc, reg_sp, reg_fp;
	/* A native system call: how the function begins that it enters by, the array of its functions, and the
	 * register that keeps its number (DWARF). */
	const char *syscall_entry, *syscall_table;
	unsigned reg_syscall;
	/* The six (or so) integer-argument registers of a call, DWARF numbers, in order. */
	const uint8_t *arg_regs;
	size_t nargs;
	uint64_t callee_saved; /* bit n: DWARF register n survives a call */
	/* What a task that is switched away leaves at its saved stack pointer: DWARF registers, from there up,
	 * the return address last. */
	const uint8_t *switch_frame;
	size_t nswitch;
	size_t pt_regs_size;
	size_t prstatus_pid; /* offset of the pid in NT_PRSTATUS */

	/* Finds out where the kernel lives. Always fills ret with something usable. */
	void (*layout)(const struct arch_env *env, struct arch_layout *ret);
	/* Translates va by the page tables at pgd_pa. ERR_FAULT (MEM_UNMAPPED, or the state of the
	 * table page that can't be read) when it isn't mapped; ret's levels are filled as far as
	 * seen. */
	struct err *(*walk)(const struct arch_env *env, const struct arch_layout *l,
			    uint64_t pgd_pa, uint64_t va, struct arch_xlat *ret);
	/* The first mapping at or after *va and before end, by the tables at pgd_pa; *va moves to it. Tables
	 * that can't be read are stepped over. false: none; where *va is less than end then, and has
	 * grown, there were more holes than one call looks over: go on from there. */
	bool (*next_mapping)(const struct arch_env *env, const struct arch_layout *l, uint64_t pgd_pa,
			     uint64_t *va, uint64_t end, struct arch_xlat *ret);
	/* Direct map and kernel image without page tables; false: va is in neither. */
	bool (*linear)(const struct arch_layout *l, uint64_t va, uint64_t *pa);
	/* Is va a kernel address by its form (canonical, upper half)? */
	bool (*is_kernel)(const struct arch_layout *l, uint64_t va);
	/* Could kernel code be there: image, modules, what is made at run time (BPF, trampolines), firmware? */
	bool (*may_be_code)(uint64_t va);
	/* The registers of an NT_PRSTATUS note. */
	struct err *(*regs_from_prstatus)(const void *desc, size_t n, struct regs *ret);
	/* The registers in a struct pt_regs image of n bytes. */
	struct err *(*regs_from_pt_regs)(const void *image, size_t n, struct regs *ret);
	/* Did this pt_regs come from user space? */
	bool (*regs_user)(const struct regs *r);
	/* Could the processor have saved this pt_regs: segments and flags as the kernel runs with? */
	bool (*regs_plausible)(const struct regs *r);
	/* The part of the address space that va lies in; always one, if only a hole. */
	void (*region)(const struct arch_layout *l, const struct arch_bases *b, uint64_t va,
		       struct arch_region *ret);
	/* Page-table entry flags as words ("P RW A D PSE NX"), into buf. */
	void (*pte_flags)(uint64_t entry, char *buf, size_t n);
	/* Of a user space's last-level entry that maps nothing: the swap area and the page's place there that it
	 * keeps; false: it is empty. NULL function: not known. */
	bool (*swap_entry)(uint64_t entry, unsigned *type, uint64_t *offset);
};

/* By ELF e_machine, or by uname's machine name when e_machine is 0; NULL: not one of ours. */
const struct arch *arch_find(uint16_t e_machine, const char *uts_machine);
/* The name of a DWARF register; NULL: none. */
const char *arch_reg_name(const struct arch *a, unsigned dwarf);

extern const struct arch arch_x86_64;

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of x86-64 and where they are saved.
 *
 * NT_PRSTATUS is struct elf_prstatus: 112 bytes of process facts (the pid at 32), then
 * user_regs_struct, which is pt_regs plus fs_base, gs_base and the segment registers. The kernel's
 * struct pt_regs is the same order from r15 to ss, 168 bytes. With FRED the upper bits of the cs
 * and ss slots carry other things (struct fred_cs, fred_ss), so both are cut to 16 bits.
 */
#include "arch/x86_64.h"
#include <inttypes.h>
#include "engine/base/checked.h"

#define PRSTATUS_REGS 112

/* At byte `off` of pt_regs, hence at the same place of prstatus' registers. */
#define SAVED_AT(nm, mem, num, off)                                                                \
	{                                                                                          \
		nm, mem, num, PRSTATUS_REGS + (off), off                                           \
	}

const struct arch_reg x86_64_regs[X86_64_NREGS] = {
	SAVED_AT("rax", "ax", X86_RAX, 80),
	SAVED_AT("rbx", "bx", X86_RBX, 40),
	SAVED_AT("rcx", "cx", X86_RCX, 88),
	SAVED_AT("rdx", "dx", X86_RDX, 96),
	SAVED_AT("rsi", "si", X86_RSI, 104),
	SAVED_AT("rdi", "di", X86_RDI, 112),
	SAVED_AT("rbp", "bp", X86_RBP, 32),
	SAVED_AT("rsp", "sp", X86_RSP, 152),
	SAVED_AT("r8", "r8", X86_R8, 72),
	SAVED_AT("r9", "r9", X86_R9, 64),
	SAVED_AT("r10", "r10", X86_R10, 56),
	SAVED_AT("r11", "r11", X86_R11, 48),
	SAVED_AT("r12", "r12", X86_R12, 24),
	SAVED_AT("r13", "r13", X86_R13, 16),
	SAVED_AT("r14", "r14", X86_R14, 8),
	SAVED_AT("r15", "r15", X86_R15, 0),
	SAVED_AT("rip", "ip", X86_RIP, 128),
	SAVED_AT("rflags", "flags", X86_RFLAGS, 144),
	SAVED_AT("cs", "cs", X86_CS, 136),
	SAVED_AT("ss", "ss", X86_SS, 160),
	SAVED_AT("orig_rax", "orig_ax", X86_ORIG_RAX, 120),
	{"fs_base", NULL, X86_FS_BASE, PRSTATUS_REGS + 168, -1},
	{"gs_base", NULL, X86_GS_BASE, PRSTATUS_REGS + 176, -1},
};

static void load_reg(struct regs *r, const struct arch_reg *reg, const unsigned char *at)
{
	uint64_t v = load_u64(at);

	if (reg->dwarf == X86_CS || reg->dwarf == X86_SS)
		v &= 0xffff;
	regs_set(r, (unsigned)reg->dwarf, v);
}

struct err *x86_64_regs_from_prstatus(const void *desc, size_t n, struct regs *ret)
{
	*ret = (struct regs){0};
	if (n < PRSTATUS_REGS + X86_PT_REGS_SIZE)
		return err_new(ERR_CORRUPT,
			       "NT_PRSTATUS note of %zu bytes is too short for x86-64's registers "
			       "(at least %d): this CPU's registers are unknown",
			       n, PRSTATUS_REGS + X86_PT_REGS_SIZE);
	for (size_t i = 0; i < X86_64_NREGS; i++) {
		const struct arch_reg *reg = &x86_64_regs[i];
		if (range_ok((uint64_t)reg->prstatus, 8, n))
			load_reg(ret, reg, (const unsigned char *)desc + reg->prstatus);
	}
	return NULL;
}

struct err *x86_64_regs_from_pt_regs(const void *image, size_t n, struct regs *ret)
{
	*ret = (struct regs){0};
	if (n < X86_PT_REGS_SIZE)
		return err_new(ERR_CORRUPT,
			       "struct pt_regs is %d bytes on x86-64, but only %zu are here",
			       X86_PT_REGS_SIZE, n);
	for (size_t i = 0; i < X86_64_NREGS; i++)
		if (x86_64_regs[i].pt_regs >= 0)
			load_reg(ret, &x86_64_regs[i],
				 (const unsigned char *)image + x86_64_regs[i].pt_regs);
	return NULL;
}

/* The privilege level that was interrupted is in the two low bits of cs. */
bool x86_64_regs_user(const struct regs *r)
{
	return regs_has(r, X86_CS) && (r->v[X86_CS] & 3) == 3;
}

/* The selectors of asm/segment.h: kernel code and data, user code (64 and 32 bit) and data; Xen's PV
 * guests have their own. A processor in long mode may save a null ss. */
enum {
	KERNEL_CS = 0x10,
	KERNEL_DS = 0x18,
	USER32_CS = 0x23,
	USER_DS = 0x2b,
	USER_CS = 0x33,
	XEN_CS = 0xe030,
	XEN_USER_CS = 0xe033,
	XEN_USER32_CS = 0xe023,
	XEN_DS = 0xe02b,
	LDT_USER = 7, /* of a process with segments of its own: the three low bits */
};
#define FLAGS_IF UINT64_C(0x200)				   /* user space can't clear it */
#define FLAGS_ONE UINT64_C(0x2)				   /* always set, but for what execve() begins with */
#define FLAGS_NONE (UINT64_C(0x8028) | ~UINT64_C(0x3fffff)) /* reserved: always clear */

bool x86_64_regs_plausible(const struct regs *r)
{
	uint64_t cs = r->v[X86_CS], ss = r->v[X86_SS], flags = r->v[X86_RFLAGS];

	if (!regs_has(r, X86_CS) || !regs_has(r, X86_SS) || !regs_has(r, X86_RFLAGS))
		return false;
	bool user = cs == USER_CS || cs == USER32_CS;
	/* start_thread() writes X86_EFLAGS_IF alone, and the processor adds the other bit when it goes there */
	if ((!(flags & FLAGS_ONE) && !(user && flags == FLAGS_IF)) || flags & FLAGS_NONE)
		return false;
	if (user)
		return ss == USER_DS;
	if ((cs & LDT_USER) == LDT_USER)
		return (ss & 3) == 3 && flags & FLAGS_IF;
	if (cs == XEN_CS || cs == XEN_USER_CS || cs == XEN_USER32_CS)
		return ss == XEN_DS;
	return cs == KERNEL_CS && (ss == KERNEL_DS || !ss);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-64, put together. The calling convention is the System V one: six integer arguments in
 * registers, and rbx, rbp, r12-r15 (and rsp) survive a call.
 */
#include "arch/x86_64.h"
#include <elf.h>

#define SAVED(r) (UINT64_C(1) << (r))

static const uint8_t arg_regs[] = {X86_RDI, X86_RSI, X86_RDX, X86_RCX, X86_R8, X86_R9};

/* Since 4.9: __switch_to_asm pushes them. Before, only rbp was saved so. */
static const uint8_t switch_frame[] = {X86_R15, X86_R14, X86_R13, X86_R12, X86_RBX, X86_RBP, X86_RIP};

const struct arch arch_x86_64 = {
	.name = "x86-64",
	.e_machine = EM_X86_64,
	.ptr_size = 8,
	.page_size = 4096,
	.regs = x86_64_regs,
	.nregs = X86_64_NREGS,
	.reg_pc = X86_RIP,
	.reg_sp = X86_RSP,
	.reg_fp = X86_RBP,
	.syscall_entry = "entry_SYSCALL_64",
	.syscall_table = "sys_call_table",
	.reg_syscall = X86_ORIG_RAX,
	.arg_regs = arg_regs,
	.nargs = sizeof(arg_regs),
	.callee_saved = SAVED(X86_RBX) | SAVED(X86_RBP) | SAVED(X86_RSP) | SAVED(X86_R12) |
			SAVED(X86_R13) | SAVED(X86_R14) | SAVED(X86_R15),
	.switch_frame = switch_frame,
	.nswitch = sizeof(switch_frame),
	.pt_regs_size = X86_PT_REGS_SIZE,
	.prstatus_pid = X86_PRSTATUS_PID,
	.layout = x86_64_layout,
	.walk = x86_64_walk,
	.next_mapping = x86_64_next_mapping,
	.linear = x86_64_linear,
	.is_kernel = x86_64_is_kernel,
	.may_be_code = x86_64_may_be_code,
	.regs_from_prstatus = x86_64_regs_from_prstatus,
	.regs_from_pt_regs = x86_64_regs_from_pt_regs,
	.regs_user = x86_64_regs_user,
	.regs_plausible = x86_64_regs_plausible,
	.region = x86_64_region,
	.pte_flags = x86_64_pte_flags,
	.swap_entry = x86_64_swap_entry,
};

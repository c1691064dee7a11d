/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * An instruction as data flow sees it: what it does to the sixteen general registers and to memory.
 * What isn't listed here in so many words is taken as writing whatever it could.
 *
 * Thread: any; a value.
 */
#ifndef DIS_INSN_H
#define DIS_INSN_H

#include "engine/dis/dis.h"

#define NREGS 16 /* general registers, by DWARF number */
#define REG_RAX 0
#define REG_RDX 1
#define REG_RCX 2
#define REG_RBX 3
#define REG_RSI 4
#define REG_RDI 5
#define REG_RBP 6
#define REG_RSP 7
#define NO_REG 0xff
#define ALL_REGS 0xffffu

enum action {
	ACT_OTHER, /* a, b and `writes` are written with something */
	ACT_NONE,  /* writes no general register and no memory */
	ACT_MOV,   /* a = b */
	ACT_MOVZX, /* a = b, zero-extended */
	ACT_MOVSX,
	ACT_LEA, /* a = address of b */
	ACT_ADD, /* a = a + b; inc is one */
	ACT_SUB,
	ACT_AND,
	ACT_OR,
	ACT_XOR,
	ACT_CMOV, /* a = a or b */
	ACT_XCHG,
	ACT_PUSH, /* a */
	ACT_POP,
	ACT_LEAVE,
	ACT_EXTEND, /* rax = sign extension of its lower half (cltq) */
	ACT_ALU,    /* a = something; b is read */
	ACT_STRING, /* a, memory at rdi, is written, from memory at rsi if b is that */
};

enum operand_kind { OPND_NONE, OPND_REG, OPND_MEM, OPND_IMM };

struct operand {
	uint8_t kind;
	uint8_t size;		    /* bytes */
	uint8_t reg;		    /* OPND_REG */
	bool high;		    /* ah, bh, ch, dh */
	uint8_t base, index, scale; /* OPND_MEM; NO_REG: none */
	bool segment;		    /* relative to fs or gs */
	bool absolute;		    /* OPND_MEM: v is the address, rip-relative ones too */
	int64_t v;		    /* immediate or displacement */
};

struct insn {
	uint64_t pc;
	uint8_t size;
	uint8_t action; /* enum action */
	uint8_t flow;	/* enum dis_flow */
	bool has_target;
	bool string;	 /* may stop half-way, with rcx, rsi, rdi changed */
	bool rep;	 /* as often as rcx says */
	bool from_file;	 /* absolute addresses in it are link-time ones */
	uint32_t writes; /* registers that are written besides the operands' */
	uint64_t target;
	struct operand a, b;
};

/* Decodes the instruction at pc of c. false: pc isn't in c. */
bool insn_read(struct decoder *x, struct code *c, uint64_t pc, struct insn *ret);

#endif

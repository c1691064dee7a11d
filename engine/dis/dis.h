/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Disassembly of the kernel's code as it ran: the dump's own text, with alternatives, static calls
 * and jump labels patched in. Where the dump has lost the page, the file's text stands in and says
 * so: it is not patched, and absolute addresses in it lack the KASLR offset. The same goes for the
 * kernel's init text, whose memory is somebody else's after the boot.
 *
 * An instruction that capstone doesn't know is stepped over by its length, and shown as bytes.
 *
 * Thread: any, for a struct dis. A decoder belongs to one thread at a time.
 *
 * Sources: Intel SDM vol. 2 (instruction formats), capstone's x86.h, GNU as for the AT&T syntax.
 */
#ifndef DIS_DIS_H
#define DIS_DIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/mem/mem.h"
#include "engine/sym/sym.h"

struct dis;

/* m, st: borrowed, must outlive it. */
struct dis *dis_create(struct mem *m, struct symtab *st);
void dis_destroy(struct dis *d);
/* Can the code of this machine be decoded at all? ERR_UNSUPPORTED says why not. */
struct err *dis_usable(const struct dis *d);

/* A function: its symbol, and the range of its code. */
struct dis_func {
	struct sym sym;
	uint64_t start, end; /* end is one past */
};
/* The function that pc lies in. ERR_NOTFOUND: no symbol covers it. */
struct err *dis_func_at(struct dis *d, uint64_t pc, struct dis_func *ret);

#define CODE_PAGE 4096

/* The bytes of a range of code, borrowed from nobody: code_free() it. */
struct code {
	uint64_t start;
	size_t n; /* bytes; fewer than asked for when neither the dump nor a file has more */
	uint8_t *bytes;
	uint8_t *from_file; /* one a page of memory that the range touches: 1: not from the dump */
	bool any_file;	    /* any of them is set */
	bool init;	    /* init text: from the file on purpose */
	bool patched_out;   /* breakpoints (kprobes) were replaced by the file's bytes */
	enum mem_state why; /* why there is not more */
};
/* ERR_FAULT when there is not even one byte; ERR_USAGE for a range that is too long. */
struct err *code_read(struct dis *d, uint64_t start, uint64_t end, struct code *ret);
void code_free(struct code *c);
/* Is the byte at this address the file's? */
bool code_from_file(const struct code *c, uint64_t pc);

/* What an instruction does to the program's flow. */
enum dis_flow {
	DIS_NEXT, /* goes on to the next instruction */
	DIS_CALL, /* to target, comes back */
	DIS_CALL_INDIRECT,
	DIS_JUMP, /* to target */
	DIS_JUMP_INDIRECT,
	DIS_BRANCH, /* to target, or on */
	DIS_RETURN, /* also from interrupts and system calls */
	DIS_TRAP,   /* ud2 and the like: the kernel's BUG, and WARN, which comes back */
};

struct dis_insn {
	uint64_t pc;
	uint8_t size;
	uint8_t bytes[15];
	bool known; /* false: capstone can't decode it; text is .byte */
	enum dis_flow flow;
	bool has_target; /* of a direct call or jump */
	uint64_t target;
	bool has_data; /* an address in memory that it names: rip-relative or absolute */
	uint64_t data;
	bool percpu; /* data counts from the per-CPU area's base (gs) */
};

struct decoder;
/* ERR_UNSUPPORTED for other machines than x86-64. */
struct err *decoder_create(struct dis *d, struct decoder **ret);
void decoder_destroy(struct decoder *x);
/* Decodes the instruction at pc, which must lie in c. text (may be NULL) gets it in AT&T syntax,
 * with symbols. Always advances: ret->size is at least 1. Puts back what a breakpoint has replaced.
 * false: pc isn't in c. */
bool decode(struct decoder *x, struct code *c, uint64_t pc, struct dis_insn *ret, struct buf *text);
/* One instruction's text, read by itself; "?" when it can't be. */
void dis_text_at(struct dis *d, uint64_t pc, struct buf *text);
/* "symbol+0x12" for an address in code or data; nothing when no symbol covers it. */
void dis_symbol(struct dis *d, uint64_t addr, struct buf *out);

#endif

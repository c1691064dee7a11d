/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What is known at one point of a function, whatever way led there: which registers and stack slots
 * hold the same value, and what that is in terms of the values on entry.
 *
 * A value is a symbol plus a constant, maybe cut and extended. A symbol stands for one unknown
 * number: a register on entry, what an instruction last produced, or what came together where paths
 * meet. Two places with the same symbol hold the same number, which is all that recovery needs: if
 * one of them can still be read, the other is known.
 *
 * Thread: one at a time; nothing is shared.
 */
#ifndef DIS_STATE_H
#define DIS_STATE_H

#include "engine/dis/insn.h"

#define MAX_SLOTS 128

enum {
	SYM_UNKNOWN,	    /* not even equal to itself */
	SYM_CONST,	    /* the number is `add` */
	SYM_ENTRY = 16,	    /* + DWARF register: its value on entry */
	SYM_INSN = 64,	    /* + 4 * instruction + which of its results */
	SYM_MEET = 1 << 30, /* + block << 10 | place: where paths meet */
};

/* What was done to symbol + constant last. */
enum ext { EXT_NONE, EXT_Z32, EXT_S32, EXT_Z16, EXT_S16, EXT_Z8, EXT_S8 };

struct val {
	uint32_t sym;
	uint32_t ext; /* enum ext */
	int64_t add;
};

struct place {
	struct val v;
	uint32_t
		by; /* 1 + index of the instruction that put it there; 0: since entry, or several */
};

struct slot {
	int32_t off; /* from the stack pointer on entry */
	uint32_t size;
	struct place at;
};

struct state {
	bool visited;
	bool escaped; /* an address in the frame may be known elsewhere: others may write to it */
	struct place reg[NREGS];
	struct slot *slot; /* by offset, never overlapping */
	size_t n, cap;
};

void state_free(struct state *s);
void state_copy(struct state *to, const struct state *from);
/* Same values everywhere? (Not: by the same instructions.) */
bool state_equal(const struct state *a, const struct state *b);
/* The state on entry to a function. */
void state_entry(struct state *s);
/* Nothing is known: code that is reached in a way that we don't see. */
void state_unknown(struct state *s);
/* What holds whichever of n ways was taken; block: the number of the place where they meet. */
void state_meet(struct state *ret, const struct state *const *v, size_t n, uint32_t block);

/* Read-only memory, for loads of constants. false: not read-only, or not readable. */
struct effects {
	bool (*constant)(void *ctx, uint64_t addr, void *buf, size_t n);
	/* A call that leaves all registers alone (the function tracer's). */
	bool (*harmless)(void *ctx, const struct insn *in);
	void *ctx;
	uint64_t image_lo,
		image_hi; /* link-time addresses: unusable as numbers in the file's text */
	uint32_t *from;	  /* by instruction: `by` of what it moved on */
};
/* Applies instruction number i. */
void state_step(struct state *s, const struct insn *in, uint32_t i, const struct effects *fx);
/* A call is on its way: gives up the slots that who is called may write to. Registers stay as they
 * were given to it. */
void state_called(struct state *s);
/* What a fault in the instruction leaves to its handler: nothing that it may have touched. */
void state_fault(struct state *s, const struct insn *in, unsigned reg);

/* The stack pointer's distance from what it was on entry; false: not known. */
bool state_height(const struct state *s, int64_t *ret);

bool val_same(struct val a, struct val b);
/* How many low bits of symbol + constant the value shows. */
unsigned val_bits(struct val v);
/* v's number when symbol + constant is `base`: extended from the bits that it keeps. */
uint64_t val_extend(struct val v, uint64_t base);

#endif

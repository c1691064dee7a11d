/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The argument registers of a call, recovered without debug info: by data flow (flow.h) in the
 * function itself (where has it kept what it was given?) and in its caller (what did it put there,
 * and what still has the same value?), on the dump's own patched text.
 *
 * Never a guess: a value is shown only if it is proved that the register held it when the function
 * was entered. Memory other than the frame's own, untouched slots and read-only data may have
 * changed since the call, so what was loaded from there is unknown unless it was also kept.
 *
 * Thread: any. A struct args belongs to one stack and one thread at a time.
 *
 * Source: System V ABI for x86-64, sections 3.2.1 and 3.2.3.
 */
#ifndef DIS_ARGS_H
#define DIS_ARGS_H

#include "engine/dis/flow.h"
#include "engine/sym/line.h"
#include "engine/type/type.h"
#include "engine/unwind/unwind.h"

struct args;

/* One step of the proof, as a person would do it by hand. */
struct arg_step {
	uint64_t pc;   /* of an instruction; 0: none */
	char text[96]; /* of it; "" */
	char what[96]; /* "rbx still holds it", "rbx saved by schedule at [0xffff...]" */
};

struct arg_value {
	unsigned bits; /* how many low bits are known: 64, 32, 16, 8; 0: not known, see why */
	uint64_t value;
	bool conflict; /* two ways gave different values: that should never be */
	char why[96];
	uint64_t set_at;	/* the instruction of the caller that put it there; 0: not known */
	struct arg_step *steps; /* NULL when not asked for */
	size_t nsteps;
};

/* f, st: borrowed, must outlive it. */
struct args *args_create(struct flow *f, const struct stack *st);
void args_destroy(struct args *a);
/* What register reg (DWARF number) held when the function of physical frame i was entered. The
 * steps are the caller's (arg_value_free); they cost time: steps says whether they are wanted. */
void args_entry(struct args *a, size_t i, unsigned reg, bool steps, struct arg_value *ret);
void arg_value_free(struct arg_value *v);

/* Which parameter of a function comes in which register. */
struct arg_param {
	unsigned reg;	  /* DWARF number */
	const char *name; /* "" when the prototype has none */
	const struct type *type;
	uint64_t size; /* bytes of it that matter */
};
#define MAX_ARG_PARAMS 6
/* What a prototype is found with. */
struct args_sources {
	struct dis *dis;
	struct lines *lines;
	struct types *types; /* NULL: there are no prototypes */
};
/* The parameters in registers of a function, by its prototype; *n 0: no prototype, or one that the
 * compiler hasn't kept to (.isra, .constprop, .part). func: an address in it. Never waits for
 * DWARF's index. */
void args_params(const struct args_sources *from, uint64_t func, struct job *job,
		 struct arg_param ret[MAX_ARG_PARAMS], size_t *n);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the files of engine/dis share. Only of use inside it.
 */
#ifndef DIS_IMPL_H
#define DIS_IMPL_H

#include <capstone/capstone.h>
#include <pthread.h>
#include "engine/dis/dis.h"

/* Control flow that isn't in the instructions: from one address to another. */
struct edge {
	uint64_t from, to; /* run-time addresses */
	uint8_t reg;	   /* EXTABLE: DWARF register that the handler may write; 0xff: none */
};
struct edges {
	struct edge *v; /* by from */
	size_t n, cap;
};

/* Some of them, side by side; borrowed. */
struct edge_range {
	const struct edge *v;
	size_t n;
};

/* Of one kernel: the one in memory, or the vmlinux that turned up later. Read once, kept to the
 * end. */
struct tables {
	struct tables *next;
	const struct object *of;
	struct edges faults; /* exception table: a faulting instruction, and where it goes on */
	struct edges labels; /* jump labels: patchable jumps, and where they can go */
};

struct dis {
	struct mem *mem;
	const struct arch *arch;
	struct symtab *symtab;
	pthread_mutex_t lock; /* around the following */
	struct tables *tables;
	struct decoder *idle; /* decoders for the next who wants one: capstone is slow to open */
};

struct decoder {
	struct dis *dis;
	csh intel,
		att; /* operands are wanted destination first, text is wanted as kernel people's */
	cs_insn *insn, *shown;
	struct decoder *next; /* idle */
};

/* Length of the x86-64 instruction at p, of which n bytes are to be had, by its encoding alone; 0:
 * it is none. */
unsigned x86_insn_length(const uint8_t *p, size_t n);

void tables_free(struct dis *d);
/* The edges that begin in [start, end) of an object's text. false: they aren't known (modules).
 * Thread: any; they stay. */
struct hidden {
	struct edge_range faults, labels;
};
bool hidden_edges(struct dis *d, struct object *o, uint64_t start, uint64_t end, struct hidden *ret);

/* n bytes of the object's file at a run-time address; false: there are none that can be used. */
bool file_text(struct object *o, uint64_t addr, void *buf, size_t n);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Whose an address is among the CPUs: per-CPU variables and memory, and the stacks that a CPU has for
 * interrupts, exceptions and system calls.
 *
 * Thread: any; looked up once.
 * Sources: Linux' mm/percpu.c, mm/percpu-internal.h (struct pcpu_chunk), arch/x86/include/asm/processor.h
 * (struct irq_stack), arch/x86/include/asm/cpu_entry_area.h.
 */
#ifndef KERN_PERCPU_H
#define KERN_PERCPU_H

#include "engine/kern/session.h"

enum percpu_kind { PERCPU_STATIC, PERCPU_MODULE, PERCPU_DYNAMIC };
struct percpu_place {
	enum percpu_kind kind;
	unsigned cpu;
	uint64_t pointer;   /* the same place as __percpu pointer: what all CPUs have in common */
	const char *name;   /* STATIC: the variable; MODULE: the module; else NULL */
	uint64_t start;	    /* where that begins on this CPU */
	uint64_t size;	    /* of the variable or the module's part; 0: not known */
};
bool percpu_at(struct session *s, uint64_t va, struct percpu_place *ret);

struct cpu_stack_place {
	unsigned cpu;
	char name[32];	     /* "IRQ", "NMI", "entry", "NMI guard" ... */
	bool guard;	     /* not the stack but the hole before it */
	bool area;	     /* no stack: another part of the cpu_entry_area, name says which ("gdt", "tss") */
	uint64_t start, end; /* end is one past */
};
/* Stacks of CPUs, and what else is in their cpu_entry_area. */
bool cpu_stack_at(struct session *s, uint64_t va, struct cpu_stack_place *ret);

#endif

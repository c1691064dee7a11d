/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * DWARF call frame information (.debug_frame) of one object, as rules by pc. Only of use inside
 * engine/unwind.
 *
 * libdw finds an FDE in .debug_frame by walking the section and keeping every FDE that it passes in
 * a tree (2.5 MB and 70,000 FDEs in 6.1's vmlinux); so the index is our own, 8 bytes an FDE, and
 * the programs are run here.
 *
 * Thread: any once opened; the index is immutable.
 *
 * Source: DWARF 5 section 6.4, System V ABI x86-64 supplement section 3.6.
 */
#ifndef UNWIND_CFI_H
#define UNWIND_CFI_H

#include "engine/unwind/rule.h"

struct cfi_fde;
struct cfi_table {
	const uint8_t *data; /* the section, borrowed */
	size_t size;
	uint64_t base;	      /* link-time address that `start` counts from */
	struct cfi_fde *fdes; /* sorted by start */
	size_t n;
};

/* Indexes the section. What can't be read is left out; ERR_CORRUPT when nothing can. */
struct err *cfi_open(const struct object_section *s, struct cfi_table *ret);
void cfi_close(struct cfi_table *t);
/* The rules at a link-time pc: CFA and registers into ret (flow CALL, source CFI). ret->exprs is
 * set. false: no FDE covers pc, or it is damaged; ret is untouched. */
bool cfi_rule(const struct cfi_table *t, const struct arch *a, uint64_t pc, struct rule *ret);

#endif

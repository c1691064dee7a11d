/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The kernel's own symbol table, out of the dump's memory: what makes a dump readable without any
 * vmlinux. Names are compressed by a table of 256 tokens; addresses come in one of four encodings,
 * which are told apart by trying: places that the dump tells otherwise (vmcoreinfo) must come out.
 *
 * vmcoreinfo names the tables since Linux 6.0; for older kernels kallsyms_find() looks for them in
 * the image. Everything read is untrusted. Pages that the dump has lost cost the symbols on them.
 *
 * Thread: any once opened; immutable.
 *
 * Sources: Linux' kernel/kallsyms.c and scripts/kallsyms.c of 4.6 to 7.2.
 */
#ifndef SYM_KALLSYMS_H
#define SYM_KALLSYMS_H

#include "engine/sym/sym.h"

/* A symbol whose run-time address is known from elsewhere. */
struct kallsyms_anchor {
	const char *name;
	uint64_t addr;
};

/* Where it all is read from. */
struct kallsyms_source {
	/* Reads kernel memory; returns how many bytes from the start could be read. */
	size_t (*read)(void *ctx, uint64_t addr, void *buf, size_t n);
	void *ctx;
	uint64_t image, image_end; /* the kernel's image: what symbols lie in */
	const struct kallsyms_anchor *anchors;
	size_t nanchors; /* up to KALLSYMS_ANCHORS are used */
};
#define KALLSYMS_ANCHORS 6u

/* Run-time addresses of the tables; 0: this kernel has none such. */
struct kallsyms_tables {
	uint64_t names, num_syms, token_table, token_index;
	uint64_t offsets, relative_base; /* 32-bit offsets, from the base or (no base) from their place */
	uint64_t addresses;		 /* 64-bit addresses, up to 6.10 */
};

struct kallsyms;

/* ERR_CORRUPT, ERR_FAULT: the tables can't be used, and why. */
struct err *kallsyms_open(const struct kallsyms_source *src, const struct kallsyms_tables *t,
			  struct kallsyms **ret);
void kallsyms_close(struct kallsyms *k);
/* Looks through the image for the tables. ERR_NOTFOUND. */
struct err *kallsyms_find(const struct kallsyms_source *src, struct job *job,
			  struct kallsyms_tables *ret);

/* Symbols, lost ones included; the i-th is given by kallsyms_get(), false for a lost one. Its size
 * reaches to the next symbol, as the kernel's own traces take it; linker's markers have none. */
uint32_t kallsyms_count(const struct kallsyms *k);
bool kallsyms_get(const struct kallsyms *k, uint32_t i, struct sym *ret);
/* The lowest address in the image, and the highest. */
void kallsyms_bounds(const struct kallsyms *k, uint64_t *low, uint64_t *high);
uint32_t kallsyms_lost(const struct kallsyms *k);
/* By name, slowly: the first one. */
bool kallsyms_by_name(const struct kallsyms *k, const char *name, struct sym *ret);
/* "absolute", "base-relative", "absolute per-CPU", "place-relative" */
const char *kallsyms_encoding(const struct kallsyms *k);

/* What is worth keeping of it between sessions; arrays are borrowed. Addresses are the run-time ones
 * of the session that it was read in. */
struct kallsyms_parts {
	uint32_t n, percpu_last; /* percpu_last: index of __per_cpu_end; UINT32_MAX: none */
	uint32_t encoding;
	const char *text; /* names: their letter, the name, NUL */
	size_t text_len;
	const uint32_t *name; /* n offsets in text */
	const uint64_t *addr; /* n */
	uint64_t percpu, percpu_end, low, high;
};
void kallsyms_get_parts(const struct kallsyms *k, struct kallsyms_parts *ret);
/* Makes it of parts, which stay borrowed, with everything from low to high moved by slide. The parts
 * are untrusted. ERR_CORRUPT. */
struct err *kallsyms_of_parts(const struct kallsyms_parts *p, uint64_t slide, struct kallsyms **ret);

/* Adds them as the symbols of o; k becomes st's. A file's .symtab, added later for the same object,
 * takes their place. */
void symtab_add_kallsyms(struct symtab *st, struct object *o, struct kallsyms *k);

#endif

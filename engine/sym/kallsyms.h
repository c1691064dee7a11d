/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The kernel's own symbol table, out of the dump's memory: what makes a dump readable without any
 * vmlinux. Names are compressed by a table of 256 tokens; addresses come in one of four encodings,
 * which are told apart by trying: places that the dump tells otherwise (vmcoreinfo) must come out.
 *
 * vmcoreinfo names the tables since Linux 6.0; for older kernels kallsyms_find() looks for them in
 * the image. Everything read is untrusted. Pages that the dump has lost cost the symbols on them.
 *
 * Thread: any once opened.
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
	/* The same in the background, in ascending order; begin NULL: it can't. wait() gives how many bytes from the
	 * start are there, at least `want` unless the next one never will be; end() leaves the rest unread, and frees. */
	void *(*begin)(void *ctx, uint64_t addr, void *buf, size_t n);
	size_t (*wait)(void *piece, size_t want);
	void (*end)(void *piece);
	/* Some symbols, of all, are on pages that the dump doesn't have; called once, maybe much later. May be NULL. */
	void (*lost)(void *ctx, uint32_t lost, uint32_t all);
	void *ctx;
	uint64_t image, image_end; /* the kernel's image: what symbols lie in */
	uint64_t slide;		   /* what KASLR has moved it by */
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

/* Reads what is likely to be asked for first; more is read when somebody asks for it, so src->ctx must live as long as
 * what comes out. ERR_CORRUPT, ERR_FAULT: the tables can't be used, and why. */
struct err *kallsyms_open(const struct kallsyms_source *src, const struct kallsyms_tables *t,
			  struct kallsyms **ret);
void kallsyms_close(struct kallsyms *k);
/* Looks through the image for the tables. ERR_NOTFOUND. */
struct err *kallsyms_find(const struct kallsyms_source *src, struct job *job,
			  struct kallsyms_tables *ret);

/* Symbols, lost ones included; the i-th is given by kallsyms_get(), false for a lost one. Its size
 * reaches to the next symbol, as the kernel's own traces take it; linker's markers have none. */
uint32_t kallsyms_count(const struct kallsyms *k);
bool kallsyms_get(struct kallsyms *k, uint32_t i, struct sym *ret);
/* Only its address and type, which is cheaper; false also for a label. */
bool kallsyms_place(struct kallsyms *k, uint32_t i, uint64_t *addr, char *type);
/* The next symbol of that name; start with *i = 0. */
bool kallsyms_next_named(struct kallsyms *k, const char *name, uint32_t *i, struct sym *ret);
/* The one at the highest address, for which mostly not all names have to be read; global_will_do: or a global one. */
bool kallsyms_last_named(struct kallsyms *k, const char *name, bool global_will_do, struct sym *ret);
/* Reads all names, as the other calls do. */
void kallsyms_complete(struct kallsyms *k);
/* Does the i-th one's name begin with these n characters? */
bool kallsyms_begins(struct kallsyms *k, uint32_t i, const char *prefix, size_t n);
/* The lowest address in the image, and the highest. */
void kallsyms_bounds(const struct kallsyms *k, uint64_t *low, uint64_t *high);
uint32_t kallsyms_lost(struct kallsyms *k);
/* "absolute", "base-relative", "absolute per-CPU", "place-relative" */
const char *kallsyms_encoding(const struct kallsyms *k);

/* What is worth keeping of it between sessions: as it came out of the dump, and what was made of it. Addresses are
 * those of the session that it was read in, whose image had been moved by slide. data is borrowed. */
enum { KALLSYMS_RAW, KALLSYMS_AT, KALLSYMS_NEXT, KALLSYMS_HEADS, KALLSYMS_NAMES, KALLSYMS_TOKENS, KALLSYMS_DATA };
struct kallsyms_shape {
	uint32_t n, heads, encoding, width, two_bytes;
	uint64_t slide, base, place, low, high;
};
struct kallsyms_parts {
	struct kallsyms_shape shape;
	struct {
		const void *p; /* the first four are of 32-bit numbers, aligned so */
		size_t n;      /* bytes */
	} data[KALLSYMS_DATA];
};
void kallsyms_get_parts(struct kallsyms *k, struct kallsyms_parts *ret);
/* Makes it of parts, which stay borrowed, for an image that is moved by slide. The parts are untrusted.
 * ERR_CORRUPT. */
struct err *kallsyms_of_parts(const struct kallsyms_parts *p, uint64_t slide, struct kallsyms **ret);

/* Adds them as the symbols of o; k becomes st's. A file's .symtab, added later for the same object,
 * takes their place. */
void symtab_add_kallsyms(struct symtab *st, struct object *o, struct kallsyms *k);

#endif

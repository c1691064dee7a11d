/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Symbols: names and addresses of functions and data in vmlinux and modules.
 *
 * Providers: ELF .symtab of an object; a module's own symbol table out of the dump's memory (given
 * by symtab_add_list). Per-CPU symbols: up to 6.12 the .data..percpu section is linked at 0 and
 * its symbols are offsets, which the load bias must not touch; newer kernels link it at an
 * ordinary address. The section's address decides.
 *
 * Thread: any for look-ups; adding objects: one thread, before or between look-ups (internally
 * locked).
 */
#ifndef SYM_SYM_H
#define SYM_SYM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/err.h"
#include "engine/object/object.h"

struct symtab;

struct sym {
	const char *name;	/* borrowed: lives as long as the symtab */
	uint64_t addr;		/* run-time address; of 0-based per-CPU symbols the offset */
	uint64_t size;		/* bytes; 0: not told (then up to the next symbol) */
	struct object *object;	/* whose it is */
	char type;		/* nm's letter: T t D d B b R r A V W; lower case: local */
	bool percpu;		/* lies in the per-CPU section */
};

/* A label that the compiler left behind (".LC4"): nobody's name. The kernel passes it over when it looks
 * for one (kernel/module/kallsyms.c, is_mapping_symbol), and so does every table here. */
bool sym_is_label(const char *name);

struct symtab *symtab_create(void);
void symtab_destroy(struct symtab *st);

/* Adds the .symtab of an object (borrowed). An object without one, or a module's relocatable file (whose
 * addresses only the dump knows): ERR_NODEBUG. Again, once the object's bias has changed: its symbols move. */
struct err *symtab_add_object(struct symtab *st, struct object *o);
/* Forgets the object's symbols, whose names must no longer be in use: it is going to be closed. */
void symtab_drop_object(struct symtab *st, const struct object *o);
/* Adds symbols from elsewhere (a module's kallsyms); names are copied. */
void symtab_add_list(struct symtab *st, struct object *o, const struct sym *v, size_t n);

/* By name; the first global one, else the first local one. false: no such symbol. */
bool sym_find(struct symtab *st, const char *name, struct sym *ret);
/* Of o's symbols of that name the one at the highest address: of the kernel's, a variable rather than a function. Out
 * of a dump's memory it is found without all names having been read. */
bool sym_find_last(struct symtab *st, const struct object *o, const char *name, struct sym *ret);
/* All symbols of a name, in address order; i counts from 0. */
bool sym_find_nth(struct symtab *st, const char *name, size_t i, struct sym *ret);
/* The symbol that covers addr (its own size, or up to the next symbol of the same section kind).
 * Among aliases: one with a size before a bare marker (__irqentry_text_start), then a global one
 * first, then the shortest name without "__pfx_" and "__cfi_". 0-based per-CPU symbols are never
 * found here: their offsets are no addresses, and every small number would look like one. */
bool sym_at(struct symtab *st, uint64_t addr, struct sym *ret, uint64_t *offset);
/* The per-CPU variable that code means by %gs:addr: 0-based ones too. */
bool sym_percpu_at(struct symtab *st, uint64_t addr, struct sym *ret, uint64_t *offset);
/* As sym_at, but functions only: what a pc belongs to. */
bool sym_func_at(struct symtab *st, uint64_t pc, struct sym *ret, uint64_t *offset);
/* Walks all, in address order; start with *i = 0. Absolute symbols (type A) are no addresses: they
 * are found by name only, and neither walked nor counted. */
bool sym_next(struct symtab *st, size_t *i, struct sym *ret);
size_t symtab_count(struct symtab *st);
/* Names that begin with prefix, in order, up to max; returns how many. For completion. */
size_t sym_complete(struct symtab *st, const char *prefix, const char **ret, size_t max);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Inside of the symbol table: where the symbols come from and the two indices over them.
 */
#ifndef SYM_IMPL_H
#define SYM_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include "engine/base/arena.h"
#include "engine/sym/kallsyms.h"
#include "engine/sym/sym.h"

/* One provider. Its symbols have the ids first .. first + n - 1. */
struct sym_table {
	struct object *object;
	uint32_t first, n;
	uint64_t low, high;	   /* all its run-time addresses lie in [low, high) */
	struct object_symbols elf; /* v NULL: a list */
	uint64_t bias;
	struct sym *list; /* in the arena */
	struct kallsyms *kallsyms;
	bool replaced; /* by another table of the same object: only its names still live */
};

struct symtab {
	pthread_rwlock_t lock; /* of all that follows */
	struct sym_table *tables;
	size_t ntables, tables_cap;
	uint32_t nids;
	struct arena strings;

	bool order_ready, names_ready;
	uint64_t *addrs; /* sorted; parallel to ids */
	uint32_t *ids;
	size_t nordered;
	uint32_t *heads, *next; /* chains of ids, but kallsyms', by name_hash(); UINT32_MAX: the end */
	uint32_t head_mask;

	/* Not under the lock. changes: how often symbols came or went; the rest is symdata.c's, as it was at data_of. */
	atomic_uint changes, data_of;
	_Atomic uint64_t data_low, data_high; /* 0: not known */
};

/* symtab.c: id's symbol; false when it is none that anybody wants (file names, sections ...). */
bool sym_record(const struct symtab *st, uint32_t id, struct sym *ret);
/* Only its address and type, where sym_record() is true. Cheaper. */
bool sym_place(const struct symtab *st, uint32_t id, uint64_t *addr, char *type);
/* Only its name; NULL where sym_record() is false. Cheaper. */
const char *sym_name(const struct symtab *st, uint32_t id);
/* Does its name begin with these n characters? */
bool sym_begins(const struct symtab *st, uint32_t id, const char *prefix, size_t n);
/* End of the section or range that the symbol lies in: how far one without a size can reach. */
uint64_t sym_limit(const struct symtab *st, uint32_t id, const struct sym *s);
bool sym_is_code(const struct sym *s);

/* symfind.c: sym_find() without what sym_tell_data() knows. */
bool sym_find_raw(struct symtab *st, const char *name, struct sym *ret);

/* symdata.c: s is text by its section's flags; is it data nevertheless? Then its type becomes that of data. Without the
 * lock. */
bool sym_tell_data(struct symtab *st, struct sym *s);

/* symindex.c. With the lock held for writing. */
void sym_build_order(struct symtab *st);
void sym_build_names(struct symtab *st);

#endif

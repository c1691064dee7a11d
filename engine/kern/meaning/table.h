/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The table of meanings: what the kernel's numbers stand for where no type says so. A text file,
 * linux.meanings, is built in; a user's file of the same syntax adds to it and wins over it.
 * Its syntax is told at the top of linux.meanings (which `vmbrowse --docs meanings` prints).
 *
 * Thread: parsing, one; after that any.
 */
#ifndef KERN_MEANING_TABLE_H
#define KERN_MEANING_TABLE_H

#include <pthread.h>
#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/hmap.h"

enum cond_what { COND_MEMBER, COND_TYPE, COND_CONST, COND_SYMBOL, COND_SIZE };

struct meaning_cond {
	struct meaning_cond *next;
	enum cond_what what;
	bool unless;
	const char *name;
	uint64_t size;
};

enum entry_kind { ENTRY_VALUE, ENTRY_NUMBERS, ENTRY_MASKS };

struct meaning_entry {
	struct meaning_entry *next;
	enum entry_kind kind;
	const char *name;  /* VALUE: the flag's; others: the pattern that enumerators are shown by */
	const char *value; /* VALUE: "0x40", "A|B"; others: the pattern that they must match */
	const char *mask;  /* of a field; NULL: none */
	const char *from;  /* an enumerator of the enum; NULL for VALUE */
	struct meaning_cond *conds;
};

/* One name as this kernel has it. */
struct meaning_bit {
	const char *name;
	uint64_t value, mask;
};

struct meaning_group {
	const char *name;
	bool values; /* a number, no flags */
	struct meaning_entry *entries;
	unsigned line; /* where it is first spoken of */
	const char *file;
	bool defined;
	/* groups.c: filled at the first use, under the table's lock */
	bool resolved;
	struct meaning_bit *bits;
	size_t nbits, cap;
};

struct meaning_rule {
	enum { RULE_ENUM, RULE_GROUP, RULE_PATH, RULE_KIND } what;
	const char *arg;	     /* ENUM: an enumerator; PATH: the member */
	char how;		     /* PATH: 's'tring, 'n'umber, 'p'ointer */
	struct meaning_group *group; /* GROUP */
	const struct meaning_kind *kind;
};

struct meaning_table {
	struct arena arena;
	struct smap members; /* "struct.member", ".variable" -> struct meaning_rule * */
	struct smap types;   /* typedef's or struct's name -> the same */
	struct smap groups;
	pthread_mutex_t lock; /* of groups' resolved parts */
};

struct meaning_table *meaning_table_create(void);
void meaning_table_destroy(struct meaning_table *t);
/* Adds what a text says. What is wrong with it goes to errors, "file:line: message" a line, and costs only its
 * own line. */
void meaning_table_parse(struct meaning_table *t, const char *text, size_t n, const char *file,
			 struct buf *errors);
/* in "": a variable's. NULL: there is none. */
const struct meaning_rule *meaning_rule_of_member(const struct meaning_table *t, const char *in,
						  const char *member);
const struct meaning_rule *meaning_rule_of_type(const struct meaning_table *t, const char *name);

/* A number as a text has it: 12, 0x1f, 017, BIT(3). */
bool meaning_number(const char *text, uint64_t *ret);

/* The table that is built in; not NUL-terminated. */
const char *meaning_builtin(size_t *n);

#endif

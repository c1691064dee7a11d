/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What a value means to a kernel person: names for flags and constants, times as ages, the name or path of
 * what a pointer leads to. Rules come from a table (table.h) that a user's file extends.
 *
 * All reads are few and bounded; what can't be read gives no meaning, never an error.
 *
 * Thread: any, after meaning_open().
 */
#ifndef KERN_MEANING_MEANING_H
#define KERN_MEANING_MEANING_H

#include "engine/kern/session.h"
#include "engine/model/ref.h"

/* A value to be told of. */
struct meaning_query {
	const struct type *type; /* with its typedefs */
	const struct type *in;	 /* the struct that has it as `member`; NULL: of none, or not known */
	const char *member;
	uint64_t addr;	      /* where it lies in kernel memory; 0: nowhere */
	const uint8_t *bytes; /* its bytes; NULL: only addr */
	size_t n;
	bool scalar; /* it is, or is as good as, a number: */
	uint64_t u;  /* sign- or zero-extended to 64 bits */
};

struct meaning {
	struct buf text; /* safe for a terminal; empty: nothing is known */
	bool hex;	 /* the number itself reads better in hexadecimal */
	struct ref ref;	 /* what it leads to (a lock's owner); REF_NONE: nothing */
};

/* Reads the user's file, if there is one ($XDG_CONFIG_HOME/vmbrowse/meanings); what is wrong with it
 * becomes warnings of the session. While opening only. */
void meaning_open(struct session *s);
/* Is there anything to tell? Adds to ret, which was {0}; free with meaning_free. */
bool meaning_get(struct session *s, const struct meaning_query *q, struct meaning *ret);
/* One line about the object of type t at addr, as for a pointer to it. */
bool meaning_of_object(struct session *s, const struct type *t, uint64_t addr, struct buf *out);
void meaning_free(struct meaning *m);
/* The names of a word's bits, by a group of the table ("VM"): nothing for 0, or when there is no such group. */
void meaning_bits(struct session *s, const char *group, uint64_t value, struct buf *out);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What containers hold: C doesn't say it, so a table does. Lines of text, the built-in ones first
 * and then the user's, from $XDG_CONFIG_HOME/vmbrowse/lists; a later line wins. Nothing is believed
 * that this dump's types don't confirm. The syntax: holdings_builtin, whose first lines tell it.
 *
 * Thread: any; read once.
 */
#ifndef KERN_KNOWN_H
#define KERN_KNOWN_H

#include "engine/kern/container/container.h"

/* A container with what is known about it. Strings live as long as the session. */
struct holding {
	struct container c;
	const struct type *element; /* NULL: not known */
	const char *element_name;   /* "struct inode"; "" */
	const char *link;	    /* "i_sb_list"; "" */
	const char *head;	    /* "super_block.s_inodes", as it was asked for */
};

/* The container in member path of the object of type t at base. ERR_NOTFOUND: the member is none;
 * other errors: as type_member()'s. When it is the link of an element, not a head: that element's
 * ring, at_node. */
struct err *holding_of_member(struct session *s, const struct type *t, const char *path,
			      uint64_t base, struct holding *ret);
/* The container that a variable of this name is, its type being t (NULL: not known). */
struct err *holding_of_symbol(struct session *s, const char *name, const struct type *t,
			      uint64_t addr, struct holding *ret);
/* Calls fn with each variable of the table that this kernel has, if the type of its elements is known. Errors: fn's. */
struct err *holdings_each_variable(struct session *s, struct err *(*fn)(void *ctx, const struct holding *h), void *ctx);
/* Is a member's type that of a container, or is the member known to be one? Cheap. */
bool holding_is_member(struct session *s, const struct type *t, const char *path,
		       enum container_kind *kind);
/* Which members of a type are worth a column: "i_ino,i_mode"; from the table, else the ones that
 * look so. Interned; may be "". */
const char *holding_columns(struct session *s, const struct type *t);

/* What can't be understood in the user's file; NULL: nothing. */
const char *holdings_problem(struct session *s);
/* columns.c uses it: what the table says of a type; NULL: nothing. */
const char *holding_columns_known(struct session *s, const char *type);

struct holdings;
void holdings_destroy(struct holdings *h);
/* For tests: reads lines; what can't be understood is told in *problem (malloc'ed; NULL: nothing). */
struct holdings *holdings_parse(struct session *s, const char *text, char **problem);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The elements of a container as a table: what `list` and `tree` share. A row an element, its members
 * as columns; damage is a row of its own.
 *
 * Thread: any.
 */
#ifndef CMD_ELEMENTS_H
#define CMD_ELEMENTS_H

#include "engine/cmd/cmd.h"
#include "engine/kern/container/known.h"

struct elements {
	const struct cmd_call *call;
	struct holding h;	/* what is walked; its element: whose members are shown */
	const char *columns;	/* "pid,comm"; NULL: chosen by the element's type; "": none */
	uint64_t shift;		/* the type begins so many bytes before the addresses (`list -l`) */
	bool hex;
	bool whole;		/* every member of each element, as children of its row */
	bool positions;		/* show where in the tree an element is */
	const char *table;	/* "list" or "tree" */
	const char *crash;	/* the crash command that gives the same */
	struct ref ref;		/* what is shown, as a whole */
};

/* Walks and shows. */
struct err *elements_show(const struct elements *e);

/* "inode", "struct inode": a type by the name that people give. */
struct err *elements_type(const struct cmd_call *c, const char *name, const struct type **ret);
/* "inode.i_sb_list", or a number of bytes: an offset, and the type if there is one (NULL else). */
struct err *elements_offset(const struct cmd_call *c, const char *text, uint64_t *ret,
			    const struct type **type, const char **link);
/* "inode.i_ino,i_mode" or "inode" (-s): the type and its members; repeats of the type are fine. */
struct err *elements_members(struct elements *e, const char *text);
/* "super_block.s_inodes@0x...": a member of an object. */
struct err *elements_of_ref(const struct cmd_call *c, const char *text, struct elements *e);
/* The command that opens a ref's object as a container; false: it is none. */
bool elements_command(struct session *s, const struct ref *r, struct buf *out);
/* A variable's name, if it is a container's; false: it isn't one. */
bool elements_of_symbol(const struct cmd_call *c, const char *text, struct elements *e);
/* The same of a member by an expression, if it is the head of something known: init_net.dev_base_head. */
bool elements_of_expression(const struct cmd_call *c, const char *text, struct elements *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * How typed memory becomes rows: members with nested structs under them, arrays, bitfields, enums by
 * name, strings, function pointers by symbol; every pointer a link. `struct`, `union`, `p` and the
 * variables of `bt` all show values through this.
 *
 * Thread: any.
 */
#ifndef CMD_SHOW_H
#define CMD_SHOW_H

#include "engine/cmd/cmd.h"
#include "engine/kern/meaning/meaning.h"
#include "engine/kern/session.h"
#include "engine/type/value.h"

/* How to show. */
struct show_style {
	bool hex;	/* integers in hexadecimal */
	bool offsets;	/* addresses of members as a visible column */
	bool follow;	/* under each pointer what it points to */
};

/* ---- showvalue.c: one value ---- */

/* One scalar or pointer as a cell, with its link and its meaning (symbol, enum name, string). */
struct shown {
	struct cell value;
	struct buf text;    /* what people see in place of the number; may be empty */
	struct buf meaning; /* may be empty */
	char *keep;	    /* what the value's text is kept in; may be NULL */
};
void shown_free(struct shown *s);
/* The value of type t whose bytes are p (n of them; NULL: unreadable, why tells). */
void show_scalar(struct session *s, const struct type_place *place, const void *p, size_t n,
		 enum mem_state why, bool hex, struct shown *ret);
/* The same for chars: a string, or bytes in hexadecimal if they aren't one. more: there were more. */
void show_text(const uint8_t *p, size_t n, bool more, enum mem_state why, struct shown *ret);
/* Adds what the value means (engine/kern/meaning): names of flags in place of a bare number, what a
 * pointer leads to. q->scalar and q->u are filled in from ret where it is a number. */
void show_meaning(struct session *s, struct meaning_query *q, bool hex, struct shown *ret);
/* The last name of an expression: "init_task.flags" is about flags. */
const char *show_last_name(const char *text);
/* Is t a struct with one scalar in it (atomic_t, kuid_t ...), which is as good as the scalar? place->offset:
 * where t is; becomes where the scalar is. */
bool only_scalar(const struct type *t, struct type_place *place);

/* ---- showline.c ---- */

/* A value of any type in one line: scalars, strings; structs by their members if they are few. */
void show_line(struct session *s, const struct type *t, const void *p, size_t n,
	       enum mem_state why, struct shown *ret);

/* ---- show.c: rows ---- */

/* The object of type t at addr. root: what it is called in a ref ("struct super_block"), path: the member of root
 * that t is ("s_writers"; "" for the whole): rows' paths and links begin with it. base: root's address. */
struct show_object {
	const struct type *type;
	const struct type *in;	/* the struct that it is a member of, and its name there; NULL: of none */
	const char *member;
	struct space space;
	uint64_t addr, base;
	uint32_t bit_offset, bit_size; /* of a bitfield in the bytes at addr; 0: none */
	const char *root, *path;
	/* For one object among several: what the paths of its rows begin with ("[1].", "parent->"; NULL:
	 * nothing), and how deep in the tree they are. */
	const char *prefix;
	unsigned depth;
};
extern const struct table show_table, show_table_offsets;
/* Rows for the object, into c->out after its heading was begun. */
struct err *show_rows(const struct cmd_call *c, const struct show_object *o,
		      const struct show_style *style);
/* A row for people that is no member: where an object leads that no pointer in it says. */
struct err *show_link(const struct cmd_call *c, const char *name, const char *text, struct ref ref);
/* showlinks.c: the object's rows, and such links before them (a super_block's mount point, device, and who
 * waits) and after them (who waits, where there is something to wait for). */
struct err *show_object(const struct cmd_call *c, const struct show_object *o,
			const struct show_style *style);
/* showchildren.c: the same rows as children of the row before, whose table has show_table as its child. */
struct err *show_children(const struct cmd_call *c, const struct show_object *o,
			  const struct show_style *style);
/* One row for a value that was read elsewhere (a bitfield by its path). */
struct err *show_one(const struct cmd_call *c, const char *path, const struct type_place *place,
		     struct shown *v);
/* The same for one member among others: a row of its own with its members under it. */
struct err *show_member(const struct cmd_call *c, const struct show_object *o,
			const struct show_style *style);

/* struct.c: a type by its name; where that has no "struct" or "union" in front, keyword stands there first. */
struct err *find_type(const struct cmd_call *c, const char *keyword, const char *name,
		      const struct type **ret);

/* whatis.c: lines of C under definition_table, a row each; takes the text apart. */
extern const struct table definition_table;
struct err *show_code(const struct cmd_call *c, struct buf *text);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * C types of the kernel, from whichever provider has them: BTF (fast, every struct, no plain
 * globals) or DWARF (all, slower, needs the name index). One interface; a struct type is an
 * immutable object that lives as long as its `struct types`; targets and members are loaded when
 * first asked for.
 *
 * A name that is defined differently in several units resolves to the definition that vmlinux' BTF
 * has, else the first one in DWARF; a declaration resolves to the definition of the same name. A
 * module's types come first when asked through its own object.
 *
 * Thread: any (internally locked while loading).
 *
 * Sources: Linux' Documentation/bpf/btf.rst, include/uapi/linux/btf.h; DWARF 4 and 5, chapter 5.
 */
#ifndef TYPE_TYPE_H
#define TYPE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/base/intern.h"
#include "engine/job/job.h"
#include "engine/object/object.h"
#include "engine/sym/dwarfindex.h"

struct types;
struct type;

enum type_kind {
	TYPE_VOID,
	TYPE_INT,   /* char, bool, integers */
	TYPE_FLOAT,
	TYPE_POINTER,
	TYPE_ARRAY,
	TYPE_STRUCT,
	TYPE_UNION,
	TYPE_ENUM,
	TYPE_TYPEDEF,
	TYPE_FUNCTION, /* a function type: parameters and result */
	TYPE_QUALIFIED, /* const, volatile, restrict, atomic */
};

struct member {
	const char *name; /* "" for an anonymous struct, union or unnamed bitfield */
	const struct type *type;
	uint64_t bit_offset; /* from the start of the struct */
	uint32_t bit_size;   /* of a bitfield; 0: not a bitfield */
};

struct enumerator {
	const char *name;
	int64_t value; /* for an unsigned 64-bit enum: reinterpret */
};

struct param {
	const char *name; /* "" when the provider has none */
	const struct type *type;
};

/* Providers are tried in the order BTF, DWARF. in: where names are interned; borrowed. */
struct types *types_create(struct intern *in);
void types_destroy(struct types *ts);
/* Adds an object's BTF and/or DWARF (x may be NULL: then its DWARF is not used for names). The first
 * object is vmlinux; later ones are modules, whose split BTF builds on it. Both are borrowed and
 * must outlive ts: names point into them. Adding an object again takes what has turned up since.
 * ERR_NODEBUG: it has none. */
struct err *types_add_object(struct types *ts, struct object *o, struct dwarfindex *x);
/* Has the names of this object's types ready, by BTF or else by DWARF, whose index is built if there is none
 * yet: names that only DWARF has are not waited for otherwise. A module's debug file is looked for. */
struct err *types_prepare(struct types *ts, struct object *o, struct job *job);
/* "BTF", "DWARF", "BTF+DWARF", "none": where types come from. */
const char *types_source(const struct types *ts);
/* For tests: ignore one provider. Call before types_add_object. */
void types_use(struct types *ts, bool btf, bool dwarf);

/* A type by its C name: "struct list_head", "union x", "enum y", "task_struct" (struct is tried when
 * no typedef or base type has the name), "unsigned long", "struct page *", "char [16]", "void *",
 * "int (*)[4]" and the like. Doesn't start the DWARF index when BTF is there; else does (job). */
struct err *type_find(struct types *ts, const char *name, struct job *job, const struct type **ret);
/* The type of a variable (global or per-CPU), or a function's type. From BTF's DATASECs and FUNCs, from DWARF's
 * index; ERR_NOTFOUND, ERR_NODEBUG. */
struct err *type_of_symbol(struct types *ts, struct object *o, const char *symbol, struct job *job,
			   const struct type **ret);
/* The type at a DWARF DIE offset of object o (a variable's DW_AT_type, say). */
struct err *type_from_die(struct types *ts, struct object *o, uint64_t die_offset,
			  const struct type **ret);
/* The enum, mostly an anonymous one, that has this enumerator ("SB_FREEZE_COMPLETE"): how a constant
 * that the kernel keeps in a plain int gets its names. ERR_NOTFOUND. */
struct err *type_find_enumerator(struct types *ts, const char *enumerator, struct job *job,
				 const struct type **ret);
/* Built from another: pointer to t, array of t. Always succeed. */
const struct type *type_pointer_to(struct types *ts, const struct type *t);
const struct type *type_array_of(struct types *ts, const struct type *t, uint64_t count);

enum type_kind type_kind(const struct type *t);
/* The tag, typedef or base name; "" when anonymous. Interned. */
const char *type_name(const struct type *t);
/* Bytes; 0 for void, functions, incomplete types. Arrays and typedefs: of the whole. */
uint64_t type_size(const struct type *t);
/* Pointer, array, typedef, qualified: what it is of; function: the result; enum: its integer type or
 * NULL. NULL for others. Never NULL for pointer (void then). */
const struct type *type_target(const struct type *t);
/* Through typedefs and qualifiers. */
const struct type *type_strip(const struct type *t);
/* Elements of an array; false for a flexible or unknown length. */
bool type_array_count(const struct type *t, uint64_t *ret);
bool type_is_signed(const struct type *t);
bool type_is_bool(const struct type *t);
bool type_is_char(const struct type *t); /* char, signed char, unsigned char (u8 is one too) */
bool type_is_incomplete(const struct type *t); /* a declaration with no definition to be found */
/* Members of a struct or union; *n 0 for others. Borrowed. */
const struct member *type_members(const struct type *t, size_t *n);
const struct enumerator *type_enumerators(const struct type *t, size_t *n);
const struct param *type_params(const struct type *t, size_t *n, bool *variadic);
/* The enumerator with this value; NULL: none. */
const char *type_enum_name(const struct type *t, int64_t value);

/* A member by path, through anonymous structs and unions, nested structs and constant array indexes:
 * "s_writers.frozen", "comm", "rw_sem[2].writer"; of an array "[2].writer". Gives offset, type and bitfield of the last
 * one. */
struct type_place {
	const struct type *type;
	uint64_t offset;     /* bytes from the start of the outermost */
	uint32_t bit_offset; /* of a bitfield within the bytes at offset */
	uint32_t bit_size;   /* 0: not a bitfield */
};
struct err *type_member(const struct type *t, const char *path, struct type_place *ret);
/* The type that the last name of a path is a member of (t itself when there is no dot), and that name; NULL:
 * no such path. */
const struct type *type_member_owner(const struct type *t, const char *path, const char **member);
/* The other way round: the path of the innermost member that holds the byte at *offset ("d_name.len"), appended
 * to out; *offset becomes the byte's offset in it. Its type; NULL: none holds it. Of a union's members the first. */
const struct type *type_path_at(const struct type *t, uint64_t *offset, struct buf *out);
/* The path of the member of type want that begins at offset; false: there is none (out may have been added to). */
bool type_path_to(const struct type *t, const struct type *want, uint64_t offset, struct buf *out);

/* The C name, as a cast takes it: "struct super_block *", "char [16]". */
void type_print_name(const struct type *t, struct buf *out);
/* A declaration: "struct vfsmount *m", "int (*fn)(void *)". */
void type_print_decl(const struct type *t, const char *name, struct buf *out);
/* The full definition of a struct, union or enum in C, with offsets and sizes in comments if
 * asked. */
void type_print_definition(const struct type *t, bool offsets, struct buf *out);

/* Names of structs, unions, enums and typedefs with this prefix ("struct ta": of structs only,
 * with the keyword), sorted, for completion; returns how many. From BTF only: DWARF's index
 * keeps no names. */
size_t type_complete(struct types *ts, const char *prefix, const char **ret, size_t max);
/* Walks all named structs and unions of the vmlinux provider, those that only a typedef names too (BTF;
 * then the typedef is given); start with *i = 0; false at the end. */
bool type_next_struct(struct types *ts, size_t *i, const struct type **ret);

#endif

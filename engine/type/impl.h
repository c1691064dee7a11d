/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the files of this room share. A provider is BTF or DWARF of one object; it makes types from
 * its ids (BTF type ids, DIE offsets). A type is made shallow: its target and its body (members,
 * enumerators, parameters) are loaded when first asked for, under the lock, and published with a
 * release store; so readers of a loaded type take no lock.
 *
 * Lock order: the types' lock, then the object's lock. dwarfindex_find() takes locks of its own and
 * may take long: never call it with the types' lock held.
 */
#ifndef TYPE_IMPL_H
#define TYPE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include "engine/base/arena.h"
#include "engine/base/hmap.h"
#include "engine/type/btf.h"
#include "engine/type/type.h"

/* Bounds for chains that a damaged file may make endless. */
#define CHAIN_MAX 64
#define NESTING_MAX 32

enum qualifier { QUAL_NONE, QUAL_CONST, QUAL_VOLATILE, QUAL_RESTRICT, QUAL_ATOMIC };

/* What a struct, union, enum or function has; immutable once published. */
struct body {
	size_t n;
	union {
		struct member *members;
		struct enumerator *enumerators;
		struct param *params;
	};
	bool variadic;
};

struct provider;

struct type {
	enum type_kind kind;
	enum qualifier qual;
	bool is_signed, is_bool, is_char, has_count;
	bool is_declaration; /* size and body are those of the definition, if one can be found */
	uint64_t size, count;
	const char *name;
	struct types *ts;
	const struct provider *provider; /* NULL: made from other types, has no more to load */
	uint64_t id;			 /* in the provider */
	_Atomic(const struct type *) target;
	_Atomic(const struct body *) body;
	_Atomic(const struct type *) definition;
	_Atomic(const struct type *) pointer; /* to this one */
	struct type *arrays, *next_array;     /* arrays of this one; under the lock */
};

/* What can be looked up by name. */
enum find_kind {
	FIND_STRUCT, FIND_UNION, FIND_ENUM, FIND_TYPEDEF, FIND_BASE, FIND_VARIABLE, FIND_FUNCTION,
	FIND_ENUMERATOR, /* gives the enum that it belongs to */
};

struct provider_ops {
	/* Under the lock; never NULL. */
	const struct type *(*target)(const struct type *t);
	const struct body *(*body)(const struct type *t);
	/* Without the lock. *ret is NULL when there is no such thing; an error ends the search. Of
	 * variables and functions: their types. */
	struct err *(*find)(struct provider *p, enum find_kind kind, const char *name,
			    struct job *job, const struct type **ret);
	/* Frees the provider. */
	void (*destroy)(struct provider *p);
};

struct provider {
	_Atomic(struct provider *) next; /* in the order they were added */
	const struct provider_ops *ops;
	struct types *ts;
	struct object *object;
	bool is_btf;
	struct hmap made; /* id -> struct type *; under the lock */
};

struct types {
	pthread_mutex_t lock;
	struct intern *names;
	struct arena arena; /* types and bodies; under the lock */
	bool use_btf, use_dwarf;
	_Atomic(struct provider *) providers; /* only ever grows, at its end */
	const struct type *void_type;
	struct smap built_in; /* C's own base types, when no provider has them; under the lock */
};

/* type.c; both under the lock */
struct type *type_new(struct types *ts, enum type_kind kind, const struct provider *p, uint64_t id);
struct body *body_new(struct types *ts, size_t n, size_t element);
/* The type itself, or the definition that its declaration stands for. */
const struct type *type_resolve(const struct type *t);
/* The provider to ask after p (NULL: the first one): all BTF, then all DWARF, and of both the
 * object's own ones first (o may be NULL). NULL at the end. */
struct provider *provider_after(const struct types *ts, const struct object *o,
				const struct provider *p);
/* "t[]" */
const struct type *type_array_of_unknown(struct types *ts, const struct type *t);
/* First match over all providers; *ret NULL: none. */
struct err *types_lookup(struct types *ts, const struct object *o, enum find_kind kind,
			 const char *name, struct job *job, const struct type **ret);

/* btf_types.c. base: the provider that a module's ids build on; NULL for vmlinux. */
struct err *btf_provider_create(struct types *ts, struct object *o, struct provider *base,
				struct provider **ret);
struct btf *btf_provider_btf(const struct provider *p);
/* Makes or gives the type of an id; under the lock. */
const struct type *btf_provider_type(const struct provider *p, uint32_t id);

/* dwarf_types.c */
struct provider *dwarf_provider_create(struct types *ts, struct object *o, struct dwarfindex *x);
/* The type of the DIE at this offset; NULL: there is no DIE or it has no type. Without the lock. */
const struct type *dwarf_provider_die(struct provider *p, uint64_t offset);
/* Can it answer by name without building its index first? */
bool dwarf_provider_ready(const struct provider *p);
/* Makes it ready. */
struct err *dwarf_provider_prepare(struct provider *p, struct job *job);
/* The next named struct or union defined at or after DIE offset *at, which moves behind it. */
bool dwarf_provider_next_struct(struct provider *p, size_t *at, const struct type **ret);

/* A base type of the C language by its words in GCC's order; NULL when C doesn't know it. */
const struct type *type_built_in(struct types *ts, const char *name);

/* globals.c: the C type of a well-known global variable of the kernel, or NULL; and all of them. */
const char *global_type_name(const char *symbol);
struct global_type {
	const char *symbol, *type;
};
const struct global_type *global_types(size_t *n);

#endif

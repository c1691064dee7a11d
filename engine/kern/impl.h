/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the files of this room share: the session's private part, things that load once, and walks
 * along the kernel's lists that no damage can make endless.
 *
 * Thread: as each function says.
 */
#ifndef KERN_IMPL_H
#define KERN_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include "engine/kern/session.h"

/* Something that is loaded by whoever asks first, while others wait. A cancelled load leaves it
 * unloaded; a failed one is remembered and told to all. */
struct loader {
	pthread_mutex_t lock;
	bool loaded;
	void *value;
	enum err_code code; /* when text is set: why it failed */
	char *text;
};

void loader_init(struct loader *l);
/* Frees what the loader itself owns, not the value. */
void loader_done(struct loader *l);
/* Thread: any. */
struct err *loader_get(struct loader *l, struct session *s, struct job *job,
		       struct err *(*load)(struct session *s, struct job *job, void **ret),
		       void **ret);
/* The value if it was loaded, without waiting; NULL: it wasn't, or not yet. Thread: any. */
void *loader_peek(struct loader *l);

struct session_private {
	_Atomic uint64_t stack_size; /* of a task, once it is found; above it the generation + 1 */
	pthread_mutex_t warn; /* of the warnings, which may come late */
	char **warnings;
	size_t nwarnings, cap;
	size_t no_debug; /* number of the warning that there is no debug info, counted from 1; 0: none */
	atomic_uint generation;
	struct kallsyms *own; /* symbols that were read out of the dump; the symtab's; or NULL */
	struct membtf *btf;   /* that is being read out of the dump; or NULL */
	struct bulk *bulk;    /* what reads it; or NULL */
	bool image_holes;     /* large reads of the image were cut short: nobody reads ahead of them again */
	atomic_bool own_whole;	      /* and nothing of them, nor of BTF, was lost */
	void *kernel_map;     /* the same out of the cache (kernelcache.c) */
	size_t kernel_map_size;
	char *unused; /* the vmlinux that was given but is of another build; or NULL */
	struct loader tasks, modules, panic_text;
	struct loader slabs, pages, places, vmap, reached; /* memory/ */
	struct loader meanings; /* meaning/ */
	struct loader holdings; /* container/ */
	struct loader blockdevs; /* fs/ */
};

/* While opening only. */
void session_warn(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* tasks.c, modules.c */
void tasks_destroy(struct tasks *t);
void modules_destroy(struct modules *m);
/* meaning/ */
struct meanings;
void meanings_destroy(struct meanings *m);
/* memory/: slab.c, page.c, percpu.c, vmap.c */
struct slabs;
struct pages;
struct places;
struct vmap;
void slabs_destroy(struct slabs *x);
void pages_destroy(struct pages *x);
void places_destroy(struct places *x);
void vmap_destroy(struct vmap *x);

/* identity.c: the link-time address of a symbol in the object's .symtab, without any index. */
bool identity_symbol(struct object *o, const char *name, uint64_t *ret);
/* Is the object of the build that wrote the dump? If not, *why (malloc'ed) holds both identities;
 * it may also be set when they match, as a doubt to be told. */
bool identity_matches(struct session *s, struct object *o, char **why);

/* The build-id that vmcoreinfo tells, up to max bytes; how many, 0: none. */
size_t identity_told(struct session *s, uint8_t *ret, size_t max);
/* The same, but from the kernel's own note in memory first, which no stable kernel has wrong. Needs symbols. */
size_t identity_of_dump(struct session *s, uint8_t *ret, size_t max);

/* Why there are no types or symbols, for a person. */
const char *kern_why_no_types(const struct session *s);
/* The first of "a|b|c" that t has. */
bool kern_place(const struct type *t, const char *names, struct type_place *ret);
/* The scalar of a member in the first n bytes of its struct; false: not found, it isn't one, or it lies
 * behind them. */
bool kern_decode(const struct kern_member *m, const uint8_t *image, size_t n, uint64_t *ret);
/* &struct.member, 0 when it wasn't found. */
static inline uint64_t kern_at(uint64_t obj, const struct kern_member *m)
{
	return m->found ? obj + m->place.offset : 0;
}

/* Walks a circular list_head list, from its head's next on; where that breaks, from the head's prev
 * backwards. Each node (address of the list_head in the element) is given once, at most max of
 * them. The list's own damage ends up in *problem (malloc'ed; NULL: none), errors are fn's or a
 * cancel. Thread: any. */
struct err *walk_list(struct session *s, uint64_t head, size_t max, struct job *job,
		      struct err *(*fn)(void *ctx, uint64_t node), void *ctx, char **problem);

/* A kernel pointer that something can lie at. */
bool kern_pointer(const struct session *s, uint64_t p);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the walkers of this room share: giving elements and damage, remembering nodes, judging
 * pointers. Thread: a walk belongs to one.
 */
#ifndef KERN_CONTAINER_IMPL_H
#define KERN_CONTAINER_IMPL_H

#include "engine/base/buf.h"
#include "engine/base/hmap.h"
#include "engine/kern/container/container.h"
#include "engine/kern/impl.h"

struct walk {
	struct session *s;
	const struct container *c;
	struct job *job;
	element_fn *fn;
	void *ctx;
	struct container_end end;
	uint64_t n, limit;
	uint64_t bucket, before; /* of a hash table: which, and how many elements came before it */
	bool full; /* the limit was met: nothing more is given */
	struct hmap seen; /* node -> its element's number + 1 */
	uint64_t tortoise, power, steps; /* Brent */
	struct buf position, text;
};

/* Gives the element whose link is e->node, unless e->addr is set already. */
struct err *walk_give(struct walk *w, struct element *e);
/* Gives damage; e says where. */
struct err *walk_damage(struct walk *w, struct element *e, enum container_why why, const char *fmt,
			...) __attribute__((format(printf, 4, 5)));
/* Can a node lie at p? If not: gives the damage, and says no. what: "element 3's next". */
struct err *walk_pointer(struct walk *w, uint64_t p, unsigned align, const char *what, bool *ok);
/* Reads a node's n bytes, or gives the damage. */
struct err *walk_bytes(struct walk *w, uint64_t p, void *buf, size_t n, const char *what, bool *ok);
/* The usual case, for which no name has to be made up: a sound pointer, and its n bytes. */
bool walk_quick(struct walk *w, uint64_t p, unsigned align, void *buf, size_t n);
/* Was the node here before? If so *back is its element's number, UINT64_MAX: not known any more. */
bool walk_seen(struct walk *w, uint64_t node, uint64_t *back);
/* Remembers a node only when it is new; false: it is known, or there is no more room. */
bool walk_mark(struct walk *w, uint64_t node);

/* ---- nodes of trees of indices: xarray, maple tree ---- */

/* Goes to the node at.node, which a slot of its parent leads to (parent 0: the root's pointer): new and
 * sound, and its n bytes from offset on. *ok false: the damage was given. at: the node, and its indices. */
struct err *walk_enter(struct walk *w, struct element at, uint64_t parent, unsigned slot,
		       uint64_t offset, void *buf, size_t n, bool *ok);
/* Damage of a node: its sentence goes on behind "the node 0x...". */
struct err *walk_bad(struct walk *w, struct element at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct err *walk_lists(struct walk *w);	 /* list.c: doubly linked */
struct err *walk_hlists(struct walk *w); /* hlist.c: hlist, nulls, bl, llist, chain */
struct err *walk_rbtree(struct walk *w);
struct err *walk_xarray(struct walk *w);
struct err *walk_maple(struct walk *w);
struct err *walk_array(struct walk *w);
struct err *walk_percpu(struct walk *w);
struct err *walk_bitmap(struct walk *w);

/* rbtree.c, xarray.c: "root/3/l" with one step more; length before, to cut back to. */
size_t position_push(struct walk *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void position_pop(struct walk *w, size_t len);

#endif

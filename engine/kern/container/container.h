/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Walks along the kernel's containers: lists, trees, arrays. A walk gives the elements' addresses
 * (container_of is done), with their index or key where there is one, and never runs away: damage
 * is given as an element of its own, in the place where it is, and says what is wrong there. After
 * damage in a list the walk goes on from the list's other end; in a tree, with the branches that
 * are left.
 *
 * Thread: any. Memory is bounded: up to CONTAINER_SEEN nodes are remembered, beyond that cycles are
 * found by Brent's method.
 *
 * Sources: Linux' include/linux/types.h (list_head, hlist_head), rculist_nulls.h, list_bl.h,
 * llist.h, rbtree.h, xarray.h, radix-tree.h, maple_tree.h, lib/maple_tree.c, idr.h, poison.h;
 * R. P. Brent, "An improved Monte Carlo factorization algorithm", BIT 20 (1980).
 */
#ifndef KERN_CONTAINER_H
#define KERN_CONTAINER_H

#include "engine/kern/session.h"

#define CONTAINER_LIMIT (UINT64_C(1) << 24) /* elements, when the caller has no own limit */
#define CONTAINER_SEEN (1u << 18)

enum container_kind {
	CONTAINER_NONE,
	CONTAINER_LIST,	  /* struct list_head */
	CONTAINER_HLIST,  /* struct hlist_head; its nodes end with NULL */
	CONTAINER_NULLS,  /* struct hlist_nulls_head: the end is an odd number */
	CONTAINER_BL,	  /* struct hlist_bl_head: bit 0 of `first` is a lock */
	CONTAINER_LLIST,  /* struct llist_head */
	CONTAINER_CHAIN,  /* objects with a pointer to the next object */
	CONTAINER_RBTREE, /* struct rb_root, rb_root_cached, rb_root_linked */
	CONTAINER_XARRAY, /* struct xarray, radix_tree_root, idr */
	CONTAINER_MAPLE,  /* struct maple_tree */
	CONTAINER_ARRAY,  /* elements side by side */
	CONTAINER_PERCPU, /* one element a CPU */
	CONTAINER_BITMAP, /* runs of set bits: elements without an address */
};

struct container {
	enum container_kind kind;
	/* Where it begins: the head or root. CHAIN: the first object. ARRAY, BITMAP: its first byte.
	 * PERCPU: the variable, less any CPU's offset. */
	uint64_t root;
	uint64_t buckets; /* of a hash table: so many heads, the first of them at root; 0: one head */
	uint64_t stride;  /* bytes from one to the next */
	bool at_node;	/* root is no head but a node: its list_head, rb_node, xa_node, maple_node */
	uint64_t link;	/* bytes from an element's start to its link (list_head, rb_node, next) */
	uint64_t end;	/* a list ends at this element, node or pointer too; 0: not told */
	bool reverse;	/* lists: by prev; trees: from the last to the first */
	bool sorted;	/* RBTREE: left, node, right; else the node comes first */
	bool brent;	/* remember no nodes */
	bool nodes;	/* trees: give inner nodes too, as ELEMENT_NODE */
	bool pointers;	/* ARRAY, PERCPU: the elements are pointers to what is meant */
	uint64_t count; /* ARRAY: elements; BITMAP: bits */
	uint64_t size;	/* ARRAY: bytes of an element */
	uint64_t limit; /* elements; 0: CONTAINER_LIMIT */
};

enum container_why {
	WHY_END,	/* it ended as it should */
	WHY_CYCLE,	/* a node was there before */
	WHY_NULL,	/* a pointer that must not be NULL */
	WHY_POISON,	/* what the kernel writes into freed or deleted things */
	WHY_BAD,	/* no address that a node can lie at */
	WHY_UNREADABLE, /* the dump doesn't hold it */
	WHY_DISAGREES,	/* prev, pprev or parent isn't where the walk came from */
	WHY_CORRUPT,	/* a node whose contents contradict themselves */
	WHY_LIMIT,	/* more elements than asked for */
};

enum element_kind { ELEMENT, ELEMENT_VALUE, ELEMENT_NODE, ELEMENT_DAMAGE };

/* What a walk gives. Strings are borrowed for the call. */
struct element {
	enum element_kind kind; /* VALUE: addr is a number (xarray's value entries), no address */
	uint64_t addr;		/* of the object; DAMAGE: the one it concerns; 0: none */
	uint64_t node;		/* its link: list_head, rb_node, slot ... */
	uint64_t n;		/* how many elements came before */
	bool indexed;
	uint64_t first, last;	/* index or key range; the bucket */
	bool backwards;		/* found from a damaged list's other end: in reverse order */
	const char *position;	/* in a tree: "root/l/r"; NULL for others */
	enum container_why why; /* DAMAGE */
	enum mem_state state;	/* DAMAGE, UNREADABLE: why */
	const char *damage;	/* DAMAGE: what is wrong, a sentence */
};

typedef struct err *element_fn(void *ctx, const struct element *e);

/* How a walk ended: the first damage, or WHY_END. */
struct container_end {
	enum container_why why;
	enum mem_state state; /* UNREADABLE */
	uint64_t elements, damages;
	char text[200]; /* the first damage's sentence; "" when there is none */
};

/* Gives each element once, in order. Errors: fn's, ERR_CANCELLED, and ERR_NODEBUG or ERR_UNSUPPORTED
 * when the types for this kind aren't known: never the container's damage. end may be NULL. */
struct err *container_walk(struct session *s, const struct container *c, struct job *job,
			   element_fn *fn, void *ctx, struct container_end *end);

/* The entry for an index in the maple tree (struct maple_tree) at this address, by one descent. false:
 * none that is a pointer, damage stands in the way, or the types aren't known. */
bool maple_at(struct session *s, uint64_t tree, uint64_t index, uint64_t *ret);

/* The kind that a struct's name stands for ("list_head", "xarray"); CONTAINER_NONE: no container. A
 * list's or tree's link ("hlist_node", "rb_node") is none. *at: where the root lies in it (idr,
 * rb_root_cached); 0 for others. */
enum container_kind container_of_type(struct session *s, const struct type *t, uint64_t *at);
/* Nothing is in it; false: something is, or it can't be read. */
bool container_is_empty(struct session *s, const struct container *c);
/* "list", "rbtree" ...: for people. */
const char *container_kind_name(enum container_kind k);

/* What the kernel writes in place of pointers, or into freed memory: "LIST_POISON1"; NULL: none. */
const char *poison_name(uint64_t v);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Red-black trees, by a stack of our own whose depth is bounded. A node's parent pointer must be the
 * node that we came from; when it isn't, that is told, and the branch is still walked unless its
 * nodes are known already.
 */
#include <inttypes.h>
#include <stdio.h>
#include "engine/base/checked.h"
#include "engine/kern/container/impl.h"

/* A sound tree with all 2^47 nodes that memory could hold is less than twice as deep as log2 of that. */
#define DEPTH_MAX 128

/* struct rb_node: __rb_parent_color, rb_right, rb_left, the same since 2.6.17 */
enum { RB_PARENT = 0, RB_RIGHT = 8, RB_LEFT = 16, RB_SIZE = 24 };

struct visit {
	uint64_t node, child[2]; /* the side that is walked first, and the other */
	size_t position;	 /* length of the position before this node */
	uint8_t done;		 /* sides done */
};

struct tree {
	struct walk *w;
	struct visit v[DEPTH_MAX];
	size_t depth;
};

static struct err *check_parent(struct walk *w, uint64_t node, uint64_t parent, uint64_t from)
{
	struct element e = {.node = node, .addr = node - w->c->link};

	if (parent == from)
		return NULL;
	return walk_damage(w, &e, WHY_DISAGREES,
			   "the node's parent pointer is 0x%" PRIx64 ", not 0x%" PRIx64
			   " whose child it is", parent, from);
}

/* Goes down to a node, unless it is damaged. */
static struct err *enter(struct tree *t, uint64_t node, uint64_t from, const char *side)
{
	struct walk *w = t->w;
	struct element e = {.node = node, .addr = node - w->c->link};
	uint8_t bytes[RB_SIZE];
	char what[80];
	bool ok;

	if (t->depth)
		snprintf(what, sizeof(what), "the %s child of 0x%" PRIx64, side, from);
	else
		snprintf(what, sizeof(what), "the root's pointer");
	TRY(walk_pointer(w, node, 8, what, &ok));
	if (!ok)
		return NULL;
	if (!walk_mark(w, node))
		return w->seen.n < CONTAINER_SEEN * 4
			       ? walk_damage(w, &e, WHY_CYCLE, "cycle: %s is 0x%" PRIx64
					     ", which is in the tree already", what, node)
			       : (w->full = true, walk_damage(w, &e, WHY_LIMIT,
					     "the tree has more than %u nodes", CONTAINER_SEEN * 4));
	if (t->depth == DEPTH_MAX)
		return walk_damage(w, &e, WHY_CORRUPT, "the tree is more than %d levels deep",
				   DEPTH_MAX);
	TRY(walk_bytes(w, node, bytes, sizeof(bytes), what, &ok));
	if (!ok)
		return NULL;
	struct visit *f = &t->v[t->depth++];
	uint64_t left = load_u64(bytes + RB_LEFT), right = load_u64(bytes + RB_RIGHT);
	bool reverse = w->c->reverse;
	*f = (struct visit){.node = node, .child = {reverse ? right : left, reverse ? left : right},
			    .position = position_push(w, "%s%s", t->depth > 1 ? "/" : "",
						      t->depth > 1 ? (side[0] == 'l' ? "l" : "r")
								   : "root")};
	if (t->depth > 1 || !w->c->at_node) /* a node that we were given has some parent */
		TRY(check_parent(w, node, load_u64(bytes + RB_PARENT) & ~UINT64_C(3), from));
	return w->c->sorted ? NULL : walk_give(w, &(struct element){.node = node});
}

static struct err *next_step(struct tree *t)
{
	struct walk *w = t->w;
	struct visit *f = &t->v[t->depth - 1];

	if (f->done == 1 && w->c->sorted) {
		f->done |= 0x10;
		TRY(walk_give(w, &(struct element){.node = f->node}));
	}
	unsigned i = f->done & 3;
	if (i == 2) {
		position_pop(w, f->position);
		t->depth--;
		return NULL;
	}
	f->done = (uint8_t)(i + 1);
	const char *side = (i == 0) != w->c->reverse ? "left" : "right";
	return f->child[i] ? enter(t, f->child[i], f->node, side) : NULL;
}

struct err *walk_rbtree(struct walk *w)
{
	struct tree t = {.w = w};
	uint64_t root = w->c->root;
	uint8_t word[8];
	bool ok;

	if (!w->c->at_node) {
		TRY(walk_pointer(w, root, 8, "the root's address", &ok));
		if (!ok)
			return NULL;
		TRY(walk_bytes(w, root, word, sizeof(word), "the root", &ok));
		if (!ok)
			return NULL;
		root = load_u64(word);
	}
	if (!root)
		return NULL;
	TRY(enter(&t, root, 0, "root"));
	while (t.depth && !w->full)
		TRY(next_step(&t));
	return NULL;
}

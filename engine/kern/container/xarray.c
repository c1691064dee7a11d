/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XArrays, and the radix trees before them. An entry's low bits tell what it is: a node, a value, a
 * pointer, or a mark that the tree keeps for itself. Each node knows its parent, its slot there and
 * the shift of its level, all of which are checked. Before 4.20 the low bits were the other way
 * round, and the nodes were struct radix_tree_node.
 */
#include <inttypes.h>
#include "engine/base/checked.h"
#include "engine/kern/container/impl.h"

#define SLOTS_MAX 256
#define LEVELS_MAX 24
#define XA_RESERVED 4096 /* internal entries below are no nodes: retry, zero, siblings, errors */

enum { ND_SHIFT, ND_OFFSET, ND_PARENT, ND_ARRAY, ND_SLOTS, ND_MEMBERS };

struct tree {
	struct walk *w;
	struct kern_member m[ND_MEMBERS];
	unsigned slots;	    /* in a node */
	bool xa;	    /* xa_node's entries */
	unsigned levels;
};

enum entry { ENTRY_NONE, ENTRY_POINTER, ENTRY_VALUE, ENTRY_NODE, ENTRY_MARK };

static enum entry entry_kind(const struct tree *t, uint64_t v)
{
	if (!v)
		return ENTRY_NONE;
	if (t->xa) {
		if (v & 1)
			return ENTRY_VALUE;
		if ((v & 3) == 2)
			return v > XA_RESERVED && v < UINT64_C(0) - 4096 ? ENTRY_NODE : ENTRY_MARK;
		return ENTRY_POINTER;
	}
	return v & 1 ? ENTRY_NODE : v & 2 ? ENTRY_VALUE : ENTRY_POINTER;
}

static uint64_t entry_node(const struct tree *t, uint64_t v)
{
	return v - (t->xa ? 2 : 1);
}

static struct err *resolve(struct tree *t)
{
	static const char *const names[ND_MEMBERS] = {"shift", "offset", "parent", "array|root", "slots"};
	struct session *s = t->w->s;
	uint64_t n;

	for (size_t i = 0; i < ND_MEMBERS; i++)
		t->m[i].names = names[i];
	t->xa = kern_members(s, "struct xa_node", t->m, ND_MEMBERS) > 0;
	if (!t->xa && !kern_members(s, "struct radix_tree_node", t->m, ND_MEMBERS))
		return err_new(ERR_NODEBUG, "an xarray can't be walked without struct xa_node: %s",
			       kern_why_no_types(s));
	if (!t->m[ND_SHIFT].found || !t->m[ND_SLOTS].found ||
	    !type_array_count(type_strip(t->m[ND_SLOTS].place.type), &n) || n < 2 || n > SLOTS_MAX || n & (n - 1))
		return err_new(ERR_UNSUPPORTED, "this kernel's %s has no 'shift' or no 'slots' as "
			       "they are known", t->xa ? "struct xa_node" : "struct radix_tree_node");
	t->slots = (unsigned)n;
	return NULL;
}

struct node {
	uint64_t addr, parent, index; /* of its first slot */
	unsigned slot, shift;	      /* its place in the parent; bits of the index below a slot */
	uint64_t v[SLOTS_MAX];
};

static struct element place(const struct node *n)
{
	return (struct element){.node = n->addr, .indexed = true, .first = n->index, .last = n->index};
}

/* Is the member what it should be? Yes, too, when it can't be asked. */
static bool fits(struct tree *t, const struct node *n, int member, uint64_t want, uint64_t *have)
{
	return !t->m[member].found || !err_ok(kern_read(t->w->s, n->addr, &t->m[member], have)) || *have == want;
}

/* Does what the node says of itself fit with how we came to it? above: shift of its parent. A node of
 * which nothing fits is somebody else's memory, and left out. */
static struct err *check_node(struct tree *t, const struct node *n, unsigned above, bool *ok)
{
	uint64_t shift, parent, slot, array;
	unsigned bits = (unsigned)__builtin_ctz(t->slots);
	bool root = !n->parent, known = t->w->c->at_node;

	*ok = false;
	if (!err_ok(kern_read(t->w->s, n->addr, &t->m[ND_SHIFT], &shift)))
		return walk_bad(t->w, place(n), "'s shift can't be read");
	if (shift > 64 - 1 || shift % bits)
		return walk_bad(t->w, place(n),
			" has shift %" PRIu64 ", which no level has", shift);
	if (above != UINT32_MAX && shift + bits != above)
		return walk_bad(t->w, place(n),
			" has shift %" PRIu64 ", but its level's is %u", shift, above - bits);
	*ok = true;
	if (root && known)
		return NULL;
	bool of_parent = fits(t, n, ND_PARENT, n->parent, &parent);
	bool of_array = known || fits(t, n, ND_ARRAY, t->w->c->root, &array);
	bool of_slot = root || fits(t, n, ND_OFFSET, n->slot, &slot);
	*ok = of_parent || (of_array && of_slot);
	if (!of_parent)
		TRY(walk_bad(t->w, place(n),
			"'s parent is 0x%" PRIx64 ", not 0x%" PRIx64 "%s", parent, n->parent,
			*ok ? "" : ", and no more of it fits"));
	else if (!of_array)
		TRY(walk_bad(t->w, place(n),
			" says that it is of the tree 0x%" PRIx64, array));
	else if (!of_slot)
		TRY(walk_bad(t->w, place(n),
			" says that it is in slot %" PRIu64 ", but it is in %u", slot, n->slot));
	return NULL;
}

static struct err *read_node(struct tree *t, struct node *n, unsigned above, bool *ok)
{
	struct walk *w = t->w;
	uint64_t shift = 0;

	TRY(walk_enter(w, place(n), n->parent, n->slot, t->m[ND_SLOTS].place.offset, n->v,
		       t->slots * 8, ok));
	if (*ok)
		TRY(check_node(t, n, above, ok));
	if (*ok && err_ok(kern_read(w->s, n->addr, &t->m[ND_SHIFT], &shift)))
		n->shift = (unsigned)shift;
	if (*ok && w->c->nodes)
		return walk_give(w, &(struct element){.kind = ELEMENT_NODE, .addr = n->addr,
						      .node = n->addr, .indexed = true,
						      .first = n->index, .last = n->index});
	return NULL;
}

/* A pointer entry may have tag bits of its own in the two low bits; xarrays of pages have none. */
static struct err *give_entry(struct tree *t, uint64_t v, uint64_t slot_addr, uint64_t index,
			      uint64_t span)
{
	bool value = entry_kind(t, v) == ENTRY_VALUE;
	struct element e = {
		.kind = value ? ELEMENT_VALUE : ELEMENT,
		.addr = value ? v >> (t->xa ? 1 : 2) : v - t->w->c->link,
		.node = slot_addr,
		.indexed = true,
		.first = index,
		.last = index + span,
	};

	const char *poison = poison_name(v);
	if (poison || (!value && !kern_pointer(t->w->s, v))) {
		e.addr = 0;
		return walk_damage(t->w, &e, poison ? WHY_POISON : WHY_BAD,
				   "the entry is 0x%" PRIx64 ", %s", v,
				   poison ? poison : "which is no kernel address");
	}
	return walk_give(t->w, &e);
}

static struct err *walk_node(struct tree *t, struct node *n, unsigned above);

/* Entries behind one with several indexes are siblings: marks that lead to it. */
static uint64_t span_of(const struct tree *t, const struct node *n, unsigned i)
{
	uint64_t more = 0;

	while (i + 1 + more < t->slots && t->xa && n->v[i + 1 + more] == ((uint64_t)i << 2 | 2))
		more++;
	return ((more + 1) << n->shift) - 1;
}

static struct err *walk_slot(struct tree *t, const struct node *n, unsigned i)
{
	uint64_t v = n->v[i], index = n->index + ((uint64_t)i << n->shift);
	enum entry kind = entry_kind(t, v);
	size_t len = position_push(t->w, "/%u", i);
	struct err *e = NULL;

	if (kind == ENTRY_NODE && !n->shift) {
		e = walk_bad(t->w, place(n),
			" of the lowest level has a node, 0x%" PRIx64 ", in slot %u",
			entry_node(t, v), i);
	} else if (kind == ENTRY_NODE) {
		struct node child = {.addr = entry_node(t, v), .parent = n->addr, .index = index, .slot = i};
		e = walk_node(t, &child, n->shift);
	} else if (kind == ENTRY_POINTER || kind == ENTRY_VALUE) {
		e = give_entry(t, v, n->addr + t->m[ND_SLOTS].place.offset + 8 * i, index,
			       span_of(t, n, i));
	}
	position_pop(t->w, len);
	return e;
}

static struct err *walk_node(struct tree *t, struct node *n, unsigned above)
{
	struct err *e = NULL;
	bool ok;

	if (t->levels == LEVELS_MAX)
		return walk_bad(t->w, place(n), " is more than %d levels deep", LEVELS_MAX);
	TRY(read_node(t, n, above, &ok));
	if (!ok)
		return NULL;
	t->levels++;
	for (unsigned i = 0; i < t->slots && !e && !t->w->full; i++)
		e = walk_slot(t, n, t->w->c->reverse ? t->slots - 1 - i : i);
	t->levels--;
	return e;
}

static struct err *root_entry(struct tree *t, uint64_t *ret, bool *ok)
{
	struct kern_member head = {.names = "xa_head|rnode"};
	struct walk *w = t->w;
	uint8_t word[8];

	if (w->c->at_node) {
		*ok = true;
		*ret = w->c->root | (t->xa ? 2 : 1);
		return NULL;
	}
	if (!kern_members(w->s, "struct xarray", &head, 1) &&
	    !kern_members(w->s, "struct radix_tree_root", &head, 1))
		return err_new(ERR_NODEBUG, "an xarray can't be walked without struct xarray: %s",
			       kern_why_no_types(w->s));
	TRY(walk_pointer(w, w->c->root, 1, "the root's address", ok));
	if (*ok)
		TRY(walk_bytes(w, w->c->root + head.place.offset, word, sizeof(word), "the root", ok));
	*ret = *ok ? load_u64(word) : 0;
	return NULL;
}

struct err *walk_xarray(struct walk *w)
{
	struct tree t = {.w = w};
	uint64_t v = 0;
	bool ok;

	TRY(resolve(&t));
	TRY(root_entry(&t, &v, &ok));
	if (!ok)
		return NULL;
	position_push(w, "root");
	switch (entry_kind(&t, v)) {
	case ENTRY_NODE:
		return walk_node(&t, &(struct node){.addr = entry_node(&t, v)}, UINT32_MAX);
	case ENTRY_POINTER:
	case ENTRY_VALUE:
		return give_entry(&t, v, w->c->root, 0, 0);
	case ENTRY_NONE:
	case ENTRY_MARK:
		break;
	}
	return NULL;
}

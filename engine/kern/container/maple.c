/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maple trees (6.1 on): ranges of indexes. A pointer to a node has the node's type in its low bits;
 * each node has pivots, the last index of each of its slots, within the bounds that it gets from
 * above. Bounds, parents and types are checked; a child that doesn't fit is told and left out.
 */
#include <inttypes.h>
#include "engine/base/checked.h"
#include "engine/kern/container/impl.h"

#define NODE_MASK UINT64_C(255) /* nodes are 256 bytes, and aligned so */
#define NODE_SIZE_MAX 512
#define SLOTS_MAX 32
#define LEVELS_MAX 31 /* MAPLE_HEIGHT_MAX */

/* enum maple_type, by the places in a node that belong to it */
enum { DENSE, LEAF, RANGE, ARANGE, TYPES };
static const struct {
	const char *enumerator, *slot, *pivot;
} types[TYPES] = {
	[DENSE] = {"maple_dense", "slot", NULL},
	[LEAF] = {"maple_leaf_64", "mr64.slot", "mr64.pivot"},
	[RANGE] = {"maple_range_64", "mr64.slot", "mr64.pivot"},
	[ARANGE] = {"maple_arange_64", "ma64.slot", "ma64.pivot"},
};

struct shape {
	int64_t value; /* of the enumerator; -1: this kernel has none */
	uint64_t slot, pivot;
	unsigned slots, pivots;
};

struct tree {
	struct walk *w;
	struct shape shape[TYPES];
	uint64_t size; /* of struct maple_node */
	unsigned levels;
};

/* How many words the array has; 0: none that lie in a node of this size. */
static unsigned array_of(const struct kern_member *m, uint64_t size)
{
	uint64_t n;

	return m->found && type_array_count(type_strip(m->place.type), &n) && n <= SLOTS_MAX &&
			       m->place.offset <= size && n * 8 <= size - m->place.offset
		       ? (unsigned)n : 0;
}

static int64_t enumerator(struct session *s, const char *name)
{
	const struct type *t;
	const struct enumerator *v;
	size_t n;

	if (!err_ok(type_find_enumerator(s->types, name, NULL, &t)))
		return -1;
	v = type_enumerators(t, &n);
	for (size_t i = 0; i < n; i++)
		if (v[i].name == intern_str(s->intern, name))
			return v[i].value;
	return -1;
}

static struct err *resolve(struct session *s, struct job *job, struct tree *t)
{
	const struct type *node;

	if (!err_ok(type_find(s->types, "struct maple_node", job, &node)))
		return err_new(ERR_NODEBUG, "a maple tree can't be walked without struct maple_node: %s",
			       kern_why_no_types(s));
	t->size = type_size(node);
	for (size_t i = 0; i < TYPES; i++) {
		struct kern_member m[2] = {{.names = types[i].slot},
					   {.names = types[i].pivot ? types[i].pivot : "-"}};
		struct shape *sh = &t->shape[i];
		kern_members(s, "struct maple_node", m, 2);
		*sh = (struct shape){.value = enumerator(s, types[i].enumerator),
				     .slot = m[0].place.offset, .slots = array_of(&m[0], t->size),
				     .pivot = m[1].place.offset, .pivots = array_of(&m[1], t->size)};
		if (sh->value < 0)
			sh->value = (int64_t)i; /* the order since 6.1 */
	}
	if (!t->shape[LEAF].slots || !t->shape[LEAF].pivots || !t->size || t->size > NODE_SIZE_MAX)
		return err_new(ERR_UNSUPPORTED,
			       "this kernel's struct maple_node has no mr64.slot and mr64.pivot");
	return NULL;
}

struct node {
	uint64_t addr, parent, min, max;
	unsigned type, slot;
	uint8_t bytes[NODE_SIZE_MAX];
};

static struct element place(const struct node *n)
{
	return (struct element){.node = n->addr, .indexed = true, .first = n->min, .last = n->max};
}

static unsigned number_of_type(uint64_t enode)
{
	return enode >> 3 & 15;
}

static bool find_type(const struct tree *t, uint64_t enode, unsigned *type)
{
	for (*type = 0; *type < TYPES && t->shape[*type].value != number_of_type(enode); ++*type)
		;
	return *type < TYPES && t->shape[*type].slots;
}

/* The node behind an encoded pointer, checked; level 0 is the root. */
static struct err *read_node(struct tree *t, uint64_t enode, struct node *n, bool *ok)
{
	TRY(walk_enter(t->w, place(n), n->parent, n->slot, 0, n->bytes, t->size, ok));
	if (!*ok)
		return NULL;
	*ok = find_type(t, enode, &n->type);
	if (!*ok)
		return walk_bad(t->w, place(n), " has type %u, which is not known", number_of_type(enode));
	uint64_t up = load_u64(n->bytes) & ~NODE_MASK;
	*ok = up != n->addr;
	if (!*ok)
		return walk_bad(t->w, place(n), " is dead: it is its own parent");
	if (n->parent && up != n->parent)
		return walk_bad(t->w, place(n),
			"'s parent is 0x%" PRIx64 ", not 0x%" PRIx64, up, n->parent);
	return NULL;
}

static struct err *walk_node(struct tree *t, uint64_t enode, struct node *n);

/* A root that is a node, or an entry that must not be one. */
static bool is_node(uint64_t entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

static struct err *give(struct tree *t, const struct node *n, uint64_t entry, uint64_t at,
			uint64_t first, uint64_t last)
{
	struct element e = {.kind = entry & 1 ? ELEMENT_VALUE : ELEMENT,
			    .addr = entry & 1 ? entry >> 1 : entry - t->w->c->link,
			    .node = at, .indexed = true, .first = first, .last = last};

	if (!entry || ((entry & 3) == 2 && entry <= 4096)) /* a gap, or reserved */
		return NULL;
	if (is_node(entry))
		return walk_bad(t->w, place(n),
			" is a leaf, but holds a node, 0x%" PRIx64, entry & ~NODE_MASK);
	const char *poison = poison_name(entry);
	if (poison || (e.kind == ELEMENT && !kern_pointer(t->w->s, entry))) {
		e.addr = 0;
		return walk_damage(t->w, &e, poison ? WHY_POISON : WHY_BAD, "the entry is 0x%" PRIx64
				   ", %s", entry, poison ? poison : "which is no kernel address");
	}
	return walk_give(t->w, &e);
}

static struct err *walk_slot(struct tree *t, const struct node *n, unsigned i, uint64_t first,
			     uint64_t last)
{
	const struct shape *sh = &t->shape[n->type];
	uint64_t entry = load_u64(n->bytes + sh->slot + 8 * i);
	size_t len = position_push(t->w, "/%u", i);
	struct err *e;

	if (n->type == DENSE || n->type == LEAF) {
		e = give(t, n, entry, n->addr + sh->slot + 8 * i, first, last);
	} else if (!entry || entry & 3) { /* only the root has the mark of a node, bit 1 */
		e = walk_bad(t->w, place(n),
			" has 0x%" PRIx64 " in slot %u, where a node belongs", entry, i);
	} else {
		struct node child = {.addr = entry & ~NODE_MASK, .parent = n->addr, .min = first,
				     .max = last, .slot = i};
		e = walk_node(t, entry, &child);
	}
	position_pop(t->w, len);
	return e;
}

/* The last index of slot i; 0 in a pivot behind the first: the rest is this slot's. */
static uint64_t last_of(const struct tree *t, const struct node *n, unsigned i, uint64_t first)
{
	const struct shape *sh = &t->shape[n->type];
	uint64_t pivot;

	if (n->type == DENSE)
		return first;
	if (i >= sh->pivots)
		return n->max;
	pivot = load_u64(n->bytes + sh->pivot + 8 * i);
	return !pivot && i ? n->max : pivot;
}

/* The slots' bounds, which follow from each other; how many. A pivot that doesn't fit ends them: *wrong. */
static unsigned bounds(const struct tree *t, const struct node *n, uint64_t *first, uint64_t *last,
		       bool *wrong)
{
	unsigned used = 0, slots = t->shape[n->type].slots;
	uint64_t from = n->min;

	*wrong = false;
	while (used < slots) {
		uint64_t to = last_of(t, n, used, from);
		*wrong = to < from || to > n->max;
		if (to < from)
			break;
		first[used] = from;
		last[used++] = to > n->max ? n->max : to;
		if (to >= n->max)
			break;
		from = to + 1;
	}
	return used;
}

/* used: how many slots are sound; the next one, or the last, has the pivot that doesn't fit. */
static struct err *bad_pivot(struct tree *t, const struct node *n, unsigned used, uint64_t from)
{
	uint64_t here = last_of(t, n, used, from);

	if (used < t->shape[n->type].slots && here < from)
		return walk_bad(t->w, place(n),
			"'s pivot %u is 0x%" PRIx64 ", below where its slot begins: 0x%" PRIx64, used,
			   here, from);
	return walk_bad(t->w, place(n),
		"'s pivot %u is above the node's end: 0x%" PRIx64, used - 1, n->max);
}

static struct err *walk_slots(struct tree *t, const struct node *n)
{
	uint64_t first[SLOTS_MAX], last[SLOTS_MAX];
	bool wrong;
	unsigned used = bounds(t, n, first, last, &wrong);
	struct err *e = NULL;

	for (unsigned i = 0; i < used && !e && !t->w->full; i++) {
		unsigned k = t->w->c->reverse ? used - 1 - i : i;
		e = walk_slot(t, n, k, first[k], last[k]);
	}
	if (e || !wrong)
		return e;
	return bad_pivot(t, n, used, used ? last[used - 1] + 1 : n->min);
}

static struct err *walk_node(struct tree *t, uint64_t enode, struct node *n)
{
	struct err *e;
	bool ok;

	if (t->levels == LEVELS_MAX)
		return walk_bad(t->w, place(n), " is more than %d levels deep", LEVELS_MAX);
	TRY(read_node(t, enode, n, &ok));
	if (!ok)
		return NULL;
	if (t->w->c->nodes)
		TRY(walk_give(t->w, &(struct element){.kind = ELEMENT_NODE, .addr = n->addr,
						      .node = n->addr, .indexed = true,
						      .first = n->min, .last = n->max}));
	t->levels++;
	e = walk_slots(t, n);
	t->levels--;
	return e;
}

struct err *walk_maple(struct walk *w)
{
	struct tree t = {.w = w};
	struct kern_member root = {.names = "ma_root"};
	struct node n = {.max = UINT64_MAX};
	uint64_t v = w->c->root;
	uint8_t word[8];
	bool ok;

	TRY(resolve(w->s, w->job, &t));
	position_push(w, "root");
	if (!w->c->at_node) {
		if (!kern_members(w->s, "struct maple_tree", &root, 1))
			return err_new(ERR_UNSUPPORTED, "this kernel's maple_tree has no 'ma_root'");
		TRY(walk_pointer(w, v, 1, "the tree's address", &ok));
		if (ok)
			TRY(walk_bytes(w, v + root.place.offset, word, sizeof(word), "the root", &ok));
		if (!ok)
			return NULL;
		v = load_u64(word);
	} else if (!is_node(v)) {
		v |= (uint64_t)t.shape[LEAF].value << 3 | 2; /* a bare node: taken for a leaf */
	}
	n.addr = v & ~NODE_MASK;
	return is_node(v) ? walk_node(&t, v, &n) : give(&t, &n, v, w->c->root, 0, 0);
}

/* The slot of the node in which the index is: its entry, and its bounds to the node below. */
static bool slot_of(const struct tree *t, const struct node *n, uint64_t index, uint64_t *entry,
		    struct node *below)
{
	uint64_t first[SLOTS_MAX], last[SLOTS_MAX];
	bool wrong;
	unsigned i = 0, used = bounds(t, n, first, last, &wrong);

	while (i < used && last[i] < index)
		i++;
	if (i == used)
		return false;
	*entry = load_u64(n->bytes + t->shape[n->type].slot + 8 * i);
	*below = (struct node){.addr = *entry & ~NODE_MASK, .min = first[i], .max = last[i]};
	return true;
}

bool maple_at(struct session *s, uint64_t tree, uint64_t index, uint64_t *ret)
{
	struct tree t = {0};
	struct kern_member root = {.names = "ma_root"};
	struct node n = {.max = UINT64_MAX}, below;
	uint64_t entry;

	kern_members(s, "struct maple_tree", &root, 1);
	if (!err_ok(resolve(s, NULL, &t)) || !err_ok(kern_read(s, tree, &root, &entry)) || !is_node(entry))
		return false; /* it is empty, or one entry for all */
	n.addr = entry & ~NODE_MASK;
	for (; t.levels < LEVELS_MAX; t.levels++) {
		if (!find_type(&t, entry, &n.type) || !kern_pointer(s, n.addr) ||
		    !err_ok(mem_read(s->mem, KERNEL, n.addr, n.bytes, t.size)) ||
		    !slot_of(&t, &n, index, &entry, &below))
			return false;
		if (n.type == LEAF || n.type == DENSE) {
			*ret = entry;
			return kern_pointer(s, entry);
		}
		n = below;
	}
	return false;
}

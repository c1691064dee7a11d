/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists that end: hlist and its kinds, llist, and plain chains of objects with a pointer to the next
 * one. There is no way in from the other end, but where nodes have a pprev each step is checked.
 */
#include <inttypes.h>
#include <stdio.h>
#include "engine/base/checked.h"
#include "engine/kern/container/impl.h"

/* Is p, which the node `from` has, the end of this kind of list? */
static bool is_end(const struct walk *w, uint64_t p, uint64_t from, uint64_t second)
{
	const struct container *c = w->c;

	if (!p || (c->end && p == c->end))
		return true;
	if (c->kind == CONTAINER_NULLS)
		return p & 1;
	/* A chain may be a ring, with its first object in it or only leading to it; or end in itself. */
	return c->kind == CONTAINER_CHAIN && w->n &&
	       (p == c->root || p == c->root + c->link || p == from || (w->n > 1 && p == second));
}

static bool has_pprev(const struct walk *w)
{
	return w->c->kind == CONTAINER_HLIST || w->c->kind == CONTAINER_NULLS ||
	       w->c->kind == CONTAINER_BL;
}

static void name_of(const struct walk *w, char *buf, size_t n)
{
	if (w->n > w->before)
		snprintf(buf, n, "element %" PRIu64 "'s next", w->n - 1);
	else
		snprintf(buf, n, "%s", w->c->kind == CONTAINER_CHAIN || w->c->at_node
					       ? "the first" : "the head's first");
}

/* p's own fields: where the next pointer is in it, what it says, and its pprev. */
static struct err *read_node(struct walk *w, uint64_t p, const char *what, uint64_t *next,
			     uint64_t *pprev, bool *ok)
{
	uint8_t pair[16] = {0};
	uint64_t at = p + (w->c->kind == CONTAINER_CHAIN ? w->c->link : 0);

	TRY(walk_bytes(w, at, pair, has_pprev(w) ? 16 : 8, what, ok));
	*next = load_u64(pair);
	*pprev = load_u64(pair + 8);
	return NULL;
}

static struct err *check_pprev(struct walk *w, uint64_t p, uint64_t pprev, uint64_t from, bool *told)
{
	struct element e = {.node = p, .addr = p - w->c->link};
	const char *poison = poison_name(pprev);

	if (!has_pprev(w) || *told || pprev == from)
		return NULL;
	*told = true;
	return walk_damage(w, &e, WHY_DISAGREES,
			   "element %" PRIu64 "'s pprev is 0x%" PRIx64 "%s%s, not 0x%" PRIx64
			   " where the pointer to it is", w->n - 1, pprev, poison ? " " : "",
			   poison ? poison : "", from);
}

static struct err *tell_cycle(struct walk *w, struct element *e, const char *what, uint64_t back)
{
	if (!e->addr)
		e->addr = e->node - w->c->link;
	if (back == UINT64_MAX)
		return walk_damage(w, e, WHY_CYCLE, "cycle: %s leads back to 0x%" PRIx64, what,
				   e->addr);
	return walk_damage(w, e, WHY_CYCLE, "cycle: %s leads back to element %" PRIu64, what, back);
}

static struct err *walk_from(struct walk *w, uint64_t p, uint64_t from, bool told)
{
	bool chain = w->c->kind == CONTAINER_CHAIN, ok;
	uint64_t second = 0, next, pprev, back;
	char what[64];

	while (!is_end(w, p, from, second) && !w->full) {
		struct element e = {.node = chain ? p + w->c->link : p, .addr = chain ? p : 0};
		name_of(w, what, sizeof(what));
		TRY(walk_pointer(w, p, chain ? 1 : 8, what, &ok));
		if (!ok)
			return NULL;
		if (walk_seen(w, p, &back))
			return tell_cycle(w, &e, what, back);
		TRY(read_node(w, p, what, &next, &pprev, &ok));
		if (!ok)
			return NULL;
		TRY(walk_give(w, &e));
		TRY(check_pprev(w, p, pprev, from, &told));
		if (w->c->end && e.addr == w->c->end)
			return NULL;
		second = w->n == 1 ? next : second;
		from = p;
		p = next;
	}
	return NULL;
}

struct err *walk_hlists(struct walk *w)
{
	uint64_t first;
	uint8_t word[8];
	bool ok;

	if (w->c->kind == CONTAINER_CHAIN || w->c->at_node)
		return walk_from(w, w->c->root, 0, true);
	TRY(walk_pointer(w, w->c->root, 8, "the head", &ok));
	if (!ok)
		return NULL;
	TRY(walk_bytes(w, w->c->root, word, sizeof(word), "the head", &ok));
	if (!ok)
		return NULL;
	first = load_u64(word);
	if (w->c->kind == CONTAINER_BL)
		first &= ~UINT64_C(1);
	return walk_from(w, first, w->c->root, false);
}

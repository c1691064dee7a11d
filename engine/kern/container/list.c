/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Doubly linked lists. Each step is checked against the pointer that leads back: a list whose prev
 * pointers all agree can't run into a cycle, and where the first one disagrees somebody wrote over
 * it. When the way forward ends, the other half of the list is still there: the walk goes on from
 * the head's prev, backwards, until it meets a node that it knows.
 */
#include <inttypes.h>
#include <stdio.h>
#include "engine/base/checked.h"
#include "engine/kern/container/impl.h"

struct way {
	unsigned next, prev; /* where in a node the pointers are */
	const char *next_name, *prev_name;
	bool backwards;
	uint64_t from;	     /* the node that we stand on */
	uint64_t from_n;     /* its element's number; UINT64_MAX: it is the head */
	bool disagreed;	     /* told already */
	bool whole;	     /* it came back to the head */
};

static void name_of(const struct way *y, char *buf, size_t n)
{
	if (y->from_n == UINT64_MAX)
		snprintf(buf, n, "the head's %s", y->next_name);
	else
		snprintf(buf, n, "element %" PRIu64 "'s %s", y->from_n, y->next_name);
}

static struct err *tell_cycle(struct walk *w, uint64_t node, uint64_t back, const char *what)
{
	struct element e = {.node = node, .addr = node - w->c->link};

	if (back == UINT64_MAX)
		return walk_damage(w, &e, WHY_CYCLE,
				   "cycle: %s leads back to 0x%" PRIx64
				   ", one of the last %" PRIu64 " elements", what, node, w->power);
	return walk_damage(w, &e, WHY_CYCLE, "cycle: %s leads back to element %" PRIu64, what, back);
}

/* The pointer back from node isn't to where we come from: told once, and the walk goes on. */
static struct err *check_back(struct walk *w, struct way *y, uint64_t node, uint64_t back)
{
	struct element e = {.node = node, .addr = node - w->c->link};
	const char *poison;
	char what[64];

	if (back == y->from || y->disagreed || y->backwards)
		return NULL;
	poison = poison_name(back);
	name_of(y, what, sizeof(what));
	y->disagreed = true;
	return walk_damage(w, &e, WHY_DISAGREES,
			   "%s is 0x%" PRIx64 ", but the %s there is 0x%" PRIx64 "%s%s, not 0x%" PRIx64,
			   what, node, y->prev_name, back, poison ? " " : "", poison ? poison : "",
			   y->from);
}

/* Why the node that next points to can't be gone to; a node that is known needs no reason backwards. */
static struct err *refuse(struct walk *w, const struct way *y, uint64_t node)
{
	uint64_t back;
	uint8_t pair[16];
	char what[64];
	bool ok;

	name_of(y, what, sizeof(what));
	TRY(walk_pointer(w, node, 8, what, &ok));
	if (!ok)
		return NULL;
	if (walk_seen(w, node, &back))
		return y->backwards ? NULL : tell_cycle(w, node, back, what);
	return walk_bytes(w, node, pair, sizeof(pair), what, &ok);
}

/* One step: the node that next points to becomes the one we stand on. */
static struct err *step(struct walk *w, struct way *y, uint64_t *next, bool *on)
{
	uint64_t node = *next, back;
	uint8_t pair[16];
	char what[64];

	*on = walk_quick(w, node, 8, pair, sizeof(pair));
	if (!*on)
		return refuse(w, y, node);
	if (walk_seen(w, node, &back)) {
		*on = false;
		name_of(y, what, sizeof(what));
		return y->backwards ? NULL : tell_cycle(w, node, back, what);
	}
	TRY(walk_give(w, &(struct element){.node = node, .backwards = y->backwards}));
	TRY(check_back(w, y, node, load_u64(pair + y->prev)));
	y->from = node;
	y->from_n = w->n - 1;
	*next = load_u64(pair + y->next);
	*on = !w->full && !(w->c->end && (node == w->c->end || node - w->c->link == w->c->end));
	y->whole |= !*on;
	return NULL;
}

static struct err *walk_way(struct walk *w, struct way *y, const uint8_t *head)
{
	uint64_t next = load_u64(head + y->next);
	bool on = true;

	while (on) {
		if (next == w->c->root || (w->c->end && next == w->c->end)) {
			y->whole = true;
			return next == w->c->root ? check_back(w, y, next, load_u64(head + y->prev)) : NULL;
		}
		TRY(step(w, y, &next, &on));
	}
	return NULL;
}

struct err *walk_lists(struct walk *w)
{
	struct way y = {.next = w->c->reverse ? 8 : 0, .prev = w->c->reverse ? 0 : 8,
			.next_name = w->c->reverse ? "prev" : "next",
			.prev_name = w->c->reverse ? "next" : "prev",
			.from = w->c->root, .from_n = UINT64_MAX};
	uint8_t head[16];
	uint64_t back;
	bool ok;

	TRY(walk_pointer(w, w->c->root, 8, "the head", &ok));
	if (!ok)
		return NULL;
	TRY(walk_bytes(w, w->c->root, head, sizeof(head), "the head", &ok));
	if (!ok)
		return NULL;
	if (w->c->at_node) {
		walk_seen(w, w->c->root, &back);
		y.from_n = 0;
		TRY(walk_give(w, &(struct element){.node = w->c->root}));
	}
	TRY(walk_way(w, &y, head));
	if (y.whole || w->full)
		return NULL;
	struct way other = {.next = y.prev, .prev = y.next, .next_name = y.prev_name,
			    .prev_name = y.next_name, .backwards = true, .from = w->c->root,
			    .from_n = UINT64_MAX};
	return walk_way(w, &other, head);
}

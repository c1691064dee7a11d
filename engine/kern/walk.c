/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks along list_heads for the rooms that want the nodes and one sentence about the damage. A node
 * whose own pointers can't be read is given too: of the object around it more may be there.
 */
#include "engine/base/alloc.h"
#include "engine/kern/container/container.h"
#include "engine/kern/impl.h"

struct nodes {
	uint64_t head;
	struct err *(*fn)(void *ctx, uint64_t node);
	void *ctx;
	char *problem;
};

static struct err *on_element(void *ctx, const struct element *e)
{
	struct nodes *n = ctx;

	if (e->kind == ELEMENT)
		return n->fn(n->ctx, e->node);
	/* a list that was being changed: its next pointers are what counts */
	if (e->why == WHY_DISAGREES)
		return NULL;
	if (!n->problem)
		n->problem = xstrdup(e->damage);
	return e->why == WHY_UNREADABLE && e->node != n->head ? n->fn(n->ctx, e->node) : NULL;
}

struct err *walk_list(struct session *s, uint64_t head, size_t max, struct job *job,
		      struct err *(*fn)(void *ctx, uint64_t node), void *ctx, char **problem)
{
	struct container c = {.kind = CONTAINER_LIST, .root = head, .limit = max};
	struct nodes n = {.head = head, .fn = fn, .ctx = ctx};
	struct err *e = container_walk(s, &c, job, on_element, &n, NULL);

	if (e)
		free(n.problem);
	*problem = e ? NULL : n.problem;
	return e;
}

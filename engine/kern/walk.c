/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks along list_heads. A damaged list must neither end the program nor hide its other half: what
 * was seen is remembered, so a cycle is noticed at its first repeated node, and when the way
 * forward ends the walk goes on from the head backwards until it meets known nodes.
 */
#include <inttypes.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/kern/impl.h"

struct walk {
	struct session *s;
	uint64_t head;
	size_t n, max;
	struct hmap seen;
	char *problem;
};

/* One direction: follows the pointer at node + offset. *whole: it came back to the head. */
static struct err *walk_way(struct walk *w, unsigned offset, struct job *job,
			    struct err *(*fn)(void *ctx, uint64_t node), void *ctx, bool *whole)
{
	uint64_t from = w->head, node;
	bool added;

	*whole = false;
	for (;;) {
		struct err *e = mem_u64(w->s->mem, KERNEL, from + offset, &node);
		if (e) {
			w->problem = w->problem ? w->problem : xstrdup(err_text(e));
			err_free(e);
			return NULL;
		}
		if (node == w->head) {
			*whole = true;
			return NULL;
		}
		if (!kern_pointer(w->s, node) || node % 8) {
			w->problem = w->problem ? w->problem
						: xasprintf("0x%" PRIx64 " leads to 0x%" PRIx64
							    ", which is no kernel address",
							    from, node);
			return NULL;
		}
		hmap_put(&w->seen, node, &added);
		if (!added || w->n >= w->max) {
			w->problem = w->problem ? w->problem
						: xasprintf(added ? "too long at 0x%" PRIx64
								  : "cycle at 0x%" PRIx64,
							    node);
			return NULL;
		}
		w->n++;
		TRY(job_tick(job, 1));
		TRY(fn(ctx, node));
		from = node;
	}
}

struct err *walk_list(struct session *s, uint64_t head, size_t max, struct job *job,
		      struct err *(*fn)(void *ctx, uint64_t node), void *ctx, char **problem)
{
	struct walk w = {.s = s, .head = head, .max = max};
	bool whole;
	struct err *e = walk_way(&w, 0, job, fn, ctx, &whole);

	/* Backwards, a node that is known already is where the two ways meet. */
	if (!e && !whole)
		e = walk_way(&w, 8, job, fn, ctx, &whole);
	hmap_free(&w.seen);
	if (e)
		free(w.problem);
	*problem = e ? NULL : w.problem;
	return e;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What needs no pointers to walk: elements side by side, one a CPU, and bits.
 */
#include <inttypes.h>
#include <stdio.h>
#include "engine/base/checked.h"
#include "engine/kern/container/impl.h"

/* An element that is a pointer: what it points to is meant; NULL ones are left out. */
static struct err *give_at(struct walk *w, uint64_t at, uint64_t index)
{
	struct element e = {.node = at, .addr = at, .indexed = true, .first = index, .last = index};
	uint8_t word[8];
	char what[48];
	bool ok;

	if (!w->c->pointers)
		return walk_give(w, &e);
	snprintf(what, sizeof(what), "element %" PRIu64, index);
	TRY(walk_bytes(w, at, word, sizeof(word), what, &ok));
	uint64_t p = ok ? load_u64(word) : 0;
	if (!p)
		return NULL;
	TRY(walk_pointer(w, p, 1, what, &ok));
	e.addr = p - w->c->link;
	return ok ? walk_give(w, &e) : NULL;
}

struct err *walk_array(struct walk *w)
{
	uint64_t size = w->c->pointers ? 8 : w->c->size;
	bool ok;

	TRY(walk_pointer(w, w->c->root, 1, "the array's address", &ok));
	for (uint64_t i = 0; ok && size && i < w->c->count && !w->full; i++) {
		uint64_t k = w->c->reverse ? w->c->count - 1 - i : i, at;
		if (mul_u64(k, size, &at) && add_u64(w->c->root, at, &at))
			TRY(give_at(w, at, k));
		TRY(job_tick(w->job, 1));
	}
	return NULL;
}

struct err *walk_percpu(struct walk *w)
{
	uint64_t offset;

	for (unsigned cpu = 0; cpu < w->s->ncpus && !w->full; cpu++) {
		TRY(kern_percpu_offset(w->s, cpu, &offset));
		TRY(give_at(w, w->c->root + offset, cpu));
	}
	return NULL;
}

struct err *walk_bitmap(struct walk *w)
{
	uint64_t word = 0, begin = UINT64_MAX, bits = w->c->count;
	uint8_t bytes[8];
	bool ok;

	for (uint64_t i = 0; i <= bits && !w->full; i++) {
		if (i < bits && i % 64 == 0) {
			TRY(job_tick(w->job, 1));
			TRY(walk_bytes(w, w->c->root + i / 8, bytes, sizeof(bytes), "a word of bits", &ok));
			word = ok ? load_u64(bytes) : 0;
		}
		bool set = i < bits && (word >> i % 64 & 1);
		if (set && begin == UINT64_MAX)
			begin = i;
		if (set || begin == UINT64_MAX)
			continue;
		TRY(walk_give(w, &(struct element){.kind = ELEMENT_VALUE, .addr = begin, .indexed = true,
						   .node = w->c->root + begin / 64 * 8, .first = begin,
						   .last = i - 1}));
		begin = UINT64_MAX;
	}
	return NULL;
}

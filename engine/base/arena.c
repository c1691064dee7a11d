/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/arena.h"
#include "engine/base/alloc.h"
#include <stdalign.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	struct arena_block *b = a->head;

	n = (n + align - 1) / align * align;
	if (!b || b->size - b->used < n) {
		size_t size = b ? b->size * 2 : 1024;
		if (size > 256 * 1024)
			size = 256 * 1024;
		if (size < n)
			size = n;
		b = xmalloc(sizeof(*b) + size);
		*b = (struct arena_block){.next = a->head, .size = size};
		a->head = b;
	}
	void *p = b->data + b->used;
	b->used += n;
	a->used += n;
	return memset(p, 0, n);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = arena_alloc(a, n + 1);
	memcpy(p, s, n);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

void arena_free(struct arena *a)
{
	for (struct arena_block *b = a->head, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){0};
}

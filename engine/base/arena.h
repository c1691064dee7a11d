/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Memory that is given back all at once. `struct arena a = {0};` is an empty one.
 * Thread: one at a time. What it hands out lives until arena_free().
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;
struct arena {
	struct arena_block *head;
	size_t used; /* bytes handed out, for figures */
};

/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *a, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
void arena_free(struct arena *a);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/intern.h"
#include "engine/base/alloc.h"
#include "engine/base/arena.h"
#include "engine/base/hmap.h"
#include <pthread.h>
#include <string.h>

struct intern {
	pthread_mutex_t lock;
	struct arena arena;
	struct smap map;
};

struct intern *intern_create(void)
{
	struct intern *in = xcalloc(1, sizeof(*in));
	pthread_mutex_init(&in->lock, NULL);
	return in;
}

void intern_destroy(struct intern *in)
{
	if (!in)
		return;
	smap_free(&in->map);
	arena_free(&in->arena);
	pthread_mutex_destroy(&in->lock);
	free(in);
}

const char *intern_str(struct intern *in, const char *s)
{
	pthread_mutex_lock(&in->lock);
	uint64_t *v = smap_get(&in->map, s);
	if (!v) {
		const char *copy = arena_strdup(&in->arena, s);
		v = smap_put(&in->map, copy, NULL);
		*v = (uintptr_t)copy;
	}
	const char *ret = (const char *)(uintptr_t)*v;
	pthread_mutex_unlock(&in->lock);
	return ret;
}

const char *intern_strn(struct intern *in, const char *s, size_t n)
{
	AUTO_FREE char *copy = xstrndup(s, n);
	return intern_str(in, copy);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decompressed pages, shared by all threads: 16 shards with a lock each, sets of 8 ways within a
 * shard, the least recently used way of a set is taken. The pages of a shard are one anonymous
 * mapping, so memory is only taken as pages come in, and goes back at once when the cache shrinks.
 */
#include <string.h>
#include <sys/mman.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/dump/impl.h"

#define SHARDS 16u
#define WAYS 8u

struct way {
	uint64_t key; /* pfn + 1; 0: empty */
	uint32_t used;
	struct span span;
};

struct shard {
	pthread_mutex_t lock;
	size_t sets;
	uint32_t clock;
	struct way *ways;
	unsigned char *pages;
};

struct page_cache {
	size_t page_size;
	struct shard shards[SHARDS];
};

static void shard_empty(struct shard *s, size_t page_size)
{
	if (s->pages)
		munmap(s->pages, s->sets * WAYS * page_size);
	free(s->ways);
	s->pages = NULL;
	s->ways = NULL;
	s->sets = 0;
}

/* Without memory the cache is simply empty. */
static void shard_fill(struct shard *s, size_t page_size, size_t sets)
{
	void *p = mmap(NULL, sets * WAYS * page_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return;
	s->pages = p;
	s->sets = sets;
	s->ways = xcalloc(sets * WAYS, sizeof(*s->ways));
}

struct page_cache *cache_create(unsigned page_size, size_t bytes)
{
	struct page_cache *c = xcalloc(1, sizeof(*c));
	c->page_size = page_size;
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_init(&c->shards[i].lock, NULL);
	cache_resize(c, bytes);
	return c;
}

void cache_destroy(struct page_cache *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < SHARDS; i++) {
		shard_empty(&c->shards[i], c->page_size);
		pthread_mutex_destroy(&c->shards[i].lock);
	}
	free(c);
}

void cache_resize(struct page_cache *c, size_t bytes)
{
	size_t sets = bytes / c->page_size / SHARDS / WAYS;

	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *s = &c->shards[i];
		pthread_mutex_lock(&s->lock);
		shard_empty(s, c->page_size);
		shard_fill(s, c->page_size, sets ? sets : 1);
		pthread_mutex_unlock(&s->lock);
	}
}

static struct shard *shard_of(struct page_cache *c, uint64_t hash)
{
	return &c->shards[hash % SHARDS];
}

/* The way that holds pfn, or NULL; *victim (may be NULL) is where it could go. Under the lock. */
static struct way *shard_find(struct shard *s, uint64_t hash, uint64_t pfn, struct way **victim)
{
	if (!s->sets)
		return NULL;
	struct way *set = s->ways + hash / SHARDS % s->sets * WAYS, *old = set;
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].key == pfn + 1)
			return &set[i];
		if (!set[i].key || (old->key && set[i].used < old->used))
			old = &set[i];
	}
	if (victim)
		*victim = old;
	return NULL;
}

bool cache_get(struct page_cache *c, uint64_t pfn, uint32_t off, void *buf, uint32_t len,
	       uint32_t *got, enum mem_state *rest)
{
	uint64_t hash = hash_u64(pfn);
	struct shard *s = shard_of(c, hash);

	pthread_mutex_lock(&s->lock);
	struct way *w = shard_find(s, hash, pfn, NULL);
	if (w) {
		w->used = ++s->clock;
		*rest = w->span.rest;
		*got = 0;
		if (off >= w->span.from && off < w->span.to)
			*got = len < w->span.to - off ? len : w->span.to - off;
		memcpy(buf, s->pages + (size_t)(w - s->ways) * c->page_size + off, *got);
	}
	pthread_mutex_unlock(&s->lock);
	return w != NULL;
}

void cache_put(struct page_cache *c, uint64_t pfn, const void *page, const struct span *span)
{
	uint64_t hash = hash_u64(pfn);
	struct shard *s = shard_of(c, hash);
	struct way *w = NULL;

	pthread_mutex_lock(&s->lock);
	if (!shard_find(s, hash, pfn, &w) && w) {
		*w = (struct way){.key = pfn + 1, .used = ++s->clock, .span = *span};
		memcpy(s->pages + (size_t)(w - s->ways) * c->page_size + span->from,
		       (const char *)page + span->from, span->to - span->from);
	}
	pthread_mutex_unlock(&s->lock);
}

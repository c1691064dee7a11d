/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open addressing with linear probing; grown at three quarters. Entries are never removed. */
#include "engine/base/hmap.h"
#include "engine/base/alloc.h"
#include <string.h>

struct hmap_slot {
	uint64_t key, value;
	bool used;
};

struct smap_slot {
	const char *key; /* NULL: free */
	uint64_t hash, value;
};

uint64_t hash_u64(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

uint64_t hash_bytes(const void *p, size_t n)
{
	const unsigned char *s = p;
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ s[i]) * 0x100000001b3u;
	return hash_u64(h);
}

uint64_t hash_str(const char *s)
{
	return hash_bytes(s, strlen(s));
}

uint64_t *hmap_get(const struct hmap *m, uint64_t key)
{
	if (!m->n)
		return NULL;
	for (size_t i = hash_u64(key) & (m->cap - 1); m->slots[i].used; i = (i + 1) & (m->cap - 1))
		if (m->slots[i].key == key)
			return &m->slots[i].value;
	return NULL;
}

static void hmap_grow(struct hmap *m)
{
	struct hmap old = *m;
	m->cap = old.cap ? old.cap * 2 : 16;
	m->n = 0;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].used)
			*hmap_put(m, old.slots[i].key, NULL) = old.slots[i].value;
	free(old.slots);
}

uint64_t *hmap_put(struct hmap *m, uint64_t key, bool *added)
{
	if (m->n * 4 >= m->cap * 3)
		hmap_grow(m);
	size_t i = hash_u64(key) & (m->cap - 1);
	while (m->slots[i].used && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	if (added)
		*added = !m->slots[i].used;
	if (!m->slots[i].used) {
		m->slots[i] = (struct hmap_slot){.key = key, .used = true};
		m->n++;
	}
	return &m->slots[i].value;
}

bool hmap_next(const struct hmap *m, size_t *i, uint64_t *key, uint64_t *value)
{
	for (; *i < m->cap; ++*i)
		if (m->slots[*i].used) {
			*key = m->slots[*i].key;
			*value = m->slots[(*i)++].value;
			return true;
		}
	return false;
}

void hmap_free(struct hmap *m)
{
	free(m->slots);
	*m = (struct hmap){0};
}

uint64_t *smap_get(const struct smap *m, const char *key)
{
	if (!m->n)
		return NULL;
	uint64_t h = hash_str(key);
	for (size_t i = h & (m->cap - 1); m->slots[i].key; i = (i + 1) & (m->cap - 1))
		if (m->slots[i].hash == h && !strcmp(m->slots[i].key, key))
			return &m->slots[i].value;
	return NULL;
}

static void smap_grow(struct smap *m)
{
	struct smap old = *m;
	m->cap = old.cap ? old.cap * 2 : 16;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++) {
		if (!old.slots[i].key)
			continue;
		size_t j = old.slots[i].hash & (m->cap - 1);
		while (m->slots[j].key)
			j = (j + 1) & (m->cap - 1);
		m->slots[j] = old.slots[i];
	}
	free(old.slots);
}

uint64_t *smap_put(struct smap *m, const char *key, bool *added)
{
	uint64_t h = hash_str(key);
	if (m->n * 4 >= m->cap * 3)
		smap_grow(m);
	size_t i = h & (m->cap - 1);
	while (m->slots[i].key && (m->slots[i].hash != h || strcmp(m->slots[i].key, key)))
		i = (i + 1) & (m->cap - 1);
	if (added)
		*added = !m->slots[i].key;
	if (!m->slots[i].key) {
		m->slots[i] = (struct smap_slot){.key = key, .hash = h};
		m->n++;
	}
	return &m->slots[i].value;
}

bool smap_next(const struct smap *m, size_t *i, const char **key, uint64_t *value)
{
	for (; *i < m->cap; ++*i)
		if (m->slots[*i].key) {
			*key = m->slots[*i].key;
			*value = m->slots[(*i)++].value;
			return true;
		}
	return false;
}

void smap_free(struct smap *m)
{
	free(m->slots);
	*m = (struct smap){0};
}

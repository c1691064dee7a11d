/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Hash maps from a 64-bit number (hmap) or a string (smap) to a 64-bit value, which may be a pointer.
 * `struct hmap m = {0};` is an empty one. Pointers to values last until the next put.
 * Thread: one writer, or many readers.
 */
#ifndef BASE_HMAP_H
#define BASE_HMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hmap_slot;
struct hmap {
	struct hmap_slot *slots;
	size_t n, cap;
};

/* The value of key, or NULL. */
uint64_t *hmap_get(const struct hmap *m, uint64_t key);
/* The value of key, made with 0 when it wasn't there. *added (may be NULL) tells. */
uint64_t *hmap_put(struct hmap *m, uint64_t key, bool *added);
/* Walks all entries: start with *i = 0; false at the end. */
bool hmap_next(const struct hmap *m, size_t *i, uint64_t *key, uint64_t *value);
void hmap_free(struct hmap *m);

struct smap_slot;
struct smap {
	struct smap_slot *slots;
	size_t n, cap;
};

/* Keys are borrowed: they must live as long as the map. */
uint64_t *smap_get(const struct smap *m, const char *key);
uint64_t *smap_put(struct smap *m, const char *key, bool *added);
bool smap_next(const struct smap *m, size_t *i, const char **key, uint64_t *value);
void smap_free(struct smap *m);

uint64_t hash_u64(uint64_t x);
uint64_t hash_bytes(const void *p, size_t n);
uint64_t hash_str(const char *s);

#endif

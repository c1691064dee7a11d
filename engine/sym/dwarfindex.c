/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index's life and its look-ups. One mutex serialises building; `ready` is published last, and
 * what it stands for never changes after, so that readers take no lock.
 *
 * A look-up goes from the name's hash to DIE offsets and asks each DIE for its name: no strings are
 * kept, and a wrong or stale entry costs a comparison, not a wrong answer.
 */
#include <dwarf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/sym/indeximpl.h"
#include "engine/sym/namehash.h"

struct dwarfindex {
	struct object *object;
	bool no_cache;
	pthread_mutex_t lock; /* of building */
	atomic_bool ready;
	struct index_data data;
};

struct dwarfindex *dwarfindex_create(struct object *o, bool no_cache)
{
	struct dwarfindex *x = xcalloc(1, sizeof(*x));

	x->object = o;
	x->no_cache = no_cache;
	pthread_mutex_init(&x->lock, NULL);
	return x;
}

void dwarfindex_destroy(struct dwarfindex *x)
{
	if (!x)
		return;
	index_free(&x->data);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

bool dwarfindex_ready(const struct dwarfindex *x)
{
	return atomic_load_explicit(&x->ready, memory_order_acquire);
}

static struct err *build(struct dwarfindex *x, struct job *job)
{
	TRY(object_prepare_dwarf(x->object, job));
	uint64_t key = x->no_cache ? 0 : index_key(x->object);
	if (!key || !index_load(key, &x->data)) {
		TRY(index_scan(x->object, job, &x->data));
		if (key)
			index_save(key, &x->data);
	}
	atomic_store_explicit(&x->ready, true, memory_order_release);
	return NULL;
}

struct err *dwarfindex_build(struct dwarfindex *x, struct job *job)
{
	if (dwarfindex_ready(x))
		return NULL;
	pthread_mutex_lock(&x->lock);
	struct err *e = dwarfindex_ready(x) ? NULL : build(x, job);
	pthread_mutex_unlock(&x->lock);
	return e;
}

/* The first entry of that hash and kind, or of a later one. */
static size_t first_of(const struct index_data *d, uint32_t hash, unsigned kind)
{
	size_t lo = 0, hi = d->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct index_entry *e = &d->v[mid];
		if (e->hash < hash || (e->hash == hash && e->kind < kind))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool has_name(Dwarf *dwarf, uint64_t offset, const char *name)
{
	Dwarf_Die die;
	const char *s = dwarf_offdie(dwarf, offset, &die) ? dwarf_diename(&die) : NULL;

	return s && !strcmp(s, name);
}

struct err *dwarfindex_find(struct dwarfindex *x, enum dwarf_name_kind kind, const char *name,
			    struct job *job, uint64_t *ret, size_t max, size_t *count)
{
	uint32_t hash = name_hash(name);
	size_t n = 0;

	*count = 0;
	TRY(dwarfindex_build(x, job));
	const struct index_data *d = &x->data;
	object_lock(x->object);
	Dwarf *dwarf = object_dwarf(x->object);
	for (size_t i = first_of(d, hash, kind);
	     dwarf && i < d->n && d->v[i].hash == hash && d->v[i].kind == kind; i++) {
		uint64_t offset = index_offset(&d->v[i]);
		if (!has_name(dwarf, offset, name))
			continue;
		if (n < max)
			ret[n] = offset;
		n++;
	}
	object_unlock(x->object);
	*count = n;
	return NULL;
}

size_t dwarfindex_memory(const struct dwarfindex *x)
{
	return sizeof(*x) + (dwarfindex_ready(x) ? x->data.n * sizeof(*x->data.v) : 0);
}

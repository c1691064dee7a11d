/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hash table looks like is in its type. How long it is only the kernel knows, if it was allocated: a
 * mask, a shift, or a constant of its source says so.
 */
#include "engine/kern/container/buckets.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"

#define BUCKETS_MAX (UINT64_C(1) << 28)
#define BUCKET_MEMBERS 6 /* of a struct around a head */

static bool is_head(enum container_kind k)
{
	return k >= CONTAINER_LIST && k <= CONTAINER_LLIST;
}

/* The head that a bucket is, or has in it. */
static enum container_kind head_in(struct session *s, const struct type *t, uint64_t *at)
{
	enum container_kind k = container_of_type(s, t, at);
	uint64_t inner;
	size_t n;
	const struct member *m = type_members(type_strip(t), &n);

	if (is_head(k))
		return k;
	for (size_t i = 0; i < n && n <= BUCKET_MEMBERS; i++) {
		k = container_of_type(s, m[i].type, &inner);
		if (is_head(k)) {
			*at = m[i].bit_offset / 8 + inner;
			return k;
		}
	}
	return CONTAINER_NONE;
}

bool buckets_of_type(struct session *s, const struct type *t, bool pointer, struct container *c)
{
	const struct type *plain = t ? type_strip(t) : NULL;
	uint64_t at, count = 0;

	if (!plain || type_kind(plain) != (pointer ? TYPE_POINTER : TYPE_ARRAY) ||
	    (!pointer && (!type_array_count(plain, &count) || !count || count > BUCKETS_MAX)))
		return false;
	const struct type *of = type_target(plain);
	enum container_kind k = head_in(s, of, &at);
	if (!k || !type_size(of))
		return false;
	c->kind = k;
	c->stride = type_size(of);
	c->buckets = count;
	c->root = at;
	return true;
}

static struct err *value_of(struct session *s, const char *name, const struct type *owner, uint64_t addr, uint64_t *ret)
{
	struct kern_member m = {.names = name};
	uint32_t v;

	if (*name >= '0' && *name <= '9') {
		*ret = strtoull(name, NULL, 0);
		return NULL;
	}
	if (owner) {
		TRY(type_member(owner, name, &m.place));
		m.found = true;
		return kern_read(s, addr, &m, ret);
	}
	TRY(kern_symbol(s, name, &addr));
	TRY(mem_u32(s->mem, KERNEL, addr, &v));
	*ret = v;
	return NULL;
}

struct err *buckets_count(struct session *s, const char *text, const struct type *owner, uint64_t addr, uint64_t *ret)
{
	bool shift = !strncmp(text, "1<<", 3), left = shift && !strncmp(text + 3, "32-", 3);
	size_t skip = left ? 6 : shift ? 3 : 0, n = strcspn(text + skip, "+");
	AUTO_FREE char *name = xstrndup(text + skip, n);
	uint64_t v;

	TRY(value_of(s, name, owner, addr, &v));
	v = left ? 32 - v : v;
	if (shift)
		v = v < 64 ? UINT64_C(1) << v : 0;
	if (text[skip + n] == '+')
		v += strtoull(text + skip + n + 1, NULL, 0);
	if (!v || v > BUCKETS_MAX)
		return err_new(ERR_CORRUPT, "%s says that there are %" PRIu64 " buckets", text, v);
	*ret = v;
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes of the tables, as far as the dump has them: a lost page becomes zeroes and is remembered.
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/sym/kallsymsimpl.h"

#define PAGE 4096u
#define TABLE_MAX (256u << 20)

static void add_hole(struct ks_holes *h, size_t start, size_t end)
{
	if (h->n && h->v[h->n - 1].end == start) {
		h->v[h->n - 1].end = end;
		return;
	}
	GROW(h->v, h->n, h->cap);
	h->v[h->n].start = start;
	h->v[h->n++].end = end;
}

bool ks_lost(const struct ks_holes *h, uint64_t start, uint64_t end)
{
	size_t lo = 0, hi = h->n;

	/* the first hole that ends behind start */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (h->v[mid].end <= start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < h->n && h->v[lo].start < end;
}

struct err *ks_read(const struct kallsyms_source *src, uint64_t addr, size_t n,
		    struct ks_names *ret)
{
	size_t at = 0, got = 0;
	uint64_t end;

	if (!add_u64(addr, n, &end))
		return err_new(ERR_CORRUPT, "a table of kallsyms at %#" PRIx64 " can't be", addr);
	TRY(try_alloc(n + 1, 1, TABLE_MAX, &ret->p));
	ret->size = n;
	while (at < n) {
		size_t part = src->read(src->ctx, addr + at, ret->p + at, n - at);
		got += part;
		at += part;
		if (at >= n)
			break;
		size_t next = at + PAGE - (size_t)((addr + at) % PAGE);
		next = next < n ? next : n;
		memset(ret->p + at, 0, next - at);
		add_hole(&ret->holes, at, next);
		at = next;
	}
	if (got)
		return NULL;
	ks_names_free(ret);
	return err_new(ERR_FAULT, "the table of kallsyms at %#" PRIx64 " can't be read", addr);
}

void ks_names_free(struct ks_names *v)
{
	free(v->p);
	free(v->holes.v);
	free(v->block);
	v->p = NULL;
	v->holes.v = NULL;
	v->block = NULL;
}

/* Names go to terminals. */
static bool can_be_shown(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return true;
}

size_t ks_split_tokens(const char *p, size_t n, struct ks_tokens *ret)
{
	size_t at = 0;

	n = n < KS_TOKEN_TEXT ? n : KS_TOKEN_TEXT;
	memmove(ret->text, p, n);
	for (unsigned i = 0; i < KS_TOKENS; i++) {
		const char *end = memchr(ret->text + at, '\0', n - at);
		if (!end)
			return 0;
		uint32_t len = (uint32_t)(end - (ret->text + at));
		ret->v[i] = (struct ks_token){ret->text + at, len, len};
		if (!can_be_shown(ret->text + at, len))
			ret->v[i].cost = KS_NAME_MAX + 1;
		at += len + 1;
	}
	return at;
}

struct err *ks_read_tokens(const struct kallsyms_source *src, const struct kallsyms_tables *t,
			   struct ks_tokens *ret)
{
	uint8_t index[KS_TOKENS * 2];

	memset(ret, 0, sizeof(*ret));
	AUTO_FREE char *text = xmalloc(KS_TOKEN_TEXT);
	size_t n = src->read(src->ctx, t->token_table, text, KS_TOKEN_TEXT);
	if (!ks_split_tokens(text, n, ret))
		return err_new(n ? ERR_CORRUPT : ERR_FAULT,
			       "kallsyms_token_table at %#" PRIx64 " %s", t->token_table,
			       n ? "isn't 256 strings" : "can't be read");
	if (src->read(src->ctx, t->token_index, index, sizeof(index)) != sizeof(index))
		return NULL; /* the strings say it all */
	for (unsigned i = 0; i < KS_TOKENS; i++)
		if (load_u16(index + i * 2u) != ret->v[i].text - ret->text)
			return err_new(ERR_CORRUPT,
				       "kallsyms_token_index at %#" PRIx64
				       " doesn't fit its table: token %u", t->token_index, i);
	return NULL;
}

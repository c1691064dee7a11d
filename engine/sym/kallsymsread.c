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

/* Reads what is behind b->have up to the end; lost pages are zeroes. How many bytes there were. */
static size_t read_rest(struct ks_bytes *b)
{
	size_t got = 0;

	for (size_t at = b->have; at < b->size;) {
		size_t part = b->src->read(b->src->ctx, b->addr + at, b->p + at, b->size - at);
		got += part;
		at += part;
		if (at >= b->size)
			break;
		size_t next = at + PAGE - (size_t)((b->addr + at) % PAGE);
		next = next < b->size ? next : b->size;
		memset(b->p + at, 0, next - at);
		add_hole(&b->holes, at, next);
		at = next;
	}
	b->have = b->size;
	return got;
}

static struct err *begin(const struct kallsyms_source *src, uint64_t addr, size_t n, struct ks_bytes *ret)
{
	uint64_t end;

	if (!add_u64(addr, n, &end))
		return err_new(ERR_CORRUPT, "a table of kallsyms at %#" PRIx64 " can't be", addr);
	*ret = (struct ks_bytes){.size = n, .src = src, .addr = addr};
	return try_alloc(n + 1, 1, KS_TABLE_MAX, &ret->p);
}

struct err *ks_read(const struct kallsyms_source *src, uint64_t addr, size_t n,
		    struct ks_bytes *ret)
{
	TRY(begin(src, addr, n, ret));
	if (read_rest(ret))
		return NULL;
	ks_bytes_free(ret);
	return err_new(ERR_FAULT, "the table of kallsyms at %#" PRIx64 " can't be read", addr);
}

struct err *ks_begin(const struct kallsyms_source *src, uint64_t addr, size_t n,
		     struct ks_bytes *ret)
{
	if (!src->begin)
		return ks_read(src, addr, n, ret);
	TRY(begin(src, addr, n, ret));
	ret->piece = src->begin(src->ctx, addr, ret->p, n);
	if (src->wait(ret->piece, 1))
		return NULL;
	ks_bytes_free(ret);
	return ks_read(src, addr, n, ret); /* its first page is lost */
}

void ks_need(struct ks_bytes *b, size_t upto)
{
	upto = upto < b->size ? upto : b->size;
	if (b->have >= upto || !b->piece)
		return;
	b->have = b->src->wait(b->piece, upto);
	if (b->have < upto) { /* a hole: what is behind it comes page by page */
		b->src->end(b->piece);
		b->piece = NULL;
		read_rest(b);
	}
}

void ks_settle(struct ks_bytes *b, size_t size)
{
	if (b->piece)
		b->src->end(b->piece);
	b->piece = NULL;
	b->src = NULL;
	b->p = xrealloc(b->p, size + 1, 1);
	b->size = b->have = size;
}

void ks_bytes_free(struct ks_bytes *b)
{
	if (b->piece)
		b->src->end(b->piece);
	free(b->p);
	free(b->holes.v);
	*b = (struct ks_bytes){0};
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
		ret->v[i] = (struct ks_token){ret->text + at, len, can_be_shown(ret->text + at, len)};
		at += len + 1;
	}
	ks_sum_tokens(ret);
	ret->text_len = at;
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

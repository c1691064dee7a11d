/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A name is a length and that many token numbers. Since 6.1 a length of two bytes is possible, and
 * nothing says so: both ways are tried, and the one must come out whose every 256th name begins
 * where kallsyms_markers, the table right behind, says. The same markers lead across lost pages.
 *
 * Names stay compressed. One pass finds where each begins, its length and its hash, without looking at a
 * character: a name's hash is the sum of a number for each, so a token's share is known before. Names of the
 * same letters share a chain; they are few.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/base/hmap.h"
#include "engine/sym/kallsymsimpl.h"

#define READ_AHEAD (16u << 10) /* bytes that are waited for at a time */
#define LOW_IN_CHAIN 32u       /* of the first 2000 names; no sane table has that many alike */

/* ---- hashes ---- */

/* Low bits: the hash, below KS_NAME_MAX * 2^28; above: characters, too many where one can't be shown. */
#define LENGTH_SHIFT 40

static uint64_t number_of(char c)
{
	return hash_u64((uint8_t)c) & ((UINT64_C(1) << 28) - 1);
}

void ks_sum_tokens(struct ks_tokens *all)
{
	for (unsigned i = 0; i < KS_TOKENS; i++) {
		const struct ks_token *t = &all->v[i];
		uint64_t length = t->shown ? t->len : KS_NAME_MAX + 1;
		uint64_t sum = length << LENGTH_SHIFT;
		for (uint32_t k = 0; t->shown && k < t->len && k <= KS_NAME_MAX; k++)
			sum += number_of(t->text[k]);
		all->sum[i] = all->first[i] = sum;
		if (t->shown && t->len)
			all->first[i] -= number_of(t->text[0]);
	}
}

static uint32_t hash_of_sum(uint64_t sum)
{
	return (uint32_t)((sum & ((UINT64_C(1) << LENGTH_SHIFT) - 1)) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static uint32_t hash_of_text(const char *s)
{
	uint64_t sum = 0;

	for (size_t n = 0; s[n] && n <= KS_NAME_MAX; n++)
		sum += number_of(s[n]);
	return hash_of_sum(sum);
}

/* ---- walking ---- */

/* The name at *at: its tokens; moves *at behind it. */
static bool next_name(const struct ks_names *v, bool two_bytes, size_t *at, const uint8_t **tokens,
		      size_t *len)
{
	const struct ks_bytes *b = &v->bytes;

	if (*at >= b->size)
		return false;
	size_t n = b->p[(*at)++];
	if (two_bytes && (n & 0x80)) {
		if (*at >= b->size)
			return false;
		n = (n & 0x7f) | (size_t)b->p[(*at)++] << 7;
	}
	if (!n || n > KS_NAME_MAX || !range_ok(*at, n, b->size))
		return false;
	*tokens = b->p + *at;
	*len = n;
	*at += n;
	return ks_is_letter(v->tokens->v[**tokens].text[0]);
}

/* Its hash; false: it is too short, too long, or can't be shown. */
static bool hash_tokens(const struct ks_tokens *all, const uint8_t *tokens, size_t len, uint32_t *ret)
{
	uint64_t sum = all->first[tokens[0]];

	for (size_t i = 1; i < len; i++)
		sum += all->sum[tokens[i]];
	*ret = hash_of_sum(sum);
	return sum >> LENGTH_SHIFT >= 2 && sum >> LENGTH_SHIFT <= KS_NAME_MAX;
}

uint32_t ks_walk(struct ks_names *v, bool two_bytes, uint32_t i, uint32_t n, size_t *at)
{
	const uint8_t *tokens;
	size_t len, good = *at;
	uint32_t k = 0;

	for (; k < n; k++) {
		if (v->bytes.have < *at + READ_AHEAD)
			ks_need(&v->bytes, *at + READ_AHEAD);
		if (!next_name(v, two_bytes, at, &tokens, &len))
			break;
		bool ok = hash_tokens(v->tokens, tokens, len, &v->next[i + k]);
		ok = ok && !(v->bytes.holes.n && ks_lost(&v->bytes.holes, good, *at));
		v->at[i + k] = ok ? (uint32_t)good : KS_LOST;
		good = *at;
	}
	*at = good;
	return k;
}

uint32_t ks_blocks(uint32_t n)
{
	return n / KS_BLOCK + (n % KS_BLOCK != 0);
}

uint32_t ks_block_size(uint32_t n, uint32_t b)
{
	return n - b * KS_BLOCK < KS_BLOCK ? n - b * KS_BLOCK : KS_BLOCK;
}

uint64_t ks_marker(const uint8_t *p, unsigned width, uint32_t i)
{
	return width == 4 ? load_u32(p + (size_t)i * 4) : load_u64(p + (size_t)i * 8);
}

static bool markers_are(struct ks_names *v, size_t pos, unsigned width, const uint32_t *block, uint32_t n)
{
	bool same = range_ok(pos, (uint64_t)n * width, v->bytes.size);

	if (same)
		ks_need(&v->bytes, pos + (size_t)n * width);
	for (uint32_t b = 0; same && b < n; b++)
		same = ks_marker(v->bytes.p + pos, width, b) == block[b];
	return same;
}

/* Does the table of markers lie behind `at`, and agree with where the blocks begin? */
static bool markers_agree(struct ks_names *v, size_t at, const uint32_t *block, uint32_t n)
{
	size_t by4 = (at + 3) & ~(size_t)3, by8 = (at + 7) & ~(size_t)7;

	return markers_are(v, by4, 4, block, n) || markers_are(v, by8, 4, block, n) ||
	       markers_are(v, by8, 8, block, n);
}

bool ks_walk_names(struct ks_names *v, size_t *end, bool *marked)
{
	uint32_t nblocks = ks_blocks(v->n), b;
	AUTO_FREE uint32_t *block = xcalloc(nblocks, sizeof(*block));
	bool whole[2] = {false, false};

	*marked = false;
	for (int two = 1; two >= 0 && !*marked; two--) {
		*end = 0;
		for (b = 0; b < nblocks; b++) {
			block[b] = (uint32_t)*end;
			if (ks_walk(v, two, b * KS_BLOCK, ks_block_size(v->n, b), end) < ks_block_size(v->n, b))
				break;
		}
		whole[two] = b == nblocks;
		v->two_bytes = two;
		*marked = whole[two] && nblocks > 1 && markers_agree(v, *end, block, nblocks);
	}
	if (!*marked && whole[1]) { /* nothing decides: the newer way */
		*end = 0;
		v->two_bytes = true;
		ks_walk(v, true, 0, v->n, end);
	}
	return whole[0] || whole[1];
}

/* ---- across damage ---- */

/* A block of 256 names is shorter than this, and longer than two bytes a name. */
#define BLOCK_LEAST (KS_BLOCK * 2u)
#define BLOCK_MOST (KS_BLOCK * (KS_NAME_MAX / 4u))

bool ks_plausible_markers(const uint8_t *p, unsigned width, uint32_t n, uint64_t end)
{
	if (ks_marker(p, width, 0))
		return false;
	for (uint32_t b = 1; b < n; b++) {
		uint64_t a = ks_marker(p, width, b - 1), z = ks_marker(p, width, b);
		if (z <= a || z - a < BLOCK_LEAST || z - a > BLOCK_MOST || z > end)
			return false;
	}
	return true;
}

static bool plausible_at(const struct ks_bytes *v, size_t pos, unsigned width, uint32_t n)
{
	return range_ok(pos, (uint64_t)n * width, v->size) && ks_plausible_markers(v->p + pos, width, n, pos);
}

/* Walks block by block, from where each begins; how many end where the next one does. */
static uint32_t walk_blocks(struct ks_names *v, bool two, const uint8_t *markers, unsigned width)
{
	uint32_t good = 0, n = ks_blocks(v->n);

	memset(v->at, 0xff, v->n * sizeof(*v->at)); /* KS_LOST */
	v->two_bytes = two;
	for (uint32_t b = 0; b < n; b++) {
		size_t at = (size_t)ks_marker(markers, width, b), size = ks_block_size(v->n, b);
		bool all = ks_walk(v, two, b * KS_BLOCK, (uint32_t)size, &at) == size;
		good += all && b + 1 < n && at == ks_marker(markers, width, b + 1);
	}
	return good;
}

bool ks_find_names(struct ks_names *v)
{
	uint32_t nblocks = ks_blocks(v->n);
	const struct ks_bytes *b = &v->bytes;

	ks_need(&v->bytes, b->size);
	for (size_t pos = 0; nblocks > 1 && pos < b->size; pos += 4) {
		unsigned width = plausible_at(b, pos, 4, nblocks)		     ? 4
				 : pos % 8 == 0 && plausible_at(b, pos, 8, nblocks) ? 8
										     : 0;
		if (!width)
			continue;
		uint32_t one = walk_blocks(v, false, b->p + pos, width);
		uint32_t two = walk_blocks(v, true, b->p + pos, width);
		if (one > two)
			walk_blocks(v, false, b->p + pos, width);
		if (one || two)
			return true;
	}
	return false;
}

/* ---- looking up ---- */

void ks_make_heads(struct ks_names *v)
{
	size_t heads = 64;

	while (heads < v->n / 2)
		heads *= 2;
	v->mask = (uint32_t)(heads - 1);
	v->heads = xmalloc(heads * sizeof(*v->heads));
	alloc_touch(v->heads, heads * sizeof(*v->heads));
	memset(v->heads, 0xff, heads * sizeof(*v->heads)); /* KS_LOST */
}

bool ks_chain(struct ks_names *v, uint32_t from, uint32_t to, uint32_t behind)
{
	/* backwards, so that each chain ascends */
	for (uint32_t i = to; i-- > from;) {
		if (v->at[i] == KS_LOST) {
			v->lost++;
			continue;
		}
		uint32_t *link = &v->heads[v->next[i] & v->mask];
		for (unsigned n = 0; *link < behind; n++) {
			if (n == LOW_IN_CHAIN)
				return false;
			link = &v->next[*link];
		}
		v->next[i] = *link;
		*link = i;
	}
	return true;
}

void ks_index_names(struct ks_names *v)
{
	ks_make_heads(v);
	ks_chain(v, 0, v->n, 0);
}

void ks_names_free(struct ks_names *v)
{
	ks_end_blocks(v);
	ks_bytes_free(&v->bytes);
	free(v->at);
	free(v->heads);
	free(v->next);
	*v = (struct ks_names){.n = v->n, .tokens = v->tokens};
}

/* The i-th name's tokens. */
static bool tokens_of(const struct ks_names *v, uint32_t i, const uint8_t **tokens, size_t *len)
{
	size_t at = i < v->n ? v->at[i] : KS_LOST;

	return at != KS_LOST && next_name(v, v->two_bytes, &at, tokens, len);
}

/* Copying a fixed number of bytes is faster than just the few that there are. */
size_t ks_name(const struct ks_names *v, uint32_t i, char *letter, char *out)
{
	const uint8_t *tokens;
	size_t len, n = 0;

	if (!tokens_of(v, i, &tokens, &len))
		return 0;
	const struct ks_token *t = &v->tokens->v[tokens[0]];
	*letter = t->text[0];
	for (size_t k = 0; k < len; k++) {
		t = &v->tokens->v[tokens[k]];
		const char *text = k ? t->text : t->text + 1;
		size_t add = k ? t->len : t->len - 1;
		if (!t->shown || n + add > KS_NAME_MAX)
			return 0;
		if (k && add <= KS_TOKEN_FAST)
			memcpy(out + n, text, KS_TOKEN_FAST);
		else
			memcpy(out + n, text, add);
		n += add;
	}
	out[n] = '\0';
	return n;
}

bool ks_name_begins(const struct ks_names *v, uint32_t i, char out[3])
{
	const uint8_t *tokens;
	size_t len, n = 0;

	if (!tokens_of(v, i, &tokens, &len))
		return false;
	memset(out, 0, 3);
	for (size_t k = 0; k < len && n < 3; k++) {
		const struct ks_token *t = &v->tokens->v[tokens[k]];
		for (uint32_t c = 0; c < t->len && n < 3; c++)
			out[n++] = t->text[c];
	}
	return true;
}

bool ks_find_name(const struct ks_names *v, const char *name, uint32_t *i, uint32_t *ret)
{
	/* behind one that was found, which is in the chain */
	uint32_t from = *i, at = from ? v->next[from - 1] : v->heads[hash_of_text(name) & v->mask];
	char text[KS_NAME_ROOM], letter;

	if (from && at < from)
		return false; /* of a kept table, which may say anything */
	while (at < v->n) {
		if (ks_name(v, at, &letter, text) && !strcmp(text, name)) {
			*ret = at;
			*i = at + 1;
			return true;
		}
		if (v->next[at] <= at)
			break;
		at = v->next[at];
	}
	return false;
}

bool ks_find_last(const struct ks_names *v, const char *name, uint32_t *ret)
{
	uint32_t from = 0;
	bool found = false;

	while (ks_find_name(v, name, &from, ret))
		found = true;
	return found;
}

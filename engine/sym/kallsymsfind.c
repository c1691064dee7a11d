/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the tables in an image that nobody has labelled. Digits are always tokens of their own and
 * ':' never is, so "0\0" "1\0" ... "9\0" gives the token table away. Behind it lies the index, whose
 * 256 numbers must be the strings' places. It is looked for from the data backwards, as code has none.
 * Somewhere before lie the number of symbols, the names right after it, and their markers right after
 * those, which must agree with the names. Offsets or addresses lie before the number (up to 6.3) or
 * behind the index; reading them decides (kallsyms.c).
 *
 * Source: Linux' scripts/kallsyms.c, write_src().
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/sym/kallsymsimpl.h"

#define CHUNK (256u << 10)
#define DIGIT_BYTES 20u
#define BEFORE_MIN (4u << 20)  /* from the names' start to the token table */
#define BEFORE_MAX (64u << 20)
#define SYMS_MIN 256u	       /* fewer than one marker couldn't be verified */

struct scan {
	const struct kallsyms_source *src;
	struct ks_tokens tokens;
	struct kallsyms_tables found;
};

/* ---- tokens ---- */

static bool index_fits(const struct scan *s, uint64_t index, const struct ks_tokens *t)
{
	uint8_t raw[KS_TOKENS * 2];

	if (s->src->read(s->src->ctx, index, raw, sizeof(raw)) != sizeof(raw))
		return false;
	for (unsigned i = 0; i < KS_TOKENS; i++)
		if (load_u16(raw + i * 2u) != t->v[i].text - t->text)
			return false;
	return true;
}

/* A table that begins at `table`, and its index behind it. */
static bool try_table(struct scan *s, uint64_t table)
{
	AUTO_FREE char *text = xmalloc(KS_TOKEN_TEXT);
	size_t n = s->src->read(s->src->ctx, table, text, KS_TOKEN_TEXT);
	size_t len = ks_split_tokens(text, n, &s->tokens);

	for (uint64_t align = 1; len && align <= 8; align *= 2) {
		uint64_t index = (table + len + align - 1) & ~(align - 1);
		if (!index_fits(s, index, &s->tokens))
			continue;
		s->found.token_table = table;
		s->found.token_index = index;
		return true;
	}
	return false;
}

/* The digits are at `digits`: 48 tokens come before them. The byte before the first is padding, or
 * the top of a number: then the table begins on a boundary somewhere before the first NUL. */
static bool try_digits(struct scan *s, uint64_t digits)
{
	uint8_t before[8192];
	unsigned strings = 0;
	size_t next = sizeof(before) - 1; /* the NUL seen last */

	if (digits - s->src->image < sizeof(before) ||
	    s->src->read(s->src->ctx, digits - sizeof(before), before, sizeof(before)) !=
		    sizeof(before) ||
	    before[sizeof(before) - 1])
		return false;
	size_t i = sizeof(before) - 1;
	while (i-- > 0 && strings < '0') {
		if (before[i])
			continue;
		if (++strings < '0')
			next = i;
	}
	uint64_t table = digits - sizeof(before) + i + 2, last = digits - sizeof(before) + next;
	for (; strings == '0' && table <= last; table = (table + 4) & ~UINT64_C(3))
		if (try_table(s, table))
			return true;
	return false;
}

/* Between two addresses, in pieces that overlap, so that nothing is cut; buf: room for one. */
static struct err *find_tokens_in(struct scan *s, uint64_t from, uint64_t to, uint8_t *buf, struct job *job, bool *found)
{
	static const char digits[DIGIT_BYTES] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";

	for (uint64_t at = from; at < to && !*found; at += CHUNK) {
		size_t n = s->src->read(s->src->ctx, at, buf, CHUNK + DIGIT_BYTES);
		const uint8_t *p = buf;
		TRY(job_tick(job, 1));
		while (!*found && (p = memmem(p, (size_t)(buf + n - p), digits, DIGIT_BYTES))) {
			*found = try_digits(s, at + (uint64_t)(p - buf));
			p++;
		}
		/* a page that can't be read hides the rest of the piece: on behind it */
		if (n < CHUNK)
			at = ((at + n) & ~UINT64_C(4095)) + 4096 - CHUNK;
	}
	return NULL;
}

/* The first place that is known to be of data: the tables are read-only data, which lies before it and behind the
 * code, most of the image. Else the image's start. */
static uint64_t first_data(const struct kallsyms_source *src)
{
	uint64_t best = src->image_end;

	for (size_t i = 0; i < src->nanchors && i < KALLSYMS_ANCHORS; i++) {
		uint64_t at = src->anchors[i].addr;
		if (strcmp(src->anchors[i].name, "_stext") != 0 && at > src->image && at < best)
			best = at;
	}
	return best == src->image_end ? src->image : best;
}

static struct err *find_tokens(struct scan *s, struct job *job)
{
	AUTO_FREE uint8_t *buf = xmalloc(CHUNK + DIGIT_BYTES);
	const struct kallsyms_source *src = s->src;
	uint64_t data = first_data(src);
	bool found = false;

	for (uint64_t at = data, from; at > src->image && !found; at = from) {
		from = at - src->image > CHUNK ? at - CHUNK : src->image;
		TRY(find_tokens_in(s, from, at, buf, job, &found));
	}
	if (!found)
		TRY(find_tokens_in(s, data, src->image_end, buf, job, &found));
	return found ? NULL : err_new(ERR_NOTFOUND, "the kernel's image holds no token table of kallsyms");
}

/* ---- names ---- */

/* Cheap look at what would be the first names: each begins with a letter. */
static bool looks_like_names(const struct scan *s, const uint8_t *p, size_t n)
{
	size_t at = 0;

	for (unsigned i = 0; i < 32; i++) {
		if (at + 2 > n || !p[at] || p[at] > 0x7f ||
		    !ks_is_letter(s->tokens.v[p[at + 1]].text[0]))
			return false;
		at += p[at] + 1u;
	}
	return true;
}

/* n names that their markers agree with? */
static bool are_names(const struct scan *s, uint8_t *p, size_t size, uint32_t n)
{
	struct ks_names v = {.bytes = {.p = p, .size = size, .have = size}, .tokens = &s->tokens, .n = n};
	bool marked;
	size_t end;

	v.at = xcalloc(n, sizeof(*v.at));
	v.next = xcalloc(n, sizeof(*v.next));
	bool good = ks_walk_names(&v, &end, &marked) && marked;
	free(v.at);
	free(v.next);
	return good;
}

/* The number of symbols at `at`, and their names 4 or 8 bytes on? */
static bool try_names(struct scan *s, uint8_t *p, size_t size, size_t at, uint64_t base)
{
	uint32_t n = load_u32(p + at);

	if (n < SYMS_MIN || n > KS_SYMS_MAX || n > size / 3)
		return false;
	for (size_t skip = 4; skip <= 8; skip += 4) {
		size_t from = at + skip;
		if (from > size || !looks_like_names(s, p + from, size - from) ||
		    !are_names(s, p + from, size - from, n))
			continue;
		s->found.num_syms = base + at;
		s->found.names = base + from;
		return true;
	}
	return false;
}

/* Within `before` bytes before the tokens. */
static struct err *find_names_in(struct scan *s, uint64_t before, struct job *job, bool *found)
{
	uint64_t table = s->found.token_table, from = (table - before + 7) & ~UINT64_C(7);
	struct ks_bytes all;
	struct err *e = NULL;

	TRY(ks_read(s->src, from, (size_t)(table - from), &all));
	for (size_t at = all.size & ~(size_t)3; at >= 4 && !*found && !e; at -= 4) {
		*found = at + 4 <= all.size && try_names(s, all.p, all.size, at, from);
		if (at % (1u << 20) == 0)
			e = job_tick(job, 1);
	}
	ks_bytes_free(&all);
	return e;
}

/* They are mostly near. */
static struct err *find_names(struct scan *s, struct job *job)
{
	uint64_t table = s->found.token_table, most = table - s->src->image;
	bool found = false;

	most = most < BEFORE_MAX ? most : BEFORE_MAX;
	for (uint64_t before = BEFORE_MIN; !found; before *= 4) {
		TRY(find_names_in(s, before < most ? before : most, job, &found));
		if (before >= most)
			break;
	}
	if (found)
		return NULL;
	return err_new(ERR_NOTFOUND, "the kernel's image holds no names of kallsyms before the "
				     "tokens at %#" PRIx64, table);
}

/* ---- addresses ---- */

static bool readable_as(struct scan *s, struct kallsyms_tables t)
{
	struct kallsyms *k;

	if (!err_ok(kallsyms_open(s->src, &t, &k)))
		return false;
	kallsyms_close(k);
	s->found = t;
	return true;
}

/* Up to 6.3: offsets and base, or addresses, before the number of symbols. */
static bool try_before(struct scan *s, uint32_t n)
{
	struct kallsyms_tables t = s->found;

	t.relative_base = t.num_syms - 8;
	t.offsets = (t.relative_base - (uint64_t)n * 4) & ~UINT64_C(7);
	if (readable_as(s, t))
		return true;
	t = s->found;
	t.addresses = t.num_syms - (uint64_t)n * 8;
	return readable_as(s, t);
}

static uint64_t align8(uint64_t v)
{
	return (v + 7) & ~UINT64_C(7);
}

/* From 6.4 on: behind the index; from 7.0 on without a base. */
static bool try_behind(struct scan *s, uint32_t n)
{
	uint64_t end = s->found.token_index + (uint64_t)KS_TOKENS * 2;
	struct kallsyms_tables t = s->found;

	for (uint64_t at = (end + 3) & ~UINT64_C(3); at <= align8(end); at += 4) {
		t.offsets = at;
		t.relative_base = align8(at + (uint64_t)n * 4);
		if (readable_as(s, t))
			return true;
		t.relative_base = 0;
		if (readable_as(s, t))
			return true;
	}
	t.offsets = 0;
	t.addresses = align8(end);
	return readable_as(s, t);
}

struct err *kallsyms_find(const struct kallsyms_source *src, struct job *job,
			  struct kallsyms_tables *ret)
{
	struct scan *s = xcalloc(1, sizeof(*s));
	uint32_t n;

	s->src = src;
	struct err *e = find_tokens(s, job);
	if (!e)
		e = find_names(s, job);
	if (!e && (src->read(src->ctx, s->found.num_syms, &n, 4) != 4 ||
		   (!try_before(s, n) && !try_behind(s, n))))
		e = err_new(ERR_NOTFOUND, "kallsyms' names are at %#" PRIx64
					  ", but their addresses are nowhere near", s->found.names);
	if (!e)
		*ret = s->found;
	free(s);
	return e;
}

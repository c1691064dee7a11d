/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names are expanded once, into one block of text ("Tdo_exit\0", the letter first), and known by
 * their offset in it: 30 bytes a symbol in all, and a look-up costs nothing. That takes a few
 * milliseconds, less than reading the pages.
 *
 * A name is a length and that many token numbers. Since 6.1 a length of two bytes is possible, and
 * nothing says so: both ways are tried, and the one must come out whose every 256th name begins
 * where kallsyms_markers, the table right behind, says. The same markers lead across lost pages.
 */
#include "engine/sym/kallsyms.h"
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/sym/kallsymsimpl.h"

#define LOST UINT32_MAX
#define TEXT_MAX (256u << 20)

enum encoding { ABSOLUTE, BASE_RELATIVE, ABSOLUTE_PERCPU, PLACE_RELATIVE, ENCODINGS };

static const char *const encoding_names[ENCODINGS] = {"absolute", "base-relative",
						      "absolute per-CPU", "place-relative"};

/* Symbols that are looked for while the names are made. */
enum { PERCPU_START, PERCPU_END, FIRST_ANCHOR, WANTED = FIRST_ANCHOR + KALLSYMS_ANCHORS };

struct kallsyms {
	uint32_t n, lost;
	char *text;
	size_t text_len, text_cap;
	uint32_t *name; /* offset of the letter in text; LOST */
	uint64_t *addr;
	bool borrowed;	/* the three above */
	uint64_t slide; /* what moves everything from low on, as addr has it */
	enum encoding encoding;
	uint64_t percpu, percpu_end; /* the per-CPU section */
	uint64_t image, image_end, low, high;
	const char *wanted[WANTED];
	uint32_t head[WANTED]; /* their first four bytes */
	uint32_t found[WANTED];
};

/* ---- names ---- */

/* The name at *at: its tokens; moves *at behind it. */
static bool next_name(const struct ks_names *v, bool two_bytes, size_t *at, const uint8_t **tokens,
		      size_t *len)
{
	if (*at >= v->size)
		return false;
	size_t n = v->p[(*at)++];
	if (two_bytes && (n & 0x80)) {
		if (*at >= v->size)
			return false;
		n = (n & 0x7f) | (size_t)v->p[(*at)++] << 7;
	}
	if (!n || n > KS_NAME_MAX || !range_ok(*at, n, v->size))
		return false;
	*tokens = v->p + *at;
	*len = n;
	*at += n;
	return ks_is_letter(v->tokens->v[**tokens].text[0]);
}

/* Walks up to n names from *at; how many there are. */
static uint32_t walk(const struct ks_names *v, bool two_bytes, uint32_t n, size_t *at)
{
	const uint8_t *tokens;
	size_t len, good = *at;
	uint32_t i = 0;

	for (; i < n && next_name(v, two_bytes, at, &tokens, &len); i++)
		good = *at;
	*at = good;
	return i;
}

static uint32_t blocks_of(uint32_t n)
{
	return n / KS_BLOCK + (n % KS_BLOCK != 0);
}

static uint32_t block_size(uint32_t n, uint32_t b)
{
	return n - b * KS_BLOCK < KS_BLOCK ? n - b * KS_BLOCK : KS_BLOCK;
}

static uint64_t marker(const uint8_t *p, unsigned width, uint32_t i)
{
	return width == 4 ? load_u32(p + (size_t)i * 4) : load_u64(p + (size_t)i * 8);
}

/* Does the table of markers lie at `at`, and agree with where the blocks begin? */
static bool markers_agree(const struct ks_names *v, size_t at, const uint32_t *block, uint32_t n)
{
	for (unsigned width = 4; width <= 8; width += 4) {
		size_t pos = (at + width - 1) / width * width;
		bool same = range_ok(pos, (uint64_t)n * width, v->size);
		for (uint32_t b = 0; same && b < n; b++)
			same = marker(v->p + pos, width, b) == block[b];
		if (same)
			return true;
	}
	return false;
}

bool ks_walk_names(struct ks_names *v, uint32_t n, bool *marked)
{
	uint32_t nblocks = blocks_of(n);
	bool whole = false;

	*marked = false;
	for (int two = 1; two >= 0 && !*marked; two--) {
		uint32_t *block = xcalloc(nblocks, sizeof(*block)), b = 0;
		size_t at = 0;
		for (; b < nblocks; b++) {
			block[b] = (uint32_t)at;
			if (walk(v, two, block_size(n, b), &at) < block_size(n, b))
				break;
		}
		bool good = b == nblocks;
		*marked = good && nblocks > 1 && markers_agree(v, at, block, nblocks);
		if (*marked || (good && !whole)) {
			free(v->block);
			v->block = block;
			v->two_bytes = two;
			whole = true;
		} else {
			free(block);
		}
	}
	return whole;
}

/* A block of 256 names is shorter than this, and longer than two bytes a name. */
#define BLOCK_LEAST (KS_BLOCK * 2u)
#define BLOCK_MOST (KS_BLOCK * (KS_NAME_MAX / 4u))

static bool plausible_markers(const struct ks_names *v, size_t pos, unsigned width, uint32_t n)
{
	if (!range_ok(pos, (uint64_t)n * width, v->size) || marker(v->p + pos, width, 0))
		return false;
	for (uint32_t b = 1; b < n; b++) {
		uint64_t a = marker(v->p + pos, width, b - 1), z = marker(v->p + pos, width, b);
		if (z <= a || z - a < BLOCK_LEAST || z - a > BLOCK_MOST || z > pos)
			return false;
	}
	return true;
}

/* How many blocks end where the next one begins. */
static uint32_t good_blocks(const struct ks_names *v, bool two, const uint32_t *block, uint32_t n)
{
	uint32_t good = 0;

	for (uint32_t b = 0; b + 1 < n; b++) {
		size_t at = block[b];
		good += walk(v, two, KS_BLOCK, &at) == KS_BLOCK && at == block[b + 1];
	}
	return good;
}

/* Damage on the way: the markers, wherever they are, say where each block begins. */
static bool find_blocks(struct ks_names *v, uint32_t n)
{
	uint32_t nblocks = blocks_of(n);

	for (size_t pos = 0; nblocks > 1 && pos < v->size; pos += 4) {
		unsigned width = plausible_markers(v, pos, 4, nblocks)			 ? 4
				 : pos % 8 == 0 && plausible_markers(v, pos, 8, nblocks) ? 8
											 : 0;
		if (!width)
			continue;
		v->block = xcalloc(nblocks, sizeof(*v->block));
		for (uint32_t b = 0; b < nblocks; b++)
			v->block[b] = (uint32_t)marker(v->p + pos, width, b);
		uint32_t two = good_blocks(v, true, v->block, nblocks);
		uint32_t one = good_blocks(v, false, v->block, nblocks);
		v->two_bytes = two >= one;
		if (two || one)
			return true;
		free(v->block);
		v->block = NULL;
	}
	return false;
}

/* Two passes over the tokens: the first makes sure that all fits and can be shown. Copying a fixed
 * number of bytes is faster than just the few that there are. */
static bool append_name(struct kallsyms *k, const struct ks_names *v, const uint8_t *tokens,
			size_t len)
{
	const struct ks_token *all = v->tokens->v;
	size_t total = 0;

	for (size_t i = 0; i < len; i++)
		total += all[tokens[i]].cost;
	if (total < 2 || total > KS_NAME_MAX)
		return false;
	if (k->text_cap - k->text_len < KS_NAME_MAX + 2 * KS_TOKEN_FAST) {
		size_t more = k->text_cap / 2 > (1u << 20) ? k->text_cap / 2 : 1u << 20;
		k->text_cap += more;
		k->text = xrealloc(k->text, k->text_cap, 1);
	}
	char *out = k->text + k->text_len;
	for (size_t i = 0; i < len; i++) {
		const struct ks_token *t = &all[tokens[i]];
		if (t->len <= KS_TOKEN_FAST)
			memcpy(out, t->text, KS_TOKEN_FAST);
		else
			memcpy(out, t->text, t->len);
		out += t->len;
	}
	*out = '\0';
	k->text_len += total + 1;
	return true;
}

static void want(struct kallsyms *k, const struct kallsyms_source *src)
{
	k->wanted[PERCPU_START] = "__per_cpu_start";
	k->wanted[PERCPU_END] = "__per_cpu_end";
	for (size_t i = 0; i < src->nanchors && i < KALLSYMS_ANCHORS; i++)
		k->wanted[FIRST_ANCHOR + i] = src->anchors[i].name;
	for (unsigned i = 0; i < WANTED; i++) {
		k->found[i] = LOST;
		for (unsigned j = 0; k->wanted[i] && k->wanted[i][j] && j < 4; j++)
			k->head[i] |= (uint32_t)(uint8_t)k->wanted[i][j] << (8 * j);
	}
}

static void look_for_wanted(struct kallsyms *k, uint32_t i, const char *name)
{
	uint32_t head = load_u32(name);

	for (unsigned j = 0; j < WANTED; j++)
		if (head == k->head[j] && k->wanted[j] && !strcmp(name, k->wanted[j]))
			k->found[j] = i;
}

static void expand_block(struct kallsyms *k, const struct ks_names *v, uint32_t b)
{
	uint32_t first = b * KS_BLOCK, n = block_size(k->n, b);
	const uint8_t *tokens;
	size_t len, at = v->block[b];

	for (uint32_t i = first; i < first + n && k->text_len < TEXT_MAX; i++) {
		size_t start = k->text_len, from = at;
		if (!next_name(v, v->two_bytes, &at, &tokens, &len))
			return;
		if (ks_lost(&v->holes, from, at) || !append_name(k, v, tokens, len)) {
			k->text_len = start;
			continue;
		}
		k->name[i] = (uint32_t)start;
		look_for_wanted(k, i, k->text + start + 1);
	}
}

static void expand(struct kallsyms *k, const struct ks_names *v)
{
	for (uint32_t b = 0; b < blocks_of(k->n); b++)
		expand_block(k, v, b);
	for (uint32_t i = 0; i < k->n; i++)
		k->lost += k->name[i] == LOST;
	if (k->text)
		k->text = xrealloc(k->text, k->text_len + 1, 1);
}

static struct err *read_names(struct kallsyms *k, const struct kallsyms_source *src,
			      const struct kallsyms_tables *t, const struct ks_tokens *tokens)
{
	struct ks_names v = {.tokens = tokens};
	uint64_t most = (uint64_t)k->n * (KS_NAME_MAX / 8);
	bool marked;

	/* the next table known ends them; the markers lie in between */
	if (t->token_table > t->names && t->token_table - t->names < most)
		most = t->token_table - t->names;
	TRY(ks_read(src, t->names, (size_t)most, &v));
	bool whole = ks_walk_names(&v, k->n, &marked);
	if (!marked && v.holes.n) { /* zeroes may look whole by chance */
		free(v.block);
		v.block = NULL;
		whole = find_blocks(&v, k->n);
	} else if (!whole) {
		whole = find_blocks(&v, k->n);
	}
	if (whole)
		expand(k, &v);
	ks_names_free(&v);
	if (!whole)
		return err_new(ERR_CORRUPT, "the %" PRIu32 " names of kallsyms at %#" PRIx64
					    " make no sense", k->n, t->names);
	return NULL;
}

/* ---- addresses ---- */

static uint64_t decode(enum encoding e, uint64_t raw, uint64_t base, uint64_t place)
{
	int64_t off = (int32_t)(uint32_t)raw;

	switch (e) {
	case BASE_RELATIVE:
		return base + (uint32_t)raw;
	case ABSOLUTE_PERCPU:
		return off >= 0 ? (uint64_t)off : base - 1 - (uint64_t)off;
	case PLACE_RELATIVE:
		return place + (uint64_t)off;
	default:
		return raw;
	}
}

/* Raw values and what turns them into addresses. */
struct addresses {
	struct ks_names raw;
	uint64_t at, base;
	unsigned width;
	bool has_base;
};

static uint64_t address(const struct addresses *a, enum encoding e, uint32_t i)
{
	const uint8_t *p = a->raw.p + (size_t)i * a->width;
	uint64_t raw = a->width == 4 ? load_u32(p) : load_u64(p);

	return decode(e, raw, a->base, a->at + (uint64_t)i * a->width);
}

static bool possible(const struct addresses *a, enum encoding e)
{
	if (e == ABSOLUTE)
		return a->width == 8;
	return a->width == 4 && (e == PLACE_RELATIVE) != a->has_base;
}

/* For an encoding: anchors that come out right, less those that don't. */
struct trial {
	int64_t score;
	uint32_t right;
};

static void try_anchor(const struct addresses *a, uint32_t i, uint64_t addr,
		       struct trial trials[ENCODINGS])
{
	if (i == LOST ||
	    ks_lost(&a->raw.holes, (uint64_t)i * a->width, (i + UINT64_C(1)) * a->width))
		return;
	for (int e = 0; e < ENCODINGS; e++) {
		bool right = address(a, (enum encoding)e, i) == addr;
		trials[e].right += right;
		trials[e].score += right ? 1 : -1;
	}
}

/* How many of 1000 symbols lie in the image, in order. All but the zero-based per-CPU ones should. */
static int64_t in_image(const struct kallsyms *k, const struct addresses *a, enum encoding e)
{
	uint32_t step = k->n / 512 + 1, good = 0, n = 0;
	uint64_t last = 0;

	for (uint32_t i = 0; i < k->n; i += step, n++) {
		uint64_t addr = address(a, e, i);
		good += addr >= k->image && addr < k->image_end && addr >= last;
		last = addr;
	}
	return good * INT64_C(1000) / n;
}

#define ENOUGH_IN_IMAGE 700

static struct err *choose_encoding(struct kallsyms *k, const struct kallsyms_source *src,
				   const struct addresses *a)
{
	struct trial trials[ENCODINGS] = {0};
	int best = -1;

	for (size_t i = 0; i < src->nanchors && i < KALLSYMS_ANCHORS; i++)
		try_anchor(a, k->found[FIRST_ANCHOR + i], src->anchors[i].addr, trials);
	for (int e = 0; e < ENCODINGS; e++) {
		struct trial *t = &trials[e];
		if (!possible(a, (enum encoding)e) || t->score < 0)
			continue;
		int64_t inside = in_image(k, a, (enum encoding)e);
		t->score = t->score * 1024 + inside;
		if ((t->right || inside > ENOUGH_IN_IMAGE) &&
		    (best < 0 || t->score > trials[best].score))
			best = e;
	}
	if (best < 0)
		return err_new(ERR_CORRUPT, "no known encoding of kallsyms' addresses gives those "
					    "that the dump tells otherwise (_stext)");
	k->encoding = (enum encoding)best;
	return NULL;
}

static struct err *read_addresses(struct kallsyms *k, const struct kallsyms_source *src,
				  const struct kallsyms_tables *t)
{
	struct addresses a = {.at = t->addresses ? t->addresses : t->offsets,
			      .width = t->addresses ? 8 : 4};

	a.has_base = t->relative_base &&
		     src->read(src->ctx, t->relative_base, &a.base, 8) == 8;
	if (t->relative_base && !a.has_base && !t->addresses)
		return err_new(ERR_FAULT, "kallsyms_relative_base at %#" PRIx64 " can't be read",
			       t->relative_base);
	TRY(ks_read(src, a.at, (size_t)k->n * a.width, &a.raw));
	struct err *e = choose_encoding(k, src, &a);
	for (uint32_t i = 0; !e && i < k->n; i++) {
		k->addr[i] = address(&a, k->encoding, i);
		if (k->name[i] != LOST && a.raw.holes.n &&
		    ks_lost(&a.raw.holes, (uint64_t)i * a.width, (i + UINT64_C(1)) * a.width)) {
			k->name[i] = LOST;
			k->lost++;
		}
	}
	ks_names_free(&a.raw);
	return e;
}

/* ---- the whole ---- */

/* What the addresses say of the whole. */
static void find_bounds(struct kallsyms *k)
{
	uint32_t start = k->found[PERCPU_START], end = k->found[PERCPU_END];

	if (start != LOST && end != LOST) {
		k->percpu = k->addr[start];
		k->percpu_end = k->addr[end];
	}
	k->low = UINT64_MAX;
	for (uint32_t i = 0; i < k->n; i++) {
		uint64_t a = k->addr[i];
		if (a < k->image || a >= k->image_end)
			continue;
		k->low = a < k->low ? a : k->low;
		k->high = a > k->high ? a : k->high;
	}
}

struct err *kallsyms_open(const struct kallsyms_source *src, const struct kallsyms_tables *t,
			  struct kallsyms **ret)
{
	struct ks_tokens tokens;
	uint32_t n;

	if (!t->names || !t->num_syms || !t->token_table || !t->token_index ||
	    !(t->offsets || t->addresses))
		return err_new(ERR_NOTFOUND, "the dump doesn't tell where all of kallsyms is");
	if (src->read(src->ctx, t->num_syms, &n, 4) != 4)
		return err_new(ERR_FAULT, "kallsyms_num_syms at %#" PRIx64 " can't be read",
			       t->num_syms);
	if (!n || n > KS_SYMS_MAX)
		return err_new(ERR_CORRUPT, "kallsyms of %" PRIu32 " symbols can't be", n);
	TRY(ks_read_tokens(src, t, &tokens));
	struct kallsyms *k = xcalloc(1, sizeof(*k));
	k->n = n;
	k->image = src->image;
	k->image_end = src->image_end;
	k->name = xmalloc(n * sizeof(*k->name));
	memset(k->name, 0xff, n * sizeof(*k->name));
	k->addr = xcalloc(n, sizeof(*k->addr));
	want(k, src);
	struct err *e = read_names(k, src, t, &tokens);
	if (!e)
		e = read_addresses(k, src, t);
	if (e) {
		kallsyms_close(k);
		return e;
	}
	find_bounds(k);
	*ret = k;
	return NULL;
}

void kallsyms_close(struct kallsyms *k)
{
	if (k && !k->borrowed) {
		free(k->text);
		free(k->name);
		free(k->addr);
	}
	free(k);
}

uint32_t kallsyms_count(const struct kallsyms *k)
{
	return k->n;
}

uint32_t kallsyms_lost(const struct kallsyms *k)
{
	return k->lost;
}

void kallsyms_bounds(const struct kallsyms *k, uint64_t *low, uint64_t *high)
{
	*low = k->low + k->slide;
	*high = k->high + k->slide;
}

const char *kallsyms_encoding(const struct kallsyms *k)
{
	return encoding_names[k->encoding];
}

static bool ends_in(const char *s, size_t n, const char *tail)
{
	size_t t = strlen(tail);

	return n >= t && !memcmp(s + n - t, tail, t);
}

/* A linker script's name for a border, where something else has a name too. */
static bool is_marker(const struct kallsyms *k, uint32_t i, const char *s)
{
	static const char *const heads[] = {"__start_", "__stop_", "__end_"};
	static const char *const tails[] = {"_start", "_end", "_begin", "_stop", "_text", "_stext",
					    "_etext", "_sinittext", "_einittext"};
	bool shared = (i && k->addr[i - 1] == k->addr[i]) ||
		      (i + 1 < k->n && k->addr[i + 1] == k->addr[i]);
	size_t n = strlen(s);

	if (s[0] != '_' || !shared)
		return false;
	for (size_t j = 0; j < sizeof(heads) / sizeof(heads[0]); j++)
		if (!strncmp(s, heads[j], strlen(heads[j])))
			return true;
	for (size_t j = 0; j < sizeof(tails) / sizeof(tails[0]); j++)
		if (ends_in(s, n, tails[j]))
			return true;
	return false;
}

/* Equal addresses are few in a sane table. */
enum { ALIASES_MAX = 64 };

/* What the slide moves: the image, and what is named behind its end (__init_scratch_begin); not the
 * zero-based per-CPU symbols and constants below it. */
static bool moves(const struct kallsyms *k, uint64_t addr)
{
	return addr >= k->low;
}

static uint64_t size_of(const struct kallsyms *k, uint32_t i)
{
	uint64_t addr = k->addr[i];

	for (uint32_t j = i + 1; j < k->n && j - i < ALIASES_MAX; j++)
		if (k->addr[j] != addr)
			return k->addr[j] > addr && moves(k, addr) == moves(k, k->addr[j]) ?
				       k->addr[j] - addr : 0;
	return 0;
}

bool kallsyms_get(const struct kallsyms *k, uint32_t i, struct sym *ret)
{
	if (i >= k->n || k->name[i] == LOST)
		return false;
	const char *text = k->text + k->name[i];
	uint64_t addr = k->addr[i];
	/* the end is the section's too, but what else lies there isn't */
	bool percpu = (addr >= k->percpu && addr < k->percpu_end) || i == k->found[PERCPU_END];
	char letter = text[0];

	/* the build makes zero-based per-CPU symbols absolute, and so hides what they are */
	if (percpu && (letter == 'A' || letter == 'a'))
		letter = letter == 'A' ? 'D' : 'd';
	*ret = (struct sym){
		.name = text + 1,
		.addr = moves(k, addr) ? addr + k->slide : addr,
		.size = is_marker(k, i, text + 1) ? 0 : size_of(k, i),
		.type = letter,
		.percpu = percpu,
	};
	return true;
}

bool kallsyms_by_name(const struct kallsyms *k, const char *name, struct sym *ret)
{
	for (uint32_t i = 0; i < k->n; i++)
		if (k->name[i] != LOST && !strcmp(k->text + k->name[i] + 1, name))
			return kallsyms_get(k, i, ret);
	return false;
}

/* ---- kept between sessions ---- */

void kallsyms_get_parts(const struct kallsyms *k, struct kallsyms_parts *ret)
{
	*ret = (struct kallsyms_parts){
		.n = k->n,
		.percpu_last = k->found[PERCPU_END],
		.encoding = k->encoding,
		.text = k->text,
		.text_len = k->text_len,
		.name = k->name,
		.addr = k->addr,
		.percpu = k->percpu,
		.percpu_end = k->percpu_end,
		.low = k->low,
		.high = k->high,
	};
}

struct err *kallsyms_of_parts(const struct kallsyms_parts *p, uint64_t slide, struct kallsyms **ret)
{
	bool ok = p->n && p->n <= KS_SYMS_MAX && p->encoding < ENCODINGS && p->text_len > 1 &&
		  !p->text[p->text_len - 1];

	for (uint32_t i = 0; ok && i < p->n; i++)
		ok = p->name[i] < p->text_len - 1;
	if (!ok)
		return err_new(ERR_CORRUPT, "the symbols kept of this kernel make no sense");
	struct kallsyms *k = xcalloc(1, sizeof(*k));
	*k = (struct kallsyms){
		.n = p->n,
		.text = (char *)(uintptr_t)p->text, /* not written: borrowed */
		.text_len = p->text_len,
		.name = (uint32_t *)(uintptr_t)p->name,
		.addr = (uint64_t *)(uintptr_t)p->addr,
		.borrowed = true,
		.slide = slide,
		.encoding = (enum encoding)p->encoding,
		.percpu = p->percpu,
		.percpu_end = p->percpu_end,
		.low = p->low,
		.high = p->high,
	};
	k->found[PERCPU_END] = p->percpu_last;
	*ret = k;
	return NULL;
}

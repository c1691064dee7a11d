/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names a stretch at a time, the last ones first. The table is in the order of addresses: per-CPU variables and the
 * first functions, all code, then read-only data, data and what else there is. What is asked for before the first
 * screen is data and what lies on the borders, so code, two thirds of it all, is read when somebody asks for a
 * function by name, or for all symbols.
 *
 * kallsyms_markers says where each 256th name begins. Whatever doesn't fit it, and every lost page, ends this: then
 * all names are walked from the first one on (kallsymsnames.c), which knows its way through damage.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/sym/kallsymsimpl.h"

#define LOW_BLOCKS 8u	     /* the first stretch: per-CPU variables and the first functions */
#define STRETCH (64u << 10)  /* bytes of every other one, about */

/* ---- where blocks begin ---- */

/* The markers that would end at `end`, which is as far behind the names' start. */
static bool take_markers(struct ks_names *v, const struct kallsyms_source *src, uint64_t names, uint64_t end,
			 unsigned width)
{
	uint64_t n = ks_blocks(v->n), bytes = n * width;
	uint8_t *raw;

	if (end < bytes || end - bytes > UINT32_MAX || !err_ok(try_alloc(bytes, 1, bytes, &raw)))
		return false;
	bool good = src->read(src->ctx, names + end - bytes, raw, bytes) == bytes &&
		    ks_plausible_markers(raw, width, (uint32_t)n, end - bytes);
	if (good) {
		v->block = xmalloc((n + 1) * sizeof(*v->block));
		for (uint32_t b = 0; b < n; b++)
			v->block[b] = (uint32_t)ks_marker(raw, width, b);
		v->block[n] = (uint32_t)(end - bytes);
	}
	free(raw);
	return good;
}

/* They end where the tokens begin, or (6.2, 6.3) kallsyms_seqs_of_names does, of three bytes a symbol; all may be
 * aligned. */
static bool find_markers(struct ks_names *v, const struct kallsyms_source *src, const struct kallsyms_tables *t)
{
	const uint64_t seqs = (uint64_t)v->n * 3;

	if (t->token_table <= t->names)
		return false;
	for (uint64_t pad = 0; pad < 8; pad++)
		for (int with_seqs = 0; with_seqs < 2; with_seqs++)
			for (unsigned width = 4; width <= 8; width += 4) {
				uint64_t skip = pad + (with_seqs ? seqs : 0), room = t->token_table - t->names;
				if (room > skip && (room - skip) % 4 == 0 &&
				    take_markers(v, src, t->names, room - skip, width))
					return true;
			}
	return false;
}

/* ---- stretches ---- */

static void begin(struct ks_names *v, struct ks_stretch *s, uint32_t from, uint32_t to)
{
	const struct kallsyms_source *src = v->src;

	*s = (struct ks_stretch){.from = from, .to = to};
	size_t at = v->block[from], n = v->block[to] - at;
	if (src->begin)
		s->piece = src->begin(src->ctx, v->addr + at, v->bytes.p + at, n);
}

static size_t read_now(const struct ks_names *v, const struct ks_stretch *s)
{
	size_t at = v->block[s->from], n = v->block[s->to] - at;

	return v->src->read(v->src->ctx, v->addr + at, v->bytes.p + at, n);
}

/* Bytes of it up to the start of block b; false: some are lost. */
static bool have_upto(struct ks_names *v, struct ks_stretch *s, uint32_t b)
{
	size_t want = v->block[b] - v->block[s->from];

	if (s->have < want)
		s->have = s->piece ? v->src->wait(s->piece, want) : read_now(v, s);
	return s->have >= want;
}

static void end(struct ks_names *v, struct ks_stretch *s)
{
	if (s->piece)
		v->src->end(s->piece);
	*s = (struct ks_stretch){0};
}

/* Its names must end where the next block begins; the last's may have padding behind them. */
static bool walk_block(struct ks_names *v, uint32_t b)
{
	uint32_t n = ks_blocks(v->n), size = ks_block_size(v->n, b);
	size_t at = v->block[b], all = v->bytes.size;

	v->bytes.size = v->block[b + 1]; /* what is behind it may still be coming in */
	bool whole = ks_walk(v, v->two_bytes, b * KS_BLOCK, size, &at) == size;
	v->bytes.size = all;
	return whole && v->block[b + 1] - at < (b + 1 < n ? 1 : 8);
}

static bool walk_stretch(struct ks_names *v, struct ks_stretch *s)
{
	bool good = true;

	for (uint32_t b = s->from; good && b < s->to; b++)
		good = have_upto(v, s, b + 1) && walk_block(v, b);
	return good;
}

/* Where a stretch of about that many bytes before block `to` begins. */
static uint32_t stretch_before(const struct ks_names *v, uint32_t to)
{
	uint32_t from = to;

	while (from > LOW_BLOCKS && v->block[to] - v->block[from] < STRETCH)
		from--;
	return from;
}

static bool take_stretch(struct ks_names *v, struct ks_stretch *s)
{
	uint32_t from = s->from * KS_BLOCK, to = s->to < ks_blocks(v->n) ? s->to * KS_BLOCK : v->n;

	alloc_touch(v->at + from, (to - from) * sizeof(*v->at));
	alloc_touch(v->next + from, (to - from) * sizeof(*v->next));
	return walk_stretch(v, s) && ks_chain(v, from, to, v->low * KS_BLOCK);
}

bool ks_more_blocks(struct ks_names *v)
{
	struct ks_stretch now = v->next_stretch;

	v->next_stretch = (struct ks_stretch){0};
	if (!now.to)
		begin(v, &now, stretch_before(v, v->high), v->high);
	if (now.from > LOW_BLOCKS) /* the next one comes in while this one is walked */
		begin(v, &v->next_stretch, stretch_before(v, now.from), now.from);
	bool good = take_stretch(v, &now);
	if (good)
		v->high = now.from;
	end(v, &now);
	return good;
}

/* ---- the whole ---- */

static bool take_low(struct ks_names *v)
{
	struct ks_stretch s;

	begin(v, &s, 0, LOW_BLOCKS);
	bool good = take_stretch(v, &s);
	if (good)
		v->low = LOW_BLOCKS;
	end(v, &s);
	return good;
}

bool ks_begin_blocks(struct ks_names *v, const struct kallsyms_source *src, const struct kallsyms_tables *t)
{
	if (ks_blocks(v->n) <= LOW_BLOCKS || !find_markers(v, src, t))
		return false;
	v->src = src;
	v->addr = t->names;
	v->high = ks_blocks(v->n);
	size_t size = v->block[v->high];
	if (!err_ok(try_alloc(size + 1, 1, KS_TABLE_MAX, &v->bytes.p)))
		return false;
	v->bytes.size = v->bytes.have = size;
	v->two_bytes = true; /* the newer way; blocks that it doesn't fit end elsewhere */
	v->at = xmalloc(v->n * sizeof(*v->at));
	v->next = xmalloc(v->n * sizeof(*v->next));
	ks_make_heads(v);
	begin(v, &v->next_stretch, stretch_before(v, v->high), v->high);
	return take_low(v) && ks_more_blocks(v);
}

void ks_end_blocks(struct ks_names *v)
{
	if (v->src)
		end(v, &v->next_stretch);
	free(v->block);
	v->block = NULL;
	v->src = NULL;
}

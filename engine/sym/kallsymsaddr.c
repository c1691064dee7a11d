/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses come in one of four encodings; nothing says which. What the dump tells otherwise (the
 * anchors) must come out, and most symbols must lie in the image, in order.
 */
#include <inttypes.h>
#include "engine/base/checked.h"
#include "engine/sym/kallsymsimpl.h"

static const char *const encoding_names[KS_ENCODINGS] = {"absolute", "base-relative", "absolute per-CPU",
							 "place-relative"};

const char *ks_encoding_name(enum ks_encoding e)
{
	return encoding_names[e];
}

static inline uint64_t decode(const struct ks_addresses *a, enum ks_encoding e, uint32_t i)
{
	const uint8_t *p = a->raw.p + (size_t)i * a->width;
	uint64_t raw = a->width == 4 ? load_u32(p) : load_u64(p);
	int64_t off = (int32_t)(uint32_t)raw;

	switch (e) {
	case KS_BASE_RELATIVE:
		return a->base + (uint32_t)raw;
	case KS_ABSOLUTE_PERCPU:
		return off >= 0 ? (uint64_t)off : a->base - 1 - (uint64_t)off;
	case KS_PLACE_RELATIVE:
		return a->place + (uint64_t)i * a->width + (uint64_t)off;
	default:
		return raw;
	}
}

uint64_t ks_address(const struct ks_addresses *a, uint32_t i)
{
	uint64_t addr = decode(a, a->encoding, i);

	return a->moved && addr >= a->low_raw ? addr + a->moved : addr;
}

bool ks_address_lost(const struct ks_addresses *a, uint32_t i)
{
	return a->raw.holes.n &&
	       ks_lost(&a->raw.holes, (uint64_t)i * a->width, (i + UINT64_C(1)) * a->width);
}

static bool possible(const struct ks_addresses *a, enum ks_encoding e)
{
	if (e == KS_ABSOLUTE)
		return a->width == 8;
	return a->width == 4 && (e == KS_PLACE_RELATIVE) != a->has_base;
}

/* For an encoding: anchors that come out right, less those that don't. */
struct trial {
	int64_t score;
	uint32_t right;
};

static void try_anchor(const struct ks_addresses *a, const struct ks_names *names,
		       const struct kallsyms_anchor *anchor, struct trial trials[KS_ENCODINGS])
{
	uint32_t from = 0, i;

	if (!ks_find_name(names, anchor->name, &from, &i) || ks_address_lost(a, i))
		return;
	for (int e = 0; e < KS_ENCODINGS; e++) {
		bool right = decode(a, (enum ks_encoding)e, i) == anchor->addr;
		trials[e].right += right;
		trials[e].score += right ? 1 : -1;
	}
}

/* How many of 1000 symbols lie in the image, in order. All but the zero-based per-CPU ones should. */
static int64_t in_image(const struct kallsyms_source *src, const struct ks_addresses *a, enum ks_encoding e)
{
	uint32_t step = a->n / 512 + 1, good = 0, n = 0;
	uint64_t last = 0;

	for (uint32_t i = 0; i < a->n; i += step, n++) {
		uint64_t addr = decode(a, e, i);
		good += addr >= src->image && addr < src->image_end && addr >= last;
		last = addr;
	}
	return good * INT64_C(1000) / n;
}

#define ENOUGH_IN_IMAGE 700

static struct err *choose_encoding(const struct kallsyms_source *src, const struct ks_names *names,
				   struct ks_addresses *a)
{
	struct trial trials[KS_ENCODINGS] = {0};
	int best = -1;

	for (size_t i = 0; i < src->nanchors && i < KALLSYMS_ANCHORS; i++)
		try_anchor(a, names, &src->anchors[i], trials);
	for (int e = 0; e < KS_ENCODINGS; e++) {
		struct trial *t = &trials[e];
		if (!possible(a, (enum ks_encoding)e) || t->score < 0)
			continue;
		int64_t inside = in_image(src, a, (enum ks_encoding)e);
		t->score = t->score * 1024 + inside;
		if ((t->right || inside > ENOUGH_IN_IMAGE) &&
		    (best < 0 || t->score > trials[best].score))
			best = e;
	}
	if (best < 0)
		return err_new(ERR_CORRUPT, "no known encoding of kallsyms' addresses gives those "
					    "that the dump tells otherwise (_stext)");
	a->encoding = (enum ks_encoding)best;
	return NULL;
}

/* Inline, so that each encoding has its own loop: this runs before the first screen. */
static inline void bounds_in(const struct kallsyms_source *src, struct ks_addresses *a, enum ks_encoding e)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		uint64_t addr = decode(a, e, i);
		bool in = addr >= src->image && addr < src->image_end;
		low = in && addr < low ? addr : low;
		high = in && addr > high ? addr : high;
	}
	a->low = low;
	a->high = high;
}

static void find_bounds(const struct kallsyms_source *src, struct ks_addresses *a)
{
	switch (a->encoding) {
	case KS_BASE_RELATIVE:
		bounds_in(src, a, KS_BASE_RELATIVE);
		break;
	case KS_PLACE_RELATIVE:
		bounds_in(src, a, KS_PLACE_RELATIVE);
		break;
	default:
		bounds_in(src, a, a->encoding);
	}
}

struct err *ks_begin_addresses(const struct kallsyms_source *src, const struct kallsyms_tables *t, uint32_t n,
			       struct ks_addresses *a)
{
	*a = (struct ks_addresses){.place = t->addresses ? t->addresses : t->offsets,
				   .width = t->addresses ? 8 : 4, .n = n};
	a->has_base = t->relative_base &&
		      src->read(src->ctx, t->relative_base, &a->base, 8) == 8;
	if (t->relative_base && !a->has_base && !t->addresses)
		return err_new(ERR_FAULT, "kallsyms_relative_base at %#" PRIx64 " can't be read",
			       t->relative_base);
	return ks_begin(src, a->place, (size_t)n * a->width, &a->raw);
}

struct err *ks_finish_addresses(const struct kallsyms_source *src, const struct ks_names *names,
				struct ks_addresses *a)
{
	ks_need(&a->raw, a->raw.size);
	ks_settle(&a->raw, a->raw.size);
	TRY(choose_encoding(src, names, a));
	find_bounds(src, a);
	return NULL;
}

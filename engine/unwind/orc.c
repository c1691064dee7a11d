/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ORC table is two parallel arrays: sorted place-relative addresses, and what holds from each of
 * them up to the next. A look-up is a binary search straight in the file's pages: nothing is
 * loaded, converted or checked as a whole, but samples of the order at the start and the neighbours
 * of every entry found, so that a damaged table says nothing rather than something wrong.
 *
 * Which layout it is: an entry that says "CFA = rsp + 8, rbp unchanged, ordinary call" stands at
 * the first instruction of nearly every function, so its flags word is by far the most frequent one
 * among the entries with these offsets, and differs between layouts 1/2, 3 and 4. Layouts 1 and 2
 * differ in the end bit: "end" comes without a base register, "signal" never does.
 */
#include "engine/unwind/orc.h"

#include <string.h>
#include "engine/base/checked.h"

#define ENTRY_SIZE 6
#define HASH_SIZE 20
#define WHOLE 4096 /* entries of a table whose order is checked in whole */
#define SAMPLES 64 /* taken of larger ones */

/* The flags word of "CFA = rsp + 8, rbp unchanged, call" in each layout. */
#define PLAIN_12 0x0005
#define PLAIN_3 0x0205
#define PLAIN_4 0x0203

static const struct {
	uint8_t hash[HASH_SIZE];
	enum orc_layout layout;
} known_headers[] = {
	{{0xdb, 0x84, 0xae, 0xd4, 0x10, 0x3b, 0x31, 0xdd, 0x51, 0xe0,
	  0x17, 0xf8, 0xf7, 0x97, 0x83, 0xca, 0x98, 0x5c, 0x2c, 0x51},
	 ORC_LAYOUT_2},
	{{0xfe, 0x5d, 0x32, 0xbf, 0x58, 0x1b, 0xd6, 0x3b, 0x2c, 0xa9,
	  0xa5, 0xc6, 0x5b, 0xa5, 0xa6, 0x25, 0xea, 0xb3, 0xfe, 0x24},
	 ORC_LAYOUT_3},
	{{0x13, 0x7c, 0x36, 0xad, 0x76, 0x27, 0xc4, 0xdd, 0x55, 0x93,
	  0x21, 0x76, 0xbb, 0x0e, 0xcd, 0xbd, 0x50, 0x41, 0xfc, 0x82},
	 ORC_LAYOUT_4},
};

static const enum orc_base bases_old[16] = {
	[1] = ORC_BASE_PREV_SP, [2] = ORC_BASE_DX,	    [3] = ORC_BASE_DI,
	[4] = ORC_BASE_BP,	[5] = ORC_BASE_SP,	    [6] = ORC_BASE_R10,
	[7] = ORC_BASE_R13,	[8] = ORC_BASE_BP_INDIRECT, [9] = ORC_BASE_SP_INDIRECT,
	[10] = ORC_BASE_AX,
};

static const enum orc_base bases_new[16] = {
	[1] = ORC_BASE_AX,	     [2] = ORC_BASE_DX,	     [3] = ORC_BASE_SP,
	[4] = ORC_BASE_BP,	     [5] = ORC_BASE_DI,	     [6] = ORC_BASE_R10,
	[7] = ORC_BASE_R13,	     [8] = ORC_BASE_PREV_SP, [9] = ORC_BASE_SP_INDIRECT,
	[10] = ORC_BASE_BP_INDIRECT,
};

static uint64_t ip_at(const struct orc_table *t, size_t i)
{
	return t->ip_addr + i * 4 + (uint64_t)(int64_t)(int32_t)load_u32(t->ip + i * 4);
}

static uint16_t flags_at(const struct orc_table *t, size_t i)
{
	return load_u16(t->entries + i * ENTRY_SIZE + 4);
}

static enum orc_layout layout_from_header(const struct object_section *header)
{
	if (!header || header->size < HASH_SIZE)
		return ORC_LAYOUT_NONE;
	for (size_t i = 0; i < sizeof(known_headers) / sizeof(known_headers[0]); i++)
		if (!memcmp(header->data, known_headers[i].hash, HASH_SIZE))
			return known_headers[i].layout;
	return ORC_LAYOUT_NONE;
}

/* Layout 1 or 2: by entries that only one of them has. */
static enum orc_layout tell_1_from_2(const struct orc_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		uint16_t f = flags_at(t, i);

		if (f & 0x0800)
			return ORC_LAYOUT_2;
		if (f & 0x0400)
			return f & 0xf ? ORC_LAYOUT_2 : ORC_LAYOUT_1;
	}
	return ORC_LAYOUT_NONE;
}

static enum orc_layout layout_from_contents(const struct orc_table *t)
{
	size_t step = t->n / 8192 + 1, old = 0, v3 = 0, v4 = 0, best;

	for (size_t i = 0; i < t->n; i += step) {
		const uint8_t *e = t->entries + i * ENTRY_SIZE;

		if (load_u16(e) != 8 || load_u16(e + 2) != 0)
			continue;
		old += flags_at(t, i) == PLAIN_12;
		v3 += flags_at(t, i) == PLAIN_3;
		v4 += flags_at(t, i) == PLAIN_4;
	}
	best = old > v3 ? old : v3;
	best = best > v4 ? best : v4;
	/* Two candidates of equal rank are no evidence. */
	if (!best || (old == best) + (v3 == best) + (v4 == best) != 1)
		return ORC_LAYOUT_NONE;
	if (v4 == best)
		return ORC_LAYOUT_4;
	return v3 == best ? ORC_LAYOUT_3 : tell_1_from_2(t);
}

/* Before 4.18 there was no end bit: an entry without a base register ended the stack. */
static bool any_end(const struct orc_table *t)
{
	if (t->layout != ORC_LAYOUT_1)
		return true;
	for (size_t i = 0; i < t->n; i++)
		if (flags_at(t, i) & 0x0400)
			return true;
	return false;
}

static struct err *check_order(const struct orc_table *t, uint64_t lo, uint64_t hi)
{
	size_t step = t->n <= WHOLE ? 1 : t->n / SAMPLES, inside = 0, samples = 0;
	uint64_t prev = 0;

	for (size_t i = 0; i < t->n; i += step, samples++) {
		uint64_t ip = ip_at(t, i);

		if (ip < prev)
			return err_new(ERR_CORRUPT, "ORC table isn't sorted at entry %zu", i);
		inside += ip >= lo && ip <= hi;
		prev = ip;
	}
	/* Freed init text may lie outside of what the object still covers; all of it can't. */
	if (inside < samples / 2 + 1)
		return err_new(ERR_CORRUPT,
			       "ORC table is for addresses around %#llx, outside of the "
			       "object's text (was it relocated?)",
			       (unsigned long long)prev);
	return NULL;
}

struct err *orc_open(const struct object_section *ip, const struct object_section *entries,
		     const struct object_section *header, enum orc_layout like, uint64_t lo,
		     uint64_t hi, struct orc_table *ret)
{
	struct orc_table t = {.ip = ip->data, .entries = entries->data, .ip_addr = ip->addr};

	t.n = ip->size / 4;
	if (!t.n || ip->size % 4 || entries->size % ENTRY_SIZE || entries->size / ENTRY_SIZE != t.n)
		return err_new(ERR_CORRUPT, "ORC tables of %zu and %zu bytes don't belong together",
			       ip->size, entries->size);
	TRY(check_order(&t, lo, hi));
	t.layout = layout_from_header(header);
	if (t.layout == ORC_LAYOUT_NONE)
		t.layout = like;
	if (t.layout == ORC_LAYOUT_NONE)
		t.layout = layout_from_contents(&t);
	if (t.layout == ORC_LAYOUT_NONE)
		return err_new(ERR_UNSUPPORTED, "ORC table of an unknown layout (%zu entries)",
			       t.n);
	t.has_end = any_end(&t);
	*ret = t;
	return NULL;
}

/* Types 0-2 of layouts 1 and 2 are call, regs, partial regs; an end bit and an absent base stand
 * apart. */
static void decode_type_old(const struct orc_table *t, uint16_t flags, struct orc *o)
{
	static const enum orc_type types[4] = {ORC_CALL, ORC_REGS, ORC_REGS_PARTIAL, ORC_UNDEFINED};
	bool end = flags & (t->layout == ORC_LAYOUT_1 ? 0x0400 : 0x0800);

	o->type = types[flags >> 8 & 3];
	if (o->sp_base == ORC_BASE_NONE)
		o->type = end || !t->has_end ? ORC_END : ORC_UNDEFINED;
	if (t->layout == ORC_LAYOUT_2)
		o->signal = flags & 0x0400;
	else
		o->signal = o->type == ORC_REGS || o->type == ORC_REGS_PARTIAL;
}

static void decode(const struct orc_table *t, size_t i, struct orc *o)
{
	const uint8_t *e = t->entries + i * ENTRY_SIZE;
	const enum orc_base *bases = t->layout == ORC_LAYOUT_4 ? bases_new : bases_old;
	uint16_t flags = flags_at(t, i);

	o->sp_offset = (int16_t)load_u16(e);
	o->bp_offset = (int16_t)load_u16(e + 2);
	o->sp_base = bases[flags & 15];
	o->bp_base = bases[flags >> 4 & 15];
	if (t->layout <= ORC_LAYOUT_2) {
		decode_type_old(t, flags, o);
		return;
	}
	o->type = (flags >> 8 & 7) <= ORC_REGS_PARTIAL ? (enum orc_type)(flags >> 8 & 7)
						       : ORC_UNDEFINED;
	o->signal = flags & 0x0800;
	if (o->type >= ORC_CALL && o->sp_base == ORC_BASE_NONE)
		o->type = ORC_UNDEFINED;
}

bool orc_find(const struct orc_table *t, uint64_t pc, struct orc *ret)
{
	size_t lo = 0, hi = t->n;

	/* The last entry at or below pc: a section's closing entry stands before a real one at the
	 * same address. */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ip_at(t, mid) <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || ip_at(t, lo - 1) > pc || (lo < t->n && ip_at(t, lo) <= pc))
		return false;
	decode(t, lo - 1, ret);
	return true;
}

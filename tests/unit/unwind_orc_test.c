/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that ORC tables of all four layouts are recognised without being told, decode to the same
 * meaning, and are refused with a reason when they are unsorted, of unequal length or of somewhere
 * else; and that no damaged table is ever read outside of its bytes (run under ASan) or gives an
 * entry that doesn't cover the pc.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/alloc.h"
#include "engine/unwind/orc.h"

#define TEXT UINT64_C(0xffffffff81000000)
#define TABLE UINT64_C(0xffffffff82000000)
#define N 64

struct table {
	uint8_t ip[N * 4], entries[N * 6];
};

struct meaning {
	enum orc_type type;
	enum orc_base sp, bp;
	int16_t sp_offset, bp_offset;
	bool signal;
};

/* Function i starts at TEXT + 16 * i. The first four entries are special ones, the others plain. */
static const struct meaning meanings[4] = {
	{ORC_CALL, ORC_BASE_BP, ORC_BASE_PREV_SP, 16, -16, false},
	{ORC_REGS, ORC_BASE_SP, ORC_BASE_NONE, 0, 0, true},
	{ORC_END, ORC_BASE_NONE, ORC_BASE_NONE, 0, 0, false},
	{ORC_CALL, ORC_BASE_SP_INDIRECT, ORC_BASE_NONE, 24, 0, false},
};
static const struct meaning plain = {ORC_CALL, ORC_BASE_SP, ORC_BASE_NONE, 8, 0, false};

static uint16_t base_bits(enum orc_layout l, enum orc_base b)
{
	static const uint8_t old[] = {0, 10, 2, 5, 4, 3, 6, 7, 1, 9, 8};

	return l == ORC_LAYOUT_4 ? (uint16_t)b : old[b];
}

static uint16_t type_bits(enum orc_layout l, const struct meaning *m)
{
	switch (l) {
	case ORC_LAYOUT_1:
		return (uint16_t)((m->type == ORC_REGS) << 8 | (m->type == ORC_END) << 10);
	case ORC_LAYOUT_2:
		return (uint16_t)((m->type == ORC_REGS) << 8 | m->signal << 10 |
				  (m->type == ORC_END) << 11);
	default:
		return (uint16_t)((unsigned)m->type << 8 | m->signal << 11);
	}
}

static void put(struct table *t, size_t i, uint64_t pc, enum orc_layout l, const struct meaning *m)
{
	int32_t ip = (int32_t)(pc - (TABLE + i * 4));
	uint16_t flags =
		(uint16_t)(base_bits(l, m->sp) | base_bits(l, m->bp) << 4 | type_bits(l, m));

	memcpy(t->ip + i * 4, &ip, 4);
	memcpy(t->entries + i * 6, &m->sp_offset, 2);
	memcpy(t->entries + i * 6 + 2, &m->bp_offset, 2);
	memcpy(t->entries + i * 6 + 4, &flags, 2);
}

static void build(struct table *t, enum orc_layout l)
{
	for (size_t i = 0; i < N; i++)
		put(t, i, TEXT + 16 * i, l, i < 4 ? &meanings[i] : &plain);
}

static struct err *open_table(const struct table *t, enum orc_layout like, struct orc_table *ret)
{
	struct object_section ip = {t->ip, sizeof(t->ip), TABLE};
	struct object_section entries = {t->entries, sizeof(t->entries), 0};

	return orc_open(&ip, &entries, NULL, like, TEXT, TEXT + 16 * N, ret);
}

static void expect(const struct orc_table *o, uint64_t pc, const struct meaning *m)
{
	struct orc e;

	assert_true(orc_find(o, pc, &e));
	assert_int_equal(e.type, m->type);
	if (m->type == ORC_END)
		return;
	assert_int_equal(e.sp_base, m->sp);
	assert_int_equal(e.bp_base, m->bp);
	assert_int_equal(e.sp_offset, m->sp_offset);
	assert_int_equal(e.bp_offset, m->bp_offset);
	assert_int_equal(e.signal, m->signal);
}

static void all_layouts_mean_the_same(void **state)
{
	(void)state;
	for (enum orc_layout l = ORC_LAYOUT_1; l <= ORC_LAYOUT_4; l++) {
		struct table t;
		struct orc_table o;

		build(&t, l);
		assert_null(open_table(&t, ORC_LAYOUT_NONE, &o));
		assert_int_equal(o.layout, l);
		assert_true(o.has_end);
		for (size_t i = 0; i < N; i++) {
			const struct meaning *m = i < 4 ? &meanings[i] : &plain;

			expect(&o, TEXT + 16 * i, m);
			expect(&o, TEXT + 16 * i + 15, m);
		}
		struct orc e;
		assert_false(orc_find(&o, TEXT - 1, &e));
	}
}

/* RHEL 9.6 has layout 3 under a 5.14 release and without a header; modules have no header at all.
 */
static void header_and_vmlinux_decide_first(void **state)
{
	static const uint8_t layout_4[20] = {0x13, 0x7c, 0x36, 0xad, 0x76, 0x27, 0xc4,
					     0xdd, 0x55, 0x93, 0x21, 0x76, 0xbb, 0x0e,
					     0xcd, 0xbd, 0x50, 0x41, 0xfc, 0x82};
	struct table t;
	struct orc_table o;
	struct object_section ip = {t.ip, sizeof(t.ip), TABLE};
	struct object_section entries = {t.entries, sizeof(t.entries), 0};
	struct object_section header = {layout_4, sizeof(layout_4), 0};

	(void)state;
	build(&t, ORC_LAYOUT_3);
	assert_null(orc_open(&ip, &entries, &header, ORC_LAYOUT_3, TEXT, TEXT + 16 * N, &o));
	assert_int_equal(o.layout, ORC_LAYOUT_4);
	assert_null(open_table(&t, ORC_LAYOUT_2, &o));
	assert_int_equal(o.layout, ORC_LAYOUT_2);
}

/* Before 4.18 no entry had an end bit: "no base register" was the end. */
static void no_end_bit_means_undefined_ends(void **state)
{
	static const struct meaning none = {ORC_UNDEFINED, ORC_BASE_NONE, ORC_BASE_NONE, 0, 0,
					    false};
	struct table t;
	struct orc_table o = {.layout = ORC_LAYOUT_NONE};
	struct orc e;

	(void)state;
	build(&t, ORC_LAYOUT_1);
	put(&t, 2, TEXT + 32, ORC_LAYOUT_1, &none);
	assert_null(open_table(&t, ORC_LAYOUT_1, &o));
	assert_false(o.has_end);
	assert_true(orc_find(&o, TEXT + 32, &e));
	assert_int_equal(e.type, ORC_END);

	build(&t, ORC_LAYOUT_1);
	put(&t, 5, TEXT + 80, ORC_LAYOUT_1, &none);
	assert_null(open_table(&t, ORC_LAYOUT_NONE, &o));
	assert_true(orc_find(&o, TEXT + 80, &e));
	assert_int_equal(e.type, ORC_UNDEFINED);
}

static void refused(struct err *e, enum err_code code)
{
	assert_non_null(e);
	assert_int_equal(err_code(e), code);
	err_free(e);
}

static void unusable_tables_are_refused(void **state)
{
	struct table t;
	struct orc_table o;

	(void)state;
	build(&t, ORC_LAYOUT_3);
	put(&t, 9, TEXT + 16 * 40, ORC_LAYOUT_3, &plain);
	refused(open_table(&t, ORC_LAYOUT_NONE, &o), ERR_CORRUPT);

	/* A module's file before relocation: every address is its own place in the table. */
	build(&t, ORC_LAYOUT_3);
	memset(t.ip, 0, sizeof(t.ip));
	refused(open_table(&t, ORC_LAYOUT_NONE, &o), ERR_CORRUPT);

	build(&t, ORC_LAYOUT_3);
	struct object_section ip = {t.ip, sizeof(t.ip), TABLE};
	struct object_section few = {t.entries, sizeof(t.entries) - 6, 0}, none = {t.ip, 0, TABLE};
	refused(orc_open(&ip, &few, NULL, ORC_LAYOUT_NONE, TEXT, TEXT + 16 * N, &o), ERR_CORRUPT);
	refused(orc_open(&none, &none, NULL, ORC_LAYOUT_NONE, TEXT, TEXT + 16 * N, &o),
		ERR_CORRUPT);

	build(&t, ORC_LAYOUT_3);
	memset(t.entries, 0xa5, sizeof(t.entries));
	refused(open_table(&t, ORC_LAYOUT_NONE, &o), ERR_UNSUPPORTED);
}

static uint64_t ip_of(const struct table *t, size_t i)
{
	int32_t v;

	memcpy(&v, t->ip + i * 4, 4);
	return TABLE + i * 4 + (uint64_t)(int64_t)v;
}

/* Is there any entry at or below pc whose successor is above it? Else nothing may be found. */
static bool covered(const struct table *t, uint64_t pc)
{
	for (size_t i = 0; i < N; i++)
		if (ip_of(t, i) <= pc && (i + 1 == N || ip_of(t, i + 1) > pc))
			return true;
	return false;
}

static void damage_is_survived(void **state)
{
	(void)state;
	for (size_t byte = 0; byte < sizeof(struct table); byte++) {
		for (unsigned bit = 0; bit < 8; bit += 3) {
			struct table *t = xmalloc(sizeof(*t)); /* exact bounds for ASan */
			struct orc_table o;

			build(t, ORC_LAYOUT_1 + byte % 4);
			((uint8_t *)t)[byte] ^= (uint8_t)(1u << bit);
			if (err_ok(open_table(t, ORC_LAYOUT_NONE, &o))) {
				for (uint64_t pc = TEXT - 8; pc < TEXT + 16 * N + 8; pc += 4) {
					struct orc e;

					if (orc_find(&o, pc, &e))
						assert_true(covered(t, pc));
				}
			}
			free(t);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_layouts_mean_the_same),
		cmocka_unit_test(header_and_vmlinux_decide_first),
		cmocka_unit_test(no_end_bit_means_undefined_ends),
		cmocka_unit_test(unusable_tables_are_refused),
		cmocka_unit_test(damage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

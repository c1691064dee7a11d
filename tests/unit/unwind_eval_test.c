/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that DWARF expressions give what the standard says (its signed and unsigned corners too),
 * that locations come out as the right kind of place, that what can't be known ends in a reason
 * naming what is missing, and that no sequence of operations loops, overruns or traps (run under
 * ASan and UBSan).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <dwarf.h>
#include "engine/unwind/eval.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

enum { RBX = 3, RBP = 6 };

static struct regs regs;

static struct eval env(void)
{
	regs = (struct regs){0};
	regs_set(&regs, RBX, 0x1000);
	return (struct eval){.arch = &arch_x86_64, .regs = &regs, .cfa = 0x8000};
}

static void values(void **state)
{
	static const struct {
		Dwarf_Op ops[5];
		size_t n;
		uint64_t result;
	} cases[] = {
		{{{.atom = DW_OP_lit7}, {.atom = DW_OP_lit2}, {.atom = DW_OP_minus}}, 3, 5},
		{{{.atom = DW_OP_const1s, .number = (Dwarf_Word)-7},
		  {.atom = DW_OP_lit2},
		  {.atom = DW_OP_div}},
		 3,
		 (uint64_t)-3},
		{{{.atom = DW_OP_const8u, .number = UINT64_C(1) << 63},
		  {.atom = DW_OP_const1s, .number = UINT64_MAX},
		  {.atom = DW_OP_div}},
		 3,
		 UINT64_C(1) << 63},
		{{{.atom = DW_OP_const1s, .number = UINT64_MAX},
		  {.atom = DW_OP_lit1},
		  {.atom = DW_OP_lt}},
		 3,
		 1},
		{{{.atom = DW_OP_const1s, .number = (Dwarf_Word)-16},
		  {.atom = DW_OP_lit2},
		  {.atom = DW_OP_shra}},
		 3,
		 (uint64_t)-4},
		{{{.atom = DW_OP_const1s, .number = (Dwarf_Word)-16},
		  {.atom = DW_OP_lit4},
		  {.atom = DW_OP_shr}},
		 3,
		 UINT64_MAX >> 4},
		{{{.atom = DW_OP_lit1}, {.atom = DW_OP_const1u, .number = 64}, {.atom = DW_OP_shl}},
		 3,
		 0},
		{{{.atom = DW_OP_lit1},
		  {.atom = DW_OP_lit2},
		  {.atom = DW_OP_lit3},
		  {.atom = DW_OP_rot},
		  {.atom = DW_OP_drop}},
		 5,
		 1},
		{{{.atom = DW_OP_breg3, .number = 0x20}, {.atom = DW_OP_plus_uconst, .number = 4}},
		 2,
		 0x1024},
		{{{.atom = DW_OP_call_frame_cfa}, {.atom = DW_OP_lit8}, {.atom = DW_OP_minus}},
		 3,
		 0x7ff8},
		/* branches: over the second literal */
		{{{.atom = DW_OP_lit5},
		  {.atom = DW_OP_skip, .number = 1, .offset = 1},
		  {.atom = DW_OP_lit6, .offset = 4},
		  {.atom = DW_OP_lit1, .offset = 5},
		  {.atom = DW_OP_plus, .offset = 6}},
		 5,
		 6},
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct eval e = env();
		uint64_t v = 0;

		assert_true(eval_value(&e, cases[i].ops, cases[i].n, NULL, &v));
		assert_int_equal(v, cases[i].result);
	}
}

static void reasons(void **state)
{
	static const struct {
		Dwarf_Op ops[3];
		size_t n;
		const char *why;
	} cases[] = {
		{{{.atom = DW_OP_reg6}}, 1, "rbp"},
		{{{.atom = DW_OP_breg6, .number = 8}}, 1, "rbp"},
		{{{.atom = DW_OP_regx, .number = 1000}}, 1, "register"},
		{{{.atom = DW_OP_plus}}, 1, "empty"},
		{{{.atom = DW_OP_lit1}, {.atom = DW_OP_lit0}, {.atom = DW_OP_mod}}, 3, "zero"},
		{{{.atom = DW_OP_lit1},
		  {.atom = DW_OP_dup, .offset = 1},
		  {.atom = DW_OP_skip, .number = (Dwarf_Word)-4, .offset = 2}},
		 3,
		 "deep"},
		{{{.atom = DW_OP_skip, .number = (Dwarf_Word)-3}}, 1, "long"},
		{{{.atom = DW_OP_skip, .number = 77}, {.atom = DW_OP_lit1, .offset = 200}},
		 2,
		 "nowhere"},
		{{{.atom = DW_OP_entry_value}}, 1, "entry"},
		{{{.atom = DW_OP_implicit_pointer}}, 1, "no memory"},
		{{{.atom = DW_OP_fbreg}}, 1, "frame base"},
		{{{.atom = 0xff}}, 1, "0xff"},
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct eval e = env();
		struct place p;

		eval_place(&e, cases[i].ops, cases[i].n, &p);
		assert_int_equal(p.kind, PLACE_UNKNOWN);
		assert_non_null(strstr(p.why, cases[i].why));
	}
}

static void places(void **state)
{
	static const Dwarf_Op in_reg[] = {{.atom = DW_OP_reg3}};
	static const Dwarf_Op value[] = {{.atom = DW_OP_breg3, .number = 1},
					 {.atom = DW_OP_stack_value}};
	static const Dwarf_Op both[] = {{.atom = DW_OP_reg3},
					{.atom = DW_OP_piece, .number = 8},
					{.atom = DW_OP_lit9},
					{.atom = DW_OP_stack_value},
					{.atom = DW_OP_piece, .number = 4}};
	static const Dwarf_Op memory[] = {{.atom = DW_OP_breg3},
					  {.atom = DW_OP_piece, .number = 8},
					  {.atom = DW_OP_breg3, .number = 8},
					  {.atom = DW_OP_piece, .number = 8}};
	static const Dwarf_Op half[] = {{.atom = DW_OP_reg3},
					{.atom = DW_OP_piece, .number = 8},
					{.atom = DW_OP_piece, .number = 8}};
	struct eval e = env();
	struct place p;
	char text[48];

	(void)state;
	eval_place(&e, in_reg, N(in_reg), &p);
	assert_int_equal(p.kind, PLACE_REGISTER);
	assert_int_equal(p.v, 0x1000);
	eval_describe(&e, in_reg, 1, text, sizeof(text));
	assert_string_equal(text, "rbx");
	eval_place(&e, value, N(value), &p);
	assert_int_equal(p.kind, PLACE_VALUE);
	assert_int_equal(p.v, 0x1001);
	eval_place(&e, both, N(both), &p);
	assert_int_equal(p.kind, PLACE_VALUE);
	assert_int_equal(p.size, 12);
	assert_int_equal(p.bytes[1], 0x10);
	assert_int_equal(p.bytes[8], 9);
	eval_place(&e, memory, N(memory), &p);
	assert_int_equal(p.kind, PLACE_MEMORY);
	assert_int_equal(p.v, 0x1000);
	eval_place(&e, half, N(half), &p);
	assert_int_equal(p.kind, PLACE_UNKNOWN);
	assert_non_null(strstr(p.why, "optimized out"));
	eval_place(&e, NULL, 0, &p);
	assert_int_equal(p.kind, PLACE_EMPTY);
}

/* Any operations in any order, and any bytes as an expression in CFI. */
static void nonsense_is_survived(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct eval e = env();
		Dwarf_Op ops[24];
		uint8_t raw[48];
		struct place p;
		char text[48];
		uint64_t v;

		for (size_t i = 0; i < N(ops); i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			ops[i] = (Dwarf_Op){.atom = (uint8_t)x,
					    .number = x >> (x >> 60) * 4,
					    .number2 = x >> 40,
					    .offset = i * 2};
			raw[i * 2] = (uint8_t)(x >> 8);
			raw[i * 2 + 1] = (uint8_t)(x >> 16);
		}
		eval_place(&e, ops, N(ops), &p);
		assert_in_range(p.kind, PLACE_MEMORY, PLACE_UNKNOWN);
		assert_in_range(p.size, 0, sizeof(p.bytes));
		assert_non_null(memchr(p.why, '\0', sizeof(p.why)));
		eval_describe(&e, ops, N(ops), text, sizeof(text));
		eval_raw(&e, raw, round % sizeof(raw), NULL, &v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(reasons),
		cmocka_unit_test(places),
		cmocka_unit_test(nonsense_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

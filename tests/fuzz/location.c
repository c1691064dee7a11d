/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DWARF expressions: as decoded operations (a byte for the operation, one for its offset, 8 for each operand)
 * and as the raw bytes that unwind tables have.
 */
#include <dwarf.h>
#include "engine/unwind/eval.h"
#include "tests/fuzz/fuzz.h"

#define MAX_OPS 80u

static bool begin(struct corpus *c)
{
	static const uint8_t raw[][18] = {
		{DW_OP_breg7, 8, DW_OP_deref, DW_OP_plus_uconst, 4},
		{DW_OP_lit5, DW_OP_skip, 1, 0, DW_OP_lit6, DW_OP_lit1, DW_OP_plus, DW_OP_stack_value},
		{DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and, DW_OP_lit11, DW_OP_ge, DW_OP_lit3,
		 DW_OP_shl, DW_OP_plus},
		{DW_OP_addr, 0, 0, 0, 0x81, 0xff, 0xff, 0xff, 0xff, DW_OP_bra, 0xfc, 0xff, DW_OP_pick, 1},
		{DW_OP_reg3, 0, 0, 0, 0, 0, 0, 0, 0, 0, DW_OP_piece, 1, 4, 0, 0, 0, 0, 0},
		{DW_OP_entry_value, 0, 1, 0, 0, 0, 0, 0, 0, 0, DW_OP_call_frame_cfa, 1},
		{DW_OP_fbreg, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, DW_OP_implicit_value, 3, 8},
	};

	for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++)
		corpus_add(c, raw[i], sizeof(raw[i]));
	for (unsigned op = 0; op < 256; op += 6) { /* every sixth operation, the others come by changes */
		uint8_t v[54] = {(uint8_t)op, 0, 8, 0, 0, 0, 0, 0, 0, 0, DW_OP_lit3, 1, 0, 0, 0, 0, 0, 0, 0, 0,
				 (uint8_t)(op + 3), 2, 1};
		corpus_add(c, v, sizeof(v));
	}
	return true;
}

static bool entry_value(struct eval *e, const Dwarf_Op *ops, size_t n, uint64_t *ret)
{
	*ret = 42;
	return ops && n && e->depth < EVAL_DEPTH;
}

static void one(const uint8_t *p, size_t n)
{
	struct bytes b = {p, n};
	Dwarf_Op ops[MAX_OPS];
	struct regs regs = {0};
	struct place place;
	uint64_t v, init = 8;
	char text[40];
	size_t k = 0;

	for (unsigned i = 0; i < 17; i += 2)
		regs_set(&regs, i, 0xffffffff81000000 + i * 8);
	struct eval e = {.arch = &arch_x86_64, .regs = &regs, .cfa = 0x8000, .entry_value = entry_value};
	eval_raw(&e, p, n, NULL, &v);
	eval_raw(&e, p, n, &init, &v);
	for (; b.n && k < MAX_OPS; k++) {
		uint8_t atom = (uint8_t)take_number(&b, 1);
		/* operations that point into .debug_info are libdw's, and only come with an attribute */
		ops[k] = (Dwarf_Op){.atom = atom, .offset = take_number(&b, 1), .number = take_number(&b, 8)};
	}
	eval_place(&e, ops, k, &place);
	eval_value(&e, ops, k, &init, &v);
	eval_describe(&e, ops, k, text, sizeof(text));
}

const struct fuzz_target fuzz_location = {
	.name = "location",
	.what = "DWARF expressions",
	.inputs = 20000,
	.begin = begin,
	.one = one,
};

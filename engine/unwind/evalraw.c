/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions in CFI. libdw gives decoded operations for attributes only, so the few kinds that
 * occur in CFI (no references into .debug_info) are decoded here, for the same machine.
 */
#include <dwarf.h>
#include <string.h>
#include "engine/unwind/eval.h"

#define MAX_RAW 64 /* operations of an expression in CFI */

/* What follows an operation's byte in CFI. 'u' and 's' are LEB128s, digits fixed sizes. */
static const char *operands(uint8_t atom)
{
	if ((atom >= DW_OP_lit0 && atom <= DW_OP_reg31) || atom == DW_OP_deref ||
	    (atom >= DW_OP_dup && atom <= DW_OP_over) ||
	    (atom >= DW_OP_swap && atom <= DW_OP_plus) ||
	    (atom >= DW_OP_shl && atom <= DW_OP_xor) || (atom >= DW_OP_eq && atom <= DW_OP_ne) ||
	    atom == DW_OP_nop || atom == DW_OP_stack_value || atom == DW_OP_call_frame_cfa)
		return "";
	if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
		return "s";
	switch (atom) {
	case DW_OP_addr:
	case DW_OP_const8u:
	case DW_OP_const8s:
		return "8";
	case DW_OP_const1u:
	case DW_OP_pick:
	case DW_OP_deref_size:
		return "1";
	case DW_OP_const2u:
		return "2";
	case DW_OP_const4u:
		return "4";
	case DW_OP_const1s:
		return "b";
	case DW_OP_const2s:
	case DW_OP_bra:
	case DW_OP_skip:
		return "h";
	case DW_OP_const4s:
		return "w";
	case DW_OP_constu:
	case DW_OP_plus_uconst:
		return "u";
	case DW_OP_consts:
		return "s";
	case DW_OP_bregx:
		return "us";
	default:
		return NULL;
	}
}

static bool leb(const uint8_t *p, size_t n, size_t *at, bool is_signed, uint64_t *ret)
{
	unsigned bits = 0;
	uint8_t b = 0x80;

	for (*ret = 0; b & 0x80; bits += 7) {
		if (*at >= n || bits >= 70)
			return false;
		b = p[(*at)++];
		if (bits < 64)
			*ret |= (uint64_t)(b & 0x7f) << bits;
	}
	if (is_signed && bits < 64 && b & 0x40)
		*ret |= UINT64_MAX << bits;
	return true;
}

static bool operand(const uint8_t *p, size_t n, size_t *at, char kind, uint64_t *ret)
{
	size_t size = kind == '8'		   ? 8
		      : kind == '4' || kind == 'w' ? 4
		      : kind == '2' || kind == 'h' ? 2
						   : 1;
	bool is_signed = kind == 'b' || kind == 'h' || kind == 'w';

	if (kind == 'u' || kind == 's')
		return leb(p, n, at, kind == 's', ret);
	if (n - *at < size)
		return false;
	*ret = 0;
	memcpy(ret, p + *at, size);
	*ret = eval_fit(*ret, (unsigned)size, is_signed);
	*at += size;
	return true;
}

bool eval_raw(struct eval *e, const uint8_t *p, size_t n, const uint64_t *init, uint64_t *ret)
{
	Dwarf_Op ops[MAX_RAW];
	size_t nops = 0;

	for (size_t at = 0; at < n; nops++) {
		const char *kinds = operands(p[at]);

		if (nops == MAX_RAW || !kinds)
			return eval_fail(e, "CFI expression that isn't supported");
		ops[nops] = (Dwarf_Op){.atom = p[at], .offset = at};
		at++;
		if ((kinds[0] && !operand(p, n, &at, kinds[0], &ops[nops].number)) ||
		    (kinds[0] && kinds[1] && !operand(p, n, &at, kinds[1], &ops[nops].number2)))
			return eval_fail(e, "damaged CFI expression");
	}
	return eval_value(e, ops, nops, init, ret);
}

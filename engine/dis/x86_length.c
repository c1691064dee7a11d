/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The length of an x86-64 instruction from its encoding: prefixes, opcode map, ModRM, SIB,
 * displacement, immediate. Only for what capstone doesn't know (newer system instructions, mostly),
 * so that decoding goes on at the right byte.
 *
 * Source: Intel SDM vol. 2, chapter 2 and appendix A (opcode maps).
 */
#include "engine/dis/impl.h"

#define MAX_LENGTH 15

struct cursor {
	const uint8_t *p;
	size_t n, at;
	bool opsize, rex_w;
};

static bool is_prefix(uint8_t b)
{
	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e: /* segments, branch hints */
	case 0x64:
	case 0x65:
	case 0x66:
	case 0x67:
	case 0xf0:
	case 0xf2:
	case 0xf3:
		return true;
	}
	return false;
}

/* ModRM with what follows it but for the immediate; false: cut off. */
static bool skip_modrm(struct cursor *c)
{
	if (c->at >= c->n)
		return false;
	uint8_t modrm = c->p[c->at++], mod = modrm >> 6, rm = modrm & 7;
	if (mod == 3)
		return true;
	if (rm == 4) {
		if (c->at >= c->n)
			return false;
		uint8_t base = c->p[c->at++] & 7;
		if (mod == 0 && base == 5)
			c->at += 4;
	} else if (mod == 0 && rm == 5) {
		c->at += 4;
	}
	c->at += mod == 1 ? 1 : mod == 2 ? 4 : 0;
	return true;
}

static unsigned done(const struct cursor *c, size_t immediate)
{
	size_t len = c->at + immediate;

	return len <= c->n && len <= MAX_LENGTH ? (unsigned)len : 0;
}

/* Opcode maps 2 and 3 (0f 38, 0f 3a) always have a ModRM; map 3 an immediate byte too. */
static unsigned after_map(struct cursor *c, unsigned map, uint8_t op)
{
	bool imm = map == 3;

	if (map == 1) {
		if (op >= 0x80 && op <= 0x8f) /* Jcc */
			return done(c, 4);
		if ((op >= 0x30 && op <= 0x37) || op == 0x05 || op == 0x06 || op == 0x07 ||
		    op == 0x08 || op == 0x09 || op == 0x0b || op == 0x0e || op == 0x77 ||
		    (op >= 0xa0 && op <= 0xa2) || (op >= 0xa8 && op <= 0xaa) ||
		    (op >= 0xc8 && op <= 0xcf))
			return done(c, 0);
		imm = (op >= 0x70 && op <= 0x73) || op == 0xa4 || op == 0xac || op == 0xba ||
		      op == 0xc2 || (op >= 0xc4 && op <= 0xc6);
	}
	return skip_modrm(c) ? done(c, imm) : 0;
}

static unsigned after_vex(struct cursor *c, uint8_t first)
{
	unsigned extra = first == 0xc5 ? 1 : first == 0xc4 ? 2 : 3, map = 1;

	if (c->at + extra + 1 > c->n)
		return 0;
	if (first == 0xc4)
		map = c->p[c->at] & 0x1f;
	else if (first == 0x62)
		map = c->p[c->at] & 0x07;
	c->at += extra;
	uint8_t op = c->p[c->at++];
	return map >= 1 && map <= 7 ? after_map(c, map > 3 ? 2 : map, op) : 0;
}

/* Opcodes that come in rows. z: bytes of an operand-sized immediate. */
static unsigned by_range(struct cursor *c, uint8_t op, size_t z)
{
	if (op >= 0x70 && op <= 0x7f)
		return done(c, 1);
	if ((op >= 0x84 && op <= 0x8e) || (op >= 0xd0 && op <= 0xd3) || (op >= 0xd8 && op <= 0xdf))
		return skip_modrm(c) ? done(c, 0) : 0;
	if (op >= 0xa0 && op <= 0xa3)
		return done(c, 8);
	if (op >= 0xb0 && op <= 0xb7)
		return done(c, 1);
	if (op >= 0xb8 && op <= 0xbf)
		return done(c, c->rex_w ? 8 : z);
	if (op >= 0xe0 && op <= 0xe7)
		return done(c, 1);
	return done(c, 0);
}

static unsigned one_byte(struct cursor *c, uint8_t op)
{
	size_t z = c->opsize ? 2 : 4; /* an immediate of the operand's size, but never 8 bytes */

	if (op < 0x40) {
		if ((op & 7) < 4)
			return skip_modrm(c) ? done(c, 0) : 0;
		return done(c, (op & 7) == 4 ? 1 : (op & 7) == 5 ? z : 0);
	}
	switch (op) {
	case 0x68:
	case 0xa9:
		return done(c, z);
	case 0xe8:
	case 0xe9:
		return done(c, 4);
	case 0x6a:
	case 0xa8:
	case 0xcd:
	case 0xeb:
		return done(c, 1);
	case 0x69:
	case 0x81:
	case 0xc7:
		return skip_modrm(c) ? done(c, z) : 0;
	case 0x6b:
	case 0x80:
	case 0x83:
	case 0xc0:
	case 0xc1:
	case 0xc6:
		return skip_modrm(c) ? done(c, 1) : 0;
	case 0xc2:
	case 0xca:
		return done(c, 2);
	case 0xc8:
		return done(c, 3);
	case 0x63:
	case 0x8f:
	case 0xfe:
	case 0xff:
		return skip_modrm(c) ? done(c, 0) : 0;
	case 0xf6:
	case 0xf7: {
		bool test = c->at < c->n && !(c->p[c->at] >> 3 & 6);
		return skip_modrm(c) ? done(c, !test ? 0 : op == 0xf6 ? 1 : z) : 0;
	}
	}
	return by_range(c, op, z);
}

unsigned x86_insn_length(const uint8_t *p, size_t n)
{
	struct cursor c = {.p = p, .n = n};

	for (; c.at < n && is_prefix(p[c.at]); c.at++)
		c.opsize |= p[c.at] == 0x66;
	if (c.at < n && (p[c.at] & 0xf0) == 0x40)
		c.rex_w = p[c.at++] & 8;
	if (c.at >= n)
		return 0;
	uint8_t op = p[c.at++];
	if (op == 0xc4 || op == 0xc5 || op == 0x62)
		return after_vex(&c, op);
	if (op != 0x0f)
		return one_byte(&c, op);
	if (c.at >= n)
		return 0;
	op = p[c.at++];
	unsigned map = op == 0x38 ? 2 : op == 0x3a ? 3 : 1;
	if (map > 1) {
		if (c.at >= n)
			return 0;
		op = p[c.at++];
	}
	return after_map(&c, map, op);
}

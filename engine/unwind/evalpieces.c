/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A location description is one simple location, or a row of pieces. Pieces that lie side by side
 * in memory become one memory place; others are gathered into bytes.
 */
#include <dwarf.h>
#include <string.h>
#include "engine/unwind/eval.h"

bool eval_is_piece(const Dwarf_Op *op)
{
	return op->atom == DW_OP_piece || op->atom == DW_OP_bit_piece;
}

/* Puts a piece of n bytes behind those that are there. false: e->why. */
static bool add_piece(struct eval *e, const struct place *piece, uint64_t n, struct place *ret)
{
	uint8_t bytes[16] = {0};
	size_t room = sizeof(ret->bytes) - ret->size, take = n < room ? (size_t)n : room;
	struct err *err;

	if (piece->kind == PLACE_UNKNOWN) {
		memcpy(e->why, piece->why, sizeof(e->why));
		return false;
	}
	if (piece->kind == PLACE_EMPTY)
		return eval_fail(e, "bytes %zu and on are optimized out", ret->size);
	if (piece->kind == PLACE_MEMORY) {
		err = e->mem ? mem_read(e->mem, KERNEL, piece->v, bytes, take) : NULL;
		if (!e->mem || err) {
			err_free(err);
			return eval_fail(e, "memory at 0x%llx can't be read",
					 (unsigned long long)piece->v);
		}
	} else if (piece->size) {
		memcpy(bytes, piece->bytes, sizeof(bytes));
	} else {
		memcpy(bytes, &piece->v, 8);
	}
	memcpy(ret->bytes + ret->size, bytes, take);
	ret->size += take;
	return true;
}

struct pieces {
	bool all_memory, all_empty;
	uint64_t start, total; /* of the memory pieces so far */
};

static void note_piece(struct pieces *ps, const struct place *piece, uint64_t n)
{
	ps->all_empty &= piece->kind == PLACE_EMPTY;
	if (piece->kind != PLACE_MEMORY)
		ps->all_memory = false;
	else if (!ps->total)
		ps->start = piece->v;
	else if (piece->v != ps->start + ps->total)
		ps->all_memory = false;
	ps->total += n;
}

static void composite(struct eval *e, const Dwarf_Op *ops, size_t n, struct place *ret)
{
	struct pieces ps = {.all_memory = true, .all_empty = true};
	struct place piece;
	bool ok = true;
	size_t from = 0;

	*ret = (struct place){.kind = PLACE_VALUE};
	for (size_t i = 0; i < n; i++) {
		uint64_t bytes = ops[i].number;

		if (!eval_is_piece(&ops[i]))
			continue;
		if (ops[i].atom == DW_OP_bit_piece) {
			if (bytes % 8 || ops[i].number2) {
				eval_fail(e, "is put together of single bits");
				eval_unknown(e, ret);
				return;
			}
			bytes /= 8;
		}
		eval_simple(e, ops + from, i - from, &piece);
		note_piece(&ps, &piece, bytes);
		ok = ok && add_piece(e, &piece, bytes, ret);
		from = i + 1;
	}
	if (ps.all_memory)
		*ret = (struct place){.kind = PLACE_MEMORY, .v = ps.start};
	else if (ps.all_empty)
		*ret = (struct place){.kind = PLACE_EMPTY};
	else if (!ok)
		eval_unknown(e, ret);
	else
		memcpy(&ret->v, ret->bytes, 8);
}

void eval_place(struct eval *e, const Dwarf_Op *ops, size_t n, struct place *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (eval_is_piece(&ops[i])) {
			composite(e, ops, n, ret);
			return;
		}
	}
	eval_simple(e, ops, n, ret);
}

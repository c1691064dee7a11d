/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Values: bytes of the dump seen through a type. Scalars are decoded, bitfields extracted, strings
 * and enum names found, function pointers left to whoever knows symbols.
 *
 * Thread: any.
 */
#ifndef TYPE_VALUE_H
#define TYPE_VALUE_H

#include "engine/type/type.h"

/* A scalar read out of bytes. */
struct scalar {
	enum type_kind kind; /* TYPE_INT, TYPE_FLOAT, TYPE_POINTER, TYPE_ENUM */
	bool is_signed, is_bool, is_char;
	uint64_t u;	     /* zero- or sign-extended to 64 bits */
	double f;	     /* TYPE_FLOAT */
};

/* Decodes the scalar of type t (typedefs and qualifiers are stripped) at p's place->bit_offset; n: bytes to be
 * had at p. ERR_UNSUPPORTED for structs, arrays, odd sizes; ERR_CORRUPT when n is too small. */
struct err *scalar_decode(const struct type_place *place, const void *p, size_t n,
			  struct scalar *ret);

/* The text of a scalar: decimal or 0x for pointers, enum names, 'c' (plain char only: s8 and u8 are
 * numbers), true. hex: integers in hexadecimal. No symbol names (the caller adds them). */
void scalar_print(const struct scalar *v, const struct type *t, bool hex, struct buf *out);

#endif

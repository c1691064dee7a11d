/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scalars out of bytes. A bitfield may straddle bytes (in a packed struct a 64-bit one can touch
 * nine), so its bits are gathered byte by byte; everything else is a little-endian load.
 */
#include "engine/type/value.h"
#include <string.h>

/* Bytes from the place's offset that hold the value. */
static uint64_t bytes_of(const struct type_place *place)
{
	if (place->bit_size)
		return ((uint64_t)place->bit_offset + place->bit_size + 7) / 8;
	return type_size(place->type);
}

static bool is_scalar(enum type_kind kind)
{
	return kind == TYPE_INT || kind == TYPE_FLOAT || kind == TYPE_POINTER || kind == TYPE_ENUM;
}

static struct err *check(const struct type_place *place, const struct type *t)
{
	struct buf AUTO_BUF name = {0};
	uint64_t size = type_size(t);
	const char *why = NULL;

	if (!is_scalar(type_kind(t)))
		why = "it is no scalar";
	else if (size != 1 && size != 2 && size != 4 && size != 8)
		why = "its size is not 1, 2, 4 or 8 bytes";
	else if (type_kind(t) == TYPE_FLOAT && (size < 4 || place->bit_size))
		why = "this floating point format is not known";
	else if (place->bit_size > 64)
		why = "it is a bitfield of more than 64 bits";
	if (!why)
		return NULL;
	type_print_name(place->type, &name);
	return err_new(ERR_UNSUPPORTED, "a value of type '%s' can't be shown as one number: %s",
		       buf_str(&name), why);
}

static uint64_t load(const uint8_t *p, uint64_t size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

static uint64_t load_bits(const uint8_t *p, uint32_t offset, uint32_t size)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < size; i++) {
		uint32_t bit = offset + i;
		v |= (uint64_t)(p[bit / 8] >> bit % 8 & 1) << i;
	}
	return v;
}

static uint64_t sign_extend(uint64_t v, uint64_t bits)
{
	unsigned drop = 64 - (unsigned)bits;

	return (uint64_t)((int64_t)(v << drop) >> drop);
}

static double load_float(uint64_t v, uint64_t size)
{
	double d;
	float f;
	uint32_t v32 = (uint32_t)v;

	if (size == 4) {
		memcpy(&f, &v32, sizeof(f));
		return f;
	}
	memcpy(&d, &v, sizeof(d));
	return d;
}

struct err *scalar_decode(const struct type_place *place, const void *p, size_t n,
			  struct scalar *ret)
{
	const struct type *t = type_strip(place->type);
	uint64_t size = type_size(t), need = bytes_of(place);

	TRY(check(place, t));
	if (n < need)
		return err_new(ERR_CORRUPT, "a value takes %llu bytes, but there are only %zu",
			       (unsigned long long)need, n);
	*ret = (struct scalar){
		.kind = type_kind(t),
		.is_signed = type_is_signed(t),
		.is_bool = type_is_bool(t),
		.is_char = type_is_char(t),
	};
	ret->u = place->bit_size ? load_bits(p, place->bit_offset, place->bit_size) : load(p, size);
	if (ret->kind == TYPE_FLOAT)
		ret->f = load_float(ret->u, size);
	else if (ret->is_signed)
		ret->u = sign_extend(ret->u, place->bit_size ? place->bit_size : size * 8);
	return NULL;
}

/* Plain char holds text; signed char and unsigned char (s8, u8) are small numbers in the kernel. */
static bool is_text(const struct scalar *v, const struct type *t)
{
	return v->is_char && v->u >= ' ' && v->u <= '~' &&
	       !strcmp(type_name(type_strip(t)), "char");
}

/* As many bits as the type has: -1 of an int is 0xffffffff. */
static uint64_t unextend(const struct scalar *v, const struct type *t)
{
	uint64_t size = type_size(t);

	return size && size < 8 ? v->u & (((uint64_t)1 << size * 8) - 1) : v->u;
}

void scalar_print(const struct scalar *v, const struct type *t, bool hex, struct buf *out)
{
	const char *name = v->kind == TYPE_ENUM ? type_enum_name(t, (int64_t)v->u) : NULL;

	if (v->kind == TYPE_FLOAT)
		buf_printf(out, type_size(t) == 4 ? "%.9g" : "%.17g", v->f);
	else if (v->kind == TYPE_POINTER)
		buf_printf(out, "0x%llx", (unsigned long long)v->u);
	else if (name && *name)
		buf_puts(out, name);
	else if (v->is_bool && v->u <= 1)
		buf_puts(out, v->u ? "true" : "false");
	else if (is_text(v, t))
		buf_printf(out, v->u == '\'' || v->u == '\\' ? "'\\%c'" : "'%c'", (int)v->u);
	else if (hex)
		buf_printf(out, "0x%llx", (unsigned long long)unextend(v, t));
	else if (v->is_signed)
		buf_printf(out, "%lld", (long long)v->u);
	else
		buf_printf(out, "%llu", (unsigned long long)v->u);
}

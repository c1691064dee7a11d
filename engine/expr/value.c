/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values and C's conversions. A number is kept as 64 bits, extended from what its type holds, so that
 * most conversions are a change of type and a new extension.
 */
#include <string.h>
#include "engine/expr/impl.h"
#include "engine/type/value.h"

bool is_kind(const struct type *t, enum type_kind k)
{
	return type_kind(type_strip(t)) == k;
}

bool is_integer(const struct type *t)
{
	return is_kind(t, TYPE_INT) || is_kind(t, TYPE_ENUM);
}

struct err *base_type(const struct expr_env *env, const char *name, const struct type **ret)
{
	return type_find(env->types, name, env->job, ret);
}

struct err *named_type(const struct expr_env *env, const char *name, const struct type **ret)
{
	return env->type ? env->type(env->ctx, name, ret) : base_type(env, name, ret);
}

uint64_t fit(const struct type *t, uint64_t u)
{
	const struct type *plain = type_strip(t);
	uint64_t size = type_size(plain);

	if (type_is_bool(plain))
		return u != 0;
	if (!size || size >= 8)
		return u;
	unsigned drop = 64 - (unsigned)size * 8;
	return type_is_signed(plain) ? (uint64_t)((int64_t)(u << drop) >> drop) : u << drop >> drop;
}

struct err *number_of(const struct expr_env *env, const char *type, uint64_t u,
		      struct expr_value *ret)
{
	*ret = (struct expr_value){.kind = EXPR_NUMBER};
	TRY(base_type(env, type, &ret->type));
	ret->u = fit(ret->type, u);
	return NULL;
}

static struct err *no_value(const struct type *t)
{
	AUTO_BUF struct buf name = {0};

	if (is_kind(t, TYPE_VOID))
		return err_new(ERR_NODEBUG, "the type of this isn't known: a cast can say it (*(int *)&x)");
	type_print_name(t, &name);
	return err_new(ERR_USAGE, "%s has no single value: name a member of it", buf_str(&name));
}

static struct err *decay(const struct evaluation *ev, const struct expr_value *v, struct expr_value *ret)
{
	const struct type *t = type_strip(v->type);
	const struct type *to = type_kind(t) == TYPE_ARRAY ? type_target(t) : v->type;

	if (v->kind != EXPR_PLACE)
		return no_value(v->type);
	*ret = (struct expr_value){.kind = EXPR_NUMBER, .type = type_pointer_to(ev->env->types, to),
				   .u = v->addr};
	return NULL;
}

struct err *load(const struct evaluation *ev, const struct expr_value *v, struct expr_value *ret)
{
	struct type_place place = {v->type, 0, v->bit_offset, v->bit_size};
	uint64_t n = v->bit_size ? ((uint64_t)v->bit_offset + v->bit_size + 7) / 8 : type_size(v->type);
	uint8_t bytes[16] = {0};
	struct scalar s;

	if (v->kind == EXPR_NUMBER) {
		*ret = *v;
		return NULL;
	}
	if (is_kind(v->type, TYPE_ARRAY) || is_kind(v->type, TYPE_FUNCTION))
		return decay(ev, v, ret);
	if (is_kind(v->type, TYPE_FLOAT))
		return err_new(ERR_UNSUPPORTED, "there is no arithmetic with floating point numbers");
	if ((!is_integer(v->type) && !is_kind(v->type, TYPE_POINTER)) || n > sizeof(bytes))
		return no_value(v->type);
	if (!ev->types_only && v->kind == EXPR_BYTES && v->size < n)
		return err_new(ERR_UNSUPPORTED, "this part of a struct in registers isn't known");
	if (!ev->types_only && v->kind == EXPR_BYTES)
		memcpy(bytes, v->bytes, (size_t)n);
	else if (!ev->types_only)
		TRY(mem_read(ev->env->mem, v->space, v->addr, bytes, (size_t)n));
	TRY(scalar_decode(&place, bytes, (size_t)n, &s));
	*ret = (struct expr_value){.kind = EXPR_NUMBER, .type = v->type, .u = s.u, .bit_size = v->bit_size};
	return NULL;
}

/* How C promotes an integer of this many bits. */
static const char *promoted(uint64_t bits, bool is_signed)
{
	if (bits < 32 || (bits == 32 && is_signed))
		return "int";
	if (bits == 32)
		return "unsigned int";
	return is_signed ? "long" : "unsigned long";
}

struct err *promote(const struct evaluation *ev, const struct expr_value *v, struct expr_value *ret)
{
	TRY(load(ev, v, ret));
	if (is_kind(ret->type, TYPE_POINTER))
		return NULL;
	uint64_t bits = ret->bit_size ? ret->bit_size : type_size(ret->type) * 8;
	bool wide = bits > 32 && !ret->bit_size && is_kind(ret->type, TYPE_INT); /* keeps its name */

	ret->bit_size = 0;
	if (wide)
		return NULL;
	TRY(base_type(ev->env, promoted(bits, type_is_signed(type_strip(ret->type))), &ret->type));
	ret->u = fit(ret->type, ret->u);
	return NULL;
}

struct err *common_type(struct expr_value *a, struct expr_value *b)
{
	const struct type *ta = type_strip(a->type), *tb = type_strip(b->type);
	uint64_t sa = type_size(ta), sb = type_size(tb);
	const struct type *t;

	if (sa != sb)
		t = sa > sb ? a->type : b->type;
	else
		t = type_is_signed(ta) ? b->type : a->type;
	if (type_size(t) > 8)
		return err_new(ERR_UNSUPPORTED, "there is no arithmetic with more than 64 bits");
	a->type = b->type = t;
	a->u = fit(t, a->u);
	b->u = fit(t, b->u);
	return NULL;
}

struct err *convert(const struct evaluation *ev, const struct expr_value *v, const struct type *to,
		    struct expr_value *ret)
{
	AUTO_BUF struct buf name = {0};

	if (!is_integer(to) && !is_kind(to, TYPE_POINTER)) {
		type_print_name(to, &name);
		return err_new(ERR_USAGE, "nothing can be cast to %s (to a pointer to it: *(%s *)&x)",
			       buf_str(&name), buf_str(&name));
	}
	if (type_size(to) > 8)
		return err_new(ERR_UNSUPPORTED, "there is no arithmetic with more than 64 bits");
	TRY(load(ev, v, ret));
	ret->type = to;
	ret->bit_size = 0;
	ret->u = fit(to, ret->u);
	return NULL;
}

struct err *expr_load(const struct expr_env *env, const struct expr_value *v, struct expr_value *ret)
{
	return load(&(struct evaluation){.env = env}, v, ret);
}

struct err *expr_address(const struct expr_env *env, const struct expr_value *v, uint64_t *ret)
{
	struct expr_value n;
	enum type_kind k = type_kind(type_strip(v->type));

	if (v->kind == EXPR_PLACE && (k == TYPE_STRUCT || k == TYPE_UNION || k == TYPE_VOID)) {
		*ret = v->addr;
		return NULL;
	}
	TRY(expr_load(env, v, &n));
	*ret = n.u;
	return NULL;
}

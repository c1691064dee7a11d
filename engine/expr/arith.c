/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operators on two values. Signed arithmetic wraps, as the kernel is compiled to have it
 * (-fno-strict-overflow); what C leaves undefined beyond that is told, not made up.
 */
#include "engine/expr/impl.h"

static uint64_t element_size(const struct type *pointer)
{
	const struct type *to = type_strip(type_target(type_strip(pointer)));

	/* of void and functions: as GNU C has it */
	return type_kind(to) == TYPE_VOID || type_kind(to) == TYPE_FUNCTION ? 1 : type_size(to);
}

static bool is_pointer(const struct expr_value *v)
{
	return is_kind(v->type, TYPE_POINTER);
}

struct err *pointer_add(const struct expr_value *p, uint64_t n, bool minus,
			struct expr_value *ret)
{
	uint64_t size = element_size(p->type);

	if (!size)
		return err_new(ERR_USAGE, "the size of what this points to isn't known");
	*ret = *p;
	ret->u = minus ? p->u - n * size : p->u + n * size;
	return NULL;
}

static struct err *pointer_difference(const struct evaluation *ev, const struct expr_value *a,
				      const struct expr_value *b, struct expr_value *ret)
{
	uint64_t size = element_size(a->type);

	if (!size || size > INT64_MAX || size != element_size(b->type))
		return err_new(ERR_USAGE, "pointers to things of different or unknown size can't be subtracted");
	return number_of(ev->env, "long", (uint64_t)((int64_t)(a->u - b->u) / (int64_t)size), ret);
}

static bool is_comparison(enum op op)
{
	return op == OP_LT || op == OP_GT || op == OP_LE || op == OP_GE || op == OP_EQ || op == OP_NE;
}

static bool compare(enum op op, uint64_t a, uint64_t b, bool is_signed)
{
	bool less = is_signed ? (int64_t)a < (int64_t)b : a < b;

	switch (op) {
	case OP_LT: return less;
	case OP_GE: return !less;
	case OP_LE: return less || a == b;
	case OP_GT: return !less && a != b;
	case OP_EQ: return a == b;
	default: return a != b;
	}
}

static struct err *with_pointer(const struct evaluation *ev, enum op op, const struct expr_value *a,
				const struct expr_value *b, struct expr_value *ret)
{
	if (is_comparison(op))
		return number_of(ev->env, "int", compare(op, a->u, b->u, false), ret);
	if (op == OP_PLUS && is_pointer(a) && !is_pointer(b))
		return pointer_add(a, b->u, false, ret);
	if (op == OP_PLUS && !is_pointer(a))
		return pointer_add(b, a->u, false, ret);
	if (op == OP_MINUS && is_pointer(a) && is_pointer(b))
		return pointer_difference(ev, a, b, ret);
	if (op == OP_MINUS && is_pointer(a))
		return pointer_add(a, b->u, true, ret);
	return err_new(ERR_USAGE, "pointers can only be moved, subtracted and compared: "
				  "cast it to (unsigned long) first");
}

static struct err *divide(enum op op, bool is_signed, uint64_t a, uint64_t b, uint64_t *ret)
{
	if (!b)
		return err_new(ERR_USAGE, "division by zero");
	if (!is_signed)
		*ret = op == OP_SLASH ? a / b : a % b;
	else if (b == UINT64_MAX) /* INT64_MIN / -1 would trap */
		*ret = op == OP_SLASH ? 0 - a : 0;
	else
		*ret = (uint64_t)(op == OP_SLASH ? (int64_t)a / (int64_t)b : (int64_t)a % (int64_t)b);
	return NULL;
}

/* The result has the left side's type; n is a number of bits. */
static struct err *shift(const struct node *n, const struct expr_value *a, const struct expr_value *b,
			 struct expr_value *ret)
{
	const struct type *t = type_strip(a->type);
	uint64_t bits = type_size(t) * 8;

	if (b->u >= bits)
		return err_new(ERR_USAGE, "a shift by %lld of %llu bits (1ul << n shifts 64)", (long long)b->u,
			       (unsigned long long)bits);
	*ret = *a;
	if (n->op == OP_SHL)
		ret->u = fit(a->type, a->u << b->u);
	else
		ret->u = type_is_signed(t) ? (uint64_t)((int64_t)a->u >> b->u) : a->u >> b->u;
	return NULL;
}

static struct err *integers(const struct evaluation *ev, const struct node *n, struct expr_value a,
			    struct expr_value b, struct expr_value *ret)
{
	if (n->op == OP_SHL || n->op == OP_SHR)
		return shift(n, &a, &b, ret);
	TRY(common_type(&a, &b));
	bool is_signed = type_is_signed(type_strip(a.type));

	*ret = a;
	switch (n->op) {
	case OP_PLUS: ret->u = a.u + b.u; break;
	case OP_MINUS: ret->u = a.u - b.u; break;
	case OP_STAR: ret->u = a.u * b.u; break;
	case OP_AND: ret->u = a.u & b.u; break;
	case OP_OR: ret->u = a.u | b.u; break;
	case OP_XOR: ret->u = a.u ^ b.u; break;
	case OP_SLASH:
	case OP_PERCENT: TRY(divide(n->op, is_signed, a.u, b.u, &ret->u)); break;
	default: return number_of(ev->env, "int", compare(n->op, a.u, b.u, is_signed), ret);
	}
	ret->u = fit(ret->type, ret->u);
	return NULL;
}

struct err *arith(const struct evaluation *ev, const struct node *n, const struct expr_value *a,
		  const struct expr_value *b, struct expr_value *ret)
{
	struct expr_value x, y;

	TRY(promote(ev, a, &x));
	TRY(promote(ev, b, &y));
	if (is_pointer(&x) || is_pointer(&y))
		return with_pointer(ev, n->op, &x, &y, ret);
	return integers(ev, n, x, y, ret);
}

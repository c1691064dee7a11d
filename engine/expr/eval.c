/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the tree to a value. Places stay places until a value is needed, so `&init_task.comm` reads
 * nothing and a member of an unreadable struct can still be looked for in the next page. With
 * types_only memory counts as zeroes: what sizeof and completion want.
 *
 * `top` goes with crash's habits (env->address): it is set for what is the argument itself or an
 * operand of its arithmetic, where a symbol means its address.
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/expr/impl.h"

static struct err *eval(const struct evaluation *ev, const struct node *n, bool top,
			struct expr_value *ret);

/* Says where in the text it is that something is wrong. */
static struct err *at(const struct evaluation *ev, const struct node *n, struct err *e)
{
	if (!e || err_code(e) != ERR_USAGE)
		return e;
	AUTO_FREE char *text = xstrdup(err_text(e));
	err_free(e);
	return error_at(ev->e->text, n->pos, ERR_USAGE, "%s", text);
}

/* Where a symbol's variable is, per-CPU ones on their CPU. */
static struct err *symbol_address(const struct evaluation *ev, const struct node *n, uint64_t *ret)
{
	uint64_t base = 0;
	unsigned cpu = n->cpu_kind == CPU_MANY ? ev->cpu : n->cpu;

	if (n->cpu_kind != CPU_NONE && !ev->types_only)
		TRY(ev->env->percpu(ev->env->ctx, cpu, &base));
	*ret = n->sym.addr + base;
	return NULL;
}

/* "char linux_banner[]", as a header declares it: the symbol knows how long it is. */
static const struct type *completed(struct types *ts, const struct type *t, const struct sym *sym)
{
	const struct type *plain = type_strip(t);
	uint64_t count, size;

	if (type_kind(plain) != TYPE_ARRAY || type_array_count(plain, &count))
		return t;
	size = type_size(type_target(plain));
	return size && sym->size >= size ? type_array_of(ts, type_target(plain), sym->size / size) : t;
}

/* untyped: it'll do if only the address is known, as of void. */
static struct err *eval_symbol(const struct evaluation *ev, const struct node *n, bool top, bool untyped,
			       struct expr_value *ret)
{
	const struct expr_env *env = ev->env;
	const struct type *t;
	uint64_t addr;

	TRY(symbol_address(ev, n, &addr));
	if (top && env->address)
		return number_of(env, "unsigned long", addr, ret);
	struct err *e = type_of_symbol(env->types, n->sym.object, n->name, env->job, &t);
	if (e && (!untyped || err_code(e) == ERR_CANCELLED))
		return e;
	if (!err_ok(e))
		TRY(base_type(env, "void", &t));
	*ret = (struct expr_value){.kind = EXPR_PLACE, .type = completed(env->types, t, &n->sym),
				   .space = KERNEL, .addr = addr};
	return NULL;
}

static struct err *eval_register(const struct evaluation *ev, const struct node *n, struct expr_value *ret)
{
	uint64_t v = 0;

	if (!ev->env->reg)
		return error_at(ev->e->text, n->pos, ERR_USAGE, "there is no frame here to have registers");
	if (!ev->types_only)
		TRY(ev->env->reg(ev->env->ctx, n->name, &v));
	return number_of(ev->env, "unsigned long", v, ret);
}

/* What & and per_cpu() are asked of: a variable whose type nobody knows does have an address. */
static struct err *eval_place(const struct evaluation *ev, const struct node *n, struct expr_value *ret)
{
	return n->kind == N_SYMBOL ? eval_symbol(ev, n, false, true, ret) : eval(ev, n, false, ret);
}

/* What a pointer points to. */
static struct err *follow(const struct evaluation *ev, const struct expr_value *v, struct expr_value *ret)
{
	struct expr_value p;

	TRY(load(ev, v, &p));
	if (!is_kind(p.type, TYPE_POINTER)) {
		AUTO_BUF struct buf name = {0};
		type_print_name(p.type, &name);
		return err_new(ERR_USAGE, "%s is no pointer", buf_str(&name));
	}
	*ret = (struct expr_value){.kind = EXPR_PLACE, .type = type_target(type_strip(p.type)),
				   .space = v->space.kind == SPACE_USER ? v->space : KERNEL, .addr = p.u};
	return NULL;
}

/* A member of a struct that is in registers. */
static struct err *cut_bytes(const struct expr_value *of, const struct type_place *place,
			     struct expr_value *ret)
{
	*ret = (struct expr_value){.kind = EXPR_BYTES, .type = place->type, .bit_offset = place->bit_offset,
				   .bit_size = place->bit_size, .in = of->type};
	if (place->offset > of->size)
		return err_new(ERR_UNSUPPORTED, "this part of a struct in registers isn't known");
	ret->size = of->size - (size_t)place->offset;
	memcpy(ret->bytes, of->bytes + place->offset, ret->size);
	return NULL;
}

static struct err *no_member(const struct evaluation *ev, const struct node *n, const struct type *t,
			     struct err *e)
{
	AUTO_FREE char *text = xstrdup(err_text(e));
	AUTO_BUF struct buf near = {0};

	err_free(e);
	near_members(t, n->name, &near);
	return error_at(ev->e->text, n->pos, ERR_NOTFOUND, "%s%s", text, buf_str(&near));
}

static struct err *member_of(const struct evaluation *ev, const struct node *n, const struct expr_value *of,
			     struct expr_value *ret)
{
	struct expr_value object = *of;
	struct type_place place;

	if (is_kind(of->type, TYPE_VOID))
		return err_new(ERR_USAGE, "the type of this isn't known: a cast can say it");
	if (is_kind(of->type, TYPE_POINTER) || is_kind(of->type, TYPE_ARRAY))
		TRY(follow(ev, of, &object));
	struct err *e = type_member(object.type, n->name, &place);
	if (e)
		return err_code(e) == ERR_NOTFOUND ? no_member(ev, n, object.type, e) : e;
	if (object.kind == EXPR_BYTES)
		return cut_bytes(&object, &place, ret);
	*ret = (struct expr_value){.kind = EXPR_PLACE, .type = place.type, .space = object.space,
				   .addr = object.addr + place.offset, .bit_offset = place.bit_offset,
				   .bit_size = place.bit_size, .in = object.type};
	return NULL;
}

static struct err *eval_member(const struct evaluation *ev, const struct node *n, struct expr_value *ret)
{
	struct expr_value of;

	TRY(eval(ev, n->a, false, &of));
	return at(ev, n, member_of(ev, n, &of, ret));
}

static struct err *element(const struct evaluation *ev, const struct expr_value *of,
			   const struct expr_value *index, struct expr_value *ret)
{
	struct expr_value p, i, moved;

	TRY(load(ev, of, &p));
	TRY(promote(ev, index, &i));
	if (is_integer(p.type) && is_kind(i.type, TYPE_POINTER)) { /* 2[comm] is comm[2] */
		struct expr_value pointer = i;
		TRY(promote(ev, of, &i));
		p = pointer;
	}
	if (!is_kind(p.type, TYPE_POINTER))
		return err_new(ERR_USAGE, "[] is asked of something that is neither array nor pointer");
	if (!is_integer(i.type))
		return err_new(ERR_USAGE, "an index has to be an integer");
	TRY(pointer_add(&p, i.u, false, &moved));
	TRY(follow(ev, &moved, ret));
	if (of->kind == EXPR_PLACE && is_kind(of->type, TYPE_ARRAY))
		ret->space = of->space;
	return NULL;
}

static struct err *eval_index(const struct evaluation *ev, const struct node *n, struct expr_value *ret)
{
	struct expr_value of, index;

	TRY(eval(ev, n->a, false, &of));
	TRY(eval(ev, n->b, false, &index));
	return at(ev, n, element(ev, &of, &index, ret));
}

static struct err *address_of(const struct evaluation *ev, const struct expr_value *v,
			      struct expr_value *ret)
{
	if (v->kind != EXPR_PLACE)
		return err_new(ERR_USAGE, "this isn't in memory: it has no address");
	if (v->bit_size)
		return err_new(ERR_USAGE, "a bitfield has no address");
	*ret = (struct expr_value){.kind = EXPR_NUMBER, .type = type_pointer_to(ev->env->types, v->type),
				   .space = v->space, .u = v->addr};
	return NULL;
}

static struct err *unary_number(const struct evaluation *ev, enum op op, const struct expr_value *v,
				struct expr_value *ret)
{
	TRY(promote(ev, v, ret));
	if (op == OP_NOT)
		return number_of(ev->env, "int", !ret->u, ret);
	if (is_kind(ret->type, TYPE_POINTER))
		return err_new(ERR_USAGE, "pointers have no such arithmetic: cast it to (unsigned long) first");
	if (op == OP_MINUS)
		ret->u = fit(ret->type, 0 - ret->u);
	else if (op == OP_TILDE)
		ret->u = fit(ret->type, ~ret->u);
	return NULL;
}

static struct err *eval_unary(const struct evaluation *ev, const struct node *n, bool top,
			      struct expr_value *ret)
{
	struct expr_value v;
	bool numeric = n->op != OP_STAR;

	if (n->op == OP_AND) {
		TRY(eval_place(ev, n->a, &v));
		return at(ev, n, address_of(ev, &v, ret));
	}
	TRY(eval(ev, n->a, top && numeric, &v));
	if (n->op == OP_STAR)
		return at(ev, n, follow(ev, &v, ret));
	return at(ev, n, unary_number(ev, n->op, &v, ret));
}

static struct err *truth(const struct evaluation *ev, const struct node *n, bool *ret)
{
	struct expr_value v, number;

	TRY(eval(ev, n, false, &v));
	TRY(at(ev, n, load(ev, &v, &number)));
	*ret = number.u != 0;
	return NULL;
}

/* "a[2]@10": so many of them in a row, as an array. */
static struct err *repeat(const struct evaluation *ev, const struct expr_value *first,
			  const struct expr_value *count, struct expr_value *ret)
{
	struct expr_value n;

	TRY(promote(ev, count, &n));
	if (first->kind != EXPR_PLACE || first->bit_size || !type_size(first->type))
		return err_new(ERR_USAGE, "what is before '@' has to lie in memory and have a size");
	if (!is_integer(n.type) || !n.u || n.u > REPEAT_MAX)
		return err_new(ERR_USAGE, "behind '@' goes how many there are, 1 to %d", REPEAT_MAX);
	*ret = *first;
	ret->type = type_array_of(ev->env->types, first->type, n.u);
	return NULL;
}

static struct err *eval_binary(const struct evaluation *ev, const struct node *n, bool top,
			       struct expr_value *ret)
{
	struct expr_value a, b;
	bool t;

	if (n->op == OP_ANDAND || n->op == OP_OROR) {
		TRY(truth(ev, n->a, &t));
		if (t == (n->op == OP_ANDAND))
			TRY(truth(ev, n->b, &t));
		return number_of(ev->env, "int", t, ret);
	}
	TRY(eval(ev, n->a, top && n->op != OP_AT, &a));
	TRY(eval(ev, n->b, top, &b));
	return at(ev, n, n->op == OP_AT ? repeat(ev, &a, &b, ret) : arith(ev, n, &a, &b, ret));
}

/* Both sides get one type, which takes both to be evaluated as far as their types. */
static struct err *eval_condition(const struct evaluation *ev, const struct node *n, struct expr_value *ret)
{
	struct evaluation dry = *ev;
	struct expr_value v, other, number;
	bool t;

	TRY(truth(ev, n->a, &t));
	TRY(eval(ev, t ? n->b : n->c, false, &v));
	if (!is_integer(v.type)) {
		*ret = v;
		return NULL;
	}
	dry.types_only = true;
	TRY(eval(&dry, t ? n->c : n->b, false, &other));
	if (!is_integer(other.type)) {
		*ret = v;
		return NULL;
	}
	TRY(at(ev, n, promote(ev, &v, &number)));
	TRY(at(ev, n, promote(&dry, &other, &other)));
	TRY(at(ev, n, common_type(&number, &other)));
	*ret = number;
	return NULL;
}

static struct err *eval_sizeof(const struct evaluation *ev, const struct node *n, struct expr_value *ret)
{
	struct evaluation dry = *ev;
	struct expr_value v;

	dry.types_only = true;
	TRY(eval(&dry, n->a, false, &v));
	if (v.bit_size)
		return error_at(ev->e->text, n->pos, ERR_USAGE, "a bitfield has no size in bytes");
	return number_of(ev->env, "unsigned long", type_size(v.type), ret);
}

static struct err *cpu_offset(const struct evaluation *ev, const struct node *n, uint64_t *ret)
{
	struct expr_value v, cpu;

	TRY(eval(ev, n, false, &v));
	TRY(at(ev, n, promote(ev, &v, &cpu)));
	*ret = 0;
	if (ev->types_only)
		return NULL;
	if (!is_integer(cpu.type) || cpu.u >= ev->env->ncpus)
		return error_at(ev->e->text, n->pos, ERR_USAGE, "there is no CPU %" PRId64 ": this dump has %u",
				(int64_t)cpu.u, ev->env->ncpus);
	return ev->env->percpu(ev->env->ctx, (unsigned)cpu.u, ret);
}

static struct err *eval_percpu(const struct evaluation *ev, const struct node *n, struct expr_value *ret)
{
	struct expr_value v;
	uint64_t offset;

	TRY(eval_place(ev, n->a, &v));
	TRY(cpu_offset(ev, n->b, &offset));
	if (n->kind == N_PERCPU && v.kind != EXPR_PLACE)
		return error_at(ev->e->text, n->pos, ERR_USAGE, "per_cpu() wants a variable; "
								"per_cpu_ptr() takes pointers");
	if (n->kind == N_PERCPU) {
		*ret = v;
		ret->addr += offset;
		return NULL;
	}
	TRY(at(ev, n, load(ev, &v, ret)));
	ret->u += offset;
	return NULL;
}

static struct err *eval_container(const struct evaluation *ev, const struct node *n, struct expr_value *ret)
{
	struct expr_value v;

	TRY(eval(ev, n->a, false, &v));
	TRY(at(ev, n, load(ev, &v, ret)));
	ret->type = n->type;
	ret->bit_size = 0;
	ret->u -= n->offset;
	return NULL;
}

static struct err *eval_cast(const struct evaluation *ev, const struct node *n, struct expr_value *ret)
{
	struct expr_value v;

	TRY(eval(ev, n->a, false, &v));
	return at(ev, n, convert(ev, &v, n->type, ret));
}

static struct err *eval(const struct evaluation *ev, const struct node *n, bool top,
			struct expr_value *ret)
{
	switch (n->kind) {
	case N_VALUE:
		*ret = n->value;
		return NULL;
	case N_SYMBOL:
		return eval_symbol(ev, n, top, false, ret);
	case N_REG:
		return eval_register(ev, n, ret);
	case N_MEMBER:
		return eval_member(ev, n, ret);
	case N_INDEX:
		return eval_index(ev, n, ret);
	case N_UNARY:
		return eval_unary(ev, n, top, ret);
	case N_CAST:
		return eval_cast(ev, n, ret);
	case N_BINARY:
		return eval_binary(ev, n, top, ret);
	case N_COND:
		return eval_condition(ev, n, ret);
	case N_SIZEOF:
		return eval_sizeof(ev, n, ret);
	case N_PERCPU:
	case N_PERCPU_PTR:
		return eval_percpu(ev, n, ret);
	case N_CONTAINER:
		return eval_container(ev, n, ret);
	}
	return err_new(ERR_UNSUPPORTED, "an unknown part of an expression");
}

struct err *expr_eval(const struct expr *e, unsigned cpu, struct expr_value *ret)
{
	return eval(&(struct evaluation){.e = e, .env = e->env, .cpu = cpu}, e->root, true, ret);
}

struct err *expr_type(const struct expr *e, const struct type **ret)
{
	struct expr_value v;

	TRY(eval(&(struct evaluation){.e = e, .env = e->env, .types_only = true}, e->root, false, &v));
	*ret = v.type;
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types out of BTF. An id becomes a type when somebody asks for it; ids that mean no type of C
 * (variables, functions, tags) give the type that they are about. A bad id gives void, so that the
 * rest of a damaged struct stays readable.
 *
 * A module built outside the kernel's tree carries ".BTF.base", a distilled copy of the few types
 * that it took from vmlinux: those are looked up by name in the vmlinux at hand.
 */
#include "engine/type/impl.h"
#include "engine/base/alloc.h"
#include <string.h>

struct btf_provider {
	struct provider p;
	struct btf *btf;
	struct btf_provider *base;    /* owner of the ids below ours; NULL: there are none */
	struct btf_provider *actual;  /* of a distilled base: whose types its names mean */
	struct btf_provider *own_base; /* a distilled base, ours to destroy */
	pthread_mutex_t lock;	 /* of the next */
	struct smap enumerators; /* that were found: interned name -> id */
};

static const struct provider_ops btf_ops;

static const struct btf_provider *of(const struct provider *p)
{
	return (const struct btf_provider *)p;
}

/* What variables, functions and type tags are about; the id of a type of C, or 0 for void. */
static uint32_t proper_id(struct btf *b, uint32_t id, struct btf_type *ret)
{
	for (int i = 0; i < CHAIN_MAX && btf_get(b, id, ret); i++) {
		switch (ret->kind) {
		case BTF_VAR:
		case BTF_FUNC:
		case BTF_TYPE_TAG:
			id = ret->size;
			break;
		case BTF_DATASEC:
		case BTF_DECL_TAG:
		case BTF_LOC_PARAM:
		case BTF_LOC_PROTO:
		case BTF_LOCSEC:
			return 0;
		default:
			return ret->kind < BTF_KINDS ? id : 0;
		}
	}
	return 0;
}

/* Enums of pahole before 1.24 don't tell their signedness: one that has small negative values is
 * signed. */
static bool enum_is_signed(struct btf *b, const struct btf_type *bt)
{
	if (bt->kind_flag || bt->kind == BTF_ENUM64 || btf_enums_signed(b))
		return bt->kind_flag;
	for (uint32_t i = 0; i < bt->vlen; i++)
		if (load_u32(bt->extra + 8 * i + 4) >= 0xffff0000u)
			return true;
	return false;
}

static void set_int(struct type *t, const struct btf_type *bt)
{
	uint32_t encoding = load_u32(bt->extra) >> 24 & 0xf;

	t->is_signed = encoding & 1;
	t->is_bool = encoding & 4;
	t->is_char = bt->size == 1 && !t->is_bool && (encoding & 2 || strstr(t->name, "char"));
}

static void set_array(struct type *t, const struct btf_type *bt)
{
	t->count = load_u32(bt->extra + 8);
	t->has_count = t->count; /* "[0]" and "[]" look the same here */
}

static enum type_kind kind_for(const struct btf_type *bt)
{
	static const enum type_kind kinds[BTF_KINDS] = {
		[BTF_INT] = TYPE_INT,	       [BTF_FLOAT] = TYPE_FLOAT,
		[BTF_PTR] = TYPE_POINTER,      [BTF_ARRAY] = TYPE_ARRAY,
		[BTF_STRUCT] = TYPE_STRUCT,    [BTF_UNION] = TYPE_UNION,
		[BTF_ENUM] = TYPE_ENUM,	       [BTF_ENUM64] = TYPE_ENUM,
		[BTF_TYPEDEF] = TYPE_TYPEDEF,  [BTF_VOLATILE] = TYPE_QUALIFIED,
		[BTF_CONST] = TYPE_QUALIFIED,  [BTF_RESTRICT] = TYPE_QUALIFIED,
		[BTF_FUNC_PROTO] = TYPE_FUNCTION,
	};
	if (bt->kind == BTF_FWD)
		return bt->kind_flag ? TYPE_UNION : TYPE_STRUCT;
	return kinds[bt->kind];
}

static struct type *make(const struct btf_provider *bp, uint32_t id, const struct btf_type *bt)
{
	struct types *ts = bp->p.ts;
	struct type *t = type_new(ts, kind_for(bt), &bp->p, id);

	if (bt->name)
		t->name = intern_str(ts->names, btf_name(bp->btf, bt->name));
	switch (bt->kind) {
	case BTF_INT:
		set_int(t, bt);
		t->size = bt->size;
		break;
	case BTF_ENUM:
	case BTF_ENUM64:
		t->is_signed = enum_is_signed(bp->btf, bt);
		/* fall through */
	case BTF_FLOAT:
	case BTF_STRUCT:
	case BTF_UNION:
		t->size = bt->size;
		break;
	case BTF_PTR:
		t->size = 8;
		break;
	case BTF_ARRAY:
		set_array(t, bt);
		break;
	case BTF_FWD:
		t->is_declaration = true;
		break;
	case BTF_VOLATILE:
		t->qual = QUAL_VOLATILE;
		break;
	case BTF_CONST:
		t->qual = QUAL_CONST;
		break;
	case BTF_RESTRICT:
		t->qual = QUAL_RESTRICT;
		break;
	default:
		break;
	}
	return t;
}

/* What a distilled base's type is in the kernel at hand; NULL: it isn't there. */
static const struct type *relocate(const struct btf_provider *bp, const struct btf_type *bt)
{
	uint32_t kinds = BTF_BIT(bt->kind);
	const char *name = btf_name(bp->btf, bt->name);

	if (bt->kind == BTF_ENUM || bt->kind == BTF_ENUM64)
		kinds = BTF_BIT(BTF_ENUM) | BTF_BIT(BTF_ENUM64);
	uint32_t id = *name ? btf_find(bp->actual->btf, kinds, name) : 0;
	return id ? btf_provider_type(&bp->actual->p, id) : NULL;
}

const struct type *btf_provider_type(const struct provider *p, uint32_t id)
{
	const struct btf_provider *bp = of(p);
	struct btf_type bt;

	id = proper_id(bp->btf, id, &bt);
	if (!id)
		return p->ts->void_type;
	while (bp->base && id < btf_first_id(bp->btf))
		bp = bp->base;
	bool added;
	struct provider *owner = (struct provider *)&bp->p;
	uint64_t *slot = hmap_put(&owner->made, id, &added);
	if (!added)
		return (const struct type *)(uintptr_t)*slot;
	const struct type *t = bp->actual ? relocate(bp, &bt) : NULL;
	if (!t)
		t = make(bp, id, &bt);
	*slot = (uintptr_t)t;
	return t;
}

static const struct type *load_target(const struct type *t)
{
	const struct btf_provider *bp = of(t->provider);
	struct btf_type bt;

	if (t->kind == TYPE_ENUM)
		return NULL;
	if (!btf_get(bp->btf, (uint32_t)t->id, &bt))
		return t->ts->void_type;
	uint32_t id = bt.kind == BTF_ARRAY ? load_u32(bt.extra) : bt.size;
	return btf_provider_type(t->provider, id);
}

/* Without kind_flag a bitfield is a member whose integer type has fewer bits than its size. */
static void old_bitfield(struct btf *b, uint32_t id, struct member *m)
{
	struct btf_type bt;

	for (int i = 0; i < CHAIN_MAX && btf_get(b, id, &bt); i++) {
		if (bt.kind == BTF_INT) {
			uint32_t v = load_u32(bt.extra), bits = v & 0xff, offset = v >> 16 & 0xff;
			if (offset || bits != bt.size * 8) {
				m->bit_offset += offset;
				m->bit_size = bits;
			}
			return;
		}
		if (bt.kind < BTF_TYPEDEF || bt.kind > BTF_RESTRICT)
			return;
		id = bt.size;
	}
}

static void load_members(const struct btf_provider *bp, const struct btf_type *bt, struct member *m)
{
	for (uint32_t i = 0; i < bt->vlen; i++, m++) {
		const uint8_t *p = bt->extra + 12 * i;
		uint32_t id = load_u32(p + 4), offset = load_u32(p + 8);
		m->name = btf_name(bp->btf, load_u32(p));
		m->type = btf_provider_type(&bp->p, id);
		if (bt->kind_flag) {
			m->bit_offset = offset & 0xffffff;
			m->bit_size = offset >> 24;
		} else {
			m->bit_offset = offset;
			old_bitfield(bp->btf, id, m);
		}
	}
}

static void load_enumerators(const struct btf_provider *bp, const struct btf_type *bt,
			     bool is_signed, struct enumerator *e)
{
	uint32_t step = bt->kind == BTF_ENUM64 ? 12 : 8;

	for (uint32_t i = 0; i < bt->vlen; i++, e++) {
		const uint8_t *p = bt->extra + step * i;
		e->name = btf_name(bp->btf, load_u32(p));
		if (bt->kind == BTF_ENUM64)
			e->value = (int64_t)load_u64(p + 4);
		else
			e->value = is_signed ? (int64_t)(int32_t)load_u32(p + 4) : load_u32(p + 4);
	}
}

static void load_params(const struct btf_provider *bp, const struct btf_type *bt, struct body *b)
{
	for (uint32_t i = 0; i < bt->vlen; i++) {
		const uint8_t *p = bt->extra + 8 * i;
		if (i + 1 == bt->vlen && !load_u32(p) && !load_u32(p + 4)) {
			b->variadic = true;
			b->n--;
			return;
		}
		b->params[i].name = btf_name(bp->btf, load_u32(p));
		b->params[i].type = btf_provider_type(&bp->p, load_u32(p + 4));
	}
}

static const struct body *load_body(const struct type *t)
{
	const struct btf_provider *bp = of(t->provider);
	struct btf_type bt;
	struct body *b;

	if (!btf_get(bp->btf, (uint32_t)t->id, &bt))
		return body_new(t->ts, 0, 0);
	switch (bt.kind) {
	case BTF_STRUCT:
	case BTF_UNION:
		b = body_new(t->ts, bt.vlen, sizeof(*b->members));
		load_members(bp, &bt, b->members);
		return b;
	case BTF_ENUM:
	case BTF_ENUM64:
		b = body_new(t->ts, bt.vlen, sizeof(*b->enumerators));
		load_enumerators(bp, &bt, t->is_signed, b->enumerators);
		return b;
	case BTF_FUNC_PROTO:
		b = body_new(t->ts, bt.vlen, sizeof(*b->params));
		load_params(bp, &bt, b);
		return b;
	default:
		return body_new(t->ts, 0, 0);
	}
}

/* Looking through all enums takes a millisecond, and a walk of a tree asks for four enumerators. */
static uint32_t find_enumerator(struct btf_provider *bp, const char *name)
{
	const char *key = intern_str(bp->p.ts->names, name);

	pthread_mutex_lock(&bp->lock);
	uint64_t *known = smap_get(&bp->enumerators, key);
	uint32_t id = known ? (uint32_t)*known : btf_find_enumerator(bp->btf, name);
	if (id && !known)
		*smap_put(&bp->enumerators, key, NULL) = id;
	pthread_mutex_unlock(&bp->lock);
	return id;
}

static struct err *find(struct provider *p, enum find_kind kind, const char *name, struct job *job,
			const struct type **ret)
{
	static const uint32_t kinds[] = {
		[FIND_STRUCT] = BTF_BIT(BTF_STRUCT),
		[FIND_UNION] = BTF_BIT(BTF_UNION),
		[FIND_ENUM] = BTF_BIT(BTF_ENUM) | BTF_BIT(BTF_ENUM64),
		[FIND_TYPEDEF] = BTF_BIT(BTF_TYPEDEF),
		[FIND_BASE] = BTF_BIT(BTF_INT) | BTF_BIT(BTF_FLOAT),
		[FIND_VARIABLE] = BTF_BIT(BTF_VAR),
		[FIND_FUNCTION] = BTF_BIT(BTF_FUNC),
	};

	(void)job;
	uint32_t id = kind == FIND_ENUMERATOR ? find_enumerator((struct btf_provider *)p, name)
					      : btf_find(of(p)->btf, kinds[kind], name);
	pthread_mutex_lock(&p->ts->lock);
	*ret = id ? btf_provider_type(p, id) : NULL;
	pthread_mutex_unlock(&p->ts->lock);
	return NULL;
}

static void destroy(struct provider *p)
{
	struct btf_provider *bp = (struct btf_provider *)p;

	if (bp->own_base)
		destroy(&bp->own_base->p);
	btf_close(bp->btf);
	smap_free(&bp->enumerators);
	pthread_mutex_destroy(&bp->lock);
	hmap_free(&p->made);
	free(bp);
}

static const struct provider_ops btf_ops = {
	.target = load_target, .body = load_body, .find = find, .destroy = destroy};

struct btf *btf_provider_btf(const struct provider *p)
{
	return of(p)->btf;
}

static struct btf_provider *provider_new(struct types *ts, struct object *o)
{
	struct btf_provider *bp = xcalloc(1, sizeof(*bp));

	bp->p = (struct provider){.ops = &btf_ops, .ts = ts, .object = o, .is_btf = true};
	pthread_mutex_init(&bp->lock, NULL);
	return bp;
}

struct err *btf_provider_create(struct types *ts, struct object *o, struct provider *base,
				struct provider **ret)
{
	struct btf_provider *bp = provider_new(ts, o);
	struct object_coming how = {0};
	struct object_section s;
	struct err *e = NULL;

	bp->base = (struct btf_provider *)base;
	if (base && object_section(o, ".BTF.base", &s) && s.size) {
		bp->own_base = provider_new(ts, o);
		bp->own_base->actual = bp->base;
		bp->base = bp->own_base;
		e = btf_open(&s, &how, NULL, &bp->own_base->btf);
	}
	if (!object_section_coming(o, ".BTF", &s, &how))
		s = (struct object_section){0};
	if (!e)
		e = btf_open(&s, &how, bp->base ? bp->base->btf : NULL, &bp->btf);
	if (e) {
		destroy(&bp->p);
		return e;
	}
	*ret = &bp->p;
	return NULL;
}

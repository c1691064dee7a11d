/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The collection of types and what can be asked of one type. Loading on demand is the same for all
 * kinds: an acquire load answers when somebody was here before, else the provider loads under the
 * lock. Chains of typedefs, qualifiers and arrays are walked with a bound, because a damaged file
 * can close them into a ring.
 */
#include "engine/type/impl.h"
#include "engine/base/alloc.h"
#include <string.h>

static void lock(const struct types *ts)
{
	pthread_mutex_lock(&((struct types *)ts)->lock);
}

static void unlock(const struct types *ts)
{
	pthread_mutex_unlock(&((struct types *)ts)->lock);
}

struct types *types_create(struct intern *in)
{
	struct types *ts = xcalloc(1, sizeof(*ts));

	pthread_mutex_init(&ts->lock, NULL);
	ts->names = in;
	ts->use_btf = ts->use_dwarf = true;
	ts->void_type = type_new(ts, TYPE_VOID, NULL, 0);
	((struct type *)ts->void_type)->name = intern_str(in, "void");
	return ts;
}

void types_destroy(struct types *ts)
{
	if (!ts)
		return;
	struct provider *next, *p = atomic_load(&ts->providers);
	for (; p; p = next) {
		next = atomic_load(&p->next);
		p->ops->destroy(p);
	}
	smap_free(&ts->built_in);
	arena_free(&ts->arena);
	pthread_mutex_destroy(&ts->lock);
	free(ts);
}

void types_use(struct types *ts, bool btf, bool dwarf)
{
	ts->use_btf = btf;
	ts->use_dwarf = dwarf;
}

static struct provider *provider_of(const struct types *ts, const struct object *o, bool btf)
{
	for (struct provider *p = atomic_load(&ts->providers); p; p = atomic_load(&p->next))
		if (p->is_btf == btf && (!o || p->object == o))
			return p;
	return NULL;
}

static void add_provider(struct types *ts, struct provider *p)
{
	_Atomic(struct provider *) *end = &ts->providers;

	lock(ts);
	while (atomic_load(end))
		end = &atomic_load(end)->next;
	atomic_store(end, p);
	unlock(ts);
}

struct err *types_add_object(struct types *ts, struct object *o, struct dwarfindex *x)
{
	struct err *e = NULL;
	struct provider *p;
	struct object_coming how;
	struct object_section s;

	if (ts->use_btf && !provider_of(ts, o, true) && object_section_coming(o, ".BTF", &s, &how)) {
		e = btf_provider_create(ts, o, provider_of(ts, NULL, true), &p);
		if (!e)
			add_provider(ts, p);
	}
	if (ts->use_dwarf && !provider_of(ts, o, false) && object_has_dwarf(o))
		add_provider(ts, dwarf_provider_create(ts, o, x));
	if (provider_of(ts, o, true) || provider_of(ts, o, false)) {
		err_free(e);
		return NULL;
	}
	if (e)
		return err_wrap(e, "%s has no usable types", object_name(o));
	return err_new(ERR_NODEBUG, "%s has neither BTF nor DWARF: no types from it (%s)",
		       object_name(o), object_missing(o));
}

const char *types_source(const struct types *ts)
{
	bool btf = provider_of(ts, NULL, true), dwarf = provider_of(ts, NULL, false);

	return btf && dwarf ? "BTF+DWARF" : btf ? "BTF" : dwarf ? "DWARF" : "none";
}

static int rank(const struct provider *p, const struct object *o)
{
	return (p->is_btf ? 0 : 2) + (o && p->object == o ? 0 : 1);
}

struct provider *provider_after(const struct types *ts, const struct object *o,
				const struct provider *p)
{
	struct provider *next = p ? atomic_load(&p->next) : atomic_load(&ts->providers);

	for (int pass = p ? rank(p, o) : 0; pass < 4; pass++) {
		for (; next; next = atomic_load(&next->next))
			if (rank(next, o) == pass)
				return next;
		next = atomic_load(&ts->providers);
	}
	return NULL;
}

/* The object's own provider; NULL: it has none. */
static struct provider *own_provider(const struct types *ts, const struct object *o)
{
	struct provider *p = NULL;

	while ((p = provider_after(ts, o, p)) && p->object != o)
		;
	return p;
}

struct err *types_prepare(struct types *ts, struct object *o, struct job *job)
{
	struct provider *p = own_provider(ts, o);

	if (!p) {
		object_find_debug(o);
		p = own_provider(ts, o);
	}
	return p && !p->is_btf ? dwarf_provider_prepare(p, job) : NULL;
}

struct err *types_lookup(struct types *ts, const struct object *o, enum find_kind kind,
			 const char *name, struct job *job, const struct type **ret)
{
	struct provider *p = NULL;

	*ret = NULL;
	while (!*ret && (p = provider_after(ts, o, p)))
		TRY(p->ops->find(p, kind, name, job, ret));
	return NULL;
}

struct type *type_new(struct types *ts, enum type_kind kind, const struct provider *p, uint64_t id)
{
	struct type *t = arena_alloc(&ts->arena, sizeof(*t));

	t->kind = kind;
	t->ts = ts;
	t->provider = p;
	t->id = id;
	t->name = "";
	return t;
}

struct body *body_new(struct types *ts, size_t n, size_t element)
{
	struct body *b = arena_alloc(&ts->arena, sizeof(*b));

	b->n = n;
	b->members = n ? arena_alloc(&ts->arena, n * element) : NULL;
	return b;
}

const struct type *type_pointer_to(struct types *ts, const struct type *t)
{
	struct type *to = (struct type *)t;
	const struct type *p = atomic_load_explicit(&to->pointer, memory_order_acquire);

	if (p)
		return p;
	lock(ts);
	p = atomic_load_explicit(&to->pointer, memory_order_relaxed);
	if (!p) {
		struct type *made = type_new(ts, TYPE_POINTER, NULL, 0);
		made->size = 8;
		atomic_init(&made->target, t);
		atomic_store_explicit(&to->pointer, made, memory_order_release);
		p = made;
	}
	unlock(ts);
	return p;
}

static const struct type *array_of(struct types *ts, const struct type *t, bool has_count,
				   uint64_t count)
{
	struct type *of = (struct type *)t, *a;

	lock(ts);
	a = of->arrays;
	while (a && (a->count != count || a->has_count != has_count))
		a = a->next_array;
	if (!a) {
		a = type_new(ts, TYPE_ARRAY, NULL, 0);
		a->count = count;
		a->has_count = has_count;
		atomic_init(&a->target, t);
		a->next_array = of->arrays;
		of->arrays = a;
	}
	unlock(ts);
	return a;
}

const struct type *type_array_of(struct types *ts, const struct type *t, uint64_t count)
{
	return array_of(ts, t, true, count);
}

const struct type *type_array_of_unknown(struct types *ts, const struct type *t)
{
	return array_of(ts, t, false, 0);
}

enum type_kind type_kind(const struct type *t)
{
	return t->kind;
}

const char *type_name(const struct type *t)
{
	return t->name;
}

static bool has_target(const struct type *t)
{
	return t->kind == TYPE_POINTER || t->kind == TYPE_ARRAY || t->kind == TYPE_TYPEDEF ||
	       t->kind == TYPE_QUALIFIED || t->kind == TYPE_FUNCTION || t->kind == TYPE_ENUM;
}

const struct type *type_target(const struct type *t)
{
	struct type *w = (struct type *)t;

	if (!has_target(t))
		return NULL;
	const struct type *target = atomic_load_explicit(&w->target, memory_order_acquire);
	if (target || !t->provider)
		return target;
	lock(t->ts);
	target = atomic_load_explicit(&w->target, memory_order_relaxed);
	if (!target) {
		target = t->provider->ops->target(t);
		atomic_store_explicit(&w->target, target, memory_order_release);
	}
	unlock(t->ts);
	return target;
}

static bool is_transparent(const struct type *t)
{
	return t->kind == TYPE_TYPEDEF || t->kind == TYPE_QUALIFIED;
}

const struct type *type_strip(const struct type *t)
{
	for (int i = 0; i < CHAIN_MAX; i++) {
		if (!is_transparent(t))
			return t;
		t = type_target(t);
	}
	return t->ts->void_type;
}

/* The definition of a declaration, by name: the same object's first, else anybody's. */
static const struct type *find_definition(const struct type *t)
{
	static const enum find_kind as[] = {
		[TYPE_STRUCT] = FIND_STRUCT, [TYPE_UNION] = FIND_UNION, [TYPE_ENUM] = FIND_ENUM};
	const struct object *o = t->provider ? t->provider->object : NULL;
	const struct type *d;

	if (!*t->name || !err_ok(types_lookup(t->ts, o, as[t->kind], t->name, NULL, &d)))
		return NULL;
	return d && !d->is_declaration ? d : NULL;
}

const struct type *type_resolve(const struct type *t)
{
	struct type *w = (struct type *)t;

	if (!t->is_declaration)
		return t;
	const struct type *d = atomic_load_explicit(&w->definition, memory_order_acquire);
	if (!d && (d = find_definition(t)))
		atomic_store_explicit(&w->definition, d, memory_order_release);
	return d ? d : t;
}

uint64_t type_size(const struct type *t)
{
	uint64_t count = 1, size;

	for (int i = 0; i < CHAIN_MAX; i++) {
		if (t->kind == TYPE_ARRAY) {
			if (!t->has_count || !mul_u64(count, t->count, &count))
				return 0;
		} else if (!is_transparent(t)) {
			return mul_u64(count, type_resolve(t)->size, &size) ? size : 0;
		}
		t = type_target(t);
	}
	return 0;
}

bool type_array_count(const struct type *t, uint64_t *ret)
{
	*ret = t->count;
	return t->kind == TYPE_ARRAY && t->has_count;
}

bool type_is_signed(const struct type *t)
{
	return type_resolve(type_strip(t))->is_signed;
}

bool type_is_bool(const struct type *t)
{
	return type_strip(t)->is_bool;
}

bool type_is_char(const struct type *t)
{
	return type_strip(t)->is_char;
}

bool type_is_incomplete(const struct type *t)
{
	return type_resolve(t)->is_declaration;
}

static const struct body *get_body(const struct type *t)
{
	static const struct body none;
	struct type *w = (struct type *)t;
	const struct body *b = atomic_load_explicit(&w->body, memory_order_acquire);

	if (b)
		return b;
	if (!t->provider || t->is_declaration)
		return &none;
	lock(t->ts);
	b = atomic_load_explicit(&w->body, memory_order_relaxed);
	if (!b) {
		b = t->provider->ops->body(t);
		atomic_store_explicit(&w->body, b, memory_order_release);
	}
	unlock(t->ts);
	return b;
}

const struct member *type_members(const struct type *t, size_t *n)
{
	*n = 0;
	if (t->kind != TYPE_STRUCT && t->kind != TYPE_UNION)
		return NULL;
	const struct body *b = get_body(type_resolve(t));
	*n = b->n;
	return b->members;
}

const struct enumerator *type_enumerators(const struct type *t, size_t *n)
{
	*n = 0;
	if (t->kind != TYPE_ENUM)
		return NULL;
	const struct body *b = get_body(type_resolve(t));
	*n = b->n;
	return b->enumerators;
}

const struct param *type_params(const struct type *t, size_t *n, bool *variadic)
{
	*n = 0;
	*variadic = false;
	if (t->kind != TYPE_FUNCTION)
		return NULL;
	const struct body *b = get_body(t);
	*n = b->n;
	*variadic = b->variadic;
	return b->params;
}

const char *type_enum_name(const struct type *t, int64_t value)
{
	size_t n;
	const struct enumerator *e = type_enumerators(type_strip(t), &n);

	for (size_t i = 0; i < n; i++)
		if (e[i].value == value)
			return e[i].name;
	return NULL;
}

struct err *type_from_die(struct types *ts, struct object *o, uint64_t die_offset,
			  const struct type **ret)
{
	struct provider *p = provider_of(ts, o, false);

	if (!p)
		return err_new(ERR_NODEBUG, "%s has no DWARF: no type at 0x%llx", object_name(o),
			       (unsigned long long)die_offset);
	*ret = dwarf_provider_die(p, die_offset);
	return *ret ? NULL
		    : err_new(ERR_NOTFOUND, "%s has no type at DIE offset 0x%llx", object_name(o),
			      (unsigned long long)die_offset);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a name to a type, and from types to their names: symbols' types, completion, the walk over
 * all structs. A symbol's type comes from BTF, else from DWARF when that has its index, else from
 * the short list of well-known globals, else from DWARF after building the index.
 */
#include "engine/type/impl.h"
#include "engine/base/alloc.h"
#include <string.h>

/* The object's own BTF or DWARF; NULL: it has none. */
static struct provider *own(struct types *ts, const struct object *o, bool btf)
{
	struct provider *p = NULL;

	while ((p = provider_after(ts, o, p)))
		if (p->object == o && p->is_btf == btf)
			return p;
	return NULL;
}

static struct err *look_in(struct provider *p, enum find_kind kind, const char *symbol,
			   struct job *job, const struct type **ret)
{
	*ret = NULL;
	return p ? p->ops->find(p, kind, symbol, job, ret) : NULL;
}

static struct err *find_symbol(struct types *ts, struct object *o, const char *symbol,
			       struct job *job, const struct type **ret)
{
	struct provider *btf = own(ts, o, true), *dwarf = own(ts, o, false);
	const char *known = global_type_name(symbol);

	TRY(look_in(btf, FIND_VARIABLE, symbol, job, ret));
	if (!*ret && dwarf && dwarf_provider_ready(dwarf))
		TRY(look_in(dwarf, FIND_VARIABLE, symbol, job, ret));
	if (!*ret && known && !err_ok(type_find(ts, known, job, ret)))
		*ret = NULL;
	if (!*ret)
		TRY(look_in(btf, FIND_FUNCTION, symbol, job, ret));
	if (!*ret)
		TRY(look_in(dwarf, FIND_VARIABLE, symbol, job, ret));
	if (!*ret)
		TRY(look_in(dwarf, FIND_FUNCTION, symbol, job, ret));
	return NULL;
}

struct err *type_of_symbol(struct types *ts, struct object *o, const char *symbol, struct job *job,
			   const struct type **ret)
{
	object_find_debug(o); /* a module's DWARF is a provider only from then on */
	TRY(find_symbol(ts, o, symbol, job, ret));
	if (*ret)
		return NULL;
	if (!object_has_dwarf(o))
		return err_new(ERR_NODEBUG,
			       "the type of '%s' isn't known: %s has no DWARF%s, and BTF doesn't tell "
			       "those of plain variables. Say it yourself: *(TYPE *)&%s",
			       symbol, object_name(o), !strcmp(object_name(o), "vmlinux") ? "" :
			       " (--debug-dir names a folder that has its .ko or .ko.debug)", symbol);
	return err_new(ERR_NOTFOUND, "%s has no variable or function '%s' with a known type",
		       object_name(o), symbol);
}

struct err *type_find_enumerator(struct types *ts, const char *enumerator, struct job *job,
				 const struct type **ret)
{
	TRY(types_lookup(ts, NULL, FIND_ENUMERATOR, enumerator, job, ret));
	return *ret ? NULL : err_new(ERR_NOTFOUND, "no enum has '%s'", enumerator);
}

struct completion {
	const char *prefix;
	size_t len;
	uint32_t kinds;
	const char *keyword; /* what the user has typed in front */
	const char **ret;
	size_t n, max;
};

#define ENUMS (BTF_BIT(BTF_ENUM) | BTF_BIT(BTF_ENUM64))
#define TAGS (BTF_BIT(BTF_STRUCT) | BTF_BIT(BTF_UNION) | ENUMS)

/* "struct ta" asks for structs only. */
static void split_keyword(struct completion *c)
{
	static const struct { const char *word; uint32_t kinds; } words[] = {
		{"struct ", BTF_BIT(BTF_STRUCT)}, {"union ", BTF_BIT(BTF_UNION)}, {"enum ", ENUMS}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strncmp(c->prefix, words[i].word, strlen(words[i].word))) {
			c->keyword = words[i].word;
			c->kinds = words[i].kinds;
			c->prefix += strlen(words[i].word);
		}
	c->len = strlen(c->prefix);
}

/* Keeps the list sorted, without doubles, and the first max of all that were offered. */
static void offer(struct completion *c, struct types *ts, const char *name)
{
	size_t lo = 0, hi = c->n;
	char *full = xasprintf("%s%s", c->keyword, name);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (strcmp(c->ret[mid], full) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < c->max && (lo == c->n || strcmp(c->ret[lo], full))) {
		size_t keep = c->n < c->max ? c->n : c->max - 1;
		memmove(c->ret + lo + 1, c->ret + lo, (keep - lo) * sizeof(*c->ret));
		c->ret[lo] = intern_str(ts->names, full);
		c->n = keep + 1;
	}
	free(full);
}

static void complete_btf(struct completion *c, struct types *ts, const struct provider *p)
{
	struct btf *b = btf_provider_btf(p);
	struct btf_type t;

	for (uint32_t id = btf_first_id(b); id < btf_end_id(b); id++) {
		if (!btf_get(b, id, &t) || t.kind >= BTF_KINDS || !(BTF_BIT(t.kind) & c->kinds))
			continue;
		const char *name = btf_name(b, t.name);
		if (*name && !strncmp(name, c->prefix, c->len))
			offer(c, ts, name);
	}
}

size_t type_complete(struct types *ts, const char *prefix, const char **ret, size_t max)
{
	struct completion c = {.prefix = prefix, .kinds = TAGS | BTF_BIT(BTF_TYPEDEF),
			       .keyword = "", .ret = ret, .max = max};
	struct provider *p = NULL;

	split_keyword(&c);
	while ((p = provider_after(ts, NULL, p)))
		if (p->is_btf)
			complete_btf(&c, ts, p);
	return c.n;
}

/* A struct or union with a name: its own, or that of the typedef that it was defined in. */
static bool is_named_struct(struct btf *b, struct btf_type t)
{
	struct btf_type of;

	if (!*btf_name(b, t.name))
		return false;
	if (t.kind != BTF_TYPEDEF)
		return t.kind == BTF_STRUCT || t.kind == BTF_UNION;
	return btf_get(b, t.size, &of) && (of.kind == BTF_STRUCT || of.kind == BTF_UNION) &&
	       !*btf_name(b, of.name);
}

static bool next_btf_struct(struct provider *p, size_t *i, const struct type **ret)
{
	struct btf *b = btf_provider_btf(p);
	struct btf_type t;

	for (*i = *i ? *i : 1; *i < btf_end_id(b);) {
		uint32_t id = (uint32_t)(*i)++;
		if (!btf_get(b, id, &t) || !is_named_struct(b, t))
			continue;
		pthread_mutex_lock(&p->ts->lock);
		*ret = btf_provider_type(p, id);
		pthread_mutex_unlock(&p->ts->lock);
		return true;
	}
	return false;
}

bool type_next_struct(struct types *ts, size_t *i, const struct type **ret)
{
	struct provider *p = provider_after(ts, NULL, NULL);

	if (!p)
		return false;
	return p->is_btf ? next_btf_struct(p, i, ret) : dwarf_provider_next_struct(p, i, ret);
}

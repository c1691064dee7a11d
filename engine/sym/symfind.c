/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Look-ups. By name: the kernel's own table first, then a chain that has the symbols of one name in id order,
 * so "the first" is the first provider's. By address: from the nearest symbol backwards, until one covers the address: a
 * bare label ends at the next label of its kind, a sized symbol at its size.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/sym/impl.h"
#include "engine/sym/namehash.h"

/* How far back an enclosing symbol is looked for: objects with more labels inside are unknown. */
enum { LOOK_BACK = 256 };

static void lock_order(struct symtab *st)
{
	pthread_rwlock_rdlock(&st->lock);
	while (!st->order_ready) {
		pthread_rwlock_unlock(&st->lock);
		pthread_rwlock_wrlock(&st->lock);
		if (!st->order_ready)
			sym_build_order(st);
		pthread_rwlock_unlock(&st->lock);
		pthread_rwlock_rdlock(&st->lock);
	}
}

static void lock_names(struct symtab *st)
{
	pthread_rwlock_rdlock(&st->lock);
	while (!st->names_ready) {
		pthread_rwlock_unlock(&st->lock);
		pthread_rwlock_wrlock(&st->lock);
		if (!st->names_ready)
			sym_build_names(st);
		pthread_rwlock_unlock(&st->lock);
		pthread_rwlock_rdlock(&st->lock);
	}
}

static bool is_global(const struct sym *s)
{
	return s->type >= 'A' && s->type <= 'Z';
}

/* On the way through the symbols of one name. */
struct named {
	const char *name;
	size_t table; /* whose kallsyms are being asked */
	uint32_t i;   /* in them */
	uint32_t id;  /* then the chain's next */
};

static struct named named(const struct symtab *st, const char *name)
{
	return (struct named){.name = name, .id = st->heads[name_hash(name) & st->head_mask]};
}

static bool next_named(const struct symtab *st, struct named *n, struct sym *ret)
{
	for (; n->table < st->ntables; n->table++, n->i = 0) {
		const struct sym_table *t = &st->tables[n->table];
		if (!t->kallsyms || t->replaced || sym_is_label(n->name) ||
		    !kallsyms_next_named(t->kallsyms, n->name, &n->i, ret))
			continue;
		ret->object = t->object;
		return true;
	}
	while (n->id != UINT32_MAX) {
		bool same = sym_record(st, n->id, ret) && !strcmp(ret->name, n->name);
		n->id = st->next[n->id];
		if (same)
			return true;
	}
	return false;
}

/* The kernel's own table can tell of one by the name without all names having been read. */
static bool last_in_kallsyms(struct symtab *st, const struct object *o, const char *name, bool global_will_do,
			     struct sym *ret)
{
	for (size_t i = 0; i < st->ntables && !sym_is_label(name); i++) {
		const struct sym_table *t = &st->tables[i];
		if ((o && t->object != o) || !t->kallsyms || t->replaced ||
		    !kallsyms_last_named(t->kallsyms, name, global_will_do, ret))
			continue;
		ret->object = t->object;
		return true;
	}
	return false;
}

bool sym_find_raw(struct symtab *st, const char *name, struct sym *ret)
{
	struct sym s;

	lock_names(st);
	/* of a global one there is but one */
	bool found = last_in_kallsyms(st, NULL, name, true, ret) && is_global(ret), known = found;
	struct named at = named(st, name);
	while (!known && next_named(st, &at, &s)) {
		if (!found || is_global(&s))
			*ret = s;
		found = true;
		known = is_global(&s);
	}
	pthread_rwlock_unlock(&st->lock);
	return found;
}

bool sym_find(struct symtab *st, const char *name, struct sym *ret)
{
	bool found = sym_find_raw(st, name, ret);

	if (found)
		sym_tell_data(st, ret);
	return found;
}

bool sym_find_last(struct symtab *st, const struct object *o, const char *name, struct sym *ret)
{
	struct sym s;

	lock_names(st);
	bool known = last_in_kallsyms(st, o, name, false, ret), found = known;
	struct named at = named(st, name);
	while (!known && next_named(st, &at, &s)) {
		if (s.object != o || (found && s.addr < ret->addr))
			continue;
		*ret = s;
		found = true;
	}
	pthread_rwlock_unlock(&st->lock);
	if (found)
		sym_tell_data(st, ret);
	return found;
}

static int by_addr(const void *a, const void *b)
{
	const struct sym *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

bool sym_find_nth(struct symtab *st, const char *name, size_t i, struct sym *ret)
{
	struct sym *v = NULL, s;
	size_t n = 0, cap = 0;

	lock_names(st);
	struct named at = named(st, name);
	while (next_named(st, &at, &s)) {
		GROW(v, n, cap);
		v[n++] = s;
	}
	pthread_rwlock_unlock(&st->lock);
	if (n)
		qsort(v, n, sizeof(*v), by_addr);
	if (i < n) {
		*ret = v[i];
		sym_tell_data(st, ret);
	}
	free(v);
	return i < n;
}

static bool is_prefix_symbol(const char *name)
{
	return !strncmp(name, "__pfx_", 6) || !strncmp(name, "__cfi_", 6);
}

static bool better_alias(const struct sym *a, const struct sym *b)
{
	size_t la = strlen(a->name), lb = strlen(b->name);

	if (!a->size != !b->size)
		return a->size;
	if (is_global(a) != is_global(b))
		return is_global(a);
	if (is_prefix_symbol(a->name) != is_prefix_symbol(b->name))
		return is_prefix_symbol(b->name);
	return la != lb ? la < lb : strcmp(a->name, b->name) < 0;
}

/* What of the kinds seen on the way back ends a bare label's reach: a later symbol, or one with a
 * size at the label's own address (_stext is but another name of the first function there). */
struct reach {
	uint64_t addr;
	bool code_only;
	bool past_code, past_data;
};

static bool covers(const struct symtab *st, uint32_t id, const struct sym *s, const struct reach *r)
{
	uint64_t limit = sym_limit(st, id, s);

	if (r->addr >= limit) /* also a marker at its section's end, and every 0-based one */
		return false;
	if (s->size)
		return r->addr - s->addr < s->size;
	return !(sym_is_code(s) ? r->past_code : r->past_data);
}

/* The group of equal addresses that ends with index i (exclusive): its best symbol that covers. */
static bool best_of_group(const struct symtab *st, size_t *i, struct reach *r, struct sym *ret)
{
	uint64_t addr = st->addrs[*i - 1];
	struct reach after = *r;
	struct sym s, best = {0};
	uint32_t best_id = 0;

	for (; *i && st->addrs[*i - 1] == addr; --*i) {
		uint32_t id = st->ids[*i - 1];
		if (!sym_record(st, id, &s))
			continue;
		bool code = sym_is_code(&s);
		after.past_code |= code;
		after.past_data |= !code;
		if ((r->code_only && !code) || (best.name && !better_alias(&s, &best)))
			continue;
		/* a sized one that ends before addr still beats the markers of its kind */
		if (s.size && !covers(st, id, &s, r)) {
			r->past_code |= code;
			r->past_data |= !code;
			continue;
		}
		best = s;
		best_id = id;
	}
	bool found = best.name && covers(st, best_id, &best, r);
	*r = after;
	*ret = best;
	return found;
}

static bool in_some_table(const struct symtab *st, uint64_t addr)
{
	for (size_t i = 0; i < st->ntables; i++)
		if (addr >= st->tables[i].low && addr < st->tables[i].high)
			return true;
	return false;
}

/* How many symbols lie at addr or before. */
static size_t upper_bound(const struct symtab *st, uint64_t addr)
{
	size_t lo = 0, hi = st->nordered;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (st->addrs[mid] <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool find_at(struct symtab *st, struct reach r, struct sym *ret, uint64_t *offset)
{
	bool found = false;

	lock_order(st);
	if (in_some_table(st, r.addr)) {
		size_t i = upper_bound(st, r.addr);
		for (unsigned back = 0; i && back < LOOK_BACK && !found; back++)
			found = best_of_group(st, &i, &r, ret);
	}
	pthread_rwlock_unlock(&st->lock);
	if (found && offset)
		*offset = r.addr - ret->addr;
	return found;
}

bool sym_at(struct symtab *st, uint64_t addr, struct sym *ret, uint64_t *offset)
{
	bool found = find_at(st, (struct reach){.addr = addr}, ret, offset);

	if (found)
		sym_tell_data(st, ret);
	return found;
}

bool sym_percpu_at(struct symtab *st, uint64_t addr, struct sym *ret, uint64_t *offset)
{
	bool found = false;

	lock_order(st);
	for (size_t i = upper_bound(st, addr), back = 0; i && back < LOOK_BACK && !found; back++)
		found = sym_record(st, st->ids[--i], ret) && ret->percpu && ret->addr <= addr &&
			addr - ret->addr < ret->size;
	pthread_rwlock_unlock(&st->lock);
	if (found && offset)
		*offset = addr - ret->addr;
	return found;
}

bool sym_func_at(struct symtab *st, uint64_t pc, struct sym *ret, uint64_t *offset)
{
	return find_at(st, (struct reach){.addr = pc, .code_only = true}, ret, offset) && !sym_tell_data(st, ret);
}

bool sym_next(struct symtab *st, size_t *i, struct sym *ret)
{
	bool found = false;

	lock_order(st);
	while (!found && *i < st->nordered)
		found = sym_record(st, st->ids[(*i)++], ret);
	pthread_rwlock_unlock(&st->lock);
	if (found)
		sym_tell_data(st, ret);
	return found;
}

size_t symtab_count(struct symtab *st)
{
	lock_order(st);
	size_t n = st->nordered;
	pthread_rwlock_unlock(&st->lock);
	return n;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t sym_complete(struct symtab *st, const char *prefix, const char **ret, size_t max)
{
	size_t len = strlen(prefix), n = 0, cap = 0, out = 0;
	const char **v = NULL;
	struct sym s;

	pthread_rwlock_rdlock(&st->lock);
	for (uint32_t id = 0; id < st->nids; id++) {
		if (!sym_begins(st, id, prefix, len) || !sym_record(st, id, &s))
			continue;
		GROW(v, n, cap);
		v[n++] = s.name;
	}
	pthread_rwlock_unlock(&st->lock);
	if (n)
		qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 0; i < n && out < max; i++)
		if (!out || strcmp(ret[out - 1], v[i]))
			ret[out++] = v[i];
	free(v);
	return out;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols stay where they are: ELF records and strings in the mapped file, lists in an arena. A
 * symbol is known by its id, a 32-bit number; sym_record() makes the struct when somebody asks.
 *
 * An id costs 12 bytes in the address index and about 8 in the name index, both made on first use. kallsyms bring
 * their own index of names.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/sym/impl.h"

struct symtab *symtab_create(void)
{
	struct symtab *st = xcalloc(1, sizeof(*st));

	pthread_rwlock_init(&st->lock, NULL);
	return st;
}

void symtab_destroy(struct symtab *st)
{
	if (!st)
		return;
	pthread_rwlock_destroy(&st->lock);
	for (size_t i = 0; i < st->ntables; i++)
		kallsyms_close(st->tables[i].kallsyms);
	arena_free(&st->strings);
	free(st->tables);
	free(st->addrs);
	free(st->ids);
	free(st->heads);
	free(st->next);
	free(st);
}

/* A few symbols are listed under the per-CPU section but lie outside of it (__per_cpu_load,
 * __init_begin): they are ordinary addresses. */
static bool in_percpu(const struct object_shdr *sh, uint64_t value)
{
	return sh->percpu && value >= sh->addr && value - sh->addr <= sh->size;
}

static bool zero_based(const struct object_shdr *sh, uint64_t value)
{
	return in_percpu(sh, value) && !sh->addr;
}

/* nm's letter, from the section's flags. Source: gABI; nm(1). */
static char type_letter(const Elf64_Sym *s, const struct object_shdr *sh)
{
	unsigned bind = ELF64_ST_BIND(s->st_info);
	char c;

	if (bind == STB_WEAK)
		return ELF64_ST_TYPE(s->st_info) == STT_OBJECT ? 'V' : 'W';
	if (!sh)
		c = 'a';
	else if (sh->exec)
		c = 't';
	else if (sh->nobits)
		c = 'b';
	else
		c = sh->write ? 'd' : 'r';
	return bind == STB_LOCAL ? c : (char)(c - 'a' + 'A');
}

bool sym_is_label(const char *name)
{
	return name[0] == '.' && name[1] == 'L';
}

/* Labels that assemblers leave behind: ".Lfoo", and "$x" of arm64. Names are looked at last, and
 * of bare labels only: this runs for every symbol before the first screen, and strings are cache
 * misses. */
static bool is_junk(const Elf64_Sym *s, const char *name)
{
	unsigned type = ELF64_ST_TYPE(s->st_info), bind = ELF64_ST_BIND(s->st_info);

	if (type == STT_FILE || type == STT_SECTION || s->st_shndx == SHN_UNDEF || !s->st_name)
		return true;
	if (bind != STB_LOCAL)
		return false;
	if (s->st_shndx == SHN_ABS)
		return true;
	return type == STT_NOTYPE && (name[0] == '$' || sym_is_label(name));
}

/* The name of a symbol that somebody may want, and its section (NULL: none, it is absolute). */
static const char *elf_name(const struct sym_table *t, uint32_t i, const struct object_shdr **sh)
{
	const Elf64_Sym *s = &t->elf.v[i];

	*sh = NULL;
	if (s->st_name >= t->elf.strings_size)
		return NULL;
	if (s->st_shndx < t->elf.nsections)
		*sh = &t->elf.sections[s->st_shndx];
	else if (s->st_shndx != SHN_ABS)
		return NULL;
	if (*sh && !(*sh)->alloc)
		return NULL;
	const char *name = t->elf.strings + s->st_name;
	return is_junk(s, name) ? NULL : name;
}

static bool elf_record(const struct sym_table *t, uint32_t i, struct sym *ret)
{
	const Elf64_Sym *s = &t->elf.v[i];
	const struct object_shdr *sh;
	const char *name = elf_name(t, i, &sh);

	if (!name)
		return false;
	bool biased = sh && !zero_based(sh, s->st_value);
	*ret = (struct sym){
		.name = name,
		.addr = s->st_value + (biased ? t->bias : 0),
		.size = s->st_size,
		.object = t->object,
		.type = sh ? type_letter(s, sh) : 'A',
		.percpu = sh && in_percpu(sh, s->st_value),
	};
	return true;
}

static const struct sym_table *table_of(const struct symtab *st, uint32_t id)
{
	size_t lo = 0, hi = st->ntables;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		if (st->tables[mid].first <= id)
			lo = mid;
		else
			hi = mid;
	}
	return &st->tables[lo];
}

bool sym_record(const struct symtab *st, uint32_t id, struct sym *ret)
{
	const struct sym_table *t = table_of(st, id);

	if (t->replaced)
		return false;
	if (t->elf.v)
		return elf_record(t, id - t->first, ret);
	if (t->kallsyms) {
		bool known = kallsyms_get(t->kallsyms, id - t->first, ret);
		ret->object = t->object;
		return known && !sym_is_label(ret->name);
	}
	*ret = t->list[id - t->first];
	return true;
}

bool sym_place(const struct symtab *st, uint32_t id, uint64_t *addr, char *type)
{
	const struct sym_table *t = table_of(st, id);
	struct sym s;

	if (t->kallsyms && !t->replaced)
		return kallsyms_place(t->kallsyms, id - t->first, addr, type);
	bool known = sym_record(st, id, &s);
	*addr = s.addr;
	*type = s.type;
	return known;
}

const char *sym_name(const struct symtab *st, uint32_t id)
{
	const struct sym_table *t = table_of(st, id);
	const struct object_shdr *sh;
	struct sym s;

	if (t->elf.v && !t->replaced)
		return elf_name(t, id - t->first, &sh);
	return sym_record(st, id, &s) ? s.name : NULL;
}

bool sym_begins(const struct symtab *st, uint32_t id, const char *prefix, size_t n)
{
	const struct sym_table *t = table_of(st, id);

	if (t->kallsyms && !t->replaced)
		return kallsyms_begins(t->kallsyms, id - t->first, prefix, n);
	const char *name = sym_name(st, id);
	return name && !strncmp(name, prefix, n);
}

bool sym_is_code(const struct sym *s)
{
	return s->type == 't' || s->type == 'T' || s->type == 'W' || s->type == 'w';
}

uint64_t sym_limit(const struct symtab *st, uint32_t id, const struct sym *s)
{
	const struct sym_table *t = table_of(st, id);
	struct object_range r;

	if (t->elf.v) {
		const Elf64_Sym *e = &t->elf.v[id - t->first];
		if (e->st_shndx >= t->elf.nsections)
			return s->addr;
		const struct object_shdr *sh = &t->elf.sections[e->st_shndx];
		return zero_based(sh, e->st_value) ? s->addr : sh->addr + sh->size + t->bias;
	}
	for (size_t i = 0; object_range(t->object, i, &r); i++)
		if (s->addr >= r.start && s->addr < r.end)
			return r.end;
	return s->addr >= t->low ? t->high : s->addr; /* a zero-based one ends where it begins */
}

static void add_table(struct symtab *st, struct sym_table t)
{
	pthread_rwlock_wrlock(&st->lock);
	for (size_t i = 0; t.elf.v && i < st->ntables; i++)
		st->tables[i].replaced |= st->tables[i].kallsyms && st->tables[i].object == t.object;
	if (t.n < UINT32_MAX - 1 - st->nids) {
		t.first = st->nids;
		st->nids += t.n;
		GROW(st->tables, st->ntables, st->tables_cap);
		st->tables[st->ntables++] = t;
		st->order_ready = st->names_ready = false;
		atomic_fetch_add(&st->changes, 1);
	}
	pthread_rwlock_unlock(&st->lock);
}

/* Where the sections lie with the table's bias. */
static void set_bounds(struct sym_table *t)
{
	t->low = UINT64_MAX;
	t->high = 0;
	for (size_t i = 0; i < t->elf.nsections; i++) {
		const struct object_shdr *sh = &t->elf.sections[i];
		uint64_t end;
		if (!sh->alloc || zero_based(sh, sh->addr) || !sh->size ||
		    !add_u64(sh->addr, sh->size, &end))
			continue;
		t->low = sh->addr + t->bias < t->low ? sh->addr + t->bias : t->low;
		t->high = end + t->bias > t->high ? end + t->bias : t->high;
	}
}

/* The same symbols again: their object has been moved. */
static bool move_table(struct symtab *st, const struct sym_table *as)
{
	bool known = false;

	pthread_rwlock_wrlock(&st->lock);
	for (size_t i = 0; i < st->ntables && !known; i++) {
		struct sym_table *t = &st->tables[i];
		known = t->object == as->object && t->elf.v == as->elf.v && !t->replaced;
		if (!known)
			continue;
		t->bias = as->bias;
		set_bounds(t);
		st->order_ready = false; /* names are where they were */
		atomic_fetch_add(&st->changes, 1);
	}
	pthread_rwlock_unlock(&st->lock);
	return known;
}

void symtab_drop_object(struct symtab *st, const struct object *o)
{
	pthread_rwlock_wrlock(&st->lock);
	for (size_t i = 0; i < st->ntables; i++) {
		struct sym_table *t = &st->tables[i];
		if (t->object != o)
			continue;
		t->replaced = true;
		t->object = NULL;
		t->low = t->high = 0;
		st->order_ready = st->names_ready = false;
		atomic_fetch_add(&st->changes, 1);
	}
	pthread_rwlock_unlock(&st->lock);
}

struct err *symtab_add_object(struct symtab *st, struct object *o)
{
	struct sym_table t = {.object = o, .bias = object_bias(o)};

	if (!object_symbols(o, &t.elf))
		return err_new(ERR_NODEBUG,
			       "%s has no symbol table (it is stripped): give the file with debug "
			       "info",
			       object_path(o)[0] ? object_path(o) : object_name(o));
	if (t.elf.relocatable)
		return err_new(ERR_NODEBUG,
			       "%s is a module's file, whose addresses only the dump knows",
			       object_path(o));
	t.n = t.elf.n < UINT32_MAX ? (uint32_t)t.elf.n : UINT32_MAX - 1;
	if (move_table(st, &t))
		return NULL;
	set_bounds(&t);
	add_table(st, t);
	return NULL;
}

void symtab_add_kallsyms(struct symtab *st, struct object *o, struct kallsyms *k)
{
	struct sym_table t = {.object = o, .kallsyms = k, .n = kallsyms_count(k)};
	struct object_range r;

	kallsyms_bounds(k, &t.low, &t.high);
	t.high++;
	for (size_t i = 0; object_range(o, i, &r); i++)
		t.high = r.end > t.high ? r.end : t.high;
	add_table(st, t);
}

void symtab_add_list(struct symtab *st, struct object *o, const struct sym *v, size_t n)
{
	struct sym_table t = {.object = o, .low = UINT64_MAX};
	struct object_range r;

	if (!n || n >= UINT32_MAX)
		return;
	pthread_rwlock_wrlock(&st->lock);
	t.list = arena_alloc(&st->strings, n * sizeof(*v));
	t.n = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		t.list[i] = v[i];
		t.list[i].name = arena_strdup(&st->strings, v[i].name);
		t.list[i].object = o;
		uint64_t end = v[i].addr + (v[i].size ? v[i].size : 1);
		t.low = v[i].addr < t.low ? v[i].addr : t.low;
		t.high = end > t.high ? end : t.high;
	}
	pthread_rwlock_unlock(&st->lock);
	for (size_t i = 0; o && object_range(o, i, &r); i++) {
		t.low = r.start < t.low ? r.start : t.low;
		t.high = r.end > t.high ? r.end : t.high;
	}
	add_table(st, t);
}

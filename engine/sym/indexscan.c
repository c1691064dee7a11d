/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scan: every unit's top-level DIEs, by several workers with a Dwarf handle of their own
 * (libdw's handles are single-owner). A header's types are in thousands of units: a worker keeps
 * the first of what has the same name, kind, size and line, so that a million named DIEs leave a
 * few ten thousand. Functions and variables with code or a place are all kept: each is one of its
 * own.
 */
#include <dwarf.h>
#include <malloc.h>
#include <stdatomic.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/sym/indeximpl.h"
#include "engine/sym/namehash.h"

enum {
	MAX_WORKERS = 8,  /* each has its own copy of libdw's list of units */
	CHUNKS = 64,	  /* work is handed out in pieces of the file */
	MAX_VARIANTS = 16 /* types of one name that differ */
};

/* A set of 64-bit hashes; two different things that meet by chance lose one index entry in 2^40. */
struct seen {
	uint64_t *slots; /* 0: free */
	size_t n, cap;
};

/* An entry on its way: with what tells types of one name apart. */
struct found {
	struct index_entry entry;
	uint32_t what;
};

struct worker {
	struct found *v;
	size_t n, cap;
	struct seen seen;
};

struct scan {
	struct object *object;
	struct job *job;
	uint64_t *units; /* offsets of unit DIEs */
	size_t nunits, units_cap;
	atomic_size_t next; /* chunk to be taken */
	struct worker workers[MAX_WORKERS];
};

/* true: it is new. */
static bool seen_add(struct seen *s, uint64_t key)
{
	if (s->n * 2 >= s->cap) {
		struct seen old = *s;
		*s = (struct seen){.cap = old.cap ? old.cap * 2 : 1 << 14};
		s->slots = xcalloc(s->cap, sizeof(*s->slots));
		for (size_t i = 0; i < old.cap; i++)
			if (old.slots[i])
				seen_add(s, old.slots[i]);
		free(old.slots);
	}
	key += !key;
	size_t i = key & (s->cap - 1);
	while (s->slots[i] && s->slots[i] != key)
		i = (i + 1) & (s->cap - 1);
	if (s->slots[i])
		return false;
	s->slots[i] = key;
	s->n++;
	return true;
}

static bool kind_of(int tag, enum dwarf_name_kind *ret)
{
	switch (tag) {
	case DW_TAG_variable: *ret = NAME_VARIABLE; return true;
	case DW_TAG_structure_type:
	case DW_TAG_class_type: *ret = NAME_STRUCT; return true;
	case DW_TAG_union_type: *ret = NAME_UNION; return true;
	case DW_TAG_enumeration_type: *ret = NAME_ENUM; return true;
	case DW_TAG_typedef: *ret = NAME_TYPEDEF; return true;
	case DW_TAG_base_type: *ret = NAME_BASE; return true;
	case DW_TAG_subprogram: *ret = NAME_FUNCTION; return true;
	default: return false;
	}
}

static Dwarf_Word number(Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute mem;
	Dwarf_Word v;

	return dwarf_attr(die, attr, &mem) && !dwarf_formudata(&mem, &v) ? v : 0;
}

static bool is_declaration(Dwarf_Die *die, enum dwarf_name_kind kind)
{
	if (kind == NAME_VARIABLE)
		return !dwarf_hasattr(die, DW_AT_location) &&
		       !dwarf_hasattr(die, DW_AT_const_value);
	if (kind == NAME_FUNCTION)
		return !dwarf_hasattr(die, DW_AT_low_pc) && !dwarf_hasattr(die, DW_AT_ranges);
	return dwarf_hasattr(die, DW_AT_declaration);
}

static void add(struct worker *w, struct index_entry e, uint64_t offset, uint64_t what)
{
	if (offset >> 48)
		return;
	e.offset_low = (uint32_t)offset;
	e.offset_high = (uint16_t)(offset >> 32);
	GROW(w->v, w->n, w->cap);
	w->v[w->n++] = (struct found){e, (uint32_t)hash_u64(what)};
}

static uint64_t mix(uint32_t hash, unsigned kind, uint64_t what)
{
	return hash_u64(((uint64_t)hash << 8 | kind) ^ what * 0x9e3779b97f4a7c15u);
}

/* An enum's constants. One that was seen already, by its first constant's name and line, is
 * skipped. */
static void add_enumerators(struct worker *w, Dwarf_Die *parent)
{
	Dwarf_Off before = dwarf_dieoffset(parent);
	Dwarf_Die die;

	for (int more = dwarf_child(parent, &die); more == 0 && dwarf_dieoffset(&die) > before;
	     more = dwarf_siblingof(&die, &die)) {
		bool first = before == dwarf_dieoffset(parent);
		before = dwarf_dieoffset(&die);
		const char *name = dwarf_diename(&die);
		if (dwarf_tag(&die) != DW_TAG_enumerator || !name)
			continue;
		uint32_t hash = name_hash(name);
		if (first && !seen_add(&w->seen, mix(hash, NAME_KINDS,
						     number(parent, DW_AT_decl_line))))
			return;
		uint64_t value = number(&die, DW_AT_const_value);
		if (seen_add(&w->seen, mix(hash, NAME_ENUMERATOR, value)))
			add(w, (struct index_entry){.hash = hash, .kind = NAME_ENUMERATOR}, before,
			    value);
	}
}

static void add_die(struct worker *w, Dwarf_Die *die)
{
	enum dwarf_name_kind kind;

	if (!kind_of(dwarf_tag(die), &kind))
		return;
	if (kind == NAME_ENUM && dwarf_haschildren(die) > 0)
		add_enumerators(w, die);
	const char *name = dwarf_diename(die);
	if (!name || !name[0])
		return;
	uint32_t hash = name_hash(name);
	bool decl = is_declaration(die, kind);
	bool each = !decl && (kind == NAME_VARIABLE || kind == NAME_FUNCTION);
	/* a declaration counts once, whoever makes it; line and size tell types of one name
	 * apart */
	uint64_t what = decl ? UINT64_MAX : 0;
	if (!decl && !each)
		what = number(die, DW_AT_decl_line) << 32 ^ number(die, DW_AT_byte_size);
	struct index_entry e = {.hash = hash, .kind = (uint8_t)kind, .is_declaration = decl};
	if (each || seen_add(&w->seen, mix(hash, kind, what)))
		add(w, e, dwarf_dieoffset(die), what);
}

static void scan_unit(struct worker *w, Dwarf_Die *unit)
{
	Dwarf_Off before = dwarf_dieoffset(unit);
	Dwarf_Die die;

	for (int more = dwarf_child(unit, &die); more == 0 && dwarf_dieoffset(&die) > before;
	     more = dwarf_siblingof(&die, &die)) {
		before = dwarf_dieoffset(&die);
		add_die(w, &die);
	}
}

/* Units first .. end of one chunk, which is a like share of the bytes. */
static size_t chunk_start(const struct scan *s, size_t chunk)
{
	uint64_t want = s->units[s->nunits - 1] / CHUNKS * chunk;
	size_t lo = 0, hi = s->nunits;

	if (chunk >= CHUNKS)
		return s->nunits;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->units[mid] < want)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Chunks are handed out in the file's order: what a worker sees first has the lowest offset. */
static struct err *scan_chunks(struct scan *s, struct worker *w, Dwarf *dwarf)
{
	struct err *e = NULL;

	for (size_t chunk; !e && (chunk = atomic_fetch_add(&s->next, 1)) < CHUNKS;) {
		size_t end = chunk_start(s, chunk + 1);
		for (size_t u = chunk_start(s, chunk); !e && u < end; u++) {
			Dwarf_Die die;
			if (dwarf_offdie(dwarf, s->units[u], &die))
				scan_unit(w, &die);
			e = job_tick(s->job, 1);
		}
	}
	free(w->seen.slots);
	w->seen = (struct seen){0};
	return e;
}

static struct err *scan_worker(void *ctx, size_t i)
{
	struct scan *s = ctx;
	Dwarf *own = object_dwarf_private(s->object);

	if (own) {
		struct err *e = scan_chunks(s, &s->workers[i], own);
		dwarf_end(own);
		return e;
	}
	/* a module's relocated DWARF is there once: small, and the first worker does it all */
	object_lock(s->object);
	struct err *e = scan_chunks(s, &s->workers[i], object_dwarf(s->object));
	object_unlock(s->object);
	return e;
}

static struct err *list_units(struct scan *s)
{
	Dwarf_Off off = 0, next;
	size_t header;

	object_lock(s->object);
	Dwarf *dwarf = object_dwarf(s->object);
	while (dwarf && !dwarf_nextcu(dwarf, off, &next, &header, NULL, NULL, NULL)) {
		GROW(s->units, s->nunits, s->units_cap);
		s->units[s->nunits++] = off + header;
		if (next <= off)
			break;
		off = next;
	}
	object_unlock(s->object);
	if (s->nunits)
		return NULL;
	return err_new(ERR_NODEBUG, "%s: no DWARF units can be read", object_path(s->object));
}

static int by_hash(const void *va, const void *vb)
{
	const struct index_entry *a = &((const struct found *)va)->entry;
	const struct index_entry *b = &((const struct found *)vb)->entry;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->is_declaration != b->is_declaration)
		return a->is_declaration ? 1 : -1;
	uint64_t x = index_offset(a), y = index_offset(b);
	return (x > y) - (x < y);
}

/* Is there an entry like v[i] among v[from..to), which are of its name and kind? */
static bool has_like(const struct found *v, size_t from, size_t to, const struct found *of)
{
	for (size_t i = from; i < to; i++)
		if (v[i].what == of->what)
			return true;
	return false;
}

/* What several workers found alike goes, and declarations beside definitions; and of types of one
 * name only so many are kept as anybody can tell apart. */
static size_t thin_out(struct found *v, size_t n)
{
	size_t out = 0, start = 0; /* start: of the group that v[out - 1] is in */

	for (size_t i = 0; i < n; i++) {
		const struct index_entry *e = &v[i].entry, *last = out ? &v[out - 1].entry : NULL;
		bool each = (e->kind == NAME_VARIABLE || e->kind == NAME_FUNCTION) &&
			    !e->is_declaration;
		if (!last || last->hash != e->hash || last->kind != e->kind)
			start = out;
		else if (e->is_declaration)
			continue;
		if (!each && (out - start >= MAX_VARIANTS || has_like(v, start, out, &v[i])))
			continue;
		v[out++] = v[i];
	}
	return out;
}

static void merge(struct scan *s, size_t nworkers, struct index_data *ret)
{
	size_t n = 0, at = 0;

	for (size_t i = 0; i < nworkers; i++)
		n += s->workers[i].n;
	struct found *v = xcalloc(n + 1, sizeof(*v));
	for (size_t i = 0; i < nworkers; i++) {
		if (s->workers[i].n)
			memcpy(v + at, s->workers[i].v, s->workers[i].n * sizeof(*v));
		at += s->workers[i].n;
	}
	qsort(v, n, sizeof(*v), by_hash);
	n = thin_out(v, n);
	struct index_entry *out = xcalloc(n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = v[i].entry;
	free(v);
	*ret = (struct index_data){.v = out, .heap = out, .n = n};
}

struct err *index_scan(struct object *o, struct job *job, struct index_data *ret)
{
	struct scan *s = xcalloc(1, sizeof(*s));
	size_t nworkers = job_cores() < MAX_WORKERS ? job_cores() : MAX_WORKERS;

	s->object = o;
	s->job = job;
	struct err *e = list_units(s);
	job_set_phase(job, "reading DWARF names");
	job_set_total(job, s->nunits);
	if (!e)
		e = job_parallel(job, 0, nworkers, scan_worker, s);
	if (!e)
		merge(s, nworkers, ret);
	for (size_t i = 0; i < nworkers; i++)
		free(s->workers[i].v);
	free(s->units);
	free(s);
	malloc_trim(0); /* the handles' abbreviations were ten megabytes and more */
	return e;
}

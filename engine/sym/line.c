/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines and inlined calls of a pc. One walk: unit, function, and down through the inlined calls
 * and blocks that hold the pc; then names from the DIEs, the innermost position from the line
 * program, each outer one from the call site that the level inside it names.
 *
 * Two locks, always in this order: object_lock() for everything that reads DWARF, then `lock` for
 * the cache, which is never held while DWARF is read.
 */
#include <dwarf.h>
#include <pthread.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/arena.h"
#include "engine/base/hmap.h"
#include "engine/base/intern.h"
#include "engine/sym/line.h"
#include "engine/sym/linetable.h"
#include "engine/sym/lineunit.h"
#include "engine/sym/srcpath.h"

enum { MAX_SCOPES = 128 };

struct answer {
	size_t n; /* 0: there is no DWARF for this pc */
	struct line_scope scopes[];
};

/* What is known of one object. */
struct object_lines {
	struct object_lines *next;
	struct object *object;
	unsigned generation; /* that the answers are of; under the cache's lock */
	struct hmap answers; /* pc -> struct answer *; under the cache's lock */
	/* the rest under object_lock() */
	struct units units;
	struct line_sections sections;
	uint64_t unit_die; /* which unit the file names below are of */
	struct hmap files; /* its file number -> interned path */
};

struct lines {
	pthread_mutex_t lock;
	struct object_lines *objects;
	struct arena arena;
	struct intern *strings;
};

struct lines *lines_create(void)
{
	struct lines *l = xcalloc(1, sizeof(*l));

	pthread_mutex_init(&l->lock, NULL);
	l->strings = intern_create();
	return l;
}

void lines_destroy(struct lines *l)
{
	if (!l)
		return;
	for (struct object_lines *o = l->objects, *next; o; o = next) {
		next = o->next;
		units_free(&o->units);
		hmap_free(&o->answers);
		hmap_free(&o->files);
		free(o);
	}
	arena_free(&l->arena);
	intern_destroy(l->strings);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* With the cache's lock held. Old answers stay in the arena: somebody may have borrowed them. */
static struct object_lines *object_lines(struct lines *l, struct object *o)
{
	struct object_lines *ol = l->objects;

	while (ol && ol->object != o)
		ol = ol->next;
	if (!ol) {
		ol = xcalloc(1, sizeof(*ol));
		*ol = (struct object_lines){.next = l->objects, .object = o};
		l->objects = ol;
	}
	if (ol->generation != object_generation(o)) {
		hmap_free(&ol->answers);
		ol->generation = object_generation(o);
	}
	return ol;
}

static struct line_bytes debug_bytes(Elf *elf, size_t strndx, const char *name)
{
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
		GElf_Shdr sh;
		const char *s = gelf_getshdr(scn, &sh) ? elf_strptr(elf, strndx, sh.sh_name) : NULL;
		if (!s || strcmp(s, name) || sh.sh_type == SHT_NOBITS)
			continue;
		Elf_Data *d = elf_rawdata(scn, NULL); /* that is what libdwfl relocates */
		return d && d->d_buf ? (struct line_bytes){d->d_buf, d->d_size} :
				       (struct line_bytes){0};
	}
	return (struct line_bytes){0};
}

/* Starts over when the object got another DWARF handle. false: it has none. */
static bool open_units(struct object_lines *ol)
{
	Dwarf *dwarf = object_dwarf(ol->object);
	size_t strndx;

	if (dwarf == ol->units.dwarf)
		return dwarf;
	units_free(&ol->units);
	hmap_free(&ol->files);
	ol->units.dwarf = dwarf;
	ol->unit_die = 0;
	Elf *elf = dwarf_getelf(dwarf);
	if (!elf || elf_getshdrstrndx(elf, &strndx))
		return dwarf;
	ol->sections = (struct line_sections){
		.line = debug_bytes(elf, strndx, ".debug_line"),
		.line_str = debug_bytes(elf, strndx, ".debug_line_str"),
		.str = debug_bytes(elf, strndx, ".debug_str"),
	};
	return dwarf;
}

/* A walk's findings, outermost first. */
struct walk {
	struct lines *lines;
	struct object_lines *ol;
	Dwarf_Die unit;
	uint64_t pc; /* DWARF's */
	bool has_program;
	Dwarf_Word program; /* offset in .debug_line */
	Dwarf_Die dies[MAX_SCOPES];
	size_t n;
};

/* The child of parent that holds the pc and can hold calls: a block or an inlined call. */
static bool descend(struct walk *w, Dwarf_Die *parent, Dwarf_Die *ret)
{
	Dwarf_Off before = dwarf_dieoffset(parent);
	Dwarf_Die die;

	for (int more = dwarf_child(parent, &die); more == 0 && dwarf_dieoffset(&die) > before;
	     more = dwarf_siblingof(&die, &die)) {
		before = dwarf_dieoffset(&die);
		int tag = dwarf_tag(&die);
		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block)
			continue;
		if (dwarf_haspc(&die, w->pc) == 1) {
			*ret = die;
			return true;
		}
	}
	return false;
}

static void collect_scopes(struct walk *w)
{
	Dwarf_Die die;

	if (!unit_function_at(&w->ol->units, &w->unit, w->pc, &die)) {
		w->dies[w->n++] = w->unit;
		return;
	}
	w->dies[w->n++] = die;
	for (unsigned depth = 0; depth < 4 * MAX_SCOPES && descend(w, &die, &die); depth++) {
		if (dwarf_tag(&die) != DW_TAG_inlined_subroutine)
			continue;
		if (w->n == MAX_SCOPES)
			break;
		w->dies[w->n++] = die;
	}
}

static const char *die_string(Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute mem;
	const char *s = dwarf_formstring(dwarf_attr_integrate(die, attr, &mem));

	return s ? s : "";
}

static unsigned die_number(Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute mem;
	Dwarf_Word v;

	if (!dwarf_attr(die, attr, &mem) || dwarf_formudata(&mem, &v) || v > UINT32_MAX)
		return 0;
	return (unsigned)v;
}

static const char *file_name(struct walk *w, uint64_t number)
{
	struct object_lines *ol = w->ol;
	uint64_t unit = dwarf_dieoffset(&w->unit);
	AUTO_BUF struct buf raw = {0}, path = {0};
	bool added;

	if (!w->has_program)
		return "";
	if (ol->unit_die != unit) {
		hmap_free(&ol->files);
		ol->unit_die = unit;
	}
	uint64_t *slot = hmap_put(&ol->files, number, &added);
	if (added) {
		if (line_table_file(&ol->sections, w->program, number, &raw))
			source_path(buf_str(&raw), die_string(&w->unit, DW_AT_comp_dir), &path);
		*slot = (uintptr_t)intern_str(w->lines->strings, buf_str(&path));
	}
	return (const char *)(uintptr_t)*slot;
}

/* Scopes innermost first; dies[] is the other way round. */
static void fill_scopes(struct walk *w, struct answer *a)
{
	struct line_row row = {0};

	a->n = w->n;
	for (size_t i = 0; i < w->n; i++) {
		Dwarf_Die *die = &w->dies[w->n - 1 - i];
		bool is_unit = dwarf_tag(die) != DW_TAG_subprogram &&
			       dwarf_tag(die) != DW_TAG_inlined_subroutine;
		a->scopes[i] = (struct line_scope){
			.function = is_unit ? "" : intern_str(w->lines->strings,
							      die_string(die, DW_AT_name)),
			.file = "",
			.is_inline = i + 1 < w->n,
			.die = dwarf_dieoffset(die),
		};
		struct line_scope *s = &a->scopes[i];
		if (i) {
			Dwarf_Die *inner = &w->dies[w->n - i];
			s->file = file_name(w, die_number(inner, DW_AT_call_file));
			s->line = die_number(inner, DW_AT_call_line);
			s->column = die_number(inner, DW_AT_call_column);
		} else if (w->has_program &&
			   line_table_find(&w->ol->sections, w->program, w->pc, &row)) {
			s->file = file_name(w, row.file);
			s->line = row.line;
			s->column = row.column;
		}
		if (!s->line) /* code of no line (DWARF 5, 6.2.2); rustc says it of much */
			s->file = "";
	}
}

/* Under object_lock(). The answer is malloc'ed. */
static struct answer *look_up(struct lines *l, struct object_lines *ol, uint64_t pc)
{
	struct walk *w = xcalloc(1, sizeof(*w));
	Dwarf_Attribute mem;

	w->lines = l;
	w->ol = ol;
	w->pc = pc - object_bias(ol->object);
	if (open_units(ol) && unit_at(&ol->units, w->pc, &w->unit)) {
		w->has_program = dwarf_attr(&w->unit, DW_AT_stmt_list, &mem) &&
				 !dwarf_formudata(&mem, &w->program);
		collect_scopes(w);
	}
	struct answer *a = xcalloc(1, sizeof(*a) + w->n * sizeof(a->scopes[0]));
	fill_scopes(w, a);
	free(w);
	return a;
}

static const struct answer *cached(struct lines *l, struct object *o, uint64_t pc,
				   struct object_lines **ol)
{
	pthread_mutex_lock(&l->lock);
	*ol = object_lines(l, o);
	const uint64_t *v = hmap_get(&(*ol)->answers, pc);
	pthread_mutex_unlock(&l->lock);
	return v ? (const struct answer *)(uintptr_t)*v : NULL;
}

static const struct answer *keep(struct lines *l, struct object_lines *ol, uint64_t pc,
				 const struct answer *a)
{
	size_t size = sizeof(*a) + a->n * sizeof(a->scopes[0]);

	pthread_mutex_lock(&l->lock);
	struct answer *copy = arena_alloc(&l->arena, size);
	memcpy(copy, a, size);
	*hmap_put(&ol->answers, pc, NULL) = (uintptr_t)copy;
	pthread_mutex_unlock(&l->lock);
	return copy;
}

struct err *lines_at(struct lines *l, struct object *o, uint64_t pc,
		     const struct line_scope **ret, size_t *n)
{
	struct object_lines *ol;
	const struct answer *a = cached(l, o, pc, &ol);

	if (!a && object_has_dwarf(o)) {
		object_lock(o);
		a = cached(l, o, pc, &ol); /* somebody may have looked it up while we waited */
		if (!a) {
			struct answer *fresh = look_up(l, ol, pc);
			a = keep(l, ol, pc, fresh);
			free(fresh);
		}
		object_unlock(o);
	}
	if (!a || !a->n)
		return err_new(ERR_NODEBUG, "%s: no source line is known for 0x%llx",
			       object_name(o), (unsigned long long)pc);
	*ret = a->scopes;
	*n = a->n;
	return NULL;
}

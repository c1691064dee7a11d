/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-CPU memory comes in chunks. A chunk has a unit for each CPU, all of one size and at the same
 * distances from the chunk's base. The first chunk's units begin with the kernel's static variables, then
 * room for those of modules, then what is allocated. So an address is taken apart by unit first; what it is
 * within the unit is the same for all CPUs.
 *
 * A CPU's stacks: the interrupt stack by its pointer, those for exceptions by the CPU's entry area, whose
 * layout the types tell. The guards between them are holes: an address there is an overflow.
 */
#include "engine/kern/memory/percpu.h"
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"
#include "engine/kern/module/modules.h"

#define MAX_CHUNKS 65536
#define MAX_SLOTS 256
#define MAX_UNIT (UINT64_C(1) << 30)
#define MAX_SPAN (UINT64_C(1) << 46)

struct variable {
	uint64_t addr; /* as linked: an offset, or an ordinary address */
	uint64_t size;
	const char *name;
};

struct cpu {
	uint64_t offset;	     /* __per_cpu_offset */
	uint64_t unit;		     /* distance of its unit from a chunk's base */
	bool has_unit;
	uint64_t irq_start, irq_end; /* 0: not known */
	uint64_t area;		     /* struct cpu_entry_area; 0: not known */
};

struct places {
	struct session *s;
	struct cpu *cpu;
	unsigned ncpus;
	uint64_t static_start, static_end; /* of the variables, as linked */
	struct variable *v;
	size_t nv, cap;
	uint64_t unit_size, base; /* of the first chunk */
	uint64_t first_size;	  /* of its units; what they don't need was given back */
	uint64_t *chunks;
	size_t nchunks, chunks_cap;
	uint64_t span; /* of a chunk, from its base to the end of its last unit */
	struct kern_member list, chunk_base;
	const struct type *entry_area, *estacks;
	uint64_t estacks_at; /* in the area */
	struct kern_member mod_percpu, mod_percpu_size;
};

void places_destroy(struct places *x)
{
	if (!x)
		return;
	free(x->cpu);
	free(x->v);
	free(x->chunks);
	free(x);
}

/* ---- what there is ---- */

static int by_addr(const void *a, const void *b)
{
	uint64_t x = ((const struct variable *)a)->addr, y = ((const struct variable *)b)->addr;

	return x < y ? -1 : x > y;
}

static void find_variables(struct places *x)
{
	struct session *s = x->s;
	struct sym sym, start, end;

	if (!sym_find(s->symtab, "__per_cpu_start", &start) || !sym_find(s->symtab, "__per_cpu_end", &end) ||
	    start.addr >= end.addr || end.addr - start.addr > MAX_UNIT)
		return;
	x->static_start = start.addr;
	x->static_end = end.addr;
	for (size_t i = 0; sym_next(s->symtab, &i, &sym);) {
		if (sym.object != s->vmlinux || sym.addr < start.addr || sym.addr >= end.addr ||
		    !strcmp(sym.name, "__per_cpu_start"))
			continue;
		GROW(x->v, x->nv, x->cap);
		x->v[x->nv++] = (struct variable){sym.addr, sym.size, sym.name};
	}
	if (x->nv)
		qsort(x->v, x->nv, sizeof(*x->v), by_addr);
}

static bool read_symbol(struct session *s, const char *name, size_t n, uint64_t *ret)
{
	uint64_t at;

	*ret = 0;
	return err_ok(kern_symbol(s, name, &at)) && err_ok(mem_read(s->mem, KERNEL, at, ret, n));
}

static void find_units(struct places *x)
{
	struct session *s = x->s;
	uint64_t offsets, size;

	if (!read_symbol(s, "pcpu_unit_size", 4, &size) || !read_symbol(s, "pcpu_base_addr", 8, &x->base) ||
	    !read_symbol(s, "pcpu_unit_offsets", 8, &offsets) || size > MAX_UNIT)
		return;
	x->unit_size = size;
	for (unsigned i = 0; i < x->ncpus; i++) {
		struct cpu *c = &x->cpu[i];
		c->has_unit = err_ok(mem_u64(s->mem, KERNEL, offsets + i * UINT64_C(8), &c->unit));
		if (c->has_unit && c->unit < MAX_SPAN && c->unit + size > x->span)
			x->span = c->unit + size;
	}
}

static struct err *add_chunk(void *ctx, uint64_t node)
{
	struct places *x = ctx;
	uint64_t base;

	/* the first chunk's begins behind its static part; its units are known already */
	if (!err_ok(kern_read(x->s, node - x->list.place.offset, &x->chunk_base, &base)) ||
	    base - x->base < x->unit_size)
		return NULL;
	GROW(x->chunks, x->nchunks, x->chunks_cap);
	x->chunks[x->nchunks++] = base;
	return NULL;
}

static void find_first(struct places *x)
{
	struct kern_member pages = {.names = "nr_pages"};
	uint64_t first, base, n;

	x->first_size = x->static_end - x->static_start;
	if (read_symbol(x->s, "pcpu_first_chunk", 8, &first) &&
	    kern_members(x->s, "struct pcpu_chunk", &pages, 1) &&
	    err_ok(kern_read(x->s, first, &x->chunk_base, &base)) &&
	    err_ok(kern_read(x->s, first, &pages, &n)) && base >= x->base &&
	    base - x->base < x->unit_size && n <= x->unit_size / x->s->arch->page_size)
		x->first_size = base - x->base + n * x->s->arch->page_size;
}

/* Lists of chunks by how much is free; from 5.9 to 5.13 once for each type of chunk. */
static struct err *find_chunks(struct places *x, struct job *job)
{
	struct session *s = x->s;
	const struct type *t;
	uint64_t lists, slots, types = 1;
	size_t n;

	x->list.names = "list";
	x->chunk_base.names = "base_addr";
	if (kern_members(s, "struct pcpu_chunk", &x->list, 1) + kern_members(s, "struct pcpu_chunk", &x->chunk_base, 1) < 2 ||
	    (!read_symbol(s, "pcpu_chunk_lists", 8, &lists) && !read_symbol(s, "pcpu_slot", 8, &lists)) ||
	    !read_symbol(s, "pcpu_nr_slots", 4, &slots) || slots > MAX_SLOTS)
		return NULL;
	find_first(x);
	if (err_ok(type_find_enumerator(s->types, "PCPU_NR_CHUNK_TYPES", job, &t))) {
		const struct enumerator *e = type_enumerators(t, &n);
		for (size_t i = 0; i < n; i++)
			if (!strcmp(e[i].name, "PCPU_NR_CHUNK_TYPES") && e[i].value > 0 && e[i].value < 8)
				types = (uint64_t)e[i].value;
	}
	for (uint64_t i = 0; i < slots * types; i++) {
		AUTO_FREE char *problem = NULL;
		TRY(walk_list(s, lists + i * 16, MAX_CHUNKS, job, add_chunk, x, &problem));
	}
	return NULL;
}

static void find_stacks(struct places *x, struct job *job)
{
	struct session *s = x->s;
	struct type_place estacks;
	const struct type *t;
	uint64_t top, irq_size = 0;

	if (err_ok(type_find(s->types, "struct irq_stack", job, &t)))
		irq_size = type_size(t);
	if (err_ok(type_find(s->types, "struct cpu_entry_area", job, &t)) &&
	    err_ok(type_member(t, "estacks", &estacks))) {
		x->entry_area = t;
		x->estacks = type_strip(estacks.type);
		x->estacks_at = estacks.offset;
	}
	for (unsigned i = 0; i < x->ncpus; i++) {
		struct cpu *c = &x->cpu[i];
		/* the pointer is to the last word */
		if (irq_size &&
		    err_ok(kern_percpu_pointer(s, "hardirq_stack_ptr", "hardirq_stack_ptr", i, &top)) &&
		    kern_pointer(s, top)) {
			c->irq_end = (top + 15) & ~UINT64_C(15);
			c->irq_start = c->irq_end - irq_size;
		}
		if (x->entry_area &&
		    err_ok(kern_percpu_pointer(s, "cea_exception_stacks", "", i, &top)) &&
		    kern_pointer(s, top))
			c->area = top - x->estacks_at;
	}
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	struct places *x = xcalloc(1, sizeof(*x));

	x->s = s;
	x->ncpus = s->ncpus;
	x->cpu = xcalloc(x->ncpus, sizeof(*x->cpu));
	for (unsigned i = 0; i < x->ncpus; i++)
		if (!err_ok(kern_percpu_offset(s, i, &x->cpu[i].offset)))
			x->cpu[i].offset = 0;
	x->mod_percpu.names = "percpu";
	x->mod_percpu_size.names = "percpu_size";
	kern_members(s, "struct module", &x->mod_percpu, 1);
	kern_members(s, "struct module", &x->mod_percpu_size, 1);
	find_variables(x);
	find_units(x);
	find_stacks(x, job);
	struct err *e = find_chunks(x, job);
	if (e) {
		places_destroy(x);
		return e;
	}
	*ret = x;
	return NULL;
}

static const struct places *places(struct session *s)
{
	void *x;

	return err_ok(loader_get(&s->priv->places, s, NULL, load, &x)) ? x : NULL;
}

/* ---- per-CPU memory ---- */

/* The last variable that begins at or before addr. Several may begin there: one with a size is told. */
static const struct variable *variable_at(const struct places *x, uint64_t addr)
{
	size_t low = 0, high = x->nv;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (x->v[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return NULL;
	const struct variable *best = &x->v[low - 1];
	for (size_t i = low - 1; i-- > 0 && x->v[i].addr == best->addr;)
		if (x->v[i].size > best->size)
			best = &x->v[i];
	return best;
}

static bool is_static(const struct places *x, uint64_t pointer, struct percpu_place *ret)
{
	if (pointer < x->static_start || pointer >= x->static_end)
		return false;
	const struct variable *v = variable_at(x, pointer);
	ret->kind = PERCPU_STATIC;
	if (v && (!v->size || pointer - v->addr < v->size)) {
		ret->name = v->name;
		ret->start -= pointer - v->addr;
		ret->size = v->size;
	}
	return true;
}

static bool is_module(const struct places *x, uint64_t pointer, struct percpu_place *ret)
{
	const struct modules *ms;
	uint64_t start, size;

	if (!x->mod_percpu.found || !err_ok(modules_load(x->s, NULL, &ms)))
		return false;
	for (size_t i = 0; i < modules_count(ms); i++) {
		const struct module *m = modules_at(ms, i);
		if (!err_ok(kern_read(x->s, m->addr, &x->mod_percpu, &start)) ||
		    !err_ok(kern_read(x->s, m->addr, &x->mod_percpu_size, &size)) || !start ||
		    pointer < start || pointer - start >= size)
			continue;
		ret->kind = PERCPU_MODULE;
		ret->name = m->name;
		ret->start -= pointer - start;
		ret->size = size;
		return true;
	}
	return false;
}

/* Is va in a unit of the chunk at base? */
static bool in_unit(const struct places *x, const struct cpu *c, uint64_t base, uint64_t va)
{
	return c->has_unit && va >= base + c->unit && va - (base + c->unit) < x->unit_size;
}

/* The chunk that va lies among the units of; false: none. */
static bool chunk_at(const struct places *x, uint64_t va, uint64_t *base)
{
	for (size_t i = 0; i < x->nchunks; i++) {
		*base = x->chunks[i];
		if (va >= *base && va - *base < x->span)
			return true;
	}
	return false;
}

bool percpu_at(struct session *s, uint64_t va, struct percpu_place *ret)
{
	const struct places *x = places(s);
	uint64_t base = 0;
	bool among = x && chunk_at(x, va, &base);

	for (unsigned i = 0; x && i < x->ncpus; i++) {
		const struct cpu *c = &x->cpu[i];
		bool first = in_unit(x, c, x->base, va) && va - (x->base + c->unit) < x->first_size;
		uint64_t pointer = va - c->offset;
		if (!c->offset) /* one CPU: its variables are ordinary symbols */
			continue;
		*ret = (struct percpu_place){.cpu = i, .pointer = pointer, .start = va,
					     .kind = PERCPU_DYNAMIC};
		if (is_static(x, pointer, ret))
			return true;
		if (first || (among && in_unit(x, c, base, va))) {
			is_module(x, pointer, ret);
			return true;
		}
	}
	return false;
}

/* ---- stacks of CPUs ---- */

static const struct member *member_at(const struct type *t, uint64_t offset)
{
	size_t n;
	const struct member *m = type_members(t, &n);

	for (size_t i = 0; i < n; i++)
		if (offset >= m[i].bit_offset / 8 && offset - m[i].bit_offset / 8 < type_size(m[i].type))
			return &m[i];
	return NULL;
}

/* "NMI_stack_guard" -> "NMI" and a guard. */
static void name_stack(struct cpu_stack_place *p, const char *member)
{
	const char *cut = strstr(member, "_stack");

	p->guard = strstr(member, "guard") != NULL;
	snprintf(p->name, sizeof(p->name), "%.*s", cut ? (int)(cut - member) : (int)strlen(member), member);
}

static bool in_area(const struct places *x, unsigned cpu, uint64_t va, struct cpu_stack_place *p)
{
	const struct cpu *c = &x->cpu[cpu];
	uint64_t offset = va - c->area;

	if (!c->area || va < c->area || offset >= type_size(x->entry_area))
		return false;
	const struct member *m = member_at(x->entry_area, offset);
	if (!m)
		return false;
	uint64_t start = c->area + m->bit_offset / 8;
	if (!strcmp(m->name, "estacks") && (m = member_at(x->estacks, va - start)) != NULL)
		start += m->bit_offset / 8;
	if (!m)
		return false;
	*p = (struct cpu_stack_place){.cpu = cpu, .start = start, .end = start + type_size(m->type)};
	p->area = !strstr(m->name, "stack") && !strstr(m->name, "guard");
	name_stack(p, m->name);
	return true;
}

bool cpu_stack_at(struct session *s, uint64_t va, struct cpu_stack_place *ret)
{
	const struct places *x = places(s);

	for (unsigned i = 0; x && i < x->ncpus; i++) {
		const struct cpu *c = &x->cpu[i];
		if (c->irq_end && va >= c->irq_start && va < c->irq_end) {
			*ret = (struct cpu_stack_place){.cpu = i, .name = "IRQ", .start = c->irq_start,
							.end = c->irq_end};
			return true;
		}
		if (in_area(x, i, va, ret))
			return true;
	}
	return false;
}

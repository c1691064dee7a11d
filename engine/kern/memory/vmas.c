/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The areas come from the maple tree where the mm has one. Before 6.1 they are a list, with a tree
 * beside it; whatever a damaged list hides is taken from the tree.
 */
#include "engine/kern/memory/vmas.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/kern/fs/path.h"
#include "engine/kern/impl.h"

#define MAX_AREAS (1u << 20) /* of an old list, until one is found */

enum { MM_TREE, MM_LIST, MM_RB, MM_PGD, MM_TOTAL, MM_COUNT, MM_STARTBRK, MM_BRK, MM_STACK, MM_VDSO, MM_MEMBERS };
static const char *const mm_names[MM_MEMBERS] = {
	[MM_TREE] = "mm_mt",	   [MM_LIST] = "mmap",		[MM_RB] = "mm_rb",
	[MM_PGD] = "pgd",	   [MM_TOTAL] = "total_vm",	[MM_COUNT] = "map_count",
	[MM_STARTBRK] = "start_brk", [MM_BRK] = "brk",		[MM_STACK] = "start_stack",
	[MM_VDSO] = "context.vdso",
};

enum { VMA_START, VMA_END, VMA_FLAGS, VMA_PGOFF, VMA_FILE, VMA_NEXT, VMA_RB, VMA_OPS, VMA_PRIVATE, VMA_ANON, VMA_MEMBERS };
static const char *const vma_names[VMA_MEMBERS] = {
	[VMA_START] = "vm_start", [VMA_END] = "vm_end",	  [VMA_FLAGS] = "vm_flags",
	[VMA_PGOFF] = "vm_pgoff", [VMA_FILE] = "vm_file", [VMA_NEXT] = "vm_next",
	[VMA_RB] = "vm_rb",	  [VMA_OPS] = "vm_ops",	  [VMA_PRIVATE] = "vm_private_data",
	[VMA_ANON] = "anon_name",
};

struct reader {
	struct session *s;
	struct job *job;
	uint64_t mm;
	struct kern_member m[MM_MEMBERS], v[VMA_MEMBERS], anon_text, special_text;
	struct path_reader paths;
	uint64_t special; /* special_mapping_vmops; 0: not known */
	struct err *(*fn)(void *ctx, const struct element *e, const struct vma *v);
	void *ctx;
	struct hmap given; /* of the old list */
	bool remember;
};

static struct err *resolve(struct reader *r)
{
	for (size_t i = 0; i < MM_MEMBERS; i++)
		r->m[i].names = mm_names[i];
	for (size_t i = 0; i < VMA_MEMBERS; i++)
		r->v[i].names = vma_names[i];
	r->anon_text.names = r->special_text.names = "name";
	if (!kern_members(r->s, "struct mm_struct", r->m, MM_MEMBERS) ||
	    !kern_members(r->s, "struct vm_area_struct", r->v, VMA_MEMBERS) || !r->v[VMA_START].found)
		return err_new(ERR_NODEBUG, "a process' memory can't be shown without struct mm_struct and "
			       "struct vm_area_struct: %s", kern_why_no_types(r->s));
	path_reader_init(&r->paths, r->s);
	kern_members(r->s, "struct anon_vma_name", &r->anon_text, 1);
	kern_members(r->s, "struct vm_special_mapping", &r->special_text, 1);
	if (!err_ok(kern_symbol(r->s, "special_mapping_vmops", &r->special)))
		r->special = 0;
	return NULL;
}

/* ---- one area ---- */

static uint64_t value(struct reader *r, uint64_t obj, const struct kern_member *m, uint64_t otherwise)
{
	uint64_t v;

	return m->found && err_ok(kern_read(r->s, obj, m, &v)) ? v : otherwise;
}

static char *file_name(struct reader *r, uint64_t file)
{
	char *path = path_of_file(&r->paths, file);

	return path ? path : xstrdup("...");
}

/* vm_special_mapping.name: "[vdso]". */
static char *special_name(struct reader *r, uint64_t vma)
{
	uint64_t at = value(r, vma, &r->v[VMA_PRIVATE], 0);
	char text[64];

	if (!r->special || value(r, vma, &r->v[VMA_OPS], 0) != r->special || !at ||
	    !r->special_text.found || !err_ok(kern_read(r->s, at, &r->special_text, &at)) || !at ||
	    !err_ok(mem_str(r->s->mem, KERNEL, at, text, sizeof(text))))
		return NULL;
	return xstrdup(text);
}

static char *area_name(struct reader *r, const struct vma *v)
{
	uint64_t brk = value(r, r->mm, &r->m[MM_BRK], 0), stack = value(r, r->mm, &r->m[MM_STACK], 0);
	uint64_t anon = value(r, v->addr, &r->v[VMA_ANON], 0);
	char text[80];
	char *name;

	if (v->file)
		return file_name(r, v->file);
	name = special_name(r, v->addr);
	if (name)
		return name;
	if (brk && v->start <= brk && v->end >= value(r, r->mm, &r->m[MM_STARTBRK], UINT64_MAX))
		return xstrdup("[heap]");
	if (stack && v->start <= stack && v->end >= stack)
		return xstrdup("[stack]");
	if (v->start && v->start == value(r, r->mm, &r->m[MM_VDSO], 0))
		return xstrdup("[vdso]");
	/* only where the mm isn't the kernel's own: below, anon_name may be another pointer of a union */
	if (anon && r->anon_text.found && kern_pointer(r->s, anon) &&
	    err_ok(mem_str(r->s->mem, KERNEL, anon + r->anon_text.place.offset, text, sizeof(text))))
		return xasprintf("[anon:%s]", text);
	return xstrdup("");
}

/* All but the name. */
static struct vma read_area(struct reader *r, uint64_t addr)
{
	struct vma v = {.addr = addr};

	v.start = value(r, addr, &r->v[VMA_START], UINT64_MAX);
	v.end = value(r, addr, &r->v[VMA_END], UINT64_MAX);
	v.fault = v.start == UINT64_MAX || v.end == UINT64_MAX;
	v.flags = value(r, addr, &r->v[VMA_FLAGS], 0);
	v.file = value(r, addr, &r->v[VMA_FILE], 0);
	v.offset = v.file ? value(r, addr, &r->v[VMA_PGOFF], 0) * r->s->arch->page_size : 0;
	return v;
}

static struct err *give_number(struct reader *r, const struct element *e)
{
	char text[96];
	struct element damage = *e;

	snprintf(text, sizeof(text), "the tree has the number 0x%" PRIx64 " where an area belongs", e->addr);
	damage.kind = ELEMENT_DAMAGE;
	damage.why = WHY_CORRUPT;
	damage.damage = text;
	damage.addr = 0;
	return r->fn(r->ctx, &damage, NULL);
}

static struct err *give(void *ctx, const struct element *e)
{
	struct reader *r = ctx;
	struct vma v;
	bool added = true;

	if (e->kind == ELEMENT_DAMAGE)
		return r->fn(r->ctx, e, NULL);
	if (e->kind == ELEMENT_VALUE)
		return give_number(r, e);
	if (e->kind != ELEMENT)
		return NULL;
	if (r->remember)
		hmap_put(&r->given, e->addr, &added);
	if (!added)
		return NULL;
	v = read_area(r, e->addr);
	v.name = area_name(r, &v);
	struct err *err = r->fn(r->ctx, e, &v);
	free(v.name);
	return err;
}

/* ---- all of them ---- */

static struct err *walk_old(struct reader *r, struct container_end *end)
{
	struct container list = {.kind = CONTAINER_CHAIN, .link = r->v[VMA_NEXT].place.offset};
	struct container tree = {.kind = CONTAINER_RBTREE, .link = r->v[VMA_RB].place.offset, .sorted = true,
				 .root = kern_at(r->mm, &r->m[MM_RB])};
	struct container_end rest;

	if (!r->m[MM_LIST].found || !r->v[VMA_NEXT].found)
		return err_new(ERR_UNSUPPORTED, "this kernel keeps a process' areas in a way that is not known: "
			       "mm_struct has neither 'mm_mt' nor 'mmap'");
	TRY(kern_read(r->s, r->mm, &r->m[MM_LIST], &list.root));
	r->remember = true;
	if (list.root)
		TRY(container_walk(r->s, &list, r->job, give, r, end));
	if (!end->damages || !r->m[MM_RB].found || !r->v[VMA_RB].found)
		return NULL;
	TRY(container_walk(r->s, &tree, r->job, give, r, &rest));
	end->elements = r->given.n;
	end->damages += rest.damages;
	return NULL;
}

struct err *vmas_each(struct session *s, uint64_t mm, struct job *job,
		      struct err *(*fn)(void *ctx, const struct element *e, const struct vma *v),
		      void *ctx, struct container_end *end)
{
	struct reader r = {.s = s, .job = job, .mm = mm, .fn = fn, .ctx = ctx};
	struct container_end ours = {0};
	struct err *e;

	TRY(resolve(&r));
	if (r.m[MM_TREE].found) {
		struct container tree = {.kind = CONTAINER_MAPLE, .root = kern_at(mm, &r.m[MM_TREE])};
		e = container_walk(s, &tree, job, give, &r, &ours);
	} else {
		e = walk_old(&r, &ours);
	}
	hmap_free(&r.given);
	if (end)
		*end = ours;
	return e;
}

/* ---- one by its address ---- */

/* The only area that can hold va; 0: there is none. */
static uint64_t candidate(struct reader *r, uint64_t va)
{
	uint64_t vma;

	if (r->m[MM_TREE].found)
		return maple_at(r->s, kern_at(r->mm, &r->m[MM_TREE]), va, &vma) ? vma : 0;
	vma = value(r, r->mm, &r->m[MM_LIST], 0);
	for (unsigned n = 0; vma && n < MAX_AREAS && value(r, vma, &r->v[VMA_END], UINT64_MAX) <= va; n++)
		vma = value(r, vma, &r->v[VMA_NEXT], 0);
	return vma;
}

bool vma_at(struct session *s, uint64_t mm, uint64_t va, struct vma *ret)
{
	struct reader r = {.s = s, .mm = mm};
	uint64_t vma;

	if (!err_ok(resolve(&r)) || !(vma = candidate(&r, va)))
		return false;
	*ret = read_area(&r, vma);
	if (ret->fault || va < ret->start || va >= ret->end)
		return false;
	ret->name = area_name(&r, ret);
	return true;
}

/* ---- the mm ---- */

/* Up to 6.1 plain counters, then per-CPU ones. */
static uint64_t read_rss(struct session *s, uint64_t mm)
{
	static const struct {
		const char *plain, *percpu;
	} counters[] = { /* MM_FILEPAGES, MM_ANONPAGES, MM_SHMEMPAGES; MM_SWAPENTS, 2, aren't in memory */
		{"rss_stat.count[0].counter|rss_stat[0].count", "rss_stat[0].counters"},
		{"rss_stat.count[1].counter|rss_stat[1].count", "rss_stat[1].counters"},
		{"rss_stat.count[3].counter|rss_stat[3].count", "rss_stat[3].counters"},
	};
	uint64_t sum = 0, v, base;

	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		struct kern_member m[2] = {{.names = counters[i].plain}, {.names = counters[i].percpu}};
		kern_members(s, "struct mm_struct", m, 2);
		if (!m[0].found || !err_ok(kern_read(s, mm, &m[0], &v)))
			return UINT64_MAX;
		sum += v;
		if (!m[1].found || !err_ok(kern_read(s, mm, &m[1], &base)) || !base)
			continue;
		for (unsigned cpu = 0; cpu < s->ncpus; cpu++) {
			uint64_t offset;
			uint32_t part;
			if (err_ok(kern_percpu_offset(s, cpu, &offset)) &&
			    err_ok(mem_u32(s->mem, KERNEL, base + offset, &part)))
				sum += (uint64_t)(int64_t)(int32_t)part;
		}
	}
	return (int64_t)sum < 0 ? 0 : sum;
}

void mm_read(struct session *s, uint64_t mm, struct mm_info *ret)
{
	struct reader r = {.s = s, .mm = mm};
	struct arch_xlat x;

	*ret = (struct mm_info){.mm = mm, .pgd = UINT64_MAX, .pages = UINT64_MAX, .rss = UINT64_MAX,
				.areas = UINT64_MAX, .space = KERNEL};
	if (!err_ok(resolve(&r)))
		return;
	ret->pgd = value(&r, mm, &r.m[MM_PGD], UINT64_MAX);
	ret->pages = value(&r, mm, &r.m[MM_TOTAL], UINT64_MAX);
	ret->areas = value(&r, mm, &r.m[MM_COUNT], UINT64_MAX);
	ret->rss = read_rss(s, mm);
	if (ret->pgd != UINT64_MAX && err_ok(mem_vtop(s->mem, KERNEL, ret->pgd, &x)))
		ret->space = (struct space){SPACE_USER, x.pa};
}

void vma_permissions(uint64_t flags, char out[5])
{
	/* VM_READ, VM_WRITE, VM_EXEC, VM_SHARED: include/linux/mm.h, the same since 2.6 */
	snprintf(out, 5, "%c%c%c%c", flags & 1 ? 'r' : '-', flags & 2 ? 'w' : '-', flags & 4 ? 'x' : '-',
		 flags & 8 ? 's' : 'p');
}

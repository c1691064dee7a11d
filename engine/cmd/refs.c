/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who points here: all kernel memory is searched for pointers into an object, and every place is told by what it
 * lies in. Memory that is mapped at two places (the image and vmalloc'ed pages are in the direct map, too) is
 * told once, by the mapping that has a name.
 */
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/kern/memory/identify.h"
#include "engine/kern/memory/searchscope.h"
#include "engine/kern/memory/slab.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_MAPPINGS (8u << 20) /* that are remembered: 32 GB of vmalloc'ed single pages */
#define LARGE (UINT64_C(2) << 20)

enum { ADDRESS, TO, KIND, PLACE, TYPE, MEMBER, OBJECT, STATE, PID, WHAT, COLS };
static const struct col cols[COLS] = {
	[ADDRESS] = {"address", "ADDRESS", "where the pointer is", 0, 18, 0},
	[TO] = {"to", "TO", "where in the object it points, in bytes", COL_RIGHT, 6, 1},
	[KIND] = {"kind", "", "what the place is: slab, symbol, task, stack, frame, variable, per-cpu, struct-page, vmalloc, page ...",
		  COL_DATA, 0, 0},
	[PLACE] = {"place", "IN", "the containing object's type and member, else its name", COL_SCREEN, 28, 0},
	[TYPE] = {"type", "", "type of the object that has the pointer", COL_DATA, 0, 0},
	[MEMBER] = {"member", "", "the member that is the pointer", COL_DATA, 0, 0},
	[OBJECT] = {"object", "OBJECT", "where that object begins", 0, 18, 2},
	[STATE] = {"state", "", "of a slab object: allocated, free or unknown", COL_DATA, 0, 0},
	[PID] = {"pid", "PID", "whose task_struct or stack it is", COL_RIGHT, 6, 3},
	[WHAT] = {"what", "WHAT", "the place in words", COL_GROW, 30, 4},
};
static const struct table refs_table = {.name = "refs", .cols = cols, .ncols = COLS};

struct refs {
	const struct cmd_call *c;
	uint64_t start, size; /* of what is pointed to */
	char *title;
	uint64_t left; /* rows that are still wanted */
	bool enough, mapped_known;
	struct hmap mapped; /* physical pages that other mappings than the direct map have */
	/* of the place at hand */
	struct buf what, member, name;
	const char *kind, *state, *type;
	uint64_t object;
	int64_t pid;
	struct ref ref;
	bool plain; /* nothing but its page is known */
};

/* ---- what is pointed to ---- */

static struct err *take_target(void *ctx, const struct ident *id, bool *more)
{
	struct refs *x = ctx;

	*more = false;
	if (id->kind == IDENT_REGION || id->kind == IDENT_PAGE || !id->start || !id->size)
		return NULL;
	x->start = id->start;
	x->size = id->size;
	x->title = xstrdup(id->text);
	return NULL;
}

static struct err *find_target(struct refs *x)
{
	const struct cmd_call *c = x->c;
	struct ident_ask ask = {.job = c->job};

	TRY(arg_place(c, c->args->v[0], &ask.addr));
	if (!c->session->arch->is_kernel(mem_layout(c->session->mem), ask.addr))
		return err_new(ERR_USAGE, "0x%" PRIx64 " is no kernel address: `search -u` searches a task's memory",
			       ask.addr);
	x->start = ask.addr;
	x->size = 1;
	if (c->args->has['l']) {
		TRY(arg_number(c->args->value['l'], &x->size));
		if (!x->size || x->size > INT64_MAX || x->start + (x->size - 1) < x->start)
			return usage_error(c->args->cmd, "-l %s reaches nothing, or too far", c->args->value['l']);
	} else if (!c->args->has['e']) {
		TRY(identify(c->session, &ask, take_target, x));
	}
	return NULL;
}

/* ---- the places ---- */

static struct err *take_place(void *ctx, const struct ident *id, bool *more)
{
	struct refs *x = ctx;
	uint64_t offset = id->offset;

	*more = id->kind == IDENT_REGION;
	if (*more)
		return NULL;
	x->plain = id->kind == IDENT_PAGE;
	x->kind = ident_kind_name(id->kind);
	x->state = id->kind == IDENT_SLAB ? id->state : NULL;
	x->object = id->kind == IDENT_PAGE ? 0 : id->start;
	x->pid = id->pid;
	x->ref = id->ref;
	buf_puts(&x->what, id->text);
	buf_puts(&x->name, id->name);
	const struct type *t = id->type;
	if (x->plain || !t)
		return NULL;
	AUTO_BUF struct buf name = {0};
	type_print_name(t, &name);
	x->type = intern_str(x->c->session->intern, buf_str(&name));
	if (id->size >= offset)
		type_path_at(t, &offset, &x->member);
	return NULL;
}

/* Where the image lies in physical memory. */
static bool image_at(const struct mem *m, uint64_t *pa)
{
	const struct arch_layout *l = mem_layout(m);

	return l->image_size && mem_arch(m)->linear && mem_arch(m)->linear(l, l->image_va, pa);
}

static void note_mappings(struct refs *x, uint64_t va, uint64_t last)
{
	struct mem *m = x->c->session->mem;
	uint64_t pa, left, before;

	while (x->mapped.n < MAX_MAPPINGS && mem_next_mapping(m, KERNEL, &va, last, x->c->job, &pa, &left)) {
		bool large = left >= LARGE && pa % LARGE == 0;
		uint64_t step = large ? LARGE : 4096;
		hmap_put(&x->mapped, large ? ~(pa / LARGE) : pa / 4096, NULL);
		before = va;
		va += step;
		if (va < before || va > last)
			break;
	}
}

/* Is the page of the direct map mapped elsewhere, where it will be told? */
static bool mapped_elsewhere(struct refs *x, uint64_t pa)
{
	struct search_scope parts = {.last = UINT64_MAX};

	if (!x->mapped_known) {
		x->mapped_known = true;
		scope_kernel(x->c->session, KERNEL_MAPPED, &parts);
		for (size_t i = 0; i < parts.n; i++)
			note_mappings(x, parts.v[i].start, parts.v[i].last);
		scope_free(&parts);
	}
	return hmap_get(&x->mapped, pa / 4096) || hmap_get(&x->mapped, ~(pa / LARGE));
}

/* A part of the image that was freed after boot holds slab objects now: they have been told by the direct map. */
static bool freed_image(struct refs *x, uint64_t va)
{
	struct mem *m = x->c->session->mem;
	const struct arch_layout *l = mem_layout(m);
	struct slab_place p;
	uint64_t pa;

	return va >= l->image_va && va - l->image_va < l->image_size && image_at(m, &pa) &&
	       mem_phys_to_direct(m, pa + (va - l->image_va), &va) && slab_at(x->c->session, va, &p);
}

static bool told_elsewhere(struct refs *x, uint64_t va)
{
	struct mem *m = x->c->session->mem;
	const struct arch_layout *l = mem_layout(m);
	uint64_t pa = va - l->direct_va, image;

	if (va < l->direct_va || pa >= l->direct_size)
		return freed_image(x, va);
	if (!x->plain)
		return false;
	return (image_at(m, &image) && pa >= image && pa - image < l->image_size) || mapped_elsewhere(x, pa);
}

static void look_at(struct refs *x, uint64_t va)
{
	struct ident_ask ask = {.addr = va, .deep = true, .job = x->c->job};

	buf_clear(&x->what);
	buf_clear(&x->member);
	buf_clear(&x->name);
	x->kind = x->state = x->type = NULL;
	x->object = 0;
	x->pid = -1;
	x->ref = (struct ref){0};
	x->plain = true;
	err_free(identify(x->c->session, &ask, take_place, x));
}

static struct err *place_row(struct refs *x, const struct search_hit *h)
{
	AUTO_BUF struct buf place = {0};
	struct ref ref = ref_addr(REF_MEM, h->addr);
	char key[24], to[24];

	snprintf(key, sizeof(key), "%" PRIx64, h->addr);
	snprintf(to, sizeof(to), "+0x%" PRIx64, h->value - x->start);
	if (x->type)
		buf_printf(&place, "%s%s%s", x->type, x->member.len ? "." : "", buf_str(&x->member));
	else
		buf_printf(&place, "%s%s%s", x->kind ? x->kind : "", x->name.len ? " " : "", buf_str(&x->name));
	enum role role = x->state && !strcmp(x->state, "free") ? ROLE_DIM : ROLE_NORMAL;
	struct cell cells[COLS] = {
		[ADDRESS] = cell_link(cell_addr(h->addr), ref),
		[TO] = cell_shown(cell_uint(h->value - x->start), to),
		[KIND] = x->kind ? cell_text(x->kind) : cell_absent(),
		[PLACE] = cell_link(cell_role(cell_text(buf_str(&place)), x->type ? ROLE_TYPE : ROLE_NAME), x->ref),
		[TYPE] = x->type ? cell_text(x->type) : cell_absent(),
		[MEMBER] = x->member.len ? cell_text(buf_str(&x->member)) : cell_absent(),
		[OBJECT] = x->object ? cell_link(cell_addr(x->object), x->ref) : cell_shown(cell_absent(), ""),
		[STATE] = x->state ? cell_text(x->state) : cell_absent(),
		[PID] = x->pid >= 0 ? cell_int(x->pid) : cell_shown(cell_absent(), ""),
		[WHAT] = cell_role(cell_text(buf_str(&x->what)), role),
	};
	return sink_row(x->c->out, &(struct row){.cells = cells, .key = key, .ref = ref, .role = role});
}

static struct err *on_hit(void *ctx, const struct search_hit *h)
{
	struct refs *x = ctx;

	look_at(x, h->addr);
	if (told_elsewhere(x, h->addr))
		return NULL;
	TRY(place_row(x, h));
	if (--x->left)
		return NULL;
	x->enough = true;
	return err_cancelled();
}

static struct err *search_pointers(struct refs *x, const struct search_query *q)
{
	const struct cmd_call *c = x->c;
	struct search_scope scope = {.last = UINT64_MAX};
	struct search_counts counts;
	struct ref ref = ref_addr(REF_MEM, x->start);
	AUTO_FREE char *crash = x->size == 1 ? xasprintf("search %" PRIx64, x->start) : xstrdup("");

	TRY(sink_begin(c->out, &refs_table, &ref, crash, "Who points to 0x%" PRIx64 "%s%s", x->start,
		       x->title ? ": " : "", x->title ? x->title : ""));
	scope_kernel(c->session, KERNEL_ALL, &scope);
	job_set_phase(c->job, "search for pointers, pages");
	struct err *e = search_run(c->session->mem, &(struct search_order){q, scope.v, scope.n, on_hit, x, c->job},
				   &counts);
	scope_free(&scope);
	if (e && !x->enough)
		return e;
	err_free(e);
	if (counts.absent[MEM_LOST])
		sink_note(c->out, ROLE_WARN, "%" PRIu64 " pages are lost or damaged: they may hold more",
			  counts.absent[MEM_LOST]);
	return NULL;
}

static struct err *run(const struct cmd_call *c)
{
	struct refs x = {.c = c, .left = UINT64_MAX};
	struct search_query *q = NULL;

	if (c->args->has['n'])
		TRY(arg_number(c->args->value['n'], &x.left));
	if (!x.left)
		return usage_error(c->args->cmd, "-n 0 would find nothing");
	struct err *e = find_target(&x);
	if (!e)
		e = search_numbers(8, 0, &q);
	if (!e)
		e = search_add_number(q, x.start, x.start + (x.size - 1));
	if (!e)
		e = search_pointers(&x, q);
	search_query_free(q);
	hmap_free(&x.mapped);
	buf_free(&x.what);
	buf_free(&x.member);
	buf_free(&x.name);
	free(x.title);
	return e;
}

const struct cmd cmd_refs = {
	.name = "refs",
	.group = "memory",
	.summary = "who points here: all pointers into an object, and what holds them",
	.details =
		"All kernel memory is searched for pointers to any byte of the object that ADDRESS lies in: a slab "
		"object, a task, a variable; to ADDRESS alone with -e, or where no object is known. Each place is told by what "
		"holds it: type and member of slab objects and variables, frame and variable of stacks. Free objects "
		"and unused parts of stacks hold old pointers: their rows say so.",
	.options = (const struct cmd_option[]){
		{'e', ARG_NONE, NULL, "pointers to exactly this address"},
		{'l', ARG_NUMBER, "LENGTH", "pointers into so many bytes from ADDRESS on"},
		{'n', ARG_NUMBER, "COUNT", "ends after so many"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"ADDRESS", ARG_ADDRESS, false, false, "of the object, or in it"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"refs init_task", "who points into the first task"},
		{"refs -e modules", "who points to the head of a list"},
		{0}},
	.table = &refs_table,
	.run = run,
};

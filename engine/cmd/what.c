/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an address is: a row for each thing that it lies in, the most telling first.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/kern/memory/identify.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ADDRESS, KIND, TEXT, NAME, OFFSET, START, SIZE, STATE, TYPE, MEMBER, CPU, PID, COLS };
static const struct col cols[COLS] = {
	[ADDRESS] = {"address", "", "the address asked for", COL_DATA, 0, 0},
	[KIND] = {"kind", "", "null, error, poison, symbol, module, per-cpu, task, stack, frame, variable, cpu-stack, "
			      "slab, struct-page, vmalloc, user, region, page", 0, 11, 0},
	[TEXT] = {"text", "", "what it is", COL_GROW, 0, 0},
	[NAME] = {"name", "", "symbol, cache, module, PID (COMM), function, caller", COL_DATA, 0, 0},
	[OFFSET] = {"offset", "", "of the address in it", COL_DATA, 0, 0},
	[START] = {"start", "", "where it begins", COL_DATA, 0, 0},
	[SIZE] = {"size", "", "its bytes", COL_DATA, 0, 0},
	[STATE] = {"state", "", "of a slab object: allocated, free or unknown; of a page: present, excluded ...",
		   COL_DATA, 0, 0},
	[TYPE] = {"type", "", "of the whole object or variable", COL_DATA, 0, 0},
	[MEMBER] = {"member", "", "of it, that the address lies in", COL_DATA, 0, 0},
	[CPU] = {"cpu", "", "whose it is", COL_DATA, 0, 0},
	[PID] = {"pid", "", "whose it is", COL_DATA, 0, 0},
};
static const struct table what_table = {.name = "what", .cols = cols, .ncols = COLS};

struct telling {
	const struct cmd_call *c;
	uint64_t addr;
	size_t n;
};

static enum role role_of(const struct ident *id)
{
	switch (id->kind) {
	case IDENT_POISON:
	case IDENT_NULL:
	case IDENT_ERROR:
		return ROLE_WARN;
	case IDENT_REGION:
	case IDENT_PAGE:
	case IDENT_MODULE:
		return ROLE_DIM;
	default:
		return id->state && !strcmp(id->state, "free") ? ROLE_WARN : ROLE_NORMAL;
	}
}

static struct err *tell(void *ctx, const struct ident *id, bool *more)
{
	struct telling *t = ctx;
	char key[48];
	bool slab = id->kind == IDENT_SLAB && id->state;
	AUTO_BUF struct buf type = {0}, member = {0};
	uint64_t offset = id->offset;

	(void)more;
	if (id->type) {
		type_print_name(id->type, &type);
		if (id->size >= offset)
			type_path_at(id->type, &offset, &member);
	}
	struct cell cells[COLS] = {
		[ADDRESS] = cell_addr(t->addr),
		[KIND] = cell_role(cell_text(ident_kind_name(id->kind)), ROLE_TYPE),
		[TEXT] = cell_link(cell_role(cell_text(id->text), id->ref.kind ? ROLE_LINK : role_of(id)), id->ref),
		[NAME] = id->name && id->name[0] ? cell_text(id->name) : cell_absent(),
		[OFFSET] = slab && !id->start ? cell_absent() : cell_uint(id->offset),
		[START] = slab && !id->start ? cell_absent() : cell_addr(id->start),
		[SIZE] = id->size ? cell_uint(id->size) : cell_absent(),
		[STATE] = id->state ? cell_text(id->state) : cell_absent(),
		[TYPE] = type.len ? cell_text(buf_str(&type)) : cell_absent(),
		[MEMBER] = member.len ? cell_text(buf_str(&member)) : cell_absent(),
		[CPU] = id->cpu >= 0 ? cell_int(id->cpu) : cell_absent(),
		[PID] = id->pid >= 0 ? cell_int(id->pid) : cell_absent(),
	};
	snprintf(key, sizeof(key), "%" PRIx64 " %zu %s", t->addr, t->n++, ident_kind_name(id->kind));
	return sink_row(t->c->out, &(struct row){.cells = cells, .key = key, .ref = id->ref, .role = role_of(id)});
}

/* "user:TASK:ADDRESS" brings its task along. */
static void task_of_ref(const struct cmd_call *c, const char *text, const struct task **ret)
{
	const struct tasks *ts;
	struct ref r;

	if (strchr(text, ':') && err_ok(ref_parse(text, c->session->intern, &r)) && r.kind == REF_USER &&
	    err_ok(tasks_load(c->session, c->job, &ts)))
		*ret = task_by_addr(ts, r.addr);
}

static struct err *one(const struct cmd_call *c, const char *text, const struct task *task)
{
	struct telling t = {.c = c};
	struct ident_ask ask = {.phys = c->args->has['p'], .task = task, .deep = true, .job = c->job};

	if (!strncmp(text, "phys:", 5))
		ask.phys = true;
	TRY(arg_place(c, text, &ask.addr));
	t.addr = ask.addr;
	task_of_ref(c, text, &ask.task);
	bool user = !ask.phys && !c->session->arch->is_kernel(mem_layout(c->session->mem), ask.addr);
	if (!ask.task && user && c->ctx->task.kind)
		err_free(arg_task(c, NULL, &ask.task));
	AUTO_FREE char *crash = ask.phys ? xasprintf("kmem -p %" PRIx64, ask.addr)
				: user ? xasprintf("vtop -u %" PRIx64, ask.addr) : xasprintf("kmem %" PRIx64, ask.addr);
	struct ref ref = ref_addr(ask.phys ? REF_PHYS : REF_MEM, ask.addr);
	TRY(sink_begin(c->out, &what_table, &ref, crash, "What is %s0x%" PRIx64, ask.phys ? "physical " : "",
		       ask.addr));
	return identify(c->session, &ask, tell, &t);
}

static struct err *run(const struct cmd_call *c)
{
	const struct task *task = NULL;

	if (c->args->has['c'])
		TRY(arg_task(c, c->args->value['c'], &task));
	for (size_t i = 0; i < c->args->n; i++)
		TRY(one(c, c->args->v[i], task));
	return NULL;
}

const struct cmd cmd_what = {
	.name = "what",
	.group = "memory",
	.summary = "what an address is: symbol, task, stack, slab object, mapping, page",
	.details = "A row for each thing that the address lies in, the most telling first: variable and section, per-CPU "
		   "variable and CPU, task, stack with frame and variable, slab object and whether it is allocated, "
		   "struct page, vmalloc area with its caller, a task's mapping, then the region of the address "
		   "space and the physical page with its flags and owner. A free object says on which free list it "
		   "was found.",
	.options = (const struct cmd_option[]){
		{'p', ARG_NONE, NULL, "ADDRESS is physical"},
		{'c', ARG_TASK, "TASK", "whose user space an address below the kernel's is of"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"ADDRESS", ARG_ADDRESS, false, true, "what to identify"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"what ffff888003c1a040", "whatever is there"},
		{"what init_task+8", "a place in a variable"},
		{"what runqueues:1", "a per-CPU variable"},
		{"what -p 1000", "a physical address"},
		{0}},
	.table = &what_table,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a virtual address to the physical one, with every level of the page tables on the way; and back.
 *
 * Where the walk ends is a row of its own that says why: an entry that maps nothing, a table that the dump
 * doesn't have. Where the direct map or the image is known better than by its tables, that is said, too.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/kern/memory/identify.h"
#include "engine/kern/memory/userspace.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ADDRESS, LEVEL, TEXT, AT, ENTRY, FLAGS, LEADS, SIZE, COLS };
static const struct col cols[COLS] = {
	[ADDRESS] = {"address", "", "the virtual address asked for", COL_DATA, 0, 0},
	[LEVEL] = {"level", "", "PGD, P4D, PUD, PMD, PTE; then page: what they lead to; frame: its page; is: what lies "
				"there; end: why it ends", 0, 5, 0},
	[TEXT] = {"text", "", "entry, its place, what it leads to, its flags", COL_GROW, 0, 0},
	[AT] = {"entry_address", "", "physical address of the entry", COL_DATA, 0, 0},
	[ENTRY] = {"entry", "", "the entry", COL_DATA, 0, 0},
	[FLAGS] = {"flags", "", "its flags", COL_DATA, 0, 0},
	[LEADS] = {"physical", "", "what it leads to: the next table, or the page", COL_DATA, 0, 0},
	[SIZE] = {"page_size", "", "bytes of the page", COL_DATA, 0, 0},
};
static const struct table vtop_table = {.name = "vtop", .cols = cols, .ncols = COLS};

#define FLAGS_WIDTH 19

struct walk {
	const struct cmd_call *c;
	uint64_t va;
	struct space space;
	const struct task *task;
	struct arch_xlat x;
};

static struct err *put_row(struct walk *w, struct cell v[COLS], enum role role, struct ref ref)
{
	char key[40];

	v[ADDRESS] = cell_addr(w->va);
	snprintf(key, sizeof(key), "%" PRIx64 " %s", w->va, v[LEVEL].text);
	for (int i = 0; i < COLS; i++)
		if (v[i].kind == CELL_ABSENT)
			v[i] = cell_shown(cell_absent(), "");
	return sink_row(w->c->out, &(struct row){.cells = v, .key = key, .ref = ref, .role = role});
}

static struct err *text_row(struct walk *w, const char *level, const char *text, enum role role, struct ref ref)
{
	struct cell v[COLS] = {[LEVEL] = cell_text(level), [TEXT] = cell_link(cell_role(cell_text(text), role), ref)};

	return put_row(w, v, role, ref);
}

/* "2 MiB" */
static const char *size_text(uint64_t size, char buf[24])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	int unit = 0;

	while (size >= 1024 && unit < 5) {
		size /= 1024;
		unit++;
	}
	snprintf(buf, 24, "%" PRIu64 " %s", size, units[unit]);
	return buf;
}

static struct err *level_row(struct walk *w, unsigned i, bool last, bool mapped)
{
	const struct arch *a = w->c->session->arch;
	uint64_t entry = w->x.level[i].entry, at = w->x.level[i].entry_pa;
	bool next = i + 1 < w->x.nlevels, leads_on = next || (last && mapped);
	uint64_t leads = next ? w->x.level[i + 1].entry_pa & ~(uint64_t)(a->page_size - 1)
			      : w->x.pa & ~(w->x.page_size - 1);
	AUTO_BUF struct buf text = {0};
	char flags[96] = "";

	if (a->pte_flags)
		a->pte_flags(entry, flags, sizeof(flags));
	buf_printf(&text, "%016" PRIx64 "  %-*s", entry, FLAGS_WIDTH, flags);
	if (leads_on)
		buf_printf(&text, "  %s 0x%-9" PRIx64, next ? "table" : "page ", leads);
	buf_printf(&text, "  at 0x%" PRIx64, at);
	/* what it leads to is worth the link more than where it is */
	struct ref ref = ref_addr(REF_PHYS, leads_on ? leads : at);
	struct cell v[COLS] = {
		[LEVEL] = cell_role(cell_text(w->x.level[i].name), ROLE_TYPE),
		[TEXT] = cell_link(cell_text(buf_str(&text)), ref),
		[AT] = cell_addr(at),
		[ENTRY] = cell_addr(entry),
		[FLAGS] = cell_text(flags),
		[LEADS] = leads_on ? cell_addr(leads) : cell_absent(),
	};
	return put_row(w, v, ROLE_NORMAL, ref);
}

/* The bytes that one entry of the level covers. */
static uint64_t covers(const struct walk *w, unsigned level)
{
	unsigned levels = mem_layout(w->c->session->mem)->levels, shift = 12 + 9 * (levels - 1 - level);

	return level < levels ? UINT64_C(1) << shift : 0;
}

static void why_empty(const struct walk *w, struct buf *out)
{
	const struct arch *a = w->c->session->arch;
	unsigned last = w->x.nlevels - 1, type;
	uint64_t entry = w->x.level[last].entry, size = covers(w, last), offset;
	char text[24];

	if (entry && a->swap_entry && w->space.kind == SPACE_USER && a->swap_entry(entry, &type, &offset))
		buf_printf(out, "not present: swapped out to area %u at page 0x%" PRIx64
				", or on its way (migration)", type, offset);
	else if (entry)
		buf_printf(out, "the %s entry isn't present", w->x.level[last].name);
	else
		buf_printf(out, "the %s entry is empty: nothing is mapped in the %s from 0x%" PRIx64 " on",
			   w->x.level[last].name, size_text(size, text), size ? w->va & ~(size - 1) : w->va);
}

static struct err *end_row(struct walk *w, struct err *e)
{
	struct session *s = w->c->session;
	AUTO_BUF struct buf text = {0};
	enum mem_state why = err_state(e);
	bool kernel = s->arch->is_kernel(mem_layout(s->mem), w->va);

	if (err_code(e) != ERR_FAULT) {
		buf_puts(&text, err_text(e));
	} else if (why == MEM_UNMAPPED && !w->x.nlevels) {
		buf_puts(&text, !kernel && w->va >> (mem_layout(s->mem)->levels == 5 ? 56 : 47) ? "no canonical address" :
				kernel ? "an address of the kernel, not of user space (-k)"
				       : "an address of user space: whose? (-c TASK, or `set TASK` and -u)");
	} else if (why == MEM_UNMAPPED) {
		why_empty(w, &text);
	} else {
		static const char *const four[] = {"PGD", "PUD", "PMD", "PTE"};
		static const char *const five[] = {"PGD", "P4D", "PUD", "PMD", "PTE"};
		unsigned n = w->x.nlevels;
		buf_printf(&text, "the table with the %s entry is %s: %s",
			   mem_layout(s->mem)->levels == 5 ? five[n < 5 ? n : 4] : four[n < 4 ? n : 3],
			   mem_state_name(why), mem_state_help(why));
	}
	err_free(e);
	return text_row(w, "end", buf_str(&text), ROLE_FAULT, (struct ref){0});
}

static struct err *tell(void *ctx, const struct ident *id, bool *more)
{
	*more = false;
	return text_row(ctx, id->kind == IDENT_PAGE ? "frame" : "is", id->text, ROLE_NORMAL, id->ref);
}

static struct err *page_rows(struct walk *w)
{
	char size[24];
	AUTO_BUF struct buf text = {0};
	struct ident_ask page = {.addr = w->x.pa, .phys = true, .job = w->c->job};
	struct ident_ask what = {.addr = w->va, .task = w->task, .deep = true, .job = w->c->job};

	buf_printf(&text, "physical 0x%" PRIx64 ", in a page of %s", w->x.pa, size_text(w->x.page_size, size));
	if (w->x.linear)
		buf_puts(&text, ", by where the direct map and the image are known to be: the tables say otherwise, or "
				"can't be read");
	struct cell v[COLS] = {
		[LEVEL] = cell_role(cell_text("page"), ROLE_TYPE),
		[LEADS] = cell_link(cell_role(cell_addr(w->x.pa), ROLE_LINK), ref_addr(REF_PHYS, w->x.pa)),
		[SIZE] = cell_uint(w->x.page_size),
		[TEXT] = cell_link(cell_text(buf_str(&text)), ref_addr(REF_PHYS, w->x.pa)),
	};
	TRY(put_row(w, v, w->x.linear ? ROLE_WARN : ROLE_NORMAL, ref_addr(REF_PHYS, w->x.pa)));
	TRY(identify(w->c->session, &page, tell, w));
	return identify(w->c->session, &what, tell, w);
}

static struct err *one(const struct cmd_call *c, uint64_t va, const struct task *task, bool user)
{
	struct walk w = {.c = c, .space = KERNEL, .task = task, .va = va};

	if (user)
		TRY(user_space_of(c->session, task, &w.space));
	AUTO_FREE char *crash = xasprintf("vtop %s%" PRIx64, user ? "-u " : "", w.va);
	struct ref ref = user ? (struct ref){REF_USER, task->addr, w.va, NULL} : ref_addr(REF_MEM, w.va);
	TRY(sink_begin(c->out, &vtop_table, &ref, crash, "Translation of 0x%" PRIx64, w.va));
	struct err *e = err_keep(mem_vtop(c->session->mem, w.space, w.va, &w.x));
	for (unsigned i = 0; i < w.x.nlevels; i++) {
		struct err *bad = level_row(&w, i, i + 1 == w.x.nlevels, !e && !w.x.linear);
		if (bad) {
			err_free(e);
			return bad;
		}
	}
	return e ? end_row(&w, e) : page_rows(&w);
}

/* Whose: -k, -u and -c TASK say it, else the address does. */
static struct err *run(const struct cmd_call *c)
{
	const struct task *task = NULL;
	bool k = c->args->has['k'], u = c->args->has['u'] || c->args->has['c'];
	uint64_t va;

	if (k && u)
		return usage_error(c->args->cmd, "-k and -u exclude each other");
	for (size_t i = 0; i < c->args->n; i++) {
		TRY(arg_place(c, c->args->v[i], &va));
		if (u || (!k && !(va >> 63) && c->ctx->task.kind))
			TRY(arg_task(c, c->args->value['c'], &task));
		TRY(one(c, va, task, u || (task && task->mm && !(va >> 63) && !k)));
	}
	return NULL;
}

const struct cmd cmd_vtop = {
	.name = "vtop",
	.group = "memory",
	.summary = "virtual address to physical, with every level of the page tables",
	.details = "A row for each level: where its entry is, the entry, its flags, what it leads to. Then the page with its "
		   "size and physical address, its struct page, and what lies at the address. Where the walk ends early "
		   "the last row says why. An address of user space is one of the chosen task's, or of -c TASK.",
	.options = (const struct cmd_option[]){
		{'c', ARG_TASK, "TASK", "by the page tables of this task's user space"},
		{'u', ARG_NONE, NULL, "by those of the chosen task's user space"},
		{'k', ARG_NONE, NULL, "by the kernel's"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"ADDRESS", ARG_ADDRESS, false, true, "virtual address"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"vtop init_task", "a variable of the kernel"},
		{"vtop -c 1 7ffc8a4e9000", "an address of a task's user space"},
		{0}},
	.table = &vtop_table,
	.run = run,
};

/* ---- the other way ---- */

enum { P_VIRTUAL, P_PHYSICAL, P_TEXT, P_COLS };
static const struct col ptov_cols[P_COLS] = {
	[P_VIRTUAL] = {"virtual", "VIRTUAL", "where the direct map has it", 0, 18, 0},
	[P_PHYSICAL] = {"physical", "PHYSICAL", "the physical address asked for", 0, 18, 0},
	[P_TEXT] = {"text", "", "what is there", COL_GROW, 0, 0},
};
static const struct table ptov_table = {.name = "ptov", .cols = ptov_cols, .ncols = P_COLS};

static struct err *first_line(void *ctx, const struct ident *id, bool *more)
{
	buf_printf(ctx, "%s", id->text);
	*more = false;
	return NULL;
}

static struct err *ptov_run(const struct cmd_call *c)
{
	struct session *s = c->session;
	AUTO_FREE char *crash = xasprintf("ptov %s", c->args->v[0]);

	TRY(sink_begin(c->out, &ptov_table, NULL, crash, "Virtual addresses"));
	for (size_t i = 0; i < c->args->n; i++) {
		AUTO_BUF struct buf text = {0};
		uint64_t pa, va;
		TRY(arg_place(c, c->args->v[i], &pa));
		bool ok = mem_phys_to_direct(s->mem, pa, &va);
		struct ident_ask ask = {.addr = va, .deep = true, .job = c->job};
		if (ok)
			TRY(identify(s, &ask, first_line, &text));
		struct cell v[P_COLS] = {
			[P_VIRTUAL] = ok ? cell_link(cell_role(cell_addr(va), ROLE_LINK), ref_addr(REF_MEM, va))
					 : cell_fault(MEM_NOT_RAM),
			[P_PHYSICAL] = cell_link(cell_addr(pa), ref_addr(REF_PHYS, pa)),
			[P_TEXT] = cell_text(buf_str(&text)),
		};
		TRY(sink_row(c->out, &(struct row){.cells = v, .ref = ref_addr(REF_MEM, ok ? va : 0)}));
	}
	return NULL;
}

const struct cmd cmd_ptov = {
	.name = "ptov",
	.group = "memory",
	.summary = "physical address to virtual, in the direct map",
	.options = NULL,
	.args = (const struct cmd_arg[]){
		{"ADDRESS", ARG_ADDRESS, false, true, "physical address"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"ptov 1000000", "where the direct map has it"},
		{0}},
	.table = &ptov_table,
	.run = ptov_run,
};

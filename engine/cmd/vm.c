/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crash's `vm`: the areas of a process' memory; with -p every page of them. */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/cmd/show.h"
#include "engine/kern/meaning/meaning.h"
#include "engine/kern/memory/vmas.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE 4096
#define PERM_BITS 0xff /* VM_READ to VM_SHARED, and what mprotect may make of them */

enum { PID, VMA, START, END, SIZE, PERM, FLAGS, FLAG_NAMES, OFFSET, FILE_, PROBLEM, COLS };
static const struct col cols[COLS] = {
	[PID] = {"pid", "", "whose memory it is", COL_DATA, 0, 0},
	[VMA] = {"vma", "VMA", "address of its vm_area_struct", 0, 18, 3},
	[START] = {"start", "START", "first address", COL_RIGHT, 0, 0},
	[END] = {"end", "END", "behind its last address", COL_RIGHT, 0, 0},
	[SIZE] = {"size", "SIZE", "bytes", COL_RIGHT, 0, 2},
	[PERM] = {"perm", "PERM", "read, write, execute, shared or private", 0, 0, 0},
	[FLAGS] = {"flags", "FLAGS", "vm_flags", COL_RIGHT, 0, 1},
	[FLAG_NAMES] = {"flag_names", "FLAG NAMES", "the same by name, without those of PERM", 0, 0, 5},
	[OFFSET] = {"offset", "OFFSET", "where in the file it begins, in bytes; null without a file", COL_RIGHT, 0, 4},
	[FILE_] = {"file", "FILE", "path of the file, or what else it is", COL_GROW, 0, 0},
	[PROBLEM] = {"problem", "", "damage: what is wrong here; null for areas", COL_DATA, 0, 0},
};

enum { VIRTUAL, PHYSICAL, STATE, PAGES, PAGE_COLS };
static const struct col page_cols[PAGE_COLS] = {
	[VIRTUAL] = {"virtual", "VIRTUAL", "address in the process", COL_RIGHT, 18, 0},
	[PHYSICAL] = {"physical", "PHYSICAL", "where the page is; null: not in memory", COL_RIGHT, 18, 0},
	[STATE] = {"where", "", "if it isn't in memory: where it is", COL_GROW, 0, 0},
	[PAGES] = {"pages", "PAGES", "how many pages the row is about: more than one where a whole page table is missing", COL_DATA, 0, 0},
};
static const struct table page_table = {.name = "page", .cols = page_cols, .ncols = PAGE_COLS};
static const struct table vm_table = {.name = "vm", .cols = cols, .ncols = COLS, .titled = true};
static const struct table vm_pages = {.name = "vm", .cols = cols, .ncols = COLS, .titled = true,
				      .child = &page_table, .child_key = "pages", .child_always = true};
static const struct table vm_whole = {.name = "vm", .cols = cols, .ncols = COLS, .titled = true,
				      .child = &show_table, .child_key = "members", .child_always = true};

struct vm_call {
	const struct cmd_call *c;
	const struct task *task;
	struct mm_info mm;
	uint64_t only; /* a vm_area_struct; 0: all */
	const char *search; /* -R: a number or a part of a path; NULL: none */
	uint64_t number;
	bool number_ok, found;
};

/* ---- pages ---- */

static void page_elsewhere(const struct vma *v, uint64_t va, uint64_t entry, struct buf *out)
{
	if (entry && !(entry & 1)) /* not present, but not nothing: swapped out, or on its way */
		buf_printf(out, "swap or migration entry 0x%" PRIx64, entry);
	else if (v->file)
		buf_printf(out, "%s+0x%" PRIx64, v->name, v->offset + (va - v->start));
	else
		buf_puts(out, "not touched yet");
}

/* How many bytes from va on have no page table at all: an area may be terabytes that nobody ever touched. */
static uint64_t hole_at(const struct vma *v, uint64_t va, const struct arch_xlat *x)
{
	uint64_t left = x->page_size - (va & (x->page_size - 1));

	if (x->page_size <= PAGE || !x->nlevels || x->level[x->nlevels - 1].entry)
		return PAGE;
	return left < v->end - va ? left : v->end - va;
}

static struct err *page_row(struct vm_call *k, const struct vma *v, uint64_t va, uint64_t *step)
{
	AUTO_BUF struct buf where = {0};
	char text[24], pa[24];
	struct arch_xlat x = {0};
	struct err *e = mem_vtop(k->c->session->mem, k->mm.space, va, &x);
	bool there = !e;

	*step = e ? hole_at(v, va, &x) : PAGE;
	if (e && x.nlevels)
		page_elsewhere(v, va, x.level[x.nlevels - 1].entry, &where);
	else if (e)
		buf_puts(&where, err_text(e));
	err_free(e);
	if (*step > PAGE)
		buf_printf(&where, ": %" PRIu64 " pages", *step / PAGE);
	snprintf(text, sizeof(text), "%" PRIx64, va);
	snprintf(pa, sizeof(pa), "%" PRIx64, x.pa);
	struct cell cells[PAGE_COLS] = {
		[VIRTUAL] = cell_shown(cell_addr(va), text),
		[PHYSICAL] = there ? cell_link(cell_shown(cell_addr(x.pa), pa), ref_addr(REF_PHYS, x.pa))
				   : cell_shown(cell_absent(), ""),
		[STATE] = there ? cell_shown(cell_absent(), "") : cell_role(cell_text(buf_str(&where)), ROLE_DIM),
		[PAGES] = cell_uint(*step / PAGE),
	};
	return sink_row(k->c->out, &(struct row){.cells = cells, .child = true});
}

/* Page tables that lead back to themselves have a page at every address, and a damaged area may take in all
 * of user space. No area has more pages than its process has mapped (but for those of the kernel's that
 * aren't counted), nor a multiple of the machine's. */
static uint64_t most_pages(const struct vm_call *k)
{
	uint64_t machine = dump_info(k->c->session->dump)->max_pfn * 8;
	uint64_t mapped = k->mm.pages < machine ? k->mm.pages + 1024 : machine;

	return mapped < machine ? mapped : machine;
}

static struct err *show_pages(struct vm_call *k, const struct vma *v)
{
	uint64_t step, left = most_pages(k);

	if (k->mm.space.kind != SPACE_USER || v->fault)
		return NULL;
	for (uint64_t va = v->start; va < v->end; va += step) {
		TRY(job_tick(k->c->job, 1));
		if (!left--) {
			sink_note(k->c->out, ROLE_BAD, "the pages from 0x%" PRIx64 " on are left out: the area has more than "
				  "the process has mapped, so it or its page tables are damaged", va);
			return NULL;
		}
		TRY(page_row(k, v, va, &step));
	}
	return NULL;
}

/* ---- areas ---- */

static struct err *show_members(struct vm_call *k, const struct vma *v)
{
	struct show_object o = {.space = KERNEL, .addr = v->addr, .base = v->addr,
				.root = "struct vm_area_struct", .path = ""};

	TRY(type_find(k->c->session->types, o.root, k->c->job, &o.type));
	return show_children(k->c, &o, &(struct show_style){.hex = k->c->args->has['x']});
}

static struct err *damage_row(struct vm_call *k, const struct element *e)
{
	struct cell cells[COLS];
	uint64_t at = e->addr ? e->addr : e->node;

	for (size_t i = 0; i < COLS; i++)
		cells[i] = cell_shown(cell_absent(), "");
	cells[PID] = cell_int(k->task->pid);
	cells[VMA] = at ? cell_addr(at) : cells[VMA];
	cells[PROBLEM] = cell_text(e->damage);
	cells[FILE_] = cell_role(cell_shown(cell_absent(), e->damage), ROLE_BAD);
	return sink_row(k->c->out, &(struct row){.cells = cells, .role = ROLE_BAD, .ref = ref_addr(REF_MEM, at)});
}

static bool wanted(struct vm_call *k, const struct vma *v)
{
	if (k->only && v->addr != k->only)
		return false;
	if (!k->search)
		return true;
	return (k->number_ok && (v->flags == k->number || v->addr == k->number || v->file == k->number ||
				 (v->start <= k->number && k->number < v->end))) ||
	       (v->name[0] && strstr(v->name, k->search));
}

static struct err *on_vma(void *ctx, const struct element *e, const struct vma *v)
{
	struct vm_call *k = ctx;
	struct session *s = k->c->session;
	char key[24], start[24], end[24], flags[24], perm[5];
	AUTO_BUF struct buf names = {0};

	if (!v)
		return damage_row(k, e);
	if (!wanted(k, v))
		return NULL;
	k->found = true;
	snprintf(key, sizeof(key), "%" PRIx64, v->start);
	snprintf(start, sizeof(start), "%" PRIx64, v->start);
	snprintf(end, sizeof(end), "%" PRIx64, v->end);
	snprintf(flags, sizeof(flags), "%" PRIx64, v->flags);
	vma_permissions(v->flags, perm);
	meaning_bits(s, "VM", v->flags & ~(uint64_t)PERM_BITS, &names);
	struct ref ref = ref_object(intern_str(s->intern, "struct vm_area_struct"), v->addr);
	struct ref file = ref_object(intern_str(s->intern, "struct file"), v->file);
	struct cell cells[COLS] = {
		[PID] = cell_int(k->task->pid),
		[VMA] = cell_link(cell_addr(v->addr), ref),
		[START] = v->fault ? cell_fault(MEM_LOST) : cell_shown(cell_addr(v->start), start),
		[END] = v->fault ? cell_fault(MEM_LOST) : cell_shown(cell_addr(v->end), end),
		[SIZE] = v->fault ? cell_absent() : cell_uint(v->end - v->start),
		[PERM] = cell_text(perm),
		[FLAGS] = cell_shown(cell_addr(v->flags), flags),
		[FLAG_NAMES] = cell_text(buf_str(&names)),
		[OFFSET] = v->file ? cell_uint(v->offset) : cell_shown(cell_absent(), ""),
		[FILE_] = v->file ? cell_link(cell_text(v->name), file)
				  : v->name[0] ? cell_text(v->name) : cell_shown(cell_absent(), ""),
		[PROBLEM] = cell_absent(),
	};
	TRY(sink_row(k->c->out, &(struct row){.cells = cells, .key = key, .ref = ref,
					       .folded = k->c->args->has['v']}));
	if (k->c->args->has['p'] || k->c->args->has['P'])
		return show_pages(k, v);
	return k->c->args->has['v'] ? show_members(k, v) : NULL;
}

/* ---- the command ---- */

static void kilobytes(uint64_t pages, struct buf *out)
{
	if (pages == UINT64_MAX)
		buf_puts(out, "?");
	else
		buf_printf(out, "%" PRIu64 "k", pages * (PAGE / 1024));
}

static void title(const struct vm_call *k, struct buf *out)
{
	const struct task *t = k->task;

	buf_printf(out, "PID: %d  TASK: %" PRIx64 "  CPU: %u  COMMAND: \"", t->pid, t->addr, t->cpu);
	buf_put_safe(out, t->comm, strlen(t->comm));
	buf_puts(out, "\"");
	if (!k->mm.mm) {
		buf_puts(out, "  no user memory");
		return;
	}
	buf_printf(out, "  MM: %" PRIx64, k->mm.mm);
	if (k->mm.pgd != UINT64_MAX)
		buf_printf(out, "  PGD: %" PRIx64, k->mm.pgd);
	buf_puts(out, "  RSS: ");
	kilobytes(k->mm.rss, out);
	buf_puts(out, "  TOTAL_VM: ");
	kilobytes(k->mm.pages, out);
}

/* `vm -m`: the mm_struct itself. */
static struct err *show_mm(const struct cmd_call *c, uint64_t mm)
{
	AUTO_FREE char *line = xasprintf("struct %smm_struct 0x%" PRIx64, c->args->has['x'] ? "-x " : "", mm);

	return shell_run(c->shell, line, c->ctx, c->job, c->out);
}

/* `vm -f`: what a value of vm_flags means. */
static struct err *show_flags(const struct cmd_call *c)
{
	enum { VALUE, SET, FCOLS };
	static const struct col fcols[FCOLS] = {
		[VALUE] = {"value", "VALUE", "the flags", 0, 0, 0},
		[SET] = {"names", "NAMES", "what is set", COL_GROW, 0, 0},
	};
	static const struct table flags_table = {.name = "flags", .cols = fcols, .ncols = FCOLS};
	AUTO_BUF struct buf names = {0};
	uint64_t flags;

	TRY(arg_place(c, c->args->value['f'], &flags));
	meaning_bits(c->session, "VM", flags, &names);
	AUTO_FREE char *crash = xasprintf("vm -f %" PRIx64, flags);
	TRY(sink_begin(c->out, &flags_table, NULL, crash, "vm_flags 0x%" PRIx64, flags));
	struct cell cells[FCOLS] = {[VALUE] = cell_addr(flags),
				    [SET] = names.len ? cell_text(buf_str(&names)) : cell_absent()};
	return sink_row(c->out, &(struct row){.cells = cells});
}

static struct err *prepare(const struct cmd_call *c, struct vm_call *k)
{
	const struct cmd_args *a = c->args;

	k->c = c;
	TRY(arg_task(c, a->n ? a->v[0] : NULL, &k->task));
	k->mm.mm = k->task->mm;
	if (a->has['M'])
		TRY(arg_place(c, a->value['M'], &k->mm.mm));
	if (k->mm.mm)
		mm_read(c->session, k->mm.mm, &k->mm);
	if (a->has['P'])
		TRY(arg_place(c, a->value['P'], &k->only));
	if (a->has['R']) {
		k->search = a->value['R'];
		k->number_ok = err_ok(arg_place(c, k->search, &k->number));
	}
	return NULL;
}

static struct err *run(const struct cmd_call *c)
{
	AUTO_BUF struct buf head = {0};
	struct vm_call k = {0};
	struct container_end end = {0};
	const struct cmd_args *a = c->args;

	if (a->has['f'])
		return show_flags(c);
	TRY(prepare(c, &k));
	if (a->has['m'] && k.mm.mm)
		return show_mm(c, k.mm.mm);
	const struct table *t = a->has['p'] || a->has['P'] ? &vm_pages : a->has['v'] ? &vm_whole : &vm_table;
	struct ref ref = ref_addr(REF_TASK, k.task->addr);
	title(&k, &head);
	AUTO_FREE char *crash = xasprintf("vm %s%d", a->has['p'] ? "-p " : a->has['v'] ? "-v " : "", k.task->pid);
	TRY(sink_begin(c->out, t, &ref, crash, "%s", buf_str(&head)));
	if (!k.mm.mm)
		return NULL;
	TRY(vmas_each(c->session, k.mm.mm, c->job, on_vma, &k, &end));
	if (end.damages)
		sink_note(c->out, ROLE_BAD, "%" PRIu64 " areas, %" PRIu64 " problem%s: %s", end.elements,
			  end.damages, end.damages == 1 ? "" : "s", end.text);
	if (k.only && !k.found)
		return err_new(ERR_NOTFOUND, "no area of task %d is the vm_area_struct 0x%" PRIx64, k.task->pid, k.only);
	return NULL;
}

const struct cmd cmd_vm = {
	.name = "vm",
	.group = "memory",
	.summary = "the memory of a process: its areas, with their files",
	.details = "A row an area (VMA), in order of address. The line above has its mm_struct, page directory, how much of it "
		   "is in memory and how much is mapped. A kernel thread has none.",
	.options = (const struct cmd_option[]){
		{'p', ARG_NONE, NULL, "every page of each area: where it is in physical memory, or else"},
		{'P', ARG_ADDRESS, "VMA", "the same of one area only"},
		{'m', ARG_NONE, NULL, "the mm_struct"},
		{'v', ARG_NONE, NULL, "each area's vm_area_struct under its row"},
		{'M', ARG_ADDRESS, "MM", "this mm_struct, for a task that has given up its own"},
		{'R', ARG_WORD, "WORD", "only areas with this flags value, address in them, file or part of a path"},
		{'f', ARG_ADDRESS, "FLAGS", "what a value of vm_flags means"},
		{'x', ARG_NONE, NULL, "integers in hexadecimal"},
		{'d', ARG_NONE, NULL, "integers in decimal (as they are)"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"TASK", ARG_TASK, true, false, "whose memory; the chosen one's if not told"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"vm 1", "the first process"},
		{"vm -R busybox", "the chosen task's areas of a file"},
		{"foreach user vm", "of all processes"},
		{0}},
	.table = &vm_table,
	.run = run,
};

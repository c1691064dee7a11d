/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words say what, the options where; what is found streams out as rows. The column that says what a place is
 * asks only what costs next to nothing, so that a search with many results stays one.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/kern/memory/identify.h"
#include "engine/kern/memory/searchscope.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_CONTEXT 64	   /* numbers on each side */
#define SHOWN_BEFORE 16	   /* bytes of text around a string */
#define SHOWN_BEHIND 48
#define SHOWN_MATCH 256

enum { ADDRESS, SHOWN, VALUE, TEXT, CONTEXT, PID, COMM, WHAT, COLS };
static const struct col cols[COLS] = {
	[ADDRESS] = {"address", "ADDRESS", "where it is; physical with -p, the task's with -u", 0, 18, 0},
	[SHOWN] = {"shown", "VALUE", "what was found there; of text also what is around it", COL_SCREEN, 16, 3},
	[VALUE] = {"value", "", "the number that was found, as 0x", COL_DATA, 0, 0},
	[TEXT] = {"text", "", "the string that was found", COL_DATA, 0, 0},
	[CONTEXT] = {"context", "", "the numbers before and after it, it in brackets (-x)", COL_DATA, 0, 0},
	[PID] = {"pid", "PID", "of whose stack or memory it is", COL_DATA | COL_RIGHT, 6, 1},
	[COMM] = {"comm", "COMM", "its name", COL_DATA, 16, 2},
	[WHAT] = {"what", "WHAT", "what the place is: symbol, task, slab object ...", COL_GROW, 24, 2},
};
static const struct table search_table = {.name = "search", .cols = cols, .ncols = COLS};
/* The same for stacks and user memory: whose they are is shown. */
static const struct col task_cols[COLS] = {
	[ADDRESS] = {"address", "ADDRESS", "where it is", 0, 18, 0},
	[SHOWN] = {"shown", "VALUE", "what was found there; of text also what is around it", COL_SCREEN, 16, 3},
	[VALUE] = {"value", "", "the number that was found, as 0x", COL_DATA, 0, 0},
	[TEXT] = {"text", "", "the string that was found", COL_DATA, 0, 0},
	[CONTEXT] = {"context", "", "the numbers before and after it, it in brackets (-x)", COL_DATA, 0, 0},
	[PID] = {"pid", "PID", "of whose stack or memory it is", COL_RIGHT, 6, 1},
	[COMM] = {"comm", "COMM", "its name", 0, 16, 2},
	[WHAT] = {"what", "WHAT", "what the place is: symbol, task, slab object ...", COL_GROW, 24, 2},
};
static const struct table search_task_table = {.name = "search", .cols = task_cols, .ncols = COLS};

struct searching {
	const struct cmd_call *c;
	struct search_scope scope;
	unsigned width;	 /* of numbers; 0: text */
	uint64_t around; /* numbers on each side */
	uint64_t left;	 /* results that are still wanted */
	bool enough;
	struct buf what;
	struct ref what_ref;
};

static struct err *first_answer(void *ctx, const struct ident *id, bool *more)
{
	struct searching *x = ctx;

	*more = false;
	if (id->kind == IDENT_REGION || id->kind == IDENT_PAGE)
		return NULL;
	buf_puts(&x->what, id->text);
	x->what_ref = id->ref;
	return NULL;
}

/* The kernel image is found in the direct map and in physical memory, too: where it lies by its symbols. */
static bool image_alias(const struct mem *m, const struct space *space, uint64_t *addr)
{
	const struct arch_layout *l = mem_layout(m);
	uint64_t pa = space->kind == SPACE_PHYS ? *addr : *addr - l->direct_va, image;

	if (space->kind == SPACE_KERNEL && (*addr < l->direct_va || pa >= l->direct_size))
		return false;
	if (!l->image_size || !mem_arch(m)->linear || !mem_arch(m)->linear(l, l->image_va, &image) || pa < image ||
	    pa - image >= l->image_size)
		return false;
	*addr = l->image_va + (pa - image);
	return true;
}

/* What the place is, into x->what and x->what_ref. */
static void identify_place(struct searching *x, const struct space *space, uint64_t addr)
{
	struct ident_ask ask = {.addr = addr, .phys = space->kind == SPACE_PHYS};

	buf_clear(&x->what);
	x->what_ref = (struct ref){0};
	if (space->kind == SPACE_USER)
		return;
	err_free(identify(x->c->session, &ask, first_answer, x));
	if (x->what.len || !image_alias(x->c->session->mem, space, &ask.addr))
		return;
	ask.phys = false;
	err_free(identify(x->c->session, &ask, first_answer, x));
}

static struct ref place_ref(const struct search_range *r, const struct task *t, uint64_t addr)
{
	if (r->space.kind == SPACE_USER)
		return (struct ref){REF_USER, t->addr, addr, NULL};
	return ref_addr(r->space.kind == SPACE_PHYS ? REF_PHYS : REF_MEM, addr);
}

/* The numbers around one: "0001 0002 [0003] 0004", with dashes for what can't be read. */
static void put_around(const struct searching *x, const struct space *space, const struct search_hit *h,
		       struct buf *out)
{
	uint64_t start = h->addr - x->around * x->width, n = 2 * x->around + 1;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t v = 0;
		bool ok = err_ok(mem_read(x->c->session->mem, *space, start + i * x->width, &v, x->width));
		buf_puts(out, i ? " " : "");
		buf_puts(out, i == x->around ? "[" : "");
		for (unsigned k = 0; !ok && k < x->width * 2; k++)
			buf_putc(out, '-');
		if (ok)
			buf_printf(out, "%0*" PRIx64, (int)x->width * 2, v);
		buf_puts(out, i == x->around ? "]" : "");
	}
}

/* Text as people read it: dots for what isn't printable. */
static void put_text(struct buf *out, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_putc(out, p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '.');
}

/* What matched into found, and with what is before and behind it into shown. */
static void read_text(const struct searching *x, const struct search_range *r, const struct search_hit *h,
		      struct buf *found, struct buf *shown)
{
	unsigned char bytes[SHOWN_BEFORE + SHOWN_MATCH + SHOWN_BEHIND];
	size_t length = h->length < SHOWN_MATCH ? h->length : SHOWN_MATCH, before = SHOWN_BEFORE;
	struct mem *m = x->c->session->mem;

	if (h->addr < before || mem_read_some(m, r->space, h->addr - before, bytes, before, NULL) < before)
		before = 0;
	size_t got = mem_read_some(m, r->space, h->addr, bytes + before, length + SHOWN_BEHIND, NULL);
	length = got < length ? got : length;
	size_t from = before, to = before + length;
	/* the rest of the string around it */
	while (from && bytes[from - 1] >= 0x20 && bytes[from - 1] < 0x7f)
		from--;
	while (to < before + got && bytes[to] >= 0x20 && bytes[to] < 0x7f)
		to++;
	buf_put(found, bytes + before, length);
	put_text(shown, bytes + from, to - from);
}

static struct err *hit_row(struct searching *x, const struct search_hit *h)
{
	const struct search_range *r = &x->scope.v[h->range];
	const struct task *t = x->scope.tasks[h->range];
	AUTO_BUF struct buf found = {0}, shown = {0}, around = {0};
	struct ref ref = place_ref(r, t, h->addr);
	char key[24];

	snprintf(key, sizeof(key), "%" PRIx64, h->addr);
	if (x->width && x->around)
		put_around(x, &r->space, h, &around);
	if (x->width && !x->around)
		buf_printf(&shown, "%0*" PRIx64, (int)x->width * 2, h->value);
	else if (!x->width)
		read_text(x, r, h, &found, &shown);
	identify_place(x, &r->space, h->addr);
	struct cell cells[COLS] = {
		[ADDRESS] = cell_link(cell_addr(h->addr), ref),
		[SHOWN] = cell_role(cell_text(buf_str(around.len ? &around : &shown)),
				    x->width ? ROLE_NUMBER : ROLE_STRING),
		[VALUE] = x->width ? cell_addr(h->value) : cell_absent(),
		[TEXT] = x->width ? cell_absent() : cell_text(buf_str(&found)),
		[CONTEXT] = around.len ? cell_text(buf_str(&around)) : cell_absent(),
		[PID] = t ? cell_link(cell_int(t->pid), ref_addr(REF_TASK, t->addr))
			  : cell_shown(cell_absent(), ""),
		[COMM] = t ? cell_text(t->comm) : cell_shown(cell_absent(), ""),
		[WHAT] = x->what.len ? cell_link(cell_role(cell_text(buf_str(&x->what)), ROLE_NAME), x->what_ref)
				     : cell_shown(cell_absent(), ""),
	};
	return sink_row(x->c->out, &(struct row){.cells = cells, .key = key, .ref = ref});
}

static struct err *on_hit(void *ctx, const struct search_hit *h)
{
	struct searching *x = ctx;

	TRY(hit_row(x, h));
	if (--x->left)
		return NULL;
	x->enough = true;
	return err_cancelled();
}

/* ---- what ---- */

/* "VALUE" or "LOW..HIGH". */
static struct err *add_number(const struct cmd_call *c, struct search_query *q, const char *word)
{
	const char *dots = strstr(word, "..");
	uint64_t lo, hi;

	if (!dots) {
		TRY(arg_place(c, word, &lo));
		return search_add_number(q, lo, lo);
	}
	AUTO_FREE char *first = xstrndup(word, (size_t)(dots - word));
	TRY(arg_place(c, first, &lo));
	TRY(arg_place(c, dots + 2, &hi));
	if (hi < lo)
		return err_new(ERR_USAGE, "'%s': the end is before the beginning", word);
	return search_add_number(q, lo, hi);
}

static struct err *fill_query(const struct cmd_call *c, struct search_query *q)
{
	for (size_t i = 0; i < c->args->n; i++)
		TRY(c->args->has['c'] ? search_add_string(q, c->args->v[i], strlen(c->args->v[i])) : add_number(c, q, c->args->v[i]));
	return NULL;
}

static struct err *make_query(const struct cmd_call *c, unsigned width, struct search_query **ret)
{
	const struct cmd_args *a = c->args;
	uint64_t mask = 0;

	*ret = NULL;
	if (a->has['c'] + a->has['P'] + a->has['w'] + a->has['h'] > 1)
		return usage_error(a->cmd, "-c, -P, -w and -h exclude each other");
	if ((a->has['c'] || a->has['P']) && (a->has['m'] || a->has['x']))
		return usage_error(a->cmd, "-m and -x are for numbers");
	if (a->has['P'] && a->n > 1)
		return usage_error(a->cmd, "one pattern at a time; quote it if it has blanks");
	if (a->has['P'])
		return search_pattern(a->v[0], ret);
	if (a->has['m'])
		TRY(arg_place(c, a->value['m'], &mask));
	if (a->has['c'])
		*ret = search_strings();
	else
		TRY(search_numbers(width, mask, ret));
	struct err *e = fill_query(c, *ret);
	if (!e)
		return NULL;
	search_query_free(*ret);
	*ret = NULL;
	return e;
}

/* ---- where ---- */

static struct err *limits(const struct cmd_call *c, struct search_scope *x)
{
	const struct cmd_args *a = c->args;
	uint64_t n;

	x->last = UINT64_MAX;
	if (a->has['s'])
		TRY(arg_place(c, a->value['s'], &x->start));
	if (a->has['e'] && a->has['l'])
		return usage_error(a->cmd, "-e and -l exclude each other");
	if (a->has['e']) {
		TRY(arg_place(c, a->value['e'], &n));
		if (n <= x->start)
			return usage_error(a->cmd, "the end 0x%" PRIx64 " is not behind the start 0x%" PRIx64, n, x->start);
		x->last = n - 1;
	}
	if (a->has['l']) {
		TRY(arg_number(a->value['l'], &n));
		if (!n)
			return usage_error(a->cmd, "a length of 0");
		x->last = UINT64_MAX - x->start < n - 1 ? UINT64_MAX : x->start + (n - 1);
	}
	return NULL;
}

static struct err *task_scope(const struct cmd_call *c, struct search_scope *x)
{
	const struct cmd_args *a = c->args;
	const struct task *t = NULL;
	const struct tasks *ts;

	TRY(tasks_load(c->session, c->job, &ts));
	if (a->has['a'] || a->has['u'])
		TRY(arg_task(c, a->has['a'] ? a->value['a'] : NULL, &t));
	if (a->has['u'])
		return scope_user(c->session, t, x);
	scope_stacks(c->session, ts, a->has['T'], t, x);
	return NULL;
}

static struct err *make_scope(const struct cmd_call *c, struct search_scope *x)
{
	const struct cmd_args *a = c->args;

	if (a->has['k'] + a->has['K'] + a->has['V'] + a->has['p'] + a->has['u'] + a->has['t'] + a->has['T'] +
		    a->has['S'] > 1)
		return usage_error(a->cmd, "-k, -K, -V, -p, -u, -t, -T and -S exclude each other");
	TRY(limits(c, x));
	if (a->has['S'])
		TRY(scope_slabs(c->session, a->value['S'], c->job, x));
	else if (a->has['u'] || a->has['t'] || a->has['T'] || a->has['a'])
		TRY(task_scope(c, x));
	else if (a->has['p'])
		scope_physical(c->session, x);
	else
		scope_kernel(c->session,
			     a->has['K'] ? KERNEL_LINEAR : a->has['V'] ? KERNEL_MAPPED : KERNEL_ALL, x);
	if (!x->n)
		return err_new(ERR_NOTFOUND, "there is no such memory between 0x%" PRIx64 " and 0x%" PRIx64
					     ": is the start an address of the kind that the options name?",
			       x->start, x->last);
	return NULL;
}

static const char *scope_name(const struct cmd_args *a)
{
	return a->has['p']   ? "physical memory"
	       : a->has['u'] ? "user memory"
	       : a->has['S'] ? "slab objects"
	       : a->has['t'] || a->has['T'] || a->has['a'] ? "kernel stacks"
	       : a->has['K'] ? "the direct map and the kernel image"
	       : a->has['V'] ? "mapped kernel memory"
			     : "kernel memory";
}

static void put_count(struct buf *out, uint64_t n)
{
	if (n >= 1000)
		put_count(out, n / 1000);
	buf_printf(out, n >= 1000 ? ",%03u" : "%u", (unsigned)(n % 1000));
}

/* "searched 12,345 pages; 678 excluded by the filter". */
static void tell_counts(const struct cmd_call *c, const struct search_counts *n, bool enough)
{
	static const struct {
		enum mem_state state;
		const char *what;
	} reasons[] = {
		{MEM_EXCLUDED, "excluded by the dump's filter"},
		{MEM_LOST, "lost or damaged"},
	};
	AUTO_BUF struct buf text = {0};
	bool missing = false;

	buf_puts(&text, "searched ");
	put_count(&text, n->searched);
	buf_puts(&text, n->searched == 1 ? " page" : " pages");
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (!n->absent[reasons[i].state] || enough)
			continue;
		missing = true;
		buf_puts(&text, i == 0 || !n->absent[MEM_EXCLUDED] ? "; " : ", ");
		put_count(&text, n->absent[reasons[i].state]);
		buf_printf(&text, " %s", reasons[i].what);
	}
	if (enough)
		buf_puts(&text, ", then stopped at the count of -n");
	if (n->costly)
		sink_note(c->out, ROLE_WARN, "the pattern takes too long on %" PRIu64 " pieces of up to 64 pages: of these only "
					     "the beginning was searched; make it simpler", n->costly);
	sink_note(c->out, missing ? ROLE_NORMAL : ROLE_DIM, "%s", buf_str(&text));
}

/* The same for crash, as far as it knows the options. */
static void put_crash(const struct cmd_args *a, struct buf *out)
{
	if (a->has['P'] || a->has['a'] || a->has['n'] || a->has['S'] || strstr(a->rest, ".."))
		return;
	buf_puts(out, "search");
	for (const struct cmd_option *o = a->cmd->options; o->letter; o++)
		if (a->has[(unsigned char)o->letter])
			buf_printf(out, " -%c%s%s", o->letter, o->arg ? " " : "",
				   o->arg ? a->value[(unsigned char)o->letter] : "");
	buf_printf(out, " %s", a->rest);
}

static struct err *search_all(struct searching *x, const struct search_query *q)
{
	const struct cmd_call *c = x->c;
	struct search_counts counts = {0};
	AUTO_BUF struct buf crash = {0};

	put_crash(c->args, &crash);
	TRY(sink_begin(c->out, x->scope.tasks[0] ? &search_task_table : &search_table, NULL, buf_str(&crash),
		       "Search of %s for %s", scope_name(c->args), c->args->rest));
	job_set_phase(c->job, "search, pages");
	const struct search_order order = {q, x->scope.v, x->scope.n, on_hit, x, c->job};
	struct err *e = search_run(c->session->mem, &order, &counts);
	if (e && !x->enough)
		return e;
	err_free(e);
	tell_counts(c, &counts, x->enough);
	return NULL;
}

static struct err *run(const struct cmd_call *c)
{
	const struct cmd_args *a = c->args;
	struct searching x = {.c = c, .left = UINT64_MAX};
	struct search_query *q = NULL;

	x.width = a->has['c'] || a->has['P'] ? 0 : a->has['h'] ? 2 : a->has['w'] ? 4 : 8;
	if (a->has['x'])
		TRY(arg_number(a->value['x'], &x.around));
	if (x.around > MAX_CONTEXT)
		return usage_error(a->cmd, "-x takes at most %d", MAX_CONTEXT);
	if (a->has['n'])
		TRY(arg_number(a->value['n'], &x.left));
	if (!x.left)
		return usage_error(a->cmd, "-n 0 would find nothing");
	struct err *e = make_query(c, x.width, &q);
	if (!e)
		e = make_scope(c, &x.scope);
	if (!e)
		e = search_all(&x, q);
	search_query_free(q);
	scope_free(&x.scope);
	buf_free(&x.what);
	return e;
}

const struct cmd cmd_search = {
	.name = "search",
	.group = "memory",
	.summary = "where memory holds a number, a string, a pattern, or a pointer into a range",
	.details =
		"Numbers are 8 bytes at multiples of 8, unless -w or -h; LOW..HIGH finds every number from LOW up to "
		"and with HIGH: all pointers into an object. Strings (-c) and patterns (-P) are found anywhere, also "
		"across pages. Searched is all kernel memory: the direct map, then what the page tables map "
		"(vmalloc, the memory map), the kernel image and modules; or what -K, -V, -p, -u, -t, -T name. What "
		"is both in the direct map and mapped elsewhere is found at both addresses. Pages that the dump "
		"doesn't hold are stepped over; how many is told at the end.\n"
		"A pattern works on bytes: . is any byte, case counts unless it says (?i), and a match reaches at most "
		"4096 bytes over the end of the 64 pages that it begins in.",
	.options = (const struct cmd_option[]){
		{'s', ARG_ADDRESS, "START", "from this address on"},
		{'e', ARG_ADDRESS, "END", "up to this address, without it"},
		{'l', ARG_NUMBER, "LENGTH", "so many bytes"},
		{'k', ARG_NONE, NULL, "all kernel memory; this is so when nothing is told"},
		{'K', ARG_NONE, NULL, "the direct map and the kernel image only"},
		{'V', ARG_NONE, NULL, "all kernel memory but these: vmalloc, modules, the memory map"},
		{'p', ARG_NONE, NULL, "physical memory"},
		{'u', ARG_NONE, NULL, "user memory of the chosen task, or of -a's"},
		{'t', ARG_NONE, NULL, "the kernel stacks of all tasks, or of -a's"},
		{'T', ARG_NONE, NULL, "the kernel stacks of the tasks that were on a CPU"},
		{'S', ARG_CACHE, "CACHE", "the slabs of a cache (`kmem -s` names them)"},
		{'a', ARG_TASK, "TASK", "whose stack or user memory"},
		{'m', ARG_ADDRESS, "MASK", "bits that don't count"},
		{'c', ARG_NONE, NULL, "strings"},
		{'P', ARG_NONE, NULL, "a pcre2 pattern"},
		{'w', ARG_NONE, NULL, "numbers of 4 bytes"},
		{'h', ARG_NONE, NULL, "numbers of 2 bytes"},
		{'x', ARG_NUMBER, "COUNT", "shows so many numbers before and after each"},
		{'n', ARG_NUMBER, "COUNT", "ends after so many results"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"VALUE", ARG_ADDRESS, false, true, "a number, a symbol, an expression, LOW..HIGH; with -c a string, with -P a pattern"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"search init_task", "who points to init_task"},
		{"search -t init_task..init_task+0x1000", "pointers into it on any task's stack"},
		{"search -K -c \"Kernel panic\"", "a string"},
		{"search -p -m ffff babe0000", "the upper half of each word, in physical memory: -m's bits don't count"},
		{"search -P 'vda[0-9]+'", "a pattern"},
		{"search -S dentry -c boot", "a name among the dentries"},
		{0}},
	.table = &search_table,
	.run = run,
};

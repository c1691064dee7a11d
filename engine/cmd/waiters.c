/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who waits for an object, and who holds it: first what its own locks and queues say, then whom the
 * stacks of sleeping tasks give away. A task comes once, with the best that is known.
 */
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/cmd/show.h"
#include "engine/kern/meaning/meaning.h"
#include "engine/kern/memory/identify.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/wait/waiters.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_SIZE (1 << 20) /* of an object whose type nobody knows */

enum { DOES, PID, TASK, ST, SINCE, COMM, WHERE, PATH, FUNCTION, ADDRESS, COLS };
static const struct col cols[COLS] = {
	[DOES] = {"does", "", "holds: owns the lock; waits: is on a wait list, or sleeps in a call that works on the object; "
			      "maybe: only a word of its stack says so", 0, 5, 0},
	[PID] = {"pid", "PID", "thread id", COL_RIGHT, 6, 0},
	[TASK] = {"task", "TASK", "address of its task_struct", COL_DATA, 0, 0},
	[ST] = {"state", "ST", "state, as ps has it", 0, 2, 1},
	[SINCE] = {"since_ns", "SINCE", "time since it was last put on its CPU", COL_RIGHT, 10, 1},
	[COMM] = {"comm", "COMM", "name", 0, 0, 0},
	[WHERE] = {"where", "WHERE", "the lock or queue, or the variable that leads to the object, and its function",
		   COL_SCREEN | COL_GROW, 0, 0},
	[PATH] = {"path", "", "member that is waited for, or how a variable leads to the object", COL_DATA, 0, 0},
	[FUNCTION] = {"function", "", "whose variable or frame that is", COL_DATA, 0, 0},
	[ADDRESS] = {"address", "", "of the lock or queue, or the value found on the stack", COL_DATA, 0, 0},
};
static const struct table waiters_table = {.name = "waiters", .cols = cols, .ncols = COLS};

struct listing {
	const struct cmd_call *c;
	struct hmap told; /* of which task_structs */
	bool queued;	     /* the queues are being read */
	size_t n;
};

static struct err *row(struct listing *l, const struct waiter *w)
{
	const struct task *t = w->task;
	bool stack = w->kind == WAITER_STACK || w->kind == WAITER_WORD;
	struct ref ref = stack ? ref_frame(t->addr, (unsigned)w->frame, (unsigned)w->level)
			       : ref_addr(REF_TASK, t->addr);
	AUTO_BUF struct buf where = {0};
	char key[48];

	if (!stack)
		buf_puts(&where, w->path[0] ? w->path : "itself");
	else
		buf_printf(&where, "%s%s%s", w->kind == WAITER_WORD ? "a word on the stack" : w->path,
			   w->function ? " in " : "", w->function ? w->function : "");
	enum role role = w->kind == WAITER_HOLDS ? ROLE_BAD : w->kind == WAITER_WORD ? ROLE_DIM : ROLE_WARN;
	struct cell v[COLS] = {
		[DOES] = cell_text(w->kind == WAITER_HOLDS ? "holds" : w->kind == WAITER_WORD ? "maybe" : "waits"),
		[PID] = cell_int(t->pid),
		[TASK] = cell_addr(t->addr),
		[ST] = cell_text(t->letters),
		[SINCE] = t->faults >> TF_SINCE & 1 ? cell_fault(t->why)
			: t->absent >> TF_SINCE & 1 ? cell_absent() : cell_ns(t->since_ns),
		[COMM] = cell_role(cell_text(t->comm), role),
		[WHERE] = cell_link(cell_text(buf_str(&where)), ref),
		[PATH] = w->path[0] ? cell_text(w->path) : cell_absent(),
		[FUNCTION] = w->function ? cell_text(w->function) : cell_absent(),
		[ADDRESS] = cell_addr(w->addr),
	};
	snprintf(key, sizeof(key), "%d %" PRIx64, t->pid, w->addr);
	l->n++;
	return sink_row(l->c->out, &(struct row){.cells = v, .key = key, .ref = ref, .role = role});
}

static struct err *on_waiter(void *ctx, const struct waiter *w)
{
	struct listing *l = ctx;
	bool added;

	hmap_put(&l->told, w->task->addr, &added);
	return added || l->queued ? row(l, w) : NULL;
}

/* ---- which object ---- */

struct waited {
	const struct type *type; /* NULL: not known */
	uint64_t addr, size;
};

struct guess {
	struct ref ref;
	uint64_t size;
};

static struct err *first_object(void *ctx, const struct ident *id, bool *more)
{
	struct guess *g = ctx;
	bool thing = id->kind == IDENT_SYMBOL || id->kind == IDENT_SLAB || id->kind == IDENT_PERCPU;

	if (thing && !id->offset && !g->size)
		g->size = id->size;
	if (id->ref.kind == REF_OBJECT && !id->offset) {
		g->ref = id->ref;
		*more = false;
	}
	return NULL;
}

/* What lies at the address, as far as its slab cache or a symbol knows it. */
static void guess_waited(const struct cmd_call *c, struct waited *o)
{
	struct session *s = c->session;
	struct guess g = {0};
	struct ident_ask ask = {.addr = o->addr, .deep = true, .job = c->job};
	struct sym sym;
	uint64_t off;

	err_free(identify(s, &ask, first_object, &g));
	if (g.ref.kind && g.ref.name)
		err_free(type_find(s->types, g.ref.name, c->job, &o->type));
	else if (sym_at(s->symtab, o->addr, &sym, &off) && !off)
		err_free(type_of_symbol(s->types, sym.object, sym.name, c->job, &o->type));
	if (g.size && g.size < MAX_SIZE)
		o->size = g.size;
}

/* "ADDRESS", "TYPE ADDRESS" or a ref: the type may be of several words. */
static struct err *find_waited(const struct cmd_call *c, struct waited *o)
{
	const struct cmd_args *a = c->args;
	AUTO_BUF struct buf name = {0};
	struct ref r;

	*o = (struct waited){.size = 8};
	if (strchr(a->rest, '@') && err_ok(ref_parse(a->rest, c->session->intern, &r)) && r.kind == REF_OBJECT) {
		o->addr = r.addr;
		return module_type_find(c->session, r.name, c->job, &o->type);
	}
	TRY(arg_place(c, a->v[a->n - 1], &o->addr));
	for (size_t i = 0; i + 1 < a->n; i++)
		buf_printf(&name, "%s%s", i ? " " : "", a->v[i]);
	if (a->n > 1)
		return find_type(c, "struct", buf_str(&name), &o->type);
	guess_waited(c, o);
	return NULL;
}

static struct err *list(struct listing *l, const struct waited *o)
{
	const struct cmd_call *c = l->c;
	bool all = c->args->has['a'];
	uint64_t size = o->type ? type_size(o->type) : o->size;

	l->queued = true;
	if (o->type)
		TRY(waiters_queued(c->session, o->type, o->addr, c->job, on_waiter, l));
	l->queued = false;
	TRY(waiters_on_stacks(c->session, o->type, o->addr, size, all, c->job, on_waiter, l));
	if (!l->n)
		sink_note(c->out, ROLE_NORMAL, "nobody waits: no wait list in it has a task, and no stack of a task in %s "
			  "leads there%s", all ? "UN, IN or ID" : "UN", all ? "" : " (-a: of all that sleep)");
	return NULL;
}

static struct err *run(const struct cmd_call *c)
{
	struct listing l = {.c = c};
	AUTO_BUF struct buf name = {0}, meaning = {0};
	struct waited o;

	TRY(find_waited(c, &o));
	if (!c->session->arch->is_kernel(mem_layout(c->session->mem), o.addr))
		return err_new(ERR_USAGE, "0x%" PRIx64 " is no address of the kernel", o.addr);
	if (o.type) {
		type_print_name(o.type, &name);
		meaning_of_object(c->session, o.type, o.addr, &meaning);
	}
	struct ref ref = o.type ? ref_object(intern_str(c->session->intern, buf_str(&name)), o.addr)
				: ref_addr(REF_MEM, o.addr);
	TRY(sink_begin(c->out, &waiters_table, &ref, "", "Waiters of %s%s0x%" PRIx64 "%s%s", buf_str(&name),
		       name.len ? " " : "", o.addr, meaning.len ? "  " : "", buf_str(&meaning)));
	struct err *e = list(&l, &o);
	hmap_free(&l.told);
	return e;
}

const struct cmd cmd_waiters = {
	.name = "waiters",
	.group = "tasks",
	.summary = "the tasks that wait for an object, and who holds its locks",
	.details = "Of a lock, wait queue, completion or semaphore, or of any struct that has some in it: the tasks on "
		   "their wait lists and the locks' owners. Then the tasks in UN that have a variable, somewhere on "
		   "their stacks, which points into the object or has a pointer to it.",
	.options = (const struct cmd_option[]){
		{'a', ARG_NONE, NULL, "stacks of all tasks that sleep, not only of those in UN"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"[TYPE] ADDRESS", ARG_ADDRESS, false, true, "the object; its type is found out for symbols, and for "
		 "slab objects, as `what` does it"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"waiters super_block ffff888003fbd000", "who waits for a frozen filesystem"},
		{"waiters namespace_sem", "who holds and who waits for a lock"},
		{0}},
	.table = &waiters_table,
	.run = run,
};

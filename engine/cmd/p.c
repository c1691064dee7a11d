/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The value of an expression. Structs and arrays fill the view with their members, whose paths follow
 * the expression; all else is one row under the expression's own text. An expression of several CPUs
 * (`runqueues:a`) has a row for each.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/show.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/stack/exprscope.h"
#include <inttypes.h>
#include <string.h>

static struct show_style style_of(const struct cmd_call *c)
{
	return (struct show_style){.hex = c->args->has['x'] || c->args->cmd == &cmd_px};
}

/* Is it shown by its members? */
static bool has_members(const struct expr_value *v)
{
	const struct type *t = type_strip(v->type);
	enum type_kind k = type_kind(t);

	if (v->kind != EXPR_PLACE)
		return false;
	return k == TYPE_STRUCT || k == TYPE_UNION ||
	       (k == TYPE_ARRAY && !type_is_char(type_strip(type_target(t))));
}

static const char *type_text(struct session *s, const struct type *t)
{
	AUTO_BUF struct buf name = {0};

	type_print_name(t, &name);
	return intern_str(s->intern, buf_str(&name));
}

static struct show_object object_of(struct session *s, const struct expr_value *v, const char *path)
{
	return (struct show_object){.type = v->type, .space = v->space, .addr = v->addr, .base = v->addr,
				    .bit_offset = v->bit_offset, .bit_size = v->bit_size,
				    .root = type_text(s, v->type), .path = path,
				    .in = v->in, .member = path};
}

/* A value that has no place in memory. */
static struct err *show_number(const struct cmd_call *c, const struct expr_value *v, const char *name,
			       const struct show_style *style)
{
	bool hex = style->hex || (name[0] == '$' && !strpbrk(name, " +-*/%&|^<>=!?")); /* a register */
	struct type_place place = {v->type, 0, v->kind == EXPR_BYTES ? v->bit_offset : 0,
				   v->kind == EXPR_BYTES ? v->bit_size : 0};
	const void *bytes = v->kind == EXPR_BYTES ? (const void *)v->bytes : &v->u;
	size_t n = v->kind == EXPR_BYTES ? v->size : sizeof(v->u);
	enum type_kind k = type_kind(type_strip(v->type));
	struct shown shown;

	if (k == TYPE_STRUCT || k == TYPE_UNION) {
		show_line(c->session, v->type, bytes, n, MEM_LOST, &shown);
	} else {
		show_scalar(c->session, &place, bytes, n, MEM_LOST, hex, &shown);
		show_meaning(c->session, &(struct meaning_query){.type = v->type, .in = v->in,
								 .member = show_last_name(name)}, hex, &shown);
	}
	struct err *e = show_one(c, name, &place, &shown);
	shown_free(&shown);
	return e;
}

static struct err *show_value(const struct cmd_call *c, const struct expr_env *env,
			      const struct expr_value *v, const char *name)
{
	struct show_style style = style_of(c);
	struct expr_value pointer;

	if (v->kind != EXPR_PLACE)
		return show_number(c, v, name, &style);
	if (type_kind(type_strip(v->type)) == TYPE_FUNCTION) {
		TRY(expr_load(env, v, &pointer));
		return show_number(c, &pointer, name, &style);
	}
	struct show_object o = object_of(c->session, v, name);
	return show_member(c, &o, &style);
}

static struct err *print_one(const struct cmd_call *c, const struct expr_env *env, const struct expr *e,
			     const char *text)
{
	struct show_style style = style_of(c);
	struct expr_value v;
	struct ref ref = {0};

	TRY(expr_eval(e, 0, &v));
	const char *type = type_text(c->session, v.type);
	if (v.kind == EXPR_PLACE && v.space.kind == SPACE_KERNEL && !v.bit_size)
		ref = ref_object(type, v.addr);
	AUTO_FREE char *crash = xasprintf("%s%s %s", c->args->cmd->name, c->args->has['x'] ? " -x" : "", text);
	TRY(sink_begin(c->out, &show_table, &ref, crash, "%s %s", type, text));
	if (!has_members(&v))
		return show_value(c, env, &v, text);
	struct show_object o = object_of(c->session, &v, "");
	o.member = text;
	return show_object(c, &o, &style);
}

static struct err *print_cpus(const struct cmd_call *c, const struct expr_env *env, const struct expr *e,
			      const char *text)
{
	const struct type *t;

	TRY(expr_type(e, &t));
	AUTO_FREE char *crash = xasprintf("%s %s", c->args->cmd->name, text);
	TRY(sink_begin(c->out, &show_table, NULL, crash, "%s %s", type_text(c->session, t), text));
	for (unsigned cpu = 0; cpu < c->session->ncpus; cpu++) {
		AUTO_BUF struct buf name = {0};
		struct expr_value v;
		if (!expr_has_cpu(e, cpu))
			continue;
		expr_cpu_text(e, cpu, &name);
		struct err *err = expr_eval(e, cpu, &v);
		if (err && err_code(err) == ERR_CANCELLED)
			return err;
		if (err) { /* that CPU's own trouble */
			sink_note(c->out, ROLE_WARN, "%s: %s", buf_str(&name), err_text(err));
			err_free(err);
			continue;
		}
		TRY(show_value(c, env, &v, buf_str(&name)));
	}
	return NULL;
}

static struct err *print(const struct cmd_call *c, struct expr_scope *x, const char *text)
{
	struct expr_env *env = expr_scope_env(x);
	struct expr *e;

	TRY(expr_parse(env, text, &e));
	struct err *err = expr_for_cpus(e) ? print_cpus(c, env, e, text) : print_one(c, env, e, text);
	expr_free(e);
	return err;
}

/* "TYPE@ADDRESS" of any type: what links to pointers, arrays and scalars open. */
static struct err *print_ref(const struct cmd_call *c, const struct ref *r, const struct type *t)
{
	struct show_style style = style_of(c);
	struct expr_value v = {.kind = EXPR_PLACE, .space = KERNEL, .type = t, .addr = r->addr};

	AUTO_BUF struct buf pointer = {0};
	type_print_name(type_pointer_to(c->session->types, v.type), &pointer);
	AUTO_FREE char *crash = xasprintf("p *(%s)0x%" PRIx64, buf_str(&pointer), r->addr);
	struct show_object o = object_of(c->session, &v, has_members(&v) ? "" : crash + 2);
	TRY(sink_begin(c->out, &show_table, r, crash, "%s 0x%" PRIx64, r->name, r->addr));
	return has_members(&v) ? show_object(c, &o, &style) : show_member(c, &o, &style);
}

static struct err *run(const struct cmd_call *c)
{
	const char *text = c->args->rest;
	const struct type *t;
	struct ref r;

	if (strchr(text, '@') && err_ok(ref_parse(text, c->session->intern, &r)) &&
	    r.kind == REF_OBJECT && !strchr(r.name, '.') &&
	    err_ok(module_type_find(c->session, r.name, c->job, &t))) /* else it is `variable@count` */
		return print_ref(c, &r, t);
	struct expr_scope *x = arg_scope(c);
	struct err *e = print(c, x, text);
	expr_scope_destroy(x);
	return e;
}

static const struct cmd_option options[] = {
	{'x', ARG_NONE, NULL, "integers in hexadecimal"},
	{'d', ARG_NONE, NULL, "integers in decimal, as is usual"},
	{0}};
static const struct cmd_arg args[] = {
	{"EXPRESSION", ARG_EXPR, false, true, "a C expression over the dump"},
	{0}};
#define DETAILS                                                                                              \
	"Anything that C could say of the kernel's data: members, pointers, arrays, casts, arithmetic, sizeof, " \
	"container_of, offsetof, per_cpu, enumerators, gdb's x@4 for 4 in a row. Names are variables of the chosen frame, symbols and "    \
	"enumerators; $rdi is a register of the frame, `current` the chosen task. Per-CPU variables take a CPU " \
	"(runqueues:1), several (:0-1) or all (:a, as without any). The types come from the debug info; for a "  \
	"static variable that may take a moment the first time."

const struct cmd cmd_p = {
	.name = "p",
	.aliases = "print",
	.group = "memory",
	.summary = "the value of a C expression",
	.details = DETAILS,
	.options = options,
	.args = args,
	.examples = (const struct cmd_example[]){
		{"p sysctl_hung_task_timeout_secs", "a number"},
		{"p init_task.comm", "a member"},
		{"p runqueues:1.clock", "a member of CPU 1's copy"},
		{"p init_task.nsproxy->uts_ns->name.release", "along pointers"},
		{"p *container_of(init_task.tasks.next, struct task_struct, tasks)", "the object around a list's node"},
		{"p sizeof(struct task_struct) * nr_threads", "arithmetic"},
		{0}},
	.table = &show_table,
	.run = run,
};

const struct cmd cmd_px = {
	.name = "px",
	.aliases = "p/x",
	.group = "memory",
	.summary = "the value of a C expression, in hexadecimal",
	.details = DETAILS,
	.options = options,
	.args = args,
	.examples = (const struct cmd_example[]){
		{"px init_task.flags", "a member"},
		{0}},
	.table = &show_table,
	.run = run,
};

const struct cmd cmd_pd = {
	.name = "pd",
	.aliases = "p/d",
	.group = "memory",
	.summary = "the value of a C expression, in decimal",
	.details = DETAILS,
	.options = options,
	.args = args,
	.examples = (const struct cmd_example[]){
		{"pd jiffies", "a variable"},
		{0}},
	.table = &show_table,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nothing is looked for before a name asks for it: the stack is walked when an expression has a
 * name that may be a variable, a lost parameter is recovered when its value is wanted.
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/near.h"
#include "engine/dis/args.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/stack/codeplace.h"
#include "engine/kern/stack/exprscope.h"
#include "engine/kern/task/tasks.h"
#include "engine/type/value.h"
#include "engine/unwind/vars.h"

#define MAX_FRAMES 256

struct expr_scope {
	struct expr_env env;
	struct session *s;
	struct job *job;
	uint64_t task;
	unsigned frame, level;
	bool walked; /* stack and vars are filled as far as they can be */
	struct stack stack;
	struct var *vars;
	size_t nvars;
};

/* ---- symbols ---- */

/* vmlinux' come first: nobody waits for the modules who doesn't need them. */
static bool find_symbol(void *ctx, const char *name, struct sym *ret)
{
	struct expr_scope *x = ctx;
	const struct modules *m;

	if (sym_find(x->s->symtab, name, ret))
		return true;
	return err_ok(modules_load(x->s, x->job, &m)) && sym_find(x->s->symtab, name, ret);
}

/* Among the symbols that begin alike: the first letter nobody mistypes. */
static void near_symbols(void *ctx, const char *name, struct buf *out)
{
	enum { MAX_NEAR = 40000, SURE = 1 };
	struct expr_scope *x = ctx;
	AUTO_FREE char *start = xstrndup(name, SURE);
	AUTO_FREE const char **v = xcalloc(MAX_NEAR, sizeof(*v));

	if (strlen(name) > SURE)
		near_names(name, v, sym_complete(x->s->symtab, start, v, MAX_NEAR), out);
}

static struct err *percpu_offset(void *ctx, unsigned cpu, uint64_t *ret)
{
	struct expr_scope *x = ctx;

	return kern_percpu_offset(x->s, cpu, ret);
}

/* ---- the frame ---- */

static bool has_frame(const struct expr_scope *x)
{
	return x->frame < x->stack.n && !x->stack.frames[x->frame].user;
}

/* The parameters by the prototype, when there is no DWARF: their values are recovered if anybody asks. */
static void prototype_vars(struct expr_scope *x)
{
	const struct frame *f = &x->stack.frames[x->frame];
	struct arg_param p[MAX_ARG_PARAMS];
	size_t n;

	args_params(&(struct args_sources){x->s->dis, x->s->lines, x->s->types},
		    f->exact ? f->pc : f->pc - 1, x->job, p, &n);
	x->vars = xcalloc(n ? n : 1, sizeof(*x->vars));
	for (x->nvars = 0; x->nvars < n; x->nvars++)
		x->vars[x->nvars] = (struct var){.name = p[x->nvars].name, .type = p[x->nvars].type,
						 .is_param = true, .state = VAR_OPTIMIZED_OUT};
}

static void walk(struct expr_scope *x)
{
	const struct tasks *ts;
	const struct task *t;
	struct session *s = x->s;

	if (x->walked)
		return;
	x->walked = true;
	if (!x->task || !err_ok(tasks_load(s, x->job, &ts)) || !(t = task_by_addr(ts, x->task)))
		return;
	task_stack(s, t, MAX_FRAMES, &x->stack);
	const struct frame_scope at = {s->unwinder, s->lines, s->types, &x->stack, x->frame, x->level};
	if (has_frame(x) && !err_ok(frame_vars(&at, true, &x->vars, &x->nvars)))
		prototype_vars(x);
}

/* Is the scope the function itself, not a call inlined into it? Only that was given registers. */
static bool is_function(struct expr_scope *x)
{
	const struct frame *f = &x->stack.frames[x->frame];
	const struct line_scope *scopes;
	size_t n;

	return !err_ok(lines_at(x->s->lines, f->object, f->exact ? f->pc : f->pc - 1, &scopes, &n)) ||
	       x->level == n - 1;
}

static void recover(struct expr_scope *x, struct var *v)
{
	const struct frame *f = &x->stack.frames[x->frame];
	struct arg_param p[MAX_ARG_PARAMS];
	size_t n;

	if (!v->is_param || !is_function(x))
		return;
	args_params(&(struct args_sources){x->s->dis, x->s->lines, x->s->types},
		    f->exact ? f->pc : f->pc - 1, x->job, p, &n);
	struct args *args = args_create(x->s->flow, &x->stack);
	for (size_t i = 0; i < n; i++) {
		struct arg_value a;
		if (strcmp(p[i].name, v->name))
			continue;
		args_entry(args, x->frame, p[i].reg, false, &a);
		if (p[i].size > 8 || !a.bits || a.bits < p[i].size * 8)
			continue;
		v->type = v->type ? v->type : p[i].type;
		v->state = VAR_VALUE;
		v->size = (size_t)p[i].size;
		memcpy(v->bytes, &a.value, sizeof(a.value));
	}
	args_destroy(args);
}

static void value_of_bytes(const struct var *v, struct expr_value *ret)
{
	const struct type_place place = {.type = v->type};
	struct scalar s;

	*ret = (struct expr_value){.kind = EXPR_BYTES, .type = v->type, .size = v->size};
	memcpy(ret->bytes, v->bytes, v->size < sizeof(ret->bytes) ? v->size : sizeof(ret->bytes));
	if (err_ok(scalar_decode(&place, v->bytes, v->size, &s))) {
		ret->kind = EXPR_NUMBER;
		ret->u = s.u;
	}
}

/* Of the frame, for a message. */
static const char *function_name(struct expr_scope *x)
{
	const struct frame *f = &x->stack.frames[x->frame];
	struct code_place place;
	if (f->user)
		return "user space";
	size_t n = code_place_at(x->s, f->object, f->pc, f->exact, &place);
	struct code_call call = code_place_call(&place, x->level < n ? x->level : n - 1);

	return call.function ? call.function : "this frame";
}

static struct err *value_of(struct expr_scope *x, struct var *v, struct expr_value *ret)
{
	if (v->state == VAR_OPTIMIZED_OUT || v->state == VAR_UNKNOWN)
		recover(x, v);
	if (v->state == VAR_MEMORY && v->type) {
		*ret = (struct expr_value){.kind = EXPR_PLACE, .type = v->type, .space = KERNEL,
					   .addr = v->addr};
		return NULL;
	}
	if (v->state == VAR_VALUE && v->type) {
		value_of_bytes(v, ret);
		return NULL;
	}
	return err_new(ERR_NOTFOUND, "%s has no value in %s: %s", v->name, function_name(x), v->state == VAR_OPTIMIZED_OUT ? "it is optimized out" :
		       v->why[0] ? v->why : "its type isn't known");
}

static struct err *find_type(void *ctx, const char *name, const struct type **ret)
{
	struct expr_scope *x = ctx;

	return module_type_find(x->s, name, x->job, ret);
}

static struct err *current_task(struct expr_scope *x, struct expr_value *ret)
{
	*ret = (struct expr_value){.kind = EXPR_NUMBER, .u = x->task};
	return type_find(x->s->types, "struct task_struct *", x->job, &ret->type);
}

static struct err *find_variable(void *ctx, const char *name, bool *found, struct expr_value *ret)
{
	struct expr_scope *x = ctx;
	struct sym sym;

	walk(x);
	for (size_t i = x->nvars; i-- > 0;) /* inner blocks come last */
		if (!strcmp(x->vars[i].name, name)) {
			*found = true;
			return value_of(x, &x->vars[i], ret);
		}
	*found = x->task && !strcmp(name, "current") && !find_symbol(x, name, &sym);
	return *found ? current_task(x, ret) : NULL;
}

static struct err *no_register(struct expr_scope *x, const char *name)
{
	const struct arch *a = x->s->arch;
	AUTO_BUF struct buf known = {0};

	for (size_t i = 0; i < a->nregs; i++)
		if (regs_has(&x->stack.frames[x->frame].regs, (unsigned)a->regs[i].dwarf))
			buf_printf(&known, " %s", a->regs[i].name);
	return err_new(ERR_NOTFOUND, "register %s isn't known in %s; known are:%s (`bt -R` tells what a "
				     "call was given)", name, function_name(x), buf_str(&known));
}

static struct err *find_register(void *ctx, const char *name, uint64_t *ret)
{
	struct expr_scope *x = ctx;
	const struct arch *a = x->s->arch;

	walk(x);
	if (x->frame >= x->stack.n)
		return err_new(ERR_NOTFOUND, "there is no frame to have registers: choose a task (`set PID`)");
	const struct frame *f = &x->stack.frames[x->frame];
	for (size_t i = 0; i < a->nregs; i++) {
		unsigned n = (unsigned)a->regs[i].dwarf;
		bool same = !strcmp(a->regs[i].name, name) || (!strcmp(name, "pc") && n == a->reg_pc) ||
			    (!strcmp(name, "sp") && n == a->reg_sp) || (!strcmp(name, "fp") && n == a->reg_fp);
		if (!same || !regs_has(&f->regs, n))
			continue;
		*ret = f->regs.v[n];
		return NULL;
	}
	return no_register(x, name);
}

const char *expr_scope_variable(struct expr_scope *x, size_t i)
{
	walk(x);
	return i < x->nvars ? x->vars[i].name : NULL;
}

struct expr_scope *expr_scope_create(struct session *s, uint64_t task, unsigned frame, unsigned level,
				     struct job *job)
{
	struct expr_scope *x = xcalloc(1, sizeof(*x));

	x->s = s;
	x->job = job;
	x->task = task;
	x->frame = frame;
	x->level = level;
	x->env = (struct expr_env){.types = s->types, .mem = s->mem, .job = job, .ctx = x, .ncpus = s->ncpus,
				   .symbol = find_symbol, .near = near_symbols, .type = find_type, .percpu = percpu_offset,
				   .variable = find_variable, .reg = find_register};
	return x;
}

void expr_scope_destroy(struct expr_scope *x)
{
	if (!x)
		return;
	stack_free(&x->stack);
	free(x->vars);
	free(x);
}

struct expr_env *expr_scope_env(struct expr_scope *x)
{
	return &x->env;
}

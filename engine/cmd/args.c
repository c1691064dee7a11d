/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/kern/stack/exprscope.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool whole_number(const char *s, int base, uint64_t *ret)
{
	char *end;

	if (!*s || strchr("+- ", *s))
		return false;
	errno = 0;
	*ret = strtoull(s, &end, base);
	return !errno && !*end;
}

struct err *arg_number(const char *text, uint64_t *ret)
{
	bool hex = !strncmp(text, "0x", 2);

	if (whole_number(text, hex ? 16 : 10, ret))
		return NULL;
	return err_new(ERR_USAGE, "'%s' is not a number", text);
}

/* A ref's address, when the text is one. */
static bool ref_address(struct session *s, const char *text, uint64_t *ret)
{
	struct ref r;
	struct sym sym;

	if (!strpbrk(text, ":@") || !err_ok(ref_parse(text, s->intern, &r)))
		return false;
	if (r.kind == REF_SYM && sym_find(s->symtab, r.name, &sym)) {
		*ret = sym.addr;
		return true;
	}
	if (r.kind == REF_SYM || r.kind == REF_LOG || r.kind == REF_CPU || r.kind == REF_SRC)
		return false;
	*ret = r.kind == REF_USER ? r.aux : r.addr;
	return true;
}

static struct err *expression_address(struct expr_scope *x, const char *text, uint64_t *ret)
{
	struct expr_env *env = expr_scope_env(x);
	struct expr_value v;
	struct expr *e;

	env->address = true;
	TRY(expr_parse(env, text, &e));
	struct err *err = expr_eval(e, 0, &v);
	expr_free(e);
	return err ? err : expr_address(env, &v, ret);
}

static struct err *address_in(struct session *s, const struct context *ctx, struct job *job,
			      const char *text, uint64_t *ret)
{
	struct sym sym;

	if (!strncmp(text, "0x", 2) && whole_number(text, 16, ret))
		return NULL;
	if (ref_address(s, text, ret))
		return NULL;
	if (!sym_find(s->symtab, text, &sym) && whole_number(text, 16, ret))
		return NULL;
	struct expr_scope *x = ctx && ctx->task.kind == REF_TASK
		? expr_scope_create(s, ctx->task.addr, ctx->frame, ctx->level, job)
		: expr_scope_create(s, 0, 0, 0, job);
	struct err *e = expression_address(x, text, ret);
	expr_scope_destroy(x);
	return e;
}

struct err *arg_address(struct session *s, const char *text, uint64_t *ret)
{
	return address_in(s, NULL, NULL, text, ret);
}

struct err *arg_place(const struct cmd_call *c, const char *text, uint64_t *ret)
{
	return address_in(c->session, c->ctx, c->job, text, ret);
}

struct expr_scope *arg_scope(const struct cmd_call *c)
{
	const struct ref *t = &c->ctx->task;

	return expr_scope_create(c->session, t->kind == REF_TASK ? t->addr : 0, c->ctx->frame, c->ctx->level,
				 c->job);
}

/* "pid", "task address", "task:0x...", "frame:0x...:4.1". */
static const struct task *find_task(struct session *s, const struct tasks *ts, const char *text)
{
	uint64_t v;
	const struct task *t;

	if (whole_number(text, 10, &v) && v <= INT32_MAX && (t = task_by_pid(ts, (int32_t)v)))
		return t;
	return err_ok(arg_address(s, text, &v)) ? task_by_addr(ts, v) : NULL;
}

struct err *arg_task(const struct cmd_call *c, const char *text, const struct task **ret)
{
	const struct tasks *ts;

	TRY(tasks_load(c->session, c->job, &ts));
	if (!text || !*text) {
		*ret = c->ctx->task.kind ? task_by_addr(ts, c->ctx->task.addr) : NULL;
		return *ret ? NULL : err_new(ERR_USAGE, "no task is chosen: give a pid, or `set PID`");
	}
	*ret = find_task(c->session, ts, text);
	if (*ret)
		return NULL;
	return err_new(ERR_NOTFOUND, "no task '%s': expected a pid or the address of a task_struct "
				     "(`ps` lists them)", text);
}

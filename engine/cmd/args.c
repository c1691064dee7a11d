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

static struct expr_scope *scope_of(struct session *s, const struct context *ctx, struct job *job)
{
	if (!ctx || ctx->task.kind != REF_TASK)
		return expr_scope_create(s, 0, 0, 0, job);
	return expr_scope_create(s, ctx->task.addr, ctx->frame, ctx->level, job);
}

/* Who gets the addresses. name: of one among several, else NULL. */
struct receiver {
	arg_place_fn *fn;
	void *ctx;
	bool many; /* takes more than one */
};

static struct err *each_cpu(struct session *s, const struct expr_env *env, const struct expr *e,
			    const struct receiver *to)
{
	struct expr_value v;
	uint64_t addr;

	for (unsigned cpu = 0; cpu < s->ncpus; cpu++) {
		AUTO_BUF struct buf name = {0};
		if (!expr_has_cpu(e, cpu))
			continue;
		TRY(expr_eval(e, cpu, &v));
		TRY(expr_address(env, &v, &addr));
		expr_cpu_text(e, cpu, &name);
		TRY(to->fn(to->ctx, buf_str(&name), addr));
	}
	return NULL;
}

static struct err *evaluate(struct session *s, const struct expr_env *env, const struct expr *e,
			    const struct receiver *to)
{
	struct expr_value v;
	uint64_t addr;

	if (expr_for_cpus(e) && to->many)
		return each_cpu(s, env, e, to);
	if (expr_for_cpus(e))
		return err_new(ERR_USAGE, "one address is wanted here: name one CPU (:0)");
	TRY(expr_eval(e, 0, &v));
	TRY(expr_address(env, &v, &addr));
	return to->fn(to->ctx, NULL, addr);
}

static struct err *expression_address(struct session *s, struct expr_scope *x, const char *text,
				      const struct receiver *to)
{
	struct expr_env *env = expr_scope_env(x);
	struct expr *e;

	env->address = true;
	env->one_cpu = !to->many;
	TRY(expr_parse(env, text, &e));
	struct err *err = evaluate(s, env, e, to);
	expr_free(e);
	return err;
}

/* What needs no expression to be told. */
static bool plain_address(struct session *s, const char *text, uint64_t *ret)
{
	struct sym sym;

	if (!strncmp(text, "0x", 2) && whole_number(text, 16, ret))
		return true;
	if (ref_address(s, text, ret))
		return true;
	return whole_number(text, 16, ret) && !sym_find(s->symtab, text, &sym);
}

static struct err *address_in(struct session *s, const struct context *ctx, struct job *job,
			      const char *text, const struct receiver *to)
{
	uint64_t addr;

	if (plain_address(s, text, &addr))
		return to->fn(to->ctx, NULL, addr);
	struct expr_scope *x = scope_of(s, ctx, job);
	struct err *e = expression_address(s, x, text, to);
	expr_scope_destroy(x);
	return e;
}

static struct err *take_one(void *ctx, const char *name, uint64_t addr)
{
	(void)name;
	*(uint64_t *)ctx = addr;
	return NULL;
}

/* "1000" may have been meant as a decimal number; nobody should have to guess how it was taken. */
static void tell_hexadecimal(const struct cmd_call *c, const char *text)
{
	size_t n = strlen(text);
	struct sym sym;

	if (n < 2 || n > 9 || text[0] == '0' || strspn(text, "0123456789") != n || sym_find(c->session->symtab, text, &sym))
		return;
	sink_note(c->out, ROLE_DIM, "%s is taken as hexadecimal: 0x%s (decimal: `eval %s`)", text, text, text);
}

struct err *arg_place(const struct cmd_call *c, const char *text, uint64_t *ret)
{
	tell_hexadecimal(c, text);
	return address_in(c->session, c->ctx, c->job, text, &(struct receiver){take_one, ret, false});
}

struct err *arg_places(const struct cmd_call *c, const char *text, arg_place_fn *fn, void *ctx)
{
	tell_hexadecimal(c, text);
	return address_in(c->session, c->ctx, c->job, text, &(struct receiver){fn, ctx, true});
}

struct expr_scope *arg_scope(const struct cmd_call *c)
{
	return scope_of(c->session, c->ctx, c->job);
}

struct err *arg_count(const char *text, int64_t *ret)
{
	uint64_t v;
	bool minus = text[0] == '-';

	TRY(arg_number(text + minus, &v));
	if (!v || v > INT32_MAX)
		return err_new(ERR_USAGE, "a count of %s is out of range", text);
	*ret = minus ? -(int64_t)v : (int64_t)v;
	return NULL;
}

/* "pid", "task address", "task:0x...", "frame:0x...:4.1". */
static const struct task *find_task(const struct cmd_call *c, const struct tasks *ts, const char *text)
{
	uint64_t v;
	const struct task *t;

	if (whole_number(text, 10, &v) && v <= INT32_MAX && (t = task_by_pid(ts, (int32_t)v)))
		return t;
	const struct receiver one = {take_one, &v, false};
	return err_ok(address_in(c->session, c->ctx, c->job, text, &one)) ? task_by_addr(ts, v) : NULL;
}

struct err *arg_task(const struct cmd_call *c, const char *text, const struct task **ret)
{
	const struct tasks *ts;

	TRY(tasks_load(c->session, c->job, &ts));
	if (!text || !*text) {
		*ret = c->ctx->task.kind ? task_by_addr(ts, c->ctx->task.addr) : NULL;
		return *ret ? NULL : err_new(ERR_USAGE, "no task is chosen: give a pid, or `set PID`");
	}
	*ret = find_task(c, ts, text);
	if (*ret)
		return NULL;
	return err_new(ERR_NOTFOUND, "no task '%s': expected a pid or the address of a task_struct "
				     "(`ps` lists them)", text);
}

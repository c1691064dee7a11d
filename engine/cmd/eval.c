/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A number in all its forms. The expression is read as addresses are: a symbol is its address, and
 * constants have 64 bits.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/kern/stack/exprscope.h"
#include <inttypes.h>
#include <stdio.h>

enum { KEY, VALUE, COLS };
static const struct col cols[COLS] = {
	[KEY] = {"key", "", "the form", 0, 12, 0},
	[VALUE] = {"value", "", "the number in it", COL_GROW, 0, 0},
};
static const struct table eval_table = {.name = "eval", .cols = cols, .ncols = COLS};

static struct err *row(const struct cmd_call *c, const char *key, const char *value, struct ref ref)
{
	struct cell v[COLS] = {
		[KEY] = cell_role(cell_text(key), ROLE_NAME),
		[VALUE] = cell_link(cell_text(value), ref),
	};

	return sink_row(c->out, &(struct row){.cells = v, .key = key, .ref = ref});
}

/* "8MB", when it is a round number of them. */
static void put_size(uint64_t v, struct buf *out)
{
	static const struct { const char *unit; unsigned shift; } units[] = {
		{"GB", 30}, {"MB", 20}, {"KB", 10}};

	for (size_t i = 0; i < 3; i++)
		if (v >> units[i].shift && !(v & ((1ull << units[i].shift) - 1)) && v >> 63 == 0) {
			buf_printf(out, "  (%" PRIu64 "%s)", v >> units[i].shift, units[i].unit);
			return;
		}
}

static void put_bits(uint64_t v, struct buf *out)
{
	for (int bit = 63; bit >= 0; bit--)
		if (v >> bit & 1)
			buf_printf(out, "%s%d", out->len ? " " : "", bit);
}

static struct err *show(const struct cmd_call *c, uint64_t v)
{
	struct session *s = c->session;
	AUTO_BUF struct buf hex = {0}, decimal = {0}, bits = {0};
	struct ref ref = {0};
	struct sym sym;
	uint64_t off;
	char octal[32], binary[65] = {0};

	buf_printf(&hex, "0x%" PRIx64, v);
	put_size(v, &hex);
	buf_printf(&decimal, "%" PRIu64, v);
	if (v >> 63)
		buf_printf(&decimal, "  (%" PRId64 ")", (int64_t)v);
	snprintf(octal, sizeof(octal), "%" PRIo64, v);
	for (int bit = 0; bit < 64; bit++)
		binary[63 - bit] = v >> bit & 1 ? '1' : '0';
	if (s->arch->is_kernel(mem_layout(s->mem), v))
		ref = ref_addr(REF_MEM, v);
	TRY(row(c, "hexadecimal", buf_str(&hex), ref));
	TRY(row(c, "decimal", buf_str(&decimal), (struct ref){0}));
	TRY(row(c, "octal", octal, (struct ref){0}));
	TRY(row(c, "binary", binary, (struct ref){0}));
	if (c->args->has['b']) {
		put_bits(v, &bits);
		TRY(row(c, "bits set", buf_str(&bits), (struct ref){0}));
	}
	if (!sym_at(s->symtab, v, &sym, &off))
		return NULL;
	AUTO_FREE char *name = off ? xasprintf("%s+0x%" PRIx64, sym.name, off) : xstrdup(sym.name);
	return row(c, "symbol", name, ref);
}

static struct err *evaluate(struct expr_scope *x, const char *text, uint64_t *ret)
{
	struct expr_env *env = expr_scope_env(x);
	struct expr_value v;
	struct expr *e;

	env->address = env->one_cpu = true;
	TRY(expr_parse(env, text, &e));
	struct err *err = expr_for_cpus(e) ? err_new(ERR_USAGE, "one number is wanted: name one CPU (:0)")
					   : expr_eval(e, 0, &v);
	expr_free(e);
	return err ? err : expr_address(env, &v, ret);
}

static struct err *run(const struct cmd_call *c)
{
	struct expr_scope *x = arg_scope(c);
	uint64_t v;
	struct err *e = evaluate(x, c->args->rest, &v);

	expr_scope_destroy(x);
	TRY(e);
	AUTO_FREE char *crash = xasprintf("eval%s %s", c->args->has['b'] ? " -b" : "", c->args->rest);
	TRY(sink_begin(c->out, &eval_table, NULL, crash, "%s", c->args->rest));
	return show(c, v);
}

const struct cmd cmd_eval = {
	.name = "eval",
	.group = "memory",
	.summary = "a number in hexadecimal, decimal, octal and binary",
	.details = "The number may be any C expression over the dump. Constants have 64 bits, may end in k, m, g or t, "
		   "and need no 0x if they have a hexadecimal digit; a symbol is its address.",
	.options = (const struct cmd_option[]){
		{'b', ARG_NONE, NULL, "the numbers of the bits that are set, too"},
		{'l', ARG_NONE, NULL, "64 bits (always on; kept for fingers)"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"EXPRESSION", ARG_EXPR, false, true, "a number, or how to compute it"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"eval 128m", "a size"},
		{"eval -b init_task.flags", "which flags are set"},
		{"eval ffffffff81000000 + 2M", "an address"},
		{"eval 1 << 40", "powers of two"},
		{0}},
	.table = &eval_table,
	.run = run,
};

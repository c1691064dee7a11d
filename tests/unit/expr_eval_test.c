/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parser and evaluator without a dump: hostile text, bounds, places of errors, names of an environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/alloc.h"
#include "engine/base/intern.h"
#include "engine/expr/expr.h"

struct world {
	struct intern *names;
	struct types *types;
	struct object *object;
	struct expr_env env;
};

/* Two variables: x = 5, and "cut", of which a register has but the lower half; one register, r = 7. */
static struct err *variable(void *ctx, const char *name, bool *found, struct expr_value *ret)
{
	struct world *w = ctx;

	*found = !strcmp(name, "x") || !strcmp(name, "lost") || !strcmp(name, "cut");
	if (*found && name[0] == 'l')
		return err_new(ERR_NOTFOUND, "lost is optimized out");
	if (*found && name[0] == 'c') {
		*ret = (struct expr_value){.kind = EXPR_BYTES, .bytes = {1, 2, 3, 4}, .size = 4};
		return type_find(w->types, "unsigned long", NULL, &ret->type);
	}
	*ret = (struct expr_value){.kind = EXPR_NUMBER, .u = 5};
	return *found ? type_find(w->types, "int", NULL, &ret->type) : NULL;
}

static struct err *reg(void *ctx, const char *name, uint64_t *ret)
{
	(void)ctx;
	*ret = 7;
	return strcmp(name, "r") ? err_new(ERR_NOTFOUND, "no register %s", name) : NULL;
}

/* A per-CPU symbol and an ordinary one; of unknown type, since there is no object. */
static bool symbol(void *ctx, const char *name, struct sym *ret)
{
	struct world *w = ctx;

	*ret = (struct sym){.name = name, .object = w->object, .addr = 0x1000, .percpu = !strcmp(name, "pcpu")};
	return ret->percpu || !strcmp(name, "plain");
}

static struct err *percpu(void *ctx, unsigned cpu, uint64_t *ret)
{
	(void)ctx;
	*ret = 0x100000ull * (cpu + 1);
	return NULL;
}

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->names = intern_create();
	w->types = types_create(w->names);
	w->object = object_create_module("test");
	w->env = (struct expr_env){.types = w->types, .ctx = w, .ncpus = 4, .variable = variable, .reg = reg,
				   .symbol = symbol, .percpu = percpu, .address = true};
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	types_destroy(w->types);
	object_close(w->object);
	intern_destroy(w->names);
	free(w);
	return 0;
}

static struct err *number(struct world *w, const char *text, uint64_t *ret)
{
	struct expr_value v;
	struct expr *e;

	TRY(expr_parse(&w->env, text, &e));
	struct err *err = expr_eval(e, 2, &v);
	expr_free(e);
	*ret = v.u;
	return err;
}

static void values(void **state)
{
	static const struct { const char *text; uint64_t value; } cases[] = {
		{"x + 1", 6}, {"$r * x", 35}, {"plain + 0x10", 0x1010}, {"pcpu:0", 0x101000},
		{"pcpu:3 - pcpu:1", 0x200000}, {"ffff888000001000", 0xffff888000001000}, {"1 << 40", 1ull << 40},
		{"x ? (unsigned long)&plain : 0", 0x1000}, {"8dead", 0x8dead}, {"mem:0x30", 0x30}, {"16k", 16384},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t v = 0;
		struct err *e = number(*state, cases[i].text, &v);
		if (e || v != cases[i].value)
			fail_msg("%s: %s %llx", cases[i].text, e ? err_text(e) : "", (unsigned long long)v);
	}
}

static void several_cpus(void **state)
{
	struct world *w = *state;
	AUTO_BUF struct buf text = {0};
	struct expr_value v;
	struct expr *e;

	assert_null(expr_parse(&w->env, "pcpu:1-2 + pcpu:0", &e));
	assert_true(expr_for_cpus(e));
	assert_false(expr_has_cpu(e, 0));
	assert_true(expr_has_cpu(e, 1) && expr_has_cpu(e, 2));
	assert_false(expr_has_cpu(e, 3) || expr_has_cpu(e, 4) || expr_has_cpu(e, 1u << 31));
	assert_null(expr_eval(e, 2, &v));
	assert_int_equal(v.u, 0x301000 + 0x101000);
	expr_cpu_text(e, 2, &text);
	assert_string_equal(buf_str(&text), "pcpu:2 + pcpu:0");
	expr_free(e);
}

/* Each gives an error that says where, and nothing else. */
static void errors(void **state)
{
	static const struct { const char *text, *says; } cases[] = {
		{"", "column 1"}, {"x +", "column 4"}, {"x y", "column 3"}, {"(x", "column 3"}, {"lost", "optimized out"},
		{"$q", "no register q"}, {"$", "register's name"}, {"pcpu:9", "there is no CPU 9"},
		{"pcpu:1-", "CPU's number"}, {"pcpu:4294967297", "there is no CPU"}, {"plain:1", "no per-CPU"},
		{"pcpu + pcpu", "which CPU"}, {"pcpu:a + pcpu:a", "which CPU"}, {"nosuch", "no variable"},
		{"x->y", "no struct"}, {"&x", "no address"}, {"*x", "no pointer"}, {"x[1]", "neither array"},
		{"x / 0", "division by zero"}, {"x % 0", "division by zero"}, {"1 << 64", "shift"}, {"1 << -1", "shift"},
		{"x = 1", "can't be written"}, {"x(1)", "can't be called"}, {"\x01", "no place"}, {"\xff", "no place"},
		{"'", "character"}, {"'ab'", "character"}, {"'\\", "character"}, {"'\\x'", "character"},
		{"0x", "no number"}, {"1e+", "value expected|missing"}, {"sizeof", "missing"}, {"sizeof(", "missing"},
		{"offsetof(", "not a C type"}, {"container_of(x,", "not a C type"}, {"per_cpu(x)", "',' and a CPU"},
		{"(struct", "value expected"}, {"struct foo@", "no type"}, {"(int", "value expected"}, {"(int)", "missing"},
		{"mem:", "address expected"}, {"task:zz", "address expected|no type"}, {"sym:", "symbol expected"},
		{"99999999999999999999999999", "no number"}, {"cut + 1", "in registers"},
		{"pcpu:2-1", "go upwards"},
		{"(char (*)[18446744073709551615])0x8000000000000000 - (char (*)[18446744073709551615])0", "unknown size"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t v;
		struct err *e = number(*state, cases[i].text, &v);
		const char *bar = strchr(cases[i].says, '|');
		AUTO_FREE char *first = xstrndup(cases[i].says, strcspn(cases[i].says, "|"));
		if (!e || !(strstr(err_text(e), first) || (bar && strstr(err_text(e), bar + 1))))
			fail_msg("%s: %s", cases[i].text, e ? err_text(e) : "no error");
		err_free(e);
	}
}

static char *repeated(const char *s, size_t n)
{
	struct buf b = {0};

	for (size_t i = 0; i < n; i++)
		buf_puts(&b, s);
	return buf_steal(&b);
}

/* Depth, parts and length are bounded, whatever they are made of. */
static void bounds(void **state)
{
	static const char *const parts[] = {"(", "-", "!", "*", "1+", "x?1:", "1?", "x[", "sizeof ", "(int)", "x.", "x->y.",
					    "((int)", "1<<", "a", "per_cpu(", "'", "pcpu:0,", "&", "struct "};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		for (size_t n = 50; n < 20000; n *= 19) {
			AUTO_FREE char *text = repeated(parts[i], n);
			uint64_t v;
			err_free(number(*state, text, &v));
		}
	AUTO_FREE char *sum = repeated("1+", 300), *whole = xasprintf("%s1", sum);
	uint64_t v = 0;
	assert_null(number(*state, whole, &v));
	assert_int_equal(v, 301);
}

/* Words in any order: never more than an error. */
static void noise(void **state)
{
	static const char *const words[] = {"x", "1", "(", ")", "[", "]", ".", "->", "*", "&", "-", "?", ":", ",", "@",
					    "sizeof", "int", "struct", "pcpu", ":a", ":1", "plain", "$r", "'a'", "<<", "==",
					    "container_of", "per_cpu", "(int)", "0x10", "&&", "!", "mem:"};
	uint32_t seed = 1;

	for (int i = 0; i < 20000; i++) {
		AUTO_BUF struct buf text = {0};
		uint64_t v;
		for (int k = 0; k < 9; k++) {
			seed = seed * 1664525 + 1013904223;
			buf_puts(&text, words[(seed >> 16) % (sizeof(words) / sizeof(*words))]);
			if (seed >> 31)
				buf_putc(&text, ' ');
		}
		err_free(number(*state, buf_str(&text), &v));
	}
}

static void joins(void **state)
{
	static const struct { const char *base; bool pointer; const char *path, *text; } cases[] = {
		{"((struct vfsmount *)0x10)", true, "mnt_sb", "((struct vfsmount *)0x10)->mnt_sb"},
		{"((struct vfsmount *)0x10)->mnt_sb", true, "s_writers.frozen",
		 "((struct vfsmount *)0x10)->mnt_sb->s_writers.frozen"},
		{"init_task", false, "comm", "init_task.comm"}, {"a.b", false, "[2].c", "a.b[2].c"},
		{"p", true, "[1].x", "p[1].x"}, {"*p", false, "x", "(*p).x"}, {"a + 1", true, "x", "(a + 1)->x"},
		{"p", true, "", "*p"}, {"init_task", false, "", "init_task"}, {"a->b[3]", true, "c", "a->b[3]->c"},
		{"(struct foo *)x", true, "y", "((struct foo *)x)->y"}, {"(a)-b", true, "x", "((a)-b)->x"},
		{"per_cpu(x, 1)", false, "y", "per_cpu(x, 1).y"}, {"x@4", false, "[1]", "(x@4)[1]"},
		{"a[i + 1]", false, "b", "a[i + 1].b"}, {"(*p)[2].q", true, "r", "(*p)[2].q->r"},
		{"runqueues:1", false, "clock", "runqueues:1.clock"}, {"(a)(b)", false, "c", "((a)(b)).c"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO_BUF struct buf out = {0};
		expr_join(cases[i].base, cases[i].pointer, cases[i].path, &out);
		assert_string_equal(buf_str(&out), cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values, setup, teardown),
		cmocka_unit_test_setup_teardown(several_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(errors, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(noise, setup, teardown),
		cmocka_unit_test(joins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a name is, in this order: a variable of the frame, a symbol, an enumerator, a ref ("task:0x..."),
 * hexadecimal without 0x. C's scopes would have it so; only that a crash dump has several spaces of names.
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/expr/impl.h"

#define SHORTEST_HEX 4 /* digits of hexadecimal that no one takes for a misspelled name */

static void take_cpu(struct expr *e, unsigned cpu)
{
	e->cpus[cpu / 8] |= (uint8_t)(1u << cpu % 8);
}

static struct err *one_cpu(struct parser *p, const char **s, uint64_t *ret)
{
	const char *from = *s;

	for (*ret = 0; **s >= '0' && **s <= '9' && *ret < UINT32_MAX; ++*s)
		*ret = *ret * 10 + (uint64_t)(**s - '0');
	if (*s == from)
		return error_at(p->text, (size_t)(from - p->text), ERR_USAGE, "a CPU's number expected");
	if (*ret >= p->env->ncpus)
		return error_at(p->text, (size_t)(from - p->text), ERR_USAGE,
				"there is no CPU %" PRIu64 ": this dump has %u", *ret, p->env->ncpus);
	return NULL;
}

/* "0-1,3": which CPUs; how many of them. */
static struct err *cpu_list(struct parser *p, const char **s, struct node *n, unsigned *count)
{
	uint64_t first, last;

	for (;;) {
		TRY(one_cpu(p, s, &first));
		last = first;
		if (**s == '-') {
			++*s;
			TRY(one_cpu(p, s, &last));
			if (last < first)
				return error_at(p->text, (size_t)(*s - p->text), ERR_USAGE,
						"CPUs go upwards: %" PRIu64 "-%" PRIu64, last, first);
		}
		for (uint64_t cpu = first; cpu <= last; cpu++, ++*count)
			take_cpu(p->e, (unsigned)cpu);
		n->cpu = (unsigned)first;
		if (**s != ',' || (*s)[1] < '0' || (*s)[1] > '9')
			return NULL;
		++*s;
	}
}

static void all_cpus(struct parser *p)
{
	for (unsigned cpu = 0; cpu < p->env->ncpus; cpu++)
		take_cpu(p->e, cpu);
}

/* Only one place of an expression may say several CPUs. */
static struct err *many(struct parser *p, struct node *n, size_t at, size_t len)
{
	if (p->e->many)
		return error_at(p->text, n->pos, ERR_USAGE,
				"which CPU is meant? Say it for all but one per-CPU variable (%s:0)", n->name);
	p->e->many = true;
	p->e->cpu_at = at;
	p->e->cpu_len = len;
	n->cpu_kind = CPU_MANY;
	return NULL;
}

/* ":1", ":a", ":0-1" directly behind the name at the cursor. */
static struct err *cpu_spec(struct parser *p, struct node *n)
{
	const char *colon = p->text + p->t.start + p->t.len, *s = colon + 1;
	size_t at = (size_t)(colon - p->text);
	unsigned count = 0;

	if (*s == 'a' && !p->e->many) {
		all_cpus(p);
		count = UINT32_MAX;
		s++;
	} else if (*s == 'a') {
		return many(p, n, at, 0);
	} else if (p->e->many) { /* the mask is taken: one CPU is all that may follow */
		uint64_t cpu;
		TRY(one_cpu(p, &s, &cpu));
		n->cpu = (unsigned)cpu;
		count = 1;
		if (*s == '-' || (*s == ',' && s[1] >= '0' && s[1] <= '9'))
			return many(p, n, at, 0);
	} else {
		TRY(cpu_list(p, &s, n, &count));
		if (count == 1)
			memset(p->e->cpus, 0, p->env->ncpus / 8 + 1);
	}
	p->pos = (size_t)(s - p->text);
	n->cpu_kind = CPU_ONE;
	return count == 1 ? NULL : many(p, n, at, (size_t)(s - colon));
}

static struct err *which_cpu(struct parser *p, struct node *n)
{
	const char *s = p->text + p->t.start + p->t.len;
	size_t end = p->t.start + p->t.len;

	if (*s == ':' && (s[1] == 'a' || (s[1] >= '0' && s[1] <= '9'))) {
		if (n->sym.percpu)
			return cpu_spec(p, n);
		if (!p->conditions)
			return error_at(p->text, n->pos, ERR_USAGE,
					"%s is no per-CPU variable: leave out the CPU", n->name);
	}
	if (!n->sym.percpu || p->offsets)
		return NULL;
	if (p->env->one_cpu)
		return error_at(p->text, n->pos, ERR_USAGE,
				"%s is per-CPU: say which CPU (%s:0)", n->name, n->name);
	all_cpus(p);
	return many(p, n, end, 0);
}

static struct err *symbol(struct parser *p, const char *name, struct node **ret)
{
	struct sym sym;

	if (!p->env->symbol || !p->env->symbol(p->env->ctx, name, &sym))
		return NULL;
	TRY(node_new(p, N_SYMBOL, ret));
	(*ret)->name = name;
	(*ret)->sym = sym;
	return which_cpu(p, *ret);
}

static struct err *variable(struct parser *p, const char *name, struct node **ret)
{
	struct expr_value v;
	bool found = false;

	if (!p->env->variable)
		return NULL;
	struct err *e = p->env->variable(p->env->ctx, name, &found, &v);
	if (e) {
		AUTO_FREE char *text = xstrdup(err_text(e));
		enum err_code code = err_code(e);
		err_free(e);
		return error_at(p->text, p->t.start, code, "%s", text);
	}
	if (!found)
		return NULL;
	TRY(node_new(p, N_VALUE, ret));
	(*ret)->value = v;
	return NULL;
}

static struct err *enumerator(struct parser *p, const char *name, struct node **ret)
{
	const struct type *t;
	size_t n;
	struct err *e = type_find_enumerator(p->env->types, name, p->env->job, &t);

	if (e && (err_code(e) == ERR_CANCELLED || err_code(e) == ERR_NOMEM))
		return e;
	if (!err_ok(e))
		return NULL;
	const struct enumerator *v = type_enumerators(t, &n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i].name, name))
			continue;
		TRY(node_new(p, N_VALUE, ret));
		(*ret)->value = (struct expr_value){.kind = EXPR_NUMBER, .type = t, .u = (uint64_t)v[i].value};
		return NULL;
	}
	return NULL;
}

/* "task:0xffff...": false: the word isn't one that refs begin with. */
static struct err *ref(struct parser *p, const char *name, struct node **ret)
{
	bool task = !strcmp(name, "task"), sym = !strcmp(name, "sym");
	const struct type *t;

	if (p->text[p->pos] != ':' || !(task || sym || !strcmp(name, "mem")))
		return NULL;
	p->pos++;
	TRY(advance(p));
	if (sym) {
		if (p->t.kind == T_WORD)
			TRY(symbol(p, token_text(p), ret));
		return *ret ? NULL : error_at(p->text, p->t.start, ERR_NOTFOUND, "a symbol expected");
	}
	TRY(node_new(p, N_VALUE, ret));
	TRY(type_find(p->env->types, task ? "struct task_struct *" : "void *", p->env->job, &t));
	uint64_t addr = p->t.number;
	if (p->t.kind != T_NUMBER && (p->t.kind != T_WORD || !lex_hex(p->text + p->t.start, p->t.len, &addr)))
		return error_at(p->text, p->t.start, ERR_USAGE, "an address expected");
	(*ret)->value = (struct expr_value){.kind = EXPR_NUMBER, .type = t, .u = addr};
	return NULL;
}

static struct err *hex_word(struct parser *p, const char *name, struct node **ret)
{
	uint64_t v;

	if ((!p->env->address && strlen(name) < SHORTEST_HEX) || !lex_hex(name, strlen(name), &v))
		return NULL;
	TRY(node_new(p, N_VALUE, ret));
	return number_of(p->env, "unsigned long", v, &(*ret)->value);
}

/* "ffff888003c2a000" is nothing else; "added" may be a name. */
static struct err *clear_hex(struct parser *p, const char *name, struct node **ret)
{
	return strpbrk(name, "0123456789") ? hex_word(p, name, ret) : NULL;
}

struct err *parse_name(struct parser *p, struct node **ret)
{
	static struct err *(*const kinds[])(struct parser *, const char *, struct node **) = {
		ref, variable, symbol, clear_hex, enumerator, hex_word};
	const char *name = token_text(p);
	size_t at = p->t.start;

	*ret = NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && !*ret; i++)
		TRY(kinds[i](p, name, ret));
	if (*ret)
		return advance(p);
	AUTO_BUF struct buf near = {0};
	if (p->env->near)
		p->env->near(p->env->ctx, name, &near);
	return error_at(p->text, at, ERR_NOTFOUND, "no variable, symbol or enumerator '%s'%s", name, buf_str(&near));
}

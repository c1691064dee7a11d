/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recursive descent over C's grammar of expressions, without what changes or calls anything. Binary
 * operators go by precedence. Names are looked up while parsing, because C can't be parsed without
 * knowing which names are types; so what isn't there is told with its column.
 *
 * The tree's depth is bounded by the number of its nodes, that of the parser itself by the nesting.
 */
#include <ctype.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/expr/impl.h"

struct err *advance(struct parser *p)
{
	return lex(p->text, &p->pos, &p->t);
}

bool at_op(const struct parser *p, enum op op)
{
	return p->t.kind == T_OP && p->t.op == op;
}

bool at_word(const struct parser *p, const char *word)
{
	return p->t.kind == T_WORD && strlen(word) == p->t.len &&
	       !memcmp(p->text + p->t.start, word, p->t.len);
}

char *token_text(struct parser *p)
{
	return arena_strndup(&p->e->arena, p->text + p->t.start, p->t.len);
}

struct err *expect(struct parser *p, enum op op, const char *what)
{
	if (!at_op(p, op))
		return error_at(p->text, p->t.start, ERR_USAGE, "%s expected", what);
	return advance(p);
}

struct err *node_new(struct parser *p, enum node_kind kind, struct node **ret)
{
	if (++p->nodes > NODES_MAX)
		return error_at(p->text, p->t.start, ERR_USAGE, "an expression of more than %d parts",
				NODES_MAX);
	*ret = arena_alloc(&p->e->arena, sizeof(**ret));
	(*ret)->kind = kind;
	(*ret)->pos = p->t.start;
	return NULL;
}

static struct err *parse_number(struct parser *p, struct node **ret)
{
	/* of an address: 1 << 40 is no int there */
	const char *type = p->env->address ? "unsigned long" : p->t.type;

	TRY(node_new(p, N_VALUE, ret));
	struct expr_value *v = &(*ret)->value;
	TRY(number_of(p->env, type, p->t.number, v));
	if (!strcmp(p->t.type, "char")) { /* an int, with the sign that the kernel's chars have */
		TRY(number_of(p->env, "char", p->t.number, v));
		TRY(base_type(p->env, "int", &v->type));
	}
	return advance(p);
}

static struct err *parse_register(struct parser *p, struct node **ret)
{
	if (!p->t.len)
		return error_at(p->text, p->t.start, ERR_USAGE, "a register's name expected behind '$'");
	TRY(node_new(p, N_REG, ret));
	(*ret)->name = token_text(p);
	return advance(p);
}

static struct err *parse_primary(struct parser *p, struct node **ret)
{
	if (p->t.kind == T_NUMBER)
		return parse_number(p, ret);
	if (p->t.kind == T_REG)
		return parse_register(p, ret);
	if (at_op(p, OP_LPAREN)) {
		unsigned conditions = p->conditions;
		p->conditions = 0;
		TRY(advance(p));
		TRY(parse_expr(p, ret));
		p->conditions = conditions;
		return expect(p, OP_RPAREN, "')'");
	}
	if (p->t.kind == T_END)
		return error_at(p->text, p->t.start, ERR_USAGE, "something is missing at the end: a value expected");
	if (p->t.kind == T_OP)
		return error_at(p->text, p->t.start, ERR_USAGE, "a value expected before '%.*s'",
				(int)p->t.len, p->text + p->t.start);
	if (at_type_keyword(p))
		return parse_object(p, ret);
	TRY(parse_builtin(p, ret));
	return *ret ? NULL : parse_name(p, ret);
}

static struct err *parse_member(struct parser *p, struct node **ret)
{
	struct node *n;

	TRY(node_new(p, N_MEMBER, &n));
	TRY(advance(p));
	if (p->t.kind != T_WORD)
		return error_at(p->text, p->t.start, ERR_USAGE, "a member's name expected");
	n->pos = p->t.start;
	n->name = token_text(p);
	n->a = *ret;
	*ret = n;
	return advance(p);
}

static struct err *parse_index(struct parser *p, struct node **ret)
{
	struct node *n;
	unsigned conditions = p->conditions;

	TRY(node_new(p, N_INDEX, &n));
	TRY(advance(p));
	n->a = *ret;
	p->conditions = 0;
	TRY(parse_expr(p, &n->b));
	p->conditions = conditions;
	*ret = n;
	return expect(p, OP_RBRACKET, "']'");
}

static struct err *parse_postfix(struct parser *p, struct node **ret)
{
	TRY(parse_primary(p, ret));
	for (;;) {
		if (at_op(p, OP_DOT) || at_op(p, OP_ARROW))
			TRY(parse_member(p, ret));
		else if (at_op(p, OP_LBRACKET))
			TRY(parse_index(p, ret));
		else if (at_op(p, OP_LPAREN))
			return error_at(p->text, p->t.start, ERR_USAGE,
					"an operator expected: functions can't be called in a dump");
		else
			return NULL;
	}
}

static struct err *parse_cast(struct parser *p, struct node **ret)
{
	TRY(node_new(p, N_CAST, ret));
	TRY(parse_type(p, ")", &(*ret)->type));
	TRY(expect(p, OP_RPAREN, "')'"));
	return parse_unary(p, &(*ret)->a);
}

static struct err *parse_operator(struct parser *p, struct node **ret)
{
	TRY(node_new(p, N_UNARY, ret));
	(*ret)->op = p->t.op;
	TRY(advance(p));
	return parse_unary(p, &(*ret)->a);
}

static struct err *unary(struct parser *p, struct node **ret)
{
	struct parser before = *p;

	if (p->t.kind != T_OP)
		return parse_postfix(p, ret);
	switch (p->t.op) {
	case OP_AND:
	case OP_STAR:
	case OP_MINUS:
	case OP_PLUS:
	case OP_NOT:
	case OP_TILDE:
		return parse_operator(p, ret);
	case OP_LPAREN:
		TRY(advance(p));
		if (at_type(p))
			return parse_cast(p, ret);
		*p = before;
		return parse_postfix(p, ret);
	default:
		return parse_postfix(p, ret);
	}
}

struct err *parse_unary(struct parser *p, struct node **ret)
{
	if (++p->depth > DEPTH_MAX)
		return error_at(p->text, p->t.start, ERR_USAGE, "more than %d levels of nesting", DEPTH_MAX);
	TRY(unary(p, ret));
	p->depth--;
	return NULL;
}

static int precedence(const struct token *t)
{
	if (t->kind != T_OP)
		return 0;
	switch (t->op) {
	case OP_AT: return 11;
	case OP_STAR: case OP_SLASH: case OP_PERCENT: return 10;
	case OP_PLUS: case OP_MINUS: return 9;
	case OP_SHL: case OP_SHR: return 8;
	case OP_LT: case OP_GT: case OP_LE: case OP_GE: return 7;
	case OP_EQ: case OP_NE: return 6;
	case OP_AND: return 5;
	case OP_XOR: return 4;
	case OP_OR: return 3;
	case OP_ANDAND: return 2;
	case OP_OROR: return 1;
	default: return 0;
	}
}

static struct err *parse_binary(struct parser *p, int least, struct node **ret)
{
	int level;

	TRY(parse_unary(p, ret));
	while ((level = precedence(&p->t)) >= least && level) {
		struct node *n;
		TRY(node_new(p, N_BINARY, &n));
		n->op = p->t.op;
		n->a = *ret;
		TRY(advance(p));
		TRY(parse_binary(p, level + 1, &n->b));
		*ret = n;
	}
	return NULL;
}

struct err *parse_expr(struct parser *p, struct node **ret)
{
	struct node *n;

	if (++p->depth > DEPTH_MAX)
		return error_at(p->text, p->t.start, ERR_USAGE, "more than %d levels of nesting", DEPTH_MAX);
	TRY(parse_binary(p, 1, ret));
	if (at_op(p, OP_QUESTION)) {
		TRY(node_new(p, N_COND, &n));
		n->a = *ret;
		TRY(advance(p));
		p->conditions++;
		TRY(parse_expr(p, &n->b));
		p->conditions--;
		TRY(expect(p, OP_COLON, "':'"));
		TRY(parse_expr(p, &n->c));
		*ret = n;
	}
	p->depth--;
	return NULL;
}

/* All that there is to say is said. */
static struct err *finish(struct parser *p)
{
	if (p->t.kind == T_END)
		return NULL;
	if (at_op(p, OP_ASSIGN))
		return error_at(p->text, p->t.start, ERR_USAGE, "a dump can't be written to ('==' compares)");
	if (at_op(p, OP_COLON))
		return error_at(p->text, p->t.start, ERR_USAGE,
				"an operator expected: CPUs (:1, :a, :0-1) go behind a per-CPU variable only");
	return error_at(p->text, p->t.start, ERR_USAGE, "an operator expected");
}

static struct err *parse(struct parser *p)
{
	TRY(advance(p));
	TRY(parse_expr(p, &p->e->root));
	return finish(p);
}

struct err *expr_parse(const struct expr_env *env, const char *text, struct expr **ret)
{
	if (strnlen(text, TEXT_MAX + 1) > TEXT_MAX)
		return err_new(ERR_USAGE, "an expression of more than %d bytes", TEXT_MAX);
	struct expr *e = xcalloc(1, sizeof(*e));
	e->env = env;
	e->text = arena_strdup(&e->arena, text);
	e->cpus = arena_alloc(&e->arena, env->ncpus / 8 + 1);
	struct parser p = {.env = env, .e = e, .text = e->text};
	struct err *err = parse(&p);

	if (err)
		expr_free(e);
	else
		*ret = e;
	return err;
}

void expr_free(struct expr *e)
{
	if (!e)
		return;
	arena_free(&e->arena);
	free(e);
}

bool expr_for_cpus(const struct expr *e)
{
	return e->many;
}

bool expr_has_cpu(const struct expr *e, unsigned cpu)
{
	return cpu < e->env->ncpus && e->cpus[cpu / 8] & 1u << cpu % 8;
}

void expr_cpu_text(const struct expr *e, unsigned cpu, struct buf *out)
{
	buf_put(out, e->text, e->cpu_at);
	buf_printf(out, ":%u", cpu);
	buf_puts(out, e->text + e->cpu_at + e->cpu_len);
}

/* Behind the group in brackets that s begins with; its end when the group has none. */
static const char *behind_group(const char *s)
{
	int open = 0;

	for (; *s; s++) {
		open += (*s == '(' || *s == '[') - (*s == ')' || *s == ']');
		if (!open)
			return s + 1;
	}
	return s;
}

/* A name, or parentheses that are no cast; then members, elements and what looks like arguments. */
bool expr_is_postfix(const char *s)
{
	bool name = *s != '(';

	if (!name) {
		s = behind_group(s);
		if (*s && *s != '.' && *s != '[' && strncmp(s, "->", 2))
			return false; /* it was a cast */
	}
	while (*s) {
		if (*s == '[' || (*s == '(' && name)) {
			s = behind_group(s);
			name = false;
		} else if (!strncmp(s, "->", 2)) {
			s += 2;
		} else if (isalnum((unsigned char)*s) || strchr("_$.:", *s)) {
			name = true;
			s++;
		} else {
			return false;
		}
	}
	return true;
}

void expr_join(const char *base, bool pointer, const char *path, struct buf *out)
{
	bool whole = expr_is_postfix(base);

	if (!*path) {
		buf_printf(out, !pointer ? "%s" : whole ? "*%s" : "*(%s)", base);
	} else {
		buf_printf(out, whole ? "%s" : "(%s)", base);
		buf_printf(out, "%s%s", *path == '[' ? "" : pointer ? "->" : ".", path);
	}
}

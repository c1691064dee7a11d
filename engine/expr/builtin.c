/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types inside of expressions, and what looks like a call but isn't: sizeof, offsetof, container_of,
 * per_cpu and the like, as the kernel's own sources write them.
 *
 * A type's name is cut out of the text by its brackets and read by engine/type.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/expr/impl.h"

/* The end of the part that begins at pos: the first of `ends` that is in no bracket. */
static size_t part_end(const char *text, size_t pos, const char *ends)
{
	int open = 0;

	for (; text[pos]; pos++) {
		if (!open && strchr(ends, text[pos]))
			break;
		open += (text[pos] == '(' || text[pos] == '[') - (text[pos] == ')' || text[pos] == ']');
	}
	return pos;
}

/* The text from the cursor on, which then stands behind it. */
static struct err *take_part(struct parser *p, const char *ends, char **ret)
{
	size_t start = p->t.start, end = part_end(p->text, start, ends);

	while (end > start && strchr(" \t\r\n", p->text[end - 1]))
		end--;
	*ret = arena_strndup(&p->e->arena, p->text + start, end - start);
	p->pos = end;
	return advance(p);
}

/* What is wrong with a part of the text, and where that is. */
static struct err *at_part(struct parser *p, size_t at, struct err *e)
{
	if (!e || err_code(e) == ERR_CANCELLED || err_code(e) == ERR_NOMEM)
		return e;
	AUTO_FREE char *text = xstrdup(err_text(e));
	enum err_code code = err_code(e);
	err_free(e);
	return error_at(p->text, at, code, "%s", text);
}

struct err *parse_type(struct parser *p, const char *ends, const struct type **ret)
{
	size_t at = p->t.start;
	char *name;

	TRY(take_part(p, ends, &name));
	return at_part(p, at, named_type(p->env, name, ret));
}

bool at_type_keyword(const struct parser *p)
{
	static const char *const words[] = {
		"struct", "union",  "enum",   "void",	  "char",  "short", "int",	"long",	  "float",
		"double", "signed", "unsigned", "_Bool",  "const", "volatile", "__int128"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (at_word(p, words[i]))
			return true;
	return false;
}

static bool is_variable(struct parser *p, const char *name)
{
	struct expr_value v;
	struct sym sym;
	bool found = false;

	if (p->env->variable)
		err_free(p->env->variable(p->env->ctx, name, &found, &v));
	return found || (p->env->symbol && p->env->symbol(p->env->ctx, name, &sym));
}

/* "(name)" and "(name *)": only what is no variable can be a type. */
bool at_type(struct parser *p)
{
	const struct type *t;
	const char *s = p->text + p->pos;

	if (at_type_keyword(p)) /* "(struct file@0x...)" is an object in parentheses */
		return p->text[part_end(p->text, p->t.start, ")@")] == ')';
	if (p->t.kind != T_WORD)
		return false;
	s += strspn(s, " \t");
	bool pointer = *s == '*';
	while (*s == '*' || *s == ' ')
		s++;
	if (*s != ')')
		return false;
	AUTO_FREE char *name = xstrndup(p->text + p->t.start, p->t.len);
	return (pointer || !is_variable(p, name)) &&
	       err_ok(named_type(p->env, name, &t));
}

struct err *parse_object(struct parser *p, struct node **ret)
{
	size_t start = p->t.start, at = part_end(p->text, start, "@),+-");
	struct type_place place = {0};
	char *name;

	if (p->text[at] != '@')
		return error_at(p->text, start, ERR_USAGE,
				"a value expected, not a type (`whatis` shows types; a cast needs parentheses)");
	TRY(node_new(p, N_VALUE, ret));
	TRY(take_part(p, "@", &name));
	char *dot = strchr(name, '.');
	if (dot)
		*dot++ = '\0';
	TRY(at_part(p, start, named_type(p->env, name, &place.type)));
	if (dot)
		TRY(at_part(p, start, type_member(place.type, dot, &place)));
	TRY(expect(p, OP_AT, "'@'"));
	uint64_t addr = p->t.number;
	if (p->t.kind != T_NUMBER && (p->t.kind != T_WORD || !lex_hex(p->text + p->t.start, p->t.len, &addr)))
		return error_at(p->text, p->t.start, ERR_USAGE, "an address expected behind '@'");
	(*ret)->value = (struct expr_value){.kind = EXPR_PLACE, .type = place.type, .space = KERNEL,
					    .addr = addr + place.offset, .bit_offset = place.bit_offset,
					    .bit_size = place.bit_size};
	return advance(p);
}

static struct err *number_node(struct parser *p, uint64_t u, struct node *n)
{
	n->kind = N_VALUE;
	return number_of(p->env, "unsigned long", u, &n->value);
}

/* sizeof(type), sizeof(expression), sizeof expression */
static struct err *parse_sizeof(struct parser *p, struct node *n)
{
	struct parser before = *p;
	const struct type *t;

	if (at_op(p, OP_LPAREN)) {
		TRY(advance(p));
		if (at_type(p)) {
			size_t at = p->t.start;
			TRY(parse_type(p, ")", &t));
			if (type_is_incomplete(t))
				return error_at(p->text, at, ERR_NOTFOUND, "the size of this type isn't known");
			TRY(expect(p, OP_RPAREN, "')'"));
			return number_node(p, type_size(t), n);
		}
		*p = before;
	}
	n->kind = N_SIZEOF;
	p->offsets++;
	TRY(parse_unary(p, &n->a));
	p->offsets--;
	return NULL;
}

/* ", member.path[2])" in a type. */
static struct err *parse_path(struct parser *p, const struct type *t, struct type_place *ret)
{
	char *path;

	TRY(expect(p, OP_COMMA, "','"));
	size_t at = p->t.start;
	TRY(take_part(p, ")", &path));
	TRY(at_part(p, at, type_member(t, path, ret)));
	if (ret->bit_size)
		return error_at(p->text, at, ERR_USAGE, "a bitfield has no offset in bytes");
	return expect(p, OP_RPAREN, "')'");
}

static struct err *parse_offsetof(struct parser *p, struct node *n)
{
	const struct type *t;
	struct type_place place;

	TRY(expect(p, OP_LPAREN, "'('"));
	TRY(parse_type(p, ",)", &t));
	TRY(parse_path(p, t, &place));
	return number_node(p, place.offset, n);
}

static struct err *parse_container(struct parser *p, struct node *n)
{
	const struct type *t;
	struct type_place place;

	n->kind = N_CONTAINER;
	TRY(expect(p, OP_LPAREN, "'('"));
	TRY(parse_expr(p, &n->a));
	TRY(expect(p, OP_COMMA, "','"));
	TRY(parse_type(p, ",)", &t));
	TRY(parse_path(p, t, &place));
	n->type = type_pointer_to(p->env->types, t);
	n->offset = place.offset;
	return NULL;
}

static struct err *parse_percpu(struct parser *p, struct node *n)
{
	TRY(expect(p, OP_LPAREN, "'('"));
	p->offsets++;
	TRY(parse_expr(p, &n->a));
	p->offsets--;
	TRY(expect(p, OP_COMMA, "',' and a CPU"));
	TRY(parse_expr(p, &n->b));
	return expect(p, OP_RPAREN, "')'");
}

static struct err *parse_per_cpu(struct parser *p, struct node *n)
{
	n->kind = N_PERCPU;
	return parse_percpu(p, n);
}

static struct err *parse_per_cpu_ptr(struct parser *p, struct node *n)
{
	n->kind = N_PERCPU_PTR;
	return parse_percpu(p, n);
}

struct err *parse_builtin(struct parser *p, struct node **ret)
{
	static const struct {
		const char *word;
		struct err *(*parse)(struct parser *, struct node *);
	} words[] = {
		{"sizeof", parse_sizeof}, {"offsetof", parse_offsetof},
		{"__builtin_offsetof", parse_offsetof}, {"container_of", parse_container},
		{"list_entry", parse_container}, {"rb_entry", parse_container},
		{"hlist_entry", parse_container}, {"per_cpu", parse_per_cpu},
		{"per_cpu_ptr", parse_per_cpu_ptr},
	};

	*ret = NULL;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!at_word(p, words[i].word))
			continue;
		TRY(node_new(p, N_VALUE, ret));
		TRY(advance(p));
		return words[i].parse(p, *ret);
	}
	return NULL;
}

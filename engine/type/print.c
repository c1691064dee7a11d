/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types as C text. A declaration grows around its name from the inside out: "*" goes in front,
 * "[n]" and "(params)" behind, parentheses where a pointer is to an array or function; what is left
 * at the end of the chain is the base in front of it all. Definitions look like the kernel's
 * source.
 */
#include "engine/type/impl.h"
#include <string.h>

#define PRINT_DEPTH 6 /* of parameters within parameters */
/* Bounds for what a damaged file can make grow for ever. */
#define DECL_MAX 65536
#define DEFINITION_MAX (4 << 20)

struct printer {
	struct buf *out;
	size_t limit; /* of out->len */
	bool offsets;
};

static void put_decl(const struct type *t, const char *name, int depth, struct buf *out);
static void put_definition(struct printer *p, const struct type *t, int depth, uint64_t bits);

static const char *const qualifiers[] = {
	[QUAL_NONE] = "", [QUAL_CONST] = "const", [QUAL_VOLATILE] = "volatile",
	[QUAL_RESTRICT] = "restrict", [QUAL_ATOMIC] = "_Atomic",
};

static const char *keyword(const struct type *t)
{
	switch (t->kind) {
	case TYPE_STRUCT:
		return "struct ";
	case TYPE_UNION:
		return "union ";
	case TYPE_ENUM:
		return "enum ";
	default:
		return "";
	}
}

/* Compilers write all words of a base type; people and the kernel's source leave out "int". */
static const char *spoken(const char *name)
{
	static const struct {
		const char *name, *said;
	} words[] = {{"long int", "long"}, {"long unsigned int", "unsigned long"},
		     {"long long int", "long long"}, {"long long unsigned int", "unsigned long long"},
		     {"short int", "short"}, {"short unsigned int", "unsigned short"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(words[i].name, name))
			return words[i].said;
	return name;
}

static void put_base(const struct type *t, struct buf *out)
{
	buf_puts(out, keyword(t));
	if (*t->name)
		buf_puts(out, t->kind == TYPE_INT ? spoken(t->name) : t->name);
	else
		buf_puts(out, *keyword(t) ? "{...}" : "?");
}

static void put_params(const struct type *t, int depth, struct buf *out)
{
	size_t n;
	bool variadic;
	const struct param *p = type_params(t, &n, &variadic);

	buf_putc(out, '(');
	for (size_t i = 0; i < n && out->len < DECL_MAX; i++) {
		if (i)
			buf_puts(out, ", ");
		if (depth >= PRINT_DEPTH)
			buf_puts(out, "...");
		else
			put_decl(p[i].type, p[i].name, depth + 1, out);
	}
	if (variadic)
		buf_puts(out, n ? ", ..." : "...");
	else if (!n)
		buf_puts(out, "void");
	buf_putc(out, ')');
}

/* inner = prefix + inner */
static void prepend(struct buf *inner, const char *prefix)
{
	struct buf b = {0};

	buf_puts(&b, prefix);
	buf_puts(&b, buf_str(inner));
	buf_free(inner);
	*inner = b;
}

static bool binds_tighter(const struct type *t)
{
	return t->kind == TYPE_ARRAY || t->kind == TYPE_FUNCTION;
}

/* Qualifiers don't change how a declarator binds; typedefs end it. */
static const struct type *skip_qualifiers(const struct type *t)
{
	for (int i = 0; i < CHAIN_MAX && t->kind == TYPE_QUALIFIED; i++)
		t = type_target(t);
	return t;
}

static void add_pointer(const struct type *target, struct buf *inner)
{
	prepend(inner, "*");
	if (binds_tighter(skip_qualifiers(target))) {
		prepend(inner, "(");
		buf_putc(inner, ')');
	}
}

static void add_count(const struct type *t, struct buf *inner)
{
	uint64_t n;

	if (type_array_count(t, &n))
		buf_printf(inner, "[%llu]", (unsigned long long)n);
	else
		buf_puts(inner, "[]");
}

static void add_qualifier(const struct type *t, struct buf *front, struct buf *inner)
{
	const char *word = qualifiers[t->qual];

	if (skip_qualifiers(t)->kind == TYPE_POINTER) {
		if (inner->len)
			prepend(inner, " ");
		prepend(inner, word);
	} else if (!strstr(buf_str(front), word)) { /* a const array is one of const elements, too */
		buf_printf(front, "%s ", word);
	}
}

static void put_decl(const struct type *t, const char *name, int depth, struct buf *out)
{
	struct buf AUTO_BUF inner = {0};
	struct buf AUTO_BUF front = {0};

	buf_puts(&inner, name);
	for (int i = 0; i < CHAIN_MAX && inner.len < DECL_MAX; i++) {
		if (t->kind == TYPE_POINTER)
			add_pointer(type_target(t), &inner);
		else if (t->kind == TYPE_ARRAY)
			add_count(t, &inner);
		else if (t->kind == TYPE_FUNCTION)
			put_params(t, depth, &inner);
		else if (t->kind == TYPE_QUALIFIED)
			add_qualifier(t, &front, &inner);
		else
			break;
		t = type_target(t);
	}
	buf_puts(out, buf_str(&front));
	put_base(t, out);
	if (inner.len)
		buf_putc(out, ' ');
	buf_puts(out, buf_str(&inner));
}

void type_print_name(const struct type *t, struct buf *out)
{
	put_decl(t, "", 0, out);
}

void type_print_decl(const struct type *t, const char *name, struct buf *out)
{
	put_decl(t, name, 0, out);
}

static void put_tabs(int depth, struct buf *out)
{
	for (int i = 0; i < depth; i++)
		buf_putc(out, '\t');
}

/* The anonymous struct, union or enum that a member is declared with, if its text must stand in the
 * member's declaration; NULL: none. */
static const struct type *inline_type(const struct type *t)
{
	for (int i = 0; i < CHAIN_MAX; i++) {
		if (*keyword(t))
			return *t->name ? NULL : t;
		if (t->kind != TYPE_POINTER && t->kind != TYPE_ARRAY && t->kind != TYPE_QUALIFIED)
			return NULL;
		t = type_target(t);
	}
	return NULL;
}

/* "/" "* offset:bit size *" "/" */
static void put_offset(const struct member *m, uint64_t bits, struct buf *out)
{
	bits += m->bit_offset;
	if (m->bit_size)
		buf_printf(out, " /* %llu:%llu %u bits */", (unsigned long long)bits / 8,
			   (unsigned long long)bits % 8, m->bit_size);
	else
		buf_printf(out, " /* %llu %llu */", (unsigned long long)bits / 8,
			   (unsigned long long)type_size(m->type));
}

static void put_member(struct printer *p, const struct member *m, int depth, uint64_t bits)
{
	const struct type *own = inline_type(m->type);

	put_tabs(depth, p->out);
	if (own && depth < NESTING_MAX) {
		struct buf AUTO_BUF decl = {0};
		put_definition(p, own, depth, bits + m->bit_offset);
		put_decl(m->type, m->name, 0, &decl);
		/* What is around "struct {...}" in the declaration */
		const char *hole = strstr(buf_str(&decl), "{...}");
		if (hole)
			buf_puts(p->out, hole + strlen("{...}"));
	} else {
		put_decl(m->type, m->name, 0, p->out);
	}
	if (m->bit_size)
		buf_printf(p->out, "%s:%u", *m->name ? "" : " ", m->bit_size);
	buf_putc(p->out, ';');
	if (p->offsets)
		put_offset(m, bits, p->out);
	buf_putc(p->out, '\n');
}

static void put_enumerators(struct printer *p, const struct type *t, int depth)
{
	size_t n;
	const struct enumerator *e = type_enumerators(t, &n);
	const char *format = type_is_signed(t) ? "%s = %lld,\n" : "%s = %llu,\n";

	for (size_t i = 0; i < n && p->out->len < p->limit; i++) {
		put_tabs(depth, p->out);
		buf_printf(p->out, format, e[i].name, (long long)e[i].value);
	}
}

/* Without the tabs in front and without anything behind the closing brace. */
static void put_definition(struct printer *p, const struct type *t, int depth, uint64_t bits)
{
	size_t n;
	const struct member *m = type_members(t, &n);

	buf_puts(p->out, keyword(t));
	if (*t->name)
		buf_printf(p->out, "%s ", t->name);
	buf_puts(p->out, "{\n");
	if (t->kind == TYPE_ENUM)
		put_enumerators(p, t, depth + 1);
	for (size_t i = 0; i < n && p->out->len < p->limit; i++)
		put_member(p, &m[i], depth + 1, bits);
	put_tabs(depth, p->out);
	buf_putc(p->out, '}');
}

static void put_typedef(struct printer *p, const struct type *t)
{
	const struct type *target = type_target(t);

	buf_puts(p->out, "typedef ");
	if (*keyword(target) && !*target->name) {
		put_definition(p, target, 0, 0);
		buf_printf(p->out, " %s", t->name);
	} else {
		put_decl(target, t->name, 0, p->out);
	}
}

void type_print_definition(const struct type *t, bool offsets, struct buf *out)
{
	struct printer p = {.out = out, .limit = out->len + DEFINITION_MAX, .offsets = offsets};
	uint64_t size = type_size(t);

	if (t->kind == TYPE_TYPEDEF)
		put_typedef(&p, t);
	else if (*keyword(t) && !type_is_incomplete(t))
		put_definition(&p, t, 0, 0);
	else
		put_decl(t, "", 0, out);
	buf_putc(out, ';');
	if (offsets && size)
		buf_printf(out, " /* size %llu */", (unsigned long long)size);
	buf_putc(out, '\n');
}

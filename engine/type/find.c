/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * C type names: specifiers, then an abstract declarator, as a cast takes them. A declarator is read
 * inside out: the suffixes of a group apply before the group itself, so the group's text is kept
 * and read last, with the type made so far.
 *
 * Base types go by what they mean, not by how they are spelled: compilers write "long unsigned int"
 * or "unsigned long" into debug info, people anything in between. One that no provider has (BTF has
 * no "float" when nothing in the kernel uses it) is made from what the C ABI of 64-bit Linux says.
 */
#include "engine/type/impl.h"
#include "engine/base/alloc.h"
#include <ctype.h>
#include <string.h>

#define TEXT_MAX 4096
#define PARAMS_MAX 64

enum word {
	W_CHAR = 1, W_SHORT = 2, W_INT = 4, W_LONG = 8, W_LONG_LONG = 16, W_FLOAT = 32,
	W_DOUBLE = 64, W_BOOL = 128, W_INT128 = 256, W_SIGNED = 512, W_UNSIGNED = 1024,
	W_VOID = 2048
};

static const struct base_word {
	const char *text;
	unsigned bit;
} words[] = {
	{"char", W_CHAR},     {"short", W_SHORT},	{"int", W_INT},
	{"long", W_LONG},     {"float", W_FLOAT},	{"double", W_DOUBLE},
	{"_Bool", W_BOOL},    {"__int128", W_INT128},	{"signed", W_SIGNED},
	{"void", W_VOID},     {"unsigned", W_UNSIGNED},
};

/* mask: the words that count; gcc, clang: how debug info spells the type. */
static const struct base {
	unsigned mask;
	const char *gcc, *clang;
	enum type_kind kind;
	unsigned size;
	bool is_signed;
} bases[] = {
	{W_CHAR, "char", "char", TYPE_INT, 1, true},
	{W_CHAR | W_SIGNED, "signed char", "signed char", TYPE_INT, 1, true},
	{W_CHAR | W_UNSIGNED, "unsigned char", "unsigned char", TYPE_INT, 1, false},
	{W_SHORT, "short int", "short", TYPE_INT, 2, true},
	{W_SHORT | W_UNSIGNED, "short unsigned int", "unsigned short", TYPE_INT, 2, false},
	{W_INT, "int", "int", TYPE_INT, 4, true},
	{W_INT | W_UNSIGNED, "unsigned int", "unsigned int", TYPE_INT, 4, false},
	{W_LONG, "long int", "long", TYPE_INT, 8, true},
	{W_LONG | W_UNSIGNED, "long unsigned int", "unsigned long", TYPE_INT, 8, false},
	{W_LONG_LONG, "long long int", "long long", TYPE_INT, 8, true},
	{W_LONG_LONG | W_UNSIGNED, "long long unsigned int", "unsigned long long", TYPE_INT, 8,
	 false},
	{W_INT128, "__int128", "__int128", TYPE_INT, 16, true},
	{W_INT128 | W_UNSIGNED, "__int128 unsigned", "unsigned __int128", TYPE_INT, 16, false},
	{W_BOOL, "_Bool", "bool", TYPE_INT, 1, false},
	{W_FLOAT, "float", "float", TYPE_FLOAT, 4, true},
	{W_DOUBLE, "double", "double", TYPE_FLOAT, 8, true},
	{W_LONG | W_DOUBLE, "long double", "long double", TYPE_FLOAT, 16, true},
};

struct parser {
	struct types *ts;
	const char *text, *s;
	struct job *job;
	int depth;
};

static struct err *type_name_at(struct parser *p, const struct type **ret);

static void skip_space(struct parser *p)
{
	while (isspace((unsigned char)*p->s))
		p->s++;
}

static bool ident_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

/* The identifier at the cursor, not consumed; 0: there is none. */
static size_t peek_word(struct parser *p)
{
	size_t n = 0;

	skip_space(p);
	if (isdigit((unsigned char)*p->s))
		return 0;
	while (ident_char(p->s[n]))
		n++;
	return n;
}

static bool word_is(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && !memcmp(s, word, n);
}

static bool is_qualifier(const char *s, size_t n)
{
	static const char *const list[] = {"const",	 "volatile",   "restrict", "_Atomic",
					   "__const",	 "__volatile__", "__restrict", "__user",
					   "__rcu",	 "__percpu",   "__iomem",  "__kernel"};
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (word_is(s, n, list[i]))
			return true;
	return false;
}

static void skip_qualifiers(struct parser *p)
{
	size_t n;

	while ((n = peek_word(p)) && is_qualifier(p->s, n))
		p->s += n;
}

static struct err *bad(const struct parser *p, const char *what)
{
	return err_new(ERR_USAGE, "'%s' is not a C type name: %s at column %zu", p->text, what,
		       (size_t)(p->s - p->text) + 1);
}

/* The first id that some BTF couldn't be read at; 0: all is read. */
static uint32_t unknown_from(const struct types *ts)
{
	const struct provider *p = NULL;

	while ((p = provider_after(ts, NULL, p)))
		if (p->is_btf && btf_unknown_id(btf_provider_btf(p)))
			return btf_unknown_id(btf_provider_btf(p));
	return 0;
}

static struct err *not_found(struct types *ts, const char *tag, const char *name)
{
	const char *from = types_source(ts);
	uint32_t unknown = unknown_from(ts);

	if (!strcmp(from, "none"))
		return err_new(ERR_NODEBUG, "no type '%s%s': there is no BTF or DWARF to look in",
			       tag, name);
	if (unknown)
		return err_new(ERR_NOTFOUND,
			       "no type '%s%s' in %s, of which the types after id %u are not known",
			       tag, name, from, unknown - 1);
	return err_new(ERR_NOTFOUND, "no type '%s%s' in %s", tag, name, from);
}

const struct type *type_built_in(struct types *ts, const char *name)
{
	const struct base *b = bases, *end = bases + sizeof(bases) / sizeof(*bases);
	bool added;

	while (b < end && strcmp(b->gcc, name))
		b++;
	if (b == end)
		return NULL;
	pthread_mutex_lock(&ts->lock);
	uint64_t *slot = smap_put(&ts->built_in, b->gcc, &added);
	if (added) {
		struct type *t = type_new(ts, b->kind, NULL, 0);
		t->name = intern_str(ts->names, b->gcc);
		t->size = b->size;
		t->is_signed = b->is_signed;
		t->is_bool = b->mask == W_BOOL;
		t->is_char = b->mask & W_CHAR;
		*slot = (uintptr_t)t;
	}
	const struct type *t = (const struct type *)(uintptr_t)*slot;
	pthread_mutex_unlock(&ts->lock);
	return t;
}

static struct err *find_base(struct parser *p, unsigned mask, const struct type **ret)
{
	/* "long int" is "long", "unsigned" is "unsigned int", and all but char are signed anyway */
	if (mask & (W_SHORT | W_LONG | W_LONG_LONG | W_INT128))
		mask &= ~(unsigned)W_INT;
	else if (!(mask & ~(unsigned)(W_SIGNED | W_UNSIGNED)))
		mask |= W_INT;
	if (!(mask & W_CHAR))
		mask &= ~(unsigned)W_SIGNED;
	if (mask == W_VOID) {
		*ret = p->ts->void_type;
		return NULL;
	}
	for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		const struct base *b = &bases[i];
		if (b->mask != mask)
			continue;
		TRY(types_lookup(p->ts, NULL, FIND_BASE, b->gcc, p->job, ret));
		if (!*ret && strcmp(b->gcc, b->clang))
			TRY(types_lookup(p->ts, NULL, FIND_BASE, b->clang, p->job, ret));
		if (!*ret)
			*ret = type_built_in(p->ts, b->gcc);
		return NULL;
	}
	return bad(p, "these words make no base type");
}

/* A bare name: a typedef, else a base type of another language, else a tag. */
static struct err *find_bare(struct parser *p, const char *name, const struct type **ret)
{
	static const enum find_kind order[] = {FIND_TYPEDEF, FIND_BASE, FIND_STRUCT, FIND_UNION,
					       FIND_ENUM};
	struct provider *from = NULL;

	*ret = NULL;
	while ((from = provider_after(p->ts, NULL, from)))
		for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
			TRY(from->ops->find(from, order[i], name, p->job, ret));
			if (*ret)
				return NULL;
		}
	if (!strcmp(name, "bool"))
		return find_base(p, W_BOOL, ret);
	return not_found(p->ts, "", name);
}

static struct err *find_tagged(struct parser *p, enum find_kind kind, const char *tag,
			       const struct type **ret)
{
	size_t n = peek_word(p);

	if (!n)
		return bad(p, "a tag is missing");
	AUTO_FREE char *name = xstrndup(p->s, n);
	p->s += n;
	TRY(types_lookup(p->ts, NULL, kind, name, p->job, ret));
	return *ret ? NULL : not_found(p->ts, tag, name);
}

static unsigned base_word(const char *s, size_t n)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (word_is(s, n, words[i].text))
			return words[i].bit;
	return 0;
}

/* The words before the declarator. */
static struct err *specifiers(struct parser *p, const struct type **ret)
{
	unsigned mask = 0, bit;
	size_t n;

	*ret = NULL;
	for (; (n = peek_word(p)); p->s += n) {
		const char *at = p->s;
		if (is_qualifier(at, n))
			continue;
		if ((bit = base_word(at, n))) {
			if (*ret || (mask & bit && bit != W_LONG))
				return bad(p, "too many words");
			if (mask & bit)
				mask = (mask & ~bit) | W_LONG_LONG;
			else
				mask |= bit;
			continue;
		}
		if (mask || *ret)
			break; /* a parameter's name */
		bool is_struct = word_is(at, n, "struct"), is_union = word_is(at, n, "union");
		if (is_struct || is_union || word_is(at, n, "enum")) {
			p->s += n;
			if (is_struct)
				TRY(find_tagged(p, FIND_STRUCT, "struct ", ret));
			else if (is_union)
				TRY(find_tagged(p, FIND_UNION, "union ", ret));
			else
				TRY(find_tagged(p, FIND_ENUM, "enum ", ret));
			n = 0;
			continue;
		}
		AUTO_FREE char *name = xstrndup(at, n);
		TRY(find_bare(p, name, ret));
	}
	if (mask)
		return find_base(p, mask, ret);
	return *ret ? NULL : bad(p, "no type");
}

static struct err *array_suffix(struct parser *p, uint64_t *count, bool *known)
{
	char *end;

	p->s++;
	skip_space(p);
	*known = *p->s != ']';
	*count = *known ? strtoull(p->s, &end, 0) : 0;
	if (*known) {
		if (!isdigit((unsigned char)*p->s))
			return bad(p, "a number is missing");
		p->s = end;
	}
	skip_space(p);
	if (*p->s != ']')
		return bad(p, "']' is missing");
	p->s++;
	return NULL;
}

static struct err *function_suffix(struct parser *p, const struct type *result,
				   const struct type **ret)
{
	struct param v[PARAMS_MAX];
	size_t n = 0;
	bool variadic = false;

	p->s++;
	skip_space(p);
	while (*p->s != ')') {
		if (n == PARAMS_MAX || variadic)
			return bad(p, "too many parameters");
		if (!strncmp(p->s, "...", 3)) {
			variadic = true;
			p->s += 3;
		} else {
			v[n].name = "";
			TRY(type_name_at(p, &v[n++].type));
		}
		skip_space(p);
		if (*p->s == ',')
			p->s++;
		else if (*p->s != ')')
			return bad(p, "')' is missing");
		skip_space(p);
	}
	p->s++;
	if (n == 1 && v[0].type == p->ts->void_type)
		n = 0;
	pthread_mutex_lock(&p->ts->lock);
	struct type *t = type_new(p->ts, TYPE_FUNCTION, NULL, 0);
	struct body *b = body_new(p->ts, n, sizeof(*b->params));
	if (n)
		memcpy(b->params, v, n * sizeof(*v));
	b->variadic = variadic;
	atomic_init(&t->target, result);
	atomic_init(&t->body, b);
	pthread_mutex_unlock(&p->ts->lock);
	*ret = t;
	return NULL;
}

/* "[2][3]" is an array of 2 arrays of 3: the first suffix applies last. */
static struct err *suffixes(struct parser *p, const struct type *t, const struct type **ret)
{
	uint64_t count;
	bool known;

	skip_space(p);
	if (*p->s != '[' && *p->s != '(') {
		*ret = t;
		return NULL;
	}
	if (++p->depth > NESTING_MAX)
		return bad(p, "it is nested too deeply");
	if (*p->s == '(') {
		TRY(function_suffix(p, t, ret));
	} else {
		TRY(array_suffix(p, &count, &known));
		TRY(suffixes(p, t, &t));
		*ret = known ? type_array_of(p->ts, t, count) : type_array_of_unknown(p->ts, t);
	}
	p->depth--;
	return NULL;
}

/* Does the parenthesis at the cursor hold a declarator (else parameters)? */
static bool is_group(const struct parser *p)
{
	const char *s = p->s;

	if (*s++ != '(')
		return false;
	while (isspace((unsigned char)*s))
		s++;
	return *s == '*' || *s == '(' || *s == '[';
}

static struct err *skip_group(struct parser *p)
{
	int open = 0;

	do {
		open += (*p->s == '(') - (*p->s == ')');
		if (!*p->s)
			return bad(p, "')' is missing");
		p->s++;
	} while (open);
	return NULL;
}

static struct err *declarator(struct parser *p, const struct type *t, const struct type **ret)
{
	if (++p->depth > NESTING_MAX)
		return bad(p, "it is nested too deeply");
	for (skip_qualifiers(p); *p->s == '*'; skip_qualifiers(p)) {
		t = type_pointer_to(p->ts, t);
		p->s++;
	}
	const char *group = NULL;
	if (is_group(p)) {
		group = p->s + 1;
		TRY(skip_group(p));
	} else {
		p->s += peek_word(p); /* a parameter's name */
	}
	TRY(suffixes(p, t, &t));
	if (group) {
		const char *after = p->s;
		p->s = group;
		TRY(declarator(p, t, &t));
		skip_space(p);
		if (*p->s != ')')
			return bad(p, "')' is missing");
		p->s = after;
	}
	p->depth--;
	*ret = t;
	return NULL;
}

static struct err *type_name_at(struct parser *p, const struct type **ret)
{
	TRY(specifiers(p, ret));
	return declarator(p, *ret, ret);
}

struct err *type_find(struct types *ts, const char *name, struct job *job, const struct type **ret)
{
	struct parser p = {.ts = ts, .text = name, .s = name, .job = job};

	if (strnlen(name, TEXT_MAX + 1) > TEXT_MAX)
		return err_new(ERR_USAGE, "a type name of more than %d bytes", TEXT_MAX);
	TRY(type_name_at(&p, ret));
	skip_space(&p);
	return *p.s ? bad(&p, "something follows") : NULL;
}

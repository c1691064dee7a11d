/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the table of meanings, line by line. Rules that come later win, and so do the lines of a
 * group that is opened again: the user's file is read after the one that is built in. Nothing of
 * the dump is asked here: conditions and enums wait for the first use of their group.
 */
#include "engine/kern/meaning/table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/meaning/kinds.h"

#define WORDS_MAX 40
#define WORD_LEN_MAX 128
#define NAME_LEN_MAX 256 /* of "struct.member" */

struct parser {
	struct meaning_table *t;
	const char *file;
	unsigned line;
	struct meaning_group *group;   /* whose lines these are */
	struct meaning_entry **tail;   /* where its next line goes */
	struct meaning_entry *earlier; /* its lines of earlier texts, which come last */
	struct buf *errors;
	char *word[WORDS_MAX];
	size_t n;
};

struct meaning_table *meaning_table_create(void)
{
	struct meaning_table *t = xcalloc(1, sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	return t;
}

void meaning_table_destroy(struct meaning_table *t)
{
	const char *key;
	uint64_t v;

	if (!t)
		return;
	for (size_t i = 0; smap_next(&t->groups, &i, &key, &v);)
		free(((struct meaning_group *)(uintptr_t)v)->bits);
	smap_free(&t->members);
	smap_free(&t->types);
	smap_free(&t->groups);
	arena_free(&t->arena);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static bool wrong(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	buf_printf(p->errors, "%s:%u: ", p->file, p->line);
	va_start(ap, fmt);
	buf_vprintf(p->errors, fmt, ap);
	va_end(ap);
	buf_putc(p->errors, '\n');
	return false;
}

bool meaning_number(const char *text, uint64_t *ret)
{
	bool bit = !strncmp(text, "BIT(", 4);
	char *end;

	if (bit)
		text += 4;
	if (*text < '0' || *text > '9')
		return false;
	*ret = strtoull(text, &end, 0);
	if (!bit)
		return !*end;
	if (strcmp(end, ")") || *ret > 63)
		return false;
	*ret = UINT64_C(1) << *ret;
	return true;
}

static struct meaning_group *group_of(struct parser *p, const char *name)
{
	bool added;
	const char *key = arena_strdup(&p->t->arena, name);
	uint64_t *slot = smap_put(&p->t->groups, key, &added);

	if (added) {
		struct meaning_group *g = arena_alloc(&p->t->arena, sizeof(*g));
		*g = (struct meaning_group){.name = key, .line = p->line, .file = p->file};
		*slot = (uintptr_t)g;
	}
	return (struct meaning_group *)(uintptr_t)*slot;
}

/* ---- rules ---- */

static bool parse_meaning(struct parser *p, const char *const *w, size_t n, struct meaning_rule *r)
{
	static const char *const paths[] = {"string", "number", "pointer"};

	*r = (struct meaning_rule){.arg = n > 1 ? arena_strdup(&p->t->arena, w[1]) : NULL};
	if (!strcmp(w[0], "enum")) {
		r->what = RULE_ENUM;
		return n == 2 || wrong(p, "enum needs an enumerator's name");
	}
	if (!strcmp(w[0], "bits") || !strcmp(w[0], "values")) {
		if (n != 2)
			return wrong(p, "%s needs a group's name", w[0]);
		r->what = RULE_GROUP;
		r->group = group_of(p, w[1]);
		return true;
	}
	for (size_t i = 0; i < 3; i++)
		if (!strcmp(w[0], paths[i])) {
			r->what = RULE_PATH;
			r->how = paths[i][0];
			return n == 2 || wrong(p, "%s needs a member's name", w[0]);
		}
	r->what = RULE_KIND;
	r->kind = meaning_kind_find(w[0]);
	if (!r->kind)
		return wrong(p, "there is no meaning '%s'", w[0]);
	return n == 1 || wrong(p, "'%s' needs nothing after it", w[0]);
}

/* How many of the words at the end are the meaning. */
static size_t meaning_words(struct parser *p)
{
	static const char *const two[] = {"enum", "bits", "values", "string", "number", "pointer"};

	for (size_t i = 0; p->n >= 3 && i < sizeof(two) / sizeof(*two); i++)
		if (!strcmp(p->word[p->n - 2], two[i]))
			return 2;
	return 1;
}

/* before: what a name has in front of it in the map, "." for variables. */
static bool parse_rule(struct parser *p, struct smap *into, bool member, const char *before)
{
	char key[WORD_LEN_MAX + 2];

	size_t tail = meaning_words(p);
	struct meaning_rule *r = arena_alloc(&p->t->arena, sizeof(*r));

	if (p->n < 2 + tail)
		return wrong(p, "needs what it is about, and its meaning");
	if (!parse_meaning(p, (const char *const *)p->word + p->n - tail, tail, r))
		return false;
	for (size_t i = 1; i < p->n - tail; i++) {
		const char *dot = strchr(p->word[i], '.');
		if (member && (!dot || dot == p->word[i] || !dot[1]))
			return wrong(p, "'%s' is no STRUCT.MEMBER", p->word[i]);
		snprintf(key, sizeof(key), "%s%s", before, p->word[i]);
		*smap_put(into, arena_strdup(&p->t->arena, key), NULL) = (uintptr_t)r;
	}
	return true;
}

/* ---- groups ---- */

static bool parse_group(struct parser *p)
{
	if (p->n != 2)
		return wrong(p, "%s needs one name", p->word[0]);
	p->group = group_of(p, p->word[1]);
	if (p->group->defined && p->group->values != !strcmp(p->word[0], "values"))
		return wrong(p, "'%s' is of the other sort, bits or values", p->word[1]);
	p->group->defined = true;
	p->group->values = !strcmp(p->word[0], "values");
	p->earlier = p->group->entries;
	p->group->entries = NULL;
	p->tail = &p->group->entries;
	return true;
}

static void close_group(struct parser *p)
{
	if (p->group)
		*p->tail = p->earlier;
	p->group = NULL;
}

/* The conditions from word i on. */
static bool parse_conds(struct parser *p, size_t i, struct meaning_entry *e)
{
	static const char *const whats[] = {"member", "type", "const", "symbol", "size"};

	while (i < p->n) {
		struct meaning_cond *c = arena_alloc(&p->t->arena, sizeof(*c));
		c->unless = !strcmp(p->word[i], "unless");
		if (!c->unless && strcmp(p->word[i], "if"))
			return wrong(p, "'%s' where 'if' or 'unless' was expected", p->word[i]);
		if (i + 2 >= p->n)
			return wrong(p, "the condition isn't whole");
		size_t k = 0;
		while (k < 5 && strcmp(p->word[i + 1], whats[k]))
			k++;
		if (k == 5)
			return wrong(p, "'%s' can't be a condition", p->word[i + 1]);
		c->what = (enum cond_what)k;
		c->name = arena_strdup(&p->t->arena, p->word[i + 2]);
		i += 3;
		if (c->what == COND_SIZE && (i >= p->n || !meaning_number(p->word[i++], &c->size)))
			return wrong(p, "size needs a number of bytes");
		c->next = e->conds;
		e->conds = c;
	}
	return true;
}

/* from ENUMERATOR numbers|masks PATTERN [as PATTERN] [in MASK] [CONDITION] */
static bool parse_from(struct parser *p, struct meaning_entry *e)
{
	struct arena *a = &p->t->arena;
	size_t i = 4;

	if (p->n < 4 || (strcmp(p->word[2], "numbers") && strcmp(p->word[2], "masks")))
		return wrong(p, "expected: from ENUMERATOR numbers|masks PATTERN");
	e->kind = p->word[2][0] == 'n' ? ENTRY_NUMBERS : ENTRY_MASKS;
	e->from = arena_strdup(a, p->word[1]);
	e->name = e->value = arena_strdup(a, p->word[3]);
	if (i + 1 < p->n && !strcmp(p->word[i], "as")) {
		e->name = arena_strdup(a, p->word[i + 1]);
		i += 2;
	}
	if (i + 1 < p->n && !strcmp(p->word[i], "in")) {
		e->mask = arena_strdup(a, p->word[i + 1]);
		i += 2;
	}
	return parse_conds(p, i, e);
}

static bool parse_entry(struct parser *p)
{
	struct meaning_entry *e = arena_alloc(&p->t->arena, sizeof(*e));

	if (!p->group)
		return wrong(p, "an indented line belongs to 'bits' or 'values' before it");
	if (!strcmp(p->word[0], "from")) {
		if (!parse_from(p, e))
			return false;
	} else {
		if (p->n < 2)
			return wrong(p, "'%s' has no value", p->word[0]);
		char *slash = strchr(p->word[1], '/');
		uint64_t number;
		if (slash)
			*slash = '\0';
		if (slash && !meaning_number(slash + 1, &number))
			return wrong(p, "'%s' is no number", slash + 1);
		if (p->word[1][0] >= '0' && p->word[1][0] <= '9' &&
		    !meaning_number(p->word[1], &number))
			return wrong(p, "'%s' is no number", p->word[1]);
		e->name = arena_strdup(&p->t->arena, p->word[0]);
		e->value = arena_strdup(&p->t->arena, p->word[1]);
		e->mask = slash ? arena_strdup(&p->t->arena, slash + 1) : NULL;
		if (!parse_conds(p, 2, e))
			return false;
	}
	*p->tail = e;
	p->tail = &e->next;
	return true;
}

/* ---- lines ---- */

static bool split(struct parser *p, char *line)
{
	char *save = NULL;

	p->n = 0;
	line[strcspn(line, "#")] = '\0';
	for (char *w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
		if (p->n == WORDS_MAX)
			return wrong(p, "more than %d words", WORDS_MAX);
		if (strlen(w) > WORD_LEN_MAX)
			return wrong(p, "a word of more than %d letters", WORD_LEN_MAX);
		p->word[p->n++] = w;
	}
	return p->n > 0;
}

static void parse_line(struct parser *p, char *line)
{
	bool indented = line[0] == ' ' || line[0] == '\t';

	if (!split(p, line))
		return;
	if (indented) {
		parse_entry(p);
		return;
	}
	close_group(p);
	if (!strcmp(p->word[0], "member"))
		parse_rule(p, &p->t->members, true, "");
	else if (!strcmp(p->word[0], "variable"))
		parse_rule(p, &p->t->members, false, ".");
	else if (!strcmp(p->word[0], "type"))
		parse_rule(p, &p->t->types, false, "");
	else if (!strcmp(p->word[0], "bits") || !strcmp(p->word[0], "values"))
		parse_group(p);
	else
		wrong(p, "'%s' is none of member, variable, type, bits, values", p->word[0]);
}

/* Groups that rules speak of and nobody defines. */
static void check_groups(struct parser *p)
{
	const char *key;
	uint64_t v;

	for (size_t i = 0; smap_next(&p->t->groups, &i, &key, &v);) {
		struct meaning_group *g = (struct meaning_group *)(uintptr_t)v;
		if (g->defined)
			continue;
		g->defined = true; /* told once */
		p->line = g->line;
		p->file = g->file;
		wrong(p, "there is no group '%s'", g->name);
	}
}

void meaning_table_parse(struct meaning_table *t, const char *text, size_t n, const char *file,
			 struct buf *errors)
{
	struct parser p = {.t = t, .file = arena_strdup(&t->arena, file), .errors = errors};

	for (size_t i = 0; i < n;) {
		const char *end = memchr(text + i, '\n', n - i);
		size_t len = end ? (size_t)(end - text) - i : n - i;
		AUTO_FREE char *line = xstrndup(text + i, len);
		p.line++;
		parse_line(&p, line);
		i += len + 1;
	}
	close_group(&p);
	check_groups(&p);
}

const struct meaning_rule *meaning_rule_of_member(const struct meaning_table *t, const char *in,
						  const char *member)
{
	char key[NAME_LEN_MAX];
	const char *names[] = {in, "*"};

	for (size_t i = 0; i < 2; i++) {
		size_t a = strlen(names[i]), b = strlen(member);
		if (a + b + 2 > sizeof(key))
			continue;
		memcpy(key, names[i], a);
		key[a] = '.';
		memcpy(key + a + 1, member, b + 1);
		const uint64_t *v = smap_get(&t->members, key);
		if (v)
			return (const struct meaning_rule *)(uintptr_t)*v;
	}
	return NULL;
}

const struct meaning_rule *meaning_rule_of_type(const struct meaning_table *t, const char *name)
{
	const uint64_t *v = name[0] ? smap_get(&t->types, name) : NULL;

	return v ? (const struct meaning_rule *)(uintptr_t)*v : NULL;
}

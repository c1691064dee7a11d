/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A group's lines are resolved when it is first used: conditions are asked of the dump's types and
 * symbols, enums are taken apart. What comes first wins a bit, so lines of several bits come before
 * those of one.
 */
#include "engine/kern/meaning/groups.h"
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"

#define NAME_LEN_MAX 256
#define BITS_MAX 1024 /* of a group: enums come from a file */

/* ---- conditions ---- */

/* "STRUCT.PATH" */
static bool member_place(struct session *s, const char *name, struct type_place *ret)
{
	const char *dot = strchr(name, '.');
	const struct type *t;

	if (!dot)
		return false;
	AUTO_FREE char *tag = xasprintf("struct %.*s", (int)(dot - name), name);
	return err_ok(type_find(s->types, tag, NULL, &t)) && err_ok(type_member(t, dot + 1, ret));
}

static bool holds(struct session *s, const struct meaning_cond *c)
{
	struct type_place place;
	const struct type *t;
	struct sym sym;

	switch (c->what) {
	case COND_MEMBER:
		return member_place(s, c->name, &place);
	case COND_SIZE:
		return member_place(s, c->name, &place) && type_size(place.type) == c->size;
	case COND_TYPE:
		return err_ok(type_find(s->types, c->name, NULL, &t));
	case COND_CONST:
		return err_ok(type_find_enumerator(s->types, c->name, NULL, &t));
	case COND_SYMBOL:
		return sym_find(s->symtab, c->name, &sym);
	}
	return false;
}

static bool all_hold(struct session *s, const struct meaning_cond *c)
{
	for (; c; c = c->next)
		if (holds(s, c) == c->unless)
			return false;
	return true;
}

/* ---- names and values ---- */

static void add_bit(struct meaning_group *g, const char *name, uint64_t value, uint64_t mask)
{
	if (g->nbits >= BITS_MAX)
		return;
	GROW(g->bits, g->nbits, g->cap);
	g->bits[g->nbits++] = (struct meaning_bit){name, value, mask};
}

/* "A|B|0x10": names are those of the same group, looked up among what was resolved. */
static bool sum(const struct meaning_group *g, const char *text, uint64_t *ret)
{
	char word[NAME_LEN_MAX];
	uint64_t v;

	*ret = 0;
	while (*text) {
		size_t n = strcspn(text, "|"), i = 0;
		if (n >= sizeof(word))
			return false;
		memcpy(word, text, n);
		word[n] = '\0';
		if (!meaning_number(word, &v)) {
			while (i < g->nbits && strcmp(g->bits[i].name, word))
				i++;
			if (i == g->nbits)
				return false;
			v = g->bits[i].value;
		}
		*ret |= v;
		text += n + (text[n] == '|');
	}
	return true;
}

static bool is_number(const char *text)
{
	return text[0] >= '0' && text[0] <= '9' ? true : !strncmp(text, "BIT(", 4);
}

static void add_value(struct meaning_group *g, const struct meaning_entry *e)
{
	uint64_t value, mask;

	if (!sum(g, e->value, &value))
		return;
	if (!e->mask || !meaning_number(e->mask, &mask))
		mask = g->values ? UINT64_MAX : value ? value : UINT64_MAX;
	add_bit(g, e->name, value, mask);
}

/* Does name match a pattern with one '*'? Then *mid (n letters) is what the star stands for. */
static bool matches(const char *pattern, const char *name, const char **mid, size_t *n)
{
	const char *star = strchr(pattern, '*');
	size_t head, tail, len = strlen(name);

	if (!star) {
		*mid = name;
		*n = 0;
		return !strcmp(pattern, name);
	}
	head = (size_t)(star - pattern);
	tail = strlen(star + 1);
	if (len < head + tail || strncmp(pattern, name, head) || strcmp(name + len - tail, star + 1))
		return false;
	*mid = name + head;
	*n = len - head - tail;
	return true;
}

static const char *renamed(struct session *s, const char *pattern, const char *mid, size_t n)
{
	const char *star = strchr(pattern, '*');

	if (!star)
		return intern_str(s->intern, pattern);
	AUTO_FREE char *name = xasprintf("%.*s%.*s%s", (int)(star - pattern), pattern, (int)n, mid,
					 star + 1);
	return intern_str(s->intern, name);
}

/* A mask may be one of the enum's own. */
static bool mask_of(const struct enumerator *v, size_t n, const char *text, uint64_t *ret)
{
	if (meaning_number(text, ret))
		return true;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i].name, text)) {
			*ret = (uint64_t)v[i].value;
			return true;
		}
	return false;
}

static void add_enum(struct session *s, struct meaning_group *g, const struct meaning_entry *e)
{
	const struct type *t;
	uint64_t mask = 0, value;
	const char *mid;
	size_t n, len;

	if (!err_ok(type_find_enumerator(s->types, e->from, NULL, &t)))
		return;
	const struct enumerator *v = type_enumerators(type_strip(t), &n);
	if (e->mask && !mask_of(v, n, e->mask, &mask))
		return;
	for (size_t i = 0; i < n; i++) {
		if (!matches(e->value, v[i].name, &mid, &len))
			continue;
		value = (uint64_t)v[i].value;
		if (e->kind == ENTRY_NUMBERS) {
			if (value > 63 || strstr(v[i].name, "NR_"))
				continue;
			value = UINT64_C(1) << value;
		} else if (mask ? (value & ~mask) != 0 || !strcmp(v[i].name, e->mask)
				: !value || (value & (value - 1))) {
			continue;
		}
		add_bit(g, renamed(s, e->name, mid, len), value,
			mask ? mask : g->values ? UINT64_MAX : value);
	}
}

/* Numbers and enums first, then what is put together of names, which then goes in front. */
static void resolve(struct session *s, struct meaning_group *g)
{
	for (int named = 0; named < 2; named++) {
		size_t before = g->nbits;
		for (const struct meaning_entry *e = g->entries; e; e = e->next) {
			if ((e->kind == ENTRY_VALUE && !is_number(e->value)) != (named == 1) ||
			    !all_hold(s, e->conds))
				continue;
			if (e->kind == ENTRY_VALUE)
				add_value(g, e);
			else
				add_enum(s, g, e);
		}
		if (!named || g->nbits == before)
			continue;
		size_t added = g->nbits - before, all = g->nbits;
		struct meaning_bit *v = xcalloc(all, sizeof(*v));
		memcpy(v, g->bits + before, added * sizeof(*v));
		memcpy(v + added, g->bits, before * sizeof(*v));
		free(g->bits);
		g->bits = v;
		g->cap = all;
	}
	g->resolved = true;
}

/* ---- printing ---- */

static void put_sep(struct buf *out, size_t from)
{
	if (out->len > from)
		buf_putc(out, '|');
}

/* An int with its topmost bit set was put into a long: the upper half is that bit again, even where the bit
 * itself was taken away later. */
static bool from_int(const struct meaning_group *g, uint64_t value)
{
	if (value >> 32 != UINT32_MAX)
		return false;
	for (size_t i = 0; i < g->nbits; i++)
		if (g->bits[i].mask >> 32)
			return false;
	return true;
}

void meaning_group_put(struct session *s, struct meaning_table *t, struct meaning_group *g,
		       uint64_t value, struct buf *out)
{
	size_t from = out->len;
	uint64_t claimed = 0;

	pthread_mutex_lock(&t->lock);
	if (!g->resolved)
		resolve(s, g);
	pthread_mutex_unlock(&t->lock);
	if (!g->values && from_int(g, value))
		value &= UINT32_MAX;
	uint64_t rest = value;
	for (size_t i = 0; i < g->nbits; i++) {
		const struct meaning_bit *b = &g->bits[i];
		if ((value & b->mask) != b->value || (claimed & b->mask) == b->mask ||
		    (g->values && out->len > from))
			continue;
		/* a name of several flags mustn't tell of some that were told already */
		if (b->mask == b->value && (rest & b->value) != b->value)
			continue;
		put_sep(out, from);
		buf_puts(out, b->name);
		rest &= ~b->mask;
		claimed |= b->mask;
	}
	if (rest && !g->values) {
		if (out->len == from && rest == value && !g->nbits)
			return; /* nothing is known of this kernel's: the number says as much */
		put_sep(out, from);
		buf_put_hex(out, rest);
	}
}

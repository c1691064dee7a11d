/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which members of an unknown struct tell most about it: names first, then what counts or tells a
 * state, then functions and owners. What links it to others tells nothing.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/container/known.h"
#include "engine/kern/impl.h"

#define COLUMNS_MAX 5

static bool has_word(const char *name, const char *const *words)
{
	for (; *words; words++)
		if (strstr(name, *words))
			return true;
	return false;
}

static bool is_string(const struct type *t)
{
	enum type_kind k = type_kind(t);

	return (k == TYPE_ARRAY || k == TYPE_POINTER) && type_is_char(type_strip(type_target(t)));
}

/* How much a member tells; 0: nothing. */
static int worth(const struct member *m)
{
	static const char *const names[] = {"name", "comm", "label", NULL};
	static const char *const numbers[] = {"pid", "id", "ino", "irq", "cpu", "count", "nr_", "refcnt",
					      "ref", "flags", "state", "type", "size", "len", "mode",
					      "status", "expires", "index", "num", "start", "end", NULL};
	static const char *const owners[] = {"owner", "parent", "task", "func", "ops", "dev", NULL};
	const struct type *t = type_strip(m->type);
	enum type_kind k = type_kind(t);

	if (!m->name[0])
		return 0;
	if (is_string(t))
		return has_word(m->name, names) ? 9 : 6;
	if (k == TYPE_INT || k == TYPE_ENUM)
		return has_word(m->name, numbers) ? 5 : k == TYPE_ENUM ? 4 : 1;
	if (k == TYPE_POINTER && type_kind(type_strip(type_target(t))) == TYPE_FUNCTION)
		return 4;
	if (k == TYPE_POINTER)
		return has_word(m->name, owners) ? 3 : 2;
	return 0;
}

struct choice {
	const char *path[COLUMNS_MAX];
	int worth[COLUMNS_MAX];
	size_t n;
};

/* Keeps the best, earlier members before later ones. */
static void consider(struct choice *c, const char *path, int w)
{
	size_t i = c->n;

	while (i && c->worth[i - 1] < w)
		i--;
	if (!w || i == COLUMNS_MAX)
		return;
	if (c->n < COLUMNS_MAX)
		c->n++;
	for (size_t k = c->n - 1; k > i; k--) {
		c->path[k] = c->path[k - 1];
		c->worth[k] = c->worth[k - 1];
	}
	c->path[i] = path;
	c->worth[i] = w;
}

static void consider_all(struct choice *c, const struct type *t, int depth)
{
	size_t n;
	const struct member *m = type_members(t, &n);

	for (size_t i = 0; i < n; i++) {
		const struct type *of = type_strip(m[i].type);
		if (m[i].name[0])
			consider(c, m[i].name, worth(&m[i]));
		else if (depth < 3 && (type_kind(of) == TYPE_STRUCT || type_kind(of) == TYPE_UNION))
			consider_all(c, of, depth + 1);
	}
}

/* The first of "a|b" that t has, of each of "a|b,c,d". */
static void existing(const struct type *t, const char *columns, struct buf *out)
{
	struct type_place place;

	for (const char *p = columns; *p;) {
		size_t n = strcspn(p, ",");
		for (size_t at = 0; at < n;) {
			size_t k = strcspn(p + at, "|,");
			AUTO_FREE char *path = xstrndup(p + at, k);
			if (err_ok(type_member(t, path, &place))) {
				buf_printf(out, "%s%s", out->len ? "," : "", path);
				break;
			}
			at += k + 1;
		}
		p += n + (p[n] == ',');
	}
}

const char *holding_columns(struct session *s, const struct type *t)
{
	const struct type *plain = type_strip(t);
	const char *known = holding_columns_known(s, type_name(plain));
	AUTO_BUF struct buf out = {0};
	struct choice c = {.n = 0};

	if (known) {
		existing(plain, known, &out);
		return intern_str(s->intern, buf_str(&out));
	}
	consider_all(&c, plain, 0);
	for (size_t i = 0; i < c.n; i++)
		buf_printf(&out, "%s%s", i ? "," : "", c.path[i]);
	return intern_str(s->intern, buf_str(&out));
}

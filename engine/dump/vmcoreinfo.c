/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmcoreinfo's text, some 3 KB and 150 lines: a few dozen look-ups in a session don't need an
 * index.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/dump/vmcoreinfo.h"

struct line {
	const char *key, *value;
};

struct vmcoreinfo {
	char *text;	    /* as it was */
	char *cut;	    /* the same, with '=' and newlines of good lines turned into NUL */
	struct line *lines; /* into cut */
	size_t n, cap;
};

static void add_line(struct vmcoreinfo *v, char *s)
{
	char *eq = strchr(s, '=');

	if (!eq || eq == s)
		return;
	*eq = 0;
	size_t n = strlen(eq + 1);
	while (n && isspace((unsigned char)eq[n]))
		eq[n--] = 0;
	GROW(v->lines, v->n, v->cap);
	v->lines[v->n++] = (struct line){s, eq + 1};
}

struct vmcoreinfo *vmcoreinfo_create(const char *text, size_t n)
{
	struct vmcoreinfo *v = xcalloc(1, sizeof(*v));

	v->text = xstrndup(text, n);
	v->cut = xstrdup(v->text);
	for (char *s = v->cut, *end; *s; s = end) {
		end = s + strcspn(s, "\n");
		if (*end)
			*end++ = 0;
		add_line(v, s);
	}
	return v;
}

void vmcoreinfo_destroy(struct vmcoreinfo *v)
{
	if (!v)
		return;
	free(v->text);
	free(v->cut);
	free(v->lines);
	free(v);
}

bool vmcoreinfo_empty(const struct vmcoreinfo *v)
{
	return v->n == 0;
}

const char *vmcoreinfo_text(const struct vmcoreinfo *v)
{
	return v->text;
}

const char *vmcoreinfo_str(const struct vmcoreinfo *v, const char *key)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(v->lines[i].key, key))
			return v->lines[i].value;
	return NULL;
}

/* A whole number in base, or with 0x in hexadecimal (arm64 writes some NUMBER()s so). */
static bool parse_u64(const char *s, int base, uint64_t *ret)
{
	char *end;

	if (!s || !isxdigit((unsigned char)*s))
		return false;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		base = 16;
	errno = 0;
	*ret = strtoull(s, &end, base);
	return !*end && !errno;
}

static bool get_u64(const struct vmcoreinfo *v, const char *kind, const char *name, int base,
		    uint64_t *ret)
{
	char key[256];
	int n = snprintf(key, sizeof(key), "%s(%s)", kind, name);
	uint64_t x;

	if (n < 0 || (size_t)n >= sizeof(key) || !parse_u64(vmcoreinfo_str(v, key), base, &x))
		return false;
	*ret = x;
	return true;
}

bool vmcoreinfo_symbol(const struct vmcoreinfo *v, const char *name, uint64_t *ret)
{
	return get_u64(v, "SYMBOL", name, 16, ret);
}

bool vmcoreinfo_number(const struct vmcoreinfo *v, const char *name, int64_t *ret)
{
	char key[256];
	int n = snprintf(key, sizeof(key), "NUMBER(%s)", name);
	const char *s = n < 0 || (size_t)n >= sizeof(key) ? NULL : vmcoreinfo_str(v, key);
	bool neg = s && *s == '-';
	uint64_t x;

	if (!s || !parse_u64(s + neg, 10, &x))
		return false;
	*ret = (int64_t)(neg ? 0 - x : x);
	return true;
}

bool vmcoreinfo_length(const struct vmcoreinfo *v, const char *name, uint64_t *ret)
{
	return get_u64(v, "LENGTH", name, 10, ret);
}

bool vmcoreinfo_size(const struct vmcoreinfo *v, const char *type, uint64_t *ret)
{
	return get_u64(v, "SIZE", type, 10, ret);
}

bool vmcoreinfo_offset(const struct vmcoreinfo *v, const char *type_dot_member, uint64_t *ret)
{
	return get_u64(v, "OFFSET", type_dot_member, 10, ret);
}

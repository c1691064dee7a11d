/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members by path. A name is looked for among the struct's own members and, depth first, in its
 * anonymous structs and unions, whose members C treats as the struct's own. The walk is bounded by
 * a number of steps, because a damaged file can make a struct contain itself many times over.
 */
#include "engine/base/alloc.h"
#include "engine/type/impl.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 1000000

struct walk {
	const char *name;
	size_t len;
	unsigned steps;
};

static bool is_compound(const struct type *t)
{
	return t->kind == TYPE_STRUCT || t->kind == TYPE_UNION;
}

static bool find_in(struct walk *w, const struct type *t, uint64_t bits, int depth,
		    struct member *ret)
{
	size_t n;
	const struct member *m = type_members(t, &n);

	for (size_t i = 0; i < n && w->steps < STEPS_MAX; i++, w->steps++) {
		uint64_t at;
		if (!add_u64(bits, m[i].bit_offset, &at))
			continue;
		if (*m[i].name) {
			if (strncmp(m[i].name, w->name, w->len) || m[i].name[w->len])
				continue;
			*ret = m[i];
			ret->bit_offset = at;
			return true;
		}
		const struct type *inner = type_strip(m[i].type);
		if (is_compound(inner) && depth < NESTING_MAX &&
		    find_in(w, inner, at, depth + 1, ret))
			return true;
	}
	return false;
}

static struct err *no_member(const struct type *t, const char *name, int len)
{
	const char *keyword = t->kind == TYPE_UNION ? "union" : "struct";

	if (type_is_incomplete(t))
		return err_new(ERR_NOTFOUND,
			       "%s %s is declared but not defined here: no member '%.*s'", keyword,
			       t->name, len, name);
	return err_new(ERR_NOTFOUND, "%s %s has no member '%.*s'", keyword,
		       *t->name ? t->name : "{...}", len, name);
}

/* Where a bitfield is read: from the start of the integer that C declares it with, when it lies in
 * one, so that reading type_size bytes is enough and stays in the struct; else from its first
 * byte. */
static void place_bitfield(const struct member *m, struct type_place *ret)
{
	uint64_t unit = type_size(m->type) * 8, at = m->bit_offset;

	if (unit && unit <= 64 && at % unit + m->bit_size <= unit)
		at -= at % unit;
	else
		at -= at % 8;
	ret->offset += at / 8;
	ret->bit_offset = (uint32_t)(m->bit_offset - at);
	ret->bit_size = m->bit_size;
}

static struct err *enter_member(const char **path, struct type_place *ret)
{
	const struct type *t = type_strip(ret->type);
	const char *name = *path;
	struct walk w = {.name = name};
	struct member m;

	while (isalnum((unsigned char)name[w.len]) || name[w.len] == '_' || name[w.len] == '$')
		w.len++;
	if (!w.len)
		return err_new(ERR_USAGE, "a member's name is missing before '%s'", name);
	*path += w.len;
	if (!is_compound(t))
		return err_new(ERR_USAGE, "'%.*s' can't be a member: it is asked of %s", (int)w.len,
			       name, t->kind == TYPE_POINTER ? "a pointer (follow it first)"
							     : "no struct or union");
	if (!find_in(&w, t, 0, 0, &m))
		return no_member(t, name, (int)w.len);
	ret->type = m.type;
	if (m.bit_size)
		place_bitfield(&m, ret);
	else
		ret->offset += m.bit_offset / 8;
	return NULL;
}

static struct err *enter_element(const char **path, struct type_place *ret)
{
	const struct type *t = type_strip(ret->type);
	uint64_t count, at;
	char *end;

	if (!isdigit((unsigned char)(*path)[1]))
		return err_new(ERR_USAGE, "a number is missing after '[' in '%s'", *path);
	unsigned long long i = strtoull(*path + 1, &end, 0);
	if (*end != ']')
		return err_new(ERR_USAGE, "']' is missing in '%s'", *path);
	*path = end + 1;
	if (t->kind != TYPE_ARRAY)
		return err_new(ERR_USAGE, "'[%llu]' is asked of something that is no array", i);
	if (type_array_count(t, &count) && i >= count)
		return err_new(ERR_NOTFOUND, "element %llu is outside of the array's %llu", i,
			       (unsigned long long)count);
	ret->type = type_target(t);
	if (!mul_u64(type_size(ret->type), i, &at) || !add_u64(ret->offset, at, &ret->offset))
		return err_new(ERR_USAGE, "element %llu lies beyond all memory", i);
	return NULL;
}

struct err *type_member(const struct type *t, const char *path, struct type_place *ret)
{
	struct type_place at = {.type = t};

	if (*path != '[') /* of an array, an element is the first thing to ask for */
		TRY(enter_member(&path, &at));
	while (*path) {
		if (at.bit_size)
			return err_new(ERR_USAGE, "'%s' is asked of a bitfield", path);
		if (*path == '.') {
			path++;
			TRY(enter_member(&path, &at));
		} else if (*path == '[') {
			TRY(enter_element(&path, &at));
		} else {
			return err_new(ERR_USAGE, "'%s' is not understood in a member's path",
				       path);
		}
	}
	*ret = at;
	return NULL;
}

const struct type *type_member_owner(const struct type *t, const char *path, const char **member)
{
	const char *dot = strrchr(path, '.');
	struct type_place place;

	*member = dot ? dot + 1 : path;
	if (!dot)
		return t;
	AUTO_FREE char *owner = xstrndup(path, (size_t)(dot - path));
	return err_ok(type_member(t, owner, &place)) ? place.type : NULL;
}

/* The member of a struct, or the element of an array, that holds offset; for a union its first that does. */
static const struct type *step_in(const struct type *t, uint64_t *offset, struct buf *out)
{
	size_t n;
	const struct member *m = type_members(t, &n);
	const struct type *of = type_kind(t) == TYPE_ARRAY ? type_target(t) : NULL;
	uint64_t size = of ? type_size(of) : 0;

	if (size) {
		buf_printf(out, "[%" PRIu64 "]", *offset / size);
		*offset %= size;
		return of;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t start = m[i].bit_offset / 8, bytes = type_size(m[i].type);
		if (*offset < start || *offset - start >= bytes || m[i].bit_size)
			continue;
		if (m[i].name[0])
			buf_printf(out, "%s%s", out->len ? "." : "", m[i].name);
		*offset -= start;
		return m[i].type;
	}
	return NULL;
}

static bool same_struct(const struct type *a, const struct type *b)
{
	return a == b || (type_kind(a) == type_kind(b) && type_name(a)[0] && !strcmp(type_name(a), type_name(b)));
}

/* Until there is nothing inside, or until a `want` begins here. */
static const struct type *path_in(const struct type *t, const struct type *want, uint64_t *offset, struct buf *out)
{
	const struct type *at = NULL, *in = type_strip(t);

	for (int depth = 0; depth < NESTING_MAX && *offset < type_size(in); depth++) {
		enum type_kind k = type_kind(in);
		if (k != TYPE_STRUCT && k != TYPE_UNION && k != TYPE_ARRAY)
			break;
		const struct type *next = step_in(in, offset, out);
		if (!next)
			break;
		at = next;
		in = type_strip(next);
		if (want && !*offset && same_struct(in, want))
			return at;
	}
	return want ? NULL : at;
}

const struct type *type_path_at(const struct type *t, uint64_t *offset, struct buf *out)
{
	return path_in(t, NULL, offset, out);
}

bool type_path_to(const struct type *t, const struct type *want, uint64_t offset, struct buf *out)
{
	return path_in(t, type_strip(want), &offset, out) != NULL;
}

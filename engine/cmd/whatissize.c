/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `whatis -r` and `-m`: all structs and unions of a size, or with a member of a type: what an object of
 * unknown kind may be, or who holds one of these.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/whatissize.h"
#include <inttypes.h>
#include <string.h>

#define MAX_DEPTH 16 /* of anonymous structs in each other */
#define MAX_STEPS 100000 /* members of one struct, with those in it */

enum { SIZE, TYPE, COLS };
static const struct col cols[COLS] = {
	[SIZE] = {"size", "SIZE", "bytes", COL_RIGHT, 6, 0},
	[TYPE] = {"type", "TYPE", "struct or union", COL_GROW, 0, 0},
};
static const struct table size_table = {.name = "sizes", .cols = cols, .ncols = COLS};

struct wanted {
	uint64_t least, most;
	const char *member; /* the C name of a member's type; NULL: any */
};

/* "16", "16-32", "0x10-0x20" */
static struct err *parse_range(const char *text, struct wanted *ret)
{
	const char *dash = strchr(text, '-');
	AUTO_FREE char *first = dash ? xstrndup(text, (size_t)(dash - text)) : xstrdup(text);

	TRY(arg_number(first, &ret->least));
	ret->most = ret->least;
	if (dash)
		TRY(arg_number(dash + 1, &ret->most));
	return NULL;
}

/* The name of what a member is, or points to, or is an array of. */
static bool is_of_type(const struct type *t, const char *name)
{
	for (int i = 0; i < 8; i++) {
		AUTO_BUF struct buf text = {0};
		type_print_name(t, &text);
		if (!strcmp(buf_str(&text), name) || !strcmp(type_name(t), name))
			return true;
		enum type_kind k = type_kind(t);
		if (k != TYPE_POINTER && k != TYPE_ARRAY && k != TYPE_QUALIFIED)
			return false;
		t = type_target(t);
	}
	return false;
}

/* steps: of members that may still be looked at; a damaged file may have a struct in itself */
static bool has_member(const struct type *t, const char *name, int depth, unsigned *steps)
{
	size_t n;
	const struct member *m = type_members(type_strip(t), &n);

	for (size_t i = 0; i < n && depth < MAX_DEPTH && *steps; i++) {
		--*steps;
		if (m[i].name[0] ? is_of_type(m[i].type, name) : has_member(m[i].type, name, depth + 1, steps))
			return true;
	}
	return false;
}

static bool is_wanted(const struct wanted *w, const struct type *t)
{
	uint64_t size = type_size(t);
	unsigned steps = MAX_STEPS;

	return size >= w->least && size <= w->most && (!w->member || has_member(t, w->member, 0, &steps));
}

struct found {
	const struct type **v;
	size_t n, cap;
};

static int compare(const void *a, const void *b)
{
	const struct type *x = *(const struct type *const *)a, *y = *(const struct type *const *)b;

	if (type_size(x) != type_size(y))
		return type_size(x) < type_size(y) ? -1 : 1;
	int names = strcmp(type_name(x), type_name(y));
	return names ? names : (int)type_kind(x) - (int)type_kind(y);
}

static struct err *collect(const struct cmd_call *c, const struct wanted *w, struct found *f)
{
	const struct type *t;
	size_t i = 0;

	while (type_next_struct(c->session->types, &i, &t)) {
		TRY(job_tick(c->job, 1));
		if (type_size(t) < w->least || type_size(t) > w->most || !is_wanted(w, t))
			continue;
		GROW(f->v, f->n, f->cap);
		f->v[f->n++] = t;
	}
	if (f->n)
		qsort(f->v, f->n, sizeof(*f->v), compare);
	return NULL;
}

static struct err *put(const struct cmd_call *c, const struct found *f)
{
	for (size_t i = 0; i < f->n; i++) {
		AUTO_BUF struct buf name = {0};
		if (i && !compare(&f->v[i], &f->v[i - 1]))
			continue;
		type_print_name(f->v[i], &name);
		struct cell cells[COLS] = {[SIZE] = cell_uint(type_size(f->v[i])),
					   [TYPE] = cell_role(cell_text(buf_str(&name)), ROLE_TYPE)};
		TRY(sink_row(c->out, &(struct row){.cells = cells, .key = buf_str(&name)}));
	}
	return NULL;
}

struct err *whatis_sizes(const struct cmd_call *c)
{
	const struct cmd_args *a = c->args;
	struct wanted w = {.least = 1, .most = UINT64_MAX, .member = a->has['m'] ? a->value['m'] : NULL};
	const struct type *t;
	struct found f = {0};

	if (a->has['r'])
		TRY(parse_range(a->value['r'], &w));
	if (w.member) /* a name that there isn't is an error, not an empty answer */
		TRY(type_find(c->session->types, w.member, c->job, &t));
	AUTO_FREE char *crash = xasprintf("whatis%s%s%s%s", a->has['r'] ? " -r " : "", a->has['r'] ? a->value['r'] : "",
					  w.member ? " -m " : "", w.member ? w.member : "");
	struct err *e = collect(c, &w, &f);
	if (!e)
		e = sink_begin(c->out, &size_table, NULL, crash, "%s", crash);
	if (!e)
		e = put(c, &f);
	if (!e && !f.n)
		sink_note(c->out, ROLE_NORMAL, "no struct or union is like that");
	free(f.v);
	return e;
}

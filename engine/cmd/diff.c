/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two objects of one type, member by member. Both are shown as `struct` shows them, into memory, and their
 * rows are put side by side by their paths: what has elements may have more in one of the two. Pointers
 * into the object itself, at the same place in both, are the same: two empty lists don't differ.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/cmd/show.h"
#include "engine/model/rows.h"
#include <inttypes.h>
#include <string.h>

enum { MEMBER, MARK, LEFT_TEXT, RIGHT_TEXT, PATH, LEFT, RIGHT, DIFFERS, COLS };
static const struct col cols[COLS] = {
	[MEMBER] = {"member", "MEMBER", "the member's name", COL_SCREEN, 16, 0},
	[MARK] = {"mark", "", "!= where they differ, ? where one can't be read", COL_SCREEN, 2, 0},
	[LEFT_TEXT] = {"left_text", "FIRST", "the member's value in the first object", COL_SCREEN, 20, 0},
	[RIGHT_TEXT] = {"right_text", "SECOND", "its value in the second", COL_SCREEN | COL_GROW, 20, 0},
	[PATH] = {"path", "PATH", "the member's path from the objects", COL_DATA, 0, 0},
	[LEFT] = {"left", "LEFT", "value in the first object", COL_DATA, 0, 0},
	[RIGHT] = {"right", "RIGHT", "value in the second", COL_DATA, 0, 0},
	[DIFFERS] = {"differs", "DIFFERS", "do they differ, or do members below?", COL_DATA, 0, 0},
};
static const struct table diff_table = {.name = "diff", .cols = cols, .ncols = COLS};

/* A member in one or both objects. */
struct pair {
	const struct row *left, *right; /* one may be NULL */
	bool differs, below;		/* below: something under it does */
	bool unknown;			/* one can't be read */
};

struct diff {
	const struct cmd_call *c;
	const struct type *type;
	uint64_t left, right;
	struct rows *rows[2];
	struct pair *v;
	size_t n, cap, differing, unknown;
	size_t line, value;	/* columns of show_table */
};

/* ---- reading both ---- */

static struct err *collect(const struct cmd_call *c, const struct type *t, const char *root,
			   const char *path, uint64_t base, uint64_t addr, struct rows *into)
{
	struct cmd_call call = *c;
	struct show_style style = {.hex = c->args->has['x']};
	struct show_object o = {.type = t, .space = KERNEL, .addr = addr, .base = base, .root = root,
				.path = path};

	call.out = rows_sink(into);
	TRY(sink_begin(call.out, &show_table, NULL, "", "%s", root));
	return show_object(&call, &o, &style);
}

static const char *key_of(const struct rows *r, size_t i)
{
	const char *key = rows_at(r, i)->key;
	return key ? key : "";
}

static size_t find_key(const struct rows *r, size_t from, const char *key)
{
	size_t n = rows_count(r);

	for (size_t i = from; i < n; i++)
		if (!strcmp(key_of(r, i), key))
			return i;
	return n;
}

static void add(struct diff *d, const struct row *left, const struct row *right)
{
	GROW(d->v, d->n, d->cap);
	d->v[d->n++] = (struct pair){left, right, !left || !right, false, false};
}

static void pair_up(struct diff *d)
{
	const struct rows *a = d->rows[0], *b = d->rows[1];
	size_t na = rows_count(a), nb = rows_count(b), j = 0;

	for (size_t i = 0; i < na; i++) {
		bool same = j < nb && !strcmp(key_of(a, i), key_of(b, j));
		size_t at = same ? j : find_key(b, j, key_of(a, i));
		for (; at < nb && j < at; j++)
			add(d, NULL, rows_at(b, j));
		add(d, rows_at(a, i), at < nb ? rows_at(b, at) : NULL);
		j += at < nb;
	}
	for (; j < nb; j++)
		add(d, NULL, rows_at(b, j));
}

/* ---- what differs ---- */

static bool points_into_itself(const struct diff *d, const struct cell *a, const struct cell *b)
{
	uint64_t size = type_size(d->type);

	return a->kind == CELL_ADDR && b->kind == CELL_ADDR && a->u - d->left < size &&
	       a->u - d->left == b->u - d->right;
}

static bool pair_differs(const struct diff *d, const struct pair *p)
{
	const struct cell *a = &p->left->cells[d->line], *b = &p->right->cells[d->line];

	if (a->kind == CELL_TEXT && b->kind == CELL_TEXT && !strcmp(a->text, b->text))
		return false;
	return !points_into_itself(d, &p->left->cells[d->value], &p->right->cells[d->value]);
}

static bool is_fault(const struct diff *d, const struct row *r)
{
	return r->cells[d->value].kind == CELL_FAULT;
}

static unsigned depth_of(const struct pair *p)
{
	return (p->left ? p->left : p->right)->depth;
}

static bool has_members(const struct diff *d, size_t i)
{
	return i + 1 < d->n && depth_of(&d->v[i + 1]) > depth_of(&d->v[i]);
}

/* A struct differs where its members do; its own line may only sum them up. */
static void compare(struct diff *d)
{
	for (size_t i = d->n; i-- > 0;) {
		struct pair *p = &d->v[i];
		for (size_t k = i + 1; k < d->n && depth_of(&d->v[k]) > depth_of(p); k++)
			if (depth_of(&d->v[k]) == depth_of(p) + 1)
				p->below |= d->v[k].differs || d->v[k].unknown;
		p->unknown = p->left && p->right && (is_fault(d, p->left) || is_fault(d, p->right));
		d->unknown += p->unknown;
		if (p->left && p->right)
			p->differs = !p->unknown && (has_members(d, i) ? p->below : pair_differs(d, p));
		d->differing += p->differs && !has_members(d, i);
	}
}

/* ---- rows ---- */

/* "value  MEANING" of "name = value  MEANING". */
static const char *value_text(const struct diff *d, const struct row *r)
{
	const char *line = r && r->cells[d->line].text ? r->cells[d->line].text : "", *is;

	is = strstr(line, " = ");
	return is ? is + 3 : line;
}

static struct cell text_cell(const struct diff *d, const struct row *r, bool differs)
{
	struct cell c;

	if (!r)
		return cell_shown(cell_role(cell_absent(), ROLE_DIM), "-");
	c = cell_role(cell_text(value_text(d, r)), differs ? ROLE_WARN : ROLE_NORMAL);
	return cell_link(c, r->ref);
}

static struct err *put(const struct diff *d, const struct pair *p)
{
	const struct row *r = p->left ? p->left : p->right;
	const char *line = r->cells[d->line].text ? r->cells[d->line].text : "";
	const char *is = strstr(line, " = ");
	AUTO_FREE char *name = is ? xstrndup(line, (size_t)(is - line)) : xstrdup(r->key ? r->key : "");
	struct cell v[COLS] = {
		[MEMBER] = cell_role(cell_text(name), ROLE_NAME),
		[MARK] = cell_role(cell_text(p->unknown ? "?" : p->differs ? "!=" : ""), ROLE_WARN),
		[LEFT_TEXT] = text_cell(d, p->left, p->differs),
		[RIGHT_TEXT] = text_cell(d, p->right, p->differs),
		[PATH] = cell_text(r->key ? r->key : ""),
		[LEFT] = p->left ? p->left->cells[d->value] : cell_absent(),
		[RIGHT] = p->right ? p->right->cells[d->value] : cell_absent(),
		[DIFFERS] = p->unknown ? cell_absent() : cell_bool(p->differs),
	};
	return sink_row(d->c->out, &(struct row){.cells = v, .key = r->key, .ref = r->ref,
						 .depth = r->depth, .folded = r->folded && !p->below});
}

static struct err *show(const struct diff *d, const char *name)
{
	bool all = d->c->args->has['a'];

	TRY(sink_begin(d->c->out, &diff_table, NULL, "", "%zu differ  %s 0x%" PRIx64 " 0x%" PRIx64,
		       d->differing, name, d->left, d->right));
	for (size_t i = 0; i < d->n; i++) {
		TRY(job_tick(d->c->job, 1));
		if (all || d->v[i].differs || d->v[i].unknown)
			TRY(put(d, &d->v[i]));
	}
	if (d->unknown)
		sink_note(d->c->out, ROLE_WARN, "%zu members can't be read in one of them, and weren't compared",
			  d->unknown);
	else if (!d->differing)
		sink_note(d->c->out, ROLE_GOOD, "no member differs");
	return NULL;
}

static size_t column(const char *key)
{
	size_t i = 0;

	while (i + 1 < show_table.ncols && strcmp(show_table.cols[i].key, key))
		i++;
	return i;
}

static struct err *diff_objects(const struct cmd_call *c, const char *spec, uint64_t left, uint64_t right)
{
	size_t whole = strcspn(spec, ".");
	AUTO_FREE char *name = xstrndup(spec, whole);
	const char *path = spec[whole] ? spec + whole + 1 : "";
	struct type_place place = {0};
	AUTO_BUF struct buf full = {0};

	TRY(find_type(c, "struct", name, &place.type));
	type_print_name(place.type, &full);
	const char *root = intern_str(c->session->intern, buf_str(&full));
	if (*path)
		TRY(type_member(place.type, path, &place));
	struct diff d = {.c = c, .type = place.type, .left = left + place.offset,
			 .right = right + place.offset, .rows = {rows_create(NULL, NULL), rows_create(NULL, NULL)},
			 .line = column("line"), .value = column("value")};
	struct err *e = collect(c, place.type, root, path, left, d.left, d.rows[0]);
	if (!e)
		e = collect(c, place.type, root, path, right, d.right, d.rows[1]);
	if (!e) {
		pair_up(&d);
		compare(&d);
		e = show(&d, spec);
	}
	free(d.v);
	rows_destroy(d.rows[0]);
	rows_destroy(d.rows[1]);
	return e;
}

/* "struct super_block.s_writers ADDRESS ADDRESS": the type may be of two words. */
static struct err *run(const struct cmd_call *c)
{
	const struct cmd_args *a = c->args;
	AUTO_BUF struct buf spec = {0};
	uint64_t left, right;

	if (a->n < 3)
		return usage_error(a->cmd, "a TYPE and two addresses are needed");
	for (size_t i = 0; i + 2 < a->n; i++)
		buf_printf(&spec, "%s%s", i ? " " : "", a->v[i]);
	TRY(arg_place(c, a->v[a->n - 2], &left));
	TRY(arg_place(c, a->v[a->n - 1], &right));
	return diff_objects(c, buf_str(&spec), left, right);
}

const struct cmd cmd_diff = {
	.name = "diff",
	.group = "memory",
	.summary = "what differs between two objects of one type",
	.details = "Members whose values differ, side by side. Pointers into the objects themselves, at the same place "
		   "in both, count as the same: two empty lists don't differ. What can't be read says why.",
	.options = (const struct cmd_option[]){
		{'a', ARG_NONE, NULL, "all members, also those that are the same"},
		{'x', ARG_NONE, NULL, "integers in hexadecimal"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"TYPE[.MEMBER]", ARG_TYPE, false, false, "what both are; a member path compares that part"},
		{"ADDRESS", ARG_ADDRESS, false, true, "the one and the other"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"diff struct task_struct init_task init_pid_ns.child_reaper", "two tasks"},
		{"diff task_struct.se init_task ffff888003fbd000", "a part of them"},
		{0}},
	.table = &diff_table,
	.run = run,
};

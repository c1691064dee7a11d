/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crash's `tree`: rbtrees, radix trees, xarrays and maple trees. */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/elements.h"
#include "engine/cmd/parse.h"
#include <inttypes.h>
#include <string.h>

static const struct {
	const char *word;
	enum container_kind kind;
} kinds[] = {
	{"radix", CONTAINER_XARRAY},
	{"rbtree", CONTAINER_RBTREE},
	{"xarray", CONTAINER_XARRAY},
	{"maple", CONTAINER_MAPLE},
};

/* "rb", "ra", "x", "m" are enough, as for crash. */
static struct err *take_kind(const struct cmd_call *c, enum container_kind *ret)
{
	const char *word = c->args->has['t'] ? c->args->value['t'] : NULL;

	*ret = CONTAINER_NONE;
	for (size_t i = 0; word && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (word[0] && !strncmp(kinds[i].word, word, strlen(word)) && (word[0] != 'r' || word[1])) {
			*ret = kinds[i].kind;
			return NULL;
		}
	return word ? usage_error(c->args->cmd, "-t takes rbtree, radix, xarray or maple, not '%s'", word)
		    : NULL;
}

static struct err *take_root(const struct cmd_call *c, enum container_kind kind, struct elements *e)
{
	const struct cmd_args *a = c->args;
	const char *start = a->v[0], *name;
	const struct type *t;
	uint64_t addr, offset = 0;

	if (strchr(start, '@') && !a->has['N'] && !a->has['r'])
		return elements_of_ref(c, start, e);
	if (!a->has['N'] && !a->has['r'] &&
	    (elements_of_symbol(c, start, e) || elements_of_expression(c, start, e)))
		return !kind || kind == e->h.c.kind ? NULL
			: usage_error(a->cmd, "%s is a %s: leave out the -t", start,
				      container_kind_name(e->h.c.kind));
	TRY(arg_place(c, start, &addr));
	if (a->has['r'])
		TRY(elements_offset(c, a->value['r'], &offset, &t, &name));
	e->h = (struct holding){.element_name = "", .link = "", .head = intern_str(c->session->intern, start)};
	/* A structure with the root in it: what that holds may be known. */
	if (a->has['r'] && strchr(a->value['r'], '.') &&
	    err_ok(holding_of_member(c->session, t, name, addr, &e->h)) && (!kind || kind == e->h.c.kind))
		return NULL;
	e->h.c.kind = kind ? kind : CONTAINER_RBTREE;
	e->h.c.root = addr + offset;
	e->h.c.at_node = a->has['N'];
	return NULL;
}

static struct err *take_link(const struct cmd_call *c, struct elements *e)
{
	AUTO_BUF struct buf name = {0};
	const struct type *t;

	if (!c->args->has['o'])
		return NULL;
	TRY(elements_offset(c, c->args->value['o'], &e->h.c.link, &t, &e->h.link));
	if (!t)
		return NULL;
	type_print_name(t, &name);
	e->h.element = t;
	e->h.element_name = intern_str(c->session->intern, buf_str(&name));
	return NULL;
}

static char *crash_words(const struct elements *e)
{
	const struct holding *h = &e->h;
	static const char *const names[] = {[CONTAINER_RBTREE] = "rbtree", [CONTAINER_XARRAY] = "xarray",
					    [CONTAINER_MAPLE] = "maple"};
	AUTO_FREE char *link = h->element && h->link[0]
		? xasprintf(" -o %s.%s", type_name(type_strip(h->element)), h->link) : xstrdup("");

	if (h->c.kind != CONTAINER_RBTREE && h->c.kind != CONTAINER_XARRAY && h->c.kind != CONTAINER_MAPLE)
		return xstrdup("");
	return xasprintf("tree -t %s%s%s %" PRIx64, names[h->c.kind], link, h->c.at_node ? " -N" : "", h->c.root);
}

static struct err *run(const struct cmd_call *c)
{
	const struct cmd_args *a = c->args;
	struct elements e = {.call = c, .table = "tree", .hex = a->has['x'], .positions = a->has['p']};
	const char *members = a->has['s'] ? a->value['s'] : a->has['S'] ? a->value['S'] : NULL;
	enum container_kind kind;

	TRY(take_kind(c, &kind));
	TRY(take_root(c, kind, &e));
	TRY(take_link(c, &e));
	if (members)
		TRY(elements_members(&e, members));
	e.h.c.sorted = a->has['l'] || strchr(a->v[0], '@');
	e.h.c.nodes = a->has['v'];
	e.positions |= a->has['v'];
	AUTO_FREE char *crash = crash_words(&e);
	e.crash = crash;
	return elements_show(&e);
}

static const struct col tree_cols[] = {
	{"index", "#", "its number in an rbtree, else its index", COL_RIGHT, 0, 0},
	{"last", "LAST", "the last index that leads to it; null: the same", COL_RIGHT, 0, 3},
	{"address", "ADDRESS", "of the element; null where there is none", 0, 18, 0},
	{"position", "POSITION", "where in the tree it is: root/l/r, root/0/5", COL_DATA, 0, 2},
	{"meaning", "", "what the element is: path, name ...; null: nothing is known", COL_DATA, 0, 0},
	{"problem", "", "damage: what is wrong here; null for elements", COL_GROW, 0, 0},
};
static const struct table tree_table = {.name = "tree", .cols = tree_cols,
					.ncols = sizeof(tree_cols) / sizeof(*tree_cols)};

const struct cmd cmd_tree = {
	.name = "tree",
	.group = "memory",
	.summary = "the entries of an rbtree, radix tree, xarray or maple tree",
	.details = "START is a variable, a member of an object (`mm_struct.mm_mt@ADDRESS`), the address of a root, or with -N "
		   "that of a node. Of a variable or a member the kind of tree is known, and mostly what it holds. Damage is "
		   "a row of its own in the place where it is; the branches beside it are still shown.",
	.choices = "rbtree radix xarray maple",
	.options = (const struct cmd_option[]){
		{'t', ARG_CHOICE, "KIND", "rbtree, radix, xarray or maple; rbtree if not told and not known"},
		{'r', ARG_TYPE, "OFFSET", "START is a structure with the root in it: TYPE.MEMBER, or bytes"},
		{'o', ARG_TYPE, "OFFSET", "where the rb_node is in an element: TYPE.MEMBER, or bytes"},
		{'s', ARG_TYPE, "TYPE[.MEMBER,...]", "which members are columns; without: all, under each row"},
		{'S', ARG_TYPE, "TYPE[.MEMBER,...]", "the same as -s"},
		{'l', ARG_NONE, NULL, "rbtree: from the leftmost to the rightmost, not parents first"},
		{'p', ARG_NONE, NULL, "where in the tree each element is"},
		{'N', ARG_NONE, NULL, "START is a node"},
		{'v', ARG_NONE, NULL, "inner nodes too"},
		{'x', ARG_NONE, NULL, "integers in hexadecimal"},
		{'d', ARG_NONE, NULL, "integers in decimal (as they are)"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"START", ARG_ADDRESS, false, false, "the tree's root"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"tree pid_namespace.idr@init_pid_ns", "a member of an object"},
		{"tree -t rbtree -o vmap_area.rb_node -s vmap_area.va_start,va_end vmap_area_root", "in crash's words"},
		{"tree -t xarray -r address_space.i_pages ffff888003fbd000", "a structure with the root in it"},
		{0}},
	.table = &tree_table,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crash's `list`, in whose words a list is a first object, a head (-H) or a structure with one (-h);
 * ours knows besides what many lists hold, so that a variable or a member is enough.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/elements.h"
#include "engine/cmd/parse.h"
#include <inttypes.h>
#include <string.h>

struct words_of_list {
	const char *offset, *start; /* as they were given */
	uint64_t link, address;
	const struct type *type;
	const char *link_name;
};

/* Is the word an offset? "TYPE.MEMBER" of a type that there is, or a small number. */
static bool is_offset(const struct cmd_call *c, const char *word)
{
	const char *dot = strchr(word, '.');
	const struct type *t;
	uint64_t v;

	if (strchr(word, '@') || strchr(word, '>') || strchr(word, '('))
		return false;
	if (!dot)
		return err_ok(arg_number(word, &v)) && v < 65536;
	AUTO_FREE char *name = xstrndup(word, (size_t)(dot - word));
	return err_ok(elements_type(c, name, &t));
}

static struct err *take_words(const struct cmd_call *c, struct words_of_list *w)
{
	const struct cmd_args *a = c->args;

	w->link_name = "";
	w->offset = a->has['o'] ? a->value['o'] : NULL;
	for (size_t i = 0; i < a->n; i++) {
		if (!w->offset && (a->n > 1 || w->start) && is_offset(c, a->v[i]))
			w->offset = a->v[i];
		else if (!w->start)
			w->start = a->v[i];
		else
			return usage_error(a->cmd, "'%s' is one address too many", a->v[i]);
	}
	if (!w->start)
		return usage_error(a->cmd, "where does the list begin?");
	return w->offset ? elements_offset(c, w->offset, &w->link, &w->type, &w->link_name) : NULL;
}

static void set_element(struct elements *e, const struct words_of_list *w)
{
	AUTO_BUF struct buf name = {0};

	e->h.c.link = w->link;
	e->h.link = w->link_name;
	if (!w->type)
		return;
	type_print_name(w->type, &name);
	e->h.element = w->type;
	e->h.element_name = intern_str(e->call->session->intern, buf_str(&name));
}

static const struct {
	const char *word;
	enum container_kind kind;
} kinds[] = {
	{"list", CONTAINER_LIST}, {"hlist", CONTAINER_HLIST}, {"nulls", CONTAINER_NULLS},
	{"bl", CONTAINER_BL},	  {"llist", CONTAINER_LLIST}, {"chain", CONTAINER_CHAIN},
};

/* What START is: told by -t, or by crash's options. */
static struct err *take_kind(const struct cmd_call *c, enum container_kind *ret)
{
	const struct cmd_args *a = c->args;

	*ret = a->has['H'] || a->has['h'] ? CONTAINER_LIST : CONTAINER_CHAIN;
	if (!a->has['t'])
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].word, a->value['t'])) {
			*ret = kinds[i].kind;
			return NULL;
		}
	return usage_error(a->cmd, "-t takes list, hlist, nulls, bl, llist or chain, not '%s'", a->value['t']);
}

/* `list super_block.s_inodes ADDR`: crash takes the member for the link between super_blocks. Where it is known
 * for the head of another list, that one is meant: as a link it leads to rubbish. */
static bool head_of_another(const struct cmd_call *c, const struct words_of_list *w, uint64_t addr,
			    struct elements *e)
{
	const struct cmd_args *a = c->args;
	struct holding h;

	if (a->has['H'] || a->has['h'] || a->has['o'] || a->has['t'] || a->has['l'] || !w->type ||
	    !w->link_name[0] || !err_ok(holding_of_member(c->session, w->type, w->link_name, addr, &h)) ||
	    h.c.at_node || !h.element)
		return false;
	sink_note(c->out, ROLE_DIM, "%s is the head of a list of %s, whose elements these are", w->offset,
		  h.element_name);
	e->h = h;
	return true;
}

/* -H, -h or a first object: what crash's options say. */
static struct err *plain_list(const struct cmd_call *c, const struct words_of_list *w, struct elements *e)
{
	const struct cmd_args *a = c->args;
	uint64_t addr, head = w->link;
	const struct type *t;
	const char *name;

	TRY(arg_place(c, w->start, &addr));
	if (head_of_another(c, w, addr, e))
		return NULL;
	if (a->has['O'])
		TRY(elements_offset(c, a->value['O'], &head, &t, &name));
	e->h = (struct holding){.element_name = "", .link = "", .head = intern_str(c->session->intern, w->start)};
	TRY(take_kind(c, &e->h.c.kind));
	e->h.c.root = addr + (a->has['h'] ? head : 0);
	e->h.c.at_node = a->has['h'] && !a->has['O'];
	set_element(e, w);
	return NULL;
}

/* `list -l`: the start is a link in the object, and so is all that it leads to. */
static struct err *take_shift(const struct cmd_call *c, struct elements *e)
{
	const struct type *t;
	const char *name;

	if (!c->args->has['l'])
		return NULL;
	return elements_offset(c, c->args->value['l'], &e->shift, &t, &name);
}

static struct err *find_list(const struct cmd_call *c, struct words_of_list *w, struct elements *e)
{
	const struct cmd_args *a = c->args;

	if (strchr(w->start, '@')) {
		TRY(elements_of_ref(c, w->start, e));
	} else if (a->has['t'] || a->has['h'] || a->has['O'] || a->has['l'] || (w->offset && !a->has['H']) ||
		   (!elements_of_symbol(c, w->start, e) && !elements_of_expression(c, w->start, e))) {
		return plain_list(c, w, e);
	} else if (a->has['H'] && e->h.c.kind != CONTAINER_LIST) {
		return plain_list(c, w, e);
	}
	if (w->offset)
		set_element(e, w);
	return NULL;
}

/* The words that crash needs for the same list. */
static char *crash_words(const struct elements *e)
{
	const struct holding *h = &e->h;
	AUTO_FREE char *link = h->element && h->link[0]
		? xasprintf(" -o %s.%s", type_name(type_strip(h->element)), h->link) : xstrdup("");
	AUTO_FREE char *columns = e->columns && e->columns[0] && h->element
		? xasprintf(" -s %s.%s", type_name(type_strip(h->element)), e->columns) : xstrdup("");

	if (h->c.kind == CONTAINER_CHAIN)
		return xasprintf("list%s %" PRIx64 "%s", link, h->c.root, columns);
	if (h->c.kind != CONTAINER_LIST || h->c.buckets)
		return xstrdup("");
	return xasprintf("list%s %s %" PRIx64 "%s", link, h->c.at_node ? "-h" : "-H",
			 h->c.root - (h->c.at_node ? h->c.link : 0), columns);
}

static struct err *run(const struct cmd_call *c)
{
	const struct cmd_args *a = c->args;
	struct elements e = {.call = c, .table = "list", .hex = a->has['x']};
	struct words_of_list w = {0};
	const char *members = a->has['s'] ? a->value['s'] : a->has['S'] ? a->value['S'] : NULL;

	TRY(take_words(c, &w));
	TRY(find_list(c, &w, &e));
	TRY(take_shift(c, &e));
	if (members)
		TRY(elements_members(&e, members));
	if (a->has['e'])
		TRY(arg_place(c, a->value['e'], &e.h.c.end));
	e.h.c.reverse = a->has['r'];
	e.h.c.brent = a->has['B'];
	AUTO_FREE char *crash = crash_words(&e);
	e.crash = crash;
	return elements_show(&e);
}

static const struct col list_cols[] = {
	{"index", "#", "its number, or index in the tree or array", COL_RIGHT, 0, 0},
	{"last", "LAST", "the last index that leads to it; null: the same", COL_DATA, 0, 3},
	{"address", "ADDRESS", "of the element; null where there is none", 0, 18, 0},
	{"position", "POSITION", "where in the tree it is", COL_DATA, 0, 2},
	{"meaning", "", "what the element is: path, name ...; null: nothing is known", COL_DATA, 0, 0},
	{"problem", "", "damage: what is wrong here; null for elements", COL_GROW, 0, 0},
};
static const struct table list_table = {.name = "list", .cols = list_cols,
					.ncols = sizeof(list_cols) / sizeof(*list_cols)};

const struct cmd cmd_list = {
	.name = "list",
	.group = "memory",
	.summary = "the elements of a list, with their members as columns",
	.details = "START is a variable (`modules`), a member of an object (`super_block.s_inodes@ADDRESS`), with -H the "
		   "address of a list_head, with -h that of a structure that has one, else the first object of a chain "
		   "of pointers. What many lists hold is known, and $XDG_CONFIG_HOME/vmbrowse/lists may tell more, a line "
		   "each: `super_block.s_inodes inode.i_sb_list`; of an array of pointers `fdtable.fd[max_fds] *file`, of "
		   "per-CPU memory `kmem_cache.cpu_slab percpu:kmem_cache_cpu`; and `columns inode i_ino,i_mode`. Damage (a cycle, NULL, "
		   "poison, memory that the dump doesn't hold, a prev that disagrees) is a row of its own in the place "
		   "where it is; behind it come the elements that the list's other end leads to.",
	.choices = "list hlist nulls bl llist chain",
	.options = (const struct cmd_option[]){
		{'o', ARG_TYPE, "OFFSET", "where the link is in an element: TYPE.MEMBER, or bytes"},
		{'H', ARG_NONE, NULL, "START is a head of its own"},
		{'h', ARG_NONE, NULL, "START is a structure of the list: the first row"},
		{'O', ARG_TYPE, "OFFSET", "with -h: where the head is in START, which is none of the elements"},
		{'s', ARG_TYPE, "TYPE[.MEMBER,...]", "which members are columns; without: all, under each row"},
		{'S', ARG_TYPE, "TYPE[.MEMBER,...]", "the same as -s"},
		{'t', ARG_CHOICE, "KIND", "what START heads: list, hlist, nulls, bl, llist; or chain: a first object"},
		{'l', ARG_TYPE, "OFFSET", "with -s: START is a link in the object, so far from its beginning"},
		{'e', ARG_ADDRESS, "END", "the list ends at this address too"},
		{'r', ARG_NONE, NULL, "backwards, by prev"},
		{'B', ARG_NONE, NULL, "find cycles by Brent's method, which needs no memory"},
		{'x', ARG_NONE, NULL, "integers in hexadecimal"},
		{'d', ARG_NONE, NULL, "integers in decimal (as they are)"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"[OFFSET] START", ARG_ADDRESS, false, true, "where the list begins; OFFSET as with -o"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"list modules", "a variable"},
		{"list -o task_struct.tasks -s task_struct.pid,comm -h init_task", "from one of its elements on"},
		{"list super_block.s_inodes@ffff888003fbd000", "a member of an object"},
		{"list -H ffff888003fbd5a8 inode.i_sb_list", "a head, and what is linked to it"},
		{0}},
	.table = &list_table,
	.run = run,
};

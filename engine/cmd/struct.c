/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types without an address are declarations; with one, engine/cmd/show.c walks the object. Here is
 * decided which objects those are: one, a row of them, one of each CPU, the one around a member, or
 * one in user space.
 */
#include "engine/base/alloc.h"
#include "engine/base/near.h"
#include "engine/base/checked.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/cmd/show.h"
#include "engine/kern/memory/userspace.h"
#include "engine/kern/module/modules.h"
#include <inttypes.h>
#include <string.h>

/* "super_block.s_writers,s_flags": the type's name and what follows the first dot. */
static char *split_type(const char *text, const char **members)
{
	size_t n = strcspn(text, ".");

	*members = text[n] ? text + n + 1 : "";
	return xstrndup(text, n);
}

#define MAX_NEAR 8000 /* names that are looked at for near ones */
#define SURE 1	      /* letters that nobody mistypes */

static struct err *with_near(struct err *e, const char *word, const char *const *v, size_t n)
{
	AUTO_BUF struct buf text = {0};

	buf_puts(&text, err_text(e));
	near_names(word, v, n, &text);
	struct err *ret = err_new(err_code(e), "%s", buf_str(&text));
	err_free(e);
	return ret;
}

static struct err *near_types(const struct cmd_call *c, const char *name, struct err *e)
{
	AUTO_FREE char *start = xstrndup(name, SURE);
	AUTO_FREE const char **v = xcalloc(MAX_NEAR, sizeof(*v));

	return with_near(e, name, v, type_complete(c->session->types, start, v, MAX_NEAR));
}

static struct err *near_members(const struct type *t, const char *path, struct err *e)
{
	size_t n;
	const struct member *m = type_members(type_strip(t), &n);
	AUTO_FREE const char **v = xcalloc(n + 1, sizeof(*v));

	if (err_code(e) != ERR_NOTFOUND || strpbrk(path, ".["))
		return e;
	for (size_t i = 0; i < n; i++)
		v[i] = m[i].name;
	return with_near(e, path, v, n);
}

struct err *find_type(const struct cmd_call *c, const char *keyword, const char *name,
		      const struct type **ret)
{
	static const char *const tags[] = {"struct ", "union ", "enum "};

	for (size_t i = 0; i < 3; i++)
		if (!strncmp(name, tags[i], strlen(tags[i])))
			return module_type_find(c->session, name, c->job, ret);
	AUTO_FREE char *tagged = xasprintf("%s %s", keyword, name);
	struct err *e = module_type_find(c->session, tagged, c->job, ret);
	if (!e || err_code(e) != ERR_NOTFOUND)
		return e;
	err_free(e);
	e = module_type_find(c->session, name, c->job, ret); /* a typedef, say */
	return e && err_code(e) == ERR_NOTFOUND ? near_types(c, name, e) : e;
}

/* ---- without an address: the definition ---- */

static struct err *show_definition(const struct cmd_call *c, const struct type *t)
{
	AUTO_BUF struct buf text = {0}, name = {0};

	type_print_name(t, &name);
	type_print_definition(t, c->args->has['o'], &text);
	AUTO_FREE char *crash = xasprintf("%s%s", c->args->has['o'] ? "struct -o " : "", buf_str(&name));
	TRY(sink_begin(c->out, &definition_table, NULL, crash, "%s", buf_str(&name)));
	return show_code(c, &text);
}

static struct err *put_declaration(const struct type *t, const char *path, struct buf *out)
{
	struct type_place place;
	const char *dot = strrchr(path, '.');

	struct err *e = type_member(t, path, &place);
	if (e)
		return near_members(t, path, e);
	AUTO_FREE char *name = xstrdup(dot ? dot + 1 : path);
	name[strcspn(name, "[")] = '\0'; /* an element isn't the array */
	buf_puts(out, "\t");
	type_print_decl(place.type, name, out);
	if (place.bit_size)
		buf_printf(out, ":%u", place.bit_size);
	buf_printf(out, "; /* %" PRIu64 " %" PRIu64 " */\n", place.offset, type_size(place.type));
	return NULL;
}

/* Members' declarations, with the offsets that they are asked for. */
static struct err *show_declarations(const struct cmd_call *c, const struct type *t,
				     const char *members)
{
	AUTO_BUF struct buf text = {0}, name = {0};

	type_print_name(t, &name);
	buf_printf(&text, "%s {\n", buf_str(&name));
	for (const char *p = members; *p;) {
		size_t n = strcspn(p, ",");
		AUTO_FREE char *path = xstrndup(p, n);
		TRY(put_declaration(t, path, &text));
		p += n + (p[n] == ',');
	}
	buf_puts(&text, "};");
	AUTO_FREE char *crash = xasprintf("%s.%s", buf_str(&name), members);
	TRY(sink_begin(c->out, &definition_table, NULL, crash, "%s", crash));
	return show_code(c, &text);
}

/* ---- with one: the object ---- */

/* What is asked for: objects of a type, or members of them. */
struct request {
	const struct cmd_call *c;
	const struct type *type;
	const char *root;    /* the type's name */
	const char *members; /* "": all */
	struct space space;
	struct show_style style;
	unsigned depth; /* of the rows */
};

/* One member by path: alone its members fill the view, among others it is a row of its own. */
static struct err *show_path(const struct request *q, const struct show_object *whole, const char *path,
			     bool alone)
{
	struct type_place place;

	struct err *e = type_member(whole->type, path, &place);
	if (e)
		return near_members(whole->type, path, e);
	struct show_object o = *whole;
	o.type = place.type;
	o.addr = whole->addr + place.offset;
	o.bit_offset = place.bit_offset;
	o.bit_size = place.bit_size;
	o.path = path;
	o.in = type_member_owner(whole->type, path, &o.member);
	enum type_kind k = type_kind(type_strip(place.type));
	if (alone && (k == TYPE_STRUCT || k == TYPE_UNION || k == TYPE_ARRAY))
		return show_object(q->c, &o, &q->style);
	return show_member(q->c, &o, &q->style);
}

static struct err *show_paths(const struct request *q, const struct show_object *whole)
{
	bool alone = !strchr(q->members, ',');

	for (const char *p = q->members; *p;) {
		size_t n = strcspn(p, ",");
		AUTO_FREE char *path = xstrndup(p, n);
		TRY(show_path(q, whole, path, alone));
		p += n + (p[n] == ',');
	}
	return NULL;
}

/* The object at addr. prefix: what its rows' paths begin with; NULL: it is the only one. */
static struct err *show_at(const struct request *q, uint64_t addr, const char *prefix)
{
	struct show_object o = {.type = q->type, .space = q->space, .addr = addr, .base = addr,
				.root = q->root, .path = "", .prefix = prefix, .depth = q->depth};

	return q->members[0] ? show_paths(q, &o) : show_object(q->c, &o, &q->style);
}

/* The row of one object among several; its members follow under it. */
static struct err *show_one_of(struct request *q, const char *name, uint64_t addr)
{
	struct type_place place = {.type = q->type};
	struct shown v = {.value = cell_link(cell_addr(addr), ref_object(q->root, addr))};
	AUTO_FREE char *prefix = xasprintf("%s.", name);

	q->depth = 0;
	struct err *e = show_one(q->c, name, &place, &v);
	shown_free(&v);
	q->depth = 1;
	return e ? e : show_at(q, addr, prefix);
}

/* An array of objects around addr; a negative count ends with the one there. */
static struct err *show_array_at(struct request *q, uint64_t addr, int64_t count)
{
	uint64_t size = type_size(q->type);
	int64_t first = count < 0 ? count + 1 : 0, end = count < 0 ? 1 : count;

	if (!size)
		return err_new(ERR_USAGE, "%s has no size: there is no array of it", q->root);
	for (int64_t i = first; i < end; i++) {
		AUTO_FREE char *name = xasprintf("[%" PRId64 "]", i);
		TRY(show_one_of(q, name, addr + (uint64_t)i * size));
	}
	return NULL;
}

/* ---- where the objects are ---- */

struct target {
	struct request q;
	int64_t count;
	uint64_t offset; /* of the address in the object (-l) */
	bool raw, begun;
	const char *text; /* of the address */
};

/* The words of the objects, as they lie in memory. */
static struct err *show_raw(const struct target *t, uint64_t addr)
{
	const struct cmd_call *c = t->q.c;
	uint64_t size = type_size(t->q.type), n = (uint64_t)(t->count < 0 ? -t->count : t->count), words;

	if (!size || !mul_u64(size, n, &words))
		return err_new(ERR_USAGE, "%s has no size that could be shown", t->q.root);
	if (t->count < 0)
		addr -= size * (n - 1);
	AUTO_FREE char *line = xasprintf("rd 0x%" PRIx64 " %" PRIu64, addr, (words + 7) / 8);
	return shell_run(c->shell, line, c->ctx, c->job, c->out);
}

static struct err *begin(struct target *t, const char *name, uint64_t addr)
{
	const struct request *q = &t->q;
	const struct cmd_call *c = q->c;
	struct ref ref = {0};
	bool members = q->members[0];
	AUTO_FREE char *full = xasprintf("%s%s%s", q->root, members ? "." : "", q->members);
	AUTO_FREE char *where = name ? xstrdup(t->text) : xasprintf("0x%" PRIx64, addr);
	AUTO_FREE char *count = t->count == 1 ? xstrdup("") : xasprintf(" -c %" PRId64, t->count);
	AUTO_FREE char *crash = xasprintf("%s%s %s", full, count, where + (name ? 0 : 2));

	if (t->begun)
		return NULL;
	t->begun = true;
	if (!name && q->space.kind == SPACE_KERNEL)
		ref = ref_object(intern_str(c->session->intern, full), addr);
	return sink_begin(c->out, c->args->has['o'] ? &show_table_offsets : &show_table, &ref, crash, "%s %s",
			  full, where);
}

/* name: of one CPU's among several; NULL: it is the only one. */
static struct err *show_target(void *ctx, const char *name, uint64_t addr)
{
	struct target *t = ctx;

	addr -= t->offset;
	if (t->raw)
		return show_raw(t, addr);
	TRY(begin(t, name, addr));
	if (name)
		return show_one_of(&t->q, name, addr);
	return t->count == 1 ? show_at(&t->q, addr, NULL) : show_array_at(&t->q, addr, t->count);
}

/* -l: a number, MEMBER of the type itself, or TYPE.MEMBER. */
static struct err *embedded_offset(const struct cmd_call *c, const struct type *t, uint64_t *ret)
{
	const char *text = c->args->value['l'], *members;
	struct type_place place;

	*ret = 0;
	if (!c->args->has['l'] || err_ok(arg_number(text, ret)))
		return NULL;
	if (err_ok(type_member(t, text, &place))) {
		*ret = place.offset;
		return NULL;
	}
	AUTO_FREE char *name = split_type(text, &members);
	TRY(find_type(c, "struct", name, &t));
	TRY(type_member(t, members, &place));
	*ret = place.offset;
	return NULL;
}

/* The user space of the chosen task. */
static struct err *user_space(const struct cmd_call *c, struct space *ret)
{
	const struct task *t;

	TRY(arg_task(c, NULL, &t));
	return user_space_of(c->session, t, ret);
}

static struct err *prepare(const struct cmd_call *c, const struct type *t, const char *members,
			   struct target *ret)
{
	const struct cmd_args *a = c->args;
	AUTO_BUF struct buf name = {0};

	type_print_name(t, &name);
	*ret = (struct target){
		.q = {.c = c, .type = t, .members = members, .space = KERNEL,
		      .root = intern_str(c->session->intern, buf_str(&name)),
		      .style = {.hex = a->has['x'] && !a->has['d'], .offsets = a->has['o'],
				.follow = a->has['p']}},
		.count = 1, .raw = a->has['r'], .text = a->n > 1 ? a->v[1] : ""};
	if (a->has['u'])
		TRY(user_space(c, &ret->q.space));
	if (a->has['c'] || a->n > 2)
		TRY(arg_count(a->has['c'] ? a->value['c'] : a->v[2], &ret->count));
	return embedded_offset(c, t, &ret->offset);
}

/* "struct super_block@0x..." comes in one word out of a ref. */
static struct err *show_ref(const struct cmd_call *c, const char *text)
{
	const char *at = strrchr(text, '@'), *members;
	AUTO_FREE char *spec = xstrndup(text, (size_t)(at - text));
	AUTO_FREE char *name = split_type(spec, &members);
	const struct type *t;
	struct target to;

	TRY(find_type(c, c->args->cmd->name, name, &t));
	TRY(prepare(c, t, members, &to));
	to.text = at + 1;
	return arg_places(c, at + 1, show_target, &to);
}

static struct err *run(const struct cmd_call *c)
{
	const struct cmd_args *a = c->args;
	const char *members;
	const struct type *t;
	struct target to;

	if (strchr(a->v[0], '@'))
		return show_ref(c, a->v[0]);
	AUTO_FREE char *name = split_type(a->v[0], &members);
	TRY(find_type(c, a->cmd->name, name, &t));
	if (a->n == 1)
		return members[0] ? show_declarations(c, t, members) : show_definition(c, t);
	TRY(prepare(c, t, members, &to));
	return arg_places(c, a->v[1], show_target, &to);
}

static const struct cmd_option options[] = {
	{'o', ARG_NONE, NULL, "offsets in a definition; of an object the address of each member"},
	{'l', ARG_WORD, "OFFSET", "ADDRESS is that of a member: its offset, MEMBER or TYPE.MEMBER"},
	{'c', ARG_NUMBER, "COUNT", "so many of them; a negative count ends at ADDRESS"},
	{'p', ARG_NONE, NULL, "under each pointer the struct that it points to"},
	{'r', ARG_NONE, NULL, "raw words"},
	{'u', ARG_NONE, NULL, "ADDRESS is of the chosen task's user space"},
	{'x', ARG_NONE, NULL, "integers in hexadecimal"},
	{'d', ARG_NONE, NULL, "integers in decimal, as is usual"},
	{0}};
static const struct cmd_arg args[] = {
	{"TYPE[.MEMBER,...]", ARG_TYPE, false, false, "the type, and which members; member paths are fine"},
	{"ADDRESS", ARG_ADDRESS, true, false,
	 "where the object is, as an expression (runqueues:a: of every CPU); without it the definition is shown"},
	{"COUNT", ARG_NUMBER, true, false, "how many objects stand there in a row"},
	{0}};

const struct cmd cmd_struct = {
	.name = "struct",
	.aliases = "*",
	.group = "memory",
	.summary = "a struct at an address, or its definition",
	.details = "Every member with its value; nested structs follow their row; pointers are links. Behind a value stands "
		   "what it means: flags and constants by name, times as ages, what a pointer leads to; a file "
		   "~/.config/vmbrowse/meanings can add to that (engine/kern/meaning/table.h tells how). A member that "
		   "the dump doesn't hold says why. Without an address: the type's definition in C. The word `struct` "
		   "may be left out (task_struct init_task), or be a star (*task_struct init_task).",
	.options = options,
	.args = args,
	.examples = (const struct cmd_example[]){
		{"struct super_block.s_writers ffff888003fbd000", "one member of the object at an address"},
		{"struct task_struct init_task", "the object that a symbol names"},
		{"struct task_struct.pid,comm init_task.parent", "several members, of what a pointer points to"},
		{"struct task_struct.pid,comm -l tasks init_task.tasks.next", "by the address of a list's node in it"},
		{"struct rq.nr_running,curr runqueues:a", "of every CPU"},
		{"struct -o list_head", "the definition, with offsets"},
		{0}},
	.table = &show_table,
	.run = run,
};

const struct cmd cmd_union = {
	.name = "union",
	.group = "memory",
	.summary = "a union at an address, or its definition",
	.details = "As `struct`, for unions.",
	.options = options,
	.args = args,
	.examples = (const struct cmd_example[]){
		{"union sigval", "the definition"},
		{0}},
	.table = &show_table,
	.run = run,
};

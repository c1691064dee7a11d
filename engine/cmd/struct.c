/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/cmd/show.h"
#include <inttypes.h>
#include <string.h>

/* "super_block.s_writers,s_flags": the type's name and what follows the first dot. */
static char *split_type(const char *text, const char **members)
{
	size_t n = strcspn(text, ".");

	*members = text[n] ? text + n + 1 : "";
	return xstrndup(text, n);
}

struct err *find_type(const struct cmd_call *c, const char *keyword, const char *name,
		      const struct type **ret)
{
	static const char *const tags[] = {"struct ", "union ", "enum "};

	for (size_t i = 0; i < 3; i++)
		if (!strncmp(name, tags[i], strlen(tags[i])))
			return type_find(c->session->types, name, c->job, ret);
	AUTO_FREE char *tagged = xasprintf("%s %s", keyword, name);
	struct err *e = type_find(c->session->types, tagged, c->job, ret);
	if (!e || err_code(e) != ERR_NOTFOUND)
		return e;
	err_free(e);
	return type_find(c->session->types, name, c->job, ret); /* a typedef, say */
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

	TRY(type_member(t, path, &place));
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

static const struct table *table_of(const struct cmd_call *c)
{
	return c->args->has['o'] ? &show_table_offsets : &show_table;
}

static struct show_style style_of(const struct cmd_call *c)
{
	return (struct show_style){.hex = c->args->has['x'], .offsets = c->args->has['o']};
}

/* The struct that the last member of path lies in: the outermost when there is no dot. */
static const struct type *container(const struct type *t, const char *path, const char **member)
{
	const char *dot = strrchr(path, '.');
	struct type_place place;

	*member = dot ? dot + 1 : path;
	if (!dot)
		return t;
	AUTO_FREE char *prefix = xstrndup(path, (size_t)(dot - path));
	return err_ok(type_member(t, prefix, &place)) ? place.type : NULL;
}

/* One member by path: alone its members fill the view, among others it is a row of its own. */
static struct err *show_path(const struct cmd_call *c, const struct show_object *whole,
			     const char *path, bool alone)
{
	struct type_place place;
	struct show_style style = style_of(c);

	TRY(type_member(whole->type, path, &place));
	struct show_object o = *whole;
	o.type = place.type;
	o.addr = whole->addr + place.offset;
	o.bit_offset = place.bit_offset;
	o.bit_size = place.bit_size;
	o.path = path;
	enum type_kind k = type_kind(type_strip(place.type));
	if (alone && (k == TYPE_STRUCT || k == TYPE_UNION || k == TYPE_ARRAY))
		return show_object(c, &o, &style);
	o.in = container(whole->type, path, &o.member);
	return show_member(c, &o, &style);
}

static struct err *show_paths(const struct cmd_call *c, const struct show_object *whole,
			      const char *members)
{
	bool alone = !strchr(members, ',');

	while (*members) {
		size_t n = strcspn(members, ",");
		AUTO_FREE char *path = xstrndup(members, n);
		TRY(show_path(c, whole, path, alone));
		members += n + (members[n] == ',');
	}
	return NULL;
}

static struct err *show_at(const struct cmd_call *c, const struct type *t, const char *members,
			   uint64_t addr)
{
	AUTO_BUF struct buf name = {0};
	struct show_style style = style_of(c);

	type_print_name(t, &name);
	const char *root = intern_str(c->session->intern, buf_str(&name));
	AUTO_FREE char *full = members[0] ? xasprintf("%s.%s", root, members) : xstrdup(root);
	AUTO_FREE char *crash = xasprintf("%s %" PRIx64, full, addr);
	struct ref ref = ref_object(intern_str(c->session->intern, full), addr);
	struct show_object o = {.type = t, .space = KERNEL, .addr = addr, .base = addr,
				.root = root, .path = ""};

	TRY(sink_begin(c->out, table_of(c), &ref, crash, "%s 0x%" PRIx64, full, addr));
	return members[0] ? show_paths(c, &o, members) : show_object(c, &o, &style);
}

/* "struct super_block 0x..." may come in one word out of a ref, with its '@'. */
static struct err *show_ref(const struct cmd_call *c, const char *keyword, const char *text)
{
	const char *at = strrchr(text, '@'), *members;
	AUTO_FREE char *spec = xstrndup(text, (size_t)(at - text));
	AUTO_FREE char *name = split_type(spec, &members);
	const struct type *t;
	uint64_t addr;

	TRY(arg_place(c, at + 1, &addr));
	TRY(find_type(c, keyword, name, &t));
	return show_at(c, t, members, addr);
}

static struct err *run(const struct cmd_call *c)
{
	const char *keyword = c->args->cmd->name, *members;
	const struct type *t;
	uint64_t addr;

	if (strchr(c->args->v[0], '@'))
		return show_ref(c, keyword, c->args->v[0]);
	AUTO_FREE char *name = split_type(c->args->v[0], &members);
	TRY(find_type(c, keyword, name, &t));
	if (c->args->n == 1)
		return members[0] ? show_declarations(c, t, members) : show_definition(c, t);
	TRY(arg_place(c, c->args->v[1], &addr));
	return show_at(c, t, members, addr);
}

static const struct cmd_option options[] = {
	{'o', ARG_NONE, NULL, "show offsets too"},
	{'x', ARG_NONE, NULL, "integers in hexadecimal"},
	{0}};
static const struct cmd_arg args[] = {
	{"TYPE[.MEMBER,...]", ARG_TYPE, false, false, "the type, and which members; member paths are fine"},
	{"ADDRESS", ARG_ADDRESS, true, false, "where the object is; without it the definition is shown"},
	{0}};

const struct cmd cmd_struct = {
	.name = "struct",
	.group = "memory",
	.summary = "a struct at an address, or its definition",
	.details = "Every member with its value; nested structs follow their row; pointers are links. A member that "
		   "the dump doesn't hold says why. Without an address: the type's definition in C.",
	.options = options,
	.args = args,
	.examples = (const struct cmd_example[]){
		{"struct super_block.s_writers ffff888003fbd000", "one member of the object at an address"},
		{"struct task_struct init_task", "the object that a symbol names"},
		{"struct task_struct.pid,comm init_task", "several members"},
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/show.h"
#include <inttypes.h>
#include <string.h>

/* "SYMBOL[:CPU][.MEMBER...]": the symbol, the CPU (or -1) and the member path. */
static struct err *split(const struct cmd_call *c, const char *text, char **symbol, int64_t *cpu,
			 const char **path)
{
	size_t n = strcspn(text, ":.[");
	uint64_t v;

	*cpu = -1;
	*symbol = xstrndup(text, n);
	if (text[n] == ':') {
		size_t digits = strcspn(text + n + 1, ".[");
		AUTO_FREE char *number = xstrndup(text + n + 1, digits);
		TRY(arg_number(number, &v));
		if (v >= c->session->ncpus)
			return err_new(ERR_USAGE, "there is no CPU %s: this dump has %u", number,
				       c->session->ncpus);
		*cpu = (int64_t)v;
		n += 1 + digits;
	}
	*path = text[n] == '.' ? text + n + 1 : text + n;
	return NULL;
}

static struct err *locate(const struct cmd_call *c, const char *symbol, int64_t cpu, uint64_t *ret)
{
	struct session *s = c->session;
	struct sym sym;

	if (!sym_find(s->symtab, symbol, &sym))
		return err_new(ERR_NOTFOUND, "no symbol '%s' (`sym -l` lists them)", symbol);
	if (cpu >= 0 && !sym.percpu)
		return err_new(ERR_USAGE, "%s is no per-CPU variable: leave out the CPU", symbol);
	*ret = sym.addr;
	return sym.percpu ? kern_percpu(s, symbol, cpu < 0 ? 0 : (unsigned)cpu, ret) : NULL;
}

/* Structs and arrays fill the view with their members; all else is one row under its name. */
static struct err *show(const struct cmd_call *c, struct show_object *o, const char *name,
			const struct show_style *style)
{
	const struct type *t = type_strip(o->type);
	enum type_kind k = type_kind(t);
	bool string = k == TYPE_ARRAY && type_is_char(type_strip(type_target(t)));

	if (k == TYPE_STRUCT || k == TYPE_UNION || (k == TYPE_ARRAY && !string))
		return show_object(c, o, style);
	o->path = name;
	return show_member(c, o, style);
}

/* "char linux_banner[]", as a header declares it: the symbol knows how long it is. */
static const struct type *completed(struct session *s, const struct type *t, const struct sym *sym)
{
	const struct type *plain = type_strip(t);
	uint64_t count, size;

	if (type_kind(plain) != TYPE_ARRAY || type_array_count(plain, &count))
		return t;
	size = type_size(type_target(plain));
	return size && sym->size >= size ? type_array_of(s->types, type_target(plain), sym->size / size) : t;
}

static struct err *print(const struct cmd_call *c, const char *text, const char *symbol,
			 int64_t cpu, const char *path)
{
	struct session *s = c->session;
	struct show_style style = {.hex = c->args->has['x']};
	const struct type *t;
	struct type_place place = {0};
	struct sym sym;
	uint64_t addr;

	TRY(locate(c, symbol, cpu, &addr));
	sym_find(s->symtab, symbol, &sym);
	TRY(type_of_symbol(s->types, sym.object, symbol, c->job, &t));
	place.type = t = completed(s, t, &sym);
	if (*path)
		TRY(type_member(t, path, &place));
	AUTO_BUF struct buf name = {0};
	type_print_name(place.type, &name);
	const char *root = intern_str(s->intern, buf_str(&name));
	AUTO_FREE char *crash = xasprintf("p %s", text);
	struct ref ref = ref_object(root, addr + place.offset);
	struct show_object o = {.type = place.type, .space = KERNEL, .addr = addr + place.offset,
				.base = addr + place.offset, .root = root, .path = ""};

	TRY(sink_begin(c->out, &show_table, &ref, crash, "%s %s", buf_str(&name), text));
	return show(c, &o, text, &style);
}

/* "TYPE@ADDRESS" of any type: what links to pointers, arrays and scalars open. */
static struct err *print_ref(const struct cmd_call *c, const struct ref *r, const char *text)
{
	struct session *s = c->session;
	struct show_style style = {.hex = c->args->has['x']};
	const struct type *t;

	TRY(type_find(s->types, r->name, c->job, &t));
	AUTO_FREE char *crash = xasprintf("p *(%s *)0x%" PRIx64, r->name, r->addr);
	struct show_object o = {.type = t, .space = KERNEL, .addr = r->addr, .base = r->addr,
				.root = r->name, .path = ""};
	TRY(sink_begin(c->out, &show_table, r, crash, "%s 0x%" PRIx64, r->name, r->addr));
	return show(c, &o, text, &style);
}

static struct err *run(const struct cmd_call *c)
{
	const char *text = c->args->rest, *path = "";
	AUTO_FREE char *symbol = NULL;
	struct ref r;
	int64_t cpu;

	if (strchr(text, '@') && err_ok(ref_parse(text, c->session->intern, &r)) &&
	    r.kind == REF_OBJECT)
		return print_ref(c, &r, text);
	TRY(split(c, text, &symbol, &cpu, &path));
	return print(c, text, symbol, cpu, path);
}

const struct cmd cmd_p = {
	.name = "p",
	.aliases = "print",
	.group = "memory",
	.summary = "the value of a variable of the kernel",
	.details = "A global or per-CPU variable, whole or a member of it. The type comes from the debug info; for a "
		   "static variable that may take a moment the first time. Per-CPU variables take the CPU after a colon; "
		   "without one it is CPU 0.",
	.options = (const struct cmd_option[]){
		{'x', ARG_NONE, NULL, "integers in hexadecimal"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"SYMBOL[:CPU][.MEMBER]", ARG_PATTERN, false, true, "what to print; TYPE@ADDRESS is fine too"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"p sysctl_hung_task_timeout_secs", "a number"},
		{"p init_task.comm", "a member"},
		{"p runqueues:1.clock", "a member of CPU 1's copy"},
		{0}},
	.table = &show_table,
	.run = run,
};

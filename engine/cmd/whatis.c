/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a name is, in C: the prototype of a function, the declaration of a variable, the definition of a
 * type; all of them where a name is several.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/cmd/show.h"
#include "engine/cmd/whatissize.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/stack/exprscope.h"
#include <inttypes.h>
#include <string.h>

enum { TEXT, COLS };
static const struct col cols[COLS] = {
	[TEXT] = {"text", "", "a line of C", COL_GROW, 0, 0},
};
const struct table definition_table = {.name = "definition", .cols = cols, .ncols = COLS};

/* Leading tabs as blanks: a cell holds no control characters. */
static char *expand_tabs(const char *s)
{
	size_t n = strspn(s, "\t");

	return xasprintf("%*s%s", (int)n * 4, "", s + n);
}

struct err *show_code(const struct cmd_call *c, struct buf *text)
{
	for (char *p = text->p, *nl; p && *p; p = nl + 1) {
		nl = strchrnul(p, '\n');
		bool last = !*nl;
		*nl = '\0';
		AUTO_FREE char *line = expand_tabs(p);
		struct cell cell = cell_text(line);
		TRY(sink_row(c->out, &(struct row){.cells = &cell}));
		if (last)
			break;
	}
	return NULL;
}

static struct err *no_such(const char *name)
{
	return err_new(ERR_NOTFOUND, "'%s' is no symbol, no type and no enumerator", name);
}

/* Is this failure just that there is no such name here? */
static bool unknown(const struct err *e)
{
	return err_code(e) == ERR_NOTFOUND || err_code(e) == ERR_NODEBUG || err_code(e) == ERR_USAGE;
}

/* Takes the error when it only says that there is none. */
static struct err *go_on(struct err *e)
{
	if (!e || !unknown(e))
		return e;
	err_free(e);
	return NULL;
}

/* The declarations of the symbols with this name: they may differ, but a line is said once. */
static struct err *put_symbols(const struct cmd_call *c, const char *name, struct buf *out, bool *any)
{
	struct session *s = c->session;
	const struct modules *m;
	struct sym sym;

	err_free(modules_load(s, c->job, &m)); /* their symbols count too */
	for (size_t i = 0; sym_find_nth(s->symtab, name, i, &sym); i++) {
		AUTO_BUF struct buf decl = {0};
		const struct type *t = NULL;
		TRY(go_on(type_of_symbol(s->types, sym.object, name, c->job, &t)));
		if (t)
			type_print_decl(t, name, &decl);
		else
			buf_printf(&decl, "/* %s: the type of this %s isn't known */", name,
				   strchr("tTwW", sym.type) ? "function" : "variable");
		buf_puts(&decl, !t ? "\n" : sym.percpu ? ";  /* one for each CPU */\n" : ";\n");
		if (!strstr(buf_str(out), buf_str(&decl)))
			buf_puts(out, buf_str(&decl));
		*any = true;
	}
	return NULL;
}

/* A function that is inlined everywhere has no symbol: debug info still declares it. */
static struct err *put_inlined(const struct cmd_call *c, const char *name, struct buf *out)
{
	const struct type *t = NULL;

	if (!c->session->vmlinux)
		return NULL;
	TRY(go_on(type_of_symbol(c->session->types, c->session->vmlinux, name, c->job, &t)));
	if (!t || type_kind(type_strip(t)) != TYPE_FUNCTION)
		return NULL;
	type_print_decl(t, name, out);
	buf_puts(out, ";  /* inlined everywhere: it has no address */\n");
	return NULL;
}

/* "TYPE.MEMBER" as a declaration, else the type's definition. */
static struct err *put_type(const struct cmd_call *c, const char *name, struct buf *out)
{
	const char *dot = strchr(name, '.');
	AUTO_FREE char *whole = dot ? xstrndup(name, (size_t)(dot - name)) : xstrdup(name);
	const struct type *t;
	struct type_place place;

	TRY(module_type_find(c->session, whole, c->job, &t));
	if (!dot) {
		type_print_definition(t, c->args->has['o'], out);
		return NULL;
	}
	TRY(type_member(t, dot + 1, &place));
	const char *member = strrchr(name, '.') + 1;
	type_print_decl(place.type, member, out);
	if (place.bit_size)
		buf_printf(out, " : %u", place.bit_size);
	buf_printf(out, ";  /* offset %" PRIu64 ", size %" PRIu64 " */\n", place.offset,
		   type_size(place.type));
	return NULL;
}

static struct err *put_enumerator(const struct cmd_call *c, const char *name, struct buf *out)
{
	const struct type *t;
	size_t n;

	TRY(type_find_enumerator(c->session->types, name, c->job, &t));
	const struct enumerator *e = type_enumerators(t, &n);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(e[i].name, name))
			buf_printf(out, "%s = %" PRId64 "\n", name, e[i].value);
	type_print_definition(t, c->args->has['o'], out);
	return NULL;
}

/* The type of an expression's value. */
static struct err *put_expression(const struct cmd_call *c, const char *text, struct buf *out)
{
	struct expr_scope *x = arg_scope(c);
	const struct type *t;
	struct expr *expr;
	struct err *e = expr_parse(expr_scope_env(x), text, &expr);

	if (!e) {
		e = expr_type(expr, &t);
		expr_free(expr);
	}
	expr_scope_destroy(x);
	TRY(e);
	type_print_name(t, out);
	return NULL;
}

/* What can only be an expression: operators, or members of what is no type. */
static bool is_expression(const struct cmd_call *c, const char *name)
{
	size_t n = strcspn(name, ".");
	AUTO_FREE char *first = xstrndup(name, n);
	const struct type *t;

	if (strpbrk(name, "&*()[]+-<>") && strncmp(name, "struct ", 7) && strncmp(name, "union ", 6))
		return !err_ok(type_find(c->session->types, name, c->job, &t));
	return name[n] && !err_ok(type_find(c->session->types, first, c->job, &t));
}

static struct err *put_all(const struct cmd_call *c, const char *name, struct buf *out)
{
	bool any = false;

	if (is_expression(c, name))
		return put_expression(c, name, out);
	if (!strchr(name, ' '))
		TRY(put_symbols(c, name, out, &any));
	size_t before = out->len;
	struct err *e = put_type(c, name, out);
	/* a member that isn't there is worth its own words */
	if (e && strchr(name, '.'))
		return e;
	TRY(go_on(e));
	if (any || out->len > before)
		return NULL;
	TRY(go_on(put_enumerator(c, name, out)));
	if (!out->len && !strchr(name, ' '))
		TRY(put_inlined(c, name, out));
	return out->len ? NULL : no_such(name);
}

static struct err *run(const struct cmd_call *c)
{
	AUTO_BUF struct buf text = {0}, name = {0};

	if (c->args->has['r'] || c->args->has['m'])
		return whatis_sizes(c);
	if (!c->args->n)
		return usage_error(c->args->cmd, "NAME is missing");
	for (size_t i = 0; i < c->args->n; i++)
		buf_printf(&name, "%s%s", i ? " " : "", c->args->v[i]);
	AUTO_FREE char *crash = xasprintf("whatis %s%s", c->args->has['o'] ? "-o " : "", buf_str(&name));
	TRY(put_all(c, buf_str(&name), &text));
	TRY(sink_begin(c->out, &definition_table, NULL, crash, "%s", buf_str(&name)));
	return show_code(c, &text);
}

const struct cmd cmd_whatis = {
	.name = "whatis",
	.group = "memory",
	.summary = "the prototype of a function, the type of a variable, the definition of a type",
	.details = "A name that is both a symbol and a type shows both. Enumerators show their value and their enum.",
	.options = (const struct cmd_option[]){
		{'o', ARG_NONE, NULL, "offsets and sizes of members"},
		{'r', ARG_WORD, "SIZE[-SIZE]", "all structs and unions of that size in bytes"},
		{'m', ARG_TYPE, "TYPE", "all that have a member of this type, or a pointer to it"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"NAME", ARG_SYMBOL, true, true, "function, variable, type (TYPE.MEMBER too), enumerator or expression"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"whatis mnt_want_write", "a function's prototype"},
		{"whatis init_task", "a variable's type"},
		{"whatis struct vfsmount", "a type's definition"},
		{"whatis -o struct list_head", "with offsets"},
		{"whatis SB_FREEZE_COMPLETE", "a constant of an enum"},
		{"whatis init_task.parent->comm", "the type of an expression"},
		{"whatis -r 192-256 -m completion", "structs of a size with a member of a type"},
		{0}},
	.table = &definition_table,
	.run = run,
};

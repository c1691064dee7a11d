/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words that `list` and `tree` have in common: types with members, offsets, refs, variables.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/elements.h"
#include "engine/cmd/show.h"
#include "engine/kern/stack/exprscope.h"
#include <inttypes.h>
#include <string.h>

struct err *elements_type(const struct cmd_call *c, const char *name, const struct type **ret)
{
	static const char *const tags[] = {"struct ", "union ", ""};
	struct err *e = NULL;

	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *tagged = xasprintf("%s%s", tags[i], name);
		err_free(e);
		e = type_find(c->session->types, tagged, c->job, ret);
		if (!e || err_code(e) != ERR_NOTFOUND)
			return e;
	}
	return e;
}

struct err *elements_offset(const struct cmd_call *c, const char *text, uint64_t *ret,
			    const struct type **type, const char **link)
{
	const char *dot = strchr(text, '.');
	struct type_place place;

	*type = NULL;
	*link = "";
	if (!dot)
		return arg_number(text, ret);
	AUTO_FREE char *name = xstrndup(text, (size_t)(dot - text));
	TRY(elements_type(c, name, type));
	TRY(type_member(*type, dot + 1, &place));
	*link = intern_str(c->session->intern, dot + 1);
	*ret = place.offset;
	return NULL;
}

static void set_type(struct elements *e, const struct type *t)
{
	AUTO_BUF struct buf name = {0};

	type_print_name(t, &name);
	e->h.element = t;
	e->h.element_name = intern_str(e->call->session->intern, buf_str(&name));
}

struct err *elements_members(struct elements *e, const char *text)
{
	size_t n = strcspn(text, ".,");
	AUTO_FREE char *name = xstrndup(text, n);
	AUTO_BUF struct buf columns = {0};
	const struct type *t;

	TRY(elements_type(e->call, name, &t));
	set_type(e, t);
	e->whole = !text[n];
	for (const char *p = text + n; *p;) {
		size_t skip = 1, k;
		p++; /* the dot or comma */
		k = strcspn(p, ",");
		if (k > n && !strncmp(p, name, n) && p[n] == '.')
			skip = n + 1, p += skip, k -= skip;
		buf_printf(&columns, "%s%.*s", columns.len ? "," : "", (int)k, p);
		p += k;
	}
	if (columns.len)
		e->columns = intern_str(e->call->session->intern, buf_str(&columns));
	return NULL;
}

struct err *elements_of_ref(const struct cmd_call *c, const char *text, struct elements *e)
{
	const char *at = strrchr(text, '@'), *dot = strchr(text, '.');
	const struct type *t;
	uint64_t addr, offset;
	struct sym sym;

	TRY(arg_place(c, at + 1, &addr));
	AUTO_FREE char *path = dot && dot < at ? xstrndup(dot + 1, (size_t)(at - dot - 1)) : xstrdup("");
	AUTO_FREE char *name = xstrndup(text, (size_t)((dot && dot < at ? dot : at) - text));
	TRY(elements_type(c, name, &t));
	if (*path) {
		AUTO_FREE char *ref = xasprintf("struct %s.%s", name, path);
		e->ref = ref_object(intern_str(c->session->intern, ref), addr);
		return holding_of_member(c->session, t, path, addr, &e->h);
	}
	/* "list_head@0x...": a variable, or a head of which only the kind is known */
	if (sym_at(c->session->symtab, addr, &sym, &offset) && !offset &&
	    err_ok(holding_of_symbol(c->session, sym.name, t, addr, &e->h)))
		return NULL;
	e->h = (struct holding){.element_name = "", .link = ""};
	e->h.c.kind = container_of_type(c->session, t, &offset);
	e->h.c.root = addr + offset;
	e->h.head = intern_str(c->session->intern, name);
	if (e->h.c.kind == CONTAINER_BITMAP)
		e->h.c.count = type_size(t) * 8;
	return e->h.c.kind ? NULL : err_new(ERR_USAGE, "%s is no list, tree or array", name);
}

bool elements_of_symbol(const struct cmd_call *c, const char *text, struct elements *e)
{
	struct session *s = c->session;
	const struct type *t = NULL;
	struct sym sym;

	if (!sym_find(s->symtab, text, &sym) || sym.percpu)
		return false;
	if (!err_ok(type_of_symbol(s->types, sym.object, text, c->job, &t)))
		t = NULL;
	return err_ok(holding_of_symbol(s, text, t, sym.addr, &e->h));
}

bool elements_of_expression(const struct cmd_call *c, const char *text, struct elements *e)
{
	struct expr_scope *x = arg_scope(c);
	struct type_place place;
	struct expr_value v;
	struct expr *ex = NULL;
	const char *name = show_last_name(text);

	bool ok = strpbrk(text, ".>") && err_ok(expr_parse(expr_scope_env(x), text, &ex)) && !expr_for_cpus(ex) &&
		  err_ok(expr_eval(ex, 0, &v)) && v.kind == EXPR_PLACE && v.space.kind == SPACE_KERNEL && v.in &&
		  err_ok(type_member(v.in, name, &place)) &&
		  err_ok(holding_of_member(c->session, v.in, name, v.addr - place.offset, &e->h)) && e->h.element &&
		  !e->h.c.at_node;
	if (ex)
		expr_free(ex);
	expr_scope_destroy(x);
	return ok;
}

/* "struct super_block.s_inodes": the type's name and the path, without the tag. */
static const char *untagged(const char *name)
{
	return !strncmp(name, "struct ", 7) ? name + 7 : !strncmp(name, "union ", 6) ? name + 6 : name;
}

bool elements_command(struct session *s, const struct ref *r, struct buf *out)
{
	const char *dot = strchr(r->name, '.');
	enum container_kind kind = CONTAINER_NONE;
	const struct type *t;
	uint64_t at;

	if (strpbrk(r->name, "*("))
		return false;
	AUTO_FREE char *name = dot ? xstrndup(r->name, (size_t)(dot - r->name)) : xstrdup(r->name);
	if (!err_ok(type_find(s->types, name, NULL, &t)))
		return false;
	if (dot && !holding_is_member(s, t, dot + 1, &kind))
		return false;
	/* Of a bare list_head nobody knows whether it is a head. */
	if (!dot && ((kind = container_of_type(s, t, &at)) == CONTAINER_NONE || (kind <= CONTAINER_LLIST && !r->aux)))
		return false;
	bool tree = kind == CONTAINER_RBTREE || kind == CONTAINER_XARRAY || kind == CONTAINER_MAPLE;
	buf_printf(out, "%s %s@0x%" PRIx64, tree ? "tree" : "list", untagged(r->name), r->addr);
	return true;
}

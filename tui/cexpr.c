/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An object's expression grows with every pointer that is followed; where a link isn't the pointer's own
 * value (a task of a list, an element's container), it begins anew with the address and a cast. Rows of
 * an object know their path from it: it is the row's key.
 */
#include "tui/cexpr.h"
#include "engine/base/alloc.h"
#include <inttypes.h>
#include <string.h>

/* "p init_task.comm" shows what was typed; NULL: the view isn't of that kind. */
static const char *typed(const struct view *v)
{
	const char *line = v->run->line;
	size_t n = strcspn(line, " ");

	if ((n != 1 || line[0] != 'p') && (n != 2 || (strncmp(line, "px", 2) && strncmp(line, "pd", 2))))
		return NULL;
	line += n + strspn(line + n, " ");
	return *line && *line != '-' && !strchr(line, '@') ? line : NULL;
}

static bool shows_object(const struct view *v)
{
	const struct heading *h = view_heading(v);

	return h && h->ref.kind == REF_OBJECT && !strcmp(h->table->name, "struct") && v->run->shell;
}

/* A member of what is shown. */
static bool put_member(const struct view *v, const struct row *r, struct buf *out)
{
	const char *text = typed(v), *key = r->key ? r->key : "";

	if (!shows_object(v) || strstr(key, "..."))
		return false;
	if (!text)
		return shell_expression(v->run->shell, &view_heading(v)->ref, v->path, key, out);
	bool alone = !*key || !strcmp(key, text); /* a value has what was typed as its name */
	buf_printf(out, expression_is_postfix(text) || alone ? "%s" : "(%s)", text);
	if (!alone)
		buf_printf(out, "%s%s", key[0] == '[' ? "" : ".", key);
	return true;
}

bool cexpr_of_row(const struct view *v, size_t row, struct buf *out)
{
	const struct row *r = view_row(v, row);
	struct ref link;
	uint64_t addr;

	if (!r)
		return false;
	if (put_member(v, r, out))
		return true;
	link = row_link(rows_table(v->run->rows, r), r);
	if (link.kind != REF_MEM && v->run->shell &&
	    shell_expression(v->run->shell, &link, NULL, "", out))
		return true;
	if (!view_row_address(v, row, &addr))
		return false;
	buf_printf(out, "0x%" PRIx64, addr);
	return true;
}

/* Does the row hold the pointer itself? *exact: of the type that the link has. */
static bool is_pointer_to(const struct view *v, const struct row *r, const struct ref *to,
			  bool *exact)
{
	const struct table *t = rows_table(v->run->rows, r);
	size_t value = table_column(t, "value"), type = table_column(t, "type");

	if (value == SIZE_MAX || r->cells[value].kind != CELL_ADDR || r->cells[value].u != to->addr)
		return false;
	const char *name = type == SIZE_MAX ? NULL : r->cells[type].text;
	size_t n = strlen(to->name);
	*exact = name && !strncmp(name, to->name, n) && !strcmp(name + n, " *");
	return true;
}

/* "struct super_block" and "struct super_block.s_writers" are of one object. */
static bool same_root(const char *a, const char *b)
{
	size_t n = strcspn(a, ".");
	return n == strcspn(b, ".") && !strncmp(a, b, n);
}

char *cexpr_follow(const struct view *v, size_t row, const struct ref *to)
{
	const struct row *r = view_row(v, row);
	struct buf out = {0};
	bool exact;

	if (!r || to->kind != REF_OBJECT || !shows_object(v))
		return NULL;
	const struct ref *here = &view_heading(v)->ref;
	if (here->addr == to->addr && same_root(here->name, to->name)) {
		if (v->path || !typed(v))
			return v->path ? xstrdup(v->path) : NULL;
		buf_printf(&out, expression_is_postfix(typed(v)) ? "(&%s)" : "(&(%s))", typed(v));
		return buf_steal(&out);
	}
	if (strchr(to->name, '.') || strpbrk(to->name, "[(") || !is_pointer_to(v, r, to, &exact) ||
	    !put_member(v, r, &out))
		return NULL;
	if (exact)
		return buf_steal(&out);
	AUTO_FREE char *pointer = buf_steal(&out);
	return xasprintf("((%s *)%s)", to->name, pointer);
}

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

/* "struct super_block" of "struct super_block.s_writers". */
static size_t root_length(const char *type)
{
	return strcspn(type, ".");
}

static bool same_root(const char *a, const char *b)
{
	size_t n = root_length(a);
	return n == root_length(b) && !strncmp(a, b, n);
}

/* "(struct vfsmount *)", "(int (*)[4])". */
static void put_cast(const char *type, struct buf *out)
{
	size_t n = root_length(type), element = strcspn(type, "[");

	if (element < n)
		buf_printf(out, "(%.*s (*)%.*s)", (int)element, type, (int)(n - element),
			   type + element);
	else
		buf_printf(out, "(%.*s *)", (int)n, type);
}

static void put_anew(const struct ref *object, struct buf *out)
{
	buf_putc(out, '(');
	put_cast(object->name, out);
	buf_printf(out, "0x%" PRIx64 ")", object->addr);
}

/* Is it an operand that "." and "->" may follow? */
static bool is_simple(const char *s)
{
	return !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.[]:")];
}

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

/* The object that the view shows; *points: a pointer to it. */
static bool put_base(const struct view *v, struct buf *out, bool *points)
{
	const struct heading *h = view_heading(v);

	if (!h || h->ref.kind != REF_OBJECT)
		return false;
	*points = v->path ? v->path_points : true;
	if (v->path)
		buf_puts(out, v->path);
	else if (typed(v))
		buf_printf(out, is_simple(typed(v)) ? "%s" : "(%s)", typed(v));
	else
		put_anew(&h->ref, out);
	if (!v->path && typed(v))
		*points = false;
	return true;
}

static bool is_member(const struct view *v, const struct row *r)
{
	const struct heading *h = view_heading(v);

	return h && h->ref.kind == REF_OBJECT && !strcmp(h->table->name, "struct") && r->key &&
	       r->key[0] && !strstr(r->key, "...");
}

static bool put_member(const struct view *v, const struct row *r, struct buf *out)
{
	bool points;
	size_t before = out->len;

	if (!is_member(v, r) || !put_base(v, out, &points))
		return false;
	if (!points && typed(v) && !strcmp(r->key, typed(v))) /* a value alone */
		return true;
	if (r->key[0] != '[') {
		buf_puts(out, points ? "->" : ".");
	} else if (points) {
		AUTO_FREE char *base = xstrdup(out->p + before);
		out->len = before;
		out->p[before] = '\0';
		buf_printf(out, "(*%s)", base);
	}
	buf_puts(out, r->key);
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
	if (link.kind == REF_OBJECT && !strchr(link.name, '.'))
		put_anew(&link, out);
	else if (link.kind == REF_TASK)
		buf_printf(out, "((struct task_struct *)0x%" PRIx64 ")", link.addr);
	else if (link.kind == REF_SYM)
		buf_puts(out, link.name);
	else if (view_row_address(v, row, &addr))
		buf_printf(out, "0x%" PRIx64, addr);
	else
		return false;
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

char *cexpr_follow(const struct view *v, size_t row, const struct ref *to, bool *points)
{
	const struct heading *h = view_heading(v);
	const struct row *r = view_row(v, row);
	struct buf out = {0};
	bool exact;

	*points = true;
	if (!r || to->kind != REF_OBJECT)
		return NULL;
	bool inside = h && h->ref.kind == REF_OBJECT && h->ref.addr == to->addr &&
		      same_root(h->ref.name, to->name);
	if (inside && put_base(v, &out, points))
		return buf_steal(&out);
	if (!strchr(to->name, '.') && is_pointer_to(v, r, to, &exact) && put_member(v, r, &out)) {
		if (exact)
			return buf_steal(&out);
		AUTO_FREE char *pointer = buf_steal(&out);
		buf_putc(&out, '(');
		put_cast(to->name, &out);
		buf_printf(&out, "%s)", pointer);
		return buf_steal(&out);
	}
	put_anew(to, &out);
	return buf_steal(&out);
}

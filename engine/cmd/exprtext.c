/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what the screen shows back to C: a view's ref and a row's path as one expression that `p`, `rd` and
 * `struct` take, and that people paste into notes.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/expr/expr.h"
#include <inttypes.h>
#include <string.h>

/* "((struct vfsmount *)0x...)": the pointer to an object of that type. */
static void put_pointer(struct session *s, const char *type, uint64_t addr, struct buf *out)
{
	const struct type *t;

	if (!strchr(type, '[') && !strchr(type, '(')) {
		buf_printf(out, "((%s%s*)0x%" PRIx64 ")", type, type[strlen(type) - 1] == '*' ? "" : " ", addr);
		return;
	}
	/* pointers to arrays and functions are written around a name */
	if (err_ok(type_find(s->types, type, NULL, &t))) {
		buf_puts(out, "((");
		type_print_name(type_pointer_to(s->types, t), out);
		buf_printf(out, ")0x%" PRIx64 ")", addr);
	}
}

/* The object's type is "struct super_block.s_writers" where the view shows a member only; the paths of
 * its rows begin with that member. */
static void object_expression(struct session *s, const struct ref *r, const char *base, const char *path,
			      struct buf *out)
{
	size_t n = strcspn(r->name, ".");
	AUTO_FREE char *type = xstrndup(r->name, n);
	const char *member = r->name[n] ? r->name + n + 1 : "";
	AUTO_BUF struct buf pointer = {0};

	if (strchr(member, ',')) /* several: only their rows say which */
		member = "";
	put_pointer(s, type, r->addr, &pointer);
	bool array = strchr(type, '[');
	AUTO_FREE char *element = array ? xasprintf("(*%s)", base ? base : buf_str(&pointer)) : NULL;
	expr_join(element ? element : base ? base : buf_str(&pointer), !array, *path ? path : member, out);
}

bool expression_is_postfix(const char *text)
{
	return expr_is_postfix(text);
}

bool shell_expression(struct shell *sh, const struct ref *view, const char *base, const char *path,
		      struct buf *out)
{
	struct session *s = shell_session(sh);
	struct ref task = {REF_OBJECT, view->addr, 0, "struct task_struct"};

	switch (view->kind) {
	case REF_OBJECT:
		object_expression(s, view, base, path, out);
		return true;
	case REF_TASK:
		object_expression(s, &task, base, path, out);
		return true;
	case REF_SYM:
		expr_join(view->name, false, path, out);
		return true;
	case REF_MEM:
		put_pointer(s, "void", view->addr, out);
		return true;
	default:
		return false;
	}
}

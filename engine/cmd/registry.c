/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/cmd/commands.h"
#include <string.h>

/* Sorted by name: help and the documentation list them in this order. */
static const struct cmd *const table[] = {
	&cmd_bt,
	&cmd_container,
	&cmd_diff,
	&cmd_dis,
	&cmd_eval,
	&cmd_files,
	&cmd_foreach,
	&cmd_frame,
	&cmd_fuser,
	&cmd_help,
	&cmd_kmem,
	&cmd_list,
	&cmd_log,
	&cmd_marks,
	&cmd_mod,
	&cmd_mount,
	&cmd_p,
	&cmd_pd,
	&cmd_ps,
	&cmd_ptov,
	&cmd_px,
	&cmd_rd,
	&cmd_refs,
	&cmd_search,
	&cmd_set,
	&cmd_src,
	&cmd_stacks,
	&cmd_struct,
	&cmd_sym,
	&cmd_sys,
	&cmd_timer,
	&cmd_tree,
	&cmd_union,
	&cmd_vm,
	&cmd_vmlinux,
	&cmd_vtop,
	&cmd_waiters,
	&cmd_what,
	&cmd_whatis,
};

const struct cmd *const *cmd_all(size_t *n)
{
	*n = sizeof(table) / sizeof(*table);
	return table;
}

static bool has_alias(const struct cmd *c, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = c->aliases; p && *p; p += strcspn(p, " ")) {
		p += strspn(p, " ");
		if (strcspn(p, " ") == n && !strncmp(p, name, n))
			return true;
	}
	return false;
}

const struct cmd *cmd_find(const char *name)
{
	const struct cmd *found = NULL;
	size_t n;
	const struct cmd *const *v = cmd_all(&n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i]->name, name) || has_alias(v[i], name))
			return v[i];
	for (size_t i = 0; i < n; i++) {
		if (!name[0] || strncmp(v[i]->name, name, strlen(name)))
			continue;
		if (found)
			return NULL;
		found = v[i];
	}
	return found;
}

void cmd_option_name(const struct cmd_option *o, struct buf *out)
{
	bool apart = o->arg_name && !(o->letter >= '0' && o->letter <= '9');

	buf_printf(out, "-%c%s%s", o->letter, apart ? " " : "", o->arg_name ? o->arg_name : "");
}

void cmd_usage(const struct cmd *c, struct buf *out)
{
	buf_puts(out, c->name);
	for (const struct cmd_option *o = c->options; o && o->letter; o++) {
		buf_puts(out, " [");
		cmd_option_name(o, out);
		buf_putc(out, ']');
	}
	for (const struct cmd_arg *a = c->args; a && a->name; a++)
		buf_printf(out, a->optional ? " [%s%s]" : " %s%s", a->name,
			   a->repeated ? "..." : "");
}

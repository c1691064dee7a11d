/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parameters to registers, as the calling convention has it: integers, pointers, enums take one
 * register each; a struct of up to 16 bytes takes one or two, or goes to memory when there are too
 * few left; larger ones are in memory always.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/dis/args.h"
#include "engine/dis/impl.h"

/* A part (.cold, .part) or a copy that the compiler made for itself, with other parameters than the
 * source has (.isra, .constprop). */
static bool is_rewritten(const char *name)
{
	return strchr(name, '.') != NULL;
}

/* The function's type: by the DIE that its code belongs to, which also tells statics of one name
 * apart and waits for no index; without DWARF by name. */
static struct err *prototype(const struct args_sources *from, const struct sym *f, uint64_t func,
			     struct job *job, const struct type **ret)
{
	const struct line_scope *scopes;
	size_t n;

	if (!object_has_dwarf(f->object)) {
		AUTO_FREE char *name = xstrndup(f->name, strcspn(f->name, "."));
		return type_of_symbol(from->types, f->object, name, job, ret);
	}
	TRY(lines_at(from->lines, f->object, func, &scopes, &n));
	return type_from_die(from->types, f->object, scopes[n - 1].die, ret);
}

static bool is_aggregate(const struct type *t)
{
	enum type_kind k = type_kind(t);

	return k == TYPE_STRUCT || k == TYPE_UNION || k == TYPE_ARRAY;
}

static void assign(const struct arch *arch, const struct param *v, size_t nv,
		   struct arg_param ret[MAX_ARG_PARAMS], size_t *n)
{
	size_t next = 0, limit = arch->nargs < MAX_ARG_PARAMS ? arch->nargs : MAX_ARG_PARAMS;

	for (size_t i = 0; i < nv && next < limit; i++) {
		const struct type *plain = type_strip(v[i].type);
		uint64_t size = type_size(plain);
		if (type_kind(plain) == TYPE_FLOAT || (is_aggregate(plain) && size > 16) || !size)
			continue; /* nothing of it is in these registers */
		size_t words = size > 8 ? 2 : 1;
		if (next + words > limit)
			continue;
		if (words == 1)
			ret[(*n)++] = (struct arg_param){arch->arg_regs[next], v[i].name, v[i].type,
							 size};
		next += words;
	}
}

void args_params(const struct args_sources *from, uint64_t func, struct job *job,
		 struct arg_param ret[MAX_ARG_PARAMS], size_t *n)
{
	const struct type *t;
	struct dis_func f;
	bool variadic;
	size_t nv;

	*n = 0;
	if (!from->types || !err_ok(dis_func_at(from->dis, func, &f)) || is_rewritten(f.sym.name) ||
	    !err_ok(prototype(from, &f.sym, func, job, &t)) || type_kind(t) != TYPE_FUNCTION)
		return;
	const struct param *v = type_params(t, &nv, &variadic);
	assign(from->dis->arch, v, nv, ret, n);
}

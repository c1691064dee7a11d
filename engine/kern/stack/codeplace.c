/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/kern/stack/codeplace.h"

size_t code_place_at(struct session *s, struct object *o, uint64_t pc, bool exact,
		     struct code_place *ret)
{
	uint64_t at = exact || !pc ? pc : pc - 1, offset;

	*ret = (struct code_place){.pc = pc};
	if (o && !err_ok(lines_at(s->lines, o, at, &ret->scopes, &ret->nscopes)))
		ret->nscopes = 0;
	ret->known = sym_func_at(s->symtab, at, &ret->sym, &offset);
	return ret->nscopes ? ret->nscopes : 1;
}

struct code_call code_place_call(const struct code_place *p, size_t level)
{
	const struct line_scope *s = level < p->nscopes ? &p->scopes[level] : NULL;
	struct code_call c = {.is_inline = s && s->is_inline};

	if (s && s->file[0]) {
		c.file = s->file;
		c.line = s->line;
		c.column = s->column;
	}
	if (s && s->function[0])
		c.function = s->function;
	if (c.is_inline || !p->known)
		return c;
	c.function = p->sym.name; /* the symbol knows of clones (.cold, .isra.0) */
	c.has_offset = true;
	c.offset = p->pc - p->sym.addr;
	return c;
}

struct object *code_owner(struct session *s, uint64_t pc)
{
	struct sym sym;
	uint64_t offset;
	struct object_range r;

	if (!sym_func_at(s->symtab, pc, &sym, &offset))
		return NULL;
	for (size_t i = 0; object_range(sym.object, i, &r); i++)
		if (r.text && pc >= r.start && pc < r.end)
			return sym.object;
	return NULL;
}

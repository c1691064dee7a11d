/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recovered arguments under the frames of `bt`: -R shows them all, with the evidence; -V and -P
 * take those that DWARF has lost. Names and types come from the function's prototype.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/bt.h"
#include "engine/dis/args.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct args *stack_args(struct bt *b)
{
	if (!b->args)
		b->args = args_create(b->s->flow, &b->stack);
	return b->args;
}

void bt_args_done(struct bt *b)
{
	args_destroy(b->args);
	b->args = NULL;
}

static void params_of(struct bt *b, size_t i, struct arg_param p[MAX_ARG_PARAMS], size_t *n)
{
	const struct frame *f = &b->stack.frames[i];

	args_params(&(struct args_sources){b->s->dis, b->s->lines, b->s->types},
		    f->exact ? f->pc : f->pc - 1, b->c->job, p, n);
}

/* The value in a variable of that many bytes; false: not so much of it is known. */
static bool take_value(const struct arg_value *a, const char *reg, uint64_t size, struct var *v)
{
	if (!a->bits || a->bits < size * 8 || size > 8)
		return false;
	v->state = VAR_VALUE;
	v->size = (size_t)size;
	v->on_entry = true;
	memcpy(v->bytes, &a->value, 8);
	snprintf(v->location, sizeof(v->location), "%s on entry, recovered", reg);
	return true;
}

bool bt_recover(struct bt *b, size_t i, struct var *v)
{
	struct arg_param p[MAX_ARG_PARAMS];
	struct arg_value a;
	size_t n;

	params_of(b, i, p, &n);
	for (size_t k = 0; k < n; k++) {
		if (strcmp(p[k].name, v->name))
			continue;
		args_entry(stack_args(b), i, p[k].reg, false, &a);
		if (!v->type)
			v->type = p[k].type;
		return take_value(&a, arch_reg_name(b->s->arch, p[k].reg), p[k].size, v);
	}
	return false;
}

static struct err *evidence_row(struct bt *b, const char *reg, const struct arg_step *s)
{
	AUTO_BUF struct buf line = {0}, where = {0};
	struct cell cells[V_COLS];
	struct ref ref = s->pc ? ref_addr(REF_MEM, s->pc) : (struct ref){0};

	if (s->pc)
		dis_symbol(b->s->dis, s->pc, &where);
	buf_printf(&line, "    %s%s%s%s%s", buf_str(&where), s->pc ? "  " : "", s->text,
		   s->pc ? "  : " : "", s->what);
	for (size_t i = 0; i < V_COLS; i++)
		cells[i] = cell_shown(cell_absent(), "");
	cells[V_LINE] = cell_link(cell_role(cell_text(buf_str(&line)), ROLE_DIM), ref);
	cells[V_NAME] = cell_text(reg);
	cells[V_LOCATION] = s->pc ? cell_text(buf_str(&where)) : cell_absent();
	AUTO_FREE char *text = s->pc ? xasprintf("%s: %s", s->text, s->what) : xstrdup(s->what);
	cells[V_EVIDENCE] = cell_text(text);
	return sink_row(b->c->out,
			&(struct row){.cells = cells, .ref = ref, .child = true, .role = ROLE_DIM});
}

static struct err *argument(struct bt *b, size_t i, unsigned reg, const struct arg_param *p)
{
	const char *name = arch_reg_name(b->s->arch, reg);
	struct var v = {.name = p && p->name[0] ? p->name : name,
			.type = p ? p->type : NULL,
			.is_param = true};
	struct arg_value a;
	struct err *e;

	args_entry(stack_args(b), i, reg, true, &a);
	snprintf(v.location, sizeof(v.location), "%s", name);
	if (take_value(&a, name, p ? p->size : 8, &v)) {
		v.on_entry = false; /* as all that -R shows: not worth a word */
		snprintf(v.location, sizeof(v.location), "%s", name);
		e = bt_value(b, &v, NULL);
	} else if (a.bits) {
		AUTO_FREE char *text =
			xasprintf("0x%" PRIx64 " (its low %u bits)", a.value, a.bits);
		e = bt_value(b, &v, text);
	} else {
		AUTO_FREE char *text = xasprintf("<%s>", a.why[0] ? a.why : "not known");
		e = p ? bt_value(b, &v, text)
		      : NULL; /* without a prototype: who knows if it is one */
	}
	for (size_t k = 0; a.bits && k < a.nsteps && !e; k++)
		e = evidence_row(b, name, &a.steps[k]);
	arg_value_free(&a);
	return e;
}

struct err *bt_recovered(struct bt *b, size_t i)
{
	const struct arch *arch = b->s->arch;
	struct arg_param p[MAX_ARG_PARAMS];
	size_t n;

	if (b->stack.frames[i].user)
		return NULL;
	params_of(b, i, p, &n);
	for (size_t k = 0; k < n; k++)
		TRY(argument(b, i, p[k].reg, &p[k]));
	for (size_t k = 0; !n && k < arch->nargs; k++)
		TRY(argument(b, i, arch->arg_regs[k], NULL));
	return NULL;
}

struct err *bt_prototype_vars(struct bt *b, size_t i)
{
	struct arg_param p[MAX_ARG_PARAMS];
	size_t n;

	if (!b->c->args->has['V'] && !b->c->args->has['P'])
		return NULL;
	params_of(b, i, p, &n);
	for (size_t k = 0; k < n; k++) {
		struct var v = {.name = p[k].name, .type = p[k].type, .is_param = true};
		struct arg_value a;
		args_entry(stack_args(b), i, p[k].reg, false, &a);
		if (take_value(&a, arch_reg_name(b->s->arch, p[k].reg), p[k].size, &v))
			TRY(bt_value(b, &v, NULL));
	}
	return NULL;
}

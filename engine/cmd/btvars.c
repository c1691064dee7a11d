/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rows under a frame of `bt`: its arguments and variables with their values, and the registers of
 * the user-space boundary.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/bt.h"
#include "engine/cmd/show.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_LINE 4096 /* bytes of a string */
#define MAX_SMALL 64  /* bytes of a struct that may be worth a line */

static const struct col var_cols[V_COLS] = {
	[V_LINE] = {"line", "", "name = value  meaning", COL_SCREEN | COL_GROW, 52, 0},
	[V_NAME] = {"name", "NAME", "parameter, variable or register", COL_DATA, 0, 0},
	[V_TYPE] = {"type", "", "its C type", 0, 0, 3},
	[V_VALUE] = {"value", "VALUE", "its value", COL_DATA, 0, 0},
	[V_MEANING] = {"meaning", "MEANING", "enum name, symbol, string pointed to; a struct's members, or its address", COL_DATA, 0, 0},
	[V_LOCATION] = {"location", "", "where it is kept, or why it has no value", COL_DATA, 0, 3},
	[V_EVIDENCE] = {"evidence", "EVIDENCE", "of a recovered argument: one step of the proof", COL_DATA, 0, 0},
};
const struct table bt_var_table = {.name = "vars", .cols = var_cols, .ncols = V_EVIDENCE};
const struct table bt_arg_table = {.name = "vars", .cols = var_cols, .ncols = V_COLS};

/* A struct or an array: it is there, but is no single value. */
static bool is_aggregate(const struct var *v, const struct shown *shown)
{
	return (v->state == VAR_MEMORY || v->state == VAR_VALUE) && shown->value.kind == CELL_ABSENT &&
	       shown->text.len;
}

static struct err *var_row(struct bt *b, const struct var *v, struct shown *shown, struct ref ref)
{
	AUTO_BUF struct buf line = {0}, type = {0};

	if (!shown->text.len)
		cell_print(&shown->value, &shown->text);
	buf_printf(&line, "%s = %s", v->name, buf_str(&shown->text));
	if (shown->meaning.len)
		buf_printf(&line, "  %s", buf_str(&shown->meaning));
	else if (is_aggregate(v, shown))
		buf_puts(&shown->meaning, buf_str(&shown->text));
	if (v->on_entry)
		buf_puts(&line, "  (on entry)");
	if (v->type)
		type_print_name(v->type, &type);
	enum role role = ref.kind ? ROLE_LINK : shown->value.kind == CELL_ABSENT ? ROLE_DIM
		       : shown->value.kind == CELL_FAULT ? ROLE_FAULT : ROLE_NORMAL;
	struct cell cells[V_COLS] = {
		[V_LINE] = cell_link(cell_role(cell_text(buf_str(&line)), role), ref),
		[V_NAME] = cell_text(v->name),
		[V_TYPE] = v->type ? cell_role(cell_text(buf_str(&type)), ROLE_TYPE)
				   : cell_shown(cell_absent(), ""),
		[V_VALUE] = shown->value,
		[V_MEANING] = shown->meaning.len ? cell_text(buf_str(&shown->meaning)) : cell_absent(),
		[V_LOCATION] = cell_text(v->location),
		[V_EVIDENCE] = cell_absent(),
	};
	struct row r = {.cells = cells, .key = v->name, .ref = ref, .child = true, .depth = 0, .role = role};
	return sink_row(b->c->out, &r);
}

/* How much of a variable in memory is read to show it; 0: it is too big for a line. */
static size_t line_size(const struct type *plain)
{
	size_t n = type_size(plain);

	if (type_kind(plain) == TYPE_ARRAY && type_is_char(type_strip(type_target(plain))))
		return n < MAX_LINE ? n : MAX_LINE;
	return n <= MAX_SMALL ? n : 0;
}

static struct err *memory_var(struct bt *b, const struct var *v)
{
	const struct type *plain = type_strip(v->type);
	AUTO_BUF struct buf name = {0};
	uint8_t bytes[MAX_LINE];
	enum mem_state why = MEM_UNMAPPED;
	struct shown shown = {.value = cell_absent()};
	size_t n = line_size(plain);
	struct ref ref;

	type_print_name(v->type, &name);
	ref = ref_object(intern_str(b->s->intern, buf_str(&name)), v->addr);
	if (n) {
		bool got = mem_read_some(b->s->mem, KERNEL, v->addr, bytes, n, &why) == n;
		show_line(b->s, plain, got ? bytes : NULL, n, why, &shown);
		if (shown.value.ref.kind)
			ref = shown.value.ref;
	} else {
		buf_puts(&shown.text, "{...}");
	}
	if (!strcmp(buf_str(&shown.text), "{...}"))
		buf_printf(&shown.meaning, "%sat 0x%" PRIx64, shown.meaning.len ? "  " : "", v->addr);
	struct err *e = var_row(b, v, &shown, ref);
	shown_free(&shown);
	return e;
}

static struct err *one_var(struct bt *b, const struct var *v)
{
	struct shown shown = {.value = cell_absent()};
	struct var told = *v;

	if (v->state == VAR_MEMORY && v->type)
		return memory_var(b, v);
	if (v->state == VAR_VALUE && v->type) {
		show_line(b->s, v->type, v->bytes, v->size, MEM_LOST, &shown);
	} else if (v->state == VAR_OPTIMIZED_OUT) {
		buf_puts(&shown.text, "<optimized out>");
		snprintf(told.location, sizeof(told.location), "optimized out");
	} else {
		buf_printf(&shown.text, "<%s>", v->why[0] ? v->why : "unknown");
		snprintf(told.location, sizeof(told.location), "%.47s", v->why[0] ? v->why : "unknown");
	}
	struct err *e = var_row(b, &told, &shown, shown.value.ref);
	shown_free(&shown);
	return e;
}

struct err *bt_value(struct bt *b, const struct var *v, const char *text)
{
	struct shown shown = {.value = cell_absent()};
	uint64_t number = 0;

	if (text) {
		buf_puts(&shown.text, text);
	} else if (v->type) {
		show_line(b->s, v->type, v->bytes, v->size, MEM_LOST, &shown);
	} else {
		memcpy(&number, v->bytes, sizeof(number));
		shown.value = cell_addr(number);
	}
	struct err *e = var_row(b, v, &shown, shown.value.ref);
	shown_free(&shown);
	return e;
}

/* Is it a parameter of a function that was called, and has DWARF lost it? */
static bool is_lost(const struct bt *b, const struct var *v, size_t index, size_t level)
{
	const struct line_scope *scopes;
	const struct frame *f = &b->stack.frames[index];
	size_t n;

	return v->is_param && (v->state == VAR_OPTIMIZED_OUT || v->state == VAR_UNKNOWN) &&
	       err_ok(lines_at(b->s->lines, f->object, f->exact ? f->pc : f->pc - 1, &scopes, &n)) &&
	       level == n - 1;
}

struct err *bt_scope_vars(struct bt *b, size_t index, size_t level)
{
	struct var *v = NULL;
	size_t n = 0;
	struct err *e = NULL;

	bool all = b->c->args->has['V'];

	if (!all && !b->c->args->has['P'])
		return NULL;
	if (!err_ok(frame_vars(b->s->unwinder, b->s->lines, b->s->types, &b->stack, index, level, all,
			       &v, &n)))
		return NULL;
	for (size_t i = 0; i < n && !e; i++) {
		if (is_lost(b, &v[i], index, level))
			bt_recover(b, index, &v[i]);
		if (all || v[i].state == VAR_MEMORY || v[i].state == VAR_VALUE)
			e = one_var(b, &v[i]);
	}
	free(v);
	return e;
}

struct err *bt_regs(struct bt *b, const struct regs *r)
{
	const struct arch *a = b->s->arch;

	for (size_t i = 0; i < a->nregs; i++) {
		unsigned n = (unsigned)a->regs[i].dwarf;
		struct shown shown;
		struct var v = {.name = a->regs[i].name};
		if (!regs_has(r, n))
			continue;
		snprintf(v.location, sizeof(v.location), "pt_regs");
		shown = (struct shown){.value = cell_addr(r->v[n])};
		struct err *e = var_row(b, &v, &shown, (struct ref){0});
		shown_free(&shown);
		TRY(e);
	}
	return NULL;
}

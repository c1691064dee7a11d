/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A row under a frame of `bt`: something with a name and a value, be it a variable, a recovered argument
 * or a register.
 */
#include "engine/cmd/bt.h"
#include "engine/cmd/show.h"
#include <stdio.h>
#include <string.h>

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

static void put_line(const struct var *v, struct shown *shown, struct buf *out)
{
	if (!shown->text.len)
		cell_print(&shown->value, &shown->text);
	buf_printf(out, "%s = %s", v->name, buf_str(&shown->text));
	if (shown->meaning.len)
		buf_printf(out, "  %s", buf_str(&shown->meaning));
	else if (is_aggregate(v, shown))
		buf_puts(&shown->meaning, buf_str(&shown->text));
	if (v->on_entry)
		buf_puts(out, "  (on entry)");
}

struct err *bt_line(struct bt *b, const struct bt_line *l)
{
	const struct var *v = l->v;
	struct shown *shown = l->shown;
	struct ref ref = l->ref;
	AUTO_BUF struct buf line = {0}, type = {0};

	if (l->text)
		buf_puts(&line, l->text);
	else if (l->only != ROW_FOR_MACHINES) /* who have the values instead */
		put_line(v, shown, &line);
	if (v->type)
		type_print_name(v->type, &type);
	enum role role = l->plain ? ROLE_NORMAL : ref.kind ? ROLE_LINK : shown->value.kind == CELL_ABSENT ? ROLE_DIM
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
	struct row r = {.cells = cells, .key = v->name, .ref = ref, .child = true, .depth = 0,
			.only = l->only, .role = role};
	return sink_row(b->c->out, &r);
}

struct err *bt_var_row(struct bt *b, const struct var *v, struct shown *shown, struct ref ref)
{
	return bt_line(b, &(struct bt_line){.v = v, .shown = shown, .ref = ref});
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
	struct err *e = bt_var_row(b, v, &shown, shown.value.ref);
	shown_free(&shown);
	return e;
}

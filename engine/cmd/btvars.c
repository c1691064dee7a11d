/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arguments and variables of a frame with their values, as DWARF tells them; where it has lost a
 * parameter, what btargs.c recovers.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/bt.h"
#include "engine/cmd/show.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_LINE 4096 /* bytes of a string */
#define MAX_SMALL 64  /* bytes of a struct that may be worth a line */

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
	struct err *e = bt_var_row(b, v, &shown, ref);
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
	struct err *e = bt_var_row(b, &told, &shown, shown.value.ref);
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
	const struct frame_scope at = {b->s->unwinder, b->s->lines, b->s->types, &b->stack, index, level};
	if (!err_ok(frame_vars(&at, all, &v, &n)))
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

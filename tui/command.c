/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a command line to what it does: an action of the screen, or a command of the engine. */
#include "engine/base/alloc.h"
#include "tui/actions.h"
#include "tui/cexpr.h"
#include "tui/view_list.h"
#include <inttypes.h>
#include <string.h>

static const char *name_at(void *ctx, size_t i)
{
	size_t actions = 0, n;
	const struct cmd *const *v = cmd_all(&n);

	(void)ctx;
	while (action_at(actions))
		actions++;
	if (i < actions)
		return action_at(i)->name;
	return i - actions < n ? v[i - actions]->name : NULL;
}

const struct keymap_names action_names = {name_at, NULL};

/* What %name stands for; false: nothing here. */
static bool expand(struct app *a, const char *name, struct buf *out)
{
	struct view *v = app_view(a);
	const struct row *r = v ? view_current(v) : NULL;
	size_t before = out->len;
	uint64_t addr;

	if (!strcmp(name, "task")) {
		if (a->ctx.task.kind)
			buf_printf(out, "0x%" PRIx64, a->ctx.task.addr);
	} else if (!r) {
		return false;
	} else if (!strcmp(name, "ref")) {
		struct ref ref = row_link(rows_table(v->run->rows, r), r);
		ref_print(&ref, out);
	} else if (!strcmp(name, "addr")) {
		if (view_row_address(v, v->cursor_row, &addr))
			buf_printf(out, "0x%" PRIx64, addr);
	} else if (!strcmp(name, "thing")) {
		struct ref thing;
		if (thing_under_cursor(a, &thing) && thing.addr)
			buf_printf(out, "0x%" PRIx64, thing.kind == REF_USER ? thing.aux : thing.addr);
	} else if (!strcmp(name, "expr")) {
		cexpr_of_row(v, v->cursor_row, out);
	} else if (!strcmp(name, "line")) {
		list_row_text(v, v->cursor_row, out);
	} else if (!strcmp(name, "key")) {
		buf_puts(out, r->key ? r->key : "");
	} else {
		return false;
	}
	return out->len > before;
}

static const char *const names[] = {"ref", "addr", "task", "line", "key", "expr", "thing"};

static const char *known_name(const char *s)
{
	size_t n = 0;

	while (s[n] >= 'a' && s[n] <= 'z')
		n++;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == n && !strncmp(names[i], s, n))
			return names[i];
	return NULL;
}

/* Puts in what %names stand for. False: one stands for nothing here, and that was said. */
static bool expand_line(struct app *a, const char *line, struct buf *out)
{
	for (; *line; line++) {
		const char *name = *line == '%' ? known_name(line + 1) : NULL;
		if (!name) {
			buf_putc(out, *line);
			continue;
		}
		if (!expand(a, name, out)) {
			app_say(a, STYLE_MESSAGE, "this row has nothing for %%%s", name);
			return false;
		}
		line += strlen(name);
	}
	return true;
}

/* A prefix that only one action has. */
static const struct action *action_by_prefix(const char *word)
{
	const struct action *found = NULL, *x;

	for (size_t i = 0; (x = action_at(i)); i++) {
		if (strncmp(x->name, word, strlen(word)))
			continue;
		if (found)
			return NULL;
		found = x;
	}
	return found;
}

static void engine_command(struct app *a, const char *line)
{
	if (!a->shell) {
		app_say(a, STYLE_MESSAGE, "the dump is still being opened");
		return;
	}
	a->overlay_on = false;
	app_run(a, app_inspector(a), line, "", true);
	app_focus(a, app_inspector(a));
}

/* `set mouse` and `set nomouse` are the screen's, any other `set` is the engine's. */
static bool screen_set(struct app *a, const char *word, const char *arg)
{
	if (strcmp(word, "set") || (strcmp(arg, "mouse") && strcmp(arg, "nomouse")))
		return false;
	action_run(a, action_find("mouse"), *arg == 'n' ? "off" : "on");
	return true;
}

void command_run(struct app *a, const char *line)
{
	AUTO_BUF struct buf text = {0};

	line += strspn(line, ": \t");
	if (!*line || !expand_line(a, line, &text))
		return;
	while (text.len && (text.p[text.len - 1] == ' ' || text.p[text.len - 1] == '\t'))
		text.p[--text.len] = '\0';
	const char *s = buf_str(&text);
	size_t n = strcspn(s, " \t");
	AUTO_FREE char *word = xstrndup(s, n);
	const char *arg = s + n + strspn(s + n, " \t");
	const struct action *x = action_find(word);

	if (!x && screen_set(a, word, arg))
		return;
	if (!x && !cmd_find(word))
		x = action_by_prefix(word);
	if (x)
		action_run(a, x, arg);
	else
		engine_command(a, s);
}

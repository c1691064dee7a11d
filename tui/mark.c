/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks: `mark LETTER NOTE` keeps the place under the cursor, `jump LETTER` goes there. What a place is
 * depends on the pane: a task, a frame, a record of the log, else the command of the view and its row.
 */
#include "engine/base/alloc.h"
#include "tui/actions.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The link that stands for the place: rows of tasks, stacks and the log are what they are links to. */
static struct ref own_ref(const struct app *a, const struct view *v)
{
	const struct row *r = view_row(v, v->cursor_row);
	size_t row = v->cursor_row, parent;

	while (a->focus == PANE_BT && (parent = view_parent(v, row)) != NO_ROW)
		row = parent;
	r = view_row(v, row);
	return r ? r->ref : (struct ref){0};
}

static char *ref_text(const struct ref *r)
{
	struct buf out = {0};

	ref_print(r, &out);
	return out.len ? buf_steal(&out) : xstrdup("");
}

static void fill(struct app *a, struct view *v, struct mark *m)
{
	const struct row *r = view_current(v);
	struct ref at = {0}, own = own_ref(a, v);
	bool pane_of_own = !pane_is_inspector(app_pane(a)) && own.kind;

	if (v->ctx.task.kind)
		at = ref_frame(v->ctx.task.addr, v->ctx.frame, v->ctx.level);
	m->field[MARK_PLACE] = pane_of_own ? ref_text(&own) : xstrdup(v->run->line);
	m->field[MARK_KEY] = xstrdup(r && r->key ? r->key : "");
	m->field[MARK_AT] = ref_text(&at);
	m->field[MARK_TRAIL] = xstrdup(v->crumbs);
	m->field[MARK_PATH] = xstrdup(v->path ? v->path : "");
}

void mark_set(struct app *a, const char *arg)
{
	struct view *v = a->overlay_on ? NULL : app_view(a);
	struct mark m = {.letter = arg[0]};

	if (!isalnum((unsigned char)arg[0]) || (arg[1] && arg[1] != ' ')) {
		app_say(a, STYLE_ERROR, "mark: a letter or digit, then a note: mark a why this matters");
		return;
	}
	if (!a->shell || !v || !view_current(v)) {
		app_say(a, STYLE_MESSAGE, "there is nothing here to mark");
		return;
	}
	fill(a, v, &m);
	m.field[MARK_NOTE] = xstrdup(arg + 1 + strspn(arg + 1, " "));
	struct err *e = shell_mark_set(a->shell, &m);
	if (e)
		app_say_error(a, e);
	else
		app_say(a, STYLE_MESSAGE, "mark %c: %s%s%s", m.letter, m.field[MARK_PLACE],
			m.field[MARK_NOTE][0] ? "  " : "", m.field[MARK_NOTE]);
	mark_free(&m);
}

static bool in_a_pane_of_its_own(const struct ref *r)
{
	return r->kind == REF_TASK || r->kind == REF_FRAME || r->kind == REF_LOG;
}

/* The command as it was meant, with the cursor where it was. */
static void open_place(struct app *a, const struct mark *m)
{
	const char *path = m->field[MARK_PATH];
	struct context ctx = a->ctx;
	struct ref at;

	if (m->field[MARK_AT][0] &&
	    err_ok(ref_parse(m->field[MARK_AT], shell_intern(a->shell), &at)) &&
	    at.kind == REF_FRAME)
		ctx = (struct context){ref_addr(REF_TASK, at.addr), (unsigned)(at.aux >> 16),
				       (unsigned)(at.aux & 0xffff)};
	struct view *v = view_create(run_start(a->pool, a->shell, m->field[MARK_PLACE], &ctx),
				     m->field[MARK_TRAIL]);
	v->path = path[0] ? xstrdup(path) : NULL;
	if (m->field[MARK_KEY][0])
		view_wish(v, WISH_KEY, m->field[MARK_KEY], 0, NULL);
	app_show(a, app_inspector(a), v, true);
	app_focus(a, app_inspector(a));
}

void mark_jump(struct app *a, const char *arg)
{
	struct mark m = {0};
	struct ref ref;
	struct err *e;

	if (!a->shell || !arg[0] || arg[1]) {
		app_say(a, STYLE_ERROR, "jump: the letter of a mark; `marks` lists them");
		return;
	}
	if ((e = shell_mark_get(a->shell, arg[0], &m))) {
		app_say_error(a, e);
		return;
	}
	a->overlay_on = false;
	if (err_ok(ref_parse(m.field[MARK_PLACE], shell_intern(a->shell), &ref)) &&
	    in_a_pane_of_its_own(&ref))
		nav_open_ref(a, &ref, "mark");
	else
		open_place(a, &m);
	if (m.field[MARK_NOTE][0])
		app_say(a, STYLE_MESSAGE, "mark %c: %s", m.letter, m.field[MARK_NOTE]);
	mark_free(&m);
}

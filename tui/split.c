/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two inspectors, each with its own history. The second begins as a copy of the first; links and commands
 * go to the one that had the keyboard last. What they show can be compared.
 */
#include "engine/base/alloc.h"
#include "tui/actions.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STEP 4 /* percent of the screen that a border moves at once */
#define USUAL_LEFT 45
#define USUAL_TOP 50

static void open_second(struct app *a)
{
	struct view *v = pane_view(&a->panes[PANE_INSPECTOR]);

	a->split = true;
	a->log_wanted = false;
	if (v && view_can_run_again(v))
		app_show(a, PANE_SECOND, past_run(past_of(v), a->pool, a->shell), false);
}

void split_open(struct app *a)
{
	open_second(a);
	app_focus(a, PANE_SECOND);
}

void split_close(struct app *a)
{
	struct pane *p = &a->panes[PANE_SECOND];
	struct rect rect = p->rect;

	a->split = false;
	a->zoom = a->zoom == ZOOM_BOTH ? ZOOM_NONE : a->zoom;
	a->inspector = PANE_INSPECTOR;
	if (a->focus == PANE_SECOND)
		app_focus(a, PANE_INSPECTOR);
	if (a->partner == PANE_SECOND)
		a->partner = PANE_TASKS;
	pane_free(p);
	pane_init(p, PANE_SECOND);
	p->rect = rect;
	a->dirty = true;
}

void split_follow(struct app *a)
{
	bool from_second = a->focus == PANE_SECOND;

	if (!a->split)
		open_second(a);
	a->inspector = from_second ? PANE_INSPECTOR : PANE_SECOND;
	nav_follow(a);
}

static int moved(int share, int usual, int steps)
{
	int to = (share ? share : usual) + steps * STEP;
	return to < STEP ? STEP : to > 100 - STEP ? 100 - STEP : to;
}

void split_move(struct app *a, int right, int down)
{
	if (right)
		a->left_share = moved(a->left_share, USUAL_LEFT, right);
	if (down)
		a->top_share = moved(a->top_share, USUAL_TOP, down);
}

/* ---- what differs ---- */

/* "struct super_block" and "0x..." of a ref. */
static bool subject_of_ref(const struct ref *r, struct buf *type, uint64_t *addr)
{
	if (r->kind == REF_TASK)
		buf_puts(type, "struct task_struct");
	else if (r->kind == REF_OBJECT)
		buf_puts(type, r->name);
	*addr = r->addr;
	return type->len != 0;
}

/* The object that a view shows, else the one that the row under its cursor leads to. */
static bool subject_of_view(const struct view *v, struct buf *type, uint64_t *addr)
{
	const struct heading *h = v ? view_heading(v) : NULL;
	const struct row *r = v ? view_current(v) : NULL;
	struct ref link;

	if (h && h->ref.kind == REF_OBJECT)
		return subject_of_ref(&h->ref, type, addr);
	if (!r)
		return false;
	link = row_link(rows_table(v->run->rows, r), r);
	return subject_of_ref(&link, type, addr);
}

/* The object of a mark: its place is a link, or "struct TYPE 0x...". */
static bool subject_of_mark(struct app *a, char letter, struct buf *type, uint64_t *addr)
{
	struct mark m = {0};
	struct ref ref;
	char *end = NULL;
	struct err *e = shell_mark_get(a->shell, letter, &m);

	if (e) {
		app_say_error(a, e);
		return false;
	}
	const char *place = m.field[MARK_PLACE], *last = strrchr(place, ' ');
	bool ok = err_ok(ref_parse(place, shell_intern(a->shell), &ref)) &&
		  subject_of_ref(&ref, type, addr);
	if (!ok && last && last > place) {
		*addr = strtoull(last, &end, 16);
		ok = end > last + 1 && !*end;
		if (ok)
			buf_put(type, place, (size_t)(last - place));
	}
	if (!ok)
		app_say(a, STYLE_MESSAGE, "mark %c is no object: %s", letter, place);
	mark_free(&m);
	return ok;
}

void split_compare(struct app *a, const char *arg)
{
	AUTO_BUF struct buf one = {0}, other = {0};
	uint64_t left = 0, right = 0;
	enum pane_id beside = a->focus == PANE_SECOND ? PANE_INSPECTOR : PANE_SECOND;

	if (!a->shell || !subject_of_view(app_view(a), &one, &left)) {
		app_say(a, STYLE_MESSAGE, "there is no object here to compare");
		return;
	}
	if (*arg) {
		if (!subject_of_mark(a, *arg, &other, &right))
			return;
	} else if (!a->split || !subject_of_view(pane_view(&a->panes[beside]), &other, &right)) {
		app_say(a, STYLE_MESSAGE,
			"compare with what? open it in the other inspector (|), or mark it (m) and type "
			":compare LETTER");
		return;
	}
	if (strcmp(buf_str(&one), buf_str(&other))) {
		app_say(a, STYLE_MESSAGE, "these are of different types: %s and %s", buf_str(&one),
			buf_str(&other));
		return;
	}
	AUTO_FREE char *line = xasprintf("diff %s 0x%" PRIx64 " 0x%" PRIx64, buf_str(&one), left, right);
	a->overlay_on = false;
	app_run(a, app_inspector(a), line, "", true);
	app_focus(a, app_inspector(a));
}

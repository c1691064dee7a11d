/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/actions.h"
#include "tui/view_list.h"

#define AGAIN_NS 500000000u /* a second click on the same row within this follows */
#define WHEEL_ROWS 3

static bool within(const struct rect *r, int y, int x)
{
	return y >= r->y && y < r->y + r->h && x >= r->x && x < r->x + r->w;
}

static struct pane *pane_under(struct app *a, int y, int x)
{
	if (a->overlay_on)
		return within(&a->overlay.rect, y, x) ? &a->overlay : NULL;
	for (int i = 0; i < PANES; i++)
		if (within(&a->panes[i].rect, y, x))
			return &a->panes[i];
	return NULL;
}

static void press(struct app *a, struct pane *p, const struct input *in)
{
	struct view *v = pane_view(p);
	struct rect r = pane_content(p);
	size_t line = v ? list_line_at(v, &r, in->y) : NO_ROW;
	uint64_t now = clock_ns();
	bool again = now - a->click.when < AGAIN_NS && a->click.pane == p && a->click.y == in->y;

	if (p != &a->overlay)
		app_focus(a, p->id);
	if (line == NO_ROW)
		return;
	bool same = v->cursor == line;
	view_to_line(v, line);
	a->click.when = now;
	a->click.y = in->y;
	a->click.pane = p;
	if (again && same) {
		a->click.when = 0;
		nav_follow(a);
	}
}

void mouse_input(struct app *a, const struct input *in)
{
	struct pane *p = pane_under(a, in->y, in->x);
	struct view *v = p ? pane_view(p) : NULL;

	if (a->message_until)
		a->message_until = 1; /* read, as with a key */
	if (!p || a->prompting)
		return;
	if (in->what == MOUSE_PRESS)
		press(a, p, in);
	else if (v)
		view_move(v, in->what == MOUSE_WHEEL_DOWN ? WHEEL_ROWS : -WHEEL_ROWS);
}

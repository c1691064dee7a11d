/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two inspectors, each with its own history. The second begins as a copy of the first; links and commands
 * go to the one that had the keyboard last.
 */
#include "tui/actions.h"

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

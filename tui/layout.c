/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the panes are. Four where there is room; two, the one with the keyboard and its partner,
 * side by side on a low screen and one above the other on a narrow one; else one. Where somebody has moved
 * a border it stays, as a share of the screen. The first line is
 * the headline, the last one the status.
 */
#include "tui/app.h"

#define WIDE 70
#define HIGH 18
#define HIGH_TWO 15
#define LEFT_LEAST 36
#define LEFT_MOST 72
#define NARROWEST 16 /* that a pane can be made */
#define LOWEST 4

static int clamp(int v, int least, int most)
{
	return v < least ? least : v > most ? most : v;
}

/* Where the user has put the border; else where it is of use to most. */
static int left_width(const struct app *a, int w, bool even)
{
	if (a->left_share)
		return clamp(w * a->left_share / 100, NARROWEST, w - NARROWEST - 1);
	return even ? w / 2 : clamp(w * 9 / 20, LEFT_LEAST, LEFT_MOST);
}

static int top_height(const struct app *a, int h)
{
	return a->top_share ? clamp(h * a->top_share / 100, LOWEST, h - LOWEST) : h / 2;
}

static void side_by_side(struct app *a, const struct rect *r, enum pane_id one, enum pane_id other,
			 bool even)
{
	int left = left_width(a, r->w, even);

	a->panes[one].rect = (struct rect){r->y, r->x, r->h, left};
	a->panes[other].rect = (struct rect){r->y, r->x + left + 1, r->h, r->w - left - 1};
}

/* The second inspector lies over the log, until that is wanted. */
static void four(struct app *a, const struct rect *r)
{
	int top = top_height(a, r->h);
	struct rect upper = {r->y, r->x, top, r->w}, lower = {r->y + top, r->x, r->h - top, r->w};
	bool second = a->split && !a->log_wanted;

	side_by_side(a, &upper, PANE_TASKS, PANE_BT, false);
	side_by_side(a, &lower, PANE_INSPECTOR, second ? PANE_SECOND : PANE_LOG, false);
}

/* The lower number stands first, so that the places don't change with the focus. */
static void two(struct app *a, const struct rect *r, bool even)
{
	enum pane_id one = a->focus < a->partner ? a->focus : a->partner;
	enum pane_id other = a->focus < a->partner ? a->partner : a->focus;

	if (r->w >= WIDE) {
		side_by_side(a, r, one, other, even);
	} else {
		int top = top_height(a, r->h);
		a->panes[one].rect = (struct rect){r->y, r->x, top, r->w};
		a->panes[other].rect = (struct rect){r->y + top, r->x, r->h - top, r->w};
	}
}

static bool room_for_two(int h, int w)
{
	return w >= WIDE ? h >= 6 : h >= HIGH_TWO;
}

void layout_panes(struct app *a, int h, int w)
{
	struct rect r = {1, 0, h - 2, w};
	bool inspecting = a->split && pane_is_inspector(&a->panes[a->focus]);

	if (h < 4) { /* no headline; what there is is for the rows */
		r.y = 0;
		r.h = h > 1 ? h - 1 : 1;
	}
	for (int i = 0; i < PANES; i++)
		a->panes[i].rect = (struct rect){0};
	a->overlay.rect = r;
	if (inspecting)
		a->partner = a->focus == PANE_SECOND ? PANE_INSPECTOR : PANE_SECOND;
	if (a->partner == a->focus)
		a->partner = a->focus == PANE_TASKS ? PANE_BT : PANE_TASKS;
	bool both = a->zoom == ZOOM_BOTH && inspecting;
	if (a->zoom && !both)
		a->panes[a->focus].rect = r;
	else if (!both && w >= WIDE && h >= HIGH)
		four(a, &r);
	else if (room_for_two(h, w))
		two(a, &r, inspecting);
	else
		a->panes[a->focus].rect = r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the panes are. Four where there is room; two, the one with the keyboard and its partner,
 * side by side on a low screen and one above the other on a narrow one; else one. The first line is
 * the headline, the last one the status.
 */
#include "tui/app.h"

#define WIDE 70
#define HIGH 18
#define HIGH_TWO 15
#define LEFT_LEAST 36
#define LEFT_MOST 72

static int clamp(int v, int least, int most)
{
	return v < least ? least : v > most ? most : v;
}

static void four(struct app *a, const struct rect *r)
{
	int left = clamp(r->w * 9 / 20, LEFT_LEAST, LEFT_MOST), top = r->h / 2;
	int right = r->w - left - 1;

	a->panes[PANE_TASKS].rect = (struct rect){r->y, r->x, top, left};
	a->panes[PANE_BT].rect = (struct rect){r->y, r->x + left + 1, top, right};
	a->panes[PANE_INSPECTOR].rect = (struct rect){r->y + top, r->x, r->h - top, left};
	a->panes[PANE_LOG].rect = (struct rect){r->y + top, r->x + left + 1, r->h - top, right};
}

/* The lower number stands first, so that the places don't change with the focus. */
static void two(struct app *a, const struct rect *r)
{
	enum pane_id one = a->focus < a->partner ? a->focus : a->partner;
	enum pane_id other = a->focus < a->partner ? a->partner : a->focus;

	if (r->w >= WIDE) {
		int left = clamp(r->w * 9 / 20, LEFT_LEAST, LEFT_MOST);
		a->panes[one].rect = (struct rect){r->y, r->x, r->h, left};
		a->panes[other].rect = (struct rect){r->y, r->x + left + 1, r->h, r->w - left - 1};
	} else {
		int top = r->h / 2;
		a->panes[one].rect = (struct rect){r->y, r->x, top, r->w};
		a->panes[other].rect = (struct rect){r->y + top, r->x, r->h - top, r->w};
	}
}

void layout_panes(struct app *a, int h, int w)
{
	struct rect r = {1, 0, h - 2, w};

	if (h < 4) { /* no headline; what there is is for the rows */
		r.y = 0;
		r.h = h > 1 ? h - 1 : 1;
	}
	for (int i = 0; i < PANES; i++)
		a->panes[i].rect = (struct rect){0};
	a->overlay.rect = r;
	if (a->partner == a->focus)
		a->partner = a->focus == PANE_TASKS ? PANE_BT : PANE_TASKS;
	if (a->zoom)
		a->panes[a->focus].rect = r;
	else if (w >= WIDE && h >= HIGH)
		four(a, &r);
	else if (w >= WIDE ? h >= 6 : h >= HIGH_TWO)
		two(a, &r);
	else
		a->panes[a->focus].rect = r;
}

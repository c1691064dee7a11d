/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A place on the screen with a history of views. What is asked for last wins: while its first rows
 * are awaited the old view stays, so that nothing flickers; an older request is cancelled.
 *
 * Thread: ui.
 */
#ifndef TUI_PANE_H
#define TUI_PANE_H

#include "tui/again.h"
#include "tui/surface.h"
#include "tui/view.h"

enum pane_id { PANE_TASKS, PANE_BT, PANE_INSPECTOR, PANE_SECOND, PANE_LOG, PANES, PANE_OVERLAY = PANES };

/* Where the tasks' cursor was; run NULL: not known. */
struct spot {
	const struct run *run;
	size_t row, top;
};

/* A view in a pane's history. */
struct visit {
	struct view *view;   /* NULL: its rows were given up; `past` brings them back */
	struct past *past;
	enum pane_id from;   /* the pane with the link that led here */
	unsigned long seq;   /* grows with every link that was followed, in any pane */
	unsigned generation; /* of the shell, when the command was run */
	struct spot tasks;   /* while this was shown last */
};

struct pane {
	enum pane_id id;
	const char *name; /* as a keymap scope and for `focus` */
	const char *title;
	const char *hint; /* what to do when it is empty */
	struct visit *hist;
	size_t n, at;	   /* hist[at] is shown while n > 0 */
	struct visit next; /* asked for, not shown yet; its view is NULL if there is none */
	uint64_t asked_ns;
	bool push;     /* next is to be kept behind the shown one, not in its place */
	char *subject; /* what the title names instead of the command's heading; NULL: nothing */
	const struct view *described; /* the view that subject is about */
	char *search;		      /* carried from view to view; NULL: none */
	bool search_backward;
	struct rect rect; /* with its title; h 0: not on the screen */
};

void pane_init(struct pane *p, enum pane_id id);
void pane_free(struct pane *p);
/* The view that is shown; NULL: none yet. */
struct view *pane_view(const struct pane *p);
/* The visit that is shown, NULL: none yet. */
struct visit *pane_visit(const struct pane *p);
/* Takes the view of v: as the next in history, or in the place of the shown one. */
void pane_open(struct pane *p, const struct visit *v, bool push);
/* The views ahead go: somebody has taken another way. */
void pane_drop_ahead(struct pane *p);
/* Shows `next` when it is worth showing. True if it did. */
bool pane_promote(struct pane *p);
/* When another view is shown here at the latest; 0: none was asked for. */
uint64_t pane_comes_by(const struct pane *p);
/* Back gives up what was asked for and isn't shown yet. What is shown then may have no view any more: the
 * caller sees to that (past_run). False: there is nothing there. */
bool pane_back(struct pane *p);
bool pane_forward(struct pane *p);
/* Puts v in the place of the shown view, which is not destroyed. */
void pane_swap(struct pane *p, struct view *v);
/* The run that is under way here; NULL: none. */
struct run *pane_busy(const struct pane *p);

bool pane_is_inspector(const struct pane *p);

/* Draws title and rows. */
void pane_draw(struct surface *s, struct pane *p, bool focus);
/* Where its rows are on the screen. */
struct rect pane_content(const struct pane *p);

#endif

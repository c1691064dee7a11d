/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The actions that need no file of their own, and the table of all of them.
 */
#include "tui/actions.h"
#include "engine/base/alloc.h"
#include <string.h>

#define SCROLL_STEP 8 /* columns */

static bool is(const char *a, const char *b)
{
	return !strcmp(a, b);
}

static long times(const struct app *a)
{
	return a->count ? (long)a->count : 1;
}

static struct view *need_view(struct app *a)
{
	struct view *v = app_view(a);

	if (!v || !v->nlines) {
		app_say(a, STYLE_MESSAGE, "there are no rows here");
		return NULL;
	}
	return v;
}

static void bad_word(struct app *a, const char *action, const char *arg)
{
	const struct action *x = action_find(action);
	app_say(a, STYLE_ERROR, "%s: '%s' is none of %s", action, arg, x && x->args ? x->args : "");
}

/* ---- moving ---- */

static void cursor_line(struct app *a, struct view *v, const char *arg)
{
	size_t end = v->top + (size_t)v->height;

	if (end > v->nlines)
		end = v->nlines;
	if (is(arg, "first"))
		view_to_line(v, a->count ? a->count - 1 : 0);
	else if (is(arg, "last"))
		view_to_line(v, a->count ? a->count - 1 : v->nlines - 1);
	else if (is(arg, "top"))
		view_to_line(v, v->top + (size_t)times(a) - 1);
	else if (is(arg, "middle"))
		view_to_line(v, v->top + (end - v->top) / 2);
	else if (is(arg, "bottom"))
		view_to_line(v, end > (size_t)times(a) ? end - (size_t)times(a) : 0);
	else
		bad_word(a, "cursor", arg);
}

static void do_cursor(struct app *a, const char *arg)
{
	struct view *v = need_view(a);
	long page = v ? v->height > 2 ? v->height - 2 : 1 : 0, half = v ? (v->height + 1) / 2 : 0;

	if (!v)
		return;
	if (is(arg, "down"))
		view_move(v, times(a));
	else if (is(arg, "up"))
		view_move(v, -times(a));
	else if (is(arg, "page-down"))
		view_move(v, times(a) * page);
	else if (is(arg, "page-up"))
		view_move(v, -times(a) * page);
	else if (is(arg, "half-down"))
		view_move(v, a->count ? times(a) : half);
	else if (is(arg, "half-up"))
		view_move(v, a->count ? -times(a) : -half);
	else
		cursor_line(a, v, arg);
}

static void do_scroll(struct app *a, const char *arg)
{
	struct view *v = need_view(a);
	int step = a->count ? (int)a->count : SCROLL_STEP;

	if (!v)
		return;
	size_t h = (size_t)v->height, c = v->cursor;
	if (is(arg, "center"))
		v->top = c > h / 2 ? c - h / 2 : 0;
	else if (is(arg, "top"))
		v->top = c;
	else if (is(arg, "bottom"))
		v->top = c + 1 > h ? c + 1 - h : 0;
	else if (is(arg, "right"))
		v->left += v->left < (int)v->max_left ? step : 0;
	else if (is(arg, "left"))
		v->left = v->left > step ? v->left - step : 0;
	else if (is(arg, "home"))
		v->left = 0;
	else
		bad_word(a, "scroll", arg);
}

/* ---- folds ---- */

static void fold_close(struct view *v)
{
	size_t row = v->cursor_row, parent;

	if (view_has_deeper(v, row) && !view_folded(v, row)) {
		view_fold(v, row, true);
		view_make_lines(v);
	} else if ((parent = view_parent(v, row)) != NO_ROW) {
		view_to_row(v, parent);
	} else if (v->left) {
		v->left = v->left > SCROLL_STEP ? v->left - SCROLL_STEP : 0;
	}
}

static void fold_open(struct view *v)
{
	size_t row = v->cursor_row;

	if (view_has_deeper(v, row) && view_folded(v, row)) {
		view_unfold(v, row);
	} else if (view_has_deeper(v, row)) {
		view_move(v, 1);
	} else if (v->left < (int)v->max_left) {
		v->left += SCROLL_STEP;
	}
}

static void do_fold(struct app *a, const char *arg)
{
	struct view *v = need_view(a);

	if (!v)
		return;
	if (is(arg, "open"))
		fold_open(v);
	else if (is(arg, "close"))
		fold_close(v);
	else if (is(arg, "all"))
		view_fold_all(v, true);
	else if (is(arg, "none"))
		view_fold_all(v, false);
	else if (is(arg, "toggle")) {
		view_toggle(v, v->cursor_row);
	} else {
		bad_word(a, "fold", arg);
	}
}

/* ---- panes ---- */

static void do_focus(struct app *a, const char *arg)
{
	int step = is(arg, "prev") ? PANES - 1 : 1;

	a->overlay_on = false;
	if (is(arg, "next") || is(arg, "prev")) {
		unsigned to = a->focus;
		do
			to = (to + (unsigned)step) % PANES;
		while (to == PANE_SECOND && !a->split);
		app_focus(a, (enum pane_id)to);
		return;
	}
	for (int i = 0; i < PANES; i++)
		if (is(arg, a->panes[i].name) && (i != PANE_SECOND || a->split)) {
			app_focus(a, (enum pane_id)i);
			return;
		}
	bad_word(a, "focus", arg);
}

/* Of two inspectors both come first, then the one alone. */
static void do_zoom(struct app *a)
{
	bool two = a->split && pane_is_inspector(&a->panes[a->focus]);

	if (!a->zoom)
		a->zoom = two ? ZOOM_BOTH : ZOOM_ONE;
	else
		a->zoom = two && a->zoom == ZOOM_BOTH ? ZOOM_ONE : ZOOM_NONE;
}

static void do_split(struct app *a)
{
	if (a->split)
		split_close(a);
	else
		split_open(a);
}

static void do_resize(struct app *a, const char *arg)
{
	if (is(arg, "even"))
		a->left_share = a->top_share = 0;
	else if (is(arg, "left") || is(arg, "right"))
		split_move(a, is(arg, "left") ? -(int)times(a) : (int)times(a), 0);
	else if (is(arg, "up") || is(arg, "down"))
		split_move(a, 0, is(arg, "up") ? -(int)times(a) : (int)times(a));
	else
		bad_word(a, "resize", arg);
}

static void do_close(struct app *a)
{
	if (a->overlay_on)
		a->overlay_on = false;
	else if (a->zoom)
		a->zoom = ZOOM_NONE;
	else if (a->focus == PANE_SECOND)
		split_close(a);
	else
		a->quit = true;
}

static void do_quit(struct app *a)
{
	a->quit = true;
}

static void do_cancel(struct app *a)
{
	struct run *r = pane_busy(app_pane(a));

	for (int i = 0; i < PANES && !r; i++)
		r = pane_busy(&a->panes[i]);
	if (r) {
		job_cancel(r->work.job);
		app_say(a, STYLE_MESSAGE, "stopping: %s", r->line);
	} else if (a->opening) {
		a->quit = true;
		a->status = 3;
		a->error = err_new(ERR_CANCELLED, "opening the dump was stopped");
	} else {
		app_say(a, STYLE_MESSAGE, "nothing runs; press q to quit");
	}
}

static void do_redraw(struct app *a)
{
	term_redraw(a->term);
	a->dirty = true;
}

static void do_suspend(struct app *a)
{
	term_suspend(a->term);
	a->dirty = true;
}

/* ---- rows ---- */

/* The next column that is on the screen; SIZE_MAX behind the last one: the order in which rows
 * came. */
static size_t column_step(const struct view *v, size_t from, int step)
{
	const struct table *t = view_heading(v)->table;
	size_t i = from;

	for (size_t tries = 0; tries <= t->ncols; tries++) {
		if (i == SIZE_MAX)
			i = step > 0 ? 0 : t->ncols - 1;
		else
			i = step > 0 ? (i + 1 < t->ncols ? i + 1 : SIZE_MAX)
				     : (i ? i - 1 : SIZE_MAX);
		if (i == SIZE_MAX || (i < VIEW_MAX_COLS && v->shown >> i & 1))
			return i;
	}
	return SIZE_MAX;
}

static void do_sort(struct app *a, const char *arg)
{
	struct view *v = need_view(a);
	const struct table *t = v ? view_heading(v)->table : NULL;
	size_t col;

	if (!v)
		return;
	if (is(arg, "next") || is(arg, "prev")) {
		col = column_step(v, v->sort_col, is(arg, "next") ? 1 : -1);
		view_sort(v, a->pool, col, false);
	} else if (is(arg, "reverse")) {
		col = v->sort_col == SIZE_MAX ? column_step(v, SIZE_MAX, 1) : v->sort_col;
		view_sort(v, a->pool, col, !v->sort_descending);
	} else if (is(arg, "none")) {
		view_sort(v, a->pool, SIZE_MAX, false);
	} else if ((col = table_column(t, arg)) != SIZE_MAX) {
		view_sort(v, a->pool, col, v->sort_col == col && !v->sort_descending);
	} else {
		AUTO_BUF struct buf names = {0};
		for (size_t i = 0; i < t->ncols; i++)
			buf_printf(&names, " %s", t->cols[i].key);
		app_say(a, STYLE_ERROR, "sort: no column '%s'; there are:%s", arg, buf_str(&names));
	}
}

static void do_follow(struct app *a, const char *arg)
{
	if (is(arg, "other"))
		split_follow(a);
	else
		nav_follow(a);
}

static void do_stack(struct app *a, const char *arg)
{
	if (is(arg, "variables"))
		a->all_vars = !a->all_vars;
	else if (is(arg, "inlined"))
		a->no_inlined = !a->no_inlined;
	else
		bad_word(a, "stack", arg);
	nav_stack(a);
}

static void do_find(struct app *a, const char *arg)
{
	if (*arg)
		app_search(a, arg, false);
	else
		prompt_open(a, '/', "");
}

static void do_find_back(struct app *a, const char *arg)
{
	if (*arg)
		app_search(a, arg, true);
	else
		prompt_open(a, '?', "");
}

static void do_find_next(struct app *a)
{
	app_find_next(a, false);
}

static void do_find_prev(struct app *a)
{
	app_find_next(a, true);
}

static void do_filter(struct app *a, const char *arg)
{
	if (is(arg, "off"))
		app_filter(a, "");
	else if (*arg)
		app_filter(a, arg);
	else
		prompt_open(a, '&', NULL);
}

static void do_prompt(struct app *a, const char *arg)
{
	AUTO_FREE char *text = *arg ? xasprintf("%s ", arg) : xstrdup("");
	prompt_open(a, ':', text);
}

static void do_edit(struct app *a, const char *arg)
{
	if (a->prompting)
		prompt_action(a, arg);
}

static void do_yank(struct app *a, const char *arg)
{
	yank(a, *arg ? arg : "row");
}

/* ---- information ---- */

static void do_letter(struct app *a, const char *arg)
{
	free(a->wants_letter);
	a->wants_letter = *arg ? xstrdup(arg) : NULL;
}

static void do_describe_key(struct app *a)
{
	a->wants_key = true;
}

static void do_wrap(struct app *a)
{
	struct view *v = need_view(a);

	if (!v)
		return;
	v->wrap = !v->wrap;
	v->wrap_cols = 0;
	v->stale = true;
	app_say(a, STYLE_MESSAGE,
		v->wrap ? "long text goes on in the next line" : "long text is cut");
}

static void do_clear(struct app *a)
{
	struct pane *p = app_pane(a);
	struct view *v = pane_view(p);

	if (a->overlay_on) {
		a->overlay_on = false;
		return;
	}
	free(p->search);
	p->search = NULL;
	if (v)
		err_free(view_set_search(v, NULL, false));
}

static void do_mouse(struct app *a, const char *arg)
{
	a->mouse = *arg ? is(arg, "on") : !a->mouse;
	term_mouse(a->term, a->mouse);
	app_say(a, STYLE_MESSAGE,
		a->mouse ? "mouse on: click selects, a second click follows, the wheel "
			   "scrolls; Shift keeps the terminal's own selection"
			 : "mouse off: the terminal selects text itself");
}

static void change_binding(struct app *a, const char *word, const char *arg)
{
	AUTO_BUF struct buf error = {0};
	AUTO_FREE char *line = xasprintf("%s %s", word, arg);

	if (!keymap_line(a->keymap, line, "typed", 0, &error))
		app_say(a, STYLE_ERROR, "%s", buf_str(&error));
}

static void do_bind(struct app *a, const char *arg)
{
	change_binding(a, "bind", arg);
}

static void do_unbind(struct app *a, const char *arg)
{
	change_binding(a, "unbind", arg);
}

static const struct action actions[] = {
	{"back", NULL, "the view before, as it was left", .plain = nav_back},
	{"bind", "SCOPE", "bind a key: bind SCOPE KEY COMMAND \"note\"", .run = do_bind},
	{"cancel", NULL, "stop the command that runs", .plain = do_cancel},
	{"clear", NULL, "take the marks of the search away; close what lies on top", .plain = do_clear},
	{"close", NULL, "close what lies on top; at the root: quit", .plain = do_close},
	{"compare", "LETTER",
	 "what differs between this object and the other inspector's, or that of a mark",
	 .run = split_compare},
	{"cursor", "down|up|first|last|page-down|page-up|half-down|half-up|top|middle|bottom",
	 "move the cursor", .run = do_cursor},
	{"describe-key", NULL, "tell what a key does here, and where it was bound",
	 .plain = do_describe_key},
	{"details", NULL, "everything about the row, column by column", .plain = help_details},
	{"edit",
	 "left|right|home|end|word-left|word-right|backspace|delete|kill-word-left|"
	 "kill-word-right|kill-blank|kill-start|kill-end|yank|history-prev|history-next|"
	 "history-search|accept|abort|complete|complete-prev|paste",
	 "edit the prompt's line", .run = do_edit},
	{"filter", "off|TEXT", "show only some rows; tasks: words of `help ps`, else a pattern",
	 .run = do_filter},
	{"find", "PATTERN", "search forward (PCRE2, smart case)", .run = do_find},
	{"find-back", "PATTERN", "search backward", .run = do_find_back},
	{"find-next", NULL, "the next match", .plain = do_find_next},
	{"find-prev", NULL, "the match before", .plain = do_find_prev},
	{"focus", "next|prev|tasks|backtrace|inspector|second|log", "go to a pane", .run = do_focus},
	{"fold", "open|close|toggle|all|none", "hide or show what lies under a row", .run = do_fold},
	{"follow", "other", "go where the row's link leads; other: in the other inspector",
	 .run = do_follow},
	{"forward", NULL, "the view after, once you went back", .plain = nav_forward},
	{"hex", NULL, "the same bytes as words in hexadecimal, and back", .plain = nav_hex},
	{"history", NULL, "the commands typed so far; Enter runs one again", .plain = help_history},
	{"identify", NULL, "what is this? all that is known about the address under the cursor",
	 .plain = thing_identify},
	{"jump", "LETTER", "to a mark", .run = mark_jump},
	{"keys", NULL, "the keys that work here", .plain = help_keys},
	{"letter", "COMMAND", "wait for a letter, then run COMMAND with it", .run = do_letter},
	{"mark", "LETTER", "mark this place, with a note: mark a NOTE", .run = mark_set},
	{"messages", NULL, "the messages so far", .plain = help_messages},
	{"mouse", "on|off", "let the program have the mouse", .run = do_mouse},
	{"prompt", "TEXT", "type a command", .run = do_prompt},
	{"quit", NULL, "leave the program", .plain = do_quit},
	{"redraw", NULL, "draw the screen anew", .plain = do_redraw},
	{"reload", NULL, "run the pane's command again", .plain = nav_reload},
	{"resize", "left|right|up|down|even", "move the border between the panes", .run = do_resize},
	{"scroll", "center|top|bottom|left|right|home", "move the rows under the cursor",
	 .run = do_scroll},
	{"sort", "next|prev|reverse|none|COLUMN", "order the rows by a column", .run = do_sort},
	{"split", NULL, "a second inspector beside the first, and back", .plain = do_split},
	{"stack", "variables|inlined", "show all variables, or the arguments alone; inlined calls or not",
	 .run = do_stack},
	{"suspend", NULL, "stop the program, back to the shell", .plain = do_suspend},
	{"unbind", "SCOPE", "take a binding away: unbind SCOPE KEY", .run = do_unbind},
	{"warnings", NULL, "what was found wrong with dump and vmlinux", .plain = help_warnings},
	{"words", NULL, "words of 8, 4, 2, 1 bytes, or characters", .plain = hex_words},
	{"wrap", NULL, "let long text go on in the next line, or cut it", .plain = do_wrap},
	{"yank", "row|address|expr|command|ref", "copy to the clipboard", .run = do_yank},
	{"zoom", NULL, "one pane on the whole screen, and back", .plain = do_zoom},
};

const struct action *action_at(size_t i)
{
	return i < sizeof(actions) / sizeof(*actions) ? &actions[i] : NULL;
}

const struct action *action_find(const char *name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (is(actions[i].name, name))
			return &actions[i];
	return NULL;
}

void action_run(struct app *a, const struct action *x, const char *arg)
{
	if (x->run)
		x->run(a, arg);
	else if (*arg)
		app_say(a, STYLE_ERROR, "%s: nothing goes behind it", x->name);
	else
		x->plain(a);
}

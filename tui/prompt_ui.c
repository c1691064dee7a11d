/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The prompts: `:` commands, `/` and `?` searches that move while they are typed, `&` filters.
 * Leaving one with Esc leaves everything as it was before.
 */
#include "engine/base/alloc.h"
#include "tui/actions.h"
#include <string.h>

#define TASK_WORDS "ps " /* what the filter of the tasks is completed as */

static bool is_task_filter(const struct app *a)
{
	return a->prompt.kind == '&' && !a->overlay_on && a->focus == PANE_TASKS;
}

/* What the history calls it: searches share theirs. */
static char history_kind(char kind)
{
	return kind == '?' ? '/' : kind;
}

static void remember_origin(struct app *a, const struct view *v, char kind)
{
	free(a->origin_text);
	free(a->origin_folds);
	a->origin_text = NULL;
	a->origin_folds = NULL;
	if (!v)
		return;
	a->origin_folds = view_save_folds(v);
	a->origin_nrows = v->nrows;
	a->origin_row = v->cursor_row;
	a->origin_top = v->top;
	const char *text = kind == '&' ? v->filter_text : v->search_text;
	a->origin_text = text ? xstrdup(text) : NULL;
}

void prompt_open(struct app *a, char kind, const char *text)
{
	struct view *v = app_view(a);

	prompt_close(a);
	remember_origin(a, v, kind);
	prompt_init(&a->prompt, history_kind(kind), text, &a->history);
	a->search_backward = kind == '?';
	a->prompting = true;
	if (kind == '&' && !text) {
		const char *now = is_task_filter(a) ? a->task_filter : v ? v->filter_text : NULL;
		prompt_set(&a->prompt, now ? now : "");
	}
	a->dirty = true;
}

void prompt_close(struct app *a)
{
	if (a->prompting)
		prompt_free(&a->prompt);
	a->prompting = false;
	completer_clear(&a->completer);
	a->dirty = true;
}

/* ---- while typing ---- */

static void ask_task_words(struct app *a)
{
	AUTO_FREE char *line = xasprintf(TASK_WORDS "%s", prompt_text(&a->prompt));

	if (a->shell)
		completer_ask(&a->completer, a->pool, a->shell, &a->ctx, line,
			      strlen(TASK_WORDS) + a->prompt.cursor, strlen(TASK_WORDS), false);
}

/* Cursor, top and folds as they were when the prompt was opened. */
static void back_to_origin(struct app *a, struct view *v)
{
	v->jump = false;
	if (a->origin_folds)
		view_restore_folds(v, a->origin_folds, a->origin_nrows);
	if (a->origin_row != NO_ROW && a->origin_row < v->nrows) {
		view_to_row(v, a->origin_row);
		v->top = a->origin_top;
	}
}

static void search_live(struct app *a, struct view *v)
{
	struct err *e = view_set_search(v, prompt_text(&a->prompt), a->search_backward);

	err_free(e); /* half a pattern is no error yet */
	back_to_origin(a, v);
	if (prompt_text(&a->prompt)[0])
		view_jump(v, a->search_backward, true);
}

static void changed(struct app *a)
{
	struct view *v = app_view(a);

	if (is_task_filter(a))
		ask_task_words(a);
	else
		completer_clear(&a->completer);
	if (!v)
		return;
	if (a->prompt.kind == '/')
		search_live(a, v);
	else if (a->prompt.kind == '&' && !is_task_filter(a))
		err_free(view_set_filter(v, prompt_text(&a->prompt)));
}

void prompt_typed(struct app *a, keysym k)
{
	if (k & KEYSYM_MODS || k >= KEYSYM_FIRST || k < ' ')
		return;
	prompt_insert(&a->prompt, k);
	changed(a);
}

/* ---- leaving ---- */

static void abort_prompt(struct app *a)
{
	struct view *v = app_view(a);
	char kind = a->prompt.kind;
	bool tasks = is_task_filter(a);

	prompt_close(a);
	if (!v || kind == ':')
		return;
	if (kind == '&') {
		if (!tasks)
			err_free(view_set_filter(v, a->origin_text));
		return;
	}
	err_free(view_set_search(v, a->origin_text, a->search_backward));
	back_to_origin(a, v);
}

void app_search(struct app *a, const char *text, bool backward)
{
	struct pane *p = app_pane(a);
	struct view *v = app_view(a);
	struct err *e = v ? view_set_search(v, text, backward) : NULL;

	if (e) {
		app_say_error(a, e);
		return;
	}
	free(p->search);
	p->search = *text ? xstrdup(text) : NULL;
	p->search_backward = backward;
	free(a->last_search);
	a->last_search = xstrdup(text);
	if (v && *text)
		view_jump(v, backward, false);
}

void app_announce(struct app *a, struct view *v)
{
	if (!v->announce || v->jump || v->searched < v->nrows)
		return;
	v->announce = false;
	if (pattern_trouble(v->search))
		app_say(a, STYLE_ERROR, "%s", pattern_trouble(v->search));
	else if (!v->hits && !view_loading(v))
		app_say(a, STYLE_MESSAGE, "no match for /%s", v->search_text ? v->search_text : "");
	else if (v->wrapped)
		app_say(a, STYLE_MESSAGE,
			v->jump_backward ? "search went on from the end"
					 : "search went on from the top");
}

void app_find_next(struct app *a, bool reverse)
{
	struct view *v = app_view(a);

	if (!v)
		return;
	if (!v->search && !a->last_search) {
		app_say(a, STYLE_MESSAGE, "nothing was searched for yet");
		return;
	}
	if (!v->search && view_set_search(v, a->last_search, false))
		return;
	v->announce = true;
	view_jump(v, v->search_backward != reverse, false);
}

void app_filter(struct app *a, const char *text)
{
	struct view *v = app_view(a);

	if (!a->overlay_on && a->focus == PANE_TASKS) {
		free(a->task_filter);
		a->task_filter = *text ? xstrdup(text) : NULL;
		nav_load_tasks(a);
	} else if (v) {
		app_say_error(a, view_set_filter(v, text));
	}
}

static void accept_search(struct app *a, const char *text)
{
	struct view *v = app_view(a);
	const char *last = a->last_search ? a->last_search : "";
	AUTO_FREE char *pattern =
		xstrdup(*text ? text : last); /* nothing typed: the last one again */
	bool here = *text != '\0';

	if (!*pattern)
		return;
	bool pending = v && v->jump;
	app_search(a, pattern, a->search_backward);
	if (!v)
		return;
	v->announce = true;
	if (here && !pending)
		v->jump = false; /* the cursor is there already */
	else
		v->jump_here = here;
}

static void accept(struct app *a)
{
	char kind = a->prompt.kind;
	AUTO_FREE char *text = xstrdup(prompt_text(&a->prompt));

	history_add(&a->history, kind, text);
	prompt_close(a);
	if (kind == ':')
		command_run(a, text);
	else if (kind == '/')
		accept_search(a, text);
	else
		app_filter(a, text);
}

/* ---- completion ---- */

static void add_columns(struct app *a, const char *typed)
{
	struct view *v = app_view(a);
	const struct heading *h = v ? view_heading(v) : NULL;

	for (size_t i = 0; h && i < h->table->ncols; i++)
		if (!strncmp(h->table->cols[i].key, typed, strlen(typed)))
			completer_add(&a->completer, h->table->cols[i].key);
}

/* The screen's own words: its actions, and what may follow them. */
static void add_actions(struct app *a)
{
	const char *text = prompt_text(&a->prompt);
	size_t n = strcspn(text, " ");
	const struct action *x;

	if (a->prompt.cursor <= n) {
		for (size_t i = 0; (x = action_at(i)); i++)
			if (!strncmp(x->name, text, a->prompt.cursor))
				completer_add(&a->completer, x->name);
		a->completer.start = 0;
		return;
	}
	AUTO_FREE char *word = xstrndup(text, n);
	x = action_find(word);
	const char *typed = text + n + strspn(text + n, " ");
	if (x && !strcmp(x->name, "sort"))
		add_columns(a, typed);
	for (const char *p = x ? x->args : NULL; p && *p; p += strcspn(p, "|"), p += *p == '|') {
		AUTO_FREE char *arg = xstrndup(p, strcspn(p, "|"));
		if (arg[0] >= 'a' && !strncmp(arg, typed, strlen(typed)))
			completer_add(&a->completer, arg);
		a->completer.start = (size_t)(typed - text);
	}
}

static void choose(struct app *a, long step)
{
	struct completer *c = &a->completer;

	if (!c->n)
		return;
	c->chosen = c->chosen < 0 ? (step > 0 ? 0 : (long)c->n - 1)
				  : (c->chosen + step + (long)c->n) % (long)c->n;
	prompt_replace(&a->prompt, c->start, c->v[c->chosen]);
}

/* What all answers have in common goes in; one answer alone goes in whole. */
static void insert_common(struct app *a)
{
	struct completer *c = &a->completer;

	if (!c->n) {
		app_say(a, STYLE_MESSAGE, "nothing completes this");
		return;
	}
	size_t common = completer_common(c);
	if (c->n > 1 && common <= a->prompt.cursor - c->start) {
		return; /* the list is shown; the next Tab goes through it */
	}
	AUTO_FREE char *word = xstrndup(c->v[0], common);
	prompt_replace(&a->prompt, c->start, word);
	if (c->n == 1) {
		char last = common ? word[common - 1] : ' ';
		if (last != ':' && last != '.' && last != '/')
			prompt_insert(&a->prompt, ' ');
		completer_clear(c);
	}
}

static void complete(struct app *a, long step)
{
	if (a->prompt.kind == '/')
		return;
	if (a->completer.n && !a->completer.asked && (a->completer.n > 1 || is_task_filter(a))) {
		choose(a, step);
		return;
	}
	if (!a->shell)
		return;
	if (is_task_filter(a))
		ask_task_words(a);
	else
		completer_ask(&a->completer, a->pool, a->shell, &a->ctx, prompt_text(&a->prompt),
			      a->prompt.cursor, 0, true);
}

bool prompt_settle(struct app *a)
{
	if (!a->prompting || !completer_take(&a->completer))
		return false;
	if (a->prompt.kind == ':')
		add_actions(a);
	if (a->completer.insert)
		insert_common(a);
	return true;
}

void prompt_action(struct app *a, const char *what)
{
	if (!strcmp(what, "accept")) {
		accept(a);
	} else if (!strcmp(what, "abort")) {
		abort_prompt(a);
	} else if (!strcmp(what, "complete")) {
		complete(a, 1);
	} else if (!strcmp(what, "complete-prev")) {
		complete(a, -1);
	} else if (!strcmp(what, "paste")) {
		if (a->yanked)
			prompt_insert_text(&a->prompt, a->yanked);
		changed(a);
	} else if (!strcmp(what, "backspace") && !a->prompt.text.len && !a->prompt.searching) {
		abort_prompt(a);
	} else if (prompt_edit(&a->prompt, what)) {
		changed(a);
	}
}

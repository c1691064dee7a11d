/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pane keeps the views that were shown in it, as a browser does, and draws the frame around the
 * one that is. Old views of many rows are given up and made again from their command (again.h) when
 * somebody goes back to them.
 */
#include "tui/pane.h"
#include "engine/base/alloc.h"
#include "engine/base/utf8.h"
#include "tui/view_list.h"
#include "tui/wrap.h"
#include <string.h>

#define SHOW_AFTER_NS                                                                              \
	150000000u /* an empty view that loads is better than a wrong one, from here on */
#define MAX_HISTORY 100
#define MAX_HISTORY_BYTES (6u << 20)

static const struct {
	const char *name, *title, *hint;
} kinds[PANES + 1] = {
	[PANE_TASKS] = {"tasks", "Tasks", "no task to show"},
	[PANE_BT] = {"backtrace", "Backtrace", "the stack of the task under the cursor comes here"},
	[PANE_INSPECTOR] = {"inspector", "Inspector",
			    "Enter on a variable or an address shows it here; : takes a command; ? "
			    "shows the keys"},
	[PANE_SECOND] = {"second", "Inspector 2",
			 "links that are followed here open here; q closes it"},
	[PANE_LOG] = {"log", "Log", "the kernel log is empty"},
	[PANE_OVERLAY] = {"overlay", "", "nothing here; q closes"},
};

void pane_init(struct pane *p, enum pane_id id)
{
	*p = (struct pane){
		.id = id, .name = kinds[id].name, .title = kinds[id].title, .hint = kinds[id].hint};
}

static void visit_end(struct visit *v)
{
	view_destroy(v->view);
	past_free(v->past);
	*v = (struct visit){0};
}

static void drop_after(struct pane *p, size_t keep)
{
	while (p->n > keep)
		visit_end(&p->hist[--p->n]);
	if (p->at >= p->n)
		p->at = p->n ? p->n - 1 : 0;
}

void pane_free(struct pane *p)
{
	drop_after(p, 0);
	free(p->hist);
	visit_end(&p->next);
	free(p->search);
	free(p->subject);
	*p = (struct pane){0};
}

struct visit *pane_visit(const struct pane *p)
{
	return p->n ? &p->hist[p->at] : NULL;
}

struct view *pane_view(const struct pane *p)
{
	return p->n ? p->hist[p->at].view : NULL;
}

void pane_open(struct pane *p, const struct visit *v, bool push)
{
	visit_end(&p->next);
	p->next = *v;
	p->push = push;
	p->asked_ns = clock_ns();
}

void pane_drop_ahead(struct pane *p)
{
	drop_after(p, p->n ? p->at + 1 : 0);
}

/* Where the rows take too much memory those of the oldest views go; they come again when somebody goes
 * back. Very old ones are forgotten. */
static void trim_history(struct pane *p)
{
	size_t bytes = 0, drop = p->n > MAX_HISTORY ? p->n - MAX_HISTORY : 0;

	for (size_t i = 0; i < drop; i++)
		visit_end(&p->hist[i]);
	memmove(p->hist, p->hist + drop, (p->n - drop) * sizeof(*p->hist));
	p->n -= drop;
	p->at -= drop;
	for (size_t i = p->n; i-- > 0;) {
		struct visit *v = &p->hist[i];
		if (!v->view || view_loading(v->view)) /* the worker still changes what this counts */
			continue;
		bytes += rows_memory(v->view->run->rows);
		if (bytes <= MAX_HISTORY_BYTES || i == p->at || !view_can_run_again(v->view))
			continue;
		v->past = past_of(v->view);
		view_destroy(v->view);
		v->view = NULL;
	}
}

static void show_next(struct pane *p)
{
	struct visit v = p->next;

	p->next = (struct visit){0};
	p->described = NULL;
	if (p->search && !v.view->search)
		err_free(view_set_search(v.view, p->search, p->search_backward));
	if (!p->push && p->n) {
		visit_end(&p->hist[p->at]);
		p->hist[p->at] = v;
		return;
	}
	pane_drop_ahead(p);
	p->hist = xrealloc(p->hist, p->n + 1, sizeof(*p->hist));
	p->hist[p->n] = v;
	p->at = p->n++;
	trim_history(p);
}

static bool replaces_the_same(const struct pane *p)
{
	return p->next.view->past && p->n;
}

uint64_t pane_comes_by(const struct pane *p)
{
	return p->next.view && !replaces_the_same(p) ? p->asked_ns + SHOW_AFTER_NS : 0;
}

bool pane_promote(struct pane *p)
{
	if (!p->next.view)
		return false;
	const struct rows *r = p->next.view->run->rows;
	if (replaces_the_same(p)) /* what is shown is right already */
		return rows_finished(r) ? (show_next(p), true) : false;
	bool worth = rows_finished(r) || (rows_heading(r) && rows_count(r) >= 32) || !p->n ||
		     clock_ns() - p->asked_ns > SHOW_AFTER_NS;
	if (worth)
		show_next(p);
	return worth;
}

bool pane_back(struct pane *p)
{
	if (p->next.view) { /* not yet shown: back means never mind */
		visit_end(&p->next);
		return true;
	}
	if (!p->n || !p->at)
		return false;
	p->at--;
	p->described = NULL;
	return true;
}

bool pane_forward(struct pane *p)
{
	if (p->at + 1 >= p->n)
		return false;
	p->at++;
	p->described = NULL;
	return true;
}

void pane_swap(struct pane *p, struct view *v)
{
	if (p->n)
		p->hist[p->at].view = v;
}

struct run *pane_busy(const struct pane *p)
{
	struct view *v = pane_view(p);

	if (p->next.view && !work_done(&p->next.view->run->work))
		return p->next.view->run;
	return v && !work_done(&v->run->work) ? v->run : NULL;
}

/* ---- drawing ---- */

bool pane_is_inspector(const struct pane *p)
{
	return p->id == PANE_INSPECTOR || p->id == PANE_SECOND;
}

struct rect pane_content(const struct pane *p)
{
	return (struct rect){p->rect.y + 1, p->rect.x, p->rect.h - 1, p->rect.w};
}

/* "m > mnt_sb > s_writers": where there is no room its start is left out. */
static void put_crumbs(const char *crumbs, int room, struct buf *out)
{
	const char *from = crumbs, *next;

	while (utf8_width(from, strlen(from)) + 6 > room && (next = strstr(from, " > ")))
		from = next + 3;
	buf_printf(out, "%s%s", from == crumbs ? "" : "... > ", from);
}

static void title_of(const struct pane *p, int room, struct buf *out)
{
	const struct view *v = pane_view(p);
	const struct heading *h = v ? view_heading(v) : NULL;

	if (p->subject) {
		buf_printf(out, "%s  %s", p->title, p->subject);
	} else if (pane_is_inspector(p)) {
		bool followed = v && v->crumbs[0];
		if (!followed || room > 40)
			buf_printf(out, "%s  ", p->title);
		if (followed)
			put_crumbs(v->crumbs, room - (int)out->len, out);
		else if (v && !h)
			buf_puts(out, v->run->line);
		if (h && h->title[0])
			buf_printf(out, "%s%s%s", v->crumbs[0] ? "  (" : "", h->title,
				   v->crumbs[0] ? ")" : "");
	} else if (h && h->title[0]) {
		buf_puts(out, h->title);
		if (p->id == PANE_LOG)
			buf_printf(out, "  %zu lines", v->nrows);
	} else {
		buf_puts(out, p->title);
	}
}

/* What was done to the rows: nobody should wonder why some are missing. */
static void state_of(const struct pane *p, struct buf *out)
{
	const struct view *v = pane_view(p);
	const struct heading *h = v ? view_heading(v) : NULL;
	size_t total, at;

	if (!v)
		return;
	if (v->filter_text)
		buf_printf(out, "  & %s", v->filter_text);
	if (v->search_text && (v->hits || v->searched < v->nrows)) {
		at = view_match_number(v, &total);
		buf_printf(out, "  /%s ", v->search_text);
		if (v->searched < v->nrows)
			buf_puts(out, "...");
		else if (at)
			buf_printf(out, "%zu/%zu", at, total);
		else
			buf_printf(out, "%zu", total);
	}
	if (h && v->sort_col < h->table->ncols)
		buf_printf(out, "  by %s%s", h->table->cols[v->sort_col].key,
			   v->sort_descending ? ", largest first" : "");
	const struct err *e = rows_error(v->run->rows);
	if (e && v->nrows)
		buf_printf(out, "  [partial%s]",
			   err_code(e) == ERR_CANCELLED ? "" : ": see the end");
}

static void draw_title(struct surface *s, const struct pane *p, bool focus)
{
	AUTO_BUF struct buf title = {0}, state = {0};
	enum style line = focus ? STYLE_BORDER_FOCUS : STYLE_BORDER;
	int x = p->rect.x, y = p->rect.y, w = p->rect.w;

	surface_hline(s, y, x, w, line);
	state_of(p, &state);
	int room = w - 4 - utf8_width(buf_str(&state), state.len);
	if (room < w / 3)
		room = w / 3;
	title_of(p, room, &title);
	x += 1;
	x += surface_str(s, y, x, 1, line, " ");
	x += surface_cut(s, y, x, room, focus ? STYLE_TITLE_FOCUS : STYLE_TITLE, buf_str(&title),
			 title.len);
	x += surface_cut(s, y, x, p->rect.x + w - 2 - x, STYLE_TITLE, buf_str(&state), state.len);
	if (x < p->rect.x + w)
		surface_str(s, y, x, 1, line, " ");
}

/* From y on; returns the next free line. */
static int draw_wrapped(struct surface *s, const struct rect *r, int y, enum style style,
			const char *text)
{
	size_t n = strlen(text), next;

	for (; n && r->w > 2 && y < r->y + r->h; text += next, n -= next)
		surface_text(s, y++, r->x + 1, r->w - 2, style, text,
			     wrap_line(text, n, r->w - 2, &next));
	return y;
}

/* A command that has answered with nothing: it may have said why. */
static void draw_no_rows(struct surface *s, const struct view *v, const struct rect *r, int y)
{
	enum role role;
	const char *text;

	if (!rows_note(v->run->rows, 0, &role))
		draw_wrapped(s, r, y, STYLE_BORDER, "nothing: the command has no rows to show");
	for (size_t i = 0; (text = rows_note(v->run->rows, i, &role)); i++) {
		AUTO_BUF struct buf safe = {0};
		buf_put_safe(&safe, text, strlen(text));
		y = draw_wrapped(s, r, y, (enum style)role, buf_str(&safe));
	}
}

static void draw_empty(struct surface *s, const struct pane *p, const struct rect *r)
{
	const struct view *v = pane_view(p);
	const struct err *e = v ? rows_error(v->run->rows) : NULL;
	int y = r->y + (r->h > 4);
	enum role role;

	if (v && view_loading(v)) {
		draw_wrapped(s, r, y, STYLE_BORDER, "loading ...");
	} else if (e && err_code(e) == ERR_CANCELLED) {
		draw_wrapped(s, r, y, STYLE_NORMAL, "Cancelled. R runs it again.");
	} else if (e) {
		AUTO_BUF struct buf safe = {0};
		buf_put_safe(&safe, err_text(e), strlen(err_text(e)));
		y = draw_wrapped(s, r, y, STYLE_ERROR, buf_str(&safe));
		if (pane_is_inspector(p))
			draw_wrapped(s, r, y + 1, STYLE_BORDER, v->run->line);
	} else if (v && v->filter_text) {
		draw_wrapped(s, r, y, STYLE_NORMAL,
			     "No row matches the filter. & and Enter shows all.");
	} else if (v && p->id != PANE_TASKS && p->id != PANE_LOG &&
		   (view_heading(v) || rows_note(v->run->rows, 0, &role))) {
		draw_no_rows(s, v, r, y);
	} else {
		draw_wrapped(s, r, y, STYLE_BORDER, p->hint);
	}
}

/* The error that ended the command after it had given rows: in the last line of the pane. */
static void draw_end(struct surface *s, const struct view *v, const struct rect *r)
{
	const struct err *e = rows_error(v->run->rows);
	AUTO_BUF struct buf safe = {0};
	struct rect line = {r->y + r->h - 1, r->x, 1, r->w};

	if (!e || !v->nlines || err_code(e) == ERR_CANCELLED || r->h < 3)
		return;
	buf_put_safe(&safe, err_text(e), strlen(err_text(e)));
	surface_fill(s, &line, STYLE_ERROR, ' ');
	surface_cut(s, line.y, line.x + 1, line.w - 1, STYLE_ERROR, buf_str(&safe), safe.len);
}

void pane_draw(struct surface *s, struct pane *p, bool focus)
{
	struct rect r = pane_content(p);
	struct view *v = pane_view(p);

	if (p->rect.h < 1)
		return;
	draw_title(s, p, focus);
	if (r.h < 1)
		return;
	if (v)
		list_draw(s, &r, v, focus);
	if (!v || !v->nlines)
		draw_empty(s, p, &r);
	else
		draw_end(s, v, &r);
}

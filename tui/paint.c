/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts the screen together: headline, panes, what lies over them, and the last line, which is the
 * prompt, a message, a progress, or else the crash command that gives the same view.
 */
#include "engine/base/alloc.h"
#include "engine/base/utf8.h"
#include "tui/actions.h"
#include "tui/view_list.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHOW_PROGRESS_NS 200000000u
#define POPUP_LINES 8
#define HELP_HINT 11 /* columns for "? help" */
#define THING_LEAST 24 /* columns that are of use */

/* ---- first line ---- */

static int draw_warning_count(struct app *a, int w)
{
	size_t n = help_warning_count(a);
	char text[48];

	if (!n || w < 30)
		return 0;
	int len = snprintf(text, sizeof(text), " %zu warning%s: ! ", n, n == 1 ? "" : "s");
	surface_str(a->screen, 0, w - len, len, (enum style)ROLE_WARN, text);
	return len;
}

static void draw_header(struct app *a, int w)
{
	int taken = draw_warning_count(a, w);
	const char *text = a->headline ? a->headline : "vmbrowse";

	surface_cut(a->screen, 0, 1, w - 2 - taken, STYLE_HEADER, text, strlen(text));
}

static void draw_opening(struct app *a, int h, int w)
{
	struct job_progress p;
	AUTO_BUF struct buf text = {0};
	struct work *work = (struct work *)a->opening; /* its first member */

	job_progress(work->job, &p);
	buf_printf(&text, "opening ... %s", p.phase ? p.phase : "");
	if (p.total)
		buf_printf(&text, "  %" PRIu64 " %%", p.done * 100 / p.total);
	buf_puts(&text, "   ^C cancels");
	surface_cut(a->screen, h / 2, 2, w - 4, STYLE_MESSAGE, buf_str(&text), text.len);
}

/* ---- last line ---- */

static bool progress_text(struct app *a, struct buf *out)
{
	struct run *r = pane_busy(app_pane(a));
	struct job_progress p;

	for (int i = 0; i < PANES && !r; i++)
		r = pane_busy(&a->panes[i]);
	if (!r)
		return false;
	job_progress(r->work.job, &p);
	if (p.running_ns < SHOW_PROGRESS_NS)
		return false;
	buf_printf(out, "%s", r->line);
	if (p.phase)
		buf_printf(out, ": %s", p.phase);
	if (p.total)
		buf_printf(out, "  %" PRIu64 " %%",
			   p.done >= p.total ? 100 : p.done * 100 / p.total);
	else if (p.done)
		buf_printf(out, "  %" PRIu64, p.done);
	buf_printf(out, "  %.1f s  ^C cancels", (double)p.running_ns / 1e9);
	return true;
}

static void pending_text(const struct app *a, struct buf *out)
{
	if (a->count)
		buf_printf(out, "%u", a->count);
	for (size_t i = 0; i < a->npending; i++)
		keysym_print(a->pending[i], out);
	buf_puts(out, " ...");
}

static void left_text(struct app *a, struct buf *out, enum style *style)
{
	struct view *v = app_view(a);
	const struct heading *h = v ? view_heading(v) : NULL;
	const char *message = app_message(a, style);

	if (a->wants_letter) {
		buf_printf(out, "%s: a letter ...", a->wants_letter);
		return;
	}
	if (a->wants_key && !a->npending) {
		buf_puts(out, "press the key that you want to know about ...");
		return;
	}
	if (a->npending || a->count) {
		pending_text(a, out);
		return;
	}
	if (message) {
		buf_puts(out, message);
		return;
	}
	*style = STYLE_STATUS;
	a->progress_on = progress_text(a, out);
	if (!a->progress_on && h && h->crash[0])
		buf_printf(out, "crash: %s", h->crash);
}

/* "<Enter>" is written Enter in a hint. */
static void hint_key(const struct buf *keys, struct buf *out)
{
	const char *s = buf_str(keys);

	if (s[0] == '<' && strchr(s, '>') == s + keys->len - 1)
		buf_put(out, s + 1, keys->len - 2);
	else
		buf_puts(out, s);
}

/* The most useful keys, as many as there is room for, from the keymap that is in force. */
static int draw_hints(struct app *a, int y, int from, int end)
{
	static const struct {
		const char *command, *what;
	} hints[] = {{"keys", "help"},	    {"follow", "follow"}, {"back", "back"},
		     {"find", "search"},    {"filter", "filter"}, {"prompt", "command"},
		     {"focus next", "pane"}};
	const char *scopes[APP_SCOPES];

	app_scopes(a, scopes);
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
		AUTO_BUF struct buf keys = {0}, name = {0};
		keymap_keys_for(a->keymap, scopes, hints[i].command, &keys);
		hint_key(&keys, &name);
		int kw = utf8_width(buf_str(&name), name.len), ww = (int)strlen(hints[i].what);
		if (!keys.len)
			continue;
		if (end - kw - ww - 3 < from)
			break;
		end -= kw + ww + 1;
		surface_str(a->screen, y, end, kw, STYLE_KEY, buf_str(&name));
		surface_str(a->screen, y, end + kw + 1, ww, STYLE_STATUS, hints[i].what);
		end -= 2;
	}
	return end;
}

/* Rows up to a line: where text is wrapped a row may take several. */
static size_t rows_up_to(const struct view *v, size_t line)
{
	size_t n = 0;

	if (!v->wrap)
		return line;
	for (size_t i = 0; i < line; i++)
		n += !v->parts[i];
	return n;
}

static void position_text(struct app *a, struct buf *out)
{
	struct view *v = app_view(a);

	if (!v || !v->nlines)
		return;
	buf_printf(out, "%zu/%s%zu", rows_up_to(v, v->cursor + 1),
		   !view_loading(v)   ? ""
		   : a->screen->ascii ? ">="
				      : "\u2265",
		   rows_up_to(v, v->nlines));
}

/* Is the left part the crash command, so that what is under the cursor may be told beside it? */
static bool tells_command(const struct app *a)
{
	enum style style;
	return !a->npending && !a->count && !a->wants_letter && !a->wants_key && !app_message(a, &style);
}

/* The row under the cursor where the pane has no room for it; NULL: it has. */
static const char *cut_text(struct app *a, struct buf *out)
{
	struct view *v = app_view(a);

	if (!v || !v->cut || v->cursor_row == NO_ROW || v->wrap)
		return NULL;
	list_row_text(v, v->cursor_row, out);
	return out->len ? out->p : NULL;
}

/* The C type of the row, where its pane has no room for that column; NULL: it is there. */
static const char *hidden_type(struct app *a)
{
	struct view *v = app_view(a);
	const struct row *r = v ? view_current(v) : NULL;
	const struct table *t = r ? rows_table(v->run->rows, r) : NULL;
	size_t col = t && !strcmp(t->name, "struct") ? table_column(t, "type") : SIZE_MAX;

	if (col >= VIEW_MAX_COLS || v->shown >> col & 1 || r->cells[col].kind != CELL_TEXT)
		return NULL;
	return r->cells[col].text;
}

/* What the link under the cursor is, behind what stands there; in its place where there is no room for both.
 * Returns where it ends. */
static int draw_thing(struct app *a, int y, int x, int end, bool *instead)
{
	AUTO_BUF struct buf line = {0}, row = {0};
	const char *text = a->describer.text, *type = hidden_type(a);

	*instead = false;
	if (!tells_command(a))
		return x;
	const char *cut = text ? NULL : cut_text(a, &row);
	if (cut || (type && !a->overlay_on))
		buf_puts(&line, cut ? cut : type);
	if (text)
		buf_printf(&line, "%s%s %s", line.len ? "  " : "", a->screen->ascii ? ">" : "\u2192", text);
	if (!line.len)
		return x;
	int w = utf8_width(line.p, line.len), room = end - x - 2 - HELP_HINT;
	if (room < w && room < THING_LEAST) {
		*instead = true;
		x = 0;
		room = end - 2 - HELP_HINT;
	}
	return x + 1 + surface_cut(a->screen, y, x + 1, room, STYLE_TITLE, buf_str(&line), line.len);
}

static void draw_status(struct app *a, int y, int w)
{
	AUTO_BUF struct buf left = {0}, pos = {0};
	enum style style = STYLE_STATUS;
	int x, end = w - 1, pw;
	bool instead;

	left_text(a, &left, &style);
	position_text(a, &pos);
	pw = utf8_width(buf_str(&pos), pos.len);
	if (w < 30)
		pw = 0;
	if (pw) {
		end -= pw;
		surface_str(a->screen, y, end, pw, STYLE_STATUS, buf_str(&pos));
		end -= 2;
	}
	int lw = utf8_width(buf_str(&left), left.len), room = end - 1 < 1 ? 1 : end - 1;
	x = draw_thing(a, y, left.len ? (lw < room ? lw : room) + 2 : 0, end, &instead);
	if (!instead)
		surface_cut(a->screen, y, 1, room, style, buf_str(&left), left.len);
	x = x > lw + 1 || instead ? x : lw + 1;
	draw_hints(a, y, x + 2, end);
}

/* ---- prompt ---- */

static int draw_prompt(struct app *a, int y, int w)
{
	const struct prompt *p = &a->prompt;
	const char *text = prompt_text(p);
	AUTO_BUF struct buf lead = {0};

	if (p->searching)
		buf_printf(&lead, "(history: %s) ", buf_str(&p->wanted));
	buf_putc(&lead, p->kind == '/' && a->search_backward ? '?' : p->kind);
	int x = surface_cut(a->screen, y, 0, w / 2, STYLE_PROMPT, buf_str(&lead), lead.len);
	int room = w - x - 1, at = utf8_width(text, p->cursor);
	int left = at > room - 1 ? at - (room - 1) : 0; /* the cursor stays on the screen */
	struct rect line = {y, x, 1, room};

	surface_clip(a->screen, &line);
	surface_text(a->screen, y, x - left, 100000, STYLE_NORMAL, text, p->text.len);
	surface_clip(a->screen, NULL);
	return x + at - left;
}

static void draw_match_count(struct app *a, int y, int w)
{
	struct view *v = app_view(a);
	char text[48];
	size_t total, at;

	if (a->prompt.kind != '/' || !v || !v->search || w < 30)
		return;
	at = view_match_number(v, &total);
	int n = snprintf(text, sizeof(text), " %zu/%zu%s ", at, total,
			 v->searched < v->nrows ? "..." : "");
	surface_str(a->screen, y, w - n, n, total ? STYLE_STATUS : STYLE_ERROR, text);
}

static void draw_popup(struct app *a, int y, int w)
{
	const struct completer *c = &a->completer;
	int n = (int)c->n < POPUP_LINES ? (int)c->n : POPUP_LINES, width = 12;
	long first = c->chosen >= POPUP_LINES ? c->chosen - POPUP_LINES + 1 : 0;

	if (n > y)
		n = y;
	for (size_t i = 0; i < c->n; i++) {
		int len = utf8_width(c->v[i], strlen(c->v[i]));
		width = len > width ? len : width;
	}
	width = width + 2 < w ? width + 2 : w;
	int x = (int)c->start + 1 + width < w ? (int)c->start + 1 : w - width;
	for (int i = 0; i < n; i++) {
		enum style style = first + i == c->chosen ? STYLE_POPUP_SELECTED : STYLE_POPUP;
		struct rect line = {y - n + i, x, 1, width};
		surface_fill(a->screen, &line, style, ' ');
		surface_str(a->screen, line.y, x, 1, style, first + i == c->chosen ? ">" : " ");
		surface_cut(a->screen, line.y, x + 1, width - 1, style, c->v[first + i],
			    strlen(c->v[first + i]));
	}
	if ((size_t)n < c->n || c->more) {
		char more[32];
		int len = snprintf(more, sizeof(more), " %zu%s ", c->n, c->more ? "+" : "");
		surface_str(a->screen, y - 1, x + width - len, len, STYLE_POPUP, more);
	}
}

/* ---- all of it ---- */

static void draw_panes(struct app *a, int h, int w)
{
	layout_panes(a, h, w);
	if (a->overlay_on) {
		pane_draw(a->screen, &a->overlay, true);
		return;
	}
	for (int i = 0; i < PANES; i++) {
		struct pane *p = &a->panes[i];
		if (!p->rect.h)
			continue;
		pane_draw(a->screen, p, (int)a->focus == i);
		if (!p->rect.x)
			continue;
		surface_vline(a->screen, p->rect.y, p->rect.x - 1, p->rect.h, STYLE_BORDER);
		surface_joint(a->screen, p->rect.y, p->rect.x - 1, p->rect.y > 1, STYLE_BORDER);
	}
}

void paint(struct app *a)
{
	int h, w, cursor_y = -1, cursor_x = 0;

	term_size(a->term, &h, &w);
	surface_resize(a->screen, h, w);
	h = a->screen->h;
	w = a->screen->w;
	if (a->shell)
		draw_panes(a, h, w);
	else if (a->opening)
		draw_opening(a, h, w);
	if (h >= 4)
		draw_header(a, w);
	if (a->prompting && h > 1) {
		cursor_y = h - 1;
		cursor_x = draw_prompt(a, h - 1, w);
		draw_match_count(a, h - 1, w);
		draw_popup(a, h - 1, w);
	} else if (h > 1) {
		draw_status(a, h - 1, w);
	}
	term_show(a->term, a->screen, cursor_y, cursor_x);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists that the screen makes of its own tables, shown over the panes: keys, messages, warnings,
 * the details of a row. They are rows like all others, so they scroll, search and filter like all
 * others.
 */
#include "engine/base/alloc.h"
#include "tui/actions.h"
#include "tui/view_list.h"
#include <string.h>

/* Rows are put into this while the list is made. */
struct list {
	struct run *run;
	struct sink *out;
};

static struct list list_begin(const struct table *t, const char *line, const char *title)
{
	struct list l = {.run = run_local(line)};

	l.out = rows_sink(l.run->rows);
	err_free(sink_begin(l.out, t, NULL, "", "%s", title));
	return l;
}

static void list_show(struct app *a, struct list *l)
{
	rows_finish(l->run->rows, NULL);
	pane_free(&a->overlay);
	pane_init(&a->overlay, PANE_OVERLAY);
	pane_open(&a->overlay, &(struct visit){.view = view_create(l->run, "")}, false);
	pane_promote(&a->overlay);
	pane_view(&a->overlay)->wrap = true;
	a->overlay_on = true;
	a->dirty = true;
}

/* ---- keys ---- */

enum { KEYS, WHAT, COMMAND, KEY_COLS };
static const struct col key_cols[KEY_COLS] = {
	[KEYS] = {"keys", "KEYS", "the keys", 0, 10, 0},
	[WHAT] = {"what", "WHAT THEY DO", "what they do", COL_GROW, 20, 0},
	[COMMAND] = {"command", "COMMAND", "the command that they are bound to", 0, 0, 2},
};
static const struct table key_table = {.name = "keys", .cols = key_cols, .ncols = KEY_COLS};

static void key_row(struct list *l, const char *keys, const char *what, const char *command,
		    enum role role)
{
	struct cell v[KEY_COLS] = {
		[KEYS] = cell_role(cell_text(keys), role == ROLE_NORMAL ? ROLE_NAME : role),
		[WHAT] = cell_role(cell_text(what), role),
		[COMMAND] = cell_role(cell_text(command), ROLE_DIM),
	};
	err_free(sink_row(l->out, &(struct row){.cells = v, .key = command, .role = role}));
}

/* What a command does, when its binding has no note. */
static const char *summary_of(const char *command)
{
	AUTO_FREE char *word = xstrndup(command, strcspn(command, " "));
	const struct action *x = action_find(word);
	const struct cmd *c = x ? NULL : cmd_find(word);

	return x ? x->summary : c ? c->summary : "";
}

/* All keys of the scope that run the same command, in one row. */
static void binding_row(const struct keymap *m, struct list *l, const char *const *scopes,
			size_t first)
{
	const struct binding *b = keymap_at(m, first), *other;
	AUTO_BUF struct buf keys = {0};

	for (size_t i = 0; (other = keymap_at(m, i)); i++) {
		if (!keymap_in_force(m, scopes, other) || strcmp(other->scope, b->scope) ||
		    strcmp(other->command, b->command))
			continue;
		if (i < first)
			return; /* its row has been made */
		if (keys.len)
			buf_putc(&keys, ' ');
		binding_keys(other, &keys);
	}
	key_row(l, buf_str(&keys), b->note[0] ? b->note : summary_of(b->command), b->command,
		ROLE_NORMAL);
}

static void scope_rows(const struct keymap *m, struct list *l, const char *const *scopes,
		       const char *scope)
{
	const struct binding *b;
	bool titled = false;

	for (size_t i = 0; (b = keymap_at(m, i)); i++) {
		if (strcmp(b->scope, scope) || !keymap_in_force(m, scopes, b))
			continue;
		if (!titled) {
			AUTO_FREE char *title =
				xasprintf("in %s", !strcmp(scope, "global") ? "all places"
						   : !strcmp(scope, "list") ? "every pane"
									    : scope);
			key_row(l, "", title, "", ROLE_TITLE);
		}
		titled = true;
		binding_row(m, l, scopes, i);
	}
}

static bool bound(const struct keymap *m, const char *name)
{
	const struct binding *b;
	size_t n = strlen(name);

	for (size_t i = 0; (b = keymap_at(m, i)); i++)
		if (b->command && !strncmp(b->command, name, n) &&
		    (!b->command[n] || b->command[n] == ' '))
			return true;
	return false;
}

static void unbound_rows(const struct keymap *m, struct list *l)
{
	const struct action *x;
	size_t n;
	const struct cmd *const *v = cmd_all(&n);

	key_row(l, "", "bound to no key, can be typed after :", "", ROLE_TITLE);
	for (size_t i = 0; (x = action_at(i)); i++)
		if (!bound(m, x->name))
			key_row(l, "", x->summary, x->name, ROLE_NORMAL);
	for (size_t i = 0; i < n; i++)
		if (!bound(m, v[i]->name))
			key_row(l, "", v[i]->summary, v[i]->name, ROLE_NORMAL);
}

void help_keys(struct app *a)
{
	const char *scopes[APP_SCOPES];
	static const char *const in_prompt[] = {"prompt", NULL};
	struct pane *p = &a->panes[a->focus];

	a->overlay_on = false;
	app_scopes(a, scopes);
	AUTO_FREE char *title =
		xasprintf("Keys in %s   Enter runs one, / searches, q closes", p->title);
	struct list l = list_begin(&key_table, "keys", title);
	for (size_t i = 0; scopes[i]; i++)
		scope_rows(a->keymap, &l, scopes, scopes[i]);
	scope_rows(a->keymap, &l, in_prompt, "prompt");
	unbound_rows(a->keymap, &l);
	list_show(a, &l);
}

/* ---- messages, warnings ---- */

static const struct col text_cols[] = {{"text", "", "a message", COL_GROW, 0, 0}};
static const struct table text_table = {.name = "messages", .cols = text_cols, .ncols = 1};

static void text_row(struct list *l, enum role role, const char *text)
{
	struct cell c = cell_role(cell_text(text), role);
	err_free(sink_row(l->out, &(struct row){.cells = &c, .role = role}));
}

void help_messages(struct app *a)
{
	struct list l = list_begin(&text_table, "messages", "Messages");
	size_t first = a->nmessages > MESSAGES ? a->nmessages - MESSAGES : 0;

	for (size_t i = first; i < a->nmessages; i++)
		text_row(&l,
			 a->messages[i % MESSAGES].style == STYLE_ERROR ? ROLE_BAD : ROLE_NORMAL,
			 a->messages[i % MESSAGES].text);
	list_show(a, &l);
}

static const struct table history_table = {.name = "history", .cols = text_cols, .ncols = 1};

void help_history(struct app *a)
{
	struct list l = list_begin(&history_table, "history",
				   "Commands typed so far   Enter runs one again, / searches, q closes");

	for (size_t i = a->history.n; i-- > 0;) {
		const char *line = a->history.v[i];
		struct cell c = cell_text(line + 1);
		if (line[0] == ':')
			err_free(sink_row(l.out, &(struct row){.cells = &c, .key = line + 1}));
	}
	list_show(a, &l);
}

/* Calls f for all that is known to be wrong; returns how many. */
static size_t each_warning(struct app *a,
			   void (*f)(struct list *l, enum role role, const char *text),
			   struct list *l)
{
	const char *text;
	size_t n = 0;
	enum role role;

	for (size_t i = 0; a->shell && (text = shell_warning(a->shell, i)); i++, n++)
		if (f)
			f(l, ROLE_WARN, text);
	for (int p = 0; p < PANES; p++) {
		const struct view *v = pane_view(&a->panes[p]);
		for (size_t i = 0; v && (text = rows_note(v->run->rows, i, &role)); i++) {
			if (role == ROLE_DIM) /* a hint */
				continue;
			n++;
			if (f)
				f(l, role, text);
		}
	}
	return n;
}

size_t help_warning_count(struct app *a)
{
	return each_warning(a, NULL, NULL);
}

void help_warnings(struct app *a)
{
	struct list l = list_begin(&text_table, "warnings", "Warnings about this dump   q closes");

	if (!each_warning(a, text_row, &l))
		text_row(&l, ROLE_GOOD,
			 "None: dump and vmlinux fit together, and nothing is missing.");
	list_show(a, &l);
}

/* ---- a row, column by column ---- */

enum { COLUMN, VALUE, HELP, DETAIL_COLS };
static const struct col detail_cols[DETAIL_COLS] = {
	[COLUMN] = {"column", "COLUMN", "the column's name", 0, 10, 0},
	[VALUE] = {"value", "VALUE", "its value here", COL_GROW, 24, 0},
	[HELP] = {"help", "WHAT IT IS", "what the column means", 0, 0, 1},
};
static const struct table detail_table = {
	.name = "details", .cols = detail_cols, .ncols = DETAIL_COLS};

static void detail_row(struct list *l, const char *name, struct cell value, struct ref ref,
		       const char *help)
{
	struct cell v[DETAIL_COLS] = {
		[COLUMN] = cell_role(cell_text(name), ROLE_NAME),
		[VALUE] = ref.kind ? cell_role(value, ROLE_LINK) : value,
		[HELP] = cell_role(cell_text(help), ROLE_DIM),
	};
	err_free(sink_row(l->out, &(struct row){.cells = v, .key = name, .ref = ref}));
}

void help_details(struct app *a)
{
	struct view *v = app_view(a);
	const struct row *r = v ? view_current(v) : NULL;

	if (!r || a->overlay_on) {
		app_say(a, STYLE_MESSAGE, "there is no row here");
		return;
	}
	const struct table *t = rows_table(v->run->rows, r);
	struct list l =
		list_begin(&detail_table, "details", "This row   Enter follows a link, q closes");
	AUTO_BUF struct buf ref = {0};
	ref_print(&r->ref, &ref);
	if (ref.len)
		detail_row(&l, "(row)", cell_text(buf_str(&ref)), r->ref,
			   "what the row is a link to");
	for (size_t i = 0; i < t->ncols; i++) {
		AUTO_BUF struct buf text = {0};
		cell_print(&r->cells[i], &text);
		detail_row(&l, t->cols[i].key,
			   cell_role(cell_text(buf_str(&text)), r->cells[i].role), r->cells[i].ref,
			   t->cols[i].help ? t->cols[i].help : "");
	}
	list_show(a, &l);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From keys to command lines: counts, sequences, scopes. */
#include "engine/base/alloc.h"
#include "engine/base/utf8.h"
#include "tui/actions.h"
#include <string.h>

#define COUNT_MOST 1000000

void app_scopes(struct app *a, const char *scopes[APP_SCOPES])
{
	size_t n = 0;

	if (a->prompting) {
		scopes[n++] = "prompt";
		scopes[n] = NULL;
		return;
	}
	struct view *v = app_view(a);
	const struct heading *h = v ? view_heading(v) : NULL;
	if (h)
		scopes[n++] = h->table->name;
	scopes[n++] = app_pane(a)->name;
	if (app_pane(a)->id == PANE_SECOND)
		scopes[n++] = a->panes[PANE_INSPECTOR].name;
	scopes[n++] = "list";
	scopes[n++] = "global";
	scopes[n] = NULL;
}

static void forget(struct app *a)
{
	a->npending = 0;
	a->pending_until = 0;
}

#define PLACE_LEAST 16 /* columns: a key map's name and a line's number */
#define POSITION 12    /* columns that the cursor's position takes at the line's right */

/* For `describe-key`: what the binding does, and where it comes from. */
static void describe_binding(struct app *a, const struct binding *b)
{
	AUTO_BUF struct buf keys = {0}, what = {0}, place = {0};

	binding_keys(b, &keys);
	buf_printf(&what, "%s: %s   (%s, ", buf_str(&keys), b->command, b->scope);
	buf_printf(&place, "%s:%u", b->file, b->line);
	/* the note goes last: of a narrow line its end is lost, not the place */
	int room = a->screen->w - utf8_width(what.p, what.len) - (int)strlen(b->note) - POSITION;
	size_t skip = surface_path_skip(place.p, place.len, room > PLACE_LEAST ? room : PLACE_LEAST);
	forget(a);
	a->wants_key = false;
	app_say(a, STYLE_MESSAGE, "%s%s)%s%s", buf_str(&what), buf_str(&place) + skip, b->note[0] ? "   " : "", b->note);
}

static void run_binding(struct app *a, const struct binding *b)
{
	if (a->wants_key) {
		describe_binding(a, b);
		return;
	}
	AUTO_FREE char *command = xstrdup(b->command); /* a command may change the bindings */

	forget(a);
	command_run(a, command);
	a->count = 0;
}

static void unknown_keys(struct app *a)
{
	AUTO_BUF struct buf keys = {0}, help = {0};
	const char *scopes[APP_SCOPES];

	for (size_t i = 0; i < a->npending; i++)
		keysym_print(a->pending[i], &keys);
	forget(a);
	a->count = 0;
	a->wants_key = false;
	app_scopes(a, scopes);
	keymap_keys_for(a->keymap, scopes, "keys", &help);
	app_say(a, STYLE_MESSAGE, "%s does nothing here; %s shows the keys", buf_str(&keys),
		help.len ? buf_str(&help) : ":keys");
}

/* The letter that a command waits for. */
static bool take_letter(struct app *a, keysym k)
{
	if (!a->wants_letter)
		return false;
	AUTO_FREE char *command = a->wants_letter;
	a->wants_letter = NULL;
	if (k > ' ' && k < 0x7f) {
		AUTO_FREE char *line = xasprintf("%s %c", command, (int)k);
		command_run(a, line);
	}
	a->count = 0;
	return true;
}

/* Digits before a command are its count; 0 is one only after another digit. */
static bool take_digit(struct app *a, keysym k)
{
	if (a->prompting || a->npending || a->wants_key || k < '0' || k > '9' || (k == '0' && !a->count))
		return false;
	a->count = a->count * 10 + k - '0';
	if (a->count > COUNT_MOST)
		a->count = COUNT_MOST;
	return true;
}

static void prompt_key(struct app *a, keysym k)
{
	const char *scopes[APP_SCOPES];
	struct keymap_found f;

	app_scopes(a, scopes);
	f = keymap_find(a->keymap, scopes, &k, 1);
	if (f.binding) {
		run_binding(a, f.binding);
	} else if (k & KEYSYM_META) { /* Esc and a key that came close together */
		app_key(a, KEYSYM_ESC);
		app_key(a, k & ~(keysym)KEYSYM_META);
	} else {
		prompt_typed(a, k);
	}
}

/* z means something alone, and zz: whoever types zG wants z and then G. */
static bool run_shorter(struct app *a, const char *const *scopes)
{
	keysym rest[KEYMAP_MAX_KEYS];
	size_t n = a->npending;

	for (size_t k = a->wants_key ? 0 : n; k-- > 1;) {
		struct keymap_found f = keymap_find(a->keymap, scopes, a->pending, k);
		if (!f.binding)
			continue;
		memcpy(rest, a->pending + k, (n - k) * sizeof(*rest));
		run_binding(a, f.binding);
		for (size_t i = 0; i < n - k; i++)
			app_key(a, rest[i]);
		return true;
	}
	return false;
}

void app_key(struct app *a, keysym k)
{
	const char *scopes[APP_SCOPES];
	struct keymap_found f;

	a->dirty = true;
	if (a->prompting) {
		prompt_key(a, k);
		return;
	}
	if (a->message_until)
		a->message_until = 1; /* read: the next key takes it away */
	if (take_letter(a, k) || take_digit(a, k))
		return;
	if (a->npending && k == KEYSYM_ESC) {
		forget(a);
		a->count = 0;
		return;
	}
	a->pending[a->npending++] = k;
	app_scopes(a, scopes);
	f = keymap_find(a->keymap, scopes, a->pending, a->npending);
	if (f.more && a->npending < KEYMAP_MAX_KEYS)
		a->pending_until =
			f.binding ? clock_ns() + keymap_timeout_ms(a->keymap) * 1000000ull : 0;
	else if (f.binding)
		run_binding(a, f.binding);
	else if (!run_shorter(a, scopes))
		unknown_keys(a);
}

void app_key_timeout(struct app *a)
{
	const char *scopes[APP_SCOPES];

	app_scopes(a, scopes);
	struct keymap_found f = keymap_find(a->keymap, scopes, a->pending, a->npending);
	if (f.binding)
		run_binding(a, f.binding);
	else
		forget(a);
	a->dirty = true;
}

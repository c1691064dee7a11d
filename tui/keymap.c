/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bindings are a plain list, later ones first in force; a few hundred of them are searched faster
 * than a key travels. A file that can't be understood in one line still gives all its other
 * bindings.
 */
#include "tui/keymap.h"
#include "engine/base/alloc.h"
#include "engine/base/arena.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_INCLUDES 8

struct keymap {
	struct arena arena;
	struct binding *v;
	size_t n, cap;
	struct keymap_names names;
	unsigned timeout_ms;
	unsigned depth;	    /* of includes */
	struct buf *errors; /* of the load under way */
};

struct keymap *keymap_create(const struct keymap_names *names)
{
	struct keymap *m = xcalloc(1, sizeof(*m));
	m->names = *names;
	m->timeout_ms = 600;
	return m;
}

void keymap_destroy(struct keymap *m)
{
	if (!m)
		return;
	arena_free(&m->arena);
	free(m->v);
	free(m);
}

/* ---- names ---- */

/* Levenshtein's distance, for short words. */
static size_t distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), row[64];

	if (na > 60 || nb > 60)
		return 60;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[nb];
}

static bool is_command(const struct keymap *m, const char *word)
{
	const char *name;

	for (size_t i = 0; (name = m->names.name(m->names.ctx, i)); i++)
		if (!strcmp(name, word))
			return true;
	return false;
}

static const char *nearest(const struct keymap *m, const char *word)
{
	const char *name, *best = NULL;
	size_t least = strlen(word) / 2 + 2;

	for (size_t i = 0; (name = m->names.name(m->names.ctx, i)); i++) {
		size_t d = distance(word, name);
		if (d < least) {
			least = d;
			best = name;
		}
	}
	return best;
}

/* ---- a line ---- */

/* The next word of *p, cut off in place; NULL at the end of the line. */
static char *take_word(char **p)
{
	char *word = *p + strspn(*p, " \t");
	size_t n = strcspn(word, " \t");

	*p = word + n;
	if (**p)
		*(*p)++ = '\0';
	return n ? word : NULL;
}

static char *trim(char *s)
{
	s += strspn(s, " \t");
	for (size_t n = strlen(s); n && strchr(" \t\r\n", s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

/* A `"note"` at the end of the line is cut off; "" if there is none. */
static const char *take_note(char *s)
{
	size_t n = strlen(s);
	char *open;

	if (n < 2 || s[n - 1] != '"')
		return "";
	s[n - 1] = '\0';
	open = strrchr(s, '"');
	if (!open || (open > s && open[-1] != ' ' && open[-1] != '\t')) {
		s[n - 1] = '"';
		return "";
	}
	*open = '\0';
	trim(s);
	return open + 1;
}

/* May this word be one more key for the command? */
static bool looks_like_key(const char *word)
{
	const char *p = word;
	keysym k;

	if (*word == '<' && word[1])
		return true;
	return keysym_parse(&p, &k, NULL) && !*p;
}

struct key_list {
	struct {
		keysym keys[KEYMAP_MAX_KEYS];
		size_t n;
	} v[8];
	size_t n;
};

static bool add_keys(struct keymap *m, struct key_list *list, const char *word, struct buf *error)
{
	bool same = false;

	(void)m;
	if (list->n == 8) {
		buf_puts(error, "more than eight keys for one command");
		return false;
	}
	size_t n = keysym_parse_all(word, list->v[list->n].keys, KEYMAP_MAX_KEYS, &same);
	if (!n) {
		buf_printf(error, "'%s' is no key", word);
		return false;
	}
	if (same) {
		buf_printf(error, "terminals can't tell '%s' from ", word);
		for (size_t i = 0; i < n; i++)
			keysym_print(list->v[list->n].keys[i], error);
		buf_puts(error, ": name that one");
		return false;
	}
	list->v[list->n++].n = n;
	return true;
}

/* Takes the key words off *p; what is left is the command. */
static bool take_keys(struct keymap *m, char **p, struct key_list *list, struct buf *error)
{
	char *word = take_word(p);

	if (!word) {
		buf_puts(error, "a key must follow the scope");
		return false;
	}
	if (!add_keys(m, list, word, error))
		return false;
	for (;;) {
		char *rest = *p + strspn(*p, " \t");
		size_t n = strcspn(rest, " \t");
		AUTO_FREE char *next = xstrndup(rest, n);
		if (!n || *next == ':' || !looks_like_key(next))
			return true;
		if (!add_keys(m, list, next, error))
			return false;
		*p = rest + n + (rest[n] != '\0');
	}
}

static bool same_place(const struct binding *b, const char *scope, const keysym *keys, size_t n)
{
	return b->nkeys == n && !strcmp(b->scope, scope) &&
	       !memcmp(b->keys, keys, n * sizeof(*keys));
}

/* A new binding takes the place of one for the same keys in the same scope. */
static void put(struct keymap *m, const struct binding *b)
{
	for (size_t i = 0; i < m->n; i++)
		if (same_place(&m->v[i], b->scope, b->keys, b->nkeys)) {
			m->v[i] = *b;
			return;
		}
	GROW(m->v, m->n, m->cap);
	m->v[m->n++] = *b;
}

static bool check_command(const struct keymap *m, const char *command, struct buf *error)
{
	AUTO_FREE char *word = xstrndup(command, strcspn(command, " \t"));

	if (is_command(m, word))
		return true;
	buf_printf(error, "no command '%s'", word);
	const char *near = nearest(m, word);
	if (near)
		buf_printf(error, "; nearest: %s", near);
	return false;
}

static bool do_bind(struct keymap *m, char *p, bool unbind, const char *file, unsigned lineno,
		    struct buf *error)
{
	const char *scope = take_word(&p), *note = "";
	struct key_list list = {.n = 0};

	if (!scope) {
		buf_puts(error, "a scope must follow: a pane, a table, list, global or prompt");
		return false;
	}
	if (!unbind)
		note = take_note(p);
	if (!take_keys(m, &p, &list, error))
		return false;
	const char *command = trim(p);
	if (*command == ':')
		command++;
	if (unbind && *command) {
		buf_printf(error, "'%s' is no key", command);
		return false;
	}
	if (!unbind && !*command) {
		buf_puts(error, "a command must follow the keys");
		return false;
	}
	if (!unbind && !check_command(m, command, error))
		return false;
	struct binding b = {.scope = arena_strdup(&m->arena, scope),
			    .command = unbind ? NULL : arena_strdup(&m->arena, command),
			    .note = arena_strdup(&m->arena, note),
			    .file = arena_strdup(&m->arena, file),
			    .line = lineno};
	for (size_t i = 0; i < list.n; i++) {
		b.nkeys = list.v[i].n;
		memcpy(b.keys, list.v[i].keys, sizeof(b.keys));
		put(m, &b);
	}
	return true;
}

static bool do_set(struct keymap *m, char *p, struct buf *error)
{
	char *name = take_word(&p), *value = take_word(&p), *end = NULL;
	unsigned long ms = value ? strtoul(value, &end, 10) : 0;

	if (!name || strcmp(name, "timeoutlen")) {
		buf_printf(error, "no setting '%s'; there is: timeoutlen", name ? name : "");
		return false;
	}
	if (!value || *end || ms < 1 || ms > 60000) {
		buf_puts(error, "timeoutlen must be 1 to 60000 (ms)");
		return false;
	}
	m->timeout_ms = (unsigned)ms;
	return true;
}

static bool do_include(struct keymap *m, char *p, const char *file, struct buf *error)
{
	const char *name = trim(p), *slash = strrchr(file, '/');

	if (!*name) {
		buf_puts(error, "a file must follow");
		return false;
	}
	if (m->depth >= MAX_INCLUDES) {
		buf_puts(error, "includes are nested too deep");
		return false;
	}
	AUTO_FREE char *path = *name == '/' || !slash
				       ? xstrdup(name)
				       : xasprintf("%.*s/%s", (int)(slash - file), file, name);
	AUTO_BUF struct buf ignored = {0};
	struct buf *errors = m->errors ? m->errors : &ignored;
	if (keymap_load(m, path, errors))
		return true;
	char *found = strchr(name, '/') ? NULL : keymap_path(name);
	bool ok = found && keymap_load(m, found, errors);
	free(found);
	if (!ok)
		buf_printf(error, "can't read '%s': %s", path, strerror(errno));
	return ok;
}

bool keymap_line(struct keymap *m, const char *line, const char *file, unsigned lineno,
		 struct buf *error)
{
	AUTO_FREE char *copy = xstrdup(line);
	char *p = trim(copy), *word;

	if (!*p || *p == '#')
		return true;
	word = take_word(&p);
	if (!strcmp(word, "bind") || !strcmp(word, "unbind"))
		return do_bind(m, p, *word == 'u', file, lineno, error);
	if (!strcmp(word, "include"))
		return do_include(m, p, file, error);
	if (!strcmp(word, "set"))
		return do_set(m, p, error);
	buf_printf(error, "'%s' is not understood: expected bind, unbind, include or set", word);
	return false;
}

bool keymap_load(struct keymap *m, const char *path, struct buf *errors)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	unsigned lineno = 0;

	if (!f)
		return false;
	m->depth++;
	m->errors = errors;
	while (getline(&line, &cap, f) >= 0) {
		AUTO_BUF struct buf error = {0};
		lineno++;
		if (!keymap_line(m, line, path, lineno, &error))
			buf_printf(errors, "%s:%u: %s\n", path, lineno, buf_str(&error));
		m->errors = errors;
	}
	m->depth--;
	m->errors = NULL;
	free(line);
	bool ok = !ferror(f); /* a folder opens, but can't be read */
	fclose(f);
	return ok;
}

void keymap_emergency(struct keymap *m)
{
	static const char *const lines[] = {
		"bind list <Down> j cursor down",
		"bind list <Up> k cursor up",
		"bind list <PgDn> cursor page-down",
		"bind list <PgUp> cursor page-up",
		"bind list <Right> l fold open",
		"bind list <Left> h fold close",
		"bind global <Enter> follow",
		"bind global <BS> back",
		"bind global <Tab> focus next",
		"bind global : prompt",
		"bind global / find",
		"bind global ? <F1> keys",
		"bind global q close",
		"bind global Q quit",
		"bind global <C-c> cancel",
		"bind global <C-l> redraw",
		"bind prompt <Enter> edit accept",
		"bind prompt <Esc> <C-c> edit abort",
		"bind prompt <BS> edit backspace",
		"bind prompt <Left> edit left",
		"bind prompt <Right> edit right",
		"bind prompt <Tab> edit complete",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		AUTO_BUF struct buf error = {0};
		keymap_line(m, lines[i], "built in", (unsigned)i + 1, &error);
	}
}

/* ---- looking up ---- */

struct keymap_found keymap_find(const struct keymap *m, const char *const *scopes,
				const keysym *keys, size_t n)
{
	struct keymap_found found = {0};
	bool decided = false;

	for (; *scopes; scopes++)
		for (size_t i = 0; i < m->n; i++) {
			const struct binding *b = &m->v[i];
			if (b->nkeys < n || strcmp(b->scope, *scopes) ||
			    memcmp(b->keys, keys, n * sizeof(*keys)))
				continue;
			if (b->nkeys > n) {
				found.more |= b->command != NULL;
			} else if (!decided) {
				decided = true;
				found.binding = b->command ? b : NULL;
			}
		}
	return found;
}

const struct binding *keymap_at(const struct keymap *m, size_t i)
{
	return i < m->n ? &m->v[i] : NULL;
}

bool keymap_in_force(const struct keymap *m, const char *const *scopes, const struct binding *b)
{
	return b->command && keymap_find(m, scopes, b->keys, b->nkeys).binding == b;
}

void binding_keys(const struct binding *b, struct buf *out)
{
	for (size_t i = 0; i < b->nkeys; i++)
		keysym_print(b->keys[i], out);
}

void keymap_keys_for(const struct keymap *m, const char *const *scopes, const char *command,
		     struct buf *out)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].command && !strcmp(m->v[i].command, command) &&
		    keymap_in_force(m, scopes, &m->v[i])) {
			binding_keys(&m->v[i], out);
			return;
		}
}

unsigned keymap_timeout_ms(const struct keymap *m)
{
	return m->timeout_ms;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Which keys run which command line, by scope. Read from text files at run time:
 *
 *   # comment
 *   include vi.keys
 *   bind SCOPE KEYS... COMMAND ["note"]
 *   unbind SCOPE KEYS...
 *   set timeoutlen 600
 *
 * SCOPE is the name of a pane (tasks, backtrace, inspector, log), of a table (ps, bt, struct ...),
 * `list` for all of them, `global`, or `prompt`. The first word of KEYS may be any sequence ("gg",
 * "<C-w>j"); the further ones, for the same command, are single keys or begin with "<". Where a
 * command's name is one letter, a colon before it tells it from a key.
 *
 * Thread: ui.
 */
#ifndef TUI_KEYMAP_H
#define TUI_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/buf.h"
#include "tui/keysym.h"

#define KEYMAP_MAX_KEYS 8

struct binding {
	const char *scope;
	keysym keys[KEYMAP_MAX_KEYS];
	size_t nkeys;
	const char *command; /* NULL: nothing, and wider scopes aren't asked */
	const char *note;    /* "" if there is none */
	const char *file;
	unsigned line;
};

/* The commands that there are: name(ctx, i) is the i-th, NULL at the end. */
struct keymap_names {
	const char *(*name)(void *ctx, size_t i);
	void *ctx;
};

struct keymap;

struct keymap *keymap_create(const struct keymap_names *names);
void keymap_destroy(struct keymap *m);
/* One line of a keymap file. False: *error gets "message". */
bool keymap_line(struct keymap *m, const char *line, const char *file, unsigned lineno,
		 struct buf *error);
/* A whole file, and what it includes. Errors, one a line "file:line: message", go to errors; the
 * good lines are taken all the same. False: the file can't be read. */
bool keymap_load(struct keymap *m, const char *path, struct buf *errors);
/* The keys without which nobody gets out, for when there is no file. */
void keymap_emergency(struct keymap *m);

/* Scopes from the narrowest to `global`, NULL at the end. */
struct keymap_found {
	const struct binding *binding; /* what these keys run; NULL: nothing */
	bool more;		       /* they are the beginning of a longer binding too */
};
struct keymap_found keymap_find(const struct keymap *m, const char *const *scopes,
				const keysym *keys, size_t n);
/* i-th binding, in the order of the files; NULL at the end. */
const struct binding *keymap_at(const struct keymap *m, size_t i);
/* Is this binding in force under these scopes, or does a narrower scope hide it? */
bool keymap_in_force(const struct keymap *m, const char *const *scopes, const struct binding *b);
/* The keys of the first binding of a command under these scopes: "gg"; "" if there is none. */
void keymap_keys_for(const struct keymap *m, const char *const *scopes, const char *command,
		     struct buf *out);
unsigned keymap_timeout_ms(const struct keymap *m);
void binding_keys(const struct binding *b, struct buf *out);

/* Where keymap files are looked for, first one first. name: of --keymap, NULL: the default. The
 * path of the file, the caller's; NULL: there is none. */
char *keymap_path(const char *name);

#endif

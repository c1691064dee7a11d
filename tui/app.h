/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The program on the screen: one thread, one poll loop, four panes, at most one full-screen list
 * over them, at most one prompt over that. Everything that a key can do is an action (actions.h) or
 * a command of the engine.
 *
 * Thread: ui.
 */
#ifndef TUI_APP_H
#define TUI_APP_H

#include "engine/cmd/cmd.h"
#include "tui/complete.h"
#include "tui/describe.h"
#include "tui/keymap.h"
#include "tui/pane.h"
#include "tui/prompt.h"
#include "tui/term.h"

struct app_options {
	struct shell_options shell;
	const char *const *files;
	size_t nfiles;
	const char *keymap; /* NULL: the default */
	enum color_when color;
	bool ascii;
	int idle_fd; /* tests: "KEYS SIGNALS\n", how many were handled, is written here whenever the
		      * program has become idle; -1: none */
};

#define MESSAGES 64

struct opening;

struct app {
	const struct app_options *options;
	struct terminal *term;
	struct surface *screen;
	struct keymap *keymap;
	struct pool *pool, *background; /* background: made once the program is idle */
	int wake_fd, signal_fd, saved_stderr, held_stderr;

	struct opening *opening; /* until shell is there */
	struct shell *shell;
	const char *headline;
	bool overview_due; /* what the inspector begins with: once the tasks are there, as they are looked at first */
	struct context ctx;

	struct pane panes[PANES], overlay;
	bool overlay_on;
	enum pane_id focus,
		partner; /* partner: the pane shown beside it where there is room for two */
	enum pane_id inspector; /* the one of the two that was used last */
	bool split;		/* the second inspector is on the screen */
	bool log_wanted;	/* it lies over the second inspector */
	enum { ZOOM_NONE, ZOOM_ONE, ZOOM_BOTH } zoom; /* BOTH: inspectors */
	int left_share, top_share; /* percent of the screen; 0: nobody has moved the border */
	bool mouse;
	unsigned long visits; /* links followed and commands typed so far */
	unsigned generation;  /* of the shell, when that was looked at last */
	bool all_vars, no_inlined; /* what the backtrace shows */
	uint64_t followed;    /* task_struct whose stack was last asked for */
	uint64_t cursor_task; /* task_struct under the cursor of the tasks when that was looked at
				 last */
	char *task_filter;    /* words of `ps`; NULL: none */

	struct prompt prompt;
	bool prompting, search_backward;
	struct history history;
	struct completer completer;
	struct describer describer; /* of what is under the cursor */
	size_t origin_row, origin_top; /* of the view, when a search began */
	char *origin_text;	       /* its search or filter then */
	uint8_t *origin_folds;
	size_t origin_nrows;
	char *last_search;

	keysym pending[KEYMAP_MAX_KEYS];
	size_t npending;
	uint64_t pending_until; /* then what is pending runs as it is; 0: it waits for the next key
				 */
	unsigned count;		/* typed before a command; 0: none */
	bool wants_key;		/* what the next keys do is to be told, not done */
	char *wants_letter;	/* the command that the next key completes; NULL: none */

	struct {
		enum style style;
		char *text;
	} messages[MESSAGES];
	size_t nmessages; /* ever said; the last MESSAGES are kept */
	uint64_t message_until;

	struct {
		uint64_t when;
		const struct pane *pane;
		int y;
	} click; /* the last one */
	char *yanked; /* the internal register */

	bool dirty, quit, more, active;
	unsigned long keys_read, signals_read; /* for the idle message */
	uint64_t shown_progress;
	bool progress_on; /* the last line told of one when it was painted last */
	int status; /* exit status */
	struct err *error;
};

/* Runs until the user quits. Returns the exit status; *why: an error to be told once the terminal
 * is itself again (the caller's), or NULL. */
int app_main(const struct app_options *o, struct err **why);

/* ---- loop (app.c) ---- */
/* The pane that has the keyboard: the overlay, or one of the four. */
struct pane *app_pane(struct app *a);
/* Its view; NULL: none. */
struct view *app_view(struct app *a);
void app_focus(struct app *a, enum pane_id id);
/* Runs a command line into a pane. */
struct view *app_run(struct app *a, enum pane_id id, const char *line, const char *crumbs,
		     bool push);
/* The same for a view that is there already. */
void app_show(struct app *a, enum pane_id id, struct view *v, bool push);
/* The inspector that links and commands open in. */
enum pane_id app_inspector(const struct app *a);

/* ---- keys (keys.c) ---- */
void app_key(struct app *a, keysym k);
void app_key_timeout(struct app *a);
#define APP_SCOPES 6
void app_scopes(struct app *a, const char *scopes[APP_SCOPES]);

/* ---- messages (messages.c) ---- */
void app_say(struct app *a, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Says and ends the error. */
void app_say_error(struct app *a, struct err *e);
/* The message that is to be seen now; NULL: none. */
const char *app_message(const struct app *a, enum style *style);

/* ---- going places (nav.c) ---- */
void nav_follow(struct app *a);
void nav_open_ref(struct app *a, const struct ref *r, const char *label);
void nav_back(struct app *a);
void nav_forward(struct app *a);
void nav_reload(struct app *a);
/* Runs the commands of all panes again when something has come that makes answers better. */
void nav_settle_generation(struct app *a);
/* To be called before a pane shows something else: keeps what belongs to the visit. */
void visit_leave(struct app *a, struct pane *p);
/* The backtrace anew, by all_vars and no_inlined, at the same frame. */
void nav_stack(struct app *a);
/* Brings what depends on cursors up to date: the stack of the task, the frame of the context. */
void nav_settle(struct app *a);
void nav_load_tasks(struct app *a);

/* ---- the thing under the cursor (thing.c) ---- */
bool thing_under_cursor(struct app *a, struct ref *ret);
/* Opens what the engine knows about it. */
void thing_identify(struct app *a);
void thing_settle(struct app *a);

/* ---- bytes (hexview.c) ---- */
void nav_hex(struct app *a);
/* The next size of words in a view of memory. */
void hex_words(struct app *a);

/* ---- two inspectors (split.c) ---- */
void split_open(struct app *a);
void split_close(struct app *a);
/* Follows the link in the inspector that hasn't the keyboard. */
void split_follow(struct app *a);
/* What differs between the object here and the other inspector's, or that of a mark's letter. */
void split_compare(struct app *a, const char *letter);
/* Moves the borders between the panes by so many steps to the right and down. */
void split_move(struct app *a, int right, int down);

/* ---- marks (mark.c) ---- */
/* "a", "a note" */
void mark_set(struct app *a, const char *arg);
void mark_jump(struct app *a, const char *arg);

/* ---- prompt (prompt_ui.c) ---- */
void prompt_open(struct app *a, char kind, const char *text);
void prompt_close(struct app *a);
void prompt_action(struct app *a, const char *what);
void prompt_typed(struct app *a, keysym k);
/* Completions may have come. True if something is to be drawn. */
bool prompt_settle(struct app *a);
/* Tells how a search went that somebody asked for. */
void app_announce(struct app *a, struct view *v);
void app_find_next(struct app *a, bool reverse);
void app_search(struct app *a, const char *text, bool backward);
void app_filter(struct app *a, const char *text);

/* ---- lists over the panes (help.c) ---- */
void help_keys(struct app *a);
void help_messages(struct app *a);
/* The command lines typed before; Enter runs one again. */
void help_history(struct app *a);
void help_warnings(struct app *a);
void help_details(struct app *a);
size_t help_warning_count(struct app *a);

/* ---- the rest ---- */
void layout_panes(struct app *a, int h, int w);
void paint(struct app *a);
void yank(struct app *a, const char *what);
void mouse_input(struct app *a, const struct input *in);

#endif

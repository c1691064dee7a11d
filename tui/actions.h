/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the screen itself can do, by name: keys are bound to these and to the engine's commands, and
 * both can be typed after `:`. One table; help, completion and the check of keymaps read it.
 *
 * Thread: ui.
 */
#ifndef TUI_ACTIONS_H
#define TUI_ACTIONS_H

#include "tui/app.h"

struct action {
	const char *name;
	const char *args; /* words that may follow, separated by '|'; upper case stands for
			     something; NULL: none */
	const char *summary;
	void (*run)(struct app *a, const char *arg); /* arg: the rest of the line; never NULL */
	void (*plain)(struct app *a); /* instead, where nothing may follow */
};

/* i-th; NULL at the end. */
const struct action *action_at(size_t i);
const struct action *action_find(const char *name);
/* arg: what follows the name; "": nothing does. */
void action_run(struct app *a, const struct action *x, const char *arg);
/* Names of all actions and commands, for keymaps. */
extern const struct keymap_names action_names;

/* Runs a line: an action, or a command of the engine, whose answer goes into the inspector. %ref
 * %addr %task %cell %line stand for what is under the cursor. */
void command_run(struct app *a, const char *line);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * When the program itself dies: the terminal is given back, what was held of stderr is shown, and
 * the signal goes its way.
 *
 * Thread: ui to set up; the handler runs wherever the fault is.
 */
#ifndef TUI_CRASH_H
#define TUI_CRASH_H

/* Catches SIGSEGV, SIGBUS, SIGABRT, SIGILL and SIGFPE. */
void crash_catch(void);
/* stderr is held back in `held` and really goes to `real`; -1: it isn't held. */
void crash_stderr(int held, int real);
/* Copies a file from its start to fd, with async-signal-safe calls only. */
void crash_copy(int from, int to);

#endif

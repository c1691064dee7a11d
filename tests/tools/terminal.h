/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A program in a terminal that only exists in memory: a pty with libvterm behind it. Waiting is for the
 * program's own idle signal (VMBROWSE_IDLE_FD), never for a clock; a program that doesn't become idle in
 * TERMINAL_LIMIT seconds has failed.
 *
 * Thread: one.
 */
#ifndef TESTS_TERMINAL_H
#define TESTS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TERMINAL_LIMIT 120

struct terminal;

/* argv[0] is the program; env: "NAME=VALUE" strings set in the child, NULL-terminated. */
struct terminal *terminal_start(char *const *argv, const char *const *env, int cols, int rows);
/* A screen without a program; terminal_show() puts bytes on it. */
struct terminal *terminal_blank(int cols, int rows);
void terminal_show(struct terminal *t, const char *bytes, size_t n);
void terminal_end(struct terminal *t);
void terminal_send(struct terminal *t, const char *bytes, size_t n);
void terminal_resize(struct terminal *t, int cols, int rows);
void terminal_signal(struct terminal *t, int sig);
/* Until the program says that it is idle and has handled every key and signal sent so far, or has ended. False: it
 * didn't within the limit. */
bool terminal_wait_idle(struct terminal *t);
/* Until it has ended; *status as from waitpid. */
bool terminal_wait_exit(struct terminal *t, int *status);
bool terminal_ended(const struct terminal *t);
pid_t terminal_pid(const struct terminal *t);

int terminal_rows(const struct terminal *t);
/* A row's text, without trailing blanks; the caller frees. */
char *terminal_row(const struct terminal *t, int row);
/* The whole screen, rows ended by newlines; the caller frees. */
char *terminal_text(const struct terminal *t);
/* Does any cell have a colour of its own? */
bool terminal_has_colour(const struct terminal *t);
/* Bytes that arrived so far (for what isn't on the screen: OSC 52). Borrowed. */
const char *terminal_raw(const struct terminal *t, size_t *n);
/* When they arrived: each read from the pty, by terminal_clock(), with the bytes that there were then.
 * Borrowed. For the benchmark. */
struct terminal_chunk {
	uint64_t ns;
	size_t end;
};
const struct terminal_chunk *terminal_chunks(const struct terminal *t, size_t *n);
/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t terminal_clock(void);
/* Takes what there is, waiting at most `ms` for something. True when it is idle or has ended. */
bool terminal_look(struct terminal *t, int ms);
/* Writes the screen as a picture. */
bool terminal_svg(const struct terminal *t, const char *path, const char *title);

#endif

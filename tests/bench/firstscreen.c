/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Times the screen through a pty, from before exec. Prints one JSON object.
 *
 * firstscreen [-j KEYS]... [-k COUNT] PROGRAM ARGS...
 *
 *   first_ms   the last byte after which the header and the pane of tasks are as they stay
 *   frames_ms  the last byte after which the pane of the stack is as it stays, with a frame's file:line
 *   idle_ms    the program says that nothing is left to do
 *   rss_anon_kb  its anonymous memory then
 *   keys_ms    -k: COUNT times "j" in the tasks, from the key to the byte that moved the cursor, while
 *              what -j typed (once more whenever it has ended) runs; keys_busy: how many of them
 *              found it running
 *
 * What "stays" means is known only at the end: the bytes are kept with the time each read brought
 * them, and are put on a second screen one read after the other until the region looks as it does
 * in the end.
 */
#include "tests/tools/terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COLS = 120, ROWS = 40, MAX_JOBS = 16, PAUSE_MS = 40, KEY_LIMIT_MS = 2000, KEY_FAILURES = 3 };

struct region {
	int top, bottom, left, right; /* bottom and right are not in it */
};

/* Bytes of the first n characters. */
static size_t prefix(const char *s, int n)
{
	size_t i = 0;

	while (s[i] && n > 0) {
		i++;
		while ((s[i] & 0xc0) == 0x80)
			i++;
		n--;
	}
	return i;
}

static int column(const char *row, const char *at)
{
	int n = 0;

	for (; row < at; row++)
		n += (*row & 0xc0) != 0x80;
	return n;
}

/* The region's text; the caller frees. */
static char *region_text(const struct terminal *t, struct region r)
{
	char *all = calloc(1, (size_t)(r.bottom - r.top) * COLS * 8 + 1);
	size_t n = 0;

	for (int y = r.top; y < r.bottom; y++) {
		char *row = terminal_row(t, y);
		size_t from = prefix(row, r.left), to = prefix(row, r.right);
		memcpy(all + n, row + from, to - from);
		n += to - from;
		while (n && all[n - 1] == ' ')
			n--;
		all[n++] = '\n';
		free(row);
	}
	return all;
}

/* Where the panes are, by their titles. */
static bool find_panes(const struct terminal *t, struct region *tasks, struct region *stack)
{
	int middle = 0, bottom = 0;

	for (int y = 0; y < ROWS; y++) {
		char *row = terminal_row(t, y), *at = strstr(row, " Backtrace");
		if (at && y < 3)
			middle = column(row, at);
		if (strstr(row, " Inspector") && !bottom)
			bottom = y;
		free(row);
	}
	*tasks = (struct region){0, bottom, 0, middle - 2};
	*stack = (struct region){1, bottom, middle, COLS};
	return middle > 2 && bottom > 2;
}

/* When the region came to look as it does now; 0: never. */
static uint64_t settled_at(const struct terminal *t, struct region r)
{
	size_t nchunks, nraw, from = 0;
	const struct terminal_chunk *c = terminal_chunks(t, &nchunks);
	const char *raw = terminal_raw(t, &nraw);
	struct terminal *again = terminal_blank(COLS, ROWS);
	char *want = region_text(t, r);
	uint64_t when = 0;

	for (size_t i = 0; i < nchunks; i++) {
		terminal_show(again, raw + from, c[i].end - from);
		from = c[i].end;
		char *have = region_text(again, r);
		bool same = !strcmp(have, want);
		when = !same ? 0 : when ? when : c[i].ns;
		free(have);
	}
	free(want);
	terminal_end(again);
	return when;
}

static long rss_anon_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = -1;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "RssAnon: %ld kB", &kb);
	if (f)
		fclose(f);
	return kb;
}

static void rest(struct terminal *t, int ms, bool *idle)
{
	uint64_t end = terminal_clock() + (uint64_t)ms * 1000000u;

	while (terminal_clock() < end)
		*idle |= terminal_look(t, 5);
}

/* One "j"; the milliseconds until the tasks looked different, negative: they never did. */
static double press(struct terminal *t, struct region tasks, bool *idle)
{
	char *before = region_text(t, tasks);
	uint64_t began = terminal_clock(), end = began + KEY_LIMIT_MS * 1000000ull, now = began;
	bool moved = false;

	terminal_send(t, "j", 1);
	*idle = false;
	while (!moved && (now = terminal_clock()) < end) {
		*idle |= terminal_look(t, 1000);
		size_t n;
		const struct terminal_chunk *c = terminal_chunks(t, &n);
		now = c[n - 1].ns;
		char *have = region_text(t, tasks);
		moved = strcmp(have, before) != 0;
		free(have);
	}
	free(before);
	return moved ? (double)(now - began) / 1e6 : -1;
}

static void keys(struct terminal *t, struct region tasks, char *const *jobs, int njobs, int count)
{
	bool idle = true;
	int busy = 0, failed = 0;

	printf(", \"keys_ms\": [");
	for (int i = 0; i < count && failed < KEY_FAILURES && !terminal_ended(t); i++) {
		for (int j = 0; idle && j < njobs; j++)
			terminal_send(t, jobs[j], strlen(jobs[j]));
		if (idle)
			rest(t, 4 * PAUSE_MS, &idle);
		idle = false;
		rest(t, PAUSE_MS + i % 7, &idle);
		double ms = press(t, tasks, &idle);
		busy += !idle;
		failed += ms < 0;
		printf("%s%.3f", i ? ", " : "", ms);
	}
	printf("], \"keys_busy\": %d", busy);
}

static double since(uint64_t began, uint64_t when)
{
	return when ? (double)(when - began) / 1e6 : -1;
}

static bool has_line(const struct terminal *t, struct region stack)
{
	char *text = region_text(t, stack);
	bool found = false;

	for (char *p = text; (p = strpbrk(p, ":")) && !found; p++)
		found = p > text + 2 && p[-2] == '.' && strchr("chS", p[-1]) && p[1] >= '0' && p[1] <= '9';
	free(text);
	return found;
}

int main(int argc, char **argv)
{
	static const char *const env[] = {NULL};
	char *jobs[MAX_JOBS];
	int njobs = 0, count = 0, c;
	struct region tasks, stack;

	while ((c = getopt(argc, argv, "+j:k:")) != -1) {
		if (c == 'j' && njobs < MAX_JOBS)
			jobs[njobs++] = optarg;
		else if (c == 'k')
			count = atoi(optarg);
		else
			return 2;
	}
	if (optind >= argc) {
		fprintf(stderr, "usage: firstscreen [-j KEYS]... [-k COUNT] PROGRAM ARGS...\n");
		return 2;
	}
	uint64_t began = terminal_clock();
	struct terminal *t = terminal_start(argv + optind, env, COLS, ROWS);
	bool ok = t && terminal_wait_idle(t) && !terminal_ended(t);
	uint64_t idle = terminal_clock();
	ok = ok && find_panes(t, &tasks, &stack);
	if (!ok) {
		char *text = t ? terminal_text(t) : NULL;
		fprintf(stderr, "firstscreen: no screen of tasks came up\n%s", text ? text : "");
		free(text);
		terminal_end(t);
		return 1;
	}
	printf("{\"first_ms\": %.2f, \"frames_ms\": %.2f, \"idle_ms\": %.2f, \"rss_anon_kb\": %ld",
	       since(began, settled_at(t, tasks)),
	       has_line(t, stack) ? since(began, settled_at(t, stack)) : -1, since(began, idle),
	       rss_anon_kb(terminal_pid(t)));
	if (count)
		keys(t, tasks, jobs, njobs, count);
	printf("}\n");
	terminal_end(t);
	return 0;
}

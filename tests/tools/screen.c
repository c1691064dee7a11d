/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs screen tests: scripts of keys to press and of what must then be seen, each against the real
 * program in a pty. Prints TAP, a line a script; a failure shows the line and the screen.
 *
 * screen [-s DIR] PROGRAM SCRIPT...     -s: also write the pictures that `snap` asks for into DIR
 *
 * A script is lines of
 *   size 80x24             before `run`; that is the default
 *   env NAME=VALUE         before `run`
 *   run ARGS               starts the program; $NAME is taken from the environment; again after it has ended
 *   keys KEYS              presses keys, e.g. /dd<Enter><Tab>; then waits until the program is idle;
 *                          <$NAME> types what is in the environment
 *   type KEYS              the same without waiting: the program is busy when the next line runs
 *   idle                   waits until it is idle
 *   resize 40x10           changes the size, waits
 *   signal TERM            sends a signal
 *   expect TEXT            TEXT is somewhere on the screen
 *   absent TEXT            it isn't
 *   match REGEX            a row matches (POSIX extended)
 *   row N TEXT             row N (0 is the top, -1 the bottom) holds TEXT
 *   keep NAME              remembers the screen without its last row
 *   same NAME              the screen is what it was then
 *   mono / colour          no cell has a colour / some cell has one
 *   raw TEXT               the program has sent TEXT to the terminal (escapes: \e \a)
 *   actions N              at most N key actions so far: a prompt (/ & :) with its text and Enter is one
 *   memory MB              the program's anonymous memory (RssAnon) is below MB; three times that with ASan
 *   exits STATUS           it has ended, or ends now, with that exit status
 *   snap NAME              writes NAME.svg and NAME.txt
 *   skip-unless NAME       skips the script when the environment variable isn't set
 * Empty lines and lines with # in front are prose.
 */
#include "tests/tools/terminal.h"
#include <ctype.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#define KEPT 32

struct script {
	const char *program, *path, *snap_dir;
	struct terminal *t;
	const char *env[32];
	int nenv, cols, rows, line, actions;
	bool in_prompt, skipped;
	struct {
		char name[32], *text;
	} kept[KEPT];
	int nkept;
	char why[512];
};

static bool fail(struct script *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct script *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	return false;
}

/* ---- keys ---- */

static const struct {
	const char *name, *bytes;
} named_keys[] = {
	{"Enter", "\r"}, {"Tab", "\t"}, {"S-Tab", "\033[Z"}, {"Esc", "\033"}, {"BS", "\177"}, {"Space", " "},
	{"lt", "<"}, {"Up", "\033OA"}, {"Down", "\033OB"}, {"Right", "\033OC"}, {"Left", "\033OD"},
	{"Home", "\033OH"}, {"End", "\033OF"}, {"PageUp", "\033[5~"}, {"PageDown", "\033[6~"},
	{"F1", "\033OP"}, {"Del", "\033[3~"}, {"M-Left", "\033[1;3D"}, {"M-Right", "\033[1;3C"},
};

/* One key of *p into out; returns the bytes, 0 for an unknown name. */
static size_t next_key(const char **p, char *out, bool *enter)
{
	const char *end;

	*enter = false;
	if (**p != '<' || !(end = strchr(*p, '>'))) {
		*out = *(*p)++;
		return 1;
	}
	size_t n = (size_t)(end - *p - 1);
	const char *name = *p + 1;
	*p = end + 1;
	if (n == 3 && !strncmp(name, "C-", 2)) {
		*out = (char)(name[2] & 0x1f);
		return 1;
	}
	if (n == 3 && !strncmp(name, "M-", 2)) {
		out[0] = '\033';
		out[1] = name[2];
		return 2;
	}
	for (size_t i = 0; i < sizeof(named_keys) / sizeof(*named_keys); i++)
		if (strlen(named_keys[i].name) == n && !strncmp(named_keys[i].name, name, n)) {
			*enter = !strcmp(named_keys[i].name, "Enter") || !strcmp(named_keys[i].name, "Esc");
			strcpy(out, named_keys[i].bytes);
			return strlen(out);
		}
	return 0;
}

/* A prompt with its text and Enter is one action, as a word that is searched for is one thought. */
static void count_action(struct script *s, char first, bool enter)
{
	if (s->in_prompt) {
		s->in_prompt = !enter;
		return;
	}
	s->actions++;
	s->in_prompt = strchr("/&:", first) != NULL;
}

/* "<$NAME>..." becomes the value and what follows; NULL: no such variable. */
static char *with_value(const char *keys)
{
	const char *end = strchr(keys, '>');
	char name[64], *all = NULL;

	snprintf(name, sizeof(name), "%.*s", end ? (int)(end - keys - 2) : 0, keys + 2);
	const char *value = getenv(name);
	return value && asprintf(&all, "%s%s", value, end + 1) > 0 ? all : NULL;
}

static bool press(struct script *s, const char *keys)
{
	char bytes[4096], *from = strstr(keys, "<$");
	size_t n = 0;

	if (from) {
		char *rest = with_value(from), all[4096];
		if (!rest)
			return fail(s, "%s is not set", from);
		snprintf(all, sizeof(all), "%.*s%s", (int)(from - keys), keys, rest);
		free(rest);
		return press(s, all);
	}
	while (*keys && n < sizeof(bytes) - 16) {
		bool enter;
		size_t len = next_key(&keys, bytes + n, &enter);
		if (!len)
			return fail(s, "unknown key before '%s'", keys);
		count_action(s, bytes[n], enter);
		n += len;
	}
	terminal_send(s->t, bytes, n);
	return true;
}

static bool settle(struct script *s)
{
	return terminal_wait_idle(s->t) || fail(s, "the program did not become idle");
}

/* ---- what a line does ---- */

static bool parse_size(struct script *s, const char *arg)
{
	return sscanf(arg, "%dx%d", &s->cols, &s->rows) == 2 || fail(s, "expected COLUMNSxROWS");
}

static bool do_run(struct script *s, char *arg)
{
	char *argv[32] = {(char *)(size_t)s->program};
	int n = 1;

	for (char *w = strtok(arg, " "); w && n < 31; w = strtok(NULL, " ")) {
		if (*w == '$' && !getenv(w + 1))
			return fail(s, "%s is not set", w + 1);
		argv[n++] = *w == '$' ? getenv(w + 1) : w;
	}
	terminal_end(s->t);
	s->t = terminal_start(argv, s->env, s->cols, s->rows);
	return (s->t && settle(s)) || fail(s, "the program did not start");
}

static bool holds(struct script *s, const char *text)
{
	char *all = terminal_text(s->t);
	bool found = strstr(all, text) != NULL;
	free(all);
	return found;
}

static bool do_match(struct script *s, const char *regex)
{
	regex_t re;
	bool found = false;

	if (regcomp(&re, regex, REG_EXTENDED | REG_NOSUB))
		return fail(s, "bad pattern");
	for (int i = 0; i < terminal_rows(s->t) && !found; i++) {
		char *row = terminal_row(s->t, i);
		found = !regexec(&re, row, 0, NULL, 0);
		free(row);
	}
	regfree(&re);
	return found || fail(s, "no row matches");
}

static bool do_row(struct script *s, const char *arg)
{
	char *text;
	long n = strtol(arg, &text, 10);
	char *row = terminal_row(s->t, (int)(n < 0 ? terminal_rows(s->t) + n : n));
	bool found = strstr(row, text + strspn(text, " ")) != NULL;

	free(row);
	return found || fail(s, "the row doesn't hold it");
}

static char *screen_above_last(struct script *s)
{
	char *all = terminal_text(s->t), *end = all + strlen(all);

	if (end > all && end[-1] == '\n')
		*--end = '\0';
	char *last = strrchr(all, '\n');
	if (last)
		*last = '\0';
	return all;
}

static bool do_keep(struct script *s, const char *name)
{
	if (s->nkept == KEPT)
		return fail(s, "too many are kept");
	snprintf(s->kept[s->nkept].name, sizeof(s->kept[0].name), "%s", name);
	s->kept[s->nkept++].text = screen_above_last(s);
	return true;
}

static bool do_same(struct script *s, const char *name)
{
	for (int i = s->nkept; i-- > 0;) {
		if (strcmp(s->kept[i].name, name))
			continue;
		char *now = screen_above_last(s);
		const char *was = s->kept[i].text;
		size_t n = 0, row = 0;
		for (size_t at = 0; now[at] && now[at] == was[at]; at++)
			if (now[at] == '\n') {
				n = at + 1;
				row++;
			}
		bool same = !strcmp(now, was);
		free(now);
		return same || fail(s, "row %zu was: %.*s", row, (int)strcspn(was + n, "\n"), was + n);
	}
	return fail(s, "nothing of that name was kept");
}

static bool do_raw(struct script *s, const char *arg)
{
	char want[512];
	size_t n = 0, have;

	for (; *arg && n < sizeof(want) - 1; arg++) {
		if (*arg == '\\' && arg[1]) {
			arg++;
			want[n++] = *arg == 'e' ? '\033' : *arg == 'a' ? '\a' : *arg;
		} else {
			want[n++] = *arg;
		}
	}
	const char *raw = terminal_raw(s->t, &have);
	return memmem(raw, have, want, n) || fail(s, "it wasn't sent");
}

/* ASan's bookkeeping and the memory that it keeps from being used again are a multiple of the program's. */
static bool has_sanitizer(const struct script *s)
{
	char path[64], line[512];
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)terminal_pid(s->t));
	FILE *f = fopen(path, "r");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "libasan") != NULL;
	if (f)
		fclose(f);
	return found;
}

static bool do_memory(struct script *s, const char *arg)
{
	char path[64], line[256];
	long limit = atol(arg) * (has_sanitizer(s) ? 3 : 1), kb = -1;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)terminal_pid(s->t));
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "RssAnon: %ld kB", &kb);
	if (f)
		fclose(f);
	printf("# %s: RssAnon %ld kB\n", s->path, kb);
	return (kb >= 0 && kb < limit * 1024) || fail(s, "RssAnon is %ld kB", kb);
}

static bool do_exits(struct script *s, const char *arg)
{
	int status;

	if (!terminal_wait_exit(s->t, &status))
		return fail(s, "it doesn't end");
	if (WIFSIGNALED(status))
		return fail(s, "it was ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status) == atoi(arg) || fail(s, "its exit status is %d", WEXITSTATUS(status));
}

static bool do_signal(struct script *s, const char *arg)
{
	static const struct {
		const char *name;
		int sig;
	} v[] = {{"TERM", SIGTERM}, {"HUP", SIGHUP}, {"INT", SIGINT}, {"CONT", SIGCONT}, {"WINCH", SIGWINCH}};

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		if (!strcmp(v[i].name, arg)) {
			terminal_signal(s->t, v[i].sig);
			return true;
		}
	return fail(s, "unknown signal");
}

static bool do_snap(struct script *s, const char *name)
{
	char path[512];

	if (!s->snap_dir)
		return true;
	snprintf(path, sizeof(path), "%s/%s.svg", s->snap_dir, name);
	if (!terminal_svg(s->t, path, name))
		return fail(s, "can't write %s", path);
	snprintf(path, sizeof(path), "%s/%s.txt", s->snap_dir, name);
	FILE *f = fopen(path, "w");
	char *all = terminal_text(s->t);
	bool ok = f && fputs(all, f) >= 0;
	free(all);
	return (f && fclose(f) == 0 && ok) || fail(s, "can't write %s", path);
}

static bool before_run(struct script *s, const char *verb, char *arg, bool *known)
{
	*known = true;
	if (!strcmp(verb, "size"))
		return parse_size(s, arg);
	if (!strcmp(verb, "env") && s->nenv < 31) {
		s->env[s->nenv++] = strdup(arg);
		return true;
	}
	if (!strcmp(verb, "skip-unless")) {
		s->skipped |= !getenv(arg);
		return true;
	}
	if (!strcmp(verb, "run"))
		return do_run(s, arg);
	*known = false;
	return true;
}

static bool after_run(struct script *s, const char *verb, char *arg)
{
	if (!strcmp(verb, "keys"))
		return press(s, arg) && settle(s);
	if (!strcmp(verb, "type"))
		return press(s, arg);
	if (!strcmp(verb, "idle"))
		return settle(s);
	if (!strcmp(verb, "resize"))
		return parse_size(s, arg) && (terminal_resize(s->t, s->cols, s->rows), settle(s));
	if (!strcmp(verb, "signal"))
		return do_signal(s, arg);
	if (!strcmp(verb, "expect"))
		return holds(s, arg) || fail(s, "it isn't on the screen");
	if (!strcmp(verb, "absent"))
		return !holds(s, arg) || fail(s, "it is on the screen");
	if (!strcmp(verb, "match"))
		return do_match(s, arg);
	if (!strcmp(verb, "row"))
		return do_row(s, arg);
	if (!strcmp(verb, "keep"))
		return do_keep(s, arg);
	if (!strcmp(verb, "same"))
		return do_same(s, arg);
	if (!strcmp(verb, "mono"))
		return !terminal_has_colour(s->t) || fail(s, "there are colours");
	if (!strcmp(verb, "colour"))
		return terminal_has_colour(s->t) || fail(s, "there is no colour");
	if (!strcmp(verb, "raw"))
		return do_raw(s, arg);
	if (!strcmp(verb, "actions"))
		return s->actions <= atoi(arg) || fail(s, "there were %d key actions", s->actions);
	if (!strcmp(verb, "memory"))
		return do_memory(s, arg);
	if (!strcmp(verb, "exits"))
		return do_exits(s, arg);
	if (!strcmp(verb, "snap"))
		return do_snap(s, arg);
	return fail(s, "unknown word '%s'", verb);
}

static bool do_line(struct script *s, char *line)
{
	bool known;
	char *arg = line + strcspn(line, " ");

	if (*arg)
		*arg++ = '\0';
	bool ok = before_run(s, line, arg, &known);
	if (known)
		return ok;
	if (!s->t)
		return fail(s, "`run` must come first");
	return after_run(s, line, arg);
}

static void report(const struct script *s, int number, bool ok, const char *line)
{
	printf("%sok %d - %s%s\n", ok ? "" : "not ", number, s->path, s->skipped ? " # SKIP" : "");
	if (ok)
		return;
	printf("# line %d: %s\n# %s\n", s->line, line, s->why);
	if (!s->t)
		return;
	char *all = terminal_text(s->t);
	for (char *row = strtok(all, "\n"); row; row = strtok(NULL, "\n"))
		printf("# |%s\n", row);
	free(all);
}

static bool run_script(const char *program, const char *path, const char *snap_dir, int number)
{
	struct script s = {.program = program, .path = path, .snap_dir = snap_dir, .cols = 80, .rows = 24};
	char line[4096] = "", copy[4096];
	FILE *f = fopen(path, "r");
	bool ok = f != NULL || fail(&s, "can't be read");

	while (ok && !s.skipped && f && fgets(line, sizeof(line), f)) {
		s.line++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0' || line[0] == '#')
			continue;
		strcpy(copy, line);
		ok = do_line(&s, copy);
	}
	if (f)
		fclose(f);
	report(&s, number, ok, line);
	fflush(stdout);
	terminal_end(s.t);
	for (int i = 0; i < s.nenv; i++)
		free((char *)(size_t)s.env[i]);
	for (int i = 0; i < s.nkept; i++)
		free(s.kept[i].text);
	return ok;
}

int main(int argc, char **argv)
{
	const char *snap_dir = NULL;
	int first = 1, failed = 0;

	if (argc > 2 && !strcmp(argv[1], "-s")) {
		snap_dir = argv[2];
		first = 3;
	}
	if (argc < first + 2) {
		fprintf(stderr, "usage: screen [-s DIR] PROGRAM SCRIPT...\n");
		return 2;
	}
	printf("1..%d\n", argc - first - 1);
	for (int i = first + 1; i < argc; i++)
		failed += !run_script(argv[first], argv[i], snap_dir, i - first);
	return failed ? 1 : 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/tools/terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vterm.h>

struct terminal {
	pid_t pid;
	int pty, idle; /* idle: the reading end of the program's idle pipe; -1 after its end */
	bool ended;
	int status;
	VTerm *vt;
	VTermScreen *screen;
	int cols, rows;
	char *raw;
	size_t nraw, raw_cap;
	struct terminal_chunk *chunks;
	size_t nchunks, chunk_cap;
	char told[64]; /* the idle message that is being read */
	size_t ntold;
	unsigned long keys, signals; /* sent to the program */
};

static void answer(const char *s, size_t len, void *user)
{
	struct terminal *t = user;
	if (write(t->pty, s, len) < 0)
		return; /* the program has gone: poll will tell */
}

static void child(char *const *argv, const char *const *env, int idle_fd)
{
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", idle_fd);
	setenv("VMBROWSE_IDLE_FD", fd, 1);
	setenv("TERM", "xterm-256color", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	unsetenv("NO_COLOR");
	unsetenv("TMUX");
	for (; *env; env++)
		putenv((char *)(size_t)*env);
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

struct terminal *terminal_blank(int cols, int rows)
{
	struct terminal *t = calloc(1, sizeof(*t));

	t->pid = -1;
	t->pty = t->idle = -1;
	t->ended = true;
	t->cols = cols;
	t->rows = rows;
	t->vt = vterm_new(rows, cols);
	vterm_set_utf8(t->vt, 1);
	t->screen = vterm_obtain_screen(t->vt);
	vterm_screen_enable_altscreen(t->screen, 1);
	vterm_screen_reset(t->screen, 1);
	return t;
}

void terminal_show(struct terminal *t, const char *bytes, size_t n)
{
	vterm_input_write(t->vt, bytes, n);
	vterm_screen_flush_damage(t->screen);
}

struct terminal *terminal_start(char *const *argv, const char *const *env, int cols, int rows)
{
	struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
	int fds[2];

	if (pipe(fds))
		return NULL;
	struct terminal *t = terminal_blank(cols, rows);
	t->ended = false;
	t->pid = forkpty(&t->pty, NULL, NULL, &ws);
	if (t->pid == 0) {
		close(fds[0]);
		child(argv, env, fds[1]);
	}
	close(fds[1]);
	t->idle = fds[0];
	fcntl(t->idle, F_SETFL, O_NONBLOCK);
	fcntl(t->pty, F_SETFL, O_NONBLOCK);
	vterm_output_set_callback(t->vt, answer, t);
	return t;
}

static void reap(struct terminal *t, int flags)
{
	if (!t->ended && waitpid(t->pid, &t->status, flags) == t->pid)
		t->ended = true;
}

void terminal_end(struct terminal *t)
{
	if (!t)
		return;
	if (!t->ended) {
		kill(t->pid, SIGKILL);
		reap(t, 0);
	}
	if (t->pty >= 0)
		close(t->pty);
	if (t->idle >= 0)
		close(t->idle);
	vterm_free(t->vt);
	free(t->raw);
	free(t->chunks);
	free(t);
}

uint64_t terminal_clock(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void note_chunk(struct terminal *t)
{
	if (t->nchunks == t->chunk_cap) {
		t->chunk_cap = t->chunk_cap * 2 + 64;
		t->chunks = realloc(t->chunks, t->chunk_cap * sizeof(*t->chunks));
	}
	t->chunks[t->nchunks++] = (struct terminal_chunk){terminal_clock(), t->nraw};
}

/* What the program has written goes to the screen. False at its end. */
static bool drain(struct terminal *t)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(t->pty, buf, sizeof(buf))) > 0) {
		if (t->nraw + (size_t)n > t->raw_cap) {
			t->raw_cap = (t->nraw + (size_t)n) * 2;
			t->raw = realloc(t->raw, t->raw_cap);
		}
		memcpy(t->raw + t->nraw, buf, (size_t)n);
		t->nraw += (size_t)n;
		note_chunk(t);
		vterm_input_write(t->vt, buf, (size_t)n);
	}
	vterm_screen_flush_damage(t->screen);
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Reads idle messages, "KEYS SIGNALS" a line: what the program had handled when it became idle. True when one
 * of them counts all that was sent. */
static bool read_idle(struct terminal *t)
{
	unsigned long keys, signals;
	bool all = false;
	ssize_t n;
	char c;

	while (t->idle >= 0 && (n = read(t->idle, &c, 1)) >= 0) {
		if (n == 0) {
			close(t->idle);
			t->idle = -1;
		} else if (c != '\n') {
			t->told[t->ntold] = c;
			t->ntold += t->ntold < sizeof(t->told) - 1;
		} else {
			t->told[t->ntold] = '\0';
			t->ntold = 0;
			if (sscanf(t->told, "%lu %lu", &keys, &signals) == 2)
				all = keys >= t->keys && signals >= t->signals;
		}
	}
	return all;
}

/* One look at both, after at most `ms`. True when it is idle or has ended. */
static bool pump_once(struct terminal *t, bool want_idle, int ms)
{
	struct pollfd p[2] = {{t->pty, POLLIN, 0}, {t->idle, POLLIN, 0}};

	poll(p, t->idle >= 0 ? 2 : 1, ms);
	bool idle = read_idle(t);
	bool open = drain(t); /* after the idle message: what was painted before it is there */
	if (idle && want_idle)
		return true;
	if (!open) {
		reap(t, want_idle ? WNOHANG : 0);
		return true;
	}
	return false;
}

/* Reads both until an idle byte came (if wanted) or the program ended. */
static bool pump(struct terminal *t, bool want_idle)
{
	uint64_t end = terminal_clock() + TERMINAL_LIMIT * 1000000000ull;

	while (terminal_clock() < end)
		if (pump_once(t, want_idle, 1000))
			return true;
	return false;
}

bool terminal_look(struct terminal *t, int ms)
{
	return pump_once(t, true, ms);
}

bool terminal_wait_idle(struct terminal *t)
{
	return pump(t, true);
}

bool terminal_wait_exit(struct terminal *t, int *status)
{
	if (!t->ended && (!pump(t, false) || (reap(t, 0), !t->ended)))
		return false;
	*status = t->status;
	return true;
}

/* The length of the key at the start: a character, Esc with a character, or a sequence of a function key. */
static size_t key_length(const char *s, size_t n)
{
	size_t i = 1;

	if (s[0] != '\033') {
		while (i < n && ((unsigned char)s[i] & 0xc0) == 0x80)
			i++;
		return i;
	}
	if (n < 2 || s[1] == '\033')
		return 1;
	if (s[1] == 'O' && n > 2)
		return 3;
	if (s[1] != '[')
		return 2;
	for (i = 2; i < n && (unsigned char)s[i] < 0x40; i++)
		;
	return i < n ? i + 1 : n;
}

void terminal_send(struct terminal *t, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i += key_length(bytes + i, n - i))
		t->keys++;
	while (n) {
		ssize_t w = write(t->pty, bytes, n);
		if (w < 0 && errno != EAGAIN && errno != EINTR)
			return;
		if (w > 0) {
			bytes += w;
			n -= (size_t)w;
		}
	}
}

void terminal_resize(struct terminal *t, int cols, int rows)
{
	struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};

	t->signals++;
	t->cols = cols;
	t->rows = rows;
	vterm_set_size(t->vt, rows, cols);
	ioctl(t->pty, TIOCSWINSZ, &ws);
}

void terminal_signal(struct terminal *t, int sig)
{
	t->signals++;
	kill(t->pid, sig);
}

bool terminal_ended(const struct terminal *t)
{
	return t->ended;
}

pid_t terminal_pid(const struct terminal *t)
{
	return t->pid;
}

int terminal_rows(const struct terminal *t)
{
	return t->rows;
}

static size_t put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static VTermScreenCell cell_at(const struct terminal *t, int row, int col)
{
	VTermScreenCell c;
	memset(&c, 0, sizeof(c));
	vterm_screen_get_cell(t->screen, (VTermPos){.row = row, .col = col}, &c);
	return c;
}

/* The characters of a cell, at least a blank; returns the bytes. */
static size_t cell_chars(const VTermScreenCell *c, char *to)
{
	size_t n = 0;

	if (!c->chars[0] || c->chars[0] == (uint32_t)-1)
		return c->chars[0] ? 0 : put_utf8(to, ' ');
	for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && c->chars[i]; i++)
		n += put_utf8(to + n, c->chars[i]);
	return n;
}

char *terminal_row(const struct terminal *t, int row)
{
	char *s = malloc((size_t)t->cols * 4 * VTERM_MAX_CHARS_PER_CELL + 1);
	size_t n = 0;

	for (int col = 0; col < t->cols; col++) {
		VTermScreenCell c = cell_at(t, row, col);
		n += cell_chars(&c, s + n);
	}
	while (n && s[n - 1] == ' ')
		n--;
	s[n] = '\0';
	return s;
}

char *terminal_text(const struct terminal *t)
{
	size_t n = 0, cap = 1;
	char *all = calloc(1, 1);

	for (int row = 0; row < t->rows; row++) {
		char *s = terminal_row(t, row);
		cap += strlen(s) + 1;
		all = realloc(all, cap);
		n += (size_t)sprintf(all + n, "%s\n", s);
		free(s);
	}
	return all;
}

const struct terminal_chunk *terminal_chunks(const struct terminal *t, size_t *n)
{
	*n = t->nchunks;
	return t->chunks;
}

const char *terminal_raw(const struct terminal *t, size_t *n)
{
	*n = t->nraw;
	return t->raw;
}

bool terminal_has_colour(const struct terminal *t)
{
	for (int row = 0; row < t->rows; row++)
		for (int col = 0; col < t->cols; col++) {
			VTermScreenCell c = cell_at(t, row, col);
			if (!VTERM_COLOR_IS_DEFAULT_FG(&c.fg) || !VTERM_COLOR_IS_DEFAULT_BG(&c.bg))
				return true;
		}
	return false;
}

/* ---- pictures ---- */

enum { CELL_W = 8, CELL_H = 17, MARGIN = 12 };
#define FOREGROUND 0xd6dbe2
#define BACKGROUND 0x171b22

/* The sixteen base colours, chosen to be read on the dark ground; others as the terminal has them. */
static const unsigned base16[16] = {0x3b4252, 0xe06c75, 0x98c379, 0xe5c07b, 0x61afef, 0xc678dd, 0x56b6c2, 0xc8ccd4,
				    0x7f8794, 0xff7b86, 0xb5e890, 0xffd68a, 0x84c4ff, 0xe2a0f5, 0x7fdbe6, 0xffffff};

/* The 256 colours as xterm has them (256colres.h): libvterm's own cube is darker than what people see. */
static unsigned xterm256(unsigned i)
{
	static const unsigned ramp[6] = {0, 95, 135, 175, 215, 255};

	if (i < 16)
		return base16[i];
	if (i >= 232)
		return (8 + 10 * (i - 232)) * 0x010101u;
	i -= 16;
	return ramp[i / 36] << 16 | ramp[i / 6 % 6] << 8 | ramp[i % 6];
}

static unsigned rgb(const struct terminal *t, VTermColor c, unsigned normal)
{
	if (VTERM_COLOR_IS_DEFAULT_FG(&c) || VTERM_COLOR_IS_DEFAULT_BG(&c))
		return normal;
	if (VTERM_COLOR_IS_INDEXED(&c))
		return xterm256(c.indexed.idx);
	vterm_screen_convert_color_to_rgb(t->screen, &c);
	return (unsigned)c.rgb.red << 16 | (unsigned)c.rgb.green << 8 | c.rgb.blue;
}

struct look {
	unsigned fg, bg;
	bool bold, underline, dim;
};

static struct look look_of(const struct terminal *t, const VTermScreenCell *c)
{
	struct look l = {rgb(t, c->fg, FOREGROUND), rgb(t, c->bg, BACKGROUND), c->attrs.bold, c->attrs.underline, false};

	if (c->attrs.reverse) {
		unsigned fg = l.fg;
		l.fg = l.bg;
		l.bg = fg;
	}
	return l;
}

static bool same_look(struct look a, struct look b)
{
	return a.fg == b.fg && a.bg == b.bg && a.bold == b.bold && a.underline == b.underline;
}

static void escape(FILE *f, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '<')
			fputs("&lt;", f);
		else if (s[i] == '&')
			fputs("&amp;", f);
		else
			fputc(s[i], f);
	}
}

static void svg_run(FILE *f, int row, int from, int to, struct look l, const char *s, size_t n)
{
	int x = MARGIN + from * CELL_W, y = MARGIN + row * CELL_H, w = (to - from) * CELL_W;
	bool blank = strspn(s, " ") >= n;

	if (l.bg != BACKGROUND)
		fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%06x\"/>\n", x, y, w,
			CELL_H, l.bg);
	if (blank)
		return;
	fprintf(f, "<text x=\"%d\" y=\"%d\" textLength=\"%d\" fill=\"#%06x\"%s%s>", x, y + 13, w, l.fg,
		l.bold ? " font-weight=\"bold\"" : "", l.underline ? " text-decoration=\"underline\"" : "");
	escape(f, s, n);
	fputs("</text>\n", f);
}

static void svg_row(FILE *f, const struct terminal *t, int row)
{
	char *s = malloc((size_t)t->cols * 4 * VTERM_MAX_CHARS_PER_CELL + 1);

	for (int col = 0; col < t->cols;) {
		VTermScreenCell c = cell_at(t, row, col);
		struct look l = look_of(t, &c);
		int from = col;
		size_t n = 0;
		while (col < t->cols && same_look(l, look_of(t, &c))) {
			n += cell_chars(&c, s + n);
			if (++col < t->cols)
				c = cell_at(t, row, col);
		}
		s[n] = '\0';
		svg_run(f, row, from, col, l, s, n);
	}
	free(s);
}

bool terminal_svg(const struct terminal *t, const char *path, const char *title)
{
	FILE *f = fopen(path, "w");
	int w = t->cols * CELL_W + 2 * MARGIN, h = t->rows * CELL_H + 2 * MARGIN;

	if (!f)
		return false;
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n<title>",
		w, h, w, h);
	escape(f, title, strlen(title));
	fprintf(f, "</title>\n<rect width=\"%d\" height=\"%d\" rx=\"8\" fill=\"#%06x\"/>\n"
		   "<g font-family=\"'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace\" font-size=\"13\" "
		   "xml:space=\"preserve\" style=\"white-space:pre\">\n", w, h, BACKGROUND);
	for (int row = 0; row < t->rows; row++)
		svg_row(f, t, row);
	fputs("</g>\n</svg>\n", f);
	return fclose(f) == 0;
}

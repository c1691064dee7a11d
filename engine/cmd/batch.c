/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/cmd/batch.h"
#include "engine/base/alloc.h"
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct batch {
	struct shell *sh;
	struct writer *w;
	struct context ctx;
	enum out_format format;
	int status;
	bool broken; /* the output can't be written any more */
};

#define QUOTED_MAX 200 /* bytes of a command that a message repeats */
#define REASON_MAX 2000

static void put_part(struct buf *out, const char *text, size_t max)
{
	size_t n = strlen(text);

	buf_put_safe(out, text, n < max ? n : max);
	if (n > max)
		buf_puts(out, "...");
}

static void complain(const char *line, const char *text)
{
	AUTO_BUF struct buf safe = {0};

	put_part(&safe, line, QUOTED_MAX);
	buf_puts(&safe, ": ");
	put_part(&safe, text, REASON_MAX);
	fprintf(stderr, "vmbrowse: %s\n", buf_str(&safe));
}

/* Has the reader of a pipe gone, as `| head` does? Nobody wants to hear of that. */
static bool reader_gone(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&p, 1, 0) > 0 && p.revents & POLLERR;
}

static void run_line(struct batch *b, const char *line)
{
	writer_begin(b->w, line);
	struct err *e = shell_run(b->sh, line, &b->ctx, NULL, writer_sink(b->w));
	struct err *out = writer_end(b->w, e);

	if (e || out) {
		bool gone = reader_gone();
		b->status = EXIT_SOME_FAILED;
		b->broken = out || gone;
		if (!gone)
			complain(line, err_text(out ? out : e));
	}
	err_free(e);
	err_free(out);
}

static bool is_blank(const char *line)
{
	line += strspn(line, " \t\r");
	return !*line || *line == '#';
}

static void run_stdin(struct batch *b)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while (!b->broken && (n = getline(&line, &cap, stdin)) >= 0) {
		bool nul = strlen(line) < (size_t)n;
		line[strcspn(line, "\n")] = '\0';
		if (nul) {
			b->status = EXIT_SOME_FAILED;
			complain(line, "this line of standard input holds a NUL byte: is it text?");
		} else if (!is_blank(line)) {
			run_line(b, line);
		}
	}
	free(line);
}

static int terminal_width(void)
{
	struct winsize ws;

	return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) ? ws.ws_col : 0;
}

int batch_run(struct shell *sh, const char *const *lines, size_t n, enum out_format f)
{
	struct batch b = {.sh = sh, .format = f};

	signal(SIGPIPE, SIG_IGN); /* `| head` is an output error that ends the run, not a signal */
	b.w = writer_create(stdout, f, terminal_width());
	if (sh)
		shell_default_context(sh, &b.ctx);
	for (size_t i = 0; i < n && !b.broken; i++) {
		if (!strcmp(lines[i], "-"))
			run_stdin(&b);
		else
			run_line(&b, lines[i]);
	}
	writer_destroy(b.w);
	return b.status;
}

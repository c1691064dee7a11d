/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copying out: into our own register always; to the terminal by OSC 52; and into tmux' buffer when
 * we are in tmux, because tmux ignores OSC 52 as it comes out of the box. Nobody can tell whether
 * the terminal took it, so the message says where it was sent.
 */
#include "engine/base/alloc.h"
#include "tui/actions.h"
#include "tui/cexpr.h"
#include "tui/view_list.h"
#include <inttypes.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#define OSC52_MOST 74000 /* bytes that terminals take */

static void base64(const char *s, size_t n, struct buf *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)(unsigned char)s[i] << 16;
		if (i + 1 < n)
			v |= (uint32_t)(unsigned char)s[i + 1] << 8;
		if (i + 2 < n)
			v |= (unsigned char)s[i + 2];
		buf_putc(out, digits[v >> 18 & 63]);
		buf_putc(out, digits[v >> 12 & 63]);
		buf_putc(out, i + 1 < n ? digits[v >> 6 & 63] : '=');
		buf_putc(out, i + 2 < n ? digits[v & 63] : '=');
	}
}

/* tmux reads the text from a pipe; it is short enough never to block. */
static bool to_tmux(const char *text, size_t n)
{
	char program[] = "tmux", load[] = "load-buffer", flag[] = "-w", from[] = "-";
	char *const argv[] = {program, load, flag, from, NULL};
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none;
	int fd[2];
	pid_t pid;

	if (!getenv("TMUX") || n > 60000 || pipe2(fd, O_CLOEXEC))
		return false;
	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, fd[0], STDIN_FILENO);
	posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	bool ok = !posix_spawnp(&pid, "tmux", &fa, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	close(fd[0]);
	if (ok)
		ok = write(fd[1], text, n) == (ssize_t)n;
	close(fd[1]);
	return ok;
}

static void copy_out(struct app *a, const char *text)
{
	AUTO_BUF struct buf osc = {0};
	size_t n = strlen(text);

	free(a->yanked);
	a->yanked = xstrdup(text);
	if (n > OSC52_MOST) {
		app_say(a, STYLE_MESSAGE, "too long for the clipboard: kept inside only");
		return;
	}
	buf_puts(&osc, "\033]52;c;");
	base64(text, n, &osc);
	buf_putc(&osc, '\a');
	term_send(a->term, osc.p, osc.len);
	bool tmux = to_tmux(text, n);
	app_say(a, STYLE_MESSAGE, "%s: %s",
		tmux ? "to tmux' buffer and the clipboard (OSC 52)" : "to the clipboard (OSC 52)",
		text);
}

static void crash_command(const struct view *v, struct buf *out)
{
	const struct heading *h = view_heading(v);
	buf_puts(out, h ? h->crash : "");
}

void yank(struct app *a, const char *what)
{
	struct view *v = app_view(a);
	const struct row *r = v ? view_current(v) : NULL;
	AUTO_BUF struct buf text = {0};
	uint64_t addr;

	if (!r) {
		app_say(a, STYLE_MESSAGE, "there is no row to copy");
		return;
	}
	if (!strcmp(what, "row"))
		list_row_text(v, v->cursor_row, &text);
	else if (!strcmp(what, "address") && view_row_address(v, v->cursor_row, &addr))
		buf_printf(&text, "%016" PRIx64, addr);
	else if (!strcmp(what, "command"))
		crash_command(v, &text);
	else if (!strcmp(what, "expr"))
		cexpr_of_row(v, v->cursor_row, &text);
	else if (!strcmp(what, "ref"))
		ref_print(&r->ref, &text);
	if (text.len)
		copy_out(a, buf_str(&text));
	else
		app_say(a, STYLE_MESSAGE, "this row has no %s to copy", what);
}

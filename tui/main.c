/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options, and then either the screen or batch mode. */
#include "engine/base/alloc.h"
#include "engine/cmd/batch.h"
#include "tui/app.h"
#include "tui/version.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct options {
	struct app_options app;
	const char **commands; /* of -x */
	size_t ncommands;
	const char **debug_dirs; /* NULL-terminated */
	size_t ndirs;
	enum out_format format;
	const char *docs;
	bool version, help;
};

enum {
	OPT_SRC = 256,
	OPT_DEBUG_DIR,
	OPT_KEYMAP,
	OPT_COLOR,
	OPT_ASCII,
	OPT_NO_CACHE,
	OPT_VERSION,
	OPT_HELP,
	OPT_DOCS,
	OPT_IDLE_FD
};

static const struct option longs[] = {
	{"src", required_argument, NULL, OPT_SRC},
	{"debug-dir", required_argument, NULL, OPT_DEBUG_DIR},
	{"keymap", required_argument, NULL, OPT_KEYMAP},
	{"color", required_argument, NULL, OPT_COLOR},
	{"ascii", no_argument, NULL, OPT_ASCII},
	{"no-cache", no_argument, NULL, OPT_NO_CACHE},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},
	{"docs", required_argument, NULL, OPT_DOCS},
	{"idle-fd", required_argument, NULL, OPT_IDLE_FD}, /* for tests */
	{0},
};

#define USAGE "vmbrowse [OPTIONS] [VMLINUX] VMCORE"

static const char help_head[] =
	"Browses a Linux kernel crash dump. Files may come in either order; the parts of a split\n"
	"dump are given one after another.\n\n";
static const char help_tail[] =
	"\nOn the screen: ? shows the keys, q closes and quits, :help lists the commands.\n"
	"Without it:    vmbrowse -x 'ps UN' -x 'bt -l 123' vmlinux vmcore\n"
	"Its commands:  vmbrowse -x help, vmbrowse --help ps\n"
	"Exit status: 0 all commands answered, 1 some failed, 2 usage, 3 the dump can't be opened.\n";

/* One line, whatever bytes it quotes. */
static void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *fmt, ...)
{
	AUTO_BUF struct buf text = {0}, safe = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	buf_put_safe(&safe, buf_str(&text), text.len);
	fprintf(stderr, "vmbrowse: %s\n", buf_str(&safe));
}

/* Which of the words it is; -1 and a complaint if none. */
static int choose(const char *option, const char *value, const char *const *words)
{
	AUTO_BUF struct buf all = {0};

	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], value))
			return i;
		buf_printf(&all, " %s", words[i]);
	}
	complain("%s: '%s' is none of%s", option, value, buf_str(&all));
	return -1;
}

static bool set_format(struct options *o, const char *value)
{
	static const char *const words[] = {"text", "tsv", "json", NULL};
	int i = choose("-o", value, words);

	o->format = i < 0 ? OUT_TEXT : (enum out_format)i;
	return i >= 0;
}

static bool set_color(struct options *o, const char *value)
{
	static const char *const words[] = {"auto", "always", "never", NULL};
	int i = choose("--color", value, words);

	o->app.color = i < 0 ? COLOR_AUTO : (enum color_when)i;
	return i >= 0;
}

static bool set_idle_fd(struct options *o, const char *value)
{
	char *end;
	long fd = strtol(value, &end, 10);

	if (!*value || *end || fd < 0 || fd > INT_MAX) {
		complain("--idle-fd: '%s' is no file descriptor", value);
		return false;
	}
	o->app.idle_fd = (int)fd;
	return true;
}

static bool set_option(struct options *o, int c)
{
	switch (c) {
	case 'x':
		o->commands[o->ncommands++] = optarg;
		return true;
	case 'o':
		return set_format(o, optarg);
	case OPT_SRC:
		o->app.shell.src = optarg;
		return true;
	case OPT_DEBUG_DIR:
		o->debug_dirs[o->ndirs++] = optarg;
		return true;
	case OPT_KEYMAP:
		o->app.keymap = optarg;
		return true;
	case OPT_COLOR:
		return set_color(o, optarg);
	case OPT_ASCII:
		o->app.ascii = true;
		return true;
	case OPT_NO_CACHE:
		o->app.shell.no_cache = true;
		return true;
	case OPT_VERSION:
		o->version = true;
		return true;
	case OPT_HELP:
		o->help = true;
		return true;
	case OPT_DOCS:
		o->docs = optarg;
		return true;
	case OPT_IDLE_FD:
		return set_idle_fd(o, optarg);
	default:
		return false;
	}
}

/* What getopt would say, in one line and without the bytes that an argument may hold. */
static void complain_option(int c, const char *word)
{
	char letter[3] = {'-', (char)optopt, '\0'};

	if (optopt > 0 && optopt < OPT_SRC)
		word = letter;
	if (c == ':')
		complain("%s needs an argument; --help tells which", word);
	else
		complain("no option %s; --help lists them", word);
}

static bool parse(struct options *o, int argc, char **argv)
{
	const char *idle = getenv("VMBROWSE_IDLE_FD");
	int c;

	if (idle && *idle && !set_idle_fd(o, idle))
		return false;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":x:o:", longs, NULL)) != -1) {
		if (c == '?' || c == ':')
			complain_option(c, argv[optind - 1]);
		if (!set_option(o, c))
			return false;
	}
	o->app.files = (const char *const *)(argv + optind);
	o->app.nfiles = (size_t)(argc - optind);
	o->app.shell.debug_dirs = o->debug_dirs;
	return true;
}

/* Do the commands need no dump? */
static bool bare(const struct options *o)
{
	for (size_t i = 0; i < o->ncommands; i++)
		if (!strcmp(o->commands[i], "-") || shell_needs_dump(o->commands[i]))
			return false;
	return o->ncommands > 0;
}

/* The warnings from the i-th on; how many there are now. */
static size_t warn(const struct shell *sh, size_t i)
{
	const char *w;

	for (; (w = shell_warning(sh, i)); i++)
		complain("warning: %s", w);
	return i;
}

static int batch(const struct options *o)
{
	struct shell *sh;
	struct err *e = shell_open(&o->app.shell, o->app.files, o->app.nfiles, NULL, &sh);

	if (e) {
		bool wrong = err_code(e) == ERR_USAGE;
		complain("%s", err_text(e));
		err_free(e);
		return wrong ? EXIT_USAGE : EXIT_NO_DUMP;
	}
	size_t told = warn(sh, 0);
	int status = batch_run(sh, o->commands, o->ncommands, o->format);
	warn(sh, told); /* some damage shows only when it is read */
	shell_close(sh);
	return status;
}

static int docs(const char *kind)
{
	struct err *e = docs_print(kind, stdout);

	if (!e && fflush(stdout))
		e = err_os(errno, "can't write the output");
	if (!e)
		return EXIT_ANSWERED;
	complain("%s", err_text(e));
	bool wrong = err_code(e) == ERR_USAGE;
	err_free(e);
	return wrong ? EXIT_USAGE : EXIT_SOME_FAILED;
}

static int screen(const struct options *o)
{
	struct err *why = NULL;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		complain("the screen needs a terminal for input and output; -x COMMAND answers "
			 "without one");
		return EXIT_USAGE;
	}
	int status = app_main(&o->app, &why);
	if (why)
		complain("%s", err_text(why));
	err_free(why);
	return status;
}

/* Of the program; or of the command that is named. */
static int help(const struct options *o)
{
	const struct cmd *c = o->app.nfiles == 1 ? cmd_find(o->app.files[0]) : NULL;

	if (c) {
		AUTO_FREE char *line = xasprintf("help %s", c->name);
		return batch_run(NULL, (const char *const[]){line}, 1, o->format);
	}
	fputs("usage: " USAGE "\n", stdout);
	fputs(help_head, stdout);
	err_free(docs_print("options", stdout));
	fputs(help_tail, stdout);
	return EXIT_ANSWERED;
}

static int run(const struct options *o)
{
	if (o->help)
		return help(o);
	if (o->version) {
		version_print(stdout);
		return EXIT_ANSWERED;
	}
	if (o->docs)
		return docs(o->docs);
	if (!o->app.nfiles && bare(o))
		return batch_run(NULL, o->commands, o->ncommands, o->format);
	if (!o->app.nfiles) {
		complain("a VMCORE is needed: " USAGE "; --help tells more");
		return EXIT_USAGE;
	}
	return o->ncommands ? batch(o) : screen(o);
}

/* Files that are opened must not take the place of a standard stream that was closed: a dump isn't
 * commands, and messages aren't for a cache file. Reading the stand-in gives the end, writing fails. */
static void keep_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct options o = {.app.idle_fd = -1};
	int status = EXIT_USAGE;

	keep_standard_streams();
	setlocale(LC_ALL, "");
	mallopt(M_MMAP_THRESHOLD, 256 << 10); /* fixed, so that what large tables were built in goes back */
	o.commands = xcalloc((size_t)argc + 1, sizeof(*o.commands));
	o.debug_dirs = xcalloc((size_t)argc + 1, sizeof(*o.debug_dirs));
	if (parse(&o, argc, argv))
		status = run(&o);
	free(o.commands);
	free(o.debug_dirs);
	return status;
}

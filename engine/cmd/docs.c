/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Documentation out of the registry, so that it can't say anything else than the program does. */
#include "engine/base/alloc.h"
#include "engine/cmd/batch.h"
#include "engine/kern/container/builtin.h"
#include "engine/kern/meaning/table.h"
#include <string.h>

static const struct {
	const char *flag, *arg, *help;
} program_options[] = {
	{"-x", "CMD", "run CMD without a terminal and exit; may be repeated; '-' reads commands from "
		      "standard input ('#' begins a comment)"},
	{"-o", "FORMAT", "text (default), tsv, json"},
	{"--src", "DIR", "kernel source tree for the source view"},
	{"--debug-dir", "DIR", "a further place for module and separate debug files; may be repeated"},
	{"--keymap", "FILE", "keys: a file, or the name of one that comes with the program (vi, less, crash)"},
	{"--color", "WHEN", "auto (default), always, never; auto heeds NO_COLOR"},
	{"--ascii", "", "no characters beyond ASCII"},
	{"--no-cache", "", "keep nothing in the user's cache folder"},
	{"--docs", "KIND", "print documentation: man, bash, zsh, fish, readme; or the tables that files of yours add "
			    "to: meanings, lists"},
	{"--version", "", "versions of the program and its libraries"},
	{"--help", "[CMD]", "this; or what a command does, its options and examples"},
};
#define NOPTIONS (sizeof(program_options) / sizeof(*program_options))

struct entry {
	const char *name, *text;
};

static const struct entry files[] = {
	{"~/.config/vmbrowse/keys", "your key bindings, on top of the default ones: bind SCOPE KEY COMMAND \"note\""},
	{"~/.config/vmbrowse/meanings", "what numbers and pointers mean, beside what is built in (--docs meanings)"},
	{"~/.config/vmbrowse/lists", "what lists and trees hold, beside what is built in (--docs lists)"},
	{"~/.local/state/vmbrowse/history", "the lines that were typed"},
	{"~/.local/state/vmbrowse/marks/", "the marks of each dump"},
	{"~/.cache/vmbrowse/", "indexes of debug info, symbols and types out of dumps, unpacked files; may be removed at any time"},
};

static const struct entry environment[] = {
	{"XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME", "where these files are"},
	{"DEBUGINFOD_URLS", "servers that `vmlinux -d` may ask for debug info; without it nothing is ever asked for"},
	{"NO_COLOR", "no colours, unless --color says otherwise"},
	{"TMPDIR", "for unpacked files that aren't to be kept"},
};

/* The options as --help lists them, wrapped at 96 columns. */
static void options(FILE *out)
{
	const int indent = 19, width = 96;

	for (size_t i = 0; i < NOPTIONS; i++) {
		int at = fprintf(out, "  %s %s", program_options[i].flag, program_options[i].arg);
		at += fprintf(out, "%*s", indent - at, "");
		for (const char *p = program_options[i].help; *p;) {
			int n = (int)strcspn(p, " ");
			if (at > indent && at + 1 + n > width)
				at = fprintf(out, "\n%*s", indent, "") - 1;
			at += fprintf(out, "%s%.*s", at > indent ? " " : "", n, p);
			p += n + (p[n] == ' ');
		}
		fputc('\n', out);
	}
}

static void roff(FILE *out, const char *s)
{
	for (bool start = true; *s; s++) {
		if (*s == '\\')
			fputs("\\e", out);
		else if (*s == '-')
			fputs("\\-", out);
		else if (start && (*s == '.' || *s == '\''))
			fprintf(out, "\\&%c", *s);
		else
			fputc(*s, out);
		start = *s == '\n';
	}
}

static void man_command(FILE *out, const struct cmd *c)
{
	AUTO_BUF struct buf usage = {0};

	cmd_usage(c, &usage);
	fputs(".SS ", out);
	roff(out, buf_str(&usage));
	fputs("\n", out);
	roff(out, c->summary);
	fputs(".\n", out);
	if (c->details) {
		fputs(".PP\n", out);
		roff(out, c->details);
		fputs("\n", out);
	}
	for (const struct cmd_option *o = c->options; o && o->letter; o++) {
		AUTO_BUF struct buf name = {0};
		cmd_option_name(o, &name);
		fprintf(out, ".TP\n\\fB\\%s\\fR\n", buf_str(&name));
		roff(out, o->help);
		fputs("\n", out);
	}
	for (const struct cmd_example *x = c->examples; x && x->line; x++) {
		fputs(".TP\n\\fB", out);
		roff(out, x->line);
		fputs("\\fR\n", out);
		roff(out, x->what);
		fputs("\n", out);
	}
}

/* A list of names, each with its explanation. */
static void man_list(FILE *out, const char *title, const struct entry *v, size_t n)
{
	fprintf(out, ".SH %s\n", title);
	for (size_t i = 0; i < n; i++) {
		fputs(".TP\n.B ", out);
		roff(out, v[i].name);
		fputs("\n", out);
		roff(out, v[i].text);
		fputs("\n", out);
	}
}

static void man(FILE *out)
{
	size_t n;
	const struct cmd *const *v = cmd_all(&n);

	fputs(".TH VMBROWSE 1\n.SH NAME\nvmbrowse \\- browse a Linux kernel crash dump\n"
	      ".SH SYNOPSIS\n.B vmbrowse\n[OPTIONS] [VMLINUX] VMCORE\n"
	      ".SH DESCRIPTION\nOpens a crash dump in a terminal: tasks, stacks with source lines and "
	      "arguments, every pointer a link into a struct inspector, and the kernel log. The files may "
	      "come in either order; the parts of a split dump are given one after the other.\n"
	      ".SH OPTIONS\n", out);
	for (size_t i = 0; i < NOPTIONS; i++) {
		fputs(".TP\n\\fB", out);
		roff(out, program_options[i].flag);
		fprintf(out, "\\fR %s\n", program_options[i].arg);
		roff(out, program_options[i].help);
		fputs("\n", out);
	}
	fputs(".SH EXIT STATUS\n0: all commands answered; 1: some command failed; 2: usage; 3: the dump "
	      "can't be opened.\n"
	      ".SH ON THE SCREEN\n? lists the keys of the pane, out of the keymap. Tab goes to the next pane, Enter follows "
	      "a link, Backspace goes back, / searches, & filters, : takes a command, z zooms, q closes.\n"
	      ".SH COMMANDS\n", out);
	for (size_t i = 0; i < n; i++)
		man_command(out, v[i]);
	man_list(out, "FILES", files, sizeof(files) / sizeof(*files));
	man_list(out, "ENVIRONMENT", environment, sizeof(environment) / sizeof(*environment));
	fputs(".SH SEE ALSO\n.BR makedumpfile (8),\n.BR crash (8),\n.BR drgn (1)\n", out);
}

static void words(FILE *out)
{
	size_t n;
	const struct cmd *const *v = cmd_all(&n);

	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? " " : "", v[i]->name);
}

static void flags(FILE *out)
{
	for (size_t i = 0; i < NOPTIONS; i++)
		fprintf(out, "%s%s", i ? " " : "", program_options[i].flag);
}

static void bash(FILE *out)
{
	fputs("_vmbrowse() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tcase $prev in\n\t-x) COMPREPLY=($(compgen -W '", out);
	words(out);
	fputs("' -- \"$cur\"));;\n\t-o) COMPREPLY=($(compgen -W 'text tsv json' -- \"$cur\"));;\n"
	      "\t--color) COMPREPLY=($(compgen -W 'auto always never' -- \"$cur\"));;\n"
	      "\t--docs) COMPREPLY=($(compgen -W 'man bash zsh fish readme meanings lists' -- \"$cur\"));;\n"
	      "\t--src|--debug-dir) COMPREPLY=($(compgen -d -- \"$cur\"));;\n"
	      "\t*) case $cur in\n\t\t-*) COMPREPLY=($(compgen -W '", out);
	flags(out);
	fputs("' -- \"$cur\"));;\n\t\t*) COMPREPLY=($(compgen -f -- \"$cur\"));;\n\t\tesac;;\n\tesac\n}\n"
	      "complete -o filenames -F _vmbrowse vmbrowse\n", out);
}

static void zsh(FILE *out)
{
	fputs("#compdef vmbrowse\n_arguments \\\n", out);
	for (size_t i = 0; i < NOPTIONS; i++) {
		fprintf(out, "  '%s[", program_options[i].flag);
		for (const char *p = program_options[i].help; *p; p++)
			if (*p != '\'' && *p != '[' && *p != ']')
				fputc(*p, out);
		fputs("]", out);
		if (!strcmp(program_options[i].flag, "-x")) {
			fputs(":command:(", out);
			words(out);
			fputs(")", out);
		} else if (program_options[i].arg[0] == '[') {
			fputs("::CMD:", out);
		} else if (program_options[i].arg[0]) {
			fprintf(out, ":%s:", program_options[i].arg);
		}
		fputs("' \\\n", out);
	}
	fputs("  '*:file:_files'\n", out);
}

static void fish(FILE *out)
{
	for (size_t i = 0; i < NOPTIONS; i++) {
		const char *f = program_options[i].flag;
		fprintf(out, "complete -c vmbrowse %s %s%s -d '", f[1] == '-' ? "-l" : "-s",
			f + strspn(f, "-"), strchr("[", program_options[i].arg[0]) ? "" : " -r");
		for (const char *p = program_options[i].help; *p; p++)
			fprintf(out, *p == '\'' ? "\\%c" : "%c", *p);
		fputs("'\n", out);
	}
	fputs("complete -c vmbrowse -s x -r -a '", out);
	words(out);
	fputs("'\n", out);
}

static void readme(FILE *out)
{
	size_t n;
	const struct cmd *const *v = cmd_all(&n);

	fputs("| command | what it shows | for example |\n|---|---|---|\n", out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "| `%s` | %s | `%s` |\n", v[i]->name, v[i]->summary, v[i]->examples->line);
}

/* The tables that a user's files add to. */
static void meanings(FILE *out)
{
	size_t n;
	const char *text = meaning_builtin(&n);

	fwrite(text, 1, n, out);
}

static void lists(FILE *out)
{
	for (const char *const *p = holdings_builtin; *p; p++)
		fprintf(out, "%s\n", *p);
}

struct err *docs_print(const char *kind, FILE *out)
{
	static const struct {
		const char *kind;
		void (*print)(FILE *out);
	} kinds[] = {{"options", options}, {"man", man}, {"bash", bash}, {"zsh", zsh}, {"fish", fish}, {"readme", readme},
		     {"meanings", meanings}, {"lists", lists}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].kind, kind)) {
			kinds[i].print(out);
			return NULL;
		}
	return err_new(ERR_USAGE, "no documentation '%s': man, bash, zsh, fish, readme, meanings, lists", kind);
}

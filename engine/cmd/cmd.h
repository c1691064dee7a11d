/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What a front end talks to: an opened dump that answers command lines with rows. The screen and batch
 * mode use this and nothing below it, so that whatever a pane shows, batch mode prints and a test
 * compares.
 *
 * Commands carry crash's names. Each is one row of a registry (struct cmd, below): it feeds parsing,
 * completion, help, the man page, shell completions and README's table.
 *
 * Thread: any, for everything that takes a shell, after shell_open().
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/err.h"
#include "engine/job/job.h"
#include "engine/model/model.h"
#include "engine/model/ref.h"

struct shell;
struct session;	    /* engine/kern/session.h: not for front ends */
struct stack_ahead; /* engine/kern/stack/stackahead.h: the same */

struct shell_options {
	const char *src;		/* kernel source tree; NULL: none */
	const char *const *debug_dirs;	/* NULL-terminated; may be NULL */
	bool no_cache;
};

/* Opens files (vmlinux and dump parts in any order, told apart by content). An error only when there
 * is no dump that can be read; everything else is a warning. Fast: returns when the first screen can be
 * filled. */
struct err *shell_open(const struct shell_options *o, const char *const *files, size_t n,
		       struct job *job, struct shell **ret);
void shell_close(struct shell *sh);
/* i-th warning about what was opened (mismatch, no debug info, truncated ...); NULL at the end. */
const char *shell_warning(const struct shell *sh, size_t i);
/* One line for the top of the screen: "6.1.0-40-cloud-amd64  2 CPUs  512 MB  PANIC: hung_task: blocked tasks". */
const char *shell_headline(const struct shell *sh);
struct intern *shell_intern(struct shell *sh);
/* Grows when something turned up that makes answers better (a vmlinux: lines, variables): what was
 * shown before stays right, and shows more when it is asked for anew. */
unsigned shell_generation(const struct shell *sh);

/* Where the user stands: what a command means when it isn't told (crash's `set`). A value of the front
 * end's; a command may change it (`set 123`). */
struct context {
	struct ref task;  /* REF_TASK, or REF_NONE */
	unsigned frame;	  /* physical frame index of the task's stack */
	unsigned level;	  /* inlined level in it */
};
/* The panicking task, else the first active one, else none. */
void shell_default_context(struct shell *sh, struct context *ret);

/* Is there a dump needed to answer this line? */
bool shell_needs_dump(const char *line);
/* Runs one command line ("ps -m UN", "struct super_block 0xffff...", a ref's text is fine wherever an
 * address is). ERR_USAGE for words that can't be understood: the text says what and shows the usage. sh NULL:
 * only lines that need no dump. */
struct err *shell_run(struct shell *sh, const char *line, struct context *ctx, struct job *job,
		      struct sink *out);
/* The command line that opens a ref ("struct super_block 0xffff...", "bt 0x..."). False: nothing does. */
bool shell_command_for(struct shell *sh, const struct ref *r, struct buf *out);
/* The C expression, as `p` takes it, for what a view shows or a row of it: what people yank. view: the
 * heading's ref (REF_OBJECT, REF_TASK, REF_SYM); path: the row's path in it, "" for the whole. base: the
 * expression of the pointer that led to the object ("((struct vfsmount *)0x...)->mnt_sb"), NULL: none did,
 * then it begins with the address. So a walk gives one expression: what it yields for a pointer's row is
 * the base of the view that the row opens. False: there is no such expression. */
bool shell_expression(struct shell *sh, const struct ref *view, const char *base, const char *path,
		      struct buf *out);
/* May "." and "->" follow the expression as it stands, or does it need parentheses? */
bool expression_is_postfix(const char *text);
/* One line about a ref for the status line ("task dd pid 123"), cheap; may be empty. */
void shell_describe(struct shell *sh, const struct ref *r, struct buf *out);

/* Completion of `line` at byte `cursor`: candidates for the word there. ctx: whose frame's variables count;
 * NULL: nobody's. */
struct completions {
	char **v; /* full words */
	size_t n;
	size_t start; /* byte where the word begins */
	bool more;    /* there were more than fit */
};
void shell_complete(struct shell *sh, const struct context *ctx, const char *line, size_t cursor,
		    struct completions *ret);
void completions_free(struct completions *c);

/* Prepares what later commands would otherwise wait for (the index of DWARF names), on all cores. For a
 * thread of its own that is in no hurry, once the first screen is there; what needs it meanwhile waits for it.
 * ERR_CANCELLED, or what is wrong with the debug info: nobody needs to be told before a command asks. */
struct err *shell_background(struct shell *sh, struct job *job);

/* ---- marks: places to find again, kept per dump (`marks`) ---- */

enum mark_field {
	MARK_PLACE, /* a command line, or a ref's text */
	MARK_KEY,   /* key of the row, or "" */
	MARK_AT,    /* ref of the frame or task that the command was meant for, or "" */
	MARK_TRAIL, /* the front end's: how one got there */
	MARK_PATH,  /* C expression, or "" */
	MARK_NOTE,
	MARK_FIELDS
};

struct mark {
	char letter; /* or digit */
	char *field[MARK_FIELDS];
};

/* NULL fields count as "". ERR_OS: it is kept, but for this session only. Reads and writes a small file. */
struct err *shell_mark_set(struct shell *sh, const struct mark *m);
/* A copy: mark_free() it. ERR_NOTFOUND. */
struct err *shell_mark_get(struct shell *sh, char letter, struct mark *ret);
void mark_free(struct mark *m);

/* ---- the registry ---- */

enum arg_kind {
	ARG_NONE,
	ARG_WORD,    /* free text */
	ARG_TASK,    /* pid, task_struct address, or a ref */
	ARG_FILTER,  /* the task filter language, to the end of the line */
	ARG_ADDRESS, /* hexadecimal, symbol, ref, expression without blanks outside of parentheses */
	ARG_EXPR,    /* a C expression, to the end of the line */
	ARG_TYPE,    /* type name, maybe with .member,member */
	ARG_SYMBOL,
	ARG_NUMBER,
	ARG_PATTERN, /* pcre2 */
	ARG_COMMAND, /* the rest is a command line */
	ARG_FORMAT,
	ARG_MODULE,  /* a module's name */
	ARG_CACHE,   /* a slab cache's name, or a part of it */
	ARG_FRAME,   /* a call of the chosen task's stack: number or function */
	ARG_FILE,    /* a file of the machine that this runs on */
	ARG_CHOICE,  /* one of the command's choices */
};

struct cmd_option {
	char letter;
	enum arg_kind arg; /* ARG_NONE: a flag */
	const char *arg_name; /* "N"; NULL for flags */
	const char *help;
};

struct cmd_arg {
	const char *name; /* "TYPE[.MEMBER]" */
	enum arg_kind kind;
	bool optional, repeated;
	const char *help;
};

struct cmd_example {
	const char *line, *what;
};

#define CMD_MAX_ARGS 64

/* A parsed line. Options are indexed by letter; strings are borrowed for the call. */
struct cmd_args {
	const struct cmd *cmd;
	bool has[128];		/* option letter given? */
	const char *value[128]; /* its argument */
	size_t n;
	const char *v[CMD_MAX_ARGS];
	const char *rest;	/* the line from the first argument on, verbatim */
};

struct cmd_call {
	struct shell *shell;
	struct session *session;
	struct context *ctx;
	struct job *job;
	const struct cmd_args *args;
	struct sink *out;
	struct stack_ahead *ahead; /* `foreach` has stacks walked ahead; else NULL */
};

struct cmd {
	const char *name;
	const char *aliases; /* space-separated; NULL: none */
	const char *group;   /* "tasks", "memory", "kernel", "session" */
	const char *summary;
	const char *details; /* a paragraph for `help CMD`; NULL: none */
	const struct cmd_option *options; /* ends with letter 0; NULL: none */
	const char *choices; /* what an ARG_CHOICE may be, space-separated; NULL: there is none */
	/* crash's options that aren't here, as `options`: help says why not, or what to type instead. NULL: none is
	 * worth a word. */
	const struct cmd_option *absent;
	/* Options that ask for different things: "VR fF t". Of these letters only those within one word go
	 * together; all others go with everything. NULL: all options go together. */
	const char *views;
	const struct cmd_arg *args;	  /* ends with name NULL; NULL: none */
	const struct cmd_example *examples; /* at least one; ends with line NULL */
	const struct table *table; /* what it answers with, for the documentation */
	bool bare; /* needs no dump: its call may have neither shell nor session */
	bool acts; /* it changes something: a front end runs it only when somebody asks for it */
	struct err *(*run)(const struct cmd_call *c);
	/* Why it can't be used on this dump; NULL function: always usable; false: usable. */
	bool (*unusable)(struct session *s, struct buf *why);
};

/* All commands, sorted by name. */
const struct cmd *const *cmd_all(size_t *n);
/* The error for a word that is none: what is near it, and what to type for commands of crash that go by another name. */
struct err *cmd_unknown(const char *name);
/* By name, alias or unique prefix; NULL: none, or several. */
const struct cmd *cmd_find(const char *name);
/* An option as people write it: "-c TASK"; of a digit's its argument is the rest of the number: "-16". */
void cmd_option_name(const struct cmd_option *o, struct buf *out);
/* "Usage: ps [-m] [FILTER...]". */
void cmd_usage(const struct cmd *c, struct buf *out);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * From a command line to a command's arguments. Words are separated by blanks; '...' and "..." quote.
 * Options come as `-m`, `-mT` or `-l err`, before or between arguments; `--` ends them. A command whose
 * argument is a filter, a pattern or another command gets the rest of the line as it stands.
 *
 * Thread: any.
 */
#ifndef CMD_PARSE_H
#define CMD_PARSE_H

#include "engine/cmd/cmd.h"

struct word {
	char *text;   /* unquoted */
	size_t start; /* its place in the line */
	size_t end;
};

struct words {
	struct word *v;
	size_t n;
	bool open_quote; /* the last word's quote isn't closed: fine while typing, else an error */
};

void words_split(const char *line, struct words *ret);
void words_free(struct words *w);

/* Options and arguments of w[1..] for c. Strings are borrowed from w and line. ERR_USAGE says which
 * word, and how the command is used. */
struct err *args_parse(const struct cmd *c, const char *line, const struct words *w,
		       struct cmd_args *ret);
/* The option with this letter; NULL: c has none. */
const struct cmd_option *cmd_option(const struct cmd *c, char letter);
/* ERR_USAGE with the command's usage added. */
struct err *usage_error(const struct cmd *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif

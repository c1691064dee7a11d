/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The marks as rows, and setting them without a screen. */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/marksfile.h"
#include "engine/cmd/parse.h"
#include <string.h>

enum { LETTER, NOTE, PLACE, MEMBER, EXPR, COLS };
static const struct col cols[COLS] = {
	[LETTER] = {"mark", "MARK", "the letter", 0, 4, 0},
	[NOTE] = {"note", "NOTE", "what somebody wrote about it", COL_GROW, 32, 0},
	[PLACE] = {"place", "PLACE", "the command that opens it", 0, 18, 2},
	[MEMBER] = {"member", "ROW", "the row that the cursor was on, by its name", 0, 0, 1},
	[EXPR] = {"expression", "EXPRESSION", "C expression of the object, as links led to it", COL_DATA, 0,
		  0},
};
static const struct table marks_table = {.name = "marks", .cols = cols, .ncols = COLS};

static struct err *put(void *arg, const struct mark *m)
{
	const struct cmd_call *c = arg;
	const char letter[2] = {m->letter, '\0'};
	struct cell v[COLS] = {
		[LETTER] = cell_role(cell_text(letter), ROLE_LINK),
		[NOTE] = cell_text(m->field[MARK_NOTE]),
		[PLACE] = cell_role(cell_text(m->field[MARK_PLACE]), ROLE_DIM),
		[MEMBER] = cell_role(cell_text(m->field[MARK_KEY]), ROLE_NAME),
		[EXPR] = m->field[MARK_PATH][0] ? cell_text(m->field[MARK_PATH]) : cell_absent(),
	};
	struct ref ref = {0};

	if (!err_ok(ref_parse(m->field[MARK_PLACE], c->session->intern, &ref)))
		ref = (struct ref){0};
	return sink_row(c->out, &(struct row){.cells = v, .key = letter, .ref = ref});
}

struct chosen {
	const struct cmd_call *c;
	char letter; /* 0: all */
	size_t n;
};

static struct err *put_chosen(void *arg, const struct mark *m)
{
	struct chosen *ch = arg;

	if (ch->letter && ch->letter != m->letter)
		return NULL;
	ch->n++;
	return put((void *)(size_t)ch->c, m);
}

static struct err *list(const struct cmd_call *c, char letter)
{
	struct chosen ch = {c, letter, 0};
	AUTO_BUF struct buf why = {0};

	TRY(sink_begin(c->out, &marks_table, NULL, "", "Marks of this dump"));
	TRY(marks_each(shell_marks(c->shell), &why, put_chosen, &ch));
	if (why.len)
		sink_note(c->out, ROLE_WARN, "%s", buf_str(&why));
	if (letter && !ch.n)
		return err_new(ERR_NOTFOUND, "there is no mark '%c'; `marks` lists them", letter);
	if (!ch.n)
		sink_note(c->out, ROLE_DIM, "none yet: on the screen m and a letter set one, here "
					    "`marks LETTER PLACE NOTE`");
	return NULL;
}

static struct err *set(const struct cmd_call *c, char letter)
{
	AUTO_BUF struct buf note = {0};
	char empty[] = "";

	for (size_t i = 2; i < c->args->n; i++)
		buf_printf(&note, "%s%s", i > 2 ? " " : "", c->args->v[i]);
	AUTO_FREE char *place = xstrdup(c->args->v[1]);
	struct mark m = {.letter = letter, .field = {empty, empty, empty, empty, empty, empty}};
	m.field[MARK_PLACE] = place;
	m.field[MARK_NOTE] = note.len ? note.p : empty;
	if (!place[strspn(place, " \t")])
		return usage_error(c->args->cmd, "a mark needs a PLACE: a command, or a link's text");
	TRY(marks_set(shell_marks(c->shell), letter, &m));
	return list(c, letter);
}

static struct err *run(const struct cmd_call *c)
{
	const struct cmd_args *a = c->args;
	char letter = a->n ? a->v[0][0] : '\0';

	if (a->n && (!letter || a->v[0][1]))
		return usage_error(a->cmd, "a mark is one letter or digit, not '%s'", a->v[0]);
	if (a->has['d'] && a->n != 1)
		return usage_error(a->cmd, "-d takes one LETTER");
	if (a->has['d'])
		TRY(marks_set(shell_marks(c->shell), letter, NULL));
	if (a->n > 1)
		return set(c, letter);
	return list(c, a->has['d'] ? '\0' : letter);
}

const struct cmd cmd_marks = {
	.name = "marks",
	.group = "session",
	.summary = "places of this dump that somebody has marked, with their notes",
	.details = "On the screen m and a letter mark the place under the cursor and ' and the letter go there. "
		   "Marks are kept for the dump, whatever its file is called, in "
		   "$XDG_STATE_HOME/vmbrowse/marks (~/.local/state/vmbrowse/marks). PLACE is a command or the "
		   "text of a link; quote it when it has blanks.",
	.options = (const struct cmd_option[]){
		{'d', ARG_NONE, NULL, "take the mark away"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"LETTER", ARG_WORD, true, false, "only this mark; with a PLACE: set it"},
		{"PLACE", ARG_WORD, true, false, "a command line or the text of a link"},
		{"NOTE", ARG_WORD, true, true, "what is to be remembered"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"marks", "all marks"},
		{"marks b 'log -l err' what it said first", "a mark with its note"},
		{"marks -d b", "the mark goes"},
		{0}},
	.table = &marks_table,
	.acts = true,
	.run = run,
};

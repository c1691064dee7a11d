/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the parts of `bt` share: the walk over one stack, and the rows under a frame, which are of one
 * child table whatever they show (variables, registers, words).
 *
 * Thread: any; a struct bt belongs to one call.
 */
#ifndef CMD_BT_H
#define CMD_BT_H

#include "engine/cmd/commands.h"
#include "engine/kern/stack/codeplace.h"
#include "engine/kern/stack/stackname.h"
#include "engine/unwind/vars.h"

#define BT_MAX_FRAMES 256

struct bt {
	const struct cmd_call *c;
	struct session *s;
	const struct task *t;
	struct stack stack;
	unsigned index; /* of the next row */
	struct stack_name on; /* the stack that the last row's frame is on; "": not known, or no row yet */
	bool words;	/* words are asked for: they are the rows under a frame, and nothing else is */
	struct args *args; /* recovered arguments; NULL until asked for: bt_args() */
};

/* One row of a stack: a call. */
struct bt_row {
	struct code_call call;
	uint64_t pc, sp;
	bool user;  /* user space's registers: there is no call to name */
	const char *entry; /* "exception": what came in here, not a call; isn't counted. NULL: a call */
	bool guess; /* the frame, or one further in that it was found from, was guessed: dim */
	enum frame_source source;
	const char *where; /* in place of file and line; NULL: nothing */
	const char *note, *key;
	bool folded; /* on a screen, until somebody wants to see what is under it */
	struct ref ref;
};
/* btrow.c: puts out a row of bt's own table, and counts it. */
struct err *bt_row(struct bt *b, const struct bt_row *r);
/* Of calls alone; and with what is asked for under each: variables, recovered arguments, words. */
extern const struct table bt_table, bt_vars_table, bt_args_table, bt_words_table;

/* bt.c: was the physical frame guessed, or one further in that it was found from? */
bool bt_rests_on_guess(const struct bt *b, size_t frame);

/* bt.c: one call of the stack with its variables, as -V shows it: for `frame`. level: inlined. */
struct err *bt_call(struct bt *b, size_t frame, size_t level, unsigned number);

/* The rows under a frame. */
enum { V_LINE, V_NAME, V_TYPE, V_VALUE, V_MEANING, V_LOCATION, V_EVIDENCE, V_COLS };
extern const struct table bt_var_table, bt_word_table;
/* bt_var_table with a column for evidence, for -R. */
extern const struct table bt_arg_table;
/* btscan.c: what -t and -T answer with. */
extern const struct table bt_text_table;

/* btvars.c: the variables of scope `level` of physical frame `index`, as -V and -P ask for. */
struct err *bt_scope_vars(struct bt *b, size_t index, size_t level);

/* btvalue.c: a row under a frame; shown's text is filled in, and stays the caller's. */
struct shown;
struct err *bt_var_row(struct bt *b, const struct var *v, struct shown *shown, struct ref ref);
/* The same for a variable whose value is in v->bytes, or that has none: then text says why. */
struct err *bt_value(struct bt *b, const struct var *v, const char *text);
/* The same with more say. */
struct bt_line {
	const struct var *v;
	struct shown *shown;
	struct ref ref;
	const char *text; /* the whole line in its stead; NULL: "name = value  meaning" */
	bool plain; /* several values, no single one that could be lacking */
	enum row_for only;
};
struct err *bt_line(struct bt *b, const struct bt_line *l);

/* btregs.c: the registers of a pt_regs. */
struct err *bt_regs(struct bt *b, const struct regs *r);

/* btargs.c: what the registers of arguments held when physical frame i was called, with evidence (-R). */
struct err *bt_recovered(struct bt *b, size_t i);
/* Gives a parameter of that frame's function, which DWARF has no value for, the recovered one; false: it
 * isn't known. */
bool bt_recover(struct bt *b, size_t i, struct var *v);
/* The parameters by the function's prototype, where there is no DWARF. */
struct err *bt_prototype_vars(struct bt *b, size_t i);
void bt_args_done(struct bt *b);

/* How frame i was found, where that is worth a word; "": nothing is. */
const char *bt_note(const struct bt *b, size_t i, bool is_inline);

/* btentry.c: the row of user space, with the registers that frame i holds, or their words. */
struct err *bt_user(struct bt *b, size_t i);

/* The row of what interrupted physical frame i, with its registers; nothing when it made an
 * ordinary call. */
struct err *bt_entry(struct bt *b, size_t i);

/* btraw.c: the words of physical frame i, for -f and -F. */
struct err *bt_frame_words(struct bt *b, size_t i);

/* btscan.c: the text addresses on the stack (-t, -T), and the exception frames (-e). */
struct err *bt_text(struct bt *b);
struct err *bt_exceptions(struct bt *b);

#endif

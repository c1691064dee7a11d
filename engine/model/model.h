/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What a command answers with: rows of cells under described columns, pushed one by one into a sink.
 * A pane, the text table, TSV and JSON are sinks for the same rows, as they come; a command never
 * prints and never holds all of its rows.
 *
 * A cell is a value, *absent* (this kernel has no such thing) or a *fault* (why it can't be read). One
 * bad pointer costs one cell.
 *
 * Rows may nest in two ways: `depth` (a tree of rows with the same columns: members of members), and a
 * child table (rows with other columns: the variables of a frame). A row's children follow it.
 *
 * Thread: a sink is called from one thread at a time, the one that runs the command. Everything that a
 * row points to is borrowed for the call only (but for ref names, which live as long as the session).
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/base/memstate.h"
#include "engine/model/ref.h"

enum cell_kind {
	CELL_ABSENT, /* JSON null; shown as "-", or as its text ("": as nothing) */
	CELL_FAULT,  /* JSON {"fault": "excluded"}; shown as "<excluded>" */
	CELL_TEXT,
	CELL_INT,
	CELL_UINT,
	CELL_ADDR, /* JSON "0x..." */
	CELL_NS,   /* a duration or time in ns; shown as "5.53 s" */
	CELL_BOOL,
};

/* What a cell or row means, for colours; never the only carrier of the meaning. */
enum role {
	ROLE_NORMAL,
	ROLE_DIM,     /* a guess, a detail */
	ROLE_TITLE,
	ROLE_LINK,
	ROLE_GOOD,
	ROLE_WARN,    /* UN tasks, warnings of the log */
	ROLE_BAD,     /* panic, corruption, errors */
	ROLE_FAULT,   /* can't be read */
	ROLE_NAME,    /* names of functions, members */
	ROLE_TYPE,
	ROLE_NUMBER,
	ROLE_STRING,
	ROLES
};

struct cell {
	enum cell_kind kind;
	enum role role;
	enum mem_state fault; /* CELL_FAULT */
	uint64_t u;	      /* UINT, ADDR, NS, BOOL; INT as two's complement */
	const char *text;     /* CELL_TEXT: the text (UTF-8 or bytes of the dump: sinks make it safe). For
			       * others but faults, if set, what people are shown instead */
	struct ref ref;	      /* where Enter goes; REF_NONE: nowhere */
};

enum col_flags {
	COL_DATA = 1,  /* only for machines: in JSON and TSV, not on a screen or in the text table */
	COL_SCREEN = 2, /* only for people: not in JSON and TSV (put together of data columns) */
	COL_RIGHT = 4, /* align right */
	COL_GROW = 8,  /* takes the spare width */
	COL_WHOLE = 16, /* half of it would mislead: others are left out before it is cut */
};

struct col {
	const char *key;   /* JSON key, e.g. "since_ns"; also what sort commands name */
	const char *title; /* short heading for people: "SINCE" */
	const char *help;  /* a sentence: meaning, unit, source */
	uint8_t flags;
	uint8_t width;	   /* columns that it likes to have; 0: as wide as its cells */
	uint8_t prio;	   /* 0: always shown; the largest is dropped first when space is short */
};

struct table {
	const char *name; /* of the kind of view: "ps", "bt", "struct": keymaps use it as a scope */
	const struct col *cols;
	size_t ncols;
	const struct table *child; /* the table of child rows; NULL: none */
	const char *child_key;	   /* JSON key of the child rows' array: "vars" */
	bool child_always;	   /* JSON has that array in every row, also when it is empty */
	bool titled;		   /* the text form begins with the heading's title (`bt`) */
};

/* Whom a row is for, as COL_SCREEN and COL_DATA say it of columns. */
enum row_for { ROW_FOR_ALL, ROW_FOR_PEOPLE, ROW_FOR_MACHINES };

struct row {
	const struct cell *cells; /* ncols of its table */
	const char *key;   /* names the row among its siblings, stable over re-runs ("s_writers.frozen", "123"); may be NULL */
	struct ref ref;	   /* what the row as a whole is; Enter goes there when the cell has no ref */
	unsigned depth;	   /* in a tree; 0: top */
	bool child;	   /* a row of the child table */
	enum row_for only; /* machines' rows are not in a pane or the text table; people's not in JSON and TSV */
	bool folded;	   /* starts out with its deeper rows hidden (they do follow) */
	enum role role;
};

/* Where a row leads: its own link before those of its cells. */
struct ref row_link(const struct table *t, const struct row *r);

/* What a view is, told before its first row. All borrowed for the call. */
struct heading {
	const struct table *table;
	const char *title; /* "Tasks 74  UN 1", "m > mnt_sb > s_writers" */
	const char *crash; /* the crash command that gives the same view; "" if there is none */
	struct ref ref;	   /* what is shown, as a whole */
};

struct sink {
	/* Called before the first row of each table; again when a command goes on with another table, or
	 * with the same one under a new title (`foreach bt`). */
	struct err *(*begin)(struct sink *s, const struct heading *h);
	struct err *(*row)(struct sink *s, const struct row *r);
	/* A problem that doesn't end the command ("12 tasks only from the run queue"). */
	void (*note)(struct sink *s, enum role role, const char *text);
	enum row_for audience; /* who reads it; ROW_FOR_ALL: that isn't known */
};

/* Are rows for these worth making? The others don't come out. */
bool sink_wants(const struct sink *s, enum row_for whom);

struct err *sink_begin(struct sink *s, const struct table *t, const struct ref *ref,
		       const char *crash, const char *title_fmt, ...)
	__attribute__((format(printf, 5, 6)));
struct err *sink_row(struct sink *s, const struct row *r);
void sink_note(struct sink *s, enum role role, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Makers of cells. */
struct cell cell_absent(void);
struct cell cell_fault(enum mem_state why);
/* Turns an error into a cell: a fault, else "<text of the error>" in ROLE_FAULT; ends the error. The
 * text is kept in keep, which must outlive the cell. */
struct cell cell_err(struct err *e, struct buf *keep);
struct cell cell_text(const char *s);
struct cell cell_role(struct cell c, enum role role);
struct cell cell_int(int64_t v);
struct cell cell_uint(uint64_t v);
struct cell cell_addr(uint64_t v);
struct cell cell_ns(uint64_t ns);
struct cell cell_bool(bool v);
struct cell cell_link(struct cell c, struct ref ref);
struct cell cell_shown(struct cell c, const char *text); /* sets what people see */

/* The cell as a person reads it, made safe for a terminal. */
void cell_print(const struct cell *c, struct buf *out);
/* The cell as JSON. */
void cell_json(const struct cell *c, struct buf *out);
/* For sorting: numbers by value, text by bytes; absent and faults last. <0, 0, >0. */
int cell_compare(const struct cell *a, const struct cell *b);
/* "5.53 s", "12 d 03:04:05": how durations are written everywhere. */
void print_ns(uint64_t ns, struct buf *out);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Source text around a line: of a frame, a function, an address, or a file by name.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/kern/stack/framefind.h"
#include "engine/kern/stack/source.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define AROUND 10      /* lines before and after */
#define MAX_FRAMES 256

enum { MARK, LINE, TEXT, HERE, FILE_, COLS };
static const struct col cols[COLS] = {
	[MARK] = {"mark", "", "> stands before the line asked for", COL_SCREEN, 1, 0},
	[LINE] = {"line", "", "its number", COL_RIGHT, 5, 0},
	[TEXT] = {"text", "", "the line", COL_GROW, 0, 0},
	[HERE] = {"here", "", "is it the line asked for?", COL_DATA, 0, 0},
	[FILE_] = {"file", "", "the file, from the top of the tree", COL_DATA, 0, 0},
};
static const struct table src_table = {.name = "src", .cols = cols, .ncols = COLS, .titled = true};

/* What is asked for. */
struct spot {
	char *file;
	unsigned line;
	char *what; /* the function; NULL: not known */
};

static void spot_free(struct spot *p)
{
	free(p->file);
	free(p->what);
}

static struct err *spot_of_call(struct session *s, const struct code_call *c, const char *what, struct spot *ret)
{
	if (!c->file)
		return err_new(ERR_NODEBUG, "file and line of %s are not known%s", what,
			       object_has_dwarf(s->vmlinux) ? "" : ": there is no debug info (`sys` tells where to "
								   "get it, `vmlinux FILE` loads it)");
	ret->file = xstrdup(c->file);
	ret->line = c->line;
	ret->what = c->function ? xstrdup(c->function) : NULL;
	return NULL;
}

static struct err *spot_of_address(const struct cmd_call *c, uint64_t addr, struct spot *ret)
{
	struct code_place place;
	char what[32];
	struct object *o = code_owner(c->session, addr);

	snprintf(what, sizeof(what), "0x%llx", (unsigned long long)addr);
	if (!o)
		return err_new(ERR_NOTFOUND, "%s is no address of kernel code", what);
	code_place_at(c->session, o, addr, true, &place);
	struct code_call call = code_place_call(&place, 0);
	return spot_of_call(c->session, &call, what, ret);
}

/* Where a call of the task's stack stands: the one that `text` names, else (NULL) that of a frame and a level.
 * *found is false when there is no such call. */
static struct err *spot_in_stack(const struct cmd_call *c, const struct task *t, const char *text,
				 size_t frame, size_t level, bool *found, struct spot *ret)
{
	struct stack_call call;
	struct stack st;
	struct err *e = NULL;

	task_stack(c->session, t, MAX_FRAMES, &st);
	*found = text ? stack_find_call(c->session, &st, text, &call)
		      : stack_call_at(c->session, &st, frame, level, &call);
	if (*found && st.frames[call.frame].user)
		e = err_new(ERR_NOTFOUND, "that frame is user space's: its source isn't known");
	else if (*found)
		e = spot_of_call(c->session, &call.call, call.call.function ? call.call.function : "this frame", ret);
	stack_free(&st);
	return e;
}

static struct err *spot_of_context(const struct cmd_call *c, struct spot *ret)
{
	const struct task *t;
	bool found;

	TRY(arg_task(c, NULL, &t));
	TRY(spot_in_stack(c, t, NULL, c->ctx->frame, c->ctx->level, &found, ret));
	return found ? NULL : err_new(ERR_NOTFOUND, "task %d has no such frame", t->pid);
}

static struct err *spot_of_number(const struct cmd_call *c, const char *text, struct spot *ret)
{
	const struct task *t;
	bool found;

	TRY(arg_task(c, NULL, &t));
	TRY(spot_in_stack(c, t, text, 0, 0, &found, ret));
	return found ? NULL : err_new(ERR_NOTFOUND, "task %d has no frame #%s", t->pid, text);
}

/* A function: where the chosen task stands in it, else where it begins. */
static struct err *spot_of_function(const struct cmd_call *c, const char *name, struct spot *ret)
{
	const struct task *t;
	bool found = false;
	uint64_t addr;

	if (c->ctx->task.kind && err_ok(arg_task(c, NULL, &t)))
		TRY(spot_in_stack(c, t, name, 0, 0, &found, ret));
	if (found)
		return NULL;
	TRY(arg_place(c, name, &addr));
	return spot_of_address(c, addr, ret);
}

static bool all_digits(const char *s)
{
	return s[0] && s[strspn(s, "0123456789")] == '\0';
}

/* "FILE:LINE", or "FILE" alone: something with a folder or a suffix. */
static bool spot_of_file(const char *text, struct spot *ret)
{
	const char *colon = strrchr(text, ':');
	bool numbered = colon && colon > text && all_digits(colon + 1);
	size_t n = numbered ? (size_t)(colon - text) : strlen(text);
	const char *dot = memrchr(text, '.', n);

	if (!numbered && !memchr(text, '/', n) && !(dot && strchr("chS", dot[1]) && dot[1] && !dot[2]))
		return false;
	uint64_t line = 1;
	if (numbered && !err_ok(arg_number(colon + 1, &line)))
		return false;
	ret->file = xstrndup(text, n);
	ret->line = line > UINT32_MAX ? UINT32_MAX : (unsigned)line;
	return true;
}

static struct err *spot_of_ref(const struct cmd_call *c, const struct ref *r, struct spot *ret)
{
	const struct tasks *ts;

	if (r->kind == REF_SRC) {
		ret->file = xstrdup(r->name);
		ret->line = (unsigned)r->aux;
		return NULL;
	}
	if (r->kind != REF_FRAME)
		return spot_of_address(c, r->addr, ret);
	bool found = false;
	TRY(tasks_load(c->session, c->job, &ts));
	const struct task *t = task_by_addr(ts, r->addr);
	if (t)
		TRY(spot_in_stack(c, t, NULL, r->aux >> 16, r->aux & 0xffff, &found, ret));
	return found ? NULL : err_new(ERR_NOTFOUND, "there is no such frame");
}

static struct err *find_spot(const struct cmd_call *c, struct spot *ret)
{
	const char *text = c->args->n ? c->args->v[0] : "";
	struct ref r;
	uint64_t addr;

	if (!text[0])
		return spot_of_context(c, ret);
	if (text[0] == '#' || all_digits(text))
		return spot_of_number(c, text + (text[0] == '#'), ret);
	if (strpbrk(text, ":@") && err_ok(ref_parse(text, c->session->intern, &r)) && r.kind != REF_SYM)
		return spot_of_ref(c, &r, ret);
	if (spot_of_file(text, ret))
		return NULL;
	if (!strncmp(text, "0x", 2) || strchr(text, '+')) {
		TRY(arg_place(c, text, &addr));
		return spot_of_address(c, addr, ret);
	}
	return spot_of_function(c, strncmp(text, "sym:", 4) ? text : text + 4, ret);
}

static struct err *show(const struct cmd_call *c, const struct spot *p, const struct source *src)
{
	uint64_t around = AROUND;
	const char *file = intern_str(c->session->intern, src->name);
	struct ref ref = {REF_SRC, 0, p->line, file};
	AUTO_FREE char *crash = xasprintf("list %s:%u", src->name, p->line);

	if (c->args->has['n'])
		TRY(arg_number(c->args->value['n'], &around));
	if (c->args->has['a'] || around > src->nlines)
		around = src->nlines;
	if (p->line > src->nlines)
		return err_new(ERR_NOTFOUND, "%s/%s has %zu lines, not %u: it is not the source of this kernel",
			       src->tree, src->name, src->nlines, p->line);
	size_t first = p->line > around ? p->line - (size_t)around : 1;
	size_t last = p->line + around < src->nlines ? p->line + (size_t)around : src->nlines;
	TRY(sink_begin(c->out, &src_table, &ref, crash, "%s:%u%s%s", src->name, p->line,
		       p->what ? "  " : "", p->what ? p->what : ""));
	if (src->doubt)
		sink_note(c->out, ROLE_WARN, "%s", src->doubt);
	for (size_t i = first; i <= last; i++) {
		AUTO_BUF struct buf text = {0};
		size_t n = 0;
		const char *line = source_line(src, i, &n);
		bool here = i == p->line;
		char key[24];
		source_put_line(line, n, &text);
		snprintf(key, sizeof(key), "%zu", i);
		enum role role = here ? ROLE_TITLE : ROLE_NORMAL;
		struct cell v[COLS] = {
			[MARK] = cell_role(cell_text(here ? ">" : ""), role),
			[LINE] = cell_role(cell_uint(i), here ? role : ROLE_DIM),
			[TEXT] = cell_role(cell_text(buf_str(&text)), role),
			[HERE] = cell_bool(here),
			[FILE_] = cell_text(src->name),
		};
		TRY(job_tick(c->job, 1));
		TRY(sink_row(c->out, &(struct row){.cells = v, .key = key, .role = role,
						   .ref = {REF_SRC, 0, i, file}}));
	}
	return NULL;
}

static struct err *run(const struct cmd_call *c)
{
	struct spot p = {0};
	struct source src = {0};
	struct err *e = find_spot(c, &p);

	if (!e)
		e = source_open(c->session, p.file, &src);
	if (!e)
		e = show(c, &p, &src);
	source_close(&src);
	spot_free(&p);
	return e;
}

const struct cmd cmd_src = {
	.name = "src",
	.aliases = "list",
	.group = "tasks",
	.summary = "source text around a frame, a function, an address or a line",
	.details =
		"The tree is the one named by --src, else the one of the dump's release under /usr/src. Without "
		"an argument: the chosen frame. A number is a frame of the chosen task, as `bt` counts; a "
		"function that the task is in is shown where it stands, others where they begin.",
	.options = (const struct cmd_option[]){
		{'n', ARG_NUMBER, "LINES", "this many lines before and after (10)"},
		{'a', ARG_NONE, NULL, "the whole file"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"WHERE", ARG_SYMBOL, true, false, "FILE:LINE, number of a frame, FUNCTION, ADDRESS or a ref"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"src", "where the chosen frame stands"},
		{"src 8", "where frame #8 stands"},
		{"src mnt_want_write", "where the task stands in this function, or its beginning"},
		{"src fs/namespace.c:402", "a line of a file"},
		{0}},
	.table = &src_table,
	.run = run,
};

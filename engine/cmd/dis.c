/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions of a function, with the fingers of crash's `dis`. A frame's own instruction is
 * marked: the interrupted one, or the call that hasn't returned yet; and the instructions that set
 * up that call's arguments say what they were given, as far as that is proved.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/dis/args.h"
#include "engine/kern/stack/codeplace.h"
#include "engine/kern/stack/source.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_COUNT 100000
#define MAX_FRAMES 256
#define MAX_NOTES 6

enum {
	MARK,
	ADDRESS,
	SHOWN,
	FUNCTION,
	OFFSET,
	BYTES,
	TEXT,
	NOTE,
	TARGET,
	FILE_,
	LINE_,
	HERE,
	COLS
};
static const struct col cols[COLS] = {
	[MARK] = {"at", "", "=> stands before the frame's own instruction", COL_SCREEN, 2, 0},
	[ADDRESS] = {"address", "", "of the instruction", 0, 18, 3},
	[SHOWN] = {"where", "", "offset from the start of the function", COL_SCREEN, 0, 1},
	[FUNCTION] = {"function", "FUNCTION", "function", COL_DATA, 0, 0},
	[OFFSET] = {"offset", "OFFSET", "from the function's start", COL_DATA, 0, 0},
	[BYTES] = {"bytes", "BYTES", "its bytes in hexadecimal", COL_DATA, 0, 0},
	[TEXT] = {"text", "", "the instruction in AT&T syntax; of a line of source: its text",
		  COL_GROW, 0, 0},
	[NOTE] = {"note", "", "what an argument of the frame's call was; which text it is from", 0,
		  0, 2},
	[TARGET] = {"target", "TARGET", "address that is called, jumped to or read", COL_DATA, 0,
		    0},
	[FILE_] = {"file", "FILE", "source file (with -l, -s)", COL_DATA, 0, 0},
	[LINE_] = {"line", "LINE", "source line (with -l, -s)", COL_DATA, 0, 0},
	[HERE] = {"mark", "MARK", "is it the frame's own instruction?", COL_DATA, 0, 0},
};
static const struct table dis_table = {.name = "dis", .cols = cols, .ncols = COLS, .titled = true};

struct note {
	uint64_t pc;
	char text[80];
};

struct listing {
	const struct cmd_call *c;
	struct session *s;
	struct dis_func func;
	uint64_t first, end; /* addresses to show */
	uint64_t count;	     /* instructions at most */
	uint64_t last;	     /* stop behind the instruction at this address; 0: don't */
	uint64_t mark;	     /* 0: none */
	struct note notes[MAX_NOTES];
	size_t nnotes;
	struct source source;
	char *source_name; /* whose text `source` has; NULL: none yet */
	bool no_source;	   /* it was told already */
	const char *file;  /* of the last row */
	unsigned line;
};

/* ---- the frame ---- */

static bool frame_of(const struct cmd_call *c, const char *text, struct ref *ret)
{
	*ret = (struct ref){0};
	if (text && err_ok(ref_parse(text, c->session->intern, ret)) && ret->kind == REF_FRAME)
		return true;
	if (!c->ctx->task.kind)
		return false;
	*ret = ref_frame(c->ctx->task.addr, c->ctx->frame, c->ctx->level);
	return true;
}

/* The values that the frame's call was given, beside the instructions that put them there. */
static void note_arguments(struct listing *l, const struct stack *st, size_t i)
{
	struct arg_param p[MAX_ARG_PARAMS];
	struct args *a;
	size_t n;

	if (!i || st->frames[i].exact)
		return;
	a = args_create(l->s->flow, st);
	args_params(&(struct args_sources){l->s->dis, l->s->lines, l->s->types},
		    st->frames[i - 1].pc - !st->frames[i - 1].exact, l->c->job, p, &n);
	for (size_t k = 0; k < l->s->arch->nargs && l->nnotes < MAX_NOTES; k++) {
		unsigned reg = l->s->arch->arg_regs[k];
		struct note *note = &l->notes[l->nnotes];
		struct arg_value v;
		const char *name = NULL;
		args_entry(a, i - 1, reg, false, &v);
		for (size_t j = 0; j < n; j++)
			if (p[j].reg == reg)
				name = p[j].name;
		if (!v.bits || !v.set_at || (n && !name))
			continue;
		note->pc = v.set_at;
		snprintf(note->text, sizeof(note->text), "%s = 0x%" PRIx64 "%s%.40s",
			 arch_reg_name(l->s->arch, reg), v.value, name && name[0] ? "  " : "",
			 name ? name : "");
		l->nnotes++;
	}
	args_destroy(a);
}

/* Marks where a frame stands, and notes what its call was given. */
static void mark_frame(struct listing *l, const struct stack *st, size_t i)
{
	const struct frame *f = &st->frames[i];
	const struct snapshot *at = flow_at(l->s->flow, f->pc, !f->exact);

	l->mark = at->insn.pc ? at->insn.pc : f->pc;
	flow_put(l->s->flow, at);
	note_arguments(l, st, i);
}

static bool stands_in(const struct listing *l, const struct stack *st, size_t i)
{
	const struct frame *f = &st->frames[i];
	uint64_t pc = f->pc - !f->exact;

	return !f->user && pc >= l->func.start && pc < l->func.end;
}

/* Which frame is meant: the chosen one when nothing is named or it stands in what is named, else the
 * innermost that does. st->n: none. */
static size_t frame_in(const struct listing *l, const struct stack *st, size_t chosen, bool named)
{
	size_t i = 0;

	if (chosen < st->n && (named ? stands_in(l, st, chosen) : !st->frames[chosen].user))
		return chosen;
	while (named && i < st->n && !stands_in(l, st, i))
		i++;
	return named ? i : st->n;
}

/* Looks for the frame in the task's stack. named: l->func is known, else it becomes the frame's. Nothing is
 * marked when there is no such frame. */
static struct err *look_at_frame(struct listing *l, const struct ref *r, bool named)
{
	const struct tasks *ts;
	const struct task *t;
	struct stack st;
	struct err *e = NULL;

	TRY(tasks_load(l->s, l->c->job, &ts));
	if (!(t = task_by_addr(ts, r->addr)))
		return NULL;
	task_stack(l->s, t, MAX_FRAMES, &st);
	size_t i = frame_in(l, &st, r->aux >> 16, named);
	if (i < st.n) {
		mark_frame(l, &st, i);
		if (!named)
			e = dis_func_at(l->s->dis, l->mark, &l->func);
	}
	stack_free(&st);
	return e;
}

/* ---- rows ---- */

static struct err *line_row(struct listing *l, const char *text, const char *file, unsigned line)
{
	struct cell v[COLS];
	char key[48];

	for (size_t i = 0; i < COLS; i++)
		v[i] = cell_shown(cell_absent(), "");
	snprintf(key, sizeof(key), "line.%u", line);
	v[TEXT] = cell_role(cell_text(text), ROLE_DIM);
	v[FILE_] = cell_text(file);
	v[LINE_] = cell_uint(line);
	struct ref ref = {REF_SRC, 0, line, intern_str(l->s->intern, file)};
	return sink_row(l->c->out,
			&(struct row){.cells = v, .key = key, .ref = ref, .role = ROLE_DIM});
}

/* The line's text out of the source tree; false: there is none. */
static bool source_text(struct listing *l, const char *file, unsigned line, struct buf *out)
{
	size_t len;

	if (!l->source_name || strcmp(l->source_name, file)) {
		source_close(&l->source);
		free(l->source_name);
		l->source_name = NULL;
		struct err *e = source_open(l->s, file, &l->source);
		if (e && !l->no_source)
			sink_note(l->c->out, ROLE_WARN, "%s", err_text(e));
		l->no_source |= e != NULL;
		if (!err_ok(e))
			return false;
		l->source_name = xstrdup(file);
	}
	const char *text = source_line(&l->source, line, &len);
	if (!text)
		return false;
	buf_printf(out, "%u  ", line);
	source_put_line(text, len, out);
	return true;
}

/* File and line of an instruction; a row for them where they change. */
static struct err *interleave(struct listing *l, uint64_t pc)
{
	const struct line_scope *scopes;
	AUTO_BUF struct buf text = {0};
	size_t n;

	if (!err_ok(lines_at(l->s->lines, l->func.sym.object, pc, &scopes, &n)) ||
	    !scopes[0].file[0] || !scopes[0].line) {
		l->file = NULL;
		return NULL;
	}
	if (l->file && !strcmp(l->file, scopes[0].file) && l->line == scopes[0].line)
		return NULL;
	bool same_file = l->file && !strcmp(l->file, scopes[0].file);
	l->file = scopes[0].file;
	l->line = scopes[0].line;
	if (l->c->args->has['s'] && source_text(l, l->file, l->line, &text)) {
		if (!same_file)
			TRY(line_row(l, l->file, l->file, l->line));
		return line_row(l, buf_str(&text), l->file, l->line);
	}
	buf_printf(&text, "%s: %u", l->file, l->line);
	return line_row(l, buf_str(&text), l->file, l->line);
}

static struct ref target_ref(struct listing *l, const struct dis_insn *in)
{
	struct sym sym;
	uint64_t off, to = in->has_target ? in->target : in->data;

	if (!in->has_target && !in->has_data)
		return (struct ref){0};
	if (in->percpu) /* its name stands for each CPU's */
		return sym_percpu_at(l->s->symtab, to, &sym, &off)
			       ? (struct ref){REF_SYM, 0, 0, intern_str(l->s->intern, sym.name)}
			       : (struct ref){0};
	if (sym_at(l->s->symtab, to, &sym, &off) && !off)
		return (struct ref){REF_SYM, to, 0, intern_str(l->s->intern, sym.name)};
	return ref_addr(REF_MEM, to);
}

static struct err *insn_row(struct listing *l, const struct code *code, const struct dis_insn *in,
			    const char *text)
{
	AUTO_BUF struct buf where = {0}, bytes = {0}, note = {0};
	char key[24];
	struct ref ref = target_ref(l, in);
	bool here = in->pc == l->mark, lines = l->c->args->has['l'] || l->c->args->has['s'];
	bool target = in->has_target || (in->has_data && !in->percpu);

	if (lines)
		TRY(interleave(l, in->pc));
	snprintf(key, sizeof(key), "%" PRIx64, in->pc);
	buf_printf(&where, "<+%" PRIu64 ">", in->pc - l->func.start);
	for (unsigned i = 0; i < in->size; i++)
		buf_printf(&bytes, "%02x", in->bytes[i]);
	for (size_t i = 0; i < l->nnotes; i++)
		if (l->notes[i].pc == in->pc)
			buf_printf(&note, "%s%s", note.len ? "; " : "", l->notes[i].text);
	if (!note.len && code_from_file(code, in->pc))
		buf_puts(&note, "file");
	bool known_line = lines && l->file;
	struct cell v[COLS] = {
		[MARK] = cell_role(cell_text(here ? "=>" : ""), ROLE_TITLE),
		[ADDRESS] = cell_role(cell_addr(in->pc), ROLE_DIM),
		[SHOWN] = cell_role(cell_text(buf_str(&where)), ROLE_NAME),
		[FUNCTION] = cell_text(l->func.sym.name),
		[OFFSET] = cell_uint(in->pc - l->func.start),
		[BYTES] = cell_text(buf_str(&bytes)),
		[TEXT] = cell_link(cell_role(cell_text(text), ref.kind ? ROLE_LINK : ROLE_NORMAL),
				   ref),
		[NOTE] = note.len ? cell_role(cell_text(buf_str(&note)), ROLE_NUMBER)
				  : cell_shown(cell_absent(), ""),
		[TARGET] =
			target ? cell_link(cell_addr(in->has_target ? in->target : in->data), ref)
			       : cell_absent(),
		[FILE_] = known_line ? cell_text(l->file) : cell_absent(),
		[LINE_] = known_line ? cell_uint(l->line) : cell_absent(),
		[HERE] = cell_bool(here),
	};
	return sink_row(l->c->out, &(struct row){.cells = v,
						 .key = key,
						 .ref = ref,
						 .role = here ? ROLE_TITLE : ROLE_NORMAL});
}

static void tell_text(struct listing *l, const struct code *code)
{
	if (code->init)
		sink_note(l->c->out, ROLE_WARN,
			  "init code: its memory is freed after the boot; this is the file's text");
	else if (code->any_file)
		sink_note(l->c->out, ROLE_WARN,
			  "the dump doesn't hold all of this code (%s): rows with the note 'file' "
			  "are the "
			  "file's text, not patched and at its link-time addresses",
			  mem_state_name(code->why));
	if (code->patched_out)
		sink_note(l->c->out, ROLE_WARN,
			  "breakpoints stand in this code: the instructions below them are shown");
	if (code->start + code->n < l->end)
		sink_note(l->c->out, ROLE_WARN, "the code ends at 0x%" PRIx64 ": %s",
			  code->start + code->n, mem_state_name(code->why));
}

/* Decoding begins at the function's start, so that it is in step. */
static struct err *rows(struct listing *l, struct decoder *x, struct code *code)
{
	AUTO_BUF struct buf text = {0};
	struct dis_insn in;
	uint64_t shown = 0;

	for (uint64_t pc = code->start; pc < l->end && shown < l->count; pc += in.size) {
		TRY(job_tick(l->c->job, 1));
		buf_clear(&text);
		if (!decode(x, code, pc, &in, &text))
			break;
		if (pc + in.size <= l->first)
			continue;
		TRY(insn_row(l, code, &in, buf_str(&text)));
		shown++;
		if (l->last && pc + in.size > l->last)
			break;
	}
	tell_text(l, code);
	return NULL;
}

static struct err *list(struct listing *l)
{
	struct decoder *x;
	struct code code;
	struct err *e;

	TRY(decoder_create(l->s->dis, &x));
	e = code_read(l->s->dis, l->func.start, l->end, &code);
	if (e)
		e = err_wrap(e, "the code of %s can't be read", l->func.sym.name);
	if (!e) {
		e = rows(l, x, &code);
		code_free(&code);
	}
	decoder_destroy(x);
	source_close(&l->source);
	free(l->source_name);
	return e;
}

/* ---- what is asked for ---- */

static struct err *set_range(struct listing *l, uint64_t addr, bool whole)
{
	const struct cmd_args *a = l->c->args;

	l->first = a->has['f'] ? addr : l->func.start;
	l->end = l->func.end;
	l->count = MAX_COUNT;
	if (a->n > 1) {
		TRY(arg_number(a->v[1], &l->count));
		if (!l->count || l->count > MAX_COUNT)
			return usage_error(a->cmd, "COUNT must be 1 to %d", MAX_COUNT);
		if (!a->has['r'])
			l->first = addr;
	} else if (!whole && !a->has['r'] && !a->has['f']) {
		l->first = addr;
		l->count = 1;
	}
	if (a->has['r'])
		l->last = addr + 1;
	return NULL;
}

/* what: as it was typed; of several names of the same thing it is the one that is told. */
static struct err *find_function(struct session *s, const char *what, uint64_t addr, struct dis_func *ret)
{
	struct err *e = dis_func_at(s->dis, addr, ret);
	uint64_t offset;
	struct sym sym, typed;

	if (!e || err_code(e) != ERR_NOTFOUND || !sym_at(s->symtab, addr, &sym, &offset))
		return e;
	err_free(e);
	if (sym_find(s->symtab, what, &typed) && typed.addr == addr)
		sym = typed;
	return err_new(ERR_NOTFOUND, "%s is data, not code: `p %s` shows its value, `rd %s` its bytes", sym.name,
		       sym.name, sym.name);
}

static struct err *run(const struct cmd_call *c)
{
	const struct cmd_args *a = c->args;
	struct listing l = {.c = c, .s = c->session};
	const char *what = a->n ? a->v[0] : NULL;
	AUTO_BUF struct buf crash = {0};
	struct ref frame;
	uint64_t addr = 0;

	if (a->has['r'] && a->has['f'])
		return usage_error(a->cmd, "-r ends at ADDRESS and -f begins there: choose one");
	TRY(dis_usable(c->session->dis));
	bool has_frame = frame_of(c, what, &frame), by_frame = !what || !strncmp(what, "frame:", 6);
	if (!by_frame) {
		TRY(arg_place(c, what, &addr));
		TRY(find_function(c->session, what, addr, &l.func));
	}
	if (has_frame)
		TRY(look_at_frame(&l, &frame, !by_frame));
	if (by_frame && !l.mark)
		return err_new(ERR_USAGE, "no frame is chosen: give an address or a function");
	if (by_frame)
		addr = l.mark;
	TRY(set_range(&l, addr, by_frame || addr == l.func.start));
	buf_puts(&crash, "dis ");
	if (a->has['l'] || a->has['r'] || a->has['f'] || a->has['s'])
		buf_printf(&crash, "-%s%s%s%s ", a->has['s'] ? "s" : "", a->has['l'] ? "l" : "",
			   a->has['r'] ? "r" : "", a->has['f'] ? "f" : "");
	buf_printf(&crash, "%" PRIx64, addr);
	struct ref ref = {REF_SYM, l.func.start, 0, intern_str(l.s->intern, l.func.sym.name)};
	TRY(sink_begin(c->out, &dis_table, &ref, buf_str(&crash), "%s  %" PRIu64 " bytes",
		       l.func.sym.name, l.func.end - l.func.start));
	return list(&l);
}

const struct cmd cmd_dis = {
	.name = "dis",
	.group = "memory",
	.summary = "disassembly of the kernel's code, as it was patched at run time",
	.details = "A function's name shows all of it, another address one instruction; nothing "
		   "shows the chosen frame's function. => marks where the chosen task stands in it: the "
		   "interrupted instruction, or the call that hasn't returned. Beside the instructions "
		   "that set up that call's arguments stands what they were given, as far as that is "
		   "proved (`bt -R` tells how). Instructions that can't be decoded are shown as bytes. "
		   "With -l and -s, rows without an address are source lines.",
	.options =
		(const struct cmd_option[]){
			{'l', ARG_NONE, NULL, "with source files and lines"},
			{'s', ARG_NONE, NULL, "with the source's text (needs a tree: --src)"},
			{'r', ARG_NONE, NULL, "from the function's start up to ADDRESS"},
			{'f', ARG_NONE, NULL, "from ADDRESS to the function's end"},
			{0}},
	.args =
		(const struct cmd_arg[]){
			{"ADDRESS", ARG_ADDRESS, true, false,
			 "address, function or frame; without it the chosen frame"},
			{"COUNT", ARG_NUMBER, true, false, "how many instructions"},
			{0}},
	.examples = (const struct cmd_example[]){{"dis mnt_want_write", "a whole function"},
						 {"dis -lr mnt_want_write+0x24",
						  "with lines, up to an address"},
						 {"dis schedule 8", "its first eight instructions"},
						 {0}},
	.table = &dis_table,
	.run = run,
};

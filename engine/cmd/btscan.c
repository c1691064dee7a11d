/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a search of the stack's words shows: `bt -t` and -T (text addresses), `bt -e` (the registers that
 * exceptions and system calls have left). All of it is a guess, and is marked so, but for what the walk
 * over the stack came upon too.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/bt.h"
#include "engine/kern/stack/stackscan.h"
#include <inttypes.h>
#include <stdio.h>

enum { PID, TASK, INDEX, SLOT, NOTE, SHOWN, WHERE, FUNCTION, OFFSET, PC, SP, FILE_, LINE_, COLUMN,
       INLINE, SOURCE, COLS };
static const struct col cols[COLS] = {
	[PID] = {"pid", "PID", "the task's pid", COL_DATA, 0, 0},
	[TASK] = {"task", "TASK", "the task's task_struct", COL_DATA, 0, 0},
	[INDEX] = {"index", "#", "number of the text address", COL_DATA, 0, 0},
	[SLOT] = {"slot", "", "where on the stack it lies", COL_SCREEN, 18, 1},
	[NOTE] = {"note", "", "the frame of the walk that returns there", COL_SCREEN, 0, 0},
	[SHOWN] = {"text", "", "function and offset", COL_SCREEN | COL_GROW, 30, 0},
	[WHERE] = {"where", "", "file and line", COL_SCREEN, 24, 2},
	[FUNCTION] = {"function", "FUNCTION", "function", COL_DATA, 0, 0},
	[OFFSET] = {"offset", "OFFSET", "of the address from the function's start", COL_DATA, 0, 0},
	[PC] = {"pc", "", "the text address", 0, 18, 5},
	[SP] = {"sp", "", "where on the stack it lies", COL_DATA, 18, 6},
	[FILE_] = {"file", "FILE", "source file", COL_DATA, 0, 0},
	[LINE_] = {"line", "LINE", "source line", COL_DATA, 0, 0},
	[COLUMN] = {"column", "COLUMN", "column in that line", COL_DATA, 0, 0},
	[INLINE] = {"inline", "INLINE", "always false: what is here is the function itself", COL_DATA, 0, 0},
	[SOURCE] = {"source", "SOURCE", "scan", COL_DATA, 0, 0},
};
const struct table bt_text_table = {.name = "bt", .cols = cols, .ncols = COLS, .titled = true};

/* The frame of the walk whose return address lies in this word; false: none. */
static bool frame_of_slot(const struct bt *b, uint64_t slot, uint64_t pc, size_t *ret)
{
	const struct frame *f = b->stack.frames;

	for (size_t i = 0; i < b->stack.n; i++)
		if (f[i].pc == pc && (i ? f[i - 1].cfa : b->t->active ? 0 : f[i].sp) == slot + 8) {
			*ret = i;
			return true;
		}
	return false;
}

/* People count logical frames: the number that `bt` shows for a physical one's function. */
static unsigned shown_number(const struct bt *b, size_t frame)
{
	const struct frame *f = b->stack.frames;
	struct code_place place;
	unsigned n = 0;

	for (size_t i = 0; i <= frame && i < b->stack.n; i++)
		n += f[i].user || b->c->args->has['I']
			     ? 1
			     : (unsigned)code_place_at(b->s, f[i].object, f[i].pc, f[i].exact, &place);
	return n - 1;
}

static struct err *text_row(struct bt *b, const struct stack_word *w, struct object *owner)
{
	AUTO_BUF struct buf shown = {0}, where = {0}, note = {0};
	struct ref ref = ref_addr(REF_MEM, w->value), src = {0};
	struct code_place place;
	struct sym sym;
	uint64_t offset;
	size_t frame;
	bool walked = frame_of_slot(b, w->addr, w->value, &frame);
	/* a return address may lie behind its function's end, but a function's own address is its own */
	bool entry = !walked && sym_func_at(b->s->symtab, w->value, &sym, &offset) && !offset;
	size_t n = code_place_at(b->s, owner, w->value, entry, &place);
	struct code_call c = code_place_call(&place, n - 1);

	buf_printf(&shown, "%s", c.function ? c.function : "?");
	if (c.has_offset && c.offset)
		buf_printf(&shown, "+0x%" PRIx64, c.offset);
	if (c.file) {
		buf_printf(&where, "%s:%u", c.file, c.line);
		src = (struct ref){REF_SRC, 0, c.line, intern_str(b->s->intern, c.file)};
	}
	if (walked) {
		buf_printf(&note, "#%u", shown_number(b, frame));
		ref = ref_frame(b->t->addr, (unsigned)frame, (unsigned)(n - 1));
	}
	enum role role = walked ? ROLE_NORMAL : ROLE_DIM;
	struct cell v[COLS] = {
		[PID] = cell_int(b->t->pid),
		[TASK] = cell_addr(b->t->addr),
		[INDEX] = cell_uint(b->index++),
		[SLOT] = cell_role(cell_addr(w->addr), ROLE_DIM),
		[SHOWN] = cell_role(cell_text(buf_str(&shown)), walked ? ROLE_NAME : ROLE_DIM),
		[WHERE] = cell_link(cell_text(buf_str(&where)), src),
		[NOTE] = cell_text(buf_str(&note)),
		[FUNCTION] = c.function ? cell_text(c.function) : cell_absent(),
		[OFFSET] = c.has_offset ? cell_uint(c.offset) : cell_absent(),
		[PC] = cell_role(cell_addr(w->value), ROLE_DIM),
		[SP] = cell_addr(w->addr),
		[FILE_] = c.file ? cell_text(c.file) : cell_absent(),
		[LINE_] = c.file ? cell_uint(c.line) : cell_absent(),
		[COLUMN] = c.file && c.column ? cell_uint(c.column) : cell_absent(),
		[INLINE] = cell_bool(false),
		[SOURCE] = cell_text(frame_source_name(FRAME_SCAN)),
	};
	char key[24];
	snprintf(key, sizeof(key), "%" PRIx64, w->addr);
	return sink_row(b->c->out, &(struct row){.cells = v, .key = key, .ref = ref, .role = role});
}

static struct err *text_word(void *ctx, const struct stack_word *w)
{
	struct bt *b = ctx;
	struct object *owner;

	if (!mem_readable(w->state) || !b->s->arch->is_kernel(mem_layout(b->s->mem), w->value))
		return NULL;
	owner = code_owner(b->s, w->value);
	if (!owner)
		owner = code_owner(b->s, w->value - 1);
	return owner ? text_row(b, w, owner) : NULL;
}

struct search {
	struct bt *b;
	uint64_t next; /* what lies below is part of registers found already */
};

static struct err *regs_row(struct bt *b, uint64_t addr, const struct regs *r)
{
	const struct arch *a = b->s->arch;
	const struct frame *walked = NULL;
	struct bt_row row = {.pc = r->v[a->reg_pc], .sp = r->v[a->reg_sp], .user = a->regs_user(r)};
	const char *type = intern_str(b->s->intern, "struct pt_regs");
	struct code_place place;
	char note[64], key[24];

	for (size_t i = 0; i < b->stack.n && !walked; i++)
		if (b->stack.frames[i].pt_regs == addr)
			walked = &b->stack.frames[i];
	if (!row.user) {
		size_t n = code_place_at(b->s, code_owner(b->s, row.pc), row.pc, true, &place);
		row.call = code_place_call(&place, n - 1);
	}
	snprintf(note, sizeof(note), "pt_regs 0x%" PRIx64, addr);
	snprintf(key, sizeof(key), "%" PRIx64, addr);
	row.note = note;
	row.key = key;
	row.guess = !walked;
	row.source = walked ? FRAME_REGS : FRAME_SCAN;
	row.ref = ref_object(type, addr);
	TRY(bt_row(b, &row));
	return bt_regs(b, r);
}

static struct err *regs_word(void *ctx, const struct stack_word *w)
{
	struct search *x = ctx;
	struct regs r;

	if (w->addr < x->next || !stack_regs_at(x->b->s, w->addr, &r))
		return NULL;
	x->next = w->addr + x->b->s->arch->pt_regs_size;
	return regs_row(x->b, w->addr, &r);
}

/* Runs fn over the words of all stacks that the walk crossed. */
static struct err *each_word(struct bt *b, bool whole,
			     struct err *(*fn)(void *ctx, const struct stack_word *w), void *ctx)
{
	struct stack_part parts[STACK_PARTS];
	size_t n = stack_parts(b->s, b->t, &b->stack, whole, parts);

	if (!n)
		return err_new(ERR_NOTFOUND, "task %d: where its stack lies is not known%s%s", b->t->pid,
			       b->stack.ended ? ": " : "", b->stack.ended ? b->stack.ended : "");
	for (size_t i = 0; i < n; i++)
		TRY(stack_words(b->s, b->c->job, parts[i].start, parts[i].end, fn, ctx));
	return NULL;
}

struct err *bt_text(struct bt *b)
{
	return each_word(b, b->c->args->has['T'], text_word, b);
}

struct err *bt_exceptions(struct bt *b)
{
	struct search x = {.b = b};

	return each_word(b, true, regs_word, &x);
}

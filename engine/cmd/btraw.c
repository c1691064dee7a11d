/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words of a frame (`bt -f`, `bt -F`): from its stack pointer up to its caller's. Registers that an
 * exception or a system call left (pt_regs) belong to the frame that was interrupted.
 */
#include "engine/cmd/bt.h"
#include "engine/kern/stack/stackscan.h"
#include "engine/kern/memory/word.h"
#include <inttypes.h>
#include <stdio.h>

#define MAX_WORDS 2048 /* of a frame */

enum { ADDRESS, VALUE, SHOWN, KIND, MEANING, COLS };
static const struct col cols[COLS] = {
	[ADDRESS] = {"address", "", "where the word lies", 0, 18, 0},
	[VALUE] = {"value", "", "the word", 0, 18, 0},
	[SHOWN] = {"what", "", "what it is, taken as an address", COL_SCREEN | COL_GROW, 0, 1},
	[KIND] = {"kind", "KIND", "symbol, task, stack, slab or page", COL_DATA, 0, 0},
	[MEANING] = {"meaning", "MEANING", "what it is, taken as an address", COL_DATA, 0, 0},
};
const struct table bt_word_table = {.name = "words", .cols = cols, .ncols = COLS};

struct raw {
	struct bt *b;
	const struct tasks *tasks; /* NULL: symbols only */
	uint64_t regs, regs_end;   /* of the pt_regs that are shown; 0: none */
};

/* The name of the register that the word of a pt_regs holds. */
static const char *register_at(const struct raw *x, uint64_t addr)
{
	const struct arch *a = x->b->s->arch;

	for (size_t i = 0; i < a->nregs && addr >= x->regs && addr < x->regs_end; i++)
		if (a->regs[i].pt_regs >= 0 && addr - x->regs == (uint64_t)a->regs[i].pt_regs)
			return a->regs[i].name;
	return NULL;
}

static struct err *word_row(void *ctx, const struct stack_word *w)
{
	struct raw *x = ctx;
	struct bt *b = x->b;
	const char *reg = register_at(x, w->addr);
	AUTO_BUF struct buf shown = {0};
	struct word_info info = {0};
	char text[24], key[24];

	snprintf(text, sizeof(text), "0x%016" PRIx64, w->value);
	snprintf(key, sizeof(key), "%" PRIx64, w->addr);
	if (mem_readable(w->state))
		word_info_at(b->s, x->tasks, w->value, !x->tasks, &info);
	if (reg)
		buf_printf(&shown, "%s%s", reg, info.text.len ? " = " : "");
	buf_puts(&shown, buf_str(&info.text));
	struct cell v[COLS] = {
		[ADDRESS] = cell_role(cell_addr(w->addr), ROLE_DIM),
		[VALUE] = mem_readable(w->state) ? cell_shown(cell_addr(w->value), text)
						 : cell_fault(w->state),
		[SHOWN] = cell_link(cell_text(buf_str(&shown)), info.ref),
		[KIND] = info.kind ? cell_text(info.kind) : cell_absent(),
		[MEANING] = info.kind ? cell_text(buf_str(&info.text)) : cell_absent(),
	};
	enum role role = info.ref.kind ? ROLE_LINK : ROLE_NORMAL;
	struct row r = {.cells = v, .key = key, .ref = info.ref, .child = true, .role = role};
	struct err *e = sink_row(b->c->out, &r);
	word_info_free(&info);
	return e;
}

static struct err *words(struct raw *x, uint64_t start, uint64_t end)
{
	start &= ~UINT64_C(7);
	if (end <= start)
		return NULL;
	if (end - start > MAX_WORDS * 8) {
		sink_note(x->b->c->out, ROLE_WARN, "of the frame at 0x%" PRIx64 " only %d words are shown",
			  start, MAX_WORDS);
		end = start + MAX_WORDS * 8;
	}
	return stack_words(x->b->s, x->b->c->job, start, end, word_row, x);
}

/* Where frame i ends: at its caller's stack pointer, or where the registers of what it interrupted lie,
 * or with the stack. */
static uint64_t frame_end(const struct bt *b, size_t i)
{
	const struct frame *f = &b->stack.frames[i], *next = i + 1 < b->stack.n ? f + 1 : NULL;
	uint64_t size = task_stack_size(b->s);
	struct stack_part parts[STACK_PARTS];

	if (next && next->pt_regs >= f->sp && next->pt_regs - f->sp <= size)
		return next->pt_regs;
	if (next && next->sp > f->sp && next->sp - f->sp <= size)
		return next->sp;
	if (f->cfa > f->sp && f->cfa - f->sp <= size)
		return f->cfa;
	size_t n = stack_parts(b->s, b->t, &b->stack, false, parts);
	for (size_t p = 0; p < n; p++)
		if (f->sp >= parts[p].start && f->sp < parts[p].end)
			return parts[p].end;
	return f->sp;
}

struct err *bt_frame_words(struct bt *b, size_t i)
{
	const struct frame *f = &b->stack.frames[i];
	struct raw x = {.b = b, .regs = f->pt_regs};

	if (b->c->args->has['F'])
		TRY(tasks_load(b->s, b->c->job, &x.tasks));
	if (f->pt_regs) {
		x.regs_end = f->pt_regs + b->s->arch->pt_regs_size;
		TRY(words(&x, x.regs, x.regs_end));
	}
	return f->user ? NULL : words(&x, f->sp, frame_end(b, i));
}

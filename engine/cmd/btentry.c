/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an exception or an interrupt came in, the stack holds the registers of what it interrupted: a
 * row of its own between the entry code and the interrupted function, with the registers under it.
 */
#include "engine/cmd/bt.h"
#include "engine/kern/stack/syscall.h"
#include <stdio.h>
#include <string.h>

/* What the entry code's name says; names since 5.8, then older ones. The first that is in it counts. */
static const struct {
	const char *part, *kind;
} kinds[] = {
	{"nmi", "nmi"},		    {"asm_exc_", "exception"},	  {"sysvec", "interrupt"},
	{"interrupt", "interrupt"}, {"ret_from_intr", "interrupt"}, {"irq", "interrupt"},
};

/* NULL: it doesn't tell. */
static const char *kind_of(struct bt *b, const struct frame *entry)
{
	struct sym sym;
	uint64_t offset;

	if (sym_func_at(b->s->symtab, entry->exact ? entry->pc : entry->pc - 1, &sym, &offset))
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (strstr(sym.name, kinds[i].part))
				return kinds[i].kind;
	return NULL;
}

/* How it came into the kernel. */
static void put_cause(struct bt *b, size_t i, struct buf *out)
{
	const struct frame *f = b->stack.frames;
	AUTO_BUF struct buf call = {0};
	const char *kind = i ? kind_of(b, &f[i - 1]) : NULL;

	if (i && syscall_name(b->s, &f[i - 1], &f[i], &call))
		buf_printf(out, "system call %s", buf_str(&call));
	else if (kind)
		buf_puts(out, kind);
}

struct err *bt_user(struct bt *b, size_t i)
{
	const struct frame *f = &b->stack.frames[i];
	AUTO_BUF struct buf cause = {0};
	char key[24];

	put_cause(b, i, &cause);
	snprintf(key, sizeof(key), "%zu.0", i);
	TRY(bt_row(b, &(struct bt_row){
			      .user = true,
			      .pc = f->pc,
			      .sp = f->sp,
			      .guess = bt_rests_on_guess(b, i),
			      .source = f->source,
			      .where = buf_str(&cause),
			      .note = bt_note(b, i, false),
			      .key = key,
			      .folded = !b->words,
			      .ref = ref_frame(b->t->addr, (unsigned)i, 0),
		      }));
	return b->words ? bt_frame_words(b, i) : bt_regs(b, &f->regs);
}

struct err *bt_entry(struct bt *b, size_t i)
{
	const struct frame *f = &b->stack.frames[i];
	char key[32];

	if (!i || !f->pt_regs || f->user)
		return NULL;
	const char *kind = kind_of(b, &f[-1]);
	snprintf(key, sizeof(key), "%zu.regs", i);
	TRY(bt_row(b, &(struct bt_row){
			      .entry = kind ? kind : "exception",
			      .pc = f->pc,
			      .sp = f->pt_regs,
			      .guess = bt_rests_on_guess(b, i),
			      .source = FRAME_REGS,
			      .note = "pt_regs",
			      .key = key,
			      .folded = true,
			      .ref = ref_object(intern_str(b->s->intern, "struct pt_regs"),
						f->pt_regs),
		      }));
	return b->words ? NULL : bt_regs(b, &f->regs); /* the words are the frame's */
}

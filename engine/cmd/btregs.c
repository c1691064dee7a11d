/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of a pt_regs. Machines get a row for each. People get a line for each one that leads
 * somewhere in the kernel, and the others side by side below: twenty lines of numbers under every
 * interrupt would hide the calls between which they stand.
 */
#include "engine/cmd/bt.h"
#include "engine/cmd/show.h"
#include "engine/kern/memory/word.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SIDE_BY_SIDE = 3, REG_COLUMN = 24 };

struct regs_call {
	struct bt *b;
	struct named {
		const char *name;
		uint64_t value;
	} rest[ARCH_MAX_REGS]; /* those that lead nowhere */
	size_t n;
};

static struct err *reg_row(struct bt *b, const char *name, uint64_t value, const struct word_info *info,
			   enum row_for only)
{
	struct shown shown = {.value = cell_addr(value)};
	struct var v = {.name = name};

	snprintf(v.location, sizeof(v.location), "pt_regs");
	buf_puts(&shown.meaning, buf_str(&info->text));
	struct err *e = bt_line(b, &(struct bt_line){
					   .v = &v, .shown = &shown, .ref = info->ref, .only = only});
	shown_free(&shown);
	return e;
}

/* What a value leads to is looked for where it may be a kernel address. */
static struct err *one_reg(struct regs_call *c, const char *name, uint64_t value)
{
	struct bt *b = c->b;
	struct word_info info = {0};
	const struct tasks *tasks = NULL;

	if (b->s->arch->is_kernel(mem_layout(b->s->mem), value)) {
		TRY(tasks_load(b->s, b->c->job, &tasks));
		word_info_at(b->s, tasks, value, false, &info);
	}
	enum row_for whom = info.kind ? ROW_FOR_ALL : ROW_FOR_MACHINES;
	if (!info.kind)
		c->rest[c->n++] = (struct named){name, value};
	struct err *e = sink_wants(b->c->out, whom) ? reg_row(b, name, value, &info, whom) : NULL;
	word_info_free(&info);
	return e;
}

/* The register joins the line, if there is room: a long one (orig_rax of a fault) takes that of two. */
static bool join(const struct named *r, struct buf *line)
{
	size_t column = (line->len + REG_COLUMN - 1) / REG_COLUMN * REG_COLUMN;
	char text[48];
	int n = snprintf(text, sizeof(text), "%-3s 0x%" PRIx64, r->name, r->value);

	if (column && column + (size_t)n > (size_t)SIDE_BY_SIDE * REG_COLUMN)
		return false;
	buf_pad(line, 0, (int)column);
	buf_puts(line, text);
	return true;
}

static struct err *line_row(struct bt *b, const char *first, const char *text)
{
	struct shown shown = {.value = cell_absent()};
	char key[24];

	snprintf(key, sizeof(key), "%s...", first);
	struct err *e = bt_line(b, &(struct bt_line){
					   .v = &(struct var){.name = key}, .shown = &shown, .text = text,
					   .plain = true, .only = ROW_FOR_PEOPLE});
	shown_free(&shown);
	return e;
}

struct err *bt_regs(struct bt *b, const struct regs *r)
{
	const struct arch *a = b->s->arch;
	struct regs_call c = {.b = b};

	for (size_t i = 0; i < a->nregs && i < ARCH_MAX_REGS; i++) {
		unsigned n = (unsigned)a->regs[i].dwarf;
		if (regs_has(r, n))
			TRY(one_reg(&c, a->regs[i].name, r->v[n]));
	}
	for (size_t i = 0, first = 0; i < c.n && sink_wants(b->c->out, ROW_FOR_PEOPLE); first = i) {
		AUTO_BUF struct buf line = {0};
		while (i < c.n && join(&c.rest[i], &line))
			i++;
		TRY(line_row(b, c.rest[first].name, buf_str(&line)));
	}
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/sym/sym.h"
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/kern/module/modules.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ADDRESS, LETTER, NAME, OFFSET, SIZE, MODULE, WHERE, FILE_, LINE_, COLS };
static const struct col cols[COLS] = {
	[ADDRESS] = {"address", "", "run-time address; for per-CPU symbols the offset in a CPU's area", 0, 18, 0},
	[LETTER] = {"type", "", "nm's letter: t text, d data, b bss, r read-only; capital: global", 0, 1, 2},
	[NAME] = {"name", "", "the symbol", COL_GROW, 0, 0},
	[OFFSET] = {"offset", "", "how far the address asked for lies behind it", COL_DATA, 0, 0},
	[SIZE] = {"size", "", "bytes", COL_DATA, 0, 0},
	[MODULE] = {"module", "", "vmlinux or the module's name", 0, 0, 3},
	[WHERE] = {"where", "", "file and line", COL_SCREEN, 0, 1},
	[FILE_] = {"file", "", "source file", COL_DATA, 0, 0},
	[LINE_] = {"line", "", "source line", COL_DATA, 0, 0},
};
static const struct table sym_table = {.name = "sym", .cols = cols, .ncols = COLS};

static struct err *sym_row(const struct cmd_call *c, const struct sym *sym, uint64_t addr,
			   uint64_t off, bool with_line)
{
	struct session *s = c->session;
	char letter[2] = {sym->type, 0};
	AUTO_BUF struct buf name = {0}, where = {0};
	const struct line_scope *scopes = NULL;
	size_t n = 0;

	if (with_line && strchr("tTwW", sym->type) && sym->object &&
	    !err_ok(lines_at(s->lines, sym->object, addr, &scopes, &n)))
		n = 0;
	buf_puts(&name, sym->name);
	if (off)
		buf_printf(&name, "+0x%" PRIx64, off);
	bool line = n && scopes[0].file[0];
	if (line)
		buf_printf(&where, "%s:%u", scopes[0].file, scopes[0].line);
	struct ref ref = ref_addr(REF_MEM, addr);
	struct cell v[COLS] = {
		[ADDRESS] = cell_addr(addr),
		[LETTER] = cell_text(letter),
		[NAME] = cell_shown(cell_text(sym->name), sym->name),
		[OFFSET] = cell_uint(off),
		[SIZE] = sym->size ? cell_uint(sym->size) : cell_absent(),
		[MODULE] = cell_text(sym->object ? object_name(sym->object) : ""),
		[WHERE] = cell_text(buf_str(&where)),
		[FILE_] = line ? cell_text(scopes[0].file) : cell_absent(),
		[LINE_] = line ? cell_uint(scopes[0].line) : cell_absent(),
	};
	if (off)
		v[NAME].text = buf_str(&name);
	return sink_row(c->out, &(struct row){.cells = v, .key = sym->name, .ref = ref});
}

static struct err *list_all(const struct cmd_call *c)
{
	struct sym sym;

	for (size_t i = 0; sym_next(c->session->symtab, &i, &sym);) {
		TRY(job_tick(c->job, 1));
		TRY(sym_row(c, &sym, sym.addr, 0, false));
	}
	return NULL;
}

static struct err *look_up(const struct cmd_call *c, const char *text)
{
	struct session *s = c->session;
	struct sym sym;
	uint64_t addr, off;
	size_t i = 0;

	for (; sym_find_nth(s->symtab, text, i, &sym); i++)
		TRY(sym_row(c, &sym, sym.addr, 0, true));
	if (i)
		return NULL;
	TRY(arg_place(c, text, &addr));
	if (!sym_at(s->symtab, addr, &sym, &off))
		return err_new(ERR_NOTFOUND, "no symbol covers 0x%" PRIx64, addr);
	return sym_row(c, &sym, addr, off, true);
}

static struct err *run(const struct cmd_call *c)
{
	const struct modules *m;
	const char *text = c->args->n ? c->args->v[0] : "-l";
	AUTO_FREE char *crash = xasprintf("sym %s", text);

	struct err *e = modules_load(c->session, c->job, &m); /* their symbols count too */
	if (e) {
		sink_note(c->out, ROLE_WARN, "symbols of modules are missing: %s", err_text(e));
		err_free(e);
	}
	TRY(sink_begin(c->out, &sym_table, NULL, crash, "Symbols"));
	return c->args->n ? look_up(c, text) : list_all(c);
}

const struct cmd cmd_sym = {
	.name = "sym",
	.group = "memory",
	.summary = "symbol to address, address to symbol and source line",
	.details = "A name shows every symbol of that name; an address shows the symbol that covers it. -l lists all "
		   "symbols of the kernel and its modules.",
	.options = (const struct cmd_option[]){
		{'l', ARG_NONE, NULL, "list all, in order of address"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"NAME|ADDRESS", ARG_SYMBOL, true, false, "what to look up"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"sym mnt_want_write", "where a function is"},
		{"sym ffffffff811bcc14", "what an address belongs to"},
		{0}},
	.table = &sym_table,
	.run = run,
};

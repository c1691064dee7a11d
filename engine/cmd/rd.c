/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_WORDS 65536

enum { ADDRESS, HEX, VALUE, ASCII, MEANING, COLS };
static const struct col cols[COLS] = {
	[ADDRESS] = {"address", "", "address of the word", 0, 18, 1},
	[HEX] = {"hex", "", "the word", COL_SCREEN, 16, 0},
	[VALUE] = {"value", "VALUE", "the word, as 0x number", COL_DATA, 0, 0},
	[ASCII] = {"ascii", "", "its bytes in memory order, as characters", 0, 8, 2},
	[MEANING] = {"symbol", "", "the symbol that the word points to", COL_GROW, 0, 3},
};
static const struct table rd_table = {.name = "rd", .cols = cols, .ncols = COLS};

static void ascii(const uint8_t *p, char out[9])
{
	for (int i = 0; i < 8; i++)
		out[i] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '.';
	out[8] = '\0';
}

static struct err *word_row(const struct cmd_call *c, uint64_t addr, const uint8_t *p,
			    enum mem_state state)
{
	struct session *s = c->session;
	char hex[24], text[9], key[24];
	AUTO_BUF struct buf meaning = {0};
	uint64_t v = load_u64(p), off;
	struct ref ref = {0};
	struct sym sym;

	snprintf(key, sizeof(key), "%" PRIx64, addr);
	snprintf(hex, sizeof(hex), "%016" PRIx64, v);
	ascii(p, text);
	if (mem_readable(state) && s->arch->is_kernel(mem_layout(s->mem), v)) {
		ref = ref_addr(REF_MEM, v);
		if (sym_at(s->symtab, v, &sym, &off)) {
			buf_puts(&meaning, sym.name);
			if (off)
				buf_printf(&meaning, "+0x%" PRIx64, off);
		}
	}
	bool ok = mem_readable(state);
	struct cell v_cell = ok ? cell_addr(v) : cell_fault(state);
	struct cell cells[COLS] = {
		[ADDRESS] = cell_role(cell_addr(addr), ROLE_DIM),
		[HEX] = ok ? cell_link(cell_role(cell_text(hex), ref.kind ? ROLE_LINK : ROLE_NUMBER), ref)
			   : cell_fault(state),
		[VALUE] = v_cell,
		[ASCII] = ok ? cell_role(cell_text(text), ROLE_STRING) : cell_absent(),
		[MEANING] = meaning.len ? cell_role(cell_text(buf_str(&meaning)), ROLE_NAME) : cell_text(""),
	};
	struct row r = {.cells = cells, .key = key, .ref = ref,
			.role = ok ? ROLE_NORMAL : ROLE_FAULT};
	return sink_row(c->out, &r);
}

static struct err *run(const struct cmd_call *c)
{
	struct space space = c->args->has['p'] ? PHYS : KERNEL;
	uint64_t addr, count = 1;
	uint8_t bytes[4096], states[4096 / 8];

	TRY(arg_place(c, c->args->v[0], &addr));
	if (c->args->n > 1)
		TRY(arg_number(c->args->v[1], &count));
	if (!count || count > MAX_WORDS)
		return usage_error(c->args->cmd, "COUNT must be 1 to %d", MAX_WORDS);
	if ((UINT64_MAX - addr) / 8 < count) /* up to the end of all addresses, not round it */
		count = (UINT64_MAX - addr) / 8 + ((UINT64_MAX - addr) % 8 == 7);
	if (!count)
		return err_new(ERR_USAGE, "0x%" PRIx64 " is the end of all addresses: no word is there",
			       addr);

	AUTO_FREE char *crash = xasprintf("rd %s%" PRIx64 " %" PRIu64, c->args->has['p'] ? "-p " : "",
					  addr, count);
	struct ref ref = ref_addr(c->args->has['p'] ? REF_PHYS : REF_MEM, addr);
	TRY(sink_begin(c->out, &rd_table, &ref, crash, "Memory 0x%" PRIx64 "%s", addr,
		       c->args->has['p'] ? " (physical)" : ""));
	while (count) {
		size_t n = count < 4096 / 8 ? (size_t)count : 4096 / 8;
		mem_read_holes(c->session->mem, space, addr, bytes, n * 8, states);
		for (size_t i = 0; i < n; i++) {
			TRY(job_tick(c->job, 1));
			TRY(word_row(c, addr + i * 8, bytes + i * 8, (enum mem_state)states[i]));
		}
		addr += n * 8;
		count -= n;
	}
	return NULL;
}

const struct cmd cmd_rd = {
	.name = "rd",
	.group = "memory",
	.summary = "memory in words, with characters and symbols",
	.details = "Words of 8 bytes, one a row. What the dump doesn't hold says why: excluded by the filter, lost, "
		   "not RAM, unmapped; never a silent zero.",
	.options = (const struct cmd_option[]){
		{'p', ARG_NONE, NULL, "ADDRESS is physical"},
		{'s', ARG_NONE, NULL, "words that point to symbols by name (always on; kept for fingers)"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"ADDRESS", ARG_ADDRESS, false, false, "where to begin"},
		{"COUNT", ARG_NUMBER, true, false, "how many words; 1 if not told"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"rd linux_banner 16", "the words at a symbol"},
		{"rd -p 1000 4", "physical memory"},
		{0}},
	.table = &rd_table,
	.run = run,
};

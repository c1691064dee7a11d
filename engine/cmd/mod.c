/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/cmd/commands.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/module/taint.h"
#include <string.h>

enum { MODULE, NAME, BASE, SIZE, REFS, STATE, TAINTS, SYMBOLS, MEANING, PROBLEM, COLS };
static const struct col cols[COLS] = {
	[MODULE] = {"module", "MODULE", "address of its struct module", 0, 18, 3},
	[NAME] = {"name", "NAME", "name", 0, 20, 0},
	[BASE] = {"base", "BASE", "where its code begins", 0, 18, 2},
	[SIZE] = {"size", "SIZE", "bytes of code and data", COL_RIGHT, 8, 1},
	[REFS] = {"refs", "USED", "how often it is used", COL_RIGHT, 4, 4},
	[STATE] = {"state", "STATE", "live, coming, going, unformed", 0, 0, 5},
	[TAINTS] = {"taints", "TAINTS", "taint bits that it brought, as the kernel's letters: P O E ... (`mod -t` explains them)", 0, 0, 4},
	[SYMBOLS] = {"symbols", "SYMBOLS", "symbols found in memory", COL_RIGHT, 7, 6},
	[MEANING] = {"taint", "", "with -t: what the letters mean", COL_GROW, 0, 2},
	[PROBLEM] = {"problem", "", "what could not be read", COL_GROW, 0, 2},
};
static const struct table mod_table = {.name = "mod", .cols = cols, .ncols = COLS};

/* enum module_state, include/linux/module.h */
static const char *const states[] = {"live", "coming", "going", "unformed"};

/* With -t: text is filled in, and stays the caller's. */
static void put_taints(const struct cmd_call *c, uint64_t mask, struct cell *v, struct buf *letters, struct buf *text)
{
	taint_letters(mask, letters);
	v[TAINTS] = cell_shown(cell_addr(mask), buf_str(letters));
	if (!c->args->has['t'])
		return;
	taint_text(mask, text);
	v[MEANING] = cell_text(buf_str(text));
}

static struct err *mod_row(const struct cmd_call *c, const struct module *m)
{
	AUTO_BUF struct buf letters = {0}, text = {0};
	struct ref ref = ref_object(intern_str(c->session->intern, "struct module"), m->addr);
	struct cell v[COLS] = {
		[MODULE] = cell_link(cell_addr(m->addr), ref),
		[NAME] = cell_role(cell_text(m->name), ROLE_NAME),
		[BASE] = cell_addr(m->base),
		[SIZE] = cell_uint(m->size),
		[REFS] = m->refs < 0 ? cell_absent() : cell_int(m->refs),
		[STATE] = m->state < 4 ? cell_text(states[m->state]) : cell_uint(m->state),
		[SYMBOLS] = cell_uint(m->nsyms),
		[MEANING] = cell_shown(cell_absent(), ""),
		[PROBLEM] = m->problem[0] ? cell_role(cell_text(m->problem), ROLE_FAULT)
					  : cell_shown(cell_absent(), ""),
	};
	put_taints(c, m->taints, v, &letters, &text);
	return sink_row(c->out, &(struct row){.cells = v, .key = m->name, .ref = ref});
}

/* The kernel's own: what modules brought, and what else happened. */
static struct err *kernel_row(const struct cmd_call *c)
{
	AUTO_BUF struct buf letters = {0}, text = {0};
	struct cell v[COLS];
	uint64_t mask;

	TRY(taint_of_kernel(c->session, &mask));
	for (size_t i = 0; i < COLS; i++)
		v[i] = cell_shown(cell_absent(), "");
	v[NAME] = cell_role(cell_text("(kernel)"), ROLE_NAME);
	put_taints(c, mask, v, &letters, &text);
	if (!mask)
		v[MEANING] = cell_text("not tainted");
	return sink_row(c->out, &(struct row){.cells = v, .key = "(kernel)"});
}

static struct err *run(const struct cmd_call *c)
{
	bool taints = c->args->has['t'];
	const struct modules *m;
	size_t shown = 0;

	TRY(modules_load(c->session, c->job, &m));
	TRY(sink_begin(c->out, &mod_table, NULL, taints ? "mod -t" : "mod", "Modules %zu", modules_count(m)));
	if (taints && !c->args->n)
		TRY(kernel_row(c));
	for (size_t i = 0; i < modules_count(m); i++) {
		if (c->args->n && strcmp(c->args->v[0], modules_at(m, i)->name))
			continue;
		shown++;
		if (taints && !modules_at(m, i)->taints)
			continue;
		TRY(mod_row(c, modules_at(m, i)));
	}
	if (modules_problem(m))
		sink_note(c->out, ROLE_WARN, "%s", modules_problem(m));
	if (c->args->n && !shown)
		return err_new(ERR_NOTFOUND, "no module '%s' is loaded", c->args->v[0]);
	return NULL;
}

const struct cmd cmd_mod = {
	.name = "mod",
	.aliases = "lsmod",
	.group = "kernel",
	.summary = "loaded modules",
	.details = "Read from the dump's memory, with their symbols.",
	.options = (const struct cmd_option[]){
		{'t', ARG_NONE, NULL, "what taints the kernel: its own bits, and the modules that brought some"},
		{0}},
	.absent = (const struct cmd_option[]){
		{'s', ARG_NONE, NULL, "modules' debug files are found by themselves; --debug-dir DIR names another place"},
		{'S', ARG_NONE, NULL, "modules' debug files are found by themselves; --debug-dir DIR names another place"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"NAME", ARG_MODULE, true, false, "only this one"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"mod", "all of them"},
		{"mod ext4", "one"},
		{"mod -t", "is the kernel tainted, and by whom"},
		{0}},
	.table = &mod_table,
	.run = run,
};

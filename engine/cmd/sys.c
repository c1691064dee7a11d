/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/cmd/commands.h"
#include "engine/kern/system.h"
#include <string.h>

enum { KEY, VALUE, COLS };
static const struct col cols[COLS] = {
	[KEY] = {"key", "", "what", 0, 14, 0},
	[VALUE] = {"value", "", "its value", COL_GROW, 0, 0},
};
static const struct table sys_table = {.name = "sys", .cols = cols, .ncols = COLS};

static struct err *on_fact(void *ctx, const char *key, const char *value, const char *why)
{
	const struct cmd_call *c = ctx;
	struct cell v[COLS] = {
		[KEY] = cell_role(cell_text(key), ROLE_NAME),
		[VALUE] = value ? cell_text(value) : cell_absent(),
	};

	if (value && !strcmp(key, "panic"))
		v[VALUE].role = ROLE_BAD;
	if (!value && why)
		sink_note(c->out, ROLE_WARN, "%s is not known: %s", key, why);
	return sink_row(c->out, &(struct row){.cells = v, .key = key});
}

static struct err *run(const struct cmd_call *c)
{
	TRY(sink_begin(c->out, &sys_table, NULL, "sys", "System"));
	return system_each(c->session, c->job, on_fact, (void *)(uintptr_t)c);
}

const struct cmd cmd_sys = {
	.name = "sys",
	.group = "kernel",
	.summary = "the machine, the kernel, the panic, the dump file",
	.examples = (const struct cmd_example[]){
		{"sys", "all facts"},
		{0}},
	.table = &sys_table,
	.run = run,
};

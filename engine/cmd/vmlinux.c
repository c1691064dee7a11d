/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"

enum { KEY, VALUE, COLS };
static const struct col cols[COLS] = {
	[KEY] = {"key", "", "what", 0, 14, 0},
	[VALUE] = {"value", "", "its value", COL_GROW, 0, 0},
};
static const struct table vmlinux_table = {.name = "vmlinux", .cols = cols, .ncols = COLS};

static struct err *say(const struct cmd_call *c, const char *key, const char *value)
{
	struct cell v[COLS] = {cell_role(cell_text(key), ROLE_NAME), cell_text(value)};

	return sink_row(c->out, &(struct row){.cells = v, .key = key});
}

static struct err *run(const struct cmd_call *c)
{
	struct session *s = c->session;

	if (c->args->has['d'] && c->args->n)
		return usage_error(c->args->cmd, "either a file or -d");
	if (c->args->has['d'])
		TRY(session_fetch_vmlinux(s, c->job));
	if (c->args->n)
		TRY(session_add_vmlinux(s, c->args->v[0], c->job));
	const char *path = object_path(s->vmlinux);
	bool dwarf = object_has_dwarf(s->vmlinux);
	TRY(sink_begin(c->out, &vmlinux_table, NULL, NULL, "Kernel"));
	TRY(say(c, "kernel", path[0] ? path : "the dump's own symbols and types"));
	TRY(say(c, "types", types_source(s->types)));
	return say(c, "lines", dwarf ? "yes, and variables and inlined calls"
				     : "no: there is no debug info (`sys` tells where to get it)");
}

const struct cmd cmd_vmlinux = {
	.name = "vmlinux",
	.group = "session",
	.summary = "load the kernel's debug info into the open dump",
	.details = "A dump that was opened alone shows names, types and stacks from its own memory. A vmlinux "
		   "of the same build adds source lines, variables and inlined calls to what is shown. Without "
		   "a file: says what there is.\n"
		   "With -d it is fetched by its build-id from the debuginfod servers that DEBUGINFOD_URLS names; nothing "
		   "is ever asked for without that. What was fetched stays in libdebuginfod's cache folder.",
	.options = (const struct cmd_option[]){
		{'d', ARG_NONE, NULL, "fetch it from the debuginfod servers of DEBUGINFOD_URLS"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"FILE", ARG_FILE, true, false, "a vmlinux with debug info"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"vmlinux", "what symbols and types come from"},
		{"vmlinux -d", "fetches it; some hundred megabytes"},
		{"vmlinux /usr/lib/debug/boot/vmlinux-6.1.0-40-amd64", "adds lines and variables"},
		{0}},
	.table = &vmlinux_table,
	.acts = true,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/elements.h"
#include "engine/cmd/parse.h"
#include "engine/cmd/show.h"
#include <inttypes.h>
#include <string.h>

/* container_of(ADDRESS, TYPE, MEMBER): the address may be that of the member, or point into it. */
static struct err *run(const struct cmd_call *c)
{
	const struct type *t;
	const char *member;
	uint64_t addr, offset;

	if (!strchr(c->args->v[0], '.'))
		return usage_error(c->args->cmd, "'%s' is no TYPE.MEMBER", c->args->v[0]);
	TRY(elements_offset(c, c->args->v[0], &offset, &t, &member));
	TRY(arg_place(c, c->args->v[1], &addr));
	AUTO_BUF struct buf name = {0}, line = {0};
	type_print_name(t, &name);
	struct ref ref = ref_object(intern_str(c->session->intern, buf_str(&name)), addr - offset);
	if (!shell_command_for(c->shell, &ref, &line))
		return err_new(ERR_UNSUPPORTED, "%s can't be shown", buf_str(&name));
	return shell_run(c->shell, buf_str(&line), c->ctx, c->job, c->out);
}

const struct cmd cmd_container = {
	.name = "container",
	.group = "memory",
	.summary = "the object around a member: container_of()",
	.details = "From the address of an embedded member (a list_head, rb_node, kobject, work_struct ...) to the object that "
		   "it is in, which is then shown as `struct` does.",
	.args = (const struct cmd_arg[]){
		{"TYPE.MEMBER", ARG_TYPE, false, false, "the object's type, and the member that lies at ADDRESS"},
		{"ADDRESS", ARG_ADDRESS, false, false, "where the member is"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"container task_struct.tasks ffff888003a4c8d0", "the task that a list_head belongs to"},
		{0}},
	.table = &show_table,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/kern/fs/mounts.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PID, MOUNT, SB, TYPE, DEVICE, DIR, COLS };
static const struct col cols[COLS] = {
	[PID] = {"pid", "", "with -n: whose mount namespace it is in", COL_DATA, 0, 0},
	[MOUNT] = {"mount", "MOUNT", "address of its struct mount", 0, 18, 4},
	[SB] = {"superblock", "SUPERBLK", "address of its super_block", 0, 18, 1},
	[TYPE] = {"type", "TYPE", "filesystem type", 0, 0, 2},
	[DEVICE] = {"device", "DEVNAME", "device, or what stands for it", 0, 0, 0},
	[DIR] = {"directory", "DIRNAME", "where it is mounted", COL_GROW, 0, 0},
};
static const struct table mount_table = {.name = "mount", .cols = cols, .ncols = COLS};
static const struct table mount_of_task = {.name = "mount", .cols = cols, .ncols = COLS, .titled = true};

struct mount_call {
	const struct cmd_call *c;
	const struct task *task; /* of -n; NULL: the first process */
	uint64_t only; /* a super_block, vfsmount or mount; 0: all */
	size_t shown;
};

static struct err *on_mount(void *ctx, const struct mount_info *m)
{
	struct mount_call *k = ctx;
	struct session *s = k->c->session;

	TRY(job_tick(k->c->job, 1));
	if (k->only && k->only != m->sb && k->only != m->mount && k->only != m->vfsmount)
		return NULL;
	k->shown++;
	struct ref mnt = ref_object(intern_str(s->intern, "struct mount"), m->mount);
	struct ref sb = ref_object(intern_str(s->intern, "struct super_block"), m->sb);
	struct cell v[COLS] = {
		[PID] = k->task ? cell_int(k->task->pid) : cell_absent(),
		[MOUNT] = cell_link(cell_addr(m->mount), mnt),
		[SB] = cell_link(cell_addr(m->sb), sb),
		[TYPE] = m->type[0] ? cell_text(m->type) : cell_absent(),
		[DEVICE] = m->device[0] ? cell_text(m->device) : cell_absent(),
		[DIR] = cell_role(cell_text(m->dir), m->dir_fault ? ROLE_FAULT : ROLE_NORMAL),
	};
	char key[24];
	snprintf(key, sizeof(key), "%" PRIx64, m->mount);
	return sink_row(k->c->out, &(struct row){.cells = v, .key = key, .ref = sb});
}

static struct err *run(const struct cmd_call *c)
{
	struct mount_call k = {.c = c};

	if (c->args->has['n'])
		TRY(arg_task(c, c->args->value['n'], &k.task));
	if (c->args->n)
		TRY(arg_place(c, c->args->v[0], &k.only));
	AUTO_FREE char *crash = k.task ? xasprintf("mount -n %d", k.task->pid) : xstrdup("mount");
	AUTO_FREE char *whose = k.task ? xasprintf(" of PID %d  %s", k.task->pid, k.task->comm) : xstrdup("");
	TRY(sink_begin(c->out, k.task ? &mount_of_task : &mount_table, NULL, crash, "Mounts%s", whose));
	TRY(mounts_each(c->session, k.task ? k.task->addr : 0, c->job, on_mount, &k));
	return k.shown || !k.only ? NULL
		: err_new(ERR_NOTFOUND, "no mount has the super_block, vfsmount or mount 0x%" PRIx64,
			  k.only);
}

const struct cmd cmd_mount = {
	.name = "mount",
	.group = "kernel",
	.summary = "mounted filesystems: super_block, type, device, directory",
	.details = "Those of the first process' mount namespace, or of a task's.",
	.options = (const struct cmd_option[]){
		{'n', ARG_TASK, "TASK", "the mount namespace of this task"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"ADDRESS", ARG_ADDRESS, true, false, "only the mounts of this super_block, vfsmount or mount"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"mount", "all of them"},
		{"mount ffff888003fbd000", "what a super_block is mounted on"},
		{0}},
	.table = &mount_table,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has a file: the tasks that have it open, run it, or stand in it. A thread shares its process' files, so
 * only processes are looked at.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/kern/fs/files.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PID, TASK, COMM, USAGE, FD, FILE_, PATH, COLS };
static const struct col cols[COLS] = {
	[PID] = {"pid", "PID", "process id", COL_RIGHT, 6, 0},
	[TASK] = {"task", "TASK", "address of its task_struct", COL_DATA, 0, 0},
	[COMM] = {"comm", "COMM", "name", 0, 0, 0},
	[USAGE] = {"usage", "USAGE", "fd: has it open; cwd, root: it is its directory; exe: it runs it", 0, 5, 0},
	[FD] = {"fd", "FD", "file descriptor", COL_RIGHT, 4, 1},
	[FILE_] = {"file", "FILE", "address of the struct file", 0, 18, 3},
	[PATH] = {"path", "PATH", "as `files` has it", COL_GROW, 0, 0},
};
static const struct table fuser_table = {.name = "fuser", .cols = cols, .ncols = COLS};

struct search {
	const struct cmd_call *c;
	const struct task *task;
	const char *path; /* NULL: by address */
	uint64_t addr;	  /* of a file, dentry or inode */
	size_t found;
};

static struct err *on_file(void *ctx, const struct open_file *f)
{
	static const char *const usage[] = {"root", "cwd", "exe", "fd"};
	struct search *x = ctx;
	struct session *s = x->c->session;
	char key[48];

	if (x->path ? !f->path || strcmp(f->path, x->path)
		    : x->addr != f->file && x->addr != f->dentry && x->addr != f->inode)
		return NULL;
	x->found++;
	struct cell v[COLS] = {
		[PID] = cell_int(x->task->pid),
		[TASK] = cell_addr(x->task->addr),
		[COMM] = cell_text(x->task->comm),
		[USAGE] = cell_text(usage[f->kind]),
		[FD] = f->kind == OPEN_FD ? cell_uint(f->fd) : cell_absent(),
		[FILE_] = f->file ? cell_link(cell_addr(f->file), ref_object(intern_str(s->intern, "struct file"), f->file))
				  : cell_absent(),
		[PATH] = f->path ? cell_text(f->path) : cell_absent(),
	};
	snprintf(key, sizeof(key), "%d %s %" PRIu64, x->task->pid, usage[f->kind], f->fd);
	return sink_row(x->c->out, &(struct row){.cells = v, .key = key, .ref = ref_addr(REF_TASK, x->task->addr)});
}

static struct err *search(struct search *x, const struct tasks *ts)
{
	size_t unread = 0;

	for (size_t i = 0; i < tasks_count(ts); i++) {
		x->task = tasks_at(ts, i);
		TRY(job_tick(x->c->job, 1));
		if (x->task->kthread || x->task->pid != x->task->tgid)
			continue;
		struct err *e = files_each(x->c->session, x->task->addr, x->c->job, on_file, x);
		if (e && err_code(e) != ERR_FAULT && err_code(e) != ERR_CORRUPT)
			return e;
		unread += e != NULL;
		err_free(e);
	}
	if (unread)
		sink_note(x->c->out, ROLE_WARN, "the files of %zu processes can't be read, or not all of them", unread);
	return NULL;
}

static struct err *run(const struct cmd_call *c)
{
	struct search x = {.c = c};
	const struct tasks *ts;
	const char *what = c->args->rest;

	if (what[0] == '/' || strstr(what, ":[")) /* "pipe:[123]" */
		x.path = what;
	else
		TRY(arg_place(c, what, &x.addr));
	TRY(tasks_load(c->session, c->job, &ts));
	AUTO_FREE char *crash = xasprintf("fuser %s", what);
	TRY(sink_begin(c->out, &fuser_table, NULL, crash, "Users of %s", what));
	job_set_total(c->job, tasks_count(ts));
	TRY(search(&x, ts));
	if (!x.found)
		sink_note(c->out, ROLE_NORMAL, "no process has %s open, runs it or stands in it", what);
	return NULL;
}

const struct cmd cmd_fuser = {
	.name = "fuser",
	.group = "tasks",
	.summary = "the processes that have a file open, run it, or stand in it",
	.details = "By path, exactly as `files` has it, or by the address of its inode, dentry or struct file.",
	.args = (const struct cmd_arg[]){
		{"PATH|ADDRESS", ARG_ADDRESS, false, true, "which file"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"fuser /dev/null", "by its path"},
		{"fuser ffff888003c1a040", "by inode, dentry or file"},
		{0}},
	.table = &fuser_table,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/kern/fs/files.h"
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PID, FD, WHAT, FILE_, DENTRY, INODE, TYPE, PATH, COLS };
static const struct col cols[COLS] = {
	[PID] = {"pid", "", "whose it is", COL_DATA, 0, 0},
	[FD] = {"fd", "FD", "file descriptor; root, cwd and exe are the task's own", COL_RIGHT, 4, 0},
	[WHAT] = {"what", "", "fd, root, cwd or exe", COL_DATA, 0, 0},
	[FILE_] = {"file", "FILE", "address of the struct file", 0, 18, 3},
	[DENTRY] = {"dentry", "DENTRY", "address of the dentry", 0, 18, 5},
	[INODE] = {"inode", "INODE", "address of the inode", 0, 18, 4},
	[TYPE] = {"type", "TYPE", "REG, DIR, CHR, BLK, FIFO, SOCK, LNK; ANON: an anon_inode", 0, 4, 1},
	[PATH] = {"path", "PATH", "path, or what stands for it, as in /proc/PID/fd", COL_GROW, 0, 0},
};
static const struct table files_table = {.name = "files", .cols = cols, .ncols = COLS, .titled = true};

struct listing {
	const struct cmd_call *c;
	const struct task *task;
	size_t n;
};

static struct cell link_to(struct session *s, const char *type, uint64_t addr)
{
	if (!addr)
		return cell_absent();
	return cell_link(cell_addr(addr), ref_object(intern_str(s->intern, type), addr));
}

static struct err *on_file(void *ctx, const struct open_file *f)
{
	static const char *const names[] = {"root", "cwd", "exe", "fd"};
	struct listing *l = ctx;
	struct session *s = l->c->session;
	struct cell fault = cell_fault(f->why ? f->why : MEM_UNMAPPED);
	struct cell file = link_to(s, "struct file", f->file), dentry = link_to(s, "struct dentry", f->dentry);
	char key[24];

	snprintf(key, sizeof(key), "%" PRIu64, f->fd);
	struct cell v[COLS] = {
		[PID] = cell_int(l->task->pid),
		[FD] = f->kind == OPEN_FD ? cell_uint(f->fd) : cell_shown(cell_absent(), names[f->kind]),
		[WHAT] = cell_text(names[f->kind]),
		[FILE_] = f->why && f->kind == OPEN_FD ? fault : file,
		[DENTRY] = f->why && f->kind != OPEN_FD ? fault : dentry,
		[INODE] = link_to(s, "struct inode", f->inode),
		[TYPE] = f->type && f->type[0] ? cell_role(cell_text(f->type), ROLE_TYPE) : cell_absent(),
		[PATH] = f->path ? cell_text(f->path) : fault,
	};
	l->n++;
	return sink_row(l->c->out, &(struct row){.cells = v, .ref = f->file ? file.ref : dentry.ref,
						 .key = f->kind == OPEN_FD ? key : names[f->kind]});
}

static struct err *run(const struct cmd_call *c)
{
	struct listing l = {.c = c};
	const struct task *t;

	TRY(arg_task(c, c->args->n ? c->args->v[0] : NULL, &t));
	l.task = t;
	AUTO_FREE char *crash = xasprintf("files %d", t->pid);
	struct ref ref = ref_addr(REF_TASK, t->addr);
	TRY(sink_begin(c->out, &files_table, &ref, crash, "Files of PID %d  %s", t->pid, t->comm));
	struct err *e = files_each(c->session, t->addr, c->job, on_file, &l);
	if (!e && !l.n)
		sink_note(c->out, ROLE_NORMAL, "PID %d has no files, no root and no directory any more", t->pid);
	return e && err_code(e) != ERR_CANCELLED ? err_wrap(e, "the files of PID %d", t->pid) : e;
}

const struct cmd cmd_files = {
	.name = "files",
	.group = "tasks",
	.summary = "a task's open files, root and working directory",
	.details = "What has no place in a tree is told as /proc/PID/fd does: pipe:[INODE], socket:[INODE], "
		   "anon_inode:[...]; a file that was removed has (deleted) behind its path.",
	.args = (const struct cmd_arg[]){
		{"TASK", ARG_TASK, true, false, "whose; without it the chosen task's"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"files 123", "of one process"},
		{"foreach user files", "of all of them"},
		{0}},
	.table = &files_table,
	.run = run,
};

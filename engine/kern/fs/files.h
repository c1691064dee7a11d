/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The files that a task has open, its root and its working directory, its executable.
 *
 * Thread: any.
 * Sources: Linux' include/linux/fdtable.h, include/linux/fs_struct.h, fs/proc/fd.c.
 */
#ifndef KERN_FS_FILES_H
#define KERN_FS_FILES_H

#include "engine/kern/session.h"

enum open_kind { OPEN_ROOT, OPEN_CWD, OPEN_EXE, OPEN_FD };

struct open_file {
	enum open_kind kind;
	uint64_t fd;			/* OPEN_FD */
	uint64_t file, dentry, inode;	/* 0: none, or it can't be read; ROOT and CWD have no file */
	const char *type;		/* "REG", "DIR", "CHR", "BLK", "FIFO", "SOCK", "LNK", "ANON"; "" or NULL: not known */
	enum mem_state why;		/* unless MEM_PRESENT: it is open, but this is why nothing more is known */
	const char *path;		/* as /proc/PID/fd has it; NULL: it can't be read. Borrowed for the call */
};

/* Root, working directory and executable, then the open files in order. A kernel thread, or one that has
 * given its files back, has none. An unreadable part of the table ends in an error (ERR_FAULT), but only
 * after all else has been given. */
struct err *files_each(struct session *s, uint64_t task, struct job *job,
		       struct err *(*fn)(void *ctx, const struct open_file *f), void *ctx);

#endif

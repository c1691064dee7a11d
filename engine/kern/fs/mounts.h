/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Mounted filesystems of the initial mount namespace (or a task's).
 * Thread: any.
 * Sources: Linux' fs/mount.h, fs/namespace.c (list before 6.8, rbtree of mounts since).
 */
#ifndef KERN_MOUNTS_H
#define KERN_MOUNTS_H

#include "engine/kern/session.h"

struct mount_info {
	uint64_t mount;	   /* struct mount */
	uint64_t vfsmount; /* &mount->mnt */
	uint64_t sb;	   /* super_block */
	char type[32];	   /* "ext4"; "" when it can't be read */
	char device[128];
	char *dir;	/* path from the namespace's root; borrowed for the call */
	bool dir_fault; /* the path could only partly be read */
};

/* The mount namespace (struct mnt_namespace) of a task_struct; task 0: init_task's. ERR_NOTFOUND: it has
 * none, being about to end. */
struct err *mounts_namespace(struct session *s, uint64_t task, uint64_t *ret);
/* ns_task: whose mount namespace (a task_struct); 0: init_task's. */
struct err *mounts_each(struct session *s, uint64_t ns_task, struct job *job,
			struct err *(*fn)(void *ctx, const struct mount_info *m), void *ctx);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Names and paths of dentries, inodes and files.
 *
 * Thread: any; a reader is a value of one thread's.
 * Sources: Linux' fs/d_path.c, include/linux/dcache.h, fs/pipe.c, net/socket.c, fs/anon_inodes.c,
 * fs/nsfs.c (names of what has no place in a tree), fs/mount.h (a super_block's mounts: a list_head up to
 * 6.18, a chain of mounts since).
 */
#ifndef KERN_FS_PATH_H
#define KERN_FS_PATH_H

#include "engine/kern/session.h"

enum path_mount { PM_PARENT, PM_MOUNTPOINT, PM_MNT, PM_ROOT, PM_INSTANCE, PM_NEXT, PM_NS, PM_MEMBERS };
enum path_dentry { PD_PARENT, PD_NAME, PD_LEN, PD_SB, PD_HASH, PD_INODE, PD_ALIAS, PD_OP, PD_MEMBERS };
enum path_file { PL_MNT, PL_DENTRY, PL_MEMBERS };
enum path_inode { PI_FIRST, PI_NUMBER, PI_MEMBERS };
enum path_sb { PS_MOUNTS, PS_TYPE, PS_ID, PS_MEMBERS };

/* The members that paths are made of; resolved once. */
struct path_reader {
	struct session *s;
	struct kern_member mt[PM_MEMBERS], de[PD_MEMBERS], fi[PL_MEMBERS], in[PI_MEMBERS],
		sb[PS_MEMBERS], dname, type_name;
	uint64_t ns; /* mount namespace whose paths are meant; 0: not known */
};

void path_reader_init(struct path_reader *r, struct session *s);

/* "/a/b" of a dentry within a mount (0: only within its filesystem), up to the namespace's root; begins with
 * "..." when not all of it could be read: then *fault (may be NULL). Caller frees; never NULL. */
char *path_text(struct path_reader *r, uint64_t mount, uint64_t dentry, bool *fault);
/* The path by the first mount of the dentry's super_block: what people call it. Caller frees. */
char *path_of_dentry(struct path_reader *r, uint64_t dentry);
/* As /proc/PID/fd says it: "/dev/null", "pipe:[123]", "/tmp/x (deleted)". Caller frees; NULL: it can't be
 * read. */
char *path_of_file(struct path_reader *r, uint64_t file);
char *path_of_path(struct path_reader *r, uint64_t vfsmount, uint64_t dentry);
/* One of the inode's dentries; 0: none in memory. */
uint64_t path_inode_dentry(struct path_reader *r, uint64_t inode);
/* The struct mount of a super_block that people know it by: of the first task's namespace, if there is one; 0: none. */
uint64_t path_sb_mount(struct path_reader *r, uint64_t sb);
/* Where a super_block is mounted; NULL: nowhere. Caller frees. */
char *path_sb_place(struct path_reader *r, uint64_t sb);
/* "ext4"; "" when it can't be read. */
void path_sb_type(struct path_reader *r, uint64_t sb, char *buf, size_t n);

#endif

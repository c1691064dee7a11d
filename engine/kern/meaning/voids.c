/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a void pointer leads to, where the object that has it tells: a filesystem's own part of a super_block
 * by the filesystem's name, what an open file is about by its file_operations. The names are conventions of
 * the kernel's source; a type that this kernel hasn't is not offered.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"
#include "engine/kern/meaning/kinds.h"

struct pair {
	const char *name, *type;
};

/* Those that are not NAME_sb_info or NAME_fs_info: each fs' fill_super(). */
static const struct pair filesystems[] = {
	{"btrfs", "btrfs_fs_info"}, {"cgroup", "kernfs_super_info"}, {"cgroup2", "kernfs_super_info"},
	{"cifs", "cifs_sb_info"},   {"devtmpfs", "shmem_sb_info"},   {"fuse", "fuse_mount"},
	{"fuseblk", "fuse_mount"},  {"ext2", "ext2_sb_info"},	     {"ext3", "ext4_sb_info"},
	{"iso9660", "isofs_sb_info"}, {"msdos", "msdos_sb_info"},    {"nfs", "nfs_server"},
	{"nfs4", "nfs_server"},	    {"overlay", "ovl_fs"},	     {"resctrl", "kernfs_super_info"},
	{"rootfs", "shmem_sb_info"}, {"smb3", "cifs_sb_info"},	     {"sysfs", "kernfs_super_info"},
	{"tmpfs", "shmem_sb_info"}, {"vfat", "msdos_sb_info"},	     {"virtiofs", "fuse_mount"},
	{"xfs", "xfs_mount"},
};

/* By the variable that f_op points to: what open() puts into private_data. */
static const struct pair file_kinds[] = {
	{"bpf_map_fops", "bpf_map"},	   {"bpf_prog_fops", "bpf_prog"},     {"eventfd_fops", "eventfd_ctx"},
	{"eventpoll_fops", "eventpoll"},   {"inotify_fops", "fsnotify_group"}, {"io_uring_fops", "io_ring_ctx"},
	{"perf_fops", "perf_event"},	   {"pipefifo_fops", "pipe_inode_info"}, {"pipeanon_fops", "pipe_inode_info"},
	{"signalfd_fops", "signalfd_ctx"},
	{"socket_file_ops", "socket"},	   {"timerfd_fops", "timerfd_ctx"},   {"tty_fops", "tty_file_private"},
	{"console_fops", "tty_file_private"}, {"userfaultfd_fops", "userfaultfd_ctx"},
};

static const char *type_of(const struct pair *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i].name, name))
			return v[i].type;
	return NULL;
}

/* Says so, and leads there, if this kernel has the type. */
static bool offer(const struct meaning_ask *a, const char *type)
{
	AUTO_FREE char *name = xasprintf("struct %s", type);
	const struct type *t;

	if (!err_ok(type_find(a->s->types, name, NULL, &t)) || type_is_incomplete(t))
		return false;
	buf_puts(&a->ret->text, name);
	a->ret->ref = ref_object(intern_str(a->s->intern, name), a->q->u);
	return true;
}

/* Another member of the struct that has the pointer. */
static uint64_t beside(const struct meaning_ask *a, const char *names)
{
	const struct meaning_query *q = a->q;
	struct type_place own;
	uint64_t v;

	if (!q->in || !q->member || !q->addr || !kern_place(q->in, q->member, &own))
		return 0;
	struct meaning_query whole = {.type = q->in, .addr = q->addr - own.offset};
	struct meaning_ask other = {.m = a->m, .s = a->s, .q = &whole, .ret = a->ret};
	return meaning_field(&other, names, &v) ? v : 0;
}

void meaning_put_fs_info(const struct meaning_ask *a)
{
	struct kern_member name = {.names = "name"};
	uint64_t at, fs = beside(a, "s_type");
	char text[32];

	if (!a->q->u || !fs || !kern_members(a->s, "struct file_system_type", &name, 1) ||
	    !err_ok(kern_read(a->s, fs, &name, &at)) || !err_ok(mem_str(a->s->mem, KERNEL, at, text, sizeof(text))))
		return;
	const char *known = type_of(filesystems, sizeof(filesystems) / sizeof(*filesystems), text);
	AUTO_FREE char *sb_info = xasprintf("%s_sb_info", text), *fs_info = xasprintf("%s_fs_info", text);
	if (known)
		offer(a, known);
	else if (!offer(a, sb_info))
		offer(a, fs_info);
}

/* Reads its text from a seq_file? Many files do, and then that is what open() made. */
static bool is_seq_file(const struct meaning_ask *a, uint64_t fop)
{
	static const char *const readers[] = {"seq_read", "seq_read_iter", "kernfs_fop_read_iter"};
	struct kern_member m[] = {{.names = "read"}, {.names = "read_iter"}};
	uint64_t at, offset;
	struct sym sym;

	kern_members(a->s, "struct file_operations", m, 2);
	for (size_t i = 0; i < 2; i++) {
		if (!err_ok(kern_read(a->s, fop, &m[i], &at)) || !at ||
		    !sym_func_at(a->s->symtab, at, &sym, &offset) || offset)
			continue;
		for (size_t k = 0; k < sizeof(readers) / sizeof(*readers); k++)
			if (!strcmp(sym.name, readers[k]))
				return true;
	}
	return false;
}

void meaning_put_file_data(const struct meaning_ask *a)
{
	uint64_t fop = a->q->u ? beside(a, "f_op") : 0, offset;
	const char *type = NULL;
	struct sym sym;

	if (!fop)
		return;
	if (sym_at(a->s->symtab, fop, &sym, &offset) && !offset)
		type = type_of(file_kinds, sizeof(file_kinds) / sizeof(*file_kinds), sym.name);
	if (!type && is_seq_file(a, fop))
		type = "seq_file";
	if (type)
		offer(a, type);
}

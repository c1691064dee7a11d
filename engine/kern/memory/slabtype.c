/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the objects of a slab cache are. Many caches have the name of their struct; the others that are known are
 * in a table. The sizes must agree: a name alone proves nothing.
 */
#include <stdio.h>
#include <string.h>
#include "engine/kern/memory/slab.h"

#define SLACK 64 /* a cache's objects may be this much larger than the struct that they are */

/* Where the names differ. */
static const struct {
	const char *cache, *type;
} others[] = {
	{"TCP", "tcp_sock"},
	{"TCPv6", "tcp6_sock"},
	{"UDP", "udp_sock"},
	{"UDPv6", "udp6_sock"},
	{"UNIX", "unix_sock"},
	{"UNIX-STREAM", "unix_sock"},
	{"RAW", "raw_sock"},
	{"RAWv6", "raw6_sock"},
	{"bdev_cache", "bdev_inode"},
	{"cred_jar", "cred"},
	{"debugfs_inode_cache", "debugfs_inode_info"},
	{"eventpoll_epi", "epitem"},
	{"eventpoll_pwq", "eppoll_entry"},
	{"ext4_groupinfo_4k", "ext4_group_info"},
	{"ext4_inode_cache", "ext4_inode_info"},
	{"fat_inode_cache", "msdos_inode_info"},
	{"file_lock_cache", "file_lock"},
	{"file_lease_cache", "file_lease"},
	{"files_cache", "files_struct"},
	{"filp", "file"},
	{"fs_cache", "fs_struct"},
	{"hugetlbfs_inode_cache", "hugetlbfs_inode_info"},
	{"inode_cache", "inode"},
	{"ip_dst_cache", "rtable"},
	{"isofs_inode_cache", "iso_inode_info"},
	{"jbd2_journal_head", "journal_head"},
	{"kernfs_iattrs_cache", "kernfs_iattrs"},
	{"kernfs_node_cache", "kernfs_node"},
	{"mnt_cache", "mount"},
	{"mqueue_inode_cache", "mqueue_inode_info"},
	{"nfs_inode_cache", "nfs_inode"},
	{"posix_timers_cache", "k_itimer"},
	{"proc_inode_cache", "proc_inode"},
	{"radix_tree_node", "xa_node"},
	{"rpc_inode_cache", "rpc_inode"},
	{"shmem_inode_cache", "shmem_inode_info"},
	{"sighand_cache", "sighand_struct"},
	{"signal_cache", "signal_struct"},
	{"skbuff_head_cache", "sk_buff"},
	{"sock_inode_cache", "socket_alloc"},
	{"tracefs_inode_cache", "tracefs_inode"},
};

static const char *other_name(const char *cache)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!strcmp(others[i].cache, cache))
			return others[i].type;
	return cache;
}

const struct type *slab_type(struct session *s, const struct slab_place *p, struct job *job, char name[80])
{
	const struct type *t;

	snprintf(name, 80, "struct %s", other_name(p->cache));
	if (!p->object || !err_ok(type_find(s->types, name, job, &t)))
		return NULL;
	uint64_t size = type_size(t);
	return size && size <= p->object_size && p->object_size - size <= SLACK ? t : NULL;
}

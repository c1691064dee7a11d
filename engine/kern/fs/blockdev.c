/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every block device has an inode in a filesystem that nobody sees, and every mounted filesystem a
 * super_block. Both lists are walked when the first number asks for its name; numbers that are on neither
 * have none. A device's number is believed before a filesystem's.
 */
#include "engine/kern/fs/blockdev.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/kern/impl.h"

#define MOST 65536 /* devices, and filesystems, that are looked at */
#define DISK_NAME_LEN 32
#define PARTNO 255 /* of __bd_flags, as of bd_partno before */

struct blockdevs {
	struct hmap names; /* dev -> interned string */
};

void blockdevs_destroy(struct blockdevs *x)
{
	if (!x)
		return;
	hmap_free(&x->names);
	free(x);
}

/* ---- one device ---- */

static bool read_member(struct session *s, const char *type, const char *names, uint64_t obj, uint64_t *ret)
{
	struct kern_member m = {.names = names};

	return kern_pointer(s, obj) && kern_members(s, type, &m, 1) && err_ok(kern_read(s, obj, &m, ret));
}

bool blockdev_name(struct session *s, uint64_t bdev, struct buf *out)
{
	struct kern_member name = {.names = "disk_name"};
	char text[DISK_NAME_LEN + 1];
	uint64_t disk, part = 0;

	if (!read_member(s, "struct block_device", "bd_disk", bdev, &disk) || !kern_pointer(s, disk) ||
	    !kern_members(s, "struct gendisk", &name, 1) ||
	    !err_ok(mem_str(s->mem, KERNEL, kern_at(disk, &name), text, sizeof(text))) || !text[0])
		return false;
	buf_put_safe(out, text, strlen(text));
	if (read_member(s, "struct block_device", "bd_partno|__bd_flags.counter", bdev, &part) && part & PARTNO)
		buf_printf(out, "%s%" PRIu64, isdigit((unsigned char)text[strlen(text) - 1]) ? "p" : "",
			   part & PARTNO);
	return true;
}

/* The block_device that is one with the inode. */
static bool of_inode(struct session *s, uint64_t inode, uint64_t *ret)
{
	struct kern_member m[] = {{.names = "bdev"}, {.names = "vfs_inode"}};

	if (kern_members(s, "struct bdev_inode", m, 2) != 2)
		return false;
	*ret = inode - m[1].place.offset + m[0].place.offset;
	return kern_pointer(s, *ret);
}

bool blockdev_name_of_inode(struct session *s, uint64_t inode, struct buf *out)
{
	uint64_t bdev;

	return of_inode(s, inode, &bdev) && blockdev_name(s, bdev, out);
}

/* ---- all of them ---- */

struct err *blockdev_super(struct session *s, uint64_t *ret)
{
	struct kern_member sb = {.names = "mnt_sb"};
	uint64_t at;

	if (err_ok(kern_symbol(s, "blockdev_superblock", &at)))
		return mem_u64(s->mem, KERNEL, at, ret);
	TRY(kern_symbol(s, "blockdev_mnt", &at));
	TRY(mem_u64(s->mem, KERNEL, at, &at));
	kern_members(s, "struct vfsmount", &sb, 1);
	return kern_read(s, at, &sb, ret);
}

struct collecting {
	struct session *s;
	struct blockdevs *x;
	struct kern_member list, dev, id; /* of an inode: only list; of a super_block: all */
};

static void add(struct collecting *c, uint64_t dev, const char *name)
{
	bool added;
	uint64_t *slot = hmap_put(&c->x->names, dev, &added);

	if (added)
		*slot = (uintptr_t)intern_str(c->s->intern, name);
}

static struct err *on_inode(void *ctx, uint64_t node)
{
	struct collecting *c = ctx;
	AUTO_BUF struct buf name = {0};
	uint64_t bdev, dev;

	if (of_inode(c->s, node - c->list.place.offset, &bdev) &&
	    read_member(c->s, "struct block_device", "bd_dev", bdev, &dev) && blockdev_name(c->s, bdev, &name))
		add(c, dev, buf_str(&name));
	return NULL;
}

static struct err *on_super(void *ctx, uint64_t node)
{
	struct collecting *c = ctx;
	AUTO_BUF struct buf name = {0};
	uint64_t sb = node - c->list.place.offset, dev;
	char text[DISK_NAME_LEN + 1];

	if (!err_ok(kern_read(c->s, sb, &c->dev, &dev)) ||
	    !err_ok(mem_str(c->s->mem, KERNEL, kern_at(sb, &c->id), text, sizeof(text))) || !text[0])
		return NULL;
	buf_put_safe(&name, text, strlen(text));
	add(c, dev, buf_str(&name));
	return NULL;
}

/* Damage of a list costs what lies behind it. */
static struct err *collect(struct collecting *c, uint64_t head, struct job *job,
			   struct err *(*fn)(void *ctx, uint64_t node))
{
	char *damage = NULL;
	struct err *e = walk_list(c->s, head, MOST, job, fn, c, &damage);

	free(damage);
	return e;
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	struct blockdevs *x = xcalloc(1, sizeof(*x));
	struct collecting devices = {s, x, .list = {.names = "i_sb_list"}};
	struct collecting supers = {s, x, {.names = "s_list"}, {.names = "s_dev"}, {.names = "s_id"}};
	struct kern_member inodes = {.names = "s_inodes"};
	struct err *e = NULL;
	uint64_t sb, head;

	if (err_ok(blockdev_super(s, &sb)) && kern_members(s, "struct inode", &devices.list, 1) &&
	    kern_members(s, "struct super_block", &inodes, 1))
		e = collect(&devices, kern_at(sb, &inodes), job, on_inode);
	if (!e && err_ok(kern_symbol(s, "super_blocks", &head)) &&
	    kern_members(s, "struct super_block", &supers.list, 1)) {
		kern_members(s, "struct super_block", &supers.dev, 1);
		kern_members(s, "struct super_block", &supers.id, 1);
		e = collect(&supers, head, job, on_super);
	}
	if (e)
		blockdevs_destroy(x);
	else
		*ret = x;
	return e;
}

const char *blockdev_by_dev(struct session *s, uint64_t dev)
{
	void *loaded;

	if (!dev || !err_ok(loader_get(&s->priv->blockdevs, s, NULL, load, &loaded)))
		return "";
	const uint64_t *v = hmap_get(&((struct blockdevs *)loaded)->names, dev);
	return v ? (const char *)(uintptr_t)*v : "";
}

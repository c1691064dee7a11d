/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Block devices by name: which one a struct block_device is, and which one, or which filesystem without
 * one, a dev_t stands for.
 *
 * Thread: any; the table of all is read once.
 * Sources: Linux' block/bdev.c (bdev_inode, blockdev_superblock), block/genhd.c (disk_name),
 * include/linux/kdev_t.h, blk_types.h (the partition's number is a part of __bd_flags since 6.10).
 */
#ifndef KERN_FS_BLOCKDEV_H
#define KERN_FS_BLOCKDEV_H

#include "engine/kern/session.h"

#define DEV_MAJOR(dev) ((uint32_t)(dev) >> 20)
#define DEV_MINOR(dev) ((uint32_t)(dev) & 0xfffff)

/* "sda1" of the struct block_device at bdev, made safe; false: it can't be told. */
bool blockdev_name(struct session *s, uint64_t bdev, struct buf *out);
/* The same of an inode of the filesystem of all block devices. */
bool blockdev_name_of_inode(struct session *s, uint64_t inode, struct buf *out);
/* Of the block device whose dev_t it is, or the s_id of the mounted filesystem that has it for want of a
 * device; "" when none is known. Lives as long as the session. */
const char *blockdev_by_dev(struct session *s, uint64_t dev);
/* The super_block of the filesystem of all block devices. */
struct err *blockdev_super(struct session *s, uint64_t *ret);

struct blockdevs;
void blockdevs_destroy(struct blockdevs *x);

#endif

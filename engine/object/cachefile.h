/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Files in the user's cache folder, made once and found again by a key: written under another
 * name, sealed with their size and a check of their content, then renamed. The folder is kept
 * under a size; the least recently used go first. Where no cache can be had, a deleted temporary
 * file does.
 *
 * Thread: any; two processes may make the same file at the same time (the later one wins).
 */
#ifndef OBJECT_CACHEFILE_H
#define OBJECT_CACHEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/err.h"

/* Which part of the cache folder: its name and the size it is kept under. */
enum cache_folder {
	CACHE_INFLATED, /* inflated kernels and debug info */
	CACHE_INDEX,	/* name indices */
};

/* A key for a file by its size and samples of its content. fd isn't moved. 0: can't be read. */
uint64_t cachefile_key(int fd);

/* An open file of that name, sealed and whole; -1 when there is none. *size: of its content. */
int cachefile_find(enum cache_folder folder, const char *name, uint64_t *size);

/* A new file, to be filled and sealed. name NULL: a deleted temporary one. */
struct cachefile {
	int fd;
	char *path, *temp; /* where it will be, where it is; NULL for a deleted one */
	enum cache_folder folder;
};
struct err *cachefile_create(enum cache_folder folder, const char *name, struct cachefile *ret);
/* The content is complete, size bytes: publishes it. Gives the open file, at which the cachefile
 * ends. */
struct err *cachefile_seal(struct cachefile *c, uint64_t size, int *ret);
/* Gives it up. */
void cachefile_drop(struct cachefile *c);

/* All of n bytes at off; ERR_OS when the disk is full or fails. */
struct err *write_all(int fd, const void *p, size_t n, uint64_t off);

#endif

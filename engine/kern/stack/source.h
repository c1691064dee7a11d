/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Files of the kernel's source tree: the one that the user names (--src), else one of the places where
 * distributions put the source of a release, if its Makefile says that it is of this release.
 *
 * Names come out of DWARF and trees from anywhere: nothing outside the tree is opened, only regular files
 * of a reasonable size are read.
 *
 * Thread: any.
 */
#ifndef KERN_SOURCE_H
#define KERN_SOURCE_H

#include "engine/kern/session.h"

struct source {
	char *tree;   /* its top */
	char *name;   /* of the file, relative to the top */
	char *text;   /* size bytes, may hold anything */
	size_t size;
	size_t *lines; /* where each line begins */
	size_t nlines;
	char *doubt; /* why the tree may be the wrong one, for a person; NULL: none */
};

/* file: as lines tell it ("fs/namespace.c"), or a path of the machine that built the kernel, whose
 * leading folders are dropped until the tree has the rest. ERR_NOTFOUND says where was looked, and how to
 * get a tree. */
struct err *source_open(struct session *s, const char *file, struct source *ret);
void source_close(struct source *src);
/* Line n, counted from 1, without its end; its length. NULL: there is none. */
const char *source_line(const struct source *src, size_t n, size_t *len);
/* A line as it looks: tabs to the next eighth column; the rest made safe, and cut where it is too long. */
void source_put_line(const char *p, size_t n, struct buf *out);

#endif

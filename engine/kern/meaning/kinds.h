/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The meanings that take more than a table: a function each, by the name that the table has for it.
 *
 * Thread: any.
 */
#ifndef KERN_MEANING_KINDS_H
#define KERN_MEANING_KINDS_H

#include "engine/kern/fs/path.h"
#include "engine/kern/meaning/meaning.h"
#include "engine/kern/meaning/table.h"

/* The dump's own now. Zero where it isn't known. */
struct meaning_clock {
	uint64_t hz, jiffies;
	uint64_t uptime_ns;
	int64_t realtime; /* seconds since 1970 */
};

struct meanings {
	struct session *s;
	struct meaning_table *table;
	struct path_reader paths;
	struct meaning_clock clock;
	struct kern_member task[2]; /* pid, comm */
	struct smap enums;	    /* under the table's lock: enumerator -> struct type *, or 0 */
};

struct meaning_ask {
	struct meanings *m;
	struct session *s;
	const struct meaning_query *q;
	struct meaning *ret; /* text goes into ret->text */
	unsigned depth;	     /* pointers followed so far */
};

struct meaning_kind {
	const char *name;
	/* Of objects: asked by address and bytes, also behind pointers. Else only of numbers. */
	bool object;
	void (*put)(const struct meaning_ask *a);
};

/* NULL: there is none. */
const struct meaning_kind *meaning_kind_find(const char *name);

/* voids.c: the type of what a void pointer leads to. */
void meaning_put_fs_info(const struct meaning_ask *a);
void meaning_put_file_data(const struct meaning_ask *a);

/* objects.c */
extern const struct meaning_kind meaning_object_kinds[];
extern const size_t meaning_object_nkinds;

/* A scalar member of the object that is asked about, by path; alternatives are separated by '|'. */
bool meaning_field(const struct meaning_ask *a, const char *paths, uint64_t *ret);
/* Where a member lies in memory; 0: not in memory. */
uint64_t meaning_field_addr(const struct meaning_ask *a, const char *paths,
			    const struct type **type);
/* "pid 123 dd" of the task_struct at addr; false: that isn't one. */
bool meaning_put_task(const struct meaning_ask *a, uint64_t task, struct buf *out);
/* "3.20 s ago", "in 0.50 s" */
void meaning_put_age(int64_t ns, struct buf *out);
/* The name of the value in the enum that has an enumerator (a string that lives on); NULL: none. */
const char *meaning_enum_name(struct meanings *m, const char *enumerator, uint64_t value);

#endif

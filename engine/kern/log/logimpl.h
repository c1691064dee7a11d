/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the two kinds of kernel log share. Thread: any; values.
 */
#ifndef KERN_LOGIMPL_H
#define KERN_LOGIMPL_H

#include "engine/kern/impl.h"
#include "engine/kern/log/log.h"

/* Where a member lies: by vmcoreinfo's OFFSET(type.member), else by the types. */
struct log_place {
	const char *type, *member;
	uint64_t offset;
	bool found;
};
/* Fills in n places; false when one isn't found or makes no sense. */
bool log_place_find(struct session *s, struct log_place *v, size_t n);
/* SIZE(type), else the type's; false when there is none or it makes no sense. */
bool log_struct_size(struct session *s, const char *type, uint64_t *ret);
/* A printk caller_id as text. */
void log_caller(uint32_t id, char *caller, size_t cap);

struct log_sink {
	struct err *(*fn)(void *ctx, const struct log_record *r);
	void *ctx;
};

/* oldlog.c: the buffer before 5.10. ERR_NOTFOUND: there is none. */
struct err *oldlog_each(struct session *s, struct job *job, const struct log_sink *out,
			uint64_t *lost);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The kernel log: the printk ring buffer (5.10 and later) and the older log_buf of records. Needs
 * only vmcoreinfo; types help when it has no offsets.
 *
 * Thread: any.
 * Sources: Linux' kernel/printk/printk_ringbuffer.[ch], kernel/printk/printk.c (v5.9 for struct
 * printk_log), kernel/vmcore_info.c.
 */
#ifndef KERN_LOG_H
#define KERN_LOG_H

#include "engine/kern/session.h"

struct log_record {
	uint64_t seq;
	uint64_t time_ns; /* since boot */
	uint8_t level;	  /* 0 emerg .. 7 debug */
	uint8_t facility;
	char caller[16];  /* "T123" or "C1"; "" when the kernel doesn't record it */
	bool continued;	  /* LOG_CONT: belongs to the record before */
	const char *text; /* n bytes, may hold '\n'; borrowed for the call */
	size_t n;
};

/* Calls fn for each record, oldest first; fn returning an error stops and is returned. Damaged
 * records are left out and counted in *lost. Fails when no log can be found: what was looked for.
 */
struct err *log_each(struct session *s, struct job *job,
		     struct err *(*fn)(void *ctx, const struct log_record *r), void *ctx,
		     uint64_t *lost);
const char *log_level_name(uint8_t level); /* "emerg" .. "debug" */

#endif

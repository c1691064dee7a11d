/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Facts about the machine and the kernel, as crash's `sys` shows them.
 * Thread: any.
 */
#ifndef KERN_SYSTEM_H
#define KERN_SYSTEM_H

#include "engine/kern/session.h"

/* Calls fn for each fact, in order; keys are crash's words in lower case ("kernel", "dumpfile",
 * "cpus", "date", "uptime", "load average", "tasks", "nodename", "release", "version", "machine",
 * "memory", "panic", "pid", "command", "task", "cpu", "state", "tainted") and ours ("format", "dump level",
 * "pages", "build-id", "kaslr", "types", "problems"...). value NULL: not known, why tells. */
struct err *system_each(struct session *s, struct job *job,
			struct err *(*fn)(void *ctx, const char *key, const char *value,
					  const char *why),
			void *ctx);

/* How much RAM the machine had: "511.5 MB". */
void system_memory(struct session *s, char *buf, size_t n);
/* When the dump was made, in seconds since 1970. */
struct err *system_time(struct session *s, int64_t *ret);
/* The newest of the CPUs' run queue clocks: ns since boot; 0: none can be read. */
uint64_t system_clock(struct session *s);

/* How long a jiffy is, in ns; 0: not known. */
uint64_t system_tick(struct session *s);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The task filter language: words that must all hold.
 *
 *   UN RU IN ...     in this state (several states: any of them)
 *   >10s <5m >1h2m   longer or shorter in it (ns, us, ms, s, m, h, d; a bare number is seconds)
 *   comm:WORD        name contains WORD; comm:/REGEX/ matches it
 *   pid:N tgid:N ppid:N   equal; pid:100-200 a range
 *   cpu:N
 *   kernel user active group   kernel threads, user tasks, on a CPU, thread group leaders
 *   !WORD            the opposite of any of these
 *   anything else    name contains it, or the pid if it is a number
 *
 * Thread: any; a compiled filter is immutable.
 */
#ifndef KERN_TASKFILTER_H
#define KERN_TASKFILTER_H

#include "engine/kern/task/tasks.h"

struct taskfilter;

/* "" matches all. ERR_USAGE shows the word and what was expected. */
struct err *taskfilter_create(const char *text, struct taskfilter **ret);
void taskfilter_destroy(struct taskfilter *f);
bool taskfilter_match(const struct taskfilter *f, const struct task *t);
/* Candidates for the last word of text (states, keys); at most max, returned count. Literals. */
size_t taskfilter_complete(const char *text, const char **ret, size_t max);

#endif

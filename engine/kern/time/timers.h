/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Timers that wait: those of the timer wheel, in jiffies, and the high-resolution ones.
 *
 * Thread: any.
 * Sources: Linux' kernel/time/timer.c, kernel/time/hrtimer.c, include/linux/hrtimer_defs.h,
 * include/uapi/linux/time.h (clock ids), kernel/workqueue.c, kernel/time/sleep_timeout.c.
 */
#ifndef KERN_TIMERS_H
#define KERN_TIMERS_H

#include "engine/kern/container/container.h"
#include "engine/model/ref.h"

struct timer_info {
	unsigned cpu;
	bool hr;	      /* struct hrtimer, else struct timer_list */
	const char *base;     /* "standard", "deferrable", "monotonic", "monotonic soft" ... */
	uint64_t addr;
	uint64_t expires;     /* in jiffies; hr: in ns of its clock */
	uint64_t soft;	      /* hr: from when on it may come */
	bool known;	      /* is in_ns known? */
	int64_t in_ns;	      /* from the dump's now until it expires; negative: overdue */
	uint64_t function;
	uint64_t target;      /* what it is for: a task_struct, or a work's function; 0: not known */
	bool target_is_task;
	const char *damage;   /* not NULL: no timer but damage of its list or tree at addr */
};

enum timers_which { TIMERS_WHEEL = 1, TIMERS_HR = 2 };

/* Gives the timers of a CPU, each base's in the order in which they expire. ERR_NODEBUG and the like when
 * neither kind can be read. Damage is given as a timer. */
struct err *timers_each(struct session *s, unsigned cpu, unsigned which, struct job *job,
			struct err *(*fn)(void *ctx, const struct timer_info *t), void *ctx);

#endif

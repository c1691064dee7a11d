/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Tasks by their stacks: those whose stacks have the same return addresses are of one group. User space's
 * own address, and where the stacks lie in memory, make no difference.
 *
 * Thread: any; stacks are walked by all cores.
 */
#ifndef KERN_STACKGROUPS_H
#define KERN_STACKGROUPS_H

#include "engine/kern/task/tasks.h"

struct group_frame {
	uint64_t pc;
	bool exact; /* pc is the instruction itself; else a return address */
	struct object *object;
};

struct stack_group {
	struct group_frame *frames; /* innermost first, physical ones; without the user-space boundary */
	size_t nframes;
	bool ended;		    /* the walk stopped early; such stacks are apart from whole ones */
	const struct task **tasks;  /* the longest wait first */
	size_t ntasks;
};

struct stack_groups {
	struct stack_group *v; /* the largest first */
	size_t n;
};

/* Groups n tasks. Only a cancel is an error. Free with stack_groups_free. */
struct err *stack_groups_make(struct session *s, struct job *job, const struct task *const *tasks,
			      size_t n, struct stack_groups *ret);
void stack_groups_free(struct stack_groups *g);

/* Is pc in the scheduler's own text, or in a lock's, where everything that sleeps stands? What /proc and
 * `ps -o wchan` leave out. */
struct sched_text {
	struct {
		uint64_t start, end;
	} range[2];
};
void sched_text_init(struct sched_text *t, struct session *s);
bool sched_text_has(const struct sched_text *t, uint64_t pc);
/* The innermost frame that is neither the scheduler's nor a lock's; 0 when all are. */
size_t stack_group_top(const struct stack_group *g, const struct sched_text *t);

#endif

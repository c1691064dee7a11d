/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Who waits for an object, and who holds it: by the wait lists and owners of the locks, wait queues and
 * completions that are in it, and by the stacks of sleeping tasks whose variables speak of it.
 *
 * Lists that are damaged give their good part; a task that can't be told is left out.
 *
 * Thread: any.
 * Sources: Linux' kernel/locking/{mutex,rwsem,percpu-rwsem,semaphore}.c and .h (a list_head of waiters up to
 * 6.19, a pointer to the first one since), include/linux/{wait,swait,rcuwait,completion}.h, fs/select.c.
 */
#ifndef KERN_WAIT_WAITERS_H
#define KERN_WAIT_WAITERS_H

#include "engine/kern/task/tasks.h"
#include "engine/type/type.h"

enum waiter_kind {
	WAITER_HOLDS,  /* the lock says that this task owns it */
	WAITER_QUEUED, /* on a wait list */
	WAITER_STACK,  /* a variable of a frame leads to the object */
	WAITER_WORD,   /* a word of its stack does: it may be left over from a call that has returned */
};

struct waiter {
	enum waiter_kind kind;
	const struct task *task;
	/* HOLDS, QUEUED: the member that is waited for ("s_writers.rw_sem[0]"); STACK: how the variable leads there
	 * ("m->mnt_sb"); WORD: "". Borrowed for the call. */
	const char *path;
	const char *function; /* STACK, WORD: whose frame; NULL: not known */
	uint64_t addr;	      /* QUEUED, HOLDS: of the lock or queue; STACK, WORD: the value found */
	size_t frame;	      /* STACK, WORD: index of the physical frame */
	size_t level;	      /* STACK: inlined level */
};

typedef struct err *(*waiter_fn)(void *ctx, const struct waiter *w);

/* Has an object of this type anything in it that can be waited for, itself or a direct member? */
bool waiters_possible(const struct type *t);
/* The wait lists and owners in the object; reads no stack. */
struct err *waiters_queued(struct session *s, const struct type *t, uint64_t addr, struct job *job,
			   waiter_fn fn, void *ctx);
/* The stacks of the tasks that sleep (all: also those that can be woken by a signal): at most one answer
 * a task. t may be NULL: then size bytes at addr are looked for, and nothing that leads there. */
struct err *waiters_on_stacks(struct session *s, const struct type *t, uint64_t addr, uint64_t size,
			      bool all, struct job *job, waiter_fn fn, void *ctx);

#endif

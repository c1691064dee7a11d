/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Every thread of the dump: from the PID tree (init_pid_ns.idr), the task list (init_task.tasks and
 * the thread lists) and the run queues, checked against each other; if one is damaged the others
 * carry it. A task whose struct can partly not be read still has its row.
 *
 * Thread: any; loaded once.
 *
 * Sources: Linux' include/linux/sched.h, kernel/pid.c, fs/proc/array.c (state letters),
 * kernel/sched/sched.h (struct rq), crash's `ps` for the two-letter states.
 */
#ifndef KERN_TASKS_H
#define KERN_TASKS_H

#include "engine/kern/session.h"

enum task_found {
	FOUND_PID_TREE = 1,
	FOUND_TASK_LIST = 2,
	FOUND_RUN_QUEUE = 4,
	FOUND_IDLE = 8,
	FOUND_FAMILY = 16, /* parent, child, sibling or group leader of a task */
	FOUND_SCAN = 32,   /* by searching memory: the lists are lost */
};

/* Which fields could not be had: bit n of `faults` (can't be read) or of `absent` (this kernel has
 * no such member). */
enum task_field {
	TF_PID,
	TF_TGID,
	TF_PPID,
	TF_CPU,
	TF_STATE,
	TF_COMM,
	TF_FLAGS,
	TF_SINCE,
	TF_MM,
	TF_STACK,
	TF_SP,
	TF_FIELDS
};

struct task {
	uint64_t addr; /* of its task_struct */
	int32_t pid, tgid, ppid;
	uint32_t cpu;
	uint64_t state;	      /* raw: __state | exit_state << 32 */
	char letters[4];      /* "UN", "ID" ...; "??" when not known */
	char comm[16];	      /* NUL-terminated; bytes as the dump has them */
	uint32_t flags;	      /* PF_ */
	bool kthread, active; /* active: current on its CPU when the dump was made */
	bool panicking;	      /* the task that ran the panic (or the crash CPU's) */
	uint64_t since_ns;    /* rq.clock - sched_info.last_arrival, as `ps -m`; never negative */
	uint64_t mm;	      /* mm_struct; 0: kernel thread */
	uint64_t stack;	      /* lowest address of its kernel stack */
	uint64_t sp;	      /* saved stack pointer (thread.sp) of a task that sleeps */
	uint32_t found;	      /* enum task_found bits */
	uint32_t faults, absent; /* bits of enum task_field */
	enum mem_state why;	 /* of the first fault */
};

/* Loads (once) and returns all tasks in order of pid, idle tasks (pid 0, one a CPU) first. Fails
 * only when not one task can be found: the error says what was tried. problems: see tasks_problem.
 */
struct err *tasks_load(struct session *s, struct job *job, const struct tasks **ret);
size_t tasks_count(const struct tasks *t);
const struct task *tasks_at(const struct tasks *t, size_t i);
/* What didn't agree among the sources ("task list: cycle at ..."); NULL at the end. */
const char *tasks_problem(const struct tasks *t, size_t i);
/* Members that this kernel doesn't have, by column. */
const struct task *task_by_pid(const struct tasks *t, int32_t pid);
const struct task *task_by_addr(const struct tasks *t, uint64_t addr);
/* Whose kernel stack, of `size` bytes, va lies in; NULL: nobody's. */
const struct task *task_by_stack(const struct tasks *t, uint64_t va, uint64_t size);
/* The active task of a CPU; NULL: not known. */
const struct task *task_active(const struct tasks *t, unsigned cpu);
/* The panicking task; NULL: not known. */
const struct task *task_panicking(const struct tasks *t);

/* Starting registers of a task: a sleeping one's from its saved frame, an active one's from the
 * CPU's crash note. exact: pc is the current instruction. */
struct err *task_regs(struct session *s, const struct task *t, struct regs *ret, bool *exact);
/* Walks its stack. Never an error: the reason is in the stack. Free with stack_free. */
void task_stack(struct session *s, const struct task *t, size_t max, struct stack *ret);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Inside of the task loader: reading one task_struct (taskread.c), its state's letters
 * (taskstate.c), finding them all (taskfind.c). tasks.c puts the results together.
 *
 * Thread: one loader at a time; nothing here is shared.
 */
#ifndef KERN_TASKIMPL_H
#define KERN_TASKIMPL_H

#include "engine/base/hmap.h"
#include "engine/kern/impl.h"
#include "engine/kern/task/tasks.h"

/* The members of task_struct that are read; the names are in taskread.c. */
enum task_member {
	TM_PID,
	TM_TGID,
	TM_STATE,
	TM_EXIT,
	TM_FLAGS,
	TM_CPU,
	TM_COMM,
	TM_STACK,
	TM_SP,
	TM_MM,
	TM_ARRIVAL,
	TM_PARENT,
	TM_LEADER,
	TM_SIGNAL,
	TM_TASKS_NEXT,
	TM_TASKS_PREV,
	TM_THREAD_NEXT,
	TM_THREAD_PREV,
	TM_CHILDREN_NEXT,
	TM_CHILDREN_PREV,
	TM_SIBLING_NEXT,
	TM_SIBLING_PREV,
	TM_PID_LINK, /* where struct pid's list goes through the task */
	TM_RUN_CFS,  /* where rq.cfs_tasks goes through it */
	TM_RUN_RT,   /* where the real-time queues go through it */
	TM_COUNT
};

enum got { GOT, GOT_ABSENT, GOT_FAULT };

#define TASK_SPANS 12

/* Reads task_structs: only the parts that hold members we want, in a few runs of bytes. */
struct task_reader {
	struct session *s;
	struct kern_member m[TM_COUNT];
	struct kern_member thread_head; /* in signal_struct */
	size_t size;			/* bytes of the image that are used */
	struct {
		size_t start, n;
	} span[TASK_SPANS];
	size_t nspans;
	uint8_t *image, *states; /* of the task read last; states: one a word */
	uint64_t addr;
};

/* false: there is no task_struct in the types, or one without what a task can't be told by. */
bool task_reader_init(struct task_reader *r, struct session *s);
void task_reader_done(struct task_reader *r);
void task_read(struct task_reader *r, uint64_t addr);
/* A member of the task read last; *why (may be NULL) for GOT_FAULT. */
enum got task_get(const struct task_reader *r, enum task_member m, uint64_t *ret,
		  enum mem_state *why);
/* comm has no scalar: 16 bytes and a NUL. */
enum got task_get_comm(const struct task_reader *r, char *comm, enum mem_state *why);
/* The offset of a list node in task_struct; false: this kernel has no such member. */
bool task_node(const struct task_reader *r, enum task_member m, uint64_t *ret);

/* The bits of task_struct.__state, which moved in history. */
struct state_bits {
	uint64_t parked, dead, wakekill, waking, noload, new, zombie, exit_dead;
};
void state_bits_init(struct state_bits *b, struct session *s);
/* state: as struct task has it. letters: 4 bytes. */
void state_letters(const struct state_bits *b, uint64_t state, char *letters);

/* A task that was found, with what the finder knows besides. */
struct found_task {
	struct task t;	     /* filled but for ppid, since_ns, active, panicking */
	uint64_t arrival;    /* sched_info.last_arrival */
	uint64_t parent;     /* real_parent; 0: not known */
	uint64_t next, prev; /* tasks.next and .prev as task addresses; 0: not to be followed */
	bool stray;	     /* tasks.next is read, and is no pointer into the kernel */
};

struct cpu_queue {
	bool known; /* rq could be read */
	uint64_t curr, idle, clock;
};

struct candidate {
	uint64_t addr;
	uint32_t found; /* enum task_found */
	int32_t pid;	/* told by the source; -1: not */
	int32_t cpu;	/* of an idle task; -1 */
};

struct task_finder {
	struct session *s;
	struct job *job;
	struct task_reader reader;
	struct state_bits bits;
	struct found_task *v;
	size_t n, cap;
	struct hmap index; /* address -> 1 + index in v; 0: looked at and no task */
	struct candidate *queue;
	size_t nqueue, queue_cap;
	struct cpu_queue *cpu; /* ncpus of them */
	char **problems;
	size_t nproblems, problems_cap;
	bool have_tree, have_list; /* the source is there, and whole */
	bool lost;		   /* some of what leads to tasks is lost, not merely filtered */
	uint64_t init_task;
	struct candidate rejected; /* the first that was no task */
	size_t nrejected;
};

void finder_problem(struct task_finder *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void finder_tell_rejected(struct task_finder *f);
/* Queues a task to be looked at; known ones just get the bit. */
void finder_add(struct task_finder *f, const struct candidate *c);
/* Looks at all that is queued, and at all that those lead to. */
struct err *finder_drain(struct task_finder *f);
struct found_task *finder_at(struct task_finder *f, uint64_t addr);

/* taskpids.c: the PID tree. taskqueues.c: the run queues. taskscan.c: memory itself. */
struct err *find_by_pid_tree(struct task_finder *f);
struct err *find_by_run_queues(struct task_finder *f);
struct err *find_by_scan(struct task_finder *f);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What is this address? Everything that is known of an address, the most telling first: the variable, task,
 * stack, slab object or mapping that it lies in, what that lies in itself, and the page at the bottom.
 *
 * Thread: any.
 * Sources: Linux' include/linux/poison.h, include/linux/err.h, and those of the files that are asked.
 */
#ifndef KERN_IDENTIFY_H
#define KERN_IDENTIFY_H

#include "engine/kern/task/tasks.h"
#include "engine/model/ref.h"

enum ident_kind {
	IDENT_NULL,	/* in the first page: a NULL pointer and an offset */
	IDENT_ERROR,	/* an error number as a pointer: -ENOMEM */
	IDENT_POISON,	/* a value that the kernel writes where nothing may be used any more */
	IDENT_SYMBOL,
	IDENT_MODULE,	/* a part of a module */
	IDENT_PERCPU,	/* a per-CPU variable, or per-CPU memory */
	IDENT_TASK,	/* in a task_struct */
	IDENT_STACK,	/* in a task's kernel stack */
	IDENT_FRAME,	/* in a frame of it */
	IDENT_VARIABLE, /* in a variable of that frame */
	IDENT_CPU_STACK, /* interrupt, exception and entry stacks, and what else is in a CPU's entry area */
	IDENT_SLAB,	/* in a slab object */
	IDENT_DESCRIPTOR, /* in a struct page */
	IDENT_VMALLOC,
	IDENT_USER,	/* a mapping of a task's user space */
	IDENT_REGION,	/* a part of the address space */
	IDENT_PAGE,	/* the physical page */
	IDENT_KINDS
};
/* "symbol", "per-cpu" ...: as JSON has it. */
const char *ident_kind_name(enum ident_kind k);

/* One answer. Borrowed for the call, but for ref's names. */
struct ident {
	enum ident_kind kind;
	const char *name;   /* the symbol, cache, module, "PID (COMM)" ...; "" if it has none */
	uint64_t start;	    /* where the thing begins; PAGE: its physical address */
	uint64_t size;	    /* its bytes; 0: not known */
	uint64_t offset;    /* of the address within it */
	const char *state;  /* SLAB: "allocated", "free", "unknown"; POISON ...: NULL */
	const struct type *type; /* SLAB, TASK, SYMBOL: of the whole thing; NULL: not known, or not asked for */
	int64_t cpu, pid;   /* -1: none */
	const char *text;   /* the whole of it for a person */
	struct ref ref;	    /* where it leads; REF_NONE: nowhere */
};

struct ident_ask {
	uint64_t addr;
	bool phys;		 /* addr is a physical address */
	const struct task *task; /* for addresses of user space: whose; may be NULL */
	/* false: only what costs next to nothing, once the kernel's tables were read: no walk of a stack */
	bool deep;
	bool line;		 /* cheap, but for what objects of unnamed caches are: that is found out once */
	struct job *job;	 /* may be NULL */
};

/* Calls fn with each answer; fn says whether it wants more. Only a cancel, or fn's own error, is an error. */
struct err *identify(struct session *s, const struct ident_ask *ask,
		     struct err *(*fn)(void *ctx, const struct ident *id, bool *more), void *ctx);
/* The first answer's text in one line ("slab dentry+0x40, allocated"), for a status line: the cheap form, but for a walk over
 * what is reached from the kernel's lists the first time (reached.h). task:
 * whose an address of user space is; may be NULL. */
void identify_line(struct session *s, uint64_t addr, const struct task *task, struct buf *out);

#endif

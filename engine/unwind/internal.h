/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The unwinder itself. Only of use inside engine/unwind.
 */
#ifndef UNWIND_INTERNAL_H
#define UNWIND_INTERNAL_H

#include <pthread.h>
#include "engine/base/hmap.h"
#include "engine/unwind/walk.h"

#define RULE_SHARDS 16
#define SHARD_RULES 1024 /* then the shard starts anew: 4 MB in all */

struct unwind_object;

struct rule_shard {
	pthread_mutex_t lock;
	struct hmap map; /* pc to index of rules */
	struct rule *rules;
	size_t n, cap;
};

struct unwinder {
	struct mem *mem;
	const struct arch *arch;
	struct symtab *symbols; /* may be NULL */
	pthread_rwlock_t lock;	/* around the list of objects */
	struct unwind_object **objects;
	size_t nobjects, cap;
	struct rule_shard shards[RULE_SHARDS];
	code_step_fn *code; /* may be NULL */
	void *code_ctx;
	pthread_mutex_t types_lock;
	struct types *types;		/* may be NULL */
	bool regs_known;		/* the next two are set */
	size_t regs_size;		/* of struct pt_regs */
	int32_t regs_at[ARCH_MAX_REGS]; /* byte offset of arch->regs[i] in it; -1: not there */
};

void objects_add(struct unwinder *u, struct object *o);
void objects_free(struct unwinder *u);

#endif

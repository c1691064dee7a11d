/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The task's own stack is asked for first: it costs nothing, and almost all frames are on it.
 */
#include "engine/kern/stack/stackname.h"
#include <stdio.h>
#include "engine/kern/impl.h"
#include "engine/kern/stack/stackscan.h"

/* A stack pointer may be at the very end of a stack: what it leads to is the word below. */
static bool cpu_stack(struct session *s, uint64_t sp, struct cpu_stack_place *ret)
{
	return (cpu_stack_at(s, sp, ret) && !ret->area && !ret->guard) ||
	       (cpu_stack_at(s, sp - 1, ret) && !ret->area && !ret->guard);
}

struct stack_name stack_name_at(struct session *s, const struct task *t, uint64_t sp)
{
	uint64_t size = task_stack_size(s), page = s->arch->page_size;
	bool known = kern_pointer(s, t->stack);
	struct cpu_stack_place place;
	struct stack_name ret = {""};
	const char *name = "";

	if (known && sp >= t->stack && sp - t->stack <= size)
		name = STACK_NAME_TASK;
	else if (known && sp < t->stack && t->stack - sp <= page)
		name = STACK_NAME_OVERRUN;
	else if (cpu_stack(s, sp, &place))
		name = place.name;
	snprintf(ret.text, sizeof(ret.text), "%s", name);
	return ret;
}

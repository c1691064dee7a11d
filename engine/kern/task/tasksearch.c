/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A filter that cuts a task_struct in two can leave its stack and take thread.sp. Every task that
 * sleeps went through the one call of __switch_to_asm, whose return address is then on its stack, above
 * the registers that were pushed. Stacks also hold that address from earlier and deeper sleeps, further
 * down: so the highest one counts from which the walk comes to the stack's end rightly.
 *
 * Sources: Linux' arch/x86/entry/entry_64.S (__switch_to_asm), arch/x86/include/asm/switch_to.h.
 */
#include "engine/kern/task/tasksearch.h"
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/kern/impl.h"
#include "engine/kern/stack/stackscan.h"

#define CALL_SIZE 5
#define PADDING 64 /* before a function: call depth tracking enters it there */
#define PAGE 4096
#define SEARCH_FRAMES 256

/* What is looked for. */
struct search {
	struct session *s;
	uint64_t callee, ret_at; /* __switch_to_asm; where the frame has the return address */
	uint64_t known;		 /* the return address, once it is found; 0 */
};

static bool search_init(struct search *x, struct session *s)
{
	struct kern_member ret = {.names = "ret_addr"};
	struct sym sym;

	*x = (struct search){.s = s};
	if (s->arch != &arch_x86_64 || !sym_find(s->symtab, "__switch_to_asm", &sym) ||
	    !kern_members(s, "struct inactive_task_frame", &ret, 1))
		return false;
	x->callee = sym.addr;
	x->ret_at = ret.place.offset;
	return true;
}

static bool returns_from_switch(struct search *x, uint64_t v)
{
	uint8_t b[CALL_SIZE];

	if (x->known || !kern_pointer(x->s, v))
		return x->known && v == x->known;
	if (!err_ok(mem_read(x->s->mem, KERNEL, v - CALL_SIZE, b, sizeof(b))) || b[0] != 0xe8)
		return false;
	uint64_t target = v + (uint64_t)(int64_t)(int32_t)load_u32(b + 1);
	if (target > x->callee || x->callee - target > PADDING)
		return false;
	x->known = v;
	return true;
}

static bool walks_to_the_end(struct search *x, uint64_t sp, const struct task *t, uint64_t size)
{
	struct regs regs = {0};
	struct stack st;
	bool inside = true;

	if (!err_ok(task_frame_regs(x->s, sp, &regs)))
		return false;
	unwind(x->s->unwinder, &regs, false, SEARCH_FRAMES, &st);
	for (size_t i = 0; i < st.n; i++)
		inside &= st.frames[i].user ||
			  (st.frames[i].sp > t->stack && st.frames[i].sp - t->stack <= size);
	bool ok = inside && st.n > 1 && !st.ended;
	stack_free(&st);
	return ok;
}

bool task_search_sp(struct session *s, const struct task *t, uint64_t *sp)
{
	uint64_t size = task_stack_size(s);
	bool found = false;
	struct search x;

	if (t->active || !kern_pointer(s, t->stack) || !kern_pointer(s, t->stack + size) ||
	    !search_init(&x, s))
		return false;
	uint8_t *words = xcalloc(1, size);
	for (uint64_t at = 0; at < size; at += PAGE) /* what isn't there stays 0 */
		mem_read_some(s->mem, KERNEL, t->stack + at, words + at, PAGE, NULL);
	for (uint64_t at = size - 8; at >= x.ret_at + 8 && !found; at -= 8) {
		*sp = t->stack + at - x.ret_at;
		found = returns_from_switch(&x, load_u64(words + at)) &&
			walks_to_the_end(&x, *sp, t, size);
	}
	free(words);
	return found;
}

bool task_search_stack(struct session *s, const struct task *t, size_t max, struct stack *ret)
{
	struct regs regs = {0};
	uint64_t sp;

	if (!task_search_sp(s, t, &sp) || !err_ok(task_frame_regs(s, sp, &regs)))
		return false;
	unwind(s->unwinder, &regs, false, max, ret);
	for (size_t i = 0; i < ret->n; i++)
		if (!ret->frames[i].user)
			ret->frames[i].source = FRAME_SCAN;
	ret->searched = true;
	return true;
}

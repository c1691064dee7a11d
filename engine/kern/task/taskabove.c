/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ran on a CPU above the registers that it saved for the dump: from the fault, the interrupt or
 * the NMI that came in there up to the last function before the CPU left the kernel. It runs on the
 * same stack further down, on the task's stack when it came from user space, or on one of the
 * processor's own stacks (NMI, double fault, machine check, debug), which the TSS names. In a panic()
 * nothing came in: __crash_kexec() saved its own registers, and machine_kexec() ran above.
 *
 * A hypervisor's dump has registers of the very moment, and none of these functions was running.
 *
 * Sources: Linux' kernel/crash_core.c, arch/x86/kernel/{machine_kexec_64.c,reboot.c},
 * arch/x86/include/asm/{processor.h,page_64_types.h}.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"
#include "engine/kern/stack/stackscan.h"
#include "engine/kern/task/taskabove.h"

#define IST_SIZE 8192	 /* EXCEPTION_STKSZ; older ones are 4096, and smaller is no harm */
#define IST_MAX 7
#define RANGES_MAX (3 + IST_MAX)

/* What runs last: on the CPU that crashes, and on those that it stops. */
static const char *const last_functions[] = {"machine_kexec", "crash_nmi_callback"};

struct ranges {
	struct unwind_range v[RANGES_MAX];
	size_t n;
};

static void add(struct ranges *r, uint64_t start, uint64_t end)
{
	if (r->n < RANGES_MAX && start < end)
		r->v[r->n++] = (struct unwind_range){start, end};
}

/* The processor's own stacks on a CPU. */
static void add_ist(struct session *s, unsigned cpu, struct ranges *r)
{
	static const char *const names[] = {"cpu_tss_rw", "cpu_tss", "init_tss"};
	struct kern_member ist = {.names = "x86_tss.ist"};
	uint64_t tss, top;

	if (!kern_members(s, "struct tss_struct", &ist, 1))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!err_ok(kern_percpu(s, names[i], cpu, &tss)))
			continue;
		for (unsigned k = 0; k < IST_MAX; k++)
			if (err_ok(mem_u64(s->mem, KERNEL, kern_at(tss, &ist) + 8 * k, &top)) &&
			    kern_pointer(s, top))
				add(r, top - IST_SIZE, top);
		return;
	}
}

/* The end of the stack of the CPU's task, as the kernel keeps it for its entry code: where the
 * task_struct can't be read. */
static void add_current(struct session *s, unsigned cpu, uint64_t size, struct ranges *r)
{
	uint64_t top;

	if (err_ok(kern_percpu_pointer(s, "cpu_current_top_of_stack", "top_of_stack", cpu, &top)) &&
	    kern_pointer(s, top) && kern_pointer(s, top - size))
		add(r, top - size, top);
}

static void find_ranges(struct session *s, const struct task *t, const struct regs *regs,
			struct ranges *r)
{
	uint64_t sp = regs->v[s->arch->reg_sp], size = task_stack_size(s);

	if (kern_pointer(s, sp) && kern_pointer(s, sp - size))
		add(r, sp - size, sp);
	if (kern_pointer(s, t->stack))
		add(r, t->stack, t->stack + size);
	else
		add_current(s, t->cpu, size, r);
	add_ist(s, t->cpu, r);
}

bool task_above(struct session *s, const struct task *t, const struct regs *regs,
		struct stack *ret, uint64_t *pt_regs)
{
	struct ranges r = {.n = 0};
	struct sym sym;

	find_ranges(s, t, regs, &r);
	for (size_t i = 0; i < sizeof(last_functions) / sizeof(last_functions[0]); i++) {
		if (!sym_find(s->symtab, last_functions[i], &sym) || !sym.size)
			continue;
		struct unwind_range last = {sym.addr, sym.addr + sym.size};
		for (size_t k = 0; k < r.n; k++)
			if (unwind_above(s->unwinder, regs, &r.v[k], &last, ret, pt_regs))
				return true;
	}
	return false;
}

void stack_put_above(struct stack *st, const struct stack *above, uint64_t pt_regs)
{
	if (!st->n || !above->n)
		return;
	struct frame *v = xcalloc(st->n + above->n, sizeof(*v));
	memcpy(v, above->frames, above->n * sizeof(*v));
	memcpy(v + above->n, st->frames, st->n * sizeof(*v));
	v[above->n].pt_regs = pt_regs;
	free(st->frames);
	st->frames = v;
	st->n += above->n;
	st->above = above->n;
}

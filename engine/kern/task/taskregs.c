/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a task's stack begins. A sleeping task has left its callee-saved registers and the return
 * address in a struct inactive_task_frame at thread.sp. A task that was on a CPU has its registers
 * in that CPU's NT_PRSTATUS note: looked for in the kernel's own crash_notes first, which say whose
 * they are, then among the dump's notes, which only come in the order of the CPUs that saved some.
 *
 * Sources: Linux' arch/x86/include/asm/switch_to.h, arch/x86/entry/entry_64.S (__switch_to_asm),
 * kernel/crash_core.c (crash_save_cpu), include/linux/elfcore.h; QEMU's dump/dump.c (all CPUs, in
 * order; the note's "pid" is the CPU's number plus one).
 */
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/kern/impl.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/task/taskabove.h"
#include "engine/kern/task/tasksearch.h"
#include "engine/kern/task/tasks.h"

#define FRAME_MAX 512
#define NOTE_MAX 4096

/* ---- a task that sleeps ---- */

/* The frame's members have the names that struct pt_regs gives the registers. */
static void take_saved(const struct arch *a, const struct kern_member *m, const uint8_t *image,
		       size_t n, struct regs *ret)
{
	uint64_t v;

	for (size_t i = 0; i < a->nregs; i++)
		if (a->regs[i].member && a->regs[i].dwarf >= 0 &&
		    !strcmp(a->regs[i].member, m->names) && kern_decode(m, image, n, &v))
			regs_set(ret, (unsigned)a->regs[i].dwarf, v);
}

/* Of a task that has exited, only the task_struct may be left. What saved stack pointer it has leads into
 * a stack that is somebody else's by now. Source: Linux' kernel/fork.c (put_task_stack). */
static bool stack_is_freed(struct session *s, const struct task *t)
{
	struct kern_member stack = {.names = "stack"};
	uint64_t v;

	kern_members(s, "struct task_struct", &stack, 1);
	return stack.found && err_ok(kern_read(s, t->addr, &stack, &v)) && !v;
}

/* The same by what the architecture's code is known to push, for types that have lost the struct. Only what
 * leads back to code is believed. */
static bool known_frame(struct session *s, uint64_t sp, struct regs *ret)
{
	const struct arch *a = s->arch;
	uint64_t v[16], offset;
	size_t n = a->nswitch;
	struct sym sym;

	if (!n || n > sizeof(v) / sizeof(v[0]) || !err_ok(mem_read(s->mem, KERNEL, sp, v, n * 8)) ||
	    !sym_func_at(s->symtab, v[n - 1] - 1, &sym, &offset))
		return false;
	for (size_t i = 0; i < n; i++)
		regs_set(ret, a->switch_frame[i], v[i]);
	regs_set(ret, a->reg_sp, sp + n * 8);
	return true;
}

struct err *task_frame_regs(struct session *s, uint64_t sp, struct regs *ret)
{
	struct kern_member m[] = {{.names = "r15"},	{.names = "r14"}, {.names = "r13"},
				  {.names = "r12"},	{.names = "bx"},  {.names = "bp"},
				  {.names = "ret_addr"}};
	enum { N = sizeof(m) / sizeof(m[0]), RET = N - 1 };
	uint8_t image[FRAME_MAX];
	const struct type *type = NULL;
	uint64_t pc;

	struct err *e = type_find(s->types, "struct inactive_task_frame", NULL, &type);
	if (e && err_code(e) != ERR_CANCELLED && known_frame(s, sp, ret)) {
		err_free(e);
		return NULL;
	}
	if (e)
		return e;
	uint64_t size = type_size(type);
	if (!kern_members(s, "struct inactive_task_frame", m, N) || size > sizeof(image) ||
	    !range_ok(m[RET].place.offset, sizeof(pc), size))
		return err_new(ERR_NOTFOUND,
			       "this kernel's struct inactive_task_frame has no member "
			       "'ret_addr'");
	e = mem_read(s->mem, KERNEL, sp, image, size);
	if (e)
		return err_wrap(e, "the top of its stack can't be read");
	for (size_t i = 0; i < RET; i++)
		take_saved(s->arch, &m[i], image, size, ret);
	if (!kern_decode(&m[RET], image, size, &pc))
		return err_new(ERR_NOTFOUND, "this kernel's inactive_task_frame.ret_addr is no number");
	regs_set(ret, s->arch->reg_pc, pc);
	regs_set(ret, s->arch->reg_sp, sp + size);
	return NULL;
}

static struct err *sleeping_regs(struct session *s, const struct task *t, struct regs *ret)
{
	if (t->absent >> TF_SP & 1)
		return err_new(ERR_NOTFOUND,
			       "this kernel has no task_struct.thread.sp, so where its "
			       "stack begins is not known");
	if (t->faults >> TF_SP & 1)
		return err_wrap(err_fault(t->why, t->addr), "the saved stack pointer of its "
							    "task_struct can't be read");
	if (stack_is_freed(s, t))
		return err_new(ERR_NOTFOUND, "it has exited, and its stack is freed");
	if (!kern_pointer(s, t->sp))
		return err_new(ERR_CORRUPT,
			       "the saved stack pointer 0x%" PRIx64 " is no kernel "
			       "address",
			       t->sp);
	return task_frame_regs(s, t->sp, ret);
}

/* ---- a task on a CPU ---- */

/* The note that the CPU left in the kernel's memory; desc has NOTE_MAX bytes. 0: none there. */
static size_t own_note(struct session *s, unsigned cpu, uint8_t *desc)
{
	uint64_t var, notes, offset;
	uint8_t head[12];

	if (!err_ok(kern_symbol(s, "crash_notes", &var)) ||
	    !err_ok(mem_u64(s->mem, KERNEL, var, &notes)) || !notes ||
	    !err_ok(kern_percpu_offset(s, cpu, &offset)) ||
	    !err_ok(mem_read(s->mem, KERNEL, notes + offset, head, sizeof(head))))
		return 0;
	uint32_t name = load_u32(head), size = load_u32(head + 4);
	if (load_u32(head + 8) != NT_PRSTATUS || name > 64 || !size || size > NOTE_MAX)
		return 0;
	uint64_t at = notes + offset + sizeof(head) + ((name + 3) & ~3u);
	return err_ok(mem_read(s->mem, KERNEL, at, desc, size)) ? size : 0;
}

/* The candidates among the dump's notes; desc NULL: there is none of this kind. */
struct notes {
	size_t n, online; /* NT_PRSTATUS notes; CPUs that could have written one */
	bool qemu;
	size_t rank; /* of the CPU among those online */
	struct dump_note by_cpu, by_rank, by_pid;
};

static void take_note(struct notes *ns, const struct dump_note *note, const struct arch *a,
		      unsigned cpu, int32_t pid)
{
	size_t i = ns->n++;

	if (i == cpu)
		ns->by_cpu = *note;
	if (i == ns->rank)
		ns->by_rank = *note;
	if (pid > 0 && note->desc_size >= a->prstatus_pid + 4 &&
	    load_u32((const uint8_t *)note->desc + a->prstatus_pid) == (uint32_t)pid)
		ns->by_pid = *note;
}

/* Which of the dump's notes is the CPU's? desc NULL: that can't be told. */
static struct dump_note file_note(struct session *s, unsigned cpu, int32_t pid, struct notes *ns)
{
	struct dump_note note;

	*ns = (struct notes){0};
	for (unsigned i = 0; i < s->ncpus; i++) {
		bool online = kern_cpu_online(s, i);
		ns->rank += online && i < cpu;
		ns->online += online;
	}
	for (size_t i = 0; dump_note(s->dump, i, &note); i++) {
		if (note.type == NT_PRSTATUS && !strcmp(note.name, "CORE"))
			take_note(ns, &note, s->arch, cpu, pid);
		ns->qemu |= !strcmp(note.name, "QEMU");
	}
	if (ns->qemu)
		return ns->by_cpu;
	if (ns->by_pid.desc)
		return ns->by_pid;
	if (ns->n == s->ncpus)
		return ns->by_cpu;
	return ns->n == ns->online ? ns->by_rank : (struct dump_note){0};
}

static struct err *active_regs(struct session *s, const struct task *t, struct regs *ret)
{
	uint8_t desc[NOTE_MAX];
	struct notes ns;

	struct dump_note note = file_note(s, t->cpu, t->pid, &ns);
	if (note.desc && ns.qemu)
		return s->arch->regs_from_prstatus(note.desc, note.desc_size, ret);
	size_t n = own_note(s, t->cpu, desc);
	if (n)
		return s->arch->regs_from_prstatus(desc, n, ret);
	if (note.desc)
		return s->arch->regs_from_prstatus(note.desc, note.desc_size, ret);
	return err_new(ERR_NOTFOUND,
		       "it ran on CPU %u when the dump was made, and that CPU saved no "
		       "registers (the dump has %zu of them for %zu CPUs)",
		       t->cpu, ns.n, ns.online);
}

struct err *task_regs(struct session *s, const struct task *t, struct regs *ret, bool *exact)
{
	memset(ret, 0, sizeof(*ret));
	*exact = t->active;
	if (!t->active)
		return sleeping_regs(s, t, ret);
	TRY(active_regs(s, t, ret));
	if (!regs_has(ret, s->arch->reg_pc) || !regs_has(ret, s->arch->reg_sp))
		return err_new(ERR_CORRUPT, "the registers saved by CPU %u lack pc or sp", t->cpu);
	return NULL;
}

/* A CPU's registers are those of what the crash interrupted. */
static void put_handlers(struct session *s, const struct task *t, const struct regs *regs,
			 struct stack *st)
{
	struct stack above;
	uint64_t pt_regs;

	if (!t->active || !task_above(s, t, regs, &above, &pt_regs))
		return;
	stack_put_above(st, &above, pt_regs);
	stack_free(&above);
}

void task_stack(struct session *s, const struct task *t, size_t max, struct stack *ret)
{
	const struct modules *modules;
	struct regs regs;
	bool exact;

	memset(ret, 0, sizeof(*ret));
	err_free(modules_load(s, NULL, &modules)); /* their code has frames too */
	struct err *e = task_regs(s, t, &regs, &exact);
	if (!e) {
		unwind(s->unwinder, &regs, exact, max, ret);
		put_handlers(s, t, &regs, ret);
		return;
	}
	if (t->faults >> TF_SP & 1 && task_search_stack(s, t, max, ret)) {
		err_free(e);
		return;
	}
	ret->ended = xstrdup(err_text(e));
	err_free(e);
}

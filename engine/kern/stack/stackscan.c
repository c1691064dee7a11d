/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A task's own stack has known bounds (task_struct.stack, THREAD_SIZE). The per-CPU stacks that an
 * interrupt or an exception runs on are between guard pages: they are read from where the walk came
 * upon them up to the first page that isn't mapped.
 */
#include "engine/kern/stack/stackscan.h"
#include "engine/kern/impl.h"
#include "engine/kern/stack/codeplace.h"
#include <string.h>

#define DEFAULT_STACK 16384 /* x86-64's THREAD_SIZE without KASAN */
#define MAX_STACK (1u << 18)
#define CHUNK 512 /* words read at once */

uint64_t task_stack_size(struct session *s)
{
	/* asked for each frame of each task; with a vmlinux that comes later, anew */
	uint64_t known = atomic_load(&s->priv->stack_size), tag = (uint64_t)(session_generation(s) + 1) << 32;
	uint64_t n = DEFAULT_STACK;
	const struct type *t;

	if (known >> 32 == tag >> 32)
		return (uint32_t)known;
	if (err_ok(type_find(s->types, "union thread_union", NULL, &t)) && type_size(t) >= 4096 &&
	    type_size(t) <= MAX_STACK && !(type_size(t) & (type_size(t) - 1)))
		n = type_size(t);
	atomic_store(&s->priv->stack_size, tag | n);
	return n;
}

static const struct stack_part *part_of(const struct stack_part *v, size_t n, uint64_t addr)
{
	for (size_t i = 0; i < n; i++)
		if (addr >= v[i].start && addr < v[i].end)
			return &v[i];
	return NULL;
}

/* Where the stack around sp ends that isn't a task's. */
static uint64_t part_end(struct session *s, uint64_t sp, uint64_t size)
{
	uint64_t page = s->arch->page_size, end = sp & ~(page - 1);

	for (uint64_t n = 0; n <= size && mem_state_at(s->mem, KERNEL, end, NULL) != MEM_UNMAPPED;
	     n += page)
		end += page;
	return end > sp ? end : sp;
}

size_t stack_parts(struct session *s, const struct task *t, const struct stack *walk, bool whole,
		   struct stack_part parts[STACK_PARTS])
{
	uint64_t size = task_stack_size(s);
	size_t n = 0;
	bool own = false;

	/* The walk of a sleeper begins above what __switch_to_asm has pushed. Where the walk never came
	 * to the task's own stack, that is the last to be looked at. */
	for (size_t i = 0; i <= walk->n && n < STACK_PARTS; i++) {
		bool last = i == walk->n, sleeper = !t->active && t->sp;
		uint64_t sp = !last && (i || !sleeper) ? walk->frames[i].sp : sleeper ? t->sp : t->stack;
		if ((!last && walk->frames[i].user) || (last && own))
			continue;
		sp = (sp + 7) & ~UINT64_C(7);
		if (!s->arch->is_kernel(mem_layout(s->mem), sp) || part_of(parts, n, sp))
			continue;
		own |= sp >= t->stack && sp - t->stack < size;
		if (sp >= t->stack && sp - t->stack < size)
			parts[n++] = (struct stack_part){whole ? t->stack : sp, t->stack + size, true};
		else
			parts[n++] = (struct stack_part){sp, part_end(s, sp, size), false};
	}
	return n;
}

struct err *stack_words(struct session *s, struct job *job, uint64_t start, uint64_t end,
			struct err *(*fn)(void *ctx, const struct stack_word *w), void *ctx)
{
	uint64_t words[CHUNK];
	uint8_t states[CHUNK];

	for (uint64_t at = start; at < end;) {
		size_t n = end - at < sizeof(words) ? (size_t)(end - at) / 8 : CHUNK;
		if (!n)
			break;
		TRY(job_tick(job, 1));
		mem_read_holes(s->mem, KERNEL, at, words, n * 8, states);
		for (size_t i = 0; i < n; i++) {
			struct stack_word w = {at + i * 8, words[i], (enum mem_state)states[i]};
			TRY(fn(ctx, &w));
		}
		at += n * 8;
	}
	return NULL;
}

bool stack_regs_at(struct session *s, uint64_t addr, struct regs *ret)
{
	const struct arch *a = s->arch;
	const struct arch_layout *l = mem_layout(s->mem);
	uint8_t image[512];

	if (a->pt_regs_size > sizeof(image) ||
	    !err_ok(mem_read(s->mem, KERNEL, addr, image, a->pt_regs_size)) ||
	    !err_ok(a->regs_from_pt_regs(image, a->pt_regs_size, ret)) || !a->regs_plausible(ret))
		return false;
	uint64_t pc = ret->v[a->reg_pc], sp = ret->v[a->reg_sp];
	if (a->regs_user(ret))
		return !a->is_kernel(l, pc) && !a->is_kernel(l, sp) && pc;
	return a->is_kernel(l, sp) && code_owner(s, pc);
}

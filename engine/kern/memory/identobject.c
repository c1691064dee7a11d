/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks, their stacks, and slab objects.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/meaning/meaning.h"
#include "engine/kern/memory/identimpl.h"
#include "engine/kern/memory/reached.h"
#include "engine/kern/memory/slab.h"
#include "engine/kern/stack/stackscan.h"

static const struct tasks *all_tasks(struct asking *a)
{
	const struct tasks *ts;

	return err_ok(tasks_load(a->s, a->ask->job, &ts)) ? ts : NULL;
}

static char *task_name(const struct task *t)
{
	AUTO_BUF struct buf comm = {0};

	buf_put_safe(&comm, t->comm, strnlen(t->comm, sizeof(t->comm)));
	return xasprintf("%d (%s)", t->pid, buf_str(&comm));
}

static const struct type *struct_type(struct asking *a, const char *name)
{
	const struct type *t;

	return err_ok(type_find(a->s->types, name, a->ask->job, &t)) ? t : NULL;
}

/* Of what is allocated for a task: a part of the type's end may be left out (its FPU state). */
static uint64_t task_size(struct asking *a, const struct type *type)
{
	uint64_t at, size = type ? type_size(type) : 1;
	uint32_t n;

	if (err_ok(kern_symbol(a->s, "arch_task_struct_size", &at)) &&
	    err_ok(mem_u32(a->s->mem, KERNEL, at, &n)) && n && n < size)
		return n;
	return size;
}

static struct err *tell_task(struct asking *a, const struct task *t, bool listed)
{
	const struct type *type = struct_type(a, "struct task_struct");
	AUTO_FREE char *name = task_name(t);
	uint64_t offset = a->va - t->addr;

	buf_printf(&a->text, "task_struct of %s", name);
	ident_offset(&a->text, offset);
	ident_member(a, type, offset);
	if (!listed)
		buf_puts(&a->text, ", which is on no list: it has ended, or not begun");
	a->final = true;
	return ident_tell(a, &(struct ident){.kind = IDENT_TASK, .name = name, .start = t->addr,
					     .size = task_size(a, type), .offset = offset, .type = type, .cpu = -1,
					     .pid = t->pid, .ref = ref_addr(REF_TASK, t->addr)});
}

static struct err *tell_stack(struct asking *a, const struct task *t, uint64_t size)
{
	AUTO_FREE char *name = task_name(t);
	uint64_t offset = a->va - t->stack;

	if (a->ask->deep)
		TRY(ident_frame(a, t));
	if (!a->more)
		return NULL;
	buf_printf(&a->text, "kernel stack of task %s, +0x%" PRIx64 " of 0x%" PRIx64, name, offset, size);
	if (t->active)
		buf_printf(&a->text, ", on CPU %u", t->cpu);
	else if (t->sp)
		buf_puts(&a->text, a->va < t->sp ? ", below its stack pointer: not in use" : ", in use");
	a->final = true;
	return ident_tell(a, &(struct ident){.kind = IDENT_STACK, .name = name, .start = t->stack,
					     .size = size, .offset = offset, .cpu = -1, .pid = t->pid,
					     .ref = ref_addr(REF_TASK, t->addr)});
}

struct err *ident_task_or_stack(struct asking *a)
{
	uint64_t size = task_stack_size(a->s);
	const struct tasks *ts = all_tasks(a);
	uint64_t of_task = task_size(a, struct_type(a, "struct task_struct"));

	for (size_t i = 0; ts && i < tasks_count(ts); i++) {
		const struct task *t = tasks_at(ts, i);
		if (a->va >= t->addr && a->va - t->addr < of_task)
			return tell_task(a, t, true);
	}
	const struct task *t = ts ? task_by_stack(ts, a->va, size) : NULL;
	return t ? tell_stack(a, t, size) : NULL;
}

/* A task_struct that is allocated but on no list: dead, or about to be born. */
static bool unlisted_task(struct asking *a, const struct slab_place *p, struct task *ret)
{
	struct kern_member pid = {.names = "pid"}, comm = {.names = "comm"};
	uint64_t cache, v;

	*ret = (struct task){.addr = p->object};
	if (!err_ok(kern_symbol(a->s, "task_struct_cachep", &cache)) ||
	    !err_ok(mem_u64(a->s->mem, KERNEL, cache, &cache)) || cache != p->kmem_cache ||
	    strcmp(p->cache, "task_struct") || !kern_members(a->s, "struct task_struct", &pid, 1) ||
	    !kern_members(a->s, "struct task_struct", &comm, 1) || !err_ok(kern_read(a->s, p->object, &pid, &v)))
		return false;
	ret->pid = (int32_t)v;
	return err_ok(mem_str(a->s->mem, KERNEL, kern_at(p->object, &comm), ret->comm, sizeof(ret->comm)));
}

/* The task that a slab object is, if it is one. */
static struct err *tell_if_task(struct asking *a, const struct slab_place *p)
{
	const struct tasks *ts = all_tasks(a);
	const struct task *t = ts ? task_by_addr(ts, p->object) : NULL;
	struct task unlisted;

	if (t)
		return tell_task(a, t, true);
	return unlisted_task(a, p, &unlisted) ? tell_task(a, &unlisted, false) : NULL;
}

/* What the object at hand is. */
struct slab_kind {
	const struct type *type; /* NULL: not known */
	const char *name;	 /* in a ref; interned */
	const char *by;		 /* what led to it, where its cache doesn't say what it is; NULL: that does */
};

static void find_kind(struct asking *a, const struct slab_place *p, const struct slab_state *st, struct slab_kind *ret)
{
	struct reached_object o;
	char name[80];

	*ret = (struct slab_kind){.type = slab_type(a->s, p, a->ask->job, name)};
	if (!ret->type && p->object && st->use != SLAB_FREE &&
	    reached_at(a->s, p->object, a->ask->deep || a->ask->line, a->ask->job, &o)) {
		snprintf(name, sizeof(name), "struct %s", type_name(o.type));
		ret->type = o.type;
		ret->by = strcmp(type_name(o.type), p->cache) ? o.by : NULL;
	}
	ret->name = ret->type ? intern_str(a->s->intern, name) : NULL;
}

static void describe_offset(struct asking *a, const struct slab_place *p)
{
	if (a->va >= p->object)
		ident_offset(&a->text, a->va - p->object);
	else
		buf_printf(&a->text, "-0x%" PRIx64, p->object - a->va);
}

/* "super_block+0x28 (ext4 "loop0" on /boot) in kmalloc-2k": what, which, and where. */
static void describe_name(struct asking *a, const struct slab_place *p, const struct slab_state *st,
			  const struct slab_kind *k)
{
	AUTO_BUF struct buf which = {0};
	const char *name = k->by ? type_name(k->type) : p->cache;

	buf_put_safe(&a->text, name, strlen(name));
	if (p->object)
		describe_offset(a, p);
	if (k->type && st->use != SLAB_FREE &&
	    meaning_of_object(a->s, k->type, p->object, &which))
		buf_printf(&a->text, " (%s)", buf_str(&which));
	if (!k->by)
		return;
	buf_puts(&a->text, " in ");
	buf_put_safe(&a->text, p->cache, strlen(p->cache));
}

static void describe_state(struct asking *a, const struct slab_place *p, const struct slab_state *st)
{
	struct buf *out = &a->text;

	if (!p->object) {
		buf_puts(out, p->outside ? ", behind the last object of its slab" : "");
		return;
	}
	if (st->use == SLAB_UNKNOWN)
		buf_printf(out, ", allocated or free isn't known: %s", st->why);
	else
		buf_printf(out, ", %s%s%s%s", st->use == SLAB_FREE ? "free" : "allocated",
			   st->where[0] ? " (" : "", st->where, st->where[0] ? ")" : "");
	if (p->outside)
		buf_puts(out, a->va < p->object ? ", in the red zone before the object"
						: ", behind the object: red zone, padding or tracking");
}

static void describe_slab(struct asking *a, const struct slab_place *p)
{
	if (p->kfence)
		buf_printf(&a->text, ", a kfence object of %" PRIu64 " bytes", p->object_size);
	else if (p->object && p->objects)
		buf_printf(&a->text, ", object %u of %u in the slab at 0x%" PRIx64 ", %" PRIu64 " bytes",
			   p->index, p->objects, p->start, p->object_size);
}

struct err *ident_slab(struct asking *a)
{
	struct slab_place p;
	struct slab_state st = {0};
	struct slab_kind k;

	if (!slab_at(a->s, a->va, &p))
		return NULL;
	if (p.object)
		slab_state_of(a->s, &p, &st);
	if (p.object && !p.outside && st.use != SLAB_FREE)
		TRY(tell_if_task(a, &p));
	a->final = true;
	if (!a->more)
		return NULL;
	find_kind(a, &p, &st, &k);
	describe_name(a, &p, &st, &k);
	describe_state(a, &p, &st);
	if (k.type && a->va >= p.object)
		ident_member(a, k.type, a->va - p.object);
	if (a->ask->deep)
		describe_slab(a, &p);
	if (k.by && a->ask->deep)
		buf_printf(&a->text, ", known by %s", k.by);
	struct ref ref = k.type ? ref_object(k.name, p.object) : ref_addr(REF_MEM, p.object ? p.object : a->va);
	static const char *const states[] = {
		[SLAB_UNKNOWN] = "unknown", [SLAB_ALLOCATED] = "allocated", [SLAB_FREE] = "free",
	};
	return ident_tell(a, &(struct ident){.kind = IDENT_SLAB, .name = p.cache, .start = p.object,
					     .size = p.object_size, .offset = p.object ? a->va - p.object : 0,
					     .state = states[st.use], .type = k.type, .cpu = -1, .pid = -1,
					     .ref = ref});
}

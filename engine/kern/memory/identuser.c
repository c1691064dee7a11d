/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An address of a task's user space: the mapping that it lies in, and the page behind it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/kern/memory/identimpl.h"
#include "engine/kern/memory/userspace.h"
#include "engine/kern/memory/vmas.h"

static struct err *tell_page(struct asking *a, const struct task *t)
{
	struct space space;
	uint64_t pa;

	if (!err_ok(user_space_of(a->s, t, &space)))
		return NULL;
	enum mem_state state = mem_state_at(a->s->mem, space, a->va, &pa);
	struct ident id = {.kind = IDENT_PAGE, .name = "", .start = pa & ~UINT64_C(4095), .size = 4096,
			   .offset = pa & 4095, .state = mem_state_name(state), .cpu = -1, .pid = t->pid};
	if (state == MEM_UNMAPPED) {
		buf_puts(&a->text, "no page: never touched, swapped out, or its tables are not in the dump");
		id.start = id.size = id.offset = 0;
		return ident_tell(a, &id);
	}
	struct ident_ask ask = {.addr = pa, .phys = true, .job = a->ask->job};
	struct asking page = {.s = a->s, .ask = &ask, .va = pa, .fn = a->fn, .ctx = a->ctx, .more = true};
	struct err *e = ident_page(&page);
	buf_free(&page.text);
	return e;
}

struct err *ident_user(struct asking *a)
{
	const struct task *t = a->ask->task;
	struct vma v;
	char rights[5];

	if (!t || a->va >> 63)
		return NULL;
	if (!t->mm || !vma_at(a->s, t->mm, a->va, &v)) {
		if (t->mm)
			buf_printf(&a->text, "nothing is mapped there in task %d", t->pid);
		else
			buf_printf(&a->text, "task %d is a kernel thread: it has no user space", t->pid);
		return ident_tell(a, &(struct ident){.kind = IDENT_USER, .start = a->va, .cpu = -1, .pid = t->pid});
	}
	const char *name = v.name[0] ? v.name : "anonymous memory";
	buf_put_safe(&a->text, name, strlen(name));
	vma_permissions(v.flags, rights);
	buf_printf(&a->text, "+0x%" PRIx64 " of task %d, %s 0x%" PRIx64 "-0x%" PRIx64, a->va - v.start + v.offset,
		   t->pid, rights, v.start, v.end);
	struct ref ref = ref_object(intern_str(a->s->intern, "struct vm_area_struct"), v.addr);
	struct err *e = ident_tell(a, &(struct ident){.kind = IDENT_USER, .name = name, .start = v.start,
						      .size = v.end - v.start, .offset = a->va - v.start,
						      .cpu = -1, .pid = t->pid, .ref = ref});
	free(v.name);
	return e || !a->more ? e : tell_page(a, t);
}

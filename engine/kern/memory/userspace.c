/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/kern/memory/userspace.h"
#include "engine/kern/impl.h"

struct err *user_space_of(struct session *s, const struct task *t, struct space *ret)
{
	struct kern_member pgd = {.names = "pgd"};
	uint64_t top, pa;

	if (!t->mm)
		return err_new(ERR_NOTFOUND, "task %d is a kernel thread: it has no user space", t->pid);
	kern_members(s, "struct mm_struct", &pgd, 1);
	TRY(kern_read(s, t->mm, &pgd, &top));
	enum mem_state state = mem_state_at(s->mem, KERNEL, top, &pa);
	if (state == MEM_UNMAPPED)
		return err_new(ERR_CORRUPT, "the page tables of task %d are said to be at 0x%llx, where nothing is",
			       t->pid, (unsigned long long)top);
	*ret = (struct space){SPACE_USER, pa};
	return NULL;
}

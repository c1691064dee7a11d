/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mapping of user space at an address. Since 6.1 a maple tree keeps the mappings by their addresses, so
 * that one descent finds it. Before, a list in order of addresses.
 */
#include "engine/kern/memory/userspace.h"
#include "engine/base/alloc.h"
#include "engine/kern/container/container.h"
#include "engine/kern/fs/path.h"
#include "engine/kern/impl.h"
#include <string.h>

#define MAX_VMAS (1u << 20)

enum { V_START, V_END, V_FLAGS, V_FILE, V_PGOFF, V_NEXT, V_MEMBERS };
static const struct kern_member vma_members[V_MEMBERS] = {
	[V_START] = {.names = "vm_start"},
	[V_END] = {.names = "vm_end"},
	[V_FLAGS] = {.names = "vm_flags"},
	[V_FILE] = {.names = "vm_file"},
	[V_PGOFF] = {.names = "vm_pgoff"},
	[V_NEXT] = {.names = "vm_next"},
};

static struct err *member_of(struct session *s, const char *type, const char *names, uint64_t obj,
			     uint64_t *ret)
{
	struct kern_member m = {.names = names};

	kern_members(s, type, &m, 1);
	return kern_read(s, obj, &m, ret);
}

struct err *user_space_of(struct session *s, const struct task *t, struct space *ret)
{
	uint64_t pgd, pa;

	if (!t->mm)
		return err_new(ERR_NOTFOUND, "task %d is a kernel thread: it has no user space", t->pid);
	TRY(member_of(s, "struct mm_struct", "pgd", t->mm, &pgd));
	enum mem_state state = mem_state_at(s->mem, KERNEL, pgd, &pa);
	if (state == MEM_UNMAPPED)
		return err_new(ERR_CORRUPT, "the page tables of task %d are said to be at 0x%llx, where nothing is",
			       t->pid, (unsigned long long)pgd);
	*ret = (struct space){SPACE_USER, pa};
	return NULL;
}

/* ---- mappings ---- */

static bool read_vma(struct session *s, const struct kern_member m[V_MEMBERS], uint64_t vma,
		     struct vma_place *ret)
{
	uint64_t pgoff = 0;

	*ret = (struct vma_place){.vma = vma};
	if (!err_ok(kern_read(s, vma, &m[V_START], &ret->start)) || !err_ok(kern_read(s, vma, &m[V_END], &ret->end)))
		return false;
	if (!err_ok(kern_read(s, vma, &m[V_FLAGS], &ret->flags)))
		ret->flags = 0;
	if (!err_ok(kern_read(s, vma, &m[V_FILE], &ret->file)) || !kern_pointer(s, ret->file))
		ret->file = 0;
	err_free(kern_read(s, vma, &m[V_PGOFF], &pgoff));
	ret->offset = pgoff * s->arch->page_size;
	return true;
}

/* Up to 6.0: mm->mmap and vm_next, in order of addresses. */
static bool list_lookup(struct session *s, const struct kern_member m[V_MEMBERS], uint64_t mm, uint64_t va,
			struct vma_place *ret)
{
	uint64_t vma;

	if (!err_ok(member_of(s, "struct mm_struct", "mmap", mm, &vma)))
		return false;
	for (unsigned n = 0; vma && n < MAX_VMAS && read_vma(s, m, vma, ret) && ret->start <= va; n++) {
		if (va < ret->end)
			return true;
		if (!err_ok(kern_read(s, vma, &m[V_NEXT], &vma)))
			return false;
	}
	return false;
}

bool vma_at(struct session *s, const struct task *t, uint64_t va, struct vma_place *ret)
{
	struct kern_member m[V_MEMBERS], tree = {.names = "mm_mt"};
	uint64_t vma;
	bool found;

	if (!t->mm)
		return false;
	memcpy(m, vma_members, sizeof(m));
	kern_members(s, "struct vm_area_struct", m, V_MEMBERS);
	if (kern_members(s, "struct mm_struct", &tree, 1))
		found = maple_at(s, kern_at(t->mm, &tree), va, &vma) && read_vma(s, m, vma, ret) &&
			va >= ret->start && va < ret->end;
	else
		found = list_lookup(s, m, t->mm, va, ret);
	if (found && ret->file) {
		struct path_reader r;
		path_reader_init(&r, s);
		ret->path = path_of_file(&r, ret->file);
	}
	return found;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mapping of user space at an address. Since 6.1 a maple tree keeps the mappings by their addresses: one
 * descent finds it, at most as deep as a tree of 2^64 could be. Before, a list in order of addresses.
 */
#include "engine/kern/memory/userspace.h"
#include "engine/base/alloc.h"
#include "engine/kern/fs/path.h"
#include "engine/kern/impl.h"
#include <string.h>

#define MAX_DEPTH 24
#define MAX_SLOTS 64
#define MAX_VMAS (1u << 20)
#define NODE_MASK UINT64_C(0xff) /* of a node's pointer: its type and flags */
#define IS_ROOT_NODE(p) (((p) & 3) == 2 && (p) > 4096)

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

/* ---- the maple tree ---- */

/* The layouts of nodes, by enum maple_type. */
struct layout {
	struct kern_member pivot, slot;
	uint64_t pivots, slots;
};

static bool find_layout(struct session *s, const char *type, struct layout *l)
{
	*l = (struct layout){.pivot = {.names = "pivot"}, .slot = {.names = "slot"}};
	return kern_members(s, type, &l->pivot, 1) && kern_members(s, type, &l->slot, 1) &&
	       type_array_count(type_strip(l->pivot.place.type), &l->pivots) &&
	       type_array_count(type_strip(l->slot.place.type), &l->slots) && l->slots <= MAX_SLOTS &&
	       l->pivots < l->slots;
}

/* The slot of a node for this index: the first whose pivot isn't below it. A pivot of 0 behind the first
 * ends the node: the slot there is the last. */
static bool slot_for(struct session *s, const struct layout *l, uint64_t node, uint64_t index, uint64_t *ret)
{
	uint64_t pivots[MAX_SLOTS], i = 0;

	if (!err_ok(mem_read(s->mem, KERNEL, kern_at(node, &l->pivot), pivots, l->pivots * 8)))
		return false;
	while (i < l->pivots && pivots[i] < index && (pivots[i] || !i))
		i++;
	return err_ok(mem_u64(s->mem, KERNEL, kern_at(node, &l->slot) + i * 8, ret));
}

static bool maple_lookup(struct session *s, uint64_t tree, uint64_t index, uint64_t *ret)
{
	struct layout range, arange;
	uint64_t p;

	if (!find_layout(s, "struct maple_range_64", &range) || !find_layout(s, "struct maple_arange_64", &arange) ||
	    !err_ok(member_of(s, "struct maple_tree", "ma_root", tree, &p)))
		return false;
	if (!IS_ROOT_NODE(p)) /* nothing, or one mapping of everything */
		return false;
	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		unsigned type = p >> 3 & 15; /* enum maple_type: dense, leaf, range, arange */
		if (!type || type > 3 || !kern_pointer(s, p & ~NODE_MASK) ||
		    !slot_for(s, type == 3 ? &arange : &range, p & ~NODE_MASK, index, ret))
			return false;
		if (type == 1)
			return kern_pointer(s, *ret);
		p = *ret;
	}
	return false;
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
		found = maple_lookup(s, kern_at(t->mm, &tree), va, &vma) && read_vma(s, m, vma, ret) &&
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A process' memory: its mm_struct, and the areas (VMAs) that it is mapped by.
 *
 * Thread: any.
 * Sources: Linux' include/linux/mm_types.h (mm_mt since 6.1; before, the list of mmap and vm_next, and
 * the tree mm_rb), mm/util.c and fs/proc/task_mmu.c (names of special areas).
 */
#ifndef KERN_VMAS_H
#define KERN_VMAS_H

#include "engine/kern/container/container.h"

/* What of the mm can't be read, or this kernel hasn't, is UINT64_MAX. */
struct mm_info {
	uint64_t mm, pgd;
	uint64_t pages, rss; /* of 4 KiB: mapped, and in memory */
	uint64_t areas;	     /* as the kernel counts them */
	struct space space;  /* its addresses; kind SPACE_KERNEL: can't be had */
};

struct vma {
	uint64_t addr; /* struct vm_area_struct */
	uint64_t start, end, flags;
	uint64_t offset; /* in the file, in bytes */
	uint64_t file;	 /* struct file; 0: none */
	bool fault;	 /* not all of it could be read */
	char *name;	 /* path, "[heap]", "[stack]", "[vdso]"; "": none */
};

void mm_read(struct session *s, uint64_t mm, struct mm_info *ret);

/* Gives each area in order of its address, or damage (v NULL); its name is borrowed for the call. After damage in
 * the old list the rest comes out of the tree. Errors: as container_walk()'s. */
struct err *vmas_each(struct session *s, uint64_t mm, struct job *job,
		      struct err *(*fn)(void *ctx, const struct element *e, const struct vma *v),
		      void *ctx, struct container_end *end);

/* The area that va lies in; ret->name is the caller's to free. false: there is none, or it can't be told. */
bool vma_at(struct session *s, uint64_t mm, uint64_t va, struct vma *ret);

/* "r-xp", as /proc/PID/maps has it. */
void vma_permissions(uint64_t flags, char out[5]);

#endif

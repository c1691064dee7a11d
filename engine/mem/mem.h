/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Address spaces over a dump: physical, the kernel's virtual one, and a task's user space. Reads
 * give bytes and, where there are none, the reason: never a silent zero.
 *
 * Translation tries the page tables (cached), and the linear maps where those can't be read, so
 * that a dump without its page-table pages still shows the direct map and the kernel image.
 *
 * Thread: any, after mem_create(); the translation cache is internally locked.
 */
#ifndef MEM_MEM_H
#define MEM_MEM_H

#include <stddef.h>
#include <stdint.h>
#include "arch/arch.h"
#include "engine/base/err.h"
#include "engine/base/memstate.h"
#include "engine/dump/dump.h"

struct mem;

enum space_kind { SPACE_KERNEL, SPACE_PHYS, SPACE_USER };

/* Which address space. A small value; SPACE_USER carries the physical address of the top page table
 * (mm_struct.pgd as physical address). */
struct space {
	enum space_kind kind;
	uint64_t pgd_pa;
};
#define KERNEL ((struct space){SPACE_KERNEL, 0})
#define PHYS ((struct space){SPACE_PHYS, 0})

/* d, a: borrowed, must outlive the mem. symbol: link-time addresses of vmlinux' symbols for KASLR
 * detection without vmcoreinfo; may be NULL. Always succeeds: see mem_layout()->exact. */
struct mem *mem_create(struct dump *d, const struct arch *a,
		       bool (*symbol)(void *ctx, const char *name, uint64_t *ret), void *ctx);
void mem_destroy(struct mem *m);

/* A process' top page table, whose upper half leads to the same tables as the kernel's own: used from now on
 * for kernel addresses where the own ones can't be read. false: it isn't one. Thread: any. */
bool mem_other_tables(struct mem *m, uint64_t pgd_pa);

struct dump *mem_dump(const struct mem *m);
const struct arch *mem_arch(const struct mem *m);
const struct arch_layout *mem_layout(const struct mem *m);

/* All n bytes, or ERR_FAULT at the first byte that can't be read. */
struct err *mem_read(struct mem *m, struct space s, uint64_t va, void *buf, size_t n);
/* As much as there is from the start: the number of bytes; *why (may be NULL) when less than n. */
size_t mem_read_some(struct mem *m, struct space s, uint64_t va, void *buf, size_t n,
		     enum mem_state *why);
/* n bytes whatever can be read: unreadable ones are 0 in buf, and states[i] (one an 8-byte word of
 * va, n/8 rounded up) tells which. Returns how many words are readable. */
size_t mem_read_holes(struct mem *m, struct space s, uint64_t va, void *buf, size_t n,
		      uint8_t *states);

struct err *mem_u8(struct mem *m, struct space s, uint64_t va, uint8_t *ret);
struct err *mem_u32(struct mem *m, struct space s, uint64_t va, uint32_t *ret);
struct err *mem_u64(struct mem *m, struct space s, uint64_t va, uint64_t *ret);
/* A NUL-terminated string, cut at cap - 1 bytes; buf always ends in NUL. An error only when not
 * even the first byte can be read. */
struct err *mem_str(struct mem *m, struct space s, uint64_t va, char *buf, size_t cap);

/* The state of the byte at va, and its physical address (pa may be NULL). */
enum mem_state mem_state_at(struct mem *m, struct space s, uint64_t va, uint64_t *pa);
/* Translation with all levels; the levels seen are filled even when it fails. */
struct err *mem_vtop(struct mem *m, struct space s, uint64_t va, struct arch_xlat *ret);
/* The first piece at or after *va, up to and with `last`, that page tables map: *va moves to it, and *left bytes from
 * there on lie at *pa. false: there is none, or the job was cancelled. */
bool mem_next_mapping(struct mem *m, struct space s, uint64_t *va, uint64_t last, struct job *job, uint64_t *pa,
		      uint64_t *left);
/* The lowest kernel address by its form; user addresses go up to one less than its two's complement. */
uint64_t mem_kernel_start(const struct mem *m);
/* Where physical address pa lies in the direct map; false when there is no direct map known. */
bool mem_phys_to_direct(const struct mem *m, uint64_t pa, uint64_t *va);

#endif

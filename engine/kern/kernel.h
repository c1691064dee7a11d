/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The kernel that a session's symbols and types are of. Thread: the one that opens the session.
 */
#ifndef KERN_KERNEL_H
#define KERN_KERNEL_H

#include "engine/kern/impl.h"

/* Opens the vmlinux that was given, or none (NULL). */
void kernel_open(struct session *s, const char *path, struct job *job);
/* A vmlinux for another machine has nothing to say about this dump. */
void kernel_check_machine(struct session *s);
/* When memory can be read: decides which kernel is used, and makes everything of it. s->vmlinux is
 * never NULL after. */
void kernel_use(struct session *s, struct job *job);
/* How to get debug info for the dump's kernel, one sentence. Any thread. */
void kernel_debug_hint(struct session *s, struct buf *out);
/* uname's word for an ELF machine, as far as Linux writes dumps on it; NULL: none known. */
const char *kernel_machine_name(uint16_t e_machine);

#endif

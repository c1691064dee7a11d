/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Which system call a task came into the kernel with.
 *
 * Thread: any.
 * Sources: Linux' arch/x86/entry/syscall_64.c, include/linux/syscalls.h.
 */
#ifndef KERN_SYSCALL_H
#define KERN_SYSCALL_H

#include "engine/kern/session.h"

/* Puts out "openat", or "number 1234" where the kernel's table doesn't name it. user: the frame with user space's
 * registers; entry: the one above it. false: it came in by something else, or it isn't known. */
bool syscall_name(struct session *s, const struct frame *entry, const struct frame *user, struct buf *out);

#endif

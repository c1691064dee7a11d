/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What has tainted the kernel: the bits of tainted_mask, and of a module's taints.
 *
 * Thread: any.
 * Sources: Linux' Documentation/admin-guide/tainted-kernels.rst, include/linux/panic.h, kernel/panic.c.
 */
#ifndef KERN_TAINT_H
#define KERN_TAINT_H

#include "engine/kern/session.h"

#define TAINT_OOT_MODULE 12

/* "OE", as the kernel's own messages have them; a bit that isn't known is its number: "(23)". */
void taint_letters(uint64_t mask, struct buf *out);
/* "O module from outside of the kernel's tree, E unsigned module". */
void taint_text(uint64_t mask, struct buf *out);
/* The kernel's. */
struct err *taint_of_kernel(struct session *s, uint64_t *ret);

#endif

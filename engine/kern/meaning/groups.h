/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Words of flags by the names of their bits, as this kernel has them.
 * Thread: any.
 */
#ifndef KERN_MEANING_GROUPS_H
#define KERN_MEANING_GROUPS_H

#include "engine/kern/meaning/table.h"
#include "engine/kern/session.h"

/* "PF_KTHREAD|PF_NOFREEZE|0x40": bits without a name are told in hexadecimal. Of `values`: the name;
 * nothing when it has none. Nothing for 0, unless 0 has a name. */
void meaning_group_put(struct session *s, struct meaning_table *t, struct meaning_group *g,
		       uint64_t value, struct buf *out);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the kernel carries about itself in the dump's memory, for when there is no vmlinux or it
 * lacks something: symbols (kallsyms) and types (BTF). ORC is found by the unwinder through these
 * symbols. Thread: the one that opens the session.
 */
#ifndef KERN_MEMKERNEL_H
#define KERN_MEMKERNEL_H

#include "engine/kern/impl.h"
#include "engine/sym/kallsyms.h"

/* Variables and functions that vmcoreinfo tells the addresses of, under the names of kallsyms; how many. */
size_t memkernel_anchors(struct session *s, struct kallsyms_anchor v[KALLSYMS_ANCHORS]);
/* Adds the kernel's own symbols as those of s->vmlinux. */
struct err *memkernel_add_symbols(struct session *s, struct job *job);
/* Gives s->vmlinux the BTF that lies in memory as its section ".BTF". ERR_NOTFOUND: this kernel
 * carries none. */
struct err *memkernel_add_btf(struct session *s, struct job *job);
/* Frees it, when nothing of it is being read any more; m may be NULL. */
void membtf_done(struct membtf *m);
/* What reads these in the background; made when it is first asked for. */
struct bulk *memkernel_bulk(struct session *s);

#endif

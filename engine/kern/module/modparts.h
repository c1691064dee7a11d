/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The parts that a module leaves in memory, added to its object and to the session: symbols, ORC,
 * BTF. What can't be had goes into module.problem. Thread: the one that loads the modules.
 */
#ifndef KERN_MODPARTS_H
#define KERN_MODPARTS_H

#include "engine/kern/impl.h"
#include "engine/kern/module/modules.h"

enum { MP_KALLSYMS, MP_NUM_ORCS, MP_ORC_IP, MP_ORC, MP_PERCPU, MP_PERCPU_SIZE, MP_MEMBERS };
enum { KS_SYMTAB, KS_NUM, KS_STRTAB, KS_TYPETAB, KS_MEMBERS };

struct mod_parts {
	struct session *s;
	struct job *job;
	struct kern_member m[MP_MEMBERS], ks[KS_MEMBERS];
};

void mod_parts_init(struct mod_parts *p, struct session *s, struct job *job);
void mod_add_symbols(struct mod_parts *p, struct module *mod);
void mod_add_orc(struct mod_parts *p, struct module *mod);
/* The BTF of all of them, by the kernel's own list. Only a cancel is an error. */
struct err *mod_add_types(struct mod_parts *p, struct module *v, size_t n);

#endif

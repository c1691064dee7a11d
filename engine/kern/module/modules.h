/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Loaded modules, out of the dump's memory: name, place, symbols (mod_kallsyms), ORC. Loading adds
 * each as an object to symbols, types (split BTF) and unwinder.
 *
 * Thread: any; loaded once.
 * Source: Linux' include/linux/module.h (core_layout before 6.4, mem[] since),
 * kernel/module/kallsyms.c.
 */
#ifndef KERN_MODULES_H
#define KERN_MODULES_H

#include "engine/kern/session.h"

struct module {
	uint64_t addr; /* struct module */
	char name[64];
	uint64_t base, size; /* core text; size: all core sections, as lsmod shows it */
	uint32_t state;	     /* MODULE_STATE_ */
	uint64_t taints;
	int64_t refs; /* users, as lsmod; -1: not known */
	size_t nsyms;
	struct object *object;
	char problem[80]; /* what couldn't be read; "" */
};

/* Loads once. An empty list is no error. */
struct err *modules_load(struct session *s, struct job *job, const struct modules **ret);
size_t modules_count(const struct modules *m);
const struct module *modules_at(const struct modules *m, size_t i);
/* type_find() for a name that a person gave: when nobody has it, the debug files of modules whose types
 * aren't known yet are looked for, too. */
struct err *module_type_find(struct session *s, const char *name, struct job *job,
			     const struct type **ret);
/* Why a module's code has no lines and variables, and what to do about it, one line; appended to out. o: the
 * object of a frame. false: there is debug info, or o isn't a module's. */
bool module_debug_missing(struct session *s, struct object *o, struct buf *out);
const char *modules_problem(const struct modules *m); /* the list's own damage; NULL: none */

#endif

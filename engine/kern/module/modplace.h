/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Which part of which module an address lies in. Thread: any.
 * Source: Linux' include/linux/module.h (struct module_layout up to 6.3, enum mod_mem_type since).
 */
#ifndef KERN_MODPLACE_H
#define KERN_MODPLACE_H

#include "engine/kern/module/modules.h"

struct module_place {
	uint64_t addr;	  /* struct module */
	const char *name; /* lives as long as the session */
	char part[32];	  /* "text", "ro after init" ... */
	uint64_t start, size; /* of the part */
};

/* false: no module is there, or the modules can't be read. */
bool module_place_at(struct session *s, uint64_t va, struct job *job, struct module_place *ret);

#endif

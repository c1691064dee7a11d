/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Modules' debug files (.ko, .ko.debug, compressed or not): found by build-id or name when debug
 * info of a module is first asked for, checked to be of the very build that was loaded, and placed
 * where the dump has the module's sections.
 *
 * Thread: looking is done on whichever thread asks first (engine/object's finder); the rest while
 * modules are loaded.
 *
 * Sources: Linux' kernel/module/sysfs.c (sect_attrs, notes_attrs), include/linux/module.h.
 */
#ifndef KERN_MODDEBUG_H
#define KERN_MODDEBUG_H

#include "engine/kern/module/modules.h"

struct mod_debug;

struct mod_debug *mod_debug_create(struct session *s);
/* The modules' objects are closed by then, and the session's types are gone. */
void mod_debug_destroy(struct mod_debug *d);
/* From now on, the module's file is looked for when it is needed. mod is read, not kept. */
void mod_debug_add(struct mod_debug *d, const struct module *mod);
/* When a module's object has no debug info: why, and how to get it, for a person. false: it has some, or is
 * no module's. Looks for the file if nobody has. */
bool mod_debug_missing(struct mod_debug *d, struct object *o, struct buf *out);

#endif

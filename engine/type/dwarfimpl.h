/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What the files that read DWARF's types share.
 *
 * Thread: any; DIEs under object_lock().
 */
#ifndef TYPE_DWARFIMPL_H
#define TYPE_DWARFIMPL_H

#include "engine/type/impl.h"

/* The DIE's own name, interned; "" without one that may be shown. */
const char *dwarf_die_name(const struct types *ts, Dwarf_Die *die);
bool dwarf_die_flag(Dwarf_Die *die, unsigned attr);
/* provider_ops.target and .body; they take the lock themselves. */
const struct type *dwarf_target(const struct type *t);
const struct body *dwarf_body(const struct type *t);

#endif

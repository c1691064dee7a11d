/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Names of source files as kernel people write them: relative to the top of the tree.
 * Thread: any.
 */
#ifndef SYM_SRCPATH_H
#define SYM_SRCPATH_H

#include "engine/base/buf.h"

/* path: out of DWARF, absolute or relative to comp_dir (DW_AT_comp_dir; "" when not known). Out
 * comes "fs/namespace.c", without "." and ".."; a file that isn't of the tree keeps its path. */
void source_path(const char *path, const char *comp_dir, struct buf *out);

#endif

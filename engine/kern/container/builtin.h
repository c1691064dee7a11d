/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * The built-in table of what containers hold, in known.h's lines.
 * Thread: any.
 */
#ifndef KERN_BUILTIN_H
#define KERN_BUILTIN_H

extern const char *const holdings_builtin[]; /* NULL at the end */

#endif

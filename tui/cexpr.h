/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Where one is, as a C expression that `p` takes: ((struct vfsmount *)0x...)->mnt_sb->s_flags.
 *
 * Thread: ui.
 */
#ifndef TUI_CEXPR_H
#define TUI_CEXPR_H

#include "tui/view.h"

/* The expression of the row's value, or of its object. False: it has none. */
bool cexpr_of_row(const struct view *v, size_t row, struct buf *out);
/* The expression of a pointer to the object that the row's link leads to, for that view's `path`; the
 * caller's. NULL: it begins anew there. */
char *cexpr_follow(const struct view *v, size_t row, const struct ref *to);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Where a user's files go (XDG Base Directory Specification 0.8). Thread: any.
 */
#ifndef BASE_XDG_H
#define BASE_XDG_H

#include "engine/base/err.h"

enum xdg_dir { XDG_CONFIG, XDG_STATE, XDG_CACHE };

/* "<dir>/vmbrowse/<name>"; name "" gives the folder itself. Returned string is the caller's; NULL when
 * there is neither the XDG variable nor HOME. Nothing is created. */
char *xdg_path(enum xdg_dir dir, const char *name);
/* The same, with all folders above the file made (mode 0700). */
struct err *xdg_path_make(enum xdg_dir dir, const char *name, char **ret);

#endif

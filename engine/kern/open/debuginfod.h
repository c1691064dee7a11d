/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Debug info from the debuginfod servers that $DEBUGINFOD_URLS names, by build-id. Only when the user
 * asks: it tells somebody else's machine which kernel is looked at, and it can be 800 MB.
 *
 * elfutils' libdebuginfod does the work (and keeps what it got in its own cache folder); it is loaded when first
 * needed, so that the program builds and runs without it.
 *
 * Thread: any.
 * Source: elfutils' debuginfod.h, debuginfod_find_debuginfo(3).
 */
#ifndef KERN_DEBUGINFOD_H
#define KERN_DEBUGINFOD_H

#include <stddef.h>
#include <stdint.h>
#include "engine/base/err.h"
#include "engine/job/job.h"

/* Are there servers to be asked? */
bool debuginfod_configured(void);
/* *path: the file in the library's cache, the caller's. ERR_UNSUPPORTED: there is no libdebuginfod;
 * ERR_USAGE: no server is named; ERR_NOTFOUND: they don't have it; ERR_OS: they can't be reached. */
struct err *debuginfod_fetch(const uint8_t *id, size_t n, struct job *job, char **path);

#endif

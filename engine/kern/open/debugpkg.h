/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Where the debug info of a kernel is to be had: the name of the package that the distribution puts
 * it in, recognised by what the kernel calls itself, and the places where such packages (and people)
 * put vmlinux. Everything comes out of a dump: nothing in it may become a path or a command that
 * wasn't meant. Thread: any.
 *
 * Sources: the distributions' own pages: wiki.debian.org/HowToGetABacktrace,
 * ubuntu.com/server/docs/debug-symbol-packages, docs.fedoraproject.org (debuginfo-install),
 * en.opensuse.org/openSUSE:Bugreport_kernel.
 */
#ifndef KERN_DEBUGPKG_H
#define KERN_DEBUGPKG_H

#include "engine/base/buf.h"
#include "engine/kern/session.h"

/* How to get debug info for the kernel of this release (uname -r) and version (uname -v, or the
 * banner), one sentence. Both may be "". */
void debug_package(const char *release, const char *version, struct buf *out);

/* The i-th place where a vmlinux of this release or build-id (n bytes, may be none) may lie, in dir
 * or, for NULL, in the system's own places. false: no more. */
bool debug_place(size_t i, const char *dir, const char *release, const uint8_t *id, size_t n,
		 struct buf *out);

#endif

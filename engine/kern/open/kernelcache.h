/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What was read of a kernel's own symbols and types, kept in the user's cache folder by build-id and
 * release: the next dump of that kernel needn't unpack and expand them again, and one that has lost
 * these pages has them all the same. Thread: the one that opens or closes the session.
 */
#ifndef KERN_KERNELCACHE_H
#define KERN_KERNELCACHE_H

#include "engine/kern/impl.h"

/* Symbols and BTF of s->vmlinux from the cache, if there are some that this dump doesn't contradict. */
bool kernelcache_load(struct session *s);
/* Keeps what memkernel.c has read, if it is whole. */
void kernelcache_save(struct session *s);
void kernelcache_done(struct session *s);

#endif

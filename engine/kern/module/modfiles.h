/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Where files of modules may lie: by build-id, and by name in the folders of the dump's kernel
 * release, which are read once.
 *
 * Thread: any (internally locked).
 */
#ifndef KERN_MODFILES_H
#define KERN_MODFILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mod_files;

/* debug_dirs: the user's own places, NULL-terminated, may be NULL; borrowed. release: of the dump's
 * kernel; "": not known, then only the user's own places are looked in. */
struct mod_files *mod_files_create(const char *const *debug_dirs, const char *release);
void mod_files_destroy(struct mod_files *f);

/* Tries the files that may be the module's, likeliest first, until one is accepted (take returns
 * true). id may be NULL. */
void mod_files_try(struct mod_files *f, const char *module, const uint8_t *id, size_t id_size,
		   bool (*take)(void *ctx, const char *path), void *ctx);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Completion of names: modules, slab caches, frames, files.
 *
 * Thread: any.
 */
#ifndef CMD_COMPLETENAME_H
#define CMD_COMPLETENAME_H

#include "engine/cmd/commands.h"

/* complete.c: one more candidate. */
void complete_add(struct completions *c, const char *word);

void complete_module(struct session *s, const char *prefix, struct completions *ret);
void complete_cache(struct session *s, const char *prefix, struct completions *ret);
/* Functions of the chosen task's stack. */
void complete_frame(struct session *s, const struct context *ctx, const char *prefix, struct completions *ret);
void complete_file(const char *prefix, struct completions *ret);
/* words: separated by blanks. */
void complete_choice(const char *words, const char *prefix, struct completions *ret);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Which names were meant by one that doesn't exist.
 *
 * Thread: any.
 */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stddef.h>
#include "engine/base/buf.h"

/* Appends " (near it: a, b)" with at most three of the n names: those that differ by a slip of the finger or two, else
 * those that begin with the word. Nothing if there are none. */
void near_names(const char *word, const char *const *v, size_t n, struct buf *out);

#endif

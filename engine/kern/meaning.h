/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * What a number means where the kernel keeps a constant in a plain int: `s_writers.frozen` is an enum in
 * all but its type. The table names one enumerator of the enum that belongs to a member; the values then
 * come from the kernel's own types, never from here.
 *
 * Thread: any.
 */
#ifndef KERN_MEANING_H
#define KERN_MEANING_H

#include "engine/kern/session.h"

/* The name of value in member `member` of the struct `in`; NULL: it has none. Lives as long as the
 * session's types. */
const char *meaning_of(struct session *s, const struct type *in, const char *member, int64_t value);

#endif

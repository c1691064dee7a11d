/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * One copy of each string, living as long as the pool: what refs and types name things with.
 * Two interned strings of one pool are equal if and only if their pointers are.
 * Thread: any (internally locked).
 */
#ifndef BASE_INTERN_H
#define BASE_INTERN_H

#include <stddef.h>

struct intern;

struct intern *intern_create(void);
void intern_destroy(struct intern *in);
/* The pool's copy of s. Never NULL. */
const char *intern_str(struct intern *in, const char *s);
const char *intern_strn(struct intern *in, const char *s, size_t n);

#endif

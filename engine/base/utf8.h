/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * UTF-8 as far as a terminal needs it. Thread: any.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the first character of s (n bytes left) and its code point; 0 when it is not valid UTF-8. */
size_t utf8_decode(const char *s, size_t n, uint32_t *cp);
/* Encodes cp into out (4 bytes of room); returns the length. */
size_t utf8_encode(uint32_t cp, char *out);
/* May this code point be sent to a terminal? No controls, no bidi overrides, no surrogates. */
bool utf8_printable(uint32_t cp);
/* Columns that a code point takes: 0, 1 or 2. */
int utf8_cols(uint32_t cp);
/* Columns of n bytes; an invalid byte counts as one. */
int utf8_width(const char *s, size_t n);
/* How many bytes of s fit into `cols` columns. */
size_t utf8_fit(const char *s, size_t n, int cols);

#endif

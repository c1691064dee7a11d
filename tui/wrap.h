/* SPDX-License-Identifier: GPL-2.0-or-later */
/** Breaking text into lines at blanks. Thread: any. */
#ifndef TUI_WRAP_H
#define TUI_WRAP_H

#include <stddef.h>

/* How many bytes of the text go onto a line of `cols` columns, and, in *next, where the line after
 * it begins. Never 0 unless n is. */
size_t wrap_line(const char *text, size_t n, int cols, size_t *next);
/* How many lines the text takes; at least 1. */
size_t wrap_count(const char *text, size_t n, int cols);

#endif

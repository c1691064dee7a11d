/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Memory. The x-functions are for sizes that the program itself chose: they can't return NULL (when
 * even those fail the process says so on stderr and exits with status 3: nothing useful is left to do).
 * A size that comes from a file or from the dump goes through try_alloc, which refuses and returns an
 * error instead.
 *
 * Thread: any. Free everything with free().
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "engine/base/err.h"

void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size); /* n elements; the product is checked */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* n elements of size bytes, zeroed; an error when that is more than limit bytes or can't be had. */
struct err *try_alloc(size_t n, size_t size, size_t limit, void *ret);

/* Has the kernel back the pages of p's n bytes at once, zeroes where nobody has written yet: for large memory that is
 * filled in no order, or by many, where a fault for each page would cost more than what is written to it. Only a
 * hint. */
void alloc_touch(void *p, size_t n);

/* Frees at the end of the scope: `AUTO_FREE char *s = ...`. */
static inline void auto_free_(void *pp)
{
	free(*(void **)pp);
}
#define AUTO_FREE __attribute__((cleanup(auto_free_)))

/* One more element at the end of the array `v` with count `n` and capacity `cap`; the new element is not set. */
#define GROW(v, n, cap)                                                                            \
	do {                                                                                       \
		if ((n) >= (cap)) {                                                                \
			(cap) = (cap) ? (cap) * 2 : 16;                                            \
			(v) = xrealloc((v), (cap), sizeof(*(v)));                                  \
		}                                                                                  \
	} while (0)

#endif

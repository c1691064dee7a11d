/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/alloc.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *need(void *p)
{
	if (!p) {
		static const char msg[] = "vmbrowse: out of memory\n";
		fwrite(msg, 1, sizeof(msg) - 1, stderr);
		_Exit(3);
	}
	return p;
}

void *xmalloc(size_t n)
{
	return need(malloc(n ? n : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return need(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t n, size_t size)
{
	return need(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return need(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return need(strndup(s, n));
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *s;

	return need(vasprintf(&s, fmt, ap) < 0 ? NULL : s);
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

struct err *try_alloc(size_t n, size_t size, size_t limit, void *ret)
{
	size_t bytes;
	void **out = ret;

	*out = NULL;
	if (__builtin_mul_overflow(n, size, &bytes) || bytes > limit)
		return err_new(ERR_CORRUPT, "refused to allocate %zu elements of %zu bytes (limit %zu)",
			       n, size, limit);
	*out = calloc(n ? n : 1, size ? size : 1);
	return *out ? NULL : err_nomem();
}

/* Linux 5.14; older kernels refuse it, and each page costs its fault. */
void alloc_touch(void *p, size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), in = (uintptr_t)p % page;

	madvise((char *)p - in, n + in, MADV_POPULATE_WRITE);
}

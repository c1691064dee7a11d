/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A growing string of bytes, always NUL-terminated once something was put in.
 * `struct buf b = {0};` is an empty one. Thread: one at a time.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

struct buf {
	char *p; /* NULL while empty and never used: use buf_str() for a string */
	size_t len, cap;
};

void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
/* What printf's %u, %d and 0x%x write, for where there are hundreds of thousands. */
void buf_put_uint(struct buf *b, uint64_t v);
void buf_put_int(struct buf *b, int64_t v);
void buf_put_hex(struct buf *b, uint64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
/* Pads with spaces up to `width` display columns since byte offset `from`. */
void buf_pad(struct buf *b, size_t from, int width);
/* Text out of a dump: control characters and invalid UTF-8 become \xNN, so that no byte of a dump ever
 * steers a terminal. Stops at n bytes. */
void buf_put_safe(struct buf *b, const char *s, size_t n);
/* A JSON string with its quotes. */
void buf_put_json(struct buf *b, const char *s, size_t n);
/* Room for n more bytes; returns where they go; set len yourself. */
char *buf_reserve(struct buf *b, size_t n);
void buf_clear(struct buf *b); /* empty, keeps the memory */
void buf_free(struct buf *b);
/* The string; "" when empty. Borrowed until the next put. */
const char *buf_str(const struct buf *b);
/* The string, now the caller's (free()); the buffer is empty after. */
char *buf_steal(struct buf *b);

#define AUTO_BUF __attribute__((cleanup(buf_free)))

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/buf.h"
#include "engine/base/alloc.h"
#include "engine/base/utf8.h"
#include <stdio.h>
#include <string.h>

char *buf_reserve(struct buf *b, size_t n)
{
	if (b->cap - b->len < n + 1) {
		size_t cap = b->cap ? b->cap : 64;
		while (cap - b->len < n + 1)
			cap *= 2;
		b->p = xrealloc(b->p, cap, 1);
		b->cap = cap;
	}
	return b->p + b->len;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	char *to = buf_reserve(b, n);
	if (n)
		memcpy(to, p, n);
	b->len += n;
	b->p[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	char *to = buf_reserve(b, 1);
	to[0] = c;
	to[1] = '\0';
	b->len++;
}

void buf_put_uint(struct buf *b, uint64_t v)
{
	char text[20];
	size_t at = sizeof(text);

	do
		text[--at] = (char)('0' + v % 10);
	while (v /= 10);
	buf_put(b, text + at, sizeof(text) - at);
}

void buf_put_int(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_putc(b, '-');
	buf_put_uint(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_put_hex(struct buf *b, uint64_t v)
{
	char text[18];
	size_t at = sizeof(text);

	do
		text[--at] = "0123456789abcdef"[v & 15];
	while (v >>= 4);
	text[--at] = 'x';
	text[--at] = '0';
	buf_put(b, text + at, sizeof(text) - at);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	/* most texts fit into what is there anyway */
	char *to = buf_reserve(b, 1);
	size_t room = b->cap - b->len;
	int n = vsnprintf(to, room, fmt, ap);
	if (n > 0 && (size_t)n >= room)
		vsnprintf(buf_reserve(b, (size_t)n), (size_t)n + 1, fmt, again);
	if (n > 0)
		b->len += (size_t)n;
	else
		b->p[b->len] = '\0';
	va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_pad(struct buf *b, size_t from, int width)
{
	int have = from < b->len ? utf8_width(b->p + from, b->len - from) : 0;
	if (have >= width)
		return;
	size_t n = (size_t)(width - have);
	memset(buf_reserve(b, n), ' ', n);
	b->len += n;
	b->p[b->len] = '\0';
}

/* How many bytes from the start are printable ASCII, and in JSON stand for themselves: of most texts, all. */
static size_t plain_run(const char *s, size_t n, bool json)
{
	size_t i = 0;

	while (i < n && s[i] >= 0x20 && s[i] < 0x7f && !(json && (s[i] == '"' || s[i] == '\\')))
		i++;
	return i;
}

void buf_put_safe(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t run = plain_run(s + i, n - i, false);
		buf_put(b, s + i, run);
		i += run;
		if (i == n)
			break;
		size_t len = utf8_decode(s + i, n - i, &cp);
		if (len && utf8_printable(cp)) {
			buf_put(b, s + i, len);
			i += len;
		} else {
			buf_printf(b, "\\x%02x", (unsigned char)s[i]);
			i++;
		}
	}
}

void buf_put_json(struct buf *b, const char *s, size_t n)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t run = plain_run(s + i, n - i, true);
		buf_put(b, s + i, run);
		i += run;
		if (i == n)
			break;
		size_t len = utf8_decode(s + i, n - i, &cp);
		unsigned char c = (unsigned char)s[i];
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c == '\n')
			buf_puts(b, "\\n");
		else if (c == '\t')
			buf_puts(b, "\\t");
		else if (!len) /* not UTF-8: the byte as if Latin-1 */
			buf_printf(b, "\\u%04x", c);
		else if (!utf8_printable(cp)) /* controls of a terminal, too: all are below 0x10000 */
			buf_printf(b, "\\u%04x", (unsigned)cp);
		else
			buf_put(b, s + i, len);
		i += len ? len : 1;
	}
	buf_putc(b, '"');
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->p)
		b->p[0] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}

const char *buf_str(const struct buf *b)
{
	return b->p && b->len ? b->p : "";
}

char *buf_steal(struct buf *b)
{
	char *s = b->p ? b->p : xstrdup("");
	*b = (struct buf){0};
	return s;
}

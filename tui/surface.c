/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cells of a screen. A wide character takes its cell and leaves the next one with code point 0;
 * when only half of one can be drawn, a blank takes its place, so that columns stay right.
 */
#include "tui/surface.h"
#include "engine/base/alloc.h"
#include "engine/base/utf8.h"
#include <string.h>

struct surface *surface_create(int h, int w)
{
	struct surface *s = xcalloc(1, sizeof(*s));
	surface_resize(s, h, w);
	return s;
}

void surface_destroy(struct surface *s)
{
	if (!s)
		return;
	free(s->cells);
	free(s);
}

void surface_resize(struct surface *s, int h, int w)
{
	s->h = h < 1 ? 1 : h;
	s->w = w < 1 ? 1 : w;
	s->cells = xrealloc(s->cells, (size_t)s->h * (size_t)s->w, sizeof(*s->cells));
	surface_clear(s);
}

void surface_clear(struct surface *s)
{
	surface_clip(s, NULL);
	surface_fill(s, &s->clip, STYLE_NORMAL, ' ');
}

void surface_clip(struct surface *s, const struct rect *r)
{
	struct rect all = {0, 0, s->h, s->w};

	s->clip = all;
	if (!r)
		return;
	int y1 = r->y + r->h < s->h ? r->y + r->h : s->h;
	int x1 = r->x + r->w < s->w ? r->x + r->w : s->w;
	s->clip.y = r->y > 0 ? r->y : 0;
	s->clip.x = r->x > 0 ? r->x : 0;
	s->clip.h = y1 > s->clip.y ? y1 - s->clip.y : 0;
	s->clip.w = x1 > s->clip.x ? x1 - s->clip.x : 0;
}

static struct surface_cell *cell_at(const struct surface *s, int y, int x)
{
	return &s->cells[(size_t)y * (size_t)s->w + (size_t)x];
}

static bool inside(const struct surface *s, int y, int x)
{
	const struct rect *c = &s->clip;
	return y >= c->y && y < c->y + c->h && x >= c->x && x < c->x + c->w;
}

static void put(struct surface *s, int y, int x, enum style style, uint32_t cp)
{
	if (!inside(s, y, x))
		return;
	struct surface_cell *c = cell_at(s, y, x);
	if (!c->cp && x > 0) /* half of a wide character is overwritten: the other half goes too */
		cell_at(s, y, x - 1)->cp = ' ';
	if (cp && x + 1 < s->w && !cell_at(s, y, x + 1)->cp)
		cell_at(s, y, x + 1)->cp = ' ';
	*c = (struct surface_cell){.cp = cp, .style = (uint8_t)style};
}

static void put_wide(struct surface *s, int y, int x, enum style style, uint32_t cp)
{
	if (inside(s, y, x) && inside(s, y, x + 1)) {
		put(s, y, x + 1, style, ' ');
		put(s, y, x, style, cp);
		cell_at(s, y, x + 1)->cp = 0;
		return;
	}
	put(s, y, x, style, ' ');
	put(s, y, x + 1, style, ' ');
}

/* The next character of a text, fit for a terminal. */
static size_t next_char(const struct surface *s, const char *text, size_t n, uint32_t *cp,
			int *cols)
{
	size_t len = utf8_decode(text, n, cp);

	if (!len || !utf8_printable(*cp)) {
		*cp = '?';
		*cols = 1;
		return len ? len : 1;
	}
	*cols = utf8_cols(*cp);
	if (s->ascii && *cp >= 0x80 && *cols)
		*cp = '?';
	return len;
}

int surface_text(struct surface *s, int y, int x, int max, enum style style, const char *text,
		 size_t n)
{
	int used = 0;
	size_t len;
	uint32_t cp;

	for (; n; text += len, n -= len) {
		int cols;
		len = next_char(s, text, n, &cp, &cols);
		if (used + cols > max)
			break;
		if (!cols) {
			if (used && !s->ascii && inside(s, y, x + used - 1) &&
			    !cell_at(s, y, x + used - 1)->mark)
				cell_at(s, y, x + used - 1)->mark = cp;
			continue;
		}
		if (cols == 2 && cp == '?') /* the stand-in of a wide character is as wide */
			put(s, y, x + used + 1, style, cp);
		if (cols == 2 && cp != '?')
			put_wide(s, y, x + used, style, cp);
		else
			put(s, y, x + used, style, cp);
		used += cols;
	}
	return used;
}

int surface_str(struct surface *s, int y, int x, int max, enum style style, const char *text)
{
	return surface_text(s, y, x, max, style, text, strlen(text));
}

int surface_more(struct surface *s, int y, int x, enum style style)
{
	put(s, y, x, style, s->ascii ? '~' : 0x2026);
	return 1;
}

int surface_cut(struct surface *s, int y, int x, int max, enum style style, const char *text,
		size_t n)
{
	if (utf8_width(text, n) <= max)
		return surface_text(s, y, x, max, style, text, n);
	if (max <= 0)
		return 0;
	int used = surface_text(s, y, x, max - 1, style, text, n);
	return used + surface_more(s, y, x + used, style);
}

size_t surface_path_skip(const char *text, size_t n, int max)
{
	const char *rest = text, *end = text + n, *slash;

	if (memchr(text, ' ', n) || !strchr(text, '/'))
		return 0;
	while (utf8_width(rest, (size_t)(end - rest)) > max && (slash = strchr(rest, '/')))
		rest = slash + 1;
	while (rest < end && (utf8_width(rest, (size_t)(end - rest)) > max || (*rest & 0xc0) == 0x80))
		rest++;
	return (size_t)(rest - text);
}

void surface_fill(struct surface *s, const struct rect *r, enum style style, uint32_t cp)
{
	for (int y = r->y; y < r->y + r->h; y++)
		for (int x = r->x; x < r->x + r->w; x++)
			if (inside(s, y, x))
				*cell_at(s, y, x) =
					(struct surface_cell){.cp = cp, .style = (uint8_t)style};
}

void surface_over(struct surface *s, int y, int x, int w, enum over bits)
{
	for (int i = x; i < x + w; i++)
		if (inside(s, y, i))
			cell_at(s, y, i)->over |= (uint8_t)bits;
}

void surface_hline(struct surface *s, int y, int x, int w, enum style style)
{
	for (int i = 0; i < w; i++)
		put(s, y, x + i, style, s->ascii ? '-' : 0x2500);
}

void surface_vline(struct surface *s, int y, int x, int h, enum style style)
{
	for (int i = 0; i < h; i++)
		put(s, y + i, x, style, s->ascii ? '|' : 0x2502);
}

void surface_joint(struct surface *s, int y, int x, bool above, enum style style)
{
	put(s, y, x, style, s->ascii ? '+' : above ? 0x253c : 0x252c);
}

const struct surface_cell *surface_at(const struct surface *s, int y, int x)
{
	return y >= 0 && y < s->h && x >= 0 && x < s->w ? cell_at(s, y, x) : NULL;
}

void surface_row(const struct surface *s, int y, struct buf *out)
{
	size_t from = out->len;
	char utf8[4];

	for (int x = 0; x < s->w && y >= 0 && y < s->h; x++) {
		const struct surface_cell *c = cell_at(s, y, x);
		if (c->cp)
			buf_put(out, utf8, utf8_encode(c->cp, utf8));
		if (c->mark)
			buf_put(out, utf8, utf8_encode(c->mark, utf8));
	}
	while (out->len > from && out->p[out->len - 1] == ' ')
		out->p[--out->len] = '\0';
}

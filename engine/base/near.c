/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The distance counts a letter too many, one too few, another one, or two that changed places, each as one slip.
 */
#include "engine/base/near.h"
#include <string.h>

#define MAX_LEN 63
#define MAX_SHOWN 3
#define FAR 3 /* slips that make it another word */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][MAX_LEN + 2];
	size_t la = strlen(a), lb = strlen(b);

	if (la > MAX_LEN || lb > MAX_LEN || (la > lb ? la - lb : lb - la) >= FAR)
		return FAR;
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *now = rows[i % 3], *before = rows[(i - 1) % 3], *earlier = rows[(i + 1) % 3];
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], earlier[j - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}

/* Short words are near to everything. */
static unsigned allowed(const char *word)
{
	size_t n = strlen(word);

	return n < 3 ? 0 : n < 6 ? 1 : 2;
}

static void show(const char *name, unsigned *shown, struct buf *out)
{
	buf_puts(out, *shown ? ", " : " (near it: ");
	buf_put_safe(out, name, strlen(name));
	++*shown;
}

static void near_ones(const char *word, const char *const *v, size_t n, unsigned *shown, struct buf *out)
{
	for (unsigned d = 1; d <= allowed(word); d++)
		for (size_t i = 0; i < n && *shown < MAX_SHOWN; i++)
			if (distance(word, v[i]) == d)
				show(v[i], shown, out);
	if (*shown || strlen(word) < 3)
		return;
	for (size_t i = 0; i < n && *shown < MAX_SHOWN; i++)
		if (!strncmp(v[i], word, strlen(word)))
			show(v[i], shown, out);
}

void near_names(const char *word, const char *const *v, size_t n, struct buf *out)
{
	unsigned shown = 0;

	near_ones(word, v, n, &shown, out);
	if (shown)
		buf_putc(out, ')');
}

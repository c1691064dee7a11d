/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/wrap.h"
#include "engine/base/utf8.h"

size_t wrap_line(const char *text, size_t n, int cols, size_t *next)
{
	size_t fit = utf8_fit(text, n, cols), cut = fit;

	if (fit < n) {
		while (cut && text[cut] != ' ')
			cut--;
		if (!cut) /* one long word: cut it */
			cut = fit ? fit : 1;
	}
	*next = cut;
	while (*next < n && text[*next] == ' ' && cut < n)
		++*next;
	while (cut > 1 && cut < n && text[cut - 1] == ' ')
		cut--;
	return cut;
}

size_t wrap_count(const char *text, size_t n, int cols)
{
	size_t lines = 0, next;

	do {
		wrap_line(text, n, cols, &next);
		text += next;
		n -= next;
		lines++;
	} while (n);
	return lines;
}

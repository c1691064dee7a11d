/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/keysym.h"
#include "engine/base/utf8.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The first name of a key is the one that is printed. */
static const struct {
	const char *name;
	keysym key;
} names[] = {
	{"Up", KEYSYM_UP},     {"Down", KEYSYM_DOWN},
	{"Left", KEYSYM_LEFT}, {"Right", KEYSYM_RIGHT},
	{"Home", KEYSYM_HOME}, {"End", KEYSYM_END},
	{"PgUp", KEYSYM_PGUP}, {"PageUp", KEYSYM_PGUP},
	{"PgDn", KEYSYM_PGDN}, {"PageDown", KEYSYM_PGDN},
	{"Ins", KEYSYM_INS},   {"Insert", KEYSYM_INS},
	{"Del", KEYSYM_DEL},   {"Delete", KEYSYM_DEL},
	{"BS", KEYSYM_BS},     {"Backspace", KEYSYM_BS},
	{"Tab", KEYSYM_TAB},   {"Enter", KEYSYM_ENTER},
	{"CR", KEYSYM_ENTER},  {"Return", KEYSYM_ENTER},
	{"Esc", KEYSYM_ESC},   {"Escape", KEYSYM_ESC},
	{"Space", ' '},	       {"lt", '<'},
	{"Bar", '|'},	       {"Hash", '#'},
	{"Quote", '"'},
};

/* One key for those that a terminal can't tell apart. */
static keysym normal(keysym k)
{
	keysym base = k & ~(keysym)KEYSYM_MODS, mods = k & KEYSYM_MODS;

	if (mods & KEYSYM_CTRL && base >= 'A' && base <= 'Z')
		base += 'a' - 'A';
	if (mods & KEYSYM_CTRL) {
		static const struct {
			keysym from, to;
		} same[] = {{'i', KEYSYM_TAB},
			    {'m', KEYSYM_ENTER},
			    {'j', KEYSYM_ENTER},
			    {'[', KEYSYM_ESC},
			    {'h', KEYSYM_BS}};
		for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
			if (base == same[i].from)
				return same[i].to | (mods & ~(keysym)KEYSYM_CTRL);
		if (base == ' ')
			base = '@';
	}
	return base | mods;
}

static bool parse_base(const char *s, size_t n, keysym *ret)
{
	uint32_t cp;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i].name) == n && !strncasecmp(names[i].name, s, n)) {
			*ret = names[i].key;
			return true;
		}
	if (n >= 2 && n <= 3 && (*s == 'F' || *s == 'f') && s[1] >= '1' && s[1] <= '9') {
		int f = s[1] - '0';
		if (n == 3 && (s[2] < '0' || s[2] > '9'))
			return false;
		if (n == 3)
			f = f * 10 + s[2] - '0';
		*ret = KEYSYM_F1 + (keysym)f - 1;
		return f <= 24;
	}
	if (n && utf8_decode(s, n, &cp) == n && utf8_printable(cp)) {
		*ret = cp;
		return true;
	}
	return false;
}

/* The inside of "<...>". */
static bool parse_name(const char *s, size_t n, keysym *ret, bool *same)
{
	keysym mods = 0, base;

	while (n > 2 && s[1] == '-') {
		switch (*s) {
		case 'C':
		case 'c':
			mods |= KEYSYM_CTRL;
			break;
		case 'M':
		case 'm':
		case 'A':
		case 'a':
			mods |= KEYSYM_META;
			break;
		case 'S':
		case 's':
			mods |= KEYSYM_SHIFT;
			break;
		default:
			return false;
		}
		s += 2;
		n -= 2;
	}
	if (!parse_base(s, n, &base))
		return false;
	*ret = normal(base | mods);
	if (same && mods & KEYSYM_CTRL && !(*ret & KEYSYM_CTRL))
		*same = true;
	return true;
}

bool keysym_parse(const char **text, keysym *ret, bool *same)
{
	const char *s = *text, *end;
	uint32_t cp;
	size_t n;

	if (*s == '<' && (end = strchr(s + 1, '>')) && end > s + 1) {
		if (!parse_name(s + 1, (size_t)(end - s - 1), ret, same))
			return false;
		*text = end + 1;
		return true;
	}
	n = utf8_decode(s, strlen(s), &cp);
	if (!n || !utf8_printable(cp))
		return false;
	*ret = cp;
	*text = s + n;
	return true;
}

size_t keysym_parse_all(const char *text, keysym *keys, size_t max, bool *same)
{
	size_t n = 0;

	while (*text) {
		if (n == max || !keysym_parse(&text, &keys[n], same))
			return 0;
		n++;
	}
	return n;
}

static bool print_named(keysym base, struct buf *out)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].key == base && base != '|' && base != '#' && base != '"') {
			buf_puts(out, names[i].name);
			return true;
		}
	if (base >= KEYSYM_F1 && base <= KEYSYM_F24) {
		buf_printf(out, "F%u", base - KEYSYM_F1 + 1);
		return true;
	}
	return false;
}

void keysym_print(keysym k, struct buf *out)
{
	keysym base = k & ~(keysym)KEYSYM_MODS;
	char utf8[4];
	AUTO_BUF struct buf name = {0};
	bool named = print_named(base, &name);

	if (!named)
		buf_put(&name, utf8, utf8_encode(base, utf8));
	if (!(k & KEYSYM_MODS) && !named) {
		buf_puts(out, buf_str(&name));
		return;
	}
	buf_printf(out, "<%s%s%s%s>", k & KEYSYM_CTRL ? "C-" : "", k & KEYSYM_META ? "M-" : "",
		   k & KEYSYM_SHIFT ? "S-" : "", buf_str(&name));
}

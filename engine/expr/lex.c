/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words and operators of C. What begins with a digit but is no number of C is hexadecimal without its
 * 0x, as people paste addresses; k, m, g behind a number make it a size.
 */
#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include "engine/base/buf.h"
#include "engine/base/checked.h"
#include "engine/expr/impl.h"

#define SHOWN_MAX 80 /* bytes of the text in an error */
#define OCTAL_MAX 8  /* digits that aren't an address */

static const struct {
	const char *text;
	enum op op;
} ops[] = {
	/* longer ones first */
	{"<<=", OP_ASSIGN}, {">>=", OP_ASSIGN},
	{"->", OP_ARROW}, {"<<", OP_SHL}, {">>", OP_SHR}, {"<=", OP_LE}, {">=", OP_GE},
	{"==", OP_EQ}, {"!=", OP_NE}, {"&&", OP_ANDAND}, {"||", OP_OROR}, {"++", OP_ASSIGN},
	{"--", OP_ASSIGN}, {"+=", OP_ASSIGN}, {"-=", OP_ASSIGN}, {"*=", OP_ASSIGN},
	{"/=", OP_ASSIGN}, {"%=", OP_ASSIGN}, {"&=", OP_ASSIGN}, {"|=", OP_ASSIGN},
	{"^=", OP_ASSIGN},
	{"(", OP_LPAREN}, {")", OP_RPAREN}, {"[", OP_LBRACKET}, {"]", OP_RBRACKET},
	{".", OP_DOT}, {"?", OP_QUESTION}, {":", OP_COLON}, {",", OP_COMMA}, {"@", OP_AT},
	{"*", OP_STAR}, {"/", OP_SLASH}, {"%", OP_PERCENT}, {"+", OP_PLUS}, {"-", OP_MINUS},
	{"<", OP_LT}, {">", OP_GT}, {"&", OP_AND}, {"^", OP_XOR}, {"|", OP_OR}, {"!", OP_NOT},
	{"~", OP_TILDE}, {"=", OP_ASSIGN},
};

struct err *error_at(const char *text, size_t pos, enum err_code code, const char *fmt, ...)
{
	AUTO_BUF struct buf what = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&what, fmt, ap);
	va_end(ap);
	if (strnlen(text, SHOWN_MAX + 1) > SHOWN_MAX)
		return err_new(code, "%s, at column %zu", buf_str(&what), pos + 1);
	return err_new(code, "%s, at column %zu of '%s'", buf_str(&what), pos + 1, text);
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* Digits of a base; how many there were. false: the number is too big. */
static bool digits(const char *s, size_t n, int base, uint64_t *ret, size_t *used)
{
	*ret = 0;
	for (*used = 0; *used < n && digit(s[*used]) < base; ++*used)
		if (!mul_u64(*ret, (uint64_t)base, ret) ||
		    !add_u64(*ret, (uint64_t)digit(s[*used]), ret))
			return false;
	return true;
}

bool lex_hex(const char *s, size_t n, uint64_t *ret)
{
	size_t used;

	return n && digits(s, n, 16, ret, &used) && used == n;
}

/* The type that C gives a constant. */
static const char *type_of(uint64_t v, bool decimal, bool u, bool l)
{
	if (!u && !l && v <= INT32_MAX)
		return "int";
	if (!l && v <= UINT32_MAX && (u || !decimal))
		return "unsigned int";
	return !u && v <= INT64_MAX ? "long" : "unsigned long";
}

/* "ul", "LL", "k", "M", "G": false: something else follows the digits. */
static bool suffix(const char *s, size_t n, bool decimal, struct token *t)
{
	bool u = false, l = false;
	unsigned shift = 0;

	for (size_t i = 0; i < n; i++) {
		char c = (char)tolower((unsigned char)s[i]);
		if (c == 'u' && !u)
			u = true;
		else if (c == 'l' && i < 3)
			l = true;
		else if (strchr("kmgt", c) && n == 1)
			shift = c == 'k' ? 10 : c == 'm' ? 20 : c == 'g' ? 30 : 40;
		else
			return false;
	}
	if (shift && t->number > UINT64_MAX >> shift)
		return false;
	t->number <<= shift;
	t->type = type_of(t->number, decimal, u, l || shift);
	return true;
}

/* 08 and 019: C has no such numbers, and nobody means 0x19. Longer ones are pasted addresses. */
static bool no_octal(const char *s, size_t n)
{
	size_t all = 0;

	while (all < n && isdigit((unsigned char)s[all]))
		all++;
	return s[0] == '0' && all == n && n <= OCTAL_MAX && (memchr(s, '8', n) || memchr(s, '9', n));
}

static bool number(const char *s, struct token *t)
{
	bool zero = s[0] == '0' && t->len > 1;
	int base = zero && tolower((unsigned char)s[1]) == 'x' ? 16
		 : zero && tolower((unsigned char)s[1]) == 'b' && t->len > 2 ? 2
		 : zero && isdigit((unsigned char)s[1]) ? 8 : 10;
	size_t skip = base == 16 || base == 2 ? 2 : 0, used;

	if (digits(s + skip, t->len - skip, base, &t->number, &used) && used &&
	    suffix(s + skip + used, t->len - skip - used, base == 10, t))
		return true;
	t->type = "unsigned long";
	return base != 16 && lex_hex(s, t->len, &t->number);
}

/* What follows a backslash; NULL: nothing that C knows. */
static const char *escape(const char *s, uint64_t *ret)
{
	static const char names[] = "abfnrtv\\'\"?", values[] = "\a\b\f\n\r\t\v\\'\"?";
	const char *at = *s ? strchr(names, *s) : NULL;
	size_t used;

	if (at) {
		*ret = (uint64_t)values[at - names];
		return s + 1;
	}
	bool hex = *s == 'x';
	s += hex;
	if (!digits(s, hex ? strnlen(s, 2) : strnlen(s, 3), hex ? 16 : 8, ret, &used) || !used || *ret > 255)
		return NULL;
	return s + used;
}

static struct err *character(const char *text, size_t pos, struct token *t)
{
	const char *s = text + pos + 1;

	if (*s == '\\')
		s = escape(s + 1, &t->number);
	else if (*s && *s != '\'')
		t->number = (uint8_t)*s++;
	else
		s = NULL;
	if (!s || *s != '\'')
		return error_at(text, pos, ERR_USAGE, "this is no character constant ('a', '\\n', '\\x41')");
	t->kind = T_NUMBER;
	t->type = "char";
	t->len = (size_t)(s + 1 - text) - pos;
	return NULL;
}

static struct err *word(const char *text, struct token *t)
{
	const char *s = text + t->start;

	while (word_char(s[t->len]))
		t->len++;
	if (*s == '$') {
		t->kind = T_REG;
		t->start++;
		t->len--;
	} else if (!isdigit((unsigned char)*s)) {
		t->kind = T_WORD;
	} else {
		t->kind = T_NUMBER;
		if (no_octal(s, t->len))
			return error_at(text, t->start, ERR_USAGE, "'%.*s' begins as an octal number but isn't one "
					"(0x%.*s is hexadecimal)", (int)t->len, s, (int)t->len - 1, s + 1);
		if (!number(s, t))
			return error_at(text, t->start, ERR_USAGE, "'%.*s' is no number", (int)t->len, s);
	}
	return NULL;
}

struct err *lex(const char *text, size_t *pos, struct token *ret)
{
	*pos += strspn(text + *pos, " \t\r\n");
	const char *s = text + *pos;
	struct token *t = ret;

	*t = (struct token){.kind = T_OP, .start = *pos};
	if (!*s) {
		t->kind = T_END;
	} else if (word_char(*s)) {
		TRY(word(text, t));
	} else if (*s == '\'') {
		TRY(character(text, *pos, t));
	} else {
		for (size_t i = 0; i < sizeof(ops) / sizeof(*ops) && !t->len; i++)
			if (!strncmp(s, ops[i].text, strlen(ops[i].text))) {
				t->op = ops[i].op;
				t->len = strlen(ops[i].text);
			}
		if (!t->len)
			return error_at(text, *pos, ERR_USAGE, "'%.1s' has no place in an expression",
					(unsigned char)*s < 0x80 && isprint((unsigned char)*s) ? s : "?");
	}
	*pos = t->start + t->len;
	return NULL;
}

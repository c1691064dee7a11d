/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/model/ref.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The word before the colon; objects are told apart by their '@' instead. */
static const struct {
	const char *word;
	enum ref_kind kind;
} words[] = {
	{"task", REF_TASK}, {"frame", REF_FRAME}, {"mem", REF_MEM}, {"phys", REF_PHYS},
	{"user", REF_USER}, {"sym", REF_SYM},	  {"log", REF_LOG}, {"cpu", REF_CPU},
	{"src", REF_SRC},   {"waiters", REF_WAITERS},
};

bool ref_equal(const struct ref *a, const struct ref *b)
{
	if (a->kind != b->kind || a->addr != b->addr || a->aux != b->aux)
		return false;
	if (a->name == b->name)
		return true;
	return a->name && b->name && !strcmp(a->name, b->name);
}

static const char *word_of(enum ref_kind kind)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (words[i].kind == kind)
			return words[i].word;
	return "";
}

void ref_print(const struct ref *r, struct buf *out)
{
	if (r->kind != REF_NONE && r->kind != REF_OBJECT)
		buf_printf(out, "%s:", word_of(r->kind));
	switch (r->kind) {
	case REF_NONE:
		break;
	case REF_TASK:
	case REF_MEM:
	case REF_PHYS:
		buf_printf(out, "0x%" PRIx64, r->addr);
		break;
	case REF_FRAME:
		buf_printf(out, "0x%" PRIx64 ":%" PRIu64 ".%" PRIu64, r->addr, r->aux >> 16,
			   r->aux & 0xffff);
		break;
	case REF_USER:
		buf_printf(out, "0x%" PRIx64 ":0x%" PRIx64, r->addr, r->aux);
		break;
	case REF_OBJECT:
		buf_printf(out, "%s@0x%" PRIx64, r->name ? r->name : "?", r->addr);
		break;
	case REF_SYM:
		buf_puts(out, r->name ? r->name : "?");
		break;
	case REF_LOG:
	case REF_CPU:
		buf_printf(out, "%" PRIu64, r->addr);
		break;
	case REF_SRC:
		buf_printf(out, "%s:%" PRIu64, r->name ? r->name : "?", r->aux);
		break;
	case REF_WAITERS:
		buf_printf(out, "%s:0x%" PRIx64, r->name ? r->name : "?", r->addr);
		break;
	}
}

/* A number in base 16 (0x or not) or 10, which ends at one of the characters of `ends`. */
static const char *number(const char *p, int base, const char *ends, uint64_t *ret)
{
	char *end;

	if (*p == '\0' || *p == '-' || *p == '+' || *p == ' ')
		return NULL;
	errno = 0;
	*ret = strtoull(p, &end, base);
	if (errno || end == p || !strchr(ends, *end)) /* strchr finds the NUL too */
		return NULL;
	return end;
}

static bool parse_numbers(const char *p, struct ref *r)
{
	uint64_t index, level;

	switch (r->kind) {
	case REF_LOG:
	case REF_CPU:
		return number(p, 10, "", &r->addr);
	case REF_FRAME:
		if (!(p = number(p, 16, ":", &r->addr)) || *p != ':' ||
		    !(p = number(p + 1, 10, ".", &index)))
			return false;
		level = 0;
		if (*p == '.' && !number(p + 1, 10, "", &level))
			return false;
		if (index > 0xffffffff || level > 0xffff)
			return false;
		r->aux = index << 16 | level;
		return true;
	case REF_USER:
		return (p = number(p, 16, ":", &r->addr)) && *p == ':' &&
		       number(p + 1, 16, "", &r->aux);
	default:
		return number(p, 16, "", &r->addr);
	}
}

static bool parse_named(const char *p, struct intern *in, struct ref *r)
{
	const char *colon;

	if (!*p)
		return false;
	if (r->kind == REF_SYM) {
		r->name = intern_str(in, p);
		return true;
	}
	colon = strrchr(p, ':');
	if (!colon || colon == p)
		return false;
	if (r->kind == REF_WAITERS ? !number(colon + 1, 16, "", &r->addr) : !number(colon + 1, 10, "", &r->aux))
		return false;
	r->name = intern_strn(in, p, (size_t)(colon - p));
	return true;
}

static bool parse_word(const char *text, struct intern *in, struct ref *r)
{
	const char *colon = strchr(text, ':');

	for (size_t i = 0; colon && i < sizeof(words) / sizeof(*words); i++) {
		if (strncmp(text, words[i].word, (size_t)(colon - text)) ||
		    words[i].word[colon - text])
			continue;
		r->kind = words[i].kind;
		if (r->kind == REF_SYM || r->kind == REF_SRC || r->kind == REF_WAITERS)
			return parse_named(colon + 1, in, r);
		return parse_numbers(colon + 1, r);
	}
	return false;
}

struct err *ref_parse(const char *text, struct intern *in, struct ref *ret)
{
	const char *at = strrchr(text, '@');
	struct ref r = {0};

	if (at && at != text && number(at + 1, 16, "", &r.addr)) {
		r.kind = REF_OBJECT;
		r.name = intern_strn(in, text, (size_t)(at - text));
	} else if (!parse_word(text, in, &r)) {
		return err_new(ERR_USAGE,
			       "'%s' is not a reference: expected task:0x..., struct NAME@0x..., "
			       "mem:0x..., phys:0x..., sym:NAME, log:N, cpu:N, frame:0x...:N.N",
			       text);
	}
	*ret = r;
	return NULL;
}

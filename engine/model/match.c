/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/model/match.h"
#include "engine/base/alloc.h"
#include <ctype.h>
#include <pcre2.h>
#include <stdatomic.h>
#include <string.h>

struct pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
	atomic_bool *gave_up; /* on some text */
};

/* Smart case: only a pattern without capitals ignores case; \W, \S and such are no capitals. */
static bool has_capital(const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (*s >= 'A' && *s <= 'Z')
			return true;
	}
	return false;
}

static pcre2_code *compile(const char *text, uint32_t more, int *why, PCRE2_SIZE *at)
{
	uint32_t flags = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | (has_capital(text) ? 0 : PCRE2_CASELESS) | more;

	return pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, flags, why, at, NULL);
}

/* "schedule+0x5a" is a pattern that doesn't match itself, and people search for what they see. So it is either: the
 * pattern, or the text as it stands. NULL: no need, or it can't be put together with an unusual pattern. */
static pcre2_code *compile_either(const char *regex)
{
	AUTO_BUF struct buf both = {0};
	PCRE2_SIZE at;
	int why;

	if (!strpbrk(regex, "+*?()[]{}|^$"))
		return NULL;
	buf_printf(&both, "(?:%s)|", regex);
	for (const char *p = regex; *p; p++) {
		if ((unsigned char)*p < 0x80 && !isalnum((unsigned char)*p))
			buf_putc(&both, '\\');
		buf_putc(&both, *p);
	}
	return compile(buf_str(&both), has_capital(regex) ? 0 : PCRE2_CASELESS, &why, &at);
}

static struct pattern *pattern_of(pcre2_code *code)
{
	struct pattern *p = xcalloc(1, sizeof(*p));

	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without it, it's only slower */
	p->code = code;
	p->gave_up = xcalloc(1, sizeof(*p->gave_up));
	p->limits = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(p->limits, 100000);
	pcre2_set_depth_limit(p->limits, 1000);
	return p;
}

struct err *pattern_create(const char *regex, struct pattern **ret)
{
	PCRE2_SIZE at;
	int why;
	pcre2_code *code = compile(regex, 0, &why, &at), *either;

	if (!code) {
		PCRE2_UCHAR text[128];
		pcre2_get_error_message(why, text, sizeof(text));
		return err_new(ERR_USAGE, "pattern '%s': %s at character %zu (\\ before a character takes it as "
			       "it stands)", regex, (const char *)text, (size_t)at + 1);
	}
	either = compile_either(regex);
	if (either)
		pcre2_code_free(code);
	*ret = pattern_of(either ? either : code);
	return NULL;
}

struct err *pattern_create_typed(const char *text, struct pattern **ret)
{
	struct err *e = pattern_create(text, ret);
	PCRE2_SIZE at;
	int why;
	pcre2_code *code = e ? compile(text, PCRE2_LITERAL, &why, &at) : NULL;

	if (!code)
		return e;
	err_free(e);
	*ret = pattern_of(code);
	return NULL;
}

void pattern_destroy(struct pattern *p)
{
	if (!p)
		return;
	pcre2_match_context_free(p->limits);
	pcre2_code_free(p->code);
	free(p->gave_up);
	free(p);
}

bool pattern_find(const struct pattern *p, const char *s, size_t n, size_t from, size_t *start,
		  size_t *end)
{
	pcre2_match_data *md = pcre2_match_data_create_from_pattern(p->code, NULL);
	int rc = pcre2_match(p->code, (PCRE2_SPTR)s, n, from, 0, md, p->limits);

	if (rc >= 0) {
		const PCRE2_SIZE *v = pcre2_get_ovector_pointer(md);
		if (start)
			*start = v[0];
		if (end)
			*end = v[1];
	}
	pcre2_match_data_free(md);
	if (rc < PCRE2_ERROR_PARTIAL) /* a limit: neither a match nor none */
		atomic_store_explicit(p->gave_up, true, memory_order_relaxed);
	return rc >= 0;
}

const char *pattern_trouble(const struct pattern *p)
{
	return p && atomic_load_explicit(p->gave_up, memory_order_relaxed)
		       ? "the pattern would take too long on some of the text: that counts as no match" : NULL;
}

bool pattern_row(const struct pattern *p, const struct table *t, const struct row *r, uint32_t shown)
{
	AUTO_BUF struct buf text = {0};

	for (size_t i = 0; i < t->ncols; i++) {
		bool hidden = shown && (i >= 32 || !(shown >> i & 1));
		if (t->cols[i].flags & COL_DATA || hidden)
			continue;
		buf_clear(&text);
		cell_print(&r->cells[i], &text);
		if (pattern_find(p, buf_str(&text), text.len, 0, NULL, NULL))
			return true;
	}
	return false;
}

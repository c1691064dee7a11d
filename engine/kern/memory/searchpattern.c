/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Patterns in bytes. Bytes of memory are no text: there is no UTF mode, and case counts unless the pattern says
 * (?i). What a hostile pattern or page may cost is limited per match; where that limit is hit the search goes on
 * one byte further, and after a few of these the rest of the segment is left out, and counted.
 *
 * A match that could go on behind the segment is tried again with what follows: pcre2 tells so (partial matching).
 */
#include "engine/kern/memory/searchimpl.h"
#include "engine/base/alloc.h"
#include <pcre2.h>
#include <string.h>

#define BEFORE 64u /* bytes before a match that look-behinds see */
#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 1000
#define LIMITS_HIT 16 /* in one segment */

struct search_pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
};

struct search_match {
	const struct search_pattern *pattern;
	pcre2_match_data *data;
	unsigned limits_hit; /* in the segment at hand */
	unsigned char joined[BEFORE + PIECE_PAGES * SEARCH_PAGE + SEARCH_PATTERN_MAX];
};

struct err *search_pattern(const char *regex, struct search_query **ret)
{
	PCRE2_SIZE at;
	int why;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, PCRE2_DOTALL | PCRE2_MULTILINE,
					 &why, &at, NULL);

	if (!code) {
		PCRE2_UCHAR text[128];
		pcre2_get_error_message(why, text, sizeof(text));
		return err_new(ERR_USAGE, "pattern '%s': %s at character %zu", regex, (const char *)text,
			       (size_t)at + 1);
	}
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD); /* without it, it's only slower */
	struct search_query *q = xcalloc(1, sizeof(*q));
	q->kind = SEARCH_PATTERN;
	q->zero_matters = true;
	q->pattern = xcalloc(1, sizeof(*q->pattern));
	q->pattern->code = code;
	q->pattern->limits = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(q->pattern->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(q->pattern->limits, DEPTH_LIMIT);
	*ret = q;
	return NULL;
}

void search_pattern_free(struct search_pattern *p)
{
	if (!p)
		return;
	pcre2_match_context_free(p->limits);
	pcre2_code_free(p->code);
	free(p);
}

struct search_match *search_match_create(const struct search_query *q)
{
	if (!q->pattern)
		return NULL;
	struct search_match *m = xmalloc(sizeof(*m));
	m->pattern = q->pattern;
	m->data = pcre2_match_data_create_from_pattern(q->pattern->code, NULL);
	return m;
}

void search_match_destroy(struct search_match *m)
{
	if (!m)
		return;
	pcre2_match_data_free(m->data);
	free(m);
}

/* Matches in p[from..n) that begin before `stop`; returns where one begins that could go on behind n (partial),
 * else SIZE_MAX. Empty matches say nothing about memory and are left out. */
static size_t match_all(struct search_match *m, const unsigned char *p, size_t n, size_t from, size_t stop,
			uint64_t va, bool partial, struct hits *h)
{
	uint32_t flags = PCRE2_NOTEMPTY | (partial ? PCRE2_PARTIAL_HARD : 0);
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(m->data);

	while (from < stop) {
		int rc = pcre2_match(m->pattern->code, p, n, from, flags, m->data, m->pattern->limits);
		if (rc == PCRE2_ERROR_PARTIAL)
			return at[0];
		if (rc == PCRE2_ERROR_NOMATCH)
			break;
		if (rc < 0) { /* a limit was hit */
			if (++m->limits_hit >= LIMITS_HIT)
				return SIZE_MAX;
			from++;
			continue;
		}
		if (at[0] >= stop)
			break;
		if (at[1] > at[0])
			hits_add(h, va + at[0], 0, at[1] - at[0], 0);
		from = at[1] > from ? at[1] : from + 1;
	}
	return SIZE_MAX;
}

bool scan_pattern(struct search_match *m, const struct segment *s, struct hits *h)
{
	m->limits_hit = 0;
	size_t at = match_all(m, s->p, s->n, 0, s->n, s->va, s->more != NULL, h);
	if (at >= s->n)
		return m->limits_hit < LIMITS_HIT;
	size_t before = at < BEFORE ? at : BEFORE, n = before + s->n - at;
	memcpy(m->joined, s->p + at - before, n);
	size_t have = s->more(s->ctx, m->joined + n, SEARCH_PATTERN_MAX);
	match_all(m, m->joined, n + have, before, n, s->va + at - before, false, h);
	return m->limits_hit < LIMITS_HIT;
}

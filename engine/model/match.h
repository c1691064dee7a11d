/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * Patterns for search and filter: PCRE2 with smart case (a pattern without capitals ignores case),
 * UTF-8 where valid, and match limits against hostile input. A pattern that doesn't compile is an
 * error that shows where. Text that is there letter by letter matches too: "schedule+0x5a" finds itself.
 *
 * Thread: any; a compiled pattern is immutable (JIT, own match data a call) but for an atomic flag.
 */
#ifndef MODEL_MATCH_H
#define MODEL_MATCH_H

#include "engine/model/model.h"

struct pattern;

struct err *pattern_create(const char *regex, struct pattern **ret);
/* The same for what somebody types to find it: what is no pattern ("(exc") is searched for as it stands. */
struct err *pattern_create_typed(const char *text, struct pattern **ret);
void pattern_destroy(struct pattern *p);
/* Does it match in s? The first match at or after byte `from` goes to *start, *end (may be NULL). */
bool pattern_find(const struct pattern *p, const char *s, size_t n, size_t from, size_t *start,
		  size_t *end);
/* What is to be told when all has been looked at: the limits stopped a match somewhere. NULL: they didn't; or p is NULL. */
const char *pattern_trouble(const struct pattern *p);
/* Does any cell of the row, as people read it, match? shown: only columns whose bit is set; 0: all. */
bool pattern_row(const struct pattern *p, const struct table *t, const struct row *r, uint32_t shown);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of what numbers mean, as a user may write one: the built-in table, changed. */
#include "engine/kern/meaning/table.h"
#include "tests/fuzz/fuzz.h"

#define PIECE 6000u

static bool begin(struct corpus *c)
{
	size_t n;
	const char *text = meaning_builtin(&n);

	for (size_t at = 0; at < n; at += PIECE)
		corpus_add(c, text + at, n - at < PIECE ? n - at : PIECE);
	return c->n;
}

static void one(const uint8_t *p, size_t n)
{
	struct meaning_table *t = meaning_table_create();
	AUTO_BUF struct buf errors = {0};
	uint64_t v;

	meaning_table_parse(t, (const char *)p, n, "fuzz", &errors);
	meaning_table_parse(t, (const char *)p, n / 2, "fuzz", &errors);
	meaning_rule_of_member(t, "task_struct", "__state");
	meaning_rule_of_member(t, "super_block", "s_flags");
	meaning_rule_of_type(t, "gfp_t");
	meaning_number("BIT(3)", &v);
	meaning_table_destroy(t);
}

const struct fuzz_target fuzz_meanings = {
	.name = "meanings",
	.what = "tables of what numbers mean",
	.inputs = 800,
	.begin = begin,
	.one = one,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of meanings: its syntax, what is wrong with one, and text that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/alloc.h"
#include "engine/kern/meaning/kinds.h"

static struct meaning_table *parsed(const char *text, struct buf *errors)
{
	struct meaning_table *t = meaning_table_create();

	meaning_table_parse(t, text, strlen(text), "mine", errors);
	return t;
}

static void builtin_is_right(void **state)
{
	struct meaning_table *t = meaning_table_create();
	AUTO_BUF struct buf errors = {0};
	size_t n;
	const char *text = meaning_builtin(&n);

	(void)state;
	meaning_table_parse(t, text, n, "linux.meanings", &errors);
	assert_string_equal(buf_str(&errors), "");
	assert_non_null(meaning_rule_of_member(t, "task_struct", "flags"));
	assert_non_null(meaning_rule_of_type(t, "dentry"));
	meaning_table_destroy(t);
}

static void rules_are_found(void **state)
{
	AUTO_BUF struct buf errors = {0};
	struct meaning_table *t = parsed("member a.b c.d bits G # why\n"
					 "member *.e enum ONE\n"
					 "type t_t struct_t string name\n"
					 "bits G\n\tX 1\n\tY BIT(3) if member a.b unless size c.d 8\n",
					 &errors);
	const struct meaning_rule *r = meaning_rule_of_member(t, "c", "d");

	(void)state;
	assert_string_equal(buf_str(&errors), "");
	assert_non_null(r);
	assert_int_equal(r->what, RULE_GROUP);
	assert_string_equal(r->group->entries->name, "X");
	const struct meaning_cond *c = r->group->entries->next->conds;
	assert_true(c->unless && c->what == COND_SIZE && c->size == 8 && !c->next->unless);
	r = meaning_rule_of_member(t, "any", "e");
	assert_non_null(r);
	assert_string_equal(r->arg, "ONE");
	assert_null(meaning_rule_of_member(t, "a", "d"));
	assert_int_equal(meaning_rule_of_type(t, "t_t")->how, 's');
	meaning_table_destroy(t);
}

/* Of two texts the later one wins, rule by rule and bit by bit. */
static void later_wins(void **state)
{
	AUTO_BUF struct buf errors = {0};
	struct meaning_table *t = parsed("member a.b bits G\nbits G\n\tOLD 1\n\tKEPT 2\n", &errors);
	const char *mine = "bits G\n\tNEW 1\n";

	(void)state;
	meaning_table_parse(t, mine, strlen(mine), "mine", &errors);
	const struct meaning_entry *e = meaning_rule_of_member(t, "a", "b")->group->entries;
	assert_string_equal(e->name, "NEW");
	assert_string_equal(e->next->name, "OLD");
	assert_string_equal(e->next->next->name, "KEPT");
	assert_null(e->next->next->next);
	meaning_table_destroy(t);
}

static void mistakes_are_told_with_their_line(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"membre a.b enum X\n", "mine:1: 'membre' is none of member, variable, type, bits, values\n"},
		{"\n\nmember ab enum X\n", "mine:3: 'ab' is no STRUCT.MEMBER\n"},
		{"member a.b nonsense\n", "mine:1: there is no meaning 'nonsense'\n"},
		{"member a.b\n", "mine:1: needs what it is about, and its meaning\n"},
		{"\tX 1\n", "mine:1: an indented line belongs to 'bits' or 'values' before it\n"},
		{"bits G\n\tX\n", "mine:2: 'X' has no value\n"},
		{"bits G\n\tX 12z\n", "mine:2: '12z' is no number\n"},
		{"bits G\n\tX 1/y\n", "mine:2: 'y' is no number\n"},
		{"bits G\n\tX 1 when member a.b\n",
		 "mine:2: 'when' where 'if' or 'unless' was expected\n"},
		{"bits G\n\tX 1 if member\n", "mine:2: the condition isn't whole\n"},
		{"bits G\n\tX 1 if version 6\n", "mine:2: 'version' can't be a condition\n"},
		{"bits G\n\tfrom E things X_*\n", "mine:2: expected: from ENUMERATOR numbers|masks PATTERN\n"},
		{"member a.b bits NONE\n", "mine:1: there is no group 'NONE'\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO_BUF struct buf errors = {0}, text = {0};
		buf_printf(&text, "%sbits AFTER\n\tFINE 1\nmember after.all bits AFTER\n", cases[i].text);
		struct meaning_table *t = parsed(buf_str(&text), &errors);
		assert_string_equal(buf_str(&errors), cases[i].error);
		const struct meaning_rule *r = meaning_rule_of_member(t, "after", "all");
		assert_non_null(r); /* one line's mistake costs no other */
		assert_string_equal(r->group->entries->name, "FINE");
		meaning_table_destroy(t);
	}
}

/* The built-in table with bytes changed, cut and doubled: any answer but a crash. */
static void damaged_text(void **state)
{
	size_t n;
	const char *text = meaning_builtin(&n);
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 60; round++) {
		AUTO_BUF struct buf errors = {0};
		AUTO_FREE char *copy = xmalloc(n);
		memcpy(copy, text, n);
		for (int k = 0; k < 200; k++) {
			seed = hash_u64(seed + 1);
			copy[seed % n] = "\n\t #|/*.0(\0\xff"[seed >> 32 & 11];
		}
		struct meaning_table *t = meaning_table_create();
		meaning_table_parse(t, copy, n - seed % 1000, "damaged", &errors);
		assert_true(errors.len > 0);
		meaning_table_destroy(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(builtin_is_right),
		cmocka_unit_test(rules_are_found),
		cmocka_unit_test(later_wins),
		cmocka_unit_test(mistakes_are_told_with_their_line),
		cmocka_unit_test(damaged_text),
	};

	return cmocka_run_group_tests_name("kern_meaning", tests, NULL, NULL);
}

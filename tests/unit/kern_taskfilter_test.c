/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that the task filter language means what its header says: each word alone and turned
 * round, words together, states as alternatives, times in all units, and that a lost field matches
 * nothing. What isn't understood is an error that shows the word; no text, however strange, does
 * harm.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "engine/kern/task/taskfilter.h"

#define S UINT64_C(1000000000)

/* A hung dd, a kworker, a thread of a process that runs, and one whose name and times were lost. */
static const struct task tasks[] = {
	{.pid = 123,
	 .tgid = 123,
	 .ppid = 1,
	 .cpu = 0,
	 .letters = "UN",
	 .comm = "dd",
	 .since_ns = 12 * S},
	{.pid = 9,
	 .tgid = 9,
	 .ppid = 2,
	 .cpu = 1,
	 .letters = "ID",
	 .comm = "kworker/u4:0",
	 .since_ns = 200000,
	 .kthread = true},
	{.pid = 151,
	 .tgid = 150,
	 .ppid = 1,
	 .cpu = 1,
	 .letters = "RU",
	 .comm = "Worker 2",
	 .since_ns = 3 * S,
	 .active = true},
	{.pid = 160,
	 .tgid = 160,
	 .ppid = 1,
	 .cpu = 0,
	 .letters = "??",
	 .comm = "",
	 .faults = 1u << TF_COMM | 1u << TF_SINCE | 1u << TF_FLAGS | 1u << TF_STATE},
};
#define N (sizeof(tasks) / sizeof(tasks[0]))

/* Which tasks match, a bit each. */
static unsigned matches(const char *text)
{
	struct taskfilter *f;
	unsigned bits = 0;

	struct err *e = taskfilter_create(text, &f);
	if (e) {
		print_message("'%s': %s\n", text, err_text(e));
		err_free(e);
		return 0xff;
	}
	for (size_t i = 0; i < N; i++)
		bits |= (unsigned)taskfilter_match(f, &tasks[i]) << i;
	taskfilter_destroy(f);
	return bits;
}

static void words(void **state)
{
	static const struct {
		const char *text;
		unsigned want;
	} cases[] = {
		{"", 0xf},
		{"   ", 0xf},
		{"UN", 1},
		{"!UN", 0xe},
		{"UN RU", 5},
		{"!UN !RU", 0xa},
		{"UN ID !ID", 1},
		{">10s", 1},
		{">10", 1},
		{"<10s", 6},
		{"!>10s", 0xe},
		{">2999ms", 5},
		{">1h2m", 0},
		{"<1h2m", 7},
		{">0.1ms", 7},
		{">199us", 7},
		{"<1d", 7},
		{">11.5s", 1},
		{"<200001ns", 2},
		{"UN >10s", 1},
		{"UN <10s", 0},
		{"comm:work", 6},
		{"comm:Work", 4},
		{"comm:WORK", 0},
		{"worker", 6},
		{"comm:/^k/", 2},
		{"comm:/^worker 2$/", 4},
		{"comm:/^worker 2$/ cpu:0", 0},
		{"!comm:work", 9},
		{"!comm:/^worker 2$/", 0xb},
		{"pid:123", 1},
		{"123", 1},
		{"pid:100-155", 5},
		{"tgid:150", 4},
		{"ppid:1", 0xd},
		{"cpu:1", 6},
		{"!cpu:1", 9},
		{"kernel", 2},
		{"user", 5},
		{"!kernel", 0xd},
		{"active", 4},
		{"group", 0xb},
		{"!group", 4},
		{"!!UN", 1},
		{"user !active UN", 1},
		{"kernel UN", 0},
		{"??", 8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned got = matches(cases[i].text);
		if (got != cases[i].want)
			fail_msg("'%s' matches 0x%x, not 0x%x", cases[i].text, got, cases[i].want);
	}
}

static void errors_show_the_word(void **state)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
		{"UN >x", ">x"},
		{"pid:", "pid:"},
		{"pid:12-", "pid:12-"},
		{"pid:9-3", "pid:9-3"},
		{"cpu:a", "cpu:a"},
		{"!", "!"},
		{">", ">"},
		{"comm:", "comm:"},
		{"comm:/x", "comm:/x"},
		{"comm:/(/", "("},
		{">1y", ">1y"},
		{"pid:1x", "pid:1x"},
		{"pid:99999999999999999999", "pid:9999"},
		{">99999999999d", ">99999"},
	};
	struct taskfilter *f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err *e = taskfilter_create(cases[i].text, &f);
		if (!e)
			fail_msg("'%s' is taken", cases[i].text);
		assert_int_equal(err_code(e), ERR_USAGE);
		if (!strstr(err_text(e), cases[i].word))
			fail_msg("'%s' isn't shown in: %s", cases[i].word, err_text(e));
		err_free(e);
	}
}

/* All texts of up to three pieces. */
static void nothing_does_harm(void **state)
{
	static const char *const pieces[] = {
		"UN", "!", ">",	   "<",	     "1h", ".", "-",	       "comm:", "/", "pid:",
		"9",  " ", "\xff", "kernel", "??", ":", "99999999999", "(",	"m"};
	enum { P = sizeof(pieces) / sizeof(pieces[0]) };
	struct taskfilter *f;
	char text[64];
	size_t taken = 0;

	(void)state;
	for (size_t i = 0; i < P * P * P; i++) {
		snprintf(text, sizeof(text), "%s%s%s", pieces[i % P], pieces[i / P % P],
			 pieces[i / P / P]);
		struct err *e = taskfilter_create(text, &f);
		if (e) {
			assert_true(strlen(err_text(e)) > 10);
			err_free(e);
			continue;
		}
		taken++;
		taskfilter_match(f, &tasks[i % N]);
		taskfilter_destroy(f);
	}
	assert_in_range(taken, 500, P * P * P - 500);
}

static void completes_the_last_word(void **state)
{
	const char *got[64];

	(void)state;
	assert_int_equal(taskfilter_complete("UN ker", got, 64), 1);
	assert_string_equal(got[0], "kernel");
	assert_int_equal(taskfilter_complete("!us", got, 64), 1);
	assert_string_equal(got[0], "!user");
	assert_int_equal(taskfilter_complete("p", got, 64), 2);
	assert_int_equal(taskfilter_complete("p", got, 1), 1);
	assert_int_equal(taskfilter_complete("nothing-like-it", got, 64), 0);
	assert_true(taskfilter_complete("UN ", got, 64) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(errors_show_the_word),
		cmocka_unit_test(nothing_does_harm),
		cmocka_unit_test(completes_the_last_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

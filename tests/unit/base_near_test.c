/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "engine/base/near.h"

static const char *const names[] = {"schedule", "sched_tick", "jiffies", "jiffies_64", "init_task", "comm", "io"};

static void near(const char *word, const char *want)
{
	AUTO_BUF struct buf text = {0};

	near_names(word, names, sizeof(names) / sizeof(*names), &text);
	assert_string_equal(buf_str(&text), want);
}

static void slips(void **state)
{
	(void)state;
	near("shedule", " (near it: schedule)");
	near("jiffeis", " (near it: jiffies)"); /* two letters changed places */
	near("init_taskk", " (near it: init_task)");
	near("con", ""); /* of a short word two slips make another one */
	near("comn", " (near it: comm)");
	near("xyzzyx", "");
	near("", "");
	near("iq", "");
}

static void beginnings(void **state)
{
	char longer[200] = "schedule";

	(void)state;
	near("sche", " (near it: schedule, sched_tick)");
	for (size_t i = 8; i + 1 < sizeof(longer); i++)
		longer[i] = 'x';
	near(longer, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slips),
		cmocka_unit_test(beginnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

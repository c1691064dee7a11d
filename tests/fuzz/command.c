/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a user types: command lines and, in them, expressions, type names, task filters, patterns and
 * addresses; and their completion. Seeds are all examples of the registry, and expressions.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/run.h"

static struct shell *shell;

bool command_is_harmless(const char *line)
{
	return !strpbrk(line, "|>!`");
}

static bool begin(struct corpus *c)
{
	static const char *const more[] = {
		"p ((struct task_struct *)0xffffffff82000000)->comm[3]", "p &init_task.tasks.next->prev",
		"p sizeof(struct page) * 2 + (1 << 4) % 7", "p -x init_task.pid, init_task.tgid",
		"p container_of(&init_task.tasks, struct task_struct, tasks)", "p runqueues:a",
		"whatis int (*[4])(const char *, unsigned long)", "ps UN comm:dd -pid:1 since:>1s",
		"struct task_struct.comm,pid init_task", "rd -8 jiffies 16", "foreach UN bt -l",
	};
	size_t n;
	const struct cmd *const *all = cmd_all(&n);

	shell = open_lab_dump();
	for (size_t i = 0; shell && i < n; i++)
		for (const struct cmd_example *e = all[i]->examples; e && e->line; e++)
			if (command_is_harmless(e->line))
				corpus_add(c, e->line, strlen(e->line));
	for (size_t i = 0; shell && i < sizeof(more) / sizeof(more[0]); i++)
		corpus_add(c, more[i], strlen(more[i]));
	return c->n;
}

static void one(const uint8_t *p, size_t n)
{
	AUTO_FREE char *line = xstrndup((const char *)p, n);
	struct completions found;

	if (!command_is_harmless(line))
		return;
	run_command(shell, line, n & 1);
	shell_complete(shell, NULL, line, strlen(line), &found);
	completions_free(&found);
}

const struct fuzz_target fuzz_command = {
	.name = "command",
	.what = "command lines and expressions",
	.inputs = 1200,
	.begin = begin,
	.one = one,
};

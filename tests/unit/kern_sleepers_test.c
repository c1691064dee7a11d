/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves, on all of the lab's dumps, that the search for where a task sleeps finds just the stack
 * pointer that its task_struct has: every task is searched as if that were lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <glob.h>
#include <limits.h>
#include "engine/base/alloc.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/task/tasksearch.h"

struct figures {
	size_t tasks, found, wrong;
};

static void search_all(struct session *s, const char *path, struct figures *f)
{
	const struct modules *modules;
	const struct tasks *tasks;
	uint64_t sp;

	err_free(modules_load(s, NULL, &modules));
	assert_null(tasks_load(s, NULL, &tasks));
	for (size_t i = 0; i < tasks_count(tasks); i++) {
		const struct task *t = tasks_at(tasks, i);
		struct stack st;
		if (t->active || t->faults || !t->sp)
			continue;
		task_stack(s, t, 256, &st);
		bool whole = st.n > 1 && !st.ended;
		stack_free(&st);
		if (!whole) /* a zombie, or never run */
			continue;
		f->tasks++;
		if (!task_search_sp(s, t, &sp))
			continue;
		f->found++;
		if (sp == t->sp)
			continue;
		f->wrong++;
		print_message("%s: pid %d %s: at 0x%llx, found 0x%llx\n", path, t->pid, t->comm,
			      (unsigned long long)t->sp, (unsigned long long)sp);
	}
}

static void sleepers_are_found(void **state)
{
	const char *lab = getenv("VMBROWSE_LAB");
	struct figures f = {0};
	glob_t g;

	(void)state;
	char pattern[PATH_MAX]; /* skip() jumps away: nothing would be freed */
	snprintf(pattern, sizeof(pattern), "%s/dumps/*/*/vmcore.zstd.d1", lab ? lab : "");
	if (!lab || glob(pattern, 0, NULL, &g))
		skip();
	for (size_t i = 0; i < g.gl_pathc; i++) {
		char kernel[32] = "";
		struct session_options opt = {.no_cache = true};
		struct session *s;
		sscanf(g.gl_pathv[i] + strlen(lab), "/dumps/%31[^/]", kernel);
		AUTO_FREE char *vmlinux = xasprintf("%s/kernels/%s/vmlinux", lab, kernel);
		const char *files[] = {vmlinux, g.gl_pathv[i]};
		if (strstr(files[1], "many10k") || access(vmlinux, R_OK))
			continue;
		assert_null(session_open(&opt, files, 2, NULL, &s));
		search_all(s, files[1], &f);
		session_close(s);
	}
	globfree(&g);
	print_message("# %zu tasks that sleep, %zu found by their stacks, %zu of them wrong\n",
		      f.tasks, f.found, f.wrong);
	assert_int_equal(f.wrong, 0);
	assert_int_equal(f.found, f.tasks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleepers_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

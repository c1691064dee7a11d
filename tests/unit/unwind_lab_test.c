/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves, on the lab's dumps, that stacks are the kernel's own: before its panic the guest has
 * saved what /proc/PID/stack said of every task, and each such return address must be found, in
 * order. (The kernel leaves out its scheduler's functions there, and kernel threads may have moved
 * on in between.) Then that the hung dd's variables are right: the mount that it wants to write to
 * and the frozen super block that it waits for belong together, and its user registers are those of
 * open(2).
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
#include "engine/base/alloc.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/task/tasks.h"
#include "engine/type/value.h"
#include "engine/unwind/vars.h"

static const char *const kernels[] = {"6.1", "6.12", "7.2"};

/* A session on the fsfreeze dump of a kernel; NULL: the lab hasn't made it. */
static struct session *open_lab(const char *kernel, char **truth)
{
	const char *lab = getenv("VMBROWSE_LAB");
	struct session *s = NULL;
	struct session_options opt = {.no_cache = true};

	if (!lab)
		return NULL;
	AUTO_FREE char *vmlinux = xasprintf("%s/kernels/%s/vmlinux", lab, kernel);
	/* Level 1 keeps all stacks; some filters drop pages of the newest kernels that they must
	 * keep. */
	AUTO_FREE char *core = xasprintf("%s/dumps/%s/fsfreeze/vmcore.zstd.d1", lab, kernel);
	const char *files[] = {vmlinux, core};
	if (access(vmlinux, R_OK) || access(core, R_OK))
		return NULL;
	*truth = xasprintf("%s/dumps/%s/fsfreeze/truth", lab, kernel);
	assert_null(session_open(&opt, files, 2, NULL, &s));
	return s;
}

static bool in_scheduler(struct session *s, uint64_t pc)
{
	uint64_t lo, hi;

	return err_ok(kern_symbol(s, "__sched_text_start", &lo)) &&
	       err_ok(kern_symbol(s, "__sched_text_end", &hi)) && pc > lo && pc <= hi;
}

/* Is "name+0x12/0x40" the address pc? Names of aliases and of several static functions count. */
static bool names_pc(struct session *s, const char *name, uint64_t off, uint64_t pc)
{
	struct sym sym;

	for (size_t i = 0; sym_find_nth(s->symtab, name, i, &sym); i++)
		if (sym.addr + off == pc)
			return true;
	return false;
}

/* Compares a stack with the guest's text; false: they differ. */
static bool same(struct session *s, const struct stack *st, FILE *f)
{
	char line[256], name[128];
	unsigned long long off;
	size_t i = 0;

	while (fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "] ");

		if (!at || sscanf(at, "] %127[^+]+0x%llx", name, &off) != 2)
			continue;
		while (i < st->n && in_scheduler(s, st->frames[i].pc))
			i++;
		if (i == st->n || !names_pc(s, name, off, st->frames[i].pc))
			return false;
		i++;
	}
	while (i < st->n && (st->frames[i].user || in_scheduler(s, st->frames[i].pc)))
		i++;
	return i == st->n;
}

static void stacks_are_the_kernels_own(void **state)
{
	bool any = false;

	(void)state;
	for (size_t k = 0; k < sizeof(kernels) / sizeof(kernels[0]); k++) {
		AUTO_FREE char *truth = NULL;
		struct session *s = open_lab(kernels[k], &truth);
		const struct tasks *tasks;
		const struct modules *modules;
		size_t compared = 0, equal = 0;

		if (!s)
			continue;
		any = true;
		assert_null(modules_load(s, NULL, &modules));
		assert_null(tasks_load(s, NULL, &tasks));
		for (size_t i = 0; i < tasks_count(tasks); i++) {
			const struct task *t = tasks_at(tasks, i);
			AUTO_FREE char *path =
				xasprintf("%s/proc/%d/task/%d/stack", truth, t->tgid, t->pid);
			FILE *f = t->active ? NULL : fopen(path, "r");
			struct stack st;

			if (!f)
				continue;
			task_stack(s, t, 256, &st);
			compared++;
			if (same(s, &st, f))
				equal++;
			else if (!t->kthread)
				print_message("%s: %d %s differs (%zu frames; %s)\n", kernels[k],
					      t->pid, t->comm, st.n, st.ended ? st.ended : "whole");
			stack_free(&st);
			fclose(f);
		}
		print_message("%s: %zu of %zu stacks are equal\n", kernels[k], equal, compared);
		assert_in_range(compared, 50, 100000);
		assert_in_range(equal, compared - compared / 20, compared);
		session_close(s);
	}
	if (!any)
		skip();
}

static const struct task *find_dd(const struct tasks *tasks)
{
	for (size_t i = 0; i < tasks_count(tasks); i++)
		if (!strcmp(tasks_at(tasks, i)->comm, "dd"))
			return tasks_at(tasks, i);
	return NULL;
}

/* The value of a pointer variable of a function (maybe inlined) on the stack; 0: not found. */
static uint64_t pointer_variable(struct session *s, const struct stack *st, const char *function,
				 const char *name)
{
	uint64_t ret = 0;

	for (size_t i = 0; i < st->n; i++) {
		const struct frame *f = &st->frames[i];
		const struct line_scope *scopes;
		size_t nscopes, n;

		if (!f->object ||
		    !err_ok(lines_at(s->lines, f->object, f->exact ? f->pc : f->pc - 1, &scopes,
				     &nscopes)))
			continue;
		for (size_t level = 0; level < nscopes; level++) {
			struct var *v;

			if (strcmp(scopes[level].function, function))
				continue;
			const struct frame_scope at = {s->unwinder, s->lines, s->types, st, i, level};
			assert_null(frame_vars(&at, true, &v, &n));
			for (size_t k = 0; k < n; k++)
				if (!strcmp(v[k].name, name) && v[k].state == VAR_VALUE &&
				    v[k].size == 8)
					memcpy(&ret, v[k].bytes, 8);
			free(v);
		}
	}
	return ret;
}

static void check_dd(struct session *s)
{
	const struct tasks *tasks;
	const struct type *vfsmount;
	struct type_place mnt_sb;
	struct stack st;
	uint64_t m, sb, of_m;

	assert_null(tasks_load(s, NULL, &tasks));
	assert_non_null(find_dd(tasks));
	task_stack(s, find_dd(tasks), 256, &st);
	assert_null(st.ended);
	assert_in_range(st.n, 8, 30);
	assert_true(st.frames[st.n - 1].user);
	assert_int_equal(st.frames[st.n - 1].regs.v[5], 0xffffff9c); /* rdi: AT_FDCWD */

	m = pointer_variable(s, &st, "mnt_want_write", "m");
	sb = pointer_variable(s, &st, "sb_start_write", "sb");
	assert_int_not_equal(m, 0);
	assert_int_not_equal(sb, 0);
	assert_null(type_find(s->types, "struct vfsmount", NULL, &vfsmount));
	assert_null(type_member(vfsmount, "mnt_sb", &mnt_sb));
	assert_null(mem_u64(s->mem, KERNEL, m + mnt_sb.offset, &of_m));
	assert_int_equal(of_m, sb);
	stack_free(&st);
}

static void variables_of_the_hung_task(void **state)
{
	bool any = false;

	(void)state;
	for (size_t k = 0; k < sizeof(kernels) / sizeof(kernels[0]); k++) {
		AUTO_FREE char *truth = NULL;
		struct session *s = open_lab(kernels[k], &truth);

		if (!s)
			continue;
		any = true;
		check_dd(s);
		session_close(s);
	}
	if (!any)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stacks_are_the_kernels_own),
		cmocka_unit_test(variables_of_the_hung_task),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves, on the hung dd's own stack, that one damaged word spoils no more than it must: every word is
 * damaged in turn, in several ways, in a copy of the lab's ELF dump. Each walk ends, with a reason where
 * it isn't at user space; the frames that lie below the damage are those of the whole stack; and what
 * is found besides lies in the stack.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include "engine/base/alloc.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/stack/stackscan.h"

#define FRAMES 256

static char copy[] = "/tmp/vmbrowse-damage-XXXXXX";

static bool copy_dump(const char *path)
{
	static uint8_t part[1 << 20];
	int from = open(path, O_RDONLY), to = from >= 0 ? mkstemp(copy) : -1;
	ssize_t n = 0;

	while (to >= 0 && (n = read(from, part, sizeof(part))) > 0)
		if (write(to, part, (size_t)n) != n)
			break;
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return to >= 0 && !n;
}

/* Where the file has a physical address. */
static off_t file_offset(int fd, uint64_t pa)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	assert_int_equal(pread(fd, &eh, sizeof(eh), 0), sizeof(eh));
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		off_t at = (off_t)(eh.e_phoff + i * sizeof(ph));
		assert_int_equal(pread(fd, &ph, sizeof(ph), at), sizeof(ph));
		if (ph.p_type == PT_LOAD && pa >= ph.p_paddr && pa - ph.p_paddr < ph.p_filesz)
			return (off_t)(ph.p_offset + (pa - ph.p_paddr));
	}
	fail();
	return 0;
}

/* The same walk over the file as it is now: nothing that was read before counts. */
static void walk_file(struct session *s, const struct regs *regs, struct stack *st)
{
	const char *name = copy;
	struct dump *d;

	assert_null(dump_open(&name, 1, NULL, &d));
	struct mem *m = mem_create(d, s->arch, NULL, NULL);
	struct unwinder *u = unwinder_create(m, s->symtab);
	unwinder_add_object(u, s->vmlinux);
	unwinder_set_types(u, s->types);
	unwind(u, regs, false, FRAMES, st);
	unwinder_destroy(u);
	mem_destroy(m);
	dump_close(d);
}

/* word: the address of the damaged one. */
static void check(const struct task *t, uint64_t size, const struct stack *whole,
		  const struct stack *st, uint64_t word)
{
	assert_true(st->n && st->n < FRAMES);
	assert_true(st->ended || st->frames[st->n - 1].user);
	for (size_t i = 0; !whole->frames[i].user && whole->frames[i].sp <= word; i++) {
		assert_true(i < st->n);
		assert_int_equal(st->frames[i].pc, whole->frames[i].pc);
		assert_int_equal(st->frames[i].sp, whole->frames[i].sp);
	}
	for (size_t i = 0; i < st->n; i++)
		assert_true(st->frames[i].pt_regs || st->frames[i].pc != t->sp); /* no code */
	for (size_t i = 0; i < st->n; i++)
		assert_true(st->ended || st->frames[i].user ||
			    (st->frames[i].sp >= t->stack && st->frames[i].sp <= t->stack + size));
}

static const struct task *hung_task(const struct tasks *tasks)
{
	for (size_t i = 0; i < tasks_count(tasks); i++)
		if (!strcmp(tasks_at(tasks, i)->comm, "dd"))
			return tasks_at(tasks, i);
	fail();
	return NULL;
}

static size_t damage_all(struct session *s, const struct task *t, int fd)
{
	const uint64_t size = task_stack_size(s);
	struct stack whole, st;
	struct regs regs;
	size_t walks = 0;
	bool exact;

	assert_null(task_regs(s, t, &regs, &exact));
	walk_file(s, &regs, &whole);
	assert_true(whole.n > 10 && !whole.ended && whole.frames[whole.n - 1].user);
	/* nothing, no address, code, this stack, a word of another frame */
	const uint64_t evil[] = {0, UINT64_MAX, whole.frames[2].pc, t->sp, whole.frames[5].sp + 1};
	for (uint64_t at = regs.v[s->arch->reg_sp]; at < t->stack + size; at += 8) {
		uint64_t pa, good;
		assert_int_equal(mem_state_at(s->mem, KERNEL, at, &pa), MEM_PRESENT);
		off_t where = file_offset(fd, pa);
		assert_int_equal(pread(fd, &good, 8, where), 8);
		for (size_t e = 0; e < sizeof(evil) / sizeof(evil[0]); e++, walks++) {
			assert_int_equal(pwrite(fd, &evil[e], 8, where), 8);
			walk_file(s, &regs, &st);
			check(t, size, &whole, &st, at);
			stack_free(&st);
		}
		assert_int_equal(pwrite(fd, &good, 8, where), 8);
	}
	stack_free(&whole);
	return walks;
}

static void every_word_of_a_stack(void **state)
{
	const char *lab = getenv("VMBROWSE_LAB");
	struct session_options opt = {.no_cache = true};
	const struct modules *modules;
	const struct tasks *tasks;
	struct session *s;

	(void)state;
	char core[PATH_MAX], vmlinux[PATH_MAX]; /* skip() jumps away: nothing would be freed */
	snprintf(core, sizeof(core), "%s/dumps/6.1/fsfreeze/vmcore.elf", lab ? lab : "");
	snprintf(vmlinux, sizeof(vmlinux), "%s/kernels/6.1/vmlinux", lab ? lab : "");
	if (!lab || access(core, R_OK) || access(vmlinux, R_OK) || !copy_dump(core))
		skip();
	int fd = open(copy, O_RDWR);
	const char *files[] = {vmlinux, copy};
	assert_null(session_open(&opt, files, 2, NULL, &s));
	assert_null(modules_load(s, NULL, &modules));
	assert_null(tasks_load(s, NULL, &tasks));
	size_t walks = damage_all(s, hung_task(tasks), fd);
	print_message("# %zu walks over a damaged stack\n", walks);
	close(fd);
	unlink(copy);
	session_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_of_a_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves on the lab's real dumps ($VMBROWSE_LAB) that a session opens with all its parts, that the
 * ways to find tasks agree where nothing is missing, and that each carries the others: with the PID
 * tree, init_task or the run queues made unreadable in a copy, and with half of the file cut off,
 * the tasks that are left are the same as before, and at least as many as their pages allow. A
 * vmlinux of another kernel is a warning, and the log still comes. Without BTF, the wait for DWARF's
 * names can be watched and cancelled.
 *
 * What the tasks, mounts and modules should be is compared with the guest's truth in tests/truth.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/kern/log/log.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/fs/mounts.h"
#include "engine/kern/task/tasks.h"
#include "engine/sym/dwarfindex.h"

static const char *lab(void)
{
	const char *dir = getenv("VMBROWSE_LAB");

	if (!dir)
		skip();
	return dir;
}

static struct session *open_files(const char *vmlinux, const char *dump)
{
	const struct session_options o = {.no_cache = true};
	const char *const files[] = {dump, vmlinux};
	struct session *s = NULL;

	struct err *e = session_open(&o, files, 2, NULL, &s);
	if (e)
		fail_msg("%s: %s", dump, err_text(e));
	return s;
}

static const struct tasks *load(struct session *s)
{
	const struct tasks *ts = NULL;

	struct err *e = tasks_load(s, NULL, &ts);
	if (e)
		fail_msg("%s", err_text(e));
	return ts;
}

static struct err *count_record(void *ctx, const struct log_record *r)
{
	size_t *n = ctx;

	*n += r->n > 0;
	return NULL;
}

static struct err *count_mount(void *ctx, const struct mount_info *m)
{
	size_t *n = ctx;

	assert_string_not_equal(m->type, "");
	assert_int_equal(m->dir[0], '/');
	++*n;
	return NULL;
}

static size_t log_records(struct session *s)
{
	size_t n = 0;
	uint64_t lost = 0;

	assert_null(log_each(s, NULL, count_record, &n, &lost));
	assert_int_equal(lost, 0);
	return n;
}

/* Everything is there and agrees. */
static void check_whole(const char *vmlinux, const char *dump)
{
	struct session *s = open_files(vmlinux, dump);
	const struct modules *ms;
	const struct tasks *ts = load(s);
	size_t mounts = 0, active = 0;

	assert_true(s->matches);
	assert_null(tasks_problem(ts, 0));
	for (size_t i = 0; i < tasks_count(ts); i++) {
		const struct task *t = tasks_at(ts, i);
		assert_int_equal(t->faults | t->absent, 0);
		assert_string_not_equal(t->letters, "??");
		active += t->active;
		assert_ptr_equal(task_by_addr(ts, t->addr), t);
	}
	assert_int_equal(active, s->ncpus);
	assert_string_equal(task_by_pid(ts, 1)->comm, "init");
	assert_string_equal(task_by_pid(ts, 2)->comm, "kthreadd");
	assert_true(log_records(s) > 300);
	assert_null(mounts_each(s, 0, NULL, count_mount, &mounts));
	assert_true(mounts >= 5);
	assert_null(modules_load(s, NULL, &ms));
	assert_true(modules_count(ms) >= 3);
	for (size_t i = 0; i < modules_count(ms); i++) {
		assert_string_equal(modules_at(ms, i)->problem, "");
		assert_true(modules_at(ms, i)->nsyms > 10);
	}
	if (!strstr(dump, "qemu")) {
		assert_non_null(task_panicking(ts));
		assert_memory_equal(session_panic_text(s), "Kernel panic - not syncing: ", 28);
	}
	session_close(s);
}

/* ".../dumps/6.1/fsfreeze/vmcore.lzo" -> ".../kernels/6.1/vmlinux" */
static char *vmlinux_of(const char *dump)
{
	const char *kernel = strstr(dump, "/dumps/");
	size_t n = strcspn(kernel + 7, "/");

	return xasprintf("%.*s/kernels/%.*s/vmlinux", (int)(kernel - dump), dump, (int)n,
			 kernel + 7);
}

static void whole_dumps(void **state)
{
	static const char *const patterns[] = {"*/fsfreeze/vmcore.zstd.d1",
					       "*/sysrq/vmcore.zstd.d1", "6.1/fsfreeze/vmcore.lzo",
					       "*/qemu/vmcore.qemu.elf", "*/la57/vmcore.zstd.d1"};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		AUTO_FREE char *pattern = xasprintf("%s/dumps/%s", lab(), patterns[i]);
		glob_t g;
		if (glob(pattern, 0, NULL, &g))
			continue;
		for (size_t k = 0; k < g.gl_pathc; k++, n++) {
			AUTO_FREE char *vmlinux = vmlinux_of(g.gl_pathv[k]);
			print_message("%s\n", g.gl_pathv[k]);
			check_whole(vmlinux, g.gl_pathv[k]);
		}
		globfree(&g);
	}
	if (!n)
		skip();
}

/* ---- types of DWARF alone ---- */

static char no_btf[] = "/tmp/vmbrowse-nobtf-XXXXXX";

static void copy_range(int from, int to, off_t at, size_t n)
{
	static char piece[1 << 16];

	while (n) {
		ssize_t got = pread(from, piece, n < sizeof(piece) ? n : sizeof(piece), at);
		assert_true(got > 0 && pwrite(to, piece, (size_t)got, at) == got);
		at += got;
		n -= (size_t)got;
	}
}

/* What the test needs of a section: DWARF's units, symbols, names, notes. */
static bool is_needed(const char *name)
{
	static const char *const needed[] = {".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str", ".symtab",
					     ".strtab", ".shstrtab", ".notes"};

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (!strcmp(name, needed[i]))
			return true;
	return false;
}

/* A vmlinux without BTF. Most of it are holes: a third of it is needed. */
static void make_without_btf(void)
{
	AUTO_FREE char *vmlinux = xasprintf("%s/kernels/6.1/vmlinux", lab());
	int from = open(vmlinux, O_RDONLY), to = mkstemp(no_btf);
	Elf64_Ehdr eh;

	if (from < 0)
		skip();
	assert_int_equal(pread(from, &eh, sizeof(eh), 0), sizeof(eh));
	AUTO_FREE Elf64_Shdr *sh = xcalloc(eh.e_shnum, sizeof(*sh));
	assert_int_equal(pread(from, sh, eh.e_shnum * sizeof(*sh), (off_t)eh.e_shoff), eh.e_shnum * sizeof(*sh));
	AUTO_FREE char *names = xcalloc(sh[eh.e_shstrndx].sh_size + 1, 1);
	assert_true(pread(from, names, sh[eh.e_shstrndx].sh_size, (off_t)sh[eh.e_shstrndx].sh_offset) > 0);
	copy_range(from, to, 0, sizeof(eh) + eh.e_phnum * sizeof(Elf64_Phdr));
	copy_range(from, to, (off_t)eh.e_shoff, eh.e_shnum * sizeof(*sh));
	for (size_t i = 0; i < eh.e_shnum; i++) {
		if (sh[i].sh_type != SHT_NOBITS && is_needed(names + sh[i].sh_name))
			copy_range(from, to, (off_t)sh[i].sh_offset, sh[i].sh_size);
	}
	for (size_t i = 0; i < eh.e_shnum; i++)
		if (!strcmp(names + sh[i].sh_name, ".BTF"))
			assert_int_equal(pwrite(to, "", 1, (off_t)(sh[eh.e_shstrndx].sh_offset + sh[i].sh_name + 1)), 1);
	close(from);
	close(to);
}

/* What waits for the index of DWARF's names can be cancelled, and says what it does. */
static void without_btf(void **state)
{
	AUTO_FREE char *dump = xasprintf("%s/dumps/6.1/fsfreeze/vmcore.lzo", lab());
	struct job *cancelled = job_create("cancelled"), *job = job_create("watched");
	const struct tasks *ts;
	struct job_progress p;

	(void)state;
	make_without_btf();
	struct session *s = open_files(no_btf, dump);
	assert_string_equal(types_source(s->types), "DWARF");
	job_cancel(cancelled);
	struct err *e = tasks_load(s, cancelled, &ts);
	assert_int_equal(err_code(e), ERR_CANCELLED);
	err_free(e);
	assert_false(dwarfindex_ready(s->index));
	assert_null(tasks_load(s, job, &ts));
	assert_true(dwarfindex_ready(s->index));
	job_progress(job, &p);
	assert_true(p.total > 1000 && p.done >= p.total); /* units */
	assert_string_equal(task_by_pid(ts, 1)->comm, "init");
	session_close(s);
	job_unref(cancelled);
	job_unref(job);
	unlink(no_btf);
}

/* ---- damage ---- */

#define DUMP "dumps/6.1/fsfreeze/vmcore.zlib"
#define VMLINUX "kernels/6.1/vmlinux"

struct copy {
	char path[32], *vmlinux;
	int fd;
	off_t size;
};

static void copy_dump(struct copy *c)
{
	AUTO_FREE char *from = xasprintf("%s/%s", lab(), DUMP);
	char buf[65536];
	ssize_t n;

	c->vmlinux = xasprintf("%s/%s", lab(), VMLINUX);
	int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0 || access(c->vmlinux, R_OK))
		skip();
	snprintf(c->path, sizeof(c->path), "/tmp/vmbrowse-lab-XXXXXX");
	c->fd = mkstemp(c->path);
	for (c->size = 0; (n = read(in, buf, sizeof(buf))) > 0; c->size += n)
		assert_int_equal(write(c->fd, buf, (size_t)n), n);
	close(in);
}

static void drop_copy(struct copy *c)
{
	close(c->fd);
	unlink(c->path);
	free(c->vmlinux);
}

static uint32_t u32_at(const struct copy *c, off_t at)
{
	uint32_t v;

	assert_int_equal(pread(c->fd, &v, sizeof(v), at), sizeof(v));
	return v;
}

/* Takes a page's descriptor out of the copy (makedumpfile's IMPLEMENTATION): then it is lost. */
static void lose_page(const struct copy *c, uint64_t pa)
{
	uint32_t block = u32_at(c, 428), sub = u32_at(c, 432), bitmap = u32_at(c, 436);
	off_t second = (off_t)(1 + sub) * block + (off_t)bitmap * block / 2;
	static uint8_t bits[1 << 20];
	static const uint8_t none[24];
	uint64_t pfn = pa / 4096, rank = 0;

	assert_true(pread(c->fd, bits, sizeof(bits), second) > (ssize_t)(pfn / 8));
	assert_true(bits[pfn / 8] >> pfn % 8 & 1);
	for (uint64_t i = 0; i < pfn; i++)
		rank += bits[i / 8] >> i % 8 & 1;
	assert_int_equal(pwrite(c->fd, none, sizeof(none),
				(off_t)(1 + sub + bitmap) * block + (off_t)(rank * 24)),
			 24);
}

static void lose(const struct copy *c, struct session *whole, uint64_t va)
{
	uint64_t pa;

	assert_true(mem_readable(mem_state_at(whole->mem, KERNEL, va, &pa)));
	lose_page(c, pa);
}

/* The PID tree's root node, or whatever lies at its head. */
static uint64_t tree_root(struct session *s)
{
	struct kern_member head = {.names = "idr.idr_rt.xa_head"};
	uint64_t ns, v = 0;

	assert_int_equal(kern_members(s, "struct pid_namespace", &head, 1), 1);
	assert_null(kern_symbol(s, "init_pid_ns", &ns));
	assert_null(kern_read(s, ns, &head, &v));
	return v & ~UINT64_C(3);
}

/* What is told of a task in the damaged copy is what the whole dump tells, if it tells it. */
static void same_tasks(struct session *whole, const struct copy *c, size_t at_least)
{
	struct session *s = open_files(c->vmlinux, c->path);
	const struct tasks *all = load(whole), *some = load(s);
	size_t known = 0;

	for (size_t i = 0; i < tasks_count(some); i++) {
		const struct task *t = tasks_at(some, i), *want = task_by_addr(all, t->addr);
		assert_non_null(want);
		known++;
		if (!(t->faults >> TF_PID & 1))
			assert_int_equal(t->pid, want->pid);
		if (!(t->faults >> TF_STATE & 1))
			assert_string_equal(t->letters, want->letters);
		if (!(t->faults >> TF_COMM & 1))
			assert_string_equal(t->comm, want->comm);
		if (!((t->faults | t->absent) >> TF_SINCE & 1))
			assert_int_equal(t->since_ns, want->since_ns);
	}
	print_message("%zu of %zu tasks\n", known, tasks_count(all));
	if (known < at_least)
		fail_msg("%zu tasks, not %zu", known, at_least);
	session_close(s);
}

static void each_source_carries_the_others(void **state)
{
	struct copy c;
	uint64_t va;

	(void)state;
	copy_dump(&c);
	struct session *whole = open_files(c.vmlinux, c.path);
	size_t n = tasks_count(load(whole));
	assert_true(n > 80);
	lose(&c, whole, tree_root(whole));
	same_tasks(whole, &c, n);
	for (unsigned cpu = 0; cpu < whole->ncpus; cpu++) {
		assert_null(kern_percpu(whole, "runqueues", cpu, &va));
		lose(&c, whole, va);
	}
	/* Idle tasks are nowhere else, but for init_task. */
	same_tasks(whole, &c, n - whole->ncpus + 1);
	assert_null(kern_symbol(whole, "init_task", &va));
	lose(&c, whole, va);
	lose(&c, whole, va + 4096);
	same_tasks(whole, &c, n - whole->ncpus);
	/* and one task, to which init_task's neighbours led */
	lose(&c, whole, task_by_pid(load(whole), 1)->addr);
	same_tasks(whole, &c, n - whole->ncpus);
	session_close(whole);
	drop_copy(&c);
}

static void a_file_that_was_cut(void **state)
{
	struct copy c;

	(void)state;
	copy_dump(&c);
	/* The whole one is opened by another name, so that the cut doesn't reach it. */
	AUTO_FREE char *original = xasprintf("%s/%s", lab(), DUMP);
	struct session *whole = open_files(c.vmlinux, original);
	for (int percent = 90; percent >= 30; percent -= 20) {
		assert_int_equal(ftruncate(c.fd, c.size / 100 * percent), 0);
		same_tasks(whole, &c, 1);
	}
	session_close(whole);
	drop_copy(&c);
}

static void another_builds_vmlinux(void **state)
{
	AUTO_FREE char *other = xasprintf("%s/kernels/6.12/vmlinux", lab());
	AUTO_FREE char *right = xasprintf("%s/%s", lab(), VMLINUX);
	AUTO_FREE char *dump = xasprintf("%s/%s", lab(), DUMP);
	const struct tasks *ts, *right_ts;

	(void)state;
	if (access(other, R_OK) || access(dump, R_OK))
		skip();
	struct session *s = open_files(other, dump), *good = open_files(right, dump);
	assert_false(s->matches);
	assert_true(good->matches);
	assert_null(session_warning(good, 0));
	assert_non_null(session_warning(s, 0));
	assert_non_null(strstr(session_warning(s, 0), "dump: 6.1."));
	assert_non_null(strstr(session_warning(s, 0), "vmlinux: 6.12."));
	assert_int_equal(log_records(s), log_records(good));
	assert_string_equal(session_panic_text(s), session_panic_text(good));
	/* the dump's own symbols and types do */
	assert_null(tasks_load(s, NULL, &ts));
	assert_null(tasks_load(good, NULL, &right_ts));
	assert_int_equal(tasks_count(ts), tasks_count(right_ts));
	session_close(s);
	session_close(good);
}

static void files_that_are_none(void **state)
{
	const struct session_options o = {.no_cache = true};
	const char *const cases[][2] = {{"/dev/null", NULL},
					{"/", NULL},
					{"Makefile", NULL},
					{"/no/such/file", NULL},
					{"Makefile", "/no/such/file"}};
	struct session *s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err *e = session_open(&o, cases[i], cases[i][1] ? 2 : 1, NULL, &s);
		assert_non_null(e);
		assert_non_null(strstr(err_text(e), cases[i][0]));
		err_free(e);
	}
	struct err *e = session_open(&o, NULL, 0, NULL, &s);
	assert_non_null(e);
	assert_int_equal(err_code(e), ERR_USAGE);
	err_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_are_none),
		cmocka_unit_test(whole_dumps),
		cmocka_unit_test(without_btf),
		cmocka_unit_test(each_source_carries_the_others),
		cmocka_unit_test(a_file_that_was_cut),
		cmocka_unit_test(another_builds_vmlinux),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

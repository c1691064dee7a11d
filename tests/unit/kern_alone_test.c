/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump of the lab opened alone, against the same one with its vmlinux: the BTF out of memory is the
 * file's, byte by byte; every symbol of kallsyms is one of .symtab, and addresses get the same names.
 * Then vmlinux is loaded into the open session, while other threads go on asking: stacks, types and
 * symbols stay what they were, and lines are there. A wrong vmlinux, or a second one, changes nothing.
 * What was read is kept for the next time, and comes back the same; a damaged copy does no harm. And
 * the sentence that tells where to get debug info, and the places where it is looked for. Fetching it from a
 * server that stalls can be cancelled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/kern/open/debuginfod.h"
#include "engine/kern/open/debugpkg.h"
#include "engine/kern/impl.h"
#include "engine/kern/task/tasks.h"

static const char *const kernels[] = {"6.1", "6.12", "7.2"};
#define KERNELS (sizeof(kernels) / sizeof(kernels[0]))

struct files {
	char *vmlinux, *dump;
};

static bool find_files(const char *kernel, struct files *f)
{
	const char *lab = getenv("VMBROWSE_LAB");

	f->vmlinux = xasprintf("%s/kernels/%s/vmlinux", lab ? lab : "", kernel);
	f->dump = xasprintf("%s/dumps/%s/fsfreeze/vmcore.lzo", lab ? lab : "", kernel);
	return lab && !access(f->vmlinux, R_OK) && !access(f->dump, R_OK);
}

static void free_files(struct files *f)
{
	free(f->vmlinux);
	free(f->dump);
}

static struct session *open_as(const struct files *f, bool with, bool no_cache)
{
	const char *const files[] = {f->dump, f->vmlinux};
	const struct session_options o = {.no_cache = no_cache};
	struct session *s;

	assert_null(session_open(&o, files, with ? 2 : 1, NULL, &s));
	assert_int_equal(s->matches, with);
	return s;
}

static struct session *open_both(const struct files *f, bool with)
{
	return open_as(f, with, true);
}

static void same_btf(struct session *alone, struct session *with)
{
	struct object_section a, b;

	assert_true(object_section(alone->vmlinux, ".BTF", &a));
	assert_true(object_section(with->vmlinux, ".BTF", &b));
	assert_int_equal(a.size, b.size);
	assert_int_equal(memcmp(a.data, b.data, a.size), 0);
	assert_int_equal(a.addr, b.addr);
}

/* v is sorted by address, as sym_next() gives it. */
static bool has_at(const struct sym *v, size_t n, const struct sym *want)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (v[mid].addr < want->addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < n && v[lo].addr == want->addr; lo++)
		if (v[lo].percpu == want->percpu && !strcmp(v[lo].name, want->name))
			return true;
	return false;
}

/* What the kernel's own table leaves out (scripts/mksysmap, scripts/kallsyms.c). */
static bool is_left_out(const char *name)
{
	return !strncmp(name, "__kstrtab", 9) || !strncmp(name, "__crc_", 6) || !strncmp(name, "kallsyms_", 9);
}

static struct sym *all_symbols(struct session *s, size_t *n)
{
	struct sym *v = xcalloc(symtab_count(s->symtab), sizeof(*v));
	size_t i = 0;

	for (*n = 0; *n < symtab_count(s->symtab) && sym_next(s->symtab, &i, &v[*n]);)
		++*n;
	return v;
}

static bool same_name_at(struct session *a, struct session *b, const struct sym *at)
{
	struct sym s, t;
	uint64_t off;

	return sym_at(a->symtab, at->addr, &s, NULL) && sym_at(b->symtab, at->addr, &t, &off) && !off &&
	       !strcmp(s.name, t.name);
}

static void same_symbols(const char *kernel, struct session *alone, struct session *with)
{
	size_t named = 0, missing = 0, lost = 0, out = 0, addresses = 0, n, count;
	struct sym *own = all_symbols(alone, &n), *all = all_symbols(with, &count);

	for (size_t i = 0; i < n; i++) {
		missing += !has_at(all, count, &own[i]);
		addresses += !own[i].percpu;
		named += !own[i].percpu && same_name_at(alone, with, &own[i]);
	}
	for (size_t i = 0; i < count; i++) {
		bool there = has_at(own, n, &all[i]);
		out += !there && is_left_out(all[i].name);
		lost += !there && !is_left_out(all[i].name);
	}
	print_message("# %s alone: %zu of .symtab's %zu symbols, %zu of classes left out, %zu others missing; "
		      "%zu of %zu addresses have the same name\n",
		      kernel, n - missing, count, out, lost, named, addresses);
	free(own);
	free(all);
	assert_true(n > 80000);
	assert_int_equal(missing, 0);
	assert_int_equal(lost, 0);
	assert_true(named > addresses / 100 * 97);
}

static void same_structs(const char *kernel, struct session *alone, struct session *with)
{
	AUTO_BUF struct buf x = {0}, y = {0};
	size_t i = 0, k = 0, n = 0;
	const struct type *a, *b;

	while (type_next_struct(with->types, &k, &b)) {
		assert_true(type_next_struct(alone->types, &i, &a));
		buf_clear(&x);
		buf_clear(&y);
		type_print_definition(a, true, &x);
		type_print_definition(b, true, &y);
		assert_string_equal(buf_str(&x), buf_str(&y));
		n++;
	}
	assert_false(type_next_struct(alone->types, &i, &a));
	print_message("# %s alone: the layouts of all %zu structs and unions are those of vmlinux\n", kernel, n);
	assert_true(n > 5000);
}

static void as_with_vmlinux(void **state)
{
	size_t done = 0;

	(void)state;
	for (size_t i = 0; i < KERNELS; i++) {
		struct files f;
		if (find_files(kernels[i], &f)) {
			struct session *alone = open_both(&f, false), *with = open_both(&f, true);
			same_btf(alone, with);
			same_symbols(kernels[i], alone, with);
			same_structs(kernels[i], alone, with);
			assert_int_equal(alone->ncpus, with->ncpus);
			session_close(alone);
			session_close(with);
			done++;
		}
		free_files(&f);
	}
	if (!done)
		skip();
}

static void stack_of(struct session *s, const char *comm, struct stack *ret)
{
	const struct tasks *ts;

	assert_null(tasks_load(s, NULL, &ts));
	for (size_t i = 0; i < tasks_count(ts); i++)
		if (!strcmp(tasks_at(ts, i)->comm, comm)) {
			task_stack(s, tasks_at(ts, i), 256, ret);
			return;
		}
	fail_msg("no task %s", comm);
}

struct asking {
	struct session *s;
	atomic_bool stop;
	const struct stack *want;
};

/* What a pane does all the time. */
static void *ask(void *ctx)
{
	struct asking *a = ctx;
	const struct line_scope *v;
	struct stack st;
	struct sym s;
	uint64_t off;
	size_t n;

	while (!atomic_load(&a->stop)) {
		stack_of(a->s, "dd", &st);
		if (st.n != a->want->n)
			abort();
		for (size_t i = 0; i + 1 < st.n; i++) {
			uint64_t pc = st.frames[i].pc;
			if (pc != a->want->frames[i].pc ||
			    !sym_func_at(a->s->symtab, pc, &s, &off) || !s.name[0])
				abort();
			err_free(lines_at(a->s->lines, a->s->vmlinux, pc - 1, &v, &n));
		}
		stack_free(&st);
	}
	return NULL;
}

static void expect_mismatch(struct session *s, const char *path)
{
	unsigned generation = session_generation(s);
	struct err *e = session_add_vmlinux(s, path, NULL);

	assert_non_null(e);
	assert_int_equal(err_code(e), ERR_MISMATCH);
	err_free(e);
	assert_int_equal(session_generation(s), generation);
}

static void upgrade(struct session *s, const struct files *f, const char *wrong)
{
	struct stack before, after;
	const struct type *t, *t2;
	const struct line_scope *v;
	struct sym a, b;
	size_t n;

	stack_of(s, "dd", &before);
	assert_true(before.n > 4);
	assert_null(type_find(s->types, "struct super_block", NULL, &t));
	assert_true(sym_find(s->symtab, "super_blocks", &a));
	uint64_t pc = before.frames[2].pc - 1;
	assert_false(err_ok(lines_at(s->lines, s->vmlinux, pc, &v, &n)));
	expect_mismatch(s, wrong);

	struct asking asking = {.s = s, .want = &before};
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &asking), 0);
	assert_null(session_add_vmlinux(s, f->vmlinux, NULL));
	assert_null(lines_at(s->lines, s->vmlinux, pc, &v, &n));
	atomic_store(&asking.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);

	assert_true(s->matches);
	assert_string_equal(object_path(s->vmlinux), f->vmlinux);
	assert_string_not_equal(v[0].file, "");
	stack_of(s, "dd", &after);
	assert_int_equal(after.n, before.n);
	for (size_t i = 0; i < after.n; i++)
		assert_int_equal(after.frames[i].pc, before.frames[i].pc);
	assert_null(type_find(s->types, "struct super_block", NULL, &t2));
	assert_ptr_equal(t, t2);
	assert_true(sym_find(s->symtab, "super_blocks", &b));
	assert_int_equal(a.addr, b.addr);
	assert_string_equal(a.name, "super_blocks"); /* borrowed before, alive still */
	assert_false(sym_find_nth(s->symtab, "super_blocks", 1, &b));
	expect_mismatch(s, f->vmlinux);
	stack_free(&before);
	stack_free(&after);
}

static void vmlinux_found_later(void **state)
{
	size_t done = 0;

	(void)state;
	for (size_t i = 0; i < KERNELS; i++) {
		struct files f, other;
		if (find_files(kernels[i], &f) && find_files(kernels[(i + 1) % KERNELS], &other)) {
			struct session *s = open_both(&f, false);
			upgrade(s, &f, other.vmlinux);
			session_close(s);
			free_files(&other);
			done++;
		}
		free_files(&f);
	}
	if (!done)
		skip();
}

static void found_in_a_folder(void **state)
{
	struct files f;
	struct session *s;

	(void)state;
	if (!find_files("6.1", &f)) {
		free_files(&f);
		skip();
	}
	AUTO_FREE char *dir = xstrndup(f.vmlinux, (size_t)(strrchr(f.vmlinux, '/') - f.vmlinux));
	const char *const dirs[] = {"/no/such/folder", dir, NULL};
	const char *const files[] = {f.dump};
	const struct session_options o = {.no_cache = true, .debug_dirs = dirs};
	assert_null(session_open(&o, files, 1, NULL, &s));
	assert_true(s->matches);
	assert_string_equal(object_path(s->vmlinux), f.vmlinux);
	session_close(s);
	free_files(&f);
}

/* Every symbol, type and place is the same from the cache. */
static void equal_sessions(struct session *a, struct session *b)
{
	size_t i = 0, k = 0;
	struct sym s, t;

	same_btf(a, b);
	while (sym_next(a->symtab, &i, &s)) {
		assert_true(sym_next(b->symtab, &k, &t));
		assert_string_equal(s.name, t.name);
		assert_int_equal(s.addr, t.addr);
		assert_int_equal(s.size, t.size);
		assert_int_equal(s.type, t.type);
		assert_int_equal(s.percpu, t.percpu);
	}
	assert_false(sym_next(b->symtab, &k, &t));
}

static char *the_file_in(const char *dir)
{
	AUTO_FREE char *folder = xasprintf("%s/vmbrowse/index", dir);
	DIR *d = opendir(folder);
	char *found = NULL;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.') {
			assert_null(found);
			found = xasprintf("%s/%s", folder, e->d_name);
		}
	closedir(d);
	return found;
}

/* Bytes of the file changed where the seal's samples may not look: whatever comes, it is no crash. */
static void damaged_cache(const struct files *f, const char *path)
{
	FILE *file = fopen(path, "r+");
	uint32_t seed = 7;

	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	long size = ftell(file);
	for (unsigned round = 0; round < 12; round++) {
		for (unsigned i = 0; i < 100; i++) {
			seed = seed * 1664525u + 1013904223u;
			/* the header every other time, and always everything else */
			long at = round % 2 && i < 10 ? (long)(seed >> 8) % 600 : (long)(seed >> 8) % size;
			fseek(file, at, SEEK_SET);
			fputc((int)(seed >> 16 & 0xff), file);
		}
		fflush(file);
		struct session *s = open_as(f, false, false);
		struct sym sym;
		for (size_t i = 0; sym_next(s->symtab, &i, &sym);)
			assert_true(strlen(sym.name) > 0);
		session_close(s);
	}
	fclose(file);
}

static void kept_in_the_cache(void **state)
{
	char dir[] = "/tmp/vmbrowse-alone-XXXXXX";
	struct files f;

	(void)state;
	if (!find_files("6.1", &f)) {
		free_files(&f);
		skip();
	}
	assert_non_null(mkdtemp(dir));
	setenv("XDG_CACHE_HOME", dir, 1);
	struct session *fresh = open_both(&f, false);
	session_close(open_as(&f, false, false));
	struct session *kept = open_as(&f, false, false);
	assert_non_null(kept->priv->kernel_map);
	assert_null(fresh->priv->kernel_map);
	equal_sessions(kept, fresh);
	session_close(kept);
	session_close(fresh);

	AUTO_FREE char *path = the_file_in(dir);
	damaged_cache(&f, path);
	AUTO_FREE char *rm = xasprintf("rm -rf %s", dir);
	assert_int_equal(system(rm), 0);
	unsetenv("XDG_CACHE_HOME");
	free_files(&f);
}

static void packages(void **state)
{
	static const struct {
		const char *release, *version, *want;
	} cases[] = {
		{"6.1.0-56-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)",
		 "linux-image-6.1.0-56-cloud-amd64-dbg"},
		{"6.8.0-31-generic", "#31-Ubuntu SMP PREEMPT_DYNAMIC Sat Apr 20 00:40:06 UTC 2024",
		 "linux-image-unsigned-6.8.0-31-generic-dbgsym"},
		{"5.14.0-503.el9.x86_64", "#1 SMP", "kernel-debuginfo-5.14.0-503.el9.x86_64"},
		{"5.14.0-503.el9.x86_64+rt", "#1 SMP", "kernel-rt-debuginfo-5.14.0-503.el9.x86_64"},
		{"6.9.4-200.fc40.x86_64", "#1 SMP", "kernel-debuginfo-6.9.4-200.fc40.x86_64"},
		{"5.15.0-200.el8uek.x86_64", "#2 SMP", "kernel-uek-debuginfo-5.15.0-200.el8uek.x86_64"},
		{"6.4.0-150600.23.7-default", "#1 SMP PREEMPT_DYNAMIC",
		 "kernel-default-debuginfo, version 6.4.0-150600.23.7 "},
		{"4.18.0-553.rt7.342.el8_10.x86_64", "#1 SMP",
		 "kernel-rt-debuginfo-4.18.0-553.rt7.342.el8_10.x86_64"},
		{"6.9.4-200.fc40.x86_64+debug", "#1 SMP", "kernel-debug-debuginfo-6.9.4-200.fc40.x86_64"},
		{"6.12.9+bpo-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.9-1~bpo12+1 (2025-01-19)",
		 "linux-image-6.12.9+bpo-amd64-dbg"},
		{"5.10.0-60.18.0.50.oe2203.x86_64", "#1 SMP", "kernel-debuginfo-5.10.0-60.18.0.50.oe2203.x86_64"},
		{"6.1.132-147.221.amzn2023.x86_64", "#1 SMP", "kernel-debuginfo-6.1.132-147.221.amzn2023.x86_64"},
		{"6.15.8-1-default", "#1 SMP", "kernel-default-debuginfo, version 6.15.8-1 "},
		{"6.9.1-arch1-1", "#1 SMP", "linux-headers' is stripped"},
		{"7.0.0-mine", "Linux version 7.0.0-mine (me@here) (gcc (Debian 12.2.0-14) 12.2.0) #1 SMP", "the build of 7.0.0-mine"},
		{"", "", "of that very build"},
		{"6.1.0; rm -rf /", "Debian", "of that very build"},
		{"../../etc", "Debian", "of that very build"},
	};
	static const uint8_t id[] = {0xab, 0xcd, 0xef};
	bool by_id = false;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf b = {0};
		debug_package(cases[i].release, cases[i].version, &b);
		if (!strstr(buf_str(&b), cases[i].want))
			fail_msg("%s: %s", cases[i].release, buf_str(&b));
		for (size_t k = 0; debug_place(k, NULL, cases[i].release, id, 3, &b); k++) {
			by_id |= !strcmp(buf_str(&b), "/usr/lib/debug/.build-id/ab/cdef.debug");
			if (strstr(buf_str(&b), "..") || strchr(buf_str(&b), ' '))
				fail_msg("%s is no place", buf_str(&b));
		}
	}
	assert_true(by_id);
}

/* ---- a debuginfod server that begins and doesn't go on ---- */

#define PROMISED 100000000
#define SENT (1u << 20)

static void *stalling_server(void *ctx)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
	AUTO_FREE char *bytes = xcalloc(1, SENT);
	char request[4096];
	int fd = accept(*(int *)ctx, NULL, NULL);

	if (fd < 0 || read(fd, request, sizeof(request)) <= 0 || write(fd, head, sizeof(head) - 1) < 0 ||
	    write(fd, bytes, SENT) < 0)
		abort();
	while (read(fd, request, sizeof(request)) > 0) /* until the client goes away */
		;
	close(fd);
	return NULL;
}

/* Cancels once something has come. */
static void *impatient(void *ctx)
{
	struct job_progress p;

	do {
		job_progress(ctx, &p);
		sched_yield();
	} while (!p.done && !p.finished);
	assert_int_equal(p.total, PROMISED);
	job_cancel(ctx);
	return NULL;
}

static int listen_here(struct sockaddr_in *at)
{
	socklen_t n = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)at, n), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &n), 0);
	return fd;
}

static void fetching_is_cancelled(void **state)
{
	static const uint8_t id[] = {1, 2, 3, 4, 5, 6, 7, 8};
	char dir[] = "/tmp/vmbrowse-alone-XXXXXX", *path = NULL;
	struct sockaddr_in at;
	pthread_t server, user;

	(void)state;
	if (!dlopen("libdebuginfod.so.1", RTLD_NOW))
		skip();
	assert_non_null(mkdtemp(dir));
	int fd = listen_here(&at);
	AUTO_FREE char *url = xasprintf("http://127.0.0.1:%u", ntohs(at.sin_port));
	setenv("DEBUGINFOD_URLS", url, 1);
	setenv("DEBUGINFOD_CACHE_PATH", dir, 1);
	struct job *job = job_create("test");
	assert_int_equal(pthread_create(&server, NULL, stalling_server, &fd), 0);
	assert_int_equal(pthread_create(&user, NULL, impatient, job), 0);
	struct err *e = debuginfod_fetch(id, sizeof(id), job, &path);
	assert_non_null(e);
	assert_int_equal(err_code(e), ERR_CANCELLED);
	err_free(e);
	pthread_join(user, NULL);
	pthread_join(server, NULL);
	close(fd);
	job_unref(job);
	unsetenv("DEBUGINFOD_URLS");
	AUTO_FREE char *rm = xasprintf("rm -rf %s", dir);
	assert_int_equal(system(rm), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packages),
		cmocka_unit_test(fetching_is_cancelled),
		cmocka_unit_test(as_with_vmlinux),
		cmocka_unit_test(vmlinux_found_later),
		cmocka_unit_test(found_in_a_folder),
		cmocka_unit_test(kept_in_the_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

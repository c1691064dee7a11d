/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/object/object.h"
#include "tests/fuzz/fuzz.h"

static const struct fuzz_target *const targets[] = {
	&fuzz_btf, &fuzz_cache, &fuzz_cfi, &fuzz_command, &fuzz_dump, &fuzz_kallsyms, &fuzz_keymap,
	&fuzz_lines, &fuzz_location, &fuzz_marks, &fuzz_meanings, &fuzz_memory, &fuzz_object, &fuzz_orc,
	&fuzz_pages, &fuzz_vmcoreinfo,
};

const struct fuzz_target *fuzz_at(size_t i)
{
	return i < sizeof(targets) / sizeof(targets[0]) ? targets[i] : NULL;
}

const struct fuzz_target *fuzz_find(const char *name)
{
	const struct fuzz_target *t;

	for (size_t i = 0; (t = fuzz_at(i)); i++)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

void corpus_add(struct corpus *c, const void *p, size_t n)
{
	GROW(c->v, c->n, c->cap);
	c->v[c->n++] = (struct fuzz_input){exact_copy((struct bytes){p, n}), n};
}

void corpus_free(struct corpus *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->v[i].p);
	free(c->v);
	*c = (struct corpus){0};
}

static char *in_lab(char *rest)
{
	const char *lab = getenv("VMBROWSE_LAB"), *home = getenv("HOME");
	char *path = lab ? xasprintf("%s/%s", lab, rest)
			 : xasprintf("%s/.cache/vmbrowse-lab/%s", home ? home : "", rest);

	free(rest);
	if (!access(path, R_OK))
		return path;
	free(path);
	return NULL;
}

char *lab_vmlinux(const char *kernel)
{
	return in_lab(xasprintf("kernels/%s/vmlinux", kernel));
}

char *lab_dump(const char *kernel, const char *scenario, const char *format)
{
	return in_lab(xasprintf("dumps/%s/%s/vmcore.%s", kernel, scenario, format));
}

bool seeds_of_kernels(struct corpus *c, const char *const *kernels,
		      bool (*add)(struct corpus *c, struct object *o, const char *path))
{
	for (; *kernels; kernels++) {
		AUTO_FREE char *path = lab_vmlinux(*kernels);
		struct object *o;
		if (path && err_ok(object_open(path, NULL, NULL, &o)) && !add(c, o, path))
			object_close(o);
	}
	return c->n;
}

uint8_t *read_file(const char *path, size_t max, size_t *n)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return NULL;
	uint8_t *p = xmalloc(max + 1);
	ssize_t got = pread(fd, p, max, 0);
	close(fd);
	*n = got > 0 ? (size_t)got : 0;
	return p;
}

int memory_file(const uint8_t *p, size_t n, char *path)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || (n && write(fd, p, n) != (ssize_t)n))
		abort();
	snprintf(path, FUZZ_PATH, "/proc/self/fd/%d", fd);
	return fd;
}

static char folder[] = "/tmp/vmbrowse-fuzz-XXXXXX";
static pid_t folder_of;

static void remove_folder(void)
{
	AUTO_FREE char *cmd = xasprintf("rm -rf %s", folder);

	if (folder_of == getpid() && system(cmd))
		perror(folder);
}

const char *scratch_folder(void)
{
	if (!folder_of) {
		if (!mkdtemp(folder))
			abort();
		folder_of = getpid();
		atexit(remove_folder);
	}
	return folder;
}

uint64_t take_number(struct bytes *b, unsigned size)
{
	uint64_t v = 0;

	if (b->n < size)
		return 0;
	memcpy(&v, b->p, size);
	b->p += size;
	b->n -= size;
	return v;
}

struct bytes take_bytes(struct bytes *b, size_t n)
{
	struct bytes r = {b->p, n < b->n ? n : b->n};

	b->p += r.n;
	b->n -= r.n;
	return r;
}

uint8_t *exact_copy(struct bytes b)
{
	uint8_t *p = xmalloc(b.n);

	if (b.n)
		memcpy(p, b.p, b.n);
	return p;
}

/* ---- a user who loses patience, at the same place every time ---- */

static atomic_int ticks_left;

void limit_work(unsigned ticks)
{
	atomic_store(&ticks_left, (int)ticks);
}

struct job *limited_job(void)
{
	return job_create("fuzz");
}

struct err *__real_job_tick(struct job *j, uint64_t n);
struct err *__wrap_job_tick(struct job *j, uint64_t n);

/* The linker puts this in the place of job_tick(). */
struct err *__wrap_job_tick(struct job *j, uint64_t n)
{
	if (j && atomic_fetch_sub(&ticks_left, 1) <= 0)
		job_cancel(j);
	return __real_job_tick(j, n);
}

/* ---- nothing that a changed command line asks for is written ---- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
	va_list ap;

	if (flags & (O_CREAT | O_WRONLY | O_RDWR) && (!folder_of || strncmp(path, folder, strlen(folder)))) {
		errno = EACCES;
		return -1;
	}
	va_start(ap, flags);
	int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
	va_end(ap);
	return __real_open(path, flags, mode);
}

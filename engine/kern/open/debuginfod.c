/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/kern/open/debuginfod.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"

#define SONAME "libdebuginfod.so.1"

/* The few functions of the library that are used: since elfutils 0.180. */
struct client;
struct library {
	void *handle;
	struct client *(*begin)(void);
	void (*end)(struct client *c);
	int (*find_debuginfo)(struct client *c, const unsigned char *id, int n, char **path);
	void (*set_progressfn)(struct client *c, int (*fn)(struct client *c, long a, long b));
	void (*set_user_data)(struct client *c, void *data);
	void *(*get_user_data)(struct client *c);
};

static bool symbol(const struct library *l, const char *name, void *ret)
{
	void *p = dlsym(l->handle, name);

	memcpy(ret, &p, sizeof(p)); /* ISO C has no cast between functions and objects */
	return p;
}

static struct err *load(struct library *l)
{
	l->handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!l->handle)
		return err_new(ERR_UNSUPPORTED, "there is no " SONAME " here: install libdebuginfod1 (Debian, "
						"Ubuntu), elfutils-debuginfod-client (Fedora and others) or "
						"libdebuginfod1 (SUSE)");
	if (symbol(l, "debuginfod_begin", &l->begin) && symbol(l, "debuginfod_end", &l->end) &&
	    symbol(l, "debuginfod_find_debuginfo", &l->find_debuginfo) &&
	    symbol(l, "debuginfod_set_progressfn", &l->set_progressfn) &&
	    symbol(l, "debuginfod_set_user_data", &l->set_user_data) &&
	    symbol(l, "debuginfod_get_user_data", &l->get_user_data))
		return NULL;
	dlclose(l->handle);
	return err_new(ERR_UNSUPPORTED, "this " SONAME " is too old: elfutils 0.180 is needed");
}

struct fetch {
	struct job *job;
	uint64_t done;
};

/* The progress function gets nothing but the client. */
static struct fetch *fetch_of(struct client *c)
{
	struct library l = {.handle = dlopen(SONAME, RTLD_NOW | RTLD_NOLOAD)};
	struct fetch *f = NULL;

	if (!l.handle)
		return NULL;
	if (symbol(&l, "debuginfod_get_user_data", &l.get_user_data))
		f = l.get_user_data(c);
	dlclose(l.handle); /* one reference of two */
	return f;
}

/* b bytes are to come, a are there; b is 0 while servers are asked. Not 0: stop. */
static int progress(struct client *c, long a, long b)
{
	struct fetch *f = fetch_of(c);
	uint64_t more = 0;

	if (!f)
		return 0;
	if (b > 0) {
		job_set_phase(f->job, "fetching debug info");
		job_set_total(f->job, (uint64_t)b);
		more = a > 0 && (uint64_t)a > f->done ? (uint64_t)a - f->done : 0;
	}
	f->done += more;
	return !err_ok(job_tick(f->job, more));
}

bool debuginfod_configured(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	return urls && urls[strspn(urls, " ")];
}

static struct err *why(int errnum, const uint8_t *id, size_t n, struct job *job)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	AUTO_BUF struct buf hex = {0};

	if (job_cancelled(job))
		return err_cancelled();
	for (size_t i = 0; i < n; i++)
		buf_printf(&hex, "%02x", id[i]);
	if (errnum == ENOENT)
		return err_new(ERR_NOTFOUND, "no server of DEBUGINFOD_URLS (%s) has the debug info of build-id %s",
			       urls, buf_str(&hex));
	return err_os(errnum, "the servers of DEBUGINFOD_URLS (%s) can't be asked", urls);
}

static struct err *ask(const struct library *l, const uint8_t *id, size_t n, struct job *job, char **path)
{
	struct fetch f = {.job = job};
	struct client *c = l->begin();

	if (!c)
		return err_new(ERR_OS, SONAME " can't be used");
	l->set_user_data(c, &f);
	l->set_progressfn(c, progress);
	job_set_phase(job, "asking the debuginfod servers");
	int fd = l->find_debuginfo(c, id, (int)n, path);
	l->end(c);
	if (fd < 0)
		return why(-fd, id, n, job);
	close(fd);
	return NULL;
}

struct err *debuginfod_fetch(const uint8_t *id, size_t n, struct job *job, char **path)
{
	struct library l = {0};

	if (!debuginfod_configured())
		return err_new(ERR_USAGE, "DEBUGINFOD_URLS names no server: set it to your distribution's, or to "
					  "https://debuginfod.elfutils.org/, which asks most of them");
	if (!n)
		return err_new(ERR_NOTFOUND, "the dump doesn't tell its kernel's build-id");
	TRY(load(&l));
	struct err *e = ask(&l, id, n, job, path);
	dlclose(l.handle);
	return e;
}

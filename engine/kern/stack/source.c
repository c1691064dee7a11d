/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A source tree of another release than the dump's is used, and the doubt is told. Names of files come out of the
 * debug info: they are opened below the tree, and lead nowhere else.
 */
#include "engine/kern/stack/source.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/base/alloc.h"

#define MAX_LINE 1000  /* bytes of a line that are shown */
#define MAX_FILE (8u << 20) /* the largest of Linux' own files is half of that */
#define MAX_DROPPED 32	    /* leading folders */

/* ---- which tree ---- */

static const char *release(struct session *s)
{
	const char *r = vmcoreinfo_str(s->vmcoreinfo, "OSRELEASE");

	return r ? r : dump_info(s->dump)->release;
}

struct version {
	unsigned major, minor, sub;
};

/* VERSION, PATCHLEVEL and SUBLEVEL are among the first lines of a tree's Makefile. */
static bool makefile_version(const char *tree, struct version *ret)
{
	AUTO_FREE char *path = xasprintf("%s/Makefile", tree);
	FILE *f = fopen(path, "re");
	char line[256];
	unsigned found = 0;

	for (int i = 0; f && i < 40 && fgets(line, sizeof(line), f); i++) {
		found |= sscanf(line, "VERSION = %u", &ret->major) == 1 ? 1 : 0;
		found |= sscanf(line, "PATCHLEVEL = %u", &ret->minor) == 1 ? 2 : 0;
		found |= sscanf(line, "SUBLEVEL = %u", &ret->sub) == 1 ? 4 : 0;
	}
	if (f)
		fclose(f);
	return found == 7;
}

/* Is the tree of the dump's release? A name as "6.1.0-40-amd64" doesn't tell the sublevel. */
static bool of_release(struct session *s, const struct version *v)
{
	unsigned major, minor;

	return sscanf(release(s), "%u.%u", &major, &minor) == 2 && v->major == major && v->minor == minor;
}

static char *doubt_about(struct session *s, const char *tree)
{
	struct version v;

	if (!makefile_version(tree, &v) || of_release(s, &v))
		return NULL;
	return xasprintf("%s is the source of %u.%u.%u, the dump is of %s: lines can be wrong", tree,
			 v.major, v.minor, v.sub, release(s));
}

/* Where distributions put it. %s: the release; %v: its first two numbers. */
static const char *const places[] = {
	"/usr/src/linux-%s", "/usr/src/linux-source-%v", "/lib/modules/%s/source",
	"/usr/src/debug/kernel-%v/linux-%s", "/usr/src/kernels/%s", "/usr/src/linux-%v", "/usr/src/linux",
};

static void put_place(struct session *s, const char *pattern, struct buf *out)
{
	const char *r = release(s);
	size_t version = strspn(r, "0123456789"); /* "6.1" of "6.1.0-40-amd64" */

	version += r[version] == '.' ? 1 + strspn(r + version + 1, "0123456789") : 0;
	for (const char *p = pattern; *p; p++) {
		if (*p != '%') {
			buf_putc(out, *p);
			continue;
		}
		p++;
		buf_put(out, r, *p == 'v' ? version : strlen(r));
	}
}

/* ---- which file ---- */

/* No way up, and nothing that begins elsewhere. */
static bool stays_inside(const char *name)
{
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return false;
		p += n + (p[n] == '/');
	}
	return name[0] && name[0] != '/';
}

/* Opens name below tree; links may not lead out of it. -1: not there, or not to be opened. */
static int open_below(const char *tree, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", tree, name), *real = NULL, *top = NULL;
	struct stat st;

	if (!stays_inside(name) || strlen(path) >= PATH_MAX)
		return -1;
	real = realpath(path, NULL);
	top = realpath(tree, NULL);
	size_t n = top ? strlen(top) : 0;
	if (!real || !top || strncmp(real, top, n) || (real[n] != '/' && n > 1))
		return -1;
	int fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The file below the tree, without as many leading folders as it takes. Of a
 * relative path not down to the bare name: any folder could have one. (An absolute one is a module's that was
 * built elsewhere, often in one folder.) */
static int find_below(const char *tree, const char *file, const char **name)
{
	const char *p = file;

	for (int i = 0; p && i < MAX_DROPPED; i++) {
		p += strspn(p, "/");
		int fd = p == file || file[0] == '/' || strchr(p, '/') ? open_below(tree, p) : -1;
		if (fd >= 0) {
			*name = p;
			return fd;
		}
		p = strchr(p, '/');
	}
	return -1;
}

static struct err *read_all(int fd, const char *name, struct source *ret)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_os(errno, "%s", name);
	if (st.st_size > MAX_FILE)
		return err_new(ERR_UNSUPPORTED, "%s has %lld bytes: that is no source file", name,
			       (long long)st.st_size);
	TRY(try_alloc((size_t)st.st_size + 1, 1, MAX_FILE + 1, &ret->text));
	while (ret->size < (size_t)st.st_size) {
		ssize_t n = read(fd, ret->text + ret->size, (size_t)st.st_size - ret->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(errno, "%s", name);
		if (!n)
			break;
		ret->size += (size_t)n;
	}
	return NULL;
}

static void find_lines(struct source *src)
{
	size_t cap = 0;

	for (size_t at = 0; at < src->size;) {
		const char *nl = memchr(src->text + at, '\n', src->size - at);
		GROW(src->lines, src->nlines, cap);
		src->lines[src->nlines++] = at;
		at = nl ? (size_t)(nl - src->text) + 1 : src->size;
	}
}

static struct err *take(int fd, const char *tree, const char *name, struct source *ret)
{
	struct err *e = read_all(fd, name, ret);

	close(fd);
	ret->tree = xstrdup(tree);
	ret->name = xstrdup(name);
	if (e)
		source_close(ret);
	else
		find_lines(ret);
	return e;
}

/* How a tree is got, for those who have none. */
static struct err *no_tree(struct session *s, const char *file)
{
	AUTO_BUF struct buf version = {0};
	char banner[256] = "";
	uint64_t at;

	if (err_ok(kern_symbol(s, "linux_banner", &at)))
		err_free(mem_str(s->mem, KERNEL, at, banner, sizeof(banner)));
	put_place(s, "%v", &version);
	if (strstr(banner, "Debian") || strstr(banner, "Ubuntu"))
		return err_new(ERR_NOTFOUND,
			       "no source tree for %s: `apt install linux-source-%s`, unpack "
			       "/usr/src/linux-source-%s.tar.xz (or `apt-get source linux`), then --src DIR",
			       file, buf_str(&version), buf_str(&version));
	if (strstr(banner, "Red Hat") || strstr(release(s), ".el") || strstr(release(s), ".fc"))
		return err_new(ERR_NOTFOUND,
			       "no source tree for %s: `dnf debuginfo-install kernel-%s` brings one to "
			       "/usr/src/debug, then --src DIR", file, release(s));
	return err_new(ERR_NOTFOUND, "no source tree for %s: get the source of Linux %s, then --src DIR", file,
		       release(s));
}

struct err *source_open(struct session *s, const char *file, struct source *ret)
{
	const char *name, *tree = s->options.src;
	struct version v;

	*ret = (struct source){0};
	if (file[0] != '/' && !stays_inside(file))
		return err_new(ERR_UNSUPPORTED, "'%s' leads out of the source tree: it isn't opened", file);
	if (tree) {
		int fd = find_below(tree, file, &name);
		if (fd < 0)
			return err_new(ERR_NOTFOUND, "the source tree %s has no %s", tree, file);
		ret->doubt = doubt_about(s, tree);
		return take(fd, tree, name, ret);
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && release(s)[0]; i++) {
		AUTO_BUF struct buf place = {0};
		put_place(s, places[i], &place);
		if (!makefile_version(buf_str(&place), &v) || !of_release(s, &v))
			continue;
		int fd = find_below(buf_str(&place), file, &name);
		if (fd >= 0)
			return take(fd, buf_str(&place), name, ret);
	}
	return no_tree(s, file);
}

void source_close(struct source *src)
{
	free(src->tree);
	free(src->name);
	free(src->text);
	free(src->lines);
	free(src->doubt);
	*src = (struct source){0};
}

const char *source_line(const struct source *src, size_t n, size_t *len)
{
	if (!n || n > src->nlines)
		return NULL;
	size_t start = src->lines[n - 1], end = n < src->nlines ? src->lines[n] : src->size;
	while (end > start && (src->text[end - 1] == '\n' || src->text[end - 1] == '\r'))
		end--;
	*len = end - start;
	return src->text + start;
}

void source_put_line(const char *p, size_t n, struct buf *out)
{
	size_t from = out->len;

	n = n > MAX_LINE ? MAX_LINE : n;
	while (n) {
		const char *tab = memchr(p, '\t', n);
		size_t part = tab ? (size_t)(tab - p) : n;
		buf_put_safe(out, p, part);
		p += part;
		n -= part;
		if (!tab)
			continue;
		do
			buf_putc(out, ' ');
		while ((out->len - from) % 8);
		p++;
		n--;
	}
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * $XDG_CACHE_HOME/vmbrowse/: big files that cost seconds to make. A seal of 32 bytes follows the
 * content (an ELF file doesn't mind): a file without a right one (cut off, overwritten) is not
 * used and made anew. The check covers samples, not all: reading 600 MB to trust them would cost
 * what it saves. Readers treat the content as untrusted anyway.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/base/xdg.h"
#include "engine/object/cachefile.h"

static const struct {
	const char *name;
	uint64_t limit;
} folders[] = {
	[CACHE_INFLATED] = {"inflated", UINT64_C(4) << 30},
	[CACHE_INDEX] = {"index", UINT64_C(128) << 20},
};

enum { SAMPLES = 32, SAMPLE_SIZE = 4096 };

struct seal {
	char magic[8];
	uint64_t size, check, reserved;
};
static const char seal_magic[8] = "vmbcache";

static uint64_t sample(int fd, uint64_t size)
{
	unsigned char block[SAMPLE_SIZE];
	uint64_t h = hash_u64(size + 1);

	for (unsigned i = 0; i <= SAMPLES; i++) {
		uint64_t room = size > SAMPLE_SIZE ? size - SAMPLE_SIZE : 0;
		size_t want = size < SAMPLE_SIZE ? (size_t)size : SAMPLE_SIZE;
		ssize_t n = pread(fd, block, want, (off_t)(room / SAMPLES * i));
		if (i == SAMPLES) /* the end, where gzip, xz and zstd keep their checks */
			n = pread(fd, block, want, (off_t)room);
		if (n < 0 || (size_t)n != want)
			return 0;
		h = hash_u64(h ^ hash_bytes(block, want));
	}
	return h ? h : 1;
}

uint64_t cachefile_key(int fd)
{
	struct stat st;

	return fstat(fd, &st) || st.st_size < 0 ? 0 : sample(fd, (uint64_t)st.st_size);
}

struct err *write_all(int fd, const void *p, size_t n, uint64_t off)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = pwrite(fd, (const char *)p + done, n - done, (off_t)(off + done));
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return err_os(r ? errno : ENOSPC, "can't write the inflated copy");
		done += (size_t)r;
	}
	return NULL;
}

static bool sealed(int fd, uint64_t *size)
{
	struct stat st;
	struct seal seal;

	if (fstat(fd, &st) || st.st_size < (off_t)sizeof(seal))
		return false;
	*size = (uint64_t)st.st_size - sizeof(seal);
	return pread(fd, &seal, sizeof(seal), (off_t)*size) == (ssize_t)sizeof(seal) &&
	       !memcmp(seal.magic, seal_magic, sizeof(seal_magic)) && seal.size == *size &&
	       !seal.reserved && seal.check == sample(fd, *size);
}

int cachefile_find(enum cache_folder folder, const char *name, uint64_t *size)
{
	AUTO_FREE char *rel = xasprintf("%s/%s", folders[folder].name, name);
	AUTO_FREE char *path = xdg_path(XDG_CACHE, rel);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (fd >= 0 && !sealed(fd, size)) {
		close(fd);
		return -1;
	}
	if (fd >= 0)
		futimens(fd, NULL); /* lately used */
	return fd;
}

static struct err *create_deleted(struct cachefile *c)
{
	const char *dirs[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
	int why = ENOENT;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (!dirs[i] || dirs[i][0] != '/')
			continue;
		AUTO_FREE char *path = xasprintf("%s/vmbrowse.XXXXXX", dirs[i]);
		c->fd = mkostemp(path, O_CLOEXEC);
		if (c->fd >= 0) {
			unlink(path);
			return NULL;
		}
		why = errno;
	}
	return err_os(why, "no place for an inflated copy in $TMPDIR, /var/tmp or /tmp");
}

struct err *cachefile_create(enum cache_folder folder, const char *name, struct cachefile *ret)
{
	*ret = (struct cachefile){.fd = -1, .folder = folder};
	AUTO_FREE char *rel = xasprintf("%s/%s", folders[folder].name, name ? name : "");
	if (!name || !err_ok(xdg_path_make(XDG_CACHE, rel, &ret->path)))
		return create_deleted(ret);
	ret->temp = xasprintf("%s.XXXXXX", ret->path);
	ret->fd = mkostemp(ret->temp, O_CLOEXEC);
	if (ret->fd >= 0)
		return NULL;
	free(ret->temp);
	free(ret->path);
	ret->temp = ret->path = NULL;
	return create_deleted(ret);
}

struct aged {
	char *path;
	uint64_t size;
	struct timespec used;
};

static int by_age(const void *va, const void *vb)
{
	const struct aged *a = va, *b = vb;

	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec < b->used.tv_sec ? 1 : -1;
	return (a->used.tv_nsec < b->used.tv_nsec) - (a->used.tv_nsec > b->used.tv_nsec);
}

/* Removes what goes beyond the limit, oldest use first; half-made files of dead processes age
 * too. */
static void prune(const char *newest, uint64_t limit)
{
	AUTO_FREE char *dir = xstrndup(newest, (size_t)(strrchr(newest, '/') - newest));
	DIR *d = opendir(dir);
	struct aged *v = NULL;
	size_t n = 0, cap = 0;
	uint64_t sum = 0;

	for (struct dirent *e; d && n < 10000 && (e = readdir(d));) {
		struct stat st;
		char *path = xasprintf("%s/%s", dir, e->d_name);
		if (lstat(path, &st) || !S_ISREG(st.st_mode)) {
			free(path);
			continue;
		}
		GROW(v, n, cap);
		v[n++] = (struct aged){path, (uint64_t)st.st_size, st.st_mtim};
	}
	if (d)
		closedir(d);
	if (n)
		qsort(v, n, sizeof(*v), by_age);
	for (size_t i = 0; i < n; i++) {
		sum += v[i].size;
		if (sum > limit && strcmp(v[i].path, newest))
			unlink(v[i].path);
		free(v[i].path);
	}
	free(v);
}

struct err *cachefile_seal(struct cachefile *c, uint64_t size, int *ret)
{
	struct seal seal = {.size = size, .check = sample(c->fd, size)};

	memcpy(seal.magic, seal_magic, sizeof(seal_magic));
	struct err *e = write_all(c->fd, &seal, sizeof(seal), size);
	if (e) {
		cachefile_drop(c);
		return e;
	}
	if (c->temp && rename(c->temp, c->path))
		unlink(c->temp); /* not kept, but good for this session */
	else if (c->temp)
		prune(c->path, folders[c->folder].limit);
	*ret = c->fd;
	c->fd = -1;
	cachefile_drop(c);
	return NULL;
}

void cachefile_drop(struct cachefile *c)
{
	if (c->fd >= 0) {
		close(c->fd);
		if (c->temp)
			unlink(c->temp);
	}
	free(c->temp);
	free(c->path);
	*c = (struct cachefile){.fd = -1};
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes of a dump file. Everything above asks for (offset, length) of the file as makedumpfile or
 * QEMU meant it; whether that lies on the disk one to one or in a flattened file's records is only
 * known here. A read that can't be done is a short read and never an error: the reader above
 * knows which pages are concerned, and they are MEM_LOST.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/dump/impl.h"

size_t dfile_read_disk(const struct dfile *f, uint64_t off, void *buf, size_t n)
{
	size_t done = 0;

	while (done < n && off < f->disk_size) {
		ssize_t r = pread(f->fd, (char *)buf + done, n - done, (off_t)off);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		done += (size_t)r;
		off += (uint64_t)r;
	}
	return done;
}

/* The first extent that ends after off. */
static size_t flat_find(const struct flat *m, uint64_t off)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (m->ext[mid].off + m->ext[mid].len <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static size_t flat_read(const struct dfile *f, uint64_t off, char *buf, size_t n)
{
	const struct flat *m = &f->flat;
	size_t done = 0;

	if (off >= m->size)
		return 0;
	if (n > m->size - off)
		n = (size_t)(m->size - off);
	for (size_t i = flat_find(m, off); done < n; i++) {
		uint64_t at = off + done, left = n - done;
		uint64_t gap = i < m->n && m->ext[i].off > at ? m->ext[i].off - at
			       : i < m->n		      ? 0
							      : left;
		if (gap) {
			if (m->cut)
				break;
			gap = gap < left ? gap : left;
			memset(buf + done, 0, (size_t)gap);
			done += (size_t)gap;
			at += gap;
			left -= gap;
		}
		if (!left)
			break;
		const struct flat_extent *e = &m->ext[i];
		uint64_t skip = at - e->off, len = e->len - skip;
		size_t want = (size_t)(len < left ? len : left);
		size_t got = dfile_read_disk(f, e->at + skip, buf + done, want);
		done += got;
		if (got < want)
			break;
	}
	return done;
}

size_t dfile_read(const struct dfile *f, uint64_t off, void *buf, size_t n)
{
	return f->flattened ? flat_read(f, off, buf, n) : dfile_read_disk(f, off, buf, n);
}

/* Only what has a size and can be read anywhere will do; a FIFO must not block us. */
static struct err *open_seekable(const char *path, int *fd, uint64_t *size)
{
	struct stat st;
	int n = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (n < 0)
		return err_os(errno, "%s: can't open the file", path);
	*fd = n;
	if (fstat(n, &st))
		return err_os(errno, "%s: can't read the file", path);
	if (S_ISDIR(st.st_mode))
		return err_new(ERR_UNSUPPORTED, "%s: is a directory: name the dump file in it",
			       path);
	if (S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
	} else if (S_ISBLK(st.st_mode)) {
		off_t end = lseek(n, 0, SEEK_END);
		*size = end > 0 ? (uint64_t)end : 0;
	} else {
		return err_new(ERR_UNSUPPORTED,
			       "%s: is neither a file nor a disk: copy it to a file first", path);
	}
	if (!*size)
		return err_new(ERR_CORRUPT, "%s: is empty (0 bytes): the dump was never written",
			       path);
	return NULL;
}

static struct err *dfile_start(struct dfile *f, bool flat, struct job *job)
{
	unsigned char head[64];

	TRY(open_seekable(f->path, &f->fd, &f->disk_size));
	f->size = f->disk_size;
	errno = 0;
	size_t n = dfile_read_disk(f, 0, head, sizeof(head));
	if (!n)
		return err_os(errno ? errno : EIO, "%s: can't read the file", f->path);
	if (!flat || !flat_probe(head, n))
		return NULL;
	TRY(flat_index(f, job, &f->flat));
	f->flattened = true;
	f->size = f->flat.size;
	return NULL;
}

struct err *dfile_open(const char *path, bool flat, struct job *job, struct dfile **ret)
{
	struct dfile *f = xcalloc(1, sizeof(*f));
	f->path = xstrdup(path);
	f->fd = -1;
	struct err *e = dfile_start(f, flat, job);
	if (e)
		dfile_close(f);
	else
		*ret = f;
	return e;
}

void dfile_close(struct dfile *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f->flat.ext);
	free(f->path);
	free(f);
}

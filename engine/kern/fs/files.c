/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which descriptors are open is said by a bitmap, so that a table of a million mostly unused ones is read
 * a few pages at a time. Where the bitmap can't be read, the table itself tells: the slot of a closed
 * descriptor is empty. Where the table can't be read, the bitmap still tells what is open, though not on
 * what. What neither tells is said at the end.
 */
#include "engine/kern/fs/files.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/fs/path.h"
#include "engine/kern/impl.h"

#define FDS_MAX (1u << 26) /* sysctl_nr_open_max is 2^30 on paper; memory ends before */
#define CHUNK 512	   /* words of the bitmap at a time */
#define LOST_MAX (1u << 16) /* open descriptors without a readable slot that are told one by one */

enum { TS_FILES, TS_FS, TS_MM, TS_MEMBERS };
enum { FT_MAX, FT_FD, FT_OPEN, FT_MEMBERS };
enum { FP_ROOT_MNT, FP_ROOT, FP_PWD_MNT, FP_PWD, FP_MEMBERS };

struct reader {
	struct session *s;
	struct job *job;
	struct path_reader paths;
	struct kern_member ts[TS_MEMBERS], ft[FT_MEMBERS], fp[FP_MEMBERS], fdt, exe, f_inode, mode;
	struct err *(*fn)(void *ctx, const struct open_file *f);
	void *ctx;
};

static void resolve(struct reader *r, struct session *s)
{
	path_reader_init(&r->paths, s);
	r->ts[TS_FILES].names = "files";
	r->ts[TS_FS].names = "fs";
	r->ts[TS_MM].names = "mm";
	kern_members(s, "struct task_struct", r->ts, TS_MEMBERS);
	r->fdt.names = "fdt";
	kern_members(s, "struct files_struct", &r->fdt, 1);
	r->ft[FT_MAX].names = "max_fds";
	r->ft[FT_FD].names = "fd";
	r->ft[FT_OPEN].names = "open_fds";
	kern_members(s, "struct fdtable", r->ft, FT_MEMBERS);
	r->fp[FP_ROOT_MNT].names = "root.mnt";
	r->fp[FP_ROOT].names = "root.dentry";
	r->fp[FP_PWD_MNT].names = "pwd.mnt";
	r->fp[FP_PWD].names = "pwd.dentry";
	kern_members(s, "struct fs_struct", r->fp, FP_MEMBERS);
	r->exe.names = "exe_file";
	kern_members(s, "struct mm_struct", &r->exe, 1);
	r->f_inode.names = "f_inode";
	kern_members(s, "struct file", &r->f_inode, 1);
	r->mode.names = "i_mode";
	kern_members(s, "struct inode", &r->mode, 1);
}

static uint64_t get(struct reader *r, uint64_t obj, const struct kern_member *m)
{
	uint64_t v;

	return kern_pointer(r->s, obj) && err_ok(kern_read(r->s, obj, m, &v)) ? v : 0;
}

static const char *type_of(struct reader *r, uint64_t inode, const char *path)
{
	static const char *const types[16] = {
		[1] = "FIFO", [2] = "CHR", [4] = "DIR", [6] = "BLK", [8] = "REG", [10] = "LNK", [12] = "SOCK",
	};
	uint64_t mode;

	if (!kern_pointer(r->s, inode) || !err_ok(kern_read(r->s, inode, &r->mode, &mode)))
		return "";
	const char *type = types[mode >> 12 & 15];
	if (path && !strncmp(path, "anon_inode:", 11))
		return "ANON"; /* up to 6.16 they have no type; since then they look like regular files */
	return type ? type : "";
}

/* Takes the path over. */
static struct err *give(struct reader *r, struct open_file *f, char *path)
{
	f->path = path;
	f->type = type_of(r, f->inode, path);
	struct err *e = r->fn(r->ctx, f);
	free(path);
	return e;
}

static struct err *give_place(struct reader *r, enum open_kind kind, uint64_t fs, unsigned mnt, unsigned dentry)
{
	struct open_file f = {.kind = kind};
	struct err *e = kern_read(r->s, fs, &r->fp[dentry], &f.dentry);

	if (e) {
		f.why = err_code(e) == ERR_FAULT ? err_state(e) : MEM_PRESENT;
		err_free(e);
		return f.why ? r->fn(r->ctx, &f) : NULL;
	}
	if (!f.dentry)
		return NULL;
	f.inode = get(r, f.dentry, &r->paths.de[PD_INODE]);
	return give(r, &f, path_of_path(&r->paths, get(r, fs, &r->fp[mnt]), f.dentry));
}

static struct err *give_file(struct reader *r, enum open_kind kind, uint64_t fd, uint64_t file)
{
	struct open_file f = {.kind = kind, .fd = fd, .file = file};

	TRY(job_tick(r->job, 1));
	f.dentry = get(r, file, &r->paths.fi[PL_DENTRY]);
	f.inode = get(r, file, &r->f_inode);
	return give(r, &f, path_of_file(&r->paths, file));
}

/* What of a table couldn't be read. */
struct lost {
	uint64_t first, last, n; /* descriptors */
	enum mem_state why;
};

/* The 64 descriptors of a word of the bitmap; open: those that may be; sure: the bitmap said so. */
static struct err *give_word(struct reader *r, uint64_t table, uint64_t first, uint64_t open, bool sure,
			     struct lost *lost)
{
	uint64_t files[64];
	uint8_t states[64];

	if (!open)
		return NULL;
	mem_read_holes(r->s->mem, KERNEL, table + first * 8, files, sizeof(files), states);
	for (; open; open &= open - 1) {
		unsigned i = (unsigned)__builtin_ctzll(open);
		struct open_file f = {.kind = OPEN_FD, .fd = first + i, .why = states[i]};
		if (!mem_readable(states[i])) {
			*lost = (struct lost){lost->n ? lost->first : f.fd, f.fd, lost->n + 1, f.why};
			if (sure && lost->n <= LOST_MAX)
				TRY(r->fn(r->ctx, &f));
		} else if (files[i]) { /* else reserved by an open that is still on its way */
			TRY(give_file(r, OPEN_FD, f.fd, files[i]));
		}
	}
	return NULL;
}

static struct err *give_words(struct reader *r, uint64_t table, uint64_t open, uint64_t max, struct lost *lost)
{
	uint64_t words[CHUNK];
	uint8_t states[CHUNK];

	for (uint64_t i = 0; i < max; i += CHUNK * 64) {
		uint64_t n = (max - i + 63) / 64;
		n = n < CHUNK ? n : CHUNK;
		TRY(job_tick(r->job, 0));
		mem_read_holes(r->s->mem, KERNEL, open + i / 8, words, n * 8, states);
		for (uint64_t k = 0; k < n; k++) {
			bool sure = mem_readable(states[k]);
			TRY(give_word(r, table, i + k * 64, sure ? words[k] : UINT64_MAX, sure, lost));
		}
	}
	return NULL;
}

static struct err *give_table(struct reader *r, uint64_t fdt)
{
	uint64_t max, table, open;
	struct lost lost = {0};

	TRY(kern_read(r->s, fdt, &r->ft[FT_MAX], &max));
	TRY(kern_read(r->s, fdt, &r->ft[FT_FD], &table));
	TRY(kern_read(r->s, fdt, &r->ft[FT_OPEN], &open));
	if (max > FDS_MAX)
		return err_new(ERR_CORRUPT, "fdtable.max_fds is %" PRIu64, max);
	TRY(give_words(r, table, open, max, &lost));
	if (!lost.n)
		return NULL;
	return err_wrap(err_fault(lost.why, table + lost.last * 8),
			"where %" PRIu64 " descriptors of %" PRIu64 " to %" PRIu64 " lead can't be told",
			lost.n, lost.first, lost.last);
}

struct err *files_each(struct session *s, uint64_t task, struct job *job,
		       struct err *(*fn)(void *ctx, const struct open_file *f), void *ctx)
{
	struct reader r = {.s = s, .job = job, .fn = fn, .ctx = ctx};
	uint64_t files, fs;

	resolve(&r, s);
	TRY(kern_read(s, task, &r.ts[TS_FILES], &files));
	fs = get(&r, task, &r.ts[TS_FS]);
	if (fs) {
		TRY(give_place(&r, OPEN_ROOT, fs, FP_ROOT_MNT, FP_ROOT));
		TRY(give_place(&r, OPEN_CWD, fs, FP_PWD_MNT, FP_PWD));
	}
	uint64_t exe = get(&r, get(&r, task, &r.ts[TS_MM]), &r.exe);
	if (exe)
		TRY(give_file(&r, OPEN_EXE, 0, exe));
	if (!files)
		return NULL;
	TRY(kern_read(s, files, &r.fdt, &fs));
	return give_table(&r, fs);
}

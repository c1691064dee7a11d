/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inflating: a whole vmlinux.gz/.xz/.zst into a file, a compressed section into memory or into a
 * file.
 *
 * The content is checked as early as can be: what doesn't begin like an ELF file is given up after
 * the first block, so that neither a wrong file nor a bomb fills the disk.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/object/cachefile.h"
#include "engine/object/codec.h"
#include "engine/object/impl.h"

#define OUTPUT_LIMIT (UINT64_C(8) << 30)
#define SECTION_LIMIT (UINT64_C(4) << 30)
enum { BLOCK = 256 << 10 };
/* No compressor makes a hundredth of a kernel; whoever does has packed zeroes, to fill a disk. */
enum { FREE_OUTPUT = 64 << 20, RATIO_LIMIT = 100 };

struct pump {
	int in, out;
	uint64_t in_off, out_off;
	struct job *job;
	unsigned char inbuf[BLOCK], outbuf[BLOCK];
};

static struct err *pump_out(struct pump *p, size_t n)
{
	if (!p->out_off && (n < SELFMAG || memcmp(p->outbuf, ELFMAG, SELFMAG)))
		return err_new(ERR_UNSUPPORTED, "what is compressed in it is not an ELF file");
	if (p->out_off + n > OUTPUT_LIMIT)
		return err_new(ERR_CORRUPT, "inflates to more than 8 GiB: no kernel is that big");
	if (p->out_off + n > FREE_OUTPUT && (p->out_off + n) / RATIO_LIMIT > p->in_off)
		return err_new(ERR_CORRUPT, "inflates to more than %d times its size: it isn't a kernel",
			       RATIO_LIMIT);
	TRY(write_all(p->out, p->outbuf, n, p->out_off));
	p->out_off += n;
	return NULL;
}

static struct err *pump_run(struct pump *p, struct codec *c)
{
	for (bool last = false; !last && !c->done;) {
		ssize_t n = pread(p->in, p->inbuf, BLOCK, (off_t)p->in_off);
		if (n < 0)
			return err_os(errno, "can't read it");
		last = !n;
		p->in_off += (uint64_t)n;
		TRY(job_tick(p->job, (uint64_t)n));
		struct span s = {.in = p->inbuf, .in_left = (size_t)n};
		do {
			s.out = p->outbuf;
			s.out_left = BLOCK;
			TRY(codec_run(c, &s, last));
			if (s.out_left < BLOCK)
				TRY(pump_out(p, BLOCK - s.out_left));
		} while (!s.out_left && !c->done);
	}
	return p->out_off ? NULL : err_new(ERR_CORRUPT, "there is nothing in it");
}

static struct err *inflate_to(int fd, enum stream kind, struct job *job, struct cachefile *out,
			      int *ret)
{
	struct codec c;
	struct pump *p = xmalloc(sizeof(*p));

	p->in = fd;
	p->out = out->fd;
	p->in_off = p->out_off = 0;
	p->job = job;
	struct err *e = codec_begin(&c, kind);
	if (!e)
		e = pump_run(p, &c);
	codec_end(&c);
	if (!e)
		e = cachefile_seal(out, p->out_off, ret);
	else
		cachefile_drop(out);
	free(p);
	return e;
}

struct err *inflate_file(int fd, const char *path, enum stream kind, bool no_cache, struct job *job,
			 int *ret)
{
	uint64_t key = cachefile_key(fd), size;
	AUTO_FREE char *name = xasprintf("file-%016llx", (unsigned long long)key);
	struct cachefile out;
	struct stat st;

	if (!no_cache && key && (*ret = cachefile_find(CACHE_INFLATED, name, &size)) >= 0)
		return NULL;
	job_set_phase(job, "inflating");
	if (!fstat(fd, &st))
		job_set_total(job, (uint64_t)st.st_size);
	struct err *e = cachefile_create(CACHE_INFLATED, no_cache || !key ? NULL : name, &out);
	bool in_cache = !e && out.temp;
	if (!e)
		e = inflate_to(fd, kind, job, &out, ret);
	/* the home folder's disk may be full where a temporary one isn't */
	if (in_cache && e && err_code(e) == ERR_OS) {
		err_free(e);
		e = cachefile_create(CACHE_INFLATED, NULL, &out);
		if (!e)
			e = inflate_to(fd, kind, job, &out, ret);
	}
	return err_wrap(e, "%s", path);
}

/* Source: gABI, "Compressed sections"; GNU's older .zdebug_: "ZLIB" and the size, big-endian. */
bool packed_section(const struct elf_file *f, const struct elf_section *s, struct packed *ret)
{
	const unsigned char *p = elf_section_raw(f, s);

	if (!p)
		return false;
	if (s->flags & SHF_COMPRESSED) {
		if (s->size < sizeof(Elf64_Chdr))
			return false;
		uint32_t type = load_u32(p);
		*ret = (struct packed){
			.kind = type == ELFCOMPRESS_ZLIB ? STREAM_GZIP :
				type == 2		 ? STREAM_ZSTD :
							   STREAM_NONE,
			.data = p + sizeof(Elf64_Chdr),
			.data_size = s->size - sizeof(Elf64_Chdr),
			.size = load_u64(p + offsetof(Elf64_Chdr, ch_size)),
		};
	} else {
		if (s->size < 12 || memcmp(p, "ZLIB", 4))
			return false;
		*ret = (struct packed){STREAM_GZIP, p + 12, s->size - 12,
				       __builtin_bswap64(load_u64(p + 4))};
	}
	/* neither codec makes more than about 1:1032 (zlib) or 1:20000 (zstd's runs) of anything */
	return ret->kind != STREAM_NONE && ret->size <= SECTION_LIMIT &&
	       ret->size / 32768 <= ret->data_size;
}

struct err *inflate_section(const struct packed *p, void *out, struct job *job)
{
	struct codec c;
	struct span s = {p->data, p->data_size, out, p->size};
	struct err *e = codec_begin(&c, p->kind);

	/* in pieces, to hear of a cancel */
	for (size_t left = p->size; !e && left;) {
		size_t piece = left < (16 << 20) ? left : 16 << 20;
		s.out_left = piece;
		e = codec_run(&c, &s, true);
		if (!e && s.out_left)
			e = err_new(ERR_CORRUPT, "a compressed section is shorter than it says");
		left -= piece;
		if (!e)
			e = job_tick(job, piece);
	}
	codec_end(&c);
	return e;
}

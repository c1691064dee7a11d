/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plain copy of a file's DWARF: an ELF file with the same section indices, its debug sections
 * inflated, everything else without bytes (as `objcopy --only-keep-debug` does it). Modules keep
 * their symbols and relocations, which their DWARF can't be read without; for a linked kernel the
 * .rela sections are left-overs that nobody must apply.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"
#include "engine/base/checked.h"
#include "engine/object/cachefile.h"
#include "engine/object/impl.h"

struct plain {
	const struct elf_file *from;
	struct job *job;
	Elf64_Shdr *headers; /* of the copy */
	struct packed *packed; /* kind STREAM_NONE: copied as is */
	struct buf names;
	size_t strndx; /* the section that the names go to */
	uint64_t size;
	unsigned char *map;
};

static bool is_debug(const struct elf_section *s)
{
	return !strncmp(s->name, ".debug_", 7) || !strncmp(s->name, ".zdebug_", 8);
}

static bool is_wanted(const struct plain *p, const struct elf_section *s)
{
	if ((s->flags & SHF_ALLOC) || s == &p->from->sections[p->strndx])
		return false;
	if (is_debug(s))
		return true;
	if (p->from->type != ET_REL)
		return false;
	return s->type == SHT_SYMTAB || s->type == SHT_STRTAB ||
	       (s->type == SHT_RELA && !strncmp(s->name, ".rela.debug_", 12));
}

static struct err *place(struct plain *p, size_t i)
{
	const struct elf_section *s = &p->from->sections[i];
	Elf64_Shdr *h = &p->headers[i];
	uint64_t align = is_debug(s) ? 16 : 8;

	h->sh_name = (Elf64_Word)p->names.len;
	if (!strncmp(s->name, ".zdebug_", 8))
		buf_printf(&p->names, ".%s", s->name + 2);
	else
		buf_puts(&p->names, s->name);
	buf_putc(&p->names, '\0');
	if (!is_wanted(p, s) || !elf_section_raw(p->from, s)) {
		h->sh_type = s->flags & SHF_ALLOC ? SHT_NOBITS : SHT_NULL;
		h->sh_offset = 0;
		return NULL;
	}
	if (elf_section_compressed(s)) {
		if (!packed_section(p->from, s, &p->packed[i]))
			return err_new(ERR_CORRUPT,
				       "%s: section %s is compressed in an unknown way, or damaged",
				       p->from->path, s->name);
		h->sh_flags &= ~(uint64_t)SHF_COMPRESSED;
		h->sh_size = p->packed[i].size;
	}
	h->sh_addralign = align;
	h->sh_offset = p->size = (p->size + align - 1) & ~(align - 1);
	if (!add_u64(p->size, h->sh_size, &p->size))
		return err_new(ERR_CORRUPT, "%s: section sizes run over", p->from->path);
	return NULL;
}

static struct err *layout(struct plain *p)
{
	p->size = sizeof(Elf64_Ehdr);
	for (size_t i = 0; i < p->from->nsections; i++) {
		GElf_Shdr sh = {0};
		Elf_Scn *scn = elf_getscn(p->from->elf, i);
		if (scn)
			gelf_getshdr(scn, &sh);
		p->headers[i] = sh;
		if (i) /* [0] may carry the real section count */
			TRY(place(p, i));
	}
	Elf64_Shdr *h = &p->headers[p->strndx];
	h->sh_type = SHT_STRTAB;
	h->sh_flags = 0;
	h->sh_offset = p->size;
	h->sh_size = p->names.len;
	p->size += p->names.len;
	p->size = (p->size + 7) & ~UINT64_C(7);
	return NULL;
}

static struct err *fill(void *ctx, size_t i)
{
	struct plain *p = ctx;
	const struct elf_section *s = &p->from->sections[i];
	const Elf64_Shdr *h = &p->headers[i];

	if (!i || h->sh_type == SHT_NOBITS || h->sh_type == SHT_NULL || !is_wanted(p, s))
		return NULL;
	if (p->packed[i].kind == STREAM_NONE)
		memcpy(p->map + h->sh_offset, elf_section_raw(p->from, s), h->sh_size);
	else
		return err_wrap(inflate_section(&p->packed[i], p->map + h->sh_offset, p->job),
				"%s: section %s", p->from->path, s->name);
	return NULL;
}

static struct err *write_plain(struct plain *p, struct cachefile *out)
{
	size_t table = p->from->nsections * sizeof(Elf64_Shdr);
	uint64_t size = p->size + table;
	Elf64_Ehdr eh;

	/* the blocks are taken now: a full disk must be an error here, not a SIGBUS in the
	 * mapping */
	int why = posix_fallocate(out->fd, 0, (off_t)size);
	if (why)
		return err_os(why, "no room for %llu bytes of inflated debug info",
			      (unsigned long long)size);
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, out->fd, 0);
	if (map == MAP_FAILED)
		return err_os(errno, "can't map the inflated debug info");
	p->map = map;
	memcpy(&eh, p->from->map, sizeof(eh));
	eh.e_phoff = eh.e_phnum = 0;
	eh.e_shoff = p->size;
	memcpy(p->map, &eh, sizeof(eh));
	memcpy(p->map + p->headers[p->strndx].sh_offset, p->names.p, p->names.len);
	memcpy(p->map + p->size, p->headers, table);
	struct err *e = job_parallel(p->job, 0, p->from->nsections, fill, p);
	munmap(map, size);
	p->size = size;
	return e;
}

static struct err *make_plain(struct plain *p, const char *name, int *fd)
{
	struct cachefile out;

	if (elf_getshdrstrndx(p->from->elf, &p->strndx) || !p->strndx ||
	    p->strndx >= p->from->nsections)
		return err_new(ERR_CORRUPT, "%s: no section names", p->from->path);
	TRY(layout(p));
	job_set_phase(p->job, "inflating debug info");
	job_set_total(p->job, p->size);
	uint64_t size = p->size;
	for (int try = 0;; try++) {
		TRY(cachefile_create(CACHE_INFLATED, try ? NULL : name, &out));
		struct err *e = write_plain(p, &out);
		if (!e)
			return cachefile_seal(&out, p->size, fd);
		bool again = out.temp && err_code(e) == ERR_OS;
		cachefile_drop(&out);
		if (!again)
			return e;
		err_free(e);
		p->size = size;
	}
}

struct err *inflate_dwarf(const struct elf_file *f, bool no_cache, struct job *job,
			  struct elf_file **ret)
{
	struct plain p = {.from = f, .job = job};
	uint64_t key = cachefile_key(f->fd), size;
	AUTO_FREE char *name = xasprintf("dwarf-%016llx", (unsigned long long)key);
	int fd = no_cache || !key ? -1 : cachefile_find(CACHE_INFLATED, name, &size);

	if (fd >= 0)
		return elf_file_from_fd(fd, f->path, ret);
	p.headers = xcalloc(f->nsections, sizeof(*p.headers));
	p.packed = xcalloc(f->nsections, sizeof(*p.packed));
	buf_putc(&p.names, '\0');
	struct err *e = make_plain(&p, no_cache || !key ? NULL : name, &fd);
	free(p.headers);
	free(p.packed);
	buf_free(&p.names);
	return e ? e : elf_file_from_fd(fd, f->path, ret);
}

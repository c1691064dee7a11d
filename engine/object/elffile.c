/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One ELF file, mapped. libelf reads the headers out of the same mapping, so section bytes are the
 * page cache's own: nothing is copied and nothing is read before somebody looks at it.
 *
 * All that a section header says is checked once, here; a section that lies outside the file is
 * kept (indices must stay right) but has no bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/object/impl.h"

enum {
	MAX_SECTIONS = 1 << 20,
	HEAD_SIZE = 0x400,
	BZIMAGE_MAGIC = 0x202, /* "HdrS", Documentation/arch/x86/boot.rst */
};

bool elf_section_compressed(const struct elf_section *s)
{
	return (s->flags & SHF_COMPRESSED) || !strncmp(s->name, ".zdebug_", 8);
}

struct elf_section *elf_file_section(const struct elf_file *f, const char *name)
{
	for (size_t i = 1; f && i < f->nsections; i++)
		if (!strcmp(f->sections[i].name, name))
			return &f->sections[i];
	return NULL;
}

const void *elf_section_raw(const struct elf_file *f, const struct elf_section *s)
{
	if (s->type == SHT_NOBITS || s->type == SHT_NULL || !s->size ||
	    !range_ok(s->offset, s->size, f->size))
		return NULL;
	return f->map + s->offset;
}

bool elf_file_has_dwarf(const struct elf_file *f, bool *compressed)
{
	bool has = false;

	*compressed = false;
	for (size_t i = 1; f && i < f->nsections; i++) {
		const struct elf_section *s = &f->sections[i];
		bool old = !strncmp(s->name, ".zdebug_", 8);
		if ((!old && strncmp(s->name, ".debug_", 7)) || !elf_section_raw(f, s))
			continue;
		if (!strcmp(s->name + (old ? 2 : 1), "debug_info"))
			has = true;
		if (elf_section_compressed(s))
			*compressed = true;
	}
	return has;
}

bool elf_section_bytes(const struct elf_file *f, struct elf_section *s, struct object_section *ret)
{
	const void *raw = elf_section_raw(f, s);
	struct packed p;

	if (!raw || s->broken)
		return false;
	if (!s->copy && elf_section_compressed(s)) {
		s->broken = !packed_section(f, s, &p) ||
			    !err_ok(try_alloc(p.size, 1, p.size, &s->copy));
		if (!s->broken && !err_ok(inflate_section(&p, s->copy, NULL))) {
			free(s->copy);
			s->copy = NULL;
			s->broken = true;
		}
		if (s->broken)
			return false;
		s->copy_size = p.size;
	} else if (!s->copy && s->offset % 8 && s->type == SHT_SYMTAB) {
		if (!err_ok(try_alloc(s->size, 1, s->size, &s->copy)))
			return false;
		memcpy(s->copy, raw, s->size);
		s->copy_size = s->size;
	}
	*ret = (struct object_section){
		.data = s->copy ? s->copy : raw,
		.size = s->copy ? s->copy_size : s->size,
		.addr = s->addr,
	};
	return true;
}

static void read_section(Elf *elf, size_t strndx, Elf_Scn *scn, struct elf_section *s)
{
	GElf_Shdr sh;

	s->name = "";
	if (!gelf_getshdr(scn, &sh))
		return;
	const char *name = elf_strptr(elf, strndx, sh.sh_name);
	*s = (struct elf_section){
		.name = name ? name : "",
		.addr = sh.sh_addr,
		.offset = sh.sh_offset,
		.size = sh.sh_size,
		.flags = sh.sh_flags,
		.type = sh.sh_type,
		.link = sh.sh_link,
	};
}

static struct err *read_sections(struct elf_file *f)
{
	size_t n, strndx;

	if (elf_getshdrnum(f->elf, &n) || elf_getshdrstrndx(f->elf, &strndx) || !n)
		return err_new(ERR_CORRUPT,
			       "%s: its section table can't be read (%s): is the file cut off? It "
			       "has %zu bytes",
			       f->path, elf_errmsg(elf_errno()), f->size);
	TRY(try_alloc(n, sizeof(*f->sections), MAX_SECTIONS * sizeof(*f->sections), &f->sections));
	f->nsections = n;
	for (size_t i = 0; i < n; i++)
		f->sections[i].name = "";
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(f->elf, scn));)
		if (elf_ndxscn(scn) < n)
			read_section(f->elf, strndx, scn, &f->sections[elf_ndxscn(scn)]);
	return NULL;
}

/* Source: gABI, note sections; NT_GNU_BUILD_ID is type 3 of owner "GNU". */
static bool find_build_id_in(struct elf_file *f, const struct elf_section *s)
{
	const unsigned char *p = elf_section_raw(f, s);

	for (uint64_t off = 0; p && range_ok(off, 12, s->size);) {
		uint64_t namesz = load_u32(p + off), descsz = load_u32(p + off + 4);
		uint64_t name = off + 12, desc = name + ((namesz + 3) & ~UINT64_C(3));
		if (!range_ok(desc, descsz, s->size))
			return false;
		if (load_u32(p + off + 8) == 3 && namesz == 4 && !memcmp(p + name, "GNU", 4) &&
		    descsz && descsz <= 64) {
			f->build_id = p + desc;
			f->build_id_size = descsz;
			return true;
		}
		off = desc + ((descsz + 3) & ~UINT64_C(3));
	}
	return false;
}

static void find_build_id(struct elf_file *f)
{
	for (size_t i = 1; i < f->nsections; i++)
		if (f->sections[i].type == SHT_NOTE && find_build_id_in(f, &f->sections[i]))
			return;
	/* a kernel's linker script has them in a section that isn't always typed as notes */
	struct elf_section *s = elf_file_section(f, ".notes");
	if (s)
		find_build_id_in(f, s);
}

static struct err *not_elf(const char *path, const unsigned char *head, size_t n)
{
	if (range_ok(BZIMAGE_MAGIC, 4, n) && !memcmp(head + BZIMAGE_MAGIC, "HdrS", 4))
		return err_new(ERR_UNSUPPORTED,
			       "%s: this is the boot image (vmlinuz, bzImage), which has neither "
			       "symbols nor types. Give the vmlinux of the same build: it comes in "
			       "the kernel's debug package (linux-image-...-dbg, kernel-debuginfo) "
			       "or lies at the top of the build tree",
			       path);
	if (n >= 8 && (!memcmp(head, "KDUMP   ", 8) || !memcmp(head, "DISKDUMP", 8)))
		return err_new(ERR_UNSUPPORTED, "%s: this is a dump, not a kernel", path);
	return err_new(ERR_UNSUPPORTED, "%s: not an ELF file", path);
}

/* The parts of e_ident and e_type that decide whether we can read it at all. */
static struct err *check_head(const char *path, const unsigned char *head, size_t n)
{
	if (n < EI_NIDENT || memcmp(head, ELFMAG, SELFMAG))
		return not_elf(path, head, n);
	if (head[EI_DATA] == ELFDATA2MSB)
		return err_new(ERR_UNSUPPORTED,
			       "%s: a big-endian ELF file; kernels of big-endian machines can't be "
			       "read yet",
			       path);
	if (head[EI_CLASS] == ELFCLASS32)
		return err_new(ERR_UNSUPPORTED,
			       "%s: a 32-bit ELF file; kernels of 32-bit machines can't be read "
			       "yet",
			       path);
	if (head[EI_CLASS] != ELFCLASS64 || head[EI_DATA] != ELFDATA2LSB || n < sizeof(Elf64_Ehdr))
		return err_new(ERR_CORRUPT, "%s: its ELF header is damaged", path);
	if (load_u16(head + offsetof(Elf64_Ehdr, e_type)) == ET_CORE)
		return err_new(ERR_UNSUPPORTED, "%s: this is an ELF core (a dump), not a kernel",
			       path);
	return NULL;
}

static struct err *map_file(struct elf_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st))
		return err_os(errno, "%s", f->path);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_UNSUPPORTED, "%s: not a regular file", f->path);
	if (!st.st_size)
		return err_new(ERR_UNSUPPORTED, "%s: the file is empty", f->path);
	f->size = (size_t)st.st_size;
	void *p = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, f->fd, 0);
	if (p == MAP_FAILED)
		return err_os(errno, "%s: can't map it", f->path);
	f->map = p;
	return NULL;
}

static struct err *elf_file_init(struct elf_file *f)
{
	TRY(map_file(f));
	TRY(check_head(f->path, f->map, f->size));
	elf_version(EV_CURRENT);
	/* libelf's prototype lacks a const; it writes to the image only in elf_compress() and
	 * elf_update(), which nobody calls on this handle */
	f->elf = elf_memory((char *)(uintptr_t)f->map, f->size);
	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF)
		return err_new(ERR_CORRUPT, "%s: its ELF header is damaged: %s", f->path,
			       elf_errmsg(elf_errno()));
	f->type = load_u16(f->map + offsetof(Elf64_Ehdr, e_type));
	f->machine = load_u16(f->map + offsetof(Elf64_Ehdr, e_machine));
	TRY(read_sections(f));
	find_build_id(f);
	return NULL;
}

struct err *elf_file_from_fd(int fd, const char *path, struct elf_file **ret)
{
	struct elf_file *f = xcalloc(1, sizeof(*f));

	f->fd = fd;
	f->path = xstrdup(path);
	struct err *e = elf_file_init(f);
	if (e) {
		elf_file_close(f);
		return e;
	}
	*ret = f;
	return NULL;
}

struct err *elf_file_open(const char *path, bool no_cache, struct job *job, struct elf_file **ret)
{
	unsigned char head[HEAD_SIZE];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), plain;

	if (fd < 0)
		return err_os(errno, "%s", path);
	ssize_t n = pread(fd, head, sizeof(head), 0);
	if (n < 0) {
		struct err *e = err_os(errno, "%s", path);
		close(fd);
		return e;
	}
	enum stream kind = stream_kind(head, (size_t)n);
	if (kind == STREAM_NONE)
		return elf_file_from_fd(fd, path, ret);
	struct err *e = inflate_file(fd, path, kind, no_cache, job, &plain);
	close(fd);
	return e ? e : elf_file_from_fd(plain, path, ret);
}

void elf_file_close(struct elf_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->nsections; i++)
		free(f->sections[i].copy);
	free(f->sections);
	elf_end(f->elf);
	if (f->map)
		munmap((void *)(uintptr_t)f->map, f->size);
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f);
}

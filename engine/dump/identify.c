/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file is, by its first bytes, and one clear line for each kind of file that people hand to
 * a dump reader and that we can't read: the name of the format, and what to do.
 */
#include <elf.h>
#include <string.h>
#include <strings.h>
#include "engine/base/checked.h"
#include "engine/dump/impl.h"

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

static const struct machine {
	uint16_t em;
	const char *name;
	const char *uts; /* as uname -m has it, when it is 64-bit and little-endian */
} machines[] = {
	{EM_X86_64, "x86-64", "x86_64"},
	{EM_AARCH64, "aarch64", "aarch64"},
	{EM_PPC64, "ppc64", "ppc64le"},
	{EM_RISCV, "riscv", "riscv64"},
	{EM_LOONGARCH, "loongarch", "loongarch64"},
	{EM_MIPS, "mips", NULL},
	{EM_386, "i386", NULL},
	{EM_ARM, "arm", NULL},
	{EM_PPC, "ppc", NULL},
	{EM_S390, "s390", NULL},
	{EM_SPARCV9, "sparc64", NULL},
	{EM_IA_64, "ia64", NULL},
};

/* "x86-64", "aarch64" ...; NULL when not known. */
static const char *machine_name(unsigned e_machine)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (machines[i].em == e_machine)
			return machines[i].name;
	return NULL;
}

uint16_t machine_of_uts(const char *uts)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (machines[i].uts && !strcmp(machines[i].uts, uts))
			return machines[i].em;
	return EM_NONE;
}

/* Formats known by a mark at a fixed place. */
static const struct magic {
	unsigned at, n;
	const char *bytes;
	enum file_kind kind;
	const char *what, *todo; /* todo NULL: we read it */
} magics[] = {
	{0, 8, "KDUMP   ", FILE_DUMP, "a kdump-compressed dump", NULL},
	{0, 8, "DISKDUMP", FILE_DUMP, "a diskdump", NULL},
	{0, 12, "makedumpfile", FILE_DUMP, "a flattened dump", NULL},
	{0, 2, "\x1f\x8b", FILE_OBJECT, "a gzip file", "unpack it first: gunzip"},
	{0, 6,
	 "\xfd"
	 "7zXZ\0",
	 FILE_OBJECT, "an xz file", "unpack it first: unxz"},
	{0, 4, "\x28\xb5\x2f\xfd", FILE_OBJECT, "a zstd file", "unpack it first: unzstd"},
	{0, 3, "BZh", FILE_OBJECT, "a bzip2 file", "unpack it first: bunzip2"},
	{0, 4, "\x04\x22\x4d\x18", FILE_OBJECT, "an lz4 file", "unpack it first: unlz4"},
	{0, 4, "\x89LZO", FILE_OBJECT, "an lzop file", "unpack it first: lzop -d"},
	{0x202, 4, "HdrS", FILE_UNKNOWN, "a bootable kernel (bzImage)",
	 "name the dump, and the vmlinux with debug info"},
	{0, 4, "QEVM", FILE_DUMP, "a saved QEMU machine",
	 "dump the guest's memory instead: virsh dump --memory-only"},
	{0, 16, "LibvirtQemudSave", FILE_DUMP, "a saved libvirt machine",
	 "dump the guest's memory instead: virsh dump --memory-only"},
	{0, 4, "\xd2\xbe\xd2\xbe", FILE_DUMP, "a VMware snapshot (vmss/vmsn)",
	 "convert it to an ELF core first: vmss2core -N6"},
	{0, 4, "\xd0\xbe\xd2\xbe", FILE_DUMP, "a VMware snapshot (vmss/vmsn)",
	 "convert it to an ELF core first: vmss2core -N6"},
	{0, 8, "PAGEDU64", FILE_DUMP, "a Windows crash dump", "only Linux dumps can be read"},
	{0, 8, "\xed\x23\x8f\x61\x73\x01\x19\xa8", FILE_DUMP, "an LKCD dump",
	 "that format can't be read"},
	{0, 8, "\xa8\x19\x01\x73\x61\x8f\x23\xed", FILE_DUMP, "a stand-alone dump (s390)",
	 "only 64-bit little-endian dumps are supported"},
};

static const struct magic *magic_find(const unsigned char *head, size_t n)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (range_ok(magics[i].at, magics[i].n, n) &&
		    !memcmp(head + magics[i].at, magics[i].bytes, magics[i].n))
			return &magics[i];
	return NULL;
}

struct elf_id {
	bool is64, little;
	unsigned type, machine;
};

static bool elf_identify(const unsigned char *head, size_t n, struct elf_id *ret)
{
	if (n < EI_NIDENT + 4 || memcmp(head, ELFMAG, SELFMAG))
		return false;
	ret->is64 = head[EI_CLASS] == ELFCLASS64;
	ret->little = head[EI_DATA] != ELFDATA2MSB;
	ret->type = load_u16(head + EI_NIDENT);
	ret->machine = load_u16(head + EI_NIDENT + 2);
	if (!ret->little) {
		ret->type = __builtin_bswap16((uint16_t)ret->type);
		ret->machine = __builtin_bswap16((uint16_t)ret->machine);
	}
	return true;
}

enum file_kind head_kind(const unsigned char *head, size_t n)
{
	struct elf_id id;

	if (elf_identify(head, n, &id))
		return id.type == ET_CORE ? FILE_DUMP
		       : id.type == ET_EXEC || id.type == ET_DYN || id.type == ET_REL
			       ? FILE_OBJECT
			       : FILE_UNKNOWN;
	const struct magic *m = magic_find(head, n);
	return m ? m->kind : FILE_UNKNOWN;
}

static struct err *elf_refuse(const char *path, const struct elf_id *id)
{
	const char *name = machine_name(id->machine);

	if (id->type != ET_CORE)
		return err_new(ERR_UNSUPPORTED,
			       "%s: an ELF file, but not a core dump: is it the vmlinux? Name the "
			       "vmcore too",
			       path);
	return err_new(
		ERR_UNSUPPORTED,
		"%s: a %d-bit%s ELF core (%s): only 64-bit little-endian dumps are supported", path,
		id->is64 ? 64 : 32, id->little ? "" : " big-endian",
		name ? name : "unknown machine");
}

struct err *head_refuse(const char *path, const unsigned char *head, size_t n)
{
	const struct magic *m = magic_find(head, n);
	struct elf_id id;

	if (elf_identify(head, n, &id))
		return elf_refuse(path, &id);
	if (m && m->todo)
		return err_new(ERR_UNSUPPORTED, "%s: %s, not a dump that can be read: %s", path,
			       m->what, m->todo);
	if (m)
		return err_new(ERR_CORRUPT, "%s: %s that ends within its header: copy it again",
			       path, m->what);
	return err_new(ERR_UNSUPPORTED,
		       "%s: not a kernel crash dump: expected an ELF core or a makedumpfile "
		       "(kdump-compressed, flattened) file",
		       path);
}

struct err *file_refuse(const char *path)
{
	unsigned char head[HEAD_SIZE];
	struct dfile *f;

	TRY(dfile_open(path, false, NULL, &f));
	struct err *e = head_refuse(path, head, dfile_read_disk(f, 0, head, sizeof(head)));
	dfile_close(f);
	return e;
}

struct err *file_identify(const char *path, enum file_kind *ret)
{
	unsigned char head[HEAD_SIZE];
	struct dfile *f;

	TRY(dfile_open(path, false, NULL, &f));
	size_t n = dfile_read_disk(f, 0, head, sizeof(head));
	*ret = kdump_ops.probe(head, n) ? FILE_DUMP : head_kind(head, n);
	dfile_close(f);
	return NULL;
}

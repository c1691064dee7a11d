/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * An ELF dump made of a vmcoreinfo text and some segments, as `makedumpfile -E` or QEMU writes one.
 */
#ifndef TESTS_ELF_FAKE_H
#define TESTS_ELF_FAKE_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/dump/dump.h"

#define ELF_FAKE_PAGE 4096
#define ELF_FAKE_PLAIN "OSRELEASE=9.9.9\nPAGESIZE=4096\nNUMBER(phys_base)=0\nKERNELOFFSET=0\n"

struct elf_segment {
	uint64_t va, pa;
	const void *bytes; /* NULL: they were left out of the dump */
	size_t n;
};

static inline size_t elf_fake_note(uint8_t *at, const char *info)
{
	Elf64_Nhdr h = {.n_namesz = 11, .n_descsz = (Elf64_Word)strlen(info)};

	memcpy(at, &h, sizeof(h));
	memcpy(at + sizeof(h), "VMCOREINFO", 11);
	memcpy(at + sizeof(h) + 12, info, h.n_descsz);
	return sizeof(h) + 12 + (h.n_descsz + 3) / 4 * 4;
}

/* The file; the caller frees it. */
static inline uint8_t *elf_fake(const char *info, const struct elf_segment *v, size_t n, size_t *size)
{
	size_t notes = sizeof(Elf64_Ehdr) + (n + 1) * sizeof(Elf64_Phdr), bytes = 0;
	size_t at = (notes + 64 + strlen(info) + ELF_FAKE_PAGE) / ELF_FAKE_PAGE * ELF_FAKE_PAGE;
	Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			 .e_type = ET_CORE,
			 .e_machine = EM_X86_64,
			 .e_version = EV_CURRENT,
			 .e_phoff = sizeof(eh),
			 .e_ehsize = sizeof(eh),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = (Elf64_Half)(n + 1)};

	for (size_t i = 0; i < n; i++)
		bytes += v[i].bytes ? v[i].n : 0;
	uint8_t *file = xcalloc(1, at + bytes);
	Elf64_Phdr *ph = (Elf64_Phdr *)(void *)(file + sizeof(eh));
	memcpy(file, &eh, sizeof(eh));
	ph[0] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = notes};
	ph[0].p_filesz = ph[0].p_memsz = elf_fake_note(file + notes, info);
	for (size_t i = 0; i < n; i++) {
		size_t there = v[i].bytes ? v[i].n : 0;
		ph[i + 1] = (Elf64_Phdr){.p_type = PT_LOAD, .p_offset = at, .p_vaddr = v[i].va, .p_paddr = v[i].pa,
					 .p_filesz = there, .p_memsz = v[i].n};
		if (there)
			memcpy(file + at, v[i].bytes, there);
		at += there;
	}
	*size = at;
	return file;
}

/* The same, opened. */
static inline struct dump *elf_fake_open(const char *info, const struct elf_segment *v, size_t n)
{
	char path[] = "/tmp/vmbrowse-elf-XXXXXX";
	const char *name = path;
	struct dump *d;
	size_t size;
	uint8_t *file = elf_fake(info, v, n, &size);
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, file, size) != (ssize_t)size || close(fd) || dump_open(&name, 1, NULL, &d))
		abort();
	unlink(path);
	free(file);
	return d;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A dump with one page of stack and some pages of code, for tests of engine/dis. The code is
 * assembled into the test program itself (between two labels) and copied out.
 */
#ifndef TESTS_DIS_WORLD_H
#define TESTS_DIS_WORLD_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/dis/args.h"
#include "engine/object/object.h"

#define TEXT UINT64_C(0xffffffff81000000)
#define TEXT_PA UINT64_C(0x1000000)
#define STACK UINT64_C(0xffff888000100000)
#define STACK_PA UINT64_C(0x100000)
#define PAGE 4096
#define TEXT_PAGES 2

struct world {
	uint8_t text[TEXT_PAGES * PAGE];
	uint64_t stack[PAGE / 8];
	struct dump *dump;
	struct mem *mem;
	struct object *object;
	struct symtab *symtab;
	struct dis *dis;
	struct flow *flow;
};

static inline size_t world_notes(uint8_t *at)
{
	static const char info[] = "OSRELEASE=9.9.9\nPAGESIZE=4096\nNUMBER(phys_base)=0\n"
				   "KERNELOFFSET=0\n";
	Elf64_Nhdr h = {.n_namesz = 11, .n_descsz = sizeof(info) - 1};

	memcpy(at, &h, sizeof(h));
	memcpy(at + sizeof(h), "VMCOREINFO", 11);
	memcpy(at + sizeof(h) + 12, info, sizeof(info) - 1);
	return sizeof(h) + 12 + (sizeof(info) + 2) / 4 * 4;
}

static inline void world_dump(struct world *w)
{
	enum { SIZE = (2 + TEXT_PAGES) * PAGE };
	uint8_t *file = xcalloc(1, SIZE);
	char path[] = "/tmp/vmbrowse-dis-XXXXXX";
	const char *name = path;
	Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			 .e_type = ET_CORE,
			 .e_machine = EM_X86_64,
			 .e_version = EV_CURRENT,
			 .e_phoff = sizeof(eh),
			 .e_ehsize = sizeof(eh),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 3};
	Elf64_Phdr ph[3] = {
		{.p_type = PT_NOTE, .p_offset = 512},
		{.p_type = PT_LOAD,
		 .p_offset = PAGE,
		 .p_vaddr = STACK,
		 .p_paddr = STACK_PA,
		 .p_filesz = PAGE,
		 .p_memsz = PAGE},
		{.p_type = PT_LOAD,
		 .p_offset = 2 * PAGE,
		 .p_vaddr = TEXT,
		 .p_paddr = TEXT_PA,
		 .p_filesz = TEXT_PAGES * PAGE,
		 .p_memsz = TEXT_PAGES * PAGE},
	};
	int fd = mkstemp(path);

	ph[0].p_filesz = ph[0].p_memsz = world_notes(file + 512);
	memcpy(file, &eh, sizeof(eh));
	memcpy(file + sizeof(eh), ph, sizeof(ph));
	memcpy(file + PAGE, w->stack, PAGE);
	memcpy(file + 2 * PAGE, w->text, sizeof(w->text));
	assert_true(fd >= 0 && write(fd, file, SIZE) == SIZE);
	close(fd);
	assert_null(dump_open(&name, 1, NULL, &w->dump));
	unlink(path);
	free(file);
}

/* A function of the code: by its label in the test program. */
struct label {
	const char *name;
	const uint8_t *at;
};

/* Copies the code between start and end to TEXT; functions: in order of address, each up to the
 * next. */
static inline void world_open(struct world *w, const uint8_t *start, const uint8_t *end,
			      const struct label *functions, size_t n)
{
	struct sym *v = xcalloc(n, sizeof(*v));

	assert_true((size_t)(end - start) <= sizeof(w->text));
	memset(w->text, 0xcc, sizeof(w->text));
	memcpy(w->text, start, (size_t)(end - start));
	world_dump(w);
	w->mem = mem_create(w->dump, &arch_x86_64, NULL, NULL);
	w->object = object_create_module("made");
	object_add_range(w->object, (struct object_range){TEXT, TEXT + sizeof(w->text), true});
	for (size_t i = 0; i < n; i++) {
		const uint8_t *next = i + 1 < n ? functions[i + 1].at : end;
		v[i] = (struct sym){.name = functions[i].name,
				    .addr = TEXT + (uint64_t)(functions[i].at - start),
				    .size = (uint64_t)(next - functions[i].at),
				    .object = w->object,
				    .type = 't'};
	}
	w->symtab = symtab_create();
	symtab_add_list(w->symtab, w->object, v, n);
	free(v);
	w->dis = dis_create(w->mem, w->symtab);
	w->flow = flow_create(w->dis);
}

static inline void world_close(struct world *w)
{
	flow_destroy(w->flow);
	dis_destroy(w->dis);
	symtab_destroy(w->symtab);
	object_close(w->object);
	mem_destroy(w->mem);
	dump_close(w->dump);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * A dump with one page of stack and some pages of code, for tests of engine/dis. The code is
 * assembled into the test program itself (between two labels) and copied out.
 */
#ifndef TESTS_DIS_WORLD_H
#define TESTS_DIS_WORLD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/dis/args.h"
#include "engine/object/object.h"
#include "tests/unit/elf_fake.h"

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
	const struct elf_segment segments[] = {{STACK, STACK_PA, w->stack, sizeof(w->stack)},
					       {TEXT, TEXT_PA, w->text, sizeof(w->text)}};
	w->dump = elf_fake_open(ELF_FAKE_PLAIN, segments, 2);
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

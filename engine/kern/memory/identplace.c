/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own places: per-CPU memory, stacks of CPUs, struct pages, vmalloc areas, parts of modules,
 * regions of the address space.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include "engine/kern/memory/identimpl.h"
#include "engine/kern/memory/page.h"
#include "engine/kern/memory/percpu.h"
#include "engine/kern/memory/vmap.h"
#include "engine/kern/module/modplace.h"

#define MAX_STRING 256

struct err *ident_percpu(struct asking *a)
{
	struct percpu_place p;
	const struct type *t;

	if (!percpu_at(a->s, a->va, &p))
		return NULL;
	uint64_t offset = a->va - p.start;
	if (p.kind == PERCPU_STATIC) {
		buf_printf(&a->text, "per-CPU %s", p.name ? p.name : "variables");
		ident_offset(&a->text, offset);
		if (p.name && a->ask->deep &&
		    err_ok(type_of_symbol(a->s->types, a->s->vmlinux, p.name, a->ask->job, &t)))
			ident_member(a, t, offset);
	} else if (p.kind == PERCPU_MODULE) {
		buf_printf(&a->text, "per-CPU data of module %s", p.name);
		ident_offset(&a->text, offset);
	} else {
		buf_printf(&a->text, "per-CPU memory, allocated as __percpu 0x%" PRIx64, p.pointer);
	}
	buf_printf(&a->text, ", of CPU %u", p.cpu);
	a->final = true;
	return ident_tell(a, &(struct ident){.kind = IDENT_PERCPU, .name = p.name, .start = p.start,
					     .size = p.size, .offset = offset, .cpu = (int64_t)p.cpu,
					     .pid = -1, .ref = ref_addr(REF_MEM, p.start)});
}

struct err *ident_cpu_stack(struct asking *a)
{
	struct cpu_stack_place p;

	if (!cpu_stack_at(a->s, a->va, &p))
		return NULL;
	const char *what = p.area ? " of the entry area" : p.guard ? " stack's guard page: an overflow" : " stack";
	buf_printf(&a->text, "%s%s of CPU %u, +0x%" PRIx64 " of 0x%" PRIx64, p.name, what, p.cpu,
		   a->va - p.start, p.end - p.start);
	a->final = true;
	return ident_tell(a, &(struct ident){.kind = IDENT_CPU_STACK, .name = p.name, .start = p.start,
					     .size = p.end - p.start, .offset = a->va - p.start,
					     .cpu = (int64_t)p.cpu, .pid = -1,
					     .ref = ref_addr(REF_MEM, p.start)});
}

struct err *ident_descriptor(struct asking *a)
{
	struct session *s = a->s;
	uint64_t pa, size = page_struct_size(s);
	struct page_info info;
	const struct type *t;

	if (!page_at(s, a->va, &pa) || !size)
		return NULL;
	uint64_t page;
	if (!page_of_phys(s, pa, &page))
		return NULL;
	uint64_t offset = a->va - page;
	buf_printf(&a->text, "struct page of pfn 0x%" PRIx64 ", physical 0x%" PRIx64, pa / s->arch->page_size, pa);
	if (offset)
		buf_printf(&a->text, ", +0x%" PRIx64, offset);
	if (err_ok(type_find(s->types, "struct page", a->ask->job, &t)))
		ident_member(a, t, offset);
	if (err_ok(page_read(s, page, &info)))
		ident_use(a, &info, &(struct ident){0});
	a->final = true;
	return ident_tell(a, &(struct ident){.kind = IDENT_DESCRIPTOR, .name = "struct page", .start = page,
					     .size = size, .offset = offset, .cpu = -1, .pid = -1,
					     .ref = ref_object(intern_str(s->intern, "struct page"), page)});
}

static void put_caller(struct asking *a, uint64_t caller)
{
	struct sym sym;
	uint64_t offset;

	if (!caller)
		return;
	if (!sym_at(a->s->symtab, caller, &sym, &offset)) { /* code that was freed after it ran once */
		buf_printf(&a->text, ", by 0x%" PRIx64, caller);
		return;
	}
	buf_printf(&a->text, ", by %s", sym.name);
	ident_offset(&a->text, offset);
}

/* The name is the caller's: what the area is for. */
struct err *ident_vmalloc(struct asking *a)
{
	struct vmap_place p;
	struct sym sym;
	uint64_t offset;

	if (!vmap_at(a->s, a->va, &p))
		return NULL;
	uint64_t size = p.end - p.start;
	buf_printf(&a->text, "vmalloc area 0x%" PRIx64 "-0x%" PRIx64 ", %" PRIu64 " KiB, +0x%" PRIx64,
		   p.start, p.end, size / 1024, a->va - p.start);
	put_caller(a, p.caller);
	if (p.phys)
		buf_printf(&a->text, ", maps physical 0x%" PRIx64, p.phys);
	bool guard = p.size && p.size == size && size > a->s->arch->page_size &&
		     a->va >= p.end - a->s->arch->page_size &&
		     mem_state_at(a->s->mem, KERNEL, a->va, NULL) == MEM_UNMAPPED;
	if (guard)
		buf_puts(&a->text, ", in its guard page");
	bool named = p.caller && sym_at(a->s->symtab, p.caller, &sym, &offset);
	struct ref ref = p.vm ? ref_object(intern_str(a->s->intern, "struct vm_struct"), p.vm)
			      : ref_addr(REF_MEM, p.start);
	return ident_tell(a, &(struct ident){.kind = IDENT_VMALLOC, .name = named ? sym.name : "",
					     .start = p.start, .size = size, .offset = a->va - p.start,
					     .cpu = -1, .pid = -1, .ref = ref});
}

struct err *ident_module(struct asking *a)
{
	struct module_place p;

	if (!module_place_at(a->s, a->va, a->ask->job, &p))
		return NULL;
	buf_printf(&a->text, "%s of module %s, +0x%" PRIx64 " of 0x%" PRIx64, p.part, p.name,
		   a->va - p.start, p.size);
	struct ref ref = ref_object(intern_str(a->s->intern, "struct module"), p.addr);
	return ident_tell(a, &(struct ident){.kind = IDENT_MODULE, .name = p.name, .start = p.start,
					     .size = p.size, .offset = a->va - p.start, .cpu = -1, .pid = -1,
					     .ref = ref});
}

/* The parts of the image, by the marks that the linker leaves. */
const char *ident_section(struct session *s, uint64_t va)
{
	static const struct {
		const char *from, *to, *name;
	} parts[] = {
		{"_stext", "_etext", "text"},
		{"_sinittext", "_einittext", "init text"},
		{"__start_rodata", "__end_rodata", "read-only data"},
		{"__init_begin", "__init_end", "init data"},
		{"__bss_start", "__bss_stop", "bss"},
		{"_sdata", "_edata", "data"},
		{"__brk_base", "__brk_limit", "brk"},
		{"_text", "_end", "image"},
	};
	struct sym from, to;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (sym_find(s->symtab, parts[i].from, &from) && sym_find(s->symtab, parts[i].to, &to) &&
		    va >= from.addr && va < to.addr)
			return parts[i].name;
	return NULL;
}

/* Of read-only data that no symbol names most is strings: the one around va. */
bool ident_string(struct asking *a)
{
	char text[MAX_STRING];
	uint64_t start = a->va;
	uint8_t c;

	while (a->va - start < MAX_STRING / 2 && err_ok(mem_u8(a->s->mem, KERNEL, start - 1, &c)) &&
	       (isprint(c) || c == '\n' || c == '\t'))
		start--;
	if (!err_ok(mem_str(a->s->mem, KERNEL, start, text, sizeof(text))))
		return false;
	size_t n = strlen(text);
	if (n < 3 || start + n < a->va)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isprint((unsigned char)text[i]) && text[i] != '\n' && text[i] != '\t')
			return false;
	buf_puts(&a->text, "string ");
	buf_put_json(&a->text, text, n);
	ident_offset(&a->text, a->va - start);
	buf_puts(&a->text, " in ");
	return true;
}

static void describe_image(struct asking *a)
{
	const char *section = ident_section(a->s, a->va);

	if (!a->final && section && !strcmp(section, "read-only data"))
		ident_string(a);
	buf_printf(&a->text, "kernel image%s%s", section ? ", " : "", section ? section : "");
}

static uint64_t base_of(struct session *s, const char *name)
{
	uint64_t at, v;

	return err_ok(kern_symbol(s, name, &at)) && err_ok(mem_u64(s->mem, KERNEL, at, &v)) ? v : 0;
}

struct err *ident_region(struct asking *a)
{
	struct session *s = a->s;
	const struct arch_bases bases = {base_of(s, "vmalloc_base"), base_of(s, "vmemmap_base")};
	const struct arch_layout *l = mem_layout(s->mem);
	struct arch_region r;

	if (!s->arch->region)
		return NULL;
	s->arch->region(l, &bases, a->va, &r);
	if (l->direct_size && a->va >= l->direct_va && a->va - l->direct_va < l->direct_size)
		buf_printf(&a->text, "direct map of physical 0x%" PRIx64, a->va - l->direct_va);
	else if (a->va >= l->image_va && a->va - l->image_va < l->image_size)
		describe_image(a);
	else
		buf_puts(&a->text, r.name);
	return ident_tell(a, &(struct ident){.kind = IDENT_REGION, .name = r.name, .start = r.start,
					     .size = r.last - r.start + 1, .offset = a->va - r.start,
					     .cpu = -1, .pid = -1});
}

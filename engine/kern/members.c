/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's data by name: symbols, per-CPU variables, and members that changed their names from
 * kernel to kernel. Nothing here knows versions: the types and symbols of this dump decide.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/kern/impl.h"
#include "engine/type/value.h"

const char *kern_why_no_types(const struct session *s)
{
	if (object_path(s->vmlinux)[0])
		return "vmlinux has no such types, neither in BTF nor in DWARF";
	return strcmp(types_source(s->types), "none")
		       ? "the dump's own types (BTF) have none such"
		       : "there is no vmlinux, and the dump holds no types (BTF) of its own";
}

static struct err *no_symbol(struct session *s, const char *name, uint64_t *ret)
{
	if (vmcoreinfo_symbol(s->vmcoreinfo, name, ret))
		return NULL;
	if (symtab_count(s->symtab))
		return err_new(ERR_NOTFOUND, "this kernel has no symbol '%s'", name);
	return err_new(ERR_NOTFOUND,
		       "symbol '%s' is not known: there is no vmlinux, and the dump's own symbols "
		       "(kallsyms) can't be used", name);
}

struct err *kern_symbol(struct session *s, const char *name, uint64_t *ret)
{
	struct sym sym;

	if (!sym_find(s->symtab, name, &sym))
		return no_symbol(s, name, ret);
	*ret = sym.addr;
	return NULL;
}

struct err *kern_static(struct session *s, const char *name, uint64_t *ret)
{
	struct sym sym;

	if (!sym_find_last(s->symtab, s->vmlinux, name, &sym))
		return no_symbol(s, name, ret);
	*ret = sym.addr;
	return NULL;
}

/* Without __per_cpu_offset the kernel was built for one CPU: its per-CPU variables are plain. */
struct err *kern_percpu_offset(struct session *s, unsigned cpu, uint64_t *ret)
{
	struct sym sym;

	if (cpu >= s->ncpus)
		return err_new(ERR_NOTFOUND, "there is no CPU %u: the dump tells of %u", cpu,
			       s->ncpus);
	*ret = 0;
	if (!sym_find(s->symtab, "__per_cpu_offset", &sym))
		return symtab_count(s->symtab) && s->ncpus == 1
			       ? NULL
			       : err_new(ERR_NOTFOUND, "this kernel has no symbol "
						       "'__per_cpu_offset'");
	return mem_u64(s->mem, KERNEL, sym.addr + UINT64_C(8) * cpu, ret);
}

struct err *kern_percpu(struct session *s, const char *symbol, unsigned cpu, uint64_t *ret)
{
	uint64_t addr, offset;

	TRY(kern_symbol(s, symbol, &addr));
	TRY(kern_percpu_offset(s, cpu, &offset));
	*ret = addr + offset;
	return NULL;
}

struct err *kern_percpu_pointer(struct session *s, const char *symbol, const char *hot, unsigned cpu,
				uint64_t *ret)
{
	struct kern_member member = {.names = hot};
	uint64_t at;

	struct err *e = kern_percpu(s, symbol, cpu, &at);
	if (e && kern_members(s, "struct pcpu_hot", &member, 1) &&
	    err_ok(kern_percpu(s, "pcpu_hot", cpu, &at))) {
		err_free(e);
		e = NULL;
		at = kern_at(at, &member);
	}
	return e ? e : mem_u64(s->mem, KERNEL, at, ret);
}

bool kern_cpu_online(struct session *s, unsigned cpu)
{
	static const char *const masks[] = {"__cpu_possible_mask", "__cpu_online_mask"};
	uint64_t addr, word;

	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		if (err_ok(kern_symbol(s, masks[i], &addr)) &&
		    err_ok(mem_u64(s->mem, KERNEL, addr + cpu / 64 * 8, &word)) &&
		    !(word >> cpu % 64 & 1))
			return false;
	return true;
}

bool kern_pointer(const struct session *s, uint64_t p)
{
	return p && s->arch->is_kernel(mem_layout(s->mem), p);
}

bool kern_place(const struct type *t, const char *names, struct type_place *ret)
{
	char name[128];

	for (const char *p = names; *p;) {
		size_t n = strcspn(p, "|");
		if (n < sizeof(name)) {
			memcpy(name, p, n);
			name[n] = 0;
			if (err_ok(type_member(t, name, ret)))
				return true;
		}
		p += n + (p[n] == '|');
	}
	return false;
}

size_t kern_members(struct session *s, const char *type_name, struct kern_member *v, size_t n)
{
	const struct type *t;
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		v[i].found = false;
	if (!err_ok(type_find(s->types, type_name, NULL, &t)))
		return 0;
	for (size_t i = 0; i < n; i++) {
		v[i].found = kern_place(t, v[i].names, &v[i].place);
		found += v[i].found;
	}
	return found;
}

/* How many bytes hold the member; 0: more than a scalar has. */
static size_t scalar_bytes(const struct type_place *p)
{
	uint64_t n =
		p->bit_size ? (p->bit_offset + (uint64_t)p->bit_size + 7) / 8 : type_size(p->type);

	return n <= 16 ? n : 0;
}

static bool decode(const struct type_place *p, const uint8_t *bytes, size_t n, uint64_t *ret)
{
	struct scalar v;

	if (!n || !err_ok(scalar_decode(p, bytes, n, &v)))
		return false;
	*ret = v.u;
	return true;
}

bool kern_decode(const struct kern_member *m, const uint8_t *image, size_t n, uint64_t *ret)
{
	return m->found && m->place.offset <= n &&
	       decode(&m->place, image + m->place.offset, n - m->place.offset, ret);
}

struct err *kern_read(struct session *s, uint64_t obj, const struct kern_member *m, uint64_t *ret)
{
	uint8_t bytes[16];

	if (!m->found)
		return err_new(ERR_NOTFOUND, "this kernel has no member '%s'", m->names);
	size_t n = scalar_bytes(&m->place);
	TRY(mem_read(s->mem, KERNEL, obj + m->place.offset, bytes, n));
	if (!decode(&m->place, bytes, n, ret))
		return err_new(ERR_UNSUPPORTED, "member '%s' is not a number on this kernel",
			       m->names);
	return NULL;
}

bool kern_enum_value(struct session *s, const char *enumerator, uint64_t *ret)
{
	const struct type *t;
	size_t n;

	if (!err_ok(type_find_enumerator(s->types, enumerator, NULL, &t)))
		return false;
	const struct enumerator *v = type_enumerators(type_strip(t), &n);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i].name, enumerator)) {
			*ret = (uint64_t)v[i].value;
			return true;
		}
	return false;
}

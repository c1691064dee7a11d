/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a module leaves in memory. All counts and sizes are the dump's word and are bounded: a
 * damaged module costs its own symbols, and says so.
 *
 * Sources: Linux' include/linux/module.h (struct mod_kallsyms), kernel/module/kallsyms.c,
 * arch/x86/include/asm/module.h (struct mod_arch_specific), kernel/bpf/btf.c (struct btf_module).
 */
#include "engine/kern/module/modparts.h"
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"

#define SYMS_MAX (1u << 20)
#define STRINGS_MAX (16u << 20)
#define NAME_MAX_LEN 512 /* KSYM_NAME_LEN */
#define ORCS_MAX (4u << 20)
#define ORC_SIZE 6 /* sizeof(struct orc_entry), the same in all its layouts */
#define BTF_MAX (64u << 20)
#define BTF_MODULES_MAX 65536

void mod_parts_init(struct mod_parts *p, struct session *s, struct job *job)
{
	static const char *const members[MP_MEMBERS] = {
		[MP_KALLSYMS] = "kallsyms",
		[MP_NUM_ORCS] = "arch.num_orcs",
		[MP_ORC_IP] = "arch.orc_unwind_ip",
		[MP_ORC] = "arch.orc_unwind",
		[MP_PERCPU] = "percpu",
		[MP_PERCPU_SIZE] = "percpu_size",
	};
	static const char *const kallsyms[KS_MEMBERS] = {
		[KS_SYMTAB] = "symtab",
		[KS_NUM] = "num_symtab",
		[KS_STRTAB] = "strtab",
		[KS_TYPETAB] = "typetab", /* 5.2; before, st_info held the letter */
	};

	*p = (struct mod_parts){.s = s, .job = job};
	for (size_t i = 0; i < MP_MEMBERS; i++)
		p->m[i].names = members[i];
	for (size_t i = 0; i < KS_MEMBERS; i++)
		p->ks[i].names = kallsyms[i];
	kern_members(s, "struct module", p->m, MP_MEMBERS);
	kern_members(s, "struct mod_kallsyms", p->ks, KS_MEMBERS);
}

static void problem(struct module *mod, struct err *e, const char *what)
{
	if (e && !mod->problem[0])
		snprintf(mod->problem, sizeof(mod->problem), "%s: %s", what, err_text(e));
	err_free(e);
}

/* n bytes of the dump, with one NUL behind them. */
static struct err *copy(struct session *s, uint64_t addr, size_t n, size_t max, void *ret)
{
	char *p;

	TRY(try_alloc(n + 1, 1, max + 1, &p));
	struct err *e = mem_read(s->mem, KERNEL, addr, p, n);
	if (e) {
		free(p);
		return e;
	}
	memcpy(ret, &p, sizeof(p));
	return NULL;
}

/* ---- symbols ---- */

struct kallsyms {
	Elf64_Sym *syms;
	uint64_t n;
	char *strings, *types; /* types: a letter a symbol, or NULL */
	size_t strings_size;
};

/* The string table's size isn't kept: up to the end of the last name, as far as can be read. */
static struct err *read_strings(struct session *s, uint64_t addr, struct kallsyms *k)
{
	uint64_t end = 0;

	for (uint64_t i = 0; i < k->n; i++)
		if (k->syms[i].st_name > end && k->syms[i].st_name < STRINGS_MAX)
			end = k->syms[i].st_name;
	k->strings_size = end + NAME_MAX_LEN;
	TRY(try_alloc(k->strings_size + 1, 1, STRINGS_MAX + NAME_MAX_LEN + 1, &k->strings));
	k->strings_size = mem_read_some(s->mem, KERNEL, addr, k->strings, k->strings_size, NULL);
	return NULL;
}

static struct err *read_kallsyms(struct mod_parts *p, uint64_t module, struct kallsyms *k)
{
	uint64_t at, symtab, strtab, typetab;
	struct session *s = p->s;

	TRY(kern_read(s, module, &p->m[MP_KALLSYMS], &at));
	if (!at)
		return NULL; /* built without CONFIG_KALLSYMS, or not loaded that far */
	TRY(kern_read(s, at, &p->ks[KS_NUM], &k->n));
	TRY(kern_read(s, at, &p->ks[KS_SYMTAB], &symtab));
	TRY(kern_read(s, at, &p->ks[KS_STRTAB], &strtab));
	if (k->n > SYMS_MAX) {
		uint64_t n = k->n;
		k->n = 0;
		return err_new(ERR_CORRUPT, "%" PRIu64 " of them can't be", n);
	}
	TRY(copy(s, symtab, k->n * sizeof(*k->syms), SYMS_MAX * sizeof(*k->syms), &k->syms));
	if (p->ks[KS_TYPETAB].found && err_ok(kern_read(s, at, &p->ks[KS_TYPETAB], &typetab)) &&
	    !err_ok(copy(s, typetab, k->n, SYMS_MAX, &k->types)))
		k->types = NULL;
	return read_strings(s, strtab, k);
}

static char symbol_letter(const struct kallsyms *k, uint64_t i)
{
	char c = k->types ? k->types[i] : (char)k->syms[i].st_info;

	if (!strchr("TtDdBbRrAVvWw", c) || !c)
		c = 't';
	/* The loader gives letters without telling globals apart; the binding does. */
	if (k->types && ELF64_ST_BIND(k->syms[i].st_info) == STB_GLOBAL && c >= 'a' && c <= 'z' &&
	    c != 'v' && c != 'w')
		c = (char)(c - 'a' + 'A');
	return c;
}

static bool is_percpu(struct mod_parts *p, const struct module *mod, uint64_t addr)
{
	uint64_t start, size;

	return err_ok(kern_read(p->s, mod->addr, &p->m[MP_PERCPU], &start)) && start &&
	       err_ok(kern_read(p->s, mod->addr, &p->m[MP_PERCPU_SIZE], &size)) && addr >= start &&
	       addr - start < size;
}

/* Only what lies in the module is a symbol of it: nothing undefined, nothing that was freed. */
static size_t take_symbols(struct mod_parts *p, struct module *mod, const struct kallsyms *k,
			   struct sym *v)
{
	size_t n = 0;

	for (uint64_t i = 1; i < k->n; i++) {
		const Elf64_Sym *e = &k->syms[i];
		if (e->st_shndx == SHN_UNDEF || e->st_name >= k->strings_size ||
		    !k->strings[e->st_name] || sym_is_label(k->strings + e->st_name))
			continue;
		bool inside = object_contains(mod->object, e->st_value);
		bool percpu = !inside && is_percpu(p, mod, e->st_value);
		if (!inside && !percpu)
			continue;
		v[n++] = (struct sym){.name = k->strings + e->st_name,
				      .addr = e->st_value,
				      .size = e->st_size,
				      .object = mod->object,
				      .type = symbol_letter(k, i),
				      .percpu = percpu};
	}
	return n;
}

void mod_add_symbols(struct mod_parts *p, struct module *mod)
{
	struct kallsyms k = {0};

	problem(mod, read_kallsyms(p, mod->addr, &k), "symbols");
	if (k.syms && k.strings && k.n) {
		struct sym *v = xcalloc(k.n, sizeof(*v));
		mod->nsyms = take_symbols(p, mod, &k, v);
		symtab_add_list(p->s->symtab, mod->object, v, mod->nsyms);
		free(v);
	}
	free(k.syms);
	free(k.strings);
	free(k.types);
}

/* ---- ORC ---- */

static struct err *add_orc(struct mod_parts *p, struct module *mod)
{
	uint64_t n, ip, orc;
	void *ips, *entries;

	TRY(kern_read(p->s, mod->addr, &p->m[MP_NUM_ORCS], &n));
	TRY(kern_read(p->s, mod->addr, &p->m[MP_ORC_IP], &ip));
	TRY(kern_read(p->s, mod->addr, &p->m[MP_ORC], &orc));
	if (!n)
		return NULL;
	if (n > ORCS_MAX)
		return err_new(ERR_CORRUPT, "%" PRIu64 " entries can't be", n);
	TRY(copy(p->s, ip, n * 4, ORCS_MAX * 4, &ips));
	struct err *e = copy(p->s, orc, n * ORC_SIZE, ORCS_MAX * ORC_SIZE, &entries);
	if (e) {
		free(ips);
		return e;
	}
	uint64_t bias = object_bias(mod->object);
	object_set_section(mod->object, ".orc_unwind_ip", ips, n * 4, ip - bias);
	object_set_section(mod->object, ".orc_unwind", entries, n * ORC_SIZE, orc - bias);
	return NULL;
}

void mod_add_orc(struct mod_parts *p, struct module *mod)
{
	if (p->m[MP_NUM_ORCS].found)
		problem(mod, add_orc(p, mod), "ORC");
}

/* ---- types ---- */

enum { BM_LIST, BM_MODULE, BM_BTF, BM_MEMBERS };
enum { BT_DATA, BT_SIZE, BT_MEMBERS };

struct btf_walk {
	struct mod_parts *p;
	struct kern_member bm[BM_MEMBERS], bt[BT_MEMBERS];
	struct module *v;
	size_t n;
};

static struct err *read_btf(struct btf_walk *w, uint64_t element, struct module *mod)
{
	uint64_t btf, data, size;
	struct session *s = w->p->s;
	void *bytes;

	TRY(kern_read(s, element, &w->bm[BM_BTF], &btf));
	TRY(kern_read(s, btf, &w->bt[BT_DATA], &data));
	TRY(kern_read(s, btf, &w->bt[BT_SIZE], &size));
	if (size > BTF_MAX)
		return err_new(ERR_CORRUPT, "%" PRIu64 " bytes can't be", size);
	TRY(copy(s, data, size, BTF_MAX, &bytes));
	object_set_section(mod->object, ".BTF", bytes, size, data - object_bias(mod->object));
	/* the kernel has moved its ids onto vmlinux' already: a distilled base in the module's file isn't theirs */
	object_lend_section(mod->object, ".BTF.base", NULL, 0, 0);
	return types_add_object(s->types, mod->object, NULL);
}

static struct err *on_btf(void *ctx, uint64_t node)
{
	struct btf_walk *w = ctx;
	uint64_t element = node - w->bm[BM_LIST].place.offset, module;

	if (!err_ok(kern_read(w->p->s, element, &w->bm[BM_MODULE], &module)))
		return NULL;
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].addr == module)
			problem(&w->v[i], read_btf(w, element, &w->v[i]), "types");
	return NULL;
}

struct err *mod_add_types(struct mod_parts *p, struct module *v, size_t n)
{
	struct btf_walk w = {.p = p,
			     .v = v,
			     .n = n,
			     .bm = {{.names = "list"}, {.names = "module"}, {.names = "btf"}},
			     .bt = {{.names = "data"}, {.names = "data_size"}}};
	struct object_section base;
	uint64_t head;
	char *damage;

	/* A module's ids go on where vmlinux' end: without those they would name anything. */
	if (!object_section(p->s->vmlinux, ".BTF", &base))
		return NULL;
	if (kern_members(p->s, "struct btf_module", w.bm, BM_MEMBERS) != BM_MEMBERS ||
	    kern_members(p->s, "struct btf", w.bt, BT_MEMBERS) != BT_MEMBERS ||
	    !err_ok(kern_symbol(p->s, "btf_modules", &head)))
		return NULL; /* a kernel without BTF of modules */
	TRY(walk_list(p->s, head, BTF_MODULES_MAX, p->job, on_btf, &w, &damage));
	free(damage);
	return NULL;
}

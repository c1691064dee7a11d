/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A chain of questions, the most telling first. Each adds its answer and says whether the ones behind it may
 * still have something to say: what lies in a variable of the image is in no slab, but every address is in
 * a region and on a page.
 *
 * The cheap form (deep unset) is asked while a cursor moves: tables that were loaded once, a handful of reads
 * of memory, at most the free list of one slab.
 */
#include "engine/kern/memory/identify.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"
#include "engine/kern/memory/identimpl.h"
#include "engine/kern/memory/page.h"
#include "engine/kern/memory/percpu.h"
#include "engine/kern/memory/slab.h"
#include "engine/kern/memory/special.h"
#include "engine/kern/memory/vmap.h"
#include "engine/kern/module/modules.h"
#include "engine/kern/stack/stackscan.h"

#define MARK_REACH 1024 /* bytes of data that a symbol without a size may name */

const char *ident_kind_name(enum ident_kind k)
{
	static const char *const names[IDENT_KINDS] = {
		[IDENT_NULL] = "null", [IDENT_ERROR] = "error", [IDENT_POISON] = "poison",
		[IDENT_SYMBOL] = "symbol", [IDENT_MODULE] = "module", [IDENT_PERCPU] = "per-cpu",
		[IDENT_TASK] = "task", [IDENT_STACK] = "stack", [IDENT_FRAME] = "frame",
		[IDENT_VARIABLE] = "variable", [IDENT_CPU_STACK] = "cpu-stack", [IDENT_SLAB] = "slab",
		[IDENT_DESCRIPTOR] = "struct-page", [IDENT_VMALLOC] = "vmalloc", [IDENT_USER] = "user",
		[IDENT_REGION] = "region", [IDENT_PAGE] = "page",
	};

	return names[k];
}

struct err *ident_tell(struct asking *a, struct ident *id)
{
	id->text = buf_str(&a->text);
	if (!id->name)
		id->name = "";
	a->told = true;
	struct err *e = a->fn(a->ctx, id, &a->more);
	buf_clear(&a->text);
	return e;
}

void ident_offset(struct buf *out, uint64_t offset)
{
	if (offset)
		buf_printf(out, "+0x%" PRIx64, offset);
}

void ident_member(struct asking *a, const struct type *t, uint64_t offset)
{
	AUTO_BUF struct buf path = {0};

	if (!offset || !t || !type_path_at(t, &offset, &path) || !path.len)
		return;
	buf_printf(&a->text, ", in .%s", buf_str(&path));
	ident_offset(&a->text, offset);
}

/* ---- special words ---- */

static struct err *ask_special(struct asking *a)
{
	static const enum ident_kind kinds[] = {
		[SPECIAL_NULL] = IDENT_NULL, [SPECIAL_ERROR] = IDENT_ERROR, [SPECIAL_POISON] = IDENT_POISON,
	};
	enum special_kind k = special_word(a->va, &a->text);

	if (k == SPECIAL_NONE)
		return NULL;
	a->final = true;
	return ident_tell(a, &(struct ident){.kind = kinds[k], .start = a->va, .cpu = -1, .pid = -1});
}

/* ---- the image and modules ---- */

/* The whole symbol, if its name leads to it. */
static struct ref symbol_ref(struct asking *a, const struct sym *sym)
{
	struct sym found;

	if (sym_find(a->s->symtab, sym->name, &found) && found.addr == sym->addr)
		return (struct ref){REF_SYM, sym->addr, 0, intern_str(a->s->intern, sym->name)};
	return ref_addr(REF_MEM, sym->addr);
}

/* Its type, if that was asked for. */
static const struct type *describe_symbol(struct asking *a, const struct sym *sym, uint64_t offset)
{
	struct session *s = a->s;
	bool data = !strchr("tTwW", sym->type);
	const char *owner = sym->object ? object_name(sym->object) : "vmlinux";
	const char *section = ident_section(s, a->va);
	const struct type *t = NULL;

	buf_put_safe(&a->text, sym->name, strlen(sym->name));
	ident_offset(&a->text, offset);
	if (data && a->ask->deep && sym->object &&
	    err_ok(type_of_symbol(s->types, sym->object, sym->name, a->ask->job, &t)))
		ident_member(a, t, offset);
	buf_printf(&a->text, ", %s", section ? section : data ? "data" : "text");
	if (strcmp(owner, "vmlinux"))
		buf_printf(&a->text, " of module %s", owner);
	return t;
}

/* Behind a mark, or behind assembler data without a size, lie the strings that have no names. */
static bool is_string(struct asking *a, const struct sym *sym, uint64_t offset)
{
	const char *section = ident_section(a->s, a->va);
	bool is = !sym->size && offset >= MARK_REACH && !strchr("tTwW", sym->type) && section &&
		  !strcmp(section, "read-only data") && ident_string(a);

	buf_clear(&a->text);
	return is;
}

static struct err *ask_symbol(struct asking *a)
{
	struct sym sym;
	uint64_t offset;

	if (!sym_at(a->s->symtab, a->va, &sym, &offset) || is_string(a, &sym, offset))
		return NULL;
	TRY(ident_task_or_stack(a)); /* init_task, and its stack */
	if (!a->more)
		return NULL;
	const struct type *type = describe_symbol(a, &sym, offset);
	a->final = true;
	return ident_tell(a, &(struct ident){.kind = IDENT_SYMBOL, .name = sym.name, .start = sym.addr,
					     .size = sym.size, .offset = offset, .type = type, .cpu = -1, .pid = -1,
					     .ref = symbol_ref(a, &sym)});
}

/* ---- the chain ---- */

static struct err *ask_kernel(struct asking *a)
{
	/* in this order; each may end the search for what is most telling */
	static struct err *(*const most_telling[])(struct asking *) = {
		ask_special, ask_symbol, ident_percpu, ident_cpu_stack, ident_slab, ident_descriptor,
		ident_task_or_stack,
	};
	static struct err *(*const behind[])(struct asking *) = {
		ident_module, ident_vmalloc, ident_region, ident_page,
	};

	for (size_t i = 0; i < sizeof(most_telling) / sizeof(*most_telling) && a->more && !a->final; i++)
		TRY(most_telling[i](a));
	for (size_t i = 0; i < sizeof(behind) / sizeof(*behind) && a->more; i++)
		TRY(behind[i](a));
	return NULL;
}

static struct err *ask_user(struct asking *a)
{
	TRY(ask_special(a));
	if (a->more && !a->final)
		TRY(ident_user(a));
	return a->more ? ident_region(a) : NULL;
}

struct err *identify(struct session *s, const struct ident_ask *ask,
		     struct err *(*fn)(void *ctx, const struct ident *id, bool *more), void *ctx)
{
	struct asking a = {.s = s, .ask = ask, .va = ask->addr, .fn = fn, .ctx = ctx, .more = true};
	const struct modules *ms;
	struct err *e = modules_load(s, ask->job, &ms); /* their symbols count too */

	if (e && err_code(e) == ERR_CANCELLED)
		return e;
	err_free(e);
	if (ask->phys) {
		e = ident_page(&a);
		if (!e && a.more && mem_phys_to_direct(s->mem, ask->addr, &a.va))
			e = ask_kernel(&a);
	} else {
		e = s->arch->is_kernel(mem_layout(s->mem), ask->addr) ? ask_kernel(&a) : ask_user(&a);
	}
	buf_free(&a.text);
	return e;
}

static struct err *take_first(void *ctx, const struct ident *id, bool *more)
{
	struct buf *out = ctx;

	if (id->kind == IDENT_SLAB)
		buf_printf(out, "%s ", ident_kind_name(id->kind));
	buf_puts(out, id->text);
	*more = false;
	return NULL;
}

void identify_line(struct session *s, uint64_t addr, const struct task *task, struct buf *out)
{
	struct ident_ask ask = {.addr = addr, .task = task, .line = true};

	err_free(identify(s, &ask, take_first, out));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which kernel the dump is of, and everything that is made of it. In the order of preference: the
 * vmlinux that was given, one in the usual places, what the dump's own memory holds. Each part that
 * the chosen one lacks (symbols, types) comes from the dump's memory.
 *
 * A vmlinux of another build is not used: wrong offsets show wrong values as if they were true,
 * which is worse than none.
 *
 * The kernel is one object for as long as the session lives. A vmlinux that turns up later becomes a
 * part of that object: types that were handed out stay valid, symbols and lines are found anew.
 */
#include "engine/kern/kernel.h"
#include <elf.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/kern/open/bulk.h"
#include "engine/kern/open/debuginfod.h"
#include "engine/kern/open/debugpkg.h"
#include "engine/kern/open/kernelcache.h"
#include "engine/kern/open/memkernel.h"

const char *kernel_machine_name(uint16_t e_machine)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} names[] = {
		{EM_386, "i386"},	 {EM_ARM, "arm"},
		{EM_AARCH64, "aarch64"}, {EM_PPC, "ppc"},
		{EM_PPC64, "ppc64"},	 {EM_S390, "s390x"},
		{EM_RISCV, "riscv64"},	 {EM_MIPS, "mips"},
		{EM_SPARCV9, "sparc64"}, {258 /* EM_LOONGARCH */, "loongarch64"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == e_machine)
			return names[i].name;
	return NULL;
}

void kernel_open(struct session *s, const char *path, struct job *job)
{
	struct object_options o = {s->options.debug_dirs, s->options.no_cache};

	if (!path)
		return;
	struct err *e = object_open(path, &o, job, &s->vmlinux);
	if (!e)
		return;
	s->vmlinux = NULL;
	session_warn(s, "without vmlinux: %s", err_text(e));
	err_free(e);
}

void kernel_check_machine(struct session *s)
{
	if (!s->vmlinux || object_machine(s->vmlinux) == s->arch->e_machine)
		return;
	const char *name = kernel_machine_name(object_machine(s->vmlinux));
	session_warn(s, "without vmlinux: %s is a kernel for %s, the dump is of %s",
		     object_path(s->vmlinux), name ? name : "another machine", s->arch->name);
	object_close(s->vmlinux);
	s->vmlinux = NULL;
}

static void add_range(struct session *s, const char *from, const char *to, bool text)
{
	struct sym start, end;

	if (sym_find(s->symtab, from, &start) && sym_find(s->symtab, to, &end) &&
	    start.addr < end.addr)
		object_add_range(s->vmlinux, (struct object_range){start.addr, end.addr, text});
}

/* The kernel's parts; the finer ones first, as the first that holds an address says what it is. */
static void add_ranges(struct session *s)
{
	add_range(s, "_stext", "_etext", true);
	add_range(s, "_sinittext", "_einittext", true);
	add_range(s, "__start_rodata", "__end_rodata", false);
	add_range(s, "_sdata", "_edata", false);
	add_range(s, "__bss_start", "__bss_stop", false);
	add_range(s, "_text", "_end", false);
}

/* vmlinux' symbols, else the dump's own. */
static struct err *add_symbols(struct session *s, struct job *job)
{
	struct err *e = symtab_add_object(s->symtab, s->vmlinux);

	if (!e)
		return NULL;
	struct err *own = memkernel_add_symbols(s, job);
	if (!own) {
		if (object_path(s->vmlinux)[0])
			session_warn(s, "%s; they are taken from the dump itself", err_text(e));
		err_free(e);
		return NULL;
	}
	err_free(e);
	return own;
}

static struct err *add_types(struct session *s, struct job *job)
{
	struct object_section btf;

	if (object_has_dwarf(s->vmlinux))
		s->index = dwarfindex_create(s->vmlinux, s->options.no_cache);
	struct err *own = NULL;
	if (!object_section(s->vmlinux, ".BTF", &btf) && !object_has_dwarf(s->vmlinux))
		own = memkernel_add_btf(s, job);
	struct err *e = types_add_object(s->types, s->vmlinux, s->index);
	if (e && own) {
		err_free(e);
		return own;
	}
	err_free(own);
	return e;
}

/* Everything that is made of the kernel: of vmlinux, which is of this dump's build, or of what the
 * dump's memory has. */
static void make_views(struct session *s, struct job *job)
{
	object_set_bias(s->vmlinux, mem_layout(s->mem)->kernel_offset);
	bool kept = !object_path(s->vmlinux)[0] && kernelcache_load(s);
	struct err *e = kept ? NULL : add_symbols(s, job);
	if (e)
		session_warn(s, "no symbols: %s", err_text(e));
	err_free(e);
	add_ranges(s);
	e = add_types(s, job);
	if (e)
		session_warn(s, "no types, so neither tasks nor structs: %s", err_text(e));
	err_free(e);
	bulk_settle(s->priv->bulk);
	unwinder_add_object(s->unwinder, s->vmlinux);
	unwinder_set_types(s->unwinder, s->types);
}

/* ---- choosing ---- */

static const char *dump_release(const struct session *s)
{
	const char *r = vmcoreinfo_str(s->vmcoreinfo, "OSRELEASE");

	return r ? r : dump_info(s->dump)->release;
}

/* A file that must prove to be of the dump's build: nobody has chosen it. */
static bool try_place(struct session *s, const char *path, struct job *job)
{
	struct object_options o = {s->options.debug_dirs, s->options.no_cache};
	AUTO_FREE char *doubt = NULL;
	struct object *found;

	if (access(path, R_OK) || !err_ok(object_open(path, &o, job, &found)))
		return false;
	if (object_machine(found) != s->arch->e_machine ||
	    !identity_matches(s, found, &doubt) || doubt) {
		object_close(found);
		return false;
	}
	s->vmlinux = found;
	return true;
}

static bool look_in_places(struct session *s, struct job *job)
{
	const char *const *dir = s->options.debug_dirs;
	AUTO_BUF struct buf path = {0};
	uint8_t id[64];
	size_t n = identity_told(s, id, sizeof(id));

	for (; dir && *dir; dir++)
		for (size_t i = 0; debug_place(i, *dir, dump_release(s), id, n, &path); i++)
			if (path.len && try_place(s, buf_str(&path), job))
				return true;
	for (size_t i = 0; debug_place(i, NULL, dump_release(s), id, n, &path); i++)
		if (path.len && try_place(s, buf_str(&path), job))
			return true;
	return false;
}

/* false: s->vmlinux can't be used, and is gone. */
static bool match_given(struct session *s)
{
	AUTO_FREE char *why = NULL;

	if (!s->vmlinux)
		return false;
	if (identity_matches(s, s->vmlinux, &why)) {
		if (why)
			session_warn(s, "%s", why);
		return true;
	}
	session_warn(s,
		     "%s is not the kernel of this dump (%s), so its symbols and types are not "
		     "used: wrong offsets would show wrong values",
		     object_path(s->vmlinux), why ? why : "");
	s->priv->unused = xstrdup(object_path(s->vmlinux));
	symtab_drop_object(s->symtab, s->vmlinux);
	object_close(s->vmlinux);
	s->vmlinux = NULL;
	return false;
}

/* "Linux version 6.1.0-40-cloud-amd64 (debian-kernel@...": for those who recognise it. */
static void read_banner(struct session *s, char *buf, size_t n)
{
	struct sym sym;

	buf[0] = 0;
	if (sym_find(s->symtab, "linux_banner", &sym))
		err_free(mem_str(s->mem, KERNEL, sym.addr, buf, n));
}

void kernel_debug_hint(struct session *s, struct buf *out)
{
	char banner[512];

	read_banner(s, banner, sizeof(banner));
	debug_package(dump_release(s), banner[0] ? banner : dump_info(s->dump)->version, out);
}

static void warn_no_debug(struct session *s)
{
	AUTO_BUF struct buf hint = {0};

	kernel_debug_hint(s, &hint);
	const char *path = object_path(s->vmlinux);
	session_warn(s, "no debug info%s%s: names, types and stacks are from %s; no source lines, "
			"variables. To have them: %s%s",
		     path[0] ? " in " : "", path, path[0] ? "it and the dump" : "the dump itself", buf_str(&hint),
		     debuginfod_configured() ? "; or the command `vmlinux -d`, which asks the debuginfod servers"
					     : "");
	s->priv->no_debug = s->priv->nwarnings;
}

void kernel_use(struct session *s, struct job *job)
{
	bool given = match_given(s);

	if (!given && !look_in_places(s, job))
		s->vmlinux = object_create_kernel();
	s->matches = object_path(s->vmlinux)[0];
	make_views(s, job);
	if (!object_has_dwarf(s->vmlinux))
		warn_no_debug(s);
}

/* ---- later ---- */

struct err *session_add_vmlinux(struct session *s, const char *path, struct job *job)
{
	struct object_options o = {s->options.debug_dirs, s->options.no_cache};
	AUTO_FREE char *why = NULL;
	struct object *with;

	TRY(object_open(path, &o, job, &with));
	struct err *e = NULL;
	if (object_machine(with) != s->arch->e_machine)
		e = err_new(ERR_MISMATCH, "%s is a kernel for another machine", path);
	else if (!object_has_dwarf(with) && symtab_count(s->symtab) && strcmp(types_source(s->types), "none"))
		e = err_new(ERR_NODEBUG, "%s has no debug info: names and types are here already", path);
	else if (!identity_matches(s, with, &why))
		e = err_new(ERR_MISMATCH, "%s is not the kernel of this dump (%s)", path,
			    why ? why : "");
	if (!e) {
		object_set_bias(with, object_bias(s->vmlinux));
		e = object_take(s->vmlinux, with);
	}
	if (e) {
		object_close(with);
		return e;
	}
	/* each of these is locked by itself; what was found before stays right */
	err_free(symtab_add_object(s->symtab, s->vmlinux));
	if (!s->index && object_has_dwarf(s->vmlinux))
		s->index = dwarfindex_create(s->vmlinux, s->options.no_cache);
	err_free(types_add_object(s->types, s->vmlinux, s->index));
	s->matches = true;
	atomic_fetch_add(&s->priv->generation, 1);
	return NULL;
}

struct err *session_fetch_vmlinux(struct session *s, struct job *job)
{
	AUTO_FREE char *path = NULL;
	uint8_t id[64];

	if (object_has_dwarf(s->vmlinux))
		return err_new(ERR_MISMATCH, "%s has debug info already", object_path(s->vmlinux));
	size_t n = identity_of_dump(s, id, sizeof(id));
	TRY(debuginfod_fetch(id, n, job, &path));
	return session_add_vmlinux(s, path, job);
}

unsigned session_generation(const struct session *s)
{
	return atomic_load(&s->priv->generation);
}

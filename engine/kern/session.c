/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening a dump, in stages that don't end each other. What goes wrong with vmlinux is a warning:
 * a dump without types still has its header, its notes and its log.
 *
 * A vmlinux of another build is kept (its name can be told) but not used: wrong offsets show wrong
 * values as if they were true, which is worse than none.
 *
 * Nothing is read that the first screen doesn't need: tasks, modules and the log come when asked
 * for.
 */
#include "engine/kern/session.h"
#include <elf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"

#define MAX_CPUS 8192 /* CONFIG_NR_CPUS' upper bound */

void session_warn(struct session *s, const char *fmt, ...)
{
	struct session_private *p = s->priv;
	va_list ap;

	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	GROW(p->warnings, p->nwarnings, p->cap);
	p->warnings[p->nwarnings++] = text;
}

const char *session_warning(const struct session *s, size_t i)
{
	return i < s->priv->nwarnings ? s->priv->warnings[i] : NULL;
}

/* The given files, sorted by what they are. */
struct given {
	const char **dumps;
	size_t ndumps;
	const char *vmlinux;
	struct err *bad; /* the first that couldn't be identified */
};

static struct err *sort_file(struct session *s, const char *path, struct given *g)
{
	enum file_kind kind;
	struct err *e = file_identify(path, &kind);

	if (e) {
		session_warn(s, "%s", err_text(e));
		if (g->bad)
			err_free(e);
		else
			g->bad = err_keep(e);
		return NULL;
	}
	if (kind == FILE_DUMP) {
		g->dumps[g->ndumps++] = path;
	} else if (kind == FILE_OBJECT && g->vmlinux) {
		return err_new(ERR_USAGE, "two kernels were given, %s and %s: one vmlinux, please",
			       g->vmlinux, path);
	} else if (kind == FILE_OBJECT) {
		g->vmlinux = path;
	} else {
		session_warn(s, "%s is neither a dump nor a vmlinux: it isn't used", path);
		if (!g->bad)
			g->bad = err_new(ERR_UNSUPPORTED,
					 "%s is not a crash dump of a known format "
					 "(kdump-compressed, flattened or ELF)",
					 path);
	}
	return NULL;
}

static struct err *sort_files(struct session *s, const char *const *files, size_t n,
			      struct given *g)
{
	for (size_t i = 0; i < n; i++)
		TRY(sort_file(s, files[i], g));
	if (g->ndumps)
		return NULL;
	if (g->bad) {
		struct err *e = g->bad;
		g->bad = NULL;
		return e;
	}
	return err_new(ERR_USAGE,
		       g->vmlinux ? "%s is a kernel, not a dump: a dump is needed too"
				  : "no dump was given%s",
		       g->vmlinux ? g->vmlinux : "");
}

/* uname's word for an ELF machine, as far as Linux writes dumps on it. */
static const char *machine_name(uint16_t e_machine)
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

/* A dump that names no machine at all is taken for vmlinux' or, failing that, for x86-64. */
static struct err *find_arch(struct session *s, const char *path)
{
	const struct dump_info *info = dump_info(s->dump);
	uint16_t machine = info->machine;

	if (machine == EM_NONE && !info->uts_machine[0])
		machine = s->vmlinux ? object_machine(s->vmlinux) : EM_X86_64;
	s->arch = arch_find(machine, info->uts_machine);
	if (s->arch)
		return NULL;
	const char *name = info->uts_machine[0] ? info->uts_machine : machine_name(machine);
	if (name)
		return err_new(ERR_UNSUPPORTED,
			       "%s is a dump of a kernel for %s: vmbrowse reads "
			       "dumps of %s",
			       path, name, arch_x86_64.name);
	return err_new(ERR_UNSUPPORTED,
		       "%s is a dump of a kernel for ELF machine %u: vmbrowse "
		       "reads dumps of %s",
		       path, machine, arch_x86_64.name);
}

static void open_vmlinux(struct session *s, const char *path, struct job *job)
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

/* A vmlinux for another machine has nothing to say about this dump. */
static void check_machine(struct session *s)
{
	if (!s->vmlinux || object_machine(s->vmlinux) == s->arch->e_machine)
		return;
	const char *name = machine_name(object_machine(s->vmlinux));
	session_warn(s, "without vmlinux: %s is a kernel for %s, the dump is of %s",
		     object_path(s->vmlinux), name ? name : "another machine", s->arch->name);
	object_close(s->vmlinux);
	s->vmlinux = NULL;
}

static bool link_symbol(void *ctx, const char *name, uint64_t *ret)
{
	struct session *s = ctx;

	return s->vmlinux && identity_symbol(s->vmlinux, name, ret);
}

static void add_range(struct session *s, const char *from, const char *to, bool text)
{
	struct sym start, end;

	if (sym_find(s->symtab, from, &start) && sym_find(s->symtab, to, &end) &&
	    start.addr < end.addr)
		object_add_range(s->vmlinux, (struct object_range){start.addr, end.addr, text});
}

/* vmlinux is of this dump's build: everything that is made of it. */
static void use_vmlinux(struct session *s)
{
	const struct arch_layout *l = mem_layout(s->mem);

	object_set_bias(s->vmlinux, l->kernel_offset);
	struct err *e = symtab_add_object(s->symtab, s->vmlinux);
	if (e)
		session_warn(s, "no symbols: %s", err_text(e));
	err_free(e);
	add_range(s, "_stext", "_etext", true);
	add_range(s, "_sinittext", "_einittext", true);
	add_range(s, "_text", "_end", false);
	if (object_has_dwarf(s->vmlinux))
		s->index = dwarfindex_create(s->vmlinux, s->options.no_cache);
	e = types_add_object(s->types, s->vmlinux, s->index);
	const char *missing = object_missing(s->vmlinux);
	bool same = e && err_code(e) == ERR_NODEBUG && missing[0];
	if (e)
		session_warn(s, "no types, so neither tasks nor structs: %s",
			     same ? missing : err_text(e));
	if (missing[0] && !same)
		session_warn(s, "%s", missing);
	err_free(e);
	unwinder_add_object(s->unwinder, s->vmlinux);
	unwinder_set_types(s->unwinder, s->types);
}

static void match_vmlinux(struct session *s)
{
	AUTO_FREE char *why = NULL;

	if (!s->vmlinux)
		return;
	s->matches = identity_matches(s, s->vmlinux, &why);
	if (!s->matches)
		session_warn(s,
			     "%s is not the kernel of this dump (%s), so its symbols and types "
			     "are not used: wrong offsets would show wrong values. The log and raw "
			     "memory work without",
			     object_path(s->vmlinux), why ? why : "");
	else if (why)
		session_warn(s, "%s", why);
}

static unsigned count_cpus(struct session *s)
{
	struct dump_note note;
	unsigned notes = 0;
	uint64_t addr;
	uint32_t n;

	if (err_ok(kern_symbol(s, "nr_cpu_ids", &addr)) &&
	    err_ok(mem_u32(s->mem, KERNEL, addr, &n)) && n && n <= MAX_CPUS)
		return n;
	for (size_t i = 0; dump_note(s->dump, i, &note); i++)
		notes += note.type == NT_PRSTATUS && !strcmp(note.name, "CORE");
	return notes ? notes < MAX_CPUS ? notes : MAX_CPUS : 1;
}

static struct err *open_stages(struct session *s, const struct given *g, struct job *job)
{
	job_set_phase(job, "opening the dump");
	TRY(dump_open(g->dumps, g->ndumps, job, &s->dump));
	for (size_t i = 0; dump_warning(s->dump, i); i++)
		session_warn(s, "%s", dump_warning(s->dump, i));
	s->vmcoreinfo = dump_vmcoreinfo(s->dump);
	job_set_phase(job, "opening vmlinux");
	open_vmlinux(s, g->vmlinux, job);
	TRY(find_arch(s, g->dumps[0]));
	check_machine(s);
	job_set_phase(job, "looking for the kernel");
	s->mem = mem_create(s->dump, s->arch, link_symbol, s);
	if (!mem_layout(s->mem)->exact)
		session_warn(s, "where the kernel lives in this dump can't be found: addresses of "
				"the kernel may be read from the wrong place");
	if (mem_layout(s->mem)->tables_bad)
		session_warn(s, "the kernel's page tables are lost or damaged: the kernel image and the "
			     "direct map are read without them; modules, stacks and other vmalloc'ed "
			     "memory may be missing");
	s->symtab = symtab_create();
	s->types = types_create(s->intern);
	s->lines = lines_create();
	s->unwinder = unwinder_create(s->mem, s->symtab);
	match_vmlinux(s);
	if (s->matches)
		use_vmlinux(s);
	s->ncpus = count_cpus(s);
	return job_tick(job, 1);
}

static void keep_options(struct session *s, const struct session_options *o)
{
	if (o)
		s->options = *o;
}

struct err *session_open(const struct session_options *o, const char *const *files, size_t n,
			 struct job *job, struct session **ret)
{
	struct session *s = xcalloc(1, sizeof(*s));
	struct given g = {.dumps = xcalloc(n + 1, sizeof(*g.dumps))};

	s->priv = xcalloc(1, sizeof(*s->priv));
	loader_init(&s->priv->tasks);
	loader_init(&s->priv->modules);
	loader_init(&s->priv->panic_text);
	keep_options(s, o);
	s->ncpus = 1;
	s->intern = intern_create();
	struct err *e = sort_files(s, files, n, &g);
	if (!e)
		e = open_stages(s, &g, job);
	err_free(g.bad);
	free(g.dumps);
	if (e) {
		e = err_keep(e);
		session_close(s);
		return e;
	}
	*ret = s;
	return NULL;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	struct session_private *p = s->priv;
	if (s->unwinder)
		unwinder_destroy(s->unwinder);
	if (s->types)
		types_destroy(s->types);
	if (s->lines)
		lines_destroy(s->lines);
	if (s->symtab)
		symtab_destroy(s->symtab);
	if (s->index)
		dwarfindex_destroy(s->index);
	tasks_destroy(p->tasks.value);
	modules_destroy(p->modules.value);
	free(p->panic_text.value);
	loader_done(&p->tasks);
	loader_done(&p->modules);
	loader_done(&p->panic_text);
	if (s->vmlinux)
		object_close(s->vmlinux);
	if (s->mem)
		mem_destroy(s->mem);
	if (s->dump)
		dump_close(s->dump);
	for (size_t i = 0; i < p->nwarnings; i++)
		free(p->warnings[i]);
	free(p->warnings);
	free(p);
	intern_destroy(s->intern);
	free(s);
}

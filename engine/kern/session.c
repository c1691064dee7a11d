/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening a dump, in stages that don't end each other. What goes wrong with vmlinux is a warning:
 * a dump without types still has its header, its notes and its log.
 *
 * Nothing is read that the first screen doesn't need: tasks, modules and the log come when asked
 * for.
 */
#include "engine/dis/codestep.h"
#include "engine/dis/flow.h"
#include "engine/kern/session.h"
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/kern/container/known.h"
#include "engine/kern/fs/blockdev.h"
#include "engine/kern/impl.h"
#include "engine/kern/meaning/meaning.h"
#include "engine/kern/kernel.h"
#include "engine/kern/memory/reached.h"
#include "engine/kern/open/bulk.h"
#include "engine/kern/open/kernelcache.h"
#include "engine/kern/open/memkernel.h"

#define MAX_CPUS 8192 /* CONFIG_NR_CPUS' upper bound */

void session_warn(struct session *s, const char *fmt, ...)
{
	struct session_private *p = s->priv;
	va_list ap;

	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&p->warn);
	GROW(p->warnings, p->nwarnings, p->cap);
	p->warnings[p->nwarnings++] = text;
	pthread_mutex_unlock(&p->warn);
}

const char *session_warning(const struct session *s, size_t i)
{
	struct session_private *p = s->priv;

	if (p->no_debug && i >= p->no_debug - 1 && object_has_dwarf(s->vmlinux))
		i++; /* it has come meanwhile */
	pthread_mutex_lock(&p->warn);
	const char *text = i < p->nwarnings ? p->warnings[i] : NULL;
	pthread_mutex_unlock(&p->warn);
	return text;
}

/* The given files, sorted by what they are. */
struct given {
	const char **dumps;
	size_t ndumps;
	const char *vmlinux;
	struct err *bad; /* the first that couldn't be identified */
};

static struct err *not_used(struct session *s, struct err *why, struct given *g)
{
	session_warn(s, "%s", err_text(why));
	if (g->bad)
		err_free(why);
	else
		g->bad = err_keep(why);
	return NULL;
}

static struct err *sort_file(struct session *s, const char *path, struct given *g)
{
	enum file_kind kind;
	struct err *e = file_identify(path, &kind);

	if (e)
		return not_used(s, e, g);
	if (kind == FILE_DUMP) {
		g->dumps[g->ndumps++] = path;
	} else if (kind == FILE_OBJECT && g->vmlinux) {
		return err_new(ERR_USAGE, "two kernels were given, %s and %s: one vmlinux, please",
			       g->vmlinux, path);
	} else if (kind == FILE_OBJECT) {
		g->vmlinux = path;
	} else {
		return not_used(s, file_refuse(path), g);
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
	const char *name = info->uts_machine[0] ? info->uts_machine : kernel_machine_name(machine);
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

/* As vmlinux was linked: asked while it isn't known yet where the kernel lies. */
static bool link_symbol(void *ctx, const char *name, uint64_t *ret)
{
	struct session *s = ctx;
	struct sym sym;

	if (!s->vmlinux || object_bias(s->vmlinux))
		return s->vmlinux && identity_symbol(s->vmlinux, name, ret);
	if (!sym_find(s->symtab, name, &sym))
		return false;
	*ret = sym.addr;
	return true;
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
	kernel_open(s, g->vmlinux, job);
	TRY(find_arch(s, g->dumps[0]));
	kernel_check_machine(s);
	s->symtab = symtab_create();
	if (s->vmlinux)
		err_free(symtab_add_object(s->symtab, s->vmlinux)); /* told later, if it is used */
	job_set_phase(job, "looking for the kernel");
	s->mem = mem_create(s->dump, s->arch, link_symbol, s);
	if (!mem_layout(s->mem)->exact)
		session_warn(s, "where the kernel lives in this dump can't be found: addresses of "
				"the kernel may be read from the wrong place");
	if (mem_layout(s->mem)->tables_bad)
		session_warn(s, "the kernel's page tables are lost or damaged: the kernel image and the "
			     "direct map are read without them; modules, stacks and other vmalloc'ed "
			     "memory may be missing");
	s->types = types_create(s->intern);
	s->lines = lines_create();
	s->unwinder = unwinder_create(s->mem, s->symtab);
	s->dis = dis_create(s->mem, s->symtab);
	s->flow = flow_create(s->dis);
	unwinder_set_code(s->unwinder, code_step, s->flow);
	kernel_use(s, job);
	s->ncpus = count_cpus(s);
	return job_tick(job, 1);
}

static void keep_options(struct session *s, const struct session_options *o)
{
	if (o)
		s->options = *o;
}

/* A folder that isn't one would only be missed when nothing is found in it. */
static void check_folder(struct session *s, const char *option, const char *dir)
{
	struct stat st;

	if (stat(dir, &st))
		session_warn(s, "%s %s: %s", option, dir, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		session_warn(s, "%s %s: it is no folder", option, dir);
	else if (access(dir, R_OK | X_OK))
		session_warn(s, "%s %s: it can't be read: %s", option, dir, strerror(errno));
}

static void check_folders(struct session *s)
{
	if (s->options.src)
		check_folder(s, "--src", s->options.src);
	for (const char *const *d = s->options.debug_dirs; d && *d; d++)
		check_folder(s, "--debug-dir", *d);
}

struct err *session_open(const struct session_options *o, const char *const *files, size_t n,
			 struct job *job, struct session **ret)
{
	struct session *s = xcalloc(1, sizeof(*s));
	struct given g = {.dumps = xcalloc(n + 1, sizeof(*g.dumps))};

	s->priv = xcalloc(1, sizeof(*s->priv));
	pthread_mutex_init(&s->priv->warn, NULL);
	loader_init(&s->priv->tasks);
	loader_init(&s->priv->modules);
	loader_init(&s->priv->panic_text);
	loader_init(&s->priv->slabs);
	loader_init(&s->priv->pages);
	loader_init(&s->priv->places);
	loader_init(&s->priv->vmap);
	loader_init(&s->priv->reached);
	loader_init(&s->priv->meanings);
	loader_init(&s->priv->holdings);
	loader_init(&s->priv->blockdevs);
	keep_options(s, o);
	check_folders(s);
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
	 meaning_open(s);
	*ret = s;
	return NULL;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	struct session_private *p = s->priv;
	kernelcache_save(s);
	membtf_done(p->btf);
	flow_destroy(s->flow);
	dis_destroy(s->dis);
	if (s->unwinder)
		unwinder_destroy(s->unwinder);
	if (s->types)
		types_destroy(s->types);
	if (s->lines)
		lines_destroy(s->lines);
	if (s->symtab)
		symtab_destroy(s->symtab);
	bulk_destroy(p->bulk); /* nobody waits for it any more */
	if (s->index)
		dwarfindex_destroy(s->index);
	tasks_destroy(p->tasks.value);
	modules_destroy(p->modules.value);
	free(p->panic_text.value);
	slabs_destroy(p->slabs.value);
	pages_destroy(p->pages.value);
	places_destroy(p->places.value);
	vmap_destroy(p->vmap.value);
	reached_destroy(p->reached.value);
	meanings_destroy(p->meanings.value);
	holdings_destroy(p->holdings.value);
	blockdevs_destroy(p->blockdevs.value);
	pthread_mutex_destroy(&p->warn);
	loader_done(&p->tasks);
	loader_done(&p->modules);
	loader_done(&p->panic_text);
	loader_done(&p->slabs);
	loader_done(&p->pages);
	loader_done(&p->places);
	loader_done(&p->vmap);
	loader_done(&p->reached);
	loader_done(&p->meanings);
	loader_done(&p->holdings);
	loader_done(&p->blockdevs);
	if (s->vmlinux)
		object_close(s->vmlinux);
	kernelcache_done(s);
	if (s->mem)
		mem_destroy(s->mem);
	if (s->dump)
		dump_close(s->dump);
	for (size_t i = 0; i < p->nwarnings; i++)
		free(p->warnings[i]);
	free(p->warnings);
	free(p->unused);
	free(p);
	intern_destroy(s->intern);
	free(s);
}

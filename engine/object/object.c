/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The object: one or two ELF files, sections that came from the dump's memory, and what we know of
 * where it was loaded. A section is looked for among the given ones first, then in the file, then
 * in the separate debug file (where `objcopy --only-keep-debug` leaves NOBITS in place of code and
 * data).
 *
 * DWARF is read by libdw only from files whose debug sections are plain: what is compressed is
 * inflated into a file once (inflate.c), because libdw would inflate it onto the heap at every
 * start.
 *
 * Two locks: `lock` is the callers' (libelf and libdw handles), `parts` guards our own lists.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/object/impl.h"

struct given_section {
	char *name;
	void *owned; /* its data, to be freed; or NULL */
	struct object_section s;
	struct object_coming how;
};

static struct object *object_new(const char *name, const char *path)
{
	struct object *o = xcalloc(1, sizeof(*o));
	pthread_mutexattr_t attr;

	o->name = xstrdup(name);
	o->path = xstrdup(path);
	o->missing = xstrdup("");
	atomic_init(&o->generation, 1);
	/* recursive: a caller in the middle of a DIE may ask for a line, which locks again */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&o->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	pthread_rwlock_init(&o->parts, NULL);
	object_finder_init(o);
	return o;
}

/* "vmlinux" for whatever carries a kernel, else the module's name: its file's, less ".ko...". The
 * kernel's own spelling of a module's name has '_' for '-'. */
static char *name_of(const struct elf_file *f)
{
	const char *base = strrchr(f->path, '/');
	base = base ? base + 1 : f->path;
	const char *ko = strstr(base, ".ko");

	if (f->type != ET_REL || !ko)
		return xstrdup(f->type == ET_REL ? base : "vmlinux");
	char *name = xstrndup(base, (size_t)(ko - base));
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

static const struct elf_file *dwarf_file(const struct object *o)
{
	bool compressed;

	if (elf_file_has_dwarf(o->file, &compressed))
		return o->file;
	return elf_file_has_dwarf(o->debug, &compressed) ? o->debug : NULL;
}

static bool has_section(const struct object *o, const char *name)
{
	const struct elf_file *files[] = {o->file, o->debug};

	for (size_t i = 0; i < 2; i++) {
		const struct elf_section *s = elf_file_section(files[i], name);
		if (s && elf_section_raw(files[i], s))
			return true;
	}
	return false;
}

static char *describe_missing(const struct object *o)
{
	bool dwarf = dwarf_file(o), btf = has_section(o, ".BTF");
	const char *hint = "install the kernel's debug package, or name its folder with "
			   "--debug-dir";

	if (!dwarf && !btf)
		return xasprintf("%s has no debug info (neither DWARF nor BTF), and no separate "
				 "debug file was found: %s",
				 o->path, hint);
	if (!dwarf)
		return xasprintf("%s has no DWARF, and no separate debug file was found (types "
				 "come from BTF; no source lines): %s",
				 o->path, hint);
	/* modules and kernels without CONFIG_DEBUG_INFO_BTF: DWARF says it all */
	return xstrdup("");
}

struct err *object_open(const char *path, const struct object_options *opt, struct job *job,
			struct object **ret)
{
	static const struct object_options none;
	struct elf_file *f;
	bool compressed;

	if (!opt)
		opt = &none;
	TRY(elf_file_open(path, opt->no_cache, job, &f));
	AUTO_FREE char *name = name_of(f);
	struct object *o = object_new(name, path);
	o->file = f;
	o->no_cache = opt->no_cache;
	if (!elf_file_has_dwarf(f, &compressed) || !elf_file_section(f, ".symtab"))
		o->debug = debug_file_find(f, opt, job);
	free(o->missing);
	o->missing = describe_missing(o);
	*ret = o;
	return NULL;
}

struct err *object_attach(struct object *o, const char *path, const struct object_options *opt,
			  struct job *job)
{
	struct object *with;

	TRY(object_open(path, opt, job, &with));
	pthread_rwlock_wrlock(&o->parts);
	bool fits = !o->file && with->file->type == ET_REL;
	if (fits) {
		o->old_path = o->path;
		o->old_missing = o->missing;
		o->path = xstrdup(with->path);
		o->missing = xstrdup(with->missing);
		o->no_cache = with->no_cache;
		o->file = with->file;
		o->debug = with->debug;
		with->file = with->debug = NULL;
	}
	pthread_rwlock_unlock(&o->parts);
	object_close(with);
	if (!fits)
		return err_new(ERR_MISMATCH, "%s: not the file of module %s", path, o->name);
	atomic_fetch_add(&o->generation, 1);
	return NULL;
}

struct object *object_create_module(const char *name)
{
	return object_new(name, "");
}

struct object *object_create_kernel(void)
{
	return object_new("vmlinux", "");
}

/* Under parts, held for writing. Old texts live on: somebody may have borrowed them. */
static void take_files(struct object *o, struct object *with)
{
	struct elf_file **taken = with->debug ? &with->debug : &with->file; /* where its DWARF is */

	o->old_path = o->path;
	o->path = xstrdup(with->path);
	if (o->file) {
		o->debug = *taken;
		*taken = NULL;
	} else {
		o->file = with->file;
		o->debug = with->debug;
		with->file = with->debug = NULL;
	}
	o->old_missing = o->missing;
	o->missing = describe_missing(o);
	o->no_cache = with->no_cache;
}

struct err *object_take(struct object *o, struct object *with)
{
	if (!with->file || with->file->type == ET_REL)
		return err_new(ERR_MISMATCH, "%s is a module's file", with->path);
	/* whoever asked for DWARF in vain may do so again */
	object_lock(o);
	pthread_rwlock_wrlock(&o->parts);
	bool fits = !o->old_missing && !o->debug && (!o->file || !dwarf_file(o));
	if (fits) {
		take_files(o, with);
		o->dwarf_tried = o->inflate_tried = false;
	}
	pthread_rwlock_unlock(&o->parts);
	object_unlock(o);
	if (!fits)
		return err_new(ERR_MISMATCH, "%s has debug info already", o->path);
	object_close(with);
	atomic_fetch_add(&o->generation, 1);
	return NULL;
}

void object_close(struct object *o)
{
	if (!o)
		return;
	object_close_dwarf(o);
	elf_file_close(o->inflated);
	elf_file_close(o->debug);
	elf_file_close(o->file);
	for (size_t i = 0; i < o->ngiven; i++) {
		free(o->given[i].name);
		free(o->given[i].owned);
	}
	free(o->given);
	free(o->ranges);
	free(o->shdrs);
	free(o->release);
	for (size_t i = 0; i < o->nplaces; i++)
		free(o->places[i].name);
	free(o->places);
	free(o->missing);
	free(o->old_missing);
	free(o->path);
	free(o->old_path);
	free(o->name);
	object_finder_done(o);
	pthread_mutex_destroy(&o->lock);
	pthread_rwlock_destroy(&o->parts);
	free(o);
}

const char *object_name(const struct object *o)
{
	return o->name;
}

/* A const object's lock: taking it changes nothing that a caller can see. */
static pthread_rwlock_t *parts_of(const struct object *o)
{
	return &((struct object *)(uintptr_t)o)->parts;
}

/* What attaching a file may be changing right now. */
struct file_facts {
	const struct elf_file *file;
	const char *path, *missing;
};

static struct file_facts facts(const struct object *o)
{
	pthread_rwlock_rdlock(parts_of(o));
	struct file_facts f = {o->file, o->path, o->missing};
	pthread_rwlock_unlock(parts_of(o));
	return f;
}

const char *object_path(const struct object *o)
{
	return facts(o).path;
}

uint16_t object_machine(const struct object *o)
{
	const struct elf_file *f = facts(o).file;

	return f ? f->machine : EM_NONE;
}

size_t object_build_id(const struct object *o, const uint8_t **ret)
{
	const struct elf_file *f = facts(o).file;

	*ret = f ? f->build_id : NULL;
	return f ? f->build_id_size : 0;
}

const char *object_missing(const struct object *o)
{
	return facts(o).missing;
}

uint64_t object_bias(const struct object *o)
{
	return o->bias;
}

void object_set_bias(struct object *o, uint64_t bias)
{
	o->bias = bias;
	atomic_fetch_add(&o->generation, 1);
}

unsigned object_generation(const struct object *o)
{
	return atomic_load(&o->generation);
}

void object_add_range(struct object *o, struct object_range r)
{
	pthread_rwlock_wrlock(&o->parts);
	GROW(o->ranges, o->nranges, o->ranges_cap);
	o->ranges[o->nranges++] = r;
	pthread_rwlock_unlock(&o->parts);
	atomic_fetch_add(&o->generation, 1);
}

bool object_range(const struct object *o, size_t i, struct object_range *ret)
{
	pthread_rwlock_rdlock(parts_of(o));
	bool found = i < o->nranges;
	if (found)
		*ret = o->ranges[i];
	pthread_rwlock_unlock(parts_of(o));
	return found;
}

bool object_contains(const struct object *o, uint64_t addr)
{
	bool found = false;

	pthread_rwlock_rdlock(parts_of(o));
	for (size_t i = 0; i < o->nranges && !found; i++)
		found = addr >= o->ranges[i].start && addr < o->ranges[i].end;
	pthread_rwlock_unlock(parts_of(o));
	return found;
}

static bool given_section(const struct object *o, const char *name, struct object_section *ret,
			  struct object_coming *how)
{
	for (size_t i = 0; i < o->ngiven; i++)
		if (!strcmp(o->given[i].name, name)) {
			*ret = o->given[i].s;
			*how = o->given[i].how;
			return true;
		}
	return false;
}

/* Compressed sections up to this are inflated onto the heap (.debug_frame is 3 MB); bigger ones are
 * taken from the plain copy in a file. */
enum { HEAP_SECTION = 8 << 20 };

/* The section by its name or, for DWARF, its older compressed one. */
static struct elf_section *find_section(const struct elf_file *f, const char *name)
{
	struct elf_section *s = elf_file_section(f, name);

	if (s || !f || strncmp(name, ".debug_", 7))
		return s;
	AUTO_FREE char *old = xasprintf(".z%s", name + 1);
	return elf_file_section(f, old);
}

static bool wants_plain_copy(const struct object *o, const char *name)
{
	struct packed p = {.size = 0};
	bool found = false;

	pthread_rwlock_rdlock(parts_of(o));
	const struct elf_file *files[] = {o->file, o->debug};
	for (size_t i = 0; i < 2 && !found; i++) {
		const struct elf_section *s = find_section(files[i], name);
		found = s && elf_section_compressed(s) && packed_section(files[i], s, &p);
	}
	pthread_rwlock_unlock(parts_of(o));
	return found && p.size > HEAP_SECTION;
}

/* Bytes of a module's file mean nothing before they are relocated. */
static bool needs_relocation(const struct object *o, const char *name)
{
	AUTO_FREE char *rela = xasprintf(".rela%s", name);
	bool needs = false;

	pthread_rwlock_rdlock(parts_of(o));
	const struct elf_file *files[] = {o->file, o->debug};
	for (size_t i = 0; i < 2; i++)
		needs |= files[i] && files[i]->type == ET_REL && elf_file_section(files[i], rela);
	pthread_rwlock_unlock(parts_of(o));
	return needs;
}

static bool given_or_file(struct object *o, const char *name, bool files_too,
			  struct object_section *ret, struct object_coming *how)
{
	*how = (struct object_coming){0};
	pthread_rwlock_wrlock(&o->parts);
	struct elf_file *files[] = {o->inflated, o->file, o->debug};
	bool found = given_section(o, name, ret, how);
	for (size_t i = 0; i < 3 && !found && files_too; i++) {
		struct elf_section *s = find_section(files[i], name);
		found = s && elf_section_bytes(files[i], s, ret);
	}
	pthread_rwlock_unlock(&o->parts);
	return found;
}

bool object_section_coming(struct object *o, const char *name, struct object_section *ret,
			   struct object_coming *how)
{
	/* what the dump has itself needs no file */
	if (given_or_file(o, name, false, ret, how))
		return true;
	object_find_debug(o);
	bool relocate = needs_relocation(o, name);
	if (!relocate && wants_plain_copy(o, name))
		err_free(object_prepare_dwarf(o, NULL)); /* without it, the heap has to do */
	return given_or_file(o, name, !relocate, ret, how) ||
	       (relocate && object_dwarf_section(o, name, ret));
}

bool object_section(struct object *o, const char *name, struct object_section *ret)
{
	struct object_coming how;

	if (!object_section_coming(o, name, ret, &how))
		return false;
	if (how.need)
		how.need(how.ctx, 0, ret->size);
	return true;
}

static void give_section(struct object *o, const char *name, struct given_section g)
{
	/* one that is there already stays, as others may have borrowed it: the newer one is put
	 * first */
	pthread_rwlock_wrlock(&o->parts);
	GROW(o->given, o->ngiven, o->given_cap);
	memmove(o->given + 1, o->given, o->ngiven++ * sizeof(*o->given));
	o->given[0] = g;
	o->given[0].name = xstrdup(name);
	pthread_rwlock_unlock(&o->parts);
	atomic_fetch_add(&o->generation, 1);
}

void object_set_section(struct object *o, const char *name, void *data, size_t size, uint64_t addr)
{
	give_section(o, name, (struct given_section){.owned = data, .s = {data, size, addr}});
}

void object_begin_section(struct object *o, const char *name, const struct object_section *s,
			  const struct object_coming *how)
{
	give_section(o, name, (struct given_section){.owned = (void *)(uintptr_t)s->data, .s = *s, .how = *how});
}

void object_lend_section(struct object *o, const char *name, const void *data, size_t size,
			 uint64_t addr)
{
	give_section(o, name, (struct given_section){.s = {data, size, addr}});
}

static void fill_shdrs(struct object_shdr *d, const struct elf_file *f)
{
	for (size_t i = 0; i < f->nsections; i++) {
		const struct elf_section *s = &f->sections[i];
		d[i] = (struct object_shdr){
			.name = s->name,
			.addr = s->addr,
			.size = s->size,
			.alloc = s->flags & SHF_ALLOC,
			.exec = s->flags & SHF_EXECINSTR,
			.write = s->flags & SHF_WRITE,
			.nobits = s->type == SHT_NOBITS,
			.percpu = !strcmp(s->name, ".data..percpu"),
		};
	}
}

static bool file_symbols(struct object *o, struct elf_file *f, struct object_symbols *ret)
{
	struct elf_section *sym = elf_file_section(f, ".symtab");
	struct object_section v, str;

	if (!sym || sym->type != SHT_SYMTAB || sym->link >= f->nsections ||
	    !elf_section_bytes(f, sym, &v) ||
	    !elf_section_bytes(f, &f->sections[sym->link], &str))
		return false;
	const char *last = memrchr(str.data, '\0', str.size);
	if (!last || v.size < sizeof(Elf64_Sym))
		return false;
	if (!o->shdrs) {
		o->shdrs = xcalloc(f->nsections, sizeof(*o->shdrs));
		fill_shdrs(o->shdrs, f);
	}
	*ret = (struct object_symbols){
		.v = v.data,
		.n = v.size / sizeof(Elf64_Sym),
		.strings = str.data,
		.strings_size = (size_t)(last + 1 - (const char *)str.data),
		.sections = o->shdrs,
		.nsections = f->nsections,
		.relocatable = f->type == ET_REL,
	};
	return true;
}

bool object_symbols(struct object *o, struct object_symbols *ret)
{
	pthread_rwlock_wrlock(&o->parts);
	bool found = (o->file && file_symbols(o, o->file, ret)) ||
		     (o->debug && file_symbols(o, o->debug, ret));
	pthread_rwlock_unlock(&o->parts);
	return found;
}

static const Elf64_Sym *find_symbol(const struct object_symbols *st, const char *name)
{
	size_t len = strlen(name) + 1;
	const char *p = st->strings, *end = st->strings + st->strings_size;

	/* few places in the strings, then compare numbers: no string is touched per symbol */
	while ((p = memmem(p, (size_t)(end - p), name, len))) {
		for (size_t i = 1; i < st->n; i++)
			if (st->v[i].st_name == (size_t)(p - st->strings) &&
			    st->v[i].st_shndx != SHN_UNDEF)
				return &st->v[i];
		p++;
	}
	return NULL;
}

/* The banner is in .rodata: "Linux version RELEASE (builder) ...". */
static char *read_release(struct object *o)
{
	static const char head[] = "Linux version ";
	struct object_symbols st;

	if (!object_symbols(o, &st))
		return xstrdup("");
	const Elf64_Sym *s = find_symbol(&st, "linux_banner");
	if (!s || !o->file || s->st_shndx >= o->file->nsections)
		return xstrdup("");
	const struct elf_section *sec = &o->file->sections[s->st_shndx];
	const char *raw = elf_section_raw(o->file, sec);
	uint64_t off = s->st_value - (o->file->type == ET_REL ? 0 : sec->addr);
	if (!raw || off >= sec->size || sec->size - off < sizeof(head) ||
	    memcmp(raw + off, head, sizeof(head) - 1))
		return xstrdup("");
	raw += off + sizeof(head) - 1;
	size_t max = sec->size - off - sizeof(head) + 1, n = 0;
	while (n < max && n < 256 && raw[n] > ' ' && raw[n] < 0x7f)
		n++;
	return xstrndup(raw, n);
}

const char *object_release(const struct object *co)
{
	struct object *o = (struct object *)(uintptr_t)co; /* found on first use */

	pthread_mutex_lock(&o->lock);
	if (!o->release)
		o->release = read_release(o);
	const char *s = o->release;
	pthread_mutex_unlock(&o->lock);
	return s;
}

void object_lock(struct object *o)
{
	pthread_mutex_lock(&o->lock);
}

void object_unlock(struct object *o)
{
	pthread_mutex_unlock(&o->lock);
}

Elf *object_elf(struct object *o)
{
	const struct elf_file *f = facts(o).file;

	return f ? f->elf : NULL;
}

bool object_has_dwarf(const struct object *o)
{
	object_find_debug((struct object *)(uintptr_t)o);
	pthread_rwlock_rdlock(parts_of(o));
	bool has = dwarf_file(o);
	pthread_rwlock_unlock(parts_of(o));
	return has;
}

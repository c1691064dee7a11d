/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which file libdw reads for an object, and its handles. The first caller who needs DWARF pays for
 * inflating compressed debug sections; object_prepare_dwarf() is for paying in a job instead.
 */
#include <string.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/object/impl.h"

/* The file to read DWARF from: NULL when there is none. Under lock. */
static struct err *plain_file(struct object *o, struct job *job, struct elf_file **ret)
{
	struct elf_file *files[] = {o->file, o->debug};
	bool compressed;

	*ret = o->inflated;
	for (size_t i = 0; i < 2 && !*ret; i++) {
		if (!elf_file_has_dwarf(files[i], &compressed))
			continue;
		*ret = files[i];
		if (!compressed)
			break;
		*ret = NULL;
		if (o->inflate_tried)
			break;
		struct elf_file *plain;
		struct err *e = inflate_dwarf(files[i], o->no_cache, job, &plain);
		/* a cancelled try may be repeated; a damaged section stays damaged */
		o->inflate_tried = !e || err_code(e) != ERR_CANCELLED;
		if (e)
			return e;
		pthread_rwlock_wrlock(&o->parts);
		*ret = o->inflated = plain;
		pthread_rwlock_unlock(&o->parts);
	}
	return *ret ? NULL : err_new(ERR_NODEBUG, "%s: no DWARF", o->path);
}

struct err *object_prepare_dwarf(struct object *o, struct job *job)
{
	struct elf_file *f;

	object_find_debug(o);
	object_lock(o);
	struct err *e = plain_file(o, job, &f);
	object_unlock(o);
	return e;
}

void object_place_section(struct object *o, const char *name, uint64_t addr)
{
	pthread_rwlock_wrlock(&o->parts);
	GROW(o->places, o->nplaces, o->places_cap);
	o->places[o->nplaces++] = (struct placement){xstrdup(name), addr};
	pthread_rwlock_unlock(&o->parts);
	atomic_fetch_add(&o->generation, 1);
}

/* libdwfl asks for the module's file: the one with DWARF, opened anew, as it is relocated in
 * memory. */
static int find_elf(Dwfl_Module *mod, void **userdata, const char *modname, Dwarf_Addr base,
		    char **file_name, Elf **elf)
{
	const struct object *o = *userdata;
	struct elf_file *f;

	(void)mod, (void)modname, (void)base, (void)elf;
	if (!err_ok(plain_file((struct object *)(uintptr_t)o, NULL, &f)))
		return -1;
	*file_name = strdup(f->path);
	return dup(f->fd);
}

static int find_nothing(Dwfl_Module *mod, void **userdata, const char *modname, Dwarf_Addr base,
			const char *file_name, const char *link, GElf_Word crc, char **found)
{
	(void)mod, (void)userdata, (void)modname, (void)base;
	(void)file_name, (void)link, (void)crc, (void)found;
	return -1;
}

static int place_of(Dwfl_Module *mod, void **userdata, const char *modname, Dwarf_Addr base,
		    const char *section, GElf_Word index, const GElf_Shdr *shdr, Dwarf_Addr *addr)
{
	const struct object *o = *userdata;

	(void)mod, (void)modname, (void)base, (void)index, (void)shdr;
	*addr = (Dwarf_Addr)-1; /* "not loaded" */
	for (size_t i = 0; i < o->nplaces; i++)
		if (!strcmp(o->places[i].name, section))
			*addr = o->places[i].addr - o->bias;
	return 0;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = find_nothing,
	.section_address = place_of,
};

/* A module's DWARF means nothing before its relocations are applied: libdwfl does that. */
static Dwarf *relocated(struct object *o)
{
	Dwarf_Addr bias;
	void **userdata;

	o->dwfl = dwfl_begin(&callbacks);
	if (!o->dwfl)
		return NULL;
	dwfl_report_begin(o->dwfl);
	/* the range only has to be one: we never ask libdwfl by address */
	Dwfl_Module *mod = dwfl_report_module(o->dwfl, o->name, 0x1000, 0x2000);
	if (!mod || !dwfl_module_info(mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL))
		return NULL;
	*userdata = o;
	dwfl_report_end(o->dwfl, NULL, NULL);
	return dwfl_module_getdwarf(mod, &bias);
}

Dwarf *object_dwarf(struct object *o)
{
	struct elf_file *f;

	object_find_debug(o);
	if (!o->dwarf_tried && err_ok(plain_file(o, NULL, &f)))
		o->dwarf = f->type == ET_REL ? relocated(o) :
					       dwarf_begin_elf(f->elf, DWARF_C_READ, NULL);
	o->dwarf_tried = true;
	return o->dwarf;
}

bool object_dwarf_section(struct object *o, const char *name, struct object_section *ret)
{
	bool found = false;
	size_t strndx;

	if (strncmp(name, ".debug_", 7))
		return false; /* ORC and the like: the dump's memory has them relocated */
	object_lock(o);
	Elf *elf = dwarf_getelf(object_dwarf(o));
	for (Elf_Scn *scn = NULL; elf && !found && (scn = elf_nextscn(elf, scn));) {
		GElf_Shdr sh;
		if (elf_getshdrstrndx(elf, &strndx) || !gelf_getshdr(scn, &sh))
			break;
		const char *s = elf_strptr(elf, strndx, sh.sh_name);
		Elf_Data *d = s && !strcmp(s, name) ? elf_rawdata(scn, NULL) : NULL;
		found = d && d->d_buf;
		if (found)
			*ret = (struct object_section){d->d_buf, d->d_size, 0};
	}
	object_unlock(o);
	return found;
}

void object_close_dwarf(struct object *o)
{
	if (o->dwfl)
		dwfl_end(o->dwfl);
	else
		dwarf_end(o->dwarf);
}

Dwarf *object_dwarf_private(struct object *o)
{
	struct elf_file *f = NULL;

	object_find_debug(o);
	object_lock(o);
	bool ok = err_ok(plain_file(o, NULL, &f));
	object_unlock(o);
	/* maps the file a second time, so that dwarf_end() ends all of it */
	return ok && f->type != ET_REL ? dwarf_begin(f->fd, DWARF_C_READ) : NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which file libdw reads for an object, and its handles. The first caller who needs DWARF pays for
 * inflating compressed debug sections; object_prepare_dwarf() is for paying in a job instead.
 */
#include <string.h>
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

	object_lock(o);
	struct err *e = plain_file(o, job, &f);
	object_unlock(o);
	return e;
}

Dwarf *object_dwarf(struct object *o)
{
	struct elf_file *f;

	if (!o->dwarf_tried && err_ok(plain_file(o, NULL, &f)))
		o->dwarf = dwarf_begin_elf(f->elf, DWARF_C_READ, NULL);
	o->dwarf_tried = true;
	return o->dwarf;
}

Dwarf *object_dwarf_private(struct object *o)
{
	struct elf_file *f = NULL;

	object_lock(o);
	bool ok = err_ok(plain_file(o, NULL, &f));
	object_unlock(o);
	/* maps the file a second time, so that dwarf_end() ends all of it */
	return ok ? dwarf_begin(f->fd, DWARF_C_READ) : NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF notes: {namesz, descsz, type}, name and desc padded to 4 bytes (also in 64-bit cores: that is
 * what the kernel, makedumpfile and QEMU write, whatever the gABI says).
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/dump/impl.h"

#define NOTES_MAX (64u << 20) /* 8,192 CPUs need 4 MB */
#define NOTE_HEADER 12u

static uint64_t pad4(uint64_t n)
{
	return (n + 3) & ~UINT64_C(3);
}

/* One note at off of p; false when there is none any more. *next: where the next one starts. */
static bool note_parse(unsigned char *p, size_t n, uint64_t off, struct dump_note *ret,
		       uint64_t *next)
{
	if (!range_ok(off, NOTE_HEADER, n))
		return false;
	uint32_t namesz = load_u32(p + off), descsz = load_u32(p + off + 4);
	uint64_t name = off + NOTE_HEADER, desc = name + pad4(namesz);
	if (!range_ok(name, namesz, n) || !range_ok(desc, descsz, n))
		return false;
	*next = desc + pad4(descsz);
	*ret = (struct dump_note){"", load_u32(p + off + 8), p + desc, descsz};
	if (namesz) {
		p[name + namesz - 1] = 0;
		ret->name = (char *)p + name;
	}
	return true;
}

static void notes_parse(struct notes *ns, unsigned char *p, size_t n)
{
	struct dump_note note;

	for (uint64_t off = 0; note_parse(p, n, off, &note, &off);) {
		if (!note.name[0] && !note.type && !note.desc_size)
			continue; /* padding, or a CPU that saved nothing */
		GROW(ns->v, ns->n, ns->cap);
		ns->v[ns->n++] = note;
	}
}

uint64_t notes_read(struct notes *ns, const struct dfile *f, uint64_t off, uint64_t size)
{
	unsigned char *p = NULL;

	if (!size || off >= f->size)
		return size;
	uint64_t want = size < f->size - off ? size : f->size - off;
	if (want > NOTES_MAX)
		want = NOTES_MAX;
	if (!err_ok(try_alloc(1, (size_t)want, NOTES_MAX, &p)))
		return size;
	size_t got = dfile_read(f, off, p, (size_t)want);
	ns->blobs = xrealloc(ns->blobs, ns->nblobs + 1, sizeof(*ns->blobs));
	ns->blobs[ns->nblobs++] = p;
	notes_parse(ns, p, got);
	return size - got;
}

void notes_free(struct notes *ns)
{
	for (size_t i = 0; i < ns->nblobs; i++)
		free(ns->blobs[i]);
	free(ns->blobs);
	free(ns->v);
}

const struct dump_note *notes_find(const struct notes *ns, const char *name)
{
	for (size_t i = 0; i < ns->n; i++)
		if (!strcmp(ns->v[i].name, name))
			return &ns->v[i];
	return NULL;
}

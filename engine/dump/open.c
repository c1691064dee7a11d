/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening. A format is recognised by the first bytes of its (unflattened) file and tells pages and
 * their states; all else is the same for all: notes, vmcoreinfo, the cache, warnings.
 */
#include <elf.h>
#include <lzo/lzo1x.h>
#include "engine/base/alloc.h"
#include "engine/dump/impl.h"

#define CACHE_BYTES (8u << 20) /* what walking lists and stacks comes back to; scans need none */

static const struct dump_ops *const formats[] = {&kdump_ops, &elf_ops};

static struct err *open_files(struct dump *d, const char *const *paths, size_t n, struct job *job)
{
	d->files = xcalloc(n, sizeof(*d->files));
	for (; d->nfiles < n; d->nfiles++) {
		TRY(dfile_open(paths[d->nfiles], true, job, &d->files[d->nfiles]));
		const struct dfile *f = d->files[d->nfiles];
		d->info.file_size += f->disk_size;
		d->info.flattened |= f->flattened;
		if (f->flat.cut)
			dump_warn(d,
				  "%s: truncated: the flattened dump has no end mark: what is "
				  "missing "
				  "is lost",
				  f->path);
	}
	return NULL;
}

static struct err *find_format(struct dump *d)
{
	for (size_t i = 0; i < d->nfiles; i++) {
		unsigned char head[HEAD_SIZE];
		size_t n = dfile_read(d->files[i], 0, head, sizeof(head));
		const struct dump_ops *ops = NULL;
		for (size_t k = 0; !ops && k < sizeof(formats) / sizeof(formats[0]); k++)
			if (formats[k]->probe(head, n))
				ops = formats[k];
		if (!ops)
			return head_refuse(d->files[i]->path, head, n);
		if (d->ops && d->ops != ops)
			return err_new(ERR_USAGE,
				       "%s and %s are dumps of different formats: name one dump",
				       d->files[0]->path, d->files[i]->path);
		d->ops = ops;
	}
	return NULL;
}

/* vmcoreinfo from the note; the page size that it states is the kernel's own word. */
static void take_vmcoreinfo(struct dump *d)
{
	const struct dump_note *note = notes_find(&d->notes, "VMCOREINFO");

	if (note && note->desc_size && !d->vmcoreinfo)
		d->vmcoreinfo = vmcoreinfo_create(note->desc, note->desc_size);
	if (d->vmcoreinfo && vmcoreinfo_empty(d->vmcoreinfo)) {
		vmcoreinfo_destroy(d->vmcoreinfo);
		d->vmcoreinfo = NULL;
	}
}

static struct err *open_all(struct dump *d, const char *const *paths, size_t n, struct job *job)
{
	d->info.dump_level = -1;
	d->info.machine = EM_NONE;
	d->info.parts = d->info.parts_have = 1;
	if (!n)
		return err_new(ERR_USAGE, "no dump file given: name the vmcore");
	if (lzo_init() != LZO_E_OK)
		return err_new(ERR_UNSUPPORTED, "the LZO library doesn't work on this machine");
	TRY(open_files(d, paths, n, job));
	TRY(find_format(d));
	d->info.format = d->ops->name;
	TRY(d->ops->open(d));
	d->page_shift = (unsigned)__builtin_ctz(d->info.page_size);
	codecs_init(&d->codecs, d->info.page_size);
	d->cache = cache_create(d->info.page_size, CACHE_BYTES);
	take_vmcoreinfo(d);
	if (!d->vmcoreinfo)
		TRY(scan_vmcoreinfo(d, job));
	if (!d->vmcoreinfo)
		d->vmcoreinfo = vmcoreinfo_create("", 0);
	return NULL;
}

struct err *dump_open(const char *const *paths, size_t n, struct job *job, struct dump **ret)
{
	struct dump *d = xcalloc(1, sizeof(*d));
	struct err *e = open_all(d, paths, n, job);

	if (e)
		dump_close(d);
	else
		*ret = d;
	return e;
}

void dump_close(struct dump *d)
{
	if (!d)
		return;
	if (d->ops)
		d->ops->close(d);
	cache_destroy(d->cache);
	codecs_free(&d->codecs);
	notes_free(&d->notes);
	vmcoreinfo_destroy(d->vmcoreinfo);
	for (size_t i = 0; i < d->nwarnings; i++)
		free(d->warnings[i]);
	free(d->warnings);
	free(d->segments);
	for (size_t i = 0; i < d->nfiles; i++)
		dfile_close(d->files[i]);
	free(d->files);
	free(d);
}

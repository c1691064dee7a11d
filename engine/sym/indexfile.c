/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index in the cache folder: a header, then the entries as they are in memory (the cache is
 * the machine's own; a file of another byte order or layout has another magic number). Mapped when
 * found, so that it is page cache, not memory of ours. Offsets out of it are untrusted like any
 * others: what they point to is checked by name before use.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/object/cachefile.h"
#include "engine/sym/indeximpl.h"

struct index_header {
	uint64_t magic; /* also tells byte order and the layout's version */
	uint64_t key, count, check;
};

#define MAGIC (UINT64_C(0x766d62696e647800) + 2) /* "vmbindx", version 2 */

static uint64_t check_of(const struct index_entry *v, size_t n)
{
	const unsigned char *p = (const unsigned char *)v;
	uint64_t h = n, word;

	for (size_t i = 0; i + 8 <= n * sizeof(*v); i += 8) {
		memcpy(&word, p + i, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdu;
		h ^= h >> 29;
	}
	for (size_t i = n * sizeof(*v) / 8 * 8; i < n * sizeof(*v); i++)
		h = (h ^ p[i]) * 0xff51afd7ed558ccdu;
	return hash_u64(h);
}

static uint64_t add_section(uint64_t h, Elf *elf, Elf_Scn *scn, bool content)
{
	enum { SAMPLES = 64, SIZE = 64 };
	size_t strndx;
	GElf_Shdr sh;

	if (elf_getshdrstrndx(elf, &strndx) || !gelf_getshdr(scn, &sh))
		return h;
	const char *name = elf_strptr(elf, strndx, sh.sh_name);
	if (!name || strncmp(name, ".debug_", 7))
		return h;
	h = hash_u64(h ^ hash_str(name) ^ sh.sh_size);
	Elf_Data *d = content ? elf_rawdata(scn, NULL) : NULL;
	for (size_t i = 0; d && d->d_buf && d->d_size >= SIZE && i <= SAMPLES; i++)
		h = hash_u64(h ^ hash_bytes((const char *)d->d_buf +
						    (d->d_size - SIZE) / SAMPLES * i,
					    SIZE));
	return h;
}

uint64_t index_key(struct object *o)
{
	const uint8_t *id;
	size_t n = object_build_id(o, &id);
	uint64_t h = n ? hash_bytes(id, n) : 0;

	object_lock(o);
	Elf *elf = dwarf_getelf(object_dwarf(o));
	for (Elf_Scn *scn = NULL; elf && (scn = elf_nextscn(elf, scn));)
		h = add_section(h, elf, scn, !n);
	object_unlock(o);
	return h;
}

static char *file_name(uint64_t key)
{
	return xasprintf("names-%016llx", (unsigned long long)key);
}

static bool map_index(int fd, uint64_t size, uint64_t key, struct index_data *ret)
{
	struct index_header h;

	if (size < sizeof(h) || size > SIZE_MAX || pread(fd, &h, sizeof(h), 0) != sizeof(h) ||
	    h.magic != MAGIC || h.key != key || (size - sizeof(h)) % sizeof(struct index_entry) ||
	    h.count != (size - sizeof(h)) / sizeof(struct index_entry))
		return false;
	void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return false;
	const struct index_entry *v = (const void *)((const char *)map + sizeof(h));
	if (check_of(v, h.count) != h.check) {
		munmap(map, size);
		return false;
	}
	*ret = (struct index_data){.v = v, .n = h.count, .map = map, .map_size = size};
	return true;
}

bool index_load(uint64_t key, struct index_data *ret)
{
	AUTO_FREE char *name = file_name(key);
	uint64_t size;
	int fd = cachefile_find(CACHE_INDEX, name, &size);

	if (fd < 0)
		return false;
	bool ok = map_index(fd, size, key, ret);
	close(fd);
	return ok;
}

void index_save(uint64_t key, struct index_data *d)
{
	AUTO_FREE char *name = file_name(key);
	struct index_header h = {MAGIC, key, d->n, check_of(d->v, d->n)};
	struct index_data mapped;
	struct cachefile f;
	int fd;

	if (!err_ok(cachefile_create(CACHE_INDEX, name, &f)))
		return;
	if (!err_ok(write_all(f.fd, &h, sizeof(h), 0)) ||
	    !err_ok(write_all(f.fd, d->v, d->n * sizeof(*d->v), sizeof(h)))) {
		cachefile_drop(&f);
		return;
	}
	if (!err_ok(cachefile_seal(&f, sizeof(h) + d->n * sizeof(*d->v), &fd)))
		return;
	if (map_index(fd, sizeof(h) + d->n * sizeof(*d->v), key, &mapped)) {
		index_free(d);
		*d = mapped;
	}
	close(fd);
}

void index_free(struct index_data *d)
{
	free(d->heap);
	if (d->map)
		munmap(d->map, d->map_size);
	*d = (struct index_data){0};
}

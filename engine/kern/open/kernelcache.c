/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One file a kernel: a header, then what kallsyms.c keeps, as it is, and BTF. It is mapped, so that it is page
 * cache and not memory of ours, and written when the session ends, so that nobody waits for it.
 *
 * The name of a kernel is what vmcoreinfo says: build-id and release. Some stable kernels wrote
 * garbage as build-id (identity.c), so the dump has the last word, where it can be read: the places
 * that vmcoreinfo tells, the number of symbols, samples of BTF and the banner must be the same.
 */
#include "engine/kern/open/kernelcache.h"
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/base/hmap.h"
#include "engine/kern/open/memkernel.h"
#include "engine/object/cachefile.h"
#include "engine/sym/kallsyms.h"

#define MAGIC (UINT64_C(0x766d626b65726e00) + 4) /* "vmbkern", version 4; tells byte order, too */
#define RELEASE_MAX 64
#define BANNER_MAX 256
#define SAMPLES 8 /* of BTF, that must be the dump's */
#define SAMPLE 128

struct header {
	uint64_t magic;
	uint8_t id[64];
	char release[RELEASE_MAX];
	char banner[BANNER_MAX]; /* its start */
	struct kallsyms_shape shape;
	uint64_t id_size;
	uint64_t len[KALLSYMS_DATA], btf_len;
	uint64_t btf_addr, banner_addr; /* link-time */
};

/* Where the parts are in the file, each at a round offset. */
struct places {
	uint64_t data[KALLSYMS_DATA], btf, end;
};

static bool place_next(uint64_t len, uint64_t *end, uint64_t *ret)
{
	if (!add_u64(*end, 7, ret))
		return false;
	*ret &= ~UINT64_C(7);
	return add_u64(*ret, len, end);
}

static bool place(const struct header *h, struct places *p)
{
	bool ok = true;

	p->end = sizeof(*h);
	for (unsigned i = 0; ok && i < KALLSYMS_DATA; i++)
		ok = place_next(h->len[i], &p->end, &p->data[i]);
	return ok && place_next(h->btf_len, &p->end, &p->btf);
}

/* Who this kernel is; false: the dump doesn't say. */
static bool identify(struct session *s, struct header *h)
{
	const char *release = vmcoreinfo_str(s->vmcoreinfo, "OSRELEASE");

	*h = (struct header){.magic = MAGIC};
	h->id_size = identity_told(s, h->id, sizeof(h->id));
	if (h->id_size < 8 || !release || strlen(release) >= RELEASE_MAX ||
	    !mem_layout(s->mem)->exact)
		return false;
	strcpy(h->release, release);
	return true;
}

static char *file_name(const struct header *h)
{
	uint64_t key = hash_u64(hash_bytes(h->id, h->id_size) ^ hash_str(h->release));

	return xasprintf("kernel-%016" PRIx64, key);
}

/* ---- reading ---- */

/* n bytes at addr, if they can be read, must be these. */
static bool agrees(struct session *s, uint64_t addr, const void *want, size_t n)
{
	char buf[BANNER_MAX];

	n = n < sizeof(buf) ? n : sizeof(buf);
	return mem_read_some(s->mem, KERNEL, addr, buf, n, NULL) < n || !memcmp(buf, want, n);
}

static bool anchored(struct session *s, struct kallsyms *k)
{
	struct kallsyms_anchor v[KALLSYMS_ANCHORS];
	size_t n = memkernel_anchors(s, v);
	unsigned right = 0;
	struct sym sym;

	for (size_t i = 0; i < n; i++) {
		uint32_t from = 0;
		if (!kallsyms_next_named(k, v[i].name, &from, &sym))
			continue;
		if (sym.addr != v[i].addr)
			return false;
		right++;
	}
	return right;
}

static bool is_this_dumps(struct session *s, const struct header *h, const char *map,
			  const struct places *p, struct kallsyms *k)
{
	uint64_t slide = mem_layout(s->mem)->kernel_offset, addr;

	if (vmcoreinfo_symbol(s->vmcoreinfo, "kallsyms_num_syms", &addr) &&
	    !agrees(s, addr, &h->shape.n, sizeof(h->shape.n)))
		return false;
	for (uint64_t i = 0; i <= SAMPLES && h->btf_len >= SAMPLE; i++) {
		uint64_t at = (h->btf_len - SAMPLE) / SAMPLES * i;
		if (!agrees(s, h->btf_addr + slide + at, map + p->btf + at, SAMPLE))
			return false;
	}
	if (!agrees(s, h->banner_addr + slide, h->banner, strnlen(h->banner, BANNER_MAX)))
		return false;
	return anchored(s, k);
}

static bool use(struct session *s, const struct header *h, const char *map, const struct places *p)
{
	struct kallsyms_parts parts = {.shape = h->shape};

	for (unsigned i = 0; i < KALLSYMS_DATA; i++) {
		parts.data[i].p = map + p->data[i];
		parts.data[i].n = (size_t)h->len[i];
	}
	uint64_t slide = mem_layout(s->mem)->kernel_offset;
	struct kallsyms *k;

	if (!err_ok(kallsyms_of_parts(&parts, slide, &k)))
		return false;
	if (!is_this_dumps(s, h, map, p, k)) {
		kallsyms_close(k);
		return false;
	}
	symtab_add_kallsyms(s->symtab, s->vmlinux, k);
	if (h->btf_len)
		object_lend_section(s->vmlinux, ".BTF", map + p->btf, (size_t)h->btf_len,
				    h->btf_addr + slide - object_bias(s->vmlinux));
	return true;
}

bool kernelcache_load(struct session *s)
{
	struct header h, own;
	struct places p;
	uint64_t size;

	if (s->options.no_cache || !identify(s, &own))
		return false;
	AUTO_FREE char *name = file_name(&own);
	int fd = cachefile_find(CACHE_INDEX, name, &size);
	if (fd < 0)
		return false;
	char *map = MAP_FAILED;
	if (size >= sizeof(h) && pread(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h) &&
	    h.magic == MAGIC && h.id_size == own.id_size && !memcmp(h.id, own.id, sizeof(h.id)) &&
	    !memcmp(h.release, own.release, RELEASE_MAX) && place(&h, &p) && p.end == size)
		map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return false;
	if (!use(s, &h, map, &p)) {
		munmap(map, size);
		return false;
	}
	s->priv->kernel_map = map;
	s->priv->kernel_map_size = size;
	return true;
}

void kernelcache_done(struct session *s)
{
	if (s->priv->kernel_map)
		munmap(s->priv->kernel_map, s->priv->kernel_map_size);
}

/* ---- writing ---- */

static struct err *write_parts(int fd, const struct header *h, const struct places *p,
			       const struct kallsyms_parts *k, const void *btf)
{
	TRY(write_all(fd, h, sizeof(*h), 0));
	for (unsigned i = 0; i < KALLSYMS_DATA; i++)
		TRY(write_all(fd, k->data[i].p, k->data[i].n, p->data[i]));
	return write_all(fd, btf, (size_t)h->btf_len, p->btf);
}

static bool fill_header(struct session *s, const struct kallsyms_parts *k, struct header *h)
{
	uint64_t slide = mem_layout(s->mem)->kernel_offset;
	struct object_section btf;
	uint32_t from = 0;
	struct sym banner;

	if (!identify(s, h) || !kallsyms_next_named(s->priv->own, "linux_banner", &from, &banner) ||
	    !err_ok(mem_str(s->mem, KERNEL, banner.addr, h->banner, sizeof(h->banner))) ||
	    !object_section(s->vmlinux, ".BTF", &btf))
		return false;
	h->shape = k->shape;
	for (unsigned i = 0; i < KALLSYMS_DATA; i++)
		h->len[i] = k->data[i].n;
	h->btf_len = btf.size;
	h->btf_addr = btf.addr + object_bias(s->vmlinux) - slide;
	h->banner_addr = banner.addr - slide;
	return true;
}

void kernelcache_save(struct session *s)
{
	struct kallsyms_parts k;
	struct object_section btf;
	struct cachefile f;
	struct header h;
	struct places p;
	int fd;

	/* what is still unread is read now, and may turn out not to be whole */
	if (!s->priv->own || s->options.no_cache || !object_section(s->vmlinux, ".BTF", &btf))
		return;
	kallsyms_get_parts(s->priv->own, &k);
	if (!s->priv->own_whole)
		return;
	if (!fill_header(s, &k, &h) || !place(&h, &p))
		return;
	AUTO_FREE char *name = file_name(&h);
	if (!err_ok(cachefile_create(CACHE_INDEX, name, &f)))
		return;
	if (!err_ok(write_parts(f.fd, &h, &p, &k, btf.data))) {
		cachefile_drop(&f);
		return;
	}
	if (err_ok(cachefile_seal(&f, p.end, &fd)))
		close(fd);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of the cache folder, sealed as if they were whole: the index of DWARF names (first byte 0), and
 * what is kept of a kernel's own symbols (first byte 1: counts, places, then the arrays).
 */
#include <string.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"
#include "engine/object/cachefile.h"
#include "engine/sym/indeximpl.h"
#include "engine/sym/kallsyms.h"
#include "tests/fuzz/fuzz.h"

#define KEY 7u
#define FILE_NAME "names-0000000000000007"
#define PARTS 5u

/* Saved as the program does it, then read back as bytes. */
static void add_index(struct corpus *c)
{
	struct index_entry *v = xcalloc(300, sizeof(*v));
	struct index_data d = {.v = v, .n = 300, .heap = v};
	uint64_t size;

	for (uint32_t i = 0; i < 300; i++)
		v[i] = (struct index_entry){.hash = i * 100000, .offset_low = i, .kind = i % NAME_KINDS};
	index_save(KEY, &d);
	index_free(&d);
	int fd = cachefile_find(CACHE_INDEX, FILE_NAME, &size);
	uint8_t *p = xcalloc(1, (size_t)size + 1);
	if (fd >= 0 && pread(fd, p + 1, (size_t)size, 0) == (ssize_t)size)
		corpus_add(c, p, (size_t)size + 1);
	free(p);
	close(fd);
}

static void add_symbols(struct corpus *c)
{
	static const char text[] = "Tstart\0Dpercpu\0Tmiddle\0tlocal\0Bbss\0Aabsolute\0";
	static const uint32_t name[] = {0, 7, 15, 23, 30, 35};
	static const uint64_t addr[] = {0xffffffff81000000, 0x100, 0xffffffff81000400, 0xffffffff81000500,
					0xffffffff82000000, 0x42};
	const uint64_t head[PARTS] = {6 | UINT64_C(1) << 32, 0x100, 0x200, 0xffffffff81000000, 0xffffffff82000000};
	struct buf b = {0};

	buf_putc(&b, 1);
	buf_put(&b, head, sizeof(head));
	buf_put(&b, addr, sizeof(addr));
	buf_put(&b, name, sizeof(name));
	buf_put(&b, text, sizeof(text) - 1);
	corpus_add(c, b.p, b.len);
	buf_free(&b);
}

static bool begin(struct corpus *c)
{
	setenv("XDG_CACHE_HOME", scratch_folder(), 1);
	add_index(c);
	add_symbols(c);
	return c->n;
}

static void read_index(const struct bytes *b)
{
	struct cachefile f;
	struct index_data d;
	volatile uint64_t sum = 0;
	int fd = -1;

	if (!err_ok(cachefile_create(CACHE_INDEX, FILE_NAME, &f)))
		return;
	err_free(write_all(f.fd, b->p, b->n, 0));
	if (err_ok(cachefile_seal(&f, b->n, &fd)))
		close(fd);
	if (!index_load(KEY, &d))
		return;
	for (size_t i = 0; i < d.n; i++)
		sum += index_offset(&d.v[i]) + d.v[i].kind;
	index_free(&d);
}

static void read_symbols(struct bytes b)
{
	uint64_t head[PARTS];

	for (unsigned i = 0; i < PARTS; i++)
		head[i] = take_number(&b, 8);
	uint32_t n = (uint32_t)head[0], most = (uint32_t)(b.n / 12);
	n = n < most ? n : most;
	struct bytes addrs = take_bytes(&b, (size_t)n * 8), names = take_bytes(&b, (size_t)n * 4);
	AUTO_FREE uint8_t *addr = exact_copy(addrs), *name = exact_copy(names), *text = exact_copy(b);
	const struct kallsyms_parts parts = {
		.n = n,
		.percpu_last = (uint32_t)(head[0] >> 32),
		.encoding = (uint32_t)head[1] & 7,
		.text = (const char *)text,
		.text_len = b.n,
		.name = (const uint32_t *)(const void *)name,
		.addr = (const uint64_t *)(const void *)addr,
		.percpu = head[1],
		.percpu_end = head[2],
		.low = head[3],
		.high = head[4],
	};
	struct kallsyms *k;
	struct sym s;
	if (!err_ok(kallsyms_of_parts(&parts, 0x1000000, &k)))
		return;
	volatile uint64_t sum = strlen(kallsyms_encoding(k));
	for (uint32_t i = 0; i < kallsyms_count(k); i++)
		if (kallsyms_get(k, i, &s))
			sum += strlen(s.name) + s.size;
	kallsyms_close(k);
}

static void one(const uint8_t *p, size_t n)
{
	struct bytes b = {p, n};

	if (take_number(&b, 1) & 1)
		read_symbols(b);
	else
		read_index(&b);
}

const struct fuzz_target fuzz_cache = {
	.name = "cache",
	.what = "what is kept in the cache folder",
	.inputs = 3000,
	.begin = begin,
	.one = one,
};

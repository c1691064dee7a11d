/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of the cache folder, sealed as if they were whole: the index of DWARF names (first byte 0), and
 * what is kept of a kernel's own symbols (first byte 1: numbers, then the arrays).
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

/* Numbers before the arrays of a kernel's symbols. */
enum { N, HEADS, ENCODING, WIDTH, TWO_BYTES, SLIDE, BASE, PLACE, LOW, HIGH, NAMES, NUMBERS };

/* Six symbols whose every character is a token, all in one chain. */
static void add_symbols(struct corpus *c)
{
	static const char *const text[] = {"Tstart", "Dpercpu", "Tmiddle", "tlocal", "Bbss", "Aabsolute"};
	static const uint32_t raw[] = {0, 0x400, 0x500, 0x600, 0x700, 0x1000}, next[] = {1, 2, 3, 4, 5, UINT32_MAX};
	static const uint32_t heads[] = {0};
	struct buf b = {0}, names = {0};
	uint32_t at[6];

	for (unsigned i = 0; i < 6; i++) {
		at[i] = (uint32_t)names.len;
		buf_putc(&names, (char)strlen(text[i]));
		buf_puts(&names, text[i]);
	}
	const uint64_t head[NUMBERS] = {6, 1, 1, 4, 0, 0, 0xffffffff81000000, 0, 0xffffffff81000000, 0xffffffff81001000,
					names.len};
	buf_putc(&b, 1);
	buf_put(&b, head, sizeof(head));
	buf_put(&b, raw, sizeof(raw));
	buf_put(&b, at, sizeof(at));
	buf_put(&b, next, sizeof(next));
	buf_put(&b, heads, sizeof(heads));
	buf_put(&b, names.p, names.len);
	for (unsigned i = 0; i < 256; i++) {
		const char token[2] = {i > ' ' && i < 0x7f ? (char)i : 0, 0};
		buf_put(&b, token, token[0] ? 2 : 1);
	}
	corpus_add(c, b.p, b.len);
	buf_free(&b);
	buf_free(&names);
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

static void use_symbols(struct kallsyms *k)
{
	volatile uint64_t sum = strlen(kallsyms_encoding(k));
	uint32_t from = 0;
	uint64_t addr;
	struct sym s;
	char type;

	for (uint32_t i = 0; i < kallsyms_count(k); i++) {
		if (kallsyms_get(k, i, &s))
			sum += strlen(s.name) + s.size;
		sum += kallsyms_place(k, i, &addr, &type) + kallsyms_begins(k, i, "per", 3);
	}
	while (kallsyms_next_named(k, "middle", &from, &s))
		sum++;
}

static void read_symbols(struct bytes b)
{
	uint64_t head[NUMBERS];
	struct kallsyms *k;

	for (unsigned i = 0; i < NUMBERS; i++)
		head[i] = take_number(&b, 8);
	uint32_t n = (uint32_t)head[N], heads = (uint32_t)head[HEADS], most = (uint32_t)(b.n / 4);
	n = n < most ? n : most;
	heads = heads < most ? heads : most;
	struct kallsyms_parts parts = {.shape = {
		.n = n,
		.heads = heads,
		.encoding = (uint32_t)head[ENCODING],
		.width = (uint32_t)head[WIDTH],
		.two_bytes = head[TWO_BYTES] & 1,
		.slide = head[SLIDE],
		.base = head[BASE],
		.place = head[PLACE],
		.low = head[LOW],
		.high = head[HIGH],
	}};
	const size_t size[KALLSYMS_DATA] = {(size_t)n * (parts.shape.width == 8 ? 8 : 4), (size_t)n * 4, (size_t)n * 4,
					    (size_t)heads * 4, (size_t)head[NAMES], SIZE_MAX};
	uint8_t *copy[KALLSYMS_DATA];
	for (unsigned i = 0; i < KALLSYMS_DATA; i++) {
		struct bytes part = take_bytes(&b, size[i] < b.n ? size[i] : b.n);
		copy[i] = exact_copy(part);
		parts.data[i].p = copy[i];
		parts.data[i].n = part.n;
	}
	if (err_ok(kallsyms_of_parts(&parts, 0x1000000, &k))) {
		use_symbols(k);
		kallsyms_close(k);
	}
	for (unsigned i = 0; i < KALLSYMS_DATA; i++)
		free(copy[i]);
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbol tables out of memory. An input is: a byte for the kernel, a byte that says whether the tables'
 * places are told or have to be found, then the pieces of memory that hold the tables. The seeds are the
 * lab kernels' own tables, less most of the symbols, at their own addresses.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"
#include "engine/kern/session.h"
#include "engine/sym/kallsyms.h"
#include "tests/fuzz/fuzz.h"

#define SYMBOLS 5000u
#define PIECES 6u
#define KERNELS 4u

struct piece {
	uint64_t addr;
	size_t n;
};
static struct kernel {
	struct piece piece[PIECES]; /* number of symbols, names, tokens, index, addresses, base */
	struct kallsyms_tables t;
	struct kallsyms_anchor anchor;
	uint64_t image, image_end;
} kernels[KERNELS];
static unsigned nkernels;

static bool told(const struct session *s, const char *name, uint64_t *ret)
{
	if (!vmcoreinfo_symbol(s->vmcoreinfo, name, ret))
		*ret = 0;
	return *ret;
}

/* Bytes of the first SYMBOLS names. */
static size_t names_size(struct session *s, uint64_t at)
{
	AUTO_FREE uint8_t *p = xcalloc(SYMBOLS, 64);
	size_t n = mem_read_some(s->mem, KERNEL, at, p, (size_t)SYMBOLS * 64, NULL), i = 0;

	for (unsigned k = 0; k < SYMBOLS && i + 2 < n; k++)
		i += p[i] & 0x80 ? ((p[i] & 0x7fu) | (size_t)p[i + 1] << 7) + 2 : p[i] + 1u;
	return i;
}

static void set_piece(struct kernel *k, unsigned i, uint64_t addr, size_t n)
{
	k->piece[i] = (struct piece){addr, addr ? n : 0};
}

static bool describe(struct session *s, struct kernel *k)
{
	struct kallsyms_tables *t = &k->t;
	const struct arch_layout *l = mem_layout(s->mem);

	k->anchor.name = "_stext";
	if (!told(s, "kallsyms_names", &t->names) || !told(s, "kallsyms_num_syms", &t->num_syms) ||
	    !told(s, "kallsyms_token_table", &t->token_table) ||
	    !told(s, "kallsyms_token_index", &t->token_index) || !told(s, "_stext", &k->anchor.addr) ||
	    !told(s, "kallsyms_offsets", &t->offsets))
		return false;
	told(s, "kallsyms_relative_base", &t->relative_base);
	k->image = l->image_va;
	k->image_end = l->image_va + l->image_size;
	set_piece(k, 0, t->num_syms, 4);
	set_piece(k, 1, t->names, names_size(s, t->names));
	set_piece(k, 2, t->token_table, 1536);
	set_piece(k, 3, t->token_index, 512);
	set_piece(k, 4, t->offsets, (size_t)SYMBOLS * 4);
	set_piece(k, 5, t->relative_base, 8);
	return true;
}

static void add_seed(struct session *s, struct corpus *c, const struct kernel *k)
{
	const uint32_t n = SYMBOLS;
	struct buf b = {0};

	for (char mode = 0; mode < 2; mode++) {
		buf_clear(&b);
		buf_putc(&b, (char)(k - kernels));
		buf_putc(&b, mode);
		buf_put(&b, &n, 4);
		for (unsigned i = 1; i < PIECES; i++) {
			char *p = buf_reserve(&b, k->piece[i].n);
			b.len += mem_read_some(s->mem, KERNEL, k->piece[i].addr, p, k->piece[i].n, NULL);
		}
		corpus_add(c, b.p, b.len);
	}
	buf_free(&b);
}

static bool begin(struct corpus *c)
{
	static const char *const names[KERNELS] = {"6.1", "6.12", "7.2", "5.10"};
	const struct session_options o = {.no_cache = true};

	for (unsigned i = 0; i < KERNELS; i++) {
		AUTO_FREE char *path = lab_dump(names[i], "fsfreeze", "lzo");
		const char *const files[] = {path};
		struct session *s;
		if (!path || !err_ok(session_open(&o, files, 1, NULL, &s)))
			continue;
		if (describe(s, &kernels[nkernels]))
			add_seed(s, c, &kernels[nkernels++]);
		session_close(s);
	}
	return nkernels;
}

struct image {
	const struct kernel *k;
	const uint8_t *at[PIECES];
	size_t n[PIECES];
};

static size_t read_image(void *ctx, uint64_t addr, void *buf, size_t n)
{
	const struct image *m = ctx;
	size_t got = 0;

	for (unsigned i = 0; i < PIECES; i++) {
		uint64_t off = addr + got - m->k->piece[i].addr;
		if (got == n || off >= m->n[i])
			continue;
		size_t part = m->n[i] - (size_t)off < n - got ? m->n[i] - (size_t)off : n - got;
		memcpy((char *)buf + got, m->at[i] + off, part);
		got += part;
	}
	return got;
}

static void use(struct kallsyms *k)
{
	struct kallsyms_parts parts;
	struct kallsyms *copy;
	volatile uint64_t sum = 0;
	struct sym s;

	for (uint32_t i = 0; i < kallsyms_count(k); i++)
		if (kallsyms_get(k, i, &s))
			sum += strlen(s.name) + s.size;
	kallsyms_get_parts(k, &parts);
	if (err_ok(kallsyms_of_parts(&parts, parts.shape.slide, &copy))) {
		/* what is kept gives what was kept */
		for (uint32_t i = 0; i < kallsyms_count(k); i++) {
			struct sym was, is;
			bool known = kallsyms_get(k, i, &was);
			if (known != kallsyms_get(copy, i, &is) ||
			    (known && (was.addr != is.addr || was.size != is.size || strcmp(was.name, is.name))))
				abort();
		}
		kallsyms_close(copy);
	}
	struct symtab *st = symtab_create();
	struct object *o = object_create_kernel();
	symtab_add_kallsyms(st, o, k);
	sum += sym_find(st, "_stext", &s) + sym_at(st, 0xffffffff81000100, &s, NULL);
	symtab_destroy(st);
	object_close(o);
}

static void one(const uint8_t *p, size_t n)
{
	struct bytes b = {p, n};
	unsigned which = (unsigned)take_number(&b, 1) % (nkernels ? nkernels : 1);
	bool search = take_number(&b, 1) & 1;
	struct image m = {.k = &kernels[which]};

	for (unsigned i = 0; i < PIECES; i++) {
		struct bytes v = take_bytes(&b, m.k->piece[i].n);
		m.at[i] = v.p;
		m.n[i] = v.n;
	}
	struct kallsyms_source src = {
		.read = read_image,
		.ctx = &m,
		.image = m.k->image,
		.image_end = m.k->image_end,
		.anchors = &m.k->anchor,
		.nanchors = 1,
	};
	struct kallsyms_tables t = m.k->t;
	struct kallsyms *k;
	if (search && !err_ok(kallsyms_find(&src, NULL, &t)))
		return;
	if (err_ok(kallsyms_open(&src, &t, &k)))
		use(k);
}

const struct fuzz_target fuzz_kallsyms = {
	.name = "kallsyms",
	.what = "the kernel's own symbol tables",
	.inputs = 120,
	.begin = begin,
	.one = one,
};

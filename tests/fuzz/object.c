/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF objects and what is read out of them: headers, sections, symbols, notes; plain, and compressed by
 * gzip, xz and zstd. Seeds are small modules of the lab, and the beginning of a vmlinux. DWARF is left to
 * the targets of the parts that are ours: libdw reads the rest.
 */
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include "engine/base/alloc.h"
#include "engine/dump/dump.h"
#include "engine/sym/sym.h"
#include "tests/fuzz/fuzz.h"

#define FILE_MAX (400u << 10)
#define PACK_MAX (60u << 10)

static void add_packed(struct corpus *c, const uint8_t *p, size_t n)
{
	size_t cap = ZSTD_compressBound(n) + 1024;
	AUTO_FREE uint8_t *out = xmalloc(cap);
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)p, .avail_in = (unsigned)n, .next_out = out,
		      .avail_out = (unsigned)cap};

	size_t len = ZSTD_compress(out, cap, p, n, 1);
	if (!ZSTD_isError(len))
		corpus_add(c, out, len);
	if (deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	if (deflate(&z, Z_FINISH) == Z_STREAM_END)
		corpus_add(c, out, z.total_out);
	deflateEnd(&z);
}

static bool begin(struct corpus *c)
{
	static const char *const files[] = {"module/labbug.ko", "module/debug/labbug.ko", "vmlinux"};
	AUTO_FREE char *vmlinux = lab_vmlinux("6.1");

	for (size_t i = 0; vmlinux && i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO_FREE char *path = xasprintf("%.*s/%s", (int)(strlen(vmlinux) - strlen("/vmlinux")), vmlinux,
						 files[i]);
		size_t n;
		uint8_t *p = read_file(path, FILE_MAX, &n);
		if (!p)
			continue;
		corpus_add(c, p, i < 2 ? n : 16384);
		if (!i)
			add_packed(c, p, n < PACK_MAX ? n : PACK_MAX);
		free(p);
	}
	return c->n;
}

static void look_at(struct object *o)
{
	static const char *const names[] = {".text", ".BTF", ".debug_info", ".debug_line", ".orc_unwind",
					    ".debug_frame", ".symtab", "", ".modinfo"};
	struct symtab *st = symtab_create();
	struct object_symbols syms;
	struct object_section s;
	const uint8_t *id;
	volatile size_t sum = object_build_id(o, &id);
	struct sym sym;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (object_section(o, names[i], &s) && s.size)
			sum += ((const uint8_t *)s.data)[0] + ((const uint8_t *)s.data)[s.size - 1];
	sum += strlen(object_release(o)) + strlen(object_missing(o)) + object_machine(o) + object_has_dwarf(o);
	if (object_symbols(o, &syms))
		for (size_t i = 0; i < syms.n; i++)
			if (syms.v[i].st_name < syms.strings_size)
				sum += strlen(syms.strings + syms.v[i].st_name);
	if (err_ok(symtab_add_object(st, o)))
		for (size_t i = 0; sym_next(st, &i, &sym);)
			sum += strlen(sym.name) + sym.size;
	sum += sym_find(st, "init_module", &sym) + sym_at(st, 0xffffffff81000000, &sym, NULL);
	symtab_destroy(st);
}

static void one(const uint8_t *p, size_t n)
{
	const struct object_options options = {.no_cache = true};
	char path[FUZZ_PATH];
	int fd = memory_file(p, n, path);
	struct job *job = limited_job();
	struct object *o;
	enum file_kind kind;

	limit_work(5000);
	err_free(file_identify(path, &kind));
	if (err_ok(object_open(path, &options, job, &o))) {
		look_at(o);
		object_close(o);
	}
	o = object_create_module("fuzz");
	if (err_ok(object_attach(o, path, &options, job)))
		look_at(o);
	object_close(o);
	job_unref(job);
	close(fd);
}

const struct fuzz_target fuzz_object = {
	.name = "object",
	.what = "ELF files, plain and compressed",
	.inputs = 3000,
	.begin = begin,
	.one = one,
};

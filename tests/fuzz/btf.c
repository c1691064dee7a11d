/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Type tables: a byte (1: a module's, on a real kernel's), then the bytes of a .BTF. The seeds are the lab
 * kernels' own tables less most of the types, and whole ones of modules.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/type/btf.h"
#include "engine/type/type.h"
#include "tests/fuzz/fuzz.h"

#define TYPES 1500u /* of a seed */
#define LOOKS 400u  /* types that are looked at in each input */

static struct object *base; /* vmlinux of 6.1 */

/* Bytes behind a type's 12; the kinds as enum btf_kind numbers them. */
static size_t extra_size(uint32_t info)
{
	static const uint8_t each[32] = {[BTF_INT] = 4, [BTF_ARRAY] = 12, [BTF_VAR] = 4, [BTF_DECL_TAG] = 4};
	static const uint8_t per[32] = {[BTF_STRUCT] = 12, [BTF_UNION] = 12, [BTF_ENUM] = 8, [BTF_FUNC_PROTO] = 8,
					[BTF_DATASEC] = 12, [BTF_ENUM64] = 12};
	unsigned kind = info >> 24 & 31;

	return each[kind] + (size_t)per[kind] * (info & 0xffff);
}

/* Their names stay: the strings that these types use are at the front, most of them. */
static void add_beginning(struct corpus *c, const struct object_section *s)
{
	const uint8_t *p = s->data;
	uint32_t hdr = load_u32(p + 4), len = load_u32(p + 12), str = load_u32(p + 16), at = 0, strings = 65536;
	struct buf b = {0};

	for (unsigned i = 0; i < TYPES && at + 12 <= len; i++)
		at += 12 + (uint32_t)extra_size(load_u32(p + hdr + at + 4));
	if (!range_ok((uint64_t)hdr + str, strings, s->size) || at > len)
		return;
	buf_putc(&b, 0);
	buf_put(&b, p, hdr);
	memcpy(b.p + 1 + 12, &at, 4);
	memcpy(b.p + 1 + 16, &at, 4);
	memcpy(b.p + 1 + 20, &strings, 4);
	buf_put(&b, p + hdr, at);
	buf_put(&b, p + hdr + str, strings - 1);
	buf_putc(&b, 0);
	corpus_add(c, b.p, b.len);
	buf_free(&b);
}

static void add_module(struct corpus *c, const char *vmlinux)
{
	static const char *const files[] = {"module/labbug.ko", "module/debug/labbug.ko"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO_FREE char *path = xasprintf("%.*s/%s", (int)(strlen(vmlinux) - strlen("/vmlinux")), vmlinux,
						 files[i]);
		struct object_section s;
		struct object *o;
		struct buf b = {0};
		if (!err_ok(object_open(path, NULL, NULL, &o)))
			continue;
		if (object_section(o, ".BTF", &s)) {
			buf_putc(&b, 1);
			buf_put(&b, s.data, s.size);
			corpus_add(c, b.p, b.len);
		}
		buf_free(&b);
		object_close(o);
	}
}

static bool add_kernel(struct corpus *c, struct object *o, const char *path)
{
	struct object_section s;

	if (object_section(o, ".BTF", &s))
		add_beginning(c, &s);
	object_close(base);
	base = o;
	add_module(c, path);
	return true;
}

static bool begin(struct corpus *c)
{
	return seeds_of_kernels(c, (const char *const[]){"7.2", "6.12", "6.1", NULL}, add_kernel);
}

static void look_at(const struct type *t)
{
	AUTO_BUF struct buf out = {0};
	struct type_place place;
	bool variadic;
	size_t n;

	type_print_name(t, &out);
	type_print_decl(t, "x", &out);
	type_print_definition(t, true, &out);
	const struct member *m = type_members(t, &n);
	for (size_t i = 0; i < n && i < 40; i++)
		err_free(type_member(t, m[i].name, &place));
	type_enumerators(t, &n);
	type_params(t, &n, &variadic);
	type_strip(t);
	type_size(t);
}

static void walk(struct types *ts, struct object *o)
{
	static const char *const names[] = {"struct list_head *", "task_struct", "int [3]", "u64", "enum pid_type",
					    "struct device", "void (*)(int)"};
	const char *found[20];
	const struct type *t;
	size_t i = 0;

	for (unsigned n = 0; n < LOOKS && type_next_struct(ts, &i, &t); n++)
		look_at(t);
	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
		if (err_ok(type_find(ts, names[k], NULL, &t)))
			look_at(t);
	if (err_ok(type_of_symbol(ts, o, "fixed_percpu_data", NULL, &t)))
		look_at(t);
	if (err_ok(type_find_enumerator(ts, "PIDTYPE_PID", NULL, &t)))
		look_at(t);
	for (size_t n = type_complete(ts, "struct ", found, 20); n-- > 0;)
		if (err_ok(type_find(ts, found[n], NULL, &t)))
			look_at(t);
}

static void one(const uint8_t *p, size_t n)
{
	struct bytes b = {p, n};
	bool split = take_number(&b, 1) & 1 && base;
	AUTO_FREE uint8_t *data = exact_copy(b);
	struct intern *in = intern_create();
	struct types *ts = types_create(in);
	struct object *o = split ? object_create_module("fuzz") : object_create_kernel();

	object_lend_section(o, ".BTF", data, b.n, 0);
	if (split)
		err_free(types_add_object(ts, base, NULL));
	if (err_ok(types_add_object(ts, o, NULL)))
		walk(ts, o);
	types_destroy(ts);
	object_close(o);
	intern_destroy(in);
}

const struct fuzz_target fuzz_btf = {
	.name = "btf",
	.what = "type tables (BTF), split ones too",
	.inputs = 150,
	.begin = begin,
	.one = one,
};

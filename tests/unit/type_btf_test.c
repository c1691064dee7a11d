/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that BTF is read as its format says and that damaged BTF can't hurt. Sections are put
 * together here type by type, so that old and new kinds, split sections and rings of typedefs can
 * be tried; then a real kernel's section (from the lab, where there is one) is cut and flipped some
 * hundred times. Each copy must end in an error or in types that can be walked and printed; a ring
 * that isn't bounded would hang the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/type/btf.h"
#include "engine/type/type.h"

/* A section in the making. */
struct maker {
	struct buf types, strings, layout;
	uint32_t first_string; /* where a split section's strings begin */
};

static void put32(struct buf *b, uint32_t v)
{
	buf_put(b, &v, sizeof(v));
}

static uint32_t name(struct maker *m, const char *s)
{
	if (!m->strings.len)
		buf_put(&m->strings, "", 1);
	if (!*s)
		return 0;
	uint32_t at = m->first_string + (uint32_t)m->strings.len;
	buf_put(&m->strings, s, strlen(s) + 1);
	return at;
}

static void type(struct maker *m, const char *s, uint32_t kind, uint32_t vlen, uint32_t size)
{
	put32(&m->types, name(m, s));
	put32(&m->types, kind << 24 | vlen);
	put32(&m->types, size);
}

#define KIND_FLAG 0x80u

static void integer(struct maker *m, const char *s, uint32_t size, uint32_t encoding)
{
	type(m, s, BTF_INT, 0, size);
	put32(&m->types, encoding << 24 | size * 8);
}

static void member(struct maker *m, const char *s, uint32_t id, uint32_t offset)
{
	put32(&m->types, name(m, s));
	put32(&m->types, id);
	put32(&m->types, offset);
}

/* The finished bytes (malloc'ed); the maker is empty after. */
static void *finish(struct maker *m, size_t *size)
{
	struct buf b = {0};
	uint32_t header = m->layout.len ? 32 : 24;

	name(m, "");
	put32(&b, 0x0001eb9f);
	put32(&b, header);
	put32(&b, 0);
	put32(&b, (uint32_t)m->types.len);
	put32(&b, (uint32_t)m->types.len);
	put32(&b, (uint32_t)m->strings.len);
	if (m->layout.len) {
		put32(&b, (uint32_t)(m->types.len + m->strings.len));
		put32(&b, (uint32_t)m->layout.len);
	}
	buf_put(&b, m->types.p, m->types.len);
	buf_put(&b, m->strings.p, m->strings.len);
	buf_put(&b, m->layout.p, m->layout.len);
	buf_free(&m->types);
	buf_free(&m->strings);
	buf_free(&m->layout);
	*size = b.len;
	return buf_steal(&b);
}

struct opened {
	struct intern *names;
	struct types *ts;
	struct object *vmlinux, *module;
};

static struct object *object_with(const char *object, const char *section, void *data, size_t size)
{
	struct object *o = object_create_module(object);

	object_set_section(o, section, data, size, 0);
	return o;
}

static struct err *open_bytes(struct opened *t, void *data, size_t size)
{
	*t = (struct opened){.names = intern_create()};
	t->ts = types_create(t->names);
	t->vmlinux = object_with("vmlinux", ".BTF", data, size);
	return types_add_object(t->ts, t->vmlinux, NULL);
}

static void done(struct opened *t)
{
	types_destroy(t->ts);
	object_close(t->vmlinux);
	object_close(t->module);
	intern_destroy(t->names);
}

static void must(struct err *e)
{
	if (e)
		fail_msg("%s", err_text(e));
}

static const struct type *find(struct opened *t, const char *s)
{
	const struct type *ret;

	must(type_find(t->ts, s, NULL, &ret));
	return ret;
}

static void definition_is(struct opened *t, const char *s, const char *want)
{
	struct buf AUTO_BUF b = {0};

	type_print_definition(find(t, s), false, &b);
	assert_string_equal(buf_str(&b), want);
}

/* Bitfields in both notations, tags in between, 64-bit enums. */
static void kinds(void **state)
{
	struct maker m = {0};
	struct opened t;
	size_t size;

	(void)state;
	integer(&m, "int", 4, 1);					/* 1 */
	integer(&m, "unsigned int", 4, 0);				/* 2 */
	type(&m, "user", BTF_TYPE_TAG, 0, 1);				/* 3 */
	type(&m, "", BTF_PTR, 0, 3);					/* 4 */
	type(&m, "bits", BTF_STRUCT | KIND_FLAG, 3, 8);			/* 5 */
	member(&m, "low", 2, 3u << 24 | 0);
	member(&m, "high", 2, 29u << 24 | 3);
	member(&m, "whole", 1, 32);
	type(&m, "unsigned int", BTF_INT, 0, 4);			/* 6: of old bitfields */
	put32(&m.types, 5u << 16 | 7);
	type(&m, "old", BTF_STRUCT, 2, 16);				/* 7 */
	member(&m, "field", 6, 32);
	member(&m, "p", 4, 64);
	type(&m, "big", BTF_ENUM64, 1, 8);				/* 8 */
	put32(&m.types, name(&m, "MANY"));
	put32(&m.types, 0xffffffff);
	put32(&m.types, 0x7fffffff);
	type(&m, "gone", BTF_FWD | KIND_FLAG, 0, 0);			/* 9: a union */
	type(&m, "nowhere", BTF_TYPEDEF, 0, 9);				/* 10 */
	type(&m, "", BTF_FUNC_PROTO, 2, 0);				/* 11 */
	put32(&m.types, name(&m, "n"));
	put32(&m.types, 1);
	put32(&m.types, 0);
	put32(&m.types, 0);
	type(&m, "printk_like", BTF_FUNC, 1, 11);			/* 12 */
	type(&m, "per_cpu_thing", BTF_VAR, 0, 5);			/* 13 */
	put32(&m.types, 1);
	type(&m, "note", BTF_DECL_TAG, 0, 5);				/* 14 */
	put32(&m.types, 0xffffffff);
	void *data = finish(&m, &size);
	must(open_bytes(&t, data, size));
	definition_is(&t, "struct bits", "struct bits {\n\tunsigned int low:3;\n"
					 "\tunsigned int high:29;\n\tint whole;\n};\n");
	definition_is(&t, "struct old", "struct old {\n\tunsigned int field:7;\n\tint *p;\n};\n");
	definition_is(&t, "enum big", "enum big {\n\tMANY = 9223372036854775807,\n};\n");
	struct type_place p;
	must(type_member(find(&t, "struct old"), "field", &p));
	assert_int_equal(p.offset * 8 + p.bit_offset, 37);
	assert_true(type_is_incomplete(type_strip(find(&t, "nowhere"))));
	const struct type *var;
	must(type_of_symbol(t.ts, t.vmlinux, "per_cpu_thing", NULL, &var));
	assert_ptr_equal(var, find(&t, "struct bits"));
	must(type_of_symbol(t.ts, t.vmlinux, "printk_like", NULL, &var));
	struct buf AUTO_BUF b = {0};
	type_print_decl(var, "printk_like", &b);
	assert_string_equal(buf_str(&b), "void printk_like(int n, ...)");
	done(&t);
}

/* A kind from the future ends the walk, what is before it stays; a section that tells the layout of
 * its kinds is read beyond it. */
static void unknown_kinds(void **state)
{
	for (int with_layout = 0; with_layout < 2; with_layout++) {
		struct maker m = {0};
		struct opened t;
		size_t size;
		const struct type *after;

		integer(&m, "int", 4, 1);
		type(&m, "strange", 60, 2, 0);
		for (int i = 0; i < 2 * 5 + 1; i++)
			put32(&m.types, 0xffffffff);
		type(&m, "after", BTF_TYPEDEF, 0, 1);
		for (uint32_t k = 0; with_layout && k <= 60; k++)
			put32(&m.layout, k == 60 ? 4 | 20 << 8 : 0);
		void *data = finish(&m, &size);
		must(open_bytes(&t, data, size));
		assert_int_equal(type_size(find(&t, "int")), 4);
		struct err *e = type_find(t.ts, "after", NULL, &after);
		assert_int_equal(!e, with_layout);
		err_free(e);
		done(&t);
	}
	(void)state;
}

/* A module's ids and strings go on where vmlinux' end; its own definition wins over a
 * declaration. */
static void split(void **state)
{
	struct maker m = {0};
	struct opened t;
	struct object_section s;
	struct type_place p;
	size_t size;

	(void)state;
	integer(&m, "int", 4, 1);					/* 1 */
	type(&m, "later", BTF_FWD, 0, 0);				/* 2 */
	type(&m, "", BTF_PTR, 0, 2);					/* 3 */
	type(&m, "base", BTF_STRUCT, 1, 8);				/* 4 */
	member(&m, "p", 3, 0);
	void *data = finish(&m, &size);
	must(open_bytes(&t, data, size));
	assert_true(object_section(t.vmlinux, ".BTF", &s));
	m.first_string = load_u32((const char *)s.data + 20);
	type(&m, "later", BTF_STRUCT, 2, 16);				/* 5 */
	member(&m, "b", 4, 0);
	member(&m, "i", 1, 64);
	data = finish(&m, &size);
	t.module = object_with("mod", ".BTF", data, size);
	must(types_add_object(t.ts, t.module, NULL));
	definition_is(&t, "struct later", "struct later {\n\tstruct base b;\n\tint i;\n};\n");
	must(type_member(find(&t, "struct base"), "p", &p));
	assert_int_equal(type_size(type_target(p.type)), 16);
	must(type_member(find(&t, "struct later"), "b.p", &p));
	done(&t);
}

/* A module built elsewhere brings stand-ins for what it uses of vmlinux, which go by name. */
static void distilled(void **state)
{
	struct maker m = {0};
	struct opened t;
	struct type_place p;
	size_t size;

	(void)state;
	integer(&m, "char", 1, 1);
	integer(&m, "int", 4, 1);
	type(&m, "thing", BTF_STRUCT, 1, 12);
	member(&m, "x", 2, 64);
	void *data = finish(&m, &size);
	must(open_bytes(&t, data, size));
	type(&m, "thing", BTF_STRUCT, 0, 12);				/* 1 */
	uint32_t strings = (uint32_t)m.strings.len;
	data = finish(&m, &size);
	t.module = object_with("mod", ".BTF.base", data, size);
	m.first_string = strings;
	type(&m, "own", BTF_STRUCT, 1, 24);				/* 2 */
	member(&m, "t", 1, 96);
	data = finish(&m, &size);
	object_set_section(t.module, ".BTF", data, size, 0);
	must(types_add_object(t.ts, t.module, NULL));
	must(type_member(find(&t, "struct own"), "t.x", &p));
	assert_int_equal(p.offset, 20);
	done(&t);
}

/* Walks what there is, as a curious user would: nothing of it may hang or read out of bounds. */
static void walk_all(struct opened *t, size_t max)
{
	const struct type *s;
	struct buf AUTO_BUF b = {0};
	struct type_place p;
	const char *names[4];

	for (size_t i = 0, n = 0; n < max && type_next_struct(t->ts, &i, &s); n++) {
		size_t members;
		const struct member *m = type_members(s, &members);
		for (size_t k = 0; k < members && k < 200; k++) {
			type_size(m[k].type);
			type_strip(m[k].type);
			buf_clear(&b);
			type_print_decl(m[k].type, m[k].name, &b);
		}
		buf_clear(&b);
		if (n % 16 == 0)
			type_print_definition(s, true, &b);
		err_free(type_member(s, "no_such_member[1].x", &p));
	}
	type_complete(t->ts, "t", names, 4);
	static const char *const wanted[] = {"struct task_struct", "u64", "struct page *",
					     "enum pid_type"};
	for (size_t i = 0; i < 4; i++)
		if (err_ok(type_find(t->ts, wanted[i], NULL, &s)))
			type_print_definition(s, true, &b);
	err_free(type_of_symbol(t->ts, t->vmlinux, "schedule", NULL, &s));
}

/* Rings and references to nowhere: void takes the place of what can't be. */
static void rings(void **state)
{
	struct maker m = {0};
	struct opened t;
	size_t size;
	uint64_t n;

	(void)state;
	type(&m, "a", BTF_TYPEDEF, 0, 2);				/* 1 */
	type(&m, "b", BTF_TYPEDEF, 0, 1);				/* 2 */
	type(&m, "", BTF_CONST, 0, 3);					/* 3 */
	type(&m, "", BTF_ARRAY, 0, 0);					/* 4 */
	put32(&m.types, 4);
	put32(&m.types, 1);
	put32(&m.types, 0xffffffff);
	type(&m, "", BTF_TYPE_TAG, 0, 5);				/* 5 */
	type(&m, "", BTF_STRUCT, 3, 8);					/* 6: itself, three times */
	for (int i = 0; i < 3; i++)
		member(&m, "", 6, 0);
	type(&m, "s", BTF_STRUCT, 5, 8);				/* 7 */
	member(&m, "c", 3, 0);
	member(&m, "d", 4, 0);
	member(&m, "e", 5, 0);
	member(&m, "f", 0x7fffffff, 0);
	member(&m, "", 6, 0);
	put32(&m.types, 0x7ffffff0);					/* 8: a name from nowhere */
	put32(&m.types, (uint32_t)BTF_TYPEDEF << 24);
	put32(&m.types, 9);
	type(&m, "", BTF_FUNC_PROTO, 2, 9);				/* 9: of and to itself */
	for (int i = 0; i < 4; i++)
		put32(&m.types, i % 2 ? 9 : 1);
	type(&m, "g", BTF_TYPEDEF, 0, 9);
	void *data = finish(&m, &size);
	must(open_bytes(&t, data, size));
	walk_all(&t, 100);
	assert_int_equal(type_kind(type_strip(find(&t, "a"))), TYPE_VOID);
	assert_int_equal(type_size(find(&t, "a")), 0);
	struct type_place p;
	must(type_member(find(&t, "struct s"), "d", &p));
	assert_int_equal(type_size(p.type), 0);
	assert_true(type_array_count(p.type, &n));
	must(type_member(find(&t, "struct s"), "f", &p));
	assert_int_equal(type_kind(p.type), TYPE_VOID);
	struct buf AUTO_BUF b = {0};
	type_print_definition(find(&t, "g"), false, &b);
	assert_true(b.len < 1 << 22);
	done(&t);
}

/* Every truncation of a small section, and every byte of its header replaced. */
static void headers(void **state)
{
	struct maker m = {0};
	size_t size;

	(void)state;
	integer(&m, "int", 4, 1);
	type(&m, "s", BTF_STRUCT, 1, 4);
	member(&m, "i", 1, 0);
	uint8_t *whole = finish(&m, &size);
	for (size_t i = 0; i < size + 24 * 4; i++) {
		static const uint8_t values[] = {0, 1, 0x7f, 0xff};
		size_t n = i < size ? i : size;
		uint8_t *copy = xmalloc(n + 1);
		struct opened t;
		memcpy(copy, whole, n);
		if (i >= size)
			copy[(i - size) / 4] = values[(i - size) % 4];
		struct err *e = open_bytes(&t, copy, n);
		if (i < size)
			assert_non_null(e);
		err_free(e);
		walk_all(&t, 10);
		done(&t);
	}
	free(whole);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* The .BTF of a kernel of the lab; NULL: there is none. */
static uint8_t *real_section(size_t *size)
{
	static const char *const kernels[] = {"6.1", "6.12", "7.2"};
	const char *lab = getenv("VMBROWSE_LAB");
	uint8_t *copy = NULL;

	for (size_t i = 0; lab && i < 3 && !copy; i++) {
		AUTO_FREE char *path = xasprintf("%s/kernels/%s/vmlinux", lab, kernels[i]);
		struct object *o;
		struct object_section s;
		if (!err_ok(object_open(path, NULL, NULL, &o)))
			continue;
		if (object_section(o, ".BTF", &s)) {
			copy = xmalloc(s.size);
			memcpy(copy, s.data, s.size);
			*size = s.size;
		}
		object_close(o);
	}
	return copy;
}

static void mutations(void **state)
{
	uint32_t seed = 20261121;
	size_t size = 0, opened = 0, rounds = 300;
	uint8_t *whole = real_section(&size);

	(void)state;
	if (!whole)
		skip();
	for (size_t i = 0; i < rounds; i++) {
		struct opened t;
		size_t n = i % 10 ? size : next_random(&seed) % size;
		uint8_t *copy = xmalloc(n + 1);
		memcpy(copy, whole, n);
		/* many flips in the types, or one in the header's lengths */
		uint32_t flips = i % 3 ? 1 + next_random(&seed) % 2000 : 1;
		size_t range = i % 7 ? n : 24;
		for (uint32_t f = 0; n && f < flips; f++)
			copy[next_random(&seed) % (range < n ? range : n)] ^=
				(uint8_t)(1u << next_random(&seed) % 8);
		struct err *e = open_bytes(&t, copy, n);
		opened += !e;
		err_free(e);
		walk_all(&t, 400);
		done(&t);
	}
	print_message("%zu of %zu damaged sections could still be opened\n", opened, rounds);
	free(whole);
}

/* A section that comes in behind; what hasn't come is garbage. */
struct coming {
	const uint8_t *whole;
	uint8_t *data;
	size_t split, have[2], size; /* have: as far as something was asked for, in each half */
};

static void need(void *ctx, size_t from, size_t to)
{
	struct coming *c = ctx;
	bool strings = to > c->split;

	assert_true(from <= to && to <= c->size);
	memcpy(c->data + from, c->whole + from, to - from);
	if (from < c->split && !strings)
		c->have[0] = to > c->have[0] ? to : c->have[0];
	if (strings)
		c->have[1] = to - c->split > c->have[1] ? to - c->split : c->have[1];
}

enum { MANY_STRUCTS = 20000 };

static void comes_in_behind(void **state)
{
	struct coming c = {0};
	struct maker m = {0};
	struct opened t = {.names = intern_create()};
	struct type_place found;

	(void)state;
	integer(&m, "int", 4, 1); /* 1 */
	for (unsigned i = 0; i < MANY_STRUCTS; i++) {
		AUTO_FREE char *s = xasprintf("s%u", i);
		type(&m, s, BTF_STRUCT, 1, 8);
		member(&m, "i", i % 2 ? i : 1, 0); /* every other one is a struct before */
	}
	void *whole = finish(&m, &c.size);
	c.whole = whole;
	c.split = 24 + load_u32((const char *)whole + 12);
	c.data = xmalloc(c.size + 1);
	memset(c.data, 0xff, c.size);
	c.data[c.size] = 0;
	t.ts = types_create(t.names);
	t.vmlinux = object_create_module("vmlinux");
	object_begin_section(t.vmlinux, ".BTF", &(struct object_section){c.data, c.size, 0},
			     &(struct object_coming){need, &c});
	must(types_add_object(t.ts, t.vmlinux, NULL));
	must(type_member(find(&t, "struct s11"), "i.i", &found));
	assert_true(c.have[0] < c.split / 4 && c.have[1] < (c.size - c.split) / 2);
	must(type_member(find(&t, "struct s19999"), "i", &found));
	assert_int_equal(c.have[0], c.split);
	must(type_member(find(&t, "struct s12000"), "i", &found));
	assert_int_equal(type_size(found.type), 4);
	struct object_section s;
	assert_true(object_section(t.vmlinux, ".BTF", &s));
	assert_memory_equal(s.data, whole, c.size);
	done(&t);
	free(whole);
}

/* Nobody writes strings so, but they may stand more than once, and a name may begin in the middle of one. */
static void strings_in_odd_places(void **state)
{
	enum { LONG = 40000 };
	struct maker m = {0};
	struct opened t;
	struct type_place found;
	size_t size;

	(void)state;
	integer(&m, "int", 4, 1); /* 1 */
	AUTO_FREE char *huge = xmalloc(LONG + 1);
	memset(huge, 'x', LONG);
	huge[LONG] = 0;
	uint32_t twice = name(&m, "twice"); /* no type has this one */
	name(&m, huge);			    /* longer than what is indexed at a time */
	type(&m, "twice", BTF_STRUCT, 1, 8); /* 2 */
	member(&m, "second", 1, 0);
	uint32_t outer = name(&m, "outer_inner");
	put32(&m.types, outer + 6); /* 3 */
	put32(&m.types, BTF_STRUCT << 24 | 1);
	put32(&m.types, 4);
	member(&m, "in", 1, 0);
	type(&m, "after", BTF_STRUCT, 1, 4); /* 4 */
	member(&m, "last", 1, 0);
	type(&m, "outer_inner", BTF_FUNC, 0, 1); /* 5: of another kind */
	assert_true(twice < outer);
	void *data = finish(&m, &size);
	must(open_bytes(&t, data, size));
	must(type_member(find(&t, "struct after"), "last", &found));
	must(type_member(find(&t, "struct twice"), "second", &found));
	must(type_member(find(&t, "struct inner"), "in", &found));
	assert_int_equal(type_size(find(&t, "struct inner")), 4);
	const struct type *none;
	struct err *e = type_find(t.ts, "struct outer_inner", NULL, &none);
	assert_non_null(e);
	err_free(e);
	e = type_find(t.ts, "struct nner", NULL, &none);
	assert_non_null(e);
	err_free(e);
	done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),   cmocka_unit_test(unknown_kinds),
		cmocka_unit_test(split),   cmocka_unit_test(distilled),
		cmocka_unit_test(rings),   cmocka_unit_test(headers),
		cmocka_unit_test(mutations), cmocka_unit_test(comes_in_behind),
		cmocka_unit_test(strings_in_odd_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

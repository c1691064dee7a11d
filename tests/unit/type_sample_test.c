/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that types out of debug info are what the compiler made: this file is compiled with
 * type_sample.h, so sizeof and offsetof are the truth, and real bytes filled in by C must decode to
 * what was put in. The same checks run on DWARF 4, on DWARF 5 (written by the compiler now) and,
 * where pahole is installed, on BTF. Also: type names are read and printed the same, definitions
 * come out as the source has them, and bad names and paths end in errors that name what is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/alloc.h"
#include "engine/type/type.h"
#include "engine/type/value.h"
#include "tests/unit/type_sample.h"

struct fixture {
	struct intern *names;
	struct types *ts;
	struct object *o;
	struct dwarfindex *x;
	char *path;
};

static const char source[] =
	"#include \"tests/unit/type_sample.h\"\n"
	"struct sample sample_var; struct sample_packed packed_var; union sample_union union_var;\n"
	"int sample_function(struct sample *s, const char *how, ...);\n"
	"int sample_function(struct sample *s, const char *how, ...) { return s->first + *how; }\n"
	"unsigned short half; unsigned long counters[7]; float used;\n"
	"const char words[] = \"words\";\n"
	"int main(void) { return sample_function(&sample_var, \"\"); }\n";

static const char second_source[] =
	"struct sample_elsewhere { long here, there; } elsewhere_var;\n";

static void must(struct err *e)
{
	if (e)
		fail_msg("%s", err_text(e));
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static bool compile(const char *options, const char *path)
{
	AUTO_FREE char *a = xasprintf("%s.1.c", path);
	AUTO_FREE char *b = xasprintf("%s.2.c", path);
	AUTO_FREE char *cmd = xasprintf("gcc -I. %s %s %s -o %s", options, a, b, path);

	write_file(a, source);
	write_file(b, second_source);
	bool ok = system(cmd) == 0;
	unlink(a);
	unlink(b);
	return ok;
}

static bool add_btf(const char *path)
{
	AUTO_FREE char *cmd = xasprintf("pahole -J --btf_gen_floats %s 2>/dev/null", path);

	return system(cmd) == 0;
}

/* Compiles the sample with the given options and opens it. BTF is added by pahole: -1 without
 * that. */
static int set_up(struct fixture *f, const char *options, bool btf, bool dwarf)
{
	*f = (struct fixture){.path = xstrdup("/tmp/type-sample-XXXXXX")};
	int fd = mkstemp(f->path);
	assert_true(fd >= 0);
	close(fd);
	assert_true(compile(options, f->path));
	if (btf && !add_btf(f->path)) {
		unlink(f->path);
		free(f->path);
		return -1;
	}
	must(object_open(f->path, NULL, NULL, &f->o));
	f->names = intern_create();
	f->ts = types_create(f->names);
	f->x = dwarf ? dwarfindex_create(f->o, true) : NULL;
	types_use(f->ts, btf, dwarf);
	must(types_add_object(f->ts, f->o, f->x));
	return 0;
}

static void tear_down(struct fixture *f)
{
	types_destroy(f->ts);
	dwarfindex_destroy(f->x);
	object_close(f->o);
	intern_destroy(f->names);
	unlink(f->path);
	free(f->path);
}

static const struct type *find(struct fixture *f, const char *name)
{
	const struct type *t;

	must(type_find(f->ts, name, NULL, &t));
	return t;
}

static struct type_place place(struct fixture *f, const char *type, const char *path)
{
	struct type_place p;

	must(type_member(find(f, type), path, &p));
	return p;
}

static void check_place(struct fixture *f, const char *type, const char *path, size_t offset,
			size_t size)
{
	struct type_place p = place(f, type, path);

	if (p.offset != offset || type_size(p.type) != size || p.bit_size)
		fail_msg("%s.%s: %llu %llu (bits %u), the compiler says %zu %zu", type, path,
			 (unsigned long long)p.offset, (unsigned long long)type_size(p.type),
			 p.bit_size, offset, size);
}

#define SAME(f, type, path)                                                                        \
	check_place(f, #type, #path, offsetof(type, path), sizeof(((type *)0)->path))

static void check_layout(struct fixture *f)
{
	assert_int_equal(type_size(find(f, "struct sample")), sizeof(struct sample));
	assert_int_equal(type_size(find(f, "sample_packed")), sizeof(struct sample_packed));
	assert_int_equal(type_size(find(f, "union sample_union")), sizeof(union sample_union));
	assert_int_equal(type_size(find(f, "sample_fn")), 8);
	SAME(f, struct sample, first);
	SAME(f, struct sample, anon_x);
	SAME(f, struct sample, anon_y);
	SAME(f, struct sample, anon_z[5]);
	SAME(f, struct sample, inner);
	SAME(f, struct sample, inner[2].len);
	SAME(f, struct sample, matrix);
	SAME(f, struct sample, never);
	SAME(f, struct sample, fn);
	SAME(f, struct sample, table[3]);
	SAME(f, struct sample, row);
	SAME(f, struct sample, name);
	SAME(f, struct sample, wide);
	SAME(f, struct sample, tiny);
	SAME(f, struct sample, huge);
	SAME(f, struct sample, named.k);
	SAME(f, struct sample, v);
	SAME(f, struct sample, tail[4].len);
	SAME(f, struct sample_packed, r);
	SAME(f, union sample_union, l[2]);
}

static void check_decl(struct fixture *f, const char *path, const char *want)
{
	struct buf AUTO_BUF b = {0};
	struct type_place p = place(f, "struct sample", path);
	const char *dot = strrchr(path, '.');

	type_print_decl(p.type, dot ? dot + 1 : path, &b);
	assert_string_equal(buf_str(&b), want);
}

/* pahole writes arrays of several dimensions as one into BTF, so this holds for DWARF only. */
static void check_dimensions(struct fixture *f)
{
	uint64_t n;

	SAME(f, struct sample, matrix[1]);
	SAME(f, struct sample, matrix[1][4]);
	check_decl(f, "matrix", "int matrix[2][5]");
	assert_true(type_array_count(place(f, "struct sample", "matrix").type, &n));
	assert_int_equal(n, 2);
}

static struct scalar decode(struct fixture *f, const char *type, const char *path,
			    const void *bytes, size_t size)
{
	struct type_place p = place(f, type, path);
	struct scalar v;

	must(scalar_decode(&p, (const char *)bytes + p.offset, size - p.offset, &v));
	return v;
}

static void check_text(struct fixture *f, const char *path, const struct sample *s,
		       const char *want)
{
	struct buf AUTO_BUF b = {0};
	struct type_place p = place(f, "struct sample", path);
	struct scalar v = decode(f, "struct sample", path, s, sizeof(*s));

	scalar_print(&v, p.type, false, &b);
	assert_string_equal(buf_str(&b), want);
}

static void check_values(struct fixture *f)
{
	struct sample s = {
		.first = -7, .a = 5, .b = 100, .c = -3, .d = 0xfedcba9876, .e = true, .color = BLUE,
		.flags = FLAG_HIGH, .wide = WIDE_BIG, .tiny = TINY_B, .f = 1.5f, .g = -2.25,
		.truth = true, .text = "x'", .byte = 'A', .small = -1, .u64 = ~0ull,
		.row = (void *)0x1000};
	struct sample_packed p = {.x = 1, .p = 0x1abcdef012345678, .q = 21, .r = -9};

	check_text(f, "first", &s, "-7");
	check_text(f, "a", &s, "5");
	check_text(f, "b", &s, "100");
	check_text(f, "c", &s, "-3");
	check_text(f, "e", &s, "true");
	check_text(f, "color", &s, "BLUE");
	check_text(f, "flags", &s, "FLAG_HIGH");
	check_text(f, "wide", &s, "WIDE_BIG");
	check_text(f, "tiny", &s, "TINY_B");
	check_text(f, "f", &s, "1.5");
	check_text(f, "g", &s, "-2.25");
	check_text(f, "truth", &s, "true");
	check_text(f, "text[0]", &s, "'x'");
	check_text(f, "text[1]", &s, "'\\''");
	check_text(f, "text[2]", &s, "0");
	check_text(f, "byte", &s, "65");
	check_text(f, "small", &s, "-1");
	check_text(f, "u64", &s, "18446744073709551615");
	check_text(f, "row", &s, "0x1000");
	struct buf AUTO_BUF hex = {0};
	struct scalar first = decode(f, "struct sample", "first", &s, sizeof(s));
	scalar_print(&first, find(f, "int"), true, &hex);
	assert_string_equal(buf_str(&hex), "0xfffffff9");
	s.color = 77; /* no enumerator has it */
	check_text(f, "color", &s, "77");
	assert_int_equal(decode(f, "struct sample", "d", &s, sizeof(s)).u, s.d);
	assert_int_equal(decode(f, "struct sample_packed", "p", &p, sizeof(p)).u, p.p);
	assert_int_equal(decode(f, "struct sample_packed", "q", &p, sizeof(p)).u, p.q);
	assert_int_equal(decode(f, "struct sample_packed", "r", &p, sizeof(p)).u, (uint64_t)p.r);
}

/* What can't be one number, and bytes that end too soon, are errors. */
static void check_bad_values(struct fixture *f)
{
	struct sample s = {0};
	struct scalar v;
	static const char *const paths[] = {"huge", "inner", "named", "text", "tail"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct type_place p = place(f, "struct sample", paths[i]);
		struct err *e = scalar_decode(&p, &s, sizeof(s), &v);
		assert_non_null(e);
		assert_int_equal(err_code(e), ERR_UNSUPPORTED);
		err_free(e);
	}
	struct type_place p = place(f, "struct sample", "u64");
	struct err *e = scalar_decode(&p, &s, 7, &v);
	assert_non_null(e);
	assert_int_equal(err_code(e), ERR_CORRUPT);
	err_free(e);
}

static void check_declarations(struct fixture *f)
{
	check_decl(f, "table", "int (*table[4])(void *)");
	check_decl(f, "row", "char (*row)[16]");
	check_decl(f, "name", "const char *const name");
	check_decl(f, "fn", "sample_fn fn");
	check_decl(f, "never", "struct sample_never *never");
	check_decl(f, "v", "volatile int v");
	check_decl(f, "tail", "struct sample_inner tail[]");
	check_decl(f, "color", "enum sample_color color");
	check_decl(f, "u64", "sample_u64 u64");
}

static void check_definition(struct fixture *f, const char *type, bool offsets, const char *want)
{
	struct buf AUTO_BUF b = {0};

	type_print_definition(find(f, type), offsets, &b);
	assert_string_equal(buf_str(&b), want);
}

static void check_definitions(struct fixture *f)
{
	check_definition(f, "struct sample_inner", false,
			 "struct sample_inner {\n\tchar tag;\n\tshort len;\n};\n");
	check_definition(f, "struct sample_inner", true,
			 "struct sample_inner {\n\tchar tag; /* 0 1 */\n"
			 "\tshort len; /* 2 2 */\n}; /* size 4 */\n");
	check_definition(f, "enum sample_color", false,
			 "enum sample_color {\n\tRED = 0,\n\tGREEN = 5,\n\tBLUE = -2,\n};\n");
	check_definition(f, "enum sample_flags", false,
			 "enum sample_flags {\n\tFLAG_LOW = 1,\n\tFLAG_HIGH = 2147483648,\n};\n");
	check_definition(f, "struct sample_packed", false,
			 "struct sample_packed {\n\tchar x;\n\tunsigned long p:61;\n"
			 "\tunsigned int q:5;\n\tint r;\n};\n");
	struct buf AUTO_BUF b = {0};
	type_print_definition(find(f, "struct sample"), true, &b);
	AUTO_FREE char *anon = xasprintf(
		"\tstruct {\n\t\tint anon_x; /* %zu 4 */\n\t\tunion {\n"
		"\t\t\tlong anon_y; /* %zu 8 */\n"
		"\t\t\tchar anon_z[8]; /* %zu 8 */\n\t\t}; /* %zu 8 */\n\t}; /* %zu 16 */\n",
		offsetof(struct sample, anon_x), offsetof(struct sample, anon_y),
		offsetof(struct sample, anon_z), offsetof(struct sample, anon_y),
		offsetof(struct sample, anon_x));
	if (!strstr(buf_str(&b), anon))
		fail_msg("no such part:\n%s\nin:\n%s", anon, buf_str(&b));
	assert_non_null(strstr(buf_str(&b), "\tstruct {\n\t\tint k;"));
	assert_non_null(strstr(buf_str(&b), "\t} named; /* "));
}

/* C reads it as we do when the same text comes out again. */
static void check_names(struct fixture *f)
{
	static const char *const same[] = {
		"void *", "char [16]", "int (*)[4]", "struct sample *", "struct sample **[3]",
		"int (*)(void *)", "int (*(*)(void *, struct sample_inner *, ...))[3][2]",
		"union sample_union (*(*[2])(void))(int [4])", "sample_fn *", "enum sample_color",
		"unsigned long", "float", "double [2]"};
	static const char *const alike[][2] = {
		{"long unsigned int", "unsigned long"}, {"long int", "long"},
		{"unsigned long int", "unsigned long"}, {"unsigned", "unsigned int"},
		{"short int", "short"}, {"short unsigned int", "unsigned short"},
		{"long long unsigned int", "unsigned long long"}, {"signed", "int"},
		{"const struct sample * const", "struct sample *"}, {"sample", "struct sample"},
		{" struct  sample*", "struct sample *"}, {"char[ 0x10 ]", "char [16]"},
		{"int(*)(struct sample *s, int n)", "int (*)(struct sample *, int)"},
		{"_Bool", "_Bool"}, {"int []", "int []"}, {"int (void)", "int (void)"}};

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		struct buf AUTO_BUF b = {0};
		type_print_name(find(f, same[i]), &b);
		assert_string_equal(buf_str(&b), same[i]);
	}
	for (size_t i = 0; i < sizeof(alike) / sizeof(*alike); i++) {
		struct buf AUTO_BUF b = {0};
		type_print_name(find(f, alike[i][0]), &b);
		assert_string_equal(buf_str(&b), alike[i][1]);
	}
}

static void check_bad_names(struct fixture *f)
{
	static const char *const bad[] = {
		"", " ", "*", "struct", "struct *", "int (", "int )", "int [", "int [x]", "int [3",
		"int int", "long long long", "unsigned float", "struct sample x y", "int (*", "3",
		"((((((((((((((((((((((((((((((((((((((((((((((((((((((((", "int (*)(int",
		"int (((((((((((((((((((((((((((((((((((((((((((((((((((((*"};
	const struct type *t;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err *e = type_find(f->ts, bad[i], NULL, &t);
		if (!e)
			fail_msg("'%s' was taken for a type", bad[i]);
		assert_int_equal(err_code(e), ERR_USAGE);
		err_free(e);
	}
	struct err *e = type_find(f->ts, "struct nowhere", NULL, &t);
	assert_non_null(e);
	assert_int_equal(err_code(e), ERR_NOTFOUND);
	assert_non_null(strstr(err_text(e), "nowhere"));
	err_free(e);
}

static void check_bad_paths(struct fixture *f)
{
	static const struct { const char *path; enum err_code code; } bad[] = {
		{"", ERR_USAGE}, {"nope", ERR_NOTFOUND}, {"inner.tag", ERR_USAGE},
		{"inner[3]", ERR_NOTFOUND}, {"inner[x]", ERR_USAGE}, {"inner[1", ERR_USAGE},
		{"first.x", ERR_USAGE}, {"first[0]", ERR_USAGE}, {"never.x", ERR_USAGE},
		{"a.b", ERR_USAGE}, {"text[16]", ERR_NOTFOUND}, {"first ", ERR_USAGE},
		{"named..k", ERR_USAGE}, {"firs", ERR_NOTFOUND}, {"firsts", ERR_NOTFOUND},
		{"tail[0xffffffffffffffff]", ERR_USAGE}};
	const struct type *t = find(f, "struct sample");
	struct type_place p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err *e = type_member(t, bad[i].path, &p);
		if (!e || err_code(e) != bad[i].code)
			fail_msg("path '%s': %s", bad[i].path, e ? err_text(e) : "was taken");
		err_free(e);
	}
}

/* From an offset to the member that is there. */
static void check_path_at(struct fixture *f)
{
	static const struct {
		uint64_t offset, rest;
		const char *path;
	} places[] = {
		{0, 0, "first"}, {3, 3, "first"},
		{offsetof(struct sample, anon_z) + 5, 5, "anon_y"},
		{offsetof(struct sample, inner[2].len) + 1, 1, "inner[2].len"},
		{offsetof(struct sample, table[2]), 0, "table[2]"},
		{offsetof(struct sample, text[7]), 0, "text[7]"},
	};
	const struct type *t = find(f, "struct sample");

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		AUTO_BUF struct buf path = {0};
		uint64_t offset = places[i].offset;
		assert_non_null(type_path_at(t, &offset, &path));
		assert_string_equal(buf_str(&path), places[i].path);
		assert_int_equal(offset, places[i].rest);
	}
	AUTO_BUF struct buf none = {0};
	uint64_t behind = sizeof(struct sample);
	assert_null(type_path_at(t, &behind, &none));
	assert_int_equal(none.len, 0);
}

static void check_kinds(struct fixture *f)
{
	const struct type *never = type_target(place(f, "struct sample", "never").type);
	uint64_t n;

	assert_true(type_is_incomplete(never));
	assert_string_equal(type_name(never), "sample_never");
	assert_int_equal(type_size(never), 0);
	const struct type *elsewhere = type_target(place(f, "struct sample", "elsewhere").type);
	assert_false(type_is_incomplete(elsewhere));
	assert_int_equal(type_size(elsewhere), 16);
	struct type_place p;
	must(type_member(elsewhere, "there", &p));
	assert_int_equal(p.offset, 8);
	assert_true(type_is_signed(find(f, "enum sample_color")));
	assert_false(type_is_signed(find(f, "enum sample_flags")));
	assert_true(type_is_char(find(f, "unsigned char")));
	assert_true(type_is_bool(place(f, "struct sample", "truth").type));
	assert_true(type_array_count(place(f, "struct sample", "inner").type, &n));
	assert_int_equal(n, 3);
	assert_false(type_array_count(place(f, "struct sample", "tail").type, &n));
	assert_ptr_equal(find(f, "struct sample"), find(f, "sample"));
	assert_ptr_equal(type_pointer_to(f->ts, never), type_pointer_to(f->ts, never));
	assert_ptr_equal(type_array_of(f->ts, never, 3), type_array_of(f->ts, never, 3));
}

static void check_function(struct fixture *f)
{
	const struct type *t;
	size_t n;
	bool variadic;

	must(type_of_symbol(f->ts, f->o, "sample_function", NULL, &t));
	assert_int_equal(type_kind(t), TYPE_FUNCTION);
	const struct param *p = type_params(t, &n, &variadic);
	assert_int_equal(n, 2);
	assert_true(variadic);
	assert_string_equal(p[0].name, "s");
	assert_ptr_equal(type_target(p[0].type), find(f, "struct sample"));
	struct buf AUTO_BUF b = {0};
	type_print_decl(t, "sample_function", &b);
	assert_string_equal(buf_str(&b),
			    "int sample_function(struct sample *s, const char *how, ...)");
}

/* All definitions that have a name, each once. */
static void check_walk(struct fixture *f)
{
	int found = 0, sample = 0;
	const struct type *t;

	for (size_t i = 0; type_next_struct(f->ts, &i, &t) && found < 1000; found++)
		sample += !strcmp(type_name(t), "sample");
	assert_int_equal(sample, 1);
	assert_int_equal(found, 5);
}

static void check_all(struct fixture *f)
{
	check_layout(f);
	check_values(f);
	check_bad_values(f);
	check_kinds(f);
	check_declarations(f);
	check_definitions(f);
	check_names(f);
	check_bad_names(f);
	check_bad_paths(f);
	check_path_at(f);
	check_function(f);
	check_walk(f);
}

static void dwarf_4(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, "-g -gdwarf-4", false, true);
	check_all(&f);
	check_dimensions(&f);
	assert_string_equal(types_source(f.ts), "DWARF");
	tear_down(&f);
}

/* Types in units of their own, found from a variable (their names are in no index). */
static void dwarf_4_type_units(void **state)
{
	struct fixture f;
	const struct type *t;
	struct type_place p;

	(void)state;
	set_up(&f, "-g -gdwarf-4 -fdebug-types-section", false, true);
	must(type_of_symbol(f.ts, f.o, "sample_var", NULL, &t));
	assert_int_equal(type_size(t), sizeof(struct sample));
	must(type_member(t, "inner[2].len", &p));
	assert_int_equal(p.offset, offsetof(struct sample, inner[2].len));
	assert_int_equal(type_size(p.type), sizeof(short));
	tear_down(&f);
}

/* Bitfields as compilers wrote them before DWARF 4: counted from the big end of their storage. */
static void dwarf_2(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, "-g -gdwarf-2 -gstrict-dwarf", false, true);
	check_layout(&f);
	check_values(&f);
	tear_down(&f);
}

static void dwarf_5(void **state)
{
	struct fixture f;
	const struct type *t;

	(void)state;
	set_up(&f, "-g -gdwarf-5", false, true);
	check_all(&f);
	check_dimensions(&f);
	must(type_of_symbol(f.ts, f.o, "counters", NULL, &t));
	assert_int_equal(type_size(t), 56);
	must(type_of_symbol(f.ts, f.o, "words", NULL, &t)); /* gcc says const of the array and of the chars */
	struct buf AUTO_BUF b = {0};
	type_print_decl(t, "words", &b);
	assert_string_equal(buf_str(&b), "const char words[6]");
	struct err *e = type_of_symbol(f.ts, f.o, "no_such_thing", NULL, &t);
	assert_non_null(e);
	assert_int_equal(err_code(e), ERR_NOTFOUND);
	err_free(e);
	assert_non_null(e = type_from_die(f.ts, f.o, UINT64_MAX / 3, &t));
	err_free(e);
	tear_down(&f);
}

static void btf(void **state)
{
	struct fixture f;
	const char *names[8];

	(void)state;
	if (set_up(&f, "-g -gdwarf-4", true, false))
		skip();
	check_all(&f);
	assert_string_equal(types_source(f.ts), "BTF");
	assert_int_equal(type_complete(f.ts, "sample_", names, 8), 8);
	assert_string_equal(names[0], "sample_color");
	assert_int_equal(type_complete(f.ts, "struct sample_", names, 8), 3);
	assert_string_equal(names[0], "struct sample_elsewhere");
	assert_int_equal(type_complete(f.ts, "zzz", names, 8), 0);
	tear_down(&f);
}

/* All text that one thread sees of the sample. */
static void *read_all(void *arg)
{
	struct fixture *f = arg;
	struct buf *out = xcalloc(1, sizeof(*out));
	static const char *const names[] = {"struct sample", "struct sample_packed", "sample_fn",
					    "union sample_union", "enum sample_wide",
					    "unsigned long [3]"};
	const struct type *t;
	struct type_place p;
	size_t n;

	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
			if (!err_ok(type_find(f->ts, names[i], NULL, &t)))
				continue;
			type_print_definition(t, true, out);
			const struct member *m = type_members(t, &n);
			for (size_t k = 0; k < n; k++)
				if (*m[k].name && err_ok(type_member(t, m[k].name, &p)))
					buf_printf(out, "%s %d %llu %d\n", m[k].name,
						   type_kind(type_strip(p.type)),
						   (unsigned long long)p.offset,
						   type_kind(type_pointer_to(f->ts, p.type)));
		}
	if (err_ok(type_of_symbol(f->ts, f->o, "sample_function", NULL, &t)))
		type_print_decl(t, "sample_function", out);
	return out;
}

/* Types are loaded by whoever comes first: all threads must see the same (under the thread
 * sanitizer this also shows races). */
static void threads(void **state)
{
	struct fixture f;
	pthread_t id[4];
	void *got[4];

	(void)state;
	for (int dwarf = 0; dwarf < 2; dwarf++) {
		if (set_up(&f, "-g -gdwarf-4", !dwarf, dwarf))
			continue;
		for (int i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&id[i], NULL, read_all, &f), 0);
		for (int i = 0; i < 4; i++)
			pthread_join(id[i], &got[i]);
		assert_true(((struct buf *)got[0])->len > 1000);
		for (int i = 0; i < 4; i++)
			assert_string_equal(buf_str(got[i]), buf_str(got[0]));
		for (int i = 0; i < 4; i++) {
			buf_free(got[i]);
			free(got[i]);
		}
		tear_down(&f);
	}
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Flips bytes in the file's copy, in the part that holds its debug sections. */
static void damage(const char *path, const uint8_t *whole, size_t size, size_t from, uint32_t *seed)
{
	uint8_t *copy = xmalloc(size);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	memcpy(copy, whole, size);
	for (uint32_t n = 1 + next_random(seed) % 20; n; n--)
		copy[from + next_random(seed) % (size - from)] ^=
			(uint8_t)(1u << next_random(seed) % 8);
	assert_int_equal(fwrite(copy, 1, size, file), size);
	fclose(file);
	free(copy);
}

static void ask_everything(const char *path)
{
	struct fixture f = {.path = xstrdup(path)};
	const struct type *t;

	if (err_ok(object_open(path, NULL, NULL, &f.o))) {
		f.names = intern_create();
		f.ts = types_create(f.names);
		f.x = dwarfindex_create(f.o, true);
		types_use(f.ts, false, true);
		err_free(types_add_object(f.ts, f.o, f.x));
		for (int i = 0; i < 2; i++) {
			struct buf *b = read_all(&f);
			buf_free(b);
			free(b);
		}
		for (uint64_t at = 0; at < 4000; at += 7) {
			struct buf AUTO_BUF b = {0};
			if (err_ok(type_from_die(f.ts, f.o, at, &t)))
				type_print_definition(t, true, &b);
		}
		size_t i = 0;
		for (int n = 0; n < 100 && type_next_struct(f.ts, &i, &t); n++)
			type_size(t);
	}
	tear_down(&f);
}

/* Whatever bytes of the debug sections are wrong: errors or odd types, never a crash or a hang. */
static void damaged_dwarf(void **state)
{
	struct fixture f;
	struct object_section s;
	uint8_t whole[65536];
	uint32_t seed = 20261121;

	(void)state;
	set_up(&f, "-g -gdwarf-5 -nostdlib -static -Wl,-e,main", false, true);
	FILE *file = fopen(f.path, "r");
	assert_non_null(file);
	size_t size = fread(whole, 1, sizeof(whole), file);
	fclose(file);
	assert_true(size > 4096 && size < sizeof(whole));
	assert_true(object_section(f.o, ".debug_info", &s));
	const uint8_t *from = memmem(whole, size, s.data, s.size);
	assert_non_null(from);
	AUTO_FREE char *path = xasprintf("%s.damaged", f.path);
	for (int round = 0; round < 150; round++) {
		damage(path, whole, size, (size_t)(from - whole), &seed);
		ask_everything(path);
	}
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dwarf_2), cmocka_unit_test(dwarf_4),
		cmocka_unit_test(dwarf_4_type_units), cmocka_unit_test(dwarf_5),
		cmocka_unit_test(btf), cmocka_unit_test(threads),
		cmocka_unit_test(damaged_dwarf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

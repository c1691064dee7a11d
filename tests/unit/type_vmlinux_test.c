/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves on real kernels (of the lab) that BTF and DWARF tell the same: every named struct and
 * union of BTF, with all its members' names, bit offsets, bit sizes and sizes, through anonymous
 * members, has an equal definition in DWARF. The two come from different programs (pahole, the
 * compiler) and are read by different code here, so a mistake in either shows. Likewise the list of
 * well-known globals is compared with what DWARF says of those symbols.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/type/impl.h"
#include "engine/type/type.h"

#define DEFINITIONS 4096 /* of one name; far more than any has */
#define SHOWN 40

struct kernel {
	struct intern *names;
	struct object *o;
	struct dwarfindex *x;
	struct types *btf, *dwarf;
};

static void must(struct err *e)
{
	if (e)
		fail_msg("%s", err_text(e));
}

/* false: the lab doesn't have this kernel, or it has not both kinds of debug info. */
static bool open_kernel(struct kernel *k, const char *version)
{
	const char *lab = getenv("VMBROWSE_LAB");
	AUTO_FREE char *path = xasprintf("%s/kernels/%s/vmlinux", lab ? lab : "", version);

	*k = (struct kernel){0};
	if (!lab || !err_ok(object_open(path, NULL, NULL, &k->o)))
		return false;
	k->names = intern_create();
	k->btf = types_create(k->names);
	k->dwarf = types_create(k->names);
	types_use(k->btf, true, false);
	types_use(k->dwarf, false, true);
	k->x = dwarfindex_create(k->o, false);
	return err_ok(types_add_object(k->btf, k->o, NULL)) &&
	       err_ok(types_add_object(k->dwarf, k->o, k->x));
}

static void close_kernel(struct kernel *k)
{
	types_destroy(k->btf);
	types_destroy(k->dwarf);
	dwarfindex_destroy(k->x);
	object_close(k->o);
	intern_destroy(k->names);
}

static bool is_compound(const struct type *t)
{
	return type_kind(t) == TYPE_STRUCT || type_kind(t) == TYPE_UNION;
}

/* Both flattened to text: what differs is then a line that a person can read. */
static void flatten(const struct type *t, uint64_t base, struct buf *out)
{
	size_t n;
	const struct member *m = type_members(t, &n);

	for (size_t i = 0; i < n; i++) {
		const struct type *inner = type_strip(m[i].type);
		/* unnamed bitfields are padding: pahole leaves them out */
		if (!*m[i].name && !is_compound(inner))
			continue;
		buf_printf(out, "%s +%llu:%u size %llu kind %d\n", m[i].name,
			   (unsigned long long)(base + m[i].bit_offset), m[i].bit_size,
			   (unsigned long long)type_size(m[i].type), type_kind(inner));
		if (is_compound(inner) && !*type_name(inner))
			flatten(inner, base + m[i].bit_offset, out);
	}
}

static void describe(const struct type *t, struct buf *out)
{
	buf_clear(out);
	buf_printf(out, "size %llu\n", (unsigned long long)type_size(t));
	flatten(t, 0, out);
}

enum verdict { EQUAL, DIFFERENT, NOT_THERE };

static enum verdict compare(struct kernel *k, const struct type *t, struct buf *want,
			    struct buf *got)
{
	enum dwarf_name_kind kind = type_kind(t) == TYPE_UNION ? NAME_UNION : NAME_STRUCT;
	static uint64_t dies[DEFINITIONS];
	enum verdict v = NOT_THERE;
	size_t n;

	describe(t, want);
	must(dwarfindex_find(k->x, kind, type_name(t), NULL, dies, DEFINITIONS, &n));
	for (size_t i = 0; i < n && i < DEFINITIONS; i++) {
		const struct type *d;
		must(type_from_die(k->dwarf, k->o, dies[i], &d));
		if (type_is_incomplete(d))
			continue;
		describe(d, got);
		if (!strcmp(buf_str(want), buf_str(got)))
			return EQUAL;
		v = DIFFERENT;
	}
	return v;
}

/* Types defined inside functions are in no index: those that BTF has are looked for in all
 * scopes. */
struct locals {
	struct kernel *k;
	const struct type *t[SHOWN];
	bool found[SHOWN];
	size_t n;
};

static void check_local(struct locals *l, uint64_t die, const char *name)
{
	struct buf AUTO_BUF want = {0};
	struct buf AUTO_BUF got = {0};
	const struct type *d;

	for (size_t i = 0; name && i < l->n; i++) {
		if (l->found[i] || strcmp(type_name(l->t[i]), name))
			continue;
		must(type_from_die(l->k->dwarf, l->k->o, die, &d));
		describe(l->t[i], &want);
		describe(d, &got);
		l->found[i] = !strcmp(buf_str(&want), buf_str(&got));
	}
}

static void walk_scope(struct locals *l, Dwarf_Die *scope, int depth)
{
	Dwarf_Die die;

	if (depth > 32 || dwarf_child(scope, &die))
		return;
	do {
		int tag = dwarf_tag(&die);
		if (tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block)
			walk_scope(l, &die, depth + 1);
		else if (depth && (tag == DW_TAG_structure_type || tag == DW_TAG_union_type))
			check_local(l, dwarf_dieoffset(&die), dwarf_diename(&die));
	} while (!dwarf_siblingof(&die, &die));
}

static void find_locals(struct locals *l)
{
	Dwarf *d = object_dwarf_private(l->k->o); /* so that no lock is held while types are made */
	Dwarf_Off unit = 0, next;
	size_t header;
	Dwarf_Die die;

	assert_non_null(d);
	for (; !dwarf_nextcu(d, unit, &next, &header, NULL, NULL, NULL); unit = next)
		if (dwarf_offdie(d, unit + header, &die))
			walk_scope(l, &die, 0);
	dwarf_end(d);
}

static void compare_layouts(const char *version)
{
	struct kernel k;
	struct locals locals = {.k = &k};
	struct buf AUTO_BUF want = {0};
	struct buf AUTO_BUF got = {0};
	const struct type *t;
	size_t count[3] = {0}, missing = 0;

	if (!open_kernel(&k, version)) {
		close_kernel(&k);
		skip();
	}
	for (size_t i = 0; type_next_struct(k.btf, &i, &t);) {
		if (type_kind(t) == TYPE_TYPEDEF) /* of a struct without a name of its own */
			continue;
		enum verdict v = compare(&k, t, &want, &got);
		count[v]++;
		if (v == DIFFERENT && count[v] < SHOWN)
			print_message("%s %s differs\nBTF:   %sDWARF: %s", version, type_name(t),
				      buf_str(&want), buf_str(&got));
		if (v == NOT_THERE && locals.n < SHOWN)
			locals.t[locals.n++] = t;
	}
	find_locals(&locals);
	for (size_t i = 0; i < locals.n; i++)
		if (!locals.found[i]) {
			print_message("%s: %s is not in DWARF\n", version, type_name(locals.t[i]));
			missing++;
		}
	print_message("%s: %zu structs and unions are equal in BTF and DWARF (%zu of them in "
		      "functions), %zu differ, %zu are in BTF only\n", version,
		      count[EQUAL] + count[NOT_THERE] - missing, count[NOT_THERE] - missing,
		      count[DIFFERENT], missing);
	close_kernel(&k);
	assert_true(count[EQUAL] > 4000);
	assert_int_equal(count[DIFFERENT], 0);
	assert_true(count[NOT_THERE] == locals.n);
	assert_int_equal(missing, 0);
}

/* The name of a type without what may change between kernels: qualifiers and array lengths. */
static void plain_name(const struct type *t, struct buf *out)
{
	const struct type *stripped = type_strip(t);

	if (type_kind(stripped) == TYPE_ARRAY || type_kind(stripped) == TYPE_POINTER) {
		plain_name(type_target(stripped), out);
		buf_puts(out, type_kind(stripped) == TYPE_ARRAY ? "[]" : "*");
	} else {
		buf_puts(out, *type_name(stripped) ? type_name(stripped) : type_name(t));
	}
}

static void compare_globals(const char *version)
{
	struct kernel k;
	size_t compared = 0, n, count;
	uint64_t die;
	const struct global_type *all = global_types(&count);

	if (!open_kernel(&k, version)) {
		close_kernel(&k);
		skip();
	}
	for (size_t i = 0; i < count; i++) {
		const struct type *listed, *real;
		struct buf AUTO_BUF a = {0};
		struct buf AUTO_BUF b = {0};
		must(dwarfindex_find(k.x, NAME_VARIABLE, all[i].symbol, NULL, &die, 1, &n));
		if (!n)
			continue; /* this kernel lacks it */
		assert_string_equal(global_type_name(all[i].symbol), all[i].type);
		must(type_find(k.btf, all[i].type, NULL, &listed));
		must(type_from_die(k.dwarf, k.o, die, &real));
		plain_name(listed, &a);
		plain_name(real, &b);
		if (strcmp(buf_str(&a), buf_str(&b)))
			fail_msg("%s: %s is '%s' in our list, '%s' in DWARF", version,
				 all[i].symbol, buf_str(&a), buf_str(&b));
		compared++;
	}
	close_kernel(&k);
	print_message("%s: %zu of the %zu well-known globals are as listed, the others don't "
		      "exist\n", version, compared, count);
	assert_true(compared > 50);
}

static void layouts_6_1(void **state)
{
	(void)state;
	compare_layouts("6.1");
}

static void layouts_6_12(void **state)
{
	(void)state;
	compare_layouts("6.12");
}

static void layouts_7_2(void **state)
{
	(void)state;
	compare_layouts("7.2");
}

static void globals_6_1(void **state)
{
	(void)state;
	compare_globals("6.1");
}

static void globals_6_12(void **state)
{
	(void)state;
	compare_globals("6.12");
}

static void globals_7_2(void **state)
{
	(void)state;
	compare_globals("7.2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts_6_1), cmocka_unit_test(layouts_6_12),
		cmocka_unit_test(layouts_7_2), cmocka_unit_test(globals_6_1),
		cmocka_unit_test(globals_6_12), cmocka_unit_test(globals_7_2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

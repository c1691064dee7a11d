/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that the name index finds each kind of top-level name, definitions before (and instead
 * of) declarations, one entry for what many units say alike and several for what differs; that it
 * comes from the cache when that is whole and is made anew when it is damaged; that a cancelled
 * build leaves nothing wrong behind; and that several threads may want it at once.
 */
#include "tests/unit/object_fix.h"
#include <dwarf.h>
#include <pthread.h>
#include "engine/sym/dwarfindex.h"

enum { MANY = 40 };

/* Units that share a header's types and differ in a few, as a kernel's do. */
static int setup(void **state)
{
	static const char unit[] =
		"struct shared { int a; struct shared *next; };\n"
		"typedef struct shared shared_t;\n"
		"enum named { N_ZERO, N_ONE };\n"
		"enum { ANON_A = 5, ANON_B };\n"
		"#if U % 2\nstruct differs { char c[U % 4]; };\n#else\nstruct differs;\n#endif\n"
		"#define J2(a, b) a##b\n#define J(a, b) J2(a, b)\n"
		"extern int everywhere;\n"
		"#if U == 7\nint everywhere = 1;\n#endif\n"
		"static int local = U;\n"
		"static inline __attribute__((always_inline)) int inlined(int x) { return x + local++; }\n"
		"static __attribute__((noinline)) int same_name(int x) { return inlined(x) * U; }\n"
		"int J(func, U)(struct shared *s); int J(func, U)(struct shared *s)\n"
		"{ struct differs *d = (void *)s; enum named n = N_ONE; shared_t *t = s;\n"
		"  return same_name(t->a + n + ANON_B + (d != 0)) + everywhere; }\n";

	if (fix_setup(state))
		return -1;
	write_text("unit.c", unit);
	return run("for i in $(seq %d); do gcc -g -O1 -ffreestanding -DU=$i -c unit.c -o u$i.o || exit 1; "
		   "done; ld -e 0 --build-id=sha1 -o many u*.o",
		   MANY) ? 0 : -1;
}

static size_t count(struct dwarfindex *x, enum dwarf_name_kind kind, const char *name)
{
	uint64_t v[2 * MANY];
	size_t n;
	struct err *e = dwarfindex_find(x, kind, name, NULL, v, 2 * MANY, &n);

	if (e)
		fail_msg("%s", err_text(e));
	return n;
}

/* What the first entry's DIE has. */
static bool first_has(struct object *o, struct dwarfindex *x, enum dwarf_name_kind kind,
		      const char *name, unsigned attr)
{
	uint64_t offset;
	size_t n;
	Dwarf_Die die;

	assert_null(dwarfindex_find(x, kind, name, NULL, &offset, 1, &n));
	assert_true(n >= 1);
	object_lock(o);
	assert_non_null(dwarf_offdie(object_dwarf(o), offset, &die));
	assert_string_equal(dwarf_diename(&die), name);
	bool has = dwarf_hasattr(&die, attr);
	object_unlock(o);
	return has;
}

static void assert_names(struct object *o, struct dwarfindex *x)
{
	assert_int_equal(count(x, NAME_STRUCT, "shared"), 1);
	assert_int_equal(count(x, NAME_STRUCT, "differs"), 2); /* sizes 1 and 3; no declaration */
	assert_int_equal(count(x, NAME_TYPEDEF, "shared_t"), 1);
	assert_int_equal(count(x, NAME_ENUM, "named"), 1);
	assert_int_equal(count(x, NAME_ENUMERATOR, "N_ONE"), 1);
	assert_int_equal(count(x, NAME_ENUMERATOR, "ANON_B"), 1);
	assert_int_equal(count(x, NAME_BASE, "int"), 1);
	assert_int_equal(count(x, NAME_VARIABLE, "everywhere"), 1);
	assert_true(first_has(o, x, NAME_VARIABLE, "everywhere", DW_AT_location));
	assert_int_equal(count(x, NAME_VARIABLE, "local"), MANY); /* each is one of its own */
	assert_int_equal(count(x, NAME_FUNCTION, "same_name"), MANY);
	assert_int_equal(count(x, NAME_FUNCTION, "inlined"), 1);
	assert_int_equal(count(x, NAME_FUNCTION, "func23"), 1);
	assert_true(first_has(o, x, NAME_FUNCTION, "func23", DW_AT_low_pc));
	assert_int_equal(count(x, NAME_STRUCT, "shared_t"), 0); /* another kind */
	assert_int_equal(count(x, NAME_STRUCT, "nothing"), 0);
	assert_int_equal(count(x, NAME_STRUCT, ""), 0);
}

static void check(const char *name, bool no_cache)
{
	struct object *o = must_open(name);
	struct dwarfindex *x = dwarfindex_create(o, no_cache);

	assert_false(dwarfindex_ready(x));
	assert_names(o, x);
	assert_true(dwarfindex_ready(x));
	assert_true(dwarfindex_memory(x) > 12 * MANY);
	dwarfindex_destroy(x);
	object_close(o);
}

static void test_kinds(void **state)
{
	(void)state;
	check("many", true);
	assert_false(run("find cache -type f | grep ."));
	if (run("objcopy --compress-debug-sections=zstd many packed"))
		check("packed", true);
}

static void test_order(void **state)
{
	struct object *o = must_open("vmlinux");
	struct dwarfindex *x = dwarfindex_create(o, true);
	uint64_t v[2] = {0, 7};
	size_t n;

	(void)state;
	assert_null(dwarfindex_find(x, NAME_STRUCT, "only_declared", NULL, v, 2, &n));
	assert_int_equal(n, 1); /* fix.c declares it, second.c defines it */
	assert_true(first_has(o, x, NAME_STRUCT, "only_declared", DW_AT_byte_size));
	assert_int_equal(v[1], 7);
	assert_null(dwarfindex_find(x, NAME_VARIABLE, "counter", NULL, v, 1, &n));
	assert_int_equal(n, 2); /* how many there are, not how many fit */
	dwarfindex_destroy(x);
	object_close(o);
}

/* The damaged cache file must neither be used nor stay. */
static void test_cache(void **state)
{
	size_t n;

	(void)state;
	assert_true(run("rm -rf cache"));
	check("many", false);
	assert_true(run("mv $(find cache -type f) saved; test $(find cache -type f | wc -l) = 0; "
			"f=$(ls saved); cp saved good"));
	assert_true(run("rm -rf cache"));
	check("many", false);
	assert_true(run("find cache -type f > where; cmp good $(cat where)")); /* the same each time */
	unsigned char *p = read_bytes("good", &n);
	for (size_t i = 0; i < n; i += 1 + n / 50) {
		p[i] ^= 0x10;
		write_bytes("bad", p, n);
		p[i] ^= 0x10;
		assert_true(run("cp bad $(cat where)"));
		check("many", false);
		assert_true(run("cmp good $(cat where)"));
	}
	for (size_t len = 0; len < n; len += 1 + n / 10) {
		write_bytes("bad", p, len);
		assert_true(run("cp bad $(cat where)"));
		check("many", false);
		assert_true(run("cmp good $(cat where)"));
	}
	free(p);
}

static void test_cancel(void **state)
{
	struct object *o = must_open("many");
	struct dwarfindex *x = dwarfindex_create(o, true);
	struct job *j = job_create("index");
	uint64_t offset;
	size_t n;

	(void)state;
	job_cancel(j);
	struct err *e = dwarfindex_build(x, j);
	assert_int_equal(err_code(e), ERR_CANCELLED);
	err_free(e);
	assert_false(dwarfindex_ready(x));
	e = dwarfindex_find(x, NAME_STRUCT, "shared", j, &offset, 1, &n);
	assert_int_equal(err_code(e), ERR_CANCELLED);
	err_free(e);
	assert_int_equal(n, 0);
	assert_names(o, x);
	job_unref(j);
	dwarfindex_destroy(x);
	object_close(o);
}

static void test_no_dwarf(void **state)
{
	struct object *o;
	uint64_t offset;
	size_t n;

	(void)state;
	assert_true(run("strip -o bare many"));
	o = must_open("bare");
	struct dwarfindex *x = dwarfindex_create(o, false);
	struct err *e = dwarfindex_find(x, NAME_STRUCT, "shared", NULL, &offset, 1, &n);
	assert_int_equal(err_code(e), ERR_NODEBUG);
	err_free(e);
	dwarfindex_destroy(x);
	object_close(o);
}

struct shared {
	struct object *o;
	struct dwarfindex *x;
};

static void *want_it(void *arg)
{
	struct shared *s = arg;
	uint64_t offset;
	size_t n;

	return err_ok(dwarfindex_find(s->x, NAME_STRUCT, "shared", NULL, &offset, 1, &n)) ?
		       (void *)(uintptr_t)n :
		       NULL;
}

static void test_threads(void **state)
{
	struct shared s = {.o = must_open("many")};
	pthread_t t[4];
	void *n;

	(void)state;
	s.x = dwarfindex_create(s.o, true);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, want_it, &s), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(t[i], &n);
		assert_int_equal((uintptr_t)n, 1);
	}
	dwarfindex_destroy(s.x);
	object_close(s.o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),  cmocka_unit_test(test_order),
		cmocka_unit_test(test_cache),  cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_no_dwarf), cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, setup, fix_teardown);
}

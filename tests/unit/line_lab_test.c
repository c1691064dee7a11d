/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves on every kernel of the lab ($VMBROWSE_LAB) that symbols are what `nm` says, that lines
 * and inlined calls at addresses all over the text are what `addr2line -i -f` says, that the line
 * table's rows are what libdw's own reader says, and that the name index holds all that a walk
 * over whole units finds. Skipped where there is no lab.
 *
 * addr2line (binutils 2.40) is overruled in three places: outside of any function it names the
 * symbol before; for Rust it prints linkage names; and it takes a macro's header for the .c file
 * that includes it. libdw decides the file, and Rust names aren't compared.
 */
#include <glob.h>
#include <dwarf.h>
#include "tests/unit/object_fix.h"
#include "engine/base/hmap.h"
#include "engine/sym/dwarfindex.h"
#include "engine/sym/line.h"
#include "engine/sym/sym.h"

enum { PCS = 300 };

struct lab {
	char *path;
	struct object *o;
};

static glob_t kernels;

static int setup(void **state)
{
	const char *lab = getenv("VMBROWSE_LAB");
	char pattern[512];

	(void)state;
	if (!mkdtemp(fix_dir))
		return -1;
	setenv("XDG_CACHE_HOME", in_dir("cache"), 1);
	snprintf(pattern, sizeof(pattern), "%s/kernels/*/vmlinux", lab ? lab : "/nonexistent");
	glob(pattern, 0, NULL, &kernels);
	return 0;
}

static int teardown(void **state)
{
	globfree(&kernels);
	return fix_teardown(state);
}

static struct object *open_lab(const char *path)
{
	struct object *o = NULL;
	struct err *e = object_open(path, NULL, NULL, &o);

	if (e)
		fail_msg("%s", err_text(e));
	return o;
}

#define FOR_EACH_KERNEL(path)                                                                      \
	if (!kernels.gl_pathc)                                                                     \
		skip();                                                                            \
	const char *path;                                                                          \
	for (size_t k_ = 0; k_ < kernels.gl_pathc && (path = kernels.gl_pathv[k_]); k_++)

static uint64_t symbol_hash(uint64_t addr, char type, const char *name)
{
	return hash_u64(addr ^ (uint64_t)type << 56) ^ hash_str(name);
}

/* The flags of 7.x's .data make nm call what lies there text; the kernel and we don't. */
static char true_type(struct symtab *st, uint64_t addr, char type)
{
	struct sym low, high;

	if ((type != 't' && type != 'T') || !sym_find(st, "_sdata", &low) || !sym_find(st, "_edata", &high) ||
	    addr < low.addr || addr >= high.addr)
		return type;
	return type == 't' ? 'd' : 'D';
}

/* nm sorts by address, then name; we don't promise the second. So: is each one there, and none
 * else? */
static void test_symbols(void **state)
{
	(void)state;
	FOR_EACH_KERNEL(path)
	{
		struct object *o = open_lab(path);
		struct symtab *st = symtab_create();
		struct hmap ours = {0};
		char line[1024], name[900], type;
		unsigned long long addr;
		size_t n = 0, functions = 0, i = 0;
		struct sym s;

		assert_null(symtab_add_object(st, o));
		while (sym_next(st, &i, &s))
			++*hmap_put(&ours, symbol_hash(s.addr, s.type, s.name), NULL);
		assert_true(run("nm %s > nm.txt", path));
		FILE *f = fopen(in_dir("nm.txt"), "r");
		while (fgets(line, sizeof(line), f)) {
			if (sscanf(line, "%llx %c %899s", &addr, &type, name) != 3 ||
			    strchr("aAU", type) || !strncmp(name, ".L", 2) || name[0] == '$')
				continue;
			type = true_type(st, addr, type);
			uint64_t *count = hmap_get(&ours, symbol_hash(addr, type, name));
			if (!count || !(*count)--)
				fail_msg("%s: no %s", path, line);
			n++;
			functions += type == 't' || type == 'T';
		}
		fclose(f);
		assert_int_equal(symtab_count(st), n);
		assert_true(functions > 10000);
		hmap_free(&ours);
		symtab_destroy(st);
		object_close(o);
	}
}

/* Each function's first and last byte is the function's. */
static void test_function_ends(void **state)
{
	(void)state;
	FOR_EACH_KERNEL(path)
	{
		struct object *o = open_lab(path);
		struct symtab *st = symtab_create();
		struct sym s, a, b;
		size_t i = 0, n = 0;
		uint64_t off;

		assert_null(symtab_add_object(st, o));
		while (sym_next(st, &i, &s)) {
			if ((s.type != 't' && s.type != 'T') || s.size < 2)
				continue;
			assert_true(sym_func_at(st, s.addr, &a, &off));
			assert_true(a.addr == s.addr && off == 0);
			assert_true(sym_func_at(st, s.addr + s.size - 1, &b, &off));
			/* a label or a function inside may be nearer */
			assert_true(b.addr >= s.addr);
			assert_int_equal(off, s.addr + s.size - 1 - b.addr);
			n++;
		}
		assert_true(n > 10000);
		symtab_destroy(st);
		object_close(o);
	}
}

static void pick_addresses(struct object *o, uint64_t pcs[PCS])
{
	struct object_section text;
	uint64_t seed = 20260101;

	assert_true(object_section(o, ".text", &text));
	for (size_t i = 0; i < PCS; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		pcs[i] = text.addr + (seed >> 11) % text.size;
	}
}

static bool in_rust(struct object *o, uint64_t pc)
{
	Dwarf_Attribute mem;
	Dwarf_Word language = 0;
	Dwarf_Die unit;

	object_lock(o);
	if (dwarf_addrdie(object_dwarf(o), pc, &unit) && dwarf_attr(&unit, DW_AT_language, &mem))
		dwarf_formudata(&mem, &language);
	else
		language = DW_LANG_Rust; /* rustc makes no .debug_aranges */
	object_unlock(o);
	return language == DW_LANG_Rust;
}

/* addr2line's answer for one pc, up to the next "0x" line, against the scopes. */
static void compare(FILE *f, struct object *o, uint64_t pc, const struct line_scope *s, size_t n)
{
	char function[1024], place[1024];
	bool rust = in_rust(o, pc);

	for (size_t i = 0; i < n; i++) {
		assert_non_null(fgets(function, sizeof(function), f));
		assert_non_null(fgets(place, sizeof(place), f));
		function[strcspn(function, "\n")] = '\0';
		const char *colon = strrchr(place, ':');
		assert_non_null(colon);
		if (strtoul(colon + 1, NULL, 10) != s[i].line ||
		    (!rust && strcmp(function, s[i].function)))
			fail_msg("0x%llx level %zu: %s %s:%u, addr2line: %s %s",
				 (unsigned long long)pc, i, s[i].function, s[i].file, s[i].line,
				 function, place);
	}
}

static void skip_to_address(FILE *f, uint64_t pc)
{
	char line[1024];

	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "0x", 2) && strtoull(line, NULL, 16) == pc)
			return;
	fail_msg("addr2line says nothing of 0x%llx", (unsigned long long)pc);
}

static void test_addr2line(void **state)
{
	(void)state;
	FOR_EACH_KERNEL(path)
	{
		struct object *o = open_lab(path);
		struct lines *l = lines_create();
		uint64_t pcs[PCS];
		size_t compared = 0, inlined = 0;

		pick_addresses(o, pcs);
		FILE *f = fopen(in_dir("pcs"), "w");
		for (size_t i = 0; i < PCS; i++)
			fprintf(f, "0x%llx\n", (unsigned long long)pcs[i]);
		fclose(f);
		assert_true(run("addr2line -a -i -f -e %s < pcs > answers 2>/dev/null", path));
		f = fopen(in_dir("answers"), "r");
		for (size_t i = 0; i < PCS; i++) {
			const struct line_scope *s;
			size_t n;
			skip_to_address(f, pcs[i]);
			if (!err_ok(lines_at(l, o, pcs[i], &s, &n)) || !s[n - 1].function[0])
				continue;
			compare(f, o, pcs[i], s, n);
			compared++;
			inlined += n > 1;
		}
		fclose(f);
		assert_true(compared > PCS / 2); /* the rest is gaps */
		assert_true(inlined > PCS / 8);
		lines_destroy(l);
		object_close(o);
	}
}

/* Compilers say line 0 of code that comes from no line, rustc often: that is no place to show. */
static void test_line_zero(void **state)
{
	(void)state;
	FOR_EACH_KERNEL(path)
	{
		struct object *o = open_lab(path);
		struct symtab *st = symtab_create();
		struct lines *l = lines_create();
		size_t i = 0, rust = 0, none = 0;
		struct sym s;

		assert_null(symtab_add_object(st, o));
		while (rust < 300 && sym_next(st, &i, &s)) {
			const struct line_scope *v;
			size_t n;
			if (strncmp(s.name, "_RNv", 4) || (s.type != 't' && s.type != 'T'))
				continue;
			rust++;
			for (uint64_t pc = s.addr; pc < s.addr + s.size; pc += 4) {
				if (!err_ok(lines_at(l, o, pc, &v, &n)))
					continue;
				assert_int_equal(!v[0].line, !v[0].file[0]);
				none += !v[0].line;
			}
		}
		if (rust >= 300)
			assert_true(none > 0);
		lines_destroy(l);
		symtab_destroy(st);
		object_close(o);
	}
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void test_libdw_rows(void **state)
{
	(void)state;
	FOR_EACH_KERNEL(path)
	{
		struct object *o = open_lab(path);
		struct lines *l = lines_create();
		uint64_t pcs[PCS];
		size_t compared = 0;

		pick_addresses(o, pcs);
		for (size_t i = 0; i < PCS; i++) {
			const struct line_scope *s;
			Dwarf_Die unit;
			size_t n;
			int line = 0, column = 0;
			bool known = err_ok(lines_at(l, o, pcs[i], &s, &n));
			object_lock(o);
			Dwarf_Line *row = dwarf_addrdie(object_dwarf(o), pcs[i], &unit) ?
						  dwarf_getsrc_die(&unit, pcs[i]) :
						  NULL;
			if (row) {
				assert_true(known);
				dwarf_lineno(row, &line);
				dwarf_linecol(row, &column);
				assert_int_equal(s[0].line, line);
				assert_int_equal(s[0].column, column);
				assert_string_equal(last_part(s[0].file),
						    last_part(dwarf_linesrc(row, NULL, NULL)));
				if (s[0].file[0] == '.' || (s[0].file[0] == '/' && !in_rust(o, pcs[i])))
					fail_msg("0x%llx: %s", (unsigned long long)pcs[i], s[0].file);
				compared++;
			}
			object_unlock(o);
		}
		assert_true(compared > PCS / 2);
		lines_destroy(l);
		object_close(o);
	}
}

/* Every 50th unit, walked whole: each struct with a size, and each function with code, must be
 * there. */
static void check_unit(struct object *o, struct dwarfindex *x, Dwarf_Die *unit, size_t *checked)
{
	Dwarf_Die die, there;
	uint64_t v[512];
	size_t n;

	for (int more = dwarf_child(unit, &die); more == 0; more = dwarf_siblingof(&die, &die)) {
		int tag = dwarf_tag(&die);
		const char *name = dwarf_diename(&die);
		bool same = false;
		if (!name || (tag != DW_TAG_structure_type && tag != DW_TAG_subprogram) ||
		    dwarf_hasattr(&die, DW_AT_declaration) ||
		    (tag == DW_TAG_subprogram && !dwarf_hasattr(&die, DW_AT_low_pc)))
			continue;
		enum dwarf_name_kind kind = tag == DW_TAG_subprogram ? NAME_FUNCTION : NAME_STRUCT;
		assert_null(dwarfindex_find(x, kind, name, NULL, v, 512, &n));
		for (size_t i = 0; i < n && i < 512 && !same; i++) {
			assert_non_null(dwarf_offdie(object_dwarf(o), v[i], &there));
			same = kind == NAME_FUNCTION ? v[i] == dwarf_dieoffset(&die) :
						       dwarf_bytesize(&there) == dwarf_bytesize(&die);
		}
		if (!same)
			fail_msg("%s of %s is not among its %zu", name, dwarf_diename(unit), n);
		++*checked;
	}
}

static void test_index(void **state)
{
	(void)state;
	FOR_EACH_KERNEL(path)
	{
		struct object *o = open_lab(path);
		struct dwarfindex *x = dwarfindex_create(o, true);
		Dwarf_Off off = 0, next;
		size_t header, units = 0, checked = 0;

		assert_null(dwarfindex_build(x, NULL));
		assert_true(dwarfindex_memory(x) < 10 << 20);
		object_lock(o);
		while (!dwarf_nextcu(object_dwarf(o), off, &next, &header, NULL, NULL, NULL)) {
			Dwarf_Die unit;
			if (units++ % 50 == 0 && dwarf_offdie(object_dwarf(o), off + header, &unit))
				check_unit(o, x, &unit, &checked);
			off = next;
		}
		object_unlock(o);
		assert_true(units > 500 && checked > 5000);
		dwarfindex_destroy(x);
		object_close(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbols),	   cmocka_unit_test(test_function_ends),
		cmocka_unit_test(test_addr2line),
		cmocka_unit_test(test_line_zero),  cmocka_unit_test(test_libdw_rows),
		cmocka_unit_test(test_index),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

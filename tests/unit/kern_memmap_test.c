/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Struct pages of kernels that don't say where they are in vmemmap_base: on the lab's real dumps
 * ($VMBROWSE_LAB), which do, mem_section tells the same; and an array for each section, out of order
 * and with holes, is gone through both ways.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>
#include "engine/base/alloc.h"
#include "engine/kern/memory/memmap.h"
#include "engine/kern/memory/page.h"

static void check_dump(const char *dump)
{
	const struct session_options o = {.no_cache = true};
	struct session *s = NULL;
	struct memmap told, found;

	assert_null(session_open(&o, &dump, 1, NULL, &s));
	uint64_t size = page_struct_size(s);
	assert_true(size >= 56);
	assert_null(memmap_load(s, size, &told));
	assert_null(memmap_load_sections(s, size, &found));
	assert_null(found.v); /* all sections' arrays are parts of one */
	assert_int_equal(found.base, told.base);
	memmap_free(&found);
	struct err *e = memmap_load_sections(s, 0, &found);
	assert_non_null(e);
	err_free(e);
	session_close(s);
}

static void sections_of_the_lab(void **state)
{
	const char *lab = getenv("VMBROWSE_LAB");
	glob_t g = {0};

	(void)state;
	if (!lab)
		skip();
	AUTO_FREE char *pattern = xasprintf("%s/dumps/*/fsfreeze/vmcore.lzo", lab);
	if (glob(pattern, 0, NULL, &g))
		skip();
	for (size_t i = 0; i < g.gl_pathc; i++)
		check_dump(g.gl_pathv[i]);
	globfree(&g);
}

static void arrays_of_sections(void **state)
{
	enum { SIZE = 64, PAGES = 0x8000 };
	struct memmap_section v[] = {
		{0, 0xffff888007000000, 0xffff888007200000},
		{PAGES, 0xffff888003000000, 0xffff888003200000},
		{3 * PAGES, 0xffff888005000000, 0xffff888005200000},
	};
	struct memmap m = {.size = SIZE, .section_pages = PAGES, .v = v, .n = 3};
	uint64_t got, back;

	(void)state;
	memmap_index(&m);
	for (uint64_t pfn = 0; pfn < 5 * PAGES; pfn += 0x111) {
		bool there = pfn < 2 * PAGES || (pfn >= 3 * PAGES && pfn < 4 * PAGES);
		assert_int_equal(memmap_page(&m, pfn, &got), there);
		if (!there)
			continue;
		assert_int_equal(got, v[pfn / PAGES - pfn / (3 * PAGES)].va + pfn % PAGES * SIZE);
		assert_true(memmap_pfn(&m, got + SIZE - 1, &back));
		assert_int_equal(back, pfn);
		assert_true(memmap_is_page(&m, got));
		assert_false(memmap_is_page(&m, got + 8));
	}
	assert_false(memmap_pfn(&m, 0xffff888003200000, &back));
	assert_false(memmap_pfn(&m, 0xffff888002ffffff, &back));
	assert_false(memmap_pfn(&m, UINT64_MAX, &back));
	free(m.by_va);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections_of_the_lab),
		cmocka_unit_test(arrays_of_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

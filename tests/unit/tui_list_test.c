/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Surfaces and lists, without a terminal. Whatever text is drawn, and however narrow the place,
 * nothing lands outside of it and no control character gets through; wide characters keep columns
 * straight. Lists drop the columns that matter least, fold trees, find what folds hide, filter with
 * what lies above a match, keep the cursor's row while rows come or are sorted, and restore folds.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/alloc.h"
#include "tui/pane.h"
#include "tui/view_list.h"
#include "tui/wrap.h"

static const struct col cols[] = {
	{"pid", "PID", "", COL_RIGHT, 6, 0},
	{"task", "TASK", "", 0, 18, 6},
	{"secret", "SECRET", "", COL_DATA, 0, 0},
	{"comm", "COMM", "", COL_GROW, 16, 0},
};
static const struct col var_cols[] = {{"line", "", "", COL_SCREEN, 0, 0},
				      {"type", "", "", 0, 0, 0}};
static const struct table vars = {.name = "vars", .cols = var_cols, .ncols = 2};
static const struct table table = {.name = "things", .cols = cols, .ncols = 4, .child = &vars};

static void add(struct run *run, uint64_t pid, const char *comm, unsigned depth, bool folded)
{
	struct cell v[] = {cell_uint(pid), cell_addr(0xffff888000000000 + pid), cell_text("hidden"),
			   cell_text(comm)};
	AUTO_FREE char *key = xasprintf("%u", (unsigned)pid);
	struct row r = {.cells = v,
			.key = key,
			.depth = depth,
			.folded = folded,
			.ref = ref_addr(REF_TASK, 0xffff888000000000 + pid)};
	assert_null(sink_row(rows_sink(run->rows), &r));
}

static void add_child(struct run *run, const char *line)
{
	struct cell v[] = {cell_text(line), cell_text("int")};
	assert_null(sink_row(rows_sink(run->rows), &(struct row){.cells = v, .child = true}));
}

static struct run *begin(void)
{
	struct run *run = run_local("things");
	assert_null(sink_begin(rows_sink(run->rows), &table, NULL, "", "Things"));
	return run;
}

static struct view *view_of(struct run *run)
{
	struct view *v = view_create(run, "");
	bool more;

	view_sync(v, NULL, 1000000000, &more);
	assert_false(more);
	return v;
}

static void sync_all(struct view *v)
{
	bool more = true;
	for (int i = 0; more && i < 1000; i++)
		view_sync(v, NULL, 1000000, &more);
	assert_false(more);
}

static const char *line_at(struct surface *s, int y)
{
	static char text[512];
	AUTO_BUF struct buf b = {0};

	surface_row(s, y, &b);
	snprintf(text, sizeof(text), "%s", buf_str(&b));
	return text;
}

static void draw(struct surface *s, struct view *v)
{
	struct rect all = {0, 0, s->h, s->w};
	surface_clear(s);
	list_draw(s, &all, v, true);
}

static void surfaces(void **state)
{
	struct surface *s = surface_create(3, 10);
	struct rect clip = {1, 2, 1, 5};

	(void)state;
	assert_int_equal(surface_str(s, 0, 0, 10, STYLE_NORMAL, "a\033[31m\n\xff"), 8);
	assert_string_equal(line_at(s, 0), "a?[31m??");
	surface_clear(s);
	surface_clip(s, &clip);
	surface_str(s, 1, 0, 100, STYLE_NORMAL, "0123456789abcdef");
	surface_str(s, 0, 0, 100, STYLE_NORMAL, "outside");
	surface_str(s, -5, -5, 100, STYLE_NORMAL, "far outside");
	surface_clip(s, NULL);
	assert_string_equal(line_at(s, 0), "");
	assert_string_equal(line_at(s, 1), "  23456");
	surface_clear(s);
	assert_int_equal(surface_str(s, 0, 0, 3, STYLE_NORMAL, "日本"),
			 2); /* half a character never */
	assert_string_equal(line_at(s, 0), "日");
	surface_str(s, 0, 1, 1, STYLE_NORMAL, "x"); /* over its right half: the left one goes */
	assert_string_equal(line_at(s, 0), " x");
	surface_clear(s);
	surface_str(s, 0, 9, 5, STYLE_NORMAL, "日");
	assert_int_equal(surface_cut(s, 1, 0, 4, STYLE_NORMAL, "abcdef", 6), 4);
	assert_string_equal(line_at(s, 1), "abc…");
	s->ascii = true;
	surface_str(s, 2, 0, 10, STYLE_NORMAL, "ä日x");
	assert_string_equal(line_at(s, 2), "???x");
	surface_destroy(s);
}

static void columns_give_way(void **state)
{
	struct run *run = begin();
	struct surface *s = surface_create(4, 60);

	(void)state;
	add(run, 1, "init", 0, false);
	add(run, 23, "a\033[2Jb", 0, false);
	rows_finish(run->rows, NULL);
	struct view *v = view_of(run);
	draw(s, v);
	assert_string_equal(line_at(s, 0), "    PID TASK               COMM");
	assert_string_equal(line_at(s, 1), ">     1 0xffff888000000001 init");
	assert_string_equal(line_at(s, 2), "     23 0xffff888000000017 a\\x1b[2Jb");
	surface_resize(s, 4, 24); /* TASK has the largest prio */
	draw(s, v);
	assert_string_equal(line_at(s, 1), ">     1 init");
	for (int h = 1; h < 5; h++)
		for (int w = 1; w < 30; w++) { /* nothing breaks, however small */
			surface_resize(s, h, w);
			draw(s, v);
		}
	view_destroy(v);
	surface_destroy(s);
}

static void folds(void **state)
{
	struct run *run = begin();
	struct surface *s = surface_create(9, 60);

	(void)state;
	add(run, 1, "one", 0, false);
	add(run, 2, "two", 0, true);
	add(run, 3, "two.a", 1, true);
	add(run, 4, "two.a.x", 2, false);
	add(run, 5, "last", 0, false);
	add_child(run, "needle = 1");
	rows_finish(run->rows, NULL);
	struct view *v = view_of(run);
	assert_int_equal(v->nlines, 4);
	draw(s, v);
	assert_non_null(strstr(line_at(s, 2), "▸"));
	assert_non_null(strstr(line_at(s, 3), "▾"));
	assert_non_null(strstr(line_at(s, 4), "needle = 1  int"));

	uint8_t *saved = view_save_folds(v); /* the search unfolds, and it can be undone */
	assert_null(view_set_search(v, "a\\.x", false));
	view_jump(v, false, true);
	sync_all(v);
	assert_int_equal(v->cursor_row, 3);
	assert_int_equal(v->nlines, 6);
	assert_int_equal(view_parent(v, 3), 2);
	view_restore_folds(v, saved, v->nrows);
	free(saved);
	view_make_lines(v);
	assert_int_equal(v->nlines, 4);
	assert_int_equal(v->cursor_row, 1); /* what hides the row has the cursor now */

	s->ascii = true;
	draw(s, v);
	assert_non_null(strstr(line_at(s, 2), "+ "));
	for (int y = 0; y < s->h; y++)
		for (const char *p = line_at(s, y); *p; p++)
			assert_true((unsigned char)*p < 0x80);
	view_destroy(v);
	surface_destroy(s);
}

static void searching(void **state)
{
	struct run *run = begin();
	size_t total;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		add(run, i, i % 100 == 50 ? "Needle" : "hay", 0, false);
	rows_finish(run->rows, NULL);
	struct view *v = view_of(run);
	assert_null(view_set_search(v, "needle", false)); /* smart case: capitals don't matter */
	view_jump(v, false, true);
	sync_all(v);
	assert_int_equal(v->cursor_row, 50);
	assert_int_equal(view_match_number(v, &total), 1);
	assert_int_equal(total, 10);
	view_jump(v, true, false); /* backward, past the top */
	sync_all(v);
	assert_int_equal(v->cursor_row, 950);
	assert_true(v->wrapped);
	assert_null(view_set_search(v, "nEEDLE", false));
	view_jump(v, false, true);
	sync_all(v);
	assert_int_equal(v->cursor_row, 950);		  /* no match: the cursor stays */
	assert_null(view_set_search(v, "hidden", false)); /* what no column shows isn't found */
	sync_all(v);
	assert_int_equal(v->hits, 0);
	assert_null(view_set_search(v, "(", false)); /* no pattern: the sign itself is looked for */
	sync_all(v);
	assert_int_equal(v->hits, 0);
	view_destroy(v);
}

static void filters(void **state)
{
	struct run *run = begin();

	(void)state;
	add(run, 1, "outer", 0, true);
	add(run, 2, "inner wanted", 1, true);
	add(run, 3, "below", 2, false);
	add(run, 4, "other", 0, false);
	add(run, 5, "wanted", 0, false);
	rows_finish(run->rows, NULL);
	struct view *v = view_of(run);
	view_to_row(v, 4);
	assert_null(view_set_filter(v, "wanted"));
	sync_all(v);
	assert_int_equal(v->nlines, 3); /* outer, because of what lies in it; the two */
	assert_int_equal(v->lines[1], 1);
	assert_int_equal(v->cursor_row, 4);
	assert_null(view_set_filter(v, "no such thing"));
	sync_all(v);
	assert_int_equal(v->nlines, 0);
	assert_null(view_current(v));
	assert_null(view_set_filter(v, ""));
	sync_all(v);
	assert_int_equal(v->nlines, 3);
	view_destroy(v);
}

static void sorting(void **state)
{
	struct run *run = begin();

	(void)state;
	add(run, 30, "c", 0, false);
	add_child(run, "of c");
	add(run, 10, "a", 0, false);
	add(run, 20, "b", 0, false);
	struct view *v = view_of(run);
	view_to_line(v, 2); /* pid 10 */
	view_sort(v, NULL, 0, false);
	sync_all(v);
	assert_int_equal(v->lines[0], 2);
	assert_int_equal(v->lines[3], 1); /* the child stays with its row */
	assert_int_equal(v->cursor_row, 2);
	assert_int_equal(v->cursor, 0);
	add(run, 5, "late", 0, false); /* sorted in once all have come */
	rows_finish(run->rows, NULL);
	sync_all(v);
	assert_int_equal(v->lines[0], 4);
	assert_int_equal(v->cursor_row, 2);
	view_sort(v, NULL, 0, true);
	sync_all(v);
	assert_int_equal(v->lines[0], 0);
	view_sort(v, NULL, SIZE_MAX, false);
	sync_all(v);
	assert_int_equal(v->lines[4], 4);
	view_destroy(v);
}

static void wrapping(void **state)
{
	static const char words[] = "one two  three abcdefghijklm";
	struct run *run = begin();
	struct surface *s = surface_create(8, 20);
	size_t next;

	(void)state;
	assert_int_equal(wrap_line(words, strlen(words), 8, &next), 7);
	assert_int_equal(wrap_line("日本語", 9, 5, &next), 6); /* never half a character */
	assert_int_equal(wrap_line("日", 3, 1, &next), 1);     /* but always something */
	assert_int_equal(wrap_count(words, strlen(words), 8), 4);
	assert_int_equal(wrap_count("", 0, 8), 1);
	add(run, 1, "one two three four five six", 0, false);
	add(run, 2, "short", 0, false);
	rows_finish(run->rows, NULL);
	struct view *v = view_of(run);
	v->wrap = true;
	draw(s, v);
	draw(s, v);
	assert_int_equal(v->nlines, 4);
	assert_string_equal(line_at(s, 1), ">     1 one two");
	assert_string_equal(line_at(s, 2), "        three four");
	assert_string_equal(line_at(s, 4), "      2 short");
	view_to_row(v, 1);
	assert_int_equal(v->cursor, 3);
	view_move(v, -1); /* a line, of the same row or of another */
	assert_int_equal(v->cursor_row, 0);
	view_destroy(v);
	surface_destroy(s);
}

static void pane_history(void **state)
{
	struct pane p;

	(void)state;
	pane_init(&p, PANE_INSPECTOR);
	for (int i = 0; i < 3; i++) {
		struct run *run = begin();
		for (unsigned n = 0; n < 10; n++)
			add(run, n, "x", 0, false);
		rows_finish(run->rows, NULL);
		pane_open(&p, &(struct visit){.view = view_of(run)}, true);
		assert_true(pane_promote(&p));
		view_to_line(pane_view(&p), (size_t)i + 1);
	}
	assert_true(pane_back(&p));
	assert_true(pane_back(&p));
	assert_false(pane_back(&p));
	assert_int_equal(pane_view(&p)->cursor, 1); /* as it was left */
	assert_true(pane_forward(&p));
	assert_int_equal(pane_view(&p)->cursor, 2);

	/* what is asked for and not yet there leaves the old view in place, and back takes it back
	 */
	struct run *slow = begin();
	pane_open(&p, &(struct visit){.view = view_create(slow, "")}, true);
	assert_false(pane_promote(&p));
	assert_true(pane_back(&p));
	assert_int_equal(pane_view(&p)->cursor, 2);
	pane_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(surfaces), cmocka_unit_test(columns_give_way),
		cmocka_unit_test(folds),    cmocka_unit_test(searching),
		cmocka_unit_test(filters),  cmocka_unit_test(sorting),
		cmocka_unit_test(wrapping), cmocka_unit_test(pane_history),
	};
	if (!setlocale(LC_ALL, "C.UTF-8")) /* widths of characters */
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

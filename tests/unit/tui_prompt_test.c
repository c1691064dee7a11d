/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The prompt's editing: whole characters, words, cutting and putting back, history by prefix and by
 * ^R, and the history's file, which survives damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "tui/prompt.h"

static void type(struct prompt *p, const char *s)
{
	for (; *s; s++)
		prompt_insert(p, (unsigned char)*s);
}

static void editing(void **state)
{
	struct prompt p;

	(void)state;
	prompt_init(&p, ':', "", NULL);
	type(&p, "struct super_block");
	prompt_insert(&p, 0xe4);
	prompt_insert(&p, 0x65e5);
	assert_string_equal(prompt_text(&p), "struct super_blockä日");
	assert_true(prompt_edit(&p, "backspace"));
	assert_true(prompt_edit(&p, "left"));
	assert_true(prompt_edit(&p, "delete"));
	assert_string_equal(prompt_text(&p), "struct super_block");
	assert_true(prompt_edit(&p, "delete")); /* at the end: nothing */
	assert_true(prompt_edit(&p, "home"));
	assert_true(prompt_edit(&p, "backspace"));
	assert_true(prompt_edit(&p, "word-right"));
	assert_int_equal(p.cursor, 6);
	assert_true(prompt_edit(&p, "kill-end"));
	assert_string_equal(prompt_text(&p), "struct");
	assert_true(prompt_edit(&p, "yank"));
	assert_string_equal(prompt_text(&p), "struct super_block");
	assert_true(prompt_edit(&p, "kill-blank"));
	assert_string_equal(prompt_text(&p), "struct ");
	type(&p, "a.b");
	assert_true(prompt_edit(&p, "kill-word-left"));
	assert_string_equal(prompt_text(&p), "struct a.");
	prompt_replace(&p, 7, "task_struct");
	assert_string_equal(prompt_text(&p), "struct task_struct");
	assert_true(prompt_edit(&p, "kill-start"));
	assert_string_equal(prompt_text(&p), "");
	assert_true(prompt_edit(&p, "kill-start"));
	assert_false(prompt_edit(&p, "no such thing"));
	prompt_free(&p);
}

static void history_keys(void **state)
{
	struct history h = {0};
	struct prompt p;

	(void)state;
	history_add(&h, ':', "ps -m");
	history_add(&h, '/', "dd");
	history_add(&h, ':', "bt 1");
	history_add(&h, ':', "ps UN");
	history_add(&h, ':', "ps -m"); /* again: moves to the end */
	assert_int_equal(h.n, 4);
	prompt_init(&p, ':', "ps", &h);
	prompt_edit(&p, "history-prev");
	assert_string_equal(prompt_text(&p), "ps -m");
	prompt_edit(&p, "history-prev");
	assert_string_equal(prompt_text(&p), "ps UN");
	prompt_edit(&p, "history-prev"); /* `bt 1` doesn't begin like it */
	assert_string_equal(prompt_text(&p), "ps UN");
	prompt_edit(&p, "history-next");
	prompt_edit(&p, "history-next");
	assert_string_equal(prompt_text(&p), "ps");
	prompt_edit(&p, "history-search");
	type(&p, "t 1");
	assert_string_equal(prompt_text(&p), "bt 1");
	prompt_edit(&p, "end");
	assert_false(p.searching);
	type(&p, "2");
	assert_string_equal(prompt_text(&p), "bt 12");
	prompt_edit(&p, "history-search");
	type(&p, "t\xe9"); /* nothing has it; ^H takes all of it away */
	prompt_edit(&p, "backspace");
	assert_string_equal(buf_str(&p.wanted), "t");
	prompt_free(&p);
	history_free(&h);
}

static void history_file(void **state)
{
	char path[] = "/tmp/vmbrowse-history-XXXXXX";
	int fd = mkstemp(path);
	struct history h;

	(void)state;
	dprintf(fd, ":ok\njunk\n\n:\n\377\376\n/also ok\n:cut");
	close(fd);
	history_load(&h, path);
	assert_int_equal(h.n, 3);
	assert_string_equal(h.v[0], ":ok");
	history_add(&h, ':', "new");
	history_add(&h, ':', "");
	history_add(&h, ':', "two\nlines");
	history_free(&h);
	history_load(&h, path);
	assert_string_equal(
		h.v[h.n - 1],
		":cut:new"); /* the file ended without a newline: one odd line, no more */
	history_free(&h);

	FILE *f = fopen(path, "w"); /* it is kept short */
	for (int i = 0; i < 5000; i++)
		fprintf(f, ":line %d\n", i);
	fclose(f);
	history_load(&h, path);
	assert_int_equal(h.n, 1000);
	assert_string_equal(h.v[999], ":line 4999");
	history_free(&h);
	history_load(&h, path);
	assert_string_equal(h.v[0], ":line 4000");
	history_free(&h);
	unlink(path);
	history_load(&h, "/no/such/folder/history");
	history_add(&h, ':', "kept for now");
	assert_int_equal(h.n, 1);
	history_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(editing),
		cmocka_unit_test(history_keys),
		cmocka_unit_test(history_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

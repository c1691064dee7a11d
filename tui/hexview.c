/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory in hexadecimal: the bytes of what is shown, or at the address under the cursor (`hex`), and the
 * size of the words (`words`).
 */
#include "engine/base/alloc.h"
#include "tui/actions.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEX_LEAST 16 /* words */
#define HEX_MOST 4096

/* ---- the same bytes ---- */

/* Where the row's own bytes are. Rows that only lead elsewhere (a super_block's mount point) have none. */
static bool own_address(const struct view *v, size_t row, uint64_t *ret)
{
	const struct row *r = view_row(v, row);

	return r && r->only != ROW_FOR_PEOPLE && view_row_address(v, row, ret);
}

static bool first_and_last(const struct view *v, uint64_t *first, uint64_t *last)
{
	uint64_t addr;
	bool any = false;

	for (size_t i = 0; i < v->nrows; i++) {
		if (!own_address(v, i, &addr))
			continue;
		if (!any || addr < *first)
			*first = addr;
		if (!any || addr > *last)
			*last = addr;
		any = true;
	}
	return any;
}

static void swap_twin(struct app *a, struct view *from, struct view *to)
{
	uint64_t addr;

	if (own_address(from, from->cursor_row, &addr))
		view_wish(to, WISH_ADDRESS, NULL, addr, NULL);
	pane_swap(app_pane(a), to);
}

static void make_twin(struct app *a, struct view *v)
{
	uint64_t first = 0, last = 0;

	if (!first_and_last(v, &first, &last)) {
		app_say(a, STYLE_MESSAGE, "there is no address to show the bytes of");
		return;
	}
	first &= ~7ull;
	uint64_t words = (last - first) / 8 + 2;
	words = words < HEX_LEAST ? HEX_LEAST : words > HEX_MOST ? HEX_MOST : words;
	AUTO_FREE char *line = xasprintf("rd 0x%" PRIx64 " %" PRIu64, first, words);
	struct view *hex = view_create(run_start(a->pool, a->shell, line, &a->ctx), v->crumbs);
	hex->path = v->path ? xstrdup(v->path) : NULL;
	hex->twin = v;
	v->twin = hex;
	swap_twin(a, v, hex);
}

void nav_hex(struct app *a)
{
	struct view *v = app_view(a);
	const struct heading *h = v ? view_heading(v) : NULL;
	uint64_t addr;

	if (!a->shell || a->overlay_on || !h || v->cursor_row == NO_ROW) {
		app_say(a, STYLE_MESSAGE, "there is nothing to show the bytes of");
	} else if (v->twin) {
		swap_twin(a, v, v->twin);
	} else if (pane_is_inspector(app_pane(a)) && h->ref.kind == REF_OBJECT) {
		make_twin(a, v);
	} else if (view_row_address(v, v->cursor_row, &addr)) {
		struct ref ref = ref_addr(REF_MEM, addr);
		const struct row *r = view_current(v);
		nav_open_ref(a, &ref, r->key && r->key[0] ? r->key : "bytes");
	} else {
		app_say(a, STYLE_MESSAGE, "this row has no address");
	}
}

/* ---- the size of words ---- */

/* The line of `rd`, taken apart: what stands before the number of words, and that number. */
struct rd_line {
	struct buf front; /* without the options that say how large words are */
	uint64_t count;	  /* 0: the line doesn't say */
	unsigned size;	  /* bytes of a word; 0: characters */
};

static const struct {
	const char *option;
	unsigned size;
} sizes[] = {{"", 8}, {"-32 ", 4}, {"-16 ", 2}, {"-8 ", 1}, {"-a ", 0}};
#define SIZES (sizeof(sizes) / sizeof(*sizes))

static bool is_size(const char *word, size_t n, unsigned *size)
{
	for (size_t i = 1; i < SIZES; i++)
		if (n == strlen(sizes[i].option) - 1 && !strncmp(word, sizes[i].option, n)) {
			*size = sizes[i].size;
			return true;
		}
	*size = n == 3 && !strncmp(word, "-64", 3) ? 8 : *size;
	return n == 3 && !strncmp(word, "-64", 3);
}

/* "rd [OPTIONS] ADDRESS [COUNT]". */
static struct rd_line take_apart(const char *line)
{
	struct rd_line r = {.size = 8};
	unsigned places = 0;
	bool value = false; /* of the option before */

	line += strcspn(line, " ");
	for (size_t n; line += strspn(line, " "), (n = strcspn(line, " ")); line += n) {
		bool option = line[0] == '-';
		char *end;
		if (option && is_size(line, n, &r.size))
			continue;
		places += !option && !value;
		if (places == 2) {
			r.count = strtoull(line, &end, 0);
			break;
		}
		value = option && n == 2 && strchr("eor", line[1]);
		buf_put(&r.front, line, n);
		buf_putc(&r.front, ' ');
	}
	return r;
}

static size_t next_size(unsigned size)
{
	size_t i = 0;

	while (i + 1 < SIZES && sizes[i].size != size)
		i++;
	return (i + 1) % SIZES;
}

void hex_words(struct app *a)
{
	struct pane *p = app_pane(a);
	struct view *shown = app_view(a), *v = p->next.view ? p->next.view : shown; /* the key, twice */
	uint64_t addr;

	if (!v || a->overlay_on || strncmp(v->run->line, "rd ", 3) || strstr(v->run->line, " -r")) {
		app_say(a, STYLE_MESSAGE, "this is no memory in words: x shows the bytes of a row");
		return;
	}
	struct rd_line r = take_apart(v->run->line);
	size_t to = next_size(r.size);
	uint64_t bytes = r.count * (r.size ? r.size : 1), width = sizes[to].size ? sizes[to].size : 1;
	struct buf line = {0};
	buf_printf(&line, "rd %s%s", sizes[to].option, buf_str(&r.front));
	if (r.count)
		buf_printf(&line, "%" PRIu64, (bytes + width - 1) / width);
	struct view *again = view_create(run_start(a->pool, a->shell, buf_str(&line), &v->ctx), v->crumbs);
	again->path = v->path ? xstrdup(v->path) : NULL;
	if (view_row_address(shown, shown->cursor_row, &addr))
		view_wish(again, WISH_ADDRESS, NULL, addr, NULL);
	view_hand_twin(v, again);
	struct visit visit = v == shown ? *pane_visit(p) : p->next;
	visit.view = again;
	visit.past = NULL;
	pane_open(p, &visit, v != shown && p->push);
	buf_free(&line);
	buf_free(&r.front);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory as it stands: words of 8, 4, 2 or 1 bytes, as numbers, characters, or raw into a file.
 *
 * Words of 8 bytes are a row each, because each may be a pointer and then is a link. Smaller ones stand side
 * by side for a person, 16 bytes a row, and one a row for machines. What the dump doesn't hold says why, word
 * by word, and a page that is all zero says so: never a silent zero.
 */
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/kern/memory/userspace.h"
#include "engine/kern/memory/word.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_WORDS 65536
#define MAX_RAW (UINT64_C(1) << 32)
#define CHUNK 4096
#define LINE 16	     /* bytes of a row of small words */
#define TEXT_LINE 64 /* characters of a row of `rd -a` */

enum { ADDRESS, HEX, VALUE, ASCII, MEANING, STATE, COLS };
static const struct col cols[COLS] = {
	[ADDRESS] = {"address", "", "address of the word", 0, 16, 0},
	[HEX] = {"hex", "", "the words", COL_SCREEN | COL_WHOLE, 16, 0},
	[VALUE] = {"value", "VALUE", "the word, as 0x number", COL_DATA, 0, 0},
	[ASCII] = {"ascii", "", "its bytes in memory order, as characters", 0, 8, 3},
	[MEANING] = {"symbol", "", "the symbol that the word points to, with -S also the slab object, task, stack or page",
		     COL_GROW, 16, 1},
	[STATE] = {"state", "", "of its page: present, or zero when the dump says that all of it is", COL_DATA, 0, 0},
};
static const struct table rd_table = {.name = "rd", .cols = cols, .ncols = COLS};

/* What is to be read, and how it is shown. */
struct reading {
	const struct cmd_call *c;
	struct space space;
	const struct task *task; /* whose user space; NULL: nobody's */
	uint64_t addr, bytes;
	unsigned size; /* of a word */
	bool decimal, is_signed, swap, backwards, text, no_ascii;
	const struct tasks *tasks; /* with -S */
};

static void ascii(const uint8_t *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '.';
	out[n] = '\0';
}

static uint64_t word_of(const struct reading *r, const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < r->size; i++)
		v |= (uint64_t)p[r->swap ? r->size - 1 - i : i] << 8 * i;
	return v;
}

static void put_word(const struct reading *r, uint64_t v, struct buf *out)
{
	static const int digits[] = {[1] = 3, [2] = 5, [4] = 10, [8] = 20};

	if (r->decimal && r->is_signed)
		buf_printf(out, "%*" PRId64, digits[r->size] + (r->size < 8),
			   (int64_t)(v << (64 - 8 * r->size)) >> (64 - 8 * r->size));
	else if (r->decimal)
		buf_printf(out, "%*" PRIu64, digits[r->size], v);
	else
		buf_printf(out, "%0*" PRIx64, (int)r->size * 2, v);
}

static struct ref place(const struct reading *r, uint64_t addr)
{
	if (r->space.kind == SPACE_USER)
		return (struct ref){REF_USER, r->task->addr, addr, NULL};
	return ref_addr(r->space.kind == SPACE_PHYS ? REF_PHYS : REF_MEM, addr);
}

static struct err *put_cells(struct reading *r, uint64_t addr, struct cell cells[COLS], bool ok,
			     enum row_for only)
{
	char key[24];

	snprintf(key, sizeof(key), "%" PRIx64, addr);
	char shown[24];
	snprintf(shown, sizeof(shown), "%016" PRIx64, addr); /* two columns that a narrow pane hasn't */
	cells[ADDRESS] = cell_role(cell_shown(cell_addr(addr), shown), ROLE_DIM);
	for (int i = 0; i < COLS; i++)
		if (cells[i].kind == CELL_ABSENT)
			cells[i] = cell_shown(cell_absent(), "");
	return sink_row(r->c->out, &(struct row){.cells = cells, .key = key, .only = only,
						 .role = ok ? ROLE_NORMAL : ROLE_FAULT});
}

static struct cell state_cell(enum mem_state state)
{
	return mem_readable(state) ? cell_text(mem_state_name(state)) : cell_fault(state);
}

/* What a word of 8 bytes points to. */
static struct ref meaning(struct reading *r, uint64_t v, struct buf *out)
{
	struct session *s = r->c->session;
	struct word_info w;

	if (!s->arch->is_kernel(mem_layout(s->mem), v))
		return (struct ref){0};
	word_info_at(s, r->tasks, v, !r->tasks, &w);
	buf_puts(out, buf_str(&w.text));
	struct ref ref = w.kind ? w.ref : ref_addr(REF_MEM, v);
	word_info_free(&w);
	return ref;
}

static struct err *long_row(struct reading *r, uint64_t addr, const uint8_t *p, enum mem_state state)
{
	AUTO_BUF struct buf text = {0}, mean = {0};
	char chars[9];
	bool ok = mem_readable(state);
	uint64_t v = word_of(r, p);
	struct ref ref = ok && !r->swap ? meaning(r, v, &mean) : (struct ref){0};

	put_word(r, v, &text);
	ascii(p, 8, chars);
	enum role role = ref.kind ? ROLE_LINK : state == MEM_ZERO ? ROLE_DIM : ROLE_NUMBER;
	struct cell cells[COLS] = {
		[HEX] = ok ? cell_link(cell_role(cell_text(buf_str(&text)), role), ref) : cell_fault(state),
		[VALUE] = ok ? cell_addr(v) : cell_fault(state),
		[ASCII] = ok && !r->no_ascii ? cell_role(cell_text(chars), ROLE_STRING) : cell_absent(),
		[MEANING] = mean.len ? cell_role(cell_text(buf_str(&mean)), ROLE_NAME) : cell_text(""),
		[STATE] = state_cell(state),
	};
	return put_cells(r, addr, cells, ok, ROW_FOR_ALL);
}

/* One word for machines. */
static struct err *small_word(struct reading *r, uint64_t addr, const uint8_t *p, enum mem_state state)
{
	struct cell cells[COLS] = {
		[VALUE] = mem_readable(state) ? cell_addr(word_of(r, p)) : cell_fault(state),
		[STATE] = state_cell(state),
	};
	return put_cells(r, addr, cells, mem_readable(state), ROW_FOR_MACHINES);
}

/* Up to 16 bytes side by side for people; then each word for machines. state(i) is of byte i. */
static struct err *short_row(struct reading *r, uint64_t addr, const uint8_t *p, size_t n,
			     const uint8_t *state_of)
{
	AUTO_BUF struct buf text = {0};
	char chars[LINE + 1];
	bool ok = true;

	for (size_t k = 0; k < n; k += r->size) {
		size_t i = r->backwards ? n - r->size - k : k;
		enum mem_state state = (enum mem_state)state_of[i];
		ok &= mem_readable(state);
		buf_puts(&text, k ? " " : "");
		if (mem_readable(state))
			put_word(r, word_of(r, p + i), &text);
		else
			buf_printf(&text, "<%s>", mem_state_name(state));
	}
	ascii(p, n, chars);
	struct cell cells[COLS] = {
		[HEX] = cell_role(cell_text(buf_str(&text)), ok ? ROLE_NUMBER : ROLE_FAULT),
		[ASCII] = ok && !r->no_ascii ? cell_role(cell_text(chars), ROLE_STRING) : cell_absent(),
	};
	TRY(put_cells(r, addr, cells, ok, ROW_FOR_PEOPLE));
	for (size_t k = 0; k < n; k += r->size) {
		size_t i = r->backwards ? n - r->size - k : k;
		TRY(small_word(r, addr + i, p + i, (enum mem_state)state_of[i]));
	}
	return NULL;
}

static struct err *text_row(struct reading *r, uint64_t addr, const uint8_t *p, size_t n,
			    const uint8_t *state_of)
{
	char chars[TEXT_LINE + 1];
	enum mem_state state = (enum mem_state)state_of[0];
	bool ok = true;

	for (size_t i = 0; i < n; i++)
		if (!mem_readable((enum mem_state)state_of[i])) {
			ok = false;
			state = (enum mem_state)state_of[i];
		}
	ascii(p, n, chars);
	struct cell cells[COLS] = {
		[ASCII] = ok ? cell_role(cell_text(chars), ROLE_STRING) : cell_fault(state),
		[STATE] = state_cell(state),
	};
	return put_cells(r, addr, cells, ok, ROW_FOR_ALL);
}

/* What was read of a run of bytes: rows of `line` bytes. */
static struct err *put_rows(struct reading *r, uint64_t addr, const uint8_t *p, size_t n, const uint8_t *state_of)
{
	size_t line = r->text ? TEXT_LINE : r->size == 8 ? 8 : LINE, rows = (n + line - 1) / line;

	for (size_t k = 0; k < rows; k++) {
		size_t at = (r->backwards ? rows - 1 - k : k) * line, len = n - at < line ? n - at : line;
		TRY(job_tick(r->c->job, 1));
		if (r->text)
			TRY(text_row(r, addr + at, p + at, len, state_of + at));
		else if (r->size == 8)
			TRY(long_row(r, addr + at, p + at, (enum mem_state)state_of[at]));
		else
			TRY(short_row(r, addr + at, p + at, len, state_of + at));
	}
	return NULL;
}

/* Bytes with the state of each. */
static void read_bytes(const struct reading *r, uint64_t addr, uint8_t *buf, size_t n, uint8_t *state_of)
{
	uint8_t states[CHUNK / 8 + 1];

	mem_read_holes(r->c->session->mem, r->space, addr, buf, n, states);
	for (size_t i = n; i-- > 0;)
		state_of[i] = states[i / 8];
}

static struct err *show(struct reading *r)
{
	uint8_t buf[CHUNK], state_of[CHUNK];

	for (uint64_t done = 0; done < r->bytes;) {
		size_t n = r->bytes - done < CHUNK ? (size_t)(r->bytes - done) : CHUNK;
		uint64_t at = r->backwards ? r->addr + r->bytes - done - n : r->addr + done;
		read_bytes(r, at, buf, n, state_of);
		TRY(put_rows(r, at, buf, n, state_of));
		done += n;
	}
	return NULL;
}

/* The length of the text at addr: up to the first byte that is none. */
static uint64_t text_length(const struct reading *r)
{
	uint8_t buf[CHUNK];
	size_t got = mem_read_some(r->c->session->mem, r->space, r->addr, buf, sizeof(buf), NULL), n = 0;

	while (n < got && ((buf[n] >= 0x20 && buf[n] < 0x7f) || buf[n] == '\n' || buf[n] == '\t'))
		n++;
	return n ? n : 1;
}

/* ---- raw ---- */

static struct err *write_all(int fd, const uint8_t *p, size_t n, const char *path)
{
	while (n) {
		ssize_t did = write(fd, p, n);
		if (did < 0)
			return err_os(errno, "%s", path);
		p += did;
		n -= (size_t)did;
	}
	return NULL;
}

static struct err *copy_out(struct reading *r, int fd, const char *path)
{
	uint8_t buf[CHUNK];

	job_set_total(r->c->job, r->bytes / CHUNK + 1);
	for (uint64_t done = 0; done < r->bytes;) {
		size_t n = r->bytes - done < CHUNK ? (size_t)(r->bytes - done) : CHUNK;
		TRY(job_tick(r->c->job, 1));
		struct err *e = mem_read(r->c->session->mem, r->space, r->addr + done, buf, n);
		if (e)
			return err_wrap(e, "%" PRIu64 " of %" PRIu64 " bytes are in %s", done, r->bytes, path);
		TRY(write_all(fd, buf, n, path));
		done += n;
	}
	sink_note(r->c->out, ROLE_NORMAL, "%" PRIu64 " bytes written to %s", r->bytes, path);
	return NULL;
}

/* Bytes into a new file. A terminal would not like them. */
static struct err *raw(struct reading *r, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return err_new(ERR_USAGE, "%s is there already: give the name of a new file", path);
	if (fd < 0)
		return err_os(errno, "%s", path);
	struct err *e = isatty(fd) ? err_new(ERR_USAGE, "%s is a terminal", path) : copy_out(r, fd, path);
	if (close(fd) && !e)
		e = err_os(errno, "%s", path);
	return e;
}

/* ---- the command ---- */

/* -8, -16, -32 and -64. */
static struct err *word_size(const struct cmd_call *c, unsigned *ret)
{
	static const struct {
		char letter;
		const char *rest;
		unsigned size;
	} sizes[] = {{'8', NULL, 1}, {'1', "6", 2}, {'3', "2", 4}, {'6', "4", 8}};

	*ret = 8;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		unsigned char o = (unsigned char)sizes[i].letter;
		if (!c->args->has[o])
			continue;
		if (sizes[i].rest && strcmp(c->args->value[o], sizes[i].rest))
			return usage_error(c->args->cmd, "words have 8, 16, 32 or 64 bits, not %c%s", o,
					   c->args->value[o]);
		*ret = sizes[i].size;
	}
	return NULL;
}

/* Whose memory: -p, -u, or a ref that says it. */
static struct err *choose_space(struct reading *r)
{
	const struct cmd_call *c = r->c;
	const char *text = c->args->v[0];
	const struct tasks *ts;
	struct ref ref;

	r->space = c->args->has['p'] || !strncmp(text, "phys:", 5) ? PHYS : KERNEL;
	if (!strncmp(text, "user:", 5) && err_ok(ref_parse(text, c->session->intern, &ref))) {
		TRY(tasks_load(c->session, c->job, &ts));
		r->task = task_by_addr(ts, ref.addr);
		if (!r->task)
			return err_new(ERR_NOTFOUND, "no task at 0x%" PRIx64, ref.addr);
	} else if (c->args->has['u']) {
		TRY(arg_task(c, NULL, &r->task));
	}
	return r->task ? user_space_of(c->session, r->task, &r->space) : NULL;
}

/* Where from, and how much: COUNT words, or up to END. */
static struct err *choose_range(struct reading *r)
{
	const struct cmd_call *c = r->c;
	const struct cmd_args *a = c->args;
	uint64_t count = 1, end, offset, limit = a->has['r'] ? MAX_RAW : MAX_WORDS;

	TRY(arg_place(c, a->v[0], &r->addr));
	if (a->has['o']) {
		TRY(arg_number(a->value['o'], &offset));
		r->addr += offset;
	}
	if (a->n > 1)
		TRY(arg_number(a->v[1], &count));
	if (a->has['e']) {
		TRY(arg_place(c, a->value['e'], &end));
		if (end <= r->addr)
			return usage_error(a->cmd, "END 0x%" PRIx64 " is not behind 0x%" PRIx64, end, r->addr);
		count = (end - r->addr + r->size - 1) / r->size;
	}
	if (!count || count > limit)
		return usage_error(a->cmd, "COUNT must be 1 to %" PRIu64, limit);
	if (r->backwards && !a->has['e']) { /* up to the word at ADDRESS, as crash has it */
		count = r->addr / r->size < count - 1 ? r->addr / r->size + 1 : count;
		r->addr -= (count - 1) * r->size;
	}
	uint64_t room = (UINT64_MAX - r->addr) / r->size + ((UINT64_MAX - r->addr) % r->size == r->size - 1);
	count = count < room ? count : room; /* up to the end of all addresses, not round it */
	if (!count)
		return err_new(ERR_USAGE, "0x%" PRIx64 " is the end of all addresses: no word is there", r->addr);
	r->bytes = count * r->size;
	if (r->text && a->n < 2 && !a->has['e'])
		r->bytes = text_length(r);
	return NULL;
}

static struct err *run(const struct cmd_call *c)
{
	const struct cmd_args *a = c->args;
	struct reading r = {.c = c, .decimal = a->has['d'] || a->has['D'], .is_signed = a->has['d'],
			    .swap = a->has['N'], .backwards = a->has['R'], .text = a->has['a'],
			    .no_ascii = a->has['x']};

	TRY(word_size(c, &r.size));
	if (r.text)
		r.size = 1;
	TRY(choose_space(&r));
	TRY(choose_range(&r));
	if (a->has['S'])
		TRY(tasks_load(c->session, c->job, &r.tasks));
	if (a->has['r'])
		return raw(&r, a->value['r']);
	bool phys = r.space.kind == SPACE_PHYS;
	AUTO_FREE char *crash = xasprintf("rd %s%s%" PRIx64 " %" PRIu64, phys ? "-p " : r.task ? "-u " : "",
					  r.size == 1 ? "-8 " : r.size == 2 ? "-16 " : r.size == 4 ? "-32 " : "",
					  r.addr, r.bytes / r.size);
	struct ref ref = place(&r, r.addr);
	TRY(sink_begin(c->out, &rd_table, &ref, crash, "Memory 0x%" PRIx64 "%s", r.addr,
		       phys ? " (physical)" : r.task ? " (user)" : ""));
	return show(&r);
}

const struct cmd cmd_rd = {
	.name = "rd",
	.group = "memory",
	.summary = "memory in words, with characters, symbols and slab objects",
	.details = "Words of 8 bytes, one a row, or smaller ones side by side. What the dump doesn't hold says why: excluded "
		   "by the filter, lost, not RAM, unmapped; never a silent zero. Symbols are always shown; -S adds slab "
		   "objects, tasks, stacks and pages.",
	.options = (const struct cmd_option[]){
		{'p', ARG_NONE, NULL, "ADDRESS is physical"},
		{'u', ARG_NONE, NULL, "ADDRESS is of the chosen task's user space"},
		{'8', ARG_NONE, NULL, "words of 8 bits"},
		{'1', ARG_NUMBER, "6", "of 16 bits"},
		{'3', ARG_NUMBER, "2", "of 32 bits"},
		{'6', ARG_NUMBER, "4", "of 64 bits, as without it"},
		{'d', ARG_NONE, NULL, "as signed decimal numbers"},
		{'D', ARG_NONE, NULL, "as unsigned decimal numbers"},
		{'s', ARG_NONE, NULL, "words that point to symbols by name (always on; kept for fingers)"},
		{'S', ARG_NONE, NULL, "and what else they point to: slab objects, tasks, stacks, pages"},
		{'a', ARG_NONE, NULL, "characters only; without COUNT as long as it is text"},
		{'x', ARG_NONE, NULL, "no characters"},
		{'N', ARG_NONE, NULL, "words are in network byte order"},
		{'R', ARG_NONE, NULL, "backwards from ADDRESS on, down to lower addresses"},
		{'e', ARG_ADDRESS, "END", "up to END, not included"},
		{'o', ARG_NUMBER, "OFFSET", "begin OFFSET bytes behind ADDRESS"},
		{'r', ARG_FILE, "FILE", "the bytes, raw, into a new FILE"},
		{0}},
	.absent = (const struct cmd_option[]){
		{'f', ARG_NONE, NULL, "an offset in the dump file means little, most files are compressed; `vtop ADDRESS` and -p go "
				      "by physical addresses, `sys` tells the format"},
		{'m', ARG_NONE, NULL, "Xen's machine addresses aren't known; -p takes the guest's physical ones"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"ADDRESS", ARG_ADDRESS, false, false, "where to begin"},
		{"COUNT", ARG_NUMBER, true, false, "how many words; 1 if not told"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"rd linux_banner 16", "the words at a symbol"},
		{"rd -a linux_banner", "the text there"},
		{"rd -8 init_task 64", "its bytes"},
		{"rd -S init_task 32", "with what its pointers lead to"},
		{"rd -p 1000 4", "physical memory"},
		{0}},
	.table = &rd_table,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Line programs: 64-bit offset of the program and pc, then .debug_line; the strings are a kernel's own. */
#include "engine/base/alloc.h"
#include "engine/sym/linetable.h"
#include "engine/object/object.h"
#include "tests/fuzz/fuzz.h"

#define PIECE (12u << 10)
#define TEXT UINT64_C(0xffffffff81000000)

static struct object *kernel; /* its strings are used */
static struct object_section line_str, str;

static void add_seed(struct corpus *c, const struct object_section *s, uint64_t pc)
{
	const uint64_t head[2] = {0, pc};
	struct buf b = {0};

	buf_put(&b, head, sizeof(head));
	buf_put(&b, s->data, s->size < PIECE ? s->size : PIECE);
	corpus_add(c, b.p, b.len);
	buf_free(&b);
}

static bool add_seeds(struct corpus *c, struct object *o, const char *path)
{
	struct object_section s;

	(void)path;
	for (uint64_t pc = TEXT; object_section(o, ".debug_line", &s) && pc < TEXT + 0x200; pc += 0x100)
		add_seed(c, &s, pc);
	object_close(kernel);
	kernel = o;
	object_section(o, ".debug_line_str", &line_str);
	object_section(o, ".debug_str", &str);
	return true;
}

static bool begin(struct corpus *c)
{
	return seeds_of_kernels(c, (const char *const[]){"5.10", "7.2", "6.1", NULL}, add_seeds);
}

static void one(const uint8_t *p, size_t n)
{
	struct bytes b = {p, n};
	uint64_t offset = take_number(&b, 8), pc = take_number(&b, 8);
	AUTO_FREE uint8_t *line = exact_copy(b);
	const struct line_sections s = {
		.line = {line, b.n},
		.line_str = {line_str.data, line_str.size},
		.str = {str.data, str.size},
	};
	AUTO_BUF struct buf path = {0};
	struct line_row row;

	for (unsigned i = 0; i < 16; i++)
		line_table_find(&s, offset, pc + i * 1001, &row);
	if (line_table_find(&s, offset, pc, &row))
		line_table_file(&s, offset, row.file, &path);
	for (uint64_t file = 0; file < 8; file++)
		line_table_file(&s, offset, file, &path);
	line_table_file(&s, offset, UINT64_MAX, &path);
}

const struct fuzz_target fuzz_lines = {
	.name = "lines",
	.what = "line programs (.debug_line)",
	.inputs = 6000,
	.begin = begin,
	.one = one,
};

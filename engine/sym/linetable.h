/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * One unit's line program, run for one pc: nothing of it is kept. (libdw keeps 50 bytes a row of
 * every unit that was ever looked at, 300 units' rows are 20 MB; running the program anew takes
 * some microseconds.) Versions 2 to 5, 32- and 64-bit DWARF.
 *
 * Thread: any; the sections are only read. Every offset in them is checked.
 * Source: DWARF 5, section 6.2; DWARF 4, section 6.2.
 */
#ifndef SYM_LINETABLE_H
#define SYM_LINETABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"

struct line_bytes {
	const unsigned char *p;
	size_t n;
};

struct line_sections {
	struct line_bytes line, line_str, str;
};

struct line_row {
	uint64_t file; /* for line_table_file() */
	unsigned line, column;
};

/* The row that covers pc in the program at offset: the last one with an address <= pc in the
 * sequence that holds pc. false: none, or the program is damaged before it. */
bool line_table_find(const struct line_sections *s, uint64_t offset, uint64_t pc,
		     struct line_row *ret);
/* The path of a file of that program, joined with its folder as the program has it: absolute, or
 * relative to the unit's DW_AT_comp_dir. false: unknown. */
bool line_table_file(const struct line_sections *s, uint64_t offset, uint64_t file,
		     struct buf *path);

#endif

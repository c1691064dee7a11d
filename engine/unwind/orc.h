/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * ORC tables: for every text address how the caller's stack pointer and rbp are found. Only of use
 * inside engine/unwind.
 *
 * Four layouts of the 16-bit flags exist and only some tables name theirs (a 20-byte hash of the
 * kernel's header in .orc_header, since 6.3.10), so an unnamed table is recognised by its contents.
 *
 * Thread: any once opened; a table is immutable.
 *
 * Sources: Linux' arch/x86/include/asm/orc_types.h of 4.14 to 7.2, scripts/orc_hash.sh,
 * arch/x86/kernel/unwind_orc.c.
 */
#ifndef UNWIND_ORC_H
#define UNWIND_ORC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/err.h"
#include "engine/object/object.h"

enum orc_layout {
	ORC_LAYOUT_NONE,
	ORC_LAYOUT_1, /* 4.14 to 6.2: type in bits 8-9, end in bit 10 */
	ORC_LAYOUT_2, /* 6.3: signal in bit 10, end in bit 11 */
	ORC_LAYOUT_3, /* 6.4 and RHEL's 5.14.0-517: a 3-bit type with "undefined" and "end" */
	ORC_LAYOUT_4, /* 7.1: layout 3 with the registers renumbered */
};

enum orc_base {
	ORC_BASE_NONE,
	ORC_BASE_AX,
	ORC_BASE_DX,
	ORC_BASE_SP,
	ORC_BASE_BP,
	ORC_BASE_DI,
	ORC_BASE_R10,
	ORC_BASE_R13,
	ORC_BASE_PREV_SP,
	ORC_BASE_SP_INDIRECT,
	ORC_BASE_BP_INDIRECT,
};

enum orc_type { ORC_UNDEFINED, ORC_END, ORC_CALL, ORC_REGS, ORC_REGS_PARTIAL };

/* One decoded entry. */
struct orc {
	enum orc_type type;
	enum orc_base sp_base, bp_base;
	int16_t sp_offset, bp_offset;
	bool signal; /* the next frame's pc is exact, not a return address */
};

struct orc_table {
	const uint8_t *ip;	/* n place-relative 32-bit addresses */
	const uint8_t *entries; /* n entries of 6 bytes */
	size_t n;
	uint64_t ip_addr; /* link-time address of ip[0] */
	enum orc_layout layout;
	bool has_end; /* the end of a stack is told apart from "nothing known" (since 4.18) */
};

/* Opens a table over borrowed section bytes. header may be NULL. like: the layout to take without a
 * known header (a module's table is of vmlinux' layout); ORC_LAYOUT_NONE: told by the contents.
 * ERR_CORRUPT: sizes that don't match, unsorted, addresses outside [lo, hi) (link-time);
 * ERR_UNSUPPORTED: an unknown layout. */
struct err *orc_open(const struct object_section *ip, const struct object_section *entries,
		     const struct object_section *header, enum orc_layout like, uint64_t lo,
		     uint64_t hi, struct orc_table *ret);
/* The entry that covers a link-time pc; false: none, or one that can't be. */
bool orc_find(const struct orc_table *t, uint64_t pc, struct orc *ret);

#endif

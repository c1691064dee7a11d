/* SPDX-License-Identifier: GPL-2.0-or-later */
/**
 * From a pc to its unit and function in one object's DWARF. Units are found by .debug_aranges, or
 * by the units' own ranges where that has no entry; functions by a small table made for each unit
 * when it is first asked for.
 *
 * Thread: under object_lock(). Addresses are DWARF's (link time).
 */
#ifndef SYM_LINEUNIT_H
#define SYM_LINEUNIT_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/hmap.h"

struct pc_range {
	uint64_t low, high; /* high is one past */
	uint64_t die;	    /* dwarf_dieoffset of the unit or the function */
};

struct unit_funcs {
	struct pc_range *v; /* by low */
	size_t n, cap;
};

struct units {
	Dwarf *dwarf;
	bool ranges_ready;
	struct unit_funcs ranges; /* of units that .debug_aranges leaves out */
	struct hmap funcs;	  /* unit's offset -> struct unit_funcs * */
};

void units_free(struct units *u);
/* The unit DIE that covers pc. */
bool unit_at(struct units *u, uint64_t pc, Dwarf_Die *ret);
/* The subprogram DIE of that unit. */
bool unit_function_at(struct units *u, Dwarf_Die *unit, uint64_t pc, Dwarf_Die *ret);

#endif

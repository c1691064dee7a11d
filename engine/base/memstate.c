/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/memstate.h"

static const struct {
	const char *name, *help;
} states[MEM_STATES] = {
	[MEM_PRESENT] = {"present", "in the dump"},
	[MEM_ZERO] = {"zero", "a page of zeroes"},
	[MEM_EXCLUDED] = {"excluded", "left out by the dump filter (makedumpfile -d)"},
	[MEM_LOST] = {"lost", "cut off or undecodable in this dump file"},
	[MEM_NOT_RAM] = {"not-ram", "no RAM at this physical address"},
	[MEM_UNMAPPED] = {"unmapped", "no page table entry for this address"},
};

const char *mem_state_name(enum mem_state s)
{
	return (unsigned)s < MEM_STATES ? states[s].name : "unknown";
}

const char *mem_state_help(enum mem_state s)
{
	return (unsigned)s < MEM_STATES ? states[s].help : "unknown memory state";
}

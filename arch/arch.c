/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machines we know. A dump names its machine by ELF's e_machine; a kdump-compressed file has
 * only uname's word for it.
 */
#include "arch/arch.h"
#include <elf.h>
#include <string.h>

static const struct {
	const struct arch *arch;
	const char *uts_machine;
} arches[] = {
	{&arch_x86_64, "x86_64"},
};

const struct arch *arch_find(uint16_t e_machine, const char *uts_machine)
{
	for (size_t i = 0; i < sizeof(arches) / sizeof(arches[0]); i++) {
		if (e_machine == EM_NONE
			    ? uts_machine && strcmp(arches[i].uts_machine, uts_machine) == 0
			    : arches[i].arch->e_machine == e_machine)
			return arches[i].arch;
	}
	return NULL;
}

const char *arch_reg_name(const struct arch *a, unsigned dwarf)
{
	for (size_t i = 0; i < a->nregs; i++)
		if (a->regs[i].dwarf >= 0 && (unsigned)a->regs[i].dwarf == dwarf)
			return a->regs[i].name;
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Since 7.x the flags of the kernel's .data say that it can be executed, so nm, and with it kallsyms, call init_task
 * text. What lies between _sdata and _edata is data all the same: the kernel itself says so (core_kernel_data()).
 */
#include "engine/sym/impl.h"

static void find_data(struct symtab *st, unsigned changes)
{
	struct sym low, high;

	bool known = sym_find_raw(st, "_sdata", &low) && sym_find_raw(st, "_edata", &high) && low.addr < high.addr;
	atomic_store(&st->data_low, known ? low.addr : 0);
	atomic_store(&st->data_high, known ? high.addr : 0);
	atomic_store(&st->data_of, changes);
}

bool sym_tell_data(struct symtab *st, struct sym *s)
{
	unsigned changes = atomic_load(&st->changes);

	if (s->type != 't' && s->type != 'T')
		return false;
	if (atomic_load(&st->data_of) != changes)
		find_data(st, changes);
	if (s->addr < atomic_load(&st->data_low) || s->addr >= atomic_load(&st->data_high))
		return false;
	s->type = s->type == 't' ? 'd' : 'D';
	return true;
}

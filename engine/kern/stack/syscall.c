/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The number is in the registers, the function in the kernel's own table, and the name is a part of the
 * function's: __x64_sys_openat, before 4.17 sys_openat or SyS_openat.
 */
#include "engine/kern/stack/syscall.h"
#include <inttypes.h>
#include <string.h>
#include "engine/kern/impl.h"

#define MAX_CALLS 4096

static bool entered_by_call(struct session *s, const struct frame *entry)
{
	const char *name = s->arch->syscall_entry;
	struct sym sym;
	uint64_t offset;

	return name && sym_func_at(s->symtab, entry->exact ? entry->pc : entry->pc - 1, &sym, &offset) &&
	       !strncmp(sym.name, name, strlen(name));
}

static const char *plain_name(const char *function)
{
	static const char *const marks[] = {"sys_", "SyS_"};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const char *at = strstr(function, marks[i]);
		if (at)
			return at + strlen(marks[i]);
	}
	return NULL;
}

bool syscall_name(struct session *s, const struct frame *entry, const struct frame *user, struct buf *out)
{
	uint64_t number, function, offset;
	const char *name = NULL;
	struct sym table, sym;

	if (!entered_by_call(s, entry) || !regs_has(&user->regs, s->arch->reg_syscall))
		return false;
	number = user->regs.v[s->arch->reg_syscall];
	if (number < MAX_CALLS && sym_find(s->symtab, s->arch->syscall_table, &table) &&
	    err_ok(mem_u64(s->mem, KERNEL, table.addr + number * 8, &function)) &&
	    sym_func_at(s->symtab, function, &sym, &offset) && !offset)
		name = plain_name(sym.name);
	if (name)
		buf_put_safe(out, name, strlen(name));
	else
		buf_printf(out, "number %" PRId64, (int64_t)number);
	return true;
}

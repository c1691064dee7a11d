/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The numbers and letters are part of what the kernel promises to user space: they only ever grow.
 */
#include "engine/kern/module/taint.h"
#include "engine/kern/impl.h"

static const struct {
	char letter;
	const char *text;
} flags[] = {
	{'P', "proprietary module"},
	{'F', "module loaded by force"},
	{'S', "CPU out of specification"},
	{'R', "module removed by force"},
	{'M', "machine check"},
	{'B', "bad page"},
	{'U', "user space asked for it"},
	{'D', "oops or BUG before"},
	{'A', "ACPI table overridden"},
	{'W', "warning before"},
	{'C', "staging driver"},
	{'I', "workaround for firmware"},
	{'O', "module from outside of the kernel's tree"},
	{'E', "unsigned module"},
	{'L', "soft lockup before"},
	{'K', "live patched"},
	{'X', "distribution's own reason"},
	{'T', "struct layout randomized"},
	{'N', "test module"},
	{'J', "firmware debugging by fwctl"},
};

static void each(uint64_t mask, bool whole, struct buf *out)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		bool known = bit < sizeof(flags) / sizeof(*flags);
		if (!(mask >> bit & 1))
			continue;
		if (whole && out->len)
			buf_puts(out, ", ");
		if (known)
			buf_putc(out, flags[bit].letter);
		else
			buf_printf(out, "(%u)", bit);
		if (whole && known)
			buf_printf(out, " %s", flags[bit].text);
	}
}

void taint_letters(uint64_t mask, struct buf *out)
{
	each(mask, false, out);
}

void taint_text(uint64_t mask, struct buf *out)
{
	each(mask, true, out);
}

struct err *taint_of_kernel(struct session *s, uint64_t *ret)
{
	uint64_t addr;

	TRY(kern_symbol(s, "tainted_mask", &addr));
	return mem_u64(s->mem, KERNEL, addr, ret);
}

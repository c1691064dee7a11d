/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text that the kernel leaves about itself, and everything that is asked of it. */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/dump/dump.h"
#include "engine/dump/vmcoreinfo.h"
#include "tests/fuzz/fuzz.h"

static bool begin(struct corpus *c)
{
	static const char *const kernels[] = {"5.10", "6.1", "6.12", "7.2"};

	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		AUTO_FREE char *path = lab_dump(kernels[i], "fsfreeze", "lzo");
		const char *const paths[] = {path};
		struct dump *d;
		if (!path || !err_ok(dump_open(paths, 1, NULL, &d)))
			continue;
		const char *text = vmcoreinfo_text(dump_vmcoreinfo(d));
		corpus_add(c, text, strlen(text));
		dump_close(d);
	}
	return c->n;
}

static void one(const uint8_t *p, size_t n)
{
	static const char *const names[] = {"_stext", "init_uts_ns", "phys_base", "list_head.next", "page",
					    "KERNELOFFSET", "BUILD-ID", "OSRELEASE", "", "a)(=", "prb"};
	struct vmcoreinfo *v = vmcoreinfo_create((const char *)p, n);
	volatile size_t sum = strlen(vmcoreinfo_text(v));
	uint64_t u;
	int64_t s;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *text = vmcoreinfo_str(v, names[i]);
		sum += text ? strlen(text) : 0;
		sum += vmcoreinfo_symbol(v, names[i], &u) + vmcoreinfo_number(v, names[i], &s) +
		       vmcoreinfo_length(v, names[i], &u) + vmcoreinfo_size(v, names[i], &u) +
		       vmcoreinfo_offset(v, names[i], &u);
	}
	sum += vmcoreinfo_empty(v);
	vmcoreinfo_destroy(v);
}

const struct fuzz_target fuzz_vmcoreinfo = {
	.name = "vmcoreinfo",
	.what = "the kernel's note about itself",
	.inputs = 4000,
	.begin = begin,
	.one = one,
};

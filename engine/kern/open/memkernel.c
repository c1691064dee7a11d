/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel that was built with CONFIG_KALLSYMS and CONFIG_DEBUG_INFO_BTF, as all large distributions
 * build theirs, has in its own image what a debugger needs first. vmcoreinfo says where kallsyms is
 * (since 6.0), else the image is searched; kallsyms then says where BTF is (membtf.c).
 *
 * Megabytes of compressed pages are read here before the first screen: bulk.c has all cores unpack them.
 *
 * Sources: Linux' kernel/vmcore_info.c, include/asm-generic/vmlinux.lds.h, include/uapi/linux/btf.h.
 */
#include "engine/kern/open/memkernel.h"
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/kern/open/bulk.h"
#include "engine/sym/kallsyms.h"

#define BULK (256u << 10)

/* ---- reading ---- */

struct bulk *memkernel_bulk(struct session *s)
{
	if (!s->priv->bulk)
		s->priv->bulk = bulk_create(s);
	return s->priv->bulk;
}

static size_t read_kernel(void *ctx, uint64_t addr, void *buf, size_t n)
{
	struct session *s = ctx;

	if (s->priv->image_holes || n < BULK)
		return mem_read_some(s->mem, KERNEL, addr, buf, n, NULL);
	size_t got = bulk_read(memkernel_bulk(s), addr, buf, n);
	s->priv->image_holes = got < n;
	return got;
}

static void *begin_bulk(void *ctx, uint64_t addr, void *buf, size_t n)
{
	return bulk_begin(memkernel_bulk(ctx), addr, buf, n, n, false);
}

static size_t wait_bulk(void *piece, size_t want)
{
	return bulk_wait(piece, want);
}

static void end_bulk(void *piece)
{
	bulk_end(piece);
}

static void warn_lost(void *ctx, uint32_t lost, uint32_t all)
{
	struct session *s = ctx;

	s->priv->own_whole = false;
	session_warn(s, "%" PRIu32 " of %" PRIu32 " symbols of the kernel's own table are on "
			"pages that the dump doesn't have", lost, all);
}

/* ---- symbols ---- */

size_t memkernel_anchors(struct session *s, struct kallsyms_anchor v[KALLSYMS_ANCHORS])
{
	static const char *const names[] = {"_stext", "init_uts_ns", "node_online_map", "log_buf"};
	size_t n = 0;

	_Static_assert(sizeof(names) / sizeof(names[0]) <= KALLSYMS_ANCHORS, "room for all");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (vmcoreinfo_symbol(s->vmcoreinfo, names[i], &v[n].addr))
			v[n++].name = names[i];
	return n;
}

static bool told_tables(struct session *s, struct kallsyms_tables *t)
{
	const struct {
		const char *name;
		uint64_t *at;
	} v[] = {
		{"kallsyms_names", &t->names},
		{"kallsyms_num_syms", &t->num_syms},
		{"kallsyms_token_table", &t->token_table},
		{"kallsyms_token_index", &t->token_index},
		{"kallsyms_offsets", &t->offsets},
		{"kallsyms_relative_base", &t->relative_base},
		{"kallsyms_addresses", &t->addresses},
	};

	*t = (struct kallsyms_tables){0};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (!vmcoreinfo_symbol(s->vmcoreinfo, v[i].name, v[i].at))
			*v[i].at = 0;
	return t->names && t->token_table;
}

static struct err *open_kallsyms(struct session *s, struct job *job, struct kallsyms **ret)
{
	const struct arch_layout *l = mem_layout(s->mem);
	struct kallsyms_anchor anchors[KALLSYMS_ANCHORS];
	struct kallsyms_source src = {
		.read = read_kernel,
		.begin = begin_bulk,
		.wait = wait_bulk,
		.end = end_bulk,
		.ctx = s,
		.image = l->image_va,
		.image_end = l->image_va + l->image_size,
		.slide = l->kernel_offset,
		.anchors = anchors,
		.nanchors = memkernel_anchors(s, anchors),
	};
	struct kallsyms_tables t;
	struct err *why = NULL;

	if (told_tables(s, &t)) {
		src.lost = warn_lost;
		why = kallsyms_open(&src, &t, ret);
		if (!why)
			return NULL;
	}
	job_set_phase(job, "looking for the kernel's symbols");
	src.lost = NULL; /* it tries */
	struct err *e = kallsyms_find(&src, job, &t);
	src.lost = warn_lost;
	if (!e)
		e = kallsyms_open(&src, &t, ret);
	if (e && why && err_code(e) != ERR_CANCELLED) {
		err_free(e);
		return why;
	}
	err_free(why);
	return e;
}

struct err *memkernel_add_symbols(struct session *s, struct job *job)
{
	struct kallsyms *k;

	s->priv->own_whole = true;
	TRY(open_kallsyms(s, job, &k));
	symtab_add_kallsyms(s->symtab, s->vmlinux, k);
	s->priv->own = k;
	return NULL;
}

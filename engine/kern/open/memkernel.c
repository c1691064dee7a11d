/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel that was built with CONFIG_KALLSYMS and CONFIG_DEBUG_INFO_BTF, as all large distributions
 * build theirs, has in its own image what a debugger needs first. vmcoreinfo says where kallsyms is
 * (since 6.0), else the image is searched; kallsyms then says where BTF is, else the image is
 * searched for that too.
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

#define PIECE (64u << 10)
#define BULK (256u << 10)
#define BTF_MAX (64u << 20)
#define PAGE 4096u

/* ---- reading ---- */

struct reader {
	struct session *s;
	bool holes; /* large reads were cut short: don't read ahead of them again */
};

static size_t read_kernel(void *ctx, uint64_t addr, void *buf, size_t n)
{
	struct reader *r = ctx;

	if (r->holes || n < BULK)
		return mem_read_some(r->s->mem, KERNEL, addr, buf, n, NULL);
	size_t got = bulk_read(r->s, addr, buf, n);
	r->holes = got < n;
	return got;
}

static void *begin_bulk(void *ctx, uint64_t addr, void *buf, size_t n)
{
	const struct reader *r = ctx;

	return bulk_begin(r->s, addr, buf, n);
}

static size_t wait_bulk(void *piece, size_t want)
{
	return bulk_wait(piece, want);
}

static void end_bulk(void *piece)
{
	bulk_end(piece);
}

/* ---- symbols ---- */

/* Variables and functions that vmcoreinfo tells the addresses of, under the names of kallsyms. */
static const char *const anchor_names[] = {"_stext", "init_uts_ns", "node_online_map", "log_buf"};
#define ANCHORS (sizeof(anchor_names) / sizeof(anchor_names[0]))

static size_t collect_anchors(struct session *s, struct kallsyms_anchor *v)
{
	size_t n = 0;

	for (size_t i = 0; i < ANCHORS; i++)
		if (vmcoreinfo_symbol(s->vmcoreinfo, anchor_names[i], &v[n].addr))
			v[n++].name = anchor_names[i];
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
	struct kallsyms_anchor anchors[ANCHORS];
	struct reader reader = {.s = s};
	struct kallsyms_source src = {
		.read = read_kernel,
		.begin = begin_bulk,
		.wait = wait_bulk,
		.end = end_bulk,
		.ctx = &reader,
		.image = l->image_va,
		.image_end = l->image_va + l->image_size,
		.slide = l->kernel_offset,
		.anchors = anchors,
		.nanchors = collect_anchors(s, anchors),
	};
	struct kallsyms_tables t;
	struct err *why = NULL;

	if (told_tables(s, &t)) {
		why = kallsyms_open(&src, &t, ret);
		if (!why)
			return NULL;
	}
	job_set_phase(job, "looking for the kernel's symbols");
	struct err *e = kallsyms_find(&src, job, &t);
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

	TRY(open_kallsyms(s, job, &k));
	uint32_t n = kallsyms_count(k), lost = kallsyms_lost(k);
	if (lost)
		session_warn(s, "%" PRIu32 " of %" PRIu32 " symbols of the kernel's own table are on "
				"pages that the dump doesn't have", lost, n);
	symtab_add_kallsyms(s->symtab, s->vmlinux, k);
	s->priv->own = k;
	s->priv->own_whole = !lost;
	return NULL;
}

/* ---- types ---- */

static bool borders(struct session *s, uint64_t *start, uint64_t *stop)
{
	static const char *const names[][2] = {
		{"__start_BTF", "__stop_BTF"}, /* 5.7 */
		{"_binary__btf_vmlinux_bin_start", "_binary__btf_vmlinux_bin_end"}, /* 5.4 */
	};
	struct sym a, b;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sym_find(s->symtab, names[i][0], &a) && sym_find(s->symtab, names[i][1], &b) &&
		    a.addr < b.addr) {
			*start = a.addr;
			*stop = b.addr;
			return true;
		}
	return false;
}

/* A header of version 1, flags 0, whose strings follow the types: its size in all; 0: none. */
static uint64_t btf_size(const uint8_t *p)
{
	uint64_t hdr = load_u32(p + 4), type_off = load_u32(p + 8), type_len = load_u32(p + 12),
		 str_off = load_u32(p + 16), str_len = load_u32(p + 20);

	if (load_u16(p) != 0xeb9f || p[2] != 1 || p[3] || hdr < 24 || hdr > 256 || type_off ||
	    str_off < type_len || !str_len || str_off + str_len > BTF_MAX)
		return 0;
	return hdr + str_off + str_len;
}

/* Without symbols: the largest BTF in the image is vmlinux'. */
static struct err *search_btf(struct session *s, struct job *job, uint64_t *start, uint64_t *stop)
{
	const struct arch_layout *l = mem_layout(s->mem);
	static const uint8_t magic[4] = {0x9f, 0xeb, 1, 0};
	AUTO_FREE uint8_t *buf = xmalloc(PIECE + 24);
	uint64_t end = l->image_va + l->image_size, best = 0;

	for (uint64_t at = l->image_va; at < end; at += PIECE) {
		size_t n = mem_read_some(s->mem, KERNEL, at, buf, PIECE + 24, NULL);
		const uint8_t *p = buf;
		TRY(job_tick(job, 1));
		while (n >= 24 && (p = memmem(p, (size_t)(buf + n - 20 - p), magic, 4))) {
			if (btf_size(p) > best) {
				best = btf_size(p);
				*start = at + (uint64_t)(p - buf);
			}
			p++;
		}
		if (n < PIECE) /* on behind the page that can't be read */
			at = ((at + n) & ~UINT64_C(4095)) + PAGE - PIECE;
	}
	*stop = *start + best;
	return best ? NULL : err_new(ERR_NOTFOUND, "there is no BTF in this kernel's memory");
}

/* Lost pages become zeroes, at which BTF's own reader stops or finds no names. Returns how many bytes
 * were lost. */
static uint64_t read_with_holes(struct session *s, uint64_t addr, uint8_t *p, uint64_t n)
{
	uint64_t lost = 0;

	for (uint64_t at = 0; at < n;) {
		at += mem_read_some(s->mem, KERNEL, addr + at, p + at, (size_t)(n - at), NULL);
		if (at >= n)
			break;
		uint64_t next = at + PAGE - (addr + at) % PAGE;
		next = next < n ? next : n;
		memset(p + at, 0, (size_t)(next - at));
		lost += next - at;
		at = next;
	}
	return lost;
}

struct err *memkernel_add_btf(struct session *s, struct job *job)
{
	uint64_t start = 0, stop = 0;
	uint8_t *p;

	if (!borders(s, &start, &stop))
		TRY(search_btf(s, job, &start, &stop));
	uint64_t n = stop - start;
	if (n > BTF_MAX)
		return err_new(ERR_CORRUPT, "BTF of %" PRIu64 " bytes can't be", n);
	TRY(try_alloc((size_t)n, 1, BTF_MAX, &p));
	uint64_t lost = bulk_read(s, start, p, (size_t)n) == n ? 0 : read_with_holes(s, start, p, n);
	if (lost == n || !btf_size(p)) {
		free(p);
		s->priv->own_whole = false;
		return err_new(lost ? ERR_FAULT : ERR_CORRUPT, "the kernel's BTF at %#" PRIx64 " %s",
			       start, lost ? "is on pages that the dump doesn't have" :
					     "doesn't begin as BTF does");
	}
	s->priv->own_whole &= !lost;
	if (lost)
		session_warn(s, "%" PRIu64 " bytes of the kernel's types (BTF) are on pages that the "
				"dump doesn't have: some types are missing", lost);
	object_set_section(s->vmlinux, ".BTF", p, (size_t)n, start - object_bias(s->vmlinux));
	return NULL;
}

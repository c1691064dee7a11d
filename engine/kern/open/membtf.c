/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's BTF out of its memory. kallsyms says where it is, else the image is searched. It is five megabytes
 * and more of compressed pages, of which the first screen needs a tenth: so it is unpacked behind, types and strings
 * side by side, and who reads it waits just for what he reads (object_section_coming()).
 *
 * Lost pages become zeroes, at which BTF's own reader stops or finds no names.
 *
 * Sources: Linux' include/asm-generic/vmlinux.lds.h, include/uapi/linux/btf.h.
 */
#include "engine/kern/open/memkernel.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/kern/open/bulk.h"

#define PIECE (64u << 10)
/* Of the strings the first quarter is wanted, of the types half or all. */
#define TYPES_AHEAD (1u << 20)
#define STRINGS_AHEAD (448u << 10)
#define BTF_MAX (64u << 20)
#define PAGE 4096u

/* Half of the section: its header and types, or its strings. */
struct half {
	size_t from, n;
	atomic_bool done;
	pthread_rwlock_t lock;	/* of the lane's life */
	struct bulk_lane *lane; /* NULL once it is done */
};

struct membtf {
	struct session *s;
	uint64_t addr;
	uint8_t *p;
	struct half half[2];
};

/* ---- where it is ---- */

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

/* ---- on its way ---- */

static void warn_lost(struct session *s, uint64_t lost)
{
	if (!lost)
		return;
	s->priv->own_whole = false;
	session_warn(s, "%" PRIu64 " bytes of the kernel's types (BTF) are on pages that the dump doesn't have: "
			"some types are missing", lost);
}

/* Nothing more of it is on its way; what was lost is told when all of that is known. */
static void end_half(struct membtf *m, struct half *h)
{
	uint64_t lost;

	pthread_rwlock_wrlock(&h->lock);
	struct bulk_lane *lane = h->lane;
	if (lane) {
		bulk_wait(lane, h->n);
		bulk_done(lane, &lost);
		warn_lost(m->s, lost);
		h->lane = NULL;
		atomic_store(&h->done, true);
	}
	pthread_rwlock_unlock(&h->lock);
	if (lane)
		bulk_end(lane);
}

static void need_half(struct membtf *m, unsigned i, size_t from, size_t to)
{
	struct half *h = &m->half[i];
	uint64_t lost = 0;
	bool all = false;

	if (atomic_load(&h->done))
		return;
	pthread_rwlock_rdlock(&h->lock);
	if (!h->done) {
		bool somewhere = i && from; /* a string; types are walked from the first one on */
		if (somewhere)
			bulk_need(h->lane, from, to);
		else
			bulk_wait(h->lane, to);
		all = bulk_done(h->lane, &lost);
	}
	pthread_rwlock_unlock(&h->lock);
	if (all || lost)
		end_half(m, h);
}

static void need(void *ctx, size_t from, size_t to)
{
	struct membtf *m = ctx;
	size_t split = m->half[1].from, end = split + m->half[1].n;

	if (from < split)
		need_half(m, 0, from, to < split ? to : split);
	if (to > split)
		need_half(m, 1, from > split ? from - split : 0, (to < end ? to : end) - split);
}

void membtf_done(struct membtf *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < 2; i++)
		pthread_rwlock_destroy(&m->half[i].lock);
	free(m);
}

struct err *memkernel_add_btf(struct session *s, struct job *job)
{
	uint64_t start = 0, stop = 0;
	uint8_t head[24], *p;

	if (!borders(s, &start, &stop))
		TRY(search_btf(s, job, &start, &stop));
	uint64_t n = stop - start;
	if (n > BTF_MAX)
		return err_new(ERR_CORRUPT, "BTF of %" PRIu64 " bytes can't be", n);
	size_t got = mem_read_some(s->mem, KERNEL, start, head, sizeof(head), NULL);
	if (got < sizeof(head) || !btf_size(head) || btf_size(head) > n)
		return err_new(got < sizeof(head) ? ERR_FAULT : ERR_CORRUPT, "the kernel's BTF at %#" PRIx64 " %s", start,
			       got < sizeof(head) ? "is on pages that the dump doesn't have" :
						    "doesn't begin as BTF does");
	TRY(try_alloc((size_t)n + 1, 1, BTF_MAX + 1, &p));
	struct membtf *m = xcalloc(1, sizeof(*m));
	size_t split = load_u32(head + 4) + load_u32(head + 16);
	m->s = s;
	m->addr = start;
	m->p = p;
	m->half[0].n = m->half[1].from = split;
	m->half[1].n = (size_t)n - split;
	for (unsigned i = 0; i < 2; i++) {
		pthread_rwlock_init(&m->half[i].lock, NULL);
		m->half[i].lane = bulk_begin(memkernel_bulk(s), start + m->half[i].from, p + m->half[i].from,
					     m->half[i].n, i ? STRINGS_AHEAD : TYPES_AHEAD, true);
	}
	s->priv->btf = m;
	object_begin_section(s->vmlinux, ".BTF",
			     &(struct object_section){p, (size_t)n, start - object_bias(s->vmlinux)},
			     &(struct object_coming){need, m});
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces. One function translates (locate), one reads (read_some), and the public ones are
 * shapes of these two.
 *
 * Where a linear map holds, a damaged page table must not outweigh it: one lost entry of the direct
 * map would hide a gigabyte of tasks. So RAM in the direct map is read by arithmetic alone. In the
 * kernel image the tables are asked, because a part of it is freed and unmapped after boot; where
 * they contradict the image's known place, the place is right. vmalloc, modules, vmemmap and stacks
 * are known to the tables alone. A table page is RAM like any other, and so an unreadable one is
 * told by its state (excluded, lost ...), never taken for an empty one.
 */
#include "engine/mem/mem.h"
#include <stdatomic.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/dump/vmcoreinfo.h"
#include "engine/mem/tlb.h"

#define PAGE UINT64_C(4096) /* the unit in which a dump's pages come and go */

struct mem {
	struct dump *dump;
	const struct arch *arch;
	bool (*symbol)(void *ctx, const char *name, uint64_t *ret);
	void *symbol_ctx;
	struct arch_env env;
	struct arch_layout layout;
	_Atomic uint64_t other_pgd; /* mem_other_tables(); 0: none */
	struct tlb tlb;
};

static struct err *env_read_phys(void *ctx, uint64_t pa, void *buf, size_t n)
{
	struct mem *m = ctx;
	enum mem_state why = MEM_LOST;
	size_t got = dump_read(m->dump, pa, buf, n, &why);

	return got == n ? NULL : err_fault(why, pa + got);
}

static bool env_symbol(void *ctx, const char *name, uint64_t *ret)
{
	struct mem *m = ctx;

	return m->symbol && m->symbol(m->symbol_ctx, name, ret);
}

static bool env_vmcoreinfo(void *ctx, const char *key, const char **ret)
{
	struct mem *m = ctx;

	*ret = vmcoreinfo_str(dump_vmcoreinfo(m->dump), key);
	return *ret;
}

static bool env_note(void *ctx, size_t i, const char **name, uint32_t *type, const void **desc,
		     size_t *size)
{
	struct mem *m = ctx;
	struct dump_note note;

	if (!dump_note(m->dump, i, &note))
		return false;
	*name = note.name;
	*type = note.type;
	*desc = note.desc;
	*size = note.desc_size;
	return true;
}

static bool env_segment(void *ctx, size_t i, uint64_t *pa, uint64_t *va, uint64_t *size)
{
	struct mem *m = ctx;
	struct dump_segment seg;

	if (!dump_segment(m->dump, i, &seg))
		return false;
	*pa = seg.pa;
	*va = seg.va;
	*size = seg.size;
	return true;
}

static bool env_phys_base(void *ctx, uint64_t *ret)
{
	struct mem *m = ctx;
	const struct dump_info *info = dump_info(m->dump);

	*ret = info->phys_base;
	return info->has_phys_base;
}

struct mem *mem_create(struct dump *d, const struct arch *a,
		       bool (*symbol)(void *ctx, const char *name, uint64_t *ret), void *ctx)
{
	const struct dump_info *info = dump_info(d);
	struct mem *m = xcalloc(1, sizeof(*m));

	m->dump = d;
	m->arch = a;
	m->symbol = symbol;
	m->symbol_ctx = ctx;
	m->env = (struct arch_env){
		.ctx = m,
		.read_phys = env_read_phys,
		.symbol = env_symbol,
		.vmcoreinfo = env_vmcoreinfo,
		.note = env_note,
		.segment = env_segment,
		.phys_base = env_phys_base,
	};
	if (!mul_u64(info->max_pfn, info->page_size, &m->env.max_pa))
		m->env.max_pa = 0;
	a->layout(&m->env, &m->layout);
	return m;
}

void mem_destroy(struct mem *m)
{
	free(m);
}

struct dump *mem_dump(const struct mem *m)
{
	return m->dump;
}

const struct arch *mem_arch(const struct mem *m)
{
	return m->arch;
}

const struct arch_layout *mem_layout(const struct mem *m)
{
	return &m->layout;
}

static bool in_range(uint64_t va, uint64_t start, uint64_t size)
{
	return va >= start && va - start < size;
}

/* RAM in the direct map. What isn't RAM there is left to the tables: the size of memory is only as
 * good as the dump's header. */
static bool direct_ram(const struct mem *m, uint64_t va, uint64_t *pa)
{
	const struct arch_layout *l = &m->layout;
	unsigned page_size = dump_info(m->dump)->page_size;

	return m->arch->linear && in_range(va, l->direct_va, l->direct_size) &&
	       m->arch->linear(l, va, pa) &&
	       dump_page_state(m->dump, *pa / (page_size ? page_size : PAGE)) != MEM_NOT_RAM;
}

/* What the tables said (e: nothing) put right by the linear maps. true: x is right now. */
static bool from_linear(const struct mem *m, uint64_t va, const struct err *e, struct arch_xlat *x)
{
	const struct arch_layout *l = &m->layout;
	bool unreadable = e && err_state(e) != MEM_UNMAPPED;
	uint64_t pa;

	if (!m->arch->linear || !m->arch->linear(l, va, &pa) || (!e && x->pa == pa))
		return !e;
	if (in_range(va, l->image_va, l->image_size)) {
		if (!unreadable && (!l->image_sure || !l->init_size ||
				    in_range(va, l->init_va, l->init_size)))
			return !e;
	} else if (!unreadable && !direct_ram(m, va, &pa)) {
		return !e;
	}
	x->pa = pa;
	x->page_size = PAGE;
	x->linear = true;
	return true;
}

bool mem_other_tables(struct mem *m, uint64_t pgd_pa)
{
	uint64_t va = m->layout.direct_va + pgd_pa;
	struct arch_xlat x;

	if (!pgd_pa || pgd_pa >= m->layout.direct_size)
		return false;
	struct err *e = m->arch->walk(&m->env, &m->layout, pgd_pa, va, &x);
	/* further down the direct map's tables may be lost, too */
	bool fits = e ? err_state(e) != MEM_UNMAPPED && x.nlevels : x.pa == pgd_pa;
	err_free(e);
	if (!fits)
		return false;
	atomic_store(&m->other_pgd, pgd_pa);
	return true;
}

/* What the kernel's own tables said (e: nothing), or the others where these can't be read. */
static struct err *by_other_tables(struct mem *m, uint64_t va, struct err *e, struct arch_xlat *x)
{
	uint64_t pgd_pa = atomic_load(&m->other_pgd);
	enum mem_state why = e ? err_state(e) : MEM_PRESENT;
	struct arch_xlat other;

	if (!e || !pgd_pa || why == MEM_UNMAPPED)
		return e;
	uint64_t at = err_addr(e);
	err_free(e);
	if (!err_ok(m->arch->walk(&m->env, &m->layout, pgd_pa, va, &other)))
		return err_fault(why, at);
	*x = other;
	return NULL;
}

struct err *mem_vtop(struct mem *m, struct space s, uint64_t va, struct arch_xlat *ret)
{
	*ret = (struct arch_xlat){0};
	if (s.kind == SPACE_PHYS) {
		*ret = (struct arch_xlat){.pa = va, .page_size = PAGE};
		return NULL;
	}
	if (m->arch->is_kernel(&m->layout, va) != (s.kind == SPACE_KERNEL))
		return err_fault(MEM_UNMAPPED, va);

	uint64_t pgd_pa = s.kind == SPACE_KERNEL ? m->layout.pgd_pa : s.pgd_pa;
	struct err *e = m->arch->walk(&m->env, &m->layout, pgd_pa, va, ret);
	if (s.kind == SPACE_KERNEL)
		e = by_other_tables(m, va, e, ret);
	if (s.kind != SPACE_KERNEL || !from_linear(m, va, e, ret))
		return e;
	err_free(e);
	return NULL;
}

/* The physical address of va, and how many bytes from there on belong to the same mapping. */
static enum mem_state locate(struct mem *m, struct space s, uint64_t va, uint64_t *pa,
			     uint64_t *left)
{
	struct arch_xlat x;

	if (s.kind == SPACE_PHYS) {
		*pa = va;
		*left = UINT64_MAX - va;
		return MEM_PRESENT;
	}
	if (s.kind == SPACE_KERNEL && direct_ram(m, va, pa)) {
		*left = PAGE - (va & (PAGE - 1));
		return MEM_PRESENT;
	}
	if (s.kind == SPACE_KERNEL && tlb_get(&m->tlb, va, pa, left))
		return MEM_PRESENT;

	struct err *e = mem_vtop(m, s, va, &x);
	if (e) {
		enum mem_state why = err_state(e);
		err_free(e);
		return why;
	}
	*pa = x.pa;
	*left = x.page_size - (va & (x.page_size - 1));
	if (s.kind == SPACE_KERNEL)
		tlb_put(&m->tlb, va, x.pa, x.page_size);
	return MEM_PRESENT;
}

size_t mem_read_some(struct mem *m, struct space s, uint64_t va, void *buf, size_t n,
		     enum mem_state *why)
{
	enum mem_state state = MEM_PRESENT;
	size_t done = 0;

	while (done < n) {
		uint64_t pa, left;
		state = locate(m, s, va + done, &pa, &left);
		if (state != MEM_PRESENT)
			break;
		size_t want = n - done < left ? n - done : (size_t)left;
		size_t got = want ? dump_read(m->dump, pa, (char *)buf + done, want, &state) : 0;
		done += got;
		if (got < want || !want) {
			state = want ? state : MEM_NOT_RAM; /* the end of all addresses */
			break;
		}
	}
	if (done < n && why)
		*why = state;
	return done;
}

struct err *mem_read(struct mem *m, struct space s, uint64_t va, void *buf, size_t n)
{
	enum mem_state why = MEM_LOST;
	size_t got = mem_read_some(m, s, va, buf, n, &why);

	return got == n ? NULL : err_fault(why, va + got);
}

enum mem_state mem_state_at(struct mem *m, struct space s, uint64_t va, uint64_t *pa)
{
	unsigned page_size = dump_info(m->dump)->page_size;
	uint64_t at = 0, left;
	enum mem_state state = locate(m, s, va, &at, &left);

	if (pa)
		*pa = at;
	if (state != MEM_PRESENT)
		return state;
	return dump_page_state(m->dump, at / (page_size ? page_size : PAGE));
}

/* Within one page: its bytes, or zeroes and the reason. */
static enum mem_state read_piece(struct mem *m, struct space s, uint64_t va, void *buf, size_t n)
{
	uint64_t pa;
	enum mem_state state = mem_state_at(m, s, va, &pa), why = MEM_LOST;
	size_t got = mem_readable(state) ? dump_read(m->dump, pa, buf, n, &why) : 0;

	if (got == n)
		return state;
	memset((char *)buf + got, 0, n - got);
	return mem_readable(state) ? why : state;
}

size_t mem_read_holes(struct mem *m, struct space s, uint64_t va, void *buf, size_t n,
		      uint8_t *states)
{
	size_t words = n / 8 + (n % 8 != 0), good = 0;

	memset(states, MEM_PRESENT, words);
	for (size_t done = 0, piece; done < n; done += piece) {
		uint64_t in_page = PAGE - ((va + done) & (PAGE - 1));
		piece = n - done < in_page ? n - done : (size_t)in_page;
		enum mem_state state = read_piece(m, s, va + done, (char *)buf + done, piece);
		/* A word that lies in two pages has the state of the worse one. */
		for (size_t i = done / 8; i <= (done + piece - 1) / 8; i++)
			if (mem_readable(states[i]) && (i * 8 >= done || state != MEM_ZERO))
				states[i] = (uint8_t)state;
	}
	for (size_t i = 0; i < words; i++)
		good += (size_t)mem_readable(states[i]);
	return good;
}

struct err *mem_u8(struct mem *m, struct space s, uint64_t va, uint8_t *ret)
{
	return mem_read(m, s, va, ret, sizeof(*ret));
}

struct err *mem_u32(struct mem *m, struct space s, uint64_t va, uint32_t *ret)
{
	return mem_read(m, s, va, ret, sizeof(*ret));
}

struct err *mem_u64(struct mem *m, struct space s, uint64_t va, uint64_t *ret)
{
	return mem_read(m, s, va, ret, sizeof(*ret));
}

struct err *mem_str(struct mem *m, struct space s, uint64_t va, char *buf, size_t cap)
{
	size_t len = 0;

	if (!cap)
		return NULL;
	buf[0] = '\0';
	while (len < cap - 1) {
		uint64_t in_page = PAGE - ((va + len) & (PAGE - 1));
		size_t want = cap - 1 - len < in_page ? cap - 1 - len : (size_t)in_page;
		enum mem_state why = MEM_LOST;
		if (want > 256)
			want = 256; /* most strings are short: don't fetch a page's rest for each */
		size_t got = mem_read_some(m, s, va + len, buf + len, want, &why);
		buf[len + got] = '\0';
		if (!got && !len)
			return err_fault(why, va);
		if (got < want || memchr(buf + len, '\0', got))
			return NULL;
		len += got;
	}
	return NULL;
}

bool mem_next_mapping(struct mem *m, struct space s, uint64_t *va, uint64_t last, struct job *job, uint64_t *pa,
		      uint64_t *left)
{
	uint64_t pgd_pa = s.kind == SPACE_KERNEL ? m->layout.pgd_pa : s.pgd_pa;
	uint64_t end = last | (PAGE - 1), before; /* the last page of all has no byte behind it */
	struct arch_xlat x;

	if (!m->arch->next_mapping || s.kind == SPACE_PHYS)
		return false;
	while (*va <= last && !job_cancelled(job)) {
		before = *va;
		if (m->arch->next_mapping(&m->env, &m->layout, pgd_pa, va, end, &x)) {
			*pa = x.pa;
			*left = x.page_size - (*va & (x.page_size - 1));
			return *va <= last;
		}
		if (*va <= before)
			return false;
	}
	return false;
}

uint64_t mem_kernel_start(const struct mem *m)
{
	unsigned bit = 63;

	while (bit > 12 && !m->arch->is_kernel(&m->layout, UINT64_MAX << bit))
		bit--;
	return UINT64_MAX << bit;
}

bool mem_phys_to_direct(const struct mem *m, uint64_t pa, uint64_t *va)
{
	if (pa >= m->layout.direct_size)
		return false;
	*va = m->layout.direct_va + pa;
	return true;
}

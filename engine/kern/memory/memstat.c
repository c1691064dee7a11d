/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The figures are made of the kernel's global counters as /proc/meminfo makes them: what CPUs have not
 * added to them yet is left out here too.
 */
#include "engine/kern/memory/memstat.h"
#include <stdlib.h>
#include <string.h>
#include "engine/kern/fs/blockdev.h"
#include "engine/kern/impl.h"

#define HSTATES_MAX 16
#define BDEVS_MAX 100000

struct meter {
	struct session *s;
	uint64_t page;
};

/* ---- counters ---- */

static struct err *read_symbol(struct meter *k, const char *name, uint64_t *ret)
{
	uint64_t at;

	TRY(kern_symbol(k->s, name, &at));
	return mem_u64(k->s->mem, KERNEL, at, ret);
}

/* vm_zone_stat[item] or vm_node_stat[item], in what they count. */
static struct err *vmstat(struct meter *k, const char *array, const char *item, uint64_t *ret)
{
	uint64_t at, index;

	if (!kern_enum_value(k->s, item, &index) || index > 1000)
		return err_new(ERR_NOTFOUND, "this kernel has no %s", item);
	TRY(kern_symbol(k->s, array, &at));
	TRY(mem_u64(k->s->mem, KERNEL, at + 8 * index, ret));
	if ((int64_t)*ret < 0) /* what CPUs owe can make it so for a moment */
		*ret = 0;
	return NULL;
}

static struct err *pages(struct meter *k, const char *array, const char *item, uint64_t *ret)
{
	TRY(vmstat(k, array, item, ret));
	*ret *= k->page;
	return NULL;
}

/* Page cache of block devices themselves: what Buffers is. */
struct bdevs {
	struct meter *k;
	struct kern_member pages;
	uint64_t list, sum;
};

static struct err *on_inode(void *ctx, uint64_t node)
{
	struct bdevs *b = ctx;
	uint64_t n;

	if (err_ok(kern_read(b->k->s, node - b->list, &b->pages, &n)))
		b->sum += n;
	return NULL;
}

static struct err *buffers(struct meter *k, uint64_t *ret)
{
	struct bdevs b = {k, {.names = "i_data.nrpages"}, 0, 0};
	struct kern_member list = {.names = "i_sb_list"}, inodes = {.names = "s_inodes"};
	char *damage = NULL;
	uint64_t sb;

	TRY(blockdev_super(k->s, &sb));
	kern_members(k->s, "struct inode", &b.pages, 1);
	if (!kern_members(k->s, "struct inode", &list, 1) || !kern_members(k->s, "struct super_block", &inodes, 1))
		return err_new(ERR_NOTFOUND, "this kernel's super_block has no list s_inodes");
	b.list = list.place.offset;
	TRY(walk_list(k->s, kern_at(sb, &inodes), BDEVS_MAX, NULL, on_inode, &b, &damage));
	struct err *bad = damage ? err_new(ERR_CORRUPT, "%s", damage) : NULL;
	free(damage);
	*ret = b.sum * k->page;
	return bad;
}

/* Default and other sizes of huge pages: all that there are, and the free ones. */
static struct err *huge(struct meter *k, bool only_free, uint64_t *ret)
{
	struct kern_member m[] = {{.names = "order"}, {.names = only_free ? "free_huge_pages" : "nr_huge_pages"}};
	const struct type *t;
	uint64_t at, order, n, count;
	uint32_t max;

	*ret = 0;
	if (!err_ok(kern_symbol(k->s, "hstates", &at)))
		return NULL; /* built without */
	TRY(type_find(k->s->types, "struct hstate", NULL, &t));
	kern_members(k->s, "struct hstate", m, 2);
	TRY(kern_symbol(k->s, "hugetlb_max_hstate", &count));
	TRY(mem_u32(k->s->mem, KERNEL, count, &max));
	for (uint32_t i = 0; i < max && i < HSTATES_MAX; i++) {
		TRY(kern_read(k->s, at + i * type_size(t), &m[0], &order));
		TRY(kern_read(k->s, at + i * type_size(t), &m[1], &n));
		if (order < 32)
			*ret += (n << order) * k->page;
	}
	return NULL;
}

static struct err *committed(struct meter *k, uint64_t *ret)
{
	struct kern_member m[] = {{.names = "count"}, {.names = "counters"}};
	uint64_t at, sum, counters, base;
	uint32_t part;

	TRY(kern_symbol(k->s, "vm_committed_as", &at));
	kern_members(k->s, "struct percpu_counter", m, 2);
	TRY(kern_read(k->s, at, &m[0], &sum));
	if (err_ok(kern_read(k->s, at, &m[1], &counters)))
		for (unsigned cpu = 0; cpu < k->s->ncpus; cpu++)
			if (err_ok(kern_percpu_offset(k->s, cpu, &base)) &&
			    err_ok(mem_u32(k->s->mem, KERNEL, counters + base, &part)))
				sum += (uint64_t)(int64_t)(int32_t)part;
	*ret = (int64_t)sum > 0 ? sum * k->page : 0;
	return NULL;
}

/* ---- figures ---- */

static struct err *total(struct meter *k, uint64_t *ret)
{
	TRY(read_symbol(k, "_totalram_pages", ret));
	*ret *= k->page;
	return NULL;
}

/* Free pages of CPUs' own lists count as used, as in /proc/meminfo. */
static struct err *free_pages(struct meter *k, uint64_t *ret)
{
	return pages(k, "vm_zone_stat", "NR_FREE_PAGES", ret);
}

static struct err *used(struct meter *k, uint64_t *ret)
{
	uint64_t all, left;

	TRY(total(k, &all));
	TRY(free_pages(k, &left));
	*ret = all > left ? all - left : 0;
	return NULL;
}

#define NODE_ITEM(name, item)                                                                      \
	static struct err *name(struct meter *k, uint64_t *ret)                                    \
	{                                                                                          \
		return pages(k, "vm_node_stat", item, ret);                                        \
	}
NODE_ITEM(file_pages, "NR_FILE_PAGES")
NODE_ITEM(shared, "NR_SHMEM")
NODE_ITEM(reclaimable, "NR_SLAB_RECLAIMABLE_B")
NODE_ITEM(unreclaimable, "NR_SLAB_UNRECLAIMABLE_B")
NODE_ITEM(anon, "NR_ANON_MAPPED")
NODE_ITEM(mapped, "NR_FILE_MAPPED")
NODE_ITEM(dirty, "NR_FILE_DIRTY")
NODE_ITEM(writeback, "NR_WRITEBACK")

/* A zone's up to 5.10. */
static struct err *page_tables(struct meter *k, uint64_t *ret)
{
	const struct type *t;
	uint64_t index;
	const char *name;

	bool of_zone = kern_enum_value(k->s, "NR_PAGETABLE", &index) &&
		       err_ok(type_find_enumerator(k->s->types, "NR_FREE_PAGES", NULL, &t)) &&
		       (name = type_enum_name(t, (int64_t)index)) && !strcmp(name, "NR_PAGETABLE");
	return pages(k, of_zone ? "vm_zone_stat" : "vm_node_stat", "NR_PAGETABLE", ret);
}

static struct err *swap_cached(struct meter *k, uint64_t *ret)
{
	if (!err_ok(pages(k, "vm_node_stat", "NR_SWAPCACHE", ret)))
		*ret = 0;
	return NULL;
}

static struct err *cached(struct meter *k, uint64_t *ret)
{
	uint64_t buf, swap;

	TRY(file_pages(k, ret));
	TRY(buffers(k, &buf));
	TRY(swap_cached(k, &swap));
	*ret = *ret > buf + swap ? *ret - buf - swap : 0;
	return NULL;
}

static struct err *slab(struct meter *k, uint64_t *ret)
{
	uint64_t rest;

	TRY(reclaimable(k, ret));
	TRY(unreclaimable(k, &rest));
	*ret += rest;
	return NULL;
}

static struct err *huge_total(struct meter *k, uint64_t *ret)
{
	return huge(k, false, ret);
}

static struct err *huge_free(struct meter *k, uint64_t *ret)
{
	return huge(k, true, ret);
}

/* Neither variables nor their functions; the names of functions are in every kernel's own table. */
static bool without_swap(struct meter *k)
{
	uint64_t at;

	return err_ok(kern_symbol(k->s, "si_meminfo", &at)) && !err_ok(kern_symbol(k->s, "si_swapinfo", &at));
}

static struct err *swap_total(struct meter *k, uint64_t *ret)
{
	*ret = 0;
	if (without_swap(k))
		return NULL;
	TRY(read_symbol(k, "total_swap_pages", ret));
	*ret *= k->page;
	return NULL;
}

static struct err *swap_free(struct meter *k, uint64_t *ret)
{
	*ret = 0;
	if (without_swap(k))
		return NULL;
	TRY(read_symbol(k, "nr_swap_pages", ret));
	*ret = (int64_t)*ret > 0 ? *ret * k->page : 0;
	return NULL;
}

static struct err *commit_limit(struct meter *k, uint64_t *ret)
{
	uint64_t kbytes = 0, at, all, big, swap;
	uint32_t ratio;

	TRY(total(k, &all));
	TRY(huge_total(k, &big));
	TRY(swap_total(k, &swap));
	if (err_ok(read_symbol(k, "sysctl_overcommit_kbytes", &kbytes)) && kbytes) {
		*ret = kbytes * 1024 + swap;
		return NULL;
	}
	TRY(kern_symbol(k->s, "sysctl_overcommit_ratio", &at));
	TRY(mem_u32(k->s->mem, KERNEL, at, &ratio));
	if (ratio > 10000 || all < big)
		return err_new(ERR_CORRUPT, "sysctl_overcommit_ratio is %u", ratio);
	*ret = (all - big) / k->page * ratio / 100 * k->page + swap;
	return NULL;
}

static struct err *kernel_stack(struct meter *k, uint64_t *ret)
{
	TRY(vmstat(k, "vm_node_stat", "NR_KERNEL_STACK_KB", ret));
	*ret *= 1024;
	return NULL;
}

static const struct {
	const char *name, *label, *of;
	struct err *(*get)(struct meter *k, uint64_t *ret);
} figures[] = {
	{"total", "TOTAL MEM", NULL, total},
	{"free", "FREE", "total", free_pages},
	{"used", "USED", "total", used},
	{"shared", "SHARED", "total", shared},
	{"buffers", "BUFFERS", "total", buffers},
	{"cached", "CACHED", "total", cached},
	{"slab", "SLAB", "total", slab},
	{"slab_reclaimable", "SLAB RECLAIMABLE", "total", reclaimable},
	{"slab_unreclaimable", "SLAB UNRECLAIMABLE", "total", unreclaimable},
	{"anon", "ANONYMOUS", "total", anon},
	{"mapped", "MAPPED FILES", "total", mapped},
	{"dirty", "DIRTY", "total", dirty},
	{"writeback", "WRITEBACK", "total", writeback},
	{"kernel_stack", "KERNEL STACKS", "total", kernel_stack},
	{"page_tables", "PAGE TABLES", "total", page_tables},
	{"huge_total", "TOTAL HUGE", NULL, huge_total},
	{"huge_free", "HUGE FREE", "huge_total", huge_free},
	{"swap_total", "TOTAL SWAP", NULL, swap_total},
	{"swap_free", "SWAP FREE", "swap_total", swap_free},
	{"commit_limit", "COMMIT LIMIT", NULL, commit_limit},
	{"committed", "COMMITTED", "commit_limit", committed},
};

struct err *memstat_each(struct session *s, struct err *(*fn)(void *ctx, const struct memstat *m), void *ctx)
{
	struct meter k = {s, s->arch->page_size};

	for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++) {
		struct memstat m = {.name = figures[i].name, .label = figures[i].label, .of = figures[i].of};
		struct err *why = figures[i].get(&k, &m.bytes);
		m.known = !why;
		m.why = why ? err_text(why) : NULL;
		struct err *e = fn(ctx, &m);
		err_free(why);
		TRY(e);
	}
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes come from node_data[], or are the only one where the kernel was built for one. Which counters there are
 * and what they are called the kernel's own enums say.
 */
#include "engine/kern/memory/zones.h"
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"

#define COUNTERS_MAX 1024 /* of one group */

size_t zones_nodes(struct session *s, uint64_t *ret, size_t max)
{
	uint64_t nodes, count = 1;
	size_t n = 0;

	/* only kernels of one node have it, and vmcoreinfo tells it: looking for it in vain would take all symbols */
	if (max && vmcoreinfo_symbol(s->vmcoreinfo, "contig_page_data", &ret[0]))
		return 1;
	if (!err_ok(kern_symbol(s, "node_data", &nodes)))
		return max && err_ok(kern_symbol(s, "contig_page_data", &ret[0]));
	if (!vmcoreinfo_length(s->vmcoreinfo, "node_data", &count) || count > NODES_MAX)
		count = 1;
	for (uint64_t i = 0; i < count && n < max; i++)
		if (err_ok(mem_u64(s->mem, KERNEL, nodes + 8 * i, &ret[n])) && kern_pointer(s, ret[n]))
			n++;
	return n;
}

/* ---- zones ---- */

struct zone_reader {
	struct session *s;
	struct kern_member zones, id, name, v[ZF_COUNT];
	uint64_t size, count; /* of a zone; zones of a node */
};

static struct err *reader_open(struct zone_reader *r, struct session *s)
{
	*r = (struct zone_reader){
		.s = s, .zones = {.names = "node_zones"}, .id = {.names = "node_id"}, .name = {.names = "name"},
		.v = {{.names = "zone_start_pfn"}, {.names = "spanned_pages"}, {.names = "present_pages"},
		      {.names = "managed_pages.counter|managed_pages"}, {.names = "vm_stat[0].counter"},
		      {.names = "_watermark[0]|watermark[0]"}, {.names = "_watermark[1]|watermark[1]"},
		      {.names = "_watermark[2]|watermark[2]"}},
	};
	const struct type *t;
	uint64_t index;

	TRY(type_find(s->types, "struct zone", NULL, &t));
	r->size = type_size(t);
	kern_members(s, "struct zone", r->v, ZF_COUNT);
	kern_members(s, "struct zone", &r->name, 1);
	kern_members(s, "struct pglist_data", &r->id, 1);
	if (!kern_members(s, "struct pglist_data", &r->zones, 1) || !type_array_count(type_strip(r->zones.place.type), &r->count) ||
	    !r->size || r->count > 64)
		return err_new(ERR_NOTFOUND, "this kernel's pglist_data has no array node_zones");
	if (kern_enum_value(s, "NR_FREE_PAGES", &index) && index < 64)
		r->v[ZF_FREE].place.offset += 8 * index;
	return NULL;
}

static void read_zone(const struct zone_reader *r, uint64_t addr, uint32_t node, struct zone_info *z)
{
	uint64_t name;

	*z = (struct zone_info){.addr = addr, .node = node, .name = "?"};
	if (err_ok(kern_read(r->s, addr, &r->name, &name)) && name)
		err_free(mem_str(r->s->mem, KERNEL, name, z->name, sizeof(z->name)));
	for (size_t f = 0; f < ZF_COUNT; f++)
		if (err_ok(kern_read(r->s, addr, &r->v[f], &z->v[f])))
			z->known |= 1u << f;
}

struct err *zones_each(struct session *s, struct err *(*fn)(void *ctx, const struct zone_info *z), void *ctx)
{
	uint64_t nodes[NODES_MAX], id;
	struct zone_reader r;
	struct zone_info z;

	TRY(reader_open(&r, s));
	size_t n = zones_nodes(s, nodes, NODES_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!err_ok(kern_read(s, nodes[i], &r.id, &id)))
			id = i;
		for (uint64_t k = 0; k < r.count; k++) {
			read_zone(&r, kern_at(nodes[i], &r.zones) + k * r.size, (uint32_t)id, &z);
			TRY(fn(ctx, &z));
		}
	}
	return n ? NULL : err_new(ERR_NOTFOUND, "no node of memory is found: neither node_data nor contig_page_data");
}

/* ---- counters ---- */

struct group {
	const char *name, *symbol, *enumerator; /* one of the enum's */
	bool percpu;
};

static const struct group groups[] = {
	{"zone", "vm_zone_stat", "NR_FREE_PAGES", false},
	{"numa", "vm_numa_event", "NUMA_HIT", false},
	{"node", "vm_node_stat", "NR_INACTIVE_ANON", false},
	{"event", "vm_event_states", "PGPGIN", true},
};

static struct err *read_counter(struct session *s, const struct group *g, uint64_t at, int64_t *ret)
{
	uint64_t v, base, sum = 0;
	bool any = false;

	if (!g->percpu) {
		TRY(mem_u64(s->mem, KERNEL, at, &v));
		*ret = (int64_t)v;
		return NULL;
	}
	for (unsigned cpu = 0; cpu < s->ncpus; cpu++) {
		struct err *e = kern_percpu(s, g->symbol, cpu, &base);
		if (!e)
			e = mem_u64(s->mem, KERNEL, base + at, &v);
		if (e && cpu + 1 == s->ncpus && !any)
			return e;
		sum += e ? 0 : v;
		any |= !e;
		err_free(e);
	}
	*ret = (int64_t)sum;
	return NULL;
}

static struct err *each_of(struct session *s, const struct group *g,
			   struct err *(*fn)(void *ctx, const struct vm_counter *c), void *ctx, struct err **bad)
{
	const struct type *t;
	uint64_t at = 0;
	size_t n;

	*bad = type_find_enumerator(s->types, g->enumerator, NULL, &t);
	if (!*bad && !g->percpu)
		*bad = kern_symbol(s, g->symbol, &at);
	if (*bad)
		return NULL;
	const struct enumerator *v = type_enumerators(type_strip(t), &n);
	for (size_t i = 0; i < n && i < COUNTERS_MAX; i++) {
		struct vm_counter c = {.group = g->name, .name = v[i].name};
		bool alias = i + 1 < n && v[i + 1].value == v[i].value; /* NR_LRU_BASE */
		if (alias || v[i].value < 0 || v[i].value >= COUNTERS_MAX || !strncmp(c.name, "NR_VM_", 6))
			continue;
		*bad = read_counter(s, g, at + 8 * (uint64_t)v[i].value, &c.value);
		if (*bad)
			return NULL;
		TRY(fn(ctx, &c));
	}
	return NULL;
}

struct err *vm_counters_each(struct session *s, struct err *(*fn)(void *ctx, const struct vm_counter *c), void *ctx,
			     char **problem)
{
	struct err *e = NULL, *bad;

	*problem = NULL;
	for (size_t i = 0; !e && i < sizeof(groups) / sizeof(*groups); i++) {
		e = each_of(s, &groups[i], fn, ctx, &bad);
		if (bad && strcmp(groups[i].name, "numa") && !*problem) /* not all kernels count those */
			*problem = xasprintf("%s: %s", groups[i].symbol, err_text(bad));
		err_free(bad);
	}
	return e;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `kmem -z` and `kmem -V`: zones of memory, and the kernel's counters.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/kern/memory/zones.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { Z_NODE, Z_ZONE, Z_NAME, Z_START, Z_FIGURES, Z_COLS = Z_FIGURES + ZF_COUNT - 1 };
static const struct col zone_cols[Z_COLS] = {
	[Z_NODE] = {"node", "NODE", "its node", COL_RIGHT, 0, 0},
	[Z_ZONE] = {"zone", "ZONE", "address of its struct zone", 0, 18, 3},
	[Z_NAME] = {"name", "NAME", "its name", 0, 0, 0},
	[Z_START] = {"start", "START", "its first physical address", COL_RIGHT, 0, 2},
	[Z_FIGURES] = {"spanned", "SIZE", "pages from its first to its last, with holes", COL_RIGHT, 0, 1},
	[Z_FIGURES + 1] = {"present", "PRESENT", "pages that exist", COL_RIGHT, 0, 2},
	[Z_FIGURES + 2] = {"managed", "MANAGED", "pages that the allocator has", COL_RIGHT, 0, 1},
	[Z_FIGURES + 3] = {"free", "FREE", "pages that are free", COL_RIGHT, 0, 0},
	[Z_FIGURES + 4] = {"min", "MIN", "pages: with fewer free ones only emergencies get any", COL_RIGHT, 0, 1},
	[Z_FIGURES + 5] = {"low", "LOW", "pages: with fewer free ones kswapd is woken", COL_RIGHT, 0, 1},
	[Z_FIGURES + 6] = {"high", "HIGH", "pages: with so many free ones kswapd sleeps", COL_RIGHT, 0, 1},
};
static const struct table zone_table = {.name = "zones", .cols = zone_cols, .ncols = Z_COLS};

static struct err *on_zone(void *ctx, const struct zone_info *z)
{
	const struct cmd_call *c = ctx;
	struct session *s = c->session;
	struct ref ref = ref_object(intern_str(s->intern, "struct zone"), z->addr);
	uint64_t size = s->arch->page_size, used = z->known >> ZF_SPANNED & 1 ? z->v[ZF_SPANNED] : 1;
	char key[24], start[24];

	snprintf(key, sizeof(key), "%" PRIx64, z->addr);
	snprintf(start, sizeof(start), "%" PRIx64, z->v[ZF_START_PFN] * size);
	struct cell v[Z_COLS] = {
		[Z_NODE] = cell_uint(z->node),
		[Z_ZONE] = cell_link(cell_addr(z->addr), ref),
		[Z_NAME] = cell_role(cell_text(z->name), ROLE_NAME),
		[Z_START] = !(z->known & 1) || !used ? cell_shown(cell_absent(), "")
			: cell_shown(cell_addr(z->v[ZF_START_PFN] * size), start),
	};
	for (size_t f = 1; f < ZF_COUNT; f++)
		v[Z_FIGURES + f - 1] = z->known >> f & 1 ? cell_uint(z->v[f]) : cell_absent();
	bool low = used && (z->known >> ZF_FREE & 1) && (z->known >> ZF_MIN & 1) && z->v[ZF_FREE] < z->v[ZF_MIN];
	return sink_row(c->out, &(struct row){.cells = v, .key = key, .ref = ref,
					      .role = low ? ROLE_WARN : used ? ROLE_NORMAL : ROLE_DIM});
}

struct err *kmem_zones(const struct cmd_call *c)
{
	TRY(sink_begin(c->out, &zone_table, NULL, "kmem -z", "Zones  (in pages)"));
	return zones_each(c->session, on_zone, (void *)c);
}

enum { V_GROUP, V_NAME, V_VALUE, V_COLS };
static const struct col counter_cols[V_COLS] = {
	[V_GROUP] = {"group", "OF", "zone, numa, node: pages, all zones and nodes together; event: how often, on all CPUs", 0, 5, 0},
	[V_NAME] = {"name", "COUNTER", "as the kernel's enum calls it", 0, 0, 0},
	[V_VALUE] = {"value", "VALUE", "its value", COL_RIGHT, 12, 0},
};
static const struct table counter_table = {.name = "vmstat", .cols = counter_cols, .ncols = V_COLS};

static struct err *on_counter(void *ctx, const struct vm_counter *n)
{
	const struct cmd_call *c = ctx;
	AUTO_FREE char *key = xasprintf("%s %s", n->group, n->name);
	struct cell v[V_COLS] = {
		[V_GROUP] = cell_role(cell_text(n->group), ROLE_TYPE),
		[V_NAME] = cell_text(n->name),
		[V_VALUE] = cell_int(n->value),
	};

	return sink_row(c->out, &(struct row){.cells = v, .key = key, .role = n->value ? ROLE_NORMAL : ROLE_DIM});
}

struct err *kmem_counters(const struct cmd_call *c)
{
	AUTO_FREE char *problem = NULL;

	TRY(sink_begin(c->out, &counter_table, NULL, "kmem -V", "Counters of memory"));
	TRY(vm_counters_each(c->session, on_counter, (void *)c, &problem));
	if (problem)
		sink_note(c->out, ROLE_WARN, "%s", problem);
	return NULL;
}

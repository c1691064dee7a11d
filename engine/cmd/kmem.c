/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How memory is used: by slab cache, or in all. An address is `what`'s business.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/kern/memory/memstat.h"
#include "engine/kern/memory/slabstat.h"
#include "engine/model/match.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CACHE, OBJSIZE, SIZE, ALLOCATED, ACTIVE, TOTAL, SLABS, SSIZE, PER_SLAB, MEMORY, NAME, COLS };
static const struct col cols[COLS] = {
	[CACHE] = {"cache", "CACHE", "address of its kmem_cache", 0, 18, 4},
	[OBJSIZE] = {"object_size", "OBJSIZE", "bytes that an object's user has", COL_RIGHT, 0, 2},
	[SIZE] = {"size", "", "bytes from one object to the next", COL_DATA, 0, 0},
	[ALLOCATED] = {"allocated", "ALLOCATED", "objects in use: not those that CPUs keep back as free", COL_RIGHT, 0, 1},
	[ACTIVE] = {"active", "", "objects in use as /proc/slabinfo counts: with those that CPUs keep back", COL_DATA, 0, 0},
	[TOTAL] = {"total", "TOTAL", "objects", COL_RIGHT, 0, 1},
	[SLABS] = {"slabs", "SLABS", "slabs", COL_RIGHT, 0, 2},
	[SSIZE] = {"slab_size", "SSIZE", "bytes of a slab", COL_RIGHT, 0, 3},
	[PER_SLAB] = {"objects_per_slab", "", "objects of a full-sized slab", COL_DATA, 0, 0},
	[MEMORY] = {"memory", "MEMORY", "bytes of all its slabs", COL_RIGHT, 0, 3},
	[NAME] = {"name", "NAME", "its name", COL_GROW, 0, 0},
};
static const struct table slab_table = {.name = "kmem", .cols = cols, .ncols = COLS};

enum { M_LABEL, M_NAME, M_PAGES, M_BYTES, M_SHARE, M_COLS };
static const struct col mem_cols[M_COLS] = {
	[M_LABEL] = {"label", "", "what it is", COL_SCREEN, 18, 0},
	[M_NAME] = {"name", "", "what it is", COL_DATA, 0, 0},
	[M_PAGES] = {"pages", "PAGES", "pages", COL_RIGHT, 10, 1},
	[M_BYTES] = {"bytes", "TOTAL", "bytes", COL_RIGHT, 10, 0},
	[M_SHARE] = {"share", "PERCENTAGE", "of what it is a part of", COL_SCREEN | COL_GROW, 0, 0},
};
static const struct table mem_table = {.name = "meminfo", .cols = mem_cols, .ncols = M_COLS};

/* "4k", "29.2 MB": as crash has them. */
static void print_bytes(uint64_t v, struct buf *out)
{
	if (v >= UINT64_C(1) << 30)
		buf_printf(out, "%.1f GB", (double)v / (1 << 30));
	else if (v >= 1 << 20)
		buf_printf(out, "%.1f MB", (double)v / (1 << 20));
	else if (v)
		buf_printf(out, "%" PRIu64 " KB", v >> 10);
	else
		buf_puts(out, "0");
}

struct slabs_call {
	const struct cmd_call *c;
	struct pattern *match; /* NULL: all */
	size_t shown, problems;
	uint64_t memory;
};

static struct err *on_cache(void *ctx, const struct slab_stat *st)
{
	struct slabs_call *k = ctx;
	struct session *s = k->c->session;
	AUTO_BUF struct buf bytes = {0}, ssize = {0};
	uint64_t memory = st->slabs * st->slab_bytes;
	char key[24];

	if (k->match && !pattern_find(k->match, st->name, strlen(st->name), 0, NULL, NULL))
		return NULL;
	k->shown++;
	k->memory += memory;
	if (st->problem && k->problems++ < 3)
		sink_note(k->c->out, ROLE_WARN, "%s: %s: ALLOCATED may be too large", st->name, st->problem);
	struct ref ref = ref_object(intern_str(s->intern, "struct kmem_cache"), st->kmem_cache);
	print_bytes(memory, &bytes);
	buf_printf(&ssize, "%" PRIu64 "k", st->slab_bytes >> 10);
	struct cell v[COLS] = {
		[CACHE] = cell_link(cell_addr(st->kmem_cache), ref),
		[OBJSIZE] = cell_uint(st->object_size),
		[SIZE] = cell_uint(st->size),
		[ALLOCATED] = st->counted ? cell_uint(st->allocated) : cell_absent(),
		[ACTIVE] = st->counted ? cell_uint(st->active) : cell_absent(),
		[TOTAL] = st->counted ? cell_uint(st->total) : cell_absent(),
		[SLABS] = st->counted ? cell_uint(st->slabs) : cell_absent(),
		[SSIZE] = st->slab_bytes ? cell_shown(cell_uint(st->slab_bytes), buf_str(&ssize)) : cell_absent(),
		[PER_SLAB] = st->per_slab ? cell_uint(st->per_slab) : cell_absent(),
		[MEMORY] = st->counted && st->slab_bytes ? cell_shown(cell_uint(memory), buf_str(&bytes)) : cell_absent(),
		[NAME] = cell_text(st->name),
	};
	snprintf(key, sizeof(key), "%" PRIx64, st->kmem_cache);
	return sink_row(k->c->out, &(struct row){.cells = v, .key = key, .ref = ref});
}

static struct err *slabs(const struct cmd_call *c)
{
	struct slabs_call k = {.c = c};
	const char *problem = NULL;

	if (c->args->n)
		TRY(pattern_create(c->args->v[0], &k.match));
	struct err *e = sink_begin(c->out, &slab_table, NULL, "kmem -s", "Slab caches");
	if (!e)
		e = slabstat_each(c->session, c->job, &problem, on_cache, &k);
	pattern_destroy(k.match);
	if (problem)
		sink_note(c->out, ROLE_WARN, "the list of caches: %s: some may be missing", problem);
	if (k.problems > 3)
		sink_note(c->out, ROLE_WARN, "... and %zu more caches of which not all could be read", k.problems - 3);
	return e || k.shown || !c->args->n ? e : err_new(ERR_NOTFOUND, "no slab cache matches '%s'", c->args->v[0]);
}

struct mem_call {
	const struct cmd_call *c;
	struct {
		const char *name;
		uint64_t bytes;
	} whole[8]; /* what others are a share of */
	size_t n;
};

static void share_of(const struct mem_call *k, const struct memstat *m, struct buf *out)
{
	for (size_t i = 0; m->known && m->of && i < k->n; i++)
		if (!strcmp(k->whole[i].name, m->of) && k->whole[i].bytes)
			buf_printf(out, "%.0f%% of %s", 100.0 * (double)m->bytes / (double)k->whole[i].bytes,
				   m->of);
}

static struct err *on_figure(void *ctx, const struct memstat *m)
{
	struct mem_call *k = ctx;
	uint64_t page = k->c->session->arch->page_size;
	AUTO_BUF struct buf bytes = {0}, share = {0};

	if (m->known && !m->of && k->n < sizeof(k->whole) / sizeof(*k->whole)) {
		k->whole[k->n].name = m->name;
		k->whole[k->n++].bytes = m->bytes;
	}
	if (!m->known)
		sink_note(k->c->out, ROLE_WARN, "%s: %s", m->label, m->why);
	print_bytes(m->bytes, &bytes);
	share_of(k, m, &share);
	struct cell v[M_COLS] = {
		[M_LABEL] = cell_role(cell_text(m->label), ROLE_NAME),
		[M_NAME] = cell_text(m->name),
		[M_PAGES] = m->known ? cell_uint(m->bytes / page) : cell_absent(),
		[M_BYTES] = m->known ? cell_shown(cell_uint(m->bytes), buf_str(&bytes)) : cell_absent(),
		[M_SHARE] = cell_text(buf_str(&share)),
	};
	return sink_row(k->c->out, &(struct row){.cells = v, .key = m->name});
}

static struct err *memory(const struct cmd_call *c)
{
	struct mem_call k = {.c = c};

	TRY(sink_begin(c->out, &mem_table, NULL, "kmem -i", "Memory"));
	return memstat_each(c->session, on_figure, &k);
}

static struct err *run(const struct cmd_call *c)
{
	if (c->args->has['s'])
		return slabs(c);
	if (c->args->has['i'])
		return c->args->n ? usage_error(c->args->cmd, "-i takes no argument") : memory(c);
	if (c->args->has['z'] || c->args->has['V'])
		return c->args->n ? usage_error(c->args->cmd, "-%c takes no argument", c->args->has['z'] ? 'z' : 'V')
		       : c->args->has['z'] ? kmem_zones(c) : kmem_counters(c);
	if (!c->args->n)
		return usage_error(c->args->cmd, "-s, -i, -z, -V or an address is needed");
	AUTO_FREE char *line = xasprintf("what %s%s", c->args->has['p'] ? "-p " : "", c->args->rest);
	return shell_run(c->shell, line, c->ctx, c->job, c->out);
}

const struct cmd cmd_kmem = {
	.name = "kmem",
	.group = "memory",
	.summary = "how memory is used: slab caches, zones, the whole; an address as `what`",
	.details = "With -s the slab caches with their objects. ALLOCATED leaves out the free objects that CPUs keep for "
		   "themselves (their slabs' free lists; sheaves in newer kernels), which /proc/slabinfo counts as in use. "
		   "With -i the figures of /proc/meminfo, with -V those of /proc/vmstat. With an address: what is there.",
	.options = (const struct cmd_option[]){
		{'s', ARG_NONE, NULL, "slab caches; a pattern chooses among them"},
		{'i', ARG_NONE, NULL, "what memory is used for"},
		{'z', ARG_NONE, NULL, "zones of memory, with free pages and watermarks"},
		{'V', ARG_NONE, NULL, "the kernel's counters: /proc/vmstat"},
		{'p', ARG_NONE, NULL, "ADDRESS is physical"},
		{0}},
	.args = (const struct cmd_arg[]){
		{"PATTERN|ADDRESS", ARG_ADDRESS, true, true, "of -s: pcre2 pattern for caches' names; else what to identify"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"kmem -s", "all slab caches"},
		{"kmem -s ^dentry", "some of them"},
		{"kmem -i", "memory in all"},
		{"kmem -z", "each zone's pages and watermarks"},
		{"kmem ffff888003c1a040", "what is at an address"},
		{0}},
	.table = &slab_table,
	.run = run,
};

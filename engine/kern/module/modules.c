/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded modules, from the kernel's list of them. Each becomes an object with what the dump's
 * memory holds of it: its place, its symbols (kallsyms), its ORC table and its BTF. So frames in
 * module code have names and unwind, and types of modules are known, without any file but vmlinux.
 *
 * struct module's own btf_data points to a copy that is freed after loading; the one that lives is
 * in the list btf_modules.
 */
#include "engine/kern/module/modules.h"
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/base/hmap.h"
#include "engine/kern/impl.h"
#include "engine/kern/task/tasks.h"
#include "engine/kern/module/moddebug.h"
#include "engine/kern/module/modparts.h"

#define MODULES_MAX 65536
#define SIZE_MAX_CORE (UINT64_C(1) << 30)

enum {
	M_LIST,
	M_NAME,
	M_STATE,
	M_TAINTS,
	M_REFCNT,
	M_BASE,
	M_SIZE,
	M_TEXT_SIZE,
	M_INIT_SIZE,
	M_MEM,
	M_MEMBERS
};

static const char *const names[M_MEMBERS] = {
	[M_LIST] = "list",
	[M_NAME] = "name",
	[M_STATE] = "state",
	[M_TAINTS] = "taints",
	[M_REFCNT] = "refcnt.counter|refcnt",
	[M_BASE] = "core_layout.base|module_core", /* up to 6.3; up to 4.4 */
	[M_SIZE] = "core_layout.size|core_size",
	[M_TEXT_SIZE] = "core_layout.text_size|core_text_size",
	[M_INIT_SIZE] = "init_layout.size|init_size",
	[M_MEM] = "mem", /* from 6.4 */
};

enum { MM_BASE, MM_SIZE, MM_MEMBERS };

/* enum mod_mem_type: the parts with code, and how many parts there may be. */
#define MEM_TEXT 0
#define MEM_INIT_TEXT 4
#define MEM_PARTS_MAX 16

struct modules {
	struct module *v;
	size_t n, cap;
	char *problem;
	struct mod_debug *debug; /* finds the modules' files */
};

struct loading {
	struct session *s;
	struct job *job;
	struct modules *ms;
	struct kern_member m[M_MEMBERS], mm[MM_MEMBERS];
	uint64_t mem_stride, mem_parts;
	struct mod_parts parts;
};

void modules_destroy(struct modules *ms)
{
	if (!ms)
		return;
	for (size_t i = 0; i < ms->n; i++)
		object_close(ms->v[i].object);
	free(ms->v);
	mod_debug_destroy(ms->debug);
	free(ms->problem);
	free(ms);
}

static void problem(struct module *mod, struct err *e, const char *what)
{
	if (e && !mod->problem[0])
		snprintf(mod->problem, sizeof(mod->problem), "%s: %s", what, err_text(e));
	err_free(e);
}

static void add_range(struct module *mod, uint64_t base, uint64_t size, bool text)
{
	uint64_t end;

	if (base && size && size <= SIZE_MAX_CORE && add_u64(base, size, &end))
		object_add_range(mod->object, (struct object_range){base, end, text});
}

/* Up to 6.3: one core with its text first. lsmod counts the init part too, while it is there. */
static struct err *place_core(struct loading *l, struct module *mod)
{
	uint64_t text = 0, init = 0;

	TRY(kern_read(l->s, mod->addr, &l->m[M_BASE], &mod->base));
	TRY(kern_read(l->s, mod->addr, &l->m[M_SIZE], &mod->size));
	if (!err_ok(kern_read(l->s, mod->addr, &l->m[M_TEXT_SIZE], &text)) || text > mod->size)
		text = mod->size;
	add_range(mod, mod->base, text, true);
	add_range(mod, mod->base + text, mod->size - text, false);
	if (err_ok(kern_read(l->s, mod->addr, &l->m[M_INIT_SIZE], &init)))
		mod->size += init;
	return NULL;
}

/* From 6.4 on: parts by use. */
static struct err *place_parts(struct loading *l, struct module *mod)
{
	uint64_t base, size;

	for (uint64_t i = 0; i < l->mem_parts; i++) {
		uint64_t part = kern_at(mod->addr, &l->m[M_MEM]) + i * l->mem_stride;
		TRY(kern_read(l->s, part, &l->mm[MM_BASE], &base));
		TRY(kern_read(l->s, part, &l->mm[MM_SIZE], &size));
		if (i == MEM_TEXT)
			mod->base = base;
		if (size > SIZE_MAX_CORE)
			return err_new(ERR_CORRUPT, "part %" PRIu64 " has %" PRIu64 " bytes", i,
				       size);
		mod->size += size;
		add_range(mod, base, size, i == MEM_TEXT || i == MEM_INIT_TEXT);
	}
	return NULL;
}

static void read_facts(struct loading *l, struct module *mod)
{
	struct session *s = l->s;
	uint64_t v;

	problem(mod,
		mem_str(s->mem, KERNEL, kern_at(mod->addr, &l->m[M_NAME]), mod->name,
			sizeof(mod->name) - 8),
		"name");
	struct err *e = kern_read(s, mod->addr, &l->m[M_STATE], &v);
	mod->state = e ? UINT32_MAX : (uint32_t)v;
	problem(mod, e, "state");
	if (!err_ok(kern_read(s, mod->addr, &l->m[M_TAINTS], &mod->taints)))
		mod->taints = 0;
	/* The module itself holds one reference (MODULE_REF_BASE). */
	mod->refs = err_ok(kern_read(s, mod->addr, &l->m[M_REFCNT], &v)) && (uint32_t)v
			    ? (int64_t)(uint32_t)v - 1
			    : -1;
}

static struct err *add_module(void *ctx, uint64_t node)
{
	struct loading *l = ctx;
	struct modules *ms = l->ms;

	GROW(ms->v, ms->n, ms->cap);
	struct module *mod = &ms->v[ms->n];
	memset(mod, 0, sizeof(*mod));
	mod->addr = node - l->m[M_LIST].place.offset;
	read_facts(l, mod);
	mod->object = object_create_module(mod->name[0] ? mod->name : "?");
	ms->n++;
	problem(mod, l->m[M_MEM].found ? place_parts(l, mod) : place_core(l, mod), "place");
	mod_add_symbols(&l->parts, mod);
	mod_add_orc(&l->parts, mod);
	unwinder_add_object(l->s->unwinder, mod->object);
	return NULL;
}

static struct err *find_members(struct loading *l)
{
	const struct type *t;

	for (size_t i = 0; i < M_MEMBERS; i++)
		l->m[i].names = names[i];
	l->mm[MM_BASE].names = "base";
	l->mm[MM_SIZE].names = "size";
	kern_members(l->s, "struct module", l->m, M_MEMBERS);
	if (!l->m[M_LIST].found || !l->m[M_NAME].found)
		return err_new(ERR_NODEBUG, "modules can't be read without struct module: %s",
			       kern_why_no_types(l->s));
	if (!l->m[M_MEM].found)
		return NULL;
	t = type_strip(l->m[M_MEM].place.type);
	if (!type_array_count(t, &l->mem_parts) ||
	    !kern_members(l->s, "struct module_memory", l->mm, MM_MEMBERS))
		return err_new(ERR_UNSUPPORTED,
			       "modules can't be read: module.mem is of an unknown "
			       "kind");
	l->mem_stride = type_size(type_target(t));
	l->mem_parts = l->mem_parts < MEM_PARTS_MAX ? l->mem_parts : MEM_PARTS_MAX;
	return NULL;
}

static struct err *load_list(struct loading *l)
{
	uint64_t head;

	TRY(find_members(l));
	TRY(kern_symbol(l->s, "modules", &head));
	mod_parts_init(&l->parts, l->s, l->job);
	char *damage;
	TRY(walk_list(l->s, head, MODULES_MAX, l->job, add_module, l, &damage));
	if (damage)
		l->ms->problem = xasprintf("module list: damaged, modules may be missing: %s", damage);
	free(damage);
	l->ms->debug = mod_debug_create(l->s);
	struct err *e = mod_add_types(&l->parts, l->ms->v, l->ms->n);
	/* only now: adding types asks for DWARF, too */
	for (size_t i = 0; i < l->ms->n; i++)
		mod_debug_add(l->ms->debug, &l->ms->v[i]);
	return e;
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	struct loading l = {.s = s, .job = job, .ms = xcalloc(1, sizeof(*l.ms))};
	const struct tasks *ts;

	/* Modules lie where only page tables lead; if the kernel's are lost, tasks know of others. */
	if (mem_layout(s->mem)->tables_bad)
		err_free(tasks_load(s, job, &ts));
	job_set_phase(job, "modules");
	struct err *e = load_list(&l);
	if (e && !l.ms->n) {
		modules_destroy(l.ms);
		return e;
	}
	/* Their objects are in use by now: what came after a cancel is left out, not undone. */
	if (e && !l.ms->problem)
		l.ms->problem = xasprintf("not all modules were loaded: %s", err_text(e));
	err_free(e);
	*ret = l.ms;
	return NULL;
}

struct err *modules_load(struct session *s, struct job *job, const struct modules **ret)
{
	void *v;

	TRY(loader_get(&s->priv->modules, s, job, load, &v));
	*ret = v;
	return NULL;
}

size_t modules_count(const struct modules *ms)
{
	return ms->n;
}

const struct module *modules_at(const struct modules *ms, size_t i)
{
	return i < ms->n ? &ms->v[i] : NULL;
}

const char *modules_problem(const struct modules *ms)
{
	return ms->problem;
}

bool module_debug_missing(struct session *s, struct object *o, struct buf *out)
{
	const struct modules *ms;

	return o && o != s->vmlinux && err_ok(modules_load(s, NULL, &ms)) &&
	       mod_debug_missing(ms->debug, o, out);
}

/* Has every module's types: of BTF by its being loaded, else of its debug file. */
static struct err *all_types(struct session *s, struct job *job)
{
	const struct modules *ms;

	TRY(modules_load(s, job, &ms));
	for (size_t i = 0; i < ms->n; i++) {
		TRY(job_tick(job, 1));
		if (ms->v[i].object)
			TRY(types_prepare(s->types, ms->v[i].object, job));
	}
	return NULL;
}

struct err *module_type_find(struct session *s, const char *name, struct job *job,
			     const struct type **ret)
{
	struct err *e = type_find(s->types, name, job, ret);

	if (!e || (err_code(e) != ERR_NOTFOUND && err_code(e) != ERR_NODEBUG))
		return e;
	err_free(e);
	e = all_types(s, job);
	if (e && err_code(e) == ERR_CANCELLED)
		return e;
	err_free(e); /* without them the name isn't known, which is what is said */
	return type_find(s->types, name, job, ret);
}

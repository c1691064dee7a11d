/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules by pc: made from an object's ORC and CFI, kept in a sharded cache. Tables are opened when
 * the first pc of an object is asked for, and again when the object has grown (its generation says
 * so).
 *
 * ORC decides the CFA, and what kind of frame it is, wherever it has an entry: only it knows stack
 * switches and assembler code. CFI, where it covers the pc too, says where callee-saved registers
 * are relative to that CFA. Without CFI they are unknown, but for what ORC says about rbp.
 */
#include <pthread.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/unwind/cfi.h"
#include "engine/unwind/internal.h"
#include "engine/unwind/orc.h"

#define ORC_MEMORY_LIMIT (UINT64_C(64) << 20)

struct unwind_object {
	struct object *object;
	pthread_mutex_t lock; /* around opening; tables are immutable until the generation grows */
	bool opened;
	unsigned generation;
	bool has_orc, has_cfi;
	struct orc_table orc;
	struct cfi_table cfi;
	void *orc_memory[3]; /* tables that were read out of the dump */
};

void objects_add(struct unwinder *u, struct object *o)
{
	struct unwind_object *n = xcalloc(1, sizeof(*n));

	n->object = o;
	pthread_mutex_init(&n->lock, NULL);
	pthread_rwlock_wrlock(&u->lock);
	GROW(u->objects, u->nobjects, u->cap);
	u->objects[u->nobjects++] = n;
	pthread_rwlock_unlock(&u->lock);
}

static void close_tables(struct unwind_object *o)
{
	cfi_close(&o->cfi);
	for (unsigned i = 0; i < 3; i++) {
		free(o->orc_memory[i]);
		o->orc_memory[i] = NULL;
	}
	o->has_orc = o->has_cfi = false;
}

void objects_free(struct unwinder *u)
{
	for (size_t i = 0; i < u->nobjects; i++) {
		close_tables(u->objects[i]);
		pthread_mutex_destroy(&u->objects[i]->lock);
		free(u->objects[i]);
	}
	free(u->objects);
}

static struct unwind_object *owner(struct unwinder *u, uint64_t pc)
{
	struct unwind_object *ret = NULL;

	pthread_rwlock_rdlock(&u->lock);
	for (size_t i = 0; i < u->nobjects && !ret; i++) {
		struct object_range r;

		if (!object_contains(u->objects[i]->object, pc))
			continue;
		for (size_t k = 0; object_range(u->objects[i]->object, k, &r) && !ret; k++)
			if (r.text && pc >= r.start && pc < r.end)
				ret = u->objects[i];
	}
	pthread_rwlock_unlock(&u->lock);
	return ret;
}

struct object *text_owner(struct unwinder *u, uint64_t pc)
{
	struct unwind_object *o = owner(u, pc);

	return o ? o->object : NULL;
}

/* The link-time addresses that an object's ORC may be about. */
static void object_bounds(struct object *o, uint64_t *lo, uint64_t *hi)
{
	struct object_range r;

	*lo = UINT64_MAX;
	*hi = 0;
	for (size_t i = 0; object_range(o, i, &r); i++) {
		*lo = r.start < *lo ? r.start : *lo;
		*hi = r.end > *hi ? r.end : *hi;
	}
	if (*hi) {
		*lo -= object_bias(o);
		*hi -= object_bias(o);
	}
}

/* vmlinux' tables out of the dump: its linker symbols enclose them. Kernels before 5.6 sort them at
 * boot, so these are usable where the file's aren't. */
static bool orc_from_memory(struct unwinder *u, struct object *o, const char *start,
			    const char *stop, struct object_section *ret, void **owned)
{
	struct sym a, b;
	void *p;

	if (!u->symbols || !u->mem || !sym_find(u->symbols, start, &a) ||
	    !sym_find(u->symbols, stop, &b) || a.object != o || b.object != o || b.addr <= a.addr)
		return false;
	if (!err_ok(try_alloc(b.addr - a.addr, 1, ORC_MEMORY_LIMIT, &p)))
		return false;
	if (!err_ok(mem_read(u->mem, KERNEL, a.addr, p, b.addr - a.addr))) {
		free(p);
		return false;
	}
	*owned = p;
	*ret = (struct object_section){p, b.addr - a.addr, a.addr - object_bias(o)};
	return true;
}

static void open_tables(struct unwinder *u, struct unwind_object *o);

/* A module's table has vmlinux' layout, and is often too small to tell. Locks: a module's, then
 * vmlinux', never the other way round. */
static enum orc_layout vmlinux_layout(struct unwinder *u, const struct unwind_object *self)
{
	enum orc_layout ret = ORC_LAYOUT_NONE;
	struct unwind_object *first;

	pthread_rwlock_rdlock(&u->lock);
	first = u->objects[0];
	pthread_rwlock_unlock(&u->lock);
	if (first == self)
		return ret;
	pthread_mutex_lock(&first->lock);
	open_tables(u, first);
	if (first->has_orc)
		ret = first->orc.layout;
	pthread_mutex_unlock(&first->lock);
	return ret;
}

static void open_orc(struct unwinder *u, struct unwind_object *o)
{
	struct object_section ip, entries, header;
	bool has_header = object_section(o->object, ".orc_header", &header);
	enum orc_layout like = vmlinux_layout(u, o);
	uint64_t lo, hi;

	object_bounds(o->object, &lo, &hi);
	if (object_section(o->object, ".orc_unwind_ip", &ip) &&
	    object_section(o->object, ".orc_unwind", &entries))
		o->has_orc = err_ok(orc_open(&ip, &entries, has_header ? &header : NULL, like, lo,
					     hi, &o->orc));
	if (o->has_orc)
		return;
	if (!has_header)
		has_header = orc_from_memory(u, o->object, "__start_orc_header",
					     "__stop_orc_header", &header, &o->orc_memory[2]);
	if (orc_from_memory(u, o->object, "__start_orc_unwind_ip", "__stop_orc_unwind_ip", &ip,
			    &o->orc_memory[0]) &&
	    orc_from_memory(u, o->object, "__start_orc_unwind", "__stop_orc_unwind", &entries,
			    &o->orc_memory[1]))
		o->has_orc = err_ok(orc_open(&ip, &entries, has_header ? &header : NULL, like, lo,
					     hi, &o->orc));
}

/* Under o->lock. */
static void open_tables(struct unwinder *u, struct unwind_object *o)
{
	struct object_section frame;

	object_find_debug(o->object); /* that makes it grow */
	unsigned generation = object_generation(o->object);

	if (o->opened && o->generation == generation)
		return;
	close_tables(o);
	open_orc(u, o);
	if (object_section(o->object, ".debug_frame", &frame))
		o->has_cfi = err_ok(cfi_open(&frame, &o->cfi));
	o->generation = generation;
	o->opened = true;
}

static void add_rule(struct rule *r, unsigned reg, enum reg_how how, int32_t offset)
{
	size_t i = 0;

	while (i < r->nregs && r->regs[i].reg != reg)
		i++;
	if (i == RULE_MAX_REGS)
		return;
	if (i == r->nregs)
		r->nregs++;
	r->regs[i] = (struct reg_rule){.reg = (uint8_t)reg, .how = (uint8_t)how, .offset = offset};
}

static bool has_rule(const struct rule *r, unsigned reg)
{
	for (size_t i = 0; i < r->nregs; i++)
		if (r->regs[i].reg == reg)
			return true;
	return false;
}

/* ORC is x86-64's (LoongArch has its own, other registers): DWARF numbers of that machine. */
static bool orc_cfa(const struct orc *o, struct rule *r)
{
	static const struct {
		uint8_t how, reg;
		bool offset; /* registers that hold the stack pointer itself have none */
	} bases[] = {
		[ORC_BASE_AX] = {CFA_REG, 0, false},
		[ORC_BASE_DX] = {CFA_REG, 1, false},
		[ORC_BASE_SP] = {CFA_REG, 7, true},
		[ORC_BASE_BP] = {CFA_REG, 6, true},
		[ORC_BASE_DI] = {CFA_REG, 5, false},
		[ORC_BASE_R10] = {CFA_REG, 10, false},
		[ORC_BASE_R13] = {CFA_REG, 13, false},
		[ORC_BASE_SP_INDIRECT] = {CFA_DEREF_REG, 7, true},
		[ORC_BASE_BP_INDIRECT] = {CFA_REG_DEREF, 6, true},
	};

	if (o->sp_base == ORC_BASE_NONE || o->sp_base == ORC_BASE_PREV_SP)
		return false;
	r->cfa_how = bases[o->sp_base].how;
	r->cfa_reg = bases[o->sp_base].reg;
	r->cfa_offset = bases[o->sp_base].offset ? o->sp_offset : 0;
	return true;
}

static void orc_frame_pointer(const struct orc *o, const struct arch *a, struct rule *r)
{
	if (o->bp_base == ORC_BASE_PREV_SP)
		add_rule(r, a->reg_fp, REG_OFFSET, o->bp_offset);
	else if (o->bp_base == ORC_BASE_BP)
		add_rule(r, a->reg_fp, REG_AT_BASE, o->bp_offset);
	else if (o->bp_base == ORC_BASE_NONE && !has_rule(r, a->reg_fp) && r->flow != FLOW_REGS)
		add_rule(r, a->reg_fp, REG_SAME, 0);
}

/* Lays ORC over what CFI said (flow UNKNOWN: nothing). */
static void apply_orc(const struct orc *o, const struct arch *a, struct rule *r)
{
	struct rule cfi = *r;

	if (o->type == ORC_UNDEFINED)
		return;
	if (o->type == ORC_END) {
		r->flow = FLOW_END;
		r->source = FRAME_ORC;
		return;
	}
	if (!orc_cfa(o, r)) {
		*r = cfi;
		return;
	}
	r->source = FRAME_ORC;
	r->next_exact = o->signal;
	if (o->type == ORC_CALL) {
		r->flow = FLOW_CALL;
		add_rule(r, a->reg_pc, REG_OFFSET, -(int32_t)a->ptr_size);
	} else {
		r->flow = o->type == ORC_REGS ? FLOW_REGS : FLOW_REGS_PARTIAL;
		r->nregs = 0;
	}
	orc_frame_pointer(o, a, r);
}

static void make_rule(struct unwinder *u, struct unwind_object *o, uint64_t pc, struct rule *r)
{
	const struct arch *a = u->arch;
	uint64_t link_pc = pc - object_bias(o->object);
	struct orc orc;

	*r = (struct rule){.object = o->object, .flow = FLOW_UNKNOWN};
	pthread_mutex_lock(&o->lock);
	open_tables(u, o);
	if (o->has_cfi && !cfi_rule(&o->cfi, a, link_pc, r))
		r->flow = FLOW_UNKNOWN;
	if (o->has_orc && orc_find(&o->orc, link_pc, &orc))
		apply_orc(&orc, a, r);
	r->generation = o->generation;
	pthread_mutex_unlock(&o->lock);
}

static bool cache_get(struct rule_shard *s, uint64_t pc, struct rule *ret)
{
	uint64_t *i;
	bool hit;

	pthread_mutex_lock(&s->lock);
	i = hmap_get(&s->map, pc);
	if (i)
		*ret = s->rules[*i];
	pthread_mutex_unlock(&s->lock);
	hit = i && ret->generation == object_generation(ret->object);
	return hit;
}

static void cache_put(struct rule_shard *s, uint64_t pc, const struct rule *r)
{
	uint64_t *i;
	bool added;

	pthread_mutex_lock(&s->lock);
	if (s->n == SHARD_RULES) {
		hmap_free(&s->map);
		s->n = 0;
	}
	i = hmap_put(&s->map, pc, &added);
	if (added) {
		GROW(s->rules, s->n, s->cap);
		*i = s->n++;
	}
	s->rules[*i] = *r;
	pthread_mutex_unlock(&s->lock);
}

void rule_at(struct unwinder *u, uint64_t pc, struct rule *ret)
{
	struct rule_shard *s = &u->shards[hash_u64(pc) % RULE_SHARDS];
	struct unwind_object *o;

	if (cache_get(s, pc, ret))
		return;
	o = owner(u, pc);
	if (!o) {
		*ret = (struct rule){.flow = FLOW_UNKNOWN};
		return;
	}
	make_rule(u, o, pc, ret);
	cache_put(s, pc, ret);
}

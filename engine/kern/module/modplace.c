/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A module's parts are read again for the one module that an address lies in: the object's ranges say which
 * it is, but not what they are for.
 */
#include "engine/kern/module/modplace.h"
#include <stdio.h>
#include <string.h>
#include "engine/kern/impl.h"

#define MAX_PARTS 16

enum { L_BASE, L_SIZE, L_TEXT, L_RO, L_RO_INIT, L_INIT, L_INIT_SIZE, L_MEMBERS };
static const struct kern_member layout_members[L_MEMBERS] = {
	[L_BASE] = {.names = "core_layout.base"},
	[L_SIZE] = {.names = "core_layout.size"},
	[L_TEXT] = {.names = "core_layout.text_size"},
	[L_RO] = {.names = "core_layout.ro_size"},
	[L_RO_INIT] = {.names = "core_layout.ro_after_init_size"},
	[L_INIT] = {.names = "init_layout.base"},
	[L_INIT_SIZE] = {.names = "init_layout.size"},
};

static bool holds(struct module_place *p, const char *part, uint64_t start, uint64_t size, uint64_t va)
{
	if (va < start || va - start >= size)
		return false;
	snprintf(p->part, sizeof(p->part), "%s", part);
	p->start = start;
	p->size = size;
	return true;
}

/* Up to 6.3: one block, whose sizes count from its start; and one for what is freed after loading. */
static bool in_layout(struct session *s, uint64_t va, struct module_place *p)
{
	struct kern_member m[L_MEMBERS];
	uint64_t v[L_MEMBERS] = {0}, at = 0;
	static const char *const parts[] = {"text", "read-only data", "ro after init", "data"};

	memcpy(m, layout_members, sizeof(m));
	kern_members(s, "struct module", m, L_MEMBERS);
	for (int i = 0; i < L_MEMBERS; i++)
		if (!err_ok(kern_read(s, p->addr, &m[i], &v[i])))
			v[i] = 0;
	const uint64_t ends[] = {v[L_TEXT], v[L_RO], v[L_RO_INIT], v[L_SIZE]};
	for (int i = 0; i < 4; i++) {
		if (ends[i] > at && holds(p, parts[i], v[L_BASE] + at, ends[i] - at, va))
			return true;
		at = ends[i] > at ? ends[i] : at;
	}
	return holds(p, "init", v[L_INIT], v[L_INIT_SIZE], va);
}

/* MOD_RO_AFTER_INIT -> "ro after init" */
static void part_name(const struct type *t, uint64_t i, char name[32])
{
	const char *e = t ? type_enum_name(t, (int64_t)i) : NULL;

	if (!e || strncmp(e, "MOD_", 4)) {
		snprintf(name, 32, "part");
		return;
	}
	snprintf(name, 32, "%s", e + 4);
	for (char *p = name; *p; p++)
		*p = *p == '_' ? ' ' : *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
}

static bool in_parts(struct session *s, uint64_t va, struct module_place *p)
{
	struct kern_member mem = {.names = "mem"}, base = {.names = "base"}, size = {.names = "size"};
	const struct type *kinds = NULL;
	uint64_t n, start, bytes;
	char name[32];

	if (!kern_members(s, "struct module", &mem, 1) || !kern_members(s, "struct module_memory", &base, 1) ||
	    !kern_members(s, "struct module_memory", &size, 1) ||
	    !type_array_count(type_strip(mem.place.type), &n) || !n || n > MAX_PARTS)
		return false;
	err_free(type_find(s->types, "enum mod_mem_type", NULL, &kinds));
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = kern_at(p->addr, &mem) + i * (type_size(mem.place.type) / n);
		part_name(kinds, i, name);
		if (err_ok(kern_read(s, at, &base, &start)) && err_ok(kern_read(s, at, &size, &bytes)) &&
		    holds(p, name, start, bytes, va))
			return true;
	}
	return false;
}

bool module_place_at(struct session *s, uint64_t va, struct job *job, struct module_place *ret)
{
	const struct modules *ms;

	if (!err_ok(modules_load(s, job, &ms)))
		return false;
	for (size_t i = 0; i < modules_count(ms); i++) {
		const struct module *m = modules_at(ms, i);
		if (!object_contains(m->object, va))
			continue;
		*ret = (struct module_place){.addr = m->addr, .name = m->name};
		if (in_parts(s, va, ret) || in_layout(s, va, ret))
			return true;
	}
	return false;
}

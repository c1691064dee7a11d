/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Elements as rows. Each element's members are read one by one where they lie, so that an element on
 * a page that the dump doesn't hold costs its own cells and nothing else.
 */
#include "engine/cmd/elements.h"
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/show.h"
#include "engine/kern/meaning/meaning.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 24
#define VALUE_MAX 256 /* bytes of a member that are read for its cell */

enum { INDEX, LAST, ADDRESS, FIXED };
enum { PROBLEM = 1, MEANING, POSITION, TAIL = POSITION }; /* from the end */
#define ALL_MAX (FIXED + COLUMNS_MAX + TAIL)

struct column {
	const char *path;
	struct type_place place;
	const struct type *in; /* the struct that has it as its member */
	const char *member;
};

struct view {
	const struct elements *e;
	const struct table *table;
	struct column cols[COLUMNS_MAX];
	size_t ncols;
	bool task; /* elements are task_structs */
	size_t damages;
};

/* ---- columns ---- */

static struct err *choose_columns(struct view *v)
{
	const struct elements *e = v->e;
	struct session *s = e->call->session;
	const char *p = e->columns;

	if (!e->h.element)
		return NULL;
	if (!p)
		p = e->whole ? "" : holding_columns(s, e->h.element);
	while (*p && v->ncols < COLUMNS_MAX) {
		size_t n = strcspn(p, ",");
		AUTO_FREE char *path = xstrndup(p, n);
		struct column *c = &v->cols[v->ncols++];
		TRY(type_member(e->h.element, path, &c->place));
		c->path = intern_str(s->intern, path);
		c->in = type_member_owner(e->h.element, c->path, &c->member);
		p += n + (p[n] == ',');
	}
	return NULL;
}

/* "__state" is "STATE", "refcnt.counter" is "REFCNT": names for people. */
static const char *title_of(struct session *s, const char *path)
{
	static const char *const inner[] = {".counter", ".refs.counter"};
	AUTO_FREE char *title = xstrdup(path + strspn(path, "_"));
	size_t n = strlen(title);

	for (size_t i = sizeof(inner) / sizeof(*inner); i-- > 0;)
		if (n > strlen(inner[i]) && !strcmp(title + n - strlen(inner[i]), inner[i])) {
			title[n - strlen(inner[i])] = '\0';
			break;
		}
	for (char *p = title; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return intern_str(s->intern, title);
}

static const struct table *make_table(struct view *v)
{
	static const struct col fixed[FIXED] = {
		[INDEX] = {"index", "#", "its number, or index in the tree or array", COL_RIGHT, 0, 0},
		[LAST] = {"last", "LAST", "the last index that leads to it; null: the same", COL_RIGHT, 0, 3},
		[ADDRESS] = {"address", "ADDRESS", "of the element; null where there is none", 0, 18, 0},
	};
	const struct elements *e = v->e;
	struct session *s = e->call->session;
	struct col cols[ALL_MAX];
	size_t n = FIXED;

	memcpy(cols, fixed, sizeof(fixed));
	if (e->h.c.buckets)
		cols[INDEX].title = "BUCKET";
	if (e->h.c.kind != CONTAINER_MAPLE && e->h.c.kind != CONTAINER_BITMAP && e->h.c.kind != CONTAINER_XARRAY)
		cols[LAST].flags |= COL_DATA;
	if (e->h.element)
		cols[ADDRESS].title = title_of(s, type_name(type_strip(e->h.element)));
	for (size_t i = 0; i < v->ncols; i++)
		cols[n++] = (struct col){v->cols[i].path, title_of(s, v->cols[i].path),
					 "member of the element", 0, 0, (uint8_t)(i + 1)}; /* the first one names it */
	cols[n++] = (struct col){"position", "POSITION", "where in the tree it is",
				 e->positions ? 0 : COL_DATA, 0, 2};
	cols[n++] = (struct col){"meaning", "", "what the element is: path, name ...; null: nothing is known",
				 COL_DATA, 0, 0};
	cols[n++] = (struct col){"problem", "", "damage: what is wrong here; null for elements", COL_GROW, 0, 0};
	struct table t = {.name = e->table, .cols = cols, .ncols = n};
	if (e->whole) {
		t.child = &show_table;
		t.child_key = "members";
	}
	return shell_table(e->call->shell, &t);
}

/* ---- rows ---- */

static struct ref element_ref(const struct view *v, uint64_t addr)
{
	const struct elements *e = v->e;

	if (v->task)
		return ref_addr(REF_TASK, addr);
	return e->h.element ? ref_object(e->h.element_name, addr) : ref_addr(REF_MEM, addr);
}

static void member_cell(const struct view *v, const struct column *c, uint64_t obj, struct shown *ret)
{
	bool hex = v->e->hex || strstr(c->member, "flags");
	struct session *s = v->e->call->session;
	uint8_t bytes[VALUE_MAX];
	uint64_t size = c->place.bit_size ? (c->place.bit_offset + (uint64_t)c->place.bit_size + 7) / 8
					  : type_size(c->place.type);
	size_t n = size > sizeof(bytes) ? sizeof(bytes) : (size_t)size;
	enum mem_state why = MEM_UNMAPPED;
	bool got = mem_read_some(s->mem, KERNEL, obj + c->place.offset, bytes, n, &why) == n;

	enum type_kind k = type_kind(type_strip(c->place.type));
	if (c->place.bit_size || k == TYPE_INT || k == TYPE_ENUM || k == TYPE_POINTER)
		show_scalar(s, &(struct type_place){c->place.type, 0, c->place.bit_offset, c->place.bit_size},
			    got ? bytes : NULL, n, why, hex, ret);
	else
		show_line(s, c->place.type, got ? bytes : NULL, n, why, ret);
	struct meaning_query q = {.type = c->place.type, .in = c->in, .member = c->member,
				  .addr = c->place.bit_size ? 0 : obj + c->place.offset,
				  .bytes = c->place.bit_size || !got ? NULL : bytes, .n = n};
	if (got)
		show_meaning(s, &q, hex, ret);
}

/* What people see is what a value means, if that is known: columns are narrow. */
static struct cell finish_cell(const struct session *s, struct shown *sh)
{
	size_t n = sh->meaning.len;

	if (sh->value.kind == CELL_FAULT)
		return sh->value;
	if (sh->value.kind == CELL_ADDR && n > 1 && sh->meaning.p[0] == '"' && sh->meaning.p[n - 1] == '"') {
		free(sh->keep);
		sh->keep = xstrndup(sh->meaning.p + 1, n - 2);
		return cell_link(cell_text(sh->keep), sh->value.ref);
	}
	if (sh->value.kind == CELL_TEXT)
		return sh->value;
	if (sh->value.kind == CELL_ABSENT)
		return cell_text(buf_str(&sh->text));
	/* an unsigned long that is an address, as vm_start of a vmap_area */
	if (!n && sh->value.kind == CELL_UINT && s->arch->is_kernel(mem_layout(s->mem), sh->value.u)) {
		buf_clear(&sh->text);
		buf_printf(&sh->text, "0x%" PRIx64, sh->value.u);
	}
	if (!n)
		return sh->text.len ? cell_shown(sh->value, buf_str(&sh->text)) : sh->value;
	return cell_shown(sh->value, buf_str(&sh->meaning));
}

static struct err *show_whole(const struct view *v, uint64_t addr)
{
	const struct elements *e = v->e;
	struct show_object o = {.type = e->h.element, .space = KERNEL, .addr = addr, .base = addr,
				.root = e->h.element_name, .path = ""};

	return show_children(e->call, &o, &(struct show_style){.hex = e->hex});
}

static void place_cells(const struct view *v, const struct element *el, struct cell *cells, char *index,
			char *last)
{
	bool keys = el->indexed && v->e->h.c.kind == CONTAINER_MAPLE;

	cells[INDEX] = cell_uint(el->indexed ? el->first : el->n);
	cells[LAST] = el->indexed && el->last != el->first ? cell_uint(el->last) : cell_shown(cell_absent(), "");
	if (keys) { /* addresses, mostly */
		snprintf(index, 24, "%" PRIx64, el->first);
		snprintf(last, 24, "%" PRIx64, el->last);
		cells[INDEX] = cell_shown(cells[INDEX], index);
		if (cells[LAST].kind == CELL_UINT)
			cells[LAST] = cell_shown(cells[LAST], last);
	}
	struct cell *end = cells + v->table->ncols;
	end[-POSITION] = el->position ? cell_text(el->position) : cell_shown(cell_absent(), "");
	end[-MEANING] = cell_absent();
	end[-PROBLEM] = cell_shown(cell_absent(), el->kind == ELEMENT_NODE ? "node" :
				   el->backwards ? "from the other end" : "");
}

/* What the element is as a whole, in the last column; a task's columns say it already. */
static void tell_meaning(const struct view *v, const struct element *el, uint64_t addr, struct cell *cells,
			 struct buf *text)
{
	struct cell *end = cells + v->table->ncols;

	if (!v->e->h.element || v->task ||
	    !meaning_of_object(v->e->call->session, v->e->h.element, addr, text) || !text->len || text->p[0] == '"') /* a name: a column has it */
		return;
	end[-MEANING] = cell_text(buf_str(text));
	if (!el->backwards)
		end[-PROBLEM] = cell_shown(cell_absent(), buf_str(text));
}

static struct err *give_damage(struct view *v, const struct element *el)
{
	struct cell cells[ALL_MAX];
	char index[24], last[24];

	v->damages++;
	place_cells(v, el, cells, index, last);
	if (!el->indexed)
		cells[INDEX] = cell_shown(cell_absent(), "!");
	uint64_t addr = el->addr ? el->addr : el->node;
	cells[ADDRESS] = addr ? cell_link(cell_addr(addr), ref_addr(REF_MEM, addr)) : cell_shown(cell_absent(), "");
	for (size_t i = 0; i < v->ncols; i++)
		cells[FIXED + i] = cell_shown(cell_absent(), "");
	cells[v->table->ncols - PROBLEM] = cell_role(cell_text(el->damage), ROLE_BAD);
	return sink_row(v->e->call->out, &(struct row){.cells = cells, .role = ROLE_BAD,
						       .ref = ref_addr(addr ? REF_MEM : REF_NONE, addr)});
}

static struct err *give(void *ctx, const struct element *el)
{
	struct view *v = ctx;
	const struct elements *e = v->e;
	struct cell cells[ALL_MAX];
	struct shown shown[COLUMNS_MAX];
	AUTO_BUF struct buf meaning = {0};
	char key[24], index[24], last[24];
	bool object = el->kind == ELEMENT;
	uint64_t addr = el->addr - (object ? e->shift : 0);

	if (el->kind == ELEMENT_DAMAGE)
		return give_damage(v, el);
	place_cells(v, el, cells, index, last);
	struct ref ref = object ? element_ref(v, addr) : ref_addr(el->kind == ELEMENT_NODE ? REF_MEM : REF_NONE, addr);
	cells[ADDRESS] = el->kind == ELEMENT_VALUE
				 ? (e->h.c.kind == CONTAINER_BITMAP ? cell_shown(cell_absent(), "") : cell_uint(el->addr))
				 : cell_link(cell_addr(el->addr), ref);
	for (size_t i = 0; i < v->ncols; i++) {
		shown[i] = (struct shown){.value = cell_absent()};
		if (object) {
			member_cell(v, &v->cols[i], addr, &shown[i]);
			cells[FIXED + i] = finish_cell(e->call->session, &shown[i]);
		} else {
			cells[FIXED + i] = cell_shown(cell_absent(), "");
		}
	}
	if (object)
		tell_meaning(v, el, addr, cells, &meaning);
	snprintf(key, sizeof(key), "%" PRIx64, el->node);
	struct err *err = sink_row(e->call->out, &(struct row){.cells = cells, .key = key, .ref = ref,
			.folded = e->whole, .role = el->kind == ELEMENT_NODE ? ROLE_DIM : ROLE_NORMAL});
	for (size_t i = 0; i < v->ncols; i++)
		shown_free(&shown[i]);
	return !err && e->whole && object ? show_whole(v, addr) : err;
}

/* A remark in the last column, which no program needs. */
static struct err *remark(const struct view *v, const char *text)
{
	struct cell cells[ALL_MAX];

	for (size_t i = 0; i < v->table->ncols; i++)
		cells[i] = cell_shown(cell_absent(), "");
	cells[v->table->ncols - PROBLEM] = cell_role(cell_text(text), ROLE_DIM);
	return sink_row(v->e->call->out, &(struct row){.cells = cells, .role = ROLE_DIM,
						       .only = ROW_FOR_PEOPLE});
}

static struct err *tell_end(const struct view *v, const struct container_end *end)
{
	struct sink *out = v->e->call->out;
	const char *problem = holdings_problem(v->e->call->session);

	if (problem)
		sink_note(out, ROLE_WARN, "%s", problem);
	if (end->damages)
		sink_note(out, ROLE_BAD, "%" PRIu64 " element%s, %" PRIu64 " problem%s: %s", end->elements,
			  end->elements == 1 ? "" : "s", end->damages, end->damages == 1 ? "" : "s", end->text);
	else if (!end->elements)
		TRY(remark(v, "(empty)"));
	if (!v->e->h.element && end->elements && v->e->h.c.kind != CONTAINER_BITMAP)
		TRY(remark(v, "what these are is not known: tell it with -o TYPE.MEMBER or -s TYPE"));
	if (v->e->h.c.at_node && v->e->h.c.kind == CONTAINER_LIST && end->elements > 1)
		TRY(remark(v, "a ring: one of these may be the head, in something else"));
	return NULL;
}

struct err *elements_show(const struct elements *e)
{
	struct view v = {.e = e};
	struct container_end end;
	const char *kind = e->h.c.buckets ? "hash table" : container_kind_name(e->h.c.kind);

	TRY(choose_columns(&v));
	v.table = make_table(&v);
	v.task = e->h.element && !strcmp(e->h.element_name, "struct task_struct");
	struct ref ref = e->ref;
	if (!ref.kind)
		ref = ref_addr(REF_MEM, e->h.c.root);
	TRY(sink_begin(e->call->out, v.table, &ref, e->crash ? e->crash : "", "%s  %s%s%s",
		       e->h.head ? e->h.head : "", kind, e->h.element ? " of " : "",
		       e->h.element ? e->h.element_name : ""));
	TRY(container_walk(e->call->session, &e->h.c, e->call->job, give, &v, &end));
	return tell_end(&v, &end);
}

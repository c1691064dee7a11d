/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk over a type and its bytes. The bytes of the whole object are read once, with a state for
 * each word, so that one page that isn't there costs only the members that lie in it. Rows, elements
 * and depth are bounded: the types come from a file.
 */
#include "engine/cmd/show.h"
#include "engine/base/alloc.h"
#include "engine/kern/container/known.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_BYTES (256 * 1024) /* of one object; what lies behind is shown as a link to the rest */
#define MAX_ROWS 20000
#define MAX_DEPTH 12
#define MAX_ELEMENTS 64 /* of an array at the top; deeper ones show fewer */
#define MAX_CHARS 65536

enum { LINE, PATH, TYPE, VALUE, MEANING, OFFSET, COLS };

#define COLUMNS(offset_flags)                                                                      \
	{                                                                                          \
		[LINE] = {"line", "", "member = value  meaning", COL_SCREEN | COL_GROW, 50, 0},   \
		[PATH] = {"path", "PATH", "the member's path from the object", COL_DATA, 0, 0},  \
		[TYPE] = {"type", "", "its C type", 0, 0, 3},                                     \
		[VALUE] = {"value", "VALUE", "number, 0x address or string", COL_DATA, 0, 0},     \
		[MEANING] = {"meaning", "MEANING", "enum name, symbol, string pointed to",       \
			     COL_DATA, 0, 0},                                                      \
		[OFFSET] = {"offset", "", "bytes from the start of the object", offset_flags, 0, 4}, \
	}

static const struct col cols[COLS] = COLUMNS(COL_DATA | COL_RIGHT);
static const struct col cols_offsets[COLS] = COLUMNS(COL_RIGHT);
const struct table show_table = {.name = "struct", .cols = cols, .ncols = COLS};
const struct table show_table_offsets = {.name = "struct", .cols = cols_offsets, .ncols = COLS};

struct walk {
	const struct cmd_call *c;
	const struct show_object *o;
	const struct show_style *style;
	uint8_t *bytes, *states; /* of the object from o->addr on; a state for each word of it */
	size_t size;		 /* of bytes */
	size_t rows;
};

/* One thing to show: a member, an element, or the object itself. */
struct thing {
	const char *name;	 /* as shown; "" for the object itself */
	const char *path;	 /* from the root */
	struct type_place place; /* offset counts from o->addr */
	const struct type *in;	 /* the struct that has it as member `name`; NULL: none */
	unsigned depth;
	bool folded;
};

static struct err *show_thing(struct walk *w, const struct thing *th);
static struct err *show_target(struct walk *w, const struct thing *th, uint64_t addr);

/* The bytes of n bytes at offset, or NULL and the state of the first one that isn't there. */
static const uint8_t *bytes_at(const struct walk *w, uint64_t offset, size_t n, enum mem_state *why)
{
	if (offset > w->size || n > w->size - offset) {
		*why = MEM_UNMAPPED;
		return NULL;
	}
	if (!n)
		return w->bytes + offset;
	for (uint64_t i = offset / 8; i <= (offset + n - 1) / 8; i++)
		if (!mem_readable((enum mem_state)w->states[i])) {
			*why = (enum mem_state)w->states[i];
			return NULL;
		}
	return w->bytes + offset;
}

static size_t place_bytes(const struct type_place *p)
{
	return p->bit_size ? (p->bit_offset + p->bit_size + 7) / 8 : type_size(p->type);
}

/* A scalar of the object, or why it isn't there. */
static void show_place(const struct walk *w, const struct type_place *p, struct shown *ret)
{
	enum mem_state why = MEM_UNMAPPED;
	size_t n = place_bytes(p);
	const uint8_t *bytes = bytes_at(w, p->offset, n, &why);

	show_scalar(w->c->session, p, bytes, n, why, w->style->hex, ret);
}

static struct ref member_ref(struct walk *w, const char *path)
{
	struct session *s = w->c->session;
	AUTO_FREE char *name = path[0] ? xasprintf("%s.%s", w->o->root, path) : xstrdup(w->o->root);

	if (w->o->space.kind != SPACE_KERNEL)
		return (struct ref){0};
	return ref_object(intern_str(s->intern, name), w->o->base);
}

/* The path of a row among those of all objects of the view; NULL: as it is. */
static char *full_path(const struct walk *w, const char *path)
{
	const char *prefix = w->o->prefix;

	if (!prefix)
		return NULL;
	bool element = path[0] == '[' && prefix[0] && prefix[strlen(prefix) - 1] == '.';
	return xasprintf("%.*s%s", (int)strlen(prefix) - element, prefix, path);
}

/* Bytes from the start of the object; for people who asked for it the address. */
static struct cell offset_cell(const struct walk *w, const struct thing *th, char text[24])
{
	uint64_t offset = th->place.offset + (w->o->addr - w->o->base);

	if (!w->style->offsets)
		return cell_uint(offset);
	snprintf(text, 24, "[%" PRIx64 "]", w->o->base + offset);
	return cell_shown(cell_uint(offset), text);
}

/* One row; v->text, when there is any, is what people see for the value. */
static struct err *put(struct walk *w, const struct thing *th, struct shown *v, struct ref ref)
{
	AUTO_BUF struct buf line = {0}, type = {0}, text = {0};

	if (++w->rows > MAX_ROWS)
		return w->rows == MAX_ROWS + 1
			       ? (sink_note(w->c->out, ROLE_WARN, "only the first %d rows are shown",
					    MAX_ROWS), NULL)
			       : NULL;
	TRY(job_tick(w->c->job, 1));
	if (v->text.len)
		buf_put_safe(&text, v->text.p, v->text.len);
	else if (v->value.kind != CELL_ABSENT)
		cell_print(&v->value, &text);
	if (th->name[0])
		buf_printf(&line, "%s = ", th->name);
	buf_puts(&line, buf_str(&text));
	if (v->meaning.len)
		buf_printf(&line, "  %s", buf_str(&v->meaning));
	type_print_name(th->place.type, &type);
	if (th->place.bit_size)
		buf_printf(&type, " : %u", th->place.bit_size);

	AUTO_FREE char *full = full_path(w, th->path);
	char place[24];
	const char *path = full ? full : th->path;
	enum role role = v->value.kind == CELL_FAULT ? ROLE_FAULT : ref.kind ? ROLE_LINK : v->value.role == ROLE_DIM ? ROLE_DIM : ROLE_NORMAL;
	struct cell cells[COLS] = {
		[LINE] = cell_link(cell_role(cell_text(buf_str(&line)), role), ref),
		[PATH] = cell_text(path),
		[TYPE] = cell_role(cell_text(buf_str(&type)), ROLE_TYPE),
		[VALUE] = v->value,
		[MEANING] = v->meaning.len ? cell_text(buf_str(&v->meaning)) : cell_absent(),
		[OFFSET] = offset_cell(w, th, place),
	};
	struct row r = {.cells = cells, .key = path, .ref = ref, .depth = w->o->depth + th->depth,
			.folded = th->folded, .role = role};
	return sink_row(w->c->out, &r);
}

static char *join_path(const char *path, const char *name)
{
	if (!name[0])
		return xstrdup(path);
	return path[0] && name[0] != '[' ? xasprintf("%s.%s", path, name)
					 : xasprintf("%s%s", path, name);
}

/* The members of a struct; those of anonymous structs and unions come as if they were its own. */
static struct err *show_members(struct walk *w, const struct thing *of, unsigned depth)
{
	size_t n;
	const struct member *m = type_members(type_strip(of->place.type), &n);

	if (depth > MAX_DEPTH)
		return NULL;
	for (size_t i = 0; i < n && w->rows <= MAX_ROWS; i++) {
		AUTO_FREE char *path = join_path(of->path, m[i].name);
		uint64_t bits = m[i].bit_offset;
		struct thing th = {
			.name = m[i].name,
			.path = path,
			.place = {m[i].type, of->place.offset + bits / 8, bits % 8, m[i].bit_size},
			.in = of->in && !of->name[0] ? of->in : of->place.type,
			.depth = depth,
			.folded = true,
		};
		if (!m[i].name[0] && m[i].bit_size) /* padding bits */
			continue;
		/* an anonymous member adds no level of its own: only the C nesting has one more */
		TRY(m[i].name[0] ? show_thing(w, &th) : show_members(w, &th, depth));
	}
	return NULL;
}

static void add_meaning(struct walk *w, const struct thing *th, struct shown *v)
{
	enum mem_state why;
	struct meaning_query q = {.type = th->place.type, .in = th->in, .member = show_last_name(th->name)};

	if (w->o->space.kind == SPACE_KERNEL && !th->place.bit_size)
		q.addr = w->o->addr + th->place.offset;
	q.n = place_bytes(&th->place);
	q.bytes = th->place.bit_size ? NULL : bytes_at(w, th->place.offset, q.n, &why);
	show_meaning(w->c->session, &q, w->style->hex, v);
}

/* What a list or tree holds, behind its row: "list of struct inode", "empty". */
static void tell_holding(const struct walk *w, const struct thing *th, struct buf *out)
{
	struct session *s = w->c->session;
	uint64_t addr = w->o->addr + th->place.offset, offset;
	struct type_place place;
	struct holding h;
	struct sym sym;

	if (w->o->space.kind != SPACE_KERNEL)
		return;
	if (th->in ? !err_ok(type_member(th->in, th->name, &place)) ||
			     !err_ok(holding_of_member(s, th->in, th->name, addr - place.offset, &h))
		   : !sym_at(s->symtab, addr, &sym, &offset) || offset ||
			     !err_ok(holding_of_symbol(s, sym.name, th->place.type, addr, &h)))
		return;
	if (container_is_empty(s, &h.c))
		buf_puts(out, "empty");
	else
		buf_printf(out, "%s%s%s", h.c.buckets ? "hash table" : container_kind_name(h.c.kind),
			   h.element ? " of " : "", h.element_name);
}

static struct err *show_container(struct walk *w, const struct thing *th)
{
	struct type_place inner = {.offset = th->place.offset};
	struct shown v = {0};
	size_t n;
	struct err *e;

	type_members(type_strip(th->place.type), &n);
	if (only_scalar(th->place.type, &inner)) {
		show_place(w, &inner, &v);
		v.value.ref = (struct ref){0};
		add_meaning(w, th, &v);
		if (!v.text.len)
			cell_print(&v.value, &v.text);
	} else {
		v.value = cell_absent();
		add_meaning(w, th, &v);
		buf_puts(&v.text, n ? "{...}" : "{}");
		v.value.ref = (struct ref){0};
	}
	struct ref leads = v.value.ref.kind ? v.value.ref : n ? member_ref(w, th->path) : (struct ref){0};
	v.value = cell_absent();
	if (!v.meaning.len)
		tell_holding(w, th, &v.meaning);
	e = put(w, th, &v, leads);
	shown_free(&v);
	return e ? e : show_members(w, th, th->depth + 1);
}

/* char name[16] */
static struct err *show_chars(struct walk *w, const struct thing *th, uint64_t count)
{
	size_t n = count > MAX_CHARS ? MAX_CHARS : (size_t)count;
	enum mem_state why = MEM_UNMAPPED;
	struct shown v;

	const uint8_t *text = bytes_at(w, th->place.offset, n, &why);

	show_text(text, n, n < count, why, &v);
	add_meaning(w, th, &v);
	if (v.meaning.len) { /* bytes of something, and no text */
		buf_clear(&v.text);
		buf_puts(&v.text, "{...}");
	}
	struct err *e = put(w, th, &v, member_ref(w, th->path));
	shown_free(&v);
	return e;
}

/* "{1, 2, 3, ...}" of an array of scalars, as the array's own row. */
static void summary(struct walk *w, const struct thing *th, const struct type *of, uint64_t count,
		    struct buf *out)
{
	enum type_kind k = type_kind(type_strip(of));

	if (k != TYPE_INT && k != TYPE_ENUM && k != TYPE_POINTER) {
		buf_printf(out, "[%" PRIu64 "]", count);
		return;
	}
	buf_putc(out, '{');
	for (uint64_t i = 0; i < count && i < 8; i++) {
		struct type_place p = {of, th->place.offset + i * type_size(of), 0, 0};
		struct shown v;
		show_place(w, &p, &v);
		if (!v.text.len)
			cell_print(&v.value, &v.text);
		buf_printf(out, "%s%s", i ? ", " : "", buf_str(&v.text));
		shown_free(&v);
	}
	buf_puts(out, count > 8 ? ", ...}" : "}");
}

static struct err *show_rest(struct walk *w, const struct thing *th, const struct type *of,
			     uint64_t from, uint64_t count)
{
	struct session *s = w->c->session;
	AUTO_BUF struct buf name = {0};
	AUTO_FREE char *path = xasprintf("%s[%" PRIu64 "...]", th->path, from);
	struct shown v = {.value = cell_absent()};
	struct thing rest = {.name = "...", .path = path, .place = th->place, .depth = th->depth + 1};

	rest.place.type = type_array_of(s->types, of, count - from);
	rest.place.offset += from * type_size(of);
	type_print_name(rest.place.type, &name);
	buf_printf(&v.text, "%" PRIu64 " more", count - from);
	struct err *e = put(w, &rest, &v, w->o->space.kind == SPACE_KERNEL ?
			    ref_object(intern_str(s->intern, buf_str(&name)),
				       w->o->addr + rest.place.offset) : (struct ref){0});
	shown_free(&v);
	return e;
}

static struct err *show_elements(struct walk *w, const struct thing *th, const struct type *of,
				 uint64_t count, unsigned depth)
{
	uint64_t most = depth > 1 ? MAX_ELEMENTS / 4 : MAX_ELEMENTS;
	uint64_t size = type_size(of);

	if (!size || depth > MAX_DEPTH)
		return NULL;
	for (uint64_t i = 0; i < count && i < most && w->rows <= MAX_ROWS; i++) {
		AUTO_FREE char *name = xasprintf("[%" PRIu64 "]", i);
		AUTO_FREE char *path = join_path(th->path, name);
		struct thing el = {.name = name, .path = path, .depth = depth, .folded = true,
				   .place = {of, th->place.offset + i * size, 0, 0}};
		TRY(show_thing(w, &el));
	}
	return count > most ? show_rest(w, th, of, most, count) : NULL;
}

static struct err *show_array(struct walk *w, const struct thing *th)
{
	const struct type *t = type_strip(th->place.type), *of = type_target(t);
	struct shown v = {.value = cell_absent()};
	uint64_t count;

	if (!type_array_count(t, &count))
		count = 0;
	if (type_is_char(type_strip(of)) && count)
		return show_chars(w, th, count);
	summary(w, th, of, count, &v.text);
	if (th->in && type_kind(type_strip(of)) == TYPE_STRUCT)
		tell_holding(w, th, &v.meaning);
	struct err *e = put(w, th, &v, member_ref(w, th->path));
	shown_free(&v);
	return e ? e : show_elements(w, th, of, count, th->depth + 1);
}

static struct err *show_thing(struct walk *w, const struct thing *th)
{
	enum type_kind k = type_kind(type_strip(th->place.type));
	enum container_kind kind;
	struct shown v;

	if (k == TYPE_STRUCT || k == TYPE_UNION)
		return show_container(w, th);
	if (k == TYPE_ARRAY)
		return show_array(w, th);
	show_place(w, &th->place, &v);
	add_meaning(w, th, &v);
	/* a pointer to many things leads to all of them: fdtable.fd, kmem_cache.cpu_slab */
	bool many = k == TYPE_POINTER && th->in && v.value.u && holding_is_member(w->c->session, th->in, th->name, &kind);
	if (many && !v.meaning.len)
		tell_holding(w, th, &v.meaning);
	if (many && !v.meaning.len)
		buf_puts(&v.meaning, container_kind_name(kind));
	struct err *e = put(w, th, &v, many ? member_ref(w, th->path) : v.value.ref);
	uint64_t target = v.value.kind == CELL_ADDR ? v.value.u : 0;
	shown_free(&v);
	return e || !target || !w->style->follow ? e : show_target(w, th, target);
}

static void walk_open(struct walk *w)
{
	const struct show_object *o = w->o;
	uint64_t size = o->bit_size ? place_bytes(&(struct type_place){o->type, 0, o->bit_offset, o->bit_size})
				    : type_size(o->type);

	w->size = size > MAX_BYTES ? MAX_BYTES : (size_t)size;
	w->bytes = xcalloc(w->size + 8, 1);
	w->states = xcalloc(w->size / 8 + 1, 1);
	mem_read_holes(w->c->session->mem, o->space, o->addr, w->bytes, w->size, w->states);
	if (size > MAX_BYTES)
		sink_note(w->c->out, ROLE_WARN, "%s is %" PRIu64 " bytes: the first %d are shown",
			  o->root, size, MAX_BYTES);
}

static void walk_close(struct walk *w)
{
	free(w->bytes);
	free(w->states);
}

/* All of an object: its members or elements, or itself. */
static struct err *show_whole(struct walk *w)
{
	const struct show_object *o = w->o;
	const struct type *t = type_strip(o->type);
	struct thing all = {.name = "", .path = o->path, .place = {o->type, 0, 0, 0}};
	uint64_t count;

	if (type_kind(t) == TYPE_STRUCT || type_kind(t) == TYPE_UNION)
		return show_members(w, &all, 0);
	if (type_kind(t) == TYPE_ARRAY && !type_is_char(type_strip(type_target(t))) &&
	    type_array_count(t, &count))
		return show_elements(w, &all, type_target(t), count, 0);
	all.name = o->path;
	return show_thing(w, &all);
}

struct err *show_link(const struct cmd_call *c, const char *name, const char *text, struct ref ref)
{
	AUTO_FREE char *line = xasprintf("%s: %s", name, text);
	struct cell cells[COLS];

	for (size_t i = 0; i < COLS; i++)
		cells[i] = cell_shown(cell_absent(), "");
	cells[LINE] = cell_link(cell_role(cell_text(line), ROLE_LINK), ref);
	return sink_row(c->out, &(struct row){.cells = cells, .key = name, .ref = ref, .only = ROW_FOR_PEOPLE,
					      .role = ROLE_LINK});
}

/* What the object is as a whole, which none of its members says: a list of what, a mask of which. Enter on that
 * opens a container's elements. */
static struct err *show_self(struct walk *w)
{
	const struct show_object *o = w->o;
	struct thing self = {.name = o->in ? show_last_name(o->member) : "", .path = o->path,
			     .place = {o->type, 0, 0, 0}, .in = o->in};
	enum type_kind k = type_kind(type_strip(o->type));
	struct type_place place;
	struct shown v = {0};
	struct ref ref = {0};
	uint64_t at;
	size_t n;

	if (k != TYPE_STRUCT && k != TYPE_UNION)
		return NULL;
	type_members(type_strip(o->type), &n);
	if (o->in || n == 1) /* others say it themselves, or in the title */
		add_meaning(w, &self, &v);
	if (!v.meaning.len)
		tell_holding(w, &self, &v.meaning);
	if (!o->in && v.meaning.len && container_of_type(w->c->session, o->type, &at))
		ref = (struct ref){REF_OBJECT, o->addr, 1, o->root};
	if (o->in && err_ok(type_member(o->in, self.name, &place))) {
		AUTO_BUF struct buf name = {0};
		type_print_name(o->in, &name);
		buf_printf(&name, ".%s", self.name);
		ref = ref_object(intern_str(w->c->session->intern, buf_str(&name)), o->addr - place.offset);
	}
	struct err *e = v.meaning.len ? show_link(w->c, "is", buf_str(&v.meaning), ref) : NULL;
	shown_free(&v);
	return e;
}

struct err *show_rows(const struct cmd_call *c, const struct show_object *o,
		      const struct show_style *style)
{
	struct walk w = {.c = c, .o = o, .style = style};

	walk_open(&w);
	struct err *e = o->space.kind == SPACE_KERNEL ? show_self(&w) : NULL;
	if (!e)
		e = show_whole(&w);
	walk_close(&w);
	return e;
}

/* Under a pointer the struct that it points to: one step, no further. */
static struct err *show_target(struct walk *w, const struct thing *th, uint64_t addr)
{
	struct show_style style = *w->style;
	const struct type *t = type_strip(type_target(type_strip(th->place.type)));
	AUTO_FREE char *full = full_path(w, th->path);
	AUTO_FREE char *prefix = xasprintf("%s->", full ? full : th->path);
	AUTO_BUF struct buf name = {0};

	if ((type_kind(t) != TYPE_STRUCT && type_kind(t) != TYPE_UNION) || type_is_incomplete(t))
		return NULL;
	type_print_name(t, &name);
	struct show_object o = {.type = t, .space = w->o->space, .addr = addr, .base = addr, .path = "",
				.root = intern_str(w->c->session->intern, buf_str(&name)),
				.prefix = prefix, .depth = w->o->depth + th->depth + 1};
	struct walk inner = {.c = w->c, .o = &o, .style = &style, .rows = w->rows};

	style.follow = false;
	walk_open(&inner);
	struct err *e = show_whole(&inner);
	walk_close(&inner);
	w->rows = inner.rows;
	return e;
}

struct err *show_member(const struct cmd_call *c, const struct show_object *o,
			const struct show_style *style)
{
	struct walk w = {.c = c, .o = o, .style = style};
	struct thing th = {.name = o->in ? o->member : o->path, .path = o->path,
			   .place = {o->type, 0, o->bit_offset, o->bit_size}, .in = o->in};

	walk_open(&w);
	struct err *e = show_thing(&w, &th);
	walk_close(&w);
	return e;
}

struct err *show_one(const struct cmd_call *c, const char *path, const struct type_place *place,
		     struct shown *v)
{
	static const struct show_style plain;
	const struct show_object o = {.type = place->type, .root = path, .path = path};
	struct walk w = {.c = c, .o = &o, .style = &plain};
	struct thing th = {.name = path, .path = path, .place = *place};

	return put(&w, &th, v, v->value.ref);
}

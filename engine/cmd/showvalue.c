/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One value as a cell: a scalar, a pointer with its link, a string, and what it means. Whatever shows
 * values, in a line or in rows, begins here.
 */
#include "engine/cmd/show.h"
#include "engine/base/alloc.h"
#include <inttypes.h>
#include <string.h>

#define MAX_DEPTH 12   /* of structs of one member */
#define MAX_STRING 256 /* of what a pointer points to */
#define MAX_SHOWN 256  /* chars of a string */
#define MAX_BYTES 32   /* of one that isn't printable */

void shown_free(struct shown *s)
{
	buf_free(&s->text);
	buf_free(&s->meaning);
	free(s->keep);
	s->keep = NULL;
}

/* Printable text at a char pointer, in quotes. */
static void string_at(struct session *s, uint64_t addr, struct buf *out)
{
	char text[MAX_STRING];

	if (!err_ok(mem_str(s->mem, KERNEL, addr, text, sizeof(text))))
		return;
	buf_putc(out, '"');
	buf_put_safe(out, text, strlen(text));
	buf_putc(out, '"');
}

static void symbol_at(struct session *s, uint64_t addr, struct buf *out)
{
	struct sym sym;
	uint64_t off;

	if (!sym_at(s->symtab, addr, &sym, &off))
		return;
	buf_put_safe(out, sym.name, strlen(sym.name));
	if (off)
		buf_printf(out, "+0x%" PRIx64, off);
}

/* Where a pointer leads: an object of its target type, else plain memory. */
static struct ref pointer_ref(struct session *s, const struct type *target, uint64_t v)
{
	AUTO_BUF struct buf name = {0};
	const struct type *t = type_strip(target);

	if (!s->arch->is_kernel(mem_layout(s->mem), v))
		return (struct ref){0};
	if (type_kind(t) == TYPE_VOID || type_kind(t) == TYPE_FUNCTION || type_is_incomplete(t) ||
	    type_is_char(t))
		return ref_addr(REF_MEM, v);
	type_print_name(t, &name);
	return ref_object(intern_str(s->intern, buf_str(&name)), v);
}

static void show_pointer(struct session *s, const struct type *t, uint64_t v, struct shown *ret)
{
	const struct type *target = type_target(t), *plain = type_strip(target);
	struct sym sym;
	uint64_t off;

	ret->value = cell_addr(v);
	if (!v) {
		buf_puts(&ret->text, "NULL");
		ret->value.role = ROLE_DIM;
		return;
	}
	ret->value = cell_link(ret->value, pointer_ref(s, target, v));
	if (type_kind(plain) == TYPE_FUNCTION && sym_at(s->symtab, v, &sym, &off) && !off)
		ret->value.ref = (struct ref){REF_SYM, v, 0, intern_str(s->intern, sym.name)};
	if (type_is_char(plain))
		string_at(s, v, &ret->meaning);
	else
		symbol_at(s, v, &ret->meaning);
}

void show_scalar(struct session *s, const struct type_place *place, const void *p, size_t n,
		 enum mem_state why, bool hex, struct shown *ret)
{
	const struct type *t = type_strip(place->type);
	struct scalar v;
	struct err *e;

	*ret = (struct shown){0};
	if (!p) {
		ret->value = cell_fault(why);
		return;
	}
	if ((e = scalar_decode(place, p, n, &v))) {
		ret->value = cell_err(e, &ret->text);
		return;
	}
	if (v.kind == TYPE_POINTER) {
		show_pointer(s, t, v.u, ret);
		return;
	}
	ret->value = v.is_bool ? cell_bool(v.u) : v.is_signed ? cell_int((int64_t)v.u) : cell_uint(v.u);
	if (v.kind == TYPE_ENUM) {
		const char *name = type_enum_name(t, (int64_t)v.u);
		if (name)
			buf_puts(&ret->meaning, name);
		buf_printf(&ret->text, v.is_signed ? "%" PRId64 : "%" PRIu64, v.u);
		return;
	}
	scalar_print(&v, t, hex, &ret->text);
	if (v.kind == TYPE_FLOAT)
		ret->value = cell_text(buf_str(&ret->text));
}

static bool inner_scalar(const struct type *t, struct type_place *place, int depth)
{
	size_t n;
	const struct type *plain = type_strip(t);
	const struct member *m = type_members(plain, &n);
	enum type_kind k = type_kind(plain);

	if (k == TYPE_INT || k == TYPE_ENUM || k == TYPE_POINTER) {
		place->type = plain;
		return true;
	}
	if (k != TYPE_STRUCT || n != 1 || m[0].bit_size || depth > MAX_DEPTH)
		return false;
	place->offset += m[0].bit_offset / 8;
	return inner_scalar(m[0].type, place, depth + 1);
}

bool only_scalar(const struct type *t, struct type_place *place)
{
	return inner_scalar(t, place, 0);
}

static bool printable(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((p[i] < 0x20 || p[i] >= 0x7f) && p[i] != '\n' && p[i] != '\t')
			return false;
	return true;
}

static void put_bytes(const uint8_t *p, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%02x", p[i]);
}

void show_text(const uint8_t *p, size_t n, bool more, enum mem_state why, struct shown *ret)
{
	AUTO_BUF struct buf whole = {0};
	size_t len = p ? strnlen((const char *)p, n) : 0;

	*ret = (struct shown){.value = cell_fault(why)};
	if (!p)
		return;
	if (printable(p, len)) {
		bool cut = len > MAX_SHOWN || (more && len == n);
		buf_put(&whole, p, len);
		buf_printf(&ret->text, "\"%.*s\"%s", (int)(len < MAX_SHOWN ? len : MAX_SHOWN), (const char *)p,
			   cut ? "..." : "");
	} else {
		put_bytes(p, n, &whole);
		put_bytes(p, n < MAX_BYTES ? n : MAX_BYTES, &ret->text);
		buf_puts(&ret->text, more || n > MAX_BYTES ? "..." : "");
	}
	ret->keep = buf_steal(&whole);
	ret->value = cell_text(ret->keep);
}

/* In hexadecimal, as wide as its type: a flag in the sign bit of an int is one bit. */
static void put_hex(const struct meaning_query *q, struct buf *text)
{
	struct type_place inner = {.type = q->type};
	uint64_t size = only_scalar(q->type, &inner) ? type_size(inner.type) : 8;

	buf_clear(text);
	buf_put_hex(text, size < 8 ? q->u & ((UINT64_C(1) << size * 8) - 1) : q->u);
}

void show_meaning(struct session *s, struct meaning_query *q, bool hex, struct shown *ret)
{
	enum cell_kind k = ret->value.kind;
	struct meaning m = {0};

	if (k == CELL_FAULT || (k == CELL_ADDR && !ret->value.u) || (ret->meaning.len && k != CELL_ADDR))
		return;
	if (k == CELL_INT || k == CELL_UINT || k == CELL_ADDR) {
		q->scalar = true;
		q->u = ret->value.u;
	}
	if (meaning_get(s, q, &m)) {
		if (ret->meaning.len && ret->meaning.p[0] == '"') /* what the bytes mean, not what they read like */
			buf_clear(&ret->meaning);
		buf_puts(&ret->meaning, ret->meaning.len ? "  " : "");
		buf_put(&ret->meaning, m.text.p, m.text.len);
	}
	if (m.hex && q->scalar && k != CELL_ADDR && q->u > 9 && !hex)
		put_hex(q, &ret->text);
	/* a typed pointer has its own link; of a void one it is known where it leads */
	if (m.ref.kind && (k != CELL_ADDR || (ret->value.ref.kind == REF_MEM && m.ref.kind == REF_OBJECT)))
		ret->value.ref = m.ref;
	meaning_free(&m);
}

const char *show_last_name(const char *text)
{
	const char *name = text;

	for (; *text; text++)
		if (*text == '.' || *text == '>')
			name = text + 1;
	return name;
}

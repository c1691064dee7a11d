/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values in one line, as the variables of a frame have them: there is no room under them for members.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/show.h"
#include <string.h>

#define MAX_DEPTH 12
#define MAX_SHOWN 256	/* chars of a string */
#define MAX_BYTES 32	/* of one that isn't printable */
#define MAX_MEMBERS 8	/* of a struct that is shown whole */

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
	if (m.ref.kind && k != CELL_ADDR)
		ret->value.ref = m.ref;
	meaning_free(&m);
}

static void put_member(struct session *s, const struct type *in, const struct type_place *place, const char *name,
		       const uint8_t *p, size_t n, struct buf *out)
{
	uint64_t bits = place->bit_size ? place->bit_offset + place->bit_size : type_size(place->type) * 8;
	struct shown v;

	buf_printf(out, "%s%s = ", out->len > 1 ? ", " : "", name);
	if (place->offset > n || (bits + 7) / 8 > n - place->offset) {
		buf_puts(out, "?");
		return;
	}
	show_scalar(s, place, p + place->offset, (bits + 7) / 8, MEM_LOST, false, &v);
	show_meaning(s, &(struct meaning_query){.type = place->type, .in = in, .member = name}, false, &v);
	if (!v.text.len)
		cell_print(&v.value, &v.text);
	buf_puts(out, buf_str(&v.text));
	if (v.meaning.len)
		buf_printf(out, " %s", buf_str(&v.meaning));
	shown_free(&v);
}

/* "{file = 0xffff888003f1ac00, flags = 0}"; false: it isn't of the kind that can be shown so. */
static bool put_members(struct session *s, const struct type *t, const uint8_t *p, size_t n, struct buf *out)
{
	size_t count;
	const struct member *m = type_members(t, &count);

	if (!count || count > MAX_MEMBERS || type_kind(t) != TYPE_STRUCT)
		return false;
	buf_puts(out, "{");
	for (size_t i = 0; i < count; i++) {
		struct type_place place = {m[i].type, m[i].bit_offset / 8, m[i].bit_offset % 8, m[i].bit_size};
		if (!place.bit_size && !only_scalar(m[i].type, &place))
			return false;
		put_member(s, t, &place, m[i].name, p, n, out);
	}
	buf_puts(out, "}");
	return true;
}

void show_line(struct session *s, const struct type *t, const void *p, size_t n, enum mem_state why,
	       struct shown *ret)
{
	const struct type *plain = type_strip(t);
	enum type_kind k = type_kind(plain);
	struct type_place place = {.type = plain};

	*ret = (struct shown){.value = cell_fault(why)};
	if (!p)
		return;
	if (k == TYPE_ARRAY && type_is_char(type_strip(type_target(plain)))) {
		show_text(p, n, n < type_size(plain), why, ret);
		return;
	}
	struct meaning_query q = {.type = t, .bytes = p, .n = n};
	if (k == TYPE_STRUCT || k == TYPE_UNION || k == TYPE_ARRAY) {
		if (only_scalar(plain, &place) && place.offset <= n) {
			show_scalar(s, &place, (const uint8_t *)p + place.offset, n - place.offset, why, false, ret);
			show_meaning(s, &q, false, ret);
			return;
		}
		ret->value = cell_absent();
		show_meaning(s, &q, false, ret);
		if (!put_members(s, plain, p, n, &ret->text)) {
			buf_clear(&ret->text);
			buf_puts(&ret->text, "{...}");
		}
	} else {
		show_scalar(s, &place, p, n, why, false, ret);
		show_meaning(s, &q, false, ret);
	}
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values in one line, as the variables of a frame have them: there is no room under them for members.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/show.h"

#define MAX_MEMBERS 8	/* of a struct that is shown whole */

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

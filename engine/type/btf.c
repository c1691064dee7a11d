/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One walk over the types checks that each lies within the section and notes where it begins; names
 * then go into chained tables of (id, next), so that a hostile section of equal names costs no more
 * than any other. What types say about each other (ids, string offsets) is checked when it is used:
 * that keeps opening fast, and one bad type spoils nothing else.
 */
#include "engine/type/btf.h"
#include "engine/base/alloc.h"
#include <string.h>

#define BTF_MAGIC 0xeb9f
#define BTF_MAGIC_SWAPPED 0x9feb
#define BTF_HEADER 24u	    /* up to str_len; all versions have that */
#define BTF_HEADER_LAYOUT 32u /* with layout_off and layout_len */
#define RECORD 12u
#define NAME_MAX_LEN 1024u
#define HASHED 64u /* bytes of a name that are hashed */

#define NAMED_KINDS                                                                                \
	(BTF_BIT(BTF_INT) | BTF_BIT(BTF_STRUCT) | BTF_BIT(BTF_UNION) | BTF_BIT(BTF_ENUM) |         \
	 BTF_BIT(BTF_ENUM64) | BTF_BIT(BTF_TYPEDEF) | BTF_BIT(BTF_FLOAT) | BTF_BIT(BTF_VAR))

struct names {
	uint32_t kinds;
	uint32_t mask;
	uint32_t *head; /* index into entry + 1 */
	struct { uint32_t id, next; } *entry;
};

/* Bytes that follow a record: once, and for each of vlen elements. */
struct layout {
	uint8_t once, each;
};

static const struct layout known[BTF_KINDS] = {
	[BTF_INT] = {4, 0},	  [BTF_ARRAY] = {12, 0},    [BTF_STRUCT] = {0, 12},
	[BTF_UNION] = {0, 12},	  [BTF_ENUM] = {0, 8},	    [BTF_FUNC_PROTO] = {0, 8},
	[BTF_VAR] = {4, 0},	  [BTF_DATASEC] = {0, 12},  [BTF_DECL_TAG] = {4, 0},
	[BTF_ENUM64] = {0, 12},	  [BTF_LOC_PARAM] = {4, 4}, [BTF_LOC_PROTO] = {0, 4},
	[BTF_LOCSEC] = {0, 12},
};

struct btf {
	const struct btf *base;
	const uint8_t *types;
	uint32_t types_len;
	const char *strs;
	uint32_t strs_len;
	const uint8_t *layouts; /* the section's own table, for kinds newer than this program */
	uint32_t n_layouts;
	uint32_t first_id, first_str;
	uint32_t n;
	uint32_t *offset; /* of each type within types */
	uint32_t unknown_id;
	bool enums_signed;
	struct names names, functions;
};

static uint32_t kind_of(uint32_t info)
{
	return info >> 24 & 0x7f;
}

static uint32_t vlen_of(uint32_t info)
{
	return info & 0xffffff;
}

/* How the kind is laid out; false: nobody knows. */
static bool layout_of(const struct btf *b, uint32_t kind, struct layout *ret)
{
	if (kind == BTF_VOID)
		return false;
	if (kind < BTF_KINDS)
		*ret = known[kind];
	else if (kind < b->n_layouts)
		*ret = (struct layout){b->layouts[kind * 4], b->layouts[kind * 4 + 1]};
	else
		return false;
	return true;
}

/* Bytes of the type at `at`; 0: of an unknown kind; UINT64_MAX: it doesn't fit into the section. */
static uint64_t type_length(const struct btf *b, uint32_t at)
{
	struct layout l;

	if (!range_ok(at, RECORD, b->types_len))
		return UINT64_MAX;
	uint32_t info = load_u32(b->types + at + 4);
	if (!layout_of(b, kind_of(info), &l))
		return 0;
	uint64_t n = RECORD + l.once + (uint64_t)l.each * vlen_of(info);
	/* FUNC keeps its linkage in vlen; the other kinds without elements have 0 there. */
	return range_ok(at, n, b->types_len) ? n : UINT64_MAX;
}

static struct err *index_types(struct btf *b)
{
	uint32_t n = 0, at = 0;
	uint64_t len;

	/* Of a damaged section, or one with kinds of the future, what comes before is good. */
	for (; at < b->types_len; at += (uint32_t)len, n++) {
		len = type_length(b, at);
		if (!len || len == UINT64_MAX)
			break;
	}
	if (at < b->types_len)
		b->unknown_id = b->first_id + n;
	if (!n && b->unknown_id)
		return err_new(ERR_CORRUPT, "BTF: its first type, of kind %u, can't be read",
			       at + RECORD <= b->types_len ? kind_of(load_u32(b->types + 4)) : 0);
	TRY(try_alloc(n ? n : 1, sizeof(*b->offset), (size_t)1 << 30, &b->offset));
	for (at = 0; b->n < n; b->n++) {
		uint32_t info = load_u32(b->types + at + 4);
		b->offset[b->n] = at;
		if (kind_of(info) == BTF_ENUM && info >> 31)
			b->enums_signed = true;
		at += (uint32_t)type_length(b, at);
	}
	return NULL;
}

static uint32_t name_hash(const char *s)
{
	uint32_t h = 2166136261u;
	for (unsigned i = 0; i < HASHED && s[i]; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return h ^ h >> 15;
}

/* A string, wherever it begins: the section ends in NUL, so it ends too. */
static const char *raw_name(const struct btf *b, uint32_t offset)
{
	while (b && offset < b->first_str)
		b = b->base;
	if (!b || offset - b->first_str >= b->strs_len)
		return "";
	return b->strs + (offset - b->first_str);
}

static bool has_kind(const struct btf *b, uint32_t i, uint32_t kinds)
{
	uint32_t kind = kind_of(load_u32(b->types + b->offset[i] + 4));
	return kind < BTF_KINDS && (BTF_BIT(kind) & kinds) && load_u32(b->types + b->offset[i]);
}

static struct err *index_names(const struct btf *b, struct names *t, uint32_t kinds)
{
	uint32_t n = 0, cap = 16;

	for (uint32_t i = 0; i < b->n; i++)
		n += has_kind(b, i, kinds);
	while (cap < n)
		cap *= 2;
	TRY(try_alloc(cap, sizeof(*t->head), (size_t)1 << 30, &t->head));
	TRY(try_alloc(n ? n : 1, sizeof(*t->entry), (size_t)1 << 30, &t->entry));
	t->mask = cap - 1;
	t->kinds = kinds;
	n = 0;
	for (uint32_t i = b->n; i-- > 0;) { /* backwards: chains begin with the lowest id */
		if (!has_kind(b, i, kinds))
			continue;
		const char *name = raw_name(b, load_u32(b->types + b->offset[i]));
		uint32_t *head = &t->head[name_hash(name) & t->mask];
		t->entry[n].id = b->first_id + i;
		t->entry[n++].next = *head;
		*head = n;
	}
	return NULL;
}

/* The three sections that the header tells of; offsets count from its end. */
static struct err *read_header(struct btf *b, const uint8_t *p, size_t size)
{
	if (size < BTF_HEADER)
		return err_new(ERR_CORRUPT, "BTF: %zu bytes are too few for a header", size);
	if (load_u16(p) == BTF_MAGIC_SWAPPED)
		return err_new(ERR_UNSUPPORTED, "BTF: it is big-endian");
	if (load_u16(p) != BTF_MAGIC)
		return err_new(ERR_CORRUPT, "BTF: the magic is 0x%04x instead of 0xeb9f",
			       load_u16(p));
	if (p[2] != 1)
		return err_new(ERR_UNSUPPORTED, "BTF: version %u is not known", p[2]);
	uint32_t len = load_u32(p + 4);
	if (len < BTF_HEADER || len > size)
		return err_new(ERR_CORRUPT, "BTF: the header's length %u can't be", len);
	const uint8_t *body = p + len;
	size_t left = size - len;
	uint32_t type_off = load_u32(p + 8), type_len = load_u32(p + 12);
	uint32_t str_off = load_u32(p + 16), str_len = load_u32(p + 20);
	if (!range_ok(type_off, type_len, left) || !range_ok(str_off, str_len, left))
		return err_new(ERR_CORRUPT, "BTF: types or strings reach beyond the %zu bytes",
			       size);
	if (!str_len || body[str_off + str_len - 1])
		return err_new(ERR_CORRUPT, "BTF: the string table doesn't end in NUL");
	b->types = body + type_off;
	b->types_len = type_len;
	b->strs = (const char *)body + str_off;
	b->strs_len = str_len;
	if (len >= BTF_HEADER_LAYOUT && range_ok(load_u32(p + 24), load_u32(p + 28), left)) {
		b->layouts = body + load_u32(p + 24);
		b->n_layouts = load_u32(p + 28) / 4;
	}
	return NULL;
}

struct err *btf_open(const void *data, size_t size, const struct btf *base, struct btf **ret)
{
	struct btf *b = xcalloc(1, sizeof(*b));
	uint64_t first_id = 1, first_str = 0;

	b->base = base;
	if (base) {
		first_id = btf_end_id(base);
		first_str = (uint64_t)base->first_str + base->strs_len;
	}
	struct err *e = read_header(b, data, size);
	if (!e && (first_id + b->types_len > UINT32_MAX || first_str + b->strs_len > UINT32_MAX))
		e = err_new(ERR_CORRUPT, "BTF: more than 4 GiB of types or strings");
	b->first_id = (uint32_t)first_id;
	b->first_str = (uint32_t)first_str;
	if (!e)
		e = index_types(b);
	if (!e)
		e = index_names(b, &b->names, NAMED_KINDS);
	if (e) {
		btf_close(b);
		return e;
	}
	*ret = b;
	return NULL;
}

void btf_close(struct btf *b)
{
	if (!b)
		return;
	free(b->offset);
	free(b->names.head);
	free(b->names.entry);
	free(b->functions.head);
	free(b->functions.entry);
	free(b);
}

uint32_t btf_first_id(const struct btf *b)
{
	return b->first_id;
}

uint32_t btf_end_id(const struct btf *b)
{
	return b->first_id + b->n;
}

uint32_t btf_unknown_id(const struct btf *b)
{
	return b->unknown_id;
}

bool btf_enums_signed(const struct btf *b)
{
	return b->enums_signed;
}

bool btf_get(const struct btf *b, uint32_t id, struct btf_type *ret)
{
	while (b && id < b->first_id)
		b = b->base;
	if (!b || id - b->first_id >= b->n)
		return false;
	const uint8_t *p = b->types + b->offset[id - b->first_id];
	uint32_t info = load_u32(p + 4);
	*ret = (struct btf_type){
		.kind = kind_of(info), .kind_flag = info >> 31, .vlen = vlen_of(info),
		.name = load_u32(p), .size = load_u32(p + 8), .extra = p + RECORD,
	};
	return true;
}

const char *btf_name(const struct btf *b, uint32_t offset)
{
	const char *s = raw_name(b, offset);

	for (size_t i = 0; i <= NAME_MAX_LEN; i++) {
		if (!s[i])
			return s;
		if (s[i] < ' ' || s[i] > '~') /* these go to terminals */
			break;
	}
	return "";
}

uint32_t btf_find(struct btf *b, uint32_t kinds, const char *name)
{
	struct names *t = kinds == BTF_FUNCTIONS ? &b->functions : &b->names;

	if (!t->head && !err_ok(index_names(b, t, kinds)))
		return 0;
	if (!*name)
		return 0;
	for (uint32_t e = t->head[name_hash(name) & t->mask]; e; e = t->entry[e - 1].next) {
		uint32_t id = t->entry[e - 1].id;
		uint32_t i = id - b->first_id;
		if (has_kind(b, i, kinds) &&
		    !strcmp(raw_name(b, load_u32(b->types + b->offset[i])), name))
			return id;
	}
	return 0;
}

uint32_t btf_find_enumerator(const struct btf *b, const char *name)
{
	struct btf_type t;

	for (uint32_t id = b->first_id; id < btf_end_id(b); id++) {
		if (!btf_get(b, id, &t) || (t.kind != BTF_ENUM && t.kind != BTF_ENUM64))
			continue;
		uint32_t step = t.kind == BTF_ENUM64 ? 12 : 8;
		for (uint32_t i = 0; i < t.vlen; i++)
			if (!strcmp(raw_name(b, load_u32(t.extra + step * i)), name))
				return id;
	}
	return 0;
}

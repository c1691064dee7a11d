/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One walk over the types checks that each lies within the section, notes where it begins and chains it to those
 * whose name's offset has the same hash, so that a hostile section of equal names costs no more than any other.
 * Who looks for a name looks for its offset first (btfstrings.c), so the walk never touches a string. It goes on
 * only as far as somebody asks: what a task list needs is mostly among the first types and strings, and of a dump
 * without vmlinux the section is still being unpacked behind. What types say about each other (ids, string offsets)
 * is checked when it is used: that keeps opening fast, and one bad type spoils nothing else.
 *
 * Who looks for what is known needs no lock: a chain only grows at its head. While one walks on, those who want no
 * more than he has found go on, too.
 */
#include "engine/type/btf.h"
#include "engine/type/btfstrings.h"
#include "engine/base/alloc.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define BTF_MAGIC 0xeb9f
#define BTF_MAGIC_SWAPPED 0x9feb
#define BTF_HEADER 24u	    /* up to str_len; all versions have that */
#define BTF_HEADER_LAYOUT 32u /* with layout_off and layout_len */
#define RECORD 12u
#define NAME_MAX_LEN 1024u

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
	struct btf *base;
	const uint8_t *types;
	uint32_t types_len;
	const char *strs;
	uint32_t strs_len;
	const uint8_t *layouts; /* the section's own table, for kinds newer than this program */
	uint32_t n_layouts;
	uint32_t first_id, first_str;
	const uint8_t *data;
	struct object_coming coming;
	atomic_size_t strs_have;
	/* The walk: */
	pthread_mutex_t lock; /* of walking */
	pthread_cond_t news;  /* the walk has stopped for now */
	bool walking;	      /* by somebody, who alone may change what follows */
	atomic_uint n;	      /* types known; what is below is never changed */
	atomic_bool whole;
	uint32_t at, types_have; /* where the next one begins; bytes of types that have been waited for */
	uint32_t *offset; /* of each type within types; room for as many as there can be */
	uint32_t *next;	  /* of each type: number + 1 of the one before it in its chain */
	atomic_uint *head; /* of the chains: number + 1 */
	uint32_t mask;
	atomic_uint unknown_id;
	atomic_bool enums_signed;
	pthread_mutex_t strings_lock; /* of the two below */
	struct btf_strings strings;
	bool have_inner; /* names that begin within another string are in strings, too */
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

/* The n bytes at p must be there. */
static void need(const struct btf *b, const void *p, size_t n)
{
	size_t from = (size_t)((const uint8_t *)p - b->data);

	if (b->coming.need)
		b->coming.need(b->coming.ctx, from, from + n);
}

#define AHEAD 16384u /* bytes that are waited for at a time */

static void need_types(struct btf *b, uint64_t upto)
{
	if (upto <= b->types_have)
		return;
	b->types_have = upto + AHEAD < b->types_len ? (uint32_t)upto + AHEAD : b->types_len;
	need(b, b->types, b->types_have);
}

/* Strings are waited for well behind the one that is wanted, as nobody knows where it ends: from `from` on. */
static void need_strings(struct btf *b, uint32_t from, uint32_t upto)
{
	if (b->coming.need && atomic_load_explicit(&b->strs_have, memory_order_acquire) < upto)
		need(b, b->strs + from, upto - from);
}

/* The one at `at`. */
static void need_string(struct btf *b, uint32_t at)
{
	need_strings(b, at, b->strs_len - at > NAME_MAX_LEN ? at + NAME_MAX_LEN + 1 : b->strs_len);
}

/* All that begin before upto. */
static void need_all_strings(struct btf *b, uint32_t upto)
{
	size_t have = b->strs_have;

	upto = b->strs_len - upto > NAME_MAX_LEN ? upto + NAME_MAX_LEN + 1 : b->strs_len;
	need_strings(b, 0, upto);
	while (have < upto && !atomic_compare_exchange_weak(&b->strs_have, &have, upto))
		; /* somebody else has waited for more */
}

/* A string, wherever it begins: the section ends in NUL, so it ends too. */
static const char *raw_name(struct btf *b, uint32_t offset)
{
	while (b && offset < b->first_str)
		b = b->base;
	if (!b || offset - b->first_str >= b->strs_len)
		return "";
	need_string(b, offset - b->first_str);
	return b->strs + (offset - b->first_str);
}

static uint32_t name_of(const struct btf *b, uint32_t i)
{
	return load_u32(b->types + b->offset[i]);
}

static bool has_kind(const struct btf *b, uint32_t i, uint32_t kinds)
{
	uint32_t kind = kind_of(load_u32(b->types + b->offset[i] + 4));
	return kind < BTF_KINDS && BTF_BIT(kind) & kinds;
}

/* ---- the walk ---- */

#define STEP 1024u /* types that it goes on by, at least */

static atomic_uint *head_of(const struct btf *b, uint32_t name)
{
	return &b->head[(name * 0x9e3779b1u >> 8) & b->mask];
}

/* Chains have the newest first. */
static void chain(struct btf *b, uint32_t i)
{
	atomic_uint *head = head_of(b, name_of(b, i));

	b->next[i] = atomic_load_explicit(head, memory_order_relaxed);
	atomic_store_explicit(head, i + 1, memory_order_release);
}

/* The type where the walk is; false: it ends there. */
static bool walk_one(struct btf *b, uint32_t i)
{
	need_types(b, (uint64_t)b->at + RECORD);
	uint64_t len = type_length(b, b->at);
	/* Of a damaged section, or one with kinds of the future, what comes before is good. */
	if (!len || len == UINT64_MAX)
		return false;
	need_types(b, b->at + len);
	uint32_t info = load_u32(b->types + b->at + 4);
	b->offset[i] = b->at;
	if (kind_of(info) == BTF_ENUM && info >> 31)
		atomic_store_explicit(&b->enums_signed, true, memory_order_release);
	if (name_of(b, i))
		chain(b, i);
	b->at += (uint32_t)len;
	return true;
}

/* Some types more. */
static void walk_on(struct btf *b)
{
	uint32_t i = b->n, end = i + STEP;
	bool more = true;

	while (i < end && b->at < b->types_len && (more = walk_one(b, i)))
		i++;
	if (!more)
		b->unknown_id = b->first_id + i;
	atomic_store_explicit(&b->n, i, memory_order_release);
	if (!more || b->at >= b->types_len)
		atomic_store_explicit(&b->whole, true, memory_order_release);
}

/* More than n are known, or all: one walks, the others wait until he has come a step further, and look again whether
 * they need more. */
static void extend(struct btf *b, uint32_t n)
{
	pthread_mutex_lock(&b->lock);
	while (b->walking && b->n == n)
		pthread_cond_wait(&b->news, &b->lock);
	if (b->n == n && !b->whole) {
		b->walking = true;
		pthread_mutex_unlock(&b->lock);
		walk_on(b);
		pthread_mutex_lock(&b->lock);
		b->walking = false;
		pthread_cond_broadcast(&b->news);
	}
	pthread_mutex_unlock(&b->lock);
}

/* Is the i-th type known, once the walk has come there? */
static bool reach(struct btf *b, uint32_t i)
{
	uint32_t n;

	while (i >= (n = atomic_load_explicit(&b->n, memory_order_acquire))) {
		if (atomic_load_explicit(&b->whole, memory_order_acquire))
			return i < b->n;
		extend(b, n);
	}
	return true;
}

static void reach_all(struct btf *b)
{
	reach(b, UINT32_MAX);
}

/* ---- names ---- */

/* The lowest id of this name among those known. */
static uint32_t look_up(struct btf *b, uint32_t kinds, uint32_t name)
{
	uint32_t best = 0;

	for (uint32_t i = atomic_load_explicit(head_of(b, name), memory_order_acquire); i; i = b->next[i - 1])
		if (name_of(b, i - 1) == name && has_kind(b, i - 1, kinds))
			best = b->first_id + i - 1;
	return best;
}

/* A type's name may be the end of another string of its section; nobody writes BTF so, but nothing forbids it. */
static void add_inner(struct btf *b)
{
	uint8_t *added; /* a bit for each place */

	reach_all(b);
	b->have_inner = true;
	if (!err_ok(try_alloc(b->strs_len / 8 + 1, 1, SIZE_MAX, &added)))
		return;
	for (uint32_t i = 0; i < b->n; i++) {
		uint32_t at = name_of(b, i) - b->first_str;
		if (name_of(b, i) < b->first_str || !at || at >= b->strs_len || !b->strs[at - 1] ||
		    added[at / 8] >> at % 8 & 1)
			continue;
		added[at / 8] |= (uint8_t)(1u << at % 8);
		btf_strings_add(&b->strings, at);
	}
	free(added);
}

/* Strings up to `upto` are there: with the lock held, indexes them. */
static void index_strings(struct btf *b, uint32_t upto)
{
	btf_strings_index(&b->strings, upto);
	if (b->strings.at < b->strs_len || b->have_inner)
		return;
	add_inner(b);
	btf_strings_seal(&b->strings);
}

/* The next place of this name among b's strings, as far as they have to be indexed to find the first one; `all`: among
 * all of them. *e: 0 at the start. */
static bool next_place(struct btf *b, const char *name, bool all, uint32_t *e, uint32_t *offset)
{
	const struct btf_strings *t = &b->strings;
	uint32_t upto = all ? b->strs_len : 0;

	for (;;) {
		if (upto)
			need_all_strings(b, upto);
		if (upto == b->strs_len)
			reach_all(b); /* as add_inner() will */
		pthread_mutex_lock(&b->strings_lock);
		if (t->at < upto)
			index_strings(b, upto);
		bool found = btf_strings_next(t, name, e, offset), whole = t->at >= b->strs_len;
		upto = t->at > upto ? t->at : upto; /* less when a string is longer than that */
		pthread_mutex_unlock(&b->strings_lock);
		upto = b->strs_len - upto > AHEAD ? upto + AHEAD : b->strs_len;
		if (found)
			*offset += b->first_str;
		if (found || whole || *e)
			return found;
	}
}

static uint32_t find_at(struct btf *b, uint32_t kinds, uint32_t name)
{
	for (;;) {
		bool whole = atomic_load_explicit(&b->whole, memory_order_acquire);
		uint32_t n = atomic_load_explicit(&b->n, memory_order_acquire), id = look_up(b, kinds, name);
		if (id || whole)
			return id;
		extend(b, n);
	}
}

/* ---- opening ---- */

/* The three sections that the header tells of; offsets count from its end. */
static struct err *read_header(struct btf *b, const uint8_t *p, size_t size)
{
	need(b, p, size < BTF_HEADER_LAYOUT ? size : BTF_HEADER_LAYOUT);
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
	need(b, p, len);
	const uint8_t *body = p + len;
	size_t left = size - len;
	uint32_t type_off = load_u32(p + 8), type_len = load_u32(p + 12);
	uint32_t str_off = load_u32(p + 16), str_len = load_u32(p + 20);
	if (!range_ok(type_off, type_len, left) || !range_ok(str_off, str_len, left))
		return err_new(ERR_CORRUPT, "BTF: types or strings reach beyond the %zu bytes",
			       size);
	/* one that is still coming has a NUL behind it */
	if (!str_len || (!b->coming.need && body[str_off + str_len - 1]))
		return err_new(ERR_CORRUPT, "BTF: the string table doesn't end in NUL");
	b->types = body + type_off;
	b->types_len = type_len;
	b->strs = (const char *)body + str_off;
	b->strs_len = str_len;
	if (len >= BTF_HEADER_LAYOUT && range_ok(load_u32(p + 24), load_u32(p + 28), left)) {
		b->layouts = body + load_u32(p + 24);
		b->n_layouts = load_u32(p + 28) / 4;
		need(b, b->layouts, (size_t)b->n_layouts * 4);
	}
	return NULL;
}

static struct err *begin_walk(struct btf *b)
{
	uint32_t most = b->types_len / RECORD, heads = 16;

	TRY(try_alloc(most + 1, sizeof(*b->offset), (size_t)1 << 30, &b->offset));
	TRY(try_alloc(most + 1, sizeof(*b->next), (size_t)1 << 30, &b->next));
	while (heads < most / 8) /* most types are longer than a record, and half have no name */
		heads *= 2;
	b->mask = heads - 1;
	TRY(try_alloc(heads, sizeof(*b->head), (size_t)1 << 30, &b->head));
	alloc_touch(b->head, heads * sizeof(*b->head));
	TRY(btf_strings_init(&b->strings, b->strs, b->strs_len));
	reach(b, 0);
	if (!b->n && b->unknown_id)
		return err_new(ERR_CORRUPT, "BTF: its first type, of kind %u, can't be read",
			       RECORD <= b->types_len ? kind_of(load_u32(b->types + 4)) : 0);
	return NULL;
}

struct err *btf_open(const struct object_section *s, const struct object_coming *how, struct btf *base,
		     struct btf **ret)
{
	struct btf *b = xcalloc(1, sizeof(*b));
	uint64_t first_id = 1, first_str = 0;

	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->news, NULL);
	pthread_mutex_init(&b->strings_lock, NULL);
	b->base = base;
	b->coming = *how;
	b->data = s->data;
	if (base) {
		first_id = btf_end_id(base);
		first_str = (uint64_t)base->first_str + base->strs_len;
	}
	struct err *e = read_header(b, s->data, s->size);
	if (!e && (first_id + b->types_len > UINT32_MAX || first_str + b->strs_len > UINT32_MAX))
		e = err_new(ERR_CORRUPT, "BTF: more than 4 GiB of types or strings");
	b->first_id = (uint32_t)first_id;
	b->first_str = (uint32_t)first_str;
	if (!e)
		e = begin_walk(b);
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
	free(b->next);
	free(b->head);
	btf_strings_done(&b->strings);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->news);
	pthread_mutex_destroy(&b->strings_lock);
	free(b);
}

uint32_t btf_first_id(const struct btf *b)
{
	return b->first_id;
}

uint32_t btf_end_id(struct btf *b)
{
	reach_all(b);
	return b->first_id + b->n;
}

uint32_t btf_unknown_id(struct btf *b)
{
	reach_all(b);
	return b->unknown_id;
}

bool btf_enums_signed(struct btf *b)
{
	for (uint32_t i = 0; !atomic_load_explicit(&b->enums_signed, memory_order_acquire) && reach(b, i);)
		i = atomic_load_explicit(&b->n, memory_order_acquire);
	return b->enums_signed;
}

bool btf_get(struct btf *b, uint32_t id, struct btf_type *ret)
{
	while (b && id < b->first_id)
		b = b->base;
	if (!b || !reach(b, id - b->first_id))
		return false;
	const uint8_t *p = b->types + b->offset[id - b->first_id];
	uint32_t info = load_u32(p + 4);
	*ret = (struct btf_type){
		.kind = kind_of(info), .kind_flag = info >> 31, .vlen = vlen_of(info),
		.name = load_u32(p), .size = load_u32(p + 8), .extra = p + RECORD,
	};
	return true;
}

const char *btf_name(struct btf *b, uint32_t offset)
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

/* A string is there once, if all is well: other places of the same one are only looked at in vain. */
uint32_t btf_find(struct btf *b, uint32_t kinds, const char *name)
{
	uint32_t best = 0, e, offset, id;

	for (int all = 0; *name && all < 2 && !best; all++)
		for (struct btf *owner = b; owner && !best; owner = owner->base)
			for (e = 0; next_place(owner, name, all, &e, &offset);)
				if ((id = find_at(b, kinds, offset)) && (!best || id < best))
					best = id;
	return best;
}

uint32_t btf_find_enumerator(struct btf *b, const char *name)
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

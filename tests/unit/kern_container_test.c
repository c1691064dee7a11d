/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks over containers in a dump made by hand. Each kind is built many times, each time with another of
 * its words overwritten by another bad value: whatever the word was, the walk ends, gives no element
 * twice and none that isn't there; and where the word was a link, the damage is told. The types are
 * this test's own, out of its debug info.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include "engine/base/alloc.h"
#include "engine/base/hmap.h"
#include "engine/kern/container/known.h"
#include "engine/kern/impl.h"
#include "tests/unit/kern_fake.h"

/* As the kernel declares them, as far as walks look. */
struct xarray { unsigned xa_lock, xa_flags; void *xa_head; };
struct xa_node {
	unsigned char shift, offset, count, nr_values;
	struct xa_node *parent;
	struct xarray *array;
	void *slots[64];
};
enum maple_type { maple_dense, maple_leaf_64, maple_range_64, maple_arange_64 };
struct maple_range_64 { void *parent; unsigned long pivot[15]; void *slot[16]; };
struct maple_arange_64 { void *parent; unsigned long pivot[9]; void *slot[10]; unsigned long gap[10]; };
struct maple_node {
	union {
		struct { void *parent; void *slot[31]; };
		struct maple_range_64 mr64;
		struct maple_arange_64 ma64;
	};
};
struct maple_tree { unsigned ma_lock, ma_flags; void *ma_root; };
struct list_head { struct list_head *next, *prev; };
struct inode { unsigned long i_ino; struct list_head i_sb_list; };
struct super_block { int s_dev; struct list_head s_inodes; };
struct own_thing { int flags; char name[8]; void (*func)(void); struct list_head at; };
struct own_head { struct list_head things; };

/* so that the compiler writes of all of them */
struct everything {
	struct xarray xa;
	struct xa_node xn;
	enum maple_type mt;
	struct maple_tree tree;
	struct maple_node mn;
	struct super_block sb;
	struct inode inode;
	struct own_thing own;
	struct own_head head;
} everything;

struct world {
	struct fake f;
	struct session *s;
	struct types *ts, *none;
	struct object *o;
	struct dwarfindex *x;
};

static void must(struct err *e)
{
	if (e)
		fail_msg("%s", err_text(e));
}

static void open_world(struct world *w)
{
	fake_write(&w->f);
	must(fake_open(&w->f, &w->s));
	must(object_open("/proc/self/exe", NULL, NULL, &w->o));
	w->ts = types_create(w->s->intern);
	w->x = dwarfindex_create(w->o, true);
	types_use(w->ts, false, true);
	must(types_add_object(w->ts, w->o, w->x));
	w->none = w->s->types;
	w->s->types = w->ts;
}

static void close_world(struct world *w)
{
	w->s->types = w->none;
	types_destroy(w->ts);
	dwarfindex_destroy(w->x);
	object_close(w->o);
	session_close(w->s);
	fake_done(&w->f);
}

/* ---- building: each writes at an offset of the fake's memory ---- */

#define VA(at) (FAKE_VA + (at))

static void put(struct fake *f, size_t at, uint64_t v)
{
	fake_put(f, at, v, 8);
}

/* A head and N elements of 32 bytes: a number, then the link. */
#define N 6
static size_t element_at(size_t at, unsigned i)
{
	return at + 32 + 32 * i;
}

static void build_list(struct fake *f, size_t at)
{
	for (unsigned i = 0; i <= N; i++) {
		size_t here = i ? element_at(at, i - 1) + 8 : at;
		size_t next = i == N ? at : element_at(at, i) + 8;
		size_t prev = i > 1 ? element_at(at, i - 2) + 8 : i ? at : element_at(at, N - 1) + 8;
		put(f, here, VA(next));
		put(f, here + 8, VA(prev));
	}
}

static void build_hlist(struct fake *f, size_t at)
{
	put(f, at, VA(element_at(at, 0) + 8));
	for (unsigned i = 0; i < N; i++) {
		put(f, element_at(at, i) + 8, i + 1 < N ? VA(element_at(at, i + 1) + 8) : 0);
		put(f, element_at(at, i) + 16, VA(i ? element_at(at, i - 1) + 8 : at));
	}
}

/* Four heads: of two elements, none, three and one. */
static void build_hash(struct fake *f, size_t at)
{
	static const uint8_t bucket[N] = {0, 0, 2, 2, 2, 3};

	for (unsigned i = 0; i < N; i++) {
		bool first = !i || bucket[i] != bucket[i - 1], last = i + 1 == N || bucket[i] != bucket[i + 1];
		if (first)
			put(f, at + 8 * bucket[i], VA(element_at(at, i) + 8));
		put(f, element_at(at, i) + 8, last ? 0 : VA(element_at(at, i + 1) + 8));
		put(f, element_at(at, i) + 16, VA(first ? at + 8 * bucket[i] : element_at(at, i - 1) + 8));
	}
}

/* A root of 8 bytes and seven nodes in three levels: 3 / 1 5 / 0 2 4 6. */
static void rb_node(struct fake *f, size_t at, int i, int parent, int left, int right)
{
	size_t here = element_at(at, (unsigned)i) + 8;

	put(f, here, parent < 0 ? 1 : VA(element_at(at, (unsigned)parent) + 8) | 1);
	put(f, here + 8, right < 0 ? 0 : VA(element_at(at, (unsigned)right) + 8));
	put(f, here + 16, left < 0 ? 0 : VA(element_at(at, (unsigned)left) + 8));
}

static void build_rbtree(struct fake *f, size_t at)
{
	put(f, at, VA(element_at(at, 3) + 8));
	rb_node(f, at, 3, -1, 1, 5);
	rb_node(f, at, 1, 3, 0, 2);
	rb_node(f, at, 5, 3, 4, 6);
	for (int i = 0; i < 7; i += 2)
		rb_node(f, at, i, i < 3 ? 1 : 5, -1, -1);
}

/* A tree of two levels: a top node with two leaves of four entries each, 8 bytes of a page each. */
#define XA_NODE ((sizeof(struct xa_node) + 7) & ~(size_t)7)
static void build_xarray(struct fake *f, size_t at)
{
	size_t top = at + 16, leaf;

	put(f, at + offsetof(struct xarray, xa_head), VA(top) | 2);
	fake_put(f, top, 6, 1);
	put(f, top + offsetof(struct xa_node, array), VA(at));
	for (unsigned k = 0; k < 2; k++) {
		leaf = top + XA_NODE * (k + 1);
		put(f, top + offsetof(struct xa_node, slots) + 8 * k, VA(leaf) | 2);
		fake_put(f, leaf + 1, k, 1);
		put(f, leaf + offsetof(struct xa_node, parent), VA(top));
		put(f, leaf + offsetof(struct xa_node, array), VA(at));
		for (unsigned i = 0; i < 4; i++)
			put(f, leaf + offsetof(struct xa_node, slots) + 8 * i, VA(at + 8 * (k * 4 + i)));
	}
}

/* The same with maple nodes, which are aligned to 256 bytes: indexes 0 to 39 and 40 on, ten an entry. */
static void build_maple(struct fake *f, size_t at)
{
	size_t top = at + 256;

	put(f, at + offsetof(struct maple_tree, ma_root), VA(top) | maple_range_64 << 3 | 2);
	put(f, top, VA(at) | 1);
	put(f, top + offsetof(struct maple_range_64, pivot), 39);
	for (unsigned k = 0; k < 2; k++) {
		size_t leaf = top + 256 * (k + 1);
		put(f, top + offsetof(struct maple_range_64, slot) + 8 * k, VA(leaf) | maple_leaf_64 << 3 | 4);
		put(f, leaf, VA(top) | k << 3 | 6);
		for (unsigned i = 0; i < 4; i++) {
			if (i < 3 || !k)
				put(f, leaf + 8 + 8 * i, k * 40 + i * 10 + 9);
			put(f, leaf + offsetof(struct maple_range_64, slot) + 8 * i, VA(at + 8 * (k * 4 + i)));
		}
	}
}

/* ---- the kinds ---- */

struct kind {
	const char *name;
	struct container c;
	void (*build)(struct fake *f, size_t at);
	size_t size;	/* of one, a multiple of 256 */
	unsigned elements;
	unsigned must;	  /* bit v: with value v in one of words damage must be told */
	size_t words[40]; /* links in it; ends with SIZE_MAX */
};

static const struct kind kinds[] = {
	{"list", {.kind = CONTAINER_LIST, .link = 8}, build_list, 256, N, 0x1f,
	 {0, 40, 48, 72, 104, 112, 200, SIZE_MAX}},
	{"hlist", {.kind = CONTAINER_HLIST, .link = 8}, build_hlist, 256, N, 0x1f, {0, 40, 48, 72, 112, 168, SIZE_MAX}},
	{"hash table", {.kind = CONTAINER_HLIST, .link = 8, .buckets = 4, .stride = 8}, build_hash, 256, N, 0x1f,
	 {0, 16, 24, 40, 72, 104, 168, SIZE_MAX}},
	{"rbtree", {.kind = CONTAINER_RBTREE, .link = 8, .sorted = true}, build_rbtree, 512, 7, 0x1f,
	 {0, 40, 72, 80, 88, 144, 152, SIZE_MAX}},
	{"xarray", {.kind = CONTAINER_XARRAY}, build_xarray, 1792, 8,
	 /* all else may be a value, a mark or an entry of many indexes */ 3, {40, 48, SIZE_MAX}},
	{"maple", {.kind = CONTAINER_MAPLE}, build_maple, 1024, 8, 0x1f,
	 {256 + 128, 256 + 136, 512, 512 + 8, 768 + 8, SIZE_MAX}},
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* What a word is overwritten with; the address of the container's own head, and of one of its nodes. */
static uint64_t bad_value(unsigned i, size_t at)
{
	const uint64_t v[] = {UINT64_C(0xdead000000000100), UINT64_C(0x6b6b6b6b6b6b6b6b), VA(at) + 3,
			      UINT64_C(0xffffffff90000000), 1234, VA(at + 32 + 8), VA(at + 256) | 2,
			      UINT64_MAX, VA(at), VA(0x7f000)};

	return i < sizeof(v) / sizeof(*v) ? v[i] : 0;
}
#define VALUES 10

struct seen {
	struct hmap at;
	uint64_t elements, damages, last;
	bool twice;
};

static struct err *look(void *ctx, const struct element *e)
{
	struct seen *s = ctx;
	bool added;

	if (e->kind == ELEMENT_DAMAGE) {
		s->damages++;
		assert_non_null(e->damage);
		assert_true(e->why != WHY_END);
		return NULL;
	}
	s->elements++;
	s->last = e->first;
	hmap_put(&s->at, e->node, &added);
	s->twice |= !added;
	return NULL;
}

static void walk(struct world *w, const struct kind *k, size_t at, struct seen *seen,
		 struct container_end *end)
{
	struct container c = k->c;

	*seen = (struct seen){0};
	c.root = VA(at);
	c.limit = 10000;
	must(container_walk(w->s, &c, NULL, look, seen, end));
	assert_int_equal(seen->elements, end->elements);
	assert_int_equal(seen->damages, end->damages);
	hmap_free(&seen->at);
}

static void sound_ones(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct container_end end;
	struct seen seen;

	(void)state;
	fake_init(&w->f);
	for (size_t i = 0; i < KINDS; i++)
		kinds[i].build(&w->f, FAKE_FREE + 0x1000 * i);
	open_world(w);
	for (size_t i = 0; i < KINDS; i++) {
		walk(w, &kinds[i], FAKE_FREE + 0x1000 * i, &seen, &end);
		if (end.elements != kinds[i].elements || end.damages)
			fail_msg("%s: %d elements, %s", kinds[i].name, (int)end.elements, end.text);
		assert_int_equal(end.why, WHY_END);
		assert_false(seen.twice);
		if (kinds[i].c.buckets)
			assert_int_equal(seen.last, 3);
	}
	/* and with a limit */
	struct container c = kinds[0].c;
	c.root = VA(FAKE_FREE);
	c.limit = 2;
	seen = (struct seen){0};
	must(container_walk(w->s, &c, NULL, look, &seen, &end));
	hmap_free(&seen.at);
	assert_int_equal(end.elements, 2);
	assert_int_equal(end.why, WHY_LIMIT);
	close_world(w);
	free(w);
}

/* One kind, each of its links with each of the values, side by side in one dump. */
static void damage_links(const struct kind *k, size_t *told)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct container_end end;
	struct seen seen;
	size_t at = FAKE_FREE;

	fake_init(&w->f);
	for (size_t i = 0; k->words[i] != SIZE_MAX; i++)
		for (unsigned v = 0; v < VALUES; v++, at += k->size) {
			assert_true(at + k->size < FAKE_SIZE);
			k->build(&w->f, at);
			put(&w->f, at + k->words[i], bad_value(v, at));
		}
	open_world(w);
	at = FAKE_FREE;
	for (size_t i = 0; k->words[i] != SIZE_MAX; i++)
		for (unsigned v = 0; v < VALUES; v++, at += k->size) {
			walk(w, k, at, &seen, &end);
			if (seen.twice)
				fail_msg("%s word %zu value %u: an element came twice", k->name, k->words[i], v);
			/* a pointer into zeroed memory may seem to be one more node */
			if (end.elements > k->elements + 1)
				fail_msg("%s word %zu value %u: %d elements", k->name, k->words[i], v, (int)end.elements);
			*told += end.damages > 0;
			if (k->must >> v & 1 && !end.damages)
				fail_msg("%s word %zu value %u: no damage is told, %d elements", k->name, k->words[i], v,
					 (int)end.elements);
		}
	close_world(w);
	free(w);
}

static void damaged_links(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		size_t told = 0;
		damage_links(&kinds[i], &told);
		assert_true(told >= 5);
	}
}

/* Every word of a container, whatever it is, with random values: any answer that ends. */
static void damaged_words(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		struct world *w = xcalloc(1, sizeof(*w));
		struct container_end end;
		struct seen seen;
		size_t at, copies = (FAKE_SIZE - FAKE_FREE - 0x1000) / kinds[i].size;
		fake_init(&w->f);
		for (size_t n = 0; n < copies; n++) {
			at = FAKE_FREE + n * kinds[i].size;
			kinds[i].build(&w->f, at);
			for (int k = 0; k < 2; k++) {
				seed = hash_u64(seed + 1);
				/* mostly addresses of what is near */
				put(&w->f, at + seed % (kinds[i].size / 8) * 8,
				    seed >> 60 ? VA(FAKE_FREE + (seed >> 20) % (FAKE_SIZE / 2 / 8) * 8) : hash_u64(seed));
			}
		}
		open_world(w);
		for (size_t n = 0; n < copies; n++) {
			walk(w, &kinds[i], FAKE_FREE + n * kinds[i].size, &seen, &end);
			assert_true(end.elements <= 10000);
		}
		close_world(w);
		free(w);
	}
}

/* ---- what containers hold ---- */

static void known_ones(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct holding h;
	const struct type *t;
	char *problem;

	(void)state;
	fake_init(&w->f);
	open_world(w);
	must(type_find(w->ts, "struct super_block", NULL, &t));
	must(holding_of_member(w->s, t, "s_inodes", 0x1000, &h));
	assert_int_equal(h.c.kind, CONTAINER_LIST);
	assert_string_equal(h.element_name, "struct inode");
	assert_int_equal(h.c.link, offsetof(struct inode, i_sb_list));
	assert_int_equal(h.c.root, 0x1000 + offsetof(struct super_block, s_inodes));
	struct err *e = holding_of_member(w->s, t, "s_dev", 0, &h);
	assert_int_equal(err_code(e), ERR_NOTFOUND);
	err_free(e);
	/* an element's link, not a head */
	must(type_find(w->ts, "struct inode", NULL, &t));
	must(holding_of_member(w->s, t, "i_sb_list", 0x1000, &h));
	assert_true(h.c.at_node);
	assert_string_equal(h.element_name, "struct inode");
	/* not known: its kind only; and columns by what members look like */
	must(type_find(w->ts, "struct own_head", NULL, &t));
	must(holding_of_member(w->s, t, "things", 0, &h));
	assert_null(h.element);
	must(type_find(w->ts, "struct own_thing", NULL, &t));
	assert_string_equal(holding_columns(w->s, t), "name,flags,func");

	struct holdings *own = holdings_parse(w->s, "# mine\nown_head.things own_thing.at # all\n\n", &problem);
	assert_null(problem);
	holdings_destroy(own);
	own = holdings_parse(w->s, "a.b c.d\nnonsense\n", &problem);
	assert_non_null(strstr(problem, ":2:"));
	free(problem);
	holdings_destroy(own);
	close_world(w);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_ones),
		cmocka_unit_test(damaged_links),
		cmocka_unit_test(damaged_words),
		cmocka_unit_test(known_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a page is used for moved through struct page over the years: from flag bits to page types that are
 * kept in the room of the map count, first as cleared bits of it and then as a number in its top byte. All
 * of it is asked of the kernel's own types: enum pageflags, enum pagetype, and where that is missing of the
 * values that vmcoreinfo carries for makedumpfile. So a bit that moves again is found again.
 */
#include "engine/kern/memory/page.h"
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/buf.h"
#include "engine/kern/impl.h"
#include "engine/kern/memory/memmap.h"

#define MAX_TYPES 32
#define MAX_ORDER 20	   /* of a compound: 4 GiB, more than any huge page has */
#define MAX_BUDDY 12	   /* of a free block: MAX_ORDER of the kernel's */
#define LOW_BITS UINT64_C(3) /* of page.mapping: what kind of pointer it is */
#define MAPPING_ANON 1

enum { P_HEAD, P_FLAGS, P_TYPE, P_REFS, P_MAPS, P_MAPPING, P_INDEX, P_PRIVATE, P_ORDER, P_MEMBERS };
static const struct kern_member page_members[P_MEMBERS] = {
	[P_HEAD] = {.names = "compound_head|compound_info"}, /* from 7.0 on it may be a mask */
	[P_FLAGS] = {.names = "flags.f|flags"},
	[P_TYPE] = {.names = "page_type|_mapcount.counter"},
	[P_REFS] = {.names = "_refcount.counter"},
	[P_MAPS] = {.names = "_mapcount.counter"},
	[P_MAPPING] = {.names = "mapping"},
	[P_INDEX] = {.names = "index|__folio_index"},
	[P_PRIVATE] = {.names = "private"},
	[P_ORDER] = {.names = "compound_order"}, /* of the second page; up to 6.2 */
};

enum { F_ORDER, F_FLAGS1, F_MEMBERS };
static const struct kern_member folio_members[F_MEMBERS] = {
	[F_ORDER] = {.names = "_folio_order"},
	[F_FLAGS1] = {.names = "_flags_1"}, /* its low byte is the order, from 6.6 on */
};

/* How a page type is told by the word that it shares with the map count. */
struct page_type {
	const char *name;
	uint32_t value;
	enum { TYPE_IN_TOP_BYTE, TYPE_CLEARS_BIT } how;
};

struct pages {
	struct memmap map;
	struct kern_member m[P_MEMBERS], f[F_MEMBERS], slab_cache;
	struct page_type types[MAX_TYPES];
	size_t ntypes;
	uint64_t head_bit, slab_bit; /* in flags; 0: not told there */
	const struct type *flag_names;
};

void pages_destroy(struct pages *x)
{
	if (x)
		memmap_free(&x->map);
	free(x);
}

static void add_type(struct session *s, struct pages *x, const char *name, uint32_t value, int how)
{
	char lower[32];
	size_t n = strlen(name);

	if (x->ntypes == MAX_TYPES || n >= sizeof(lower))
		return;
	for (size_t i = 0; i <= n; i++)
		lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
	x->types[x->ntypes++] = (struct page_type){intern_str(s->intern, lower), value, how};
}

/* enum pagetype: PGTY_x is a number in the top byte; PG_x, shortly before, a bit that is cleared. */
static void types_of_enum(struct session *s, struct pages *x, const struct type *t)
{
	size_t n;
	const struct enumerator *e = type_enumerators(t, &n);

	for (size_t i = 0; i < n; i++) {
		if (strstr(e[i].name, "underflow"))
			continue;
		if (!strncmp(e[i].name, "PGTY_", 5))
			add_type(s, x, e[i].name + 5, (uint32_t)e[i].value, TYPE_IN_TOP_BYTE);
		else if (!strncmp(e[i].name, "PG_", 3))
			add_type(s, x, e[i].name + 3, (uint32_t)e[i].value, TYPE_CLEARS_BIT);
	}
}

/* Before, they are macros; makedumpfile is told what the whole word is then. */
static void types_of_vmcoreinfo(struct session *s, struct pages *x)
{
	static const struct {
		const char *key, *name;
	} told[] = {
		{"PAGE_BUDDY_MAPCOUNT_VALUE", "buddy"},
		{"PAGE_OFFLINE_MAPCOUNT_VALUE", "offline"},
		{"PAGE_HUGETLB_MAPCOUNT_VALUE", "hugetlb"},
		{"PAGE_SLAB_MAPCOUNT_VALUE", "slab"},
	};
	int64_t v;

	for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
		if (!vmcoreinfo_number(s->vmcoreinfo, told[i].key, &v))
			continue;
		uint32_t bit = ~(uint32_t)v;
		if (!bit || bit & (bit - 1))
			continue;
		add_type(s, x, told[i].name, bit, TYPE_CLEARS_BIT);
		if (!strcmp(told[i].name, "offline")) /* PG_table is the next bit, as long as they are macros */
			add_type(s, x, "table", bit << 1, TYPE_CLEARS_BIT);
	}
}

static void find_types(struct session *s, struct pages *x, struct job *job)
{
	const struct type *t;

	if (err_ok(type_find(s->types, "enum pagetype", job, &t)))
		types_of_enum(s, x, t);
	else
		types_of_vmcoreinfo(s, x);
}

static uint64_t flag_bit(const struct type *flags, const char *name)
{
	size_t n;
	const struct enumerator *e = type_enumerators(flags, &n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(e[i].name, name) && e[i].value >= 0 && e[i].value < 64)
			return UINT64_C(1) << e[i].value;
	return 0;
}

static void find_flags(struct session *s, struct pages *x, struct job *job)
{
	const struct type *t;

	if (!err_ok(type_find(s->types, "enum pageflags", job, &t)))
		return;
	x->flag_names = t;
	x->head_bit = flag_bit(t, "PG_head");
	x->slab_bit = flag_bit(t, "PG_slab");
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	struct pages *x = xcalloc(1, sizeof(*x));
	const struct type *t;

	memcpy(x->m, page_members, sizeof(x->m));
	memcpy(x->f, folio_members, sizeof(x->f));
	kern_members(s, "struct page", x->m, P_MEMBERS);
	kern_members(s, "struct folio", x->f, F_MEMBERS);
	x->slab_cache = (struct kern_member){.names = "slab_cache"};
	if (!kern_members(s, "struct slab", &x->slab_cache, 1)) /* since 5.17 */
		kern_members(s, "struct page", &x->slab_cache, 1);
	struct err *e = type_find(s->types, "struct page", job, &t);
	if (!e)
		e = memmap_load(s, type_size(t), &x->map);
	if (e) {
		pages_destroy(x);
		return e;
	}
	find_types(s, x, job);
	find_flags(s, x, job);
	*ret = x;
	return NULL;
}

static const struct pages *pages(struct session *s)
{
	void *x;

	return err_ok(loader_get(&s->priv->pages, s, NULL, load, &x)) ? x : NULL;
}

uint64_t page_struct_size(struct session *s)
{
	const struct pages *x = pages(s);

	return x ? x->map.size : 0;
}

bool page_of_phys(struct session *s, uint64_t pa, uint64_t *page)
{
	const struct pages *x = pages(s);

	return x && memmap_page(&x->map, pa / s->arch->page_size, page);
}

bool page_at(struct session *s, uint64_t va, uint64_t *pa)
{
	const struct pages *x = pages(s);
	uint64_t pfn;

	if (!x || !memmap_pfn(&x->map, va, &pfn))
		return false;
	*pa = pfn * s->arch->page_size;
	return *pa < mem_layout(s->mem)->direct_size;
}

/* A tail page holds its head's address with bit 0 set; newer kernels (compound_info) may hold a mask
 * instead that makes the head's address of the tail's. */
static uint64_t head_of(struct session *s, const struct pages *x, uint64_t page)
{
	uint64_t v;

	if (!err_ok(kern_read(s, page, &x->m[P_HEAD], &v)) || !(v & 1))
		return page;
	uint64_t head = v - 1 <= page && memmap_is_page(&x->map, v - 1) ? v - 1 : page & v & ~UINT64_C(1);
	return memmap_is_page(&x->map, head) ? head : page;
}

uint64_t page_head(struct session *s, uint64_t page)
{
	const struct pages *x = pages(s);

	return x ? head_of(s, x, page) : page;
}

static const char *type_of_word(const struct pages *x, uint32_t word)
{
	for (size_t i = 0; i < x->ntypes; i++) {
		const struct page_type *t = &x->types[i];
		bool is = t->how == TYPE_IN_TOP_BYTE ? word >> 24 == t->value
						     : word >> 31 && !(word & t->value) && word != UINT32_MAX;
		if (is)
			return t->name;
	}
	return NULL;
}

static const char *type_name_of(struct session *s, const struct pages *x, uint64_t head, uint64_t flags)
{
	uint64_t word;

	if (x->slab_bit && (flags & x->slab_bit))
		return "slab";
	return err_ok(kern_read(s, head, &x->m[P_TYPE], &word)) ? type_of_word(x, (uint32_t)word) : NULL;
}

/* A page that was a slab's can keep the pointer to its cache, so its type is asked too where it tells. */
bool page_is_slab(struct session *s, uint64_t head, uint64_t *cache)
{
	const struct pages *x = pages(s);
	bool told = false;
	uint64_t flags = 0;

	if (!x || !err_ok(kern_read(s, head, &x->slab_cache, cache)))
		return false;
	for (size_t i = 0; i < x->ntypes; i++)
		told |= !strcmp(x->types[i].name, "slab");
	if (!told && !x->slab_bit)
		return true;
	if (x->slab_bit && !err_ok(kern_read(s, head, &x->m[P_FLAGS], &flags)))
		return false;
	const char *type = type_name_of(s, x, head, flags);
	return type && !strcmp(type, "slab");
}

/* How large the compound is that begins with this page. */
static unsigned order_of(struct session *s, const struct pages *x, const struct page_info *p)
{
	uint64_t v = 0;

	if (p->type && !strcmp(p->type, "buddy"))
		err_free(kern_read(s, p->head, &x->m[P_PRIVATE], &v));
	else if (!(p->flags & x->head_bit))
		return 0;
	else if (x->f[F_ORDER].found)
		err_free(kern_read(s, p->head, &x->f[F_ORDER], &v));
	else if (x->m[P_ORDER].found)
		err_free(kern_read(s, p->head + x->map.size, &x->m[P_ORDER], &v));
	else if (err_ok(kern_read(s, p->head, &x->f[F_FLAGS1], &v)))
		v &= 0xff;
	return v <= MAX_ORDER ? (unsigned)v : 0;
}

static void read_use(struct session *s, const struct pages *x, struct page_info *p)
{
	uint64_t refs, maps, mapping;

	p->counted = err_ok(kern_read(s, p->head, &x->m[P_REFS], &refs)) &&
		     err_ok(kern_read(s, p->page, &x->m[P_MAPS], &maps));
	if (p->counted) {
		p->refs = (int32_t)refs;
		p->maps = p->type ? 0 : (int64_t)(int32_t)maps + 1; /* the kernel counts from -1 */
	}
	if (p->type && !strcmp(p->type, "slab") && err_ok(kern_read(s, p->head, &x->slab_cache, &p->slab_cache)))
		return;
	if (p->type || !err_ok(kern_read(s, p->head, &x->m[P_MAPPING], &mapping)) ||
	    !kern_pointer(s, mapping))
		return;
	p->mapping = mapping & ~LOW_BITS;
	p->anon = mapping & MAPPING_ANON;
	err_free(kern_read(s, p->head, &x->m[P_INDEX], &p->index));
}

/* Of a free block only the first page is marked: is this one inside of one? */
static void in_free_block(struct session *s, const struct pages *x, struct page_info *p)
{
	uint64_t pfn = p->pa / s->arch->page_size, word;

	for (unsigned order = 1; order <= MAX_BUDDY; order++) {
		struct page_info first = {.order = 0};
		if (!memmap_page(&x->map, pfn >> order << order, &first.head) || first.head == p->page ||
		    !err_ok(kern_read(s, first.head, &x->m[P_TYPE], &word)))
			continue;
		first.type = type_of_word(x, (uint32_t)word);
		if (!first.type || strcmp(first.type, "buddy"))
			continue;
		first.order = order_of(s, x, &first);
		if (first.order < order)
			return;
		p->head = first.head;
		p->type = first.type;
		p->order = first.order;
		return;
	}
}

struct err *page_read(struct session *s, uint64_t page, struct page_info *ret)
{
	void *loaded;

	TRY(loader_get(&s->priv->pages, s, NULL, load, &loaded));
	const struct pages *x = loaded;
	uint64_t pfn;
	if (!memmap_pfn(&x->map, page, &pfn))
		return err_new(ERR_NOTFOUND, "0x%" PRIx64 " isn't in a struct page of the memory map", page);
	*ret = (struct page_info){.page = page, .pa = pfn * s->arch->page_size};
	ret->head = head_of(s, x, page);
	TRY(kern_read(s, ret->head, &x->m[P_FLAGS], &ret->flags));
	ret->type = type_name_of(s, x, ret->head, ret->flags);
	ret->order = order_of(s, x, ret);
	read_use(s, x, ret);
	if (!ret->type && ret->counted && !ret->refs && !ret->mapping)
		in_free_block(s, x, ret);
	return NULL;
}

/* Aliases come after the names proper. */
static const char *flag_name(const struct type *t, int64_t bit)
{
	size_t n;
	const struct enumerator *e = type_enumerators(t, &n);

	for (size_t i = 0; i < n; i++)
		if (e[i].value == bit && !strncmp(e[i].name, "PG_", 3))
			return e[i].name + 3;
	return NULL;
}

void page_flags_print(struct session *s, uint64_t flags, struct buf *out)
{
	const struct pages *x = pages(s);
	bool any = false;

	for (int bit = 0; x && x->flag_names && bit < 64; bit++) {
		const char *name = flags >> bit & 1 ? flag_name(x->flag_names, bit) : NULL;
		if (name)
			buf_printf(out, "%s%s", any ? " " : "", name);
		any |= name != NULL;
	}
}

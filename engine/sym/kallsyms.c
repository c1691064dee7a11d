/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and addresses stay as the kernel has them, compressed; only where each name begins and the chains of a hash
 * are made (12 bytes a symbol), of the last names at the start and of the others when somebody has to look there. A
 * name that somebody asks for is expanded then, and kept. That matters: this is done before the first screen, which
 * needs some dozens of a hundred thousand.
 *
 * As long as names are missing, who looks for one holds a lock that who reads on takes alone. Whoever wants all
 * symbols has them read first; from then on nothing changes.
 */
#include "engine/sym/kallsyms.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/arena.h"
#include "engine/sym/kallsymsimpl.h"

struct kallsyms {
	struct ks_tokens tokens;
	struct ks_names names;
	struct ks_addresses addrs;
	uint32_t lost;
	bool borrowed; /* all that parts give */
	uint64_t slide; /* of the session that the addresses are of */
	uint64_t percpu, percpu_end; /* the per-CPU section */
	uint32_t percpu_last;	     /* its end's symbol; KS_LOST */
	_Atomic(const char *) *shown; /* names that were asked for */
	pthread_mutex_t lock;	      /* of their text */
	struct arena text;
	atomic_bool whole;	     /* all names are known */
	pthread_rwlock_t names_lock; /* of names, until then */
	struct kallsyms_source src;  /* needed until then */
	struct kallsyms_tables tables;
};

/* ---- all names ---- */

static struct err *begin_names(struct kallsyms *k)
{
	const struct kallsyms_tables *t = &k->tables;
	uint64_t most = (uint64_t)k->names.n * (KS_NAME_MAX / 8);

	/* the next table known ends them; the markers lie in between */
	if (t->token_table > t->names && t->token_table - t->names < most)
		most = t->token_table - t->names;
	return ks_begin(&k->src, t->names, (size_t)most, &k->names.bytes);
}

/* For names that are all lost so far. */
static void make_room(struct ks_names *v)
{
	v->at = xmalloc(v->n * sizeof(*v->at));
	alloc_touch(v->at, v->n * sizeof(*v->at));
	memset(v->at, 0xff, v->n * sizeof(*v->at)); /* KS_LOST */
	v->next = xcalloc(v->n, sizeof(*v->next));
	alloc_touch(v->next, v->n * sizeof(*v->next));
}

static struct err *walk_all(struct kallsyms *k)
{
	struct ks_names *v = &k->names;
	size_t end;
	bool marked;

	make_room(v);
	bool whole = ks_walk_names(v, &end, &marked);
	if (!whole || (!marked && v->bytes.holes.n)) { /* zeroes may look whole by chance */
		whole = ks_find_names(v);
		end = v->bytes.size;
	}
	ks_settle(&v->bytes, end);
	ks_index_names(v);
	if (whole)
		return NULL;
	return err_new(ERR_CORRUPT, "the %" PRIu32 " names of kallsyms at %#" PRIx64 " make no sense", v->n,
		       k->tables.names);
}

/* All of them, from the first one on, as if nothing had been read. */
static struct err *read_all_names(struct kallsyms *k)
{
	ks_names_free(&k->names);
	TRY(begin_names(k));
	return walk_all(k);
}

/* Those without an address, too. */
static void drop_lost(struct kallsyms *k)
{
	k->lost = k->names.lost;
	for (uint32_t i = 0; k->addrs.raw.holes.n && i < k->names.n; i++) {
		if (k->names.at[i] == KS_LOST || !ks_address_lost(&k->addrs, i))
			continue;
		k->names.at[i] = KS_LOST;
		k->lost++;
	}
	if (k->lost && k->src.lost)
		k->src.lost(k->src.ctx, k->lost, k->names.n);
}

/* ---- reading on ---- */

/* As nothing leads through them. Those that were found before go, too: where one is damaged beyond what markers tell,
 * the others can't be trusted. */
static void no_names(struct ks_names *v)
{
	ks_names_free(v);
	make_room(v);
	ks_index_names(v);
}

/* With the lock held alone. Damage is only found here if it is where nobody has looked: then all is read anew, in the
 * way that leads across it. */
static void read_on(struct kallsyms *k)
{
	struct ks_names *v = &k->names;
	bool good = v->high <= v->low || ks_more_blocks(v);

	if (good && v->high > v->low)
		return;
	if (good)
		ks_end_blocks(v);
	else if (!err_ok(read_all_names(k)))
		no_names(v);
	drop_lost(k);
	atomic_store_explicit(&k->whole, true, memory_order_release);
}

static bool is_whole(const struct kallsyms *k)
{
	return atomic_load_explicit(&k->whole, memory_order_acquire);
}

void kallsyms_complete(struct kallsyms *k)
{
	if (is_whole(k))
		return;
	pthread_rwlock_wrlock(&k->names_lock);
	while (!is_whole(k))
		read_on(k);
	pthread_rwlock_unlock(&k->names_lock);
}

/* ---- opening ---- */

/* Before anybody else has it. */
static bool find_border(struct kallsyms *k, const char *name, uint32_t *ret)
{
	uint32_t from = 0;

	while (!ks_find_name(&k->names, name, &from, ret)) {
		if (is_whole(k))
			return false;
		read_on(k);
		from = 0;
	}
	return true;
}

static void find_percpu(struct kallsyms *k)
{
	uint32_t start, end;

	k->percpu_last = KS_LOST;
	if (!find_border(k, "__per_cpu_start", &start) || !find_border(k, "__per_cpu_end", &end))
		return;
	k->percpu = ks_address(&k->addrs, start);
	k->percpu_end = ks_address(&k->addrs, end);
	k->percpu_last = end;
}

static struct kallsyms *create(uint32_t n)
{
	struct kallsyms *k = xcalloc(1, sizeof(*k));

	k->names.n = n;
	k->names.tokens = &k->tokens;
	k->shown = xcalloc(n, sizeof(*k->shown));
	pthread_mutex_init(&k->lock, NULL);
	pthread_rwlock_init(&k->names_lock, NULL);
	return k;
}

static struct err *read_all(struct kallsyms *k)
{
	TRY(ks_read_tokens(&k->src, &k->tables, &k->tokens));
	TRY(ks_begin_addresses(&k->src, &k->tables, k->names.n, &k->addrs));
	bool begun = ks_begin_blocks(&k->names, &k->src, &k->tables);
	if (!begun)
		TRY(read_all_names(k));
	TRY(ks_finish_addresses(&k->src, &k->names, &k->addrs));
	if (begun && k->addrs.raw.holes.n) {
		TRY(read_all_names(k));
		begun = false;
	}
	if (!begun)
		drop_lost(k);
	atomic_init(&k->whole, !begun);
	find_percpu(k);
	k->slide = k->src.slide;
	k->src.anchors = NULL; /* the caller's */
	k->src.nanchors = 0;
	return NULL;
}

struct err *kallsyms_open(const struct kallsyms_source *src, const struct kallsyms_tables *t,
			  struct kallsyms **ret)
{
	uint32_t n;

	if (!t->names || !t->num_syms || !t->token_table || !t->token_index ||
	    !(t->offsets || t->addresses))
		return err_new(ERR_NOTFOUND, "the dump doesn't tell where all of kallsyms is");
	if (src->read(src->ctx, t->num_syms, &n, 4) != 4)
		return err_new(ERR_FAULT, "kallsyms_num_syms at %#" PRIx64 " can't be read",
			       t->num_syms);
	if (!n || n > KS_SYMS_MAX)
		return err_new(ERR_CORRUPT, "kallsyms of %" PRIu32 " symbols can't be", n);
	struct kallsyms *k = create(n);
	k->src = *src;
	k->tables = *t;
	struct err *e = read_all(k);
	if (e)
		kallsyms_close(k);
	else
		*ret = k;
	return e;
}

void kallsyms_close(struct kallsyms *k)
{
	if (!k)
		return;
	if (!k->borrowed) {
		ks_names_free(&k->names);
		ks_bytes_free(&k->addrs.raw);
	}
	free(k->shown);
	arena_free(&k->text);
	pthread_mutex_destroy(&k->lock);
	pthread_rwlock_destroy(&k->names_lock);
	free(k);
}

uint32_t kallsyms_count(const struct kallsyms *k)
{
	return k->names.n;
}

uint32_t kallsyms_lost(struct kallsyms *k)
{
	kallsyms_complete(k);
	return k->lost;
}

void kallsyms_bounds(const struct kallsyms *k, uint64_t *low, uint64_t *high)
{
	*low = k->addrs.low;
	*high = k->addrs.high;
}

const char *kallsyms_encoding(const struct kallsyms *k)
{
	return ks_encoding_name(k->addrs.encoding);
}

/* ---- a symbol ---- */

static bool ends_in(const char *s, size_t n, const char *tail)
{
	size_t t = strlen(tail);

	return n >= t && !memcmp(s + n - t, tail, t);
}

/* A linker script's name for a border, where something else has a name too. */
static bool is_marker(const struct kallsyms *k, uint32_t i, const char *s)
{
	static const char *const heads[] = {"__start_", "__stop_", "__end_"};
	static const char *const tails[] = {"_start", "_end", "_begin", "_stop", "_text", "_stext",
					    "_etext", "_sinittext", "_einittext"};
	const struct ks_addresses *a = &k->addrs;
	size_t n = strlen(s);

	if (s[0] != '_')
		return false;
	uint64_t addr = ks_address(a, i);
	if (!(i && ks_address(a, i - 1) == addr) && !(i + 1 < a->n && ks_address(a, i + 1) == addr))
		return false;
	for (size_t j = 0; j < sizeof(heads) / sizeof(heads[0]); j++)
		if (!strncmp(s, heads[j], strlen(heads[j])))
			return true;
	for (size_t j = 0; j < sizeof(tails) / sizeof(tails[0]); j++)
		if (ends_in(s, n, tails[j]))
			return true;
	return false;
}

/* Equal addresses are few in a sane table. */
enum { ALIASES_MAX = 64 };

static uint64_t size_of(const struct kallsyms *k, uint32_t i)
{
	const struct ks_addresses *a = &k->addrs;
	uint64_t addr = ks_address(a, i), next = addr;

	for (uint32_t j = i + 1; j < a->n && j - i < ALIASES_MAX && next == addr; j++)
		next = ks_address(a, j);
	/* zero-based per-CPU symbols and constants end where they begin, not where the image does */
	return next > addr && (addr >= a->low) == (next >= a->low) ? next - addr : 0;
}

/* The end is the section's too, but what else lies there isn't. */
static bool in_percpu(const struct kallsyms *k, uint32_t i, uint64_t addr)
{
	return (addr >= k->percpu && addr < k->percpu_end) || i == k->percpu_last;
}

/* The build makes zero-based per-CPU symbols absolute, and so hides what they are. */
static char letter_of(char letter, bool percpu)
{
	if (percpu && (letter == 'A' || letter == 'a'))
		return letter == 'A' ? 'D' : 'd';
	return letter;
}

/* The name as somebody may keep it. */
static const char *keep_name(struct kallsyms *k, uint32_t i, const char *text, size_t n)
{
	const char *kept = atomic_load_explicit(&k->shown[i], memory_order_acquire);

	if (kept)
		return kept;
	pthread_mutex_lock(&k->lock);
	kept = atomic_load_explicit(&k->shown[i], memory_order_relaxed);
	if (!kept) {
		kept = arena_strndup(&k->text, text, n);
		atomic_store_explicit(&k->shown[i], kept, memory_order_release);
	}
	pthread_mutex_unlock(&k->lock);
	return kept;
}

/* One whose name is known. */
static bool get(struct kallsyms *k, uint32_t i, struct sym *ret)
{
	char text[KS_NAME_ROOM], letter;
	size_t n = ks_name(&k->names, i, &letter, text);

	if (!n)
		return false;
	uint64_t addr = ks_address(&k->addrs, i);
	bool percpu = in_percpu(k, i, addr);
	*ret = (struct sym){
		.name = keep_name(k, i, text, n),
		.addr = addr,
		.size = is_marker(k, i, text) ? 0 : size_of(k, i),
		.type = letter_of(letter, percpu),
		.percpu = percpu,
	};
	return true;
}

bool kallsyms_get(struct kallsyms *k, uint32_t i, struct sym *ret)
{
	kallsyms_complete(k);
	return get(k, i, ret);
}

bool kallsyms_place(struct kallsyms *k, uint32_t i, uint64_t *addr, char *type)
{
	char begin[3];

	kallsyms_complete(k);
	if (!ks_name_begins(&k->names, i, begin) || sym_is_label(begin + 1))
		return false;
	*addr = ks_address(&k->addrs, i);
	*type = letter_of(begin[0], in_percpu(k, i, *addr));
	return true;
}

bool kallsyms_next_named(struct kallsyms *k, const char *name, uint32_t *i, struct sym *ret)
{
	uint32_t at;

	kallsyms_complete(k);
	return ks_find_name(&k->names, name, i, &at) && get(k, at, ret);
}

/* The last one of the name, as far as that can be told from what is known: behind the stretches that were walked there
 * are none unknown. */
static bool last_known(struct kallsyms *k, const char *name, bool global_will_do, struct sym *ret)
{
	uint32_t at;

	return ks_find_last(&k->names, name, &at) && get(k, at, ret) &&
	       (is_whole(k) || at / KS_BLOCK >= k->names.high ||
		(global_will_do && ret->type >= 'A' && ret->type <= 'Z'));
}

bool kallsyms_last_named(struct kallsyms *k, const char *name, bool global_will_do, struct sym *ret)
{
	for (;;) {
		bool whole = is_whole(k);
		if (!whole)
			pthread_rwlock_rdlock(&k->names_lock);
		bool found = last_known(k, name, global_will_do, ret);
		if (!whole)
			pthread_rwlock_unlock(&k->names_lock);
		if (found || whole)
			return found;
		pthread_rwlock_wrlock(&k->names_lock);
		if (!is_whole(k))
			read_on(k);
		pthread_rwlock_unlock(&k->names_lock);
	}
}

bool kallsyms_begins(struct kallsyms *k, uint32_t i, const char *prefix, size_t n)
{
	char text[KS_NAME_ROOM], letter;

	kallsyms_complete(k);
	return ks_name(&k->names, i, &letter, text) >= n && !strncmp(text, prefix, n);
}

/* ---- kept between sessions ---- */

void kallsyms_get_parts(struct kallsyms *k, struct kallsyms_parts *ret)
{
	const struct ks_names *v = &k->names;
	const struct ks_addresses *a = &k->addrs;

	kallsyms_complete(k);
	*ret = (struct kallsyms_parts){
		.shape = {
			.n = v->n,
			.heads = v->mask + 1,
			.encoding = a->encoding,
			.width = a->width,
			.two_bytes = v->two_bytes,
			.slide = k->slide,
			.base = a->base,
			.place = a->place,
			.low = a->low,
			.high = a->high,
		},
		.data = {
			[KALLSYMS_RAW] = {a->raw.p, (size_t)v->n * a->width},
			[KALLSYMS_AT] = {v->at, (size_t)v->n * 4},
			[KALLSYMS_NEXT] = {v->next, (size_t)v->n * 4},
			[KALLSYMS_HEADS] = {v->heads, ((size_t)v->mask + 1) * 4},
			[KALLSYMS_NAMES] = {v->bytes.p, v->bytes.size},
			[KALLSYMS_TOKENS] = {k->tokens.text, k->tokens.text_len},
		},
	};
}

static bool parts_fit(const struct kallsyms_parts *p)
{
	const struct kallsyms_shape *h = &p->shape;

	return h->n && h->n <= KS_SYMS_MAX && h->encoding < KS_ENCODINGS && (h->width == 4 || h->width == 8) &&
	       (h->encoding == KS_ABSOLUTE) == (h->width == 8) && h->heads && !(h->heads & (h->heads - 1)) &&
	       p->data[KALLSYMS_RAW].n == (size_t)h->n * h->width &&
	       p->data[KALLSYMS_AT].n == (size_t)h->n * 4 && p->data[KALLSYMS_NEXT].n == (size_t)h->n * 4 &&
	       p->data[KALLSYMS_HEADS].n == (size_t)h->heads * 4;
}

/* Not written: borrowed. */
static void *part(const struct kallsyms_parts *p, unsigned which)
{
	return (void *)(uintptr_t)p->data[which].p;
}

struct err *kallsyms_of_parts(const struct kallsyms_parts *p, uint64_t slide, struct kallsyms **ret)
{
	const struct kallsyms_shape *h = &p->shape;
	uint64_t moved = slide - h->slide;
	struct kallsyms *k = create(parts_fit(p) ? h->n : 1);

	k->borrowed = k->whole = true;
	if (!parts_fit(p) ||
	    !ks_split_tokens(p->data[KALLSYMS_TOKENS].p, p->data[KALLSYMS_TOKENS].n, &k->tokens)) {
		kallsyms_close(k);
		return err_new(ERR_CORRUPT, "the symbols kept of this kernel make no sense");
	}
	k->slide = slide;
	k->names.two_bytes = h->two_bytes;
	k->names.mask = h->heads - 1;
	k->names.at = part(p, KALLSYMS_AT);
	k->names.next = part(p, KALLSYMS_NEXT);
	k->names.heads = part(p, KALLSYMS_HEADS);
	k->names.bytes = (struct ks_bytes){.p = part(p, KALLSYMS_NAMES), .size = p->data[KALLSYMS_NAMES].n};
	k->addrs = (struct ks_addresses){
		.raw = {.p = part(p, KALLSYMS_RAW), .size = p->data[KALLSYMS_RAW].n},
		.width = h->width,
		.n = h->n,
		.encoding = (enum ks_encoding)h->encoding,
		.place = h->place + moved,
		.base = h->base + moved,
		.low = h->low + moved,
		.high = h->high + moved,
		.moved = h->encoding == KS_ABSOLUTE ? moved : 0,
		.low_raw = h->low,
	};
	find_percpu(k);
	*ret = k;
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two indices: ids by address (a radix sort: 120,000 symbols in a few milliseconds) and ids by
 * name (chains: hundreds of statics share a name, no strings). The address index keeps the
 * addresses beside the ids, so that a binary search touches no symbol.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/sym/impl.h"
#include "engine/sym/namehash.h"

struct keyed {
	uint64_t addr;
	uint32_t id;
};

enum { RADIX = 11, BUCKETS = 1 << RADIX, PASSES = (64 + RADIX - 1) / RADIX };

static unsigned digit(uint64_t addr, unsigned pass)
{
	return (unsigned)(addr >> (pass * RADIX)) & (BUCKETS - 1);
}

/* Least significant digit first; passes in which all digits are the same cost one look. */
static struct keyed *radix_sort(struct keyed *v, struct keyed *spare, size_t n)
{
	uint32_t *count = xcalloc((size_t)PASSES * BUCKETS, sizeof(*count));

	for (size_t i = 0; i < n; i++)
		for (unsigned p = 0; p < PASSES; p++)
			count[p * BUCKETS + digit(v[i].addr, p)]++;
	for (unsigned p = 0; p < PASSES; p++) {
		uint32_t *c = &count[p * BUCKETS], sum = 0;
		if (!n || c[digit(v[0].addr, p)] == n)
			continue;
		for (size_t b = 0; b < BUCKETS; b++) {
			uint32_t here = c[b];
			c[b] = sum;
			sum += here;
		}
		for (size_t i = 0; i < n; i++)
			spare[c[digit(v[i].addr, p)]++] = v[i];
		struct keyed *t = v;
		v = spare;
		spare = t;
	}
	free(count);
	return v;
}

void sym_build_order(struct symtab *st)
{
	struct keyed *v = xcalloc(st->nids + 1, sizeof(*v));
	struct keyed *spare = xcalloc(st->nids + 1, sizeof(*v));
	uint64_t addr;
	size_t n = 0;
	char type;

	for (uint32_t id = 0; id < st->nids; id++)
		if (sym_place(st, id, &addr, &type) && type != 'A')
			v[n++] = (struct keyed){addr, id};
	const struct keyed *sorted = radix_sort(v, spare, n);
	free(st->addrs);
	free(st->ids);
	st->addrs = xcalloc(n + 1, sizeof(*st->addrs));
	st->ids = xcalloc(n + 1, sizeof(*st->ids));
	st->nordered = n;
	for (size_t i = 0; i < n; i++) {
		st->addrs[i] = sorted[i].addr;
		st->ids[i] = sorted[i].id;
	}
	free(v);
	free(spare);
	st->order_ready = true;
}

static void chain_table(struct symtab *st, const struct sym_table *t)
{
	/* backwards, so that each chain is in id order */
	for (uint32_t id = t->first + t->n; id-- > t->first;) {
		const char *name = sym_name(st, id);
		if (!name)
			continue;
		uint32_t *head = &st->heads[name_hash(name) & st->head_mask];
		st->next[id] = *head;
		*head = id;
	}
}

void sym_build_names(struct symtab *st)
{
	size_t heads = 64, n = 0;

	for (size_t i = 0; i < st->ntables; i++)
		n += st->tables[i].kallsyms ? 0 : st->tables[i].n;
	while (heads < n)
		heads *= 2;
	free(st->heads);
	free(st->next);
	st->heads = xmalloc(heads * sizeof(*st->heads));
	memset(st->heads, 0xff, heads * sizeof(*st->heads));
	st->next = xcalloc(st->nids + 1, sizeof(*st->next));
	st->head_mask = (uint32_t)(heads - 1);
	for (size_t i = st->ntables; i-- > 0;)
		if (!st->tables[i].kallsyms)
			chain_table(st, &st->tables[i]);
	st->names_ready = true;
}

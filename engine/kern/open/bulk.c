/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads take the next piece each until there is none, from the ranges in turn. Who waits for a piece that nobody
 * has taken yet unpacks it himself: on two cores a thread that only waited would leave the work to one. The others
 * keep some pieces ahead of what is wanted, no more: what nobody reads shall not take a core from the first screen.
 */
#include "engine/kern/open/bulk.h"
#include <pthread.h>
#include <string.h>
#include "engine/base/alloc.h"

#define PIECE (64u << 10)
#define PAGE 4096u
#define HELPERS 16u /* more don't make it faster */
#define AHEAD 8u    /* pieces */

/* A range on its way. */
struct lane {
	uint64_t addr;
	uint8_t *buf;
	size_t n, pieces;
	size_t limit; /* pieces from here on aren't wanted yet */
	size_t next;  /* piece that is to be taken */
	size_t ready; /* pieces from the first on that are done */
	size_t bytes; /* that they have; one that is short is the last */
	size_t *got;  /* a piece's bytes; UNKNOWN */
};
#define UNKNOWN SIZE_MAX

struct bulk {
	struct session *s;
	struct dump_reader *reader; /* of the one who waits */
	pthread_t helpers[HELPERS];
	unsigned nhelpers;
	unsigned nlanes;
	pthread_mutex_t lock; /* of the lanes' last five */
	pthread_cond_t news;  /* something is done, or wanted */
	struct lane lanes[BULK_RANGES];
};

/* ---- a piece ---- */

/* Pieces begin at round addresses, but the first. */
static uint64_t piece_start(const struct lane *b, size_t i)
{
	return i ? (b->addr / PIECE + i) * PIECE : b->addr;
}

static uint64_t piece_end(const struct lane *b, size_t i)
{
	uint64_t end = (b->addr / PIECE + i + 1) * PIECE;

	return end < b->addr + b->n ? end : b->addr + b->n;
}

/* Whole pages that follow each other in memory; how many there are from the first on. */
static size_t read_frames(struct dump_reader *r, uint64_t pa, uint8_t *buf, size_t n)
{
	struct span spans[PIECE / PAGE];
	size_t i = 0;

	dump_reader_pages(r, pa / PAGE, n, buf, spans);
	for (; i < n; i++) {
		if (spans[i].rest == MEM_ZERO && !spans[i].to)
			memset(buf + i * PAGE, 0, PAGE);
		else if (spans[i].from || spans[i].to < PAGE)
			break;
	}
	return i;
}

/* Up to n bytes, as many as are cheap to read at once; 0: there are none. */
static size_t read_part(struct dump *d, struct dump_reader *r, uint64_t pa, uint8_t *buf, size_t n)
{
	size_t in_page = PAGE - pa % PAGE;

	if (pa % PAGE == 0 && n >= PAGE && dump_info(d)->page_size == PAGE) {
		size_t pages = read_frames(r, pa, buf, n / PAGE);
		if (pages)
			return pages * PAGE;
	}
	return dump_read_once(d, pa, buf, n < in_page ? n : in_page, NULL);
}

static size_t read_piece(struct session *s, struct dump_reader *r, const struct lane *b, size_t i)
{
	uint64_t start = piece_start(b, i), at = start, end = piece_end(b, i);
	struct arch_xlat x;

	while (at < end && err_ok(mem_vtop(s->mem, KERNEL, at, &x))) {
		uint64_t left = x.page_size - at % x.page_size;
		size_t got = read_part(s->dump, r, x.pa, b->buf + (at - b->addr), end - at < left ? end - at : left);
		if (!got)
			break;
		at += got;
	}
	return at - start;
}

/* ---- who does them ---- */

/* With the lock held, which is free meanwhile. */
static void do_next(struct bulk *b, struct dump_reader *r, struct lane *l)
{
	size_t i = l->next++;

	pthread_mutex_unlock(&b->lock);
	size_t got = read_piece(b->s, r, l, i);
	pthread_mutex_lock(&b->lock);
	l->got[i] = got;
	while (l->ready < l->pieces && l->got[l->ready] != UNKNOWN) {
		uint64_t whole = piece_end(l, l->ready) - piece_start(l, l->ready);
		l->bytes += l->got[l->ready];
		if (l->got[l->ready++] < whole) /* nobody wants what is behind a hole */
			l->ready = l->next = l->pieces;
	}
	pthread_cond_broadcast(&b->news);
}

/* The one that is behind; NULL: nothing is wanted. *left: something may be, later. */
static struct lane *next_lane(struct bulk *b, bool *left)
{
	struct lane *best = NULL;

	*left = false;
	for (unsigned i = 0; i < b->nlanes; i++) {
		struct lane *l = &b->lanes[i];
		*left |= l->next < l->pieces;
		if (l->next < l->limit && l->next < l->pieces && (!best || l->next < best->next))
			best = l;
	}
	return best;
}

static void *help(void *arg)
{
	struct bulk *b = arg;
	struct dump_reader *r = dump_reader_create(b->s->dump);
	struct lane *l;
	bool left;

	pthread_mutex_lock(&b->lock);
	while ((l = next_lane(b, &left)) || left) {
		if (l)
			do_next(b, r, l);
		else
			pthread_cond_wait(&b->news, &b->lock);
	}
	pthread_mutex_unlock(&b->lock);
	dump_reader_destroy(r);
	return NULL;
}

static void init_lane(struct lane *l, const struct bulk_range *r)
{
	*l = (struct lane){.addr = r->addr, .buf = r->buf, .n = r->n};
	l->limit = AHEAD;
	l->pieces = r->n ? (size_t)((r->addr + r->n - 1) / PIECE - r->addr / PIECE) + 1 : 0;
	l->got = xmalloc((l->pieces + 1) * sizeof(*l->got));
	memset(l->got, 0xff, l->pieces * sizeof(*l->got)); /* UNKNOWN */
}

struct bulk *bulk_begin(struct session *s, const struct bulk_range *ranges, unsigned n)
{
	struct bulk *b = xcalloc(1, sizeof(*b));
	size_t pieces = 0;

	b->s = s;
	b->nlanes = n;
	for (unsigned i = 0; i < n; i++) {
		init_lane(&b->lanes[i], &ranges[i]);
		pieces += b->lanes[i].pieces;
	}
	b->reader = dump_reader_create(s->dump);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->news, NULL);
	while (b->nhelpers + 1 < job_cores() && b->nhelpers + 1 < pieces && b->nhelpers < HELPERS &&
	       !pthread_create(&b->helpers[b->nhelpers], NULL, help, b))
		b->nhelpers++;
	return b;
}

size_t bulk_wait(struct bulk *b, unsigned range, size_t want)
{
	struct lane *l = &b->lanes[range];

	pthread_mutex_lock(&b->lock);
	if (want / PIECE + AHEAD > l->limit) {
		l->limit = want / PIECE + AHEAD;
		pthread_cond_broadcast(&b->news);
	}
	while (l->ready < l->pieces && l->bytes < want) {
		if (l->next < l->pieces)
			do_next(b, b->reader, l);
		else
			pthread_cond_wait(&b->news, &b->lock);
	}
	size_t bytes = l->bytes;
	pthread_mutex_unlock(&b->lock);
	return bytes;
}

void bulk_end(struct bulk *b)
{
	for (unsigned i = 0; i < b->nlanes; i++)
		bulk_wait(b, i, b->lanes[i].n);
	for (unsigned i = 0; i < b->nhelpers; i++)
		pthread_join(b->helpers[i], NULL);
	dump_reader_destroy(b->reader);
	pthread_cond_destroy(&b->news);
	pthread_mutex_destroy(&b->lock);
	for (unsigned i = 0; i < b->nlanes; i++)
		free(b->lanes[i].got);
	free(b);
}

size_t bulk_read(struct session *s, uint64_t addr, void *buf, size_t n)
{
	struct bulk *b = bulk_begin(s, &(struct bulk_range){addr, buf, n}, 1);
	size_t got = bulk_wait(b, 0, n);

	bulk_end(b);
	return got;
}

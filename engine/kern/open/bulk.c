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

/* A range on its way. */
struct bulk_lane {
	struct bulk *bulk;
	struct bulk_lane *next_lane;
	uint64_t addr;
	uint8_t *buf;
	size_t n, pieces;
	size_t ahead; /* pieces that are read before they are wanted */
	size_t limit; /* pieces from here on aren't wanted yet */
	size_t next;  /* piece that is to be taken */
	size_t ready; /* pieces from the first on that are done */
	size_t bytes; /* that they have; one that is short is the last */
	unsigned busy; /* pieces that are being read */
	size_t *got;  /* a piece's bytes; UNKNOWN */
};
#define UNKNOWN SIZE_MAX

struct bulk {
	struct session *s;
	struct dump_reader *reader; /* of the one who waits */
	pthread_t helpers[HELPERS];
	unsigned nhelpers;
	pthread_mutex_t lock; /* of what follows, and of the lanes but addr, buf, n and pieces */
	pthread_cond_t news;  /* something is done, or wanted */
	bool closing;
	struct bulk_lane *lanes;
};

/* ---- a piece ---- */

/* Pieces begin at round addresses, but the first. */
static uint64_t piece_start(const struct bulk_lane *b, size_t i)
{
	return i ? (b->addr / PIECE + i) * PIECE : b->addr;
}

static uint64_t piece_end(const struct bulk_lane *b, size_t i)
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

static size_t read_piece(struct session *s, struct dump_reader *r, const struct bulk_lane *b, size_t i)
{
	uint64_t start = piece_start(b, i), at = start, end = piece_end(b, i);
	struct arch_xlat x;

	alloc_touch(b->buf + (start - b->addr), end - start);
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
static void do_next(struct bulk_lane *l, struct dump_reader *r)
{
	struct bulk *b = l->bulk;
	size_t i = l->next++;

	l->busy++;
	pthread_mutex_unlock(&b->lock);
	size_t got = read_piece(b->s, r, l, i);
	pthread_mutex_lock(&b->lock);
	l->busy--;
	l->got[i] = got;
	while (l->ready < l->pieces && l->got[l->ready] != UNKNOWN) {
		uint64_t whole = piece_end(l, l->ready) - piece_start(l, l->ready);
		l->bytes += l->got[l->ready];
		if (l->got[l->ready++] < whole) /* nobody wants what is behind a hole */
			l->ready = l->next = l->pieces;
	}
	pthread_cond_broadcast(&b->news);
}

/* The one that is behind, and of those the oldest; NULL: nothing is wanted. */
static struct bulk_lane *next_lane(struct bulk *b)
{
	struct bulk_lane *best = NULL;

	for (struct bulk_lane *l = b->lanes; l; l = l->next_lane)
		if (l->next < l->limit && l->next < l->pieces && (!best || l->next <= best->next))
			best = l;
	return best;
}

static void *help(void *arg)
{
	struct bulk *b = arg;
	struct dump_reader *r = dump_reader_create(b->s->dump);
	struct bulk_lane *l;

	pthread_mutex_lock(&b->lock);
	while (!b->closing) {
		if ((l = next_lane(b)))
			do_next(l, r);
		else
			pthread_cond_wait(&b->news, &b->lock);
	}
	pthread_mutex_unlock(&b->lock);
	dump_reader_destroy(r);
	return NULL;
}

struct bulk *bulk_create(struct session *s)
{
	struct bulk *b = xcalloc(1, sizeof(*b));

	b->s = s;
	b->reader = dump_reader_create(s->dump);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->news, NULL);
	return b;
}

void bulk_destroy(struct bulk *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->closing = true;
	pthread_cond_broadcast(&b->news);
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 0; i < b->nhelpers; i++)
		pthread_join(b->helpers[i], NULL);
	while (b->lanes)
		bulk_end(b->lanes);
	dump_reader_destroy(b->reader);
	pthread_cond_destroy(&b->news);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

struct bulk_lane *bulk_begin(struct bulk *b, uint64_t addr, void *buf, size_t n, size_t ahead)
{
	struct bulk_lane *l = xcalloc(1, sizeof(*l));

	*l = (struct bulk_lane){.bulk = b, .addr = addr, .buf = buf, .n = n, .ahead = ahead / PIECE};
	l->limit = l->ahead;
	l->pieces = n ? (size_t)((addr + n - 1) / PIECE - addr / PIECE) + 1 : 0;
	l->got = xmalloc((l->pieces + 1) * sizeof(*l->got));
	memset(l->got, 0xff, l->pieces * sizeof(*l->got)); /* UNKNOWN */
	pthread_mutex_lock(&b->lock);
	l->next_lane = b->lanes;
	b->lanes = l;
	pthread_cond_broadcast(&b->news);
	pthread_mutex_unlock(&b->lock);
	while (b->nhelpers + 1 < job_cores() && b->nhelpers + 1 < l->pieces && b->nhelpers < HELPERS &&
	       !pthread_create(&b->helpers[b->nhelpers], NULL, help, b))
		b->nhelpers++;
	return l;
}

size_t bulk_wait(struct bulk_lane *l, size_t want)
{
	struct bulk *b = l->bulk;

	pthread_mutex_lock(&b->lock);
	if (want / PIECE + l->ahead > l->limit) {
		l->limit = want / PIECE + l->ahead;
		pthread_cond_broadcast(&b->news);
	}
	while (l->ready < l->pieces && l->bytes < want) {
		if (l->next < l->pieces)
			do_next(l, b->reader);
		else
			pthread_cond_wait(&b->news, &b->lock);
	}
	size_t bytes = l->bytes;
	pthread_mutex_unlock(&b->lock);
	return bytes;
}

void bulk_end(struct bulk_lane *l)
{
	struct bulk *b = l->bulk;

	pthread_mutex_lock(&b->lock);
	l->next = l->pieces; /* what nobody has taken stays unread */
	while (l->busy)
		pthread_cond_wait(&b->news, &b->lock);
	struct bulk_lane **at = &b->lanes;
	while (*at != l)
		at = &(*at)->next_lane;
	*at = l->next_lane;
	pthread_mutex_unlock(&b->lock);
	free(l->got);
	free(l);
}

size_t bulk_read(struct bulk *b, uint64_t addr, void *buf, size_t n)
{
	struct bulk_lane *l = bulk_begin(b, addr, buf, n, n);
	size_t got = bulk_wait(l, n);

	bulk_end(l);
	return got;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads take the next piece each until there is none. Who waits for a piece that nobody has taken yet unpacks
 * it himself: on two cores a thread that only waited would leave the work to one.
 */
#include "engine/kern/open/bulk.h"
#include <pthread.h>
#include <string.h>
#include "engine/base/alloc.h"

#define PIECE (64u << 10)
#define PAGE 4096u
#define HELPERS 16u /* more don't make it faster */

struct bulk {
	struct session *s;
	uint64_t addr;
	uint8_t *buf;
	size_t n, pieces;
	struct dump_reader *reader; /* of the one who waits */
	pthread_t helpers[HELPERS];
	unsigned nhelpers;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t news;
	size_t next;  /* piece that is to be taken */
	size_t ready; /* pieces from the first on that are done */
	size_t bytes; /* that they have; one that is short is the last */
	size_t *got;  /* a piece's bytes; UNKNOWN */
};
#define UNKNOWN SIZE_MAX

/* ---- a piece ---- */

/* Pieces begin at round addresses, but the first. */
static uint64_t piece_start(const struct bulk *b, size_t i)
{
	return i ? (b->addr / PIECE + i) * PIECE : b->addr;
}

static uint64_t piece_end(const struct bulk *b, size_t i)
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
static size_t read_part(const struct bulk *b, struct dump_reader *r, uint64_t pa, uint8_t *buf, size_t n)
{
	size_t in_page = PAGE - pa % PAGE;

	if (pa % PAGE == 0 && n >= PAGE && dump_info(b->s->dump)->page_size == PAGE) {
		size_t pages = read_frames(r, pa, buf, n / PAGE);
		if (pages)
			return pages * PAGE;
	}
	return dump_read_once(b->s->dump, pa, buf, n < in_page ? n : in_page, NULL);
}

static size_t read_piece(const struct bulk *b, struct dump_reader *r, size_t i)
{
	uint64_t start = piece_start(b, i), at = start, end = piece_end(b, i);
	struct arch_xlat x;

	while (at < end && err_ok(mem_vtop(b->s->mem, KERNEL, at, &x))) {
		uint64_t left = x.page_size - at % x.page_size;
		size_t got = read_part(b, r, x.pa, b->buf + (at - b->addr), end - at < left ? end - at : left);
		if (!got)
			break;
		at += got;
	}
	return at - start;
}

/* ---- who does them ---- */

/* With the lock held, which is free meanwhile. */
static void do_next(struct bulk *b, struct dump_reader *r)
{
	size_t i = b->next++;

	pthread_mutex_unlock(&b->lock);
	size_t got = read_piece(b, r, i);
	pthread_mutex_lock(&b->lock);
	b->got[i] = got;
	while (b->ready < b->pieces && b->got[b->ready] != UNKNOWN) {
		uint64_t whole = piece_end(b, b->ready) - piece_start(b, b->ready);
		b->bytes += b->got[b->ready];
		if (b->got[b->ready++] < whole) /* nobody wants what is behind a hole */
			b->ready = b->next = b->pieces;
	}
	pthread_cond_broadcast(&b->news);
}

static void *help(void *arg)
{
	struct bulk *b = arg;
	struct dump_reader *r = dump_reader_create(b->s->dump);

	pthread_mutex_lock(&b->lock);
	while (b->next < b->pieces)
		do_next(b, r);
	pthread_mutex_unlock(&b->lock);
	dump_reader_destroy(r);
	return NULL;
}

struct bulk *bulk_begin(struct session *s, uint64_t addr, void *buf, size_t n)
{
	struct bulk *b = xcalloc(1, sizeof(*b));

	*b = (struct bulk){.s = s, .addr = addr, .buf = buf, .n = n};
	b->pieces = n ? (size_t)((addr + n - 1) / PIECE - addr / PIECE) + 1 : 0;
	b->got = xmalloc((b->pieces + 1) * sizeof(*b->got));
	memset(b->got, 0xff, b->pieces * sizeof(*b->got)); /* UNKNOWN */
	b->reader = dump_reader_create(s->dump);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->news, NULL);
	while (b->nhelpers + 1 < job_cores() && b->nhelpers + 1 < b->pieces && b->nhelpers < HELPERS &&
	       !pthread_create(&b->helpers[b->nhelpers], NULL, help, b))
		b->nhelpers++;
	return b;
}

size_t bulk_wait(struct bulk *b, size_t want)
{
	pthread_mutex_lock(&b->lock);
	while (b->ready < b->pieces && b->bytes < want) {
		if (b->next < b->pieces)
			do_next(b, b->reader);
		else
			pthread_cond_wait(&b->news, &b->lock);
	}
	size_t bytes = b->bytes;
	pthread_mutex_unlock(&b->lock);
	return bytes;
}

size_t bulk_end(struct bulk *b)
{
	size_t bytes = bulk_wait(b, b->n);

	for (unsigned i = 0; i < b->nhelpers; i++)
		pthread_join(b->helpers[i], NULL);
	dump_reader_destroy(b->reader);
	pthread_cond_destroy(&b->news);
	pthread_mutex_destroy(&b->lock);
	free(b->got);
	free(b);
	return bytes;
}

size_t bulk_read(struct session *s, uint64_t addr, void *buf, size_t n)
{
	return bulk_end(bulk_begin(s, addr, buf, n));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads take the next piece each until there is none, from the lanes in turn. Who waits for a piece that nobody has
 * taken yet unpacks it himself: on two cores a thread that only waited would leave the work to one. The others keep
 * some pieces ahead of what is wanted, no more: what nobody reads shall not take a core from the first screen.
 */
#include "engine/kern/open/bulk.h"
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include "engine/base/alloc.h"

#define PIECE (64u << 10)
#define PAGE 4096u
#define HELPERS 16u /* more don't make it faster */
#define AHEAD 4u    /* pieces that are read before who reads them comes there */

/* A range on its way. */
struct bulk_lane {
	struct bulk *bulk;
	struct bulk_lane *next_lane;
	uint64_t addr;
	uint8_t *buf;
	size_t n, pieces;
	bool fill;	/* lost pages are zeroes */
	uint64_t lost;	/* bytes of them so far */
	size_t limit; /* pieces from here on aren't wanted yet */
	size_t next;  /* pieces before it are taken */
	size_t ready; /* pieces from the first on that are done */
	size_t bytes; /* that they have; one that is short is the last */
	unsigned busy; /* pieces that are being read */
	size_t *got;  /* a piece's bytes; UNTAKEN, TAKEN */
};
#define UNTAKEN SIZE_MAX
#define TAKEN (SIZE_MAX - 1)

struct bulk {
	struct session *s;
	pthread_mutex_t lock; /* of what follows, and of the lanes but addr, buf, n and pieces */
	pthread_cond_t news;  /* something is done, or wanted */
	struct dump_reader *reader; /* of one who waits; NULL: somebody has it */
	struct helper *helpers[HELPERS];
	struct bulk_lane *lanes;
	bool settled; /* helpers end with the last lane */
};

struct helper {
	struct bulk *bulk;
	pthread_t thread;
	bool stop, ended; /* shall end; is on its way out */
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

static size_t piece_of(const struct bulk_lane *b, size_t at)
{
	return (size_t)((b->addr + at) / PIECE - b->addr / PIECE);
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

/* What of the page at `at` is before end becomes zeroes; where it ends. */
static uint64_t fill_page(const struct bulk_lane *l, uint64_t at, uint64_t end, uint64_t *lost)
{
	uint64_t next = (at & ~(uint64_t)(PAGE - 1)) + PAGE;

	next = next < end ? next : end;
	memset(l->buf + (at - l->addr), 0, next - at);
	*lost += next - at;
	return next;
}

/* Its bytes; *lost: of those, zeroes. */
static size_t read_piece(struct session *s, struct dump_reader *r, const struct bulk_lane *l, size_t i, uint64_t *lost)
{
	uint64_t start = piece_start(l, i), at = start, end = piece_end(l, i);
	struct arch_xlat x;

	alloc_touch(l->buf + (start - l->addr), end - start);
	while (at < end) {
		size_t got = 0;
		if (err_ok(mem_vtop(s->mem, KERNEL, at, &x))) {
			uint64_t left = x.page_size - at % x.page_size;
			got = read_part(s->dump, r, x.pa, l->buf + (at - l->addr), end - at < left ? end - at : left);
		}
		if (!got && !l->fill)
			break;
		at = got ? at + got : fill_page(l, at, end, lost);
	}
	return at - start;
}

/* ---- who does them ---- */

static bool is_done(const struct bulk_lane *l, size_t i)
{
	return l->got[i] != UNTAKEN && l->got[i] != TAKEN;
}

/* With the lock held, which is free meanwhile. */
static void do_piece(struct bulk_lane *l, size_t i, struct dump_reader *r)
{
	struct bulk *b = l->bulk;
	uint64_t lost = 0;

	l->got[i] = TAKEN;
	l->busy++;
	pthread_mutex_unlock(&b->lock);
	size_t got = read_piece(b->s, r, l, i, &lost);
	pthread_mutex_lock(&b->lock);
	l->busy--;
	l->got[i] = got;
	l->lost += lost;
	while (l->ready < l->pieces && is_done(l, l->ready)) {
		uint64_t whole = piece_end(l, l->ready) - piece_start(l, l->ready);
		l->bytes += l->got[l->ready];
		if (l->got[l->ready++] < whole) /* nobody wants what is behind a hole */
			l->ready = l->next = l->pieces;
	}
	pthread_cond_broadcast(&b->news);
}

/* The first piece that is to be taken; l->pieces: none. */
static size_t next_piece(struct bulk_lane *l)
{
	while (l->next < l->pieces && l->got[l->next] != UNTAKEN)
		l->next++;
	return l->next;
}

/* The one that is behind, and of those the oldest; NULL: nothing is wanted. */
static struct bulk_lane *next_lane(struct bulk *b)
{
	struct bulk_lane *best = NULL;

	for (struct bulk_lane *l = b->lanes; l; l = l->next_lane) {
		size_t i = next_piece(l);
		if (i < l->limit && i < l->pieces && (!best || i <= best->next))
			best = l;
	}
	return best;
}

static void *help(void *arg)
{
	struct helper *h = arg;
	struct bulk *b = h->bulk;
	struct dump_reader *r = dump_reader_create(b->s->dump);
	struct bulk_lane *l;

	pthread_mutex_lock(&b->lock);
	while (!h->stop && (b->lanes || !b->settled)) {
		if (!(l = next_lane(b))) {
			pthread_cond_wait(&b->news, &b->lock);
			continue;
		}
		do_piece(l, l->next, r);
		if (!b->settled)
			continue;
		pthread_mutex_unlock(&b->lock);
		sched_yield(); /* who paints the screen, or has another job, goes first */
		pthread_mutex_lock(&b->lock);
	}
	h->ended = true;
	pthread_mutex_unlock(&b->lock);
	dump_reader_destroy(r);
	return NULL;
}

static struct helper *begin_helper(struct bulk *b)
{
	struct helper *h = xcalloc(1, sizeof(*h));

	h->bulk = b;
	if (!pthread_create(&h->thread, NULL, help, h))
		return h;
	free(h);
	return NULL;
}

static void end_helper(struct helper *h)
{
	if (!h)
		return;
	pthread_join(h->thread, NULL);
	free(h);
}

/* With the lock held. Those that are still there see the new lane. */
static void call_helpers(struct bulk *b, size_t pieces)
{
	unsigned most = job_cores() - 1 < HELPERS ? job_cores() - 1 : HELPERS;

	for (unsigned i = 0; i < most && i + 1 < pieces; i++) {
		if (b->helpers[i] && !b->helpers[i]->ended)
			continue;
		end_helper(b->helpers[i]);
		b->helpers[i] = begin_helper(b);
	}
}

/* With the lock held, which is free meanwhile: when there is no lane any more, nor will be. */
static void end_helpers(struct bulk *b)
{
	pthread_cond_broadcast(&b->news);
	for (unsigned i = 0; i < HELPERS && !b->lanes && b->settled; i++) {
		struct helper *h = b->helpers[i];
		b->helpers[i] = NULL;
		if (h)
			h->stop = true; /* even if somebody begins a lane meanwhile */
		pthread_mutex_unlock(&b->lock);
		end_helper(h);
		pthread_mutex_lock(&b->lock);
	}
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
	while (b->lanes)
		bulk_end(b->lanes);
	bulk_settle(b);
	dump_reader_destroy(b->reader);
	pthread_cond_destroy(&b->news);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void bulk_settle(struct bulk *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->settled = true;
	end_helpers(b);
	pthread_mutex_unlock(&b->lock);
}

struct bulk_lane *bulk_begin(struct bulk *b, uint64_t addr, void *buf, size_t n, size_t ahead, bool fill)
{
	struct bulk_lane *l = xcalloc(1, sizeof(*l));

	*l = (struct bulk_lane){.bulk = b, .addr = addr, .buf = buf, .n = n, .limit = ahead / PIECE + 1, .fill = fill};
	l->pieces = n ? (size_t)((addr + n - 1) / PIECE - addr / PIECE) + 1 : 0;
	l->got = xmalloc((l->pieces + 1) * sizeof(*l->got));
	memset(l->got, 0xff, l->pieces * sizeof(*l->got)); /* UNTAKEN */
	pthread_mutex_lock(&b->lock);
	l->next_lane = b->lanes;
	b->lanes = l;
	call_helpers(b, l->pieces);
	pthread_cond_broadcast(&b->news);
	pthread_mutex_unlock(&b->lock);
	return l;
}

/* With the lock held: a reader for one who waits. */
static struct dump_reader *take_reader(struct bulk *b)
{
	struct dump_reader *r = b->reader;

	b->reader = NULL;
	return r ? r : dump_reader_create(b->s->dump);
}

static void give_reader(struct bulk *b, struct dump_reader *r)
{
	if (b->reader)
		dump_reader_destroy(r);
	else
		b->reader = r;
}

size_t bulk_wait(struct bulk_lane *l, size_t want)
{
	struct bulk *b = l->bulk;

	pthread_mutex_lock(&b->lock);
	if (want / PIECE + AHEAD > l->limit) {
		l->limit = want / PIECE + AHEAD;
		pthread_cond_broadcast(&b->news);
	}
	struct dump_reader *r = take_reader(b);
	while (l->ready < l->pieces && l->bytes < want) {
		if (next_piece(l) < l->pieces)
			do_piece(l, l->next, r);
		else
			pthread_cond_wait(&b->news, &b->lock);
	}
	give_reader(b, r);
	size_t bytes = l->bytes;
	pthread_mutex_unlock(&b->lock);
	return bytes;
}

void bulk_need(struct bulk_lane *l, size_t from, size_t to)
{
	struct bulk *b = l->bulk;

	pthread_mutex_lock(&b->lock);
	struct dump_reader *r = take_reader(b);
	for (size_t i = piece_of(l, from); from < to && i <= piece_of(l, to - 1) && i < l->pieces; i++)
		while (!is_done(l, i)) {
			if (l->got[i] == UNTAKEN)
				do_piece(l, i, r);
			else
				pthread_cond_wait(&b->news, &b->lock);
		}
	give_reader(b, r);
	pthread_mutex_unlock(&b->lock);
}

bool bulk_done(struct bulk_lane *l, uint64_t *lost)
{
	pthread_mutex_lock(&l->bulk->lock);
	bool all = l->ready >= l->pieces;
	*lost = l->lost;
	pthread_mutex_unlock(&l->bulk->lock);
	return all;
}

void bulk_end(struct bulk_lane *l)
{
	struct bulk *b = l->bulk;

	pthread_mutex_lock(&b->lock);
	l->limit = 0; /* what nobody has taken stays unread */
	while (l->busy)
		pthread_cond_wait(&b->news, &b->lock);
	struct bulk_lane **at = &b->lanes;
	while (*at != l)
		at = &(*at)->next_lane;
	*at = l->next_lane;
	end_helpers(b);
	pthread_mutex_unlock(&b->lock);
	free(l->got);
	free(l);
}

size_t bulk_read(struct bulk *b, uint64_t addr, void *buf, size_t n)
{
	struct bulk_lane *l = bulk_begin(b, addr, buf, n, n, false);
	size_t got = bulk_wait(l, n);

	bulk_end(l);
	return got;
}

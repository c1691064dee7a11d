/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads take pieces of memory one after the other, and what they find waits in a ring until all before it has
 * been handed on, by the thread that asked for the search and does nothing else. Neither pieces nor hits that wait
 * are ever more than a few, so a slow reader costs no memory.
 */
#include "engine/kern/memory/searchimpl.h"
#include <pthread.h>
#include <string.h>
#include "engine/base/alloc.h"

#define RING 64u
#define MAX_THREADS 64u
#define LONGEST_STRING SEARCH_PAGE
#define HITS_WAITING (64u << 10) /* no new piece is begun while more wait */

struct slot {
	struct hits hits;
	size_t range;
	bool done;
};

struct search {
	struct mem *m;
	const struct search_order *order;
	struct page_source *pages;
	pthread_mutex_t lock; /* of what follows, and pages */
	pthread_cond_t room, ready;
	struct slot ring[RING];
	uint64_t begun, at; /* pieces that were taken, and handed on */
	size_t waiting;	    /* hits in the ring */
	bool at_end, stop;
	struct search_counts counts;
	uint64_t last_end; /* of the last match that was handed on, for patterns */
	size_t last_range;
};

static bool has_room(const struct search *s)
{
	return s->begun - s->at < RING && (s->waiting < HITS_WAITING || s->begun == s->at);
}

/* Takes a piece if there is one, and its number. With the lock. */
static bool begin(struct search *s, struct piece *p, uint64_t *number)
{
	if (s->stop || s->at_end || !has_room(s))
		return false;
	if (!page_source_next(s->pages, p)) {
		s->at_end = true;
		pthread_cond_broadcast(&s->room);
		pthread_cond_broadcast(&s->ready);
		return false;
	}
	*number = s->begun++;
	return true;
}

/* Searches a piece, and puts what was found into the ring. Without the lock. */
static void work_on(struct search *s, struct piece_reader *r, const struct piece *p, uint64_t number)
{
	struct search_counts counts = {0};
	struct hits hits = {0};

	piece_search(r, p, &hits, &counts);
	for (size_t i = 0; i < hits.n; i++)
		hits.v[i].range = p->range;
	bool cancelled = !err_ok(job_tick(s->order->job, p->pages));
	pthread_mutex_lock(&s->lock);
	s->stop |= cancelled;
	s->counts.searched += counts.searched;
	s->counts.costly += counts.costly;
	for (unsigned i = 0; i < MEM_STATES; i++)
		s->counts.absent[i] += counts.absent[i];
	s->waiting += hits.n;
	s->ring[number % RING] = (struct slot){hits, p->range, true};
	if (number == s->at)
		pthread_cond_signal(&s->ready);
	pthread_mutex_unlock(&s->lock);
}

static void *worker(void *arg)
{
	struct search *s = arg;
	struct piece_reader *r = piece_reader_create(s->m, s->order->query, s->order->ranges);
	struct piece *p = xmalloc(sizeof(*p));
	uint64_t number;

	job_give_way(s->order->job);
	pthread_mutex_lock(&s->lock);
	while (!s->stop && !s->at_end) {
		if (!begin(s, p, &number)) {
			if (!s->stop && !s->at_end)
				pthread_cond_wait(&s->room, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		work_on(s, r, p, number);
		pthread_mutex_lock(&s->lock);
	}
	pthread_cond_signal(&s->ready);
	pthread_mutex_unlock(&s->lock);
	free(p);
	piece_reader_destroy(r);
	return NULL;
}

/* A pattern's match that reached over the end of its piece was seen whole there: what the next piece found within
 * it is a part of it. */
static bool seen(struct search *s, const struct search_hit *h)
{
	if (s->order->query->kind != SEARCH_PATTERN)
		return false;
	if (h->range == s->last_range && h->addr < s->last_end)
		return true;
	s->last_range = h->range;
	s->last_end = h->addr + h->length;
	return false;
}

static struct err *hand_on(struct search *s, struct hits *hits)
{
	struct err *e = NULL;

	for (size_t i = 0; i < hits->n && !e; i++) {
		if (!seen(s, &hits->v[i]))
			e = s->order->on_hit(s->order->ctx, &hits->v[i]);
		if (!e && job_cancelled(s->order->job))
			e = err_cancelled();
	}
	free(hits->v);
	return e;
}

/* The thread that asked: hands on what is next, as it comes. */
static struct err *lead(struct search *s)
{
	struct err *e = NULL;

	pthread_mutex_lock(&s->lock);
	while (!e && !s->stop && !(s->at_end && s->at == s->begun)) {
		struct slot *next = &s->ring[s->at % RING];
		if (!next->done) {
			pthread_cond_wait(&s->ready, &s->lock);
			continue;
		}
		struct hits hits = next->hits;
		*next = (struct slot){0};
		s->at++;
		s->waiting -= hits.n;
		pthread_cond_signal(&s->room);
		if (!hits.n)
			continue;
		pthread_mutex_unlock(&s->lock);
		e = hand_on(s, &hits);
		pthread_mutex_lock(&s->lock);
	}
	s->stop = true;
	pthread_cond_broadcast(&s->room);
	pthread_mutex_unlock(&s->lock);
	return !e && job_cancelled(s->order->job) ? err_cancelled() : e;
}

struct err *search_run(struct mem *m, const struct search_order *o, struct search_counts *counts)
{
	struct search *s = xcalloc(1, sizeof(*s));
	pthread_t threads[MAX_THREADS];
	unsigned started = 0, want = job_cores();

	s->m = m;
	s->order = o;
	s->last_range = SIZE_MAX;
	s->pages = page_source_create(m, o->ranges, o->nranges, o->job);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->room, NULL);
	pthread_cond_init(&s->ready, NULL);
	want = want > MAX_THREADS ? MAX_THREADS : want;
	int error = 0;
	while (started < want && !(error = pthread_create(&threads[started], NULL, worker, s)))
		started++;
	struct err *e = started ? err_keep(lead(s)) : err_os(error, "no thread could be started");
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	*counts = s->counts;
	counts->absent[MEM_EXCLUDED] += page_source_excluded(s->pages);
	for (unsigned i = 0; i < RING; i++)
		free(s->ring[i].hits.v);
	page_source_destroy(s->pages);
	pthread_cond_destroy(&s->room);
	pthread_cond_destroy(&s->ready);
	pthread_mutex_destroy(&s->lock);
	free(s);
	return e;
}

/* ---- queries ---- */

static uint64_t low_bits(unsigned width)
{
	return width == 8 ? UINT64_MAX : (UINT64_C(1) << width * 8) - 1;
}

struct err *search_numbers(unsigned width, uint64_t ignore, struct search_query **ret)
{
	if (width != 8 && (ignore & ~low_bits(width)))
		return err_new(ERR_USAGE, "the mask has bits beyond the %u bits of a number", width * 8);
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->kind = SEARCH_NUMBERS;
	(*ret)->width = width;
	(*ret)->keep = ~ignore & low_bits(width);
	return NULL;
}

struct err *search_add_number(struct search_query *q, uint64_t lo, uint64_t hi)
{
	if (hi < lo || hi > low_bits(q->width))
		return err_new(ERR_USAGE, "0x%llx doesn't fit into %u bits%s", (unsigned long long)(hi < lo ? lo : hi),
			       q->width * 8, q->width == 8 ? "" : ": leave out -w or -h");
	if (hi - lo >= INT64_MAX)
		return err_new(ERR_USAGE, "a range of more than half of all numbers finds nearly everything");
	if (lo != hi && q->keep != low_bits(q->width))
		return err_new(ERR_USAGE, "a range and a mask exclude each other");
	q->numbers = xrealloc(q->numbers, q->n + 1, sizeof(*q->numbers));
	q->numbers[q->n].lo = lo & q->keep;
	q->numbers[q->n++].size = hi - lo + 1;
	q->zero_matters |= (lo & q->keep) == 0;
	return NULL;
}

struct search_query *search_strings(void)
{
	struct search_query *q = xcalloc(1, sizeof(*q));

	q->kind = SEARCH_STRINGS;
	return q;
}

struct err *search_add_string(struct search_query *q, const void *bytes, size_t n)
{
	if (!n)
		return err_new(ERR_USAGE, "an empty string is everywhere");
	if (n > LONGEST_STRING)
		return err_new(ERR_USAGE, "a string of %zu bytes is too long", n);
	unsigned char *copy = xmalloc(n);
	memcpy(copy, bytes, n);
	q->strings = xrealloc(q->strings, q->n + 1, sizeof(*q->strings));
	q->strings[q->n++] = (struct search_string){copy, n};
	q->longest = n > q->longest ? n : q->longest;
	q->zero_matters |= memchr(bytes, 0, n) != NULL;
	return NULL;
}

void search_query_free(struct search_query *q)
{
	if (!q)
		return;
	for (size_t i = 0; q->strings && i < q->n; i++)
		free(q->strings[i].bytes);
	free(q->strings);
	free(q->numbers);
	search_pattern_free(q->pattern);
	free(q);
}

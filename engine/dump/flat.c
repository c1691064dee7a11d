/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flattened format: a stream of records "so many bytes belong at this offset", as makedumpfile
 * -F and QEMU write them into a pipe. Later records overwrite earlier ones (headers are written
 * again at the end), so the index is a sweep over the sorted starts in which the youngest record
 * wins.
 *
 * The record headers are read through a window, because small records (descriptors, headers) come
 * in great number; data is jumped over.
 */
#include <endian.h>
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/dump/impl.h"

#define FLAT_DATA 4096u		/* where the records begin */
#define FLAT_RECORD 16u		/* big-endian offset, size */
#define FLAT_LIMIT (512u << 20) /* bytes that the index may take */
#define FLAT_OFFSET_MAX (UINT64_C(1) << 56)

bool flat_probe(const unsigned char *head, size_t n)
{
	static const char sig[16] = "makedumpfile";
	return n >= sizeof(sig) && !memcmp(head, sig, sizeof(sig));
}

struct window {
	const struct dfile *f;
	uint64_t at;
	size_t n;
	unsigned char bytes[1024];
};

/* Two big-endian numbers at off; false at the end of the file. */
static bool window_record(struct window *w, uint64_t off, uint64_t *a, uint64_t *b)
{
	uint64_t v[2];

	if (off < w->at || !range_ok(off - w->at, FLAT_RECORD, w->n)) {
		w->at = off;
		w->n = dfile_read_disk(w->f, off, w->bytes, sizeof(w->bytes));
		if (w->n < FLAT_RECORD)
			return false;
	}
	memcpy(v, w->bytes + (off - w->at), sizeof(v));
	*a = be64toh(v[0]);
	*b = be64toh(v[1]);
	return true;
}

struct records {
	struct flat_extent *v;
	size_t n, cap;
};

static struct err *records_add(const struct dfile *f, struct records *r, struct flat_extent x)
{
	if (r->n * sizeof(x) >= FLAT_LIMIT)
		return err_new(
			ERR_UNSUPPORTED,
			"%s: flattened dump with more than %zu records: put it together with "
			"\"makedumpfile -R DUMP < %s\" and open that",
			f->path, r->n, f->path);
	GROW(r->v, r->n, r->cap);
	r->v[r->n++] = x;
	return NULL;
}

/* All records in the order of the file. *cut: there is no end mark. */
static struct err *records_read(const struct dfile *f, struct job *job, struct records *r,
				bool *cut)
{
	AUTO_FREE struct window *w = xcalloc(1, sizeof(*w));
	uint64_t at = FLAT_DATA, ticked = FLAT_DATA, off, len;

	w->f = f;
	*cut = true;
	while (window_record(w, at, &off, &len)) {
		if (off == UINT64_MAX && len == UINT64_MAX) {
			*cut = false;
			break;
		}
		if (off > FLAT_OFFSET_MAX || len > FLAT_OFFSET_MAX)
			break; /* damaged: what follows can't be found */
		at += FLAT_RECORD;
		uint64_t have = f->disk_size - at;
		if (len && have)
			TRY(records_add(f, r,
					(struct flat_extent){off, len < have ? len : have, at}));
		if (len > have)
			break;
		at += len;
		if (at - ticked >= UINT64_C(1) << 20 || r->n % 1024 == 0) {
			TRY(job_tick(job, at - ticked));
			ticked = at;
		}
	}
	return NULL;
}

/* By start; of equal starts the older one, which is the one that lies earlier in the file. */
static int by_start(const void *pa, const void *pb)
{
	const struct flat_extent *a = pa, *b = pb;
	if (a->off != b->off)
		return a->off < b->off ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* A heap of records that cover the sweep's position, the youngest (largest `at`) on top. */
struct heap {
	const struct flat_extent **v;
	size_t n, cap;
};

static void heap_push(struct heap *h, const struct flat_extent *e)
{
	GROW(h->v, h->n, h->cap);
	size_t i = h->n++;
	for (; i && h->v[(i - 1) / 2]->at < e->at; i = (i - 1) / 2)
		h->v[i] = h->v[(i - 1) / 2];
	h->v[i] = e;
}

static void heap_pop(struct heap *h)
{
	const struct flat_extent *e = h->v[--h->n];
	size_t i = 0, k;

	while ((k = 2 * i + 1) < h->n) {
		if (k + 1 < h->n && h->v[k + 1]->at > h->v[k]->at)
			k++;
		if (h->v[k]->at <= e->at)
			break;
		h->v[i] = h->v[k];
		i = k;
	}
	h->v[i] = e;
}

/* Cuts sorted records into disjoint pieces, the youngest record winning. */
static struct err *sweep(const struct dfile *f, const struct records *in, struct records *out)
{
	struct heap h = {0};
	struct err *err = NULL;
	uint64_t at = 0;
	size_t i = 0;

	while (!err && (i < in->n || h.n)) {
		if (!h.n && in->v[i].off > at)
			at = in->v[i].off;
		for (; i < in->n && in->v[i].off <= at; i++)
			heap_push(&h, &in->v[i]);
		while (h.n && h.v[0]->off + h.v[0]->len <= at)
			heap_pop(&h);
		if (!h.n)
			continue;
		const struct flat_extent *top = h.v[0];
		uint64_t end = top->off + top->len;
		if (i < in->n && in->v[i].off < end)
			end = in->v[i].off;
		err = records_add(f, out,
				  (struct flat_extent){at, end - at, top->at + (at - top->off)});
		at = end;
	}
	free(h.v);
	return err;
}

static bool disjoint(const struct records *r)
{
	for (size_t i = 1; i < r->n; i++)
		if (r->v[i - 1].off + r->v[i - 1].len > r->v[i].off)
			return false;
	return true;
}

static struct err *flat_build(const struct dfile *f, struct job *job, struct records *r,
			      struct flat *ret)
{
	struct records out = {0};

	TRY(records_read(f, job, r, &ret->cut));
	if (!r->n)
		return err_new(ERR_CORRUPT,
			       "%s: flattened dump without any data (%" PRIu64
			       " bytes): the transfer broke off: copy it again",
			       f->path, f->disk_size);
	qsort(r->v, r->n, sizeof(*r->v), by_start);
	if (!disjoint(r)) {
		struct err *e = sweep(f, r, &out);
		free(r->v);
		*r = out;
		TRY(e);
	}
	ret->ext = r->v;
	ret->n = r->n;
	r->v = NULL;
	ret->size = ret->ext[ret->n - 1].off + ret->ext[ret->n - 1].len;
	return NULL;
}

struct err *flat_index(const struct dfile *f, struct job *job, struct flat *ret)
{
	struct records r = {0};

	job_set_phase(job, "flattened dump");
	job_set_total(job, f->disk_size);
	struct err *e = flat_build(f, job, &r, ret);
	free(r.v);
	return e;
}

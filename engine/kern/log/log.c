/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel log, read from the printk ring buffer (5.10 and later): a ring of descriptors, one
 * info for each, and a ring of text. Descriptor ids run on for ever; an id's slot is the id modulo
 * the ring's size, and the descriptor there carries the id that it is used for, so whatever doesn't
 * agree is a record that was overwritten or damaged and is left out.
 *
 * Offsets come from vmcoreinfo, made for this, so that the log needs no vmlinux; from types if not.
 *
 * Source: Linux' kernel/printk/printk_ringbuffer.[ch] (v5.10, v6.12, v7.2).
 */
#include "engine/kern/log/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/kern/log/logimpl.h"

#define COUNT_BITS_MAX 26 /* descriptors; CONFIG_LOG_BUF_SHIFT's limit is 25 for bytes of text */
#define SIZE_BITS_MAX 31
#define STRUCT_MAX 1024
#define TEXT_MAX 65536 /* printk_info.text_len has 16 bits */
#define ID_MASK (UINT64_MAX >> 2)
#define STATE_COMMITTED 1
#define STATE_FINALIZED 2
#define LOG_CONT 8

bool log_place_find(struct session *s, struct log_place *v, size_t n)
{
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		char name[96];
		struct kern_member m = {.names = v[i].member};
		snprintf(name, sizeof(name), "%s.%s", v[i].type, v[i].member);
		v[i].found = vmcoreinfo_offset(s->vmcoreinfo, name, &v[i].offset);
		if (!v[i].found) {
			snprintf(name, sizeof(name), "struct %s", v[i].type);
			v[i].found = kern_members(s, name, &m, 1);
			v[i].offset = m.place.offset;
		}
		v[i].found &= v[i].offset < STRUCT_MAX - 8;
		all &= v[i].found;
	}
	return all;
}

bool log_struct_size(struct session *s, const char *type, uint64_t *ret)
{
	const struct type *t;
	char name[64];

	if (!vmcoreinfo_size(s->vmcoreinfo, type, ret)) {
		snprintf(name, sizeof(name), "struct %s", type);
		if (!err_ok(type_find(s->types, name, NULL, &t)))
			return false;
		*ret = type_size(t);
	}
	return *ret && *ret <= STRUCT_MAX;
}

enum {
	P_RING,
	P_TEXT,
	P_COUNT_BITS,
	P_DESCS,
	P_INFOS,
	P_HEAD,
	P_TAIL,
	P_STATE,
	P_LPOS,
	P_BEGIN,
	P_NEXT,
	P_SEQ,
	P_TS,
	P_LEN,
	P_CALLER,
	P_SIZE_BITS,
	P_DATA,
	P_PLACES
};

static const struct log_place places[P_PLACES] = {
	[P_RING] = {"printk_ringbuffer", "desc_ring"},
	[P_TEXT] = {"printk_ringbuffer", "text_data_ring"},
	[P_COUNT_BITS] = {"prb_desc_ring", "count_bits"},
	[P_DESCS] = {"prb_desc_ring", "descs"},
	[P_INFOS] = {"prb_desc_ring", "infos"},
	[P_HEAD] = {"prb_desc_ring", "head_id"},
	[P_TAIL] = {"prb_desc_ring", "tail_id"},
	[P_STATE] = {"prb_desc", "state_var"},
	[P_LPOS] = {"prb_desc", "text_blk_lpos"},
	[P_BEGIN] = {"prb_data_blk_lpos", "begin"},
	[P_NEXT] = {"prb_data_blk_lpos", "next"},
	[P_SEQ] = {"printk_info", "seq"},
	[P_TS] = {"printk_info", "ts_nsec"},
	[P_LEN] = {"printk_info", "text_len"},
	[P_CALLER] = {"printk_info", "caller_id"},
	[P_SIZE_BITS] = {"prb_data_ring", "size_bits"},
	[P_DATA] = {"prb_data_ring", "data"},
};

struct prb {
	struct session *s;
	struct log_place p[P_PLACES];
	uint64_t desc_size, info_size;
	uint64_t count, descs, infos, head, tail; /* count: a power of two */
	uint64_t text_size, text;		  /* text_size: a power of two */
	bool callers;
	char *buf; /* TEXT_MAX bytes */
};

static struct err *word(struct prb *b, uint64_t base, int place, uint64_t *ret)
{
	return mem_u64(b->s->mem, KERNEL, base + b->p[place].offset, ret);
}

static struct err *bits(struct prb *b, uint64_t base, int place, unsigned max, uint64_t *ret)
{
	uint32_t n;

	TRY(mem_u32(b->s->mem, KERNEL, base + b->p[place].offset, &n));
	if (!n || n > max)
		return err_new(ERR_CORRUPT, "the printk ring buffer's %s is %" PRIu32 ": damaged",
			       b->p[place].member, n);
	*ret = UINT64_C(1) << n;
	return NULL;
}

static struct err *prb_open(struct prb *b)
{
	uint64_t var, rb;

	TRY(kern_static(b->s, "prb", &var));
	if (!log_place_find(b->s, b->p, P_PLACES) ||
	    !log_struct_size(b->s, "prb_desc", &b->desc_size) ||
	    !log_struct_size(b->s, "printk_info", &b->info_size))
		return err_new(ERR_NOTFOUND,
			       "neither vmcoreinfo nor types tell how the printk ring "
			       "buffer is laid out");
	TRY(mem_u64(b->s->mem, KERNEL, var, &rb));
	uint64_t ring = rb + b->p[P_RING].offset, text = rb + b->p[P_TEXT].offset;
	TRY(bits(b, ring, P_COUNT_BITS, COUNT_BITS_MAX, &b->count));
	TRY(word(b, ring, P_DESCS, &b->descs));
	TRY(word(b, ring, P_INFOS, &b->infos));
	TRY(word(b, ring, P_HEAD, &b->head));
	TRY(word(b, ring, P_TAIL, &b->tail));
	TRY(bits(b, text, P_SIZE_BITS, SIZE_BITS_MAX, &b->text_size));
	TRY(word(b, text, P_DATA, &b->text));
	b->head &= ID_MASK;
	b->tail &= ID_MASK;
	return NULL;
}

/* One descriptor with its info. */
struct record {
	uint64_t id, state, begin, next, seq, ts;
	uint16_t len;
	uint8_t facility, level, flags;
	uint32_t caller;
};

static bool read_record(struct prb *b, uint64_t id, struct record *r)
{
	uint64_t slot = id & (b->count - 1);
	uint8_t d[STRUCT_MAX], i[STRUCT_MAX];
	const struct log_place *p = b->p;

	if (!err_ok(mem_read(b->s->mem, KERNEL, b->descs + slot * b->desc_size, d, b->desc_size)) ||
	    !err_ok(mem_read(b->s->mem, KERNEL, b->infos + slot * b->info_size, i, b->info_size)))
		return false;
	uint64_t state = load_u64(d + p[P_STATE].offset);
	r->id = state & ID_MASK;
	r->state = state >> 62;
	uint64_t lpos = p[P_LPOS].offset;
	if (!range_ok(lpos + p[P_BEGIN].offset, 8, b->desc_size) ||
	    !range_ok(lpos + p[P_NEXT].offset, 8, b->desc_size) ||
	    !range_ok(p[P_LEN].offset, 4, b->info_size) ||
	    !range_ok(p[P_CALLER].offset, 4, b->info_size))
		return false;
	r->begin = load_u64(d + lpos + p[P_BEGIN].offset);
	r->next = load_u64(d + lpos + p[P_NEXT].offset);
	r->seq = load_u64(i + p[P_SEQ].offset);
	r->ts = load_u64(i + p[P_TS].offset);
	/* After text_len come facility:8, flags:5, level:3, which vmcoreinfo doesn't list. */
	const uint8_t *len = i + p[P_LEN].offset;
	r->len = load_u16(len);
	r->facility = len[2];
	r->flags = len[3] & 0x1f;
	r->level = len[3] >> 5;
	r->caller = load_u32(i + p[P_CALLER].offset);
	return true;
}

/* Kernels from 5.11 on store every record's caller; where none has one, it isn't kept at all. */
static struct err *look_for_callers(struct prb *b, uint64_t n, struct job *job)
{
	struct record r;

	for (uint64_t i = 0; i < n && !b->callers; i++) {
		TRY(job_tick(job, 1));
		uint64_t id = (b->tail + i) & ID_MASK;
		b->callers = read_record(b, id, &r) && r.id == id && r.caller;
	}
	return NULL;
}

/* The text between two logical positions of the ring. A block starts with its descriptor's id and
 * lies in one piece: one that would run over the ring's end was put at its beginning. */
static bool read_text(struct prb *b, const struct record *r, size_t *n)
{
	uint64_t mask = b->text_size - 1, at = r->begin & mask, size, id;

	*n = 0;
	if (r->begin & 1 || r->next & 1) /* no data: 3 is an empty line, others a failed one */
		return r->begin == r->next && (r->begin & 3) == 3;
	if (r->next - r->begin <= b->text_size - at) {
		size = r->next - r->begin;
	} else if (r->next - r->begin <= b->text_size - at + b->text_size) {
		at = 0;
		size = r->next & mask;
	} else {
		return false;
	}
	if (size < sizeof(id) || at + size > b->text_size ||
	    !err_ok(mem_u64(b->s->mem, KERNEL, b->text + at, &id)) || (id & ID_MASK) != r->id)
		return false;
	size -= sizeof(id);
	*n = r->len < size ? r->len : size;
	return err_ok(mem_read(b->s->mem, KERNEL, b->text + at + sizeof(id), b->buf, *n));
}

void log_caller(uint32_t id, char *caller, size_t cap)
{
	snprintf(caller, cap, "%c%" PRIu32, id & 0x80000000u ? 'C' : 'T', id & 0x7fffffffu);
}

/* *good: the slot holds nothing that is lost. */
static struct err *emit(struct prb *b, uint64_t id, const struct log_sink *out, bool *good)
{
	struct record r;
	struct log_record rec = {.text = b->buf};

	*good = read_record(b, id, &r);
	if (!*good)
		return NULL;
	if (r.state != STATE_COMMITTED && r.state != STATE_FINALIZED) {
		/* Being written when the machine stopped, or free: nothing was ever said there. */
		*good = r.id == id;
		return NULL;
	}
	*good = r.id == id && (r.seq & (b->count - 1)) == (id & (b->count - 1)) &&
		read_text(b, &r, &rec.n);
	if (!*good)
		return NULL;
	rec.seq = r.seq;
	rec.time_ns = r.ts;
	rec.level = r.level;
	rec.facility = r.facility;
	rec.continued = r.flags & LOG_CONT;
	if (b->callers)
		log_caller(r.caller, rec.caller, sizeof(rec.caller));
	return out->fn(out->ctx, &rec);
}

static struct err *prb_each(struct prb *b, struct job *job, const struct log_sink *out,
			    uint64_t *lost)
{
	uint64_t n = ((b->head - b->tail) & ID_MASK) + 1;
	bool good;

	/* Head and tail that can't be true: all slots are looked at, in the order from the head. */
	if (n > b->count) {
		n = b->count;
		b->tail = (b->head - b->count + 1) & ID_MASK;
	}
	TRY(look_for_callers(b, n, job));
	for (uint64_t i = 0; i < n; i++) {
		TRY(job_tick(job, 1));
		TRY(emit(b, (b->tail + i) & ID_MASK, out, &good));
		*lost += !good;
	}
	return NULL;
}

/* Both are consumed. */
static struct err *no_log(struct err *prb, struct err *old)
{
	struct err *e = err_new(ERR_NOTFOUND, "no kernel log can be found: %s; %s", err_text(prb),
				err_text(old));

	err_free(prb);
	err_free(old);
	return e;
}

struct err *log_each(struct session *s, struct job *job,
		     struct err *(*fn)(void *ctx, const struct log_record *r), void *ctx,
		     uint64_t *lost)
{
	struct prb b = {.s = s};
	struct log_sink out = {fn, ctx};

	*lost = 0;
	memcpy(b.p, places, sizeof(b.p));
	struct err *e = err_keep(prb_open(&b));
	if (e) {
		struct err *old = oldlog_each(s, job, &out, lost);
		if (!old || err_code(old) != ERR_NOTFOUND) {
			err_free(e);
			return old;
		}
		return no_log(e, old);
	}
	b.buf = xmalloc(TEXT_MAX);
	e = prb_each(&b, job, &out, lost);
	free(b.buf);
	return e;
}

const char *log_level_name(uint8_t level)
{
	static const char *const names[] = {"emerg", "alert",  "crit", "err",
					    "warn",  "notice", "info", "debug"};

	return names[level & 7];
}

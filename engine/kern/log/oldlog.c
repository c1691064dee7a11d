/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel log before 5.10: log_buf holds records one after the other, each with its length; one
 * of length 0 means that the next is at the beginning. Kernels before 3.5 kept plain text in a
 * ring, of which log_end counts the bytes.
 *
 * Sources: Linux' kernel/printk/printk.c (v5.9, struct printk_log), kernel/printk.c (v3.10, v3.4).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/kern/log/logimpl.h"

#define BUF_MAX (256u << 20)
#define LINE_MAX 1024
#define LOG_CONT 8

enum { L_TS, L_LEN, L_TEXT_LEN, L_DICT_LEN, L_PLACES };

struct oldlog {
	struct session *s;
	struct log_place p[L_PLACES];
	uint64_t buf, size;   /* of log_buf */
	uint64_t first, next; /* of records: where they begin, where the next would go */
	uint64_t head;	      /* bytes of a record's header */
	uint64_t seq;
	uint8_t *record; /* 65536 bytes */
};

static struct err *variable(struct session *s, const char *name, unsigned bytes, uint64_t *ret)
{
	uint64_t addr;
	uint32_t n;

	TRY(kern_symbol(s, name, &addr));
	if (bytes == 8)
		return mem_u64(s->mem, KERNEL, addr, ret);
	TRY(mem_u32(s->mem, KERNEL, addr, &n));
	*ret = n;
	return NULL;
}

static struct err *oldlog_open(struct oldlog *l)
{
	TRY(variable(l->s, "log_buf", 8, &l->buf));
	TRY(variable(l->s, "log_buf_len", 4, &l->size));
	if (!l->size || l->size > BUF_MAX)
		return err_new(ERR_CORRUPT, "log_buf_len is %" PRIu64 ": damaged", l->size);
	return NULL;
}

/* ---- records ---- */

static struct err *records_open(struct oldlog *l)
{
	static const char *const types[] = {"printk_log", "log"};
	static const char *const members[L_PLACES] = {"ts_nsec", "len", "text_len", "dict_len"};
	bool known = false;

	TRY(variable(l->s, "log_first_idx", 4, &l->first));
	TRY(variable(l->s, "log_next_idx", 4, &l->next));
	for (size_t t = 0; t < 2 && !known; t++) {
		for (size_t i = 0; i < L_PLACES; i++)
			l->p[i] = (struct log_place){.type = types[t], .member = members[i]};
		known = log_place_find(l->s, l->p, L_PLACES) &&
			log_struct_size(l->s, types[t], &l->head) && l->head >= 16;
	}
	if (!known)
		return err_new(ERR_NOTFOUND, "neither vmcoreinfo nor types tell how the records of "
					     "log_buf are laid out");
	if (!err_ok(variable(l->s, "log_first_seq", 8, &l->seq)))
		l->seq = 0;
	if (l->first >= l->size || l->next >= l->size)
		return err_new(ERR_CORRUPT,
			       "the log runs from %" PRIu64 " to %" PRIu64 ", outside of "
			       "its %" PRIu64 " bytes: damaged",
			       l->first, l->next, l->size);
	return NULL;
}

static struct err *emit(struct oldlog *l, size_t len, const struct log_sink *out, uint64_t *lost)
{
	const uint8_t *r = l->record;
	const uint8_t *dict = r + l->p[L_DICT_LEN].offset;
	uint16_t text = load_u16(r + l->p[L_TEXT_LEN].offset);

	if (!range_ok(l->head, text, len)) {
		++*lost;
		return NULL;
	}
	/* After dict_len come facility:8, flags:5, level:3. */
	struct log_record rec = {
		.seq = l->seq,
		.time_ns = load_u64(r + l->p[L_TS].offset),
		.facility = dict[2],
		.level = dict[3] >> 5,
		.continued = (dict[3] & LOG_CONT) != 0,
		.text = (const char *)r + l->head,
		.n = text,
	};
	/* caller_id is only there when the kernel was built to show it (5.1). */
	uint64_t caller = l->p[L_DICT_LEN].offset + 4;
	if (l->head >= caller + 4)
		log_caller(load_u32(r + caller), rec.caller, sizeof(rec.caller));
	return out->fn(out->ctx, &rec);
}

/* The length of the record at `at`; 0: none can be read there. */
static size_t record_at(struct oldlog *l, uint64_t at)
{
	uint64_t head = l->head < l->size - at ? l->head : l->size - at;

	memset(l->record, 0, l->head);
	if (!err_ok(mem_read(l->s->mem, KERNEL, l->buf + at, l->record, head)))
		return 0;
	return load_u16(l->record + l->p[L_LEN].offset);
}

static struct err *records_each(struct oldlog *l, struct job *job, const struct log_sink *out,
				uint64_t *lost)
{
	uint64_t at = l->first, walked = 0;

	/* A full ring begins where it ends; bytes walked bound the rest. */
	while ((at != l->next || !walked) && walked <= l->size) {
		TRY(job_tick(job, 1));
		size_t len = record_at(l, at);
		if (!len && at) { /* the rest is at the beginning */
			walked += l->size - at;
			at = 0;
			continue;
		}
		if (len < l->head || !range_ok(at, len, l->size) ||
		    !err_ok(mem_read(l->s->mem, KERNEL, l->buf + at, l->record, len))) {
			++*lost; /* without its length the next one can't be found */
			return NULL;
		}
		TRY(emit(l, len, out, lost));
		l->seq++;
		at += len;
		walked += len;
	}
	return NULL;
}

/* ---- plain text ---- */

/* "<4>[    0.123456] text" */
static struct err *emit_line(const char *s, size_t n, uint64_t seq, const struct log_sink *out)
{
	struct log_record rec = {.seq = seq, .level = 4, .text = s, .n = n};

	if (n > 2 && s[0] == '<' && s[1] >= '0' && s[1] <= '7' && s[2] == '>') {
		rec.level = (uint8_t)(s[1] - '0');
		rec.text += 3;
		rec.n -= 3;
	}
	char stamp[32] = "";
	const char *end = memchr(rec.text, ']', rec.n);
	if (rec.n && rec.text[0] == '[' && end && (size_t)(end - rec.text) < sizeof(stamp)) {
		unsigned long sec, usec;
		memcpy(stamp, rec.text, (size_t)(end - rec.text));
		if (sscanf(stamp, "[%lu.%6lu", &sec, &usec) == 2) {
			rec.time_ns = sec * UINT64_C(1000000000) + usec * UINT64_C(1000);
			rec.n -= (size_t)(end + 1 - rec.text);
			rec.text = end + 1;
			if (rec.n && *rec.text == ' ') {
				rec.text++;
				rec.n--;
			}
		}
	}
	return out->fn(out->ctx, &rec);
}

static struct err *text_each(struct oldlog *l, struct job *job, const struct log_sink *out,
			     uint64_t *lost)
{
	uint64_t end, seq = 0;
	char line[LINE_MAX];
	size_t n = 0;
	uint8_t c;

	TRY(variable(l->s, "log_end", 4, &end));
	uint64_t start = end > l->size ? end - l->size : 0;
	for (uint64_t i = start; i < end; i++) {
		TRY(job_tick(job, 1));
		if (!err_ok(mem_u8(l->s->mem, KERNEL, l->buf + i % l->size, &c))) {
			++*lost;
			continue;
		}
		if (c != '\n' && n < sizeof(line))
			line[n++] = (char)c;
		if (c != '\n' && n < sizeof(line))
			continue;
		TRY(emit_line(line, n, seq++, out));
		n = 0;
	}
	return n ? emit_line(line, n, seq, out) : NULL;
}

struct err *oldlog_each(struct session *s, struct job *job, const struct log_sink *out,
			uint64_t *lost)
{
	struct oldlog l = {.s = s};
	uint64_t addr;

	TRY(oldlog_open(&l));
	if (!err_ok(kern_symbol(s, "log_first_idx", &addr)))
		return text_each(&l, job, out, lost);
	TRY(records_open(&l));
	l.record = xcalloc(1, 65536 + 1024);
	struct err *e = records_each(&l, job, out, lost);
	free(l.record);
	return e;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that the kernel log is read right from a printk ring buffer that has wrapped in both of
 * its rings, without vmlinux, and from the older log_buf of records; that records which can't be
 * right are left out and counted; and that no damaged byte of either and no cut file does harm: the
 * walk ends, and gives no more than there can be.
 *
 * The writer here follows the description in printk_ringbuffer.c, not our reader.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include "engine/kern/log/log.h"
#include "kern_fake.h"

#define COUNT_BITS 4
#define COUNT (1u << COUNT_BITS)
#define TEXT_BITS 10
#define TEXT_SIZE (1u << TEXT_BITS)
#define DESC_SIZE 24
#define INFO_SIZE 88
#define RECORDS 60u
#define PRB (FAKE_FREE + 0x100) /* the struct; a pointer to it lies at FAKE_FREE */
#define DESCS (FAKE_FREE + 0x200)
#define INFOS (FAKE_FREE + 0x400)
#define TEXT (FAKE_FREE + 0xa00)
#define END (TEXT + TEXT_SIZE)
#define FINALIZED (UINT64_C(2) << 62)
#define ID_MASK (UINT64_MAX >> 2)

/* What record i says: lengths from 0 to 120 bytes. */
static size_t message(unsigned i, char *text)
{
	size_t n = i % 7 == 3 ? 0 : i * 37 % 121;

	for (size_t k = 0; k < n; k++)
		text[k] = (char)('a' + (i + k) % 26);
	return n;
}

struct ring {
	uint64_t head_id, tail_id, head_lpos, tail_lpos;
};

/* Pushes out the oldest record. */
static void drop(struct fake *f, struct ring *r)
{
	size_t d = DESCS + (r->tail_id % COUNT) * DESC_SIZE;
	uint64_t next;

	memcpy(&next, f->mem + d + 16, 8);
	if (!(next & 1))
		r->tail_lpos = next;
	r->tail_id = (r->tail_id + 1) & ID_MASK;
}

static void store(struct fake *f, struct ring *r, unsigned i)
{
	char text[128];
	size_t n = message(i, text), block = (8 + n + 7) & ~(size_t)7;
	uint64_t id = (r->head_id + 1) & ID_MASK, begin = 3, next = 3;

	if (r->tail_id == ((id - COUNT) & ID_MASK))
		drop(f, r);
	if (n) {
		begin = r->head_lpos;
		next = begin + block;
		if (begin / TEXT_SIZE != (next - 1) / TEXT_SIZE) /* starts anew in the next wrap */
			next = (begin / TEXT_SIZE + 1) * TEXT_SIZE + block;
		while (next - r->tail_lpos > TEXT_SIZE)
			drop(f, r);
		size_t at = begin / TEXT_SIZE == (next - 1) / TEXT_SIZE ? begin % TEXT_SIZE : 0;
		fake_put(f, TEXT + at, id, 8);
		memcpy(f->mem + TEXT + at + 8, text, n);
		r->head_lpos = next;
	}
	size_t d = DESCS + (id % COUNT) * DESC_SIZE, info = INFOS + (id % COUNT) * INFO_SIZE;
	fake_put(f, d, id | FINALIZED, 8);
	fake_put(f, d + 8, begin, 8);
	fake_put(f, d + 16, next, 8);
	fake_put(f, info, i, 8);
	fake_put(f, info + 8, UINT64_C(1000000) * i, 8);
	fake_put(f, info + 16, n, 2);
	fake_put(f, info + 18, 3, 1);
	fake_put(f, info + 19, (uint64_t)(i % 8) << 5 | (i % 5 == 1 ? 8 : 0), 1);
	fake_put(f, info + 20, i % 2 ? 0x80000001 : i + 1, 4);
	r->head_id = id;
}

static void describe_prb(struct fake *f)
{
	static const char *const lines[] = {"OFFSET(printk_ringbuffer.desc_ring)=0",
					    "OFFSET(printk_ringbuffer.text_data_ring)=48",
					    "OFFSET(prb_desc_ring.count_bits)=0",
					    "OFFSET(prb_desc_ring.descs)=8",
					    "OFFSET(prb_desc_ring.infos)=16",
					    "OFFSET(prb_desc_ring.head_id)=24",
					    "OFFSET(prb_desc_ring.tail_id)=32",
					    "SIZE(prb_desc)=24",
					    "OFFSET(prb_desc.state_var)=0",
					    "OFFSET(prb_desc.text_blk_lpos)=8",
					    "OFFSET(prb_data_blk_lpos.begin)=0",
					    "OFFSET(prb_data_blk_lpos.next)=8",
					    "SIZE(printk_info)=88",
					    "OFFSET(printk_info.seq)=0",
					    "OFFSET(printk_info.ts_nsec)=8",
					    "OFFSET(printk_info.text_len)=16",
					    "OFFSET(printk_info.caller_id)=20",
					    "OFFSET(prb_data_ring.size_bits)=0",
					    "OFFSET(prb_data_ring.data)=8"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		fake_info(f, "%s\n", lines[i]);
	fake_info(f, "SYMBOL(prb)=%llx\n", (unsigned long long)FAKE_VA + FAKE_FREE);
}

static void make_prb(struct fake *f, unsigned records)
{
	/* As the kernel starts: the id before the one with sequence number 0, empty rings. */
	struct ring r = {.head_id = (0 - (uint64_t)(COUNT + 1)) & ID_MASK,
			 .head_lpos = 0 - (uint64_t)TEXT_SIZE,
			 .tail_lpos = 0 - (uint64_t)TEXT_SIZE};

	r.tail_id = r.head_id;
	fake_put(f, DESCS + (COUNT - 1) * DESC_SIZE, r.head_id | UINT64_C(3) << 62, 8);
	fake_put(f, DESCS + (COUNT - 1) * DESC_SIZE + 8, 1, 8);
	fake_put(f, DESCS + (COUNT - 1) * DESC_SIZE + 16, 1, 8);
	fake_put(f, FAKE_FREE, FAKE_VA + PRB, 8);
	for (unsigned i = 0; i < records; i++)
		store(f, &r, i);
	fake_put(f, PRB, COUNT_BITS, 4);
	fake_put(f, PRB + 8, FAKE_VA + DESCS, 8);
	fake_put(f, PRB + 16, FAKE_VA + INFOS, 8);
	fake_put(f, PRB + 24, r.head_id, 8);
	fake_put(f, PRB + 32, r.tail_id, 8);
	fake_put(f, PRB + 48, TEXT_BITS, 4);
	fake_put(f, PRB + 56, FAKE_VA + TEXT, 8);
	fake_put(f, PRB + 64, r.head_lpos, 8);
	fake_put(f, PRB + 72, r.tail_lpos, 8);
	describe_prb(f);
}

struct got {
	uint64_t n, lost, last;
	bool strict; /* the records must be the ones that were written */
	bool old;    /* of the older log: no caller */
	unsigned sum;
};

static struct err *on_record(void *ctx, const struct log_record *r)
{
	struct got *g = ctx;
	char text[128], caller[16];

	for (size_t i = 0; i < r->n; i++)
		g->sum += (uint8_t)r->text[i]; /* touches all that is claimed to be there */
	if (g->strict) {
		unsigned i = (unsigned)r->seq;
		size_t n = message(i, text);
		assert_true(!g->n || r->seq == g->last + 1);
		assert_int_equal(r->n, n);
		assert_memory_equal(r->text, text, n);
		assert_int_equal(r->time_ns, UINT64_C(1000000) * i);
		assert_int_equal(r->level, i % 8);
		assert_int_equal(r->facility, 3);
		assert_int_equal(r->continued, i % 5 == 1);
		snprintf(caller, sizeof(caller), i % 2 ? "C1" : "T%u", i + 1);
		assert_string_equal(r->caller, g->old ? "" : caller);
	}
	g->last = r->seq;
	g->n++;
	return NULL;
}

static struct got read_log(const struct fake *f, bool strict, bool old)
{
	struct got g = {.strict = strict, .old = old};
	struct session *s;

	struct err *e = fake_open(f, &s);
	if (!e) {
		e = log_each(s, NULL, on_record, &g, &g.lost);
		if (strict && e)
			fail_msg("%s", err_text(e));
		err_free(e);
		session_close(s);
	} else {
		assert_false(strict);
		err_free(e);
	}
	return g;
}

static void rings_that_wrapped(void **state)
{
	static struct fake f;

	(void)state;
	for (unsigned records = 1; records <= RECORDS; records++) {
		fake_init(&f);
		make_prb(&f, records);
		fake_write(&f);
		struct got g = read_log(&f, true, false);
		assert_int_equal(g.last, records - 1);
		assert_int_equal(g.lost, 0);
		assert_in_range(g.n, records < 6 ? records : 6, COUNT);
		fake_done(&f);
	}
}

static void damaged_records_are_counted(void **state)
{
	static struct fake f;

	(void)state;
	fake_init(&f);
	make_prb(&f, RECORDS);
	fake_write(&f);
	struct got whole = read_log(&f, true, false);
	/* The newest record's id in its descriptor; the one before's sequence number. */
	size_t slot = (RECORDS - 1) % COUNT;
	fake_poke(&f, DESCS + slot * DESC_SIZE, f.mem[DESCS + slot * DESC_SIZE] ^ 0x40);
	slot = (RECORDS - 2) % COUNT;
	fake_poke(&f, INFOS + slot * INFO_SIZE, 0);
	struct got g = read_log(&f, false, false);
	assert_int_equal(g.n, whole.n - 2);
	assert_int_equal(g.lost, 2);
	/* A tail that is far away: all slots are still looked at. */
	fake_write(&f);
	fake_poke(&f, PRB + 32 + 5, 0x11);
	g = read_log(&f, false, false);
	assert_in_range(g.n, whole.n, COUNT);
	fake_done(&f);
}

static void no_byte_does_harm(struct fake *f, size_t from, size_t to, size_t step, bool old)
{
	for (size_t at = from; at < to; at += step)
		for (int k = 0; k < 3; k++) {
			static const uint8_t flips[] = {0xff, 0x01, 0x80};
			fake_poke(f, at, f->mem[at] ^ flips[k]);
			struct got g = read_log(f, false, old);
			assert_true(g.n + g.lost <= 4096);
			fake_poke(f, at, f->mem[at]);
		}
}

static void damaged_rings(void **state)
{
	static struct fake f;

	(void)state;
	fake_init(&f);
	make_prb(&f, RECORDS);
	fake_put(&f, PRB + 40, 7, 8);
	fake_write(&f);
	no_byte_does_harm(&f, FAKE_FREE, FAKE_FREE + 8, 1, false);
	no_byte_does_harm(&f, PRB, PRB + 80, 1, false);
	no_byte_does_harm(&f, DESCS, DESCS + COUNT * DESC_SIZE, 3, false);
	no_byte_does_harm(&f, INFOS, INFOS + COUNT * INFO_SIZE, 5, false);
	no_byte_does_harm(&f, TEXT, END, 41, false);
	for (size_t n = f.mem_at + END; n; n -= n < 511 ? n : 511) {
		if (ftruncate(f.fd, (off_t)n))
			fail();
		struct got g = read_log(&f, false, false);
		assert_in_range(g.n, 0, COUNT);
	}
	fake_done(&f);
}

/* ---- log_buf ---- */

#define OLD_BUF (FAKE_FREE + 0x1000)
#define OLD_SIZE 1024u
#define OLD_HEAD 16u

/* Few enough records to fit without wrapping. */
static void make_old(struct fake *f, unsigned records)
{
	unsigned next = 0;
	char text[128];

	for (unsigned i = 0; i < records; i++) {
		size_t n = message(i, text), len = (OLD_HEAD + n + 3) & ~(size_t)3;
		size_t at = OLD_BUF + next;
		fake_put(f, at, UINT64_C(1000000) * i, 8);
		fake_put(f, at + 8, len, 2);
		fake_put(f, at + 10, n, 2);
		fake_put(f, at + 14, 3, 1);
		fake_put(f, at + 15, (uint64_t)(i % 8) << 5 | (i % 5 == 1 ? 8 : 0), 1);
		memcpy(f->mem + at + OLD_HEAD, text, n);
		next += (unsigned)len;
	}
	fake_put(f, FAKE_FREE, FAKE_VA + OLD_BUF, 8);
	fake_put(f, FAKE_FREE + 8, OLD_SIZE, 4);
	fake_put(f, FAKE_FREE + 16, next, 4);
	fake_info(f, "SIZE(printk_log)=16\nOFFSET(printk_log.ts_nsec)=0\nOFFSET(printk_log.len)=8\n"
		     "OFFSET(printk_log.text_len)=10\nOFFSET(printk_log.dict_len)=12\n");
	static const struct {
		const char *name;
		unsigned at;
	} symbols[] = {{"log_buf", 0},
		       {"log_buf_len", 8},
		       {"log_first_idx", 12},
		       {"log_next_idx", 16},
		       {"log_first_seq", 24}};
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		fake_info(f, "SYMBOL(%s)=%llx\n", symbols[i].name,
			  (unsigned long long)FAKE_VA + FAKE_FREE + symbols[i].at);
}

static void the_older_log(void **state)
{
	static struct fake f;

	(void)state;
	fake_init(&f);
	make_old(&f, 12);
	fake_write(&f);
	struct got g = read_log(&f, true, true);
	assert_int_equal(g.n, 12);
	assert_int_equal(g.lost, 0);
	no_byte_does_harm(&f, FAKE_FREE, FAKE_FREE + 32, 1, true);
	no_byte_does_harm(&f, OLD_BUF, OLD_BUF + OLD_SIZE, 7, true);
	fake_done(&f);
}

/* The records as if the first three had been written last, over others at the buffer's start. */
static void the_older_log_wrapped(void **state)
{
	static struct fake f;
	uint32_t next, at = 0;

	(void)state;
	fake_init(&f);
	make_old(&f, 12);
	memcpy(&next, f.mem + FAKE_FREE + 16, 4);
	for (int i = 0; i < 3; i++)
		at += f.mem[OLD_BUF + at + 8] | (uint32_t)f.mem[OLD_BUF + at + 9] << 8;
	memset(f.mem + OLD_BUF + next, 0, OLD_HEAD); /* length 0: the next is at the start */
	fake_put(&f, FAKE_FREE + 12, at, 4);
	fake_put(&f, FAKE_FREE + 16, at, 4);
	fake_put(&f, FAKE_FREE + 24, 3, 8);
	fake_write(&f);
	struct got g = read_log(&f, false, true);
	assert_int_equal(g.n, 12);
	assert_int_equal(g.last, 14);
	assert_int_equal(g.lost, 0);
	fake_done(&f);
}

static void no_log_at_all(void **state)
{
	static struct fake f;
	struct session *s;
	uint64_t lost;

	(void)state;
	fake_init(&f);
	fake_write(&f);
	assert_null(fake_open(&f, &s));
	struct err *e = log_each(s, NULL, on_record, NULL, &lost);
	assert_non_null(e);
	assert_non_null(strstr(err_text(e), "'prb'"));
	assert_non_null(strstr(err_text(e), "'log_buf'"));
	err_free(e);
	assert_string_equal(session_panic_text(s), "");
	session_close(s);
	fake_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_that_wrapped),
		cmocka_unit_test(damaged_records_are_counted),
		cmocka_unit_test(damaged_rings),
		cmocka_unit_test(the_older_log),
		cmocka_unit_test(the_older_log_wrapped),
		cmocka_unit_test(no_log_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

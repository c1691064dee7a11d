/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ORC tables: a byte with the layout that is expected, 20 of the header, then places and entries, 4:6. */
#include "engine/base/alloc.h"
#include "engine/base/buf.h"
#include "engine/unwind/orc.h"
#include "tests/fuzz/fuzz.h"

#define ENTRIES 1500u
#define TEXT UINT64_C(0xffffffff81000000)
#define HEADER 20u

static uint64_t ip_addr;

static bool add_seed(struct corpus *c, struct object *o, const char *path)
{
	struct object_section ip, entries, header;
	struct buf b = {0};

	(void)path;
	if (!object_section(o, ".orc_unwind_ip", &ip) || !object_section(o, ".orc_unwind", &entries) ||
	    ip.size < ENTRIES * 4 || entries.size < ENTRIES * 6)
		return false;
	bool has = object_section(o, ".orc_header", &header) && header.size == HEADER;
	for (char like = 0; like < 5; like += 4) {
		buf_clear(&b);
		buf_putc(&b, like);
		buf_put(&b, has ? header.data : "--------------------", HEADER);
		buf_put(&b, ip.data, (size_t)ENTRIES * 4);
		buf_put(&b, entries.data, (size_t)ENTRIES * 6);
		corpus_add(c, b.p, b.len);
	}
	ip_addr = ip.addr;
	buf_free(&b);
	return false;
}

static bool begin(struct corpus *c)
{
	return seeds_of_kernels(c, (const char *const[]){"6.1", "6.12", "7.2", NULL}, add_seed);
}

static void one(const uint8_t *p, size_t n)
{
	struct bytes b = {p, n};
	enum orc_layout like = (enum orc_layout)(take_number(&b, 1) % 5);
	struct bytes h = take_bytes(&b, HEADER), ips = take_bytes(&b, b.n / 10 * 4);
	AUTO_FREE uint8_t *ip = exact_copy(ips), *entries = exact_copy(b), *head = exact_copy(h);
	const struct object_section s[] = {{ip, ips.n, ip_addr}, {entries, b.n, 0}, {head, h.n, 0}};
	struct orc_table t;
	struct orc o;

	if (!err_ok(orc_open(&s[0], &s[1], &s[2], like, TEXT, TEXT + (64u << 20), &t)))
		return;
	for (uint64_t pc = TEXT; pc < TEXT + 0x20000; pc += 61)
		orc_find(&t, pc, &o);
	orc_find(&t, 0, &o);
	orc_find(&t, UINT64_MAX, &o);
}

const struct fuzz_target fuzz_orc = {
	.name = "orc",
	.what = "ORC unwind tables",
	.inputs = 6000,
	.begin = begin,
	.one = one,
};

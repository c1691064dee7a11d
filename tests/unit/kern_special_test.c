/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves what words that are no addresses mean, and which part of the address space any address lies in:
 * each one in exactly one part, whose borders hold it, with 4 and 5 levels, with and without KASLR.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "arch/arch.h"
#include "engine/kern/memory/special.h"

static void is(uint64_t v, enum special_kind kind, const char *text)
{
	AUTO_BUF struct buf b = {0};

	assert_int_equal(special_word(v, &b), kind);
	assert_string_equal(buf_str(&b), text);
}

static void words(void **state)
{
	(void)state;
	is(0, SPECIAL_NULL, "NULL");
	is(0x48, SPECIAL_NULL, "NULL+0x48");
	is(4096, SPECIAL_NONE, "");
	is((uint64_t)-12, SPECIAL_ERROR, "-12 -ENOMEM as an error pointer");
	is((uint64_t)-517, SPECIAL_ERROR, "-517 -EPROBE_DEFER as an error pointer");
	is((uint64_t)-4095, SPECIAL_ERROR, "-4095 as an error pointer");
	is((uint64_t)-4096, SPECIAL_NONE, "");
	is(0xdead000000000100, SPECIAL_POISON, "LIST_POISON1: next of an entry that was taken off its list");
	is(0xdead000000000108, SPECIAL_POISON,
	   "LIST_POISON1: next of an entry that was taken off its list, +0x8");
	is(0xdead000000000122, SPECIAL_POISON, "LIST_POISON2: prev of an entry that was taken off its list");
	is(0x6b6b6b6b6b6b6b6b, SPECIAL_POISON, "POISON_FREE: slab memory after it was freed");
	is(0x6b6b6b6b6b6b6b73, SPECIAL_POISON, "POISON_FREE: slab memory after it was freed, +0x8");
	is(0xa56b6b6b6b6b6b6b, SPECIAL_POISON, "POISON_FREE: slab memory after it was freed");
	is(0xffff888000000000, SPECIAL_NONE, "");
}

static void in(const struct arch_layout *l, const struct arch_bases *b, uint64_t va, const char *name)
{
	struct arch_region r;

	arch_x86_64.region(l, b, va, &r);
	assert_true(va >= r.start && va <= r.last);
	assert_non_null(strstr(r.name, name));
}

/* Neighbours don't overlap, and the parts cover everything. */
static void cover(const struct arch_layout *l, const struct arch_bases *b)
{
	struct arch_region r;
	uint64_t va = 0;

	for (int n = 0; n < 64; n++) {
		arch_x86_64.region(l, b, va, &r);
		assert_int_equal(r.start, va);
		assert_true(r.last >= va);
		if (r.last == UINT64_MAX)
			return;
		va = r.last + 1;
	}
	fail_msg("more parts than there are");
}

static void regions(void **state)
{
	const struct arch_layout four = {.levels = 4}, five = {.levels = 5};
	const struct arch_bases none = {0}, kaslr = {0xffffb39800000000, 0xffffe9b000000000};
	const struct arch_layout moved = {.levels = 4, .direct_va = 0xffff9d1f80000000,
					  .direct_size = 0x240000000};

	(void)state;
	in(&four, &none, 0x7f0000001000, "user");
	in(&four, &none, 0x0000800000000000, "canonical");
	in(&five, &none, 0x0000800000000000, "user");
	in(&four, &none, 0xffff888000001000, "direct map");
	in(&five, &none, 0xff11000000001000, "direct map");
	in(&four, &none, 0xffffc90000001000, "vmalloc");
	in(&four, &none, 0xffffea0000001000, "memory map");
	in(&four, &none, 0xfffffe0000001000, "CPU entry");
	in(&four, &none, 0xffffffff81000000, "kernel image");
	in(&four, &none, 0xffffffffc0000000, "module");
	in(&four, &none, 0xffffffffff5fc000, "fixmap");
	in(&four, &none, 0xffffffffff600000, "vsyscall");
	in(&moved, &kaslr, 0xffff9d1f80000000, "direct map");
	in(&moved, &kaslr, 0xffff9d2200000000, "hole");
	in(&moved, &kaslr, 0xffffb39800000000, "vmalloc");
	in(&moved, &kaslr, 0xffffe9b000000040, "memory map");
	cover(&four, &none);
	cover(&five, &none);
	cover(&moved, &kaslr);
}

static void swap_entries(void **state)
{
	unsigned type;
	uint64_t offset;

	(void)state;
	/* area 2, page 0x1234: the offset is stored inverted in bits 9 to 58 */
	uint64_t entry = UINT64_C(2) << 59 | (~UINT64_C(0x1234) << 9 & ((UINT64_C(1) << 59) - 1));
	entry &= ~UINT64_C(0x101);
	assert_true(arch_x86_64.swap_entry(entry, &type, &offset));
	assert_int_equal(type, 2);
	assert_int_equal(offset, 0x1234);
	assert_false(arch_x86_64.swap_entry(0, &type, &offset));
	assert_false(arch_x86_64.swap_entry(entry | 1, &type, &offset));
	assert_false(arch_x86_64.swap_entry(entry | 0x100, &type, &offset));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(regions),
		cmocka_unit_test(swap_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

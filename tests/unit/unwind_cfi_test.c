/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that .debug_frame is read right: the CFA and the saved registers at every step of a
 * prologue and epilogue (remember/restore included), expressions, and that a register without a
 * rule is "same" only where the machine's convention says so. Then that no damaged section makes a
 * look-up read outside of it (run under ASan), loop, or return more rules than there is room for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/alloc.h"
#include "engine/unwind/cfi.h"
#include "engine/unwind/eval.h"

#define TEXT UINT64_C(0xffffffff81000000)

enum { RAX = 0, RBX = 3, RBP = 6, RSP = 7, R12 = 12, RIP = 16 };

/* One CIE, and two FDEs in falling order of addresses. */
static size_t build(uint8_t *p)
{
	static const uint8_t cie[] = {
		20,   0, 0, 0,	  0xff, 0xff, 0xff, 0xff,
		1,    0, 1, 0x78, 16,	0x0c, 7,    8, /* def_cfa rsp + 8 */
		0x90, 1,			       /* rip at cfa - 8 */
		0,    0, 0, 0,	  0,	0,
	};
	static const uint8_t realigned[] = {
		0x41, 0x0f, 3, 0x76, 0x78, 0x06, /* def_cfa_expression: [rbp - 8] */
		0x10, 6,    2, 0x76, 0,		 /* rbp is saved at rbp + 0 */
		0x07, 3,			 /* rbx undefined */
		0x09, 12,   0,			 /* r12 is in rax */
		0x14, 13,   2,			 /* r13 is cfa - 16 */
	};
	static const uint8_t usual[] = {
		0x41, 0x0e, 16,	  0x86, 2, /* +1: push rbp */
		0x43, 0x0d, 6,		   /* +4: rsp into rbp */
		0x44, 0x83, 3,		   /* +8: rbx saved */
		0x02, 0x40, 0x0a,	   /* +72: remember */
		0xc6, 0xc3, 0x0c, 7,	8, /* epilogue */
		0x41, 0x0b,		   /* +73: as before */
	};
	const struct {
		const uint8_t *program;
		size_t size;
		uint64_t start, len;
	} fdes[] = {{realigned, sizeof(realigned), TEXT + 0x1000, 64},
		    {usual, sizeof(usual), TEXT, 128}};
	size_t at = sizeof(cie);

	memcpy(p, cie, sizeof(cie));
	for (size_t i = 0; i < 2; i++) {
		uint32_t len = (uint32_t)(4 + 16 + fdes[i].size);

		len = (len + 7) / 8 * 8 + 4;
		memset(p + at, 0, len + 4);
		memcpy(p + at, &len, 4);
		memcpy(p + at + 8, &fdes[i].start, 8);
		memcpy(p + at + 16, &fdes[i].len, 8);
		memcpy(p + at + 24, fdes[i].program, fdes[i].size);
		at += len + 4;
	}
	return at;
}

static const struct reg_rule *find(const struct rule *r, unsigned reg)
{
	for (size_t i = 0; i < r->nregs; i++)
		if (r->regs[i].reg == reg)
			return &r->regs[i];
	return NULL;
}

static void expect(const struct rule *r, unsigned reg, enum reg_how how, int32_t offset)
{
	const struct reg_rule *x = find(r, reg);

	assert_non_null(x);
	assert_int_equal(x->how, how);
	if (how != REG_SAME)
		assert_int_equal(x->offset, offset);
}

static void rules_follow_the_prologue(void **state)
{
	uint8_t bytes[512];
	struct object_section s = {bytes, build(bytes), 0};
	struct cfi_table t;
	struct rule r = {0};

	(void)state;
	assert_null(cfi_open(&s, &t));
	assert_int_equal(t.n, 2);
	assert_true(cfi_rule(&t, &arch_x86_64, TEXT, &r));
	assert_int_equal(r.flow, FLOW_CALL);
	assert_int_equal(r.cfa_reg, RSP);
	assert_int_equal(r.cfa_offset, 8);
	expect(&r, RIP, REG_OFFSET, -8);
	expect(&r, RBP, REG_SAME, 0);
	expect(&r, R12, REG_SAME, 0);
	assert_null(find(&r, RAX)); /* a call may change it: unknown, not the same */

	assert_true(cfi_rule(&t, &arch_x86_64, TEXT + 1, &r));
	assert_int_equal(r.cfa_offset, 16);
	expect(&r, RBP, REG_OFFSET, -16);
	assert_true(cfi_rule(&t, &arch_x86_64, TEXT + 71, &r));
	assert_int_equal(r.cfa_reg, RBP);
	assert_int_equal(r.cfa_offset, 16);
	expect(&r, RBX, REG_OFFSET, -24);
	assert_true(cfi_rule(&t, &arch_x86_64, TEXT + 72, &r));
	assert_int_equal(r.cfa_reg, RSP);
	assert_int_equal(r.cfa_offset, 8);
	expect(&r, RBX, REG_SAME, 0);
	assert_true(cfi_rule(&t, &arch_x86_64, TEXT + 127, &r));
	assert_int_equal(r.cfa_reg, RBP);
	expect(&r, RBX, REG_OFFSET, -24);

	assert_false(cfi_rule(&t, &arch_x86_64, TEXT + 128, &r));
	assert_false(cfi_rule(&t, &arch_x86_64, TEXT - 1, &r));
	cfi_close(&t);
}

static void expressions_are_kept_and_evaluated(void **state)
{
	uint8_t bytes[512];
	struct object_section s = {bytes, build(bytes), 0};
	struct cfi_table t;
	struct rule r = {0};
	struct regs regs = {0};
	struct eval e = {.arch = &arch_x86_64, .regs = &regs};
	uint64_t v;

	(void)state;
	assert_null(cfi_open(&s, &t));
	assert_true(cfi_rule(&t, &arch_x86_64, TEXT + 0x1001, &r));
	assert_int_equal(r.cfa_how, CFA_EXPR);
	assert_int_equal(r.cfa_expr_len, 3);
	assert_null(find(&r, RBX));
	expect(&r, R12, REG_REGISTER, RAX);
	expect(&r, 13, REG_VAL_OFFSET, -16);
	assert_int_equal(find(&r, RBP)->how, REG_EXPR);
	assert_false(eval_raw(&e, r.exprs + find(&r, RBP)->offset, 2, NULL, &v));
	assert_non_null(strstr(e.why, "rbp"));
	regs_set(&regs, RBP, 0x1234);
	assert_true(eval_raw(&e, r.exprs + find(&r, RBP)->offset, 2, NULL, &v));
	assert_int_equal(v, 0x1234);
	cfi_close(&t);
}

static void look_up_all(const uint8_t *bytes, size_t n)
{
	struct object_section s = {bytes, n, 0};
	struct cfi_table t;

	if (!err_ok(cfi_open(&s, &t)))
		return;
	for (uint64_t pc = TEXT - 2; pc < TEXT + 0x1048; pc += pc == TEXT + 130 ? 0xf70 : 1) {
		struct rule r = {0};

		if (!cfi_rule(&t, &arch_x86_64, pc, &r))
			continue;
		assert_in_range(r.nregs, 0, RULE_MAX_REGS);
		for (size_t i = 0; i < r.nregs; i++)
			assert_in_range(r.regs[i].reg, 0, ARCH_MAX_REGS - 1);
		if (r.cfa_how == CFA_EXPR)
			assert_true((size_t)r.cfa_offset + r.cfa_expr_len <= n);
	}
	cfi_close(&t);
}

static void damage_is_survived(void **state)
{
	uint8_t whole[512];
	size_t n = build(whole);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (unsigned v = 0; v < 256; v += 15) {
			uint8_t *copy = xmalloc(n);

			memcpy(copy, whole, n);
			copy[i] = (uint8_t)v;
			look_up_all(copy, n);
			free(copy);
		}
		uint8_t *cut = xmalloc(i ? i : 1);
		memcpy(cut, whole, i);
		look_up_all(cut, i);
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_follow_the_prologue),
		cmocka_unit_test(expressions_are_kept_and_evaluated),
		cmocka_unit_test(damage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

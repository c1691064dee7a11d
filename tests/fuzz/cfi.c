/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .debug_frame: its entries, and the rules at places all over them; expressions in them are evaluated. */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/unwind/cfi.h"
#include "engine/unwind/eval.h"
#include "tests/fuzz/fuzz.h"

#define PIECE (24u << 10)
#define TEXT UINT64_C(0xffffffff81000000)

/* The section's beginning, so that CIEs are where FDEs say. */
static bool add_seed(struct corpus *c, struct object *o, const char *path)
{
	struct object_section s;

	(void)path;
	if (object_section(o, ".debug_frame", &s))
		corpus_add(c, s.data, s.size < PIECE ? s.size : PIECE);
	return false;
}

static bool begin(struct corpus *c)
{
	return seeds_of_kernels(c, (const char *const[]){"6.1", "6.12", "7.2", NULL}, add_seed);
}

static void evaluate(const struct rule *r)
{
	struct regs regs = {0};
	uint64_t v;

	for (unsigned i = 0; i < 17; i++)
		regs_set(&regs, i, TEXT + i * 8);
	struct eval e = {.arch = &arch_x86_64, .regs = &regs, .cfa = TEXT};
	if (r->cfa_how == CFA_EXPR)
		eval_raw(&e, r->exprs + r->cfa_offset, r->cfa_expr_len, NULL, &v);
	for (unsigned i = 0; i < r->nregs; i++)
		if (r->regs[i].how == REG_EXPR || r->regs[i].how == REG_VAL_EXPR)
			eval_raw(&e, r->exprs + r->regs[i].offset, r->regs[i].expr_len, &e.cfa, &v);
}

static void one(const uint8_t *p, size_t n)
{
	const struct object_section s = {p, n, 0};
	struct cfi_table t;
	struct rule r;

	if (!err_ok(cfi_open(&s, &t)))
		return;
	for (uint64_t pc = TEXT; pc < TEXT + 0x8000; pc += 23)
		if (cfi_rule(&t, &arch_x86_64, pc, &r))
			evaluate(&r);
	cfi_rule(&t, &arch_x86_64, 0, &r);
	cfi_rule(&t, &arch_x86_64, UINT64_MAX, &r);
	cfi_close(&t);
}

const struct fuzz_target fuzz_cfi = {
	.name = "cfi",
	.what = "call frame information (.debug_frame)",
	.inputs = 3000,
	.begin = begin,
	.one = one,
};

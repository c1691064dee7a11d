/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves, on a made stack in a made dump with a made ORC table, that a walk finds callers and what
 * it may know of their registers (and no more), ends at user space, at a thread's start or with a
 * reason, bridges code without unwind information by frame pointer or by a guarded scan, and
 * terminates on whatever a stack may hold: loops, and every word damaged in turn. That handlers
 * above saved registers are found by the stack's words, and only those that lead to these registers.
 * Threads may share an unwinder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/alloc.h"
#include "engine/unwind/unwind.h"
#include "tests/unit/elf_fake.h"

#define TEXT UINT64_C(0xffffffff81000000)
#define TEXT_PA UINT64_C(0x1000000)
#define STACK UINT64_C(0xffff888000100000)
#define STACK_PA UINT64_C(0x100000)
#define PAGE 4096
#define TABLE UINT64_C(0xffffffff82000000)

/* Functions of 64 bytes, each with a call at +0x20 that returns to +0x25. */
enum { PLAIN, SAVES_RBP, THREAD_START, ENTRY, UNKNOWN, BY_RBP, FUNCTIONS };
#define FN(i) (TEXT + 64 * (uint64_t)(i))
#define RET(i) (FN(i) + 0x25)

enum { RBX = 3, RBP = 6, RSP = 7, RIP = 16 };

struct world {
	uint8_t text[PAGE];
	uint64_t stack[PAGE / 8];
	struct dump *dump;
	struct mem *mem;
	struct object *object;
	bool named; /* the functions have symbols */
	struct symtab *symbols;
	struct unwinder *unwinder;
	struct stack found; /* by walk() */
};

static void put_orc(uint8_t *ip, uint8_t *entries, size_t i, int16_t sp, int16_t bp, uint16_t flags)
{
	int32_t rel = (int32_t)(FN(i) - (TABLE + i * 4));

	memcpy(ip + i * 4, &rel, 4);
	memcpy(entries + i * 6, &sp, 2);
	memcpy(entries + i * 6 + 2, &bp, 2);
	memcpy(entries + i * 6 + 4, &flags, 2);
}

/* Layout 3 (Linux 6.4): base registers SP 5, BP 4, PREV_SP 1; types END 1, CALL 2, REGS 3. */
static void give_orc(struct object *o)
{
	uint8_t *ip = xcalloc(64, 4), *entries = xcalloc(64, 6);

	put_orc(ip, entries, PLAIN, 8, 0, 0x0205);
	put_orc(ip, entries, SAVES_RBP, 32, -16, 0x0215);
	put_orc(ip, entries, THREAD_START, 0, 0, 0x0100);
	put_orc(ip, entries, ENTRY, 0, 0, 0x0b05);
	put_orc(ip, entries, UNKNOWN, 0, 0, 0x0000);
	put_orc(ip, entries, BY_RBP, 16, -16, 0x0214);
	for (size_t i = FUNCTIONS; i < 64; i++)
		put_orc(ip, entries, i, 8, 0, 0x0205);
	object_set_section(o, ".orc_unwind_ip", ip, 64 * 4, TABLE);
	object_set_section(o, ".orc_unwind", entries, 64 * 6, TABLE + 0x1000);
}

/* Only what is given: the page above the stack isn't in the dump. */
static void open_dump(struct world *w)
{
	const struct elf_segment segments[] = {{STACK, STACK_PA, w->stack, PAGE}, {TEXT, TEXT_PA, w->text, PAGE}};

	w->dump = elf_fake_open(ELF_FAKE_PLAIN, segments, 2);
}

static struct symtab *symbols_of(struct object *o)
{
	static const char *const names[FUNCTIONS] = {"plain", "saves_rbp", "thread_start",
						     "entry", "unknown", "by_rbp"};
	struct symtab *st = symtab_create();
	struct sym v[FUNCTIONS];

	for (size_t i = 0; i < FUNCTIONS; i++)
		v[i] = (struct sym){.name = names[i], .addr = FN(i), .size = 64, .object = o, .type = 'T'};
	symtab_add_list(st, o, v, FUNCTIONS);
	return st;
}

static void world_make(struct world *w)
{
	for (size_t i = 0; i < PAGE / 64; i++) {
		int32_t rel = 64;

		memset(w->text + i * 64, 0x90, 64);
		w->text[i * 64 + 0x20] = 0xe8;
		memcpy(w->text + i * 64 + 0x21, &rel, 4);
	}
	open_dump(w);
	w->mem = mem_create(w->dump, &arch_x86_64, NULL, NULL);
	w->object = object_create_module("made");
	object_add_range(w->object, (struct object_range){TEXT, TEXT + PAGE, true});
	give_orc(w->object);
	w->symbols = w->named ? symbols_of(w->object) : NULL;
	w->unwinder = unwinder_create(w->mem, w->symbols);
	unwinder_add_object(w->unwinder, w->object);
}

static void world_free(struct world *w)
{
	stack_free(&w->found);
	unwinder_destroy(w->unwinder);
	symtab_destroy(w->symbols);
	object_close(w->object);
	mem_destroy(w->mem);
	dump_close(w->dump);
}

static struct regs start_at(uint64_t pc, size_t word)
{
	struct regs r = {0};

	regs_set(&r, RIP, pc);
	regs_set(&r, RSP, STACK + word * 8);
	return r;
}

static const struct stack *walk(struct world *w, const struct regs *r, bool exact)
{
	world_make(w);
	unwind(w->unwinder, r, exact, 64, &w->found);
	assert_in_range(w->found.n, 1, 64);
	return &w->found;
}

static void expect(const struct stack *st, size_t i, uint64_t pc, enum frame_source source)
{
	assert_true(i < st->n);
	assert_int_equal(st->frames[i].pc, pc);
	assert_int_equal(st->frames[i].source, source);
}

static void callers_by_orc(void **state)
{
	struct world w = {0};
	struct regs r = start_at(RET(PLAIN), 10);

	(void)state;
	w.stack[10] = RET(SAVES_RBP);
	w.stack[13] = 0x1122; /* rbp, 16 below that frame's CFA */
	w.stack[14] = RET(THREAD_START);
	regs_set(&r, RBP, 0x7777);
	regs_set(&r, RBX, 0x8888);
	const struct stack *st = walk(&w, &r, false);
	assert_null(st->ended);
	assert_int_equal(st->n, 3);
	expect(st, 0, RET(PLAIN), FRAME_REGS);
	expect(st, 1, RET(SAVES_RBP), FRAME_ORC);
	expect(st, 2, RET(THREAD_START), FRAME_ORC);
	assert_int_equal(st->frames[0].cfa, STACK + 11 * 8);
	assert_int_equal(st->frames[1].sp, STACK + 11 * 8);
	assert_int_equal(st->frames[1].cfa, STACK + 15 * 8);
	/* ORC says that rbp is untouched in the first and saved in the second. */
	assert_true(regs_has(&st->frames[1].regs, RBP));
	assert_int_equal(st->frames[1].regs.v[RBP], 0x7777);
	assert_int_equal(st->frames[2].regs.v[RBP], 0x1122);
	/* Nobody says anything of rbx: unknown, not the callee's. */
	assert_true(regs_has(&st->frames[0].regs, RBX));
	assert_false(regs_has(&st->frames[1].regs, RBX));
	assert_ptr_equal(st->frames[2].object, w.object);
	world_free(&w);
}

static void put_user_regs(struct world *w, size_t at)
{
	w->stack[at + 14] = 0xd1;	    /* di */
	w->stack[at + 16] = 0x401000;	    /* ip */
	w->stack[at + 17] = 0x33;	    /* cs */
	w->stack[at + 18] = 0x246;	    /* flags */
	w->stack[at + 19] = 0x7ffc00001000; /* sp */
	w->stack[at + 20] = 0x2b;	    /* ss */
}

static void ends_at_user_space(void **state)
{
	struct world w = {0};
	struct regs r = start_at(RET(PLAIN), 4);

	(void)state;
	w.stack[4] = RET(ENTRY);
	put_user_regs(&w, 5);
	const struct stack *st = walk(&w, &r, false);
	assert_null(st->ended);
	assert_int_equal(st->n, 3);
	expect(st, 2, 0x401000, FRAME_REGS);
	assert_true(st->frames[2].user);
	assert_true(st->frames[2].exact);
	assert_int_equal(st->frames[2].pt_regs, STACK + 5 * 8);
	assert_int_equal(st->frames[2].regs.v[5], 0xd1);
	assert_null(st->frames[2].object);
	world_free(&w);
}

/* A damaged stack: what lies where registers must be isn't shown as user space's. */
static void rubbish_is_no_user_space(void **state)
{
	struct world w = {0};
	struct regs r = start_at(RET(PLAIN), 4);

	(void)state;
	w.stack[4] = RET(ENTRY);
	put_user_regs(&w, 5);
	w.stack[5 + 17] = 0xffffffffffffffff; /* cs */
	w.stack[5 + 18] = 0x3d;		      /* flags */
	const struct stack *st = walk(&w, &r, false);
	assert_non_null(strstr(st->ended, "no saved registers"));
	for (size_t i = 0; i < st->n; i++)
		assert_false(st->frames[i].user);
	world_free(&w);
}

static void loops_end_with_a_reason(void **state)
{
	struct world w = {0}, again = {0};
	struct regs r = start_at(RET(BY_RBP), 100);

	(void)state;
	/* A saved rbp that points back to itself: the CFA never moves on. */
	regs_set(&r, RBP, STACK + 104 * 8);
	w.stack[104] = STACK + 104 * 8;
	w.stack[105] = RET(BY_RBP);
	const struct stack *st = walk(&w, &r, false);
	assert_non_null(st->ended);
	assert_in_range(st->n, 2, 3);
	world_free(&w);

	/* A stack full of one return address goes up, to the frame limit. */
	for (size_t i = 0; i < PAGE / 8; i++)
		again.stack[i] = RET(PLAIN);
	r = start_at(RET(PLAIN), 0);
	st = walk(&again, &r, false);
	assert_int_equal(st->n, 64);
	assert_non_null(strstr(st->ended, "64 frames"));
	world_free(&again);
}

static void unreadable_stack_says_so(void **state)
{
	struct world w = {0};
	struct regs r = start_at(RET(PLAIN), PAGE / 8 - 1);

	(void)state;
	w.stack[PAGE / 8 - 1] = RET(PLAIN);
	const struct stack *st = walk(&w, &r, false);
	assert_int_equal(st->n, 2);
	assert_non_null(st->ended);
	assert_non_null(strstr(st->ended, "read"));
	world_free(&w);
}

static void code_without_rules_is_bridged(void **state)
{
	struct world w = {0};
	struct regs r = start_at(RET(UNKNOWN), 20);

	(void)state;
	w.stack[22] = FN(PLAIN) + 3; /* text, but no call before it */
	w.stack[24] = RET(PLAIN);    /* a left-over: it leads nowhere */
	w.stack[25] = 0x55;
	w.stack[28] = RET(SAVES_RBP);
	w.stack[32] = RET(THREAD_START);
	regs_set(&r, RBX, 1);
	const struct stack *st = walk(&w, &r, false);
	assert_null(st->ended);
	assert_int_equal(st->n, 3);
	expect(st, 1, RET(SAVES_RBP), FRAME_SCAN);
	expect(st, 2, RET(THREAD_START), FRAME_ORC);
	assert_false(regs_has(&st->frames[1].regs, RBX));
	world_free(&w);
}

/* As `unknown` pushes rbx and takes 32 bytes, and leaves rbp alone. */
static bool told_by_code(void *ctx, uint64_t pc, bool is_return, struct code_step *ret)
{
	*ret = (struct code_step){.height = *(uint64_t *)ctx, .same = 1 << RBP, .saved = 1 << RBX};
	ret->at[RBX] = -8;
	return pc == RET(UNKNOWN) && is_return;
}

static void code_tells_its_caller(void **state)
{
	/* where the return address is; where there is none; out of the stack; out of the address space */
	static const uint64_t heights[] = {64, 16, UINT64_C(1) << 20, UINT64_MAX - 7};

	(void)state;
	for (size_t i = 0; i < sizeof(heights) / sizeof(heights[0]); i++) {
		struct world w = {0};
		struct regs r = start_at(RET(UNKNOWN), 20);
		struct stack st;
		uint64_t height = heights[i];

		w.stack[22] = FN(PLAIN) + 3;
		w.stack[24] = RET(SAVES_RBP); /* a left-over that a scan would take */
		w.stack[27] = 0x1234;
		w.stack[28] = RET(SAVES_RBP);
		w.stack[32] = RET(THREAD_START);
		regs_set(&r, RBP, 0x77);
		world_make(&w);
		unwinder_set_code(w.unwinder, told_by_code, &height);
		unwind(w.unwinder, &r, false, 64, &st);
		assert_in_range(st.n, 2, 64);
		expect(&st, 1, RET(SAVES_RBP), i ? FRAME_SCAN : FRAME_CODE);
		assert_int_equal(st.frames[1].sp, STACK + (i ? 25 : 29) * 8);
		assert_int_equal(regs_has(&st.frames[1].regs, RBX), !i);
		if (!i) {
			assert_int_equal(st.frames[1].regs.v[RBX], 0x1234);
			assert_int_equal(st.frames[1].regs.v[RBP], 0x77);
			expect(&st, 2, RET(THREAD_START), FRAME_ORC);
		}
		stack_free(&st);
		world_free(&w);
	}
}

static void frame_pointer_and_bad_calls(void **state)
{
	struct world w = {0}, bad = {0};
	struct regs r = start_at(RET(UNKNOWN), 20);

	(void)state;
	regs_set(&r, RBP, STACK + 30 * 8);
	w.stack[22] = RET(SAVES_RBP); /* a scan would be taken in by it */
	w.stack[26] = RET(THREAD_START);
	w.stack[30] = 0x4444;
	w.stack[31] = RET(THREAD_START);
	const struct stack *st = walk(&w, &r, false);
	assert_int_equal(st->n, 2);
	expect(st, 1, RET(THREAD_START), FRAME_FP);
	assert_int_equal(st->frames[1].regs.v[RBP], 0x4444);
	world_free(&w);

	/* A call through a NULL pointer: the caller's return address is on top, nothing else
	 * happened. */
	r = start_at(0, 8);
	regs_set(&r, RBX, 0x99);
	bad.stack[8] = RET(SAVES_RBP);
	bad.stack[12] = RET(THREAD_START);
	st = walk(&bad, &r, true);
	assert_int_equal(st->n, 3);
	expect(st, 1, RET(SAVES_RBP), FRAME_SCAN);
	assert_int_equal(st->frames[1].regs.v[RBX], 0x99);
	world_free(&bad);
}

static void any_word_may_be_damaged(void **state)
{
	static const uint64_t evil[] = {
		0,
		1,
		UINT64_MAX,
		RET(PLAIN),
		RET(BY_RBP),
		RET(ENTRY),
		RET(UNKNOWN),
		STACK,
		STACK + PAGE - 8,
		STACK + 41,
		UINT64_C(0x8000000000000000),
		0x401000,
	};

	(void)state;
	for (size_t word = 0; word < 40; word++) {
		for (size_t e = 0; e < sizeof(evil) / sizeof(evil[0]); e++) {
			struct world w = {0};
			struct regs r = start_at(RET(PLAIN), 1);

			w.stack[1] = RET(SAVES_RBP);
			w.stack[4] = STACK + 12 * 8;
			w.stack[5] = RET(UNKNOWN);
			w.stack[12] = STACK + 16 * 8;
			w.stack[13] = RET(BY_RBP);
			w.stack[17] = RET(ENTRY);
			put_user_regs(&w, 18);
			w.stack[word] = evil[e];
			regs_set(&r, RBP, STACK + 12 * 8);
			const struct stack *st = walk(&w, &r, false);
			/* Either it got to the top, or it says why not. */
			assert_true(st->ended || st->frames[st->n - 1].user ||
				    st->frames[st->n - 1].pc == RET(THREAD_START));
			world_free(&w);
		}
	}
}

/* PLAIN called last, by SAVES_RBP, by ENTRY, above registers at word 8; what PLAIN has left lower
 * down leads nowhere. */
static void put_handlers(struct world *w)
{
	w->stack[0] = RET(PLAIN);
	w->stack[1] = 0x1234;
	w->stack[2] = RET(PLAIN);
	w->stack[3] = RET(SAVES_RBP);
	w->stack[7] = RET(ENTRY);
	put_user_regs(w, 8);
}

static bool above(struct world *w, const struct regs *saved, uint64_t function, struct stack *st,
		  uint64_t *regs)
{
	const struct unwind_range stack = {STACK - PAGE, STACK + 2 * PAGE};
	const struct unwind_range last = {function, function + 64};

	return unwind_above(w->unwinder, saved, &stack, &last, st, regs);
}

static void handlers_above_saved_registers(void **state)
{
	struct world w = {0};
	struct regs saved = {0};
	struct stack st;
	uint64_t regs;

	(void)state;
	put_handlers(&w);
	world_make(&w);
	regs_set(&saved, RIP, 0x401000);
	regs_set(&saved, RSP, 0x7ffc00001000);
	assert_true(above(&w, &saved, FN(PLAIN), &st, &regs));
	assert_int_equal(st.n, 3);
	assert_int_equal(regs, STACK + 8 * 8);
	expect(&st, 0, RET(PLAIN), FRAME_SCAN);
	assert_int_equal(st.frames[0].sp, STACK + 3 * 8);
	expect(&st, 1, RET(SAVES_RBP), FRAME_SCAN);
	expect(&st, 2, RET(ENTRY), FRAME_SCAN);
	stack_free(&st);
	/* nothing of this function is on the stack; these registers are others */
	assert_false(above(&w, &saved, FN(BY_RBP), &st, &regs));
	regs_set(&saved, RSP, 0x7ffc00001008);
	assert_false(above(&w, &saved, FN(PLAIN), &st, &regs));
	world_free(&w);
}

static void last_call_of_who_saved_registers(void **state)
{
	struct world w = {0};
	struct regs saved = {0};
	struct stack st;
	uint64_t regs = 1;

	(void)state;
	w.named = true;
	put_handlers(&w);
	world_make(&w);
	regs_set(&saved, RIP, RET(SAVES_RBP) - 2); /* before its call */
	regs_set(&saved, RSP, STACK + 4 * 8);
	assert_true(above(&w, &saved, FN(PLAIN), &st, &regs));
	assert_int_equal(st.n, 1);
	assert_int_equal(regs, 0);
	expect(&st, 0, RET(PLAIN), FRAME_SCAN);
	stack_free(&st);
	/* the same function, called from elsewhere */
	regs_set(&saved, RSP, STACK + 5 * 8);
	assert_false(above(&w, &saved, FN(PLAIN), &st, &regs));
	world_free(&w);
}

static void damaged_handlers(void **state)
{
	static const uint64_t evil[] = {0, UINT64_MAX, RET(PLAIN), RET(UNKNOWN), STACK, 0x33};

	(void)state;
	for (size_t word = 0; word < 30; word++) {
		for (size_t e = 0; e < sizeof(evil) / sizeof(evil[0]); e++) {
			struct world w = {0};
			struct regs saved = {0};
			struct stack st;
			uint64_t regs;

			put_handlers(&w);
			w.stack[word] = evil[e];
			world_make(&w);
			regs_set(&saved, RIP, 0x401000);
			regs_set(&saved, RSP, 0x7ffc00001000);
			if (above(&w, &saved, FN(PLAIN), &st, &regs)) {
				assert_int_equal(regs, STACK + 8 * 8);
				assert_int_equal(st.frames[st.n - 1].pc, RET(ENTRY));
				stack_free(&st);
			} else {
				/* only where the damage is on the way */
				assert_true(word == 2 || word == 3 || word == 7 ||
					    (word >= 24 && word <= 28));
			}
			world_free(&w);
		}
	}
}

static struct err *walk_once(void *ctx, size_t i)
{
	struct world *w = ctx;
	struct regs r = start_at(RET(i % 2 ? PLAIN : SAVES_RBP), i % 2 ? 10 : 11);
	struct stack st;

	unwind(w->unwinder, &r, false, 64, &st);
	assert_null(st.ended);
	assert_int_equal(st.n, i % 2 ? 3 : 2);
	stack_free(&st);
	return NULL;
}

/* Under TSan this proves the cache's locking; the first walks of all threads open the tables. */
static void threads_share_an_unwinder(void **state)
{
	struct world w = {0};

	(void)state;
	w.stack[10] = RET(SAVES_RBP);
	w.stack[14] = RET(THREAD_START);
	world_make(&w);
	assert_null(job_parallel(NULL, 4, 400, walk_once, &w));
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(callers_by_orc),
		cmocka_unit_test(ends_at_user_space),
		cmocka_unit_test(rubbish_is_no_user_space),
		cmocka_unit_test(loops_end_with_a_reason),
		cmocka_unit_test(unreadable_stack_says_so),
		cmocka_unit_test(code_without_rules_is_bridged),
		cmocka_unit_test(code_tells_its_caller),
		cmocka_unit_test(frame_pointer_and_bad_calls),
		cmocka_unit_test(any_word_may_be_damaged),
		cmocka_unit_test(handlers_above_saved_registers),
		cmocka_unit_test(last_call_of_who_saved_registers),
		cmocka_unit_test(damaged_handlers),
		cmocka_unit_test(threads_share_an_unwinder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

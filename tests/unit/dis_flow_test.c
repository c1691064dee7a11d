/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that data flow knows what holds at a place of a function, and no more than that: over
 * branches with pushes behind them, calls in out-of-line blocks, loops, paths that disagree, parts
 * of registers, stack slots before and after their address has got out, code that can't be decoded.
 * And that a made stack's arguments are recovered with their proof, in the function itself, in its
 * caller and through a tail call; and that none is made up where the call is indirect or the stack
 * is somewhere else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "tests/unit/dis_world.h"

/* Labels of the form `function_place` are what the tests ask about. */
__asm__(".pushsection .text.dis_test, \"ax\"\n"
	".globl code_start\ncode_start:\n"

	/* The register is saved behind a branch, as __percpu_down_read does. */
	"pushes_later:\n"
	"	mov 0x30(%rdi), %rax\n"
	"	test %eax, %eax\n"
	"	jne 1f\n"
	"	ret\n"
	"1:	push %rbp\n"
	"	mov %esi, %ebp\n"
	"	push %rbx\n"
	"	mov %rdi, %rbx\n"
	"	lea 0x38(%rdi), %rdi\n"
	"pushes_later_call:\n"
	"	call callee\n"
	"pushes_later_back:\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"pushes_later_end:\n"
	"	ret\n"

	/* The call is in a block at the end, as mnt_want_write has it. */
	"out_of_line:\n"
	"	push %rbx\n"
	"	mov %rdi, %rbx\n"
	"	cmpl $0, 0x8(%rdi)\n"
	"	jne 2f\n"
	"1:	mov %rbx, %rdi\n"
	"out_of_line_near:\n"
	"	call callee\n"
	"	pop %rbx\n"
	"	ret\n"
	"2:	lea 0x278(%rbx), %rdi\n"
	"	xor %esi, %esi\n"
	"	mov $-100, %edx\n"
	"	mov $-100, %rcx\n"
	"out_of_line_far:\n"
	"	call callee\n"
	"	jmp 1b\n"

	"disagrees:\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	test %edx, %edx\n"
	"	je 1f\n"
	"	mov %rsi, %rbx\n"
	"	mov %rsi, %r12\n"
	"	mov %rdi, %r13\n"
	"	jmp 2f\n"
	"1:	mov %rdi, %rbx\n"
	"	mov %rdi, %r12\n"
	"	mov %rdi, %r13\n"
	"2:\n"
	"disagrees_call:\n"
	"	call callee\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	ret\n"

	"loops:\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	mov %rdi, %rbx\n"
	"	mov %rsi, %r12\n"
	"1:\n"
	"loops_call:\n"
	"	call callee\n"
	"	mov %rbx, %r13\n" /* the one of this round */
	"	mov 0x8(%rbx), %rbx\n"
	"loops_turn:\n"
	"	test %rbx, %rbx\n"
	"	jne 1b\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	ret\n"

	"parts:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	mov %edi, %ebx\n"
	"	movzbl %sil, %ebp\n"
	"	movslq %edx, %r12\n"
	"	mov %rcx, %r13\n"
	"	mov %al, %r13b\n"
	"	mov %r8, %r14\n"
	"	sub $-128, %r14\n"
	"	and $0xff, %r9d\n"
	"parts_call:\n"
	"	call callee\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	ret\n"

	"slots:\n"
	"	sub $0x28, %rsp\n"
	"	mov %rdi, 0x8(%rsp)\n"
	"	mov %esi, 0x4(%rsp)\n"
	"	movq $-1, 0x10(%rsp)\n"
	"	mov %rbx, 0x20(%rsp)\n"
	"slots_before:\n"
	"	call callee\n"
	"	lea 0x10(%rsp), %rdi\n"
	"slots_out:\n"
	"	call callee\n"
	"slots_after:\n"
	"	mov 0x20(%rsp), %rbx\n"
	"	add $0x28, %rsp\n"
	"	ret\n"

	"fills:\n"
	"	push %rbx\n"
	"	sub $0x30, %rsp\n"
	"	mov %rdx, 0x28(%rsp)\n"
	"	mov %rdx, 0x8(%rsp)\n"
	"	mov %rsp, %rdi\n"
	"	mov $4, %ecx\n"
	"	rep stosq\n"
	"fills_after:\n"
	"	mov %edx, %ecx\n"
	"	mov %rsp, %rdi\n"
	"	rep stosb\n"
	"fills_more:\n"
	"	call callee\n"
	"	add $0x30, %rsp\n"
	"	pop %rbx\n"
	"	ret\n"

	"stranger:\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	mov %rdi, %rbx\n"
	"	mov %rdi, %r12\n"
	"	.byte 0x0f, 0x01, 0xee\n" /* rdpkru: capstone 4 doesn't know it */
	"stranger_after:\n"
	"	mov %rsi, %r12\n"
	"	xor %eax, %eax\n"
	"	cpuid\n"
	"stranger_call:\n"
	"	call callee\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	ret\n"

	/* A call that never comes back, with other code behind it: the stack is at another height
	   there. */
	"no_return:\n"
	"	test %edi, %edi\n"
	"	je 1f\n"
	"	push %rbx\n"
	"	mov %rdi, %rbx\n"
	"	call callee\n"
	"	pop %rbx\n"
	"	test %eax, %eax\n"
	"	jne 2f\n"
	"	ret\n"
	"1:	push %rbx\n"
	"	push %r12\n"
	"	call callee\n"
	"2:	push %rbp\n"
	"	mov %rsi, %rbp\n"
	"no_return_call:\n"
	"	call callee\n"
	"	pop %rbp\n"
	"	ret\n"

	"by_table:\n"
	"	mov %edi, %eax\n"
	"	jmp *(%rdx,%rax,8)\n"
	"by_table_call:\n"
	"	call callee\n"
	"	ret\n"

	"aligns:\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"	mov %rdi, -0x10(%rbp)\n"
	"	and $-64, %rsp\n"
	"	push %rsi\n"
	"	lea 0x18(%rsp), %rdx\n"
	"aligns_call:\n"
	"	call callee\n"
	"	leave\n"
	"	ret\n"

	"trampoline:\n"
	"	mov $7, %edx\n"
	"	jmp callee\n"

	"caller:\n"
	"	push %rbx\n"
	"	mov %rdi, %rbx\n"
	"	mov $0x2a, %esi\n"
	"	call trampoline\n"
	"caller_back:\n"
	"	mov 0x10(%rbx), %rax\n"
	"	mov %rbx, %rdi\n"
	"	call *%rax\n"
	"caller_indirect:\n"
	"	pop %rbx\n"
	"	ret\n"

	"callee:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	mov %rsi, %rbp\n"
	"	xor %ebx, %ebx\n"
	"	call pushes_later\n"
	"callee_back:\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	ret\n"
	".globl code_end\ncode_end:\n"
	".popsection\n");

#define FUNCTIONS(X)                                                                               \
	X(pushes_later)                                                                            \
	X(out_of_line)                                                                             \
	X(disagrees) X(loops) X(parts) X(slots) X(fills) X(stranger) X(no_return) X(by_table)      \
		X(aligns) X(trampoline) X(caller) X(callee)
#define PLACES(X)                                                                                  \
	X(pushes_later_call)                                                                       \
	X(pushes_later_back)                                                                       \
	X(pushes_later_end) X(out_of_line_near) X(out_of_line_far) X(disagrees_call) X(loops_call) \
		X(loops_turn) X(parts_call) X(slots_before) X(slots_out) X(slots_after)            \
			X(fills_after) X(fills_more) X(stranger_after) X(stranger_call)            \
				X(no_return_call) X(by_table_call) X(aligns_call) X(caller_back)   \
					X(caller_indirect) X(callee_back)
#define DECLARE(x) extern const uint8_t x[] __asm__(#x);
extern const uint8_t code_start[], code_end[];
FUNCTIONS(DECLARE)
PLACES(DECLARE)

#define ADDRESS(x) (TEXT + (uint64_t)((x)-code_start))
#define LABEL(x) {#x, x},
static const struct label functions[] = {FUNCTIONS(LABEL)};

enum { RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8, R9, R12 = 12, R13, R14, R15, RIP };

static void open_world(struct world *w)
{
	world_open(w, code_start, code_end, functions, sizeof(functions) / sizeof(functions[0]));
}

static const struct snapshot *at(struct world *w, const uint8_t *place)
{
	const struct snapshot *s = flow_at(w->flow, ADDRESS(place), false);

	assert_true(s->usable);
	return s;
}

static void is_entry(struct val v, unsigned reg, int64_t plus, enum ext ext)
{
	assert_int_equal(v.sym, SYM_ENTRY + reg);
	assert_int_equal(v.add, plus);
	assert_int_equal(v.ext, ext);
}

static void is_number(struct val v, uint64_t n)
{
	assert_int_equal(v.sym, SYM_CONST);
	assert_int_equal(v.add, n);
	assert_int_equal(v.ext, EXT_NONE);
}

/* It isn't a register on entry, nor a number. */
static void is_open(struct val v)
{
	assert_true(v.sym == SYM_UNKNOWN || v.sym >= SYM_INSN);
}

static const struct slot *slot_at(const struct snapshot *s, int32_t off)
{
	for (size_t i = 0; i < s->state.n; i++)
		if (s->state.slot[i].off == off)
			return &s->state.slot[i];
	return NULL;
}

static void paths_are_followed(void **state)
{
	struct world w = {0};
	const struct snapshot *s;

	(void)state;
	open_world(&w);
	s = at(&w, pushes_later_call);
	is_entry(s->state.reg[RBX].v, RDI, 0, EXT_NONE);
	is_entry(s->state.reg[RDI].v, RDI, 0x38, EXT_NONE);
	is_entry(s->state.reg[RBP].v, RSI, 0, EXT_Z32);
	is_entry(slot_at(s, -8)->at.v, RBP, 0, EXT_NONE);
	is_entry(slot_at(s, -16)->at.v, RBX, 0, EXT_NONE);
	flow_put(w.flow, s);

	s = at(&w, pushes_later_back); /* the call has clobbered what it may */
	is_entry(s->state.reg[RBX].v, RDI, 0, EXT_NONE);
	is_open(s->state.reg[RDI].v);
	is_open(s->state.reg[RAX].v);
	flow_put(w.flow, s);
	s = at(&w, pushes_later_end); /* and everything is back */
	is_entry(s->state.reg[RBX].v, RBX, 0, EXT_NONE);
	is_entry(s->state.reg[RBP].v, RBP, 0, EXT_NONE);
	is_entry(s->state.reg[RSP].v, RSP, 0, EXT_NONE);
	assert_int_equal(s->state.n, 0);
	flow_put(w.flow, s);

	s = at(&w, out_of_line_far);
	is_entry(s->state.reg[RDI].v, RDI, 0x278, EXT_NONE);
	is_number(s->state.reg[RSI].v, 0);
	is_number(s->state.reg[RDX].v, 0xffffff9c);
	is_number(s->state.reg[RCX].v, UINT64_MAX - 99);
	flow_put(w.flow, s);
	s = at(&w, out_of_line_near); /* reached with and without that call */
	is_entry(s->state.reg[RDI].v, RDI, 0, EXT_NONE);
	is_open(s->state.reg[RSI].v);
	flow_put(w.flow, s);

	s = at(&w, no_return_call);
	is_entry(s->state.reg[RSP].v, RSP, -8, EXT_NONE);
	is_open(s->state.reg[RBP].v); /* rsi went with a call on the one way that there is */
	flow_put(w.flow, s);
	world_close(&w);
}

static void disagreement_is_unknown(void **state)
{
	struct world w = {0};
	const struct snapshot *s;

	(void)state;
	open_world(&w);
	s = at(&w, disagrees_call);
	is_open(s->state.reg[RBX].v);
	is_entry(s->state.reg[R13].v, RDI, 0, EXT_NONE);
	assert_true(val_same(s->state.reg[RBX].v, s->state.reg[R12].v));
	assert_false(val_same(s->state.reg[RBX].v, s->state.reg[R13].v));
	flow_put(w.flow, s);

	s = at(&w, loops_call);
	is_open(s->state.reg[RBX].v);
	is_entry(s->state.reg[R12].v, RSI, 0, EXT_NONE);
	assert_false(val_same(s->state.reg[RBX].v, s->state.reg[R13].v));
	flow_put(w.flow, s);
	s = at(&w, loops_turn); /* not the same round's */
	assert_false(val_same(s->state.reg[RBX].v, s->state.reg[R13].v));
	flow_put(w.flow, s);

	s = flow_at(w.flow, ADDRESS(by_table_call), false);
	assert_false(s->usable);
	assert_non_null(strstr(s->why, "table"));
	flow_put(w.flow, s);
	world_close(&w);
}

static void parts_and_slots(void **state)
{
	struct world w = {0};
	const struct snapshot *s;

	(void)state;
	open_world(&w);
	s = at(&w, parts_call);
	is_entry(s->state.reg[RBX].v, RDI, 0, EXT_Z32);
	is_entry(s->state.reg[RBP].v, RSI, 0, EXT_Z8);
	is_entry(s->state.reg[R12].v, RDX, 0, EXT_S32);
	is_open(s->state.reg[R13].v); /* one byte of it is another's */
	is_entry(s->state.reg[R14].v, R8, 128, EXT_NONE);
	is_entry(s->state.reg[R9].v, R9, 0, EXT_Z8);
	flow_put(w.flow, s);

	s = at(&w, slots_before);
	is_entry(slot_at(s, -0x20)->at.v, RDI, 0, EXT_NONE);
	is_entry(slot_at(s, -0x24)->at.v, RSI, 0, EXT_Z32);
	is_number(slot_at(s, -0x18)->at.v, UINT64_MAX);
	flow_put(w.flow, s);
	s = at(&w, slots_out); /* not called yet */
	assert_non_null(slot_at(s, -0x20));
	flow_put(w.flow, s);
	s = flow_at(w.flow, ADDRESS(slots_after), true); /* while that call runs */
	assert_null(slot_at(s, -0x20));
	assert_null(slot_at(s, -0x18));
	is_entry(slot_at(s, -0x8)->at.v, RBX, 0, EXT_NONE); /* must be given back */
	flow_put(w.flow, s);

	s = at(&w, fills_after); /* four words */
	assert_null(slot_at(s, -0x30));
	is_entry(slot_at(s, -0x10)->at.v, RDX, 0, EXT_NONE);
	is_entry(s->state.reg[RDI].v, RSP, -0x18, EXT_NONE);
	is_number(s->state.reg[RCX].v, 0);
	flow_put(w.flow, s);
	s = at(&w, fills_more); /* who knows how many */
	assert_null(slot_at(s, -0x10));
	is_entry(slot_at(s, -0x8)->at.v, RBX, 0, EXT_NONE);
	flow_put(w.flow, s);

	s = at(&w, stranger_after);
	is_open(s->state.reg[RBX].v);
	is_open(s->state.reg[R12].v);
	is_entry(s->state.reg[RSP].v, RSP, -16, EXT_NONE);
	flow_put(w.flow, s);
	s = at(&w, stranger_call); /* cpuid writes rbx */
	is_open(s->state.reg[RBX].v);
	flow_put(w.flow, s);

	s = at(&w, aligns_call);
	is_open(s->state.reg[RSP].v);
	assert_int_equal(s->state.n, 0);
	is_entry(s->state.reg[RBP].v, RSP, -8, EXT_NONE);
	/* how far it was aligned isn't known, but what is relative to it is */
	assert_int_equal(s->state.reg[RDX].v.sym, s->state.reg[RSP].v.sym);
	assert_int_equal(s->state.reg[RDX].v.add - s->state.reg[RSP].v.add, 0x18);
	flow_put(w.flow, s);
	world_close(&w);
}

/* ---- recovery ---- */

#define SP(i) (STACK + 8 * (uint64_t)(i))

/* callee has called pushes_later (interrupted at its call), and was jumped to by trampoline, which
 * caller has called. The unwinder knows pc and sp alone, but for the innermost frame. */
static void make_stack(struct world *w, struct frame f[3])
{
	const uint64_t m = UINT64_C(0xffff88800abcd000);

	memset(w->stack, 0, sizeof(w->stack));
	w->stack[10] = 0;    /* pushes_later: rbx, of callee */
	w->stack[11] = 0x2a; /* rbp, of callee */
	w->stack[12] = ADDRESS(callee_back);
	w->stack[13] = 0x77; /* callee: rbp of caller */
	w->stack[14] = m;    /* rbx of caller */
	w->stack[15] = ADDRESS(caller_back);
	w->stack[16] = 0x88;
	world_open(w, code_start, code_end, functions, sizeof(functions) / sizeof(functions[0]));
	memset(f, 0, 3 * sizeof(*f));
	f[0] = (struct frame){
		.pc = ADDRESS(pushes_later_call), .sp = SP(10), .cfa = SP(13), .exact = true};
	regs_set(&f[0].regs, RBX, m);
	regs_set(&f[0].regs, RBP, 0x2a);
	regs_set(&f[0].regs, RDI, m + 0x38);
	f[1] = (struct frame){.pc = ADDRESS(callee_back), .sp = SP(13), .cfa = SP(16)};
	f[2] = (struct frame){.pc = ADDRESS(caller_back), .sp = SP(16), .cfa = SP(18)};
}

static void expect(struct args *a, size_t i, unsigned reg, unsigned bits, uint64_t value)
{
	struct arg_value v;

	args_entry(a, i, reg, false, &v);
	if (v.bits != bits)
		print_message("frame %zu register %u: %s\n", i, reg, v.why);
	assert_int_equal(v.bits, bits);
	assert_false(v.conflict);
	if (bits)
		assert_int_equal(v.value, value);
	else
		assert_true(v.why[0]);
}

static void arguments_are_recovered(void **state)
{
	struct world w = {0};
	struct frame f[3];
	struct stack st = {.frames = f, .n = 3};
	struct arg_value v;

	(void)state;
	make_stack(&w, f);
	struct args *a = args_create(w.flow, &st);
	expect(a, 0, RDI, 64, UINT64_C(0xffff88800abcd000)); /* interrupted: rbx is at hand */
	expect(a, 0, RSI, 64, 0x2a); /* only ebp was kept here, but the caller has it all */
	expect(a, 1, RSI, 64, 0x2a); /* a constant of the caller, through the tail call */
	expect(a, 1, RDX, 64, 7);    /* the trampoline's own */
	expect(a, 1, RDI, 64, UINT64_C(0xffff88800abcd000)); /* callee has pushed caller's rbx */
	expect(a, 2, RDI, 64, UINT64_C(0xffff88800abcd000));
	expect(a, 2, RSI, 0, 0);
	expect(a, 1, RCX, 0, 0);

	args_entry(a, 2, RDI, true, &v);
	assert_int_equal(v.bits, 64);
	assert_int_equal(v.nsteps, 2);
	assert_string_equal(v.steps[0].text, "mov    %rdi,%rbx");
	assert_string_equal(v.steps[0].what, "kept in rbx");
	assert_string_equal(v.steps[1].text, "push   %rbx");
	assert_non_null(strstr(v.steps[1].what, "rbx saved by callee at [0xffff888000100070]"));
	arg_value_free(&v);
	args_destroy(a);
	world_close(&w);
}

static void nothing_is_made_up(void **state)
{
	struct world w = {0};
	struct frame f[3];
	struct stack st = {.frames = f, .n = 3};

	(void)state;
	make_stack(&w, f);
	f[2].pc = ADDRESS(caller_indirect); /* came by a pointer: who knows whereto */
	struct args *a = args_create(w.flow, &st);
	expect(a, 1, RDI, 0, 0);
	expect(a, 1, RDX, 0, 0);
	expect(a, 1, RSI, 64, 0x2a); /* its own rbp has it */
	args_destroy(a);

	world_close(&w);
	make_stack(&w, f);
	f[1].cfa += 8; /* the unwinder and the code disagree */
	a = args_create(w.flow, &st);
	expect(a, 1, RSI, 0, 0);
	args_destroy(a);

	f[1].cfa -= 8;
	regs_set(&f[0].regs, RBX, 0x1234); /* damaged: its own copy isn't what the caller passed */
	a = args_create(w.flow, &st);
	struct arg_value v;
	args_entry(a, 0, RDI, false, &v);
	assert_int_equal(v.bits, 0);
	assert_true(v.conflict);
	args_destroy(a);

	for (size_t pc = 0; pc < (size_t)(code_end - code_start) + 16;
	     pc++) /* wherever it stands */
		for (unsigned exact = 0; exact < 2; exact++) {
			f[1].pc = TEXT + pc;
			f[1].exact = exact;
			a = args_create(w.flow, &st);
			for (unsigned r = 0; r < 16; r++) {
				args_entry(a, 1, r, true, &v);
				assert_true(v.bits || v.why[0]);
				arg_value_free(&v);
			}
			args_destroy(a);
		}
	world_close(&w);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Whatever the bytes are: no end without an answer, and no answer without a reason. */
static void damaged_code(void **state)
{
	static uint8_t code[TEXT_PAGES * PAGE];
	struct label f[1] = {{"noise", code}};
	uint64_t seed = 0x9e3779b97f4a7c15;

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		struct world w = {0};
		size_t size = round < 6 ? 600 : sizeof(code);
		for (size_t i = 0; i < size; i++)
			code[i] = (uint8_t)next_random(&seed);
		for (size_t i = 0; round % 2 && i + 2 < size; i += 9) { /* jumps to everywhere */
			code[i] = 0x74 + (uint8_t)(i & 1);
			code[i + 1] = (uint8_t)next_random(&seed);
		}
		world_open(&w, code, code + size, f, 1);
		for (unsigned k = 0; k < 40; k++) {
			uint64_t pc = TEXT + next_random(&seed) % size;
			const struct snapshot *s = flow_at(w.flow, pc, k & 1);
			assert_true(s->usable || s->why[0]);
			flow_put(w.flow, s);
			s = flow_tail(w.flow, TEXT, pc);
			assert_true(s->usable || s->why[0]);
			flow_put(w.flow, s);
		}
		world_close(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_followed), cmocka_unit_test(disagreement_is_unknown),
		cmocka_unit_test(parts_and_slots),    cmocka_unit_test(arguments_are_recovered),
		cmocka_unit_test(nothing_is_made_up), cmocka_unit_test(damaged_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

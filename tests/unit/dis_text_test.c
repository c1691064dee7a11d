/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that instructions are written as kernel people know them from objdump, with symbols,
 * targets and the addresses of data; that one which can't be decoded costs its own bytes only; that
 * code which the dump has lost comes from nowhere and says so; and that every function of the lab's
 * vmlinuxes disassembles to its end, byte by byte, with the program's own lengths equal to
 * capstone's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include "engine/kern/session.h"
#include "tests/unit/dis_world.h"
#include "engine/dis/impl.h"

static const struct {
	uint8_t bytes[16];
	uint8_t size;
	const char *text;
	enum dis_flow flow;
} samples[] = {
	{{0x48, 0x89, 0xfb}, 3, "mov    %rdi,%rbx", DIS_NEXT},
	{{0x48, 0x8b, 0x7f, 0x28}, 4, "mov    0x28(%rdi),%rdi", DIS_NEXT},
	{{0x48, 0x8b, 0x47, 0x08}, 4, "mov    0x8(%rdi),%rax", DIS_NEXT},
	{{0xbe, 0x01, 0, 0, 0}, 5, "mov    $0x1,%esi", DIS_NEXT},
	{{0x31, 0xf6}, 2, "xor    %esi,%esi", DIS_NEXT},
	{{0x53}, 1, "push   %rbx", DIS_NEXT},
	{{0x41, 0x5e}, 2, "pop    %r14", DIS_NEXT},
	{{0x48, 0x83, 0xec, 0x18}, 4, "sub    $0x18,%rsp", DIS_NEXT},
	{{0x48, 0xc7, 0x44, 0x24, 0x10, 0xff, 0xff, 0xff, 0xff},
	 9,
	 "movq   $0xffffffffffffffff,0x10(%rsp)",
	 DIS_NEXT},
	{{0x83, 0x7f, 0x08, 0x00}, 4, "cmpl   $0x0,0x8(%rdi)", DIS_NEXT},
	{{0x0f, 0xb6, 0xc0}, 3, "movzbl %al,%eax", DIS_NEXT},
	{{0x65, 0x48, 0x8b, 0x04, 0x25, 0x80, 0xfb, 0x01, 0x00},
	 9,
	 "mov    %gs:0x1fb80,%rax",
	 DIS_NEXT},
	{{0xf0, 0x0f, 0xb1, 0x17}, 4, "lock cmpxchg %edx,(%rdi)", DIS_NEXT},
	{{0x48, 0x8d, 0x04, 0xc5, 0x00, 0x00, 0x00, 0x00}, 8, "lea    (,%rax,8),%rax", DIS_NEXT},
	{{0xff, 0xd0}, 2, "call   *%rax", DIS_CALL_INDIRECT},
	{{0xc3}, 1, "ret", DIS_RETURN},
	{{0x0f, 0x0b}, 2, "ud2", DIS_TRAP},
	{{0x0f, 0xb9, 0xcc}, 3, ".byte  0x0f,0xb9,0xcc", DIS_TRAP}, /* ud1: capstone says 2 bytes */
	{{0x67, 0x48, 0x0f, 0xb9, 0x3a}, 5, ".byte  0x67,0x48,0x0f,0xb9,0x3a", DIS_TRAP},
	{{0x0f, 0x1f, 0x44, 0, 0}, 5, "nopl   (%rax,%rax)", DIS_NEXT},
	{{0x0f, 0x01, 0xee}, 3, ".byte  0x0f,0x01,0xee", DIS_NEXT}, /* rdpkru */
	{{0xe8, 0xfb, 0x0f, 0, 0}, 5, NULL, DIS_CALL},
};

static void trim(struct buf *b)
{
	while (b->len && b->p[b->len - 1] == ' ')
		b->p[--b->len] = '\0';
}

static void texts(void **state)
{
	struct world w = {0};
	uint8_t text[512], *p = text;
	struct label f[1] = {{"sample", text}};
	struct decoder *x;
	struct code c;
	struct dis_insn in;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		memcpy(p, samples[i].bytes, samples[i].size);
		p += samples[i].size;
	}
	world_open(&w, text, p, f, 1);
	assert_null(decoder_create(w.dis, &x));
	assert_null(code_read(w.dis, TEXT, TEXT + (uint64_t)(p - text), &c));
	assert_false(c.any_file);
	uint64_t pc = TEXT;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++, pc += in.size) {
		AUTO_BUF struct buf got = {0};
		assert_true(decode(x, &c, pc, &in, &got));
		trim(&got);
		assert_int_equal(in.size, samples[i].size);
		assert_int_equal(in.flow, samples[i].flow);
		if (samples[i].text)
			assert_string_equal(buf_str(&got), samples[i].text);
		assert_int_equal(x86_insn_length(samples[i].bytes, sizeof(samples[i].bytes)),
				 in.size);
	}
	assert_false(decode(x, &c, pc, &in, NULL));
	assert_false(decode(x, &c, TEXT - 1, &in, NULL));
	code_free(&c);
	struct err *e = code_read(w.dis, TEXT, TEXT, &c);
	assert_int_equal(err_code(e), ERR_USAGE);
	err_free(e);
	decoder_destroy(x);
	world_close(&w);
}

static void targets(void **state)
{
	static const uint8_t text[] = {0xe8, 0x0b, 0,	 0,    0, /* call second */
				       0x48, 0x8b, 0x05, 0x02, 0,
				       0,    0,	   /* mov second-2(%rip),%rax */
				       0xeb, 0xf2, /* jmp first */
				       0xcc, 0xcc, 0xc3};
	struct label f[2] = {{"first", text}, {"second", text + 16}};
	struct world w = {0};
	struct decoder *x;
	struct code c;
	struct dis_insn in;
	AUTO_BUF struct buf got = {0};

	(void)state;
	world_open(&w, text, text + sizeof(text), f, 2);
	assert_null(decoder_create(w.dis, &x));
	assert_null(code_read(w.dis, TEXT, TEXT + sizeof(text), &c));
	assert_true(decode(x, &c, TEXT, &in, &got));
	assert_string_equal(buf_str(&got), "call   0xffffffff81000010 <second>");
	assert_true(in.has_target);
	assert_int_equal(in.target, TEXT + 16);
	buf_clear(&got);
	assert_true(decode(x, &c, TEXT + 5, &in, &got));
	assert_string_equal(buf_str(&got),
			    "mov    0x2(%rip),%rax        # 0xffffffff8100000e <first+0xe>");
	assert_true(in.has_data && !in.percpu);
	assert_int_equal(in.data, TEXT + 14);
	buf_clear(&got);
	assert_true(decode(x, &c, TEXT + 12, &in, &got));
	assert_string_equal(buf_str(&got), "jmp    0xffffffff81000000 <first>");
	code_free(&c);

	/* beyond what the dump holds, and no file to take it from */
	assert_null(
		code_read(w.dis, TEXT + TEXT_PAGES * PAGE - 16, TEXT + TEXT_PAGES * PAGE + 16, &c));
	assert_int_equal(c.n, 16);
	code_free(&c);
	struct err *e =
		code_read(w.dis, TEXT + TEXT_PAGES * PAGE, TEXT + TEXT_PAGES * PAGE + 16, &c);
	assert_int_equal(err_code(e), ERR_FAULT);
	err_free(e);
	decoder_destroy(x);
	world_close(&w);
}

/* ---- the lab's kernels ---- */

struct count {
	size_t functions, insns, unknown, lengths;
};

static void one_function(struct dis *d, struct decoder *x, uint64_t start, uint64_t size,
			 struct count *n)
{
	struct code c;
	struct dis_insn in;
	uint64_t end = start + size, pc;

	assert_null(code_read(d, start, end, &c));
	assert_int_equal(c.n, size);
	n->functions++;
	for (pc = start; pc < end; pc += in.size) {
		assert_true(decode(x, &c, pc, &in, NULL));
		assert_in_range(in.size, 1, 15);
		n->insns++;
		n->unknown += !in.known && in.flow != DIS_TRAP;
		n->lengths += in.known && x86_insn_length(c.bytes + (pc - start),
							  (size_t)(end - pc)) != in.size;
	}
	assert_true(pc == end); /* no instruction reaches over it */
	code_free(&c);
}

/* Every function that vmlinux' symbol table has, by its type there. */
static void every_function(struct session *s, const char *kernel)
{
	struct dis *d = dis_create(s->mem, s->symtab);
	struct object_symbols v;
	struct decoder *x;
	struct count n = {0};

	assert_null(decoder_create(d, &x));
	assert_true(object_symbols(s->vmlinux, &v));
	for (size_t i = 0; i < v.n; i++)
		if (ELF64_ST_TYPE(v.v[i].st_info) == STT_FUNC && v.v[i].st_size)
			one_function(d, x, v.v[i].st_value + object_bias(s->vmlinux),
				     v.v[i].st_size, &n);
	print_message("%s: %zu functions, %zu instructions, %zu unknown, %zu lengths differ\n",
		      kernel, n.functions, n.insns, n.unknown, n.lengths);
	assert_in_range(n.functions, 20000, 1000000);
	assert_in_range(n.unknown, 0, n.insns / 10000);
	assert_int_equal(n.lengths, 0);
	decoder_destroy(x);
	dis_destroy(d);
}

static void every_function_of_the_lab(void **state)
{
	static const char *const kernels[] = {"6.1", "6.12", "7.2"};
	const char *lab = getenv("VMBROWSE_LAB");
	bool any = false;

	(void)state;
	for (size_t k = 0; lab && k < sizeof(kernels) / sizeof(kernels[0]); k++) {
		AUTO_FREE char *vmlinux = xasprintf("%s/kernels/%s/vmlinux", lab, kernels[k]);
		AUTO_FREE char *core =
			xasprintf("%s/dumps/%s/fsfreeze/vmcore.zstd.d1", lab, kernels[k]);
		const char *files[] = {vmlinux, core};
		struct session_options opt = {.no_cache = true};
		struct session *s;
		if (access(vmlinux, R_OK) || access(core, R_OK))
			continue;
		any = true;
		assert_null(session_open(&opt, files, 2, NULL, &s));
		every_function(s, kernels[k]);
		session_close(s);
	}
	if (!any)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(targets),
		cmocka_unit_test(every_function_of_the_lab),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capstone decodes twice: once for operands (destination first), once for the text in AT&T syntax,
 * which is then made to look as objdump writes it: no suffix where a register tells the size, no
 * blanks between operands, numbers in hexadecimal.
 */
#include <ctype.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/dis/impl.h"

#define MAX_FUNCTION (UINT64_C(1) << 20)
#define INT3 0xcc

struct dis *dis_create(struct mem *m, struct symtab *st)
{
	struct dis *d = xcalloc(1, sizeof(*d));

	d->mem = m;
	d->arch = m ? mem_arch(m) : NULL;
	d->symtab = st;
	pthread_mutex_init(&d->lock, NULL);
	return d;
}

static void decoder_free(struct decoder *x)
{
	if (x->insn)
		cs_free(x->insn, 1);
	if (x->shown)
		cs_free(x->shown, 1);
	if (x->intel)
		cs_close(&x->intel);
	if (x->att)
		cs_close(&x->att);
	free(x);
}

void dis_destroy(struct dis *d)
{
	if (!d)
		return;
	for (struct decoder *x = d->idle, *next; x; x = next) {
		next = x->next;
		decoder_free(x);
	}
	tables_free(d);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

struct err *dis_usable(const struct dis *d)
{
	if (d->arch == &arch_x86_64)
		return NULL;
	return err_new(ERR_UNSUPPORTED, "code of this machine (%s) can't be disassembled",
		       d->arch ? d->arch->name : "unknown");
}

struct err *dis_func_at(struct dis *d, uint64_t pc, struct dis_func *ret)
{
	uint64_t off;

	if (!d->symtab || !sym_func_at(d->symtab, pc, &ret->sym, &off))
		return err_new(ERR_NOTFOUND, "no function covers 0x%llx", (unsigned long long)pc);
	ret->start = ret->sym.addr;
	ret->end = ret->start + ret->sym.size;
	if (!ret->sym.size) { /* an assembler label: up to the next symbol */
		struct sym next;
		uint64_t o;

		for (ret->end = pc + 1; ret->end - ret->start < MAX_FUNCTION; ret->end++)
			if (!sym_func_at(d->symtab, ret->end, &next, &o) || next.addr != ret->start)
				break;
	}
	if (ret->end - ret->start > MAX_FUNCTION)
		ret->end = ret->start + MAX_FUNCTION;
	return NULL;
}

static struct decoder *take_idle(struct dis *d)
{
	pthread_mutex_lock(&d->lock);
	struct decoder *x = d->idle;
	if (x)
		d->idle = x->next;
	pthread_mutex_unlock(&d->lock);
	return x;
}

static bool open_capstone(struct decoder *x)
{
	return !cs_open(CS_ARCH_X86, CS_MODE_64, &x->intel) &&
	       !cs_option(x->intel, CS_OPT_DETAIL, CS_OPT_ON) &&
	       !cs_open(CS_ARCH_X86, CS_MODE_64, &x->att) &&
	       !cs_option(x->att, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT) &&
	       !cs_option(x->att, CS_OPT_UNSIGNED, CS_OPT_ON) && (x->insn = cs_malloc(x->intel)) &&
	       (x->shown = cs_malloc(x->att));
}

struct err *decoder_create(struct dis *d, struct decoder **ret)
{
	*ret = NULL;
	TRY(dis_usable(d));
	struct decoder *x = take_idle(d);
	if (!x) {
		x = xcalloc(1, sizeof(*x));
		x->dis = d;
		if (!open_capstone(x)) {
			decoder_free(x);
			return err_new(ERR_UNSUPPORTED,
				       "the installed capstone can't decode x86-64");
		}
	}
	*ret = x;
	return NULL;
}

void decoder_destroy(struct decoder *x)
{
	if (!x)
		return;
	pthread_mutex_lock(&x->dis->lock);
	x->next = x->dis->idle;
	x->dis->idle = x;
	pthread_mutex_unlock(&x->dis->lock);
}

/* Does an instruction of the file's text begin at pc? */
static bool file_boundary(struct object *o, uint64_t start, uint64_t pc)
{
	uint8_t b[16];
	uint64_t at = start;

	while (at < pc && pc - at < MAX_FUNCTION) {
		unsigned len = file_text(o, at, b, sizeof(b)) ? x86_insn_length(b, sizeof(b)) : 0;
		if (!len)
			return false;
		at += len;
	}
	return at == pc;
}

/* A breakpoint over the first byte of an instruction: the others are as the file has them. (Returns
 * are patched too, and filled up with the same byte: in the file they are in the middle of a jump.)
 */
static void undo_breakpoint(struct decoder *x, struct code *c, size_t at)
{
	uint8_t b[16];
	size_t n = c->n - at < sizeof(b) ? c->n - at : sizeof(b);
	struct sym s;
	uint64_t off, pc = c->start + at;

	if (c->bytes[at] != INT3 || code_from_file(c, pc) || !x->dis->symtab ||
	    !sym_func_at(x->dis->symtab, pc, &s, &off) || !file_text(s.object, pc, b, n) ||
	    b[0] == INT3)
		return;
	unsigned len = x86_insn_length(b, n);
	if (!len || memcmp(b + 1, c->bytes + at + 1, len - 1) ||
	    !file_boundary(s.object, s.addr, pc))
		return;
	c->bytes[at] = b[0];
	c->patched_out = true;
}

static bool run(csh handle, const struct code *c, size_t at, cs_insn *insn)
{
	const uint8_t *p = c->bytes + at;
	size_t n = c->n - at < 15 ? c->n - at : 15;
	uint64_t pc = c->start + at;

	return cs_disasm_iter(handle, &p, &n, &pc, insn);
}

/* ud1 and ud0 have operands (newer kernels' WARN tells with them where its arguments are), which
 * capstone 4 leaves out. */
static bool is_trap_with_operands(const struct code *c, size_t at)
{
	while (at < c->n && (c->bytes[at] == 0x66 || c->bytes[at] == 0x67))
		at++;
	if (at < c->n && (c->bytes[at] & 0xf0) == 0x40) /* REX */
		at++;
	return c->n - at >= 3 && c->bytes[at] == 0x0f &&
	       (c->bytes[at + 1] == 0xb9 || c->bytes[at + 1] == 0xff);
}

/* Decodes into x->insn, with details. false: unknown to capstone, or cut off. */
static bool decode_raw(struct decoder *x, struct code *c, uint64_t pc)
{
	size_t at = (size_t)(pc - c->start);

	undo_breakpoint(x, c, at);
	if (is_trap_with_operands(c, at))
		return false;
	return run(x->intel, c, at, x->insn);
}

/* ---- what an instruction is ---- */

static void flow_of(struct dis_insn *ret, const cs_insn *in)
{
	const cs_x86 *x = &in->detail->x86;
	bool direct = x->op_count == 1 && x->operands[0].type == X86_OP_IMM;
	bool jump = false, call = false, back = false;

	for (unsigned i = 0; i < in->detail->groups_count; i++) {
		jump |= in->detail->groups[i] == X86_GRP_JUMP;
		call |= in->detail->groups[i] == X86_GRP_CALL;
		back |= in->detail->groups[i] == X86_GRP_RET ||
			in->detail->groups[i] == X86_GRP_IRET;
	}
	switch (in->id) {
	case X86_INS_UD0:
	case X86_INS_UD2:
	case X86_INS_UD2B:
		ret->flow = DIS_TRAP;
		return;
	case X86_INS_SYSRET:
	case X86_INS_SYSEXIT:
	case X86_INS_IRET:
	case X86_INS_IRETD:
	case X86_INS_IRETQ:
		back = true;
		break;
	case X86_INS_CALL:
	case X86_INS_LCALL:
		call = true;
		break;
	case X86_INS_JMP:
	case X86_INS_LJMP:
		jump = true;
		break;
	}
	if (call)
		ret->flow = direct ? DIS_CALL : DIS_CALL_INDIRECT;
	else if (jump && (in->id == X86_INS_JMP || in->id == X86_INS_LJMP))
		ret->flow = direct ? DIS_JUMP : DIS_JUMP_INDIRECT;
	else if (jump)
		ret->flow = DIS_BRANCH;
	else if (back)
		ret->flow = DIS_RETURN;
	if (direct && (call || jump)) {
		ret->has_target = true;
		ret->target = (uint64_t)x->operands[0].imm;
	}
}

static void data_of(struct dis_insn *ret, const cs_insn *in)
{
	const cs_x86 *x = &in->detail->x86;

	if (in->id == X86_INS_NOP)
		return;
	for (unsigned i = 0; i < x->op_count; i++) {
		const x86_op_mem *m = &x->operands[i].mem;
		if (x->operands[i].type != X86_OP_MEM || m->index != X86_REG_INVALID ||
		    (m->base != X86_REG_INVALID && m->base != X86_REG_RIP))
			continue;
		ret->has_data = true;
		ret->percpu = m->segment == X86_REG_GS;
		ret->data =
			(uint64_t)m->disp + (m->base == X86_REG_RIP ? in->address + in->size : 0);
	}
}

/* ---- its text ---- */

static void put_symbol(const struct sym *s, uint64_t off, struct buf *out)
{
	buf_puts(out, s->name);
	if (off)
		buf_printf(out, "+0x%llx", (unsigned long long)off);
}

void dis_symbol(struct dis *d, uint64_t addr, struct buf *out)
{
	struct sym s;
	uint64_t off;

	if (d->symtab && sym_at(d->symtab, addr, &s, &off))
		put_symbol(&s, off, out);
}

static void percpu_symbol(struct dis *d, uint64_t addr, struct buf *out)
{
	struct sym s;
	uint64_t off;

	if (d->symtab && sym_percpu_at(d->symtab, addr, &s, &off))
		put_symbol(&s, off, out);
}

/* "movq" with "mov" in the other syntax: the suffix only says what a register says, or a stack
 * operation has anyway. */
static void put_mnemonic(struct buf *out, const cs_insn *intel, const char *att)
{
	size_t n = strlen(att), start = out->len;
	const char *plain = strrchr(intel->mnemonic, ' '), *last = strrchr(att, ' ');
	bool reg = false, flow = false;

	plain = plain ? plain + 1 : intel->mnemonic;
	last = last ? last + 1 : att;
	for (unsigned i = 0; i < intel->detail->x86.op_count; i++)
		reg |= intel->detail->x86.operands[i].type == X86_OP_REG;
	flow = intel->id == X86_INS_CALL || intel->id == X86_INS_JMP || intel->id == X86_INS_RET ||
	       intel->id == X86_INS_PUSH || intel->id == X86_INS_POP;
	if ((reg || flow) && strlen(last) == strlen(plain) + 1 &&
	    !strncmp(last, plain, strlen(plain)) && strchr("bwlq", last[strlen(plain)]))
		n--;
	buf_put(out, att, n);
	buf_pad(out, start, 6);
}

/* Operands as objdump writes them. Capstone has numbers below 10 in decimal, and so are the scales
 * inside of parentheses meant to be. */
static void put_operands(struct buf *out, const char *s)
{
	bool inside = false;

	for (const char *p = s; *p; p++) {
		inside = *p == '(' || (inside && *p != ')');
		if (p[0] == ' ' && p > s && p[-1] == ',')
			continue;
		if (!inside && isdigit((unsigned char)p[0]) && p[1] != 'x' &&
		    (p == s || strchr("$- :*", p[-1])))
			buf_puts(out, "0x");
		buf_putc(out, *p);
	}
}

static void put_text(struct decoder *x, const struct code *c, const struct dis_insn *in,
		     struct buf *out)
{
	AUTO_BUF struct buf sym = {0};

	if (!run(x->att, c, (size_t)(in->pc - c->start), x->shown) || x->shown->size != in->size) {
		buf_printf(out, "%s %s", x->insn->mnemonic, x->insn->op_str);
		return;
	}
	put_mnemonic(out, x->insn, x->shown->mnemonic);
	if (x->shown->op_str[0]) {
		buf_putc(out, ' ');
		put_operands(out, x->shown->op_str);
	}
	if (in->has_target)
		dis_symbol(x->dis, in->target, &sym);
	else if (in->has_data && in->percpu)
		percpu_symbol(x->dis, in->data, &sym);
	else if (in->has_data)
		dis_symbol(x->dis, in->data, &sym);
	if (in->has_target && sym.len)
		buf_printf(out, " <%s>", buf_str(&sym));
	else if (in->has_data && (!in->percpu || sym.len))
		buf_printf(out, "        # 0x%llx%s%s%s", (unsigned long long)in->data,
			   sym.len ? " <" : "", buf_str(&sym), sym.len ? ">" : "");
}

static void put_bytes(const struct dis_insn *in, struct buf *out)
{
	buf_puts(out, ".byte ");
	for (unsigned i = 0; i < in->size; i++)
		buf_printf(out, "%s0x%02x", i ? "," : " ", in->bytes[i]);
}

bool decode(struct decoder *x, struct code *c, uint64_t pc, struct dis_insn *ret, struct buf *text)
{
	if (pc < c->start || pc - c->start >= c->n)
		return false;
	size_t at = (size_t)(pc - c->start), left = c->n - at;
	*ret = (struct dis_insn){.pc = pc};
	ret->known = decode_raw(x, c, pc);
	unsigned len = ret->known ? x->insn->size : x86_insn_length(c->bytes + at, left);
	ret->size = (uint8_t)(!len || len > left || len > sizeof(ret->bytes) ? 1 : len);
	memcpy(ret->bytes, c->bytes + at, ret->size);
	if (ret->known) {
		flow_of(ret, x->insn);
		data_of(ret, x->insn);
	} else if (is_trap_with_operands(c, at)) {
		ret->flow = DIS_TRAP;
	}
	if (text && ret->known)
		put_text(x, c, ret, text);
	else if (text)
		put_bytes(ret, text);
	return true;
}

void dis_text_at(struct dis *d, uint64_t pc, struct buf *text)
{
	struct decoder *x = NULL;
	struct code c = {0};
	struct dis_insn in;

	if (err_ok(code_read(d, pc, pc + 15, &c)) && err_ok(decoder_create(d, &x)))
		decode(x, &c, pc, &in, text);
	else
		buf_putc(text, '?');
	decoder_destroy(x);
	code_free(&c);
}

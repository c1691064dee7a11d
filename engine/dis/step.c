/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each instruction does to a state.
 *
 * Memory: only the function's own frame is followed, as long as nobody else can know an address in
 * it. Once such an address gets out (an argument of a call, a store, arithmetic that isn't
 * followed), all slots are given up but those where the function keeps its caller's registers: the
 * calling convention makes it restore them, so nobody may have changed them, itself included.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/dis/state.h"

#define CALL_CLOBBERS 0x0f37u /* rax rdx rcx rsi rdi r8-r11, by DWARF number */
#define CALLEE_SAVED 0xf048u  /* rbx rbp r12-r15 */

/* One instruction being applied. */
struct step {
	struct state *s;
	const struct insn *in;
	uint32_t i;
	const struct effects *fx;
	uint32_t moved; /* `by` of what is moved on */
};

static bool on_stack(struct val v)
{
	return v.sym == SYM_ENTRY + REG_RSP;
}

static bool is_const(struct val v)
{
	return v.sym == SYM_CONST && v.ext == EXT_NONE;
}

static struct val constant(uint64_t v)
{
	return (struct val){.sym = SYM_CONST, .add = (int64_t)v};
}

/* A slot that holds what the caller must get back. */
static bool is_saved(const struct slot *k)
{
	uint32_t r = k->at.v.sym - SYM_ENTRY;

	return k->size == 8 && r < NREGS && (CALLEE_SAVED >> r & 1) && !k->at.v.add && !k->at.v.ext;
}

/* ---- slots ---- */

static void drop_slots(struct state *s, bool saved_too)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n && !saved_too; i++)
		if (is_saved(&s->slot[i]))
			s->slot[kept++] = s->slot[i];
	s->n = kept;
}

static void escape(struct state *s)
{
	s->escaped = true;
	drop_slots(s, false);
}

/* Forgets what overlaps [off, off + size). */
static void kill_range(struct state *s, int64_t off, uint64_t size)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct slot *k = &s->slot[i];
		bool apart = k->off >= off ? (uint64_t)(k->off - off) >= size
					   : (uint64_t)(off - k->off) >= k->size;
		if (apart)
			s->slot[kept++] = s->slot[i];
	}
	s->n = kept;
}

static void put_slot(struct state *s, int64_t off, uint32_t size, struct place p)
{
	size_t i = s->n;

	kill_range(s, off, size);
	i = s->n;
	struct slot k = {(int32_t)off, size, p};
	if (off >= 0 || off < -(1 << 20) || (s->escaped && !is_saved(&k)))
		return;
	if (s->n == MAX_SLOTS) {
		if (on_stack(p.v))
			escape(s);
		return;
	}
	GROW(s->slot, s->n, s->cap);
	for (; i && s->slot[i - 1].off > off; i--)
		s->slot[i] = s->slot[i - 1];
	s->slot[i] = k;
	s->n++;
}

/* What lies below the stack pointer is anybody's. */
static void trim(struct state *s)
{
	struct val sp = s->reg[REG_RSP].v;
	size_t kept = 0;

	if (!on_stack(sp) || sp.ext) {
		drop_slots(s, true);
		s->escaped = true;
		return;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->slot[i].off >= sp.add)
			s->slot[kept++] = s->slot[i];
	s->n = kept;
}

/* ---- values ---- */

/* A new symbol, the instruction's k-th result; whatever still has it from an earlier round of a
 * loop holds another number now. */
static struct val fresh(struct step *t, unsigned k)
{
	uint32_t sym = SYM_INSN + 4 * t->i + k;

	for (unsigned r = 0; r < NREGS; r++)
		if (t->s->reg[r].v.sym == sym)
			t->s->reg[r] = (struct place){0};
	for (size_t i = 0; i < t->s->n; i++)
		if (t->s->slot[i].at.v.sym == sym)
			t->s->slot[i].at = (struct place){0};
	return (struct val){.sym = sym};
}

/* The low bits of v, zero-extended; false: that can't be written down. */
static bool zero_extend(struct val *v, unsigned bits)
{
	bool zero = v->ext == EXT_Z32 || v->ext == EXT_Z16 || v->ext == EXT_Z8;

	if (v->sym == SYM_UNKNOWN)
		return false;
	if (bits == 64)
		return true;
	if (is_const(*v)) {
		v->add = (int64_t)((uint64_t)v->add & ((UINT64_C(1) << bits) - 1));
		return true;
	}
	if (bits > val_bits(*v))
		return zero;
	v->ext = bits == 32 ? EXT_Z32 : bits == 16 ? EXT_Z16 : EXT_Z8;
	return true;
}

static bool sign_extend(struct val *v, unsigned bits)
{
	if (v->sym == SYM_UNKNOWN)
		return false;
	if (bits == 64)
		return true;
	uint32_t ext = bits == 32 ? EXT_S32 : bits == 16 ? EXT_S16 : EXT_S8;
	if (is_const(*v))
		v->add = (int64_t)val_extend((struct val){.ext = ext}, (uint64_t)v->add);
	else if (bits <= val_bits(*v))
		v->ext = ext;
	return true;
}

/* v plus a constant, in arithmetic of so many bits. */
static bool plus(struct val *v, int64_t c, unsigned bits)
{
	if (!zero_extend(v, bits))
		return false;
	v->add = (int64_t)((uint64_t)v->add + (uint64_t)c);
	if (is_const(*v))
		return zero_extend(v, bits);
	return bits == val_bits(*v);
}

/* ---- places ---- */

enum where { AT_STACK, AT_SOME_STACK, AT_CONST, AT_ELSEWHERE };

/* Where a memory operand is; *at: offset from the entry stack pointer, or the address. */
static enum where locate(const struct step *t, const struct operand *o, int64_t *at)
{
	struct val v = o->base == NO_REG ? constant(0) : t->s->reg[o->base].v;
	struct val x = o->index == NO_REG ? constant(0) : t->s->reg[o->index].v;

	*at = 0;
	if (o->segment)
		return AT_ELSEWHERE;
	if (o->base == REG_RSP && !on_stack(v))
		return AT_SOME_STACK;
	if (is_const(x) && !v.ext && (on_stack(v) || is_const(v))) {
		*at = (int64_t)((uint64_t)v.add + (uint64_t)o->v +
				(uint64_t)x.add * (o->index == NO_REG ? 0 : o->scale));
		return on_stack(v) ? AT_STACK : AT_CONST;
	}
	return on_stack(v) || on_stack(x) ? AT_SOME_STACK : AT_ELSEWHERE;
}

static struct val load(struct step *t, const struct operand *o, unsigned k)
{
	unsigned size = o->size;
	uint64_t word = 0;
	int64_t at;
	enum where w = locate(t, o, &at);

	if (w == AT_CONST && size <= 8 && t->fx->constant &&
	    t->fx->constant(t->fx->ctx, (uint64_t)at, &word, size))
		return constant(word);
	for (size_t i = 0; w == AT_STACK && i < t->s->n; i++) {
		struct slot *s = &t->s->slot[i];
		if (s->off != at || s->size < size)
			continue;
		if (s->size == size && s->at.v.sym == SYM_UNKNOWN)
			s->at.v = fresh(t, k);
		struct val v = s->at.v;
		if (!zero_extend(&v, size * 8))
			break;
		t->moved = s->at.by;
		return v;
	}
	struct val v = fresh(t, k);
	if (w == AT_STACK && (size == 8 || size == 4) && at < 0 && !t->s->escaped) {
		if (size == 4)
			zero_extend(&v, 32);
		put_slot(t->s, at, size, (struct place){v, t->i + 1});
	}
	return v;
}

/* An absolute address in the file's text isn't where the kernel was loaded. */
static bool misplaced(const struct step *t, uint64_t v)
{
	return t->in->from_file && (uint32_t)v >= (uint32_t)t->fx->image_lo &&
	       (uint32_t)v < (uint32_t)t->fx->image_hi;
}

/* What an operand holds, zero-extended from its size; immediates as they are. k: which of the
 * instruction's results it is if that isn't known. */
static struct val get(struct step *t, const struct operand *o, unsigned k)
{
	struct val v;

	switch (o->kind) {
	case OPND_IMM:
		if (misplaced(t, (uint64_t)o->v))
			break;
		return constant((uint64_t)o->v);
	case OPND_MEM:
		return load(t, o, k);
	case OPND_REG:
		if (o->high)
			break;
		if (t->s->reg[o->reg].v.sym == SYM_UNKNOWN)
			t->s->reg[o->reg] = (struct place){fresh(t, k), 0};
		v = t->s->reg[o->reg].v;
		t->moved = t->s->reg[o->reg].by;
		if (zero_extend(&v, o->size * 8u))
			return v;
		break;
	}
	t->moved = 0;
	return fresh(t, k);
}

static void store(struct step *t, const struct operand *o, struct val v)
{
	int64_t at;

	switch (locate(t, o, &at)) {
	case AT_STACK:
		put_slot(t->s, at, o->size, (struct place){v, t->i + 1});
		if (at >= 0 && on_stack(v)) /* the caller's part of the stack */
			escape(t->s);
		return;
	case AT_SOME_STACK:
		escape(t->s);
		return;
	case AT_CONST:
	case AT_ELSEWHERE:
		if (on_stack(v))
			escape(t->s);
	}
}

/* Writes an operand: the low bits of v that fit in. */
static void set(struct step *t, const struct operand *o, struct val v)
{
	if (o->size < 8 && !zero_extend(&v, o->size * 8u))
		v = fresh(t, 3);
	if (o->kind == OPND_MEM) {
		store(t, o, v);
	} else if (o->kind == OPND_REG) {
		if (o->size < 4) { /* the rest of the register stays as it was */
			if (on_stack(t->s->reg[o->reg].v))
				escape(t->s);
			v = fresh(t, 3);
		}
		t->s->reg[o->reg] = (struct place){v, t->i + 1};
		if (t->fx->from)
			t->fx->from[t->i] = t->moved;
	}
}

/* An operand gets something that isn't followed. */
static void set_fresh(struct step *t, const struct operand *o)
{
	t->moved = 0;
	set(t, o, fresh(t, 0));
}

static bool operand_on_stack(const struct step *t, const struct operand *o)
{
	return o->kind == OPND_REG && on_stack(t->s->reg[o->reg].v);
}

/* ---- actions ---- */

static void do_add(struct step *t, bool subtract)
{
	const struct insn *in = t->in;
	bool leaks = operand_on_stack(t, &in->a) || operand_on_stack(t, &in->b);
	bool same = in->a.kind == OPND_REG && in->b.kind == OPND_REG && in->a.reg == in->b.reg;
	unsigned bits = in->a.size * 8u;
	struct val b = get(t, &in->b, 1), a = get(t, &in->a, 2);

	if (subtract && same && in->a.size >= 4) {
		set(t, &in->a, constant(0));
		return;
	}
	if (!subtract && is_const(a) && !is_const(b)) {
		struct val c = a;
		a = b;
		b = c;
	}
	int64_t c = subtract ? (int64_t)(0 - (uint64_t)b.add) : b.add;
	if (is_const(b) && plus(&a, c, bits)) {
		set(t, &in->a, a);
		return;
	}
	if (leaks)
		escape(t->s);
	set_fresh(t, &in->a);
}

static void do_logic(struct step *t)
{
	const struct insn *in = t->in;
	bool leaks = operand_on_stack(t, &in->a) || operand_on_stack(t, &in->b);
	bool same = in->a.kind == OPND_REG && in->b.kind == OPND_REG && in->a.reg == in->b.reg &&
		    in->a.high == in->b.high;
	unsigned bits = in->a.size * 8u;
	struct val b = get(t, &in->b, 1), a = get(t, &in->a, 2);
	uint64_t mask = (uint64_t)b.add & (UINT64_MAX >> (64 - bits));

	if (in->action == ACT_XOR && same && in->a.size >= 4) {
		set(t, &in->a, constant(0));
		return;
	}
	if (in->action != ACT_XOR && same) {
		set(t, &in->a, a);
		return;
	}
	if (is_const(a) && is_const(b)) {
		uint64_t x = (uint64_t)a.add;
		x = in->action == ACT_AND ? x & mask : in->action == ACT_OR ? x | mask : x ^ mask;
		a = constant(x);
		zero_extend(&a, bits);
		set(t, &in->a, a);
		return;
	}
	if (in->action == ACT_AND && is_const(b) &&
	    (mask == 0xff || mask == 0xffff || mask == 0xffffffff) &&
	    zero_extend(&a, mask == 0xff     ? 8
			    : mask == 0xffff ? 16
					     : 32)) {
		set(t, &in->a, a);
		return;
	}
	if (leaks)
		escape(t->s);
	set_fresh(t, &in->a);
}

static void do_lea(struct step *t)
{
	const struct operand *o = &t->in->b, *a = &t->in->a;
	int64_t at;
	struct operand base = {.kind = OPND_REG, .size = 8, .reg = o->base};
	enum where w = locate(t, o, &at);

	if (w == AT_SOME_STACK)
		escape(t->s);
	if (w == AT_CONST && !misplaced(t, (uint64_t)at)) {
		struct val v = constant((uint64_t)at);
		zero_extend(&v, a->size * 8u);
		set(t, a, v);
		return;
	}
	/* also from a stack pointer that was aligned: how far that went isn't known, but both are alike */
	if (o->base != NO_REG && o->index == NO_REG && a->size >= 4) {
		struct val v = get(t, &base, 1);
		if (!v.ext && plus(&v, o->v, 64) && zero_extend(&v, a->size * 8u)) {
			set(t, a, v);
			return;
		}
	}
	set_fresh(t, a);
}

static void move_sp(struct step *t, int64_t by)
{
	struct place *sp = &t->s->reg[REG_RSP];

	if (sp->v.sym == SYM_UNKNOWN || !plus(&sp->v, by, 64))
		sp->v = (struct val){0};
}

static const struct operand top = {.kind = OPND_MEM, .size = 8, .base = REG_RSP, .index = NO_REG};

static void do_push(struct step *t)
{
	struct val v = get(t, &t->in->a, 0);

	move_sp(t, -8);
	store(t, &top, v);
	if (t->fx->from)
		t->fx->from[t->i] = t->moved;
}

static void do_pop(struct step *t)
{
	struct val v = load(t, &top, 0);

	move_sp(t, 8);
	set(t, &t->in->a, v);
}

static void do_leave(struct step *t)
{
	static const struct operand rbp = {.kind = OPND_REG, .size = 8, .reg = REG_RBP};

	t->s->reg[REG_RSP] = t->s->reg[REG_RBP];
	trim(t->s);
	struct val v = load(t, &top, 0);
	move_sp(t, 8);
	set(t, &rbp, v);
}

static void do_xchg(struct step *t)
{
	const struct operand *a = &t->in->a, *b = &t->in->b;

	if (a->kind == OPND_REG && b->kind == OPND_REG && a->reg == b->reg) {
		if (a->size == 4)
			set(t, a, get(t, a, 0));
		return;
	}
	struct val x = get(t, a, 0), y = get(t, b, 1);
	t->moved = 0;
	set(t, a, y);
	set(t, b, x);
}

static void do_move(struct step *t)
{
	const struct insn *in = t->in;
	struct val v = get(t, &in->b, 0);

	if (in->action == ACT_MOVSX && !sign_extend(&v, in->b.size * 8u))
		v = fresh(t, 0);
	set(t, &in->a, v);
}

static void do_cmov(struct step *t)
{
	const struct operand *a = &t->in->a;
	bool leaks = operand_on_stack(t, a) || operand_on_stack(t, &t->in->b);
	struct val x = get(t, a, 1), y = get(t, &t->in->b, 2);

	if (val_same(x, y)) {
		set(t, a, x);
		return;
	}
	if (leaks)
		escape(t->s);
	set_fresh(t, a);
}

static void do_extend(struct step *t)
{
	static const struct operand eax = {.kind = OPND_REG, .size = 4, .reg = REG_RAX};
	static const struct operand rax = {.kind = OPND_REG, .size = 8, .reg = REG_RAX};
	struct val v = get(t, &eax, 1);

	if (sign_extend(&v, 32))
		set(t, &rax, v);
	else
		set_fresh(t, &rax);
}

static void kill_operand(struct step *t, const struct operand *o)
{
	int64_t at;

	if (o->kind != OPND_MEM)
		return;
	enum where w = locate(t, o, &at);
	if (w == AT_STACK && o->size <= 8 && t->in->action == ACT_ALU)
		kill_range(t->s, at, o->size);
	else if (w == AT_STACK || w == AT_SOME_STACK)
		escape(t->s);
}

static void do_other(struct step *t)
{
	const struct insn *in = t->in;

	if (operand_on_stack(t, &in->a) || operand_on_stack(t, &in->b))
		escape(t->s);
	kill_operand(t, &in->a);
	if (in->action == ACT_OTHER)
		kill_operand(t, &in->b);
	else if (in->a.kind == OPND_REG)
		set_fresh(t, &in->a);
}

/* A register that a string instruction has moved on; false: nobody knows how far. */
static void advance(struct step *t, unsigned reg, bool known, uint64_t by)
{
	struct place *p = &t->s->reg[reg];

	if (known && p->v.sym != SYM_UNKNOWN && plus(&p->v, (int64_t)by, 64))
		return;
	if (on_stack(p->v))
		escape(t->s);
	*p = (struct place){0};
}

/* stos and movs, upwards, as the kernel keeps the direction. */
static void do_string(struct step *t)
{
	struct val to = t->s->reg[REG_RDI].v, count = t->s->reg[REG_RCX].v;
	bool known = !t->in->rep || is_const(count);
	uint64_t size = t->in->a.size * (t->in->rep ? (uint64_t)count.add : 1);
	size_t kept = 0;

	for (size_t i = 0; on_stack(to) && i < t->s->n; i++) {
		const struct slot *k = &t->s->slot[i];
		bool before = !to.ext && k->off + (int64_t)k->size <= to.add;
		bool behind =
			!to.ext && known && k->off >= to.add && (uint64_t)(k->off - to.add) >= size;
		if (before || behind || is_saved(k))
			t->s->slot[kept++] = *k;
	}
	if (on_stack(to))
		t->s->n = kept;
	advance(t, REG_RDI, known, size);
	if (t->in->b.kind == OPND_MEM)
		advance(t, REG_RSI, known, size);
	if (t->in->rep)
		t->s->reg[REG_RCX] = (struct place){.v = constant(0), .by = t->i + 1};
}

void state_called(struct state *s)
{
	for (unsigned r = 0; r < NREGS; r++)
		if ((CALL_CLOBBERS >> r & 1) && on_stack(s->reg[r].v))
			escape(s);
}

static void do_call(struct step *t)
{
	if (t->fx->harmless && t->fx->harmless(t->fx->ctx, t->in))
		return;
	state_called(t->s);
	for (unsigned r = 0; r < NREGS; r++)
		if (CALL_CLOBBERS >> r & 1)
			t->s->reg[r] = (struct place){0};
	t->s->reg[REG_RAX] = (struct place){fresh(t, 0), t->i + 1};
}

static void act(struct step *t)
{
	switch ((enum action)t->in->action) {
	case ACT_NONE:
		break;
	case ACT_MOV:
	case ACT_MOVZX:
	case ACT_MOVSX:
		do_move(t);
		break;
	case ACT_LEA:
		do_lea(t);
		break;
	case ACT_ADD:
		do_add(t, false);
		break;
	case ACT_SUB:
		do_add(t, true);
		break;
	case ACT_AND:
	case ACT_OR:
	case ACT_XOR:
		do_logic(t);
		break;
	case ACT_CMOV:
		do_cmov(t);
		break;
	case ACT_XCHG:
		do_xchg(t);
		break;
	case ACT_PUSH:
		do_push(t);
		break;
	case ACT_POP:
		do_pop(t);
		break;
	case ACT_LEAVE:
		do_leave(t);
		break;
	case ACT_EXTEND:
		do_extend(t);
		break;
	case ACT_STRING:
		do_string(t);
		break;
	case ACT_ALU:
	case ACT_OTHER:
		do_other(t);
		break;
	}
}

void state_step(struct state *s, const struct insn *in, uint32_t i, const struct effects *fx)
{
	struct step t = {.s = s, .in = in, .i = i, .fx = fx};

	if (in->flow == DIS_CALL || in->flow == DIS_CALL_INDIRECT)
		do_call(&t);
	else
		act(&t);
	for (unsigned r = 0; r < NREGS; r++)
		if (in->writes >> r & 1) {
			if (on_stack(s->reg[r].v))
				escape(s);
			s->reg[r] = (struct place){0};
		}
	trim(s);
}

void state_fault(struct state *s, const struct insn *in, unsigned reg)
{
	int64_t at;
	struct step t = {.s = s, .in = in};

	for (unsigned r = 0; r < NREGS; r++)
		if (CALL_CLOBBERS >> r & 1 || (r == reg && r != REG_RSP)) {
			if (on_stack(s->reg[r].v))
				escape(s);
			s->reg[r] = (struct place){0};
		}
	if ((in->a.kind == OPND_MEM && locate(&t, &in->a, &at) != AT_ELSEWHERE) ||
	    in->action == ACT_STRING)
		escape(s);
}

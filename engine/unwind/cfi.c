/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening walks the entry headers once and keeps (start, offset) pairs; a
 * look-up parses one FDE and its CIE and runs their programs up to the pc. libdw's entry decoder
 * does the parsing of headers and augmentations; it is stateless, so no lock is needed.
 *
 * What an FDE doesn't mention: the return address comes by its column, the stack pointer is the
 * CFA, callee-saved registers keep their value (gcc writes no rule for those that a function leaves
 * alone), all others are unknown.
 */
#include "engine/unwind/cfi.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/checked.h"

#define FDE_MIN 8			/* bytes that an entry takes at least: length and CIE */
#define FDE_LIMIT (UINT64_C(256) << 20) /* bytes of index that a section may make us hold */
#define MAX_STATES 16			/* DW_CFA_remember_state, nested */
#define MAX_STEPS 65536			/* instructions of one program */

struct cfi_fde {
	uint32_t start;	 /* minus cfi_table.base */
	uint32_t offset; /* of the entry in the section */
};

static const unsigned char ident[EI_NIDENT] = {0x7f,	   'E',		'L',	   'F',
					       ELFCLASS64, ELFDATA2LSB, EV_CURRENT};

static Elf_Data as_elf_data(const uint8_t *p, size_t size)
{
	/* libdw reads only; its interface lacks the const. */
	union {
		const uint8_t *in;
		void *out;
	} u = {p};

	return (Elf_Data){.d_buf = u.out,
			  .d_type = ELF_T_BYTE,
			  .d_version = EV_CURRENT,
			  .d_size = size,
			  .d_align = 8};
}

/* The address range of an FDE; false: damaged or empty. */
static bool fde_range(const Dwarf_FDE *f, uint64_t *start, uint64_t *len)
{
	if (f->end - f->start < 16)
		return false;
	*start = load_u64(f->start);
	*len = load_u64(f->start + 8);
	return *len != 0;
}

static int by_start(const void *a, const void *b)
{
	const struct cfi_fde *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Fills t->fdes, which has room for the most entries that the section can hold. */
static void index_fdes(const struct object_section *s, struct cfi_table *t)
{
	Elf_Data d = as_elf_data(s->data, s->size);
	Dwarf_Off off = 0, next;

	for (; off < s->size; off = next) {
		Dwarf_CFI_Entry e;
		uint64_t start, len;

		next = off;
		int r = dwarf_next_cfi(ident, &d, false, off, &next, &e);
		if (r > 0 || next < off + FDE_MIN || next == (Dwarf_Off)-1)
			break;
		if (r < 0 || dwarf_cfi_cie_p(&e) || !fde_range(&e.fde, &start, &len) || !start)
			continue;
		if (!t->n) /* all of an object's text lies within 2 GiB */
			t->base = start > INT32_MAX ? start - INT32_MAX : 0;
		if (start - t->base <= UINT32_MAX)
			t->fdes[t->n++] =
				(struct cfi_fde){(uint32_t)(start - t->base), (uint32_t)off};
	}
}

struct err *cfi_open(const struct object_section *s, struct cfi_table *ret)
{
	struct cfi_table t = {.data = s->data, .size = s->size};
	bool sorted = true;

	if (s->size > UINT32_MAX)
		return err_new(ERR_UNSUPPORTED, ".debug_frame of %zu bytes is too large", s->size);
	TRY(try_alloc(s->size / FDE_MIN + 1, sizeof(*t.fdes), FDE_LIMIT, &t.fdes));
	index_fdes(s, &t);
	if (!t.n) {
		cfi_close(&t);
		return err_new(ERR_CORRUPT, ".debug_frame has no entry that can be read");
	}
	t.fdes = xrealloc(t.fdes, t.n, sizeof(*t.fdes));
	for (size_t i = 1; i < t.n && sorted; i++)
		sorted = t.fdes[i - 1].start <= t.fdes[i].start;
	if (!sorted)
		qsort(t.fdes, t.n, sizeof(*t.fdes), by_start);
	*ret = t;
	return NULL;
}

void cfi_close(struct cfi_table *t)
{
	free(t->fdes);
	*t = (struct cfi_table){0};
}

/* Reading one program. `bad` stays set once an operand runs over the end. */
struct reader {
	const uint8_t *p, *end;
	bool bad;
};

static uint64_t fixed(struct reader *r, size_t n)
{
	uint64_t v = 0;

	if ((size_t)(r->end - r->p) < n) {
		r->bad = true;
		r->p = r->end;
		return 0;
	}
	memcpy(&v, r->p, n);
	r->p += n;
	return v;
}

static uint64_t uleb(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t b = (uint8_t)fixed(r, 1);

		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

static int64_t sleb(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t b = (uint8_t)fixed(r, 1);

		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if (b & 0x80)
			continue;
		if (shift + 7 < 64 && b & 0x40)
			v |= UINT64_MAX << (shift + 7);
		return (int64_t)v;
	}
	r->bad = true;
	return 0;
}

enum col_how {
	COL_UNSET,
	COL_UNDEFINED,
	COL_SAME,
	COL_OFFSET,
	COL_VAL_OFFSET,
	COL_REGISTER,
	COL_EXPR,
	COL_VAL_EXPR
};

struct column {
	uint8_t how;
	uint16_t len;
	int32_t v;
};

struct row {
	uint8_t cfa_how;
	uint8_t cfa_reg;
	uint16_t cfa_len;
	int32_t cfa_v;
	bool cfa_known;
	struct column col[ARCH_MAX_REGS];
};

struct machine {
	const struct cfi_table *t;
	const Dwarf_CIE *cie;
	struct row row, initial, saved[MAX_STATES];
	unsigned nsaved;
	uint64_t loc, pc;
	bool done; /* the row for pc is complete */
};

static int32_t scaled(const struct machine *m, struct reader *r, int64_t v)
{
	int64_t s;

	if (__builtin_mul_overflow(v, (int64_t)m->cie->data_alignment_factor, &s) ||
	    s < INT32_MIN || s > INT32_MAX) {
		r->bad = true;
		return 0;
	}
	return (int32_t)s;
}

static void set(struct machine *m, struct reader *r, uint64_t reg, enum col_how how, int32_t v)
{
	/* Columns that we have no register for (SSE, x87) are of no interest. */
	if (!r->bad && reg < ARCH_MAX_REGS)
		m->row.col[reg] = (struct column){.how = (uint8_t)how, .v = v};
}

static void restore(struct machine *m, uint64_t reg)
{
	if (reg < ARCH_MAX_REGS)
		m->row.col[reg] = m->initial.col[reg];
}

/* An expression operand: its place in the section and its length. */
static bool block(struct machine *m, struct reader *r, int32_t *off, uint16_t *len)
{
	uint64_t n = uleb(r);

	if (r->bad || n > (uint64_t)(r->end - r->p) || n > UINT16_MAX ||
	    r->p - m->t->data > INT32_MAX) {
		r->bad = true;
		return false;
	}
	*off = (int32_t)(r->p - m->t->data);
	*len = (uint16_t)n;
	r->p += n;
	return true;
}

static void set_expr(struct machine *m, struct reader *r, enum col_how how)
{
	uint64_t reg = uleb(r);
	int32_t off;
	uint16_t len;

	if (block(m, r, &off, &len) && reg < ARCH_MAX_REGS)
		m->row.col[reg] = (struct column){(uint8_t)how, len, off};
}

static void def_cfa(struct machine *m, struct reader *r, uint64_t reg, int64_t off)
{
	if (reg >= ARCH_MAX_REGS || off < INT32_MIN || off > INT32_MAX) {
		r->bad = true;
		return;
	}
	m->row.cfa_known = true;
	m->row.cfa_how = CFA_REG;
	m->row.cfa_reg = (uint8_t)reg;
	m->row.cfa_v = (int32_t)off;
}

static void cfa_instruction(struct machine *m, struct reader *r, uint8_t op)
{
	uint64_t reg;

	switch (op) {
	case DW_CFA_def_cfa:
		reg = uleb(r);
		def_cfa(m, r, reg, (int64_t)uleb(r));
		break;
	case DW_CFA_def_cfa_sf:
		reg = uleb(r);
		def_cfa(m, r, reg, scaled(m, r, sleb(r)));
		break;
	case DW_CFA_def_cfa_register:
		def_cfa(m, r, uleb(r), m->row.cfa_v);
		break;
	case DW_CFA_def_cfa_offset:
		def_cfa(m, r, m->row.cfa_reg, (int64_t)uleb(r));
		break;
	case DW_CFA_def_cfa_offset_sf:
		def_cfa(m, r, m->row.cfa_reg, scaled(m, r, sleb(r)));
		break;
	default: /* DW_CFA_def_cfa_expression */
		m->row.cfa_known = block(m, r, &m->row.cfa_v, &m->row.cfa_len);
		m->row.cfa_how = CFA_EXPR;
		break;
	}
}

static void register_instruction(struct machine *m, struct reader *r, uint8_t op)
{
	uint64_t reg = op == DW_CFA_expression || op == DW_CFA_val_expression ? 0 : uleb(r);
	uint64_t from;

	switch (op) {
	case DW_CFA_offset_extended:
		set(m, r, reg, COL_OFFSET, scaled(m, r, (int64_t)uleb(r)));
		break;
	case DW_CFA_offset_extended_sf:
		set(m, r, reg, COL_OFFSET, scaled(m, r, sleb(r)));
		break;
	case DW_CFA_val_offset:
		set(m, r, reg, COL_VAL_OFFSET, scaled(m, r, (int64_t)uleb(r)));
		break;
	case DW_CFA_val_offset_sf:
		set(m, r, reg, COL_VAL_OFFSET, scaled(m, r, sleb(r)));
		break;
	case DW_CFA_GNU_negative_offset_extended:
		set(m, r, reg, COL_OFFSET, scaled(m, r, -(int64_t)uleb(r)));
		break;
	case DW_CFA_restore_extended:
		restore(m, reg);
		break;
	case DW_CFA_undefined:
		set(m, r, reg, COL_UNDEFINED, 0);
		break;
	case DW_CFA_same_value:
		set(m, r, reg, COL_SAME, 0);
		break;
	case DW_CFA_register:
		from = uleb(r);
		if (from < ARCH_MAX_REGS)
			set(m, r, reg, COL_REGISTER, (int32_t)from);
		else
			set(m, r, reg, COL_UNDEFINED, 0);
		break;
	case DW_CFA_expression:
		set_expr(m, r, COL_EXPR);
		break;
	default: /* DW_CFA_val_expression */
		set_expr(m, r, COL_VAL_EXPR);
		break;
	}
}

/* The location moves on; once it is past pc the row stands. */
static void advance(struct machine *m, uint64_t to)
{
	if (to > m->pc || to < m->loc)
		m->done = true;
	m->loc = to;
}

static void state_instruction(struct machine *m, struct reader *r, bool remember)
{
	if (remember && m->nsaved < MAX_STATES)
		m->saved[m->nsaved++] = m->row;
	else if (!remember && m->nsaved)
		m->row = m->saved[--m->nsaved];
	else
		r->bad = true;
}

static void instruction(struct machine *m, struct reader *r)
{
	uint8_t op = (uint8_t)fixed(r, 1);

	switch (op & 0xc0) {
	case DW_CFA_advance_loc:
		advance(m, m->loc + (op & 0x3f) * m->cie->code_alignment_factor);
		return;
	case DW_CFA_offset:
		set(m, r, op & 0x3f, COL_OFFSET, scaled(m, r, (int64_t)uleb(r)));
		return;
	case DW_CFA_restore:
		restore(m, op & 0x3f);
		return;
	}
	if (op == DW_CFA_nop)
		return;
	if (op == DW_CFA_set_loc)
		advance(m, fixed(r, 8));
	else if (op >= DW_CFA_advance_loc1 && op <= DW_CFA_advance_loc4)
		advance(m, m->loc + fixed(r, (size_t)1 << (op - DW_CFA_advance_loc1)) *
					    m->cie->code_alignment_factor);
	else if (op == DW_CFA_remember_state || op == DW_CFA_restore_state)
		state_instruction(m, r, op == DW_CFA_remember_state);
	else if ((op >= DW_CFA_def_cfa && op <= DW_CFA_def_cfa_expression) ||
		 op == DW_CFA_def_cfa_sf || op == DW_CFA_def_cfa_offset_sf)
		cfa_instruction(m, r, op);
	else if ((op >= DW_CFA_offset_extended && op <= DW_CFA_register) ||
		 op == DW_CFA_expression || op == DW_CFA_offset_extended_sf ||
		 (op >= DW_CFA_val_offset && op <= DW_CFA_val_expression) ||
		 op == DW_CFA_GNU_negative_offset_extended)
		register_instruction(m, r, op);
	else if (op == DW_CFA_GNU_args_size)
		uleb(r);
	else
		r->bad = true;
}

static bool run(struct machine *m, const uint8_t *p, const uint8_t *end)
{
	struct reader r = {p, end, false};

	for (unsigned i = 0; r.p < r.end && !m->done && !r.bad; i++) {
		if (i == MAX_STEPS)
			return false;
		instruction(m, &r);
	}
	return !r.bad;
}

static void add_rule(struct rule *ret, unsigned reg, enum reg_how how, const struct column *c)
{
	if (ret->nregs < RULE_MAX_REGS)
		ret->regs[ret->nregs++] = (struct reg_rule){.reg = (uint8_t)reg,
							    .how = (uint8_t)how,
							    .expr_len = c->len,
							    .offset = c->v};
}

static bool row_to_rule(const struct machine *m, const struct arch *a, struct rule *ret)
{
	static const enum reg_how hows[] = {
		[COL_SAME] = REG_SAME,
		[COL_OFFSET] = REG_OFFSET,
		[COL_VAL_OFFSET] = REG_VAL_OFFSET,
		[COL_REGISTER] = REG_REGISTER,
		[COL_EXPR] = REG_EXPR,
		[COL_VAL_EXPR] = REG_VAL_EXPR,
	};
	uint64_t ra = m->cie->return_address_register;

	if (!m->row.cfa_known || ra >= ARCH_MAX_REGS)
		return false;
	ret->nregs = 0;
	ret->flow = m->row.col[ra].how == COL_UNDEFINED ? FLOW_END : FLOW_CALL;
	ret->source = FRAME_CFI;
	ret->next_exact = m->cie->augmentation && strchr(m->cie->augmentation, 'S');
	ret->cfa_how = m->row.cfa_how;
	ret->cfa_reg = m->row.cfa_reg;
	ret->cfa_offset = m->row.cfa_v;
	ret->cfa_expr_len = m->row.cfa_len;
	ret->exprs = m->t->data;
	for (unsigned i = 0; i < ARCH_MAX_REGS; i++) {
		const struct column *c = &m->row.col[i];
		bool saved = a->callee_saved >> i & 1;

		if (c->how > COL_UNDEFINED)
			add_rule(ret, i == ra ? a->reg_pc : i, hows[c->how], c);
		else if (c->how == COL_UNSET && saved && i != a->reg_sp)
			add_rule(ret, i, REG_SAME, c);
	}
	return true;
}

static bool evaluate(const struct cfi_table *t, const struct arch *a, const Dwarf_FDE *f,
		     uint64_t start, uint64_t pc, struct rule *ret)
{
	Elf_Data d = as_elf_data(t->data, t->size);
	Dwarf_CFI_Entry e;
	Dwarf_Off next;
	struct machine m = {.t = t, .loc = start, .pc = pc};

	if (f->CIE_pointer >= t->size ||
	    dwarf_next_cfi(ident, &d, false, f->CIE_pointer, &next, &e) || !dwarf_cfi_cie_p(&e))
		return false;
	/* Augmentation data of FDEs only exists in .eh_frame's dialect. */
	if (e.cie.augmentation && *e.cie.augmentation && strcmp(e.cie.augmentation, "S"))
		return false;
	m.cie = &e.cie;
	if (!run(&m, e.cie.initial_instructions, e.cie.initial_instructions_end) || m.done)
		return false;
	m.initial = m.row;
	return run(&m, f->start + 16, f->end) && row_to_rule(&m, a, ret);
}

bool cfi_rule(const struct cfi_table *t, const struct arch *a, uint64_t pc, struct rule *ret)
{
	Elf_Data d = as_elf_data(t->data, t->size);
	size_t lo = 0, hi = t->n;
	Dwarf_CFI_Entry e;
	Dwarf_Off next;
	uint64_t start, len;

	if (pc < t->base || pc - t->base > UINT32_MAX)
		return false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->fdes[mid].start <= pc - t->base)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || dwarf_next_cfi(ident, &d, false, t->fdes[lo - 1].offset, &next, &e) ||
	    dwarf_cfi_cie_p(&e) || !fde_range(&e.fde, &start, &len) || pc - start >= len)
		return false;
	return evaluate(t, a, &e.fde, start, pc, ret);
}

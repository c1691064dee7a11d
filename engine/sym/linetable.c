/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cursor that can't leave its bytes reads the header and the opcodes: at the end it gives zeroes
 * and says `bad`, so that every loop ends. The state machine keeps two rows, the newest and the
 * one before, and stops at the first sequence that holds the pc.
 */
#include <dwarf.h>
#include <string.h>
#include "engine/base/checked.h"
#include "engine/sym/linetable.h"

struct cursor {
	const unsigned char *p, *end;
	bool bad;
};

static uint64_t take(struct cursor *c, unsigned n)
{
	uint64_t v = 0;

	if ((size_t)(c->end - c->p) < n) {
		c->bad = true;
		c->p = c->end;
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)c->p[i] << 8 * i;
	c->p += n;
	return v;
}

static void skip(struct cursor *c, uint64_t n)
{
	if ((uint64_t)(c->end - c->p) < n) {
		c->bad = true;
		c->p = c->end;
		return;
	}
	c->p += n;
}

static uint64_t uleb(struct cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint64_t b = take(c, 1);
		if (shift < 64)
			v |= (b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
}

static int64_t sleb(struct cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint64_t b = take(c, 1);
		if (shift < 64)
			v |= (b & 0x7f) << shift;
		if (b & 0x80)
			continue;
		if ((b & 0x40) && shift + 7 < 64)
			v |= UINT64_MAX << (shift + 7);
		return (int64_t)v;
	}
}

static const char *string_at(const struct line_bytes *b, uint64_t off)
{
	if (off >= b->n || !memchr(b->p + off, '\0', b->n - off))
		return NULL;
	return (const char *)b->p + off;
}

static const char *inline_string(struct cursor *c)
{
	const unsigned char *nul = memchr(c->p, '\0', (size_t)(c->end - c->p));
	const char *s = (const char *)c->p;

	if (!nul) {
		skip(c, UINT64_MAX);
		return "";
	}
	c->p = nul + 1;
	return s;
}

struct header {
	const struct line_sections *s;
	unsigned version, offset_size, address_size;
	unsigned min_inst, line_range, opcode_base;
	int line_base;
	const unsigned char *lengths; /* of standard opcodes, [1..opcode_base) */
	struct cursor tables;	      /* at the directory table, up to the program */
	struct cursor program;
};

static bool read_header(const struct line_sections *s, uint64_t offset, struct header *h)
{
	if (offset >= s->line.n)
		return false;
	struct cursor c = {s->line.p + offset, s->line.p + s->line.n, false};
	uint64_t length = take(&c, 4);

	*h = (struct header){.s = s, .offset_size = 4, .address_size = 8};
	if (length == 0xffffffff) {
		length = take(&c, 8);
		h->offset_size = 8;
	}
	if (c.bad || length > (uint64_t)(c.end - c.p))
		return false;
	c.end = c.p + length;
	h->version = (unsigned)take(&c, 2);
	if (h->version < 2 || h->version > 5)
		return false;
	if (h->version >= 5) {
		h->address_size = (unsigned)take(&c, 1);
		take(&c, 1); /* segment selector size: none on our machines */
	}
	uint64_t rest = take(&c, h->offset_size);
	if (c.bad || rest > (uint64_t)(c.end - c.p))
		return false;
	h->program = (struct cursor){c.p + rest, c.end, false};
	c.end = c.p + rest;
	h->min_inst = (unsigned)take(&c, 1);
	if (h->version >= 4)
		take(&c, 1); /* operations an instruction: more than 1 on VLIW machines only */
	take(&c, 1);	     /* default_is_stmt: rows count whether recommended or not */
	h->line_base = (int8_t)take(&c, 1);
	h->line_range = (unsigned)take(&c, 1);
	h->opcode_base = (unsigned)take(&c, 1);
	h->lengths = c.p - 1;
	skip(&c, h->opcode_base ? h->opcode_base - 1 : 0);
	h->tables = c;
	return !c.bad && h->line_range && h->opcode_base &&
	       (h->address_size == 8 || h->address_size == 4);
}

struct machine {
	uint64_t address;
	struct line_row row;
	bool has_last;		/* there is a row in this sequence yet */
	uint64_t last_address;	/* and what it says */
	struct line_row last;
};

static void reset(struct machine *m)
{
	*m = (struct machine){.row = {.file = 1, .line = 1}};
}

/* A row is complete. true: the row before it covers the pc. */
static bool emit(struct machine *m, uint64_t pc)
{
	if (m->has_last && m->last_address <= pc && pc < m->address)
		return true;
	m->has_last = true;
	m->last_address = m->address;
	m->last = m->row;
	return false;
}

static void advance(const struct header *h, struct machine *m, uint64_t ops)
{
	m->address += ops * h->min_inst;
}

/* true: found. */
static bool extended(const struct header *h, struct cursor *c, struct machine *m, uint64_t pc)
{
	uint64_t len = uleb(c);

	if (!len || len > (uint64_t)(c->end - c->p)) {
		c->bad |= len != 0;
		return false;
	}
	struct cursor op = {c->p, c->p + len, false};
	skip(c, len);
	switch (take(&op, 1)) {
	case DW_LNE_end_sequence:
		if (emit(m, pc))
			return true;
		reset(m);
		break;
	case DW_LNE_set_address:
		m->address = take(&op, len - 1 <= 8 ? (unsigned)(len - 1) : h->address_size);
		break;
	default: /* define_file, set_discriminator, vendors' */
		break;
	}
	return false;
}

/* true: found. */
static bool standard(const struct header *h, struct cursor *c, struct machine *m, unsigned op,
		     uint64_t pc)
{
	switch (op) {
	case DW_LNS_copy: return emit(m, pc);
	case DW_LNS_advance_pc: advance(h, m, uleb(c)); break;
	case DW_LNS_advance_line: m->row.line += (unsigned)sleb(c); break;
	case DW_LNS_set_file: m->row.file = uleb(c); break;
	case DW_LNS_set_column: m->row.column = (unsigned)uleb(c); break;
	case DW_LNS_const_add_pc: advance(h, m, (255 - h->opcode_base) / h->line_range); break;
	case DW_LNS_fixed_advance_pc: m->address += take(c, 2); break;
	case DW_LNS_negate_stmt:
	case DW_LNS_set_basic_block:
	case DW_LNS_set_prologue_end:
	case DW_LNS_set_epilogue_begin: break;
	default:
		for (unsigned i = 0; i < h->lengths[op]; i++)
			uleb(c);
	}
	return false;
}

bool line_table_find(const struct line_sections *s, uint64_t offset, uint64_t pc,
		     struct line_row *ret)
{
	struct header h;
	struct machine m;
	bool found = false;

	if (!read_header(s, offset, &h))
		return false;
	reset(&m);
	for (struct cursor *c = &h.program; !found && !c->bad && c->p < c->end;) {
		unsigned op = (unsigned)take(c, 1);
		if (op >= h.opcode_base) {
			unsigned adjusted = op - h.opcode_base;
			advance(&h, &m, adjusted / h.line_range);
			m.row.line += (unsigned)(h.line_base + (int)(adjusted % h.line_range));
			found = emit(&m, pc);
		} else if (op) {
			found = standard(&h, c, &m, op, pc);
		} else {
			found = extended(&h, c, &m, pc);
		}
	}
	*ret = m.last;
	return found;
}

struct entry {
	const char *name; /* NULL: not told */
	uint64_t dir;
};

/* One field of a version 5 table. Source: DWARF 5, 6.2.4.1 (content types), 7.5.6 (forms). */
static bool read_field(const struct header *h, struct cursor *c, uint64_t form, uint64_t *value,
		       const char **string)
{
	switch (form) {
	case DW_FORM_string: *string = inline_string(c); break;
	case DW_FORM_line_strp:
		*string = string_at(&h->s->line_str, take(c, h->offset_size));
		break;
	case DW_FORM_strp:
		*string = string_at(&h->s->str, take(c, h->offset_size));
		break;
	case DW_FORM_udata: *value = uleb(c); break;
	case DW_FORM_data1: *value = take(c, 1); break;
	case DW_FORM_data2: *value = take(c, 2); break;
	case DW_FORM_data4: *value = take(c, 4); break;
	case DW_FORM_data8: *value = take(c, 8); break;
	case DW_FORM_data16: skip(c, 16); break;
	case DW_FORM_block: skip(c, uleb(c)); break;
	case DW_FORM_strx: uleb(c); break;
	case DW_FORM_strx1: skip(c, 1); break;
	case DW_FORM_strx2: skip(c, 2); break;
	case DW_FORM_strx3: skip(c, 3); break;
	case DW_FORM_strx4: skip(c, 4); break;
	default: return false;
	}
	return !c->bad;
}

/* Version 5: a table described by its own format. Gives entry `want`, and leaves c behind the
 * table. */
static bool table5(const struct header *h, struct cursor *c, uint64_t want, struct entry *ret)
{
	unsigned nformats = (unsigned)take(c, 1);
	uint64_t formats[256][2];
	bool found = false;

	for (unsigned i = 0; i < nformats; i++) {
		formats[i][0] = uleb(c);
		formats[i][1] = uleb(c);
	}
	uint64_t n = uleb(c);
	for (uint64_t i = 0; i < n && nformats && !c->bad; i++) {
		struct entry e = {0};
		for (unsigned f = 0; f < nformats; f++) {
			uint64_t value = 0;
			const char *string = NULL;
			if (!read_field(h, c, formats[f][1], &value, &string))
				return false;
			if (formats[f][0] == DW_LNCT_path)
				e.name = string;
			else if (formats[f][0] == DW_LNCT_directory_index)
				e.dir = value;
		}
		if (i == want) {
			*ret = e;
			found = true;
		}
	}
	return found && !c->bad;
}

/* Versions 2 to 4: strings up to an empty one; files have three numbers after the name. Numbered
 * from 1. */
static bool table2(struct cursor *c, bool files, uint64_t want, struct entry *ret)
{
	bool found = false;

	for (uint64_t i = 1; !c->bad; i++) {
		struct entry e = {.name = inline_string(c)};
		if (c->bad || !e.name[0])
			break;
		if (files) {
			e.dir = uleb(c);
			uleb(c); /* time */
			uleb(c); /* length */
		}
		if (i == want) {
			*ret = e;
			found = true;
		}
	}
	return found;
}

bool line_table_file(const struct line_sections *s, uint64_t offset, uint64_t file,
		     struct buf *path)
{
	struct header h;
	struct entry f = {0}, d = {0}, unused;

	if (!read_header(s, offset, &h))
		return false;
	struct cursor dirs = h.tables, c = h.tables;
	bool v5 = h.version >= 5;
	if (v5)
		table5(&h, &c, UINT64_MAX, &unused);
	else
		table2(&c, false, UINT64_MAX, &unused);
	if (!(v5 ? table5(&h, &c, file, &f) : table2(&c, true, file, &f)) || !f.name)
		return false;
	if (v5)
		table5(&h, &dirs, f.dir, &d);
	else if (f.dir)
		table2(&dirs, false, f.dir, &d);
	buf_clear(path);
	buf_puts(path, f.name);
	if (f.name[0] != '/' && d.name && d.name[0]) {
		buf_clear(path);
		buf_printf(path, "%s/%s", d.name, f.name);
	}
	return true;
}

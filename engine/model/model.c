/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cells: how they are made, printed, written as JSON and compared. One text of a value for all:
 * what a pane shows is what batch prints.
 */
#include "engine/model/model.h"
#include "engine/base/alloc.h"
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

struct err *sink_begin(struct sink *s, const struct table *t, const struct ref *ref,
		       const char *crash, const char *title_fmt, ...)
{
	AUTO_BUF struct buf title = {0};
	va_list ap;

	va_start(ap, title_fmt);
	buf_vprintf(&title, title_fmt, ap);
	va_end(ap);

	struct heading h = {.table = t, .title = buf_str(&title), .crash = crash ? crash : ""};
	if (ref)
		h.ref = *ref;
	return s->begin(s, &h);
}

bool sink_wants(const struct sink *s, enum row_for whom)
{
	return whom == ROW_FOR_ALL || s->audience == ROW_FOR_ALL || whom == s->audience;
}

struct err *sink_row(struct sink *s, const struct row *r)
{
	return sink_wants(s, r->only) ? s->row(s, r) : NULL;
}

struct ref row_link(const struct table *t, const struct row *r)
{
	if (r->ref.kind)
		return r->ref;
	for (size_t i = 0; i < t->ncols; i++)
		if (r->cells[i].ref.kind)
			return r->cells[i].ref;
	return (struct ref){0};
}

void sink_note(struct sink *s, enum role role, const char *fmt, ...)
{
	AUTO_BUF struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	s->note(s, role, buf_str(&text));
}

struct cell cell_absent(void)
{
	return (struct cell){.kind = CELL_ABSENT, .role = ROLE_DIM};
}

struct cell cell_fault(enum mem_state why)
{
	return (struct cell){.kind = CELL_FAULT, .role = ROLE_FAULT, .fault = why};
}

struct cell cell_err(struct err *e, struct buf *keep)
{
	struct cell c;

	if (err_code(e) == ERR_FAULT) {
		c = cell_fault(err_state(e));
	} else {
		buf_clear(keep);
		buf_printf(keep, "<%s>", err_text(e));
		c = cell_role(cell_text(buf_str(keep)), ROLE_FAULT);
	}
	err_free(e);
	return c;
}

struct cell cell_text(const char *s)
{
	return (struct cell){.kind = CELL_TEXT, .text = s};
}

struct cell cell_role(struct cell c, enum role role)
{
	c.role = role;
	return c;
}

struct cell cell_int(int64_t v)
{
	return (struct cell){.kind = CELL_INT, .role = ROLE_NUMBER, .u = (uint64_t)v};
}

struct cell cell_uint(uint64_t v)
{
	return (struct cell){.kind = CELL_UINT, .role = ROLE_NUMBER, .u = v};
}

struct cell cell_addr(uint64_t v)
{
	return (struct cell){.kind = CELL_ADDR, .role = ROLE_NUMBER, .u = v};
}

struct cell cell_ns(uint64_t ns)
{
	return (struct cell){.kind = CELL_NS, .role = ROLE_NUMBER, .u = ns};
}

struct cell cell_bool(bool v)
{
	return (struct cell){.kind = CELL_BOOL, .u = v};
}

struct cell cell_link(struct cell c, struct ref ref)
{
	c.ref = ref;
	return c;
}

struct cell cell_shown(struct cell c, const char *text)
{
	c.text = text;
	return c;
}

void print_ns(uint64_t ns, struct buf *out)
{
	uint64_t s = ns / 1000000000u;

	if (s < 60)
		buf_printf(out, "%" PRIu64 ".%02" PRIu64 " s", s, ns / 10000000u % 100);
	else if (s < 86400)
		buf_printf(out, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60,
			   s % 60);
	else
		buf_printf(out, "%" PRIu64 " d %02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 86400,
			   s / 3600 % 24, s / 60 % 60, s % 60);
}

void cell_print(const struct cell *c, struct buf *out)
{
	if (c->text && c->kind != CELL_FAULT) {
		buf_put_safe(out, c->text, strlen(c->text));
		return;
	}
	switch (c->kind) {
	case CELL_ABSENT:
		buf_puts(out, "-");
		break;
	case CELL_FAULT:
		buf_printf(out, "<%s>", mem_state_name(c->fault));
		break;
	case CELL_TEXT:
		break;
	case CELL_INT:
		buf_put_int(out, (int64_t)c->u);
		break;
	case CELL_UINT:
		buf_put_uint(out, c->u);
		break;
	case CELL_ADDR:
		buf_put_hex(out, c->u);
		break;
	case CELL_NS:
		print_ns(c->u, out);
		break;
	case CELL_BOOL:
		buf_puts(out, c->u ? "yes" : "no");
		break;
	}
}

void cell_json(const struct cell *c, struct buf *out)
{
	switch (c->kind) {
	case CELL_ABSENT:
		buf_puts(out, "null");
		break;
	case CELL_FAULT:
		buf_printf(out, "{\"fault\": \"%s\"}", mem_state_name(c->fault));
		break;
	case CELL_TEXT:
		buf_put_json(out, c->text ? c->text : "", c->text ? strlen(c->text) : 0);
		break;
	case CELL_INT:
		buf_put_int(out, (int64_t)c->u);
		break;
	case CELL_UINT:
	case CELL_NS:
		buf_put_uint(out, c->u);
		break;
	case CELL_ADDR:
		buf_putc(out, '"');
		buf_put_hex(out, c->u);
		buf_putc(out, '"');
		break;
	case CELL_BOOL:
		buf_puts(out, c->u ? "true" : "false");
		break;
	}
}

/* 0: numbers, 1: text, 2: nothing to compare. */
static int rank(const struct cell *c)
{
	if (c->kind == CELL_ABSENT || c->kind == CELL_FAULT)
		return 2;
	return c->kind == CELL_TEXT;
}

int cell_compare(const struct cell *a, const struct cell *b)
{
	int ra = rank(a), rb = rank(b);

	if (ra != rb)
		return ra < rb ? -1 : 1;
	if (ra == 2)
		return 0;
	if (ra == 1)
		return strcmp(a->text ? a->text : "", b->text ? b->text : "");
	if (a->kind == CELL_INT && b->kind == CELL_INT)
		return (int64_t)a->u < (int64_t)b->u ? -1 : (int64_t)a->u > (int64_t)b->u;
	return a->u < b->u ? -1 : a->u > b->u;
}

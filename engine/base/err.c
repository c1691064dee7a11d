/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/base/err.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum home { HOME_STATIC, HOME_SLOT, HOME_HEAP };

struct err {
	enum err_code code;
	enum home home;
	enum mem_state state;
	uint64_t addr;
	char *text; /* NULL in the slot until somebody reads it */
};

static struct err nomem = {ERR_NOMEM, HOME_STATIC, MEM_PRESENT, 0, (char *)"out of memory"};
static struct err cancelled = {ERR_CANCELLED, HOME_STATIC, MEM_PRESENT, 0, (char *)"cancelled"};

struct fault_slot {
	struct err err;
	char text[160];
};
static _Thread_local struct fault_slot slot;

struct err *err_nomem(void)
{
	return &nomem;
}

struct err *err_cancelled(void)
{
	return &cancelled;
}

/* Takes over text, which may be NULL when memory ran out. */
static struct err *heap_err(enum err_code code, char *text)
{
	struct err *e = text ? malloc(sizeof(*e)) : NULL;
	if (!e) {
		free(text);
		return &nomem;
	}
	*e = (struct err){.code = code, .home = HOME_HEAP, .text = text};
	return e;
}

struct err *err_new(enum err_code code, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return heap_err(code, text);
}

struct err *err_os(int errnum, const char *fmt, ...)
{
	va_list ap;
	char *head, *text;

	va_start(ap, fmt);
	if (vasprintf(&head, fmt, ap) < 0)
		head = NULL;
	va_end(ap);
	if (!head || asprintf(&text, "%s: %s", head, strerror(errnum)) < 0)
		text = NULL;
	free(head);
	return heap_err(ERR_OS, text);
}

struct err *err_fault(enum mem_state why, uint64_t addr)
{
	slot.err = (struct err){.code = ERR_FAULT, .home = HOME_SLOT, .state = why, .addr = addr};
	return &slot.err;
}

struct err *err_wrap(struct err *e, const char *fmt, ...)
{
	va_list ap;
	char *head, *text;

	if (!e || e->home == HOME_STATIC)
		return e;
	va_start(ap, fmt);
	if (vasprintf(&head, fmt, ap) < 0)
		head = NULL;
	va_end(ap);
	if (!head || asprintf(&text, "%s: %s", head, err_text(e)) < 0)
		text = NULL;
	free(head);

	struct err *w = heap_err(e->code, text);
	if (w->home == HOME_HEAP) {
		w->state = e->state;
		w->addr = e->addr;
	}
	err_free(e);
	return w;
}

struct err *err_keep(struct err *e)
{
	if (!e || e->home != HOME_SLOT)
		return e;
	struct err *k = heap_err(e->code, strdup(err_text(e)));
	if (k->home == HOME_HEAP) {
		k->state = e->state;
		k->addr = e->addr;
	}
	return k;
}

void err_free(struct err *e)
{
	if (!e || e->home != HOME_HEAP)
		return;
	free(e->text);
	free(e);
}

enum err_code err_code(const struct err *e)
{
	return e->code;
}

const char *err_text(const struct err *e)
{
	if (e->text)
		return e->text;
	snprintf(slot.text, sizeof(slot.text), "0x%" PRIx64 " %s: %s", e->addr,
		 mem_state_name(e->state), mem_state_help(e->state));
	return slot.text;
}

enum mem_state err_state(const struct err *e)
{
	return e->state;
}

uint64_t err_addr(const struct err *e)
{
	return e->addr;
}

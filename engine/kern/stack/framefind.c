/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/kern/stack/framefind.h"
#include <stdlib.h>
#include <string.h>

/* Calls fn for the calls of a stack, innermost first, until it says yes. */
static bool each_call(struct session *s, const struct stack *st,
		      bool (*fn)(const void *ctx, const struct stack_call *c), const void *ctx,
		      struct stack_call *ret)
{
	struct code_place place;

	*ret = (struct stack_call){.number = 0};
	for (ret->frame = 0; ret->frame < st->n; ret->frame++) {
		const struct frame *f = &st->frames[ret->frame];
		size_t n = f->user ? 1 : code_place_at(s, f->object, f->pc, f->exact, &place);
		for (ret->level = 0; ret->level < n; ret->level++, ret->number++) {
			ret->call = f->user ? (struct code_call){0} : code_place_call(&place, ret->level);
			if (fn(ctx, ret))
				return true;
		}
	}
	return false;
}

static bool has_number(const void *ctx, const struct stack_call *c)
{
	return c->number == *(const unsigned long *)ctx;
}

static bool has_name(const void *ctx, const struct stack_call *c)
{
	return c->call.function && !strcmp(c->call.function, ctx);
}

static bool is_at(const void *ctx, const struct stack_call *c)
{
	const struct stack_call *want = ctx;

	return c->frame == want->frame && c->level == want->level;
}

bool stack_find_call(struct session *s, const struct stack *st, const char *text,
		     struct stack_call *ret)
{
	const char *digits = text + (text[0] == '#');
	unsigned long number;
	char *end;

	if (!digits[0] || digits[strspn(digits, "0123456789")])
		return each_call(s, st, has_name, text, ret);
	number = strtoul(digits, &end, 10);
	return each_call(s, st, has_number, &number, ret);
}

bool stack_call_at(struct session *s, const struct stack *st, size_t frame, size_t level,
		   struct stack_call *ret)
{
	struct stack_call want = {.frame = frame, .level = level};

	return each_call(s, st, is_at, &want, ret);
}

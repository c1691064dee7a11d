/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which frame of a task's stack an address lies in, and in which of its variables.
 */
#include <inttypes.h>
#include "engine/base/alloc.h"
#include "engine/kern/memory/identimpl.h"
#include "engine/kern/stack/codeplace.h"
#include "engine/unwind/vars.h"

#define MAX_FRAMES 256

/* The variable of a frame, or of a call that is inlined there, that holds the address. */
static struct err *tell_variable(struct asking *a, const struct task *t, const struct stack *st, size_t index,
				 size_t levels)
{
	struct session *s = a->s;
	bool found = false;
	struct err *e = NULL;

	for (size_t level = 0; level < levels && !found && !e; level++) {
		struct var *v = NULL;
		size_t n = 0;
		const struct frame_scope at = {s->unwinder, s->lines, s->types, st, index, level};
		if (!err_ok(frame_vars(&at, true, &v, &n)))
			continue;
		for (size_t i = 0; i < n && !found; i++) {
			uint64_t offset = a->va - v[i].addr;
			found = v[i].state == VAR_MEMORY && v[i].type && a->va >= v[i].addr &&
				offset < type_size(v[i].type);
			if (!found)
				continue;
			AUTO_BUF struct buf type = {0};
			type_print_name(v[i].type, &type);
			type_print_decl(v[i].type, v[i].name, &a->text);
			ident_offset(&a->text, offset);
			ident_member(a, v[i].type, offset);
			buf_printf(&a->text, ", %s of frame #%zu", v[i].is_param ? "parameter" : "variable", index);
			struct ref ref = ref_object(intern_str(s->intern, buf_str(&type)), v[i].addr);
			e = ident_tell(a, &(struct ident){.kind = IDENT_VARIABLE, .name = v[i].name,
							  .start = v[i].addr, .size = type_size(v[i].type),
							  .offset = offset, .cpu = -1, .pid = t->pid,
							  .ref = ref});
		}
		free(v);
	}
	return e;
}

static struct err *tell_frame(struct asking *a, const struct task *t, const struct stack *st, size_t index)
{
	const struct frame *f = &st->frames[index];
	struct code_place place;
	size_t calls = code_place_at(a->s, f->object, f->pc, f->exact, &place);
	struct code_call call = code_place_call(&place, calls - 1);

	TRY(tell_variable(a, t, st, index, calls));
	if (!a->more)
		return NULL;
	buf_printf(&a->text, "frame #%zu %s, rsp 0x%" PRIx64 "-0x%" PRIx64 ", +0x%" PRIx64, index,
		   call.function ? call.function : "?", f->sp, f->cfa, a->va - f->sp);
	if (f->cfa - a->va <= 8)
		buf_puts(&a->text, ": its return address");
	return ident_tell(a, &(struct ident){.kind = IDENT_FRAME, .name = call.function ? call.function : "",
					     .start = f->sp, .size = f->cfa - f->sp, .offset = a->va - f->sp,
					     .cpu = -1, .pid = t->pid,
					     .ref = ref_frame(t->addr, (unsigned)index, 0)});
}

struct err *ident_frame(struct asking *a, const struct task *t)
{
	struct stack st;
	struct err *e = NULL;

	task_stack(a->s, t, MAX_FRAMES, &st);
	for (size_t i = 0; i < st.n; i++) {
		const struct frame *f = &st.frames[i];
		if (f->user || !f->cfa || a->va < f->sp || a->va >= f->cfa)
			continue;
		e = tell_frame(a, t, &st, i);
		break;
	}
	stack_free(&st);
	return e;
}

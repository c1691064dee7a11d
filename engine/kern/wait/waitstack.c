/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sleeping tasks whose stacks speak of an object. A variable that points into it is the best evidence;
 * next, one whose object has a pointer to it (a vfsmount's mnt_sb, an inode's i_sb): what a function
 * further in works on. Without debug info there are only the words of the frames.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/impl.h"
#include "engine/kern/stack/codeplace.h"
#include "engine/kern/wait/waiters.h"
#include "engine/unwind/vars.h"

#define FRAMES_MAX 64
#define LEVELS_MAX 16
#define FRAME_BYTES_MAX 4096
#define HOLDERS_MAX 16 /* pointers of one struct that are followed */

struct hunt {
	struct session *s;
	struct job *job;
	const struct type *type; /* stripped; NULL: not known */
	uint64_t addr, size;
	bool all;
	waiter_fn fn;
	void *ctx;
};

/* The best that one stack has. */
struct found {
	struct waiter w;
	char *path;
};

static bool inside(const struct hunt *h, uint64_t v)
{
	return v - h->addr < h->size;
}

static void keep(struct found *f, const struct task *t, size_t frame, size_t level, uint64_t value,
		 char *path)
{
	free(f->path);
	f->path = path;
	f->w = (struct waiter){.kind = WAITER_STACK, .task = t, .addr = value, .frame = frame, .level = level};
}

static bool same_struct(const struct type *a, const struct type *b)
{
	return type_kind(a) == type_kind(b) && type_name(a)[0] && !strcmp(type_name(a), type_name(b));
}

/* "->mnt_sb" of the object of type t at addr, when that member points to the one that is looked for. */
static const char *leads_there(const struct hunt *h, const struct type *t, uint64_t addr)
{
	size_t n, tried = 0;
	const struct member *m = type_members(t, &n);
	uint64_t v;

	for (size_t i = 0; i < n && tried < HOLDERS_MAX; i++) {
		const struct type *p = type_strip(m[i].type);
		if (type_kind(p) != TYPE_POINTER || !m[i].name[0] ||
		    !same_struct(type_strip(type_target(p)), h->type))
			continue;
		tried++;
		if (err_ok(mem_u64(h->s->mem, KERNEL, addr + m[i].bit_offset / 8, &v)) && v == h->addr)
			return m[i].name;
	}
	return NULL;
}

static bool pointer_value(const struct hunt *h, const struct var *v, uint64_t *ret)
{
	if (!v->type || type_kind(type_strip(v->type)) != TYPE_POINTER)
		return false;
	if (v->state == VAR_VALUE && v->size == 8)
		memcpy(ret, v->bytes, 8);
	else if (v->state != VAR_MEMORY || !err_ok(mem_u64(h->s->mem, KERNEL, v->addr, ret)))
		return false;
	return kern_pointer(h->s, *ret);
}

/* true: this is as good as it gets. */
static bool look_at_var(const struct hunt *h, const struct task *t, const struct var *v, size_t frame,
			size_t level, struct found *f)
{
	uint64_t value;
	const char *member;

	if (!pointer_value(h, v, &value))
		return false;
	if (inside(h, value)) {
		keep(f, t, frame, level, value, xstrdup(v->name));
		return true;
	}
	const struct type *target = type_strip(type_target(type_strip(v->type)));
	/* a task's own belongings are in reach of every switch of tasks */
	if (f->path || !h->type || type_kind(target) != TYPE_STRUCT ||
	    !strcmp(type_name(target), "task_struct") || !(member = leads_there(h, target, value)))
		return false;
	keep(f, t, frame, level, value, xasprintf("%s->%s", v->name, member));
	return false;
}

static bool look_at_frame(const struct hunt *h, const struct task *t, const struct stack *st, size_t i,
			  struct found *f)
{
	struct session *s = h->s;
	bool done = false;

	for (size_t level = 0; level < LEVELS_MAX && !done; level++) {
		struct var *v = NULL;
		size_t n = 0;
		const struct frame_scope at = {s->unwinder, s->lines, s->types, st, i, level};
		if (!err_ok(frame_vars(&at, true, &v, &n)))
			break;
		for (size_t k = 0; k < n && !done; k++)
			done = look_at_var(h, t, &v[k], i, level, f);
		free(v);
	}
	return done;
}

/* The words between this frame's stack pointer and its caller's. */
static bool look_at_words(const struct hunt *h, const struct task *t, const struct frame *fr, size_t i,
			  struct found *f)
{
	uint64_t words[FRAME_BYTES_MAX / 8];
	uint64_t size = fr->cfa > fr->sp ? fr->cfa - fr->sp : 0;
	size_t n = mem_read_some(h->s->mem, KERNEL, fr->sp, words,
				 size < sizeof(words) ? (size_t)size : sizeof(words), NULL) / 8;

	for (size_t k = 0; k < n; k++)
		if (inside(h, words[k])) {
			keep(f, t, i, 0, words[k], xstrdup(""));
			f->w.kind = WAITER_WORD;
			return true;
		}
	return false;
}

static const char *function_of(const struct hunt *h, const struct stack *st, const struct found *f)
{
	const struct frame *fr = &st->frames[f->w.frame];
	struct code_place place;
	size_t n = code_place_at(h->s, fr->object, fr->pc, fr->exact, &place);

	/* a word belongs to the whole frame, which is the outermost call's */
	return code_place_call(&place, f->w.kind == WAITER_WORD ? n - 1 : f->w.level).function;
}

static struct err *look_at_task(const struct hunt *h, const struct task *t)
{
	struct found f = {0};
	struct stack st;
	bool done = false;
	struct err *e = NULL;

	task_stack(h->s, t, FRAMES_MAX, &st);
	for (size_t i = 0; i < st.n && !done && !st.frames[i].user; i++)
		done = look_at_frame(h, t, &st, i, &f);
	for (size_t i = 0; i < st.n && !done && !f.path && !st.frames[i].user; i++)
		done = look_at_words(h, t, &st.frames[i], i, &f);
	if (f.path) {
		f.w.path = f.path;
		f.w.function = function_of(h, &st, &f);
		e = h->fn(h->ctx, &f.w);
	}
	free(f.path);
	stack_free(&st);
	return e;
}

static bool sleeps(const struct task *t, bool all)
{
	if (t->active)
		return false;
	return !strncmp(t->letters, "UN", 2) || (all && (!strncmp(t->letters, "IN", 2) ||
							 !strncmp(t->letters, "ID", 2)));
}

struct err *waiters_on_stacks(struct session *s, const struct type *t, uint64_t addr, uint64_t size,
			      bool all, struct job *job, waiter_fn fn, void *ctx)
{
	struct hunt h = {s, job, t ? type_strip(t) : NULL, addr, size ? size : 1, all, fn, ctx};
	const struct tasks *ts;

	TRY(tasks_load(s, job, &ts));
	job_set_total(job, tasks_count(ts));
	for (size_t i = 0; i < tasks_count(ts); i++) {
		TRY(job_tick(job, 1));
		if (sleeps(tasks_at(ts, i), all))
			TRY(look_at_task(&h, tasks_at(ts, i)));
	}
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wheel has a few hundred hash lists, an hrtimer base a tree; both are collected and sorted by when they
 * expire. The now of the one is jiffies, of the other the monotonic time of the last tick.
 */
#include "engine/kern/time/timers.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/container/known.h"
#include "engine/kern/impl.h"
#include "engine/kern/system.h"

#define TIMERS_MAX (1u << 20)
#define BASES_MAX 16

/* What the functions that only wake something know of what they wake. */
static const struct {
	const char *function, *type, *timer, *target;
	bool task;
} wakers[] = {
	{"delayed_work_timer_fn", "struct delayed_work", "timer", "work.func", false},
	{"process_timeout", "struct process_timer", "timer", "task", true},
	{"hrtimer_wakeup", "struct hrtimer_sleeper", "timer", "task", true},
};
#define WAKERS (sizeof(wakers) / sizeof(*wakers))

enum { TM_EXPIRES, TM_SOFT, TM_FUNCTION, TM_MEMBERS };

struct reader {
	struct session *s;
	struct job *job;
	struct kern_member m[TM_MEMBERS];
	uint64_t waker[WAKERS];			/* addresses; 0: none */
	struct kern_member wm[WAKERS][2];
	struct timer_info now;			/* what all timers of a base have */
	int64_t now_at;				/* jiffies, or ns of the base's clock */
	uint64_t unit;				/* ns of one; 0: not known */
	struct timer_info *v;
	size_t n, cap;
	struct err *(*fn)(void *ctx, const struct timer_info *t);
	void *ctx;
};

static void find_wakers(struct reader *r)
{
	for (size_t i = 0; i < WAKERS; i++) {
		r->wm[i][0].names = wakers[i].timer;
		r->wm[i][1].names = wakers[i].target;
		kern_members(r->s, wakers[i].type, r->wm[i], 2);
		if (!r->wm[i][0].found || !r->wm[i][1].found ||
		    !err_ok(kern_symbol(r->s, wakers[i].function, &r->waker[i])))
			r->waker[i] = 0;
	}
}

static void find_target(struct reader *r, struct timer_info *t)
{
	for (size_t i = 0; i < WAKERS; i++)
		if (t->function && t->function == r->waker[i]) {
			uint64_t whole = t->addr - r->wm[i][0].place.offset;
			if (!err_ok(kern_read(r->s, whole, &r->wm[i][1], &t->target)))
				t->target = 0;
			t->target_is_task = wakers[i].task;
		}
}

/* ---- one base ---- */

static struct err *collect(void *ctx, const struct element *e)
{
	struct reader *r = ctx;
	struct timer_info t = r->now;
	int64_t d;

	if (r->n >= TIMERS_MAX)
		return NULL;
	t.addr = e->addr ? e->addr : e->node;
	if (e->kind == ELEMENT_DAMAGE) {
		t.damage = intern_str(r->s->intern, e->damage);
		t.expires = UINT64_MAX; /* to the end of its base */
	} else {
		if (!err_ok(kern_read(r->s, t.addr, &r->m[TM_EXPIRES], &t.expires)))
			t.expires = UINT64_MAX;
		if (!r->m[TM_SOFT].found || !err_ok(kern_read(r->s, t.addr, &r->m[TM_SOFT], &t.soft)))
			t.soft = t.expires;
		if (!err_ok(kern_read(r->s, t.addr, &r->m[TM_FUNCTION], &t.function)))
			t.function = 0;
		d = (int64_t)(t.expires - (uint64_t)r->now_at);
		t.known = r->unit && t.expires != UINT64_MAX &&
			  !__builtin_mul_overflow(d, (int64_t)r->unit, &t.in_ns);
		find_target(r, &t);
	}
	GROW(r->v, r->n, r->cap);
	r->v[r->n++] = t;
	return NULL;
}

static int by_time(const void *a, const void *b)
{
	const struct timer_info *x = a, *y = b;

	if (x->expires != y->expires)
		return x->expires < y->expires ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static struct err *give_all(struct reader *r)
{
	struct err *e = NULL;

	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), by_time);
	for (size_t i = 0; i < r->n && !e; i++)
		e = r->fn(r->ctx, &r->v[i]);
	r->n = 0;
	return e;
}

static struct err *members_of(struct reader *r, const char *type, const char *expires, const char *soft)
{
	r->m[TM_EXPIRES].names = expires;
	r->m[TM_SOFT].names = soft;
	r->m[TM_FUNCTION].names = "function";
	if (!kern_members(r->s, type, r->m, TM_MEMBERS) || !r->m[TM_EXPIRES].found)
		return err_new(ERR_NODEBUG, "timers can't be read without %s: %s", type, kern_why_no_types(r->s));
	return NULL;
}

/* An array in a per-CPU variable, or the variable itself: address of element i of `count`. */
static struct err *array_of(struct session *s, const char *symbol, const char *type, unsigned cpu,
			    uint64_t *at, uint64_t *size, uint64_t *count)
{
	const struct type *t;
	struct sym sym;

	TRY(kern_percpu(s, symbol, cpu, at));
	TRY(type_find(s->types, type, NULL, &t));
	*size = type_size(t);
	*count = *size && sym_find(s->symtab, symbol, &sym) && sym.size >= *size ? sym.size / *size : 1;
	return *size ? NULL : err_new(ERR_NODEBUG, "%s has no size", type);
}

/* ---- the wheel ---- */

/* With two bases (up to 6.9), with three, and on a kernel that never stops its tick. */
static const char *wheel_name(uint64_t i, uint64_t count)
{
	static const char *const two[] = {"standard", "deferrable"};
	static const char *const three[] = {"local", "global", "deferrable"};

	return count == 3 ? three[i] : count == 2 ? two[i] : "standard";
}

static struct err *one_wheel(struct reader *r, uint64_t base, const struct kern_member *vectors)
{
	struct container list = {.kind = CONTAINER_HLIST};
	uint64_t count;

	if (!type_array_count(type_strip(vectors->place.type), &count) || count > 65536)
		return NULL;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t first;
		list.root = base + vectors->place.offset + 8 * i;
		TRY(job_tick(r->job, 1));
		if (err_ok(mem_u64(r->s->mem, KERNEL, list.root, &first)) && !first)
			continue;
		TRY(container_walk(r->s, &list, r->job, collect, r, NULL));
	}
	return give_all(r);
}

static struct err *wheels(struct reader *r, unsigned cpu)
{
	struct kern_member vectors = {.names = "vectors"};
	uint64_t at, size, count, jiffies = 0, symbol;

	TRY(members_of(r, "struct timer_list", "expires", "-"));
	TRY(array_of(r->s, "timer_bases", "struct timer_base", cpu, &at, &size, &count));
	if (!kern_members(r->s, "struct timer_base", &vectors, 1))
		return err_new(ERR_UNSUPPORTED, "this kernel's struct timer_base has no 'vectors'");
	r->unit = system_tick(r->s);
	if (!err_ok(kern_symbol(r->s, "jiffies_64", &symbol)) ||
	    !err_ok(mem_u64(r->s->mem, KERNEL, symbol, &jiffies)))
		r->unit = 0;
	r->now_at = (int64_t)jiffies;
	for (uint64_t i = 0; i < count && i < BASES_MAX; i++) {
		r->now = (struct timer_info){.cpu = cpu, .base = wheel_name(i, count)};
		TRY(one_wheel(r, at + i * size, &vectors));
	}
	return NULL;
}

/* ---- high resolution ---- */

enum { CB_CLOCK, CB_OFFSET, CB_MEMBERS };

static const char *clock_name(struct session *s, uint64_t id, bool soft)
{
	const char *name = id == 0 ? "realtime" : id == 1 ? "monotonic" : id == 7 ? "boottime" : id == 11 ? "tai" : NULL;
	AUTO_FREE char *text = name ? xasprintf("%s%s", name, soft ? " soft" : "")
				    : xasprintf("clock %" PRIu64 "%s", id, soft ? " soft" : "");

	return intern_str(s->intern, text);
}

/* The monotonic time of the last tick. */
static bool monotonic_now(struct session *s, int64_t *ret)
{
	uint64_t at, v;

	if (err_ok(kern_symbol(s, "last_jiffies_update", &at)) && err_ok(mem_u64(s->mem, KERNEL, at, &v)) && v) {
		*ret = (int64_t)v;
		return true;
	}
	v = system_clock(s);
	*ret = (int64_t)v;
	return v != 0;
}

static struct err *one_clock(struct reader *r, const struct type *t, uint64_t base,
			     const struct kern_member *m, bool soft)
{
	struct holding h;
	uint64_t id = UINT64_MAX, offset = 0;
	int64_t now;

	if (!err_ok(kern_read(r->s, base, &m[CB_CLOCK], &id)))
		id = UINT64_MAX;
	if (m[CB_OFFSET].found && !err_ok(kern_read(r->s, base, &m[CB_OFFSET], &offset)))
		offset = 0;
	r->unit = monotonic_now(r->s, &now);
	r->now_at = (int64_t)((uint64_t)now + offset); /* a damaged one may be anything */
	r->now.base = clock_name(r->s, id, soft);
	TRY(holding_of_member(r->s, t, "active", base, &h));
	h.c.sorted = true;
	TRY(container_walk(r->s, &h.c, r->job, collect, r, NULL));
	return give_all(r);
}

static struct err *hrtimers(struct reader *r, unsigned cpu)
{
	struct kern_member bases = {.names = "clock_base"};
	struct kern_member m[CB_MEMBERS] = {[CB_CLOCK] = {.names = "clockid"}, [CB_OFFSET] = {.names = "offset"}};
	const struct type *t;
	uint64_t at, count;

	TRY(members_of(r, "struct hrtimer", "node.expires", "_softexpires"));
	TRY(kern_percpu(r->s, "hrtimer_bases", cpu, &at));
	if (!kern_members(r->s, "struct hrtimer_cpu_base", &bases, 1) ||
	    !type_array_count(type_strip(bases.place.type), &count) || count > BASES_MAX)
		return err_new(ERR_UNSUPPORTED, "this kernel's struct hrtimer_cpu_base has no 'clock_base'");
	kern_members(r->s, "struct hrtimer_clock_base", m, CB_MEMBERS);
	t = type_strip(type_target(type_strip(bases.place.type)));
	for (uint64_t i = 0; i < count; i++) {
		r->now = (struct timer_info){.cpu = cpu, .hr = true};
		/* the second half is run by the softirq, since 4.16 */
		TRY(one_clock(r, t, at + bases.place.offset + i * type_size(t), m, count == 8 && i >= 4));
	}
	return NULL;
}

struct err *timers_each(struct session *s, unsigned cpu, unsigned which, struct job *job,
			struct err *(*fn)(void *ctx, const struct timer_info *t), void *ctx)
{
	struct reader r = {.s = s, .job = job, .fn = fn, .ctx = ctx};
	struct err *e = NULL;

	find_wakers(&r);
	if (which & TIMERS_WHEEL)
		e = wheels(&r, cpu);
	if (!e && which & TIMERS_HR)
		e = hrtimers(&r, cpu);
	free(r.v);
	return e;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crash's `timer`: what will happen when, on which CPU. */
#include "engine/base/alloc.h"
#include "engine/cmd/commands.h"
#include "engine/cmd/parse.h"
#include "engine/kern/time/timers.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CPU, BASE, EXPIRES, IN, TIMER, FUNCTION, FOR, HR, PROBLEM, COLS };
static const struct col cols[COLS] = {
	[CPU] = {"cpu", "CPU", "on which CPU", COL_RIGHT, 0, 0},
	[BASE] = {"base", "BASE", "which wheel (standard, local, global, deferrable), or which clock", 0, 0, 2},
	[EXPIRES] = {"expires", "EXPIRES", "when: in jiffies; of hrtimers in ns of their clock", COL_RIGHT, 0, 3},
	[IN] = {"in_ns", "IN", "how long until then, in ns; negative: it is overdue; null: not known", COL_RIGHT, 0, 0},
	[TIMER] = {"timer", "TIMER", "address of its timer_list or hrtimer", 0, 18, 4},
	[FUNCTION] = {"function", "FUNCTION", "what is called then", 0, 0, 0},
	[FOR] = {"for", "FOR", "whom that wakes, or the work that it queues", COL_GROW, 0, 0},
	[HR] = {"hrtimer", "", "of high resolution?", COL_DATA, 0, 0},
	[PROBLEM] = {"problem", "", "damage: what is wrong here; null for timers", COL_DATA, 0, 0},
};
static const struct table timer_table = {.name = "timer", .cols = cols, .ncols = COLS};

struct timer_call {
	const struct cmd_call *c;
	const struct tasks *tasks; /* may be NULL */
	size_t damages;
};

static struct cell symbol_cell(struct session *s, uint64_t addr, struct buf *text)
{
	struct sym sym;
	uint64_t off;

	if (!addr)
		return cell_shown(cell_absent(), "");
	if (!sym_at(s->symtab, addr, &sym, &off))
		return cell_addr(addr);
	buf_put_safe(text, sym.name, strlen(sym.name));
	if (off)
		buf_printf(text, "+0x%" PRIx64, off);
	return cell_link(cell_role(cell_text(buf_str(text)), ROLE_NAME),
			 (struct ref){REF_SYM, addr, 0, intern_str(s->intern, sym.name)});
}

static struct cell target_cell(const struct timer_call *k, const struct timer_info *t, struct buf *text)
{
	if (!t->target_is_task)
		return symbol_cell(k->c->session, t->target, text);
	if (!t->target)
		return cell_shown(cell_absent(), "");
	const struct task *task = k->tasks ? task_by_addr(k->tasks, t->target) : NULL;
	if (!task)
		return cell_link(cell_addr(t->target), ref_object("struct task_struct", t->target));
	buf_printf(text, "pid %d ", task->pid);
	buf_put_safe(text, task->comm, strlen(task->comm));
	return cell_link(cell_text(buf_str(text)), ref_addr(REF_TASK, t->target));
}

static struct err *damage_row(struct timer_call *k, const struct timer_info *t)
{
	struct cell cells[COLS];

	k->damages++;
	for (size_t i = 0; i < COLS; i++)
		cells[i] = cell_shown(cell_absent(), "");
	cells[CPU] = cell_uint(t->cpu);
	cells[BASE] = cell_text(t->base);
	cells[TIMER] = cell_addr(t->addr);
	cells[HR] = cell_bool(t->hr);
	cells[FOR] = cell_role(cell_shown(cell_absent(), t->damage), ROLE_BAD);
	cells[PROBLEM] = cell_text(t->damage);
	return sink_row(k->c->out, &(struct row){.cells = cells, .role = ROLE_BAD, .ref = ref_addr(REF_MEM, t->addr)});
}

static struct err *on_timer(void *ctx, const struct timer_info *t)
{
	struct timer_call *k = ctx;
	AUTO_BUF struct buf in = {0}, function = {0}, target = {0};
	char key[24];

	if (t->damage)
		return damage_row(k, t);
	TRY(job_tick(k->c->job, 1));
	if (t->known) {
		buf_puts(&in, t->in_ns < 0 ? "-" : "");
		print_ns(t->in_ns < 0 ? -(uint64_t)t->in_ns : (uint64_t)t->in_ns, &in);
	}
	snprintf(key, sizeof(key), "%" PRIx64, t->addr);
	struct ref ref = ref_object(t->hr ? "struct hrtimer" : "struct timer_list", t->addr);
	struct cell cells[COLS] = {
		[CPU] = cell_uint(t->cpu),
		[BASE] = cell_text(t->base),
		[EXPIRES] = t->expires == UINT64_MAX ? cell_fault(MEM_LOST) : cell_uint(t->expires),
		[IN] = t->known ? cell_shown(cell_int(t->in_ns), buf_str(&in)) : cell_absent(),
		[TIMER] = cell_link(cell_addr(t->addr), ref),
		[FUNCTION] = symbol_cell(k->c->session, t->function, &function),
		[FOR] = target_cell(k, t, &target),
		[HR] = cell_bool(t->hr),
		[PROBLEM] = cell_absent(),
	};
	return sink_row(k->c->out, &(struct row){.cells = cells, .key = key, .ref = ref,
						 .role = t->known && t->in_ns < 0 ? ROLE_WARN : ROLE_NORMAL});
}

/* "1,3-5": which CPUs. */
static struct err *cpu_wanted(const char *list, unsigned cpu, bool *ret)
{
	const char *p = list;
	unsigned from, to;
	int n;

	*ret = !list;
	while (p && *p) {
		if (sscanf(p, "%u-%u%n", &from, &to, &n) < 2) {
			if (sscanf(p, "%u%n", &from, &n) < 1)
				return err_new(ERR_USAGE, "'%s' is no list of CPUs: expected one like 0,2-3", list);
			to = from;
		}
		*ret |= cpu >= from && cpu <= to;
		p += n;
		if (*p && *p++ != ',')
			return err_new(ERR_USAGE, "'%s' is no list of CPUs: expected one like 0,2-3", list);
	}
	return NULL;
}

/* What one CPU's timers can't be read for costs nothing but them. */
static struct err *timers_of(struct timer_call *k, unsigned cpu, unsigned which)
{
	static const unsigned kinds[] = {TIMERS_WHEEL, TIMERS_HR};

	for (size_t i = 0; i < 2; i++) {
		struct err *e = which & kinds[i]
					? timers_each(k->c->session, cpu, kinds[i], k->c->job, on_timer, k) : NULL;
		if (e && err_code(e) != ERR_FAULT)
			return e;
		if (e)
			sink_note(k->c->out, ROLE_FAULT, "%s of CPU %u can't be read: %s",
				  kinds[i] == TIMERS_HR ? "high-resolution timers" : "timers", cpu, err_text(e));
		err_free(e);
	}
	return NULL;
}

static struct err *run(const struct cmd_call *c)
{
	struct timer_call k = {.c = c};
	const char *list = c->args->has['C'] ? c->args->value['C'] : NULL;
	unsigned which = (c->args->has['r'] ? TIMERS_HR : 0) | (c->args->has['w'] ? TIMERS_WHEEL : 0);
	bool wanted, any = false;

	if (!err_ok(tasks_load(c->session, c->job, &k.tasks)))
		k.tasks = NULL;
	AUTO_FREE char *crash = xasprintf("timer%s%s%s", which == TIMERS_HR ? " -r" : "", list ? " -C " : "",
					  list ? list : "");
	TRY(sink_begin(c->out, &timer_table, NULL, crash, "Timers"));
	for (unsigned cpu = 0; cpu < c->session->ncpus; cpu++) {
		TRY(cpu_wanted(list, cpu, &wanted));
		any |= wanted;
		if (wanted)
			TRY(timers_of(&k, cpu, which ? which : TIMERS_WHEEL | TIMERS_HR));
	}
	if (!any)
		return err_new(ERR_USAGE, "there is no CPU %s: this dump has %u", list, c->session->ncpus);
	if (k.damages)
		sink_note(c->out, ROLE_BAD, "%zu place%s in the timers' lists and trees %s damaged", k.damages,
			  k.damages == 1 ? "" : "s", k.damages == 1 ? "is" : "are");
	return NULL;
}

const struct cmd cmd_timer = {
	.name = "timer",
	.group = "kernel",
	.summary = "timers that wait, by CPU and when they expire",
	.details = "Those of the timer wheel and the high-resolution ones, with the function that is called then and whom it "
		   "wakes or which work it queues. The time left counts from the last tick before the dump.",
	.options = (const struct cmd_option[]){
		{'r', ARG_NONE, NULL, "high-resolution timers only"},
		{'w', ARG_NONE, NULL, "those of the timer wheel only"},
		{'C', ARG_WORD, "CPUS", "of these CPUs: 1, 0,2-3"},
		{0}},
	.examples = (const struct cmd_example[]){
		{"timer", "all of them"},
		{"timer -r -C 0", "the high-resolution timers of CPU 0"},
		{0}},
	.table = &timer_table,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading one task_struct. It is nearly 10 KB, of which some 25 words are wanted: those are read in
 * a few runs of bytes, with a state a word, so that a page that is lost costs only what lies in it.
 */
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/task/taskimpl.h"

/* Newest name first. */
static const char *const names[TM_COUNT] = {
	[TM_PID] = "pid",
	[TM_TGID] = "tgid",
	[TM_STATE] = "__state|state", /* 5.14 */
	[TM_EXIT] = "exit_state",
	[TM_FLAGS] = "flags",
	[TM_CPU] = "thread_info.cpu|cpu", /* 5.16 */
	[TM_COMM] = "comm",
	[TM_STACK] = "stack",
	[TM_SP] = "thread.sp",
	[TM_MM] = "mm",
	[TM_ARRIVAL] = "sched_info.last_arrival|last_run|timestamp",
	[TM_PARENT] = "real_parent",
	[TM_LEADER] = "group_leader",
	[TM_SIGNAL] = "signal",
	[TM_TASKS_NEXT] = "tasks.next",
	[TM_TASKS_PREV] = "tasks.prev",
	[TM_THREAD_NEXT] = "thread_node.next",
	[TM_THREAD_PREV] = "thread_node.prev",
	[TM_CHILDREN_NEXT] = "children.next",
	[TM_CHILDREN_PREV] = "children.prev",
	[TM_SIBLING_NEXT] = "sibling.next",
	[TM_SIBLING_PREV] = "sibling.prev",
	[TM_PID_LINK] = "pid_links[0]|pids[0].node", /* 4.19 */
	[TM_RUN_CFS] = "se.group_node",
	[TM_RUN_RT] = "rt.run_list",
};

#define IMAGE_MAX (256u << 10) /* no sane task_struct is larger */
#define SPAN_GAP 256	       /* bytes worth reading rather than starting anew */

/* Nodes are only places: nobody reads them here. */
static bool is_read(enum task_member m)
{
	return m < TM_PID_LINK;
}

static size_t member_size(const struct task_reader *r, enum task_member m)
{
	uint64_t n = r->m[m].found ? type_size(r->m[m].place.type) : 0;

	return n && n <= 64 ? n : 8;
}

/* Adds a member's bytes, in whole words, to the spans, which are in order and don't overlap. */
static void add_span(struct task_reader *r, size_t start, size_t end)
{
	size_t i = 0;

	start &= ~(size_t)7;
	end = (end + 7) & ~(size_t)7;
	while (i < r->nspans && r->span[i].start + r->span[i].n + SPAN_GAP < start)
		i++;
	if (i < r->nspans && r->span[i].start <= end + SPAN_GAP) {
		size_t old_end = r->span[i].start + r->span[i].n;
		r->span[i].start = start < r->span[i].start ? start : r->span[i].start;
		r->span[i].n = (end > old_end ? end : old_end) - r->span[i].start;
		return;
	}
	if (r->nspans == TASK_SPANS) { /* never with 25 members, but cheap to be right about */
		r->span[0].start = 0;
		r->span[0].n = r->size;
		r->nspans = 1;
		return;
	}
	memmove(&r->span[i + 1], &r->span[i], (r->nspans - i) * sizeof(r->span[0]));
	r->span[i].start = start;
	r->span[i].n = end - start;
	r->nspans++;
}

bool task_reader_init(struct task_reader *r, struct session *s)
{
	memset(r, 0, sizeof(*r));
	r->s = s;
	for (size_t i = 0; i < TM_COUNT; i++)
		r->m[i].names = names[i];
	if (!kern_members(s, "struct task_struct", r->m, TM_COUNT))
		return false;
	r->thread_head.names = "thread_head";
	kern_members(s, "struct signal_struct", &r->thread_head, 1);
	for (enum task_member m = 0; m < TM_COUNT; m++) {
		if (r->m[m].found && r->m[m].place.offset > IMAGE_MAX)
			r->m[m] = (struct kern_member){.names = names[m]};
		size_t end = r->m[m].found ? r->m[m].place.offset + member_size(r, m) : 0;
		r->size = is_read(m) && end > r->size ? end : r->size;
	}
	r->size = (r->size + 7) & ~(size_t)7;
	for (enum task_member m = 0; m < TM_PID_LINK; m++)
		if (r->m[m].found)
			add_span(r, r->m[m].place.offset, r->m[m].place.offset + member_size(r, m));
	r->image = xcalloc(r->size + 16, 1);
	r->states = xcalloc(r->size / 8 + 2, 1);
	return r->m[TM_PID].found || r->m[TM_COMM].found;
}

void task_reader_done(struct task_reader *r)
{
	free(r->image);
	free(r->states);
}

void task_read(struct task_reader *r, uint64_t addr)
{
	r->addr = addr;
	for (size_t i = 0; i < r->nspans; i++)
		mem_read_holes(r->s->mem, KERNEL, addr + r->span[i].start,
			       r->image + r->span[i].start, r->span[i].n,
			       r->states + r->span[i].start / 8);
}

static bool readable(const struct task_reader *r, size_t start, size_t n, enum mem_state *why)
{
	for (size_t w = start / 8; w <= (start + n - 1) / 8; w++) {
		enum mem_state st = r->states[w];
		if (!mem_readable(st)) {
			if (why)
				*why = st;
			return false;
		}
	}
	return true;
}

enum got task_get(const struct task_reader *r, enum task_member m, uint64_t *ret,
		  enum mem_state *why)
{
	const struct kern_member *k = &r->m[m];

	*ret = 0;
	if (!k->found)
		return GOT_ABSENT;
	if (!readable(r, k->place.offset, member_size(r, m), why))
		return GOT_FAULT;
	return kern_decode(k, r->image, r->size, ret) ? GOT : GOT_ABSENT;
}

enum got task_get_comm(const struct task_reader *r, char *comm, enum mem_state *why)
{
	const struct kern_member *k = &r->m[TM_COMM];
	size_t n = member_size(r, TM_COMM);

	memset(comm, 0, 16);
	if (!k->found)
		return GOT_ABSENT;
	if (!readable(r, k->place.offset, n, why))
		return GOT_FAULT;
	memcpy(comm, r->image + k->place.offset, n < 16 ? n : 15);
	return GOT;
}

bool task_node(const struct task_reader *r, enum task_member m, uint64_t *ret)
{
	*ret = r->m[m].place.offset;
	return r->m[m].found;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PID tree: init_pid_ns.idr holds a struct pid for each pid, whose first list leads to the task
 * that has it. Every thread of every namespace has a number there. The tree is an xarray since 4.20
 * and was a radix tree before; they differ in the tag of inner nodes and in names.
 *
 * A lost node costs its 64 pids (or 64 times 64), and is told as such: those tasks must come from
 * the other sources.
 *
 * Sources: Linux' include/linux/xarray.h, lib/idr.c, kernel/pid.c, include/linux/radix-tree.h
 * (v4.19).
 */
#include <inttypes.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/task/taskimpl.h"

#define SLOTS_MAX 1024
#define DEPTH_MAX 12
#define PIDS_MAX 4194304u /* PID_MAX_LIMIT: more indexes than that are damage */
#define PID_IMAGE_MAX 1024

enum { PM_HEAD, PM_BASE, PM_NS };
enum { NM_SHIFT, NM_SLOTS, NM_NODE };
enum { PD_FIRST, PD_NR, PD_PID };

struct pid_tree {
	struct task_finder *f;
	struct kern_member ns[PM_NS], node[NM_NODE], pid[PD_PID];
	unsigned slots, slot_bits;
	uint64_t inner_tag;
	uint64_t pid_link; /* offset of the list node in task_struct */
	size_t pid_size;   /* bytes to read of a struct pid */
	uint64_t nodes, lost_nodes, lost_pids, first_lost;
	enum mem_state why;
};

static bool setup(struct pid_tree *t)
{
	struct session *s = t->f->s;
	uint64_t count;

	t->ns[PM_HEAD].names = "idr.idr_rt.xa_head|idr.idr_rt.rnode";
	t->ns[PM_BASE].names = "idr.idr_base";
	t->node[NM_SHIFT].names = "shift";
	t->node[NM_SLOTS].names = "slots";
	t->pid[PD_FIRST].names = "tasks[0].first";
	t->pid[PD_NR].names = "numbers[0].nr";
	kern_members(s, "struct pid_namespace", t->ns, PM_NS);
	bool xarray = kern_members(s, "struct xa_node", t->node, NM_NODE);
	if (!xarray)
		kern_members(s, "struct radix_tree_node", t->node, NM_NODE);
	kern_members(s, "struct pid", t->pid, PD_PID);
	if (!t->ns[PM_HEAD].found || !t->node[NM_SHIFT].found || !t->node[NM_SLOTS].found ||
	    !t->pid[PD_FIRST].found || !task_node(&t->f->reader, TM_PID_LINK, &t->pid_link))
		return false;
	if (!type_array_count(type_strip(t->node[NM_SLOTS].place.type), &count) || count < 2 ||
	    count > SLOTS_MAX || count & (count - 1))
		return false;
	t->slots = (unsigned)count;
	t->slot_bits = (unsigned)__builtin_ctz(t->slots);
	t->inner_tag = xarray ? 2 : 1; /* as xa_mk_node(), RADIX_TREE_INTERNAL_NODE */
	if (t->pid[PD_FIRST].place.offset > PID_IMAGE_MAX || t->pid[PD_NR].place.offset > PID_IMAGE_MAX)
		return false;
	t->pid_size = t->pid[PD_FIRST].place.offset + 8;
	if (t->pid[PD_NR].found && t->pid[PD_NR].place.offset + 8 > t->pid_size)
		t->pid_size = t->pid[PD_NR].place.offset + 8;
	return t->pid_size <= PID_IMAGE_MAX;
}

static void lose(struct pid_tree *t, struct err *e, uint64_t index, bool node)
{
	if (!t->lost_nodes && !t->lost_pids) {
		t->first_lost = index;
		t->why = err_code(e) == ERR_FAULT ? err_state(e) : MEM_LOST;
	}
	t->f->lost |= err_code(e) != ERR_FAULT || err_state(e) == MEM_LOST;
	t->lost_nodes += node;
	t->lost_pids += !node;
	err_free(e);
}

/* A struct pid leads to the task that has this number; to none if it only names a group. */
static void visit_pid(struct pid_tree *t, uint64_t pid, uint64_t index)
{
	uint8_t image[PID_IMAGE_MAX];
	uint64_t first, nr = index;

	if (!kern_pointer(t->f->s, pid))
		return;
	struct err *e = mem_read(t->f->s->mem, KERNEL, pid, image, t->pid_size);
	if (e) {
		lose(t, e, index, false);
		return;
	}
	kern_decode(&t->pid[PD_NR], image, t->pid_size, &nr);
	if (nr != index) {
		finder_problem(t->f,
			       "PID tree: the struct pid 0x%" PRIx64 " of pid %" PRIu64
			       " says it is %" PRIu64,
			       pid, index, nr);
		return;
	}
	if (kern_decode(&t->pid[PD_FIRST], image, t->pid_size, &first) && first)
		finder_add(t->f, &(struct candidate){first - t->pid_link, FOUND_PID_TREE,
						     (int32_t)index, -1});
}

static struct err *visit(struct pid_tree *t, uint64_t entry, uint64_t index, unsigned above,
			 int depth);

static struct err *visit_node(struct pid_tree *t, uint64_t node, uint64_t index, unsigned above,
			      int depth)
{
	struct session *s = t->f->s;
	uint64_t slots[SLOTS_MAX], shift;

	struct err *e = kern_read(s, node, &t->node[NM_SHIFT], &shift);
	if (!e)
		e = mem_read(s->mem, KERNEL, kern_at(node, &t->node[NM_SLOTS]), slots,
			     t->slots * sizeof(slots[0]));
	if (!e && (shift >= above || shift % t->slot_bits))
		e = err_new(ERR_CORRUPT, "node 0x%" PRIx64 " has shift %" PRIu64 " below %u", node,
			    shift, above);
	if (e) {
		lose(t, e, index, true);
		return NULL;
	}
	for (uint64_t i = 0; i < t->slots; i++) {
		uint64_t at = index + (i << shift);
		if (slots[i] && at <= PIDS_MAX)
			TRY(visit(t, slots[i], at, (unsigned)shift, depth + 1));
	}
	return NULL;
}

static struct err *visit(struct pid_tree *t, uint64_t entry, uint64_t index, unsigned above,
			 int depth)
{
	TRY(job_tick(t->f->job, 1));
	if ((entry & 3) == t->inner_tag && entry > 4096) {
		if (depth > DEPTH_MAX || ++t->nodes > PIDS_MAX / t->slots * 2) {
			lose(t, err_new(ERR_CORRUPT, "too many nodes"), index, true);
			return NULL;
		}
		return visit_node(t, entry - t->inner_tag, index, above, depth);
	}
	if (!(entry & 3))
		visit_pid(t, entry, index);
	return NULL;
}

static void tell_losses(struct pid_tree *t)
{
	if (t->lost_nodes)
		finder_problem(t->f,
			       "PID tree: %" PRIu64 " of its nodes can't be read (%s), the "
			       "first from pid %" PRIu64 " on: tasks there come from the other "
			       "lists, if any has them",
			       t->lost_nodes, mem_state_name(t->why), t->first_lost);
	if (t->lost_pids)
		finder_problem(t->f,
			       "PID tree: %" PRIu64 " struct pids can't be read (%s): their "
			       "tasks come from the other lists, if any has them",
			       t->lost_pids, mem_state_name(t->why));
}

struct err *find_by_pid_tree(struct task_finder *f)
{
	struct pid_tree t = {.f = f};
	uint64_t ns, head, base = 0;

	if (!setup(&t)) {
		finder_problem(f,
			       "PID tree: this kernel's types have none that is known: tasks come "
			       "from the task list and the run queues");
		return NULL;
	}
	struct err *e = kern_symbol(f->s, "init_pid_ns", &ns);
	if (!e)
		e = kern_read(f->s, ns, &t.ns[PM_HEAD], &head);
	if (e) {
		finder_problem(f, "PID tree: %s", err_text(e));
		f->lost |= err_code(e) == ERR_FAULT;
		err_free(e);
		return NULL;
	}
	if (t.ns[PM_BASE].found)
		err_free(kern_read(f->s, ns, &t.ns[PM_BASE], &base));
	TRY(visit(&t, head, base, 64, 0));
	tell_losses(&t);
	f->have_tree = !t.lost_nodes && !t.lost_pids; /* else it has had its say */
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounts of a mount namespace: a list up to 6.7, a red-black tree since.
 */
#include "engine/kern/fs/mounts.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/kern/container/container.h"
#include "engine/kern/fs/path.h"
#include "engine/kern/impl.h"

#define MOUNTS_MAX (1u << 20)
#define MNT_CURSOR 0x10000000u /* of a reader of /proc/mounts (5.8 to 6.7): no mount */

enum {
	MT_MNT,
	MT_NODE,
	MT_LIST,
	MT_DEVNAME,
	MT_ROOT,
	MT_SB,
	MT_FLAGS,
	MT_MEMBERS
};
static const char *const mount_names[MT_MEMBERS] = {
	[MT_MNT] = "mnt",
	[MT_NODE] = "mnt_node",
	[MT_LIST] = "mnt_list",
	[MT_DEVNAME] = "mnt_devname",
	[MT_ROOT] = "mnt.mnt_root",
	[MT_SB] = "mnt.mnt_sb",
	[MT_FLAGS] = "mnt.mnt_flags",
};

struct reader {
	struct session *s;
	struct job *job;
	struct kern_member mt[MT_MEMBERS];
	struct path_reader paths;
	struct err *(*fn)(void *ctx, const struct mount_info *m);
	void *ctx;
	char *problem; /* of the tree; malloc'ed */
};

static struct err *resolve(struct reader *r)
{
	for (size_t i = 0; i < MT_MEMBERS; i++)
		r->mt[i].names = mount_names[i];
	if (!kern_members(r->s, "struct mount", r->mt, MT_MEMBERS) || !r->mt[MT_MNT].found)
		return err_new(ERR_NODEBUG, "mounts can't be read without struct mount: %s",
			       kern_why_no_types(r->s));
	path_reader_init(&r->paths, r->s);
	return NULL;
}

/* Reads pointers one after the other, as a->b->c. Members are found by name each time: this is only
 * for things read once. */
static struct err *follow(struct session *s, uint64_t obj, const char *type, const char *member,
			  uint64_t *ret)
{
	struct kern_member m = {.names = member};

	if (!kern_members(s, type, &m, 1))
		return err_new(ERR_NOTFOUND, "this kernel's %s has no member '%s'", type, member);
	return kern_read(s, obj, &m, ret);
}

/* ---- mounts ---- */

static void read_device(struct reader *r, struct mount_info *m)
{
	uint64_t name;

	if (!err_ok(kern_read(r->s, m->mount, &r->mt[MT_DEVNAME], &name)))
		return;
	if (!name)
		snprintf(m->device, sizeof(m->device), "none");
	else if (!err_ok(mem_str(r->s->mem, KERNEL, name, m->device, sizeof(m->device))))
		m->device[0] = 0;
}

static struct err *emit(struct reader *r, uint64_t mount)
{
	struct mount_info m = {.mount = mount, .vfsmount = kern_at(mount, &r->mt[MT_MNT])};
	uint64_t flags, root = 0;

	TRY(job_tick(r->job, 1));
	if (err_ok(kern_read(r->s, mount, &r->mt[MT_FLAGS], &flags)) && flags & MNT_CURSOR)
		return NULL;
	if (!err_ok(kern_read(r->s, mount, &r->mt[MT_SB], &m.sb)))
		m.sb = 0;
	path_sb_type(&r->paths, m.sb, m.type, sizeof(m.type));
	read_device(r, &m);
	if (!err_ok(kern_read(r->s, mount, &r->mt[MT_ROOT], &root)))
		root = 0;
	m.dir = path_text(&r->paths, mount, root, &m.dir_fault);
	struct err *e = r->fn(r->ctx, &m);
	free(m.dir);
	return e;
}

static struct err *on_list_node(void *ctx, uint64_t node)
{
	struct reader *r = ctx;

	return emit(r, node - r->mt[MT_LIST].place.offset);
}

/* What was wrong with the list or tree ends the walk: the mounts before it have been given. */
static struct err *damage(const char *what, char *text)
{
	struct err *e =
		text ? err_new(ERR_CORRUPT, "not all mounts could be found: %s: %s", what, text)
		     : NULL;

	free(text);
	return e;
}

static struct err *on_tree_node(void *ctx, const struct element *e)
{
	struct reader *r = ctx;

	if (e->kind == ELEMENT)
		return emit(r, e->addr);
	/* a tree that was being changed: its child pointers are what counts */
	if (e->why != WHY_DISAGREES && !r->problem)
		r->problem = xstrdup(e->damage);
	return NULL;
}

static struct err *each_in_tree(struct reader *r, uint64_t root)
{
	struct container tree = {.kind = CONTAINER_RBTREE, .root = root, .sorted = true, .limit = MOUNTS_MAX,
				 .link = r->mt[MT_NODE].place.offset};
	struct err *e = container_walk(r->s, &tree, r->job, on_tree_node, r, NULL);

	if (!e)
		return damage("mount tree", r->problem);
	free(r->problem);
	return e;
}

struct err *mounts_namespace(struct session *s, uint64_t task, uint64_t *ret)
{
	uint64_t proxy;

	if (!task)
		TRY(kern_symbol(s, "init_task", &task));
	TRY(follow(s, task, "struct task_struct", "nsproxy", &proxy));
	if (!proxy)
		return err_new(ERR_NOTFOUND, "the task has no namespaces any more: it is exiting");
	TRY(follow(s, proxy, "struct nsproxy", "mnt_ns", ret));
	return *ret ? NULL : err_new(ERR_NOTFOUND, "the task has no mount namespace any more");
}

struct err *mounts_each(struct session *s, uint64_t ns_task, struct job *job,
			struct err *(*fn)(void *ctx, const struct mount_info *m), void *ctx)
{
	struct reader r = {.s = s, .job = job, .fn = fn, .ctx = ctx};
	struct kern_member list = {.names = "list"}, tree = {.names = "mounts"};
	uint64_t ns;
	char *problem;

	TRY(resolve(&r));
	TRY(mounts_namespace(s, ns_task, &ns));
	kern_members(s, "struct mnt_namespace", &tree, 1);
	if (tree.found && r.mt[MT_NODE].found)
		return each_in_tree(&r, kern_at(ns, &tree));
	if (!kern_members(s, "struct mnt_namespace", &list, 1) || !r.mt[MT_LIST].found)
		return err_new(ERR_UNSUPPORTED,
			       "this kernel keeps its mounts in a way that is not "
			       "known: mnt_namespace has neither 'mounts' nor 'list'");
	TRY(walk_list(s, kern_at(ns, &list), MOUNTS_MAX, job, on_list_node, &r, &problem));
	return damage("mount list", problem);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an object leads that none of its pointers says: from a super_block to its mount point and its
 * device, from anything with locks in it to the tasks that wait. What costs next to nothing is read at
 * once; whose stacks lead there is only looked for when the link is followed.
 */
#include "engine/base/alloc.h"
#include "engine/cmd/show.h"
#include "engine/kern/fs/path.h"
#include "engine/kern/wait/waiters.h"
#include <string.h>

#define WAITERS_NAMED 3

struct named {
	struct buf text;
	size_t n;
};

static struct err *name_waiter(void *ctx, const struct waiter *w)
{
	struct named *k = ctx;

	if (w->kind == WAITER_QUEUED && k->n++ < WAITERS_NAMED) {
		buf_printf(&k->text, "%spid %d ", k->n > 1 ? ", " : "", w->task->pid);
		buf_put_safe(&k->text, w->task->comm, strlen(w->task->comm));
	} else if (w->kind == WAITER_HOLDS) {
		buf_printf(&k->text, "%spid %d holds it", k->text.len ? ", " : "", w->task->pid);
	}
	return NULL;
}

static struct err *link_waiters(const struct cmd_call *c, const struct type *t, uint64_t addr)
{
	struct session *s = c->session;
	AUTO_BUF struct buf name = {0};
	struct named k = {0};
	struct err *e = waiters_queued(s, t, addr, c->job, name_waiter, &k);

	if (e && err_code(e) != ERR_CANCELLED) {
		err_free(e); /* that will be told when the link is followed */
		e = NULL;
	}
	if (k.n > WAITERS_NAMED)
		buf_printf(&k.text, " and %zu more", k.n - WAITERS_NAMED);
	type_print_name(t, &name);
	struct ref ref = {REF_WAITERS, addr, 0, intern_str(s->intern, buf_str(&name))};
	if (!e)
		e = show_link(c, "waiters", k.text.len ? buf_str(&k.text) : "nobody in its queues; on stacks?", ref);
	buf_free(&k.text);
	return e;
}

static struct err *link_super_block(const struct cmd_call *c, uint64_t sb)
{
	struct session *s = c->session;
	struct kern_member bdev = {.names = "s_bdev"};
	struct path_reader r;
	const struct type *t;
	AUTO_BUF struct buf text = {0};
	uint64_t mount, dev;

	path_reader_init(&r, s);
	mount = path_sb_mount(&r, sb);
	AUTO_FREE char *place = path_sb_place(&r, sb);
	if (mount)
		TRY(show_link(c, "mounted on", place ? place : "?",
			      ref_object(intern_str(s->intern, "struct mount"), mount)));
	if (!kern_members(s, "struct super_block", &bdev, 1) || !err_ok(kern_read(s, sb, &bdev, &dev)) || !dev)
		return NULL;
	if (err_ok(type_find(s->types, "struct block_device", c->job, &t)))
		meaning_of_object(s, t, dev, &text);
	return show_link(c, "device", text.len ? buf_str(&text) : "?",
			 ref_object(intern_str(s->intern, "struct block_device"), dev));
}

static bool is_super_block(const struct type *t)
{
	return !strcmp(type_name(type_strip(t)), "super_block");
}

/* A super_block's mount point, device, and who waits. */
static struct err *links_before(const struct cmd_call *c, const struct type *t, uint64_t addr)
{
	if (!is_super_block(t))
		return NULL;
	TRY(link_super_block(c, addr));
	return link_waiters(c, type_strip(t), addr);
}

/* Who waits, where there is something to wait for. */
static struct err *links_after(const struct cmd_call *c, const struct type *t, uint64_t addr)
{
	return !is_super_block(t) && waiters_possible(t) ? link_waiters(c, type_strip(t), addr) : NULL;
}

struct err *show_object(const struct cmd_call *c, const struct show_object *o,
			const struct show_style *style)
{
	bool links = o->space.kind == SPACE_KERNEL && !o->path[0];

	if (links)
		TRY(links_before(c, o->type, o->addr));
	TRY(show_rows(c, o, style));
	return links ? links_after(c, o->type, o->addr) : NULL;
}

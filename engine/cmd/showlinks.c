/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an object leads that none of its pointers says: from a super_block to its mount point and its
 * device, from anything with locks in it to the tasks that wait. What costs next to nothing is read at
 * once; whose stacks lead there is only looked for when the link is followed.
 */
#include "engine/base/alloc.h"
#include "engine/base/checked.h"
#include "engine/cmd/show.h"
#include "engine/kern/container/known.h"
#include "engine/kern/fs/path.h"
#include "engine/kern/memory/identify.h"
#include "engine/kern/memory/slab.h"
#include "engine/kern/wait/waiters.h"
#include <inttypes.h>
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

/* ---- what it is a part of ---- */

struct owner {
	const struct type *type; /* NULL: not known */
	uint64_t start, offset, size;
};

static struct err *take_owner(void *ctx, const struct ident *id, bool *more)
{
	struct owner *o = ctx;

	*o = (struct owner){id->type, id->start, id->offset, id->size};
	if (id->state && strcmp(id->state, "allocated"))
		o->type = NULL;
	*more = false;
	return NULL;
}

/* What an object of an unnamed cache is takes a walk to find out, which isn't worth it where it is most of the
 * object that is looked at already. */
static struct err *find_owner(const struct cmd_call *c, const struct type *t, uint64_t addr, struct owner *ret)
{
	struct ident_ask ask = {.addr = addr, .job = c->job};

	TRY(identify(c->session, &ask, take_owner, ret));
	if (ret->type || (!ret->offset && ret->size / 2 <= type_size(t)))
		return NULL;
	ask.deep = true;
	return identify(c->session, &ask, take_owner, ret);
}

/* "list of struct inode": the member as a container, if it is known for one. */
static struct err *link_container(const struct cmd_call *c, const struct owner *o, const char *path, const char *member)
{
	struct holding h;
	AUTO_BUF struct buf text = {0};

	if (!err_ok(holding_of_member(c->session, o->type, path, o->start, &h)) || !h.element)
		return NULL;
	buf_printf(&text, "%s%s of %s", h.c.at_node ? "link in a " : "", container_kind_name(h.c.kind), h.element_name);
	return show_link(c, "is", buf_str(&text), ref_object(intern_str(c->session->intern, member), o->start));
}

/* The known object that a struct is a part of, and, if it is a list's head or link there, that list. */
static struct err *link_owner(const struct cmd_call *c, const struct type *t, uint64_t addr)
{
	struct session *s = c->session;
	struct owner o = {0};
	AUTO_BUF struct buf path = {0}, name = {0}, text = {0};

	TRY(find_owner(c, t, addr, &o));
	if (!o.type || !type_path_to(o.type, t, o.offset, &path))
		return NULL;
	type_print_name(o.type, &name);
	AUTO_FREE char *member = xasprintf("%s.%s", buf_str(&name), buf_str(&path));
	buf_puts(&text, member);
	buf_puts(&text, "  ");
	if (!meaning_of_object(s, o.type, o.start, &text) && !meaning_of_object(s, t, addr, &text))
		text.len -= 2;
	TRY(show_link(c, "part of", buf_str(&text), ref_object(intern_str(s->intern, buf_str(&name)), o.start)));
	return link_container(c, &o, buf_str(&path), member);
}

/* ---- all of them ---- */

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

/* Is it known that the slab's objects are of another type? Its own may end in a part that is cut to measure: a
 * task_struct in its FPU state. */
static bool is_another(struct session *s, const struct slab_place *p, const struct type *t)
{
	AUTO_BUF struct buf name = {0};
	char its[80];

	type_print_name(type_strip(t), &name);
	return slab_type(s, p, NULL, its) && strcmp(its, buf_str(&name)) != 0;
}

/* A page of <unmapped> says little about why, and an object that can't be there is better not believed. */
static void tell_doubts(const struct cmd_call *c, const struct show_object *o)
{
	struct session *s = c->session;
	uint64_t size = type_size(o->type), last;
	enum mem_state first;
	struct slab_place p;

	if (!s->arch->is_kernel(mem_layout(s->mem), o->addr)) {
		sink_note(c->out, ROLE_WARN, "0x%" PRIx64 " is no address of the kernel", o->addr);
		return;
	}
	if (!size || !add_u64(o->addr, size - 1, &last))
		return;
	first = mem_state_at(s->mem, KERNEL, o->addr, NULL);
	if (!mem_readable(first) && !mem_readable(mem_state_at(s->mem, KERNEL, last, NULL)))
		sink_note(c->out, ROLE_WARN, "nothing can be read at 0x%" PRIx64 ", %s: %s", o->addr, mem_state_name(first),
			  mem_state_help(first));
	else if (slab_at(s, o->addr, &p) && p.object && (o->addr - p.object) + size > p.size && is_another(s, &p, o->type))
		sink_note(c->out, ROLE_WARN, "is it one? 0x%" PRIx64 " lies in a slab object of %s, where %" PRIu64
			  " bytes don't fit (`what 0x%" PRIx64 "`)", o->addr, p.cache, size, o->addr);
}

struct err *show_object(const struct cmd_call *c, const struct show_object *o,
			const struct show_style *style)
{
	bool links = o->space.kind == SPACE_KERNEL && !o->path[0];
	enum type_kind k = type_kind(type_strip(o->type));

	if (links)
		tell_doubts(c, o);
	if (links)
		TRY(links_before(c, o->type, o->addr));
	if (links && !o->in && (k == TYPE_STRUCT || k == TYPE_UNION))
		TRY(link_owner(c, o->type, o->addr));
	TRY(show_rows(c, o, style));
	return links ? links_after(c, o->type, o->addr) : NULL;
}

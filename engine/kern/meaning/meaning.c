/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which rule a value falls under: first its member's, then those of its type's names, the outermost
 * typedef first. A pointer is told of by what it points to.
 */
#include "engine/kern/meaning/meaning.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/alloc.h"
#include "engine/base/xdg.h"
#include "engine/kern/impl.h"
#include "engine/kern/meaning/groups.h"
#include "engine/kern/meaning/kinds.h"
#include "engine/kern/system.h"

#define FILE_MAX (1 << 20) /* of the user's table */
#define TYPEDEFS_MAX 16
#define TEXT_MAX 64 /* of a string member */
#define DEPTH_MAX 3 /* of pointers followed for one meaning: a user's rules may go round */

/* ---- loading ---- */

static void read_clock(struct session *s, struct meaning_clock *c)
{
	uint64_t at, tick = system_tick(s);

	if (tick)
		c->hz = (1000000000 + tick / 2) / tick;
	if (!err_ok(kern_symbol(s, "jiffies_64", &at)) ||
	    !err_ok(mem_u64(s->mem, KERNEL, at, &c->jiffies)))
		c->jiffies = 0;
	c->uptime_ns = system_clock(s);
	if (!err_ok(system_time(s, &c->realtime)))
		c->realtime = 0;
}

static void parse_file(struct meaning_table *t, const char *path, struct buf *errors)
{
	AUTO_FREE char *text = NULL;
	FILE *f = fopen(path, "r");

	if (!f)
		return;
	text = xmalloc(FILE_MAX);
	size_t n = fread(text, 1, FILE_MAX, f);
	if (n == FILE_MAX)
		buf_printf(errors, "%s: only the first %d bytes are read\n", path, FILE_MAX);
	meaning_table_parse(t, text, n, path, errors);
	fclose(f);
}

static struct meanings *build(struct session *s, struct buf *errors)
{
	struct meanings *m = xcalloc(1, sizeof(*m));
	AUTO_FREE char *own = xdg_path(XDG_CONFIG, "meanings");
	size_t n;

	m->s = s;
	m->table = meaning_table_create();
	const char *text = meaning_builtin(&n);
	meaning_table_parse(m->table, text, n, "linux.meanings", errors);
	if (own)
		parse_file(m->table, own, errors);
	return m;
}

static struct err *load(struct session *s, struct job *job, void **ret)
{
	AUTO_BUF struct buf errors = {0}; /* told at opening */
	struct meanings *m = build(s, &errors);

	(void)job;
	m->task[0].names = "pid";
	m->task[1].names = "comm";
	kern_members(s, "struct task_struct", m->task, 2);
	path_reader_init(&m->paths, s);
	read_clock(s, &m->clock);
	*ret = m;
	return NULL;
}

void meanings_destroy(struct meanings *m)
{
	if (!m)
		return;
	meaning_table_destroy(m->table);
	smap_free(&m->enums);
	free(m);
}

/* Only a user's file can be wrong, so without one there is nothing to do before somebody asks. */
void meaning_open(struct session *s)
{
	AUTO_FREE char *own = xdg_path(XDG_CONFIG, "meanings");
	AUTO_BUF struct buf errors = {0};
	FILE *f = own ? fopen(own, "r") : NULL;
	char *save = NULL;

	if (!f)
		return;
	fclose(f);
	meanings_destroy(build(s, &errors));
	for (char *line = errors.len ? strtok_r(errors.p, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		session_warn(s, "%s", line);
}

/* ---- asking ---- */

static const struct meaning_rule *rule_of_types(const struct meaning_table *t, const struct type *type)
{
	const struct meaning_rule *r = NULL;

	for (int i = 0; type && !r && i < TYPEDEFS_MAX; i++) {
		enum type_kind k = type_kind(type);
		r = meaning_rule_of_type(t, type_name(type));
		if (k != TYPE_TYPEDEF && k != TYPE_QUALIFIED)
			break;
		type = type_target(type);
	}
	return r;
}

/* A number's value: the query's own, or the bytes of a small struct (kernel_cap_t). */
static bool number(const struct meaning_query *q, uint64_t *ret)
{
	*ret = q->u;
	if (q->scalar)
		return true;
	if (!q->bytes || !q->n || q->n > 8)
		return false;
	*ret = 0;
	memcpy(ret, q->bytes, q->n);
	return true;
}

static bool of_object(struct meanings *m, const struct type *t, uint64_t addr, unsigned depth,
		      struct buf *out);

static void put_path_member(const struct meaning_ask *a, const struct meaning_rule *r)
{
	const struct type *t;
	uint64_t v, at;
	char text[TEXT_MAX];
	struct buf *b = &a->ret->text;

	if (r->how == 'n') {
		if (meaning_field(a, r->arg, &v))
			buf_put_int(b, (int64_t)v);
	} else if (r->how == 'p') {
		at = meaning_field_addr(a, r->arg, &t);
		if (at && meaning_field(a, r->arg, &v) && kern_pointer(a->s, v) &&
		    type_kind(type_strip(t)) == TYPE_POINTER) {
			if (!strcmp(type_name(type_strip(type_target(type_strip(t)))), "task_struct"))
				a->ret->ref = ref_addr(REF_TASK, v);
			of_object(a->m, type_target(type_strip(t)), v, a->depth + 1, b);
		}
	} else if ((at = meaning_field_addr(a, r->arg, &t))) {
		if (type_kind(type_strip(t)) == TYPE_POINTER &&
		    (!meaning_field(a, r->arg, &at) || !kern_pointer(a->s, at)))
			return;
		if (!err_ok(mem_str(a->s->mem, KERNEL, at, text, sizeof(text))) || !text[0])
			return;
		buf_putc(b, '"');
		buf_put_safe(b, text, strlen(text));
		buf_putc(b, '"');
	}
}

static void put_group(const struct meaning_ask *a, struct meaning_group *g)
{
	uint64_t v;

	if (!number(a->q, &v))
		return;
	uint64_t size = type_size(a->q->type);
	if (size && size < 8) /* of a signed one the upper bits are its sign's */
		v &= (UINT64_C(1) << size * 8) - 1;
	meaning_group_put(a->s, a->m->table, g, v, &a->ret->text);
	a->ret->hex = !g->values;
}

static void apply(const struct meaning_ask *a, const struct meaning_rule *r)
{
	const char *name;

	switch (r->what) {
	case RULE_ENUM:
		name = a->q->scalar ? meaning_enum_name(a->m, r->arg, a->q->u) : NULL;
		buf_puts(&a->ret->text, name ? name : "");
		break;
	case RULE_GROUP:
		put_group(a, r->group);
		break;
	case RULE_PATH:
		if (a->q->addr)
			put_path_member(a, r);
		break;
	case RULE_KIND:
		if (r->kind->object || a->q->scalar)
			r->kind->put(a);
		break;
	}
}

static struct meanings *meanings(struct session *s)
{
	void *loaded;

	return err_ok(loader_get(&s->priv->meanings, s, NULL, load, &loaded)) ? loaded : NULL;
}

static bool of_object(struct meanings *m, const struct type *t, uint64_t addr, unsigned depth,
		      struct buf *out)
{
	const struct meaning_rule *r = rule_of_types(m->table, t);
	struct meaning ret = {0};

	if (!r || depth > DEPTH_MAX || !kern_pointer(m->s, addr) ||
	    !(r->what == RULE_PATH || (r->what == RULE_KIND && r->kind->object)))
		return false;
	struct meaning_query q = {.type = type_strip(t), .addr = addr};
	apply(&(struct meaning_ask){m, m->s, &q, &ret, depth}, r);
	bool any = ret.text.len > 0;
	buf_put(out, buf_str(&ret.text), ret.text.len);
	meaning_free(&ret);
	return any;
}

bool meaning_of_object(struct session *s, const struct type *t, uint64_t addr, struct buf *out)
{
	struct meanings *m = meanings(s);

	return m && of_object(m, t, addr, 0, out);
}

/* What rules call the struct that a member is in; one without a tag goes by its typedef. "": it is a variable. */
static const char *name_of_owner(const struct type *in)
{
	if (!in)
		return "";
	const char *tag = type_name(type_strip(in));
	if (tag[0])
		return tag;
	return type_kind(in) == TYPE_TYPEDEF ? type_name(in) : "?";
}

bool meaning_get(struct session *s, const struct meaning_query *q, struct meaning *ret)
{
	struct meanings *m = meanings(s);
	const struct meaning_rule *r = NULL;
	if (!m)
		return false;
	if (q->member && q->member[0])
		r = meaning_rule_of_member(m->table, name_of_owner(q->in), q->member);
	if (!r)
		r = rule_of_types(m->table, q->type);
	if (r)
		apply(&(struct meaning_ask){m, s, q, ret, 0}, r);
	const struct type *plain = type_strip(q->type);
	if (!ret->text.len && type_kind(plain) == TYPE_POINTER && q->scalar)
		of_object(m, type_target(plain), q->u, 0, &ret->text);
	return ret->text.len > 0;
}

void meaning_bits(struct session *s, const char *group, uint64_t value, struct buf *out)
{
	struct meanings *m = meanings(s);
	const uint64_t *g = m && value ? smap_get(&m->table->groups, group) : NULL;

	if (g)
		meaning_group_put(s, m->table, (struct meaning_group *)(uintptr_t)*g, value, out);
}

void meaning_free(struct meaning *m)
{
	buf_free(&m->text);
}
